/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start-up of the application processors. The trampoline in boot64.S is
 * copied to 0x8000; every processor takes a number by a locked add and the
 * stack that goes with it.
 */
#include "smp.h"

#include "apic.h"
#include "page.h"

#define TRAMPOLINE 0x8000UL

extern char smp_trampoline[], smp_trampoline_end[];
extern uint32_t smp_next;
extern ulong smp_stack;
void smp_entry(unsigned int cpu);

struct job {
	volatile test_fn fn;
	void *arg;
};

static struct job jobs[MAX_CPUS];
static volatile uint32_t ids[MAX_CPUS];
static volatile unsigned int online;
static volatile int restarting = -1;
static unsigned int total = 1;

/* Where a processor lands from the trampoline, on its own stack. */
void smp_entry(unsigned int cpu)
{
	if (restarting >= 0)
		cpu = restarting;
	trap_init_cpu(cpu);
	apic_enable();
	ids[cpu] = apic_id();
	__atomic_add_fetch(&online, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		test_fn fn = jobs[cpu].fn;

		if (!fn) {
			pause();
			continue;
		}
		fn(jobs[cpu].arg);
		jobs[cpu].fn = NULL;
	}
}

unsigned int smp_expected(void)
{
	const uint32_t *info = (const void *)(ulong)boot_info;
	const char *s;
	unsigned int n = 0;

	if (!(info[0] & 4))
		return 0;
	for (s = (const char *)(ulong)info[4]; *s; s++)
		if (!memcmp(s, "cpus=", 5))
			for (s += 5; *s >= '0' && *s <= '9'; s++)
				n = n * 10 + *s - '0';
	return n;
}

static void trampoline_set(void)
{
	memcpy((void *)TRAMPOLINE, smp_trampoline,
	       smp_trampoline_end - smp_trampoline);
	*(volatile ulong *)&smp_stack =
		(ulong)page_alloc_aligned(MAX_CPUS * STACK_SIZE, PAGE_SIZE);
}

unsigned int smp_start(void)
{
	unsigned int want = smp_expected();

	trampoline_set();
	apic_enable();
	ids[0] = apic_id();
	apic_send(0, ICR_OTHERS | ICR_INIT);
	delay_us(10000);
	apic_send(0, ICR_OTHERS | ICR_SIPI | TRAMPOLINE >> 12);
	delay_us(200);
	if (!wait_for(online + 1 == want, 100))
		apic_send(0, ICR_OTHERS | ICR_SIPI | TRAMPOLINE >> 12);
	(void)wait_for(online + 1 == want, want ? 3000 : 300);
	total = online + 1;
	return total;
}

uint32_t smp_apic_id(unsigned int cpu)
{
	return ids[cpu];
}

void smp_run(unsigned int cpu, test_fn fn, void *arg)
{
	jobs[cpu].arg = arg;
	jobs[cpu].fn = fn;
}

bool smp_wait(unsigned int cpu, unsigned int ms)
{
	return wait_for(!jobs[cpu].fn, ms);
}

bool smp_run_all(test_fn fn, void *arg)
{
	unsigned int i;
	bool good = true;

	for (i = 1; i < total; i++)
		smp_run(i, fn, arg);
	fn(arg);
	for (i = 1; i < total; i++)
		good &= smp_wait(i, 20000);
	return good;
}

bool smp_restart(unsigned int cpu)
{
	unsigned int before = online;
	bool good;

	restarting = cpu;
	jobs[cpu].fn = NULL;
	apic_send(ids[cpu], ICR_INIT);
	delay_us(10000);
	/* The TSS of its first life is busy. */
	*(volatile uint64_t *)&gdt[SEL_TSS(cpu) / 8] &= ~(2ULL << 40);
	apic_send(ids[cpu], ICR_SIPI | TRAMPOLINE >> 12);
	good = wait_for(online == before + 1, 3000);
	restarting = -1;
	return good;
}

void barrier_wait(struct barrier *b, unsigned int n)
{
	unsigned int round = b->round;

	if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_SEQ_CST) == n) {
		b->arrived = 0;
		__atomic_add_fetch(&b->round, 1, __ATOMIC_SEQ_CST);
		return;
	}
	while (b->round == round)
		pause();
}
