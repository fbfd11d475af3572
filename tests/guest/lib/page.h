/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page tables of a test image. All RAM an image uses is mapped 1:1, so that
 * a table's physical address is its pointer. In 32-bit images page_init()
 * only sets up the allocator; the tests build their own tables.
 */
#pragma once

#include "x86.h"

#define PTE_P   0x001ULL
#define PTE_W   0x002ULL
#define PTE_U   0x004ULL
#define PTE_PWT 0x008ULL
#define PTE_PCD 0x010ULL
#define PTE_A   0x020ULL
#define PTE_D   0x040ULL
#define PTE_PS  0x080ULL
#define PTE_G   0x100ULL
#define PTE_NX  (1ULL << 63)

#define PTE_ADDR 0x000ffffffffff000ULL

void page_init(void);

/* A zeroed page of 4 KiB; pages are never given back. */
void *page_alloc(void);

/* Physical memory aligned to @align (a power of two, at least 4096). */
void *page_alloc_aligned(size_t size, size_t align);

#ifdef __x86_64__
/*
 * The entry of @va at @level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB, 4: PML4) below
 * the root of CR3; tables on the way are made, with every right, if absent.
 */
uint64_t *page_entry(ulong va, int level);

/* Map and flush. @flags has PTE_*; PS is added for level 2 and 3. */
uint64_t *page_map(ulong va, uint64_t pa, uint64_t flags, int level);

/* Forget all translations, global ones too. */
void tlb_flush(void);
#endif
