/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting the worker program in its namespaces with its descriptors. */
#pragma once

#include "open.h"

#include <sys/types.h>

/*
 * Start lamina-vm. *ret_control is our end of the control socket. Returns its
 * process id or a negative errno, after one line on standard error.
 */
pid_t spawn_worker(struct worker_config *config, const struct handover *h,
		   int *ret_control);
