/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoded blocks: runs of instructions that end at a branch, a page end or an
 * instruction that may change how code is found. Private to one processor, so
 * that nothing here is locked.
 *
 * A block is a function of the host address of its bytes, of vp->mode and of
 * those bytes; where it appears in linear space does not matter. It is good
 * while its page's version (code.h) is the one it was decoded under; as long
 * as no version changes anywhere (soft_partition.code_changes) that need not
 * be looked at. Its code lies in one page, except a block of a single
 * instruction that straddles into the next.
 */
#pragma once

#include "code.h"
#include "decode.h"

#define BLOCK_MAX_INSNS 32

/* Beside SOFT_MODE_*: the block holds one instruction only. */
#define BLOCK_SINGLE 0x8000u

/*
 * What names a block: the host address of its bytes and the mode. Addresses
 * of user space leave the upper 16 bits free.
 */
static inline uint64_t block_key(const uint8_t *host, uint32_t mode)
{
	return (uintptr_t)host | (uint64_t)mode << 48;
}

struct soft_block;
struct xlat_block;

/* A block by its name, so that others need not be touched. */
struct block_way {
	uint64_t key;
	struct soft_block *block;
};

/* What is looked at from block to block comes first. */
struct soft_block {
	uint64_t key; /* 0: look closer (straddling) or stale */
	/* soft_partition.code_changes when the page's version was compared */
	uint64_t checked;
	struct block_way succ[2]; /* likely next ones, to be checked */
	uint16_t nr_insns;
	uint16_t nr_bytes;
	bool kept;               /* in the table; else good for one execution */
	bool indirect;           /* ends where any block may follow */
	uint32_t heat;           /* executions, until it is translated */
	struct xlat_block *code; /* its translation, or NULL */
	/*
	 * The instructions and one that ends the block (soft_block_end()), then
	 * a struct block_origin, then a copy of the bytes.
	 */
	struct insn insn[];
};

/* Where a block's bytes came from. */
struct block_origin {
	const uint8_t *host; /* first byte */
	uint64_t gpa;
	struct code_page *page;
	uint32_t version;
	uint32_t version2;
	const uint8_t *host2; /* straddling: where the rest lies; else NULL */
	struct code_page *page2;
};

static inline struct block_origin *block_origin(struct soft_block *b)
{
	return (struct block_origin *)(void *)&b->insn[b->nr_insns + 1];
}

/* The table: sets of four, so that one look is one cache line. */
#define BLOCK_SET_BITS 15
#define BLOCK_WAYS     4

struct soft_blocks {
	struct block_way set[1u << BLOCK_SET_BITS][BLOCK_WAYS];
	uint8_t *arena;
	size_t size, used;
	struct soft_block *once; /* storage of a block that is not kept */
	unsigned int turn;       /* whom to replace next */
};

static inline struct block_way *block_set(struct soft_blocks *bs, uint64_t key)
{
	uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);

	return bs->set[h >> (64 - BLOCK_SET_BITS)];
}

/* By name alone: whether it still is what memory says is another question. */
static inline struct soft_block *block_lookup(struct soft_blocks *bs,
					      uint64_t key)
{
	const struct block_way *way = block_set(bs, key);

	for (unsigned int i = 0; i < BLOCK_WAYS; i++)
		if (way[i].key == key)
			return way[i].block;
	return NULL;
}

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

/* The current RIP as a linear address; wraps it outside 64-bit code. */
static inline uint64_t code_linear(struct soft_vp *vp)
{
	struct vp_regs *r = &vp->hv.regs;

	if (__builtin_expect(vp->mode & SOFT_MODE_64, 1))
		return r->rip;
	r->rip = (uint32_t)r->rip;
	return (uint32_t)(r->seg[X86_CS].base + r->rip);
}

/* Does all of @b, the block at RIP, lie below CS's limit? */
static inline bool block_within_limit(const struct soft_vp *vp,
				      const struct soft_block *b)
{
	const struct vp_regs *r = &vp->hv.regs;

	return vp->mode & (SOFT_MODE_64 | SOFT_MODE_FLAT) ||
	       (r->rip <= r->seg[X86_CS].limit &&
		r->seg[X86_CS].limit - r->rip >= (uint32_t)b->nr_bytes - 1);
}

/* The latest successor comes first. */
static inline void block_follows(struct soft_block *prev, uint64_t key,
				 struct soft_block *b)
{
	prev->succ[1] = prev->succ[0];
	prev->succ[0] = (struct block_way){key, b};
}

/* Compare @b's page with the version that @b was made under. (block.c) */
bool block_recheck(struct soft_vp *vp, struct soft_block *b);

/* May @b be run without a closer look? @key is what RIP leads to now. */
static inline bool block_is_current(struct soft_vp *vp, struct soft_block *b,
				    uint64_t key)
{
	uint64_t changes = atomic_load_explicit(&vp->partition->code_changes,
						memory_order_acquire);

	return b->key == key && (b->checked == changes || block_recheck(vp, b));
}

/* Handler behind a block's last instruction, whose imm is the block: goes on
 * with the next block when nothing speaks against it. (run.c) */
insn_fn soft_block_end;

/* Ask the families of handlers for @in's. */
void soft_bind(struct soft_vp *vp, struct insn *in);
