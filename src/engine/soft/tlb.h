/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The soft TLB's fast path. One direct-mapped array per privilege view; an
 * entry has one tag per kind of access, so that permission is a tag match.
 * Pages that are not plain RAM for an access (device space, write to a page
 * with decoded code, armed data breakpoint) never match and take the slow
 * path in mmu.c.
 */
#pragma once

#include <base/addr.h>

#include <stdint.h>

#define TLB_BITS    11
#define TLB_ENTRIES (1u << TLB_BITS)
#define TLB_NONE    (~UINT64_C(0)) /* matches no page address */

struct tlb_entry {
	uint64_t read; /* page address of the gva, or TLB_NONE */
	uint64_t write;
	uint64_t exec;
	uint64_t addend; /* host address = gva + addend */
};

static inline struct tlb_entry *tlb_slot(struct tlb_entry *tlb, uint64_t lin)
{
	return &tlb[(lin >> PAGE_SHIFT) & (TLB_ENTRIES - 1)];
}

/*
 * Does an access of @size bytes at @lin hit @tag of lin's slot? One that
 * straddles the page end never does: the next page has another slot.
 */
static inline int tlb_hit(uint64_t tag, uint64_t lin, unsigned int size)
{
	return tag == ((lin + size - 1) & PAGE_MASK);
}
