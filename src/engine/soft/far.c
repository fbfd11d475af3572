/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far jumps, calls and returns, call gates and task gates (SDM 5.8, 7.3).
 * Returns from interrupts are iret.c, system calls syscall.c.
 */
#include "far.h"

#include "decode.h"
#include "fault.h"
#include "flags.h"
#include "mmu.h"
#include "seg.h"
#include "task.h"

static bool long_mode(const struct soft_vp *vp)
{
	return vp_long_mode(&vp->hv.regs);
}

/* Commit a far transfer: nothing may fault any more. */
static void arrive(struct soft_vp *vp, struct vp_segment cs, unsigned int cpl,
		   uint64_t rip)
{
	seg_jump(vp, cs, cpl, rip);
	soft_mode_update(vp);
}

/* ---- direct transfers ---- */

/* SDM 5.8.1: a code segment named by a JMP or CALL. */
static struct vp_segment check_direct(struct soft_vp *vp, uint16_t sel,
				      uint64_t raw, uint64_t rip)
{
	unsigned int cpl = vp_cpl(&vp->hv.regs);
	unsigned int dpl = desc_dpl(raw);
	struct vp_segment cs;

	if (!seg_code_size_ok(vp, raw))
		seg_raise(vp, X86_GP, sel);
	if (desc_conforming(raw) ? dpl > cpl : sel_rpl(sel) > cpl || dpl != cpl)
		seg_raise(vp, X86_GP, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	cs = seg_from_desc(sel, seg_mark_accessed(vp, sel, raw));
	seg_check_rip(vp, &cs, rip);
	return cs;
}

static void push_return(struct soft_vp *vp, struct stack *s, unsigned int size)
{
	stack_room(vp, s, 2 * size);
	stack_push(vp, s, size, vp->hv.regs.seg[X86_CS].sel);
	stack_push(vp, s, size, vp->hv.regs.rip);
}

static void transfer_real(struct soft_vp *vp, uint16_t sel, uint64_t rip,
			  unsigned int size, bool call)
{
	const struct vp_segment *old = &vp->hv.regs.seg[X86_CS];
	struct vp_segment cs =
		vp->mode & SOFT_MODE_V86 ? seg_v86(sel) : seg_real(old, sel);
	struct stack s;

	if (rip > cs.limit)
		seg_raise_gp0(vp);
	if (call) {
		stack_current(vp, &s);
		push_return(vp, &s, size);
		stack_commit(vp, &s);
	}
	arrive(vp, cs, 0, rip);
}

static void transfer_direct(struct soft_vp *vp, uint16_t sel, uint64_t raw,
			    uint64_t rip, unsigned int size, bool call)
{
	struct vp_segment cs = check_direct(vp, sel, raw, rip);
	struct stack s;

	if (call) {
		stack_current(vp, &s);
		push_return(vp, &s, size);
		stack_commit(vp, &s);
	}
	arrive(vp, cs, vp_cpl(&vp->hv.regs), rip);
}

/* ---- gates ---- */

struct call_gate {
	uint16_t sel;
	uint8_t params;
	uint8_t size;
	uint64_t offset;
};

static void check_gate_dpl(struct soft_vp *vp, uint16_t sel, uint64_t raw)
{
	if (desc_dpl(raw) < vp_cpl(&vp->hv.regs) ||
	    sel_rpl(sel) > desc_dpl(raw))
		seg_raise(vp, X86_GP, sel);
}

static struct call_gate read_call_gate(struct soft_vp *vp, uint16_t sel,
				       uint64_t raw)
{
	struct call_gate g = {
		.sel = (uint16_t)(raw >> 16),
		.params = (raw >> 32) & 31,
		.size = desc_type(raw) == X86_TYPE_CALL_GATE ? 4 : 2,
		.offset = (raw & 0xffff) | ((raw >> 32) & 0xffff0000),
	};
	uint64_t high;

	check_gate_dpl(vp, sel, raw);
	if (g.size == 2)
		g.offset &= 0xffff;
	if (!long_mode(vp)) {
		if (!desc_present(raw))
			seg_raise(vp, X86_NP, sel);
		return g;
	}
	high = seg_desc_high(vp, sel);
	if (high & BITS64(44, 40))
		seg_raise(vp, X86_GP, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	g.offset |= high << 32;
	g.params = 0;
	g.size = 8;
	return g;
}

/* The gate's code segment (SDM 5.8.4). */
static uint64_t check_gate_target(struct soft_vp *vp, const struct call_gate *g,
				  bool call)
{
	unsigned int cpl = vp_cpl(&vp->hv.regs);
	uint16_t size_bits;
	uint64_t raw;

	if (sel_null(g->sel))
		seg_raise_gp0(vp);
	raw = seg_desc_or(vp, g->sel, X86_GP);
	if (!desc_code(raw) || desc_dpl(raw) > cpl)
		seg_raise(vp, X86_GP, g->sel);
	if (!call && !desc_conforming(raw) && desc_dpl(raw) != cpl)
		seg_raise(vp, X86_GP, g->sel);
	size_bits = desc_attr(raw) & (X86_ATTR_L | X86_ATTR_DB);
	if (long_mode(vp) && size_bits != X86_ATTR_L)
		seg_raise(vp, X86_GP, g->sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, g->sel);
	return raw;
}

/* The stack of the more privileged level a call gate leads to. */
static void gate_stack(struct soft_vp *vp, unsigned int cpl, struct stack *s,
		       struct vp_segment *ret_ss)
{
	uint64_t rsp;
	uint32_t esp;
	uint16_t ss;

	if (long_mode(vp)) {
		seg_read_tss(vp, 4 + 8 * cpl, &rsp, 8);
		stack_new(vp, s, NULL, rsp, cpl, true);
		*ret_ss = seg_null((uint16_t)cpl, cpl);
		return;
	}
	task_inner_stack(vp, cpl, &ss, &esp);
	*ret_ss = seg_check_stack(vp, ss, cpl, X86_TS);
	stack_new(vp, s, ret_ss, esp, cpl, false);
}

static void copy_params(struct soft_vp *vp, struct stack *to,
			const struct call_gate *g)
{
	uint64_t param[32];
	struct stack from;
	unsigned int i;

	stack_current(vp, &from);
	for (i = 0; i < g->params; i++)
		param[i] = stack_pop(vp, &from, g->size);
	while (i--)
		stack_push(vp, to, g->size, param[i]);
}

static void call_inner(struct soft_vp *vp, const struct call_gate *g,
		       struct vp_segment cs, unsigned int cpl)
{
	const struct vp_regs *r = &vp->hv.regs;
	struct vp_segment ss;
	struct stack s;

	gate_stack(vp, cpl, &s, &ss);
	seg_check_rip(vp, &cs, g->offset);
	stack_room(vp, &s, (4u + g->params) * g->size);
	stack_push(vp, &s, g->size, r->seg[X86_SS].sel);
	stack_push(vp, &s, g->size, r->gpr[X86_RSP]);
	copy_params(vp, &s, g);
	push_return(vp, &s, g->size);
	vp->hv.regs.seg[X86_SS] = ss;
	stack_commit(vp, &s);
	arrive(vp, cs, cpl, g->offset);
}

static void transfer_gate(struct soft_vp *vp, uint16_t sel, uint64_t raw,
			  bool call)
{
	struct call_gate g = read_call_gate(vp, sel, raw);
	uint64_t target = check_gate_target(vp, &g, call);
	unsigned int cpl = vp_cpl(&vp->hv.regs);
	struct vp_segment cs;
	struct stack s;

	cs = seg_from_desc(g.sel, seg_mark_accessed(vp, g.sel, target));
	if (call && !desc_conforming(target) && desc_dpl(target) < cpl) {
		call_inner(vp, &g, cs, desc_dpl(target));
		return;
	}
	seg_check_rip(vp, &cs, g.offset);
	if (call) {
		stack_current(vp, &s);
		if (long_mode(vp))
			s.mask = UINT64_MAX;
		push_return(vp, &s, g.size);
		stack_commit(vp, &s);
	}
	arrive(vp, cs, cpl, g.offset);
}

static void transfer_task(struct soft_vp *vp, uint16_t sel, uint64_t raw,
			  bool call)
{
	enum task_cause cause = call ? TASK_CALL : TASK_JUMP;

	check_gate_dpl(vp, sel, raw);
	if (desc_type(raw) == X86_TYPE_TASK_GATE) {
		if (!desc_present(raw))
			seg_raise(vp, X86_NP, sel);
		sel = (uint16_t)(raw >> 16);
	}
	task_switch(vp, sel, cause, flags_get(vp));
}

static void transfer_system(struct soft_vp *vp, uint16_t sel, uint64_t raw,
			    bool call)
{
	switch (desc_type(raw)) {
	case X86_TYPE_CALL_GATE:
		transfer_gate(vp, sel, raw, call);
		return;
	case X86_TYPE_CALL_GATE16:
		if (long_mode(vp))
			break;
		transfer_gate(vp, sel, raw, call);
		return;
	case X86_TYPE_TASK_GATE:
	case X86_TYPE_TSS16_AVAIL:
	case X86_TYPE_TSS_AVAIL:
		if (long_mode(vp))
			break;
		transfer_task(vp, sel, raw, call);
		return;
	default:
		break;
	}
	seg_raise(vp, X86_GP, sel);
}

static void transfer(struct soft_vp *vp, uint16_t sel, uint64_t rip,
		     unsigned int size, bool call)
{
	uint64_t raw;

	if (seg_real_or_v86(vp)) {
		transfer_real(vp, sel, rip, size, call);
		return;
	}
	if (sel_null(sel))
		seg_raise_gp0(vp);
	raw = seg_desc_or(vp, sel, X86_GP);
	if (desc_code(raw))
		transfer_direct(vp, sel, raw, rip, size, call);
	else if (!desc_segment(raw))
		transfer_system(vp, sel, raw, call);
	else
		seg_raise(vp, X86_GP, sel);
}

/* The far pointer of an instruction: immediate or in memory. */
static uint16_t far_pointer(struct soft_vp *vp, const struct insn *in,
			    uint64_t *ret_rip)
{
	uint8_t b[10];
	uint64_t lin;
	uint64_t rip = 0;
	unsigned int i;

	if (!(in->flags & INSN_MEM)) {
		*ret_rip = in->imm;
		return in->sel;
	}
	lin = insn_linear(vp, in, in->opsize + 2u, false);
	mem_read(vp, lin, b, in->opsize + 2u);
	for (i = 0; i < in->opsize; i++)
		rip |= (uint64_t)b[i] << (8 * i);
	*ret_rip = rip;
	return (uint16_t)(b[in->opsize] | b[in->opsize + 1] << 8);
}

void op_jmp_far(struct soft_vp *vp, const struct insn *in)
{
	uint64_t rip;
	uint16_t sel = far_pointer(vp, in, &rip);

	transfer(vp, sel, rip, in->opsize, false);
}

void op_call_far(struct soft_vp *vp, const struct insn *in)
{
	uint64_t rip;
	uint16_t sel = far_pointer(vp, in, &rip);

	transfer(vp, sel, rip, in->opsize, true);
}

/* ---- returns ---- */

struct vp_segment far_check_return(struct soft_vp *vp, uint16_t sel)
{
	unsigned int rpl = sel_rpl(sel), dpl;
	uint64_t raw;

	if (sel_null(sel))
		seg_raise_gp0(vp);
	raw = seg_desc_or(vp, sel, X86_GP);
	dpl = desc_dpl(raw);
	if (!desc_code(raw) || rpl < vp_cpl(&vp->hv.regs) ||
	    (desc_conforming(raw) ? dpl > rpl : dpl != rpl) ||
	    !seg_code_size_ok(vp, raw))
		seg_raise(vp, X86_GP, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	return seg_from_desc(sel, seg_mark_accessed(vp, sel, raw));
}

struct vp_segment far_check_return_stack(struct soft_vp *vp, uint16_t sel,
					 const struct vp_segment *cs)
{
	unsigned int cpl = sel_rpl(cs->sel);

	if (sel_null(sel) && long_mode(vp) && (cs->attr & X86_ATTR_L) &&
	    cpl != 3 && sel_rpl(sel) == cpl)
		return seg_null(sel, cpl);
	return seg_check_stack(vp, sel, cpl, X86_GP);
}

void far_set_stack(struct soft_vp *vp, const struct vp_segment *ss,
		   const struct vp_segment *cs, uint64_t sp)
{
	uint64_t *rsp = &vp->hv.regs.gpr[X86_RSP];

	vp->hv.regs.seg[X86_SS] = *ss;
	if (long_mode(vp) && (cs->attr & X86_ATTR_L))
		*rsp = sp;
	else if (ss->attr & X86_ATTR_DB)
		*rsp = (uint32_t)sp;
	else
		*rsp = (*rsp & ~UINT64_C(0xffff)) | (sp & 0xffff);
}

static void return_real(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_segment *old = &vp->hv.regs.seg[X86_CS];
	struct vp_segment cs;
	struct stack s;
	uint64_t rip;
	uint16_t sel;

	stack_current(vp, &s);
	rip = stack_pop(vp, &s, in->opsize);
	sel = (uint16_t)stack_pop(vp, &s, in->opsize);
	cs = vp->mode & SOFT_MODE_V86 ? seg_v86(sel) : seg_real(old, sel);
	if (rip > cs.limit)
		seg_raise_gp0(vp);
	s.sp = (s.sp + in->imm) & s.mask;
	stack_commit(vp, &s);
	arrive(vp, cs, 0, rip);
}

static void return_outer(struct soft_vp *vp, const struct insn *in,
			 struct stack *s, struct vp_segment cs, uint64_t rip)
{
	unsigned int cpl = sel_rpl(cs.sel);
	struct vp_segment ss;
	uint16_t sel;
	uint64_t sp;

	s->sp = (s->sp + in->imm) & s->mask;
	sp = stack_pop(vp, s, in->opsize);
	sel = (uint16_t)stack_pop(vp, s, in->opsize);
	ss = far_check_return_stack(vp, sel, &cs);
	seg_check_rip(vp, &cs, rip);
	far_set_stack(vp, &ss, &cs, sp + in->imm);
	seg_drop_inner(vp, cpl);
	arrive(vp, cs, cpl, rip);
}

void op_ret_far(struct soft_vp *vp, const struct insn *in)
{
	struct vp_segment cs;
	struct stack s;
	uint64_t rip;
	uint16_t sel;

	if (seg_real_or_v86(vp)) {
		return_real(vp, in);
		return;
	}
	stack_current(vp, &s);
	rip = stack_pop(vp, &s, in->opsize);
	sel = (uint16_t)stack_pop(vp, &s, in->opsize);
	cs = far_check_return(vp, sel);
	if (sel_rpl(sel) != vp_cpl(&vp->hv.regs)) {
		return_outer(vp, in, &s, cs, rip);
		return;
	}
	seg_check_rip(vp, &cs, rip);
	s.sp = (s.sp + in->imm) & s.mask;
	stack_commit(vp, &s);
	arrive(vp, cs, sel_rpl(sel), rip);
}
