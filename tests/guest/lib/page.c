/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page allocator and 4-level page tables. The first gigabyte starts as
 * 2 MiB pages without user access; the ones that hold .user are split.
 */
#include "page.h"

#include "lib.h"

extern char user_start[], user_end[], image_end[];

static ulong next_page;

void *page_alloc_aligned(size_t size, size_t align)
{
	ulong at = (next_page + align - 1) & ~(align - 1);

	next_page = at + size;
	memset((void *)at, 0, size);
	return (void *)at;
}

void *page_alloc(void)
{
	return page_alloc_aligned(PAGE_SIZE, PAGE_SIZE);
}

#ifdef __x86_64__

/* A large page becomes a table of the next smaller ones. */
static void split(uint64_t *e, int level)
{
	uint64_t flags = *e & ~PTE_ADDR, pa = *e & PTE_ADDR;
	uint64_t step = 1ULL << (12 + 9 * (level - 2));
	uint64_t *table = page_alloc();
	unsigned int i;

	if (level == 2)
		flags &= ~PTE_PS;
	for (i = 0; i < 512; i++)
		table[i] = pa + i * step + flags;
	*e = (ulong)table | PTE_P | PTE_W | PTE_U;
}

uint64_t *page_entry(ulong va, int level)
{
	uint64_t *table = (uint64_t *)(read_cr3() & PTE_ADDR);
	uint64_t *e;
	int at;

	for (at = 4;; at--) {
		e = &table[va >> (12 + 9 * (at - 1)) & 511];
		if (at == level)
			return e;
		if (!*e)
			*e = (ulong)page_alloc() | PTE_P | PTE_W | PTE_U;
		else if (at < 4 && *e & PTE_PS)
			split(e, at);
		*e |= PTE_U;
		table = (uint64_t *)(*e & PTE_ADDR);
	}
}

uint64_t *page_map(ulong va, uint64_t pa, uint64_t flags, int level)
{
	uint64_t *e = page_entry(va, level);

	*(volatile uint64_t *)e = pa | flags | (level > 1 ? PTE_PS : 0);
	invlpg(va);
	return e;
}

void tlb_flush(void)
{
	ulong cr4 = read_cr4();

	if (cr4 & CR4_PGE) {
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	}
	write_cr3(read_cr3());
}

void page_init(void)
{
	ulong va;

	next_page = ((ulong)image_end + 0x1fffff) & ~0x1fffffUL;
	for (va = (ulong)user_start; va < (ulong)user_end; va += PAGE_SIZE)
		page_map(va, va, PTE_P | PTE_W | PTE_U, 1);
	tlb_flush();
}

#else

void page_init(void)
{
	next_page = ((ulong)image_end + 0x1fffff) & ~0x1fffffUL;
}

#endif
