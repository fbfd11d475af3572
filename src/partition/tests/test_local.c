/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local backend on an engine that runs a C function instead of guest code:
 * threads, sleeping and waking, timers, memory announcements, state.
 */
#include "../local.h"

#include <abi/msr.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include <cmocka.h>

#define MIB UINT64_C(0x100000)

struct test_vp {
	struct hv_vp hv; /* first */
	_Atomic unsigned int vectors;
	uint8_t vector;
};

static enum engine_exit (*script)(struct hv_vp *vp);
static _Atomic unsigned int written; /* engine told of memory writes */

static int partition_init(struct hv_partition *p)
{
	return 0;
}

static void partition_fini(struct hv_partition *p)
{
}

static int vp_init(struct hv_vp *vp)
{
	return 0;
}

static void vp_fini(struct hv_vp *vp)
{
}

static enum engine_exit vp_run(struct hv_vp *vp)
{
	return script(vp);
}

static void vp_inject(struct hv_vp *vp, enum hv_event event, uint8_t vector)
{
	struct test_vp *t = (struct test_vp *)(void *)vp;

	t->vectors++;
	t->vector = vector;
	vp->regs.rflags &= ~X86_FL_IF;
}

static void regs_changed(struct hv_vp *vp, uint32_t what)
{
}

static void memory_written(struct hv_partition *p, gpa_t gpa, uint64_t len)
{
	atomic_fetch_add(&written, 1);
}

static bool translate(struct hv_vp *vp, gva_t gva, gpa_t *ret)
{
	*ret = GPA(gva.v + 1);
	return true;
}

static const struct engine_ops test_engine = {
	.name = "test",
	.partition_size = sizeof(struct hv_partition),
	.vp_size = sizeof(struct test_vp),
	.partition_init = partition_init,
	.partition_fini = partition_fini,
	.vp_init = vp_init,
	.vp_fini = vp_fini,
	.vp_run = vp_run,
	.vp_inject = vp_inject,
	.regs_changed = regs_changed,
	.memory_written = memory_written,
	.translate = translate,
};

static const struct partition_handlers handlers; /* nothing is reached */

struct machine {
	struct partition *p;
	struct guest_memory *memory;
};

static void machine_new(struct machine *m, unsigned int nr_vps)
{
	struct cpu_source host = host_cpu_source();
	struct partition_config config = {
		.cpu_model = "host",
		.nr_vps = nr_vps,
		.handlers = &handlers,
	};
	char why[200] = "";

	assert_int_equal(guest_memory_new(&m->memory), 0);
	assert_int_equal(guest_memory_add(m->memory, GPA(0), MIB, false), 0);
	config.memory = m->memory;
	if (local_new(&m->p, &config, &test_engine, &host, why, sizeof(why)))
		fail_msg("%s", why);
}

static void machine_free(struct machine *m)
{
	partition_free(m->p);
	guest_memory_free(m->memory);
}

/* ---- scripts: what the guest does ---- */

/* Halts until it has had @goal interrupts, then shuts down. */
static unsigned int goal;

static enum engine_exit halt_until_goal(struct hv_vp *vp)
{
	struct test_vp *t = (struct test_vp *)(void *)vp;

	if (t->vectors >= goal)
		return ENGINE_EXIT_SHUTDOWN;
	if (t->vectors)
		assert_true(hv_vp_wrmsr(vp, MSR_X2APIC + APIC_EOI, 0));
	vp->regs.rflags |= X86_FL_IF;
	return ENGINE_EXIT_HALT;
}

static void apic_on(struct hv_vp *vp)
{
	uint64_t base;

	assert_true(hv_vp_rdmsr(vp, MSR_APIC_BASE, &base));
	if (base & APIC_BASE_X2APIC)
		return;
	assert_true(hv_vp_wrmsr(vp, MSR_APIC_BASE, base | APIC_BASE_X2APIC));
	assert_true(hv_vp_wrmsr(vp, MSR_X2APIC + APIC_SVR, 0x1ff));
}

/* Sets its deadline timer 1 ms ahead and halts, again and again. */
static enum engine_exit tick(struct hv_vp *vp)
{
	apic_on(vp);
	assert_true(hv_vp_wrmsr(vp, MSR_X2APIC + APIC_LVT_TIMER,
				APIC_TIMER_DEADLINE | 0x40));
	assert_true(hv_vp_wrmsr(vp, MSR_TSC_DEADLINE,
				hv_vp_tsc(vp) + vp->partition->tsc_khz));
	return halt_until_goal(vp);
}

/* The same, but never halts: the timer thread has to bring the interrupt. */
static enum engine_exit tick_busy(struct hv_vp *vp)
{
	enum engine_exit why = tick(vp);

	while (why == ENGINE_EXIT_HALT && !atomic_load(&vp->attention))
		;
	return why == ENGINE_EXIT_HALT ? ENGINE_EXIT_ATTENTION : why;
}

static enum engine_exit spin(struct hv_vp *vp)
{
	while (!atomic_load(&vp->attention))
		;
	return ENGINE_EXIT_ATTENTION;
}

static enum engine_exit halt_listening(struct hv_vp *vp)
{
	apic_on(vp);
	return halt_until_goal(vp);
}

/* ---- tests ---- */

struct runner {
	pthread_t thread;
	struct partition *p;
	unsigned int vp;
	enum partition_exit exit;
};

static void *run(void *arg)
{
	struct runner *r = arg;

	r->exit = partition_vp_run(r->p, r->vp);
	return NULL;
}

static void start(struct runner *r, struct partition *p, unsigned int vp)
{
	r->p = p;
	r->vp = vp;
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
}

static enum partition_exit finish(struct runner *r)
{
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	return r->exit;
}

static void sleep_ms(long ms)
{
	const struct timespec wait = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&wait, NULL);
}

static void test_new_refuses(void **state)
{
	struct cpu_source host = host_cpu_source();
	struct guest_memory *memory;
	struct partition *p;
	char why[200];
	struct partition_config config = {
		.cpu_model = "v9", .nr_vps = 1, .handlers = &handlers};

	assert_int_equal(guest_memory_new(&memory), 0);
	config.memory = memory;
	assert_int_equal(
		local_new(&p, &config, &test_engine, &host, why, sizeof(why)),
		-EINVAL);
	assert_non_null(strstr(why, "v2, v3, host"));
	config.cpu_model = "v3";
	host.xcr0 = 0;
	assert_int_equal(
		local_new(&p, &config, &test_engine, &host, why, sizeof(why)),
		-EOPNOTSUPP);
	assert_non_null(strstr(why, "--cpu-model v2"));
	config.nr_vps = PARTITION_MAX_VPS + 1;
	assert_int_equal(
		local_new(&p, &config, &test_engine, &host, why, sizeof(why)),
		-EINVAL);
	partition_free(NULL);
	guest_memory_free(memory);
}

static void test_pause(void **state)
{
	struct machine m;
	struct runner r;

	machine_new(&m, 1);
	script = spin;
	start(&r, m.p, 0);
	sleep_ms(5);
	partition_vp_pause(m.p, 0);
	assert_int_equal(finish(&r), PARTITION_EXIT_PAUSED);
	/* Sticky: asked for while it does not run. */
	partition_vp_pause(m.p, 0);
	assert_int_equal(partition_vp_run(m.p, 0), PARTITION_EXIT_PAUSED);
	/* And while it sleeps. */
	goal = 1;
	script = halt_until_goal;
	start(&r, m.p, 0);
	sleep_ms(5);
	partition_vp_pause(m.p, 0);
	assert_int_equal(finish(&r), PARTITION_EXIT_PAUSED);
	machine_free(&m);
}

static void ticks(enum engine_exit (*how)(struct hv_vp *vp))
{
	struct machine m;
	uint64_t began;
	double ms;

	machine_new(&m, 1);
	goal = 50;
	script = how;
	began = __rdtsc();
	assert_int_equal(partition_vp_run(m.p, 0), PARTITION_EXIT_SHUTDOWN);
	ms = (double)(__rdtsc() - began) / (double)partition_tsc_khz(m.p);
	/* Never early; late only as far as a busy machine makes it. */
	assert_true(ms >= 50);
	assert_true(ms < 1000);
	machine_free(&m);
}

static void test_timer_asleep(void **state)
{
	ticks(tick);
}

static void test_timer_busy(void **state)
{
	ticks(tick_busy);
}

/* As fast as they come: not one wake-up of a halting processor is lost. */
static void test_wake_storm(void **state)
{
	struct machine m;
	struct runner r;
	struct test_vp *t;

	machine_new(&m, 1);
	goal = 20000;
	script = halt_listening;
	t = (struct test_vp *)(void *)m.p->vp[0].hv;
	start(&r, m.p, 0);
	while (!apic_accepting(&t->hv.apic))
		sleep_ms(1);
	for (unsigned int i = 0; i < goal; i++) {
		unsigned int before = atomic_load(&t->vectors);

		partition_msi(m.p, 0xfee00000, 0x50);
		while (atomic_load(&t->vectors) == before)
			sched_yield();
	}
	assert_int_equal(finish(&r), PARTITION_EXIT_SHUTDOWN);
	machine_free(&m);
}

static void test_memory(void **state)
{
	struct machine m;
	uint64_t left;
	bool readonly;
	uint8_t *host;

	machine_new(&m, 1);
	atomic_store(&written, 0);
	assert_int_equal(guest_memory_write(m.memory, GPA(16), "abc", 3), 0);
	assert_int_equal(atomic_load(&written), 2); /* before and after */
	host = hv_gpa_to_host(m.p->hv, GPA(16), &left, &readonly);
	assert_memory_equal(host, "abc", 3);
	assert_int_equal(left, MIB - 16);
	assert_false(readonly);
	assert_null(hv_gpa_to_host(m.p->hv, GPA(MIB), &left, &readonly));
	machine_free(&m);
}

static void test_state(void **state)
{
	size_t size = partition_vp_state_size();
	uint8_t *one = malloc(size), *two = malloc(size);
	struct vp_regs regs;
	struct machine m;

	machine_new(&m, 2);
	partition_vp_get_regs(m.p, 1, &regs);
	regs.gpr[X86_RBX] = 0x1234;
	partition_vp_set_regs(m.p, 1, &regs);
	assert_int_equal(partition_vp_save(m.p, 1, one, size - 1), -ENOSPC);
	assert_int_equal(partition_vp_save(m.p, 1, one, size), size);
	partition_reset(m.p);
	assert_int_equal(partition_vp_load(m.p, 1, one, size - 1), -EINVAL);
	partition_vp_get_regs(m.p, 1, &regs);
	assert_int_equal(regs.gpr[X86_RBX], 0);
	assert_int_equal(partition_vp_load(m.p, 1, one, size), 0);
	partition_vp_get_regs(m.p, 1, &regs);
	assert_int_equal(regs.gpr[X86_RBX], 0x1234);
	assert_int_equal(partition_vp_save(m.p, 1, two, size), size);
	machine_free(&m);
	free(one);
	free(two);
}

static void test_debugger(void **state)
{
	struct machine m;
	gpa_t gpa;

	machine_new(&m, 2);
	for (uint64_t i = 0; i < PARTITION_MAX_BREAKPOINTS; i++)
		assert_int_equal(partition_set_breakpoint(m.p, GVA(i), true),
				 0);
	assert_int_equal(partition_set_breakpoint(m.p, GVA(3), true), 0);
	assert_int_equal(partition_set_breakpoint(m.p, GVA(99), true), -ENOSPC);
	assert_int_equal(partition_set_breakpoint(m.p, GVA(3), false), 0);
	assert_int_equal(partition_set_breakpoint(m.p, GVA(99), true), 0);
	assert_int_equal(m.p->vp[1].hv->debug_flags, HV_DEBUG_BREAK);
	partition_catch_int3(m.p, true);
	partition_vp_set_step(m.p, 0, true);
	assert_int_equal(m.p->vp[0].hv->debug_flags,
			 HV_DEBUG_BREAK | HV_DEBUG_INT3 | HV_DEBUG_STEP);
	assert_true(partition_vp_translate(m.p, 0, GVA(7), &gpa));
	assert_int_equal(gpa.v, 8);
	machine_free(&m);
}

static void test_tsc_frequency(void **state)
{
	struct timespec a, b;
	uint64_t khz, t0, t1;
	double real;

	assert_int_equal(host_cpu_tsc_khz(&khz), 0);
	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	t0 = __rdtsc();
	sleep_ms(30);
	t1 = __rdtsc();
	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	real = (double)(t1 - t0) / ((double)(b.tv_sec - a.tv_sec) * 1e3 +
				    (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	assert_true(real > (double)khz * 0.98 && real < (double)khz * 1.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_refuses),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_timer_asleep),
		cmocka_unit_test(test_timer_busy),
		cmocka_unit_test(test_wake_storm),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_debugger),
		cmocka_unit_test(test_tsc_frequency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
