/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far transfers: direct, through call gates to the same and to inner rings
 * with parameters, back to outer rings; 16-bit code and stacks; ENTER.
 */
#include "segmentation.h"

#define OK TRAP_NONE

/* EAX: struct far_ptr. */
ASM_FN(far_jmp, "movl $1f, (%eax); ljmp *(%eax); 1: ljmp $8, $2f; 2: nop");
ASM_FN(far_jmp_as_is, "ljmp *(%eax)");
ASM_FN(far_call_as_is, "lcall *(%eax)");
ASM_FN(far_ret_to, "push 4(%eax); push $1f; lret; 1: ljmp $8, $2f; 2: nop");
USER_ASM_FN(u_far_jmp, "ljmp *(%eax)");
USER_ASM_FN(u_far_call, "lcall *(%eax)");
USER_ASM_FN(u_conf, "ljmp *(%eax)");

static USER_DATA struct far_ptr target;

/* table */
static const struct {
	const char *name;
	test_fn fn;
	bool user;
	uint8_t access;
	uint16_t selector;
	int vector;
	ulong error;
} direct[] = {
	{"jmp, code", far_jmp, false, A_CODE, SLOT1, OK, 0},
	{"jmp, RPL 3", far_jmp, false, A_CODE, SLOT1 | 3, VEC_GP, SLOT1},
	{"jmp, DPL 3", far_jmp, false, A_CODE | A_DPL(3), SLOT1, VEC_GP, SLOT1},
	{"jmp, conforming", far_jmp, false, A_CONF, SLOT1, OK, 0},
	{"jmp, conforming RPL 3", far_jmp, false, A_CONF, SLOT1 | 3, OK, 0},
	{"jmp, conforming DPL 3", far_jmp, false, A_CONF | A_DPL(3), SLOT1,
	 VEC_GP, SLOT1},
	{"jmp, data", far_jmp, false, A_DATA, SLOT1, VEC_GP, SLOT1},
	{"jmp, absent", far_jmp, false, A_CODE & ~A_P, SLOT1, VEC_NP, SLOT1},
	{"jmp, null", far_jmp, false, A_CODE, 0, VEC_GP, 0},
	{"jmp, LDT descriptor", far_jmp, false, A_LDT, SLOT1, VEC_GP, SLOT1},
	{"jmp, beyond the GDT", far_jmp, false, A_CODE, 0x1000, VEC_GP, 0x1000},
	{"ret, code", far_ret_to, false, A_CODE, SLOT1, OK, 0},
	{"ret, data", far_ret_to, false, A_DATA, SLOT1, VEC_GP, SLOT1},
	{"ret, absent", far_ret_to, false, A_CODE & ~A_P, SLOT1, VEC_NP, SLOT1},
	{"ret, null", far_ret_to, false, A_CODE, 0, VEC_GP, 0},
	{"CPL 3 jmp, DPL 0", u_far_jmp, true, A_CODE, SLOT1 | 3, VEC_GP, SLOT1},
	{"CPL 3 call, DPL 0", u_far_call, true, A_CODE, SLOT1 | 3, VEC_GP,
	 SLOT1},
};

asm(".text; user_conf: mov %cs, %eax; int $0xe0");
extern char user_conf[];

static void test_direct(void)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(direct); i++) {
		put(SLOT1, 0, 0xfffff, direct[i].access, F_BIG | F_PAGES);
		target.offset = (ulong)user_conf;
		target.selector = direct[i].selector;
		if (direct[i].user)
			user_run(direct[i].fn, &target, &t);
		else
			catch_run(direct[i].fn, &target, &t);
		check_trap(&t, direct[i].vector, direct[i].error, "far: %s",
			   direct[i].name);
	}
	/* Conforming code runs at the caller's CPL. */
	put(SLOT1, 0, 0xfffff, A_CONF, F_BIG | F_PAGES);
	target.offset = (ulong)user_conf;
	target.selector = SLOT1;
	user_run(u_conf, &target, &t);
	check_trap(&t, OK, 0, "far: CPL 3 jmp, conforming of DPL 0");
	check_eq(t.regs.ax & 0xffff, SLOT1 | 3,
		 "far: conforming code keeps CPL 3");
	put(SLOT1, 0, 0xfff, A_CODE, F_BIG);
	target.offset = 0x1000;
	target.selector = SLOT1;
	catch_run(far_jmp_as_is, &target, &t);
	check_trap(&t, VEC_GP, 0, "far: target beyond the limit");
	check(t.ip != 0x1000, "far: and the fault is the jump's");
}

/* --- call gates
 * ---------------------------------------------------------------------- */

/*
 * What the code behind a gate finds, in seen_: CS, SS, ESP, six words of its
 * stack; the last one counts.
 */
#define GATE_BODY                                                              \
	"push %eax; push %ecx; mov %cs, %eax; mov %ax, %ss:seen_;"             \
	"mov %ss, %eax; mov %ax, %ss:seen_+4; lea 8(%esp), %eax;"              \
	"mov %eax, %ss:seen_+8;"                                               \
	"mov 8(%esp), %ecx; mov %ecx, %ss:seen_+12;"                           \
	"mov 12(%esp), %ecx; mov %ecx, %ss:seen_+16;"                          \
	"mov 16(%esp), %ecx; mov %ecx, %ss:seen_+20;"                          \
	"mov 20(%esp), %ecx; mov %ecx, %ss:seen_+24;"                          \
	"mov 24(%esp), %ecx; mov %ecx, %ss:seen_+28;"                          \
	"mov 28(%esp), %ecx; mov %ecx, %ss:seen_+32;"                          \
	"incl %ss:seen_+52; pop %ecx; pop %eax;"

asm(".text; gate_0: " GATE_BODY "lret;"
    "gate_2: " GATE_BODY "lret $8;"
    "gate_keep: mov $0x10, %eax; mov %eax, %fs; mov %eax, %gs; lret;"
    ".pushsection .user.data, \"aw\"; .balign 8; .globl seen_;"
    "seen_: .skip 64; .popsection");
extern char gate_0[], gate_2[], gate_keep[];
extern uint32_t seen_[16];

USER_ASM_FN(u_call_gate, "mov %esp, %esi; push $0x2222; push $0x1111;"
			 "lcall *(%eax); u_after: cmp %esp, %esi; je 1f; ud2;"
			 "1: mov %ss, %ecx; cmp $0x23, %cx; je 2f; ud2;"
			 "2: mov %cs, %ecx; cmp $0x1b, %cx; je 3f; ud2;"
			 "3: nop");
extern char u_after[];
USER_ASM_FN(u_call_gate0, "mov %esp, %esi; lcall *(%eax); cmp %esp, %esi;"
			  "je 1f; ud2; 1: nop");
ASM_FN(k_call_gate, "mov %esp, %esi; push $0x2222; push $0x1111;"
		    "lcall *(%eax); cmp %esp, %esi; je 1f; ud2; 1: nop");
USER_ASM_FN(u_nulled, "lcall *(%eax); mov %fs, %ecx; mov %gs, %edx;"
		      "or %edx, %ecx; test %cx, %cx; jz 1f; ud2;"
		      "1: mov %ds, %ecx; cmp $0x23, %cx; je 2f; ud2; 2: nop");

static void gate_user(test_fn fn, struct trap *t)
{
	memset(seen_, 0, sizeof(seen_));
	target.offset = 0xdeadbeef;
	target.selector = SLOT1 | 3;
	user_run(fn, &target, t);
}

static void test_inner_gate(void)
{
	struct tss *tss = &cpu_tss[0];
	struct trap t;

	/* Ring 3 to ring 0, two parameters. */
	put_gate(SLOT1, A_CALL | A_DPL(3), SEL_KCODE, (ulong)gate_2, 2);
	gate_user(u_call_gate, &t);
	check_trap(&t, OK, 0, "gate: inner ring and back");
	check_eq(seen_[13], 1, "gate: was called");
	check_eq(seen_[0] & 0xffff, SEL_KCODE, "gate: CS of ring 0");
	check_eq(seen_[1] & 0xffff, SEL_KDATA, "gate: SS of the TSS");
	check_eq(seen_[2], tss->esp0 - 24, "gate: ESP of the TSS");
	check_eq(seen_[3], (ulong)u_after, "gate: return EIP");
	check_eq(seen_[4] & 0xffff, SEL_UCODE, "gate: return CS");
	check_eq(seen_[5], 0x1111, "gate: first parameter");
	check_eq(seen_[6], 0x2222, "gate: second parameter");
	check_eq(seen_[8] & 0xffff, SEL_UDATA, "gate: outer SS");

	/* To ring 1, with its own stack. */
	put(SLOT2, 0, 0xfffff, A_CODE | A_DPL(1), F_BIG | F_PAGES);
	put(SLOT3, 0, 0xfffff, A_DATA | A_DPL(1), F_BIG | F_PAGES);
	tss->ss1 = SLOT3 | 1;
	tss->esp1 = (ulong)page_alloc() + 2048;
	put_gate(SLOT1, A_CALL | A_DPL(3), SLOT2, (ulong)gate_2, 2);
	gate_user(u_call_gate, &t);
	check_trap(&t, OK, 0, "gate: to ring 1");
	check_eq(seen_[0] & 0xffff, SLOT2 | 1, "gate: ring 1, CS");
	check_eq(seen_[1] & 0xffff, SLOT3 | 1, "gate: ring 1, SS");
	check_eq(seen_[2], tss->esp1 - 24, "gate: ring 1, ESP");

	/* A conforming target keeps the ring and the stack. */
	put(SLOT2, 0, 0xfffff, A_CONF, F_BIG | F_PAGES);
	put_gate(SLOT1, A_CALL | A_DPL(3), SLOT2, (ulong)gate_2, 2);
	gate_user(u_call_gate, &t);
	check_trap(&t, OK, 0, "gate: conforming target");
	check_eq(seen_[0] & 0xffff, SLOT2 | 3, "gate: conforming, CS");
	check_eq(seen_[1] & 0xffff, SEL_UDATA, "gate: conforming, SS");

	/* Kernel to kernel: parameters are where they were. */
	put_gate(SLOT1, A_CALL, SEL_KCODE, (ulong)gate_2, 2);
	target.selector = SLOT1;
	memset(seen_, 0, sizeof(seen_));
	catch_run(k_call_gate, &target, &t);
	check_trap(&t, OK, 0, "gate: same ring");
	check_eq(seen_[5], 0x1111, "gate: same ring, parameter");

	/* Segments that the outer ring may not have become null. */
	put_gate(SLOT1, A_CALL | A_DPL(3), SEL_KCODE, (ulong)gate_keep, 0);
	gate_user(u_nulled, &t);
	check_trap(&t, OK, 0, "gate: inner segments are nulled on return");
}

static void test_gate_errors(void)
{
	static const struct {
		const char *name;
		uint8_t access;
		uint16_t selector; /* of the code */
		test_fn fn;
		int vector;
		ulong error;
	} cases[] = {
		{"DPL 0", A_CALL, SEL_KCODE, u_call_gate0, VEC_GP, SLOT1},
		{"absent", (A_CALL | A_DPL(3)) & ~A_P, SEL_KCODE, u_call_gate0,
		 VEC_NP, SLOT1},
		{"null code", A_CALL | A_DPL(3), 0, u_call_gate0, VEC_GP, 0},
		{"data", A_CALL | A_DPL(3), SEL_KDATA, u_call_gate0, VEC_GP,
		 SEL_KDATA},
		{"absent code", A_CALL | A_DPL(3), SLOT2, u_call_gate0, VEC_NP,
		 SLOT2},
		{"beyond the GDT", A_CALL | A_DPL(3), 0x1000, u_call_gate0,
		 VEC_GP, 0x1000},
		{"jmp to an inner ring", A_CALL | A_DPL(3), SEL_KCODE,
		 u_far_jmp, VEC_GP, SEL_KCODE},
		{"interrupt gate", 0x8e | A_DPL(3), SEL_KCODE, u_call_gate0,
		 VEC_GP, SLOT1},
	};
	struct tss *tss = &cpu_tss[0];
	uint32_t ss1;
	struct trap t;
	unsigned int i;

	put(SLOT2, 0, 0xfffff, A_CODE & ~A_P, F_BIG | F_PAGES);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		put_gate(SLOT1, cases[i].access, cases[i].selector,
			 (ulong)gate_0, 0);
		gate_user(cases[i].fn, &t);
		check_trap(&t, cases[i].vector, cases[i].error, "gate: %s",
			   cases[i].name);
	}
	/* The stack of the inner ring is checked too, with #TS. */
	put(SLOT2, 0, 0xfffff, A_CODE | A_DPL(1), F_BIG | F_PAGES);
	put_gate(SLOT1, A_CALL | A_DPL(3), SLOT2, (ulong)gate_0, 0);
	ss1 = tss->ss1;
	tss->ss1 = 0;
	gate_user(u_call_gate0, &t);
	check_trap(&t, VEC_TS, 0, "gate: inner SS null");
	tss->ss1 = SEL_KDATA | 1;
	gate_user(u_call_gate0, &t);
	check_trap(&t, VEC_TS, SEL_KDATA, "gate: inner SS of a wrong DPL");
	tss->ss1 = 0x1001;
	gate_user(u_call_gate0, &t);
	check_trap(&t, VEC_TS, 0x1000, "gate: inner SS beyond the GDT");
	put(SLOT3, 0, 0xfffff, (A_DATA | A_DPL(1)) & ~A_P, F_BIG | F_PAGES);
	tss->ss1 = SLOT3 | 1;
	gate_user(u_call_gate0, &t);
	check_trap(&t, VEC_SS, SLOT3, "gate: inner SS absent");
	tss->ss1 = ss1;
}

/* A 16-bit gate pushes words. */
asm(".text; gate16: mov (%esp), %ecx; mov %ecx, %ss:seen_;"
    "mov 4(%esp), %ecx; mov %ecx, %ss:seen_+4; .byte 0x66; lret");
extern char gate16[];

static void test_gate16(void)
{
	uint8_t *low = mem_at(0x9000);
	struct trap t;

	/* The offset of a 16-bit gate is 16 bits; code and user code low. */
	memcpy(low, gate16, 64);
	/* mov %esp,%esi; lcall *(%eax); int $0xe0 */
	memcpy(low + 0x100, "\x89\xe6\xff\x18\xcd\xe0", 6);
	put_gate(SLOT1, A_CALL16 | A_DPL(3), SEL_KCODE, 0x9000, 0);
	memset(seen_, 0, sizeof(seen_));
	target.selector = SLOT1 | 3;
	user_run((test_fn)(low + 0x100), &target, &t);
	check_trap(&t, OK, 0, "gate: 16-bit and back");
	check_eq(seen_[0], (uint32_t)SEL_UCODE << 16 | 0x9104,
		 "gate: 16-bit return address");
	check_eq(seen_[1] >> 16, SEL_UDATA, "gate: 16-bit outer SS");
}

/* Interrupts from ring 3 through a conforming handler; bad SS0. */
USER_ASM_FN(u_int, "int $0x44");

static void test_interrupts(void)
{
	struct tss *tss = &cpu_tss[0];
	struct gate old = idt[0x44];
	struct trap t;

	idt_set_dpl(0x44, 3);
	user_run(u_int, NULL, &t);
	check_trap(&t, 0x44, 0, "int: to ring 0");
	check_eq(t.ss & 0xffff, SEL_UDATA, "int: outer SS");
	check_eq(t.cs & 0xffff, SEL_UCODE, "int: outer CS");
	/* #TS cannot be delivered with that SS0 either: to ring 1. */
	put(SLOT2, 0, 0xfffff, A_CODE | A_DPL(1), F_BIG | F_PAGES);
	idt[0x44].sel = SLOT2;
	tss->ss1 = SEL_KDATA | 1;
	user_run(u_int, NULL, &t);
	check_trap(&t, VEC_TS, SEL_KDATA, "int: inner SS of a wrong DPL");
	idt[0x44] = old;
	idt[0x44].type = 0x86 | A_DPL(3);
	idt[0x44].off0 = 0x9200;
	idt[0x44].off1 = 0;
	/* 16-bit gate: pop the words and report. int 0xe1 */
	memcpy(mem_at(0x9200), "\x8b\x04\x24\xcd\xe1", 5);
	user_run(u_int, NULL, &t);
	check_trap(&t, 0xe1, 0, "int: 16-bit gate");
	check_eq(t.regs.ax >> 16, SEL_UCODE, "int: 16-bit gate pushes words");
	idt[0x44] = old;
}

void test_transfers(void)
{
	test_direct();
	test_inner_gate();
	test_gate_errors();
	test_gate16();
	test_interrupts();
}

/* --- stacks
 * ---------------------------------------------------------------------------------
 */

static uint8_t *area;

/*
 * At CPL 3, so that exceptions have another stack. EAX: ESP to use in
 * segment SLOT1.
 */
#define ON_STACK(name, text)                                                   \
	USER_ASM_FN(name,                                                      \
		    "push %ebx; push %ebp; mov %esp, %ebx; mov %ss, %ecx;"     \
		    "mov $0x43, %edx; mov %edx, %ss; mov %eax, %esp;" text     \
		    "; mov %esp, %edx; mov %ecx, %ss; mov %ebx, %esp;"         \
		    "mov %edx, stack_result; pop %ebp; pop %ebx")

uint32_t stack_result;
ON_STACK(s_push, "push $0x12345678");
ON_STACK(s_pushw, "pushw $0x1234");
ON_STACK(s_pop, "pop %edx");
ON_STACK(s_pusha, "pusha");
ON_STACK(s_call, "call 1f; 1: nop");
ON_STACK(s_enter, "mov %esp, %ebp; enter $0x10, $0");
ON_STACK(s_leave, "mov $0x00ee0100, %ebp; leave");
ON_STACK(s_add, "add $8, %esp");

static void test_limits(void)
{
	struct trap t;

	area = page_alloc_aligned(0x20000, 0x10000);
	/* 32-bit stack of one page. */
	put(SLOT1, (ulong)area, 0xfff, A_DATA | A_DPL(3), F_BIG);
	user_run(s_push, (void *)0x1000, &t);
	check_trap(&t, OK, 0, "stack: push up to the limit");
	check_eq(*(uint32_t *)(area + 0xffc), 0x12345678, "stack: push stores");
	user_run(s_push, (void *)0x1004, &t);
	check_trap(&t, VEC_SS, 0, "stack: push over the limit");
	user_run(s_push, (void *)0x1001, &t);
	check_trap(&t, VEC_SS, 0, "stack: push across the limit");
	user_run(s_pop, (void *)0xffc, &t);
	check_trap(&t, OK, 0, "stack: pop up to the limit");
	user_run(s_pop, (void *)0xffd, &t);
	check_trap(&t, VEC_SS, 0, "stack: pop across the limit");
	user_run(s_call, (void *)0x2000, &t);
	check_trap(&t, VEC_SS, 0, "stack: call over the limit");

	/* Expand-down stack. */
	put(SLOT1, (ulong)area, 0xfff, A_DOWN | A_DPL(3), F_BIG);
	user_run(s_push, (void *)0x1004, &t);
	check_trap(&t, OK, 0, "stack: expand-down, above the limit");
	user_run(s_push, (void *)0x1003, &t);
	check_trap(&t, VEC_SS, 0, "stack: expand-down, across the limit");
}

static void test_small(void)
{
	struct trap t;

	/* B=0: SP only, the rest of ESP stays. */
	put(SLOT1, (ulong)area, 0xffff, A_DATA | A_DPL(3), 0);
	user_run(s_push, (void *)0x00ee2000, &t);
	check_trap(&t, OK, 0, "stack: 16-bit push");
	check_eq(stack_result, 0x00ee1ffc, "stack: 16-bit push, ESP");
	check_eq(*(uint32_t *)(area + 0x1ffc), 0x12345678,
		 "stack: 16-bit push stores");
	user_run(s_push, (void *)0x00ee0000, &t);
	check_trap(&t, OK, 0, "stack: 16-bit push wraps");
	check_eq(stack_result, 0x00eefffc, "stack: 16-bit push wraps, ESP");
	user_run(s_pushw, (void *)0x00ee0000, &t);
	check_eq(stack_result, 0x00eefffe, "stack: 16-bit push of a word");
	user_run(s_push, (void *)0x00ee0002, &t);
	check_trap(&t, VEC_SS, 0, "stack: 16-bit push, operand across 64K");
	user_run(s_pop, (void *)0x00eefffc, &t);
	check_eq(stack_result, 0x00ee0000, "stack: 16-bit pop wraps");
	user_run(s_call, (void *)0x00ee1000, &t);
	check_eq(stack_result, 0x00ee0ffc, "stack: 16-bit call");
	user_run(s_pusha, (void *)0x00ee1000, &t);
	check_eq(stack_result, 0x00ee0fe0, "stack: 16-bit pusha");
	user_run(s_enter, (void *)0x00ee1000, &t);
	check_eq(stack_result, 0x00ee0fec, "stack: 16-bit enter");
	user_run(s_leave, (void *)0x00ff1000, &t);
	check_eq(stack_result, 0x00ff0104, "stack: 16-bit leave takes BP");
	user_run(s_add, (void *)0x0000fffc, &t);
	check_eq(stack_result, 0x00010004, "stack: add is no stack operation");
}

/* ENTER with levels copies the display. */
asm(".text; .globl enter_3; enter_3: push %ebp; push %ebx; mov %esp, %ebx;"
    "mov 12(%esp), %eax; mov %eax, %esp; lea 64(%eax), %ebp;"
    "enter $16, $3; mov %esp, %eax; mov %ebp, %edx; mov %ebx, %esp;"
    "pop %ebx; pop %ebp; ret");
uint64_t enter_3(uint32_t *sp);

static void test_enter(void)
{
	uint32_t *top = (uint32_t *)(area + 0x1000), *bp = top + 16;
	uint64_t r;

	bp[-1] = 0xaaaa;
	bp[-2] = 0xbbbb;
	bp[-3] = 0xcccc;
	r = enter_3(top);
	check_eq(top[-1], (ulong)bp, "enter: old EBP");
	check_eq(top[-2], 0xaaaa, "enter: first of the display");
	check_eq(top[-3], 0xbbbb, "enter: second of the display");
	check_eq(top[-4], (ulong)&top[-1], "enter: own frame");
	check_eq(r >> 32, (ulong)&top[-1], "enter: EBP");
	check_eq((uint32_t)r, (ulong)&top[-4] - 16, "enter: ESP");
}

/* 16-bit code: operands and addresses are 16 bits, IP wraps. */
static void test_code16(void)
{
	static const uint8_t code[] = {
		0xb8, 0x34, 0x12,                   /* mov $0x1234, %ax */
		0x50,                               /* push %ax */
		0x66, 0xbb, 0x78, 0x56, 0x34, 0x12, /* mov $.., %ebx */
		0x5a,                               /* pop %dx */
		0xe8, 0x02, 0x00,                   /* call +2 */
		0xeb, 0x01,                         /* jmp over ret */
		0xc3,                               /* ret */
		0x66, 0xcb,                         /* lretl */
	};
	uint32_t eax = 0xeeeeeeee, ebx = 0, edx = 0;
	struct far_ptr p = {0x100, SLOT2};

	memcpy(area + 0x100, code, sizeof(code));
	put(SLOT2, (ulong)area, 0xffff, A_CODE, 0);
	asm volatile("lcall *(%3)"
		     : "+a"(eax), "+b"(ebx), "+d"(edx)
		     : "c"(&p)
		     : "memory");
	check_eq(eax, 0xeeee1234, "code16: operands are words");
	check_eq(ebx, 0x12345678, "code16: prefix makes them dwords");
	check_eq(edx & 0xffff, 0x1234, "code16: stack of words");
}

void test_stacks(void)
{
	test_limits();
	test_small();
	test_enter();
	test_code16();
}
