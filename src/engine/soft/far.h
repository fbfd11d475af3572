/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Far transfers: handlers and what returns share (far.c, iret.c,
 * syscall.c). */
#pragma once

#include "vp.h"

insn_fn op_jmp_far;
insn_fn op_call_far;
insn_fn op_ret_far;
insn_fn op_iret;
insn_fn op_int;
insn_fn op_into;
insn_fn op_syscall;
insn_fn op_sysret;
insn_fn op_sysenter;
insn_fn op_sysexit;

/* The code segment that RETF or IRET returns to, checked. */
struct vp_segment far_check_return(struct soft_vp *vp, uint16_t sel);
/* The stack segment that goes with it. */
struct vp_segment far_check_return_stack(struct soft_vp *vp, uint16_t sel,
					 const struct vp_segment *cs);
/* Commit SS and the stack pointer for code in @cs. */
void far_set_stack(struct soft_vp *vp, const struct vp_segment *ss,
		   const struct vp_segment *cs, uint64_t sp);
