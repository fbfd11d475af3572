/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two opt-in ports for tests and firmware: exit with a code, and a log. */
#pragma once

#include <device/device.h>
#include <device/uart_backend.h>

#define DEBUG_EXIT_PORT 0xf4
#define DEBUG_LOG_PORT  0x402

/* No config. A write ends the machine with the value as its code. */
extern const struct device_class debug_exit_class;

struct debug_log_config {
	struct uart_backend backend;
};

/* Bytes go to the backend by lines; what it does not take is dropped. */
extern const struct device_class debug_log_class;
