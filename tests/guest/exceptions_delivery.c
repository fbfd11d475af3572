/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery in 64-bit mode: gates that are missing or wrong, an exception
 * while delivering another one, IST, the frame and its alignment, IRET.
 */
#include "exceptions.h"

ASM_FN(raise_de, "xor %ecx, %ecx; xor %edx, %edx; div %ecx");
ASM_FN(raise_bp, "int3");
ASM_FN(raise_ud, "ud2");
ASM_FN(raise_gp, "mov $0x1000, %eax; mov %eax, %ds");
ASM_FN(raise_np, "mov $0x48, %eax; mov %eax, %ds");
ASM_FN(raise_ss, "mov $0x48, %eax; mov %eax, %ss");
ASM_FN(raise_pf, "mov 0x0000700000000000, %al");
ASM_FN(raise_int, "int $0x42");
ASM_FN(raise_db, ".byte 0xf1");
ASM_FN(raise_nm, "fnop");
ASM_FN(raise_mf, "fninit; push $0x0360; fldcw (%rsp); pop %rax; fldz; fld1;"
		 "fdiv %st(1), %st; fwait");

/* table: the class rules of SDM volume 3, table 6-5 */
static const struct {
	const char *name;
	test_fn fn;
	int first;
	int vector; /* with the gate of the first one absent */
	ulong error;
} absent_gates[] = {
	{"#DE", raise_de, VEC_DE, VEC_DF, 0},
	{"#DB", raise_db, VEC_DB, VEC_NP, VEC_DB * 8 + 3},
	{"#BP", raise_bp, VEC_BP, VEC_NP, VEC_BP * 8 + 2},
	{"#UD", raise_ud, VEC_UD, VEC_NP, VEC_UD * 8 + 3},
	{"#NM", raise_nm, VEC_NM, VEC_NP, VEC_NM * 8 + 3},
	{"#NP", raise_np, VEC_NP, VEC_DF, 0},
	{"#SS", raise_ss, VEC_SS, VEC_DF, 0},
	{"#GP", raise_gp, VEC_GP, VEC_DF, 0},
	{"#PF", raise_pf, VEC_PF, VEC_DF, 0},
	{"#MF", raise_mf, VEC_MF, VEC_NP, VEC_MF * 8 + 3},
	{"int 0x42", raise_int, 0x42, VEC_NP, 0x42 * 8 + 2},
};

static void test_absent_gates(void)
{
	ulong cr0 = read_cr0();
	struct trap t;
	unsigned int i;

	/* 0x48: data that is absent. */
	gdt_set(0x48, desc_make(0, 0xfffff, 0x13, 0xc));
	for (i = 0; i < ARRAY_SIZE(absent_gates); i++) {
		int v = absent_gates[i].first;

		if (v == VEC_NM)
			write_cr0(cr0 | CR0_TS);
		catch_run(absent_gates[i].fn, NULL, &t);
		check_eq(t.vector, v, "gate: %s, present",
			 absent_gates[i].name);
		idt_set_present(v, false);
		catch_run(absent_gates[i].fn, NULL, &t);
		idt_set_present(v, true);
		write_cr0(cr0);
		asm volatile("fninit");
		check_trap(&t, absent_gates[i].vector, absent_gates[i].error,
			   "gate: %s, absent", absent_gates[i].name);
	}
	gdt_set(0x48, 0);
}

/* --- wrong gates ------------------------------------------------------------
 */

struct gate_case {
	const char *name;
	uint16_t selector;
	uint8_t type;
	int vector;
	ulong error;
	ulong ud_error; /* the same gate for an exception */
};

static void test_wrong_gates(void)
{
	/* 0x48: data; 0x50: code absent; 0x58: code with L and D. */
	static const struct gate_case cases[] = {
		{"interrupt gate", SEL_KCODE, 0x8e, 0x42, 0, 0},
		{"trap gate", SEL_KCODE, 0x8f, 0x42, 0, 0},
		{"task gate", SEL_KCODE, 0x85, VEC_GP, 0x212, 0x33},
		{"16-bit gate", SEL_KCODE, 0x86, VEC_GP, 0x212, 0x33},
		{"call gate", SEL_KCODE, 0x8c, VEC_GP, 0x212, 0x33},
		{"type 0", SEL_KCODE, 0x80, VEC_GP, 0x212, 0x33},
		{"null selector", 0, 0x8e, VEC_GP, 0, 1},
		{"selector beyond the GDT", 0x1000, 0x8e, VEC_GP, 0x1000,
		 0x1001},
		{"data selector", 0x48, 0x8e, VEC_GP, 0x48, 0x49},
		{"absent code", 0x50, 0x8e, VEC_NP, 0x50, 0x51},
		{"code with L and D", 0x58, 0x8e, VEC_GP, 0x58, 0x59},
		{"32-bit code", SEL_CODE32, 0x8e, VEC_GP, 8, 9},
		{"DPL 3 code", SEL_UCODE & ~3, 0x8e, VEC_GP, 0x30, 0x31},
	};
	struct gate old = idt[0x42], old_ud = idt[VEC_UD];
	struct trap t;
	unsigned int i;

	gdt_set(0x48, desc_make(0, 0xfffff, 0x93, 0xc));
	gdt_set(0x50, desc_make(0, 0xfffff, 0x1b, 0xa));
	gdt_set(0x58, desc_make(0, 0xfffff, 0x9b, 0xe));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct gate_case *c = &cases[i];

		idt[0x42].sel = c->selector;
		idt[0x42].type = c->type;
		catch_run(raise_int, NULL, &t);
		check_trap(&t, c->vector, c->error, "gate: int n, %s", c->name);
		idt[0x42] = old;
		if (c->vector == 0x42)
			continue;
		idt[VEC_UD].sel = c->selector;
		idt[VEC_UD].type = c->type;
		catch_run(raise_ud, NULL, &t);
		idt[VEC_UD] = old_ud;
		check_trap(&t, c->vector, c->ud_error, "gate: #UD, %s",
			   c->name);
	}
	gdt_set(0x48, 0);
	gdt_set(0x50, 0);
	gdt_set(0x58, 0);
}

static void test_idt_limit(void)
{
	struct dtr full = {sizeof(idt) - 1, (ulong)idt}, part = full;
	struct trap t;

	part.limit = 0x42 * 16 + 14;
	lidt(&part);
	catch_run(raise_int, NULL, &t);
	lidt(&full);
	check_trap(&t, VEC_GP, 0x42 * 8 + 2, "gate: beyond the IDT limit");
	part.limit = 0x42 * 16 + 15;
	lidt(&part);
	catch_run(raise_int, NULL, &t);
	lidt(&full);
	check_trap(&t, 0x42, 0, "gate: the last one of the IDT");
	idt[0x42].off2 = 0x8000;
	catch_run(raise_int, NULL, &t);
	check_trap(&t, VEC_GP, 0, "gate: handler address not canonical");
	idt[0x42].off2 = 0;
}

/* --- stacks ------------------------------------------------------------------
 */

ASM_FN(ud_on_bad_stack, "mov %rdi, %rsp; ud2");
ASM_FN(pf_on_bad_stack, "mov %rdi, %rsp; mov 0x0000700000000000, %al");

static void test_bad_stacks(void)
{
	const ulong noncanon = 0x0000900000000000, absent = 0x0000700000001000;
	struct trap t;

	idt_set_ist(VEC_SS, 3);
	idt_set_ist(VEC_PF, 3);
	catch_run(ud_on_bad_stack, (void *)noncanon, &t);
	check_eq(t.vector, VEC_SS, "stack: not canonical gives #SS");
	check_eq(t.error & ~1UL, 0, "stack: not canonical, selector 0");
	catch_run(ud_on_bad_stack, (void *)absent, &t);
	check_trap(&t, VEC_PF, PF_W, "stack: absent gives #PF of a write");
	check_eq(t.cr2 & ~0xfffUL, absent - 0x1000, "stack: absent, CR2");
	idt_set_ist(VEC_SS, 0);
	catch_run(ud_on_bad_stack, (void *)noncanon, &t);
	check_trap(&t, VEC_DF, 0, "stack: not canonical for #SS too");
	idt_set_ist(VEC_PF, 0);
	catch_run(pf_on_bad_stack, (void *)absent, &t);
	check_trap(&t, VEC_DF, 0, "stack: #PF while delivering #PF");
	catch_run(ud_on_bad_stack, (void *)absent, &t);
	check_trap(&t, VEC_DF, 0, "stack: #PF while delivering its own #PF");
}

static struct frame seen;
static ulong seen_at, seen_flags;

static bool look(struct frame *f)
{
	seen = *f;
	seen_at = (ulong)f;
	seen_flags = read_flags();
	return true;
}

ASM_FN(int_on_stack, "push %rbx; mov %rsp, %rbx; mov %rdi, %rsp; int $0x42;"
		     "mov %rsp, %rax; mov %rbx, %rsp; pop %rbx;"
		     "cmp %rax, %rdi; je 1f; ud2; 1: nop");

static void test_frames(void)
{
	static uint8_t stack[1024] __attribute__((aligned(64)));
	ulong ist = cpu_tss[0].ist[2], top = (ulong)stack + sizeof(stack);
	struct trap t;
	unsigned int i;
	bool good = true;

	trap_set_hook(0x42, look);
	for (i = 0; i < 32 && good; i++) {
		ulong aligned = (top - i) & ~15UL;

		catch_run(int_on_stack, (void *)(top - i), &t);
		good = t.vector == TRAP_NONE && seen.sp == top - i &&
		       seen_at + sizeof(struct frame) == aligned;
		if (!good)
			detail("RSP -%u: vector %d saved 0x%lx frame 0x%lx", i,
			       t.vector, seen.sp,
			       seen_at + sizeof(struct frame));
	}
	check(good, "frame: aligned to 16, RSP restored exactly");
	check_eq(seen.ss, SEL_KDATA, "frame: SS of CPL 0");
	check_eq(seen.cs, SEL_KCODE, "frame: CS of CPL 0");

	idt_set_ist(0x42, 3);
	catch_run(int_on_stack, (void *)top, &t);
	idt_set_ist(0x42, 0);
	check_eq(seen_at + sizeof(struct frame), ist,
		 "frame: on its IST stack");
	check_eq(seen.sp, top, "frame: IST, old RSP");

	catch_run(raise_int, NULL, &t);
	check_eq(seen_flags & (FL_IF | FL_TF | FL_NT | FL_RF), 0,
		 "frame: flags in an interrupt gate");
	idt[0x42].type = 0x8f;
	sti();
	catch_run(raise_int, NULL, &t);
	cli();
	check_eq(seen_flags & FL_IF, FL_IF, "frame: IF stays in a trap gate");
	check_eq(seen.flags & FL_IF, FL_IF, "frame: saved IF");
	idt[0x42].type = 0x8e;
	trap_set_hook(0x42, NULL);
}

/* --- IRET
 * --------------------------------------------------------------------- */

ASM_FN(iret_nt, "pushf; orq $0x4000, (%rsp); popf; mov %rsp, %rdx; push $0x18;"
		"push %rdx; pushf; push $0x10; lea 1f(%rip), %rax; push %rax;"
		"iretq; 1: nop");
ASM_FN(iret_noncanon, "mov %rsp, %rdx; push $0x18; push %rdx; pushf;"
		      "push $0x10; mov $1, %eax; shl $47, %rax; push %rax;"
		      "iretq");
ASM_FN(iret_ss0, "mov %rsp, %rdx; push $0; push %rdx; pushf; push $0x10;"
		 "lea 1f(%rip), %rax; push %rax; iretq; 1: mov %ss, %eax;"
		 "mov $0x18, %ecx; mov %ecx, %ss; test %eax, %eax; jz 2f; ud2;"
		 "2: nop");
ASM_FN(iret_user_ss0, "push $3; push %rsp; pushf; push $0x33;"
		      "lea 1f(%rip), %rax; push %rax; iretq; 1: nop");
ASM_FN(iret_ss_code, "push $0x10; push %rsp; pushf; push $0x10;"
		     "lea 1f(%rip), %rax; push %rax; iretq; 1: nop");
ASM_FN(iret_flags, "mov %rsp, %rdx; push $0x18; push %rdx; pushf;"
		   "orq $0x240cd5, (%rsp); push $0x10; lea 1f(%rip), %rax;"
		   "push %rax; iretq; 1: pushf; pop %rax; cld; and $0x240cd5,"
		   "%eax; cmp $0x240cd5, %eax; je 2f; ud2; 2: pushf;"
		   "andq $~0x240000, (%rsp); popf");
ASM_FN(popf_reserved, "push $-1; andq $~0x44300, (%rsp); popf; pushf;"
		      "pop %rax; push $2; popf; and $0xffc08028, %eax; jz 1f;"
		      "ud2; 1: nop");

static void test_iret(void)
{
	static const struct exc_case cases[] = {
		{"NT=1", iret_nt, VEC_GP, 0},
		{"to CPL 0 with a null SS", iret_ss0, TRAP_NONE, 0},
		{"to CPL 3 with a null SS", iret_user_ss0, VEC_GP, 0},
		{"code in SS", iret_ss_code, VEC_GP, 0x10},
		{"flags", iret_flags, TRAP_NONE, 0},
		{"popf of all ones", popf_reserved, TRAP_NONE, 0},
	};
	struct trap t;

	exc_run_kernel(cases, ARRAY_SIZE(cases), "iret");
	catch_run(iret_noncanon, NULL, &t);
	check_trap(&t, VEC_GP, 0, "iret: RIP not canonical");
}

void test_delivery(void)
{
	test_absent_gates();
	test_wrong_gates();
	test_idt_limit();
	test_bad_stacks();
	test_frames();
	test_iret();
}
