/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder against Zydis over the whole encoding space:
 *
 *   legacy  every opcode map and opcode, prefix combination, REX form and
 *           ModRM byte; each ModRM that has a SIB byte with several of them
 *   VEX2    every C5 prefix byte, opcode and ModRM byte
 *   VEX3    every C4 map, opcode, W, L, pp and ModRM byte, with four values
 *           of vvvv; register extensions and SIB bytes take turns
 *
 * in 16-, 32- and 64-bit mode and in real mode. Displacements and immediates
 * are arbitrary. "quick" as argument does one case in QUICK_STEP, another set
 * for each opcode, so that all of them have some.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "zydis_compare.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define QUICK_STEP  61
#define MAX_REPORTS 40
#define CASE_BYTES  24

/* A kind of difference, reported once. */
struct report {
	enum difference diff;
	const char *zydis_name;
	unsigned int entry;
};

static struct {
	unsigned long cases;
	unsigned long allowed;
	unsigned long different;
	unsigned int step;
	unsigned int turn; /* cases until the next one that is done */
	uint32_t noise;
	struct report reports[MAX_REPORTS];
	unsigned int report_count;
} run = {.step = 1, .turn = 1, .noise = 12345};

/* Displacements and immediates: a linear congruential sequence. */
static uint8_t noise(void)
{
	run.noise = run.noise * 1664525u + 1013904223u;
	return (uint8_t)(run.noise >> 24);
}

static void report(const struct comparison *cmp, enum difference diff,
		   const uint8_t *bytes, enum decode_mode mode)
{
	struct report new = {
		.diff = diff,
		.zydis_name = cmp->zydis_name,
		.entry = cmp->our_result > 0 ? cmp->ours.entry : 0,
	};
	unsigned int i;

	for (i = 0; i < run.report_count; i++) {
		const struct report *old = &run.reports[i];

		if (old->diff == diff && old->entry == new.entry &&
		    old->zydis_name == new.zydis_name)
			return;
	}
	if (run.report_count == MAX_REPORTS)
		return;
	run.reports[run.report_count++] = new;

	printf("%s%u-bit:", mode & DECODE_REAL ? "real " : "",
	       16u << (mode & 3));
	for (i = 0; i < INSN_MAX_LEN; i++)
		printf(" %02x", bytes[i]);
	printf("\n\t%s", difference_names[diff]);
	if (cmp->operand >= 0)
		printf(", operand %d", cmp->operand);
	printf("; ours: %s, %d; Zydis: %s, %u\n",
	       insn_op_name(insn_entry(new.entry)->op), cmp->our_result,
	       cmp->zydis_name ? cmp->zydis_name : "invalid",
	       cmp->zydis_name ? cmp->zydis_length : 0);
}

static void check(const uint8_t *bytes, enum decode_mode mode)
{
	struct comparison cmp;
	enum difference diff = zydis_compare(&cmp, bytes, mode);

	run.cases++;
	if (diff == SAME)
		return;
	if (diff == ALLOWED) {
		run.allowed++;
		return;
	}
	run.different++;
	report(&cmp, diff, bytes, mode);
}

/* Is this case one of those to do? */
static bool selected(void)
{
	if (--run.turn)
		return false;
	run.turn = run.step;
	return true;
}

/* Checks the @len bytes of opcode and ModRM in @bytes, with any SIB. */
static void check_modrm(uint8_t *bytes, size_t len, enum decode_mode mode)
{
	/* Bases 4 and 5, index 4, and some with neither. */
	static const uint8_t sibs[] = {0x00, 0x24, 0x25, 0x65,
				       0xac, 0xe4, 0x0d, 0x9c};
	uint8_t modrm = bytes[len - 1];
	size_t i;

	if (!selected())
		return;
	for (i = len; i < CASE_BYTES; i++)
		bytes[i] = noise();
	if ((mode & 3) == DECODE_16 || modrm >= 0xc0 || (modrm & 7) != 4) {
		check(bytes, mode);
		return;
	}
	if (bytes[0] == 0xc4 || bytes[0] == 0xc5) {
		bytes[len] = sibs[bytes[len] % ARRAY_SIZE(sibs)];
		check(bytes, mode);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(sibs); i++) {
		bytes[len] = sibs[i];
		check(bytes, mode);
	}
}

/* Every opcode and ModRM byte behind the @len bytes of prefixes. */
static void check_opcodes(uint8_t *bytes, size_t len, enum decode_mode mode)
{
	unsigned int opcode, modrm;

	for (opcode = 0; opcode < 256; opcode++) {
		for (modrm = 0; modrm < 256; modrm++) {
			bytes[len] = (uint8_t)opcode;
			bytes[len + 1] = (uint8_t)modrm;
			check_modrm(bytes, len + 2, mode);
		}
	}
}

static void check_legacy(enum decode_mode mode)
{
	static const char *const prefixes[] = {
		"",         "\x66",     "\xf3",     "\xf2",
		"\x66\xf3", "\xf2\x66", "\xf3\xf2", "\xf2\xf3",
		"\xf0",     "\x67",     "\x64",     "\x3e",
		"\x66\x67", "\x64\x3e", "\xf0\xf2", "\xf0\x66",
	};
	static const char *const rexes[] = {
		"", "\x40", "\x41", "\x42", "\x44", "\x48", "\x49", "\x4f",
	};
	static const char *const maps[] = {"", "\x0f", "\x0f\x38", "\x0f\x3a"};
	size_t rex_count = mode == DECODE_64 ? ARRAY_SIZE(rexes) : 1;
	char bytes[CASE_BYTES + 1];
	size_t p, r, m;

	for (p = 0; p < ARRAY_SIZE(prefixes); p++) {
		for (r = 0; r < rex_count; r++) {
			for (m = 0; m < ARRAY_SIZE(maps); m++) {
				(void)snprintf(bytes, sizeof(bytes), "%s%s%s",
					       prefixes[p], rexes[r], maps[m]);
				check_opcodes((uint8_t *)bytes, strlen(bytes),
					      mode);
			}
		}
	}
}

static void check_vex2(enum decode_mode mode)
{
	uint8_t bytes[CASE_BYTES] = {0xc5};
	unsigned int i;

	for (i = 0; i < 256; i++) {
		bytes[1] = (uint8_t)i;
		check_opcodes(bytes, 2, mode);
	}
}

static void check_vex3(unsigned int map, enum decode_mode mode)
{
	/* vvvv is inverted: none; 15; 8, which exists in 64-bit mode; 5. */
	static const uint8_t vvvv[] = {15, 0, 7, 10};
	uint8_t bytes[CASE_BYTES] = {0xc4};
	unsigned int v, wlpp;

	for (v = 0; v < ARRAY_SIZE(vvvv); v++) {
		for (wlpp = 0; wlpp < 16; wlpp++) {
			/* 32-bit code: R and X are 1, or it is LES. */
			bytes[1] = (uint8_t)((noise() & 0xe0) | map);
			if (mode != DECODE_64)
				bytes[1] |= 0xc0;
			bytes[2] = (uint8_t)((wlpp & 8) << 4 | vvvv[v] << 3 |
					     (wlpp & 7));
			check_opcodes(bytes, 3, mode);
		}
	}
}

int main(int argc, char **argv)
{
	static const enum decode_mode modes[] = {
		DECODE_16 | DECODE_REAL,
		DECODE_16,
		DECODE_32,
		DECODE_64,
	};
	unsigned int map;
	size_t i;

	if (argc > 1 && !strcmp(argv[1], "quick"))
		run.step = QUICK_STEP;
	zydis_init();
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		check_legacy(modes[i]);
		check_vex2(modes[i]);
		for (map = 1; map <= 3; map++)
			check_vex3(map, modes[i]);
	}
	printf("%lu cases: %lu differ as documented, %lu otherwise\n",
	       run.cases, run.allowed, run.different);
	return run.different ? 1 : 0;
}
