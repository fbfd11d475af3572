/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug exceptions: single step, breakpoints on code, data and ports, the
 * bits of DR6 and DR7, and what MOV SS and STI hold back.
 * Facts: SDM volume 3 chapter 17, section 6.8.3.
 */
#include "exceptions.h"

#define DR6_ZERO 0xffff0ff0UL
#define DR6_BS   0x4000UL
#define DR6_BD   0x2000UL
#define DR7_ONE  0x400UL
#define DR7_GD   0x2000UL

/* Enable breakpoint @n locally with type (0 x, 1 w, 2 io, 3 rw) and size. */
#define DR7_BP(n, type, len)                                                   \
	(1UL << (2 * (n)) | (ulong)(type) << (16 + 4 * (n)) |                  \
	 (ulong)(len) << (18 + 4 * (n)))
#define LEN1 0
#define LEN2 1
#define LEN4 3
#define LEN8 2

#define STEPS 24

static struct {
	ulong ip, dr6, flags;
} step[STEPS];
static unsigned int steps;
static bool set_rf = true;

static bool on_debug(struct frame *f)
{
	if (steps < STEPS) {
		step[steps].ip = f->ip;
		step[steps].dr6 = read_dr6();
		step[steps].flags = f->flags;
	}
	steps++;
	write_dr6(DR6_ZERO);
	if (set_rf)
		f->flags |= FL_RF;
	if (steps >= STEPS) {
		f->flags &= ~FL_TF;
		write_dr7(DR7_ONE);
	}
	return true;
}

static bool ignore(struct frame *f)
{
	return true;
}

/* Run with the hook in place, no steps before. */
static void run(test_fn fn, void *arg, struct trap *t)
{
	steps = 0;
	memset(step, 0, sizeof(step));
	write_dr6(DR6_ZERO);
	trap_set_hook(VEC_DB, on_debug);
	catch_run(fn, arg, t);
	trap_set_hook(VEC_DB, NULL);
	write_dr7(DR7_ONE);
}

#define TF_ON  "pushf; orq $0x100, (%rsp); popf;"
#define TF_OFF "pushf; andq $~0x100, (%rsp); popf;"

/* The places are global labels behind each stepped instruction. */
ASM_FN(step_plain, TF_ON "nop; step_1: nop; step_2: pushf; step_3:"
			 "andq $~0x100, (%rsp); step_4: popf; step_5: nop");
ASM_FN(step_int,
       TF_ON "nop; step_i1: int $0x42; step_i2: nop; step_i3:" TF_OFF "nop");
ASM_FN(step_rep, "mov $3, %ecx; lea -64(%rsp), %rdi;" TF_ON
		 "step_r0: rep stosb; step_r1:" TF_OFF "nop");
ASM_FN(step_ss, "mov %ss, %eax;" TF_ON "nop; step_s1: mov %eax, %ss;"
		"step_s2: nop; step_s3:" TF_OFF "nop");
ASM_FN(step_jump, TF_ON "jmp 1f; step_j0: nop; 1: step_j1:" TF_OFF "nop");
ASM_FN(step_pushed, TF_ON "pushf; pop %rax; nop;" TF_OFF
			  "test $0x100, %eax; jnz 1f; ud2; 1: nop");
ASM_FN(step_iret, "mov %rsp, %rdx; push $0x18; push %rdx; pushf;"
		  "orq $0x100, (%rsp); push $0x10; lea 1f(%rip), %rax;"
		  "push %rax; iretq; 1: step_t0: nop; step_t1:" TF_OFF "nop");
extern char step_1[], step_2[], step_3[], step_4[], step_5[];
extern char step_i1[], step_i2[], step_i3[], step_r0[], step_r1[];
extern char step_s1[], step_s2[], step_s3[], step_j1[], step_t0[], step_t1[];

static void check_steps(const char *name, const char *const *want,
			unsigned int n)
{
	unsigned int i;
	bool good = steps >= n;

	for (i = 0; i < n && i < STEPS && good; i++)
		if (step[i].ip != (ulong)want[i])
			good = false;
	if (!good)
		detail("%u traps, first at 0x%lx 0x%lx 0x%lx 0x%lx, want 0x%lx",
		       steps, step[0].ip, step[1].ip, step[2].ip, step[3].ip,
		       (ulong)want[0]);
	check(good, "step: %s", name);
}

static void test_single_step(void)
{
	const char *const plain[] = {step_1, step_2, step_3, step_4, step_5};
	const char *const over_int[] = {step_i1, step_i3};
	const char *const rep[] = {step_r0, step_r0, step_r1};
	const char *const ss[] = {step_s1, step_s3};
	const char *const jump[] = {step_j1};
	const char *const iret[] = {step_t1};
	struct trap t;

	run(step_plain, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "step: plain code comes through");
	check_steps("one trap after each instruction", plain, 5);
	check_eq(steps, 5, "step: the popf that ends it traps, no more after");
	check_eq(step[0].dr6, DR6_ZERO | DR6_BS, "step: DR6");
	check_eq(step[0].flags & FL_TF, FL_TF, "step: saved TF");
	check_eq(step[0].flags & FL_RF, 0, "step: saved RF");
	trap_set_hook(0x42, ignore);
	run(step_int, NULL, &t);
	check_steps("int n is not stopped in, nor right after", over_int, 2);
	run(step_rep, NULL, &t);
	check_steps("rep traps after each element", rep, 3);
	run(step_ss, NULL, &t);
	check_steps("none after mov ss", ss, 2);
	run(step_jump, NULL, &t);
	check_steps("at the target of a jump", jump, 1);
	run(step_pushed, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "step: pushf shows TF");
	run(step_iret, NULL, &t);
	check_steps("iret that sets TF", iret, 1);
	trap_set_hook(0x42, NULL);
}

/* --- breakpoints -----------------------------------------------------------
 */

ASM_FN(bp_code, "nop; bp_1: nop; bp_2: nop");
extern char bp_1[], bp_2[];
ASM_FN(bp_store, "mov %edi, bp_data(%rip); bp_st1: nop");
ASM_FN(bp_load, "mov bp_data(%rip), %eax; bp_ld1: nop");
ASM_FN(bp_store_near, "movb $1, bp_data+3(%rip); nop");
ASM_FN(bp_store_past, "movb $1, bp_data+4(%rip); nop");
ASM_FN(bp_store_before, "movl $1, bp_data-2(%rip); nop");
ASM_FN(bp_rmw, "lock incl bp_data(%rip); bp_rmw1: nop");
ASM_FN(bp_push, "mov %rsp, %rax; lea bp_data+8(%rip), %rsp; push %rcx;"
		"mov %rax, %rsp");
ASM_FN(bp_rep, "lea bp_data-8(%rip), %rdi; mov $16, %ecx; xor %eax, %eax;"
	       "bp_rep0: rep stosb; bp_rep1: nop");
ASM_FN(bp_io, "mov $0x80, %edx; in %dx, %al; bp_io1: nop");
ASM_FN(bp_io_near, "mov $0x81, %edx; in %dx, %al; nop");
ASM_FN(bp_ss, "mov %ss, bp_data(%rip); push bp_data(%rip); nop; pop %rax;"
	      "mov bp_data(%rip), %ss; bp_ss1: nop; bp_ss2: nop");
ASM_FN(bp_ss_load, "mov bp_data(%rip), %ss; bp_sl1: nop; bp_sl2: nop");
ASM_FN(read_dr, "mov %dr0, %rax; gd_1: nop");
extern char bp_st1[], bp_ld1[], bp_rmw1[], bp_rep0[], bp_rep1[], bp_io1[];
extern char bp_sl2[], gd_1[];
/* The room below is the stack of what bp_push raises. */
asm(".data; .balign 64; .skip 2048; .globl bp_data; bp_data: .skip 48; .text");
extern uint8_t bp_data[];

static void breakpoint(ulong at, ulong dr7, test_fn fn, struct trap *t)
{
	write_dr0(at);
	write_dr7(DR7_ONE | dr7);
	run(fn, NULL, t);
}

static void test_code_breakpoints(void)
{
	struct trap t;

	breakpoint((ulong)bp_1, DR7_BP(0, 0, LEN1), bp_code, &t);
	check_trap(&t, TRAP_NONE, 0, "code breakpoint: RF goes past it");
	check_eq(steps, 1, "code breakpoint: once");
	check_eq(step[0].ip, (ulong)bp_1, "code breakpoint: is a fault");
	check_eq(step[0].dr6, DR6_ZERO | 1, "code breakpoint: DR6");
	check_eq(step[0].flags & FL_RF, 0, "code breakpoint: saved RF");
	set_rf = false;
	breakpoint((ulong)bp_2, DR7_BP(0, 0, LEN1), bp_code, &t);
	set_rf = true;
	check_eq(steps, STEPS, "code breakpoint: comes again without RF");
	breakpoint((ulong)bp_1, 0, bp_code, &t);
	check_eq(steps, 0, "code breakpoint: disabled");
	write_dr1((ulong)bp_1);
	write_dr2((ulong)bp_1);
	breakpoint((ulong)bp_1, 2UL << 4 | 2UL << 2 | 1, bp_code, &t);
	check_eq(steps, 1, "code breakpoint: three at one place, once");
	check_eq(step[0].dr6, DR6_ZERO | 7, "code breakpoint: three, DR6");
	breakpoint((ulong)bp_1 + 1, DR7_BP(0, 0, LEN1), bp_code, &t);
	check_eq(step[0].ip, (ulong)bp_2, "code breakpoint: at the next one");
	/* It comes before a fault of fetching the instruction. */
	breakpoint(0x0000700000000000, DR7_BP(0, 0, LEN1),
		   (test_fn)0x0000700000000000, &t);
	check_eq(steps, 1, "code breakpoint: before the #PF of its fetch");
	check_eq(t.vector, VEC_PF, "code breakpoint: then the #PF");
}

static const struct {
	const char *name;
	test_fn fn;
	ulong dr7;
	unsigned int hits;
	const char *ip; /* of the first */
} data_cases[] = {
	{"store, watch writes", bp_store, DR7_BP(0, 1, LEN4), 1, bp_st1},
	{"load, watch writes", bp_load, DR7_BP(0, 1, LEN4), 0, NULL},
	{"load, watch both", bp_load, DR7_BP(0, 3, LEN4), 1, bp_ld1},
	{"store, watch both", bp_store, DR7_BP(0, 3, LEN4), 1, bp_st1},
	{"last byte", bp_store_near, DR7_BP(0, 1, LEN4), 1, NULL},
	{"byte behind", bp_store_past, DR7_BP(0, 1, LEN4), 0, NULL},
	{"byte behind, length 8", bp_store_past, DR7_BP(0, 1, LEN8), 1, NULL},
	{"overlap from below", bp_store_before, DR7_BP(0, 1, LEN1), 1, NULL},
	{"last byte, length 2", bp_store_near, DR7_BP(0, 1, LEN2), 0, NULL},
	{"locked increment", bp_rmw, DR7_BP(0, 1, LEN4), 1, bp_rmw1},
	{"push", bp_push, DR7_BP(0, 1, LEN8), 1, NULL},
	{"global enable", bp_store, 2UL | 1UL << 16 | 3UL << 18, 1, bp_st1},
};

static void test_data_breakpoints(void)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(data_cases); i++) {
		breakpoint((ulong)bp_data, data_cases[i].dr7, data_cases[i].fn,
			   &t);
		check_eq(steps, data_cases[i].hits, "data breakpoint: %s",
			 data_cases[i].name);
		if (data_cases[i].hits)
			check_eq(step[0].dr6, DR6_ZERO | 1,
				 "data breakpoint: %s, DR6",
				 data_cases[i].name);
		if (data_cases[i].ip)
			check_eq(step[0].ip, (ulong)data_cases[i].ip,
				 "data breakpoint: %s, is a trap",
				 data_cases[i].name);
	}
	breakpoint((ulong)bp_data, DR7_BP(0, 1, LEN1), bp_rep, &t);
	check_eq(steps, 1, "data breakpoint: rep stosb");
	check(step[0].ip == (ulong)bp_rep0 || step[0].ip == (ulong)bp_rep1,
	      "data breakpoint: rep stosb, between elements or behind");
	*(volatile uint32_t *)bp_data = SEL_KDATA;
	breakpoint((ulong)bp_data, DR7_BP(0, 3, LEN2), bp_ss_load, &t);
	check_eq(steps, 1, "data breakpoint: mov ss");
	check_eq(step[0].ip, (ulong)bp_sl2,
		 "data breakpoint: mov ss, held back by one instruction");
	check_eq(step[0].dr6, DR6_ZERO | 1, "data breakpoint: mov ss, DR6");
}

static void put_dr6_high(void *p)
{
	write_dr6(1UL << 32);
}

static void put_dr7_high(void *p)
{
	write_dr7(1UL << 32 | DR7_ONE);
}

static void test_debug_registers(void)
{
	struct trap t;

	write_dr6(0);
	check_eq(read_dr6(), DR6_ZERO, "DR6: fixed bits after 0");
	write_dr6(0xffffffff);
	check_eq(read_dr6() & 0xffff1fff, 0xffff0fff, "DR6: fixed bits");
	write_dr7(0);
	check_eq(read_dr7(), DR7_ONE, "DR7: fixed bits after 0");
	write_dr7(0xffff03ff);
	check_eq(read_dr7(), 0xffff07ff, "DR7: fixed bits");
	write_dr7(DR7_ONE);
	catch_run(put_dr6_high, NULL, &t);
	check_trap(&t, VEC_GP, 0, "DR6: upper half");
	catch_run(put_dr7_high, NULL, &t);
	check_trap(&t, VEC_GP, 0, "DR7: upper half");
	write_dr0(0x123456789abcdef0);
	check_eq(read_dr0(), 0x123456789abcdef0, "DR0: 64 bits");
	write_dr0(0);

	write_dr6(DR6_ZERO);
	write_dr7(DR7_ONE | DR7_GD);
	catch_run(read_dr, NULL, &t);
	check_eq(t.vector, VEC_DB, "DR7.GD: #DB");
	check_eq(t.ip, (ulong)read_dr, "DR7.GD: is a fault");
	check_eq(t.dr6 & DR6_BD, DR6_BD, "DR7.GD: DR6.BD");
	check_eq(read_dr7(), DR7_ONE, "DR7.GD: cleared by the exception");
	write_dr6(DR6_ZERO);
}

ASM_FN(icebp_1, ".byte 0xf1; icebp_2: nop");
extern char icebp_2[];
ASM_FN(bp_and_step, TF_ON "movl $1, bp_data(%rip); bas_1:" TF_OFF "nop");
extern char bas_1[];

static void test_mixed(void)
{
	struct trap t;

	run(icebp_1, NULL, &t);
	check_eq(step[0].ip, (ulong)icebp_2, "icebp: is a trap");
	check_eq(step[0].dr6, DR6_ZERO, "icebp: leaves DR6");
	breakpoint((ulong)bp_data, DR7_BP(0, 1, LEN4), bp_and_step, &t);
	check_eq(step[0].ip, (ulong)bas_1, "step and data: one trap");
	check_eq(step[0].dr6, DR6_ZERO | DR6_BS | 1, "step and data: DR6");

	write_cr4(read_cr4() | CR4_DE);
	breakpoint(0x80, DR7_BP(0, 2, LEN1), bp_io, &t);
	check_eq(steps, 1, "port breakpoint: in");
	check_eq(step[0].ip, (ulong)bp_io1, "port breakpoint: is a trap");
	check_eq(step[0].dr6, DR6_ZERO | 1, "port breakpoint: DR6");
	breakpoint(0x80, DR7_BP(0, 2, LEN1), bp_io_near, &t);
	check_eq(steps, 0, "port breakpoint: the next port");
	breakpoint(0x80, DR7_BP(0, 2, LEN2), bp_io_near, &t);
	check_eq(steps, 1, "port breakpoint: length 2");
	write_cr4(read_cr4() & ~CR4_DE);
}

/* A breakpoint for code at CPL 3, and a step there. */
USER_ASM_FN(u_bp, "nop; u_bp1: nop; nop");
extern char u_bp1[];

static void test_user(void)
{
	struct trap t;

	write_dr6(DR6_ZERO);
	write_dr0((ulong)u_bp1);
	write_dr7(DR7_ONE | DR7_BP(0, 0, LEN1));
	user_run(u_bp, NULL, &t);
	write_dr7(DR7_ONE);
	check_eq(t.vector, VEC_DB, "user: breakpoint");
	check_eq(t.ip, (ulong)u_bp1, "user: breakpoint, RIP");
	write_dr6(DR6_ZERO);
	user_flags = FL_TF;
	user_run(u_bp, NULL, &t);
	user_flags = 0;
	check_eq(t.vector, VEC_DB, "user: step");
	check_eq(t.ip, (ulong)u_bp1, "user: step, RIP");
	check_eq(t.dr6, DR6_ZERO | DR6_BS, "user: step, DR6");
}

void test_debug(void)
{
	test_debug_registers();
	test_single_step();
	test_code_breakpoints();
	test_data_breakpoints();
	test_mixed();
	test_user();
	write_dr6(DR6_ZERO);
}
