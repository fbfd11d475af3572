/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit codes of `lamina run`; part of the interface (lamina-run(1)). */
#pragma once

enum exit_code {
	EXIT_POWER_OFF = 0,    /* the guest powered off */
	EXIT_USAGE = 2,        /* options that make no sense */
	EXIT_INPUT = 3,        /* a file that is missing, unfit or in use */
	EXIT_HOST = 4,         /* the host refused something */
	EXIT_TRIPLE_FAULT = 5, /* the guest's processor shut down */
	EXIT_SANDBOX = 6,      /* strict, and the host lacks a piece */
	EXIT_WORKER = 7,       /* the worker died: our bug, please report */
	EXIT_RESET = 8,   /* the guest reset and --on-reset exit was given */
	EXIT_STOPPED = 9, /* stopped from outside */
	/* With --debug-exit: the code that the guest wrote, modulo 256. */
};
