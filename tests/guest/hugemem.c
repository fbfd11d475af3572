/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One page near the top of RAM, wherever the memory map says that is, is
 * written and read back: with 1 TiB of RAM the host must pay for one page.
 */
#include "lib.h"
#include "page.h"

#define WINDOW 0x0000600000000000UL

static uint64_t pattern(unsigned int i, uint64_t at)
{
	return at * 0x9e3779b97f4a7c15ULL + i;
}

static void test_page(uint64_t at, const char *name)
{
	volatile uint64_t *p = (volatile uint64_t *)WINDOW;
	unsigned int i, bad = 0;
	bool zero = true;

	page_map(WINDOW, at, PTE_P | PTE_W, 1);
	for (i = 0; i < 512; i++)
		zero &= p[i] == 0;
	check(zero, "%s: starts as zeroes", name);
	for (i = 0; i < 512; i++)
		p[i] = pattern(i, at);
	for (i = 0; i < 512; i++)
		bad += p[i] != pattern(i, at);
	check_eq(bad, 0, "%s: keeps what is written", name);
}

static void touch(void *p)
{
	(void)*(volatile uint64_t *)p;
}

int main(void)
{
	unsigned int bits = cpuid(0x80000008, 0).a & 0xff;
	uint64_t top = ram_top();
	struct trap t;

	print("# RAM ends at 0x%llx, %u physical address bits\n",
	      (unsigned long long)top, bits);
	check(top > 0, "map: there is a memory map");
	check(top <= 1ULL << bits, "map: fits the physical addresses");
	top &= ~0xfffULL;
	test_page(top - 0x10000, "top");
	if (top > 0x140000000ULL)
		test_page(0x100000000ULL + 0x12345000, "above 4 GiB");
	if (top > 0x4000000000ULL)
		test_page(top / 2 & ~0xfffULL, "half way");
	/* Behind RAM there is nothing, and reading that is no crash. */
	page_map(WINDOW, top + 0x10000000, PTE_P | PTE_W, 1);
	if (top + 0x10000000 < 1ULL << bits && top > 0x100000000ULL) {
		catch_run(touch, (void *)WINDOW, &t);
		check_trap(&t, TRAP_NONE, 0, "behind: reads as something");
	}
	return 0;
}
