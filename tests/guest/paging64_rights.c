/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Access rights: every combination of P, W, U and NX in the entry that maps
 * a page, under every CR0.WP, SMEP, SMAP and EFLAGS.AC, for six accesses;
 * then the same rights taken away on a higher level; accessed and dirty
 * bits; reserved bits. The expectation is computed from the manual's rules.
 */
#include "paging64.h"
#include "paging_rules.h"

static const struct {
	const char *name;
	uint64_t size;
} sizes[] = {{"", 0}, {"4K", 1UL << 12}, {"2M", 1UL << 21}, {"1G", 1UL << 30}};

static void *target; /* the page of 4 KiB that all probes touch */

/* Map the target by a page of the given level; its address in there. */
static ulong map_target(int level, uint64_t bits, uint64_t **entry)
{
	uint64_t mask = sizes[level].size - 1;

	*entry = page_map(VA_RIGHTS + ((ulong)target & mask),
			  (ulong)target & ~mask, bits, level);
	return VA_RIGHTS + ((ulong)target & mask);
}

static void matrix_line(int level, const struct rules *r)
{
	uint64_t *entry;
	bool good = true;
	unsigned int n, i;
	ulong va;

	for (n = 0; n < 16 && good; n++) {
		uint64_t bits = paging_bits(n);

		/* Tables of a smaller size may be left from before. */
		*page_entry(VA_RIGHTS, 3) = 0;
		va = map_target(level, bits, &entry);
		paging_apply(r);
		for (i = 0; i < PAGING_PROBES && good; i++)
			good = paging_probe(i, va, bits, r);
		paging_apply(&paging_plain);
	}
	check(good, "rights: %s WP%d SMEP%d SMAP%d AC%d", sizes[level].name,
	      r->wp, r->smep, r->smap, r->ac);
}

static void test_matrix(void)
{
	unsigned int n;
	int level;

	for (level = 1; level <= 3; level++) {
		if (level == 3 && !has_1g_pages()) {
			skip("no 1 GiB pages", "rights: 1G");
			continue;
		}
		for (n = 0; n < 16; n++) {
			struct rules r = {n & 1, n & 2, n & 4, n & 8};

			if ((r.smep && !has_smep()) || (r.smap && !has_smap()))
				continue;
			matrix_line(level, &r);
		}
	}
	if (!has_smep())
		skip("no SMEP", "rights: SMEP");
	if (!has_smap())
		skip("no SMAP", "rights: SMAP");
}

/* Rights are the AND (NX: the OR) of all levels. */
static void test_levels(void)
{
	struct rules r = {true, has_smep(), has_smap(), false};
	uint64_t *entry, *upper, saved;
	unsigned int n, i;
	int level;
	ulong va;

	*page_entry(VA_RIGHTS, 3) = 0;
	va = map_target(1, PTE_ALL, &entry);
	for (level = 2; level <= 4; level++) {
		bool good = true;

		upper = page_entry(va, level);
		saved = *upper;
		for (n = 0; n < 16 && good; n++) {
			uint64_t bits = paging_bits(n);

			*(volatile uint64_t *)upper =
				(saved & ~(PTE_ALL | PTE_NX)) | bits;
			paging_apply(&r);
			for (i = 0; i < PAGING_PROBES && good; i++)
				good = paging_probe(i, va, bits, &r);
			paging_apply(&paging_plain);
		}
		*(volatile uint64_t *)upper = saved;
		check(good, "rights: taken away on level %d", level);
	}
	invlpg(va);
}

static void test_nx_off(void)
{
	uint64_t *entry;
	struct trap t;
	ulong va = map_target(1, PTE_P | PTE_W | PTE_NX, &entry);

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_NXE);
	tlb_flush();
	catch_run(paging_k_read, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_RSVD, "nx: reserved with NXE=0");
	*(volatile uint64_t *)entry = 0;
	invlpg(va);
	catch_run(paging_k_fetch, (void *)va, &t);
	check_trap(&t, VEC_PF, 0, "nx: NXE=0 SMEP=0: no I in the error code");
	if (has_smep()) {
		write_cr4(read_cr4() | CR4_SMEP);
		catch_run(paging_k_fetch, (void *)va, &t);
		check_trap(&t, VEC_PF, PF_I,
			   "nx: NXE=0 SMEP=1: I in the error code");
		write_cr4(read_cr4() & ~CR4_SMEP);
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	tlb_flush();
}

/* Flags of the entries on the way to @va, cleared and read back. */
static void ad_clear(ulong va, int leaf)
{
	int level;

	for (level = leaf; level <= 4; level++)
		*(volatile uint64_t *)page_entry(va, level) &= ~(PTE_A | PTE_D);
	tlb_flush();
}

static unsigned int ad_read(ulong va, int leaf)
{
	unsigned int got = 0;
	int level;

	for (level = leaf; level <= 4; level++)
		if (*(volatile uint64_t *)page_entry(va, level) & PTE_A)
			got |= 1 << level;
	if (*(volatile uint64_t *)page_entry(va, leaf) & PTE_D)
		got |= 1;
	return got;
}

static void test_accessed(void)
{
	uint64_t *entry;
	struct trap t;
	int level;
	ulong va;

	for (level = 1; level <= (has_1g_pages() ? 3 : 2); level++) {
		const char *size = sizes[level].name;
		unsigned int all = 0x1e & ~((1U << level) - 1);

		*page_entry(VA_RIGHTS, 3) = 0;
		va = map_target(level, PTE_ALL, &entry);
		ad_clear(va, level);
		check_eq(ad_read(va, level), 0, "accessed: %s none before",
			 size);
		catch_run(paging_k_read, (void *)va, &t);
		check_eq(ad_read(va, level), all, "accessed: %s read", size);
		catch_run(paging_k_write, (void *)va, &t);
		check_eq(ad_read(va, level), all | 1,
			 "accessed: %s write after read", size);
		ad_clear(va, level);
		catch_run(paging_k_write, (void *)va, &t);
		check_eq(ad_read(va, level), all | 1, "accessed: %s write",
			 size);
		ad_clear(va, level);
		user_run(paging_u_fetch, (void *)va, &t);
		check_eq(ad_read(va, level), all, "accessed: %s fetch", size);

		/* A write refused leaves no dirty bit behind. */
		map_target(level, PTE_P | PTE_U, &entry);
		ad_clear(va, level);
		catch_run(paging_k_write, (void *)va, &t);
		check_trap(&t, VEC_PF, PF_P | PF_W, "accessed: %s refused",
			   size);
		check_eq(ad_read(va, level) & 1, 0,
			 "accessed: %s no dirty bit by a refused write", size);
		/* Nothing is cached of an entry that is not present. */
		*(volatile uint64_t *)entry &= ~PTE_P;
		ad_clear(va, level);
		catch_run(paging_k_read, (void *)va, &t);
		check_eq(ad_read(va, level) & (1 << level | 1), 0,
			 "accessed: %s absent entry left alone", size);
		*(volatile uint64_t *)entry |= PTE_P;
		catch_run(paging_k_read, (void *)va, &t);
		check_trap(&t, TRAP_NONE, 0,
			   "accessed: %s entry made present needs no flush",
			   size);
	}
	*page_entry(VA_RIGHTS, 3) = 0;
	tlb_flush();
}

/* A compare-exchange that fails still writes, and so does a string store. */
static void failing_cmpxchg(void *p)
{
	asm volatile("mov $1, %%eax; lock cmpxchg %%ecx, (%0)"
		     :
		     : "r"(p)
		     : "rax", "rcx", "memory");
}

static void zero_count_stos(void *p)
{
	asm volatile("xor %%ecx, %%ecx; rep stosb" : "+D"(p) : : "rcx");
}

static void failing_cmov(void *p)
{
	asm volatile("xor %%eax, %%eax; cmovnz (%0), %%rax"
		     :
		     : "r"(p)
		     : "rax", "memory");
}

static void bts_reg(void *p)
{
	asm volatile("mov $8, %%eax; bt %%eax, (%0)"
		     :
		     : "r"(p)
		     : "rax", "memory");
}

static void test_odd_accesses(void)
{
	uint64_t *entry;
	struct trap t;
	ulong va;

	va = map_target(1, PTE_P | PTE_U, &entry);
	catch_run(failing_cmpxchg, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_W,
		   "odd: a failing cmpxchg needs write rights");
	catch_run(bts_reg, (void *)va, &t);
	check_trap(&t, TRAP_NONE, 0, "odd: bt only reads");
	*(volatile uint64_t *)entry = 0;
	invlpg(va);
	catch_run(zero_count_stos, (void *)va, &t);
	check_trap(&t, TRAP_NONE, 0, "odd: rep stosb with RCX=0 does nothing");
	catch_run(failing_cmov, (void *)va, &t);
	check_trap(&t, VEC_PF, 0, "odd: cmov reads whatever the condition");
}

static void reserved(int level, uint64_t leaf, uint64_t bit, int leaf_level,
		     const char *name)
{
	uint64_t *entry, saved;
	struct trap t;
	ulong va;

	*page_entry(VA_RIGHTS, 3) = 0;
	va = map_target(leaf_level, leaf, &entry);
	entry = page_entry(va, level);
	saved = *entry;
	*(volatile uint64_t *)entry |= bit;
	tlb_flush();
	catch_run(paging_k_read, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_RSVD, "reserved: %s, read", name);
	user_run(paging_u_write, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_RSVD | PF_W | PF_U,
		   "reserved: %s, user write", name);
	catch_run(paging_k_fetch, (void *)va, &t);
	check_trap(&t, VEC_PF, PF_P | PF_RSVD | PF_I, "reserved: %s, fetch",
		   name);
	*(volatile uint64_t *)entry &= ~PTE_P;
	tlb_flush();
	catch_run(paging_k_read, (void *)va, &t);
	check_trap(&t, VEC_PF, 0, "reserved: %s, not present wins", name);
	*(volatile uint64_t *)entry = saved;
	tlb_flush();
}

static void test_reserved(void)
{
	unsigned int bits = cpuid(0x80000008, 0).a & 0xff;
	uint64_t high = 1ULL << bits;

	if (bits < 52) {
		reserved(1, PTE_ALL, high, 1, "PTE MAXPHYADDR");
		reserved(1, PTE_ALL, 1ULL << 51, 1, "PTE bit 51");
		reserved(2, PTE_ALL, high, 1, "PDE MAXPHYADDR");
		reserved(3, PTE_ALL, high, 1, "PDPTE MAXPHYADDR");
		reserved(4, PTE_ALL, high, 1, "PML4E MAXPHYADDR");
		reserved(2, PTE_ALL, high, 2, "PDE 2M MAXPHYADDR");
	} else {
		skip("MAXPHYADDR is 52", "reserved: MAXPHYADDR");
	}
	reserved(4, PTE_ALL, PTE_PS, 1, "PML4E PS");
	reserved(2, PTE_ALL, 1 << 13, 2, "PDE 2M bit 13");
	reserved(2, PTE_ALL, 1 << 20, 2, "PDE 2M bit 20");
	if (has_1g_pages()) {
		reserved(3, PTE_ALL, 1 << 13, 3, "PDPTE 1G bit 13");
		reserved(3, PTE_ALL, 1 << 29, 3, "PDPTE 1G bit 29");
	} else {
		reserved(3, PTE_ALL, PTE_PS, 1, "PDPTE PS without 1G pages");
	}
	/* Rights that are missing as well do not hide it. */
	if (bits < 52)
		reserved(1, PTE_P | PTE_NX, high, 1, "PTE without rights");
	*page_entry(VA_RIGHTS, 3) = 0;
	tlb_flush();
}

/* A segment load reads its descriptor as a system access: AC is ignored. */
static void load_fs_with_ac(void *p)
{
	write_flags(read_flags() | FL_AC);
	asm volatile("mov %w0, %%fs" : : "r"(p) : "memory");
}

static void set_ac(void *p)
{
	asm volatile("stac");
}

static void clear_ac(void *p)
{
	asm volatile("clac");
}

static USER_TEXT void u_stac(void *p)
{
	asm volatile("stac");
}

static void test_smap_more(void)
{
	uint64_t *entry;
	struct trap t;
	ulong va;
	uint16_t none = 0;

	if (!has_smap()) {
		skip("no SMAP", "smap");
		return;
	}
	write_flags(read_flags() & ~FL_AC);
	catch_run(set_ac, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "smap: STAC at CPL 0");
	catch_run(clear_ac, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "smap: CLAC at CPL 0");
	set_ac(NULL);
	check_eq(read_flags() & FL_AC, FL_AC, "smap: STAC sets AC");
	clear_ac(NULL);
	check_eq(read_flags() & FL_AC, 0, "smap: CLAC clears AC");
	user_flags = 0;
	user_run(u_stac, NULL, &t);
	check_trap(&t, VEC_UD, 0, "smap: STAC at CPL 3");

	/* An LDT in a user page. */
	*(uint64_t *)target = desc_make(0, 0xfffff, 0x93, 0xc);
	*page_entry(VA_RIGHTS, 3) = 0;
	va = map_target(1, PTE_ALL, &entry);
	gdt_set(SEL_SPARE, desc_make(va, 0xff, 0x82, 0));
	gdt_set(SEL_SPARE + 8, va >> 32);
	asm volatile("lldt %w0" : : "r"(SEL_SPARE) : "memory");
	write_cr4(read_cr4() | CR4_SMAP);
	catch_run(load_fs_with_ac, (void *)4, &t);
	write_cr4(read_cr4() & ~CR4_SMAP);
	check_trap(&t, VEC_PF, PF_P,
		   "smap: a descriptor in a user page, whatever AC");
	asm volatile("mov %0, %%fs; lldt %0" : : "r"(none) : "memory");
	memset(target, 0xc3, PAGE_SIZE);
}

void test_rights(void)
{
	target = page_alloc();
	memset(target, 0xc3, PAGE_SIZE);
	test_matrix();
	test_levels();
	test_nx_off();
	test_accessed();
	test_odd_accesses();
	test_reserved();
	test_smap_more();
	user_flags = 0;
}
