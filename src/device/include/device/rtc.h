/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818 real-time clock with 128 bytes of CMOS memory. */
#pragma once

#include <device/device.h>

#define RTC_CMOS_SIZE 128

struct rtc_config {
	int64_t utc; /* seconds since 1970 at machine time 0 */
};

extern const struct device_class rtc_class;

/* What firmware finds in CMOS memory; survives reset. @index 0x0e..0x7f. */
void rtc_set_cmos(struct device *dev, uint8_t index, uint8_t value);

/* HPET legacy replacement takes the interrupt away. Any thread. */
void rtc_disconnect_irq(struct device *dev, bool on);
