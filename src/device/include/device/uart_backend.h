/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands at the other end of a serial line. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct uart_backend {
	/*
	 * Bytes from the guest. Returns how many were taken, and must not
	 * block: the rest stays in the UART's bounded buffer, is offered again
	 * soon, and the guest sees a full transmitter meanwhile. Any thread,
	 * with the UART's lock held. NULL: everything is dropped.
	 */
	size_t (*write)(void *ctx, const uint8_t *data, size_t len);
	/* The input buffer has room again after a short uart_input(). Any
	 * thread, lock held. May be NULL. */
	void (*ready)(void *ctx);
	void *ctx;
};
