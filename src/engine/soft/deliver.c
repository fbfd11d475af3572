/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery through the interrupt tables: real mode (SDM 21.1.4), protected
 * mode with interrupt, trap and task gates and from V86 (SDM 6.11, 6.12,
 * 21.3), long mode with the IST (SDM 6.14). Everything is checked and every
 * push made before a register changes.
 */
#include "deliver.h"

#include "fault.h"
#include "flags.h"
#include "mmu.h"
#include "seg.h"
#include "task.h"

#define GATE_WIDE 8u /* type bit: 32-bit (64-bit) rather than 16-bit */
#define GATE_TRAP 1u /* type bit: IF stays */

struct gate {
	uint8_t type;
	uint8_t ist;
	uint16_t sel;
	uint64_t offset;
};

/* The new stack and how the frame is made. */
struct frame {
	struct stack stack;
	struct vp_segment ss; /* for SS, when @inner */
	bool inner;           /* SS and SP are switched */
	unsigned int size;    /* of one slot */
	unsigned int cpl;
};

/* ---- flags ---- */

/* RFLAGS as the handler will see them on its stack (SDM 18.3.1.1). */
static uint64_t pushed_flags(const struct soft_vp *vp,
			     const struct soft_event *ev)
{
	uint64_t flags = flags_get(vp);

	if (ev->kind == SOFT_EVENT_FAULT && ev->vector != X86_DB &&
	    ev->vector != X86_DF)
		flags |= X86_FL_RF;
	return flags;
}

static void enter_flags(struct soft_vp *vp, bool trap_gate)
{
	uint64_t clear = X86_FL_TF | X86_FL_VM | X86_FL_RF | X86_FL_NT;

	if (!trap_gate)
		clear |= X86_FL_IF;
	vp->hv.regs.rflags &= ~clear;
}

static void entered(struct soft_vp *vp)
{
	vp->hv.regs.shadow &= ~(VP_SHADOW_STI | VP_SHADOW_MOV_SS);
	vp->end_block = true;
	soft_mode_update(vp);
}

/* ---- real mode ---- */

void deliver_real(struct soft_vp *vp, uint8_t vector, uint64_t base,
		  uint16_t flags)
{
	struct vp_regs *r = &vp->hv.regs;
	struct vp_segment cs;
	uint16_t entry[2];
	struct stack s;

	mem_read_sys(vp, base + vector * 4u, entry, 4);
	stack_current(vp, &s);
	stack_room(vp, &s, 6);
	stack_push(vp, &s, 2, flags);
	stack_push(vp, &s, 2, r->seg[X86_CS].sel);
	stack_push(vp, &s, 2, r->rip);
	cs = vp->mode & SOFT_MODE_V86 ? seg_v86(entry[1])
				      : seg_real(&r->seg[X86_CS], entry[1]);
	stack_commit(vp, &s);
	seg_jump(vp, cs, 0, entry[0]);
}

static void deliver_real_mode(struct soft_vp *vp, const struct soft_event *ev)
{
	struct vp_regs *r = &vp->hv.regs;

	if (ev->vector * 4u + 3 > r->idtr.limit)
		soft_raise_error(vp, X86_GP, ev->vector * 8u + 2);
	deliver_real(vp, ev->vector, r->idtr.base,
		     (uint16_t)pushed_flags(vp, ev));
	r->rflags &= ~(X86_FL_IF | X86_FL_TF | X86_FL_AC | X86_FL_RF);
	entered(vp);
}

/* ---- gates ---- */

static bool gate_type_ok(const struct soft_vp *vp, unsigned int type)
{
	switch (type) {
	case X86_TYPE_INT_GATE:
	case X86_TYPE_TRAP_GATE:
		return true;
	case X86_TYPE_TASK_GATE:
	case X86_TYPE_INT_GATE16:
	case X86_TYPE_TRAP_GATE16:
		return !vp_long_mode(&vp->hv.regs);
	default:
		return false;
	}
}

static struct gate read_gate(struct soft_vp *vp, const struct soft_event *ev)
{
	const struct vp_regs *r = &vp->hv.regs;
	unsigned int size = vp_long_mode(r) ? 16 : 8;
	uint32_t error = ev->vector * 8u + 2;
	uint32_t off = ev->vector * size;
	uint64_t raw[2] = {0, 0};
	struct gate g;

	if (off + size - 1 > r->idtr.limit)
		soft_raise_error(vp, X86_GP, error);
	mem_read_sys(vp, r->idtr.base + off, raw, size);
	if (desc_segment(raw[0]) || !gate_type_ok(vp, desc_type(raw[0])))
		soft_raise_error(vp, X86_GP, error);
	if (ev->kind == SOFT_EVENT_SOFTWARE && desc_dpl(raw[0]) < vp_cpl(r))
		soft_raise_error(vp, X86_GP, error);
	if (!desc_present(raw[0]))
		soft_raise_error(vp, X86_NP, error);
	g.type = (uint8_t)desc_type(raw[0]);
	g.sel = (uint16_t)(raw[0] >> 16);
	g.ist = vp_long_mode(r) ? (raw[0] >> 32) & 7 : 0;
	g.offset = (raw[0] & 0xffff) | ((raw[0] >> 32) & 0xffff0000) |
		   raw[1] << 32;
	if (!(g.type & GATE_WIDE))
		g.offset &= 0xffff;
	return g;
}

static uint64_t read_handler(struct soft_vp *vp, const struct gate *g)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t raw;

	if (sel_null(g->sel))
		seg_raise_gp0(vp);
	raw = seg_desc_or(vp, g->sel, X86_GP);
	if (!desc_code(raw) || desc_dpl(raw) > vp_cpl(r))
		seg_raise(vp, X86_GP, g->sel);
	if (vp_long_mode(r) &&
	    (desc_attr(raw) & (X86_ATTR_L | X86_ATTR_DB)) != X86_ATTR_L)
		seg_raise(vp, X86_GP, g->sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, g->sel);
	return raw;
}

/* ---- the handler's stack ---- */

/* SDM 6.14.2, 6.14.4, 6.14.5 */
static void stack_64(struct soft_vp *vp, const struct gate *g, struct frame *f)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t sp = r->gpr[X86_RSP];

	if (g->ist)
		seg_read_tss(vp, 28 + 8u * g->ist, &sp, 8);
	else if (f->inner)
		seg_read_tss(vp, 4 + 8 * f->cpl, &sp, 8);
	stack_new(vp, &f->stack, NULL, sp & ~UINT64_C(15), f->cpl, true);
	f->ss = seg_null((uint16_t)f->cpl, f->cpl);
	f->size = 8;
}

static void stack_inner(struct soft_vp *vp, struct frame *f)
{
	uint32_t sp;
	uint16_t ss;

	task_inner_stack(vp, f->cpl, &ss, &sp);
	f->ss = seg_check_stack(vp, ss, f->cpl, X86_TS);
	stack_new(vp, &f->stack, &f->ss, sp, f->cpl, false);
}

static void push_v86_segments(struct soft_vp *vp, struct frame *f)
{
	static const uint8_t order[] = {X86_GS, X86_FS, X86_DS, X86_ES};
	unsigned int i;

	for (i = 0; i < sizeof(order); i++)
		stack_push(vp, &f->stack, f->size,
			   vp->hv.regs.seg[order[i]].sel);
}

static void push_frame(struct soft_vp *vp, const struct soft_event *ev,
		       struct frame *f, bool v86, bool push_ss)
{
	const struct vp_regs *r = &vp->hv.regs;
	unsigned int slots =
		3u + ev->has_error + (push_ss ? 2 : 0) + (v86 ? 4 : 0);

	stack_room(vp, &f->stack, slots * f->size);
	if (v86)
		push_v86_segments(vp, f);
	if (push_ss) {
		stack_push(vp, &f->stack, f->size, r->seg[X86_SS].sel);
		stack_push(vp, &f->stack, f->size, r->gpr[X86_RSP]);
	}
	stack_push(vp, &f->stack, f->size, pushed_flags(vp, ev));
	stack_push(vp, &f->stack, f->size, r->seg[X86_CS].sel);
	stack_push(vp, &f->stack, f->size, r->rip);
	if (ev->has_error)
		stack_push(vp, &f->stack, f->size, ev->error);
}

static void null_data_segments(struct soft_vp *vp)
{
	static const uint8_t segs[] = {X86_ES, X86_DS, X86_FS, X86_GS};
	unsigned int i;

	for (i = 0; i < sizeof(segs); i++)
		vp->hv.regs.seg[segs[i]] = seg_null(0, 0);
}

static void deliver_gate(struct soft_vp *vp, const struct soft_event *ev,
			 const struct gate *g)
{
	struct vp_regs *r = &vp->hv.regs;
	bool lma = vp_long_mode(r), v86 = r->rflags & X86_FL_VM;
	uint64_t raw = read_handler(vp, g);
	struct vp_segment cs;
	struct frame f = {
		.size = g->type & GATE_WIDE ? 4 : 2,
		.cpl = vp_cpl(r),
	};

	if (!desc_conforming(raw) && desc_dpl(raw) < f.cpl) {
		f.inner = true;
		f.cpl = desc_dpl(raw);
	}
	if (v86 && (!f.inner || f.cpl != 0))
		seg_raise(vp, X86_GP, g->sel);
	if (lma)
		stack_64(vp, g, &f);
	else if (f.inner)
		stack_inner(vp, &f);
	else
		stack_current(vp, &f.stack);
	cs = seg_from_desc(g->sel, seg_mark_accessed(vp, g->sel, raw));
	seg_check_rip(vp, &cs, g->offset);
	push_frame(vp, ev, &f, v86, lma || f.inner);

	if (v86)
		null_data_segments(vp);
	enter_flags(vp, g->type & GATE_TRAP);
	if (f.inner)
		r->seg[X86_SS] = f.ss;
	stack_commit(vp, &f.stack);
	vp->mode &= ~SOFT_MODE_V86;
	seg_jump(vp, cs, f.cpl, g->offset);
	entered(vp);
}

/* SDM 7.3: the handler is a task. */
static void deliver_task(struct soft_vp *vp, const struct soft_event *ev,
			 const struct gate *g)
{
	struct stack s;

	task_switch(vp, g->sel, TASK_INTERRUPT, pushed_flags(vp, ev));
	if (ev->has_error) {
		unsigned int size = seg_tss32(vp) ? 4 : 2;

		stack_current(vp, &s);
		stack_push(vp, &s, size, ev->error);
		stack_commit(vp, &s);
	}
	entered(vp);
}

void deliver_event(struct soft_vp *vp, const struct soft_event *ev)
{
	struct gate g;

	if (!(vp->hv.regs.cr0 & X86_CR0_PE)) {
		deliver_real_mode(vp, ev);
		return;
	}
	g = read_gate(vp, ev);
	if (g.type == X86_TYPE_TASK_GATE)
		deliver_task(vp, ev, &g);
	else
		deliver_gate(vp, ev, &g);
}
