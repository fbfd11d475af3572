/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pair of 8259A interrupt controllers with edge/level control. */
#pragma once

#include <device/device.h>

struct pic_config {
	/* The INTR output. Any thread, lock held. */
	void (*extint)(void *ctx, bool level);
	void *ctx;
};

extern const struct device_class pic_class;

/* Inputs 0..15; 2 is the cascade and ignored. Any thread. */
void pic_set_irq(struct device *dev, unsigned int n, bool level);

/* The processor's acknowledge cycle: the vector. A request that went away
 * gives the spurious one (input 7), as the chip does. */
int pic_ack(struct device *dev);
