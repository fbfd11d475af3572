/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shifts and rotates. The host masks the count and knows which flags which
 * count touches: it is given the guest's flags before and asked after.
 */
#include "int.h"

#define DEFINE_OP(bits, T, S, sfx, name, insn)                                 \
	static inline T name##bits(struct soft_vp *vp, T a, uint8_t count)     \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm(FLAGS_LOAD insn sfx " %%cl, %[a]\n\t" FLAGS_CAPTURE        \
		    : [a] "+&r"(a), [f] "+&a"(f)                               \
		    : "c"(count)                                               \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		return a;                                                      \
	}

/* Count in CL or in the immediate; destination register or memory. */
#define DEFINE_FORMS(bits, T, S, sfx, name)                                    \
	HANDLER(name##bits##_rc)                                               \
	{                                                                      \
		put##bits(vp, in->rm,                                          \
			  name##bits(vp, get##bits(vp, in->rm),                \
				     (uint8_t)vp->hv.regs.gpr[X86_RCX]));      \
	}                                                                      \
	HANDLER(name##bits##_ri)                                               \
	{                                                                      \
		put##bits(vp, in->rm,                                          \
			  name##bits(vp, get##bits(vp, in->rm),                \
				     (uint8_t)in->imm));                       \
	}                                                                      \
	HANDLER_MEM(name##bits##_mc)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, false);                \
                                                                               \
		*m = name##bits(vp, *m, (uint8_t)vp->hv.regs.gpr[X86_RCX]);    \
		mem_rmw_end(vp, m);                                            \
	}                                                                      \
	HANDLER_MEM(name##bits##_mi)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, false);                \
                                                                               \
		*m = name##bits(vp, *m, (uint8_t)in->imm);                     \
		mem_rmw_end(vp, m);                                            \
	}

#define DEFINE_SHIFT(name, insn)                                               \
	FOR_EACH_SIZE(DEFINE_OP, name, insn)                                   \
	FOR_EACH_SIZE(DEFINE_FORMS, name)

DEFINE_SHIFT(rol, "rol")
DEFINE_SHIFT(ror, "ror")
DEFINE_SHIFT(rcl, "rcl")
DEFINE_SHIFT(rcr, "rcr")
DEFINE_SHIFT(shl, "shl")
DEFINE_SHIFT(shr, "shr")
DEFINE_SHIFT(sar, "sar")

enum {
	SHIFT_RC,
	SHIFT_RI,
	SHIFT_MC,
	SHIFT_MI,
	SHIFT_FORMS
};

#define FORM_ROW(name, bits)                                                   \
	{                                                                      \
		name##bits##_rc, name##bits##_ri, name##bits##_mc,             \
			name##bits##_mi                                        \
	}
#define OP_ROWS(name)                                                          \
	{                                                                      \
		FORM_ROW(name, 8), FORM_ROW(name, 16), FORM_ROW(name, 32),     \
			FORM_ROW(name, 64)                                     \
	}

static insn_fn *const shift[OP_SAR - OP_ROL + 1][4][SHIFT_FORMS] = {
	[OP_ROL - OP_ROL] = OP_ROWS(rol), [OP_ROR - OP_ROL] = OP_ROWS(ror),
	[OP_RCL - OP_ROL] = OP_ROWS(rcl), [OP_RCR - OP_ROL] = OP_ROWS(rcr),
	[OP_SHL - OP_ROL] = OP_ROWS(shl), [OP_SHR - OP_ROL] = OP_ROWS(shr),
	[OP_SAR - OP_ROL] = OP_ROWS(sar),
};

/* Shifts by a constant that is not zero write every defined flag: the guest's
 * need not be loaded. */
#define DEFINE_CONST(bits, T, S, sfx, name, insn)                              \
	HANDLER(name##bits##_const)                                            \
	{                                                                      \
		T a = get##bits(vp, in->rm);                                   \
		uint16_t f;                                                    \
                                                                               \
		asm(insn sfx " %%cl, %[a]\n\t" FLAGS_CAPTURE                   \
		    : [a] "+&r"(a), [f] "=&a"(f)                               \
		    : "c"((uint8_t)in->imm)                                    \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		put##bits(vp, in->rm, a);                                      \
	}

FOR_EACH_SIZE(DEFINE_CONST, shl, "shl")
FOR_EACH_SIZE(DEFINE_CONST, shr, "shr")
FOR_EACH_SIZE(DEFINE_CONST, sar, "sar")

static insn_fn *const shift_const[3][4] = {
	{shl8_const, shl16_const, shl32_const, shl64_const},
	{shr8_const, shr16_const, shr32_const, shr64_const},
	{sar8_const, sar16_const, sar32_const, sar64_const},
};

/* ---- SHLD, SHRD ---- */

#define DEFINE_DOUBLE(bits, T, S, sfx, name, insn)                             \
	static inline T name##bits(struct soft_vp *vp, T a, T b,               \
				   uint8_t count)                              \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm(FLAGS_LOAD insn sfx " %%cl, %[b], %[a]\n\t" FLAGS_CAPTURE  \
		    : [a] "+&r"(a), [f] "+&a"(f)                               \
		    : [b] "r"(b), "c"(count)                                   \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		return a;                                                      \
	}                                                                      \
	HANDLER_MEM(name##bits##_any)                                          \
	{                                                                      \
		/* A4, AC: by immediate; A5, AD: by CL */                      \
		uint8_t count = in->opcode & 1                                 \
					? (uint8_t)vp->hv.regs.gpr[X86_RCX]    \
					: (uint8_t)in->imm;                    \
		T b = get##bits(vp, in->reg);                                  \
		uint64_t lin;                                                  \
		T *m;                                                          \
                                                                               \
		if (!(in->flags & INSN_MEM)) {                                 \
			put##bits(vp, in->rm,                                  \
				  name##bits(vp, get##bits(vp, in->rm), b,     \
					     count));                          \
			return;                                                \
		}                                                              \
		lin = insn_linear(vp, in, bits / 8, true);                     \
		m = mem_rmw_begin(vp, lin, bits / 8, false);                   \
		*m = name##bits(vp, *m, b, count);                             \
		mem_rmw_end(vp, m);                                            \
	}

FOR_EACH_WORD_SIZE(DEFINE_DOUBLE, shld, "shld")
FOR_EACH_WORD_SIZE(DEFINE_DOUBLE, shrd, "shrd")

static insn_fn *const double_shift[2][4] = {
	{NULL, shld16_any, shld32_any, shld64_any},
	{NULL, shrd16_any, shrd32_any, shrd64_any},
};

insn_fn *bind_shift(const struct soft_vp *vp, struct insn *in)
{
	unsigned int size = size_index(in);
	unsigned int form;
	bool by_cl;

	if (in->op == OP_SHLD || in->op == OP_SHRD)
		return double_shift[in->op == OP_SHRD][size];
	if (in->op < OP_ROL || in->op > OP_SAR)
		return NULL;
	if (in->opsize == 1)
		in->rm = byte_reg(in, in->rm);
	by_cl = insn_opnd_kind(insn_desc(in)->opnd[1]) == OPND_GPR_CL;
	if (in->op >= OP_SHL && !by_cl && !(in->flags & INSN_MEM) &&
	    (in->imm & (in->opsize == 8 ? 63 : 31)))
		return shift_const[in->op - OP_SHL][size];
	form = in->flags & INSN_MEM ? SHIFT_MC : SHIFT_RC;
	return shift[in->op - OP_ROL][size][form + !by_cl];
}
