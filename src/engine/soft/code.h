/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which guest-physical pages hold decoded code, shared by all processors of a
 * partition: one struct code_page per page of guest-physical space, lazily
 * backed. Keeps decoded blocks honest when their bytes change (block.c).
 *
 * A page is marked before its first block is kept. From then on no processor
 * may have a fast path for writing to it: whoever fills a TLB entry asks
 * code_page_marked() first, and marking makes every processor drop what it
 * has (soft_code_attention()). Every store to a marked page is followed by
 * soft_code_written(); that is what may clear the mark again.
 */
#pragma once

#include "vp.h"

struct code_page {
	_Atomic uint64_t epoch;    /* code_epoch of the mark; 0: not marked */
	_Atomic uint64_t granules; /* 64-byte pieces that hold decoded code */
	_Atomic uint32_t version;  /* blocks of other versions are stale */
	uint32_t pad[3];
};

#define CODE_RING 64 /* recent marks, by epoch */

struct soft_pages {
	uint64_t nr_pages; /* guest-physical pages covered */
	uint64_t map_size; /* bytes of the mapping at page[] */
	struct code_page *page;
	_Atomic uint64_t ring[CODE_RING]; /* gpa of the mark of an epoch */
};

/* The record of @gpa's page; NULL when no RAM can be there. Any thread. */
static inline struct code_page *code_page(const struct soft_partition *sp,
					  uint64_t gpa)
{
	uint64_t n = gpa >> PAGE_SHIFT;

	if (!sp->pages || n >= sp->pages->nr_pages)
		return NULL;
	return &sp->pages->page[n];
}

/* Must a TLB entry for @gpa's page not be writable? Any thread. */
static inline bool code_page_marked(const struct soft_partition *sp, gpa_t gpa)
{
	const struct code_page *pg = code_page(sp, gpa.v);

	return pg && atomic_load(&pg->epoch);
}

/*
 * [gpa, gpa + len), inside one page, has just been stored to by this
 * processor without the TLB's fast path. Own thread.
 */
void soft_code_written(struct soft_vp *vp, gpa_t gpa, unsigned int len);

/* The same for any range and any thread: engine_ops.memory_written. */
void soft_memory_written(struct hv_partition *p, gpa_t gpa, uint64_t len);

/* Before guest accesses after a pause, and when HV_ATTN_ENGINE was set: see
 * the marks that others have made. Own thread, between instructions. */
void soft_code_attention(struct soft_vp *vp);

/* Size the page records by the slots: all processors stopped. Negative errno;
 * every processor must soft_blocks_flush() afterwards. */
int soft_pages_resize(struct soft_partition *sp);
void soft_pages_fini(struct soft_partition *sp);

/* Block cache of one processor. */
int soft_blocks_init(struct soft_vp *vp);
void soft_blocks_fini(struct soft_vp *vp);
/* Drop every block. Own thread or stopped; ends the running block. */
void soft_blocks_flush(struct soft_vp *vp);
