/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the instruction decoder: any bytes in any mode give either an error
 * or a record that keeps the promises of decode.h, and the same bytes give
 * the same record however many bytes follow.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum decode_mode modes[] = {
	DECODE_16,
	DECODE_32,
	DECODE_64,
	DECODE_16 | DECODE_REAL,
	DECODE_32 | DECODE_REAL,
};

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void check_record(const struct insn *in, int len)
{
	expect(len >= 1 && len <= INSN_MAX_LEN && in->len == len);
	expect(in->op != OP_INVALID && in->op < OP_COUNT);
	expect(in->entry < insn_entry_count());
	expect(in->base <= INSN_REG_RIP && in->index <= INSN_REG_NONE);
	expect(in->seg <= INSN_SEG_FLAT && in->scale <= 3);
}

static void check_mode(enum decode_mode mode, const uint8_t *bytes, size_t n)
{
	struct insn whole, exact;
	uint8_t copy[INSN_MAX_LEN];
	int len, again;

	len = insn_decode(&whole, bytes, n, mode);
	if (len < 0) {
		expect(len >= INSN_GP);
		return;
	}
	check_record(&whole, len);
	expect((size_t)len <= n);

	memcpy(copy, bytes, (size_t)len);
	again = insn_decode(&exact, copy, (size_t)len, mode);
	expect(again == len && exact.op == whole.op && exact.imm == whole.imm);
	again = insn_decode(&exact, copy, (size_t)len - 1, mode);
	expect(again < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;

	check_mode(modes[data[0] % (sizeof(modes) / sizeof(modes[0]))],
		   data + 1, size - 1);
	return 0;
}
