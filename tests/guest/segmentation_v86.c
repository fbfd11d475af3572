/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual-8086 mode: what is sensitive to IOPL, what always faults, the
 * frame an exception leaves, and the virtual mode extensions.
 * Facts: SDM volume 3 chapter 20.
 */
#include "segmentation.h"

#define OK    TRAP_NONE
#define SEG   0x700
#define CODE  ((uint8_t *)mem_at(0x7000))
#define STACK 0x800 /* SP in the same segment */

struct v86_regs {
	uint32_t eip, cs, eflags, esp, ss, es, ds, fs, gs;
};

asm(".text; .globl v86_enter; v86_enter:"
    "mov 4(%esp), %eax; push 32(%eax); push 28(%eax); push 24(%eax);"
    "push 20(%eax); push 16(%eax); push 12(%eax); push 8(%eax);"
    "push 4(%eax); push (%eax); mov $0x11223344, %ebx; iret");
void v86_enter(void *regs);

static struct v86_regs regs;

/* Run these bytes at SEG:0 up to the first exception. */
static void v86_run(const void *code, size_t size, uint32_t flags,
		    struct trap *t)
{
	memset(CODE, 0xf4, 0x400); /* hlt: #GP wherever it ends */
	memset(CODE + 0x400, 0, 0x800);
	memcpy(CODE, code, size);
	regs = (struct v86_regs){
		.cs = SEG,
		.eflags = FL_VM | 2 | flags,
		.esp = STACK,
		.ss = SEG,
		.es = 0x1111,
		.ds = SEG,
		.fs = 0x2222,
		.gs = 0x3333,
	};
	catch_run(v86_enter, &regs, t);
}

/* Where the ending HLT or the fault is, and what it is. */
struct v86_case {
	const char *name;
	const char *code;
	uint8_t size;
	uint8_t iopl;
	uint8_t ip;
	uint8_t vector;
	uint16_t error;
};

/* clang-format off */
static const struct v86_case cases[] = {
	{"hlt", "\xf4", 1, 3, 0, VEC_GP, 0},
	{"cli, IOPL 3", "\xfa", 1, 3, 1, VEC_GP, 0},
	{"cli, IOPL 0", "\xfa", 1, 0, 0, VEC_GP, 0},
	{"sti, IOPL 0", "\xfb", 1, 0, 0, VEC_GP, 0},
	{"pushf, IOPL 3", "\x9c", 1, 3, 1, VEC_GP, 0},
	{"pushf, IOPL 2", "\x9c", 1, 2, 0, VEC_GP, 0},
	{"popf, IOPL 3", "\x9c\x9d", 2, 3, 2, VEC_GP, 0},
	{"popf, IOPL 0", "\x9d", 1, 0, 0, VEC_GP, 0},
	{"iret, IOPL 3", "\x9c\x0e\x68\x09\x00\xcf\x0f\x0b\x90\x90", 10, 3, 10,
	 VEC_GP, 0},
	{"iret, IOPL 0", "\xcf", 1, 0, 0, VEC_GP, 0},
	{"int n, IOPL 0", "\xcd\x46", 2, 0, 0, VEC_GP, 0},
	{"int n, IOPL 3, gate of DPL 3", "\xcd\x46", 2, 3, 2, 0x46, 0},
	{"int n, IOPL 3, gate of DPL 0", "\xcd\x47", 2, 3, 0, VEC_GP,
	 0x47 * 8 + 2},
	{"int3, IOPL 0, gate of DPL 3", "\xcc", 1, 0, 1, VEC_BP, 0},
	{"in, closed", "\xe4\x81", 2, 3, 0, VEC_GP, 0},
	{"in, open", "\xe4\x80", 2, 0, 2, VEC_GP, 0},
	{"in of a word, half closed", "\xe5\x80", 2, 3, 0, VEC_GP, 0},
	{"lgdt", "\x0f\x01\x16\x00\x00", 5, 3, 0, VEC_GP, 0},
	{"mov from cr0", "\x0f\x20\xc0", 3, 3, 0, VEC_GP, 0},
	{"mov from dr0", "\x0f\x21\xc0", 3, 3, 0, VEC_GP, 0},
	{"clts", "\x0f\x06", 2, 3, 0, VEC_GP, 0},
	{"smsw", "\x0f\x01\xe0", 3, 3, 3, VEC_GP, 0},
	{"sldt", "\x0f\x00\xc0", 3, 3, 0, VEC_UD, 0},
	{"str", "\x0f\x00\xc8", 3, 3, 0, VEC_UD, 0},
	{"lldt", "\x0f\x00\xd0", 3, 3, 0, VEC_UD, 0},
	{"lar", "\x0f\x02\xc0", 3, 3, 0, VEC_UD, 0},
	{"verr", "\x0f\x00\xe0", 3, 3, 0, VEC_UD, 0},
	{"arpl", "\x63\xc0", 2, 3, 0, VEC_UD, 0},
	{"div by 0", "\x31\xc9\xf7\xf1", 4, 3, 2, VEC_DE, 0},
	{"ud2", "\x0f\x0b", 2, 3, 0, VEC_UD, 0},
	{"mov ds, any value", "\xb8\x34\x12\x8e\xd8", 5, 3, 5, VEC_GP, 0},
	{"word at 0xffff", "\xa1\xff\xff", 3, 3, 0, VEC_GP, 0},
	{"word at 0xfffe", "\xa1\xfe\xff", 3, 3, 3, VEC_GP, 0},
	{"word at 0xffff by ss", "\x36\xa1\xff\xff", 4, 3, 0, VEC_SS, 0},
	{"offset of 32 bits", "\x67\xa0\x00\x00\x01\x00", 6, 3, 0, VEC_GP, 0},
	{"lock mov", "\xf0\x89\x07", 3, 3, 0, VEC_UD, 0},
	{"jmp over 64K", "\x66\xe9\x00\x00\x01\x00", 6, 3, 0, VEC_GP, 0},
	{"far jmp", "\xea\x08\x00\x00\x07\x0f\x0b\x90\x90", 9, 3, 9, VEC_GP,
	 0},
	{"far call and ret", "\x9a\x08\x00\x00\x07\xeb\x03\x90\xcb\x90", 10, 3,
	 10, VEC_GP, 0},
	{"push sreg, pop sreg", "\x1e\x07", 2, 3, 2, VEC_GP, 0},
	{"pushfd, IOPL 0", "\x66\x9c", 2, 0, 0, VEC_GP, 0},
};
/* clang-format on */

static void io_map(bool open)
{
	struct tss *tss = &cpu_tss[0];

	/* 32 bytes of interrupt redirection come before the map. */
	tss->iomap = offsetof(struct tss, bitmap) + 32;
	memset(tss->bitmap, 0xff, sizeof(tss->bitmap));
	if (open)
		tss->bitmap[32 + 0x80 / 8] = 0xfe;
}

static void test_cases(void)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct v86_case *c = &cases[i];

		v86_run(c->code, c->size, FL_IOPL(c->iopl), &t);
		check_trap(&t, c->vector, c->error, "v86: %s", c->name);
		check_eq(t.ip, c->ip, "v86: %s, IP", c->name);
	}
}

static void test_frame(void)
{
	struct trap t;

	v86_run("\xb8\x34\x12\xcd\x46", 5, FL_IOPL(3), &t);
	check_eq(t.flags & FL_VM, FL_VM, "v86 frame: VM");
	check_eq(t.cs & 0xffff, SEG, "v86 frame: CS");
	check_eq(t.ss & 0xffff, SEG, "v86 frame: SS");
	check_eq(t.sp & 0xffff, STACK, "v86 frame: SP");
	check_eq(t.regs.v86_es & 0xffff, 0x1111, "v86 frame: ES");
	check_eq(t.regs.v86_ds & 0xffff, SEG, "v86 frame: DS");
	check_eq(t.regs.v86_fs & 0xffff, 0x2222, "v86 frame: FS");
	check_eq(t.regs.v86_gs & 0xffff, 0x3333, "v86 frame: GS");
	check_eq(t.regs.ds & 0xffff, 0, "v86 frame: handler's DS is null");
	check_eq(t.regs.gs & 0xffff, 0, "v86 frame: handler's GS is null");
	check_eq(t.regs.ax & 0xffff, 0x1234, "v86 frame: AX");
	/* A handler that is not of ring 0 is refused. */
	idt[0x46].sel = SEL_UCODE & ~3;
	v86_run("\xcd\x46", 2, FL_IOPL(3), &t);
	idt[0x46].sel = SEL_KCODE;
	check_trap(&t, VEC_GP, SEL_UCODE & ~3, "v86: handler of DPL 3");
}

/* The addresses really are segment * 16. */
static void test_addresses(void)
{
	struct trap t;

	/* mov $0x9000,%ax; mov %ax,%es; movw $0xbeef,%es:0x10 */
	*(volatile uint16_t *)mem_at(0x90010) = 0;
	v86_run("\xb8\x00\x90\x8e\xc0\x26\xc7\x06\x10\x00\xef\xbe", 12,
		FL_IOPL(3), &t);
	check_eq(*(volatile uint16_t *)mem_at(0x90010), 0xbeef,
		 "v86: segment times 16");
	/* push; sp wraps within its 64K: ss=0x900 keeps it in our memory. */
	v86_run("\x31\xe4\x50", 3, FL_IOPL(3), &t);
	check_eq(t.sp & 0xffff, 0xfffe, "v86: SP wraps");
	/* FFFF:0010 is 1 MiB, no wrap with A20 on. */
	v86_run("\xb8\xff\xff\x8e\xd8\xa1\x10\x00", 8, FL_IOPL(3), &t);
	check_eq(t.regs.ax & 0xffff, *(volatile uint16_t *)0x100000,
		 "v86: above 1 MiB");
}

static void test_vme(void)
{
	struct tss *tss = &cpu_tss[0];
	volatile uint16_t *ivt = mem_at(0);
	uint16_t old[2] = {ivt[0x46 * 2], ivt[0x46 * 2 + 1]};
	const uint16_t *stack = (const uint16_t *)(CODE + STACK - 6);
	struct trap t;

	if (!(cpuid(1, 0).d >> 1 & 1)) {
		skip("no VME", "vme");
		return;
	}
	write_cr4(read_cr4() | CR4_VME);
	ivt[0x46 * 2] = 0x80;
	ivt[0x46 * 2 + 1] = SEG;
	tss->bitmap[0x46 / 8] &= ~(1 << (0x46 % 8));
	v86_run("\xcd\x46", 2, FL_IOPL(3) | FL_IF, &t);
	check_trap(&t, VEC_GP, 0, "vme: int n by the 8086 vector, IOPL 3");
	check_eq(t.ip, 0x80, "vme: int n, IP");
	check_eq(t.flags & FL_IF, 0, "vme: int n clears IF");
	check_eq(stack[0], 2, "vme: int n, pushed IP");
	check_eq(stack[1], SEG, "vme: int n, pushed CS");
	check_eq(stack[2] & 0x3200, 0x3200, "vme: int n, pushed flags");
	v86_run("\xcd\x46", 2, FL_IF | FL_VIF, &t);
	check_eq(t.ip, 0x80, "vme: int n by the 8086 vector, IOPL 0");
	check_eq(t.flags & (FL_IF | FL_VIF), FL_IF, "vme: clears VIF, not IF");
	check_eq(stack[2] & 0x3200, 0x3200,
		 "vme: pushed flags show VIF and IOPL 3");
	tss->bitmap[0x46 / 8] |= 1 << (0x46 % 8);
	v86_run("\xcd\x46", 2, FL_IOPL(3), &t);
	check_trap(&t, 0x46, 0, "vme: redirection bit 1, IOPL 3");
	v86_run("\xcd\x46", 2, 0, &t);
	check_trap(&t, VEC_GP, 0, "vme: redirection bit 1, IOPL 0");
	check_eq(t.ip, 0, "vme: redirection bit 1, IOPL 0, IP");

	v86_run("\xfb", 1, 0, &t);
	check_eq(t.ip, 1, "vme: sti with IOPL 0");
	check_eq(t.flags & (FL_IF | FL_VIF), FL_VIF, "vme: sti sets VIF");
	v86_run("\xfa", 1, FL_VIF, &t);
	check_eq(t.flags & FL_VIF, 0, "vme: cli clears VIF");
	v86_run("\xfb", 1, FL_VIP, &t);
	check_eq(t.ip, 0, "vme: sti with VIP faults");
	v86_run("\x9c\x58", 2, FL_VIF, &t);
	check_eq(t.ip, 2, "vme: pushf with IOPL 0");
	check_eq(t.regs.ax & 0x3200, 0x3200, "vme: pushf shows VIF as IF");
	v86_run("\x68\x02\x02\x9d", 4, 0, &t);
	check_eq(t.ip, 4, "vme: popf with IOPL 0");
	check_eq(t.flags & (FL_IF | FL_VIF), FL_VIF, "vme: popf sets VIF");
	v86_run("\x66\x9c", 2, 0, &t);
	check_eq(t.ip, 0, "vme: pushfd with IOPL 0 faults");
	write_cr4(read_cr4() & ~CR4_VME);
	ivt[0x46 * 2] = old[0];
	ivt[0x46 * 2 + 1] = old[1];
}

void test_v86(void)
{
	idt_set_dpl(0x46, 3);
	idt_set_dpl(VEC_BP, 3);
	io_map(true);
	test_cases();
	test_frame();
	test_addresses();
	test_vme();
}
