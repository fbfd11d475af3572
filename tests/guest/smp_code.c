/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one processor changes under another one: page tables with a
 * shoot-down by IPI, and code, by the INT3 protocol that kernels use.
 */
#include "smp_image.h"

#define VA_SHARED 0x0000500000000000UL
#define ROUNDS    150

/* --- TLB shoot-down
 * --------------------------------------------------------------- */

static volatile unsigned int shot[MAX_CPUS];
static volatile unsigned int stop, wrong;
static volatile uint64_t lowest_valid;

static bool on_shoot(struct frame *f)
{
	invlpg(VA_SHARED);
	shot[cpu_index()]++;
	apic_eoi();
	return true;
}

/* Reads all the time; a value from before the last shoot-down is wrong. */
static void reader(void *p)
{
	sti();
	while (!stop) {
		uint64_t floor = lowest_valid;
		uint64_t v = *(volatile uint64_t *)VA_SHARED;

		if (v < floor)
			wrong++;
	}
	cli();
}

static bool all_shot(unsigned int round)
{
	unsigned int i;

	for (i = 1; i < cpus; i++)
		if (shot[i] < round)
			return false;
	return true;
}

static void test_shootdown(void)
{
	uint64_t *pages[2] = {page_alloc(), page_alloc()};
	uint64_t *e;
	unsigned int i, round;
	bool good = true;

	*(volatile uint64_t *)pages[0] = 1;
	e = page_map(VA_SHARED, (ulong)pages[0], PTE_P | PTE_W, 1);
	trap_set_hook(0x61, on_shoot);
	lowest_valid = 1;
	stop = wrong = 0;
	for (i = 1; i < cpus; i++) {
		shot[i] = 0;
		smp_run(i, reader, NULL);
	}
	delay_us(1000);
	for (round = 1; round <= ROUNDS && good; round++) {
		uint64_t *page = pages[round & 1];

		*(volatile uint64_t *)page = round + 1;
		*(volatile uint64_t *)e = (ulong)page | PTE_P | PTE_W;
		invlpg(VA_SHARED);
		apic_send(0, ICR_OTHERS | 0x61);
		good = wait_for(all_shot(round), 5000);
		lowest_valid = round + 1;
	}
	check(good, "shoot-down: every IPI answered");
	stop = 1;
	for (i = 1; i < cpus; i++)
		check(smp_wait(i, 5000), "shoot-down: a reader comes back");
	check_eq(wrong, 0, "shoot-down: no stale value after it");
}

/* Accessed and dirty bits set by many at once are not lost. */
static void touch(void *p)
{
	unsigned int i, me = cpu_index();

	for (i = 0; i < 512; i++)
		if (i % cpus == me)
			*(volatile uint8_t *)(VA_SHARED + i * PAGE_SIZE) = 1;
		else
			(void)*(volatile uint8_t *)(VA_SHARED + i * PAGE_SIZE);
}

static void flush_all(void *p)
{
	tlb_flush();
}

static void test_dirty(void)
{
	uint8_t *page = page_alloc();
	unsigned int i, round, missing = 0;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < 512; i++)
			page_map(VA_SHARED + i * PAGE_SIZE, (ulong)page,
				 PTE_P | PTE_W, 1);
		smp_run_all(flush_all, NULL);
		smp_run_all(touch, NULL);
		for (i = 0; i < 512; i++) {
			uint64_t e = *(volatile uint64_t *)page_entry(
				VA_SHARED + i * PAGE_SIZE, 1);

			missing += (e & (PTE_A | PTE_D)) != (PTE_A | PTE_D);
		}
	}
	check_eq(missing, 0, "dirty: no accessed or dirty bit is lost");
}

/* --- code
 * -----------------------------------------------------------------------------
 */

/*
 * At patch_site, 5 bytes are either "mov $1, %eax" or "mov $2, %eax". It is
 * changed while others run it: INT3 first, then the tail, then the head,
 * with an IPI (and its serializing IRET) between.
 */
asm(".text; .balign 64; .skip 61; .globl patch_site; patch_site:"
    "mov $1, %eax; ret");
extern char patch_site[];

static volatile unsigned int synced[MAX_CPUS], trapped;
static volatile uint32_t current_value, bad_values, runs;

static bool on_sync(struct frame *f)
{
	(void)cpuid(0, 0);
	synced[cpu_index()]++;
	apic_eoi();
	return true;
}

/* Whoever runs into the INT3 does the instruction here. */
static bool on_poke(struct frame *f)
{
	if (f->ip != (ulong)patch_site + 1)
		return false;
	f->ax = 3;
	f->ip = (ulong)patch_site + 5;
	trapped++;
	return true;
}

static uint32_t call_site(void)
{
	uint32_t eax;

	asm volatile("call patch_site" : "=a"(eax) : : "memory", "cc");
	return eax;
}

static void runner(void *p)
{
	sti();
	while (!stop) {
		uint32_t v = call_site();

		if (v < 1 || v > 3)
			bad_values++;
		runs++;
	}
	cli();
}

static bool sync_others(void)
{
	unsigned int i, before[MAX_CPUS];
	bool good = true;

	for (i = 1; i < cpus; i++)
		before[i] = synced[i];
	apic_send(0, ICR_OTHERS | 0x62);
	for (i = 1; i < cpus; i++)
		good &= wait_for(synced[i] != before[i], 5000);
	return good;
}

static bool poke(uint32_t v)
{
	volatile uint8_t *p = (volatile uint8_t *)patch_site;
	unsigned int i;
	bool good;

	p[0] = 0xcc;
	good = sync_others();
	for (i = 0; i < 4; i++)
		p[1 + i] = v >> (8 * i);
	good &= sync_others();
	p[0] = 0xb8;
	good &= sync_others();
	(void)cpuid(0, 0);
	return good;
}

static void test_poke(void)
{
	unsigned int i, stale = 0;
	bool good = true;

	trap_set_hook(0x62, on_sync);
	trap_set_hook(VEC_BP, on_poke);
	stop = 0;
	for (i = 1; i < cpus; i++)
		smp_run(i, runner, NULL);
	for (i = 0; i < ROUNDS && good; i++) {
		current_value = 1 + (i & 1);
		good = poke(current_value);
		stale += call_site() != current_value;
		(void)wait_for(runs > i, 100);
	}
	stop = 1;
	check(good, "code: every IPI answered");
	for (i = 1; i < cpus; i++)
		check(smp_wait(i, 5000), "code: a runner comes back");
	check_eq(bad_values, 0, "code: only whole instructions are run");
	check_eq(stale, 0, "code: the writer sees its own change");
	print("# %u runs, %u in the INT3\n", runs, trapped);
	trap_set_hook(VEC_BP, NULL);
}

/* Code written by one, run by the other once it is told to. */
static volatile unsigned int go, answer;

static void follower(void *p)
{
	uint32_t i;

	for (i = 1; i <= 100; i++) {
		while (go != i)
			pause();
		(void)cpuid(0, 0);
		answer = ((uint32_t(*)(void))p)();
		__atomic_store_n(&go, 0, __ATOMIC_SEQ_CST);
	}
}

static void test_handover(void)
{
	uint8_t *page = page_alloc();
	unsigned int i, stale = 0;
	bool good = true;

	page[0] = 0xb8;
	page[5] = 0xc3;
	go = 0;
	smp_run(1, follower, page);
	for (i = 1; i <= 100 && good; i++) {
		*(volatile uint32_t *)(page + 1) = i;
		__atomic_store_n(&go, i, __ATOMIC_SEQ_CST);
		good = wait_for(go == 0, 5000);
		stale += answer != i;
	}
	check(good && smp_wait(1, 5000), "code: handed over 100 times");
	check_eq(stale, 0, "code: what was handed over is what runs");
}

void test_shared_code(void)
{
	test_shootdown();
	test_dirty();
	test_poke();
	test_handover();
}
