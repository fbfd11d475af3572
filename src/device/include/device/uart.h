/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A serial port. */
#pragma once

#include <device/device.h>
#include <device/uart_backend.h>

struct uart_config {
	uint16_t base; /* 0x3f8 */
	uint8_t irq;   /* 4 */
	struct uart_backend backend;
};

extern const struct device_class uart_class;

/* Bytes from the line; how many were taken. Any thread. */
size_t uart_input(struct device *dev, const void *data, size_t len);

/* The backend takes bytes again. Any thread. */
void uart_writable(struct device *dev);
