/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lamina-difftest: the same instruction, from the same state, on the host CPU
 * and in an engine. What every part shares: addresses, cases and results.
 *
 * A case is one instruction, or a short sequence, in a world that looks alike
 * from user mode on both sides: code, two writable and one read-only page at
 * fixed addresses with nothing around them, flat segments.
 */
#pragma once

#include <hypervisor/regs.h>

#include "decode.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define DIFF_PAGE      4096u
#define DIFF_CODE      UINT64_C(0x10000000)
#define DIFF_CODE_SIZE (2 * DIFF_PAGE)
#define DIFF_DATA      UINT64_C(0x20000000)
#define DIFF_DATA_RW   (2 * DIFF_PAGE) /* then one page read-only */
#define DIFF_DATA_SIZE (3 * DIFF_PAGE)
#define DIFF_FS_BASE   (DIFF_DATA + 0x400)
#define DIFF_GS_BASE   (DIFF_DATA + 0x1400)

/* The host kernel's selectors; the guest's are made the same. */
#define DIFF_CS64 0x33u
#define DIFF_CS32 0x23u
#define DIFF_SS   0x2bu

#define DIFF_NO_FAULT    0xffu
#define DIFF_MAX_PATCHES 6u
#define DIFF_MAX_CHANGES 160u
#define DIFF_BATCH       256u
#define DIFF_CODE_MAX    192u
#define DIFF_MAX_INSNS   32u

/* What a case may set in RFLAGS; IF and the fixed bit are always set. */
#define DIFF_FLAGS_SET (X86_FL_ARITH | X86_FL_DF | X86_FL_TF)
/* What is compared. RF differs by the way of leaving. */
#define DIFF_FLAGS_CMP                                                         \
	(X86_FL_ARITH | X86_FL_DF | X86_FL_NT | X86_FL_AC | X86_FL_ID |        \
	 X86_FL_IF)

struct diff_state {
	uint64_t gpr[16];
	uint64_t rip;
	uint64_t rflags;
	struct vp_fpu fpu;
};

struct diff_patch {
	uint16_t off; /* in the data pages */
	uint8_t len;
	uint8_t bytes[64];
};

struct diff_case {
	struct diff_state in;
	uint64_t number;
	uint16_t code_off;
	uint16_t entry;
	uint8_t mode; /* 64 or 32 */
	uint8_t len;
	uint8_t nr_patches;
	uint8_t nr_insns;
	uint8_t code[DIFF_CODE_MAX]; /* 0xcc behind the instructions */
	struct diff_patch patch[DIFF_MAX_PATCHES];
};

struct diff_change {
	uint32_t off; /* of an aligned quadword in the data pages */
	uint64_t value;
};

struct diff_result {
	struct diff_state out;
	uint64_t address; /* CR2 */
	uint32_t error;
	uint8_t vector; /* or DIFF_NO_FAULT */
	bool skipped;   /* the side could not run it */
	uint16_t nr_changes;
	struct diff_change change[DIFF_MAX_CHANGES];
};

/* ---- random numbers: splitmix64 ---- */

struct rng {
	uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 .. @n - 1 */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}

static inline bool rng_one_in(struct rng *r, uint32_t n)
{
	return rng_below(r, n) == 0;
}

/* ---- gen.c, gen_state.c ---- */

/* Why an entry is never executed, or NULL. */
const char *gen_excluded(unsigned int entry);
/* A case for @entry; false if no valid encoding came out. */
bool gen_case(struct rng *r, struct diff_case *c, unsigned int entry,
	      unsigned int mode);
void gen_state(struct rng *r, struct diff_case *c, const struct insn *in);
/* May @entry be part of a sequence? */
bool gen_fits_sequence(unsigned int entry);
/* A sequence of the @count entries in @entries. */
void gen_sequence(struct rng *r, struct diff_case *c, const uint16_t *entries,
		  unsigned int count, unsigned int mode);
void gen_sequence_state(struct rng *r, struct diff_case *c);

/* ---- native.c: the host side ---- */

struct native;

/* Starts the child. Negative errno. */
int native_open(struct native **ret);
void native_close(struct native *n);
/* Run @count <= DIFF_BATCH cases. */
void native_run(struct native *n, const struct diff_case *c,
		struct diff_result *r, unsigned int count);
/* Does the host execute 32-bit code? */
bool native_has_32(struct native *n);

/* ---- engines ---- */

struct diff_engine {
	const char *name;
	int (*open)(void);
	void (*run)(const struct diff_case *c, struct diff_result *r);
	void (*close)(void);
};

extern const struct diff_engine engine_interp;
extern const struct diff_engine engine_xlat;

/* ---- compare.c ---- */

/* The engine translates blocks. */
extern bool compare_translated;

/* NULL: equal. Else what differs first, for humans. */
const char *compare(const struct diff_case *c, const struct diff_result *a,
		    const struct diff_result *b);

/* ---- text.c: cases as text, for reports and the corpus ---- */

void text_write(FILE *f, const struct diff_case *c);
/* False at the end of the file; exits on garbage. */
bool text_read(FILE *f, const char *name, struct diff_case *c);
void text_differences(FILE *f, const struct diff_case *c,
		      const struct diff_result *host,
		      const struct diff_result *engine);

/* ---- the data pages ---- */

/* What they hold before patches; the same in every run. */
void diff_data_fill(uint8_t *data);
