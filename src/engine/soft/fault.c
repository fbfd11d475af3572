/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raising exceptions and bringing events home: what is done when delivery
 * itself faults, double faults and shutdown (SDM 6.15, #DF). One attempt of a
 * delivery is deliver.c.
 */
#include "fault.h"

#include "decode.h"
#include "deliver.h"

#include <base/mem.h>

/* Back to the start of the instruction that is being executed. */
static void rewind_rip(struct soft_vp *vp)
{
	uint64_t rip = vp->hv.regs.rip;

	if (!vp->in)
		return;
	rip -= vp->in->len;
	if (!(vp->mode & SOFT_MODE_64))
		rip = (uint32_t)rip;
	if ((vp->mode & SOFT_MODE_16) && rip > UINT32_MAX - INSN_MAX_LEN)
		rip &= 0xffff;
	vp->hv.regs.rip = rip;
	vp->in = NULL;
}

static _Noreturn void raise_fault(struct soft_vp *vp, uint8_t vector,
				  bool has_error, uint32_t error)
{
	rewind_rip(vp);
	vp->fault.vector = vector;
	vp->fault.has_error = has_error;
	vp->fault.error = error;
	vp->fault.trap = false;
	vp->fault.software = false;
	vp->fault_ext = 0;
	longjmp(vp->fault_jmp, 1);
}

void soft_raise(struct soft_vp *vp, uint8_t vector)
{
	raise_fault(vp, vector, false, 0);
}

void soft_raise_error(struct soft_vp *vp, uint8_t vector, uint32_t error)
{
	if (vector >= X86_TS && vector <= X86_GP)
		error |= vp->fault_ext;
	raise_fault(vp, vector, true, error);
}

void soft_raise_pf(struct soft_vp *vp, uint64_t lin, uint32_t error)
{
	vp->fault.address = lin;
	vp->hv.regs.cr2 = lin;
	raise_fault(vp, X86_PF, true, error);
}

/* ---- double faults ---- */

static bool contributory(uint8_t vector)
{
	return vector == X86_DE || (vector >= X86_TS && vector <= X86_GP);
}

/* What is delivered when @first could not be because of @second. */
static struct soft_event escalate(const struct soft_event *first,
				  const struct soft_event *second)
{
	bool exception = first->kind == SOFT_EVENT_FAULT;

	if (exception &&
	    ((contributory(first->vector) && contributory(second->vector)) ||
	     (first->vector == X86_PF &&
	      (contributory(second->vector) || second->vector == X86_PF))))
		return (struct soft_event){.kind = SOFT_EVENT_FAULT,
					   .vector = X86_DF,
					   .has_error = true};
	return *second;
}

static struct soft_event fault_event(const struct soft_vp *vp)
{
	return (struct soft_event){
		.kind = SOFT_EVENT_FAULT,
		.vector = vp->fault.vector,
		.has_error = vp->fault.has_error,
		.error = vp->fault.error,
	};
}

/* False: raised something itself, which is in vp->fault. */
static bool attempt(struct soft_vp *vp, const struct soft_event *ev)
{
	jmp_buf outer;
	volatile bool done = false;

	memcpy(&outer, &vp->fault_jmp, sizeof(outer));
	vp->fault_ext = ev->kind != SOFT_EVENT_SOFTWARE;
	if (!_setjmp(vp->fault_jmp)) {
		deliver_event(vp, ev);
		done = true;
	}
	vp->fault_ext = 0;
	memcpy(&vp->fault_jmp, &outer, sizeof(outer));
	return done;
}

static bool deliver(struct soft_vp *vp, struct soft_event ev)
{
	struct soft_event next;
	bool db;

	vp->in = NULL;
	for (;;) {
		db = ev.vector == X86_DB && ev.kind != SOFT_EVENT_EXTERNAL;
		if (attempt(vp, &ev)) {
			if (db)
				vp->hv.regs.dr7 &= ~X86_DR7_GD;
			break;
		}
		if (ev.kind == SOFT_EVENT_FAULT && ev.vector == X86_DF)
			return false;
		next = fault_event(vp);
		ev = escalate(&ev, &next);
	}
	vp->end_block = true;
	return true;
}

bool soft_deliver_fault(struct soft_vp *vp)
{
	return deliver(vp, fault_event(vp));
}

bool soft_deliver_event(struct soft_vp *vp, enum hv_event event, uint8_t vector)
{
	struct soft_event ev = {.kind = SOFT_EVENT_EXTERNAL, .vector = vector};

	if (event == HV_EVENT_NMI) {
		ev.vector = X86_NMI;
		vp->hv.regs.shadow |= VP_NMI_BLOCKED;
	}
	return deliver(vp, ev);
}

bool soft_deliver_db(struct soft_vp *vp, uint32_t dr6_bits)
{
	struct vp_regs *r = &vp->hv.regs;

	/* SDM 18.2.3: B0 to B3 speak of this event only, the rest piles up */
	r->dr6 = (r->dr6 & ~(uint64_t)0xf) | X86_DR6_FIXED | dr6_bits;
	return deliver(vp, (struct soft_event){.kind = SOFT_EVENT_TRAP,
					       .vector = X86_DB});
}

void soft_software_interrupt(struct soft_vp *vp, uint8_t vector,
			     const struct insn *in)
{
	struct soft_event ev = {.kind = SOFT_EVENT_SOFTWARE, .vector = vector};

	if (in->op == OP_INT1) {
		ev.kind = SOFT_EVENT_TRAP;
		vp->hv.regs.dr7 &= ~X86_DR7_GD;
		vp->fault_ext = 1;
	}
	deliver_event(vp, &ev);
	vp->fault_ext = 0;
	vp->end_block = true;
}
