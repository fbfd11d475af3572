/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The soft engine: guest instructions interpreted on this x86-64 host. */
#pragma once

#include <hypervisor/engine.h>

/*
 * engine_ops of the interpreter. Hosted: needs libc, maps memory when
 * partitions and processors are created, and polls hv_vp.attention.
 */
extern const struct engine_ops soft_engine;

/*
 * The same with a translator for what runs often. Where it cannot work it is
 * no more than the interpreter.
 */
extern const struct engine_ops soft_engine_xlat;

/* Why this host cannot run translated code; NULL: it can. Any thread. */
const char *soft_xlat_unusable(void);
