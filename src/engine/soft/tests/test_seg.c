/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment loads and limits, descriptor tables, call gates and far returns,
 * looking at selectors, the I/O bitmap.
 */
#include "fake.h"

static struct vp_regs *regs(void)
{
	return &vp->hv.regs;
}

#define LDT_FREE 0x60u /* first selector behind fake.h's */

static uint16_t add_desc(unsigned int n, uint64_t raw)
{
	poke64(FAKE_GDT + LDT_FREE + 8 * n, raw);
	regs()->gdtr.limit = 0xff;
	return (uint16_t)(LDT_FREE + 8 * n);
}

static int load_ds(uint16_t sel)
{
	regs()->gpr[X86_RAX] = sel;
	return EXECUTE(0x8e, 0xd8);
}

static int load_ss(uint16_t sel)
{
	regs()->gpr[X86_RAX] = sel;
	return EXECUTE(0x8e, 0xd0);
}

static void test_load_data(void **state)
{
	const uint16_t data = X86_ATTR_P | X86_ATTR_S | X86_TYPE_WRITABLE;
	const uint16_t code = X86_ATTR_P | X86_ATTR_S | X86_TYPE_CODE;
	const struct {
		uint64_t raw;
		uint16_t rpl;
		unsigned int cpl;
		int vector;
	} cases[] = {
		{fake_descriptor(0x1234, 0xff, data), 0, 0, -1},
		{fake_descriptor(0, 0xff, data), 3, 0, X86_GP},
		{fake_descriptor(0, 0xff, data | X86_ATTR_DPL), 3, 0, -1},
		{fake_descriptor(0, 0xff, data), 0, 3, X86_GP},
		{fake_descriptor(0, 0xff, code), 0, 0, X86_GP},
		{fake_descriptor(0, 0xff, code | X86_TYPE_READABLE), 0, 0, -1},
		{fake_descriptor(0, 0xff,
				 code | X86_TYPE_READABLE |
					 X86_TYPE_CONFORMING),
		 3, 3, -1},
		{fake_descriptor(0, 0xff, data & ~X86_ATTR_P), 0, 0, X86_NP},
		{fake_descriptor(0, 0xff, X86_ATTR_P | X86_TYPE_LDT), 0, 0,
		 X86_GP},
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		uint16_t sel = cases[i].rpl;

		fake_protected(cases[i].cpl);
		sel |= add_desc(0, cases[i].raw);
		assert_int_equal(load_ds(sel), cases[i].vector);
		if (cases[i].vector >= 0) {
			assert_int_equal(vp->fault.error, sel & ~3);
			assert_int_equal(regs()->rip, 0x5000);
			continue;
		}
		assert_int_equal(regs()->seg[X86_DS].sel, sel);
		assert_true(fake_ram[FAKE_GDT + LDT_FREE + 5] & 1);
	}
	fake_protected(0);
	assert_int_equal(load_ds(3), -1);
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0, 1, false)), X86_GP);
	assert_int_equal(load_ds(0x100), X86_GP);
	assert_int_equal(load_ds(0x14), X86_GP); /* no LDT */
}

static void test_load_stack(void **state)
{
	fake_protected(0);
	assert_int_equal(load_ss(0), X86_GP);
	assert_int_equal(vp->fault.error, 0);
	assert_int_equal(load_ss(0x13), X86_GP);
	assert_int_equal(load_ss(0x08), X86_GP);
	assert_int_equal(load_ss(0x50), -1);
	assert_false(vp->mode & SOFT_MODE_SS32);
	assert_true(vp->slow & SOFT_SLOW_SHADOW);
	assert_int_equal(
		load_ss(add_desc(
			0,
			fake_descriptor(0, 1, X86_ATTR_S | X86_TYPE_WRITABLE))),
		X86_SS_FAULT);
	fake_long(0);
	assert_int_equal(load_ss(0), -1);
	assert_int_equal(load_ss(3), X86_GP);
	fake_long(3);
	assert_int_equal(load_ss(3), X86_GP);
}

static void test_real_and_unreal(void **state)
{
	regs()->seg[X86_DS].limit = UINT32_MAX;
	soft_mode_update(vp);
	assert_int_equal(load_ds(0x1234), -1);
	assert_int_equal(regs()->seg[X86_DS].base, 0x12340);
	assert_int_equal(seg_linear(vp, X86_DS, 0x100000, 4, true), 0x112340);
	assert_int_equal(RAISES(seg_linear(vp, X86_ES, 0xffff, 2, true)),
			 X86_GP);
	assert_int_equal(RAISES(seg_linear(vp, X86_SS, 0xffff, 2, true)),
			 X86_SS_FAULT);
}

static void test_limits(void **state)
{
	struct vp_segment *ds = &regs()->seg[X86_DS];

	fake_protected(0);
	assert_true(vp->mode & SOFT_MODE_FLAT);
	*ds = fake_segment(0x10, X86_TYPE_WRITABLE, 0, X86_ATTR_DB);
	ds->limit = 0xfff;
	soft_mode_update(vp);
	assert_false(vp->mode & SOFT_MODE_FLAT);
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0xffc, 4, false)), -1);
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0xffd, 4, false)),
			 X86_GP);
	ds->attr |= X86_TYPE_DOWN;
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0xfff, 1, false)),
			 X86_GP);
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0x1000, 4, false)), -1);
	ds->attr &= (uint16_t)~X86_ATTR_DB;
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0x10000, 1, false)),
			 X86_GP);
	*ds = fake_segment(0x10, 0, 0, X86_ATTR_DB); /* read-only */
	soft_mode_update(vp);
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0, 4, false)), -1);
	assert_int_equal(RAISES(seg_linear(vp, X86_DS, 0, 4, true)), X86_GP);
}

/* ---- tables ---- */

static void test_tables(void **state)
{
	fake_protected(0);
	poke16(0x4000, 0x1ff);
	poke32(0x4002, 0xff123456);
	regs()->gpr[X86_RBX] = 0x4000;
	assert_int_equal(EXECUTE(0x0f, 0x01, 0x1b), -1); /* LIDT [EBX] */
	assert_int_equal(regs()->idtr.base, 0xff123456);
	assert_int_equal(regs()->idtr.limit, 0x1ff);
	assert_int_equal(EXECUTE(0x66, 0x0f, 0x01, 0x1b), -1);
	assert_int_equal(regs()->idtr.base, 0x123456);
	regs()->gpr[X86_RBX] = 0x4100;
	assert_int_equal(EXECUTE(0x0f, 0x01, 0x0b), -1); /* SIDT */
	assert_int_equal(peek32(0x4102), 0x123456);
	fake_protected(3);
	regs()->gpr[X86_RBX] = 0x4000;
	assert_int_equal(EXECUTE(0x0f, 0x01, 0x1b), X86_GP);
	assert_int_equal(EXECUTE(0x0f, 0x01, 0x0b), -1);
	regs()->cr4 |= X86_CR4_UMIP;
	assert_int_equal(EXECUTE(0x0f, 0x01, 0x0b), X86_GP);
}

static void test_ltr(void **state)
{
	uint16_t sel;

	fake_long(0);
	sel = add_desc(0, fake_descriptor(0x4000, 0x67,
					  X86_ATTR_P | X86_TYPE_TSS_AVAIL));
	add_desc(1, 0x12);
	regs()->gpr[X86_RAX] = sel;
	assert_int_equal(EXECUTE(0x0f, 0x00, 0xd8), -1);
	assert_true(regs()->tr.base == 0x1200004000);
	assert_int_equal(fake_ram[FAKE_GDT + sel + 5] & 15, X86_TYPE_TSS_BUSY);
	assert_int_equal(EXECUTE(0x0f, 0x00, 0xd8), X86_GP); /* busy */
	regs()->gpr[X86_RAX] = 0;
	assert_int_equal(EXECUTE(0x0f, 0x00, 0xd8), X86_GP);
	assert_int_equal(EXECUTE(0x0f, 0x00, 0xd0), -1); /* LLDT 0 */
	assert_int_equal(regs()->ldtr.attr & X86_ATTR_P, 0);
}

static bool zf(void)
{
	return flags_get(vp) & X86_FL_ZF;
}

static void test_lar_lsl(void **state)
{
	fake_protected(3);
	regs()->gpr[X86_RBX] = 0x23;
	assert_int_equal(EXECUTE(0x0f, 0x02, 0xc3), -1); /* LAR EAX, EBX */
	assert_true(zf());
	assert_int_equal(regs()->gpr[X86_RAX], 0xc0f200);
	assert_int_equal(EXECUTE(0x0f, 0x03, 0xc3), -1); /* LSL */
	assert_int_equal(regs()->gpr[X86_RAX], UINT32_MAX);
	assert_int_equal(EXECUTE(0x0f, 0x00, 0xe3), -1); /* VERR BX */
	assert_true(zf());
	assert_int_equal(EXECUTE(0x0f, 0x00, 0xeb), -1); /* VERW BX */
	assert_true(zf());
	regs()->gpr[X86_RBX] = 0x10;
	assert_int_equal(EXECUTE(0x0f, 0x02, 0xc3), -1);
	assert_false(zf());
	regs()->gpr[X86_RBX] = 0x1b;
	assert_int_equal(EXECUTE(0x0f, 0x00, 0xeb), -1);
	assert_false(zf());
}

/* ---- far transfers ---- */

static uint64_t call_gate(uint16_t sel, uint32_t off, unsigned int params)
{
	return (off & 0xffff) | (uint64_t)sel << 16 | (uint64_t)params << 32 |
	       (uint64_t)(X86_ATTR_P | X86_ATTR_DPL | X86_TYPE_CALL_GATE)
		       << 40 |
	       (uint64_t)(off & 0xffff0000) << 32;
}

static void test_call_gate(void **state)
{
	uint16_t sel;

	fake_protected(3);
	sel = add_desc(0, call_gate(0x08, 0x6000, 2)) | 3;
	poke32(FAKE_STACK, 0x11);
	poke32(FAKE_STACK + 4, 0x22);
	assert_int_equal(EXECUTE(0x9a, 0, 0, 0, 0, (uint8_t)sel, 0), -1);
	assert_int_equal(regs()->rip, 0x6000);
	assert_int_equal(vp_cpl(regs()), 0);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_RSP0 - 24);
	assert_int_equal(peek32(FAKE_RSP0 - 24), 0x5007);
	assert_int_equal(peek32(FAKE_RSP0 - 20), 0x1b);
	assert_int_equal(peek32(FAKE_RSP0 - 16), 0x11);
	assert_int_equal(peek32(FAKE_RSP0 - 12), 0x22);
	assert_int_equal(peek32(FAKE_RSP0 - 8), FAKE_STACK);
	assert_int_equal(EXECUTE(0xca, 8, 0), -1); /* RETF 8 */
	assert_int_equal(vp_cpl(regs()), 3);
	assert_int_equal(regs()->rip, 0x5007);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK + 8);
	/* a jump through it may not change the level */
	assert_int_equal(EXECUTE(0xea, 0, 0, 0, 0, (uint8_t)sel, 0), X86_GP);
	assert_int_equal(vp->fault.error, 0x08);
}

static void test_far_long(void **state)
{
	uint16_t sel;

	fake_long(3);
	sel = add_desc(0, call_gate(0x38, 0x6000, 0)) | 3;
	add_desc(1, 0);
	poke32(0x4000, 0);
	poke16(0x4004, sel);
	regs()->gpr[X86_RBX] = 0x4000;
	assert_int_equal(EXECUTE(0xff, 0x1b), -1); /* CALL far [RBX] */
	assert_int_equal(regs()->rip, 0x6000);
	assert_int_equal(vp_cpl(regs()), 0);
	assert_int_equal(regs()->seg[X86_SS].sel, 0);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_RSP0 - 32);
	assert_int_equal(peek64(FAKE_RSP0 - 32), 0x5002);
	assert_int_equal(EXECUTE(0x48, 0xcb), -1); /* RETF */
	assert_int_equal(vp_cpl(regs()), 3);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK);
	/* to compatibility mode */
	poke32(0x4000, 0x7000);
	poke16(0x4004, 0x1b);
	assert_int_equal(EXECUTE(0xff, 0x2b), -1); /* JMP far [RBX] */
	assert_true(vp->mode & SOFT_MODE_32);
	assert_int_equal(regs()->rip, 0x7000);
}

static void test_far_checks(void **state)
{
	uint16_t sel;

	fake_protected(0);
	assert_int_equal(EXECUTE(0xea, 0, 0, 0, 0, 0, 0), X86_GP);
	assert_int_equal(vp->fault.error, 0);
	assert_int_equal(EXECUTE(0xea, 0, 0, 0, 0, 0x10, 0), X86_GP);
	assert_int_equal(vp->fault.error, 0x10);
	assert_int_equal(EXECUTE(0xea, 0, 0, 0, 0, 0x1b, 0), X86_GP);
	/* beyond the limit */
	assert_int_equal(EXECUTE(0xea, 0, 0, 1, 0, 0x48, 0), X86_GP);
	assert_int_equal(vp->fault.error, 0);
	sel = add_desc(0,
		       fake_descriptor(0, 0xffff, X86_ATTR_S | X86_TYPE_CODE));
	assert_int_equal(EXECUTE(0xea, 0, 0, 0, 0, (uint8_t)sel, 0), X86_NP);
	assert_int_equal(EXECUTE(0xea, 0x34, 0x12, 0, 0, 0x48, 0), -1);
	assert_true(vp->mode & SOFT_MODE_16);
	assert_int_equal(regs()->rip, 0x1234);
}

/* ---- the rest ---- */

static void test_io_bitmap(void **state)
{
	fake_protected(3);
	poke16(FAKE_TSS + 0x66, 0x100);
	memset(fake_ram + FAKE_TSS + 0x100, 0xff, 0x100);
	fake_ram[FAKE_TSS + 0x100 + 0x60 / 8] = 0xfc; /* 0x60, 0x61 */
	assert_int_equal(RAISES(seg_io_allowed(vp, 0x60, 2)), -1);
	assert_int_equal(RAISES(seg_io_allowed(vp, 0x61, 2)), X86_GP);
	assert_int_equal(RAISES(seg_io_allowed(vp, 0x80, 1)), X86_GP);
	assert_int_equal(RAISES(seg_io_allowed(vp, 0xffff, 1)), X86_GP);
	regs()->rflags |= X86_FL_IOPL;
	assert_int_equal(RAISES(seg_io_allowed(vp, 0x80, 1)), -1);
}

static void test_control(void **state)
{
	fake_protected(0);
	regs()->gpr[X86_RAX] = X86_CR0_PG;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xc0), X86_GP); /* PG, no PE */
	regs()->gpr[X86_RAX] = X86_CR0_PE | X86_CR0_NW;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xc0), X86_GP);
	/* into long mode by hand */
	regs()->cr4 = X86_CR4_PAE;
	regs()->cr3 = FAKE_PML4;
	regs()->efer = X86_EFER_LME;
	regs()->gpr[X86_RAX] = X86_CR0_PE | X86_CR0_PG;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xc0), -1);
	assert_true(regs()->efer & X86_EFER_LMA);
	assert_true(vp->mode & SOFT_MODE_32);
	regs()->gpr[X86_RAX] = 0;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xe0), X86_GP); /* CR4.PAE */
	regs()->gpr[X86_RAX] = X86_CR4_PAE | X86_CR4_PCIDE;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xe0), -1);
	regs()->gpr[X86_RAX] = X86_CR0_PE;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xc0), X86_GP); /* PCIDE */
	regs()->gpr[X86_RAX] = X86_CR4_PAE;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xe0), -1);
	regs()->gpr[X86_RAX] = X86_CR0_PE;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xc0), -1);
	assert_false(regs()->efer & X86_EFER_LMA);
	/* PAE: reserved bits of the PDPTEs */
	regs()->efer = 0;
	poke64(0x4000, 0x7);
	regs()->cr3 = 0x4000;
	regs()->gpr[X86_RAX] = X86_CR0_PE | X86_CR0_PG;
	assert_int_equal(EXECUTE(0x0f, 0x22, 0xc0), X86_GP);
}

static void test_interrupt_flag(void **state)
{
	fake_protected(3);
	assert_int_equal(EXECUTE(0xfa), X86_GP);
	regs()->cr4 |= X86_CR4_PVI;
	assert_int_equal(EXECUTE(0xfb), -1);
	assert_true(regs()->rflags & X86_FL_VIF);
	assert_int_equal(EXECUTE(0xfa), -1);
	assert_false(regs()->rflags & X86_FL_VIF);
	fake_protected(0);
	assert_int_equal(EXECUTE(0xfb), -1);
	assert_int_equal(regs()->shadow, VP_SHADOW_STI);
	assert_true(vp->slow & SOFT_SLOW_SHADOW);
	assert_int_equal(EXECUTE(0xf4), -1);
	assert_true(vp->halt);
}

static void test_bases(void **state)
{
	fake_long(0);
	regs()->gpr[X86_RAX] = 0x123456789abc;
	assert_int_equal(EXECUTE(0xf3, 0x48, 0x0f, 0xae, 0xd8), X86_UD);
	regs()->cr4 |= X86_CR4_FSGSBASE;
	assert_int_equal(EXECUTE(0xf3, 0x48, 0x0f, 0xae, 0xd8), -1);
	assert_true(regs()->seg[X86_GS].base == 0x123456789abc);
	assert_int_equal(EXECUTE(0x0f, 0x01, 0xf8), -1); /* SWAPGS */
	assert_true(regs()->kernel_gs_base == 0x123456789abc);
	regs()->gpr[X86_RAX] = UINT64_C(1) << 47;
	assert_int_equal(EXECUTE(0xf3, 0x48, 0x0f, 0xae, 0xd8), X86_GP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)
		TEST(test_load_data),       TEST(test_load_stack),
		TEST(test_real_and_unreal), TEST(test_limits),
		TEST(test_tables),          TEST(test_ltr),
		TEST(test_lar_lsl),         TEST(test_call_gate),
		TEST(test_far_long),        TEST(test_far_checks),
		TEST(test_io_bitmap),       TEST(test_control),
		TEST(test_interrupt_flag),  TEST(test_bases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
