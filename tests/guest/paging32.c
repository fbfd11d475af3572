/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging of 32-bit mode: the legacy form with 4 KiB and 4 MiB pages, then
 * PAE with 4 KiB and 2 MiB; rights, accessed and dirty bits, reserved bits,
 * the PDPTEs, and going from one form to another.
 */
#include "paging_rules.h"

#define VA   0x80000000UL
#define EDGE (VA + 0x1000)

extern char user_start[], user_end[];

static void *target;

/* --- the two forms
 * ------------------------------------------------------------------ */

static uint32_t *pd32; /* the legacy page directory */
static uint64_t *pdpt, *pd64[4];

static bool is_user(ulong va)
{
	return va >= (ulong)user_start && va < (ulong)user_end;
}

/* 1:1 with large pages; the first ones as tables, with U for .user only. */
static void build_legacy(void)
{
	uint32_t *pt = page_alloc();
	unsigned int i;

	pd32 = page_alloc();
	for (i = 0; i < 1024; i++) {
		pt[i] = i << 12 | PTE_P | PTE_W |
			(is_user(i << 12) ? PTE_U : 0);
		pd32[i] = i << 22 | PTE_P | PTE_W | PTE_PS;
	}
	pd32[0] = (ulong)pt | PTE_P | PTE_W | PTE_U;
	pd32[VA >> 22] = 0;
}

static void build_pae(void)
{
	uint64_t *pt[2] = {page_alloc(), page_alloc()};
	unsigned int i;

	pdpt = page_alloc();
	for (i = 0; i < 4; i++) {
		pd64[i] = page_alloc();
		pdpt[i] = (ulong)pd64[i] | PTE_P;
	}
	for (i = 0; i < 2048; i++)
		pd64[i / 512][i % 512] =
			(uint64_t)i << 21 | PTE_P | PTE_W | PTE_PS;
	for (i = 0; i < 1024; i++)
		pt[i / 512][i % 512] = i << 12 | PTE_P | PTE_W |
				       (is_user(i << 12) ? PTE_U : 0);
	pd64[0][0] = (ulong)pt[0] | PTE_P | PTE_W | PTE_U;
	pd64[0][1] = (ulong)pt[1] | PTE_P | PTE_W | PTE_U;
	pd64[VA >> 30][VA >> 21 & 511] = 0;
}

static void paging_off(void)
{
	write_cr0(read_cr0() & ~CR0_PG);
}

static void legacy_on(void)
{
	write_cr4((read_cr4() & ~CR4_PAE) | CR4_PSE);
	write_cr3((ulong)pd32);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
}

static void pae_on(void)
{
	write_cr4(read_cr4() | CR4_PAE);
	write_cr3((ulong)pdpt);
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
}

static bool pae;

/* Map the target at VA; level 1 or 2. The address of it, and the entry. */
static ulong map(uint64_t bits, int level, void **entry)
{
	ulong size = level == 1 ? 0x1000 : pae ? 0x200000 : 0x400000;
	uint64_t pa = (ulong)target & ~(size - 1);
	uint64_t leaf = pa | bits | (level == 2 ? PTE_PS : 0);
	static uint64_t *table;

	if (!table)
		table = page_alloc();
	memset(table, 0, PAGE_SIZE);
	if (pae) {
		uint64_t *pde = &pd64[VA >> 30][VA >> 21 & 511];

		*entry = level == 1 ? &table[0] : pde;
		*pde = (ulong)table | PTE_P | PTE_W | PTE_U;
		*(volatile uint64_t *)*entry = leaf;
	} else {
		uint32_t *pde = &pd32[VA >> 22];

		*entry = level == 1 ? (uint32_t *)table : pde;
		*pde = (ulong)table | PTE_P | PTE_W | PTE_U;
		*(volatile uint32_t *)*entry = leaf;
	}
	write_cr3(read_cr3());
	return VA + ((ulong)target & (size - 1));
}

/* --- tests common to both
 * --------------------------------------------------------------- */

static const char *form(int level)
{
	if (pae)
		return level == 1 ? "PAE 4K" : "PAE 2M";
	return level == 1 ? "legacy 4K" : "legacy 4M";
}

static void matrix_line(int level, const struct rules *r, unsigned int all)
{
	bool good = true;
	unsigned int n, i;
	void *entry;

	for (n = 0; n < all && good; n++) {
		uint64_t bits = paging_bits(n);
		ulong va = map(bits, level, &entry);

		paging_apply(r);
		for (i = 0; i < PAGING_PROBES && good; i++)
			good = paging_probe(i, va, bits, r);
		paging_apply(&paging_plain);
	}
	check(good, "rights: %s WP%d SMEP%d SMAP%d AC%d", form(level), r->wp,
	      r->smep, r->smap, r->ac);
}

static void test_matrix(unsigned int all)
{
	unsigned int n;
	int level;

	for (level = 1; level <= 2; level++) {
		for (n = 0; n < 16; n++) {
			struct rules r = {n & 1, n & 2, n & 4, n & 8};

			if ((r.smep && !has_smep()) || (r.smap && !has_smap()))
				continue;
			matrix_line(level, &r, all);
		}
	}
}

static void test_accessed(int level)
{
	struct trap t;
	void *entry;
	ulong va = map(PTE_P | PTE_W | PTE_U, level, &entry);
	volatile uint32_t *e = entry;

	check_eq(*e & (PTE_A | PTE_D), 0, "accessed: %s, none", form(level));
	catch_run(paging_k_read, (void *)va, &t);
	check_eq(*e & (PTE_A | PTE_D), PTE_A, "accessed: %s, read",
		 form(level));
	catch_run(paging_k_write, (void *)va, &t);
	check_eq(*e & (PTE_A | PTE_D), PTE_A | PTE_D, "accessed: %s, write",
		 form(level));
	*e &= ~(uint32_t)(PTE_A | PTE_D | PTE_W);
	write_cr3(read_cr3());
	catch_run(paging_k_write, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_W, "accessed: %s, refused",
		   form(level));
	check_eq(*e & PTE_D, 0, "accessed: %s, refused, no dirty bit",
		 form(level));
}

ASM_FN(store_dword, "movl $0, (%eax)");

static void test_straddle(void)
{
	struct trap t;
	void *entry;
	ulong va = map(PTE_P | PTE_W, 1, &entry);

	asm volatile("movl $0x11111111, %0" : "=m"(*(uint32_t *)(va + 0xffc)));
	catch_run(paging_k_read, (void *)EDGE, &t);
	check_trap(&t, VEC_PF, 0, "straddle: %s, behind", form(1));
	catch_run(store_dword, (void *)(EDGE - 2), &t);
	check_trap(&t, VEC_PF, PF_W, "straddle: %s, store", form(1));
	check_eq(t.cr2, EDGE, "straddle: %s, CR2", form(1));
	check_eq(*(volatile uint32_t *)(va + 0xffc), 0x11111111,
		 "straddle: %s, nothing stored", form(1));
}

static void reserved(int level, int bit, const char *name)
{
	struct trap t;
	void *entry;
	ulong va = map(PTE_P | PTE_W | PTE_U, level, &entry);

	((volatile uint32_t *)entry)[bit / 32] |= 1U << (bit % 32);
	write_cr3(read_cr3());
	catch_run(paging_k_read, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_RSVD, "reserved: %s", name);
	map(0, 1, &entry);
}

/* --- legacy only
 * ---------------------------------------------------------------------------
 */

static void test_legacy(void)
{
	uint32_t *pde = &pd32[VA >> 22], *table = page_alloc(), old;
	uint32_t *pages[2] = {page_alloc(), page_alloc()};
	void *entry;

	pae = false;
	legacy_on();
	check_eq(*(volatile uint32_t *)mem_at(0x100000 + 0), 0x1badb002,
		 "legacy: on, 1:1");
	test_matrix(8);
	test_accessed(1);
	test_accessed(2);
	test_straddle();
	reserved(2, 21, "legacy 4M, bit 21");

	/* With CR4.PSE=0 the PS bit means nothing. */
	old = *pde;
	table[0] = (ulong)pages[0] | PTE_P | PTE_W;
	*(volatile uint32_t *)pages[0] = 0x50505050;
	*(volatile uint32_t *)pde = (ulong)table | PTE_P | PTE_W | PTE_PS;
	/* All we use lies in the first 4 MiB, which has a table. */
	write_cr4(read_cr4() & ~CR4_PSE);
	write_cr3(read_cr3());
	check_eq(*(volatile uint32_t *)VA, 0x50505050,
		 "legacy: PS is ignored with PSE=0");
	write_cr4(read_cr4() | CR4_PSE);
	*(volatile uint32_t *)pde = old;
	write_cr3(read_cr3());

	/* Global pages and invlpg. */
	map(PTE_P | PTE_W, 1, &entry);
	*(volatile uint32_t *)pages[0] = 1;
	*(volatile uint32_t *)pages[1] = 2;
	write_cr4(read_cr4() | CR4_PGE);
	*(volatile uint32_t *)entry = (ulong)pages[0] | PTE_P | PTE_G;
	invlpg(VA);
	check_eq(*(volatile uint32_t *)VA, 1, "legacy: global page");
	*(volatile uint32_t *)entry = (ulong)pages[1] | PTE_P | PTE_G;
	invlpg(VA);
	check_eq(*(volatile uint32_t *)VA, 2, "legacy: global, invlpg");
	*(volatile uint32_t *)entry = (ulong)pages[0] | PTE_P | PTE_G;
	write_cr4(read_cr4() & ~CR4_PGE);
	check_eq(*(volatile uint32_t *)VA, 1, "legacy: global, CR4.PGE");
	*(volatile uint32_t *)entry = (ulong)pages[1] | PTE_P;
	paging_off();
	legacy_on();
	check_eq(*(volatile uint32_t *)VA, 2, "legacy: CR0.PG flushes");
	paging_off();
}

/* --- PAE only
 * --------------------------------------------------------------------------------
 */

static void put_cr3(void *v)
{
	write_cr3((ulong)v);
}

static void test_pdpte(void)
{
	static const unsigned int bits[] = {1, 2, 5, 6, 7, 8, 63};
	uint64_t old = pdpt[VA >> 30];
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		*(volatile uint64_t *)&pdpt[VA >> 30] = old | 1ULL << bits[i];
		catch_run(put_cr3, pdpt, &t);
		check_trap(&t, VEC_GP, 0, "PAE: PDPTE bit %u at mov cr3",
			   bits[i]);
	}
	*(volatile uint64_t *)&pdpt[VA >> 30] = 1ULL << 1;
	catch_run(put_cr3, pdpt, &t);
	check_trap(&t, TRAP_NONE, 0, "PAE: PDPTE bit 1, not present");
	catch_run(paging_k_read, (void *)VA, &t);
	check_trap(&t, VEC_PF, 0, "PAE: PDPTE not present");
	*(volatile uint64_t *)&pdpt[VA >> 30] = old;
	catch_run(put_cr3, pdpt, &t);
	check_trap(&t, TRAP_NONE, 0, "PAE: PDPTE as it was");
}

static void test_pae(void)
{
	unsigned int bits = cpuid(0x80000008, 0).a & 0xff;
	void *entry;
	struct trap t;
	ulong va;

	pae = true;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	pae_on();
	check_eq(*(volatile uint32_t *)mem_at(0x100000 + 0), 0x1badb002,
		 "PAE: on, 1:1");
	test_matrix(16);
	test_accessed(1);
	test_accessed(2);
	test_straddle();
	reserved(2, 13, "PAE 2M, bit 13");
	reserved(2, 20, "PAE 2M, bit 20");
	if (bits < 52) {
		reserved(1, bits, "PAE 4K, MAXPHYADDR");
		reserved(2, bits, "PAE 2M, MAXPHYADDR");
	}
	reserved(1, 62, "PAE 4K, bit 62");
	test_pdpte();
	va = map(PTE_P | PTE_W | PTE_NX, 1, &entry);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_NXE);
	write_cr3(read_cr3());
	catch_run(paging_k_read, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_RSVD, "PAE: NX with NXE=0");
	paging_off();
}

int main(void)
{
	target = page_alloc();
	memset(target, 0xc3, PAGE_SIZE);
	build_legacy();
	build_pae();
	test_legacy();
	test_pae();
	/* And back: nothing of PAE is left. */
	pae = false;
	legacy_on();
	check_eq(*(volatile uint32_t *)mem_at(0x100000 + 0), 0x1badb002,
		 "legacy: on again");
	paging_off();
	write_cr4(read_cr4() & ~(CR4_PAE | CR4_PSE));
	return 0;
}
