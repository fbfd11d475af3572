/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One encoding, decoded by us and by Zydis: what differs?
 */
#pragma once

#include <stdint.h>

#include "decode.h"

enum difference {
	SAME,
	ALLOWED, /* differs for a reason: see allowed[] */
	ONLY_US, /* valid for us alone */
	ONLY_ZYDIS,
	LENGTH,
	NAME,
	OPERAND_SIZE,
	ADDRESS_SIZE,
	OPERAND_COUNT,
	OPERAND_KIND,
	REGISTER,
	ADDRESS,
	WIDTH,
	ACCESS,
	IMMEDIATE,
	EFLAGS,
	DIFFERENCE_COUNT
};

extern const char *const difference_names[DIFFERENCE_COUNT];

/* What was found, for a report. */
struct comparison {
	int our_result;
	struct insn ours;
	const char *zydis_name; /* NULL if Zydis rejects it */
	unsigned int zydis_length;
	int operand;
};

/* Prepares Zydis; once, before anything else. */
void zydis_init(void);

/* @bytes has at least 15 bytes; DECODE_REAL goes with 16-bit only. */
enum difference zydis_compare(struct comparison *ret, const uint8_t *bytes,
			      enum decode_mode mode);
