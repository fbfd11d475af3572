/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The soft engine: guest instructions interpreted on this x86-64 host. */
#pragma once

#include <hypervisor/engine.h>

/*
 * engine_ops of the interpreter. Hosted: needs libc, maps memory when
 * partitions and processors are created, and polls hv_vp.attention.
 */
extern const struct engine_ops soft_engine;
