/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the segmentation32 image. */
#pragma once

#include "lib.h"
#include "page.h"

/* Free GDT slots. */
#define SLOT1 0x40
#define SLOT2 0x48
#define SLOT3 0x50
#define SLOT4 0x58
#define SLOT5 0x60

/* Access bytes: P 0x80, DPL 0x60, S 0x10, type. */
#define A_P      0x80
#define A_DPL(n) ((n) << 5)
#define A_RODATA 0x91
#define A_DATA   0x93
#define A_DOWN   0x97 /* expand-down */
#define A_XCODE  0x99
#define A_CODE   0x9b
#define A_CONF   0x9f
#define A_LDT    0x82
#define A_TSS16  0x81
#define A_TSS    0x89
#define A_BUSY   0x8b
#define A_CALL   0x8c
#define A_CALL16 0x84
#define A_TASK   0x85
#define F_BIG    0x4
#define F_PAGES  0x8

struct far_ptr {
	uint32_t offset;
	uint32_t selector;
};

static inline void put(unsigned int sel, uint32_t base, uint32_t limit,
		       unsigned int access, unsigned int flags)
{
	gdt_set(sel, desc_make(base, limit, access, flags));
}

/* A call or task gate. */
static inline void put_gate(unsigned int sel, unsigned int access,
			    unsigned int target, uint32_t offset,
			    unsigned int params)
{
	gdt_set(sel, (offset & 0xffff) | (uint64_t)target << 16 |
			     (uint64_t)params << 32 | (uint64_t)access << 40 |
			     (uint64_t)(offset >> 16) << 48);
}

void test_segments(void);
void test_transfers(void);
void test_stacks(void);
void test_tasks(void);
void test_v86(void);
