/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The I/O APIC: 24 pins, version 0x20 (with an EOI register). */
#pragma once

#include <device/device.h>

#define IOAPIC_PINS 24
#define IOAPIC_BASE UINT64_C(0xfec00000)
#define IOAPIC_SIZE UINT64_C(0x1000)

struct ioapic_config {
	/* Deliver an interrupt message. Any thread, lock held. */
	void (*msi)(void *ctx, uint64_t addr, uint32_t data);
	void *ctx;
};

extern const struct device_class ioapic_class;

/* Input @pin. Any thread. */
void ioapic_set_irq(struct device *dev, unsigned int pin, bool level);

/* A processor ended level-triggered interrupt @vector. Any thread. */
void ioapic_eoi(struct device *dev, uint8_t vector);
