/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several processors: start-up, IPIs of every kind, TLB shoot-down, locked
 * operations, memory order, code changed under a running processor, time.
 * Facts: SDM volume 3 chapters 8 and 10.
 */
#include "smp_image.h"

unsigned int cpus;

/* --- start-up
 * ------------------------------------------------------------------ */

static void test_start(void)
{
	unsigned int want = smp_expected(), i, j;
	bool unique = true;

	cpus = smp_start();
	if (want)
		check_eq(cpus, want, "start: all processors");
	else
		skip("no cpus= on the command line", "start: all processors");
	for (i = 0; i < cpus; i++)
		for (j = 0; j < i; j++)
			unique &= smp_apic_id(i) != smp_apic_id(j);
	check(unique, "start: every APIC ID once");
	if (cpus < 2)
		return;
	check(smp_restart(cpus - 1), "start: INIT and SIPI once more");
}

static void read_base(void *p)
{
	((volatile uint64_t *)p)[cpu_index()] = rdmsr(MSR_APIC_BASE);
}

static void test_bsp_flag(void)
{
	static uint64_t base[MAX_CPUS];
	unsigned int i, n = 0;

	check(smp_run_all(read_base, base), "start: work on all");
	for (i = 0; i < cpus; i++)
		n += base[i] >> 8 & 1;
	check_eq(n, 1, "start: one processor is the boot processor");
	check_eq(base[0] >> 8 & 1, 1, "start: and it is this one");
}

/* --- IPIs
 * ------------------------------------------------------------------------ */

static volatile unsigned int hits[MAX_CPUS];

static bool on_ipi(struct frame *f)
{
	hits[cpu_index()]++;
	apic_eoi();
	return true;
}

static void allow_interrupts(void *p)
{
	sti();
}

static void forbid_interrupts(void *p)
{
	cli();
}

/* Send, then compare who was hit with @mask (bit per processor). */
static void ipi_case(const char *name, uint32_t dest, uint32_t icr,
		     unsigned int mask)
{
	unsigned int i, got = 0, again = 0;

	for (i = 0; i < cpus; i++)
		hits[i] = 0;
	apic_send(dest, icr | 0x60);
	(void)wait_for(({
			       got = 0;
			       for (i = 0; i < cpus; i++)
				       got |= (hits[i] != 0) << i;
			       got == mask;
		       }),
		       500);
	delay_us(300);
	for (got = 0, i = 0; i < cpus; i++) {
		got |= (hits[i] != 0) << i;
		again |= hits[i] > 1;
	}
	check_eq(got, mask, "ipi: %s", name);
	check_eq(again, 0, "ipi: %s, once", name);
}

static void set_flat(void *p)
{
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1U << (24 + cpu_index()));
}

/* Two processors per cluster. */
static void set_cluster(void *p)
{
	unsigned int cpu = cpu_index();

	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, (cpu / 2) << 28 | 1U << (24 + cpu % 2));
}

static void lowest_case(const char *name, uint32_t dest)
{
	unsigned int i, n = 0;

	for (i = 0; i < cpus; i++)
		hits[i] = 0;
	apic_send(dest, ICR_LOGICAL | ICR_LOWEST | 0x60);
	delay_us(5000);
	for (i = 0; i < cpus; i++)
		n += hits[i];
	check_eq(n, 1, "ipi: lowest priority, %s, exactly one", name);
}

static void test_ipis(void)
{
	unsigned int all = (1U << cpus) - 1, i;

	trap_set_hook(0x60, on_ipi);
	smp_run_all(allow_interrupts, NULL);
	for (i = 0; i < cpus; i++)
		ipi_case("physical", smp_apic_id(i), 0, 1U << i);
	ipi_case("physical broadcast", 0xff, 0, all);
	ipi_case("self", 0, ICR_SELF, 1);
	ipi_case("all", 0, ICR_ALL, all);
	ipi_case("all others", 0, ICR_OTHERS, all & ~1U);
	smp_run_all(set_flat, NULL);
	for (i = 1; i <= all && i < 16; i++)
		ipi_case("logical flat", i, ICR_LOGICAL, i);
	ipi_case("logical flat to nobody", 0, ICR_LOGICAL, 0);
	ipi_case("logical flat broadcast", 0xff, ICR_LOGICAL, all);
	lowest_case("flat", all);
	smp_run_all(set_cluster, NULL);
	ipi_case("logical cluster 0", 0x03, ICR_LOGICAL, all & 3);
	ipi_case("logical cluster 0, second", 0x02, ICR_LOGICAL, all & 2);
	if (cpus > 2)
		ipi_case("logical cluster 1", 0x13, ICR_LOGICAL, all & 0xc);
	smp_run_all(set_flat, NULL);
}

/* The same in x2APIC mode, where the logical ID comes from the ID. */

static void set_x2apic(void *p)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	apic_enable();
}

static void set_xapic(void *p)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) & ~(uint64_t)APIC_BASE_X2APIC;

	wrmsr(MSR_APIC_BASE, base & ~(uint64_t)APIC_BASE_ENABLE);
	wrmsr(MSR_APIC_BASE, base);
	apic_enable();
}

static void read_ldr(void *p)
{
	((volatile uint32_t *)p)[cpu_index()] = apic_read(APIC_LDR);
}

static void test_x2apic(void)
{
	static uint32_t ldr[MAX_CPUS];
	unsigned int all = (1U << cpus) - 1, i;
	bool good = true;

	if (!has_x2apic()) {
		skip("no x2APIC", "x2apic");
		return;
	}
	smp_run_all(set_x2apic, NULL);
	smp_run_all(read_ldr, ldr);
	for (i = 0; i < cpus; i++)
		good &= ldr[i] == ((smp_apic_id(i) >> 4) << 16 |
				   1U << (smp_apic_id(i) & 15));
	check(good, "x2apic: logical IDs");
	for (i = 0; i < cpus; i++)
		ipi_case("x2apic physical", smp_apic_id(i), 0, 1U << i);
	ipi_case("x2apic physical broadcast", 0xffffffff, 0, all);
	ipi_case("x2apic all", 0, ICR_ALL, all);
	ipi_case("x2apic all others", 0, ICR_OTHERS, all & ~1U);
	for (i = 0; i < cpus; i++)
		ipi_case("x2apic logical", ldr[i], ICR_LOGICAL, 1U << i);
	if (cpus <= 15)
		ipi_case("x2apic logical, two at once", ldr[0] | ldr[1],
			 ICR_LOGICAL, 3);
	ipi_case("x2apic logical, other cluster", 0x00070001, ICR_LOGICAL, 0);
	smp_run_all(set_xapic, NULL);
	smp_run_all(set_flat, NULL);
	ipi_case("back in xAPIC mode", 0, ICR_ALL, all);
}

/* A storm: every processor to all others, nothing may be lost for good. */
static volatile unsigned int storm_on;

static void storm(void *p)
{
	unsigned int i;

	sti();
	for (i = 0; i < 200; i++)
		apic_send(0, ICR_OTHERS | 0x60);
	__atomic_sub_fetch(&storm_on, 1, __ATOMIC_SEQ_CST);
	while (storm_on)
		pause();
}

static void test_storm(void)
{
	unsigned int i, least = ~0U;

	for (i = 0; i < cpus; i++)
		hits[i] = 0;
	storm_on = cpus;
	check(smp_run_all(storm, NULL), "storm: all come back");
	for (i = 0; i < cpus; i++)
		least = hits[i] < least ? hits[i] : least;
	check(least > 0, "storm: everyone was hit");
	ipi_case("after the storm", 0, ICR_ALL, (1U << cpus) - 1);
	smp_run_all(forbid_interrupts, NULL);
}

/* Every one goes to sleep and is woken by the next. */
static volatile unsigned int asleep, woken;

static void sleeper(void *p)
{
	unsigned int i;

	for (i = 0; i < 50; i++) {
		asleep = i + 1;
		sti_hlt_cli();
	}
	woken = 1;
}

static void test_hlt(void)
{
	unsigned int last = 0;

	woken = 0;
	asleep = 0;
	smp_run(1, sleeper, NULL);
	while (!woken) {
		if (!wait_for(asleep != last || woken, 2000))
			break;
		last = asleep;
		if (!woken)
			apic_send(smp_apic_id(1), 0x60);
	}
	check_eq(woken, 1, "hlt: woken by IPI, 50 times");
	if (woken)
		(void)smp_wait(1, 1000);
	else
		smp_restart(1);
}

/* --- NMI
 * ---------------------------------------------------------------------------
 */

static volatile unsigned int nmis[MAX_CPUS];

static bool on_nmi(struct frame *f)
{
	nmis[cpu_index()]++;
	return true;
}

static void nmi_peer(void *p)
{
	unsigned int me = cpu_index(), peer = me ^ 1, i;

	for (i = 0; i < 100; i++) {
		unsigned int before = nmis[me];
		unsigned int spin = 2000000;

		apic_send(smp_apic_id(peer), ICR_NMI);
		while (nmis[me] == before && nmis[me] < i + 1 && --spin)
			pause();
	}
}

static void test_nmi(void)
{
	nmis[0] = nmis[1] = 0;
	trap_set_hook(VEC_NMI, on_nmi);
	smp_run(1, nmi_peer, NULL);
	nmi_peer(NULL);
	check(smp_wait(1, 20000), "nmi: both come back");
	delay_us(1000);
	check(nmis[0] > 0 && nmis[0] <= 100, "nmi: processor 0 was hit");
	check(nmis[1] > 0 && nmis[1] <= 100, "nmi: processor 1 was hit");
	trap_set_hook(VEC_NMI, NULL);
}

/* --- TSC
 * -----------------------------------------------------------------------------
 */

static volatile uint64_t tsc_last;
static volatile unsigned int tsc_lock, tsc_bad;

static void tsc_reader(void *p)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		uint64_t now;

		while (__atomic_exchange_n(&tsc_lock, 1, __ATOMIC_SEQ_CST))
			pause();
		asm volatile("lfence");
		now = rdtsc();
		if (now < tsc_last)
			tsc_bad++;
		tsc_last = now;
		__atomic_store_n(&tsc_lock, 0, __ATOMIC_SEQ_CST);
	}
}

static void test_tsc(void)
{
	check(smp_run_all(tsc_reader, NULL), "tsc: all come back");
	check_eq(tsc_bad, 0, "tsc: never goes back among processors");
}

int main(void)
{
	test_start();
	if (cpus < 2) {
		skip("one processor", "smp");
		return 0;
	}
	test_bsp_flag();
	test_ipis();
	test_x2apic();
	test_storm();
	test_hlt();
	test_nmi();
	test_tsc();
	test_locked();
	test_order();
	test_shared_code();
	return 0;
}
