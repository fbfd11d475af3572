/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APIC in either mode, IOAPIC, 8259 pair and 8254, and the time base
 * of the tests: 8254 channel 2, which needs no interrupt.
 */
#pragma once

#include "x86.h"

#define APIC_ID        0x020
#define APIC_VERSION   0x030
#define APIC_TPR       0x080
#define APIC_PPR       0x0a0
#define APIC_EOI       0x0b0
#define APIC_LDR       0x0d0
#define APIC_DFR       0x0e0
#define APIC_SVR       0x0f0
#define APIC_ISR       0x100
#define APIC_TMR       0x180
#define APIC_IRR       0x200
#define APIC_ESR       0x280
#define APIC_ICR       0x300
#define APIC_ICR_HIGH  0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERM 0x330
#define APIC_LVT_PMC   0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_INITIAL   0x380
#define APIC_CURRENT   0x390
#define APIC_DIVIDE    0x3e0

#define LVT_MASKED   0x10000
#define LVT_PERIODIC 0x20000
#define LVT_DEADLINE 0x40000
#define LVT_NMI      0x400
#define LVT_EXTINT   0x700

#define ICR_LOWEST  0x100
#define ICR_NMI     0x400
#define ICR_INIT    0x500
#define ICR_SIPI    0x600
#define ICR_LOGICAL 0x800
#define ICR_ASSERT  0x4000
#define ICR_SELF    0x40000
#define ICR_ALL     0x80000
#define ICR_OTHERS  0xc0000

#define APIC_BASE_BSP    0x100
#define APIC_BASE_X2APIC 0x400
#define APIC_BASE_ENABLE 0x800

uint32_t apic_read(unsigned int reg);
void apic_write(unsigned int reg, uint32_t v);

/* Software-enable with all LVT entries masked and TPR 0. */
void apic_enable(void);
void apic_eoi(void);
uint32_t apic_id(void);

/* Is @vector's bit set in the bank that starts at @reg? */
bool apic_bit(unsigned int reg, unsigned int vector);

/* Send; @dest is an APIC ID or logical mask, as @icr says. */
void apic_send(uint32_t dest, uint32_t icr);

uint32_t ioapic_read(unsigned int reg);
void ioapic_write(unsigned int reg, uint32_t v);
/* Redirection entry of @pin; @dest is a physical APIC ID. */
void ioapic_route(unsigned int pin, uint32_t low, uint32_t dest);

/* Both 8259s at vectors @base and @base + 8, everything masked. */
void pic_init(unsigned int base);

/* 8254 channel 0 in mode 2 with this divisor. */
void pit_periodic(uint16_t divisor);
void pit_stop(void);

void delay_us(unsigned int us);

/* Wait for a condition up to @ms; its value in the end. */
#define wait_for(cond, ms)                                                     \
	({                                                                     \
		unsigned int left_ = (ms)*20;                                  \
		while (!(cond) && left_--)                                     \
			delay_us(50);                                          \
		(cond);                                                        \
	})
