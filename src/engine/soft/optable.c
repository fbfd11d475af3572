/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder table: all optable_*.def in one array, and the index into it by
 * map and opcode byte. The files are included three times: as entries, as
 * enumerators (which number the lines) and as the index. The index names an
 * opcode's last line; the decoder walks from there towards the first, as long
 * as the opcode byte stays the same. Neighbouring files therefore never end
 * and begin with the same byte; the unit test looks.
 */
#include "optable.h"

/* table */
/* clang-format off */

#define ENTRY_MASK(px, pat, at)						\
	((pat) >> 16 | ((px) == INSN_PFX_ANY ? 0u : INSN_KEY_PFX) |	\
	 ((at) & (N64 | O64) ? INSN_KEY_64 : 0u))
#define ENTRY_MATCH(px, pat, at)					\
	(((pat) & 0xffff) |						\
	 ((px) == INSN_PFX_ANY ? 0u : (unsigned int)(px) << 7) |	\
	 ((at) & O64 ? INSN_KEY_64 : 0u))
#define OPERANDS(a, b, c, d, ...)					\
	.opnd = { a, b, c, d },						\
	.imm = OPERAND_IMM(a) | OPERAND_IMM(b) | OPERAND_IMM(c) | OPERAND_IMM(d)
#define EFLAGS(written, undefined)					\
	.flags_written = written, .flags_undefined = undefined

#define LINE(cls, opc, px, pattern, id, opnds, efl, feat, featl, at)	\
	{								\
		.op = id, .class = cls, .map = MAP,			\
		.pfx = px, .opcode = opc,				\
		.feature = feat, .feature_l = featl,			\
		.pat = { ENTRY_MASK(px, pattern, at),			\
			 ENTRY_MATCH(px, pattern, at) },		\
		OPERANDS opnds,						\
		EFLAGS efl,						\
		.attr = at,						\
	},

const struct insn_desc insn_table[] = {
	{ .op = OP_INVALID },
#define MAP INSN_MAP_1B
#include "optable_1byte.def"
#include "optable_x87.def"
#undef MAP
#define MAP INSN_MAP_0F
#include "optable_0f.def"
#undef MAP
#define MAP INSN_MAP_0F38
#include "optable_0f38.def"
#undef MAP
#define MAP INSN_MAP_0F3A
#include "optable_0f3a.def"
#undef MAP
#define MAP INSN_MAP_VEX_0F
#include "optable_vex_0f.def"
#undef MAP
#define MAP INSN_MAP_VEX_0F38
#include "optable_vex_0f38.def"
#undef MAP
#define MAP INSN_MAP_VEX_0F3A
#include "optable_vex_0f3a.def"
#undef MAP
};

/* A line's number is called after its table and its line in the file. */
#define NUMBER(table, line)	NUMBER_(table, line)
#define NUMBER_(table, line)	table##_##line

#undef LINE
#define LINE(...) NUMBER(TABLE, __LINE__),

enum {
	NO_LINE,
#define TABLE ONE_BYTE
#include "optable_1byte.def"
#undef TABLE
#define TABLE X87_ESCAPE
#include "optable_x87.def"
#undef TABLE
#define TABLE ESCAPE_0F
#include "optable_0f.def"
#undef TABLE
#define TABLE ESCAPE_0F38
#include "optable_0f38.def"
#undef TABLE
#define TABLE ESCAPE_0F3A
#include "optable_0f3a.def"
#undef TABLE
#define TABLE VEX_0F
#include "optable_vex_0f.def"
#undef TABLE
#define TABLE VEX_0F38
#include "optable_vex_0f38.def"
#undef TABLE
#define TABLE VEX_0F3A
#include "optable_vex_0f3a.def"
#undef TABLE
	LINE_COUNT
};

_Static_assert(sizeof(insn_table) / sizeof(insn_table[0]) == LINE_COUNT,
	       "every line has its number");

/* Later lines of an opcode replace earlier ones: that is the meaning. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define SPAN(at)	((at) & PC ? 15 : (at) & PR ? 7 : 0)
#undef LINE
#define LINE(cls, opc, px, pattern, id, opnds, efl, feat, featl, at)	\
	[opc ... opc + SPAN(at)] = NUMBER(TABLE, __LINE__),

const uint16_t insn_index[INSN_MAP_COUNT][256] = {
	[INSN_MAP_1B] = {
#define TABLE ONE_BYTE
#include "optable_1byte.def"
#undef TABLE
#define TABLE X87_ESCAPE
#include "optable_x87.def"
#undef TABLE
	},
	[INSN_MAP_0F] = {
#define TABLE ESCAPE_0F
#include "optable_0f.def"
#undef TABLE
	},
	[INSN_MAP_0F38] = {
#define TABLE ESCAPE_0F38
#include "optable_0f38.def"
#undef TABLE
	},
	[INSN_MAP_0F3A] = {
#define TABLE ESCAPE_0F3A
#include "optable_0f3a.def"
#undef TABLE
	},
	[INSN_MAP_VEX_0F] = {
#define TABLE VEX_0F
#include "optable_vex_0f.def"
#undef TABLE
	},
	[INSN_MAP_VEX_0F38] = {
#define TABLE VEX_0F38
#include "optable_vex_0f38.def"
#undef TABLE
	},
	[INSN_MAP_VEX_0F3A] = {
#define TABLE VEX_0F3A
#include "optable_vex_0f3a.def"
#undef TABLE
	},
};

/* clang-format on */

const struct insn_desc *insn_entry(unsigned int entry)
{
	return &insn_table[entry < LINE_COUNT ? entry : NO_LINE];
}

unsigned int insn_entry_count(void)
{
	return LINE_COUNT;
}
