/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The product's answer to "a thread is sealed": nothing. */
#include "worker.h"

void worker_sealed(struct worker *w, const char *kind)
{
}
