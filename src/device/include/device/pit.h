/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8254 interval timer and system control port B (61). */
#pragma once

#include <device/device.h>

#define PIT_HZ UINT64_C(1193182)

/* No config. Channel 0 drives GSI 2 by way of the board's line 0. */
extern const struct device_class pit_class;

/* Legacy replacement: while on, channel 0 interrupts nobody. Any thread. */
void pit_disconnect_irq(struct device *dev, bool on);
