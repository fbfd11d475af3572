/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Near branches. regs.rip already is the address behind the instruction. The
 * target is checked before anything changes, so that a fault is the
 * branch's.
 */
#include "int.h"

/* Jump by in->imm in 64-bit code. */
static inline void jump_relative64(struct soft_vp *vp, const struct insn *in)
{
	uint64_t target = vp->block_rip + in->end + in->imm;

	if (__builtin_expect((uint64_t)sign_extend(target, 48) != target, 0))
		soft_raise_error(vp, X86_GP, 0);
	vp->hv.regs.rip = target;
}

static inline void jump_relative(struct soft_vp *vp, const struct insn *in)
{
	vp->hv.regs.rip =
		branch_target(vp, in->opsize, vp->hv.regs.rip + in->imm);
}

#define DEFINE_JCC(cc, test, not )                                             \
	HANDLER_BRANCH(j##cc##_64)                                             \
	{                                                                      \
		if (not test(vp->flags))                                       \
			jump_relative64(vp, in);                               \
	}                                                                      \
	HANDLER_BRANCH(j##cc##_any)                                            \
	{                                                                      \
		if (not test(vp->flags))                                       \
			jump_relative(vp, in);                                 \
	}
FOR_EACH_COND(DEFINE_JCC)

#define JCC_ROW(cc, test, not ) {j##cc##_64, j##cc##_any},
static insn_fn *const jcc[16][2] = {FOR_EACH_COND(JCC_ROW)};

/* ---- JMP ---- */

HANDLER_BRANCH(jmp64)
{
	jump_relative64(vp, in);
}

HANDLER_BRANCH(jmp_any)
{
	jump_relative(vp, in);
}

/* The target of an indirect branch, from register or memory. */
static inline uint64_t indirect_target(struct soft_vp *vp,
				       const struct insn *in)
{
	uint64_t target = vp->hv.regs.gpr[in->rm];

	if (in->flags & INSN_MEM)
		target = mem_read_sized(
			vp, insn_linear(vp, in, in->opsize, false), in->opsize);
	return branch_target(vp, in->opsize, target);
}

HANDLER_BRANCH(jmp_ind)
{
	vp->hv.regs.rip = indirect_target(vp, in);
}

/* ---- CALL, RET ---- */

static inline void call(struct soft_vp *vp, const struct insn *in,
			uint64_t target)
{
	stack_push(vp, vp->hv.regs.rip, in->opsize);
	vp->hv.regs.rip = target;
}

HANDLER_BRANCH(call64)
{
	uint64_t rip = vp->block_rip + in->end;
	uint64_t target = rip + in->imm;
	uint64_t sp = vp->hv.regs.gpr[X86_RSP] - 8;

	if (__builtin_expect((uint64_t)sign_extend(target, 48) != target, 0))
		soft_raise_error(vp, X86_GP, 0);
	mem_write64(vp, sp, rip);
	vp->hv.regs.gpr[X86_RSP] = sp;
	vp->hv.regs.rip = target;
}

HANDLER_BRANCH(call_any)
{
	call(vp, in, branch_target(vp, in->opsize, vp->hv.regs.rip + in->imm));
}

HANDLER_BRANCH(call_ind)
{
	call(vp, in, indirect_target(vp, in));
}

HANDLER_BRANCH(ret64)
{
	uint64_t sp = vp->hv.regs.gpr[X86_RSP];
	uint64_t target = mem_read64(vp, sp);

	if (__builtin_expect((uint64_t)sign_extend(target, 48) != target, 0))
		soft_raise_error(vp, X86_GP, 0);
	vp->hv.regs.gpr[X86_RSP] = sp + 8;
	vp->hv.regs.rip = target;
}

/* With or without a number of bytes to drop. */
HANDLER_BRANCH(ret_any)
{
	uint64_t target =
		branch_target(vp, in->opsize, stack_top(vp, in->opsize));

	set_stack_pointer(vp, stack_move(vp, stack_pointer(vp),
					 (int64_t)(in->opsize + in->imm)));
	vp->hv.regs.rip = target;
}

/* ---- JCXZ, LOOP ---- */

static inline uint64_t counter(const struct soft_vp *vp, const struct insn *in)
{
	uint64_t rcx = vp->hv.regs.gpr[X86_RCX];

	return in->addrsize == 8   ? rcx
	       : in->addrsize == 4 ? (uint32_t)rcx
				   : (uint16_t)rcx;
}

HANDLER_BRANCH(jcxz)
{
	if (!counter(vp, in))
		jump_relative(vp, in);
}

static inline void loop(struct soft_vp *vp, const struct insn *in, bool cond)
{
	uint64_t rip = vp->hv.regs.rip;

	if (cond && counter(vp, in) != 1)
		rip = branch_target(vp, in->opsize, rip + in->imm);
	if (in->addrsize == 8)
		vp->hv.regs.gpr[X86_RCX]--;
	else if (in->addrsize == 4)
		put32(vp, X86_RCX, get32(vp, X86_RCX) - 1);
	else
		put16(vp, X86_RCX, (uint16_t)(get16(vp, X86_RCX) - 1));
	vp->hv.regs.rip = rip;
}

HANDLER_BRANCH(loop_any)
{
	loop(vp, in, true);
}

HANDLER_BRANCH(loope)
{
	loop(vp, in, vp->flags & FLAG_ZF);
}

HANDLER_BRANCH(loopne)
{
	loop(vp, in, !(vp->flags & FLAG_ZF));
}

insn_fn *bind_branch(const struct soft_vp *vp, struct insn *in)
{
	bool wide = (vp->mode & SOFT_MODE_64) && in->opsize == 8;

	switch (in->op) {
	case OP_JCC:
		return jcc[in->opcode & 15][!wide];
	case OP_JMP:
		return wide ? jmp64 : jmp_any;
	case OP_JMP_IND:
		return jmp_ind;
	case OP_CALL:
		return wide ? call64 : call_any;
	case OP_CALL_IND:
		return call_ind;
	case OP_RET:
		return wide && !in->imm ? ret64 : ret_any;
	case OP_JCXZ:
		return jcxz;
	case OP_LOOP:
		return loop_any;
	case OP_LOOPE:
		return loope;
	case OP_LOOPNE:
		return loopne;
	default:
		return NULL;
	}
}
