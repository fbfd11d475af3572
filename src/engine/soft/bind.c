/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the families of integer handlers, and what they share. */
#include "int.h"

static void swap_regs(struct insn *in)
{
	uint8_t reg = in->reg;

	in->reg = in->rm;
	in->rm = reg;
}

enum int_form int_form(struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);
	enum insn_opnd_kind dst = insn_opnd_kind(desc->opnd[0]);
	enum insn_opnd_kind src = insn_opnd_kind(desc->opnd[1]);
	bool memory = in->flags & INSN_MEM;
	bool lock = in->flags & INSN_LOCK;

	if (dst == OPND_GPR_ACC)
		in->rm = X86_RAX;
	if (src == OPND_GPR_ACC)
		in->reg = X86_RAX;
	if (dst == OPND_GPR_REG && !memory)
		swap_regs(in);
	if (in->opsize == 1) {
		in->reg = byte_reg(in, in->reg);
		in->rm = byte_reg(in, in->rm);
	}
	if (src == OPND_IMM)
		return !memory ? FORM_RI : lock ? FORM_MI_LOCK : FORM_MI;
	if (!memory)
		return FORM_RR;
	if (dst == OPND_GPR_REG)
		return FORM_RM;
	return lock ? FORM_MR_LOCK : FORM_MR;
}

insn_fn *bind_integer(const struct soft_vp *vp, struct insn *in)
{
	static insn_fn *(*const family[])(const struct soft_vp *vp,
					  struct insn *in) = {
		bind_mov,    bind_alu,  bind_branch,   bind_stack, bind_shift,
		bind_muldiv, bind_misc, bind_exchange, bind_bit,   bind_decimal,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(family); i++) {
		insn_fn *fn = family[i](vp, in);

		if (fn)
			return fn;
	}
	return NULL;
}
