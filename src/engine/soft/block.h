/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoded blocks: runs of instructions that end at a branch, a page end or an
 * instruction that may change how code is found. Private to one processor, so
 * that nothing here is locked.
 *
 * A block is a function of the host address of its bytes, of vp->mode and of
 * those bytes; where it appears in linear space does not matter. It is good
 * while its page's version (code.h) is the one it was decoded under. Its code
 * lies in one page, except a block of a single instruction that straddles
 * into the next.
 */
#pragma once

#include "code.h"
#include "decode.h"

#define BLOCK_MAX_INSNS 32

/* soft_block.mode beside SOFT_MODE_*: holds one instruction only. */
#define BLOCK_SINGLE 0x80000000u

struct soft_block {
	/* What following a successor looks at. */
	const uint8_t *entry; /* host; NULL: must be searched for */
	uint32_t mode;        /* SOFT_MODE_* and BLOCK_SINGLE */
	uint32_t version;
	struct code_page *page;
	struct soft_block *succ[2]; /* likely next ones, to be checked */
	struct soft_block *next;    /* same bucket */
	uint16_t nr_insns;
	/* A copy of the bytes lies behind the instructions and one that ends
	 * the block (soft_block_end()). */
	uint16_t nr_bytes;
	bool kept;     /* in its bucket; else good for one execution */
	bool indirect; /* ends where any block may follow */

	const uint8_t *host; /* first byte */
	uint64_t gpa;
	const uint8_t *host2; /* straddling: where the rest lies */
	struct code_page *page2;
	uint32_t version2;
	struct insn insn[];
};

#define BLOCK_HASH_BITS 15

struct soft_blocks {
	struct soft_block *bucket[1u << BLOCK_HASH_BITS];
	uint8_t *arena;
	size_t size, used;
	struct soft_block *once; /* storage of a block that is not kept */
};

/*
 * Set mark and granules for decoding [gpa, gpa + len) and take the version.
 * False: not every processor knows yet, or a store has just come in between:
 * what is decoded now may be executed once, but not kept.
 */
bool code_page_claim(struct soft_vp *vp, struct code_page *pg, uint64_t gpa,
		     unsigned int len, uint32_t *ret_version);

/*
 * The block at the current RIP (and @single: of one instruction); @prev is
 * where we come from or NULL. Raises fetch faults. Own thread, vp->in NULL.
 */
struct soft_block *soft_block_find(struct soft_vp *vp, struct soft_block *prev,
				   uint32_t single);

/* The current RIP as a linear address. */
static inline uint64_t code_linear(struct soft_vp *vp)
{
	struct vp_regs *r = &vp->hv.regs;

	if (vp->mode & SOFT_MODE_64)
		return r->rip;
	return (uint32_t)(r->seg[X86_CS].base + r->rip);
}

/* Is @b, found by pointer, the block at host address @host right now? Never
 * true of blocks that straddle pages. */
static inline bool block_is_current(const struct soft_block *b,
				    const uint8_t *host, uint32_t mode)
{
	return b->entry == host && b->mode == mode &&
	       atomic_load_explicit(&b->page->version, memory_order_acquire) ==
		       b->version;
}

static inline unsigned int block_bucket(const uint8_t *host, uint32_t mode)
{
	uint64_t h = ((uintptr_t)host ^ ((uint64_t)mode << 40)) *
		     UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned int)(h >> (64 - BLOCK_HASH_BITS));
}

/* Handler behind a block's last instruction, whose imm is the block: goes on
 * with the next block when nothing speaks against it. (run.c) */
insn_fn soft_block_end;

/* Ask the families of handlers for @in's. */
void soft_bind(struct soft_vp *vp, struct insn *in);
