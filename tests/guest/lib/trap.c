/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exception catcher. Per processor there is at most one function under
 * catch_run(); its first exception is recorded and control goes back to the
 * caller, whatever state the stack of the exception is in. The processor is
 * known by its task register, so that FS and GS stay free for tests.
 */
#include "lib.h"

#include <stdarg.h>

extern char trap_stubs[];
void trap_protect(test_fn fn, void *arg, ulong *sp);
void trap_resume(ulong sp) __attribute__((noreturn));
void trap_entry(struct frame *f);
void user_enter(test_fn fn, void *arg, ulong sp, ulong flags);
extern char user_exit[];

struct catcher {
	struct trap *volatile trap; /* NULL: nothing is under the catcher */
	ulong sp;
};

#ifdef __x86_64__
#define CPUS MAX_CPUS
#else
#define CPUS 1
#endif

struct gate idt[256] __attribute__((aligned(16)));
struct tss cpu_tss[CPUS] __attribute__((aligned(128)));
ulong user_flags;
#ifdef __x86_64__
ulong user_cs = SEL_UCODE;
#endif

static struct catcher catchers[CPUS];
static volatile trap_hook hooks[256];
static uint8_t trap_stack[CPUS][STACK_SIZE] __attribute__((aligned(16)));
#ifdef __x86_64__
static uint8_t ist_stack[CPUS][3][4096] __attribute__((aligned(16)));
#endif
static USER_DATA uint8_t user_stack[CPUS][PAGE_SIZE]
	__attribute__((aligned(4096)));

uint64_t desc_make(uint32_t base, uint32_t limit, unsigned int access,
		   unsigned int flags)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
	       (uint64_t)access << 40 | (uint64_t)(limit >> 16 & 15) << 48 |
	       (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56;
}

unsigned int cpu_index(void)
{
#ifdef __x86_64__
	uint16_t tr;

	asm volatile("str %0" : "=r"(tr));
	return tr ? (tr - SEL_TSS(0)) / 16 : 0;
#else
	return 0;
#endif
}

void trap_set_hook(int vector, trap_hook hook)
{
	hooks[vector] = hook;
}

static void record(struct trap *t, const struct frame *f)
{
	t->vector = f->vector == VEC_USER_EXIT ? TRAP_NONE : (int)f->vector;
	t->error = f->error;
	t->ip = f->ip;
	t->cs = f->cs;
	t->flags = f->flags;
	t->sp = f->sp;
	t->ss = f->ss;
	t->cr2 = read_cr2();
	t->dr6 = read_dr6();
	t->regs = *f;
}

/* Called by the stubs on whatever stack the exception came in on. */
void trap_entry(struct frame *f)
{
	struct catcher *c = &catchers[cpu_index()];
	trap_hook hook = hooks[f->vector & 255];

	if (hook && hook(f))
		return;
	if (c->trap) {
		record(c->trap, f);
		c->trap = NULL;
		trap_resume(c->sp);
	}
	die("cpu %u: vector %u error 0x%lx at 0x%lx flags 0x%lx cr2 0x%lx "
	    "outside of any check",
	    cpu_index(), (unsigned int)f->vector, f->error, f->ip, f->flags,
	    read_cr2());
}

int catch_run(test_fn fn, void *arg, struct trap *t)
{
	struct catcher *c = &catchers[cpu_index()];

	memset(t, 0, sizeof(*t));
	t->vector = TRAP_NONE;
	c->trap = t;
	trap_protect(fn, arg, &c->sp);
	c->trap = NULL;
	return *(volatile int *)&t->vector;
}

struct user_call {
	test_fn fn;
	void *arg;
};

static void user_call(void *p)
{
	struct user_call *u = p;
	ulong *sp = (ulong *)(user_stack[cpu_index()] + PAGE_SIZE) - 5;

	sp[0] = (ulong)user_exit;
	sp[1] = (ulong)u->arg; /* the argument, where it goes by stack */
	/* RF, for an instruction breakpoint on fn itself, is the caller's. */
	user_enter(u->fn, u->arg, (ulong)sp, user_flags | 2);
}

int user_run(test_fn fn, void *arg, struct trap *t)
{
	struct user_call u = {fn, arg};
	ulong ac = read_flags() & FL_AC;

	/* With SMAP, filling the user's stack needs AC. */
	if (read_cr4() & CR4_SMAP)
		write_flags(read_flags() | FL_AC);
	(void)catch_run(user_call, &u, t);
	if (!ac)
		write_flags(read_flags() & ~FL_AC);
	return t->vector;
}

void idt_set_ist(int vector, unsigned int ist)
{
	idt[vector].ist = ist;
}

void idt_set_dpl(int vector, unsigned int dpl)
{
	idt[vector].type = (idt[vector].type & ~0x60) | dpl << 5;
}

void idt_set_present(int vector, bool present)
{
	idt[vector].type = (idt[vector].type & 0x7f) | present << 7;
}

static void idt_fill(void)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		ulong at = (ulong)(trap_stubs + i * 16);

		idt[i].off0 = at;
		idt[i].sel = SEL_KCODE;
		idt[i].type = 0x8e;
		idt[i].off1 = at >> 16;
#ifdef __x86_64__
		idt[i].off2 = at >> 32;
#endif
	}
	idt_set_dpl(VEC_USER_EXIT, 3);
#ifdef __x86_64__
	idt_set_ist(VEC_DF, 1);
	idt_set_ist(VEC_NMI, 2);
	idt_set_ist(VEC_MC, 3);
#endif
}

static void tss_fill(unsigned int cpu)
{
	struct tss *t = &cpu_tss[cpu];
	ulong base = (ulong)t, top = (ulong)(trap_stack[cpu] + STACK_SIZE);

	memset(t, 0, sizeof(*t));
#ifdef __x86_64__
	t->rsp[0] = top;
	t->ist[0] = (ulong)(ist_stack[cpu][0] + 4096);
	t->ist[1] = (ulong)(ist_stack[cpu][1] + 4096);
	t->ist[2] = (ulong)(ist_stack[cpu][2] + 4096);
	gdt_set(SEL_TSS(cpu) + 8, base >> 32);
#else
	t->esp0 = top;
	t->ss0 = SEL_KDATA;
#endif
	t->iomap = sizeof(*t);
	gdt_set(SEL_TSS(cpu), desc_make(base, sizeof(*t) - 1, 0x89, 0));
}

void trap_init_cpu(unsigned int cpu)
{
	struct dtr d = {sizeof(idt) - 1, (ulong)idt};

	if (cpu == 0)
		idt_fill();
	tss_fill(cpu);
	lidt(&d);
	asm volatile("ltr %w0" : : "r"(SEL_TSS(cpu)) : "memory");
}
