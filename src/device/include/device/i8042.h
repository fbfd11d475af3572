/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keyboard controller, with a keyboard and a mouse nobody touches. */
#pragma once

#include <device/device.h>

/* No config. Its outputs: GSI 1 and 12, and machine reset. */
extern const struct device_class i8042_class;
