/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the translator. Host registers in translated code:
 *
 *   RAX RCX RDX RBX RBP RSI RDI R8-R11   the guest's
 *   R13                                  guest RSP
 *   R12 R14 R15                          scratch
 *   RSP                                  the engine's stack, 16-byte aligned
 *   GS base                              struct soft_vp
 *   XMM/YMM, MXCSR                       the guest's while vp->xl.parked is 0
 *
 * Guest R12-R15 stay in vp->hv.regs.gpr. Arithmetic flags are in host RFLAGS
 * or, where said so, in vp->flags. Everything else of the guest is in vp.
 */
#pragma once

#include "bind.h"
#include "flags.h"
#include "mmu.h"
#include "native.h"
#include "xlat.h"
#include "xlat_asm.h"

#include <base/mem.h>

#include <stddef.h>

#define VP_OFF(member) ((uint32_t)offsetof(struct soft_vp, member))
#define GPR_OFF(n)     ((uint32_t)(n)*8)

BUILD_ASSERT(offsetof(struct soft_vp, hv.regs.gpr) == 0);

/* How a block is entered. */
enum xlat_entry {
	ENTRY_HOST,  /* flags in host RFLAGS, no look at hv.attention */
	ENTRY_POLL,  /* the same after a look */
	ENTRY_SAVED, /* flags in vp->flags; looks */
	NR_ENTRIES,
};

#define POISON_LEN 5 /* a jump */

struct xlat_block {
	struct soft_block *b;
	struct xlat_block *next; /* of the same bucket of pages */
	uint64_t entry[NR_ENTRIES];
	/* What a stale block's HOST and SAVED entries are replaced by. */
	uint64_t stale[2];
	uint8_t saved[2][POISON_LEN];
	bool poisoned;
};

#define XLAT_AREA    (64u << 20)
#define XLAT_ROOM    (64u << 10) /* more than a block takes */
#define XLAT_BLOCKS  (1u << 18)
#define XLAT_BUCKETS 8192

/*
 * What a handler is called with: the instruction, and one behind it whose
 * handler returns, since handlers start what follows (int.h).
 */
struct xlat_call {
	struct insn in, stop;
};

#define XLAT_CALLS (1u << 20)

struct xlat {
	uint8_t *rw;
	uint64_t rx;
	size_t used, first; /* bytes; @first: the thunks' end */
	struct xlat_block *block;
	unsigned int nr_blocks;
	struct xlat_call *call;
	unsigned int nr_calls;
	struct xlat_block *bucket[XLAT_BUCKETS];
	unsigned int mode; /* of the pending link */

	/* Thunks (xlat_thunk.c), addresses to execute. */
	void (*enter)(struct soft_vp *vp, uint64_t code);
	uint64_t call_host;  /* handler; flags in RFLAGS */
	uint64_t call_saved; /* handler; flags in vp->flags or dead */
	uint64_t last_host;  /* the same and leave afterwards */
	uint64_t last_saved;
	uint64_t exit_host; /* R14: the RIP */
	uint64_t exit_saved;
	uint64_t load_vec; /* R14: RIP to interpret at if impossible */
};

void xlat_make_thunks(struct soft_vp *vp, struct xasm *a);

/* ---- one block's translation ---- */

enum cold_kind {
	COLD_SLOW,  /* run insn @n's handler, resume */
	COLD_LAST,  /* run insn @n's handler, leave */
	COLD_LINK,  /* direct jump to @target in this page */
	COLD_CROSS, /* direct jump to @target outside it */
};

/* Code that is rarely run, behind the block's body. */
struct cold {
	enum cold_kind kind;
	enum xlat_entry entry; /* COLD_LINK */
	bool saved;            /* flags are in vp->flags (or dead) */
	bool vec;              /* vectors are to be loaded at @resume */
	uint8_t n;
	uint8_t nr_fields;
	uint8_t *field[3]; /* jumps that lead here */
	uint64_t resume;
	int32_t target; /* offset in the page */
};

/* SOFT_MODE_* and BLOCK_SINGLE; of a block with a name. */
static inline uint32_t block_mode(const struct soft_block *b)
{
	return (uint32_t)(b->key >> 48);
}

#define MAX_COLD (4 * BLOCK_MAX_INSNS + 8)

struct xl {
	struct xasm a;
	struct soft_vp *vp;
	struct xlat *x;
	struct soft_block *b;
	unsigned int nr;
	unsigned int n; /* current */
	struct insn in[BLOCK_MAX_INSNS];
	const uint8_t *bytes[BLOCK_MAX_INSNS];
	int32_t off[BLOCK_MAX_INSNS + 1];   /* in the page */
	uint16_t live[BLOCK_MAX_INSNS + 1]; /* flags live before */
	bool vec_ready;                     /* vectors are known to be loaded */
	struct xlat_call *call[BLOCK_MAX_INSNS]; /* NULL: not needed yet */
	struct cold cold[MAX_COLD];
	unsigned int nr_cold;
};

struct cold *xl_cold(struct xl *x, enum cold_kind kind);
static inline void cold_field(struct cold *c, uint8_t *field)
{
	c->field[c->nr_fields++] = field;
}

/* xlat_insn.c: all but branches. */
void xl_insn(struct xl *x);
/* Call the handler of the current instruction. */
void xl_handler(struct xl *x, bool last);
/* R14 and R15 as the call thunks want them for instruction @n. */
void xl_call_args(struct xl *x, unsigned int n);
/* Flags between RFLAGS and vp->flags; clobber R12. */
void xl_flags_save(struct xl *x);
void xl_flags_restore(struct xl *x);
/* R14: linear address in, host address out; clobbers R12, R15, flags. The
 * result is the jump of a miss. */
uint8_t *xl_probe(struct xl *x, unsigned int size, unsigned int align,
		  bool write);
/* R14 = linear address of the memory operand, moved by @delta. Clobbers R12
 * and R15. False: cannot be. */
bool xl_address(struct xl *x, int32_t delta);
/* Host register of guest register @g, loaded into @scratch if need be. */
unsigned int xl_reg(struct xl *x, unsigned int g, unsigned int scratch);
uint16_t xl_flags_read(const struct insn *in);
uint16_t xl_flags_killed(const struct insn *in);
bool xl_is_native(struct xl *x, const struct insn *in);

/* xlat_flow.c */
bool xl_is_branch(struct xl *x, const struct insn *in);
void xl_branch(struct xl *x);
void xl_fall_through(struct xl *x);
void xl_entries(struct xl *x, struct xlat_block *xb);
void xl_cold_all(struct xl *x);
void xl_stale_exits(struct xl *x, struct xlat_block *xb);

/* A link's name in vp->xl.link: where its jump's displacement lies. */
#define LINK_NONE       0u
#define LINK_ENTRY_BIT  28
#define LINK_AT(link)   ((link)&0x0fffffffu)
#define LINK_ENTRY(lnk) ((enum xlat_entry)((lnk) >> LINK_ENTRY_BIT))
