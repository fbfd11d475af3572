/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The south bridge's ISA bridge (PIIX3, 0:1.0) and power management (PIIX4,
 * 0:1.3). Its IDE function is <device/ide.h>. */
#pragma once

#include <device/device.h>

#define PIIX_DEVICE  1
#define PIIX_PM_BASE 0x600
#define PIIX_PM_SIZE 64
/* Offsets from the base. */
#define PIIX_PM1_EVENT   0x00
#define PIIX_PM1_CONTROL 0x04
#define PIIX_PM_TIMER    0x08
#define PIIX_GPE0        0x0c
#define PIIX_GPE0_SIZE   4
#define PIIX_SCI         9

struct piix_isa_config {
	/* PIRQ lines A..D go to the ISA interrupts given here. Any thread,
	 * lock held. */
	struct irq_line (*irq)(void *ctx, unsigned int isa);
	void *ctx;
};

extern const struct device_class piix_isa_class;

/* INTA..INTD (@pin 0..3) of PCI device @slot. Any thread. Levels of the
 * functions that share a line are or'ed. */
void piix_isa_set_intx(struct device *dev, unsigned int slot, unsigned int pin,
		       bool level);

/* No config. */
extern const struct device_class piix_pm_class;

/* Press the power button. Any thread. */
void piix_pm_power_button(struct device *dev);
