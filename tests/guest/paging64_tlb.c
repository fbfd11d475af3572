/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be forgotten when: after each way to flush, an access sees the
 * new entry. Stale translations before the flush are allowed and not
 * tested. With PCIDs, no address space may see another one's translations.
 */
#include "paging64.h"

#define CR3_NOFLUSH (1UL << 63)
#define VA_GLOBAL   (VA_TLB + 16 * PAGE_SIZE)

static uint64_t *page_a, *page_b;

static uint64_t peek(ulong va)
{
	return *(volatile uint64_t *)va;
}

struct invpcid_desc {
	uint64_t pcid, va;
};

static void invpcid(ulong type, uint64_t pcid, uint64_t va)
{
	struct invpcid_desc d = {pcid, va};

	asm volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
}

static void by_invlpg(void)
{
	invlpg(VA_TLB);
}

static void by_invlpg_inside(void)
{
	invlpg(VA_TLB + 0xabc);
}

static void by_cr3(void)
{
	write_cr3(read_cr3());
}

static void by_pge(void)
{
	write_cr4(read_cr4() ^ CR4_PGE);
	write_cr4(read_cr4() ^ CR4_PGE);
}

static void by_invpcid0(void)
{
	invpcid(0, 0, VA_TLB);
}

static void by_invpcid1(void)
{
	invpcid(1, 0, 0);
}

static void by_invpcid2(void)
{
	invpcid(2, 0, 0);
}

static void by_invpcid3(void)
{
	invpcid(3, 0, 0);
}

static const struct flush {
	const char *name;
	void (*fn)(void);
	bool global; /* takes global translations along */
	bool needs_invpcid;
} flushes[] = {
	{"invlpg", by_invlpg, true, false},
	{"invlpg inside the page", by_invlpg_inside, true, false},
	{"mov cr3", by_cr3, false, false},
	{"CR4.PGE toggled", by_pge, true, false},
	{"invpcid address", by_invpcid0, false, true},
	{"invpcid context", by_invpcid1, false, true},
	{"invpcid all with global", by_invpcid2, true, true},
	{"invpcid all without global", by_invpcid3, false, true},
};

static void flush_one(const struct flush *f, uint64_t flags, const char *kind)
{
	uint64_t *e;
	bool good = true;
	unsigned int i;

	e = page_map(VA_TLB, (ulong)page_a, PTE_P | PTE_W | flags, 1);
	for (i = 0; i < 8 && good; i++) {
		uint64_t *page = i & 1 ? page_a : page_b;

		(void)peek(VA_TLB);
		*(volatile uint64_t *)e = (ulong)page | PTE_P | PTE_W | flags;
		f->fn();
		good = peek(VA_TLB) == *page;
	}
	check(good, "tlb: %s page by %s", kind, f->name);
}

/* An entry taken away, or made weaker, is so after the flush. */
static void weaken_one(const struct flush *f, uint64_t before, uint64_t after,
		       test_fn fn, ulong error, const char *name)
{
	uint64_t *e = page_map(VA_TLB, (ulong)page_a, before, 1);
	struct trap t;

	catch_run(fn, (void *)VA_TLB, &t);
	check_trap(&t, TRAP_NONE, 0, "tlb: %s by %s, before", name, f->name);
	*(volatile uint64_t *)e = (ulong)page_a | after;
	f->fn();
	catch_run(fn, (void *)VA_TLB, &t);
	check_trap(&t, VEC_PF, error, "tlb: %s by %s, after", name, f->name);
}

static void rd(void *p)
{
	(void)*(volatile uint8_t *)p;
}

static void wr(void *p)
{
	*((volatile uint8_t *)p + 64) = 0xc3;
}

static void ex(void *p)
{
	asm volatile("call *%0" : : "r"((char *)p + 64) : "memory");
}

static void test_flushes(void)
{
	unsigned int i;

	((uint8_t *)page_a)[64] = 0xc3;
	((uint8_t *)page_b)[64] = 0xc3;
	write_cr4(read_cr4() | CR4_PGE);
	for (i = 0; i < ARRAY_SIZE(flushes); i++) {
		const struct flush *f = &flushes[i];

		if (f->needs_invpcid && !has_invpcid()) {
			skip("no INVPCID", "tlb: %s", f->name);
			continue;
		}
		flush_one(f, 0, "plain");
		if (f->global)
			flush_one(f, PTE_G, "global");
		weaken_one(f, PTE_P | PTE_W, 0, rd, 0, "taken away");
		weaken_one(f, PTE_P | PTE_W, PTE_P, wr, PF_P | PF_W,
			   "read-only");
		weaken_one(f, PTE_P | PTE_W, PTE_P | PTE_W | PTE_NX, ex,
			   PF_P | PF_I, "no-execute");
	}
}

/* A page under a large page, and a table replaced above it. */
static void test_structures(void)
{
	uint64_t *table = page_alloc(), *pde, old;
	uint64_t *big = page_alloc_aligned(0x400000, 0x200000);
	ulong va = VA_TLB + 0x40000000;

	big[0] = 1;
	big[0x200000 / 8] = 2;
	pde = page_map(va, (ulong)big, PTE_P | PTE_W, 2);
	check_eq(peek(va), 1, "tlb: 2M page");
	*(volatile uint64_t *)pde =
		((ulong)big + 0x200000) | PTE_P | PTE_W | PTE_PS;
	invlpg(va + 0x123000);
	check_eq(peek(va), 2, "tlb: invlpg anywhere in a 2M page");
	table[0] = (ulong)page_a | PTE_P | PTE_W;
	*(volatile uint64_t *)pde = (ulong)table | PTE_P | PTE_W;
	invlpg(va);
	check_eq(peek(va), *page_a, "tlb: 2M page becomes a table");

	/* invlpg forgets the tables on the way as well, whichever page. */
	page_map(VA_TLB, (ulong)page_a, PTE_P | PTE_W, 1);
	(void)peek(VA_TLB);
	pde = page_entry(VA_TLB, 2);
	old = *pde;
	table[VA_TLB >> 12 & 511] = (ulong)page_b | PTE_P | PTE_W;
	*(volatile uint64_t *)pde = (ulong)table | PTE_P | PTE_W;
	invlpg(VA_TLB);
	check_eq(peek(VA_TLB), *page_b, "tlb: a table replaced, invlpg");
	*(volatile uint64_t *)pde = old;
	write_cr3(read_cr3());
	check_eq(peek(VA_TLB), *page_a, "tlb: a table replaced, mov cr3");
}

static void inv_type(void *p)
{
	invpcid((ulong)p, 0, 0);
}

static void inv_pcid(void *p)
{
	invpcid(1, (ulong)p, 0);
}

static void inv_va(void *p)
{
	invpcid(0, 0, (ulong)p);
}

static USER_TEXT void u_invlpg(void *p)
{
	asm volatile("invlpg (%0)" : : "r"(p) : "memory");
}

static void test_invpcid_errors(void)
{
	struct trap t;

	user_run(u_invlpg, (void *)VA_TLB, &t);
	check_trap(&t, VEC_GP, 0, "tlb: invlpg at CPL 3");
	if (!has_invpcid()) {
		skip("no INVPCID", "invpcid: errors");
		return;
	}
	catch_run(inv_type, (void *)4, &t);
	check_trap(&t, VEC_GP, 0, "invpcid: type 4");
	catch_run(inv_pcid, (void *)0x1000, &t);
	check_trap(&t, VEC_GP, 0, "invpcid: reserved descriptor bits");
	catch_run(inv_pcid, (void *)1, &t);
	check_trap(&t, VEC_GP, 0, "invpcid: a PCID with CR4.PCIDE=0");
	catch_run(inv_va, (void *)0x0000800000000000, &t);
	check_trap(&t, VEC_GP, 0, "invpcid: address not canonical");
}

/* PCIDs. */

static void put_cr4(void *v)
{
	write_cr4((ulong)v);
}

static ulong space[3]; /* roots with VA_TLB mapped to page a, b, a */

static void make_spaces(void)
{
	ulong home = read_cr3() & PTE_ADDR;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		uint64_t *root = page_alloc();

		memcpy(root, (void *)home, PAGE_SIZE);
		root[VA_TLB >> 39 & 511] = 0;
		space[i] = (ulong)root;
		write_cr3(space[i]);
		page_map(VA_TLB, (ulong)(i == 1 ? page_b : page_a),
			 PTE_P | PTE_W, 1);
		page_map(VA_GLOBAL, (ulong)page_a, PTE_P | PTE_W | PTE_G, 1);
	}
	write_cr3(home);
}

static void pcid_isolation(void)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < 300 && good; i++) {
		unsigned int n = i % 3;

		write_cr3(space[n] | (n + 1) | (i > 5 ? CR3_NOFLUSH : 0));
		good = peek(VA_TLB) == (n == 1 ? *page_b : *page_a);
	}
	check(good, "pcid: every space sees its own page");
}

/* Change space 0's entry from space 1, flush it from there, look. */
static void pcid_remote(const char *name, ulong type, uint64_t pcid)
{
	uint64_t *e;

	write_cr3(space[0] | 1);
	e = page_entry(VA_TLB, 1);
	*(volatile uint64_t *)e = (ulong)page_a | PTE_P | PTE_W;
	invlpg(VA_TLB);
	(void)peek(VA_TLB);
	write_cr3(space[1] | 2 | CR3_NOFLUSH);
	*(volatile uint64_t *)e = (ulong)page_b | PTE_P | PTE_W;
	invpcid(type, pcid, VA_TLB);
	write_cr3(space[0] | 1 | CR3_NOFLUSH);
	check_eq(peek(VA_TLB), *page_b, "pcid: %s from another space", name);
}

static void pcid_reuse(void)
{
	uint64_t *e;

	write_cr3(space[0] | 1);
	(void)peek(VA_TLB);
	/* The same PCID with other tables, flushing. */
	write_cr3(space[1] | 1);
	check_eq(peek(VA_TLB), *page_b, "pcid: reuse with a flush");
	write_cr3(space[2] | 3);
	e = page_entry(VA_TLB, 1);
	(void)peek(VA_TLB);
	*(volatile uint64_t *)e = (ulong)page_b | PTE_P | PTE_W;
	write_cr3(space[2] | 3);
	check_eq(peek(VA_TLB), *page_b, "pcid: mov cr3 flushes its own PCID");
	*(volatile uint64_t *)e = (ulong)page_a | PTE_P | PTE_W;
	write_cr4(read_cr4() ^ CR4_PGE);
	write_cr4(read_cr4() ^ CR4_PGE);
	check_eq(peek(VA_TLB), *page_a, "pcid: CR4.PGE flushes");
}

static void test_pcid(void)
{
	ulong home = read_cr3(), cr4 = read_cr4();
	struct trap t;

	if (!has_pcid()) {
		skip("no PCID", "pcid");
		return;
	}
	write_cr3(home | 0x8);
	catch_run(put_cr4, (void *)(cr4 | CR4_PCIDE), &t);
	check_trap(&t, VEC_GP, 0, "pcid: enable with CR3 bits 11:0 set");
	write_cr3(home);
	make_spaces();
	write_cr4(cr4 | CR4_PCIDE);
	write_cr3(home | CR3_NOFLUSH);
	check_eq(read_cr3(), home, "pcid: CR3 bit 63 reads as 0");
	write_cr3(home | 0xfff);
	check_eq(read_cr3(), home | 0xfff, "pcid: CR3 keeps 12 bits of PCID");
	pcid_isolation();
	if (has_invpcid()) {
		pcid_remote("invpcid address", 0, 1);
		pcid_remote("invpcid context", 1, 1);
		pcid_remote("invpcid all with global", 2, 0);
		pcid_remote("invpcid all without global", 3, 0);
	} else {
		skip("no INVPCID", "pcid: invpcid");
	}
	pcid_reuse();
	write_cr3(home);
	write_cr4(cr4);
	check_eq(read_cr4(), cr4, "pcid: off again");
	tlb_flush();
}

void test_tlb(void)
{
	page_a = page_alloc();
	page_b = page_alloc();
	*page_a = 0xaaaa;
	*page_b = 0xbbbb;
	test_flushes();
	test_structures();
	test_invpcid_errors();
	test_pcid();
	write_cr4(read_cr4() & ~CR4_PGE);
}
