/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening what a machine needs: the worker opens nothing itself. Each failure
 * is one line on standard error that says what to do.
 */
#pragma once

#include "options.h"

/* Descriptors for the worker, in the order in which it will find them. */
#define HANDOVER_MAX 32

struct handover {
	int fd[HANDOVER_MAX]; /* here; there it is WORKER_FIRST_FD + index */
	unsigned int count;
};

/*
 * Open everything @o names, fill @config and @ret. *ret_console is our end of
 * the serial port's socket, or -1. Results are exit codes: EXIT_POWER_OFF (0)
 * or the one to end with. Descriptors are closed by the end of the process.
 */
int open_all(const struct run_options *o, struct worker_config *config,
	     struct handover *ret, int *ret_console);
