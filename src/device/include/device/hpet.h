/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High precision event timer: 100 MHz, 64 bits, three comparators. */
#pragma once

#include <device/device.h>

#define HPET_BASE UINT64_C(0xfed00000)
#define HPET_SIZE UINT64_C(0x400)
/* Low half of the capabilities register; the ACPI table repeats it. */
#define HPET_ID 0x8086a201u

struct hpet_config {
	/* Legacy replacement was switched: comparators 0 and 1 take the
	 * interrupts of PIT and RTC, or give them back. Any thread, lock held.
	 */
	void (*legacy)(void *ctx, bool on);
	void *ctx;
};

extern const struct device_class hpet_class;
