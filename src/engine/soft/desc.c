/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions about a decoded instruction that its table entry answers. For
 * testers, handler binding and stub generation, not for the hot path.
 */
#include "decode.h"

static const char *const op_names[OP_COUNT] = {
	[OP_INVALID] = "(invalid)",
#define OP(id, name) [OP_##id] = name,
#include "ops.def"
#undef OP
};

const char *insn_op_name(enum insn_op op)
{
	return op < OP_COUNT ? op_names[op] : op_names[OP_INVALID];
}

enum insn_feature insn_feature(const struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);

	if ((in->flags & INSN_VEX_L) && desc->feature_l != IF_BASE)
		return (enum insn_feature)desc->feature_l;
	return (enum insn_feature)desc->feature;
}

/* Widths that are the same in every instruction; 0: see width_bytes(). */
static const uint16_t fixed_width[] = {
	[OPW_B] = 1,     [OPW_W] = 2,     [OPW_D] = 4,    [OPW_Q] = 8,
	[OPW_T] = 10,    [OPW_DQ] = 16,   [OPW_QQ] = 32,  [OPW_MW_RV] = 2,
	[OPW_MB_RD] = 1, [OPW_MW_RD] = 2, [OPW_FX] = 512,
};

/* The memory width @width means in @in. */
static unsigned int width_bytes(const struct insn *in, enum insn_width width)
{
	unsigned int vector = in->flags & INSN_VEX_L ? 32 : 16;

	switch (width) {
	case OPW_V:
		return in->opsize;
	case OPW_Z:
		return in->opsize == 2 ? 2 : 4;
	case OPW_Y:
		return (in->flags & INSN_W) && in->opsize == 8 ? 8 : 4;
	case OPW_X:
		return vector;
	case OPW_XH:
		return vector / 2;
	case OPW_XQ:
		return vector / 4;
	case OPW_XE:
		return vector / 8;
	case OPW_P:
		return 2u + in->opsize;
	case OPW_S:
		return in->opsize == 8 ? 10 : 6;
	case OPW_2V:
		return 2u * in->opsize;
	case OPW_ENV:
		return in->opsize == 2 ? 14 : 28;
	case OPW_FSAVE:
		return in->opsize == 2 ? 94 : 108;
	default:
		return fixed_width[width];
	}
}

static bool is_memory(const struct insn *in, uint16_t opnd)
{
	switch (insn_opnd_kind(opnd)) {
	case OPND_GPR_RM:
	case OPND_XMM_RM:
	case OPND_MMX_RM:
	case OPND_MEM:
		return in->flags & INSN_MEM;
	case OPND_MOFFS:
		return true;
	default:
		return false;
	}
}

unsigned int insn_opnd_size(const struct insn *in, unsigned int n)
{
	uint16_t opnd = insn_desc(in)->opnd[n];

	if (!is_memory(in, opnd) || !insn_opnd_access(opnd))
		return 0;
	return width_bytes(in, insn_opnd_width(opnd));
}

/* The operand that is memory, or 4. */
static unsigned int memory_operand(const struct insn *in)
{
	unsigned int n;

	for (n = 0; n < 4; n++) {
		if (is_memory(in, insn_desc(in)->opnd[n]))
			break;
	}
	return n;
}

unsigned int insn_mem_size(const struct insn *in)
{
	unsigned int n = memory_operand(in);

	return n < 4 ? insn_opnd_size(in, n) : 0;
}

unsigned int insn_mem_access(const struct insn *in)
{
	unsigned int n = memory_operand(in);

	return n < 4 ? insn_opnd_access(insn_desc(in)->opnd[n]) : 0;
}

unsigned int insn_mem_align(const struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);
	unsigned int size = insn_mem_size(in);

	if (desc->attr & INSN_ALIGN64)
		return 64;
	if (desc->attr & INSN_ALIGNED)
		return size == 512 ? 16 : size;
	if (desc->class == INSN_CLASS_SSE && size == 16 &&
	    !(desc->attr & INSN_UNALIGNED))
		return 16;
	return 1;
}
