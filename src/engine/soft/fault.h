/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raising and delivering exceptions and interrupts (SDM 6). Raising unwinds
 * to the run loop, which calls soft_deliver_fault().
 */
#pragma once

#include "vp.h"

/* Fault-class: RIP is wound back to the start of vp->in. */
_Noreturn void soft_raise(struct soft_vp *vp, uint8_t vector);
_Noreturn void soft_raise_error(struct soft_vp *vp, uint8_t vector,
				uint32_t error);
_Noreturn void soft_raise_pf(struct soft_vp *vp, uint64_t lin, uint32_t error);

/*
 * Deliver the exception in vp->fault, with escalation to #DF and shutdown.
 * False: shutdown (triple fault). (fault.c, called by the run loop only, with
 * no fault_jmp of its own needed.)
 */
bool soft_deliver_fault(struct soft_vp *vp);

/* Deliver an external interrupt or NMI between instructions. False: shutdown.
 */
bool soft_deliver_event(struct soft_vp *vp, enum hv_event event,
			uint8_t vector);

/* A #DB trap with @dr6_bits after the instruction that has just ended. False:
 * shutdown. */
bool soft_deliver_db(struct soft_vp *vp, uint32_t dr6_bits);

/* INT n, INT3, INTO, ICEBP inside their handlers: deliver now (trap-class). */
void soft_software_interrupt(struct soft_vp *vp, uint8_t vector,
			     const struct insn *in);
