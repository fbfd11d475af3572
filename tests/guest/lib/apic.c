/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt controllers and time for the test images. The mode of the local
 * APIC is read from its base MSR at each access, so that images may switch.
 */
#include "apic.h"

#define LAPIC  0xfee00000UL
#define IOAPIC 0xfec00000UL

static bool x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
}

uint32_t apic_read(unsigned int reg)
{
	if (x2apic())
		return rdmsr(0x800 + (reg >> 4));
	return *(volatile uint32_t *)(LAPIC + reg);
}

void apic_write(unsigned int reg, uint32_t v)
{
	if (x2apic())
		wrmsr(0x800 + (reg >> 4), v);
	else
		*(volatile uint32_t *)(LAPIC + reg) = v;
}

uint32_t apic_id(void)
{
	return x2apic() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_enable(void)
{
	unsigned int reg;

	apic_write(APIC_SVR, 0x1ff);
	for (reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 0x10) {
		unsigned int n = (reg - APIC_LVT_TIMER) / 0x10;

		/* Thermal and counters are there from 4 and 5 LVTs on. */
		if (n == 1 && (apic_read(APIC_VERSION) >> 16 & 0xff) < 5)
			continue;
		apic_write(reg, LVT_MASKED | 0xfe);
	}
	apic_write(APIC_TPR, 0);
}

bool apic_bit(unsigned int reg, unsigned int vector)
{
	return apic_read(reg + vector / 32 * 0x10) >> (vector % 32) & 1;
}

void apic_send(uint32_t dest, uint32_t icr)
{
	unsigned int spin;

	if (x2apic()) {
		wrmsr(0x830, (uint64_t)dest << 32 | icr | ICR_ASSERT);
		return;
	}
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, icr | ICR_ASSERT);
	for (spin = 0; spin < 100000 && apic_read(APIC_ICR) & 0x1000; spin++)
		pause();
}

uint32_t ioapic_read(unsigned int reg)
{
	*(volatile uint32_t *)IOAPIC = reg;
	return *(volatile uint32_t *)(IOAPIC + 0x10);
}

void ioapic_write(unsigned int reg, uint32_t v)
{
	*(volatile uint32_t *)IOAPIC = reg;
	*(volatile uint32_t *)(IOAPIC + 0x10) = v;
}

void ioapic_route(unsigned int pin, uint32_t low, uint32_t dest)
{
	ioapic_write(0x10 + 2 * pin, LVT_MASKED);
	ioapic_write(0x11 + 2 * pin, dest << 24);
	ioapic_write(0x10 + 2 * pin, low);
}

void pic_init(unsigned int base)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, base);
	outb(0xa1, base + 8);
	outb(0x21, 0x04);
	outb(0xa1, 0x02);
	outb(0x21, 0x01);
	outb(0xa1, 0x01);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void pit_periodic(uint16_t divisor)
{
	outb(0x43, 0x34);
	outb(0x40, divisor & 0xff);
	outb(0x40, divisor >> 8);
}

void pit_stop(void)
{
	/* Mode 0 with the largest count: one edge in 55 ms, then none. */
	outb(0x43, 0x30);
	outb(0x40, 0xff);
	outb(0x40, 0xff);
}

void delay_us(unsigned int us)
{
	while (us) {
		unsigned int part = us > 50000 ? 50000 : us;
		unsigned int ticks = part * 1193 / 1000 + 1;

		outb(0x61, (inb(0x61) & ~2) | 1);
		outb(0x43, 0xb0);
		outb(0x42, ticks & 0xff);
		outb(0x42, ticks >> 8);
		while (!(inb(0x61) & 0x20))
			pause();
		us -= part;
	}
}
