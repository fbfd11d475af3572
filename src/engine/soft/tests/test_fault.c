/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery in each mode: frames, stacks, flags, error codes, double faults
 * and shutdown; the returns from it; system calls; hardware tasks.
 */
#include "fake.h"

#define HANDLER 0x6000u

static struct vp_regs *regs(void)
{
	return &vp->hv.regs;
}

static bool raise_and_deliver(uint8_t vector, bool has_error, uint32_t error)
{
	vp->fault.vector = vector;
	vp->fault.has_error = has_error;
	vp->fault.error = error;
	return soft_deliver_fault(vp);
}

/* ---- real mode ---- */

static void test_real(void **state)
{
	poke16(0x21 * 4, 0x1234);
	poke16(0x21 * 4 + 2, 0x0500);
	regs()->rip = 0x100;
	regs()->seg[X86_CS].sel = 0x40;
	regs()->seg[X86_CS].base = 0x400;
	flags_set(vp, X86_FL_FIXED | X86_FL_IF | X86_FL_CF);
	assert_int_equal(EXECUTE(0xcd, 0x21), -1);
	assert_int_equal(regs()->rip, 0x1234);
	assert_int_equal(regs()->seg[X86_CS].base, 0x5000);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK - 6);
	assert_int_equal(peek16(FAKE_STACK - 6), 0x102);
	assert_int_equal(peek16(FAKE_STACK - 4), 0x40);
	assert_int_equal(peek16(FAKE_STACK - 2), 0x203);
	assert_false(regs()->rflags & X86_FL_IF);
	assert_int_equal(EXECUTE(0xcf), -1);
	assert_int_equal(regs()->rip, 0x102);
	assert_int_equal(regs()->seg[X86_CS].sel, 0x40);
	assert_true(regs()->rflags & X86_FL_IF);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK);
	/* beyond the table: #GP, which is beyond it too: shutdown */
	regs()->idtr.limit = 0x1f;
	assert_false(soft_deliver_event(vp, HV_EVENT_INTERRUPT, 0x21));
}

/* ---- protected mode ---- */

static void test_protected_same(void **state)
{
	fake_protected(0);
	fake_gate(13, X86_TYPE_INT_GATE, 0, 0x08, HANDLER, 0);
	fake_gate(14, X86_TYPE_TRAP_GATE, 0, 0x08, HANDLER, 0);
	flags_set(vp, X86_FL_FIXED | X86_FL_IF);
	assert_true(raise_and_deliver(X86_GP, true, 0x50));
	assert_int_equal(regs()->rip, HANDLER);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK - 16);
	assert_int_equal(peek32(FAKE_STACK - 16), 0x50);
	assert_int_equal(peek32(FAKE_STACK - 12), 0x5000);
	assert_int_equal(peek32(FAKE_STACK - 8), 0x08);
	assert_int_equal(peek32(FAKE_STACK - 4), 0x10202); /* RF: a fault */
	assert_false(regs()->rflags & X86_FL_IF);
	flags_set(vp, X86_FL_FIXED | X86_FL_IF);
	assert_true(raise_and_deliver(X86_PF, true, 2));
	assert_true(regs()->rflags & X86_FL_IF);
}

static void test_protected_inner(void **state)
{
	fake_protected(3);
	fake_gate(0x80, X86_TYPE_INT_GATE, 3, 0x08, HANDLER, 0);
	assert_int_equal(EXECUTE(0xcd, 0x80), -1);
	assert_int_equal(vp_cpl(regs()), 0);
	assert_int_equal(regs()->seg[X86_SS].sel, 0x10);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_RSP0 - 20);
	assert_int_equal(peek32(FAKE_RSP0 - 20), 0x5002);
	assert_int_equal(peek32(FAKE_RSP0 - 16), 0x1b);
	assert_int_equal(peek32(FAKE_RSP0 - 8), FAKE_STACK);
	assert_int_equal(peek32(FAKE_RSP0 - 4), 0x23);
	regs()->seg[X86_DS] = fake_segment(0x10, X86_TYPE_WRITABLE, 0, 0);
	assert_int_equal(EXECUTE(0xcf), -1);
	assert_int_equal(vp_cpl(regs()), 3);
	assert_int_equal(regs()->rip, 0x5002);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK);
	assert_int_equal(regs()->seg[X86_DS].sel, 0); /* was ring 0's */
}

static void test_gate_privilege(void **state)
{
	fake_protected(3);
	fake_gate(0x30, X86_TYPE_INT_GATE, 0, 0x08, HANDLER, 0);
	assert_int_equal(EXECUTE(0xcd, 0x30), X86_GP);
	assert_int_equal(vp->fault.error, 0x30 * 8 + 2);
	assert_int_equal(regs()->rip, 0x5000);
	assert_int_equal(EXECUTE(0xcd, 0x31), X86_GP);
	assert_int_equal(vp->fault.error, 0x31 * 8 + 2);
	/* the same vector from outside is no matter of privilege */
	assert_true(soft_deliver_event(vp, HV_EVENT_INTERRUPT, 0x30));
	assert_int_equal(regs()->rip, HANDLER);
}

/* An external event's nested fault says EXT. */
static void test_ext(void **state)
{
	fake_protected(0);
	fake_gate(11, X86_TYPE_INT_GATE, 0, 0x08, HANDLER, 0);
	fake_gate(0x30, X86_TYPE_INT_GATE, 0, 0x08, HANDLER, 0);
	fake_ram[FAKE_IDT + 8 * 0x30 + 5] &= 0x7f;
	assert_true(soft_deliver_event(vp, HV_EVENT_INTERRUPT, 0x30));
	assert_int_equal(peek32(regs()->gpr[X86_RSP]), 0x30 * 8 + 3);
}

static void test_double_fault(void **state)
{
	fake_protected(0);
	fake_gate(8, X86_TYPE_INT_GATE, 0, 0x08, HANDLER, 0);
	assert_true(raise_and_deliver(X86_GP, true, 0)); /* no gates: #GP */
	assert_int_equal(regs()->rip, HANDLER);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK - 16);
	assert_int_equal(peek32(FAKE_STACK - 16), 0);
	/* benign, then #GP */
	fake_protected(0);
	fake_gate(13, X86_TYPE_INT_GATE, 0, 0x08, HANDLER + 1, 0);
	assert_true(raise_and_deliver(X86_UD, false, 0));
	assert_int_equal(regs()->rip, HANDLER + 1);
	/* no #DF handler */
	fake_protected(0);
	fake_ram[FAKE_IDT + 8 * 8 + 5] = 0;
	fake_ram[FAKE_IDT + 8 * 13 + 5] = 0;
	assert_false(raise_and_deliver(X86_GP, true, 0));
}

static void test_v86(void **state)
{
	unsigned int i;

	fake_protected(3);
	fake_gate(13, X86_TYPE_INT_GATE, 0, 0x08, HANDLER, 0);
	flags_set(vp, X86_FL_FIXED | X86_FL_VM | X86_FL_IF);
	for (i = 0; i < X86_SEGS; i++)
		regs()->seg[i] = seg_v86((uint16_t)(0x100 + i));
	soft_mode_update(vp);
	assert_int_equal(EXECUTE(0xcd, 0x20), X86_GP); /* IOPL 0 */
	assert_true(soft_deliver_fault(vp));
	assert_int_equal(vp_cpl(regs()), 0);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_RSP0 - 40);
	assert_int_equal(peek32(FAKE_RSP0 - 40), 0);
	assert_int_equal(peek32(FAKE_RSP0 - 32), 0x101);   /* CS */
	assert_int_equal(peek32(FAKE_RSP0 - 28), 0x30202); /* VM RF IF */
	assert_int_equal(peek32(FAKE_RSP0 - 20), 0x102);   /* SS */
	assert_int_equal(peek32(FAKE_RSP0 - 4), 0x105);    /* GS */
	assert_int_equal(regs()->seg[X86_GS].attr & X86_ATTR_P, 0);
	/* and back */
	regs()->gpr[X86_RSP] += 4;
	assert_int_equal(EXECUTE(0xcf), -1);
	assert_true(vp->mode & SOFT_MODE_V86);
	assert_int_equal(vp_cpl(regs()), 3);
	assert_int_equal(regs()->seg[X86_GS].base, 0x1050);
	assert_int_equal(regs()->rip, 0x5000);
}

/* V86 with IOPL 0 under CR4.VME: INT by the redirection bitmap, IRET, CLI and
 * STI on VIF. */
static void test_vme(void **state)
{
	unsigned int i;

	fake_protected(3);
	poke16(FAKE_TSS + 0x66, 0x100);
	memset(fake_ram + FAKE_TSS + 0xe0, 0xff, 32);
	fake_ram[FAKE_TSS + 0xe0 + 0x21 / 8] = (uint8_t)~BIT(0x21 & 7);
	poke16(0x21 * 4, 0x1234);
	poke16(0x21 * 4 + 2, 0x0400);
	regs()->cr4 = X86_CR4_VME;
	flags_set(vp, X86_FL_FIXED | X86_FL_VM | X86_FL_IF | X86_FL_VIF);
	for (i = 0; i < X86_SEGS; i++)
		regs()->seg[i] = seg_v86(0);
	soft_mode_update(vp);
	assert_int_equal(EXECUTE(0xcd, 0x21), -1);
	assert_int_equal(regs()->rip, 0x1234);
	assert_int_equal(regs()->seg[X86_CS].base, 0x4000);
	assert_int_equal(peek16(FAKE_STACK - 2), 0x3202); /* IOPL 3, IF=VIF */
	assert_false(regs()->rflags & X86_FL_VIF);
	assert_true(regs()->rflags & X86_FL_IF);
	assert_int_equal(EXECUTE(0xcf), -1);
	assert_int_equal(regs()->rip, 0x5002);
	assert_true(regs()->rflags & X86_FL_VIF);
	assert_int_equal(EXECUTE(0xfa), -1);
	assert_false(regs()->rflags & X86_FL_VIF);
	regs()->rflags |= X86_FL_VIP;
	assert_int_equal(EXECUTE(0xfb), X86_GP);
	/* not redirected: to the monitor, which IOPL forbids */
	assert_int_equal(EXECUTE(0xcd, 0x22), X86_GP);
}

/* ---- long mode ---- */

static void test_long_same(void **state)
{
	fake_long(0);
	fake_gate(14, X86_TYPE_INT_GATE, 0, 0x38, 0x1234567000, 0);
	regs()->gpr[X86_RSP] = FAKE_STACK - 3;
	assert_true(raise_and_deliver(X86_PF, true, 2));
	assert_true(regs()->rip == 0x1234567000);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK - 16 - 48);
	assert_int_equal(peek64(FAKE_STACK - 24), 0x10);
	assert_int_equal(peek64(FAKE_STACK - 32), FAKE_STACK - 3);
	assert_int_equal(peek64(FAKE_STACK - 48), 0x38);
	assert_int_equal(peek64(FAKE_STACK - 56), 0x5000);
	assert_int_equal(peek64(FAKE_STACK - 64), 2);
	assert_int_equal(regs()->seg[X86_SS].sel, 0x10); /* unchanged */
}

static void test_long_inner_ist(void **state)
{
	fake_long(3);
	poke64(FAKE_TSS + 36 + 8, 0xa000); /* IST2 */
	fake_gate(3, X86_TYPE_INT_GATE, 3, 0x38, HANDLER, 2);
	assert_int_equal(EXECUTE(0xcc), -1);
	assert_int_equal(regs()->gpr[X86_RSP], 0xa000 - 40);
	assert_int_equal(peek64(0xa000 - 40), 0x5001);
	assert_int_equal(regs()->seg[X86_SS].sel, 0);
	assert_int_equal(vp_cpl(regs()), 0);
	regs()->shadow = VP_NMI_BLOCKED;
	assert_int_equal(EXECUTE(0x48, 0xcf), -1);
	assert_int_equal(regs()->shadow, 0);
	assert_int_equal(vp_cpl(regs()), 3);
	assert_int_equal(regs()->seg[X86_CS].sel, 0x43);
	assert_int_equal(regs()->seg[X86_SS].sel, 0x23);
	assert_int_equal(regs()->rip, 0x5001);
	assert_int_equal(regs()->gpr[X86_RSP], FAKE_STACK);
}

/* A page fault on the handler's stack: #DF, on its own stack. */
static void test_long_double(void **state)
{
	fake_long(0);
	poke64(FAKE_TSS + 36, 0xa000); /* IST1 */
	fake_gate(14, X86_TYPE_INT_GATE, 0, 0x38, HANDLER, 0);
	fake_gate(8, X86_TYPE_INT_GATE, 0, 0x38, HANDLER + 8, 1);
	regs()->gpr[X86_RSP] = 0x7f0000000000;
	assert_true(raise_and_deliver(X86_PF, true, 0));
	assert_int_equal(regs()->rip, HANDLER + 8);
	assert_true(regs()->cr2 == 0x7effffffffe8 + 0x10 ||
		    regs()->cr2 >> 40 == 0x7e);
	assert_int_equal(peek64(0xa000 - 48), 0);
	assert_true(peek64(0xa000 - 16) == 0x7f0000000000);
	/* the stack non-canonical: #SS, contributory, on top of #GP: #DF */
	fake_long(0);
	fake_gate(13, X86_TYPE_INT_GATE, 0, 0x38, HANDLER, 0);
	regs()->gpr[X86_RSP] = 0x8000000000000000;
	assert_true(raise_and_deliver(X86_GP, true, 0));
	assert_int_equal(regs()->rip, HANDLER + 8);
}

static void test_nmi_and_db(void **state)
{
	fake_long(0);
	fake_gate(2, X86_TYPE_INT_GATE, 0, 0x38, HANDLER, 0);
	fake_gate(1, X86_TYPE_INT_GATE, 0, 0x38, HANDLER + 1, 0);
	assert_true(soft_deliver_event(vp, HV_EVENT_NMI, 0));
	assert_int_equal(regs()->rip, HANDLER);
	assert_int_equal(regs()->shadow, VP_NMI_BLOCKED);
	regs()->dr7 = X86_DR7_GD | X86_DR7_FIXED;
	regs()->dr6 = X86_DR6_FIXED | 3;
	assert_int_equal(EXECUTE(0x0f, 0x23, 0xc0), X86_DB); /* MOV DR0 */
	assert_true(soft_deliver_fault(vp));
	assert_int_equal(regs()->dr6, X86_DR6_FIXED | X86_DR6_BD);
	assert_false(regs()->dr7 & X86_DR7_GD);
	assert_true(soft_deliver_db(vp, (uint32_t)X86_DR6_BS));
	assert_true(regs()->dr6 & X86_DR6_BS);
}

/* ---- system calls ---- */

static void test_syscall(void **state)
{
	fake_long(3);
	regs()->efer |= X86_EFER_SCE;
	regs()->star = UINT64_C(0x33) << 48 | UINT64_C(0x38) << 32;
	regs()->lstar = 0xffff800000001000;
	regs()->sfmask = X86_FL_IF | X86_FL_TF;
	flags_set(vp, X86_FL_FIXED | X86_FL_IF | X86_FL_ZF);
	assert_int_equal(EXECUTE(0x0f, 0x05), -1);
	assert_true(regs()->rip == 0xffff800000001000);
	assert_int_equal(regs()->gpr[X86_RCX], 0x5002);
	assert_int_equal(regs()->gpr[X86_R11], 0x242);
	assert_int_equal(vp_cpl(regs()), 0);
	assert_int_equal(regs()->seg[X86_SS].sel, 0x40);
	assert_int_equal(flags_get(vp), X86_FL_FIXED | X86_FL_ZF);
	assert_int_equal(EXECUTE(0x48, 0x0f, 0x07), -1);
	assert_int_equal(regs()->rip, 0x5002);
	assert_int_equal(regs()->seg[X86_CS].sel, 0x43);
	assert_int_equal(regs()->seg[X86_SS].sel, 0x3b);
	assert_int_equal(vp_cpl(regs()), 3);
	assert_int_equal(flags_get(vp), X86_FL_FIXED | X86_FL_IF | X86_FL_ZF);
	assert_int_equal(EXECUTE(0x48, 0x0f, 0x07), X86_GP);
	regs()->efer &= ~X86_EFER_SCE;
	assert_int_equal(EXECUTE(0x0f, 0x05), X86_UD);
}

static void test_sysenter(void **state)
{
	fake_long(3);
	regs()->sysenter_cs = 0x38;
	regs()->sysenter_esp = 0x7000;
	regs()->sysenter_eip = HANDLER;
	assert_int_equal(EXECUTE(0x0f, 0x34), -1);
	assert_int_equal(regs()->rip, HANDLER);
	assert_int_equal(regs()->gpr[X86_RSP], 0x7000);
	assert_int_equal(vp_cpl(regs()), 0);
	regs()->gpr[X86_RDX] = 0x5555;
	regs()->gpr[X86_RCX] = 0x6666;
	assert_int_equal(EXECUTE(0x48, 0x0f, 0x35), -1);
	assert_int_equal(regs()->rip, 0x5555);
	assert_int_equal(regs()->seg[X86_CS].sel, 0x38 + 32 + 3);
	fake_model.intel = false;
	assert_int_equal(EXECUTE(0x0f, 0x34), X86_UD);
}

/* ---- tasks ---- */

#define TASK 0x4000u

static void make_task(void)
{
	poke64(FAKE_GDT + 0x58,
	       fake_descriptor(TASK, 0x67, X86_ATTR_P | X86_TYPE_TSS_AVAIL));
	regs()->gdtr.limit = 0x5f;
	poke32(TASK + 32, 0x6660);     /* EIP */
	poke32(TASK + 36, 0x2);        /* EFLAGS */
	poke32(TASK + 40, 0x11111111); /* EAX */
	poke32(TASK + 56, 0x7700);     /* ESP */
	poke32(TASK + 72, 0x10);       /* ES */
	poke32(TASK + 76, 0x08);
	poke32(TASK + 80, 0x10);
	poke32(TASK + 84, 0x10);
}

static void test_task_switch(void **state)
{
	fake_protected(0);
	make_task();
	regs()->gpr[X86_RAX] = 0xabcd;
	/* lcall $0x58, $0 */
	assert_int_equal(EXECUTE(0x9a, 0, 0, 0, 0, 0x58, 0), -1);
	assert_int_equal(regs()->rip, 0x6660);
	assert_int_equal(regs()->gpr[X86_RAX], 0x11111111);
	assert_int_equal(regs()->tr.sel, 0x58);
	assert_true(regs()->rflags & X86_FL_NT);
	assert_true(regs()->cr0 & X86_CR0_TS);
	assert_int_equal(peek16(TASK), 0x28); /* back link */
	assert_int_equal(peek32(FAKE_TSS + 32), 0x5007);
	assert_int_equal(peek32(FAKE_TSS + 40), 0xabcd);
	assert_int_equal(fake_ram[FAKE_GDT + 0x5d] & 0xf, X86_TYPE_TSS_BUSY);
	assert_int_equal(fake_ram[FAKE_GDT + 0x2d] & 0xf, X86_TYPE_TSS_BUSY);
	/* and back by IRET */
	assert_int_equal(EXECUTE(0xcf), -1);
	assert_int_equal(regs()->rip, 0x5007);
	assert_int_equal(regs()->gpr[X86_RAX], 0xabcd);
	assert_int_equal(regs()->tr.sel, 0x28);
	assert_false(regs()->rflags & X86_FL_NT);
	assert_int_equal(fake_ram[FAKE_GDT + 0x5d] & 0xf, X86_TYPE_TSS_AVAIL);
	assert_int_equal(peek32(TASK + 32), 0x6661);
}

static void test_task_gate(void **state)
{
	fake_protected(0);
	make_task();
	fake_gate(8, X86_TYPE_TASK_GATE, 0, 0x58, 0, 0);
	regs()->gpr[X86_RSP] = 0;
	regs()->seg[X86_SS].limit = 0xfff;
	assert_true(raise_and_deliver(X86_GP, true, 0));
	assert_int_equal(regs()->rip, 0x6660);
	assert_int_equal(regs()->gpr[X86_RSP], 0x7700 - 4);
	assert_int_equal(peek32(0x7700 - 4), 0);
	assert_int_equal(peek32(FAKE_TSS + 32), 0x5000);
}

/* A bad segment in the new task faults there. */
static void test_task_fault_after_commit(void **state)
{
	fake_protected(0);
	make_task();
	poke32(TASK + 80, 0x08); /* code for SS */
	poke32(TASK + 100, 1);   /* T */
	assert_int_equal(EXECUTE(0xea, 0, 0, 0, 0, 0x58, 0), X86_TS);
	assert_int_equal(vp->fault.error, 0x08);
	assert_int_equal(regs()->rip, 0x6660);
	assert_int_equal(regs()->tr.sel, 0x58);
	/* a busy one faults in the old task */
	soft_mode_update(vp);
	assert_int_equal(EXECUTE(0xea, 0, 0, 0, 0, 0x58, 0), X86_GP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)
		TEST(test_real),
		TEST(test_protected_same),
		TEST(test_protected_inner),
		TEST(test_gate_privilege),
		TEST(test_ext),
		TEST(test_double_fault),
		TEST(test_v86),
		TEST(test_vme),
		TEST(test_long_same),
		TEST(test_long_inner_ist),
		TEST(test_long_double),
		TEST(test_nmi_and_db),
		TEST(test_syscall),
		TEST(test_sysenter),
		TEST(test_task_switch),
		TEST(test_task_gate),
		TEST(test_task_fault_after_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
