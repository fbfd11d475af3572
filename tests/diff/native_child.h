/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child that executes cases; private to native.c and native_child.c. */
#pragma once

#include "window.h"

#include <stdatomic.h>

/* Shared with the child. */
struct native_shared {
	_Atomic uint32_t next; /* case the child is at */
	uint32_t count;
	struct diff_case c[DIFF_BATCH];
	struct diff_result r[DIFF_BATCH];
};

struct native_child {
	struct native_shared *shared;
	struct window window;
	uint8_t *code; /* writable view of the code pages */
	int go_fd;     /* a byte from the parent: run the batch */
	int done_fd;   /* a byte to the parent: it is run */
};

/* Never returns. The fixed mappings exist already. */
_Noreturn void native_child_run(const struct native_child *child);
