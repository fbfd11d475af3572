/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction decoder proper. Reads nothing but the bytes it is given
 * and the constant tables.
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
