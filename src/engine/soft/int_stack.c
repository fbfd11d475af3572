/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE. The stack pointer moves
 * when the accesses are done, so that a fault leaves it alone.
 */
#include "int.h"

/* ---- PUSH ---- */

HANDLER_MEM(push64_r)
{
	uint64_t sp = vp->hv.regs.gpr[X86_RSP] - 8;

	mem_write64(vp, sp, vp->hv.regs.gpr[in->rm]);
	vp->hv.regs.gpr[X86_RSP] = sp;
}

HANDLER_MEM(push64_i)
{
	uint64_t sp = vp->hv.regs.gpr[X86_RSP] - 8;

	mem_write64(vp, sp, in->imm);
	vp->hv.regs.gpr[X86_RSP] = sp;
}

HANDLER_MEM(push64_m)
{
	uint64_t v = mem_read64(vp, insn_linear(vp, in, 8, false));
	uint64_t sp = vp->hv.regs.gpr[X86_RSP] - 8;

	mem_write64(vp, sp, v);
	vp->hv.regs.gpr[X86_RSP] = sp;
}

HANDLER_MEM(push_r)
{
	stack_push(vp, vp->hv.regs.gpr[in->rm], in->opsize);
}

HANDLER_MEM(push_i)
{
	stack_push(vp, in->imm, in->opsize);
}

HANDLER_MEM(push_m)
{
	uint64_t lin = insn_linear(vp, in, in->opsize, false);

	stack_push(vp, mem_read_sized(vp, lin, in->opsize), in->opsize);
}

/* ---- POP ---- */

HANDLER_MEM(pop64_r)
{
	uint64_t sp = vp->hv.regs.gpr[X86_RSP];
	uint64_t v = mem_read64(vp, sp);

	vp->hv.regs.gpr[X86_RSP] = sp + 8;
	vp->hv.regs.gpr[in->rm] = v; /* POP RSP: the value wins */
}

HANDLER_MEM(pop_r)
{
	uint64_t v = stack_top(vp, in->opsize);

	set_stack_pointer(vp, stack_move(vp, stack_pointer(vp), in->opsize));
	put_opsize(vp, in, in->rm, v);
}

/* An address that uses RSP sees it as POP leaves it. */
HANDLER_MEM(pop_m)
{
	uint64_t rsp = vp->hv.regs.gpr[X86_RSP];
	uint64_t v = stack_top(vp, in->opsize);
	uint64_t after = stack_move(vp, stack_pointer(vp), in->opsize);
	uint64_t ea, lin;

	/* A fault must find RSP as it was. */
	set_stack_pointer(vp, after);
	ea = insn_ea(vp, in);
	vp->hv.regs.gpr[X86_RSP] = rsp;
	lin = seg_linear(vp, in->seg, ea, in->opsize, true);
	mem_write_sized(vp, lin, v, in->opsize);
	set_stack_pointer(vp, after);
}

/* ---- PUSHA, POPA ---- */

HANDLER_MEM(pusha)
{
	unsigned int size = in->opsize;
	uint64_t sp = stack_pointer(vp);
	uint64_t lin[8];

	for (unsigned int i = 0; i < 8; i++) {
		uint64_t at = stack_move(vp, sp, -(int64_t)((i + 1) * size));

		lin[i] = stack_linear(vp, at, size, true);
		mem_probe(vp, lin[i], MEM_WRITE, size);
	}
	for (unsigned int i = 0; i < 8; i++)
		mem_write_sized(vp, lin[i], vp->hv.regs.gpr[i], size);
	set_stack_pointer(vp, stack_move(vp, sp, -(int64_t)(8 * size)));
}

HANDLER_MEM(popa)
{
	unsigned int size = in->opsize;
	uint64_t sp = stack_pointer(vp);
	uint64_t v[8];

	for (unsigned int i = 0; i < 8; i++) {
		uint64_t at = stack_move(vp, sp, (int64_t)(i * size));

		v[i] = mem_read_sized(vp, stack_linear(vp, at, size, false),
				      size);
	}
	set_stack_pointer(vp, stack_move(vp, sp, (int64_t)(8 * size)));
	for (unsigned int i = 0; i < 8; i++)
		if (i != 7 - X86_RSP)
			put_opsize(vp, in, 7 - i, v[i]);
}

/* ---- PUSHF, POPF ---- */

static unsigned int iopl(const struct soft_vp *vp)
{
	return (vp->hv.regs.rflags & X86_FL_IOPL) >> X86_FL_IOPL_SHIFT;
}

/* Virtual-8086 mode with IOPL below 3: VME helps 16-bit forms (SDM 20.3). */
static bool v86_restricted(struct soft_vp *vp, const struct insn *in)
{
	if (!(vp->mode & SOFT_MODE_V86) || iopl(vp) == 3)
		return false;
	if (in->opsize != 2 || !(vp->hv.regs.cr4 & X86_CR4_VME))
		soft_raise_error(vp, X86_GP, 0);
	return true;
}

HANDLER(pushf)
{
	uint64_t v = flags_get(vp);

	if (v86_restricted(vp, in)) {
		/* IOPL is shown as 3 and IF as VIF. */
		v |= X86_FL_IOPL;
		v &= ~X86_FL_IF;
		if (v & X86_FL_VIF)
			v |= X86_FL_IF;
	}
	stack_push(vp, v & ~(X86_FL_VM | X86_FL_RF), in->opsize);
}

/* The bits POPF may change. */
static uint64_t popf_mask(const struct soft_vp *vp, const struct insn *in)
{
	uint64_t mask = X86_FL_ARITH | X86_FL_TF | X86_FL_DF | X86_FL_NT |
			X86_FL_AC | X86_FL_ID;
	unsigned int cpl = vp_cpl(&vp->hv.regs);

	if (vp->mode & SOFT_MODE_REAL)
		cpl = 0;
	if (cpl == 0 && !(vp->mode & SOFT_MODE_V86))
		mask |= X86_FL_IOPL;
	if (vp->mode & SOFT_MODE_V86 || cpl <= iopl(vp))
		mask |= X86_FL_IF;
	return in->opsize == 2 ? mask & 0xffff : mask;
}

static void popf_done(struct soft_vp *vp, uint64_t rflags)
{
	flags_set(vp, rflags);
	soft_mode_update(vp);
}

static void popf_vme(struct soft_vp *vp, uint64_t v)
{
	uint64_t old = flags_get(vp);
	uint64_t mask = (X86_FL_ARITH | X86_FL_DF | X86_FL_NT) & 0xffff;

	if ((v & X86_FL_TF) || ((v & X86_FL_IF) && (old & X86_FL_VIP)))
		soft_raise_error(vp, X86_GP, 0);
	old = (old & ~(mask | X86_FL_VIF)) | (v & mask);
	if (v & X86_FL_IF)
		old |= X86_FL_VIF;
	set_stack_pointer(vp, stack_move(vp, stack_pointer(vp), 2));
	popf_done(vp, old);
}

HANDLER_LAST(popf)
{
	bool vme = v86_restricted(vp, in);
	uint64_t v = stack_top(vp, in->opsize);
	uint64_t mask;

	if (vme) {
		popf_vme(vp, v);
		return;
	}
	mask = popf_mask(vp, in);
	set_stack_pointer(vp, stack_move(vp, stack_pointer(vp), in->opsize));
	popf_done(vp, (flags_get(vp) & ~(mask | X86_FL_RF)) | (v & mask));
}

/* ---- ENTER, LEAVE ---- */

/*
 * One push after the other: the frame may overlap the outer levels' pointers
 * that it copies. A fault leaves what was pushed in memory, as processors do.
 */
HANDLER_MEM(enter)
{
	unsigned int size = in->opsize;
	unsigned int level = in->sel & 31;
	uint64_t sp = stack_pointer(vp);
	uint64_t bp = vp->hv.regs.gpr[X86_RBP];
	uint64_t frame = stack_move(vp, sp, -(int64_t)size);

	if (!(vp->mode & (SOFT_MODE_64 | SOFT_MODE_SS32)))
		frame |= vp->hv.regs.gpr[X86_RSP] & ~UINT64_C(0xffff);
	/* The old frame pointer, those of outer levels, the new one. */
	for (unsigned int i = 0; i <= level; i++) {
		uint64_t at = stack_move(vp, bp, -(int64_t)(i * size));
		uint64_t v = i == 0 ? bp : frame;

		if (i > 0 && i < level)
			v = mem_read_sized(
				vp, stack_linear(vp, at, size, false), size);
		sp = stack_move(vp, sp, -(int64_t)size);
		mem_write_sized(vp, stack_linear(vp, sp, size, true), v, size);
	}
	sp = stack_move(vp, sp, -(int64_t)in->imm);
	/* A stack that cannot be written on is noticed here (SDM 2 ENTER). */
	mem_probe(vp, stack_linear(vp, sp, size, true), MEM_WRITE, size);
	put_opsize(vp, in, X86_RBP, frame);
	set_stack_pointer(vp, sp);
}

HANDLER_MEM(leave)
{
	unsigned int size = in->opsize;
	uint64_t sp = stack_move(vp, vp->hv.regs.gpr[X86_RBP], 0);
	uint64_t v =
		mem_read_sized(vp, stack_linear(vp, sp, size, false), size);

	set_stack_pointer(vp, stack_move(vp, sp, size));
	put_opsize(vp, in, X86_RBP, v);
}

HANDLER_MEM(leave64)
{
	uint64_t bp = vp->hv.regs.gpr[X86_RBP];
	uint64_t v = mem_read64(vp, bp);

	vp->hv.regs.gpr[X86_RSP] = bp + 8;
	vp->hv.regs.gpr[X86_RBP] = v;
}

static insn_fn *bind_push(const struct soft_vp *vp, const struct insn *in)
{
	bool wide = (vp->mode & SOFT_MODE_64) && in->opsize == 8;

	if (insn_opnd_kind(insn_desc(in)->opnd[0]) == OPND_IMM)
		return wide ? push64_i : push_i;
	if (in->flags & INSN_MEM)
		return wide ? push64_m : push_m;
	return wide ? push64_r : push_r;
}

insn_fn *bind_stack(const struct soft_vp *vp, struct insn *in)
{
	bool wide = (vp->mode & SOFT_MODE_64) && in->opsize == 8;

	switch (in->op) {
	case OP_PUSH:
		return bind_push(vp, in);
	case OP_POP:
		if (in->flags & INSN_MEM)
			return pop_m;
		return wide ? pop64_r : pop_r;
	case OP_PUSHA:
		return pusha;
	case OP_POPA:
		return popa;
	case OP_PUSHF:
		return pushf;
	case OP_POPF:
		return popf;
	case OP_ENTER:
		return enter;
	case OP_LEAVE:
		return wide ? leave64 : leave;
	default:
		return NULL;
	}
}
