/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IRET in every mode (SDM 2 IRET) and the software interrupts, with the
 * virtual-8086 mode extensions (SDM 21.3, 21.4).
 */
#include "far.h"

#include "decode.h"
#include "deliver.h"
#include "fault.h"
#include "flags.h"
#include "mmu.h"
#include "seg.h"
#include "task.h"

static unsigned int iopl(const struct vp_regs *r)
{
	return (r->rflags & X86_FL_IOPL) >> X86_FL_IOPL_SHIFT;
}

/* RFLAGS with the bits of @mask from @new; of 16 bits if @size is 2. */
static void load_flags(struct soft_vp *vp, uint64_t new, uint64_t mask,
		       unsigned int size)
{
	uint64_t old = flags_get(vp);

	if (size == 2)
		mask &= 0xffff;
	flags_set(vp, (old & ~mask) | (new &mask) | X86_FL_FIXED);
}

/* What protected-mode IRET at @cpl may change. */
static uint64_t flags_mask(const struct vp_regs *r, unsigned int cpl)
{
	uint64_t mask = X86_FL_ARITH | X86_FL_TF | X86_FL_DF | X86_FL_NT |
			X86_FL_RF | X86_FL_AC | X86_FL_ID;

	if (cpl <= iopl(r))
		mask |= X86_FL_IF;
	if (cpl == 0)
		mask |= X86_FL_IOPL | X86_FL_VIF | X86_FL_VIP;
	return mask;
}

static void iret_real(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_segment *old = &vp->hv.regs.seg[X86_CS];
	uint64_t mask = X86_FL_ALL & ~(X86_FL_VM | X86_FL_VIF | X86_FL_VIP);
	bool v86 = vp->mode & SOFT_MODE_V86;
	struct vp_segment cs;
	struct stack s;
	uint64_t rip, flags;
	uint16_t sel;

	stack_current(vp, &s);
	rip = stack_pop(vp, &s, in->opsize);
	sel = (uint16_t)stack_pop(vp, &s, in->opsize);
	flags = stack_pop(vp, &s, in->opsize);
	cs = v86 ? seg_v86(sel) : seg_real(old, sel);
	if (rip > cs.limit)
		seg_raise_gp0(vp);
	if (v86)
		mask &= ~X86_FL_IOPL;
	stack_commit(vp, &s);
	load_flags(vp, flags, mask, in->opsize);
	seg_jump(vp, cs, 0, rip);
}

/* SDM 21.3.3.4: IRET at IOPL below 3 with CR4.VME loads VIF, not IF. */
static void iret_vme(struct soft_vp *vp)
{
	uint64_t mask = X86_FL_ALL & 0xffff & ~(X86_FL_IF | X86_FL_IOPL);
	struct vp_segment cs;
	struct stack s;
	uint64_t rip, flags;
	uint16_t sel;

	stack_current(vp, &s);
	rip = stack_pop(vp, &s, 2);
	sel = (uint16_t)stack_pop(vp, &s, 2);
	flags = stack_pop(vp, &s, 2);
	cs = seg_v86(sel);
	if ((flags & X86_FL_TF) ||
	    ((flags & X86_FL_IF) && (vp->hv.regs.rflags & X86_FL_VIP)))
		seg_raise_gp0(vp);
	if (flags & X86_FL_IF)
		flags |= X86_FL_VIF;
	stack_commit(vp, &s);
	load_flags(vp, flags, mask | X86_FL_VIF, 4);
	seg_jump(vp, cs, 0, rip);
}

static void iret_v86(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (iopl(r) == 3)
		iret_real(vp, in);
	else if ((r->cr4 & X86_CR4_VME) && in->opsize == 2)
		iret_vme(vp);
	else
		seg_raise_gp0(vp);
}

static void iret_to_v86(struct soft_vp *vp, struct stack *s, uint64_t rip,
			uint16_t cs, uint64_t flags)
{
	static const uint8_t order[] = {X86_SS, X86_ES, X86_DS, X86_FS, X86_GS};
	struct vp_regs *r = &vp->hv.regs;
	uint16_t sel[X86_SEGS];
	unsigned int i;
	uint64_t sp;

	sp = stack_pop(vp, s, 4);
	for (i = 0; i < sizeof(order); i++)
		sel[order[i]] = (uint16_t)stack_pop(vp, s, 4);
	if ((rip & UINT32_MAX) > 0xffff)
		seg_raise_gp0(vp);
	sel[X86_CS] = cs;
	flags_set(vp, (flags & X86_FL_ALL) | X86_FL_FIXED);
	for (i = 0; i < X86_SEGS; i++)
		r->seg[i] = seg_v86(sel[i]);
	r->gpr[X86_RSP] = (uint32_t)sp;
	r->rip = (uint32_t)rip;
}

static void iret_task(struct soft_vp *vp)
{
	uint16_t link;

	seg_read_tss(vp, 0, &link, 2);
	task_switch(vp, link, TASK_IRET, flags_get(vp));
}

static void iret_protected(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	unsigned int old_cpl = vp_cpl(r), cpl;
	bool pops_stack = vp->mode & SOFT_MODE_64;
	struct vp_segment cs, ss;
	uint64_t rip, flags, sp = 0;
	uint16_t sel, ss_sel;
	struct stack s;

	stack_current(vp, &s);
	rip = stack_pop(vp, &s, in->opsize);
	sel = (uint16_t)stack_pop(vp, &s, in->opsize);
	flags = stack_pop(vp, &s, in->opsize);
	if (!vp_long_mode(r) && (flags & X86_FL_VM) && old_cpl == 0 &&
	    in->opsize == 4) {
		iret_to_v86(vp, &s, rip, sel, flags);
		return;
	}
	cs = far_check_return(vp, sel);
	cpl = sel_rpl(sel);
	if (pops_stack || cpl != old_cpl) {
		sp = stack_pop(vp, &s, in->opsize);
		ss_sel = (uint16_t)stack_pop(vp, &s, in->opsize);
		ss = far_check_return_stack(vp, ss_sel, &cs);
		pops_stack = true;
	}
	seg_check_rip(vp, &cs, rip);

	load_flags(vp, flags, flags_mask(r, old_cpl), in->opsize);
	if (pops_stack)
		far_set_stack(vp, &ss, &cs, sp);
	else
		stack_commit(vp, &s);
	if (cpl != old_cpl)
		seg_drop_inner(vp, cpl);
	seg_jump(vp, cs, cpl, rip);
}

void op_iret(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;

	/* SDM 6.7.1: also when IRET itself faults */
	r->shadow &= ~VP_NMI_BLOCKED;
	if (vp->mode & SOFT_MODE_REAL)
		iret_real(vp, in);
	else if (vp->mode & SOFT_MODE_V86)
		iret_v86(vp, in);
	else if (!(r->rflags & X86_FL_NT))
		iret_protected(vp, in);
	else if (vp_long_mode(r))
		seg_raise_gp0(vp);
	else
		iret_task(vp);
	vp->end_block = true;
	soft_mode_update(vp);
}

/* ---- software interrupts ---- */

/* SDM 21.3.3.4: the TSS's redirection bitmap lies below the I/O bitmap. */
static bool redirected(struct soft_vp *vp, uint8_t vector)
{
	const struct vp_segment *tr = &vp->hv.regs.tr;
	uint16_t base;
	uint8_t bits;

	if (!seg_tss32(vp) || tr->limit < 0x67)
		return false;
	seg_read_tss(vp, 0x66, &base, 2);
	if (base < 32 || base - 32u + vector / 8u > tr->limit)
		return false;
	seg_read_tss(vp, base - 32u + vector / 8u, &bits, 1);
	return !(bits & BIT(vector & 7));
}

/* To the V86 task's own handler; false: through the IDT. */
static bool int_v86(struct soft_vp *vp, uint8_t vector)
{
	struct vp_regs *r = &vp->hv.regs;
	uint64_t flags = flags_get(vp);

	if (!(r->cr4 & X86_CR4_VME) || !redirected(vp, vector)) {
		if (iopl(r) < 3)
			seg_raise_gp0(vp);
		return false;
	}
	if (iopl(r) < 3) {
		flags |= X86_FL_IOPL;
		flags = r->rflags & X86_FL_VIF ? flags | X86_FL_IF
					       : flags & ~X86_FL_IF;
	}
	deliver_real(vp, vector, 0, (uint16_t)flags);
	r->rflags &= ~(X86_FL_TF | (iopl(r) < 3 ? X86_FL_VIF : X86_FL_IF));
	soft_mode_update(vp);
	return true;
}

void op_int(struct soft_vp *vp, const struct insn *in)
{
	uint8_t vector = (uint8_t)in->imm;

	if (in->op == OP_INT3)
		vector = X86_BP;
	if (in->op == OP_INT1)
		vector = X86_DB;
	if (in->op == OP_INT && (vp->mode & SOFT_MODE_V86) &&
	    int_v86(vp, vector))
		return;
	soft_software_interrupt(vp, vector, in);
}

void op_into(struct soft_vp *vp, const struct insn *in)
{
	if (vp->flags & FLAG_OF)
		soft_software_interrupt(vp, X86_OF, in);
}
