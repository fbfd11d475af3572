/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System control port A: fast reset and the other A20 gate. */
#pragma once

#include <device/device.h>

/* No config. */
extern const struct device_class port92_class;
