/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page walks and accesses: every combination of rights against a plain
 * statement of the rules, error codes, A and D bits, reserved bits, large
 * pages, PCIDs, straddling and device accesses, breakpoints.
 */
#include "fake.h"

#define LIN  UINT64_C(0x40123000) /* outside the identity map of the tables */
#define DATA UINT64_C(0x200000)   /* gpa it is mapped to */

/* Tables of the tests' own, apart from fake.c's. */
#define PML4 0x20000u
#define PDPT 0x21000u
#define PD   0x22000u
#define PT   0x23000u

enum paging {
	PAGING_32,
	PAGING_PAE,
	PAGING_64
};

struct rights {
	enum paging paging;
	bool upper_u, upper_w, upper_nx;
	bool u, w, nx, p;
	bool wp, smep, smap, nxe, ac;
	bool user;
	bool large;
	enum mem_access access;
};

static unsigned int slot(uint64_t lin, unsigned int shift, unsigned int n)
{
	return (unsigned int)(lin >> shift) & (n - 1);
}

static uint64_t flags_of(bool p, bool w, bool u, bool nx)
{
	return (p ? X86_PTE_P : 0) | (w ? X86_PTE_W : 0) | (u ? X86_PTE_U : 0) |
	       (nx ? X86_PTE_NX : 0);
}

/* Where the last two entries for LIN lie. */
static uint64_t upper_gpa(enum paging p)
{
	return p == PAGING_32 ? PD + 4 * slot(LIN, 22, 1024)
			      : PD + 8 * slot(LIN, 21, 512);
}

static uint64_t leaf_gpa(enum paging p, bool large)
{
	if (large)
		return upper_gpa(p);
	return p == PAGING_32 ? PT + 4 * slot(LIN, 12, 1024)
			      : PT + 8 * slot(LIN, 12, 512);
}

static void poke_entry(enum paging p, uint64_t gpa, uint64_t v)
{
	if (p == PAGING_32)
		poke32(gpa, (uint32_t)v);
	else
		poke64(gpa, v);
}

static uint64_t peek_entry(enum paging p, uint64_t gpa)
{
	return p == PAGING_32 ? peek32(gpa) : peek64(gpa);
}

static void set_control(const struct rights *c)
{
	struct vp_regs *r = &vp->hv.regs;
	unsigned int cpl = c->user ? 3 : 0;

	r->cr0 =
		X86_CR0_PE | X86_CR0_PG | X86_CR0_ET | (c->wp ? X86_CR0_WP : 0);
	r->cr4 = X86_CR4_PSE | (c->paging == PAGING_32 ? 0 : X86_CR4_PAE) |
		 (c->smep ? X86_CR4_SMEP : 0) | (c->smap ? X86_CR4_SMAP : 0);
	r->efer = c->nxe ? X86_EFER_NXE : 0;
	if (c->paging == PAGING_64)
		r->efer |= X86_EFER_LME | X86_EFER_LMA;
	r->cr3 = c->paging == PAGING_64 ? PML4 : PD;
	r->seg[X86_CS] = fake_segment(
		(uint16_t)cpl, X86_TYPE_CODE | X86_TYPE_READABLE, cpl,
		c->paging == PAGING_64 ? X86_ATTR_L : X86_ATTR_DB);
	r->seg[X86_SS] = fake_segment((uint16_t)cpl, X86_TYPE_WRITABLE, cpl,
				      X86_ATTR_DB);
	r->rflags = c->ac ? X86_FL_AC | X86_FL_FIXED : X86_FL_FIXED;
	r->pdpte[slot(LIN, 30, 4)] = PD | X86_PTE_P;
	tlb_flush_all(vp);
	soft_mode_update(vp);
}

static void map(const struct rights *c)
{
	uint64_t leaf = flags_of(c->p, c->w, c->u, c->nx);

	poke64(PML4, PDPT | 7);
	poke64(PDPT + 8 * slot(LIN, 30, 512), PD | 7);
	if (c->large) {
		poke_entry(c->paging, upper_gpa(c->paging),
			   (c->paging == PAGING_32 ? 0 : DATA) | leaf |
				   X86_PTE_PS);
		return;
	}
	poke_entry(c->paging, upper_gpa(c->paging),
		   PT | flags_of(true, c->upper_w, c->upper_u, c->upper_nx));
	poke_entry(c->paging, leaf_gpa(c->paging, false), DATA | leaf);
}

/* SDM 4.6 and 4.7 in one breath: 0 or the error code with bit 31. */
static uint32_t oracle(const struct rights *c)
{
	bool u = c->large ? c->u : c->u && c->upper_u;
	bool w = c->large ? c->w : c->w && c->upper_w;
	bool nx = c->large ? c->nx : c->nx || c->upper_nx;
	bool pae = c->paging != PAGING_32;
	uint32_t code = BIT(31) | (c->access == MEM_WRITE ? X86_PF_W : 0) |
			(c->user ? X86_PF_U : 0);

	if (c->access == MEM_EXEC && (c->smep || (pae && c->nxe)))
		code |= X86_PF_I;
	if (pae && !c->nxe && !c->large && c->upper_nx)
		return code | X86_PF_P | X86_PF_RSVD;
	if (!c->p)
		return code;
	if (pae && !c->nxe && c->nx)
		return code | X86_PF_P | X86_PF_RSVD;
	code |= X86_PF_P;
	if (c->user && !u)
		return code;
	if (c->access == MEM_EXEC) {
		if (pae && nx)
			return code;
		return !c->user && c->smep && u ? code : 0;
	}
	if (!c->user && u && c->smap && !c->ac)
		return code;
	if (c->access == MEM_WRITE && !w && (c->user || c->wp))
		return code;
	return 0;
}

static int make_access(enum mem_access access, uint64_t lin)
{
	unsigned int left;
	gpa_t gpa;

	switch (access) {
	case MEM_READ:
		return RAISES((void)mem_read32(vp, lin));
	case MEM_WRITE:
		return RAISES(mem_write32(vp, lin, 0x12345678));
	default:
		return RAISES((void)mem_code(vp, lin, &gpa, &left));
	}
}

static void check_one(const struct rights *c)
{
	uint64_t leaf = leaf_gpa(c->paging, c->large);
	uint32_t want = oracle(c);
	int vector;

	set_control(c);
	map(c);
	vector = make_access(c->access, LIN);
	if (want) {
		assert_int_equal(vector, X86_PF);
		assert_int_equal(vp->fault.error, want & ~BIT(31));
		assert_int_equal(vp->hv.regs.cr2, LIN);
		assert_false(peek_entry(c->paging, leaf) &
			     (X86_PTE_A | X86_PTE_D));
		return;
	}
	assert_int_equal(vector, -1);
	assert_true(peek_entry(c->paging, leaf) & X86_PTE_A);
	assert_true(peek_entry(c->paging, upper_gpa(c->paging)) & X86_PTE_A);
	assert_int_equal(!!(peek_entry(c->paging, leaf) & X86_PTE_D),
			 c->access == MEM_WRITE);
	/* the second time from the TLB */
	assert_int_equal(make_access(c->access, LIN), -1);
}

static void check_paging(enum paging paging, bool large)
{
	unsigned int n;

	for (n = 0; n < 3u << 13; n++) {
		struct rights c = {
			.paging = paging,
			.large = large,
			.upper_u = n & 1,
			.upper_w = n & 2,
			.upper_nx = paging != PAGING_32 && (n & 4),
			.u = n & 8,
			.w = n & 16,
			.nx = paging != PAGING_32 && (n & 32),
			.p = n & 64,
			.wp = n & 128,
			.smep = n & 256,
			.smap = n & 512,
			.nxe = n & 1024,
			.ac = n & 2048,
			.user = n & 4096,
			.access = (enum mem_access)(n >> 13),
		};

		check_one(&c);
	}
}

static void test_rights_32(void **state)
{
	check_paging(PAGING_32, false);
	check_paging(PAGING_32, true);
}

static void test_rights_pae(void **state)
{
	check_paging(PAGING_PAE, false);
	check_paging(PAGING_PAE, true);
}

static void test_rights_64(void **state)
{
	check_paging(PAGING_64, false);
	check_paging(PAGING_64, true);
}

/* ---- reserved bits ---- */

static const struct rights all_64 = {
	.paging = PAGING_64,
	.upper_u = true,
	.upper_w = true,
	.u = true,
	.w = true,
	.p = true,
	.wp = true,
	.nxe = true,
};

static void test_reserved_64(void **state)
{
	static const struct {
		uint64_t gpa, bits;
		bool fault;
	} cases[] = {
		{PML4, X86_PTE_PS, true},
		{PML4, BIT64(40), true},
		{PML4, BIT64(51), true},
		{PML4, BIT64(52), false},
		{PML4, BIT64(8), false},
		{PDPT + 8, BIT64(45), true},
		{PDPT + 8, BIT64(58), false},
		{PT + 8 * 0x123, BIT64(41), true},
		{PT + 8 * 0x123, BIT64(9), false},
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		set_control(&all_64);
		map(&all_64);
		poke64(cases[i].gpa, peek64(cases[i].gpa) | cases[i].bits);
		assert_int_equal(make_access(MEM_READ, LIN),
				 cases[i].fault ? X86_PF : -1);
		if (cases[i].fault)
			assert_int_equal(vp->fault.error,
					 X86_PF_P | X86_PF_RSVD);
	}
}

static void test_reserved_large(void **state)
{
	struct rights c = all_64;

	c.large = true;
	set_control(&c);
	map(&c);
	poke64(upper_gpa(PAGING_64), peek64(upper_gpa(PAGING_64)) | BIT64(13));
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
	assert_int_equal(vp->fault.error, X86_PF_P | X86_PF_RSVD);
	/* PAT of a large page is bit 12 */
	map(&c);
	poke64(upper_gpa(PAGING_64), peek64(upper_gpa(PAGING_64)) | BIT64(12));
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	/* 1 GiB */
	set_control(&c);
	poke64(PDPT + 8, 0x87);
	poke64(0x123000, 0x77);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	assert_int_equal(mem_read64(vp, LIN), 0x77);
	poke64(PDPT + 8, 0x87 | BIT64(20));
	tlb_flush_all(vp);
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
}

static void test_pse36(void **state)
{
	struct rights c = all_64;

	c.paging = PAGING_32;
	c.large = true;
	set_control(&c);
	/* 4 GiB + 0: device space there */
	poke32(upper_gpa(PAGING_32), 0x87 | 1 << 13);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	assert_int_equal(fake_device.gpa, 0x100000000 + (LIN & 0x3fffff));
	poke32(upper_gpa(PAGING_32), 0x87 | 1 << 21);
	tlb_flush_all(vp);
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
	assert_int_equal(vp->fault.error, X86_PF_P | X86_PF_RSVD);
}

/* ---- TLB maintenance ---- */

/* Map LIN to @gpa in the tables rooted at PML4 + @n pages of their own. */
static uint64_t address_space(unsigned int n, uint64_t gpa, uint64_t flags)
{
	uint64_t base = 0x40000 + n * 0x4000;

	poke64(base, (base + 0x1000) | 7);
	poke64(base + 0x1000 + 8 * slot(LIN, 30, 512), (base + 0x2000) | 7);
	poke64(base + 0x2000 + 8 * slot(LIN, 21, 512), (base + 0x3000) | 7);
	poke64(base + 0x3000 + 8 * slot(LIN, 12, 512), gpa | flags);
	return base;
}

static void write_cr3(uint64_t v)
{
	vp->hv.regs.cr3 = v & ~X86_CR3_NO_FLUSH;
	tlb_switch(vp, v);
}

static void test_pcid(void **state)
{
	uint64_t a = address_space(0, DATA, 7) | 1;
	uint64_t b = address_space(1, DATA + 0x1000, 7) | 2;

	set_control(&all_64);
	vp->hv.regs.cr4 |= X86_CR4_PCIDE | X86_CR4_PGE;
	poke64(DATA, 0xaaa);
	poke64(DATA + 0x1000, 0xbbb);
	write_cr3(a);
	assert_int_equal(mem_read64(vp, LIN), 0xaaa);
	write_cr3(b);
	assert_int_equal(mem_read64(vp, LIN), 0xbbb);
	/* unmap both: cached translations must survive no-flush switches */
	address_space(0, 0, 0);
	address_space(1, 0, 0);
	write_cr3(a | X86_CR3_NO_FLUSH);
	assert_int_equal(mem_read64(vp, LIN), 0xaaa);
	write_cr3(b | X86_CR3_NO_FLUSH);
	assert_int_equal(mem_read64(vp, LIN), 0xbbb);
	tlb_invpcid(vp, 0, 1, LIN);
	assert_int_equal(mem_read64(vp, LIN), 0xbbb);
	write_cr3(a | X86_CR3_NO_FLUSH);
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
	/* a flushing switch */
	write_cr3(b);
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
}

static void test_pcid_many(void **state)
{
	unsigned int n;

	set_control(&all_64);
	vp->hv.regs.cr4 |= X86_CR4_PCIDE;
	for (n = 0; n < 3 * TLB_CONTEXTS; n++) {
		poke64(DATA + n * 0x1000, n);
		write_cr3(address_space(n, DATA + n * 0x1000, 7) | (n + 1));
		assert_int_equal(mem_read64(vp, LIN), n);
	}
	for (n = 0; n < 3 * TLB_CONTEXTS; n++) {
		write_cr3((0x40000 + n * 0x4000) | (n + 1) | X86_CR3_NO_FLUSH);
		assert_int_equal(mem_read64(vp, LIN), n);
	}
}

static void test_global(void **state)
{
	uint64_t a = address_space(0, DATA, 7 | X86_PTE_G);
	uint64_t b = address_space(1, DATA, 7);

	set_control(&all_64);
	vp->hv.regs.cr4 |= X86_CR4_PGE;
	write_cr3(a);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	address_space(0, 0, 0);
	write_cr3(a);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	tlb_flush_page(vp, LIN);
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
	write_cr3(b);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	address_space(1, 0, 0);
	write_cr3(b);
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
}

static void test_invlpg_large(void **state)
{
	struct rights c = all_64;

	c.large = true;
	set_control(&c);
	map(&c);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	assert_int_equal(make_access(MEM_READ, LIN + 0x5000), -1);
	poke64(upper_gpa(PAGING_64), 0);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	tlb_flush_page(vp, LIN + 0x1000);
	assert_int_equal(make_access(MEM_READ, LIN), X86_PF);
	assert_int_equal(make_access(MEM_READ, LIN + 0x5000), X86_PF);
}

/* A page read first gets no write right before D is set. */
static void test_dirty_after_read(void **state)
{
	uint64_t leaf = leaf_gpa(PAGING_64, false);

	set_control(&all_64);
	map(&all_64);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	assert_false(peek64(leaf) & X86_PTE_D);
	assert_int_equal(make_access(MEM_WRITE, LIN), -1);
	assert_true(peek64(leaf) & X86_PTE_D);
}

/* ---- straddling, devices, ROM ---- */

static void map_next(uint64_t entry)
{
	set_control(&all_64);
	map(&all_64);
	poke64(leaf_gpa(PAGING_64, false) + 8, entry);
}

static void test_straddle(void **state)
{
	uint64_t leaf = leaf_gpa(PAGING_64, false);

	map_next((DATA + 0x5000) | 7);
	mem_write64(vp, LIN + 0xffb, 0x1122334455667788);
	assert_int_equal(peek32(DATA + 0xffb), 0x55667788);
	assert_int_equal(fake_ram[DATA + 0xfff], 0x44);
	assert_int_equal(fake_ram[DATA + 0x5000], 0x33);
	assert_int_equal(peek16(DATA + 0x5001), 0x1122);
	assert_true(mem_read64(vp, LIN + 0xffb) == 0x1122334455667788);
	/* second page missing: nothing is written, no D in the first */
	map_next(0);
	poke64(DATA + 0xff8, 0);
	assert_int_equal(RAISES(mem_write64(vp, LIN + 0xffb, ~0ull)), X86_PF);
	assert_int_equal(vp->hv.regs.cr2, LIN + 0x1000);
	assert_int_equal(peek64(DATA + 0xff8), 0);
	assert_false(peek64(leaf) & X86_PTE_D);
}

static void test_rmw(void **state)
{
	uint64_t *p;

	map_next((DATA + 0x5000) | 7);
	p = mem_rmw_begin(vp, LIN + 8, 8, true);
	assert_ptr_equal(p, fake_ram + DATA + 8);
	mem_rmw_end(vp, p);
	poke64(DATA + 0xffc, 0);
	poke64(DATA + 0x5000, 0);
	p = mem_rmw_begin(vp, LIN + 0xffc, 8, true);
	assert_ptr_equal(p, vp->bounce.bytes);
	*p = 0x1122334455667788;
	mem_rmw_end(vp, p);
	assert_int_equal(peek32(DATA + 0xffc), 0x55667788);
	assert_int_equal(peek32(DATA + 0x5000), 0x11223344);
	/* device space */
	map_next(FAKE_MMIO | 7);
	p = mem_rmw_begin(vp, LIN + 0x1010, 4, false);
	*(uint32_t *)p = 5;
	mem_rmw_end(vp, p);
	assert_int_equal(fake_device.gpa, FAKE_MMIO + 0x10);
	assert_int_equal(fake_device.data[0], 5);
	assert_int_equal(fake_device.reads, 1);
	assert_int_equal(fake_device.writes, 1);
}

static void test_device(void **state)
{
	map_next(FAKE_MMIO | 7);
	mem_write32(vp, LIN + 0x1080, 7);
	assert_int_equal(fake_device.gpa, FAKE_MMIO + 0x80);
	assert_int_equal(fake_device.width, 4);
	/* half RAM, half device */
	mem_write64(vp, LIN + 0xffd, 0x1122334455667788);
	assert_int_equal(fake_device.gpa, FAKE_MMIO);
	assert_int_equal(fake_device.width, 5);
	assert_int_equal(fake_device.data[4], 0x11);
	assert_int_equal(fake_ram[DATA + 0xffd], 0x88);
}

static void test_rom(void **state)
{
	map_next(FAKE_ROM | 7);
	assert_int_equal(mem_read8(vp, LIN + 0x1000), 0x5a);
	mem_write8(vp, LIN + 0x1000, 1);
	assert_int_equal(fake_rom[0], 0x5a);
	assert_int_equal(fake_device.writes, 1);
}

static void test_chunk(void **state)
{
	uint64_t len;

	map_next(FAKE_MMIO | 7);
	assert_ptr_equal(mem_chunk(vp, LIN + 16, MEM_READ, 10000, &len),
			 fake_ram + DATA + 16);
	assert_int_equal(len, 4096 - 16);
	assert_null(mem_chunk(vp, LIN + 0x1000, MEM_WRITE, 8, &len));
}

static void test_canonical(void **state)
{
	set_control(&all_64);
	assert_int_equal(make_access(MEM_READ, UINT64_C(1) << 47), X86_GP);
	assert_int_equal(make_access(MEM_READ, (UINT64_C(1) << 47) - 2),
			 X86_GP);
	assert_int_equal(make_access(MEM_READ, ~(UINT64_C(1) << 47)), X86_GP);
}

/* ---- code pages, breakpoints, alignment ---- */

static void test_code_page(void **state)
{
	struct code_page *pages =
		calloc(FAKE_RAM >> PAGE_SHIFT, sizeof(*pages));
	struct soft_pages sp = {.nr_pages = FAKE_RAM >> PAGE_SHIFT,
				.page = pages};
	uint32_t *p;

	set_control(&all_64);
	map(&all_64);
	assert_int_equal(make_access(MEM_WRITE, LIN), -1);
	vp->partition->pages = &sp;
	atomic_store(&pages[DATA >> PAGE_SHIFT].epoch, 1);
	tlb_protect_code(vp, GPA(DATA));
	mem_write32(vp, LIN, 1);
	mem_write32(vp, LIN, 2);
	assert_int_equal(fake_code_writes, 2);
	p = mem_rmw_begin(vp, LIN, 4, true);
	assert_ptr_equal(p, fake_ram + DATA);
	mem_rmw_end(vp, p);
	assert_int_equal(fake_code_writes, 3);
	/* unmarked: the fast path comes back */
	atomic_store(&pages[DATA >> PAGE_SHIFT].epoch, 0);
	mem_write32(vp, LIN, 3);
	mem_write32(vp, LIN, 4);
	assert_int_equal(fake_code_writes, 3);
	assert_true(tlb_hit(tlb_slot(vp->tlb, LIN)->write, LIN, 4));
	vp->partition->pages = NULL;
	free(pages);
}

static void test_data_breakpoint(void **state)
{
	set_control(&all_64);
	map(&all_64);
	vp->hv.regs.dr[1] = LIN + 4;
	vp->hv.regs.dr7 = X86_DR7_L(1) | UINT64_C(0xd) << 20; /* 4, write */
	tlb_flush_all(vp);
	mem_write32(vp, LIN, 1);
	(void)mem_read32(vp, LIN + 4);
	assert_int_equal(vp->pending_db, 0);
	mem_write16(vp, LIN + 7, 1);
	assert_int_equal(vp->pending_db, X86_DR6_B(1));
}

static void test_alignment(void **state)
{
	struct rights c = all_64;

	c.user = true;
	c.ac = true;
	set_control(&c);
	vp->hv.regs.cr0 |= X86_CR0_AM;
	soft_mode_update(vp);
	map(&c);
	assert_int_equal(make_access(MEM_READ, LIN), -1);
	assert_int_equal(make_access(MEM_READ, LIN + 2), X86_AC);
	assert_int_equal(make_access(MEM_WRITE, LIN + 1), X86_AC);
}

static void test_no_paging(void **state)
{
	poke32(0x1234, 0xcafe);
	assert_int_equal(mem_read32(vp, 0x1234), 0xcafe);
	assert_int_equal(make_access(MEM_READ, 0xd0000000), -1);
	assert_int_equal(fake_device.gpa, 0xd0000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)
		TEST(test_rights_32),
		TEST(test_rights_pae),
		TEST(test_rights_64),
		TEST(test_reserved_64),
		TEST(test_reserved_large),
		TEST(test_pse36),
		TEST(test_pcid),
		TEST(test_pcid_many),
		TEST(test_global),
		TEST(test_invlpg_large),
		TEST(test_dirty_after_read),
		TEST(test_straddle),
		TEST(test_rmw),
		TEST(test_device),
		TEST(test_rom),
		TEST(test_chunk),
		TEST(test_canonical),
		TEST(test_code_page),
		TEST(test_data_breakpoint),
		TEST(test_alignment),
		TEST(test_no_paging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
