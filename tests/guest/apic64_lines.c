/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines of the board: 8254 and UART through the 8259 pair as
 * ExtINT, and through the IOAPIC edge and level triggered; RTC and HPET.
 */
#include "apic64.h"

#define COM1 0x3f8

static volatile unsigned int pic_irqs;

static bool on_pic(struct frame *f)
{
	pic_irqs++;
	outb(0x20, 0x20);
	return true;
}

static bool on_pic_no_eoi(struct frame *f)
{
	pic_irqs++;
	return true;
}

static unsigned int pic_read(unsigned int what)
{
	outb(0x20, what);
	return inb(0x20);
}

static void test_extint(void)
{
	unsigned int n;

	pic_init(0x30);
	pic_irqs = 0;
	trap_set_hook(0x30, on_pic);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	pit_periodic(11932);
	outb(0x21, 0xfe);
	sti();
	check(wait_for(pic_irqs >= 3, 2000), "extint: 8254 through the 8259");
	cli();
	check(!apic_bit(APIC_ISR, 0x30), "extint: not in the APIC's ISR");

	trap_set_hook(0x30, on_pic_no_eoi);
	(void)wait_for(pic_read(0x0a) & 1, 1000);
	check_eq(pic_read(0x0a) & 1, 1, "extint: pending in the 8259's IRR");
	pic_irqs = 0;
	irq_window();
	(void)wait_for(pic_irqs, 10);
	check_eq(pic_irqs, 1, "extint: taken");
	check_eq(pic_read(0x0b) & 1, 1, "extint: in service");
	sti();
	delay_us(40000);
	cli();
	check_eq(pic_irqs, 1, "extint: none more before the EOI");
	outb(0x20, 0x20);
	check_eq(pic_read(0x0b) & 1, 0, "extint: EOI");
	trap_set_hook(0x30, on_pic);
	sti();
	check(wait_for(pic_irqs >= 2, 1000), "extint: more after it");
	cli();

	/* TPR does not hold back ExtINT; a masked LINT0 does. */
	apic_write(APIC_TPR, 0xff);
	n = pic_irqs;
	sti();
	check(wait_for(pic_irqs > n, 1000), "extint: whatever TPR");
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_LINT0, LVT_MASKED | LVT_EXTINT);
	delay_us(1000);
	n = pic_irqs;
	delay_us(40000);
	cli();
	check_eq(pic_irqs, n, "extint: LINT0 masked");
	outb(0x21, 0xff);
	irq_window();
	if (pic_read(0x0b) & 1)
		outb(0x20, 0x20);
}

static void test_ioapic_registers(void)
{
	uint32_t version = ioapic_read(1);

	check((version & 0xff) >= 0x11 && (version & 0xff) <= 0x20,
	      "ioapic: version");
	check_eq(version >> 16 & 0xff, 23, "ioapic: 24 pins");
	ioapic_route(20, 0xffffffff & ~0x5000U, 0xff);
	check_eq(ioapic_read(0x10 + 40) & 0x1afff, 0x1afff,
		 "ioapic: entry keeps what is written");
	check_eq(ioapic_read(0x10 + 40) & 0x5000, 0,
		 "ioapic: delivery status and remote IRR read-only");
	check_eq(ioapic_read(0x11 + 40) >> 24, 0xff, "ioapic: destination");
	ioapic_route(20, LVT_MASKED, 0);
}

static void test_ioapic_edge(void)
{
	unsigned int n;

	irq_expect(0x53);
	pit_periodic(11932);
	ioapic_route(2, 0x53, apic_id());
	sti();
	check(wait_for(irq_count[0x53] >= 5, 2000), "ioapic: edge, pin 2");
	check(!apic_bit(APIC_TMR, 0x53), "ioapic: edge, TMR");
	ioapic_route(2, LVT_MASKED | 0x53, apic_id());
	delay_us(1000);
	n = irq_count[0x53];
	delay_us(40000);
	cli();
	check_eq(irq_count[0x53], n, "ioapic: masked");
	pit_stop();
	irq_window();
}

static volatile unsigned int level_seen, remote_irr, tmr_bit;

static bool on_level(struct frame *f)
{
	level_seen++;
	remote_irr = ioapic_read(0x10 + 8) >> 14 & 1;
	tmr_bit = apic_bit(APIC_TMR, 0x54);
	/* The third time, take the reason away: reading IIR does. */
	if (level_seen == 3)
		(void)inb(COM1 + 2);
	if (level_seen >= 10)
		outb(COM1 + 1, 0);
	apic_eoi();
	return true;
}

static void test_ioapic_level(void)
{
	unsigned int after;

	/* The UART's "holding register empty" holds its line up. */
	trap_set_hook(0x54, on_level);
	level_seen = 0;
	outb(COM1 + 1, 0);
	(void)wait_for(inb(COM1 + 5) & 0x40, 100);
	outb(COM1 + 4, 0x0b);
	ioapic_route(4, 0x8000 | 0x54, apic_id());
	outb(COM1 + 1, 2);
	sti();
	(void)wait_for(level_seen >= 3, 500);
	delay_us(5000);
	cli();
	/* No output while the UART may interrupt: it would again. */
	outb(COM1 + 1, 0);
	after = ioapic_read(0x10 + 8) >> 14 & 1;
	check_eq(level_seen, 3, "ioapic: level comes until it is served");
	check_eq(remote_irr, 1, "ioapic: level, remote IRR while in service");
	check_eq(tmr_bit, 1, "ioapic: level, TMR");
	check_eq(after, 0, "ioapic: level, remote IRR after EOI");

	/* Masked while up: comes as soon as it is unmasked. */
	ioapic_route(4, LVT_MASKED | 0x8000 | 0x54, apic_id());
	level_seen = 2;
	outb(COM1 + 1, 0);
	outb(COM1 + 1, 2);
	sti();
	delay_us(2000);
	cli();
	after = level_seen;
	ioapic_write(0x10 + 8, 0x8000 | 0x54);
	sti();
	delay_us(2000);
	cli();
	outb(COM1 + 1, 0);
	check_eq(after, 2, "ioapic: level, masked");
	check_eq(level_seen, 3, "ioapic: level, unmasked while up");
	outb(COM1 + 4, 0x03);
	ioapic_route(4, LVT_MASKED, 0);
}

static uint8_t cmos(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void cmos_set(uint8_t reg, uint8_t v)
{
	outb(0x70, reg);
	outb(0x71, v);
}

static volatile unsigned int rtc_irqs, rtc_reason;

static bool on_rtc(struct frame *f)
{
	rtc_irqs++;
	if (rtc_irqs <= 5)
		rtc_reason = cmos(0x0c);
	apic_eoi();
	return true;
}

static void test_rtc(void)
{
	uint8_t a = cmos(0x0a), b = cmos(0x0b);

	trap_set_hook(0x55, on_rtc);
	rtc_irqs = 0;
	/* 1024 Hz. */
	cmos_set(0x0a, 0x26);
	cmos_set(0x0b, (b & 0x07) | 0x40);
	(void)cmos(0x0c);
	ioapic_route(8, 0x55, apic_id());
	sti();
	check(wait_for(rtc_irqs >= 5, 1000), "rtc: periodic interrupt");
	check_eq(rtc_reason & 0xc0, 0xc0, "rtc: register C says why");
	/* The sixth was not acknowledged: no edge any more. */
	delay_us(20000);
	cli();
	check_eq(rtc_irqs, 6, "rtc: none more until register C is read");
	ioapic_route(8, LVT_MASKED, 0);
	cmos_set(0x0b, b & ~0x70);
	cmos_set(0x0a, a);
	(void)cmos(0x0c);
}

#define HPET 0xfed00000UL

static uint64_t hpet(unsigned int reg)
{
	return *(volatile uint64_t *)(HPET + reg);
}

static void hpet_set(unsigned int reg, uint64_t v)
{
	*(volatile uint64_t *)(HPET + reg) = v;
}

static void test_hpet(void)
{
	uint64_t caps = hpet(0), a, b;
	uint32_t period = caps >> 32;
	uint64_t timer = hpet(0x100);
	unsigned int pin;

	if (!period || period == 0xffffffff) {
		skip("no HPET at its usual place", "hpet");
		return;
	}
	check(period <= 100000000, "hpet: period of at most 100 ns");
	check((caps >> 8 & 0x1f) >= 2, "hpet: three timers");
	hpet_set(0x10, hpet(0x10) & ~3ULL);
	hpet_set(0xf0, 0);
	a = hpet(0xf0);
	delay_us(1000);
	check_eq(hpet(0xf0), a, "hpet: stands still when off");
	hpet_set(0x10, hpet(0x10) | 1);
	a = hpet(0xf0);
	delay_us(1000);
	b = hpet(0xf0);
	check(b > a, "hpet: counts");
	check((b - a) * period / 1000000000 >= 900, "hpet: at its speed");

	for (pin = 16; pin < 24; pin++)
		if (timer >> (32 + pin) & 1)
			break;
	if (pin == 24) {
		skip("no route to pins 16 to 23", "hpet: interrupt");
		return;
	}
	irq_expect(0x56);
	ioapic_route(pin, 0x56, apic_id());
	hpet_set(0x100, 0);
	hpet_set(0x100, (uint64_t)pin << 9 | 4);
	hpet_set(0x108, hpet(0xf0) + 1000000000000ULL / period);
	sti();
	check(wait_for(irq_count[0x56] == 1, 1000), "hpet: one shot");
	delay_us(5000);
	cli();
	check_eq(irq_count[0x56], 1, "hpet: one shot is one");
	hpet_set(0x100, 0);
	ioapic_route(pin, LVT_MASKED, 0);
	hpet_set(0x10, hpet(0x10) & ~3ULL);
}

void test_lines(void)
{
	test_extint();
	test_ioapic_registers();
	test_ioapic_edge();
	test_ioapic_level();
	test_rtc();
	test_hpet();
}
