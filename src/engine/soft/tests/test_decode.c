/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder by hand-picked encodings: one line each, with what the manuals
 * say. The breadth comes from test_decode_zydis.c; here are the rules that
 * are easy to get wrong, and the fields that only we have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optable.h"

/* Give the short words of the tables back. */
#undef w
#undef r
#undef n

/* A length, or one of insn_decode()'s errors; then op and operand size. */
struct decode_case {
	enum decode_mode mode;
	const char *bytes;
	int result;
	enum insn_op op;
	uint8_t opsize;
};

#define M16 DECODE_16
#define M32 DECODE_32
#define M64 DECODE_64
#define V86 (DECODE_16 | DECODE_REAL)
#define UD  INSN_UD, OP_INVALID, 0

/* clang-format off */
static const struct decode_case decode_cases[] = {
	/* Operand size */
	{ M64, "01 d8",			2, OP_ADD, 4 },
	{ M64, "66 01 d8",		3, OP_ADD, 2 },
	{ M64, "48 01 d8",		3, OP_ADD, 8 },
	{ M64, "66 48 01 d8",		4, OP_ADD, 8 },
	{ M64, "48 66 01 d8",		4, OP_ADD, 2 }, /* REX is void */
	{ M16, "01 d8",			2, OP_ADD, 2 },
	{ M16, "66 01 d8",		3, OP_ADD, 4 },
	{ M32, "66 01 d8",		3, OP_ADD, 2 },
	{ M64, "00 d8",			2, OP_ADD, 1 },
	{ M64, "50",			1, OP_PUSH, 8 },
	{ M64, "66 50",			2, OP_PUSH, 2 },
	{ M32, "50",			1, OP_PUSH, 4 },
	{ M64, "0f a2",			2, OP_CPUID, 4 },
	{ M64, "e8 00 00 00 00",	5, OP_CALL, 8 },
	{ M64, "66 e8 00 00 00 00",	6, OP_CALL, 8 }, /* Intel's choice */
	{ M32, "66 e8 00 00",		4, OP_CALL, 2 },
	{ M64, "0f 20 c0",		3, OP_MOV_FROM_CR, 8 },
	{ M32, "0f 20 40",		3, OP_MOV_FROM_CR, 4 }, /* no mod */
	{ M64, "48 cf",			2, OP_IRET, 8 },
	{ M64, "cb",			1, OP_RETF, 4 },
	/* Immediates */
	{ M64, "48 b8 1 2 3 4 5 6 7 8",	10, OP_MOV, 8 },
	{ M64, "66 b8 1 2",		4, OP_MOV, 2 },
	{ M64, "48 c7 c0 1 2 3 4",	7, OP_MOV, 8 },
	{ M64, "66 81 c0 1 2",		5, OP_ADD, 2 },
	{ M64, "a1 1 2 3 4 5 6 7 8",	9, OP_MOV_MOFFS, 4 },
	{ M64, "67 a1 1 2 3 4",		6, OP_MOV_MOFFS, 4 },
	{ M16, "a1 1 2",		3, OP_MOV_MOFFS, 2 },
	{ M32, "9a 1 2 3 4 5 6",	7, OP_CALLF, 4 },
	{ M16, "9a 1 2 3 4",		5, OP_CALLF, 2 },
	{ M64, "c8 1 2 3",		4, OP_ENTER, 8 },
	{ M64, "f6 c0 1",		3, OP_TEST, 1 },
	{ M64, "f7 c8 1 2 3 4",		6, OP_TEST, 4 }, /* /1 alias */
	{ M64, "f7 d0",			2, OP_NOT, 4 },
	/* Validity by mode */
	{ M64, "06",			UD },
	{ M32, "06",			1, OP_PUSH_SREG, 4 },
	{ M64, "82 c0 1",		UD },
	{ M64, "9a 1 2 3 4 5 6",	UD },
	{ M64, "d6",			UD },
	{ M32, "d6",			1, OP_SALC, 1 },
	{ M64, "62 00",			UD },
	{ M32, "62 00",			2, OP_BOUND, 4 },
	{ M32, "62 c0",			UD },
	{ M64, "63 c0",			2, OP_MOVSXD, 4 },
	{ M32, "63 c0",			2, OP_ARPL, 4 },
	{ V86, "63 c0",			UD },
	{ V86, "0f 00 c0",		UD },
	{ M16, "0f 00 c0",		3, OP_SLDT, 2 },
	{ M64, "8d c0",			UD },
	{ M64, "8e c8",			UD }, /* MOV CS */
	{ M64, "8e f0",			UD },
	{ M64, "8f 08",			UD },
	{ M64, "0f 20 c8",		UD }, /* CR1 */
	{ M64, "44 0f 20 c0",		4, OP_MOV_FROM_CR, 8 }, /* CR8 */
	{ M64, "44 0f 21 c0",		UD },
	{ M64, "ff f8",			UD },
	{ M64, "0f 01 f8",		3, OP_SWAPGS, 4 },
	{ M32, "0f 01 f8",		UD },
	{ M64, "0f 04",			UD },
	{ M64, "0f 0b",			2, OP_UD2, 4 },
	/* LOCK */
	{ M64, "f0 01 18",		3, OP_ADD, 4 },
	{ M64, "f0 01 d8",		UD },
	{ M64, "f0 03 18",		UD },
	{ M64, "f0 39 18",		UD },
	{ M64, "f0 90",			UD },
	{ M64, "f0 0f b1 18",		4, OP_CMPXCHG, 4 },
	{ M64, "f0 87 18",		3, OP_XCHG, 4 },
	{ M64, "f0 89 18",		UD },
	{ M64, "f0 0f ba 20 1",		UD }, /* BT */
	{ M64, "f0 0f ba 28 1",		5, OP_BTS, 4 },
	/* 90 and the hints */
	{ M64, "90",			1, OP_NOP, 4 },
	{ M64, "f3 90",			2, OP_PAUSE, 4 },
	{ M64, "41 90",			2, OP_XCHG, 4 },
	{ M64, "48 90",			2, OP_NOP, 8 },
	{ M64, "f3 0f 1e fa",		4, OP_NOP, 4 }, /* ENDBR64 */
	{ M64, "66 0f 1f 44 00 00",	6, OP_NOP, 2 },
	/* Mandatory prefixes */
	{ M64, "0f bc c0",		3, OP_BSF, 4 },
	{ M64, "f3 0f bc c0",		4, OP_TZCNT, 4 },
	{ M64, "66 f3 0f bc c0",	5, OP_TZCNT, 2 },
	{ M64, "f3 0f b8 c0",		4, OP_POPCNT, 4 },
	{ M64, "0f b8 c0",		UD },
	{ M64, "0f 38 f0 00",		4, OP_MOVBE, 4 },
	{ M64, "66 0f 38 f0 00",	5, OP_MOVBE, 2 },
	{ M64, "f2 0f 38 f0 00",	5, OP_CRC32, 1 },
	{ M64, "66 f2 0f 38 f1 00",	6, OP_CRC32, 2 },
	{ M64, "0f 10 c0",		3, OP_MOVUPS, 4 },
	{ M64, "66 0f 10 c0",		4, OP_MOVUPD, 4 },
	{ M64, "f3 66 0f 10 c0",	5, OP_MOVSS, 4 },
	{ M64, "f3 f2 0f 10 c0",	5, OP_MOVSD, 4 },
	{ M64, "66 f3 48 0f 2a c0",	6, OP_CVTSI2SS, 8 },
	{ M64, "66 0f c3 00",		UD }, /* MOVNTI */
	{ M64, "0f c7 08",		3, OP_CMPXCHG8B, 4 },
	{ M64, "48 0f c7 08",		4, OP_CMPXCHG16B, 8 },
	{ M64, "0f c7 f0",		3, OP_RDRAND, 4 },
	/* VEX and what it hides */
	{ M64, "c5 f8 77",		3, OP_VZEROUPPER, 4 },
	{ M64, "c5 fc 77",		3, OP_VZEROALL, 4 },
	{ M32, "c5 f8 77",		3, OP_VZEROUPPER, 4 },
	{ V86, "c5 f8 77",		UD },
	{ M32, "c5 18",			2, OP_LDS, 4 },
	{ M32, "c4 18",			2, OP_LES, 4 },
	{ M64, "66 c5 f8 77",		UD },
	{ M64, "f3 c5 f8 77",		UD },
	{ M64, "48 c5 f8 77",		UD },
	{ M64, "f0 c5 f8 77",		UD },
	{ M64, "64 c5 f8 10 00",	5, OP_MOVUPS, 4 },
	{ M64, "c5 f0 10 00",		UD }, /* vvvv in use */
	{ M64, "c4 e2 70 f2 c0",	5, OP_ANDN, 4 },
	{ M64, "c4 e2 f0 f2 c0",	5, OP_ANDN, 8 },
	{ M32, "c4 e2 f0 f2 c0",	5, OP_ANDN, 4 },
	{ M64, "c4 e2 74 f2 c0",	UD }, /* L */
	{ M64, "c4 e0 78 10 c0",	UD }, /* map 0 */
	{ M64, "c4 e2 71 98 c2",	5, OP_VFMADD132PS, 4 },
	{ M64, "c4 e2 f1 98 c2",	5, OP_VFMADD132PD, 8 },
	{ M64, "c4 e3 71 4a c2 30",	6, OP_BLENDVPS, 4 },
	{ M64, "c4 e2 69 90 04 09",	6, OP_VPGATHERDD, 4 },
	{ M64, "c4 e2 79 90 04 09",	UD }, /* mask is destination */
	{ M64, "c4 e2 69 90 c0",	UD },
	{ M64, "c4 e2 69 90 00",	UD }, /* no SIB */
	/* x87 */
	{ M64, "d9 c1",			2, OP_FLD, 4 },
	{ M64, "dd 00",			2, OP_FLD, 4 },
	{ M64, "d9 d0",			2, OP_FNOP, 4 },
	{ M64, "d9 d1",			UD },
	{ M64, "df e0",			2, OP_FNSTSW, 4 },
	/* Length */
	{ M64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90",
	  15, OP_NOP, 2 },
	{ M64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90",
	  INSN_GP, OP_INVALID, 0 },
	{ M64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 01 c0",
	  INSN_GP, OP_INVALID, 0 },
	{ M64, "48 b8 1 2 3",		INSN_TRUNCATED, OP_INVALID, 0 },
	{ M64, "0f",			INSN_TRUNCATED, OP_INVALID, 0 },
	{ M64, "",			INSN_TRUNCATED, OP_INVALID, 0 },
};
/* clang-format on */

static size_t parse_bytes(uint8_t *ret, size_t max, const char *text)
{
	size_t count = 0;
	char *end;

	for (; *text && count < max; text = end) {
		ret[count++] = (uint8_t)strtoul(text, &end, 16);
		while (*end == ' ')
			end++;
	}
	return count;
}

static int decode_text(struct insn *ret, const char *text,
		       enum decode_mode mode)
{
	uint8_t bytes[24];
	size_t count = parse_bytes(bytes, sizeof(bytes), text);

	return insn_decode(ret, bytes, count, mode);
}

static void test_cases(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(decode_cases) / sizeof(decode_cases[0]); i++) {
		const struct decode_case *c = &decode_cases[i];
		struct insn in;
		int result = decode_text(&in, c->bytes, c->mode);

		if (result != c->result ||
		    (result > 0 && (in.op != c->op || in.len != result ||
				    in.opsize != c->opsize)))
			fail_msg("mode %d, %s: %d %s, opsize %u", c->mode,
				 c->bytes, result,
				 result > 0 ? insn_op_name(in.op) : "",
				 result > 0 ? in.opsize : 0);
	}
}

/* The bytes 1 2 3 4 ... need at least this many to be told valid. */
static void test_truncated(void **state)
{
	uint8_t bytes[24];
	struct insn in;
	size_t i, avail;

	for (i = 0; i < sizeof(decode_cases) / sizeof(decode_cases[0]); i++) {
		const struct decode_case *c = &decode_cases[i];

		(void)parse_bytes(bytes, sizeof(bytes), c->bytes);
		for (avail = 0; c->result > 0 && avail < (size_t)c->result;
		     avail++)
			assert_int_equal(
				insn_decode(&in, bytes, avail, c->mode),
				INSN_TRUNCATED);
	}
}

static void test_memory_operands(void **state)
{
	struct insn in;

	assert_true(decode_text(&in, "8b 44 8c f0", DECODE_64) > 0);
	assert_int_equal(in.base, 4);
	assert_int_equal(in.index, 1);
	assert_int_equal(in.scale, 2);
	assert_int_equal(in.disp, -16);
	assert_int_equal(in.seg, INSN_SEG_FLAT);
	assert_true(in.flags & INSN_STACK);

	assert_true(decode_text(&in, "43 8b 44 65 00", DECODE_64) > 0);
	assert_int_equal(in.base, 13);
	assert_int_equal(in.index, 12);
	assert_false(in.flags & INSN_STACK);

	assert_true(decode_text(&in, "8b 05 10 0 0 0", DECODE_64) > 0);
	assert_int_equal(in.base, INSN_REG_RIP);
	assert_int_equal(in.index, INSN_REG_NONE);
	assert_true(decode_text(&in, "8b 05 10 0 0 0", DECODE_32) > 0);
	assert_int_equal(in.base, INSN_REG_NONE);
	assert_true(decode_text(&in, "8b 04 25 10 0 0 0", DECODE_64) > 0);
	assert_int_equal(in.base, INSN_REG_NONE);
	assert_int_equal(in.index, INSN_REG_NONE);

	assert_true(decode_text(&in, "8b 42 80", DECODE_16) > 0);
	assert_int_equal(in.base, 5);
	assert_int_equal(in.index, 6);
	assert_int_equal(in.disp, -128);
	assert_int_equal(in.seg, INSN_SEG_SS);
	assert_true(decode_text(&in, "8b 06 fe ff", DECODE_16) > 0);
	assert_int_equal(in.base, INSN_REG_NONE);
	assert_int_equal(in.seg, INSN_SEG_DS);
	assert_true(decode_text(&in, "26 8b 06 fe ff", DECODE_16) > 0);
	assert_int_equal(in.seg, INSN_SEG_ES);
	/* DS means nothing in 64-bit mode, not even after FS. */
	assert_true(decode_text(&in, "64 3e 8b 00", DECODE_64) > 0);
	assert_int_equal(in.seg, INSN_SEG_FS);
}

static void test_values(void **state)
{
	struct insn in;

	assert_true(decode_text(&in, "48 81 c0 fe ff ff ff", DECODE_64) > 0);
	assert_true(in.imm == (uint64_t)-2);
	assert_true(decode_text(&in, "cd fe", DECODE_64) > 0);
	assert_int_equal(in.imm, 0xfe);
	assert_true(decode_text(&in, "d1 e0", DECODE_64) > 0);
	assert_int_equal(in.imm, 1);
	assert_true(decode_text(&in, "c8 fe ff 3", DECODE_64) > 0);
	assert_int_equal(in.imm, 0xfffe);
	assert_int_equal(in.sel, 3);
	assert_true(decode_text(&in, "ea 1 2 3 4 5 6", DECODE_32) > 0);
	assert_int_equal(in.imm, 0x04030201);
	assert_int_equal(in.sel, 0x0605);
	assert_true(decode_text(&in, "66 0f 78 c1 7 8", DECODE_64) > 0);
	assert_int_equal(in.imm, 7);
	assert_int_equal(in.sel, 8);
	assert_true(decode_text(&in, "0f a8", DECODE_64) > 0);
	assert_int_equal(in.reg, INSN_SEG_GS);
	assert_true(decode_text(&in, "41 57", DECODE_64) > 0);
	assert_int_equal(in.rm, 15);
	assert_true(decode_text(&in, "45 0f 6f c9", DECODE_64) > 0);
	assert_int_equal(in.reg, 1);
	assert_int_equal(in.rm, 1);
	assert_true(decode_text(&in, "c4 c1 35 fe c3", DECODE_64) > 0);
	assert_int_equal(in.rm, 11);
	assert_int_equal(in.vvvv, 9);
	assert_true(in.flags & INSN_VEX_L);
	assert_int_equal(insn_feature(&in), IF_AVX2);
}

static void test_memory_facts(void **state)
{
	struct insn in;

	assert_true(decode_text(&in, "0f 28 00", DECODE_64) > 0);
	assert_int_equal(insn_mem_size(&in), 16);
	assert_int_equal(insn_mem_align(&in), 16);
	assert_int_equal(insn_mem_access(&in), OPND_R);
	assert_true(decode_text(&in, "c5 fc 29 00", DECODE_64) > 0);
	assert_int_equal(insn_mem_align(&in), 32);
	assert_int_equal(insn_mem_access(&in), OPND_W);
	assert_true(decode_text(&in, "c5 fc 58 00", DECODE_64) > 0);
	assert_int_equal(insn_mem_size(&in), 32);
	assert_int_equal(insn_mem_align(&in), 1);
	assert_true(decode_text(&in, "0f ae 00", DECODE_64) > 0);
	assert_int_equal(insn_mem_size(&in), 512);
	assert_int_equal(insn_mem_align(&in), 16);
	assert_true(decode_text(&in, "48 8d 00", DECODE_64) > 0);
	assert_int_equal(insn_mem_size(&in), 0);
	assert_true(decode_text(&in, "48 01 00", DECODE_64) > 0);
	assert_int_equal(insn_mem_size(&in), 8);
	assert_int_equal(insn_mem_access(&in), OPND_R | OPND_W);
	assert_true(decode_text(&in, "c5 fd 7e 00", DECODE_64) < 0);
	assert_true(decode_text(&in, "c4 e1 f9 7e 00", DECODE_64) > 0);
	assert_int_equal(insn_mem_size(&in), 8);
}

/* What decode.c assumes of the table. */
static void test_table(void **state)
{
	unsigned int i, j, count = insn_entry_count();
	unsigned int first = 1;

	for (i = 1; i < count; i++) {
		const struct insn_desc *desc = insn_entry(i);
		const struct insn_desc *prev = insn_entry(i - 1);

		assert_true(desc->op > OP_INVALID && desc->op < OP_COUNT);
		if (desc->map != prev->map)
			assert_int_not_equal(desc->opcode, prev->opcode);
		if (i > 1 && desc->map == prev->map &&
		    desc->opcode == prev->opcode)
			assert_int_equal(desc->pat.mask & INSN_KEY_MODRM,
					 prev->pat.mask & INSN_KEY_MODRM);
		else
			first = i;
		/* One run for each opcode. */
		for (j = 1; j < first; j++)
			assert_false(insn_entry(j)->map == desc->map &&
				     insn_entry(j)->opcode == desc->opcode);
		assert_int_equal(desc->pat.match & ~desc->pat.mask, 0);
		assert_int_equal(desc->flags_undefined & ~desc->flags_written,
				 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_memory_operands),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_memory_facts),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
