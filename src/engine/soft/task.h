/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hardware tasks outside long mode (SDM 7). */
#pragma once

#include "vp.h"

enum task_cause {
	TASK_JUMP,
	TASK_CALL,
	TASK_INTERRUPT, /* nests like a call */
	TASK_IRET,
};

/*
 * Switch to the task whose TSS @sel names; a gate's privileges have been
 * checked. @flags goes into the old TSS (its NT is cleared by IRET here).
 * Faults before the commit are raised in the old task, later ones in the new
 * one, with vp->in NULL.
 */
void task_switch(struct soft_vp *vp, uint16_t sel, enum task_cause cause,
		 uint64_t flags);

/* The stack of privilege level @cpl (0..2) from the current 16/32-bit TSS. */
void task_inner_stack(struct soft_vp *vp, unsigned int cpl, uint16_t *ret_ss,
		      uint32_t *ret_sp);
