/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Native execution, as the rest of the soft engine sees it. Handlers are had
 * from bind_native() (bind.h).
 */
#pragma once

#include "decode.h"

#include <hypervisor/regs.h>

struct soft_partition;
struct soft_vp;

/*
 * Set up the code area that all partitions of the process share, and the
 * SIGFPE handler. Call before threads that execute guest code and before the
 * sandbox forbids memfd_create and mapping. Negative errno.
 */
int soft_native_init(struct soft_partition *p);
void soft_native_fini(struct soft_partition *p);

/* The state after FNINIT, MXCSR at its default, all registers zero. */
void soft_fpu_reset(struct vp_regs *regs);

/* State components that differ from their initial state (XGETBV 1). */
uint64_t soft_xinuse(const struct vp_regs *regs);

/* Can this host execute what @feature names? Any thread. */
bool soft_host_has(enum insn_feature feature);
