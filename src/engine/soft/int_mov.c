/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves without arithmetic: MOV, MOVZX, MOVSX, MOVSXD, MOVBE, MOVNTI, LEA,
 * CMOVcc, SETcc, CBW and CWD families, XLAT.
 */
#include "int.h"

/* ---- MOV ---- */

#define DEFINE_MOV(bits, T, S, sfx)                                            \
	HANDLER(mov##bits##_rr)                                                \
	{                                                                      \
		put##bits(vp, in->rm, get##bits(vp, in->reg));                 \
	}                                                                      \
	HANDLER_MEM(mov##bits##_rm)                                            \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, false);           \
                                                                               \
		put##bits(vp, in->reg, mem_read##bits(vp, lin));               \
	}                                                                      \
	HANDLER_MEM(mov##bits##_mr)                                            \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
                                                                               \
		mem_write##bits(vp, lin, get##bits(vp, in->reg));              \
	}                                                                      \
	HANDLER(mov##bits##_ri)                                                \
	{                                                                      \
		put##bits(vp, in->rm, (T)in->imm);                             \
	}                                                                      \
	HANDLER_MEM(mov##bits##_mi)                                            \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
                                                                               \
		mem_write##bits(vp, lin, (T)in->imm);                          \
	}                                                                      \
	/* Accumulator and absolute address */                                 \
	HANDLER_MEM(moffs##bits##_load)                                        \
	{                                                                      \
		uint64_t lin =                                                 \
			seg_linear(vp, in->seg, in->imm, bits / 8, false);     \
                                                                               \
		put##bits(vp, X86_RAX, mem_read##bits(vp, lin));               \
	}                                                                      \
	HANDLER_MEM(moffs##bits##_store)                                       \
	{                                                                      \
		uint64_t lin =                                                 \
			seg_linear(vp, in->seg, in->imm, bits / 8, true);      \
                                                                               \
		mem_write##bits(vp, lin, get##bits(vp, X86_RAX));              \
	}
FOR_EACH_SIZE(DEFINE_MOV)

#define FORM_ROW(bits)                                                         \
	{                                                                      \
		[FORM_RR] = mov##bits##_rr, [FORM_RM] = mov##bits##_rm,        \
		[FORM_MR] = mov##bits##_mr, [FORM_RI] = mov##bits##_ri,        \
		[FORM_MI] = mov##bits##_mi                                     \
	}
static insn_fn *const mov[4][NR_FORMS] = BY_SIZE(FORM_ROW);

static insn_fn *const moffs[2][4] = {
	{moffs8_load, moffs16_load, moffs32_load, moffs64_load},
	{moffs8_store, moffs16_store, moffs32_store, moffs64_store},
};

/* ---- widening; the source's size is in the name ---- */

#define DEFINE_WIDEN(name, from, F, to, T)                                     \
	HANDLER(name##from##_##to##_r)                                         \
	{                                                                      \
		put##to(vp, in->reg, (T)(F)get##from(vp, in->rm));             \
	}                                                                      \
	HANDLER_MEM(name##from##_##to##_m)                                     \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, from / 8, false);           \
                                                                               \
		put##to(vp, in->reg, (T)(F)mem_read##from(vp, lin));           \
	}

DEFINE_WIDEN(movzx, 8, uint8_t, 16, uint16_t)
DEFINE_WIDEN(movzx, 8, uint8_t, 32, uint32_t)
DEFINE_WIDEN(movzx, 8, uint8_t, 64, uint64_t)
DEFINE_WIDEN(movzx, 16, uint16_t, 16, uint16_t)
DEFINE_WIDEN(movzx, 16, uint16_t, 32, uint32_t)
DEFINE_WIDEN(movzx, 16, uint16_t, 64, uint64_t)
DEFINE_WIDEN(movsx, 8, int8_t, 16, uint16_t)
DEFINE_WIDEN(movsx, 8, int8_t, 32, uint32_t)
DEFINE_WIDEN(movsx, 8, int8_t, 64, uint64_t)
DEFINE_WIDEN(movsx, 16, int16_t, 16, uint16_t)
DEFINE_WIDEN(movsx, 16, int16_t, 32, uint32_t)
DEFINE_WIDEN(movsx, 16, int16_t, 64, uint64_t)
DEFINE_WIDEN(movsx, 32, int32_t, 16, uint16_t)
DEFINE_WIDEN(movsx, 32, int32_t, 32, uint32_t)
DEFINE_WIDEN(movsx, 32, int32_t, 64, uint64_t)

#define WIDEN_ROW(name, from)                                                  \
	{                                                                      \
		{NULL, NULL}, {name##from##_16_r, name##from##_16_m},          \
			{name##from##_32_r, name##from##_32_m},                \
			{name##from##_64_r, name##from##_64_m},                \
	}
static insn_fn *const movzx[2][4][2] = {WIDEN_ROW(movzx, 8),
					WIDEN_ROW(movzx, 16)};
static insn_fn *const movsx[3][4][2] = {
	WIDEN_ROW(movsx, 8), WIDEN_ROW(movsx, 16), WIDEN_ROW(movsx, 32)};

static insn_fn *bind_widen(struct insn *in)
{
	unsigned int size = size_index(in);
	bool memory = in->flags & INSN_MEM;
	bool word = in->opcode & 1; /* B7, BF */

	if (in->op == OP_MOVSXD)
		return movsx[2][size][memory];
	if (!word)
		in->rm = byte_reg(in, in->rm);
	return in->op == OP_MOVZX ? movzx[word][size][memory]
				  : movsx[word][size][memory];
}

/* ---- MOVBE ---- */

HANDLER_MEM(movbe_load)
{
	uint64_t v = mem_read_sized(vp, insn_linear(vp, in, in->opsize, false),
				    in->opsize);

	v = __builtin_bswap64(v) >> (64 - 8 * in->opsize);
	put_opsize(vp, in, in->reg, v);
}

HANDLER_MEM(movbe_store)
{
	uint64_t v = vp->hv.regs.gpr[in->reg];

	v = __builtin_bswap64(v) >> (64 - 8 * in->opsize);
	mem_write_sized(vp, insn_linear(vp, in, in->opsize, true), v,
			in->opsize);
}

/* ---- LEA ---- */

HANDLER(lea64_plain)
{
	const uint64_t *reg = (const uint64_t *)(const void *)&vp->hv.regs;

	put64(vp, in->reg,
	      reg[in->base] + (reg[in->index] << in->scale) +
		      (uint64_t)(int64_t)in->disp);
}

HANDLER(lea_any)
{
	put_opsize(vp, in, in->reg, insn_ea(vp, in));
}

/* ---- CMOVcc, SETcc ---- */

/* The source is read (and may fault) whatever the condition; a 32-bit
 * destination is zero-extended either way. */
#define DEFINE_COND(cc, test, not )                                            \
	HANDLER_MEM(cmov_##cc##_16)                                            \
	{                                                                      \
		uint16_t v = in->flags & INSN_MEM                              \
				     ? mem_read16(vp, insn_linear(vp, in, 2,   \
								  false))      \
				     : get16(vp, in->rm);                      \
                                                                               \
		if (not test(vp->flags))                                       \
			put16(vp, in->reg, v);                                 \
	}                                                                      \
	HANDLER_MEM(cmov_##cc##_32)                                            \
	{                                                                      \
		uint32_t v = in->flags & INSN_MEM                              \
				     ? mem_read32(vp, insn_linear(vp, in, 4,   \
								  false))      \
				     : get32(vp, in->rm);                      \
                                                                               \
		put32(vp, in->reg,                                             \
		      not test(vp->flags) ? v : get32(vp, in->reg));           \
	}                                                                      \
	HANDLER_MEM(cmov_##cc##_64)                                            \
	{                                                                      \
		uint64_t v = in->flags & INSN_MEM                              \
				     ? mem_read64(vp, insn_linear(vp, in, 8,   \
								  false))      \
				     : get64(vp, in->rm);                      \
                                                                               \
		put64(vp, in->reg,                                             \
		      not test(vp->flags) ? v : get64(vp, in->reg));           \
	}                                                                      \
	HANDLER(set_##cc##_r)                                                  \
	{                                                                      \
		put8(vp, in->rm, not test(vp->flags));                         \
	}                                                                      \
	HANDLER_MEM(set_##cc##_m)                                              \
	{                                                                      \
		mem_write8(vp, insn_linear(vp, in, 1, true),                   \
			   not test(vp->flags));                               \
	}
FOR_EACH_COND(DEFINE_COND)

#define CMOV_ROW(cc, test, not )                                               \
	{NULL, cmov_##cc##_16, cmov_##cc##_32, cmov_##cc##_64},
static insn_fn *const cmov[16][4] = {FOR_EACH_COND(CMOV_ROW)};

#define SET_ROW(cc, test, not ) {set_##cc##_r, set_##cc##_m},
static insn_fn *const setcc[16][2] = {FOR_EACH_COND(SET_ROW)};

/* ---- CBW CWDE CDQE, CWD CDQ CQO, XLAT ---- */

HANDLER(cbw)
{
	uint64_t rax = vp->hv.regs.gpr[X86_RAX];

	if (in->opsize == 8)
		put64(vp, X86_RAX, (uint64_t)(int32_t)rax);
	else if (in->opsize == 4)
		put32(vp, X86_RAX, (uint32_t)(int16_t)rax);
	else
		put16(vp, X86_RAX, (uint16_t)(int8_t)rax);
}

HANDLER(cwd)
{
	int64_t rax = sign_extend(vp->hv.regs.gpr[X86_RAX], in->opsize * 8u);

	put_opsize(vp, in, X86_RDX, rax < 0 ? ~UINT64_C(0) : 0);
}

HANDLER_MEM(xlat)
{
	uint64_t ea = vp->hv.regs.gpr[X86_RBX] + get8(vp, 0);

	if (in->addrsize == 4)
		ea = (uint32_t)ea;
	else if (in->addrsize == 2)
		ea = (uint16_t)ea;
	put8(vp, 0, mem_read8(vp, seg_linear(vp, in->seg, ea, 1, false)));
}

static insn_fn *bind_moffs(const struct insn *in)
{
	bool store = in->opcode & 2; /* A2, A3 */

	return moffs[store][size_index(in)];
}

insn_fn *bind_mov(const struct soft_vp *vp, struct insn *in)
{
	bool memory = in->flags & INSN_MEM;

	switch (in->op) {
	case OP_MOV:
	case OP_MOVNTI:
		return mov[size_index(in)][int_form(in)];
	case OP_MOV_MOFFS:
		return bind_moffs(in);
	case OP_MOVZX:
	case OP_MOVSX:
	case OP_MOVSXD:
		return bind_widen(in);
	case OP_MOVBE:
		return in->opcode & 1 ? movbe_store : movbe_load;
	case OP_LEA:
		return in->flags & INSN_PLAIN && in->opsize == 8 ? lea64_plain
								 : lea_any;
	case OP_CMOVCC:
		return cmov[in->opcode & 15][size_index(in)];
	case OP_SETCC:
		in->rm = byte_reg(in, in->rm);
		return setcc[in->opcode & 15][memory];
	case OP_CBW:
		return cbw;
	case OP_CWD:
		return cwd;
	case OP_XLAT:
		return xlat;
	default:
		return NULL;
	}
}
