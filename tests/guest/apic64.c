/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC on one processor, in xAPIC and then in x2APIC mode: its
 * registers, priorities, timer, NMI, and what STI and HLT do.
 * Facts: SDM volume 3 chapter 10.
 */
#include "apic64.h"

volatile unsigned int irq_count[256];
volatile unsigned int irq_order[16], irq_orders;
static volatile ulong last_ip;

static bool on_irq(struct frame *f)
{
	irq_count[f->vector & 255]++;
	if (irq_orders < ARRAY_SIZE(irq_order))
		irq_order[irq_orders++] = f->vector;
	last_ip = f->ip;
	apic_eoi();
	return true;
}

void irq_expect(unsigned int vector)
{
	irq_count[vector] = 0;
	irq_orders = 0;
	trap_set_hook(vector, on_irq);
}

/* One instruction with interrupts on, and then a few more. */
void irq_window(void)
{
	asm volatile("sti; nop; nop; cli" : : : "memory");
}

static void self(unsigned int vector)
{
	apic_send(0, ICR_SELF | vector);
}

/* --- registers ---------------------------------------------------------------
 */

static void test_registers(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	uint32_t version = apic_read(APIC_VERSION);
	unsigned int reg;

	check_eq(base & 0xffffff000, 0xfee00000, "base: address");
	check_eq(base & (APIC_BASE_BSP | APIC_BASE_ENABLE),
		 APIC_BASE_BSP | APIC_BASE_ENABLE, "base: BSP, enabled");
	check(cpuid(1, 0).d >> 9 & 1, "cpuid: APIC");
	check_eq(cpuid(1, 0).b >> 24, apic_id(), "id: as CPUID says");
	check((version & 0xff) >= 0x10 && (version & 0xff) <= 0x1f,
	      "version: an integrated one");
	check((version >> 16 & 0xff) >= 4 && (version >> 16 & 0xff) <= 7,
	      "version: number of LVT entries");
	apic_write(APIC_TPR, 0xffffffff);
	check_eq(apic_read(APIC_TPR), 0xff, "tpr: 8 bits");
	check_eq(apic_read(APIC_PPR), 0xff, "ppr: follows TPR");
	apic_write(APIC_TPR, 0x35);
	check_eq(apic_read(APIC_PPR), 0x35, "ppr: follows TPR with subclass");
	asm volatile("mov %0, %%cr8" : : "r"(0x7UL));
	check_eq(apic_read(APIC_TPR), 0x70, "tpr: set by CR8");
	asm volatile("mov %0, %%cr8" : : "r"(0UL));
	for (reg = 0; reg < 8; reg++) {
		apic_write(APIC_ISR + reg * 16, ~0);
		apic_write(APIC_IRR + reg * 16, ~0);
	}
	for (reg = 0; reg < 8; reg++)
		if (apic_read(APIC_ISR + reg * 16) ||
		    apic_read(APIC_IRR + reg * 16))
			break;
	check_eq(reg, 8, "isr, irr: read-only");
	apic_write(APIC_LDR, 0xffffffff);
	check_eq(apic_read(APIC_LDR), 0xff000000, "ldr: 8 bits");
	apic_write(APIC_LDR, 0x01000000);
	apic_write(APIC_DFR, 0);
	check_eq(apic_read(APIC_DFR), 0x0fffffff, "dfr: 4 bits");
	apic_write(APIC_DFR, ~0);
	apic_write(APIC_LVT_TIMER, 0xffffffff);
	check_eq(apic_read(APIC_LVT_TIMER) & ~0x70000U, 0xff,
		 "lvt: reserved bits of the timer");
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_DIVIDE, 0xffffffff);
	check_eq(apic_read(APIC_DIVIDE), 0xb, "divide: 3 bits");
}

static void test_soft_disable(void)
{
	apic_write(APIC_LVT_TIMER, 0x50);
	check_eq(apic_read(APIC_LVT_TIMER) & LVT_MASKED, 0,
		 "disable: LVT can be unmasked before");
	apic_write(APIC_SVR, 0xff);
	check_eq(apic_read(APIC_LVT_TIMER) & LVT_MASKED, LVT_MASKED,
		 "disable: masks the LVT");
	apic_write(APIC_LVT_TIMER, 0x50);
	check_eq(apic_read(APIC_LVT_TIMER) & LVT_MASKED, LVT_MASKED,
		 "disable: keeps it masked");
	apic_enable();
	check_eq(apic_read(APIC_SVR), 0x1ff, "disable: on again");
}

static void test_esr(void)
{
	if (is_amd()) {
		skip("not all of AMD's report it", "esr: illegal vector");
		return;
	}
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	check_eq(apic_read(APIC_ESR), 0, "esr: clean");
	self(5);
	apic_write(APIC_ESR, 0);
	check(apic_read(APIC_ESR) & 0x60, "esr: illegal vector");
	apic_write(APIC_ESR, 0);
	check_eq(apic_read(APIC_ESR), 0, "esr: clean after a write");
}

/* --- self IPIs and priorities
 * -------------------------------------------------- */

static bool nested_low(struct frame *f)
{
	irq_order[irq_orders++] = f->vector;
	/* Higher class comes in, same class and lower do not. */
	self(0x62);
	self(0x5f);
	self(0x42);
	check_eq(apic_read(APIC_PPR), 0x50, "nested: PPR is the class");
	check(apic_bit(APIC_ISR, 0x51), "nested: ISR");
	irq_window();
	check_eq(irq_orders, 2, "nested: only the higher class");
	apic_eoi();
	check(!apic_bit(APIC_ISR, 0x51), "nested: ISR after EOI");
	return true;
}

static void check_order(const char *name, unsigned int a, unsigned int b,
			unsigned int c)
{
	check_eq((uint64_t)irq_order[0] << 32 | irq_order[1] << 16 |
			 irq_order[2],
		 (uint64_t)a << 32 | b << 16 | c, "order: %s", name);
}

static void test_self_ipi(void)
{
	irq_expect(0x51);
	irq_expect(0x41);
	irq_expect(0x61);
	self(0x51);
	check(apic_bit(APIC_IRR, 0x51), "self: IRR with IF=0");
	check(!apic_bit(APIC_TMR, 0x51), "self: TMR says edge");
	check_eq(irq_count[0x51], 0, "self: not delivered with IF=0");
	self(0x51);
	irq_window();
	check_eq(irq_count[0x51], 1, "self: two in IRR are one");
	check(!apic_bit(APIC_IRR, 0x51), "self: IRR clear after");
	check_eq(apic_read(APIC_PPR), 0, "self: PPR 0 after");
	irq_orders = 0;
	self(0x41);
	self(0x61);
	self(0x51);
	irq_window();
	check_order("by priority", 0x61, 0x51, 0x41);

	irq_orders = 0;
	apic_write(APIC_TPR, 0x50);
	self(0x41);
	self(0x51);
	self(0x61);
	irq_window();
	check_eq(irq_orders, 1, "tpr: only what is above");
	check_eq(irq_order[0], 0x61, "tpr: the class above");
	apic_write(APIC_TPR, 0x4f);
	irq_window();
	check_eq(irq_orders, 2, "tpr: lowered by one class");
	apic_write(APIC_TPR, 0x3f);
	irq_window();
	check_order("as TPR goes down", 0x61, 0x51, 0x41);
	apic_write(APIC_TPR, 0);

	irq_expect(0x62);
	irq_expect(0x5f);
	irq_expect(0x42);
	trap_set_hook(0x51, nested_low);
	irq_orders = 0;
	self(0x51);
	irq_window();
	check_eq(irq_orders, 4, "nested: the rest after EOI");
	check_order("nested", 0x51, 0x62, 0x5f);
}

/* --- shadows
 * ------------------------------------------------------------------- */

extern char sh_1[], sh_2[], sh_3[];

static void test_shadows(void)
{
	irq_expect(0x44);
	self(0x44);
	asm volatile("sti; nop; sh_1: nop; cli" : : : "memory");
	check_eq(last_ip, (ulong)sh_1, "shadow: sti holds for one instruction");
	self(0x44);
	irq_count[0x44] = 0;
	asm volatile("sti; cli; nop" : : : "memory");
	check_eq(irq_count[0x44], 0, "shadow: sti and cli leave no window");
	asm volatile("pushf; orq $0x200, (%%rsp); popf; sh_2: nop; cli"
		     :
		     :
		     : "memory");
	check_eq(last_ip, (ulong)sh_2, "shadow: popf has none");
	self(0x44);
	asm volatile("mov %%ss, %%eax; sti; nop; nop; mov %%eax, %%ss; cli"
		     :
		     :
		     : "rax", "memory");
	check_eq(irq_count[0x44], 2, "shadow: taken before mov ss");
	/* The interrupt comes up with IF=1; MOV SS holds it back. */
	sti();
	asm volatile("mov %%ss, %%eax; mov %0, (%1); cli"
		     :
		     : "r"(ICR_SELF | ICR_ASSERT | 0x44),
		       "r"(0xfee00000UL + APIC_ICR)
		     : "rax", "memory");
	check(wait_for(irq_count[0x44] == 3, 1) || apic_bit(APIC_IRR, 0x44),
	      "shadow: with IF=1 delivered or pending");
	irq_window();
	check_eq(irq_count[0x44], 3, "shadow: once");
}

static void test_hlt(void)
{
	irq_expect(0x45);
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, 0x45);
	apic_write(APIC_INITIAL, 1000000);
	sti_hlt_cli();
	check_eq(irq_count[0x45], 1, "hlt: woken by the timer");
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	self(0x45);
	sti_hlt_cli();
	check_eq(irq_count[0x45], 2, "hlt: does not sleep with one pending");
}

/* --- timer
 * --------------------------------------------------------------------- */

static void test_timer(void)
{
	uint32_t a, b;

	irq_expect(0x46);
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | 0x46);
	apic_write(APIC_INITIAL, 0xffffffff);
	a = apic_read(APIC_CURRENT);
	delay_us(1000);
	b = apic_read(APIC_CURRENT);
	check(b < a && a - b > 1000, "timer: counts down");
	check_eq(apic_read(APIC_INITIAL), 0xffffffff, "timer: initial count");
	apic_write(APIC_INITIAL, 0);
	check_eq(apic_read(APIC_CURRENT), 0, "timer: 0 stops it");

	apic_write(APIC_INITIAL, 20000);
	sti();
	delay_us(5000);
	cli();
	check_eq(irq_count[0x46], 0, "timer: masked");
	check_eq(apic_read(APIC_CURRENT), 0, "timer: masked ran down");

	apic_write(APIC_LVT_TIMER, 0x46);
	apic_write(APIC_INITIAL, 20000);
	sti();
	check(wait_for(irq_count[0x46] == 1, 1000), "timer: one shot");
	delay_us(5000);
	cli();
	check_eq(irq_count[0x46], 1, "timer: one shot is one");
	check_eq(apic_read(APIC_CURRENT), 0, "timer: one shot ends at 0");

	irq_count[0x46] = 0;
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | 0x46);
	apic_write(APIC_INITIAL, 500000);
	sti();
	check(wait_for(irq_count[0x46] >= 5, 3000), "timer: periodic");
	cli();
	check(apic_read(APIC_CURRENT) != 0 ||
		      wait_for(apic_read(APIC_CURRENT), 100),
	      "timer: periodic reloads");
	apic_write(APIC_LVT_TIMER, LVT_MASKED | 0x46);
	apic_write(APIC_INITIAL, 0);
	irq_window();
	a = irq_count[0x46];
	sti();
	delay_us(20000);
	cli();
	check_eq(irq_count[0x46], a, "timer: periodic stopped");
}

/* The divider: the same count takes longer with a larger one. */
static void test_divider(void)
{
	static const struct {
		uint32_t code, by;
	} div[] = {{0xb, 1},  {0x0, 2},  {0x1, 4},  {0x2, 8},
		   {0x3, 16}, {0x8, 32}, {0x9, 64}, {0xa, 128}};
	uint64_t unit = 0;
	unsigned int i;

	/* Measured against the TSC: a busy host slows both down. */
	apic_write(APIC_LVT_TIMER, LVT_MASKED | 0x46);
	for (i = 0; i < ARRAY_SIZE(div); i++) {
		uint64_t rate, start;
		uint32_t a;

		apic_write(APIC_DIVIDE, div[i].code);
		apic_write(APIC_INITIAL, 0xffffffff);
		start = rdtsc();
		a = apic_read(APIC_CURRENT);
		delay_us(4000);
		a -= apic_read(APIC_CURRENT);
		rate = ((uint64_t)a << 10) * div[i].by / (rdtsc() - start);
		if (i == 0)
			unit = rate;
		detail("%llu of %llu", (unsigned long long)rate,
		       (unsigned long long)unit);
		check(rate * 10 > unit * 7 && rate * 10 < unit * 14,
		      "timer: divided by %u", div[i].by);
	}
	apic_write(APIC_INITIAL, 0);
}

static void test_deadline(void)
{
	uint64_t start;

	if (!has_tsc_deadline()) {
		skip("no TSC deadline", "deadline");
		return;
	}
	irq_expect(0x47);
	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | 0x47);
	asm volatile("mfence");
	start = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, start + 3000000);
	check_eq(rdmsr(MSR_TSC_DEADLINE), start + 3000000,
		 "deadline: reads back while armed");
	sti();
	check(wait_for(irq_count[0x47] == 1, 2000), "deadline: fires");
	cli();
	check(rdtsc() >= start + 3000000, "deadline: not early");
	check_eq(rdmsr(MSR_TSC_DEADLINE), 0, "deadline: 0 after firing");
	wrmsr(MSR_TSC_DEADLINE, 1);
	irq_window();
	check(wait_for(irq_count[0x47] == 2 || apic_bit(APIC_IRR, 0x47), 100),
	      "deadline: in the past fires at once");
	irq_window();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 30000000);
	wrmsr(MSR_TSC_DEADLINE, 0);
	sti();
	delay_us(30000);
	cli();
	check_eq(irq_count[0x47], 2, "deadline: disarmed by 0");
	apic_write(APIC_INITIAL, 1000);
	check_eq(apic_read(APIC_CURRENT), 0,
		 "deadline: initial count is ignored");
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000000000000ULL);
	apic_write(APIC_LVT_TIMER, 0x47);
	check_eq(rdmsr(MSR_TSC_DEADLINE), 0, "deadline: mode change disarms");
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

/* --- NMI
 * ------------------------------------------------------------------------- */

static volatile unsigned int nmis, nmi_nested;

static bool on_nmi(struct frame *f)
{
	nmis++;
	if (nmis == 1) {
		apic_send(apic_id(), ICR_NMI);
		delay_us(500);
		nmi_nested = nmis;
	}
	return true;
}

/* Inside an NMI: an exception's IRET ends the blocking early. */
static bool on_nmi_iret(struct frame *f)
{
	nmis++;
	if (nmis == 1) {
		apic_send(apic_id(), ICR_NMI);
		delay_us(200);
		idt_set_ist(VEC_NMI, 3);
		asm volatile("int3" : : : "memory");
		delay_us(200);
		nmi_nested = nmis;
		idt_set_ist(VEC_NMI, 2);
	}
	return true;
}

static bool resume(struct frame *f)
{
	return true;
}

static void test_nmi(void)
{
	trap_set_hook(VEC_NMI, on_nmi);
	nmis = 0;
	apic_send(apic_id(), ICR_NMI);
	check(wait_for(nmis >= 1, 100), "nmi: comes with IF=0");
	check_eq(nmi_nested, 1, "nmi: blocked inside its handler");
	check(wait_for(nmis == 2, 100), "nmi: the second one after IRET");
	nmis = 0;
	trap_set_hook(VEC_BP, resume);
	trap_set_hook(VEC_NMI, on_nmi_iret);
	apic_send(apic_id(), ICR_NMI);
	check(wait_for(nmis >= 1, 100), "nmi: again");
	check_eq(nmi_nested, 2, "nmi: any IRET ends the blocking");
	trap_set_hook(VEC_BP, NULL);

	trap_set_hook(VEC_NMI, NULL);
}

/* --- x2APIC
 * ---------------------------------------------------------------------- */

static void msr_rd(void *p)
{
	(void)rdmsr((uint32_t)(ulong)p);
}

static void msr_wr0(void *p)
{
	wrmsr((uint32_t)(ulong)p, 0);
}

static void msr_wr1(void *p)
{
	wrmsr((uint32_t)(ulong)p, 1);
}

static void msr_wrhigh(void *p)
{
	wrmsr((uint32_t)(ulong)p, 1ULL << 32);
}

static void base_wr(void *p)
{
	wrmsr(MSR_APIC_BASE, (ulong)p);
}

static void test_x2apic(void)
{
	static const struct {
		const char *name;
		test_fn fn;
		ulong msr;
	} refused[] = {
		{"read of DFR", msr_rd, 0x80e},
		{"read of EOI", msr_rd, 0x80b},
		{"read of self IPI", msr_rd, 0x83f},
		{"read of ICR high", msr_rd, 0x831},
		{"write of ID", msr_wr0, 0x802},
		{"write of version", msr_wr0, 0x803},
		{"write of LDR", msr_wr0, 0x80d},
		{"write of ISR", msr_wr0, 0x810},
		{"write of current count", msr_wr0, 0x839},
		{"EOI of 1", msr_wr1, 0x80b},
		{"ESR of 1", msr_wr1, 0x828},
		{"TPR upper half", msr_wrhigh, 0x808},
		{"LVT upper half", msr_wrhigh, 0x832},
		{"MSR 804", msr_rd, 0x804},
	};
	uint64_t base = rdmsr(MSR_APIC_BASE);
	uint32_t id = apic_id();
	struct trap t;
	unsigned int i;

	catch_run(msr_rd, (void *)0x802, &t);
	check_trap(&t, VEC_GP, 0, "x2apic: MSRs in xAPIC mode");
	if (!has_x2apic()) {
		skip("no x2APIC", "x2apic");
		catch_run(base_wr, (void *)(base | APIC_BASE_X2APIC), &t);
		check_trap(&t, VEC_GP, 0, "x2apic: enable when absent");
		return;
	}
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	check_eq(rdmsr(MSR_APIC_BASE), base | APIC_BASE_X2APIC, "x2apic: on");
	check_eq(apic_id(), id, "x2apic: the same ID");
	check_eq(apic_read(APIC_LDR), (id >> 4) << 16 | 1U << (id & 15),
		 "x2apic: LDR from the ID");
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		catch_run(refused[i].fn, (void *)refused[i].msr, &t);
		check_trap(&t, VEC_GP, 0, "x2apic: %s", refused[i].name);
	}
	apic_enable();
	test_self_ipi();
	irq_expect(0x52);
	wrmsr(0x83f, 0x52);
	check(apic_bit(APIC_IRR, 0x52), "x2apic: self IPI register");
	irq_window();
	check_eq(irq_count[0x52], 1, "x2apic: self IPI delivered");
	apic_send(id, 0x52);
	irq_window();
	check_eq(irq_count[0x52], 2, "x2apic: ICR, physical");
	apic_send(apic_read(APIC_LDR), ICR_LOGICAL | 0x52);
	irq_window();
	check_eq(irq_count[0x52], 3, "x2apic: ICR, logical");
	apic_send(0xffffffff, 0x52);
	irq_window();
	check_eq(irq_count[0x52], 4, "x2apic: ICR, broadcast");
	test_hlt();
	test_timer();
	test_deadline();

	catch_run(base_wr, (void *)base, &t);
	check_trap(&t, VEC_GP, 0, "x2apic: straight back to xAPIC");
	catch_run(
		base_wr,
		(void *)((base & ~(ulong)APIC_BASE_ENABLE) | APIC_BASE_X2APIC),
		&t);
	check_trap(&t, VEC_GP, 0, "x2apic: the invalid state");
	wrmsr(MSR_APIC_BASE, base & ~(ulong)APIC_BASE_ENABLE);
	check_eq(cpuid(1, 0).d >> 9 & 1, 0, "base: disabled, CPUID says so");
	wrmsr(MSR_APIC_BASE, base);
	check_eq(cpuid(1, 0).d >> 9 & 1, 1, "base: enabled, CPUID says so");
	apic_enable();
}

static bool on_spurious(struct frame *f)
{
	/* Allowed whenever TPR goes up with one pending; has no EOI. */
	return true;
}

int main(void)
{
	trap_set_hook(0xff, on_spurious);
	pic_init(0x20);
	apic_enable();
	test_registers();
	test_soft_disable();
	test_esr();
	test_self_ipi();
	test_shadows();
	test_hlt();
	test_timer();
	test_divider();
	test_deadline();
	test_nmi();
	test_lines();
	test_x2apic();
	return 0;
}
