/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses over a page boundary: the fault is about the right page, and
 * nothing has been stored or changed when it comes. Then string
 * instructions, which keep the elements done so far.
 */
#include "paging64.h"

#define EDGE (VA_STRADDLE + PAGE_SIZE)

static uint8_t *first, *second; /* what stands below the two pages */

static void map_two(uint64_t flags1, uint64_t flags2)
{
	page_map(VA_STRADDLE, (ulong)first, flags1, 1);
	page_map(EDGE, (ulong)second, flags2, 1);
	memset(first, 0x11, PAGE_SIZE);
	memset(second, 0x22, PAGE_SIZE);
}

static bool untouched(void)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE; i++)
		if (first[i] != 0x11 || second[i] != 0x22)
			return false;
	return true;
}

#define ACCESS(name, text)                                                     \
	static void name(void *p)                                              \
	{                                                                      \
		asm volatile(text                                              \
			     :                                                 \
			     : "D"(p)                                          \
			     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9",  \
			       "memory", "cc");                                \
	}

ACCESS(ld2, "movw (%%rdi), %%ax")
ACCESS(ld4, "movl (%%rdi), %%eax")
ACCESS(ld8, "movq (%%rdi), %%rax")
ACCESS(ld16, "movups (%%rdi), %%xmm0")
ACCESS(ldt, "fldt (%%rdi); fstp %%st(0)")
ACCESS(st2, "movw %%ax, (%%rdi)")
ACCESS(st4, "movl %%eax, (%%rdi)")
ACCESS(st8, "movq %%rax, (%%rdi)")
ACCESS(st16, "movups %%xmm0, (%%rdi)")
ACCESS(stt, "fninit; fld1; fstpt (%%rdi)")
ACCESS(add8, "addq $1, (%%rdi)")
ACCESS(xchg8, "xchgq %%rax, (%%rdi)")
ACCESS(lockadd4, "lock addl $1, (%%rdi)")
ACCESS(cmpxchg8, "lock cmpxchgq %%rcx, (%%rdi)")
ACCESS(cmpxchg8b, "cmpxchg8b (%%rdi)")
ACCESS(movs8, "mov %%rsp, %%rsi; movsq")
ACCESS(stos8, "stosq")
ACCESS(push8, "mov %%rsp, %%r8; lea 8(%%rdi), %%rsp; push $5; mov %%r8, %%rsp")
ACCESS(pushf8, "mov %%rsp, %%r8; lea 8(%%rdi), %%rsp; pushf; mov %%r8, %%rsp")
ACCESS(pop8, "mov %%rsp, %%r8; push $5; pop (%%rdi); mov %%r8, %%rsp")
ACCESS(call8, "mov %%rsp, %%r8; lea 8(%%rdi), %%rsp; call 1f;"
	      "1: mov %%r8, %%rsp")
ACCESS(shl8, "shlq $1, (%%rdi)")
ACCESS(bts8, "btsq $3, (%%rdi)")
ACCESS(xadd8, "xaddq %%rax, (%%rdi)")

ACCESS(movnti, "movnti %%rax, (%%rdi)")

/* table */
static const struct {
	const char *name;
	test_fn fn;
	uint8_t size;
	bool write;
} accesses[] = {
	{"2-byte load", ld2, 2, false},
	{"4-byte load", ld4, 4, false},
	{"8-byte load", ld8, 8, false},
	{"16-byte load", ld16, 16, false},
	{"x87 load", ldt, 10, false},
	{"2-byte store", st2, 2, true},
	{"4-byte store", st4, 4, true},
	{"8-byte store", st8, 8, true},
	{"16-byte store", st16, 16, true},
	{"x87 store", stt, 10, true},
	{"add", add8, 8, true},
	{"xchg", xchg8, 8, true},
	{"lock add", lockadd4, 4, true},
	{"lock cmpxchg", cmpxchg8, 8, true},
	{"cmpxchg8b", cmpxchg8b, 8, true},
	{"movs", movs8, 8, true},
	{"stos", stos8, 8, true},
	{"push", push8, 8, true},
	{"pushf", pushf8, 8, true},
	{"pop to memory", pop8, 8, true},
	{"call", call8, 8, true},
	{"shl", shl8, 8, true},
	{"bts", bts8, 8, true},
	{"xadd", xadd8, 8, true},
	{"movnti", movnti, 8, true},
};

static void straddle_one(unsigned int i)
{
	const char *name = accesses[i].name;
	bool write = accesses[i].write;
	void *at = (void *)(EDGE - accesses[i].size / 2);
	struct trap t;

	map_two(PTE_P | PTE_W, PTE_P | PTE_W);
	catch_run(accesses[i].fn, at, &t);
	check_trap(&t, TRAP_NONE, 0, "straddle: %s works", name);

	/*
	 * A read-modify-write may come with or without W when the page is
	 * absent (it may read first), so compare the error code without it.
	 */
	map_two(PTE_P | PTE_W, 0);
	catch_run(accesses[i].fn, at, &t);
	check(t.vector == VEC_PF && !(t.error & ~PF_W) && (write || !t.error),
	      "straddle: %s, second page absent", name);
	check_eq(t.cr2, EDGE, "straddle: %s, second page absent, CR2", name);
	check(untouched(), "straddle: %s, second page absent, nothing stored",
	      name);

	map_two(0, PTE_P | PTE_W);
	catch_run(accesses[i].fn, at, &t);
	check(t.vector == VEC_PF && !(t.error & ~PF_W) && (write || !t.error),
	      "straddle: %s, first page absent", name);
	check_eq(t.cr2, (ulong)at, "straddle: %s, first page absent, CR2",
		 name);
	check(untouched(), "straddle: %s, first page absent, nothing stored",
	      name);
	if (!write)
		return;

	map_two(PTE_P | PTE_W, PTE_P);
	catch_run(accesses[i].fn, at, &t);
	check_trap(&t, VEC_PF, PF_P | PF_W,
		   "straddle: %s, second page read-only", name);
	check_eq(t.cr2, EDGE, "straddle: %s, second page read-only, CR2", name);
	check(untouched(),
	      "straddle: %s, second page read-only, nothing stored", name);
}

/* Registers are as before the instruction that faults. */
static void push_regs(void *p)
{
	asm volatile("mov %%rsp, %%r8; lea 4(%0), %%rsp; mov $0x77, %%rax;"
		     "mov $0x99, %%rcx; xchg %%rax, -4(%%rsp);"
		     "mov %%r8, %%rsp"
		     :
		     : "D"(p)
		     : "rax", "rcx", "r8", "memory");
}

static void pop_rsp_mem(void *p)
{
	asm volatile("mov %%rsp, %%r8; lea -4(%0), %%rsp; pop %%rax;"
		     "mov %%r8, %%rsp"
		     :
		     : "D"(p)
		     : "rax", "r8", "memory");
}

static void leave_bad(void *p)
{
	asm volatile("push %%rbp; mov %%rsp, %%r8; mov %0, %%rbp; leave;"
		     "mov %%r8, %%rsp; pop %%rbp"
		     :
		     : "D"(p)
		     : "r8", "memory");
}

static void enter_bad(void *p)
{
	asm volatile("mov %%rsp, %%r8; mov %%rbp, %%r9; lea 8(%0), %%rsp;"
		     "enter $0x2000, $0; mov %%r9, %%rbp; mov %%r8, %%rsp"
		     :
		     : "D"(p)
		     : "r8", "r9", "memory");
}

static void test_registers(void)
{
	struct trap t;

	idt_set_ist(VEC_PF, 3);
	map_two(PTE_P | PTE_W, PTE_P);
	catch_run(push_regs, (void *)(EDGE - 4), &t);
	check_trap(&t, VEC_PF, PF_P | PF_W, "restart: xchg faults");
	check_eq(t.regs.ax, 0x77, "restart: xchg leaves RAX");
	map_two(PTE_P | PTE_W, 0);
	catch_run(pop_rsp_mem, (void *)EDGE, &t);
	check_trap(&t, VEC_PF, 0, "restart: pop faults");
	check_eq(t.sp, EDGE - 4, "restart: pop leaves RSP");
	catch_run(leave_bad, (void *)(EDGE - 4), &t);
	check_trap(&t, VEC_PF, 0, "restart: leave faults");
	check(t.sp != EDGE - 4, "restart: leave leaves RSP");
	check_eq(t.regs.bp, EDGE - 4, "restart: leave leaves RBP");
	/* ENTER tests that the new stack top can be written. */
	map_two(0, PTE_P | PTE_W);
	page_map(EDGE - 2 * PAGE_SIZE, 0, 0, 1);
	catch_run(enter_bad, (void *)(EDGE + 8), &t);
	check_trap(&t, VEC_PF, PF_W, "restart: enter to an absent stack");
	check_eq(t.sp, EDGE + 16, "restart: enter leaves RSP");
	idt_set_ist(VEC_PF, 0);
}

struct string_case {
	const char *name;
	test_fn fn;
	unsigned int element;
	bool down, source;
};

#define STRING(name, text)                                                     \
	static void name(void *p)                                              \
	{                                                                      \
		asm volatile(text                                              \
			     :                                                 \
			     : "D"(p)                                          \
			     : "rax", "rcx", "rsi", "memory", "cc");           \
	}

STRING(rep_stosb, "mov $0x33, %%eax; mov $100, %%ecx; rep stosb")
STRING(rep_stosd, "mov $0x33333333, %%eax; mov $100, %%ecx; rep stosl")
STRING(rep_stosq, "mov $0x3333333333333333, %%rax; mov $100, %%ecx; rep stosq")
STRING(rep_stosb_down, "std; mov $0x33, %%eax; mov $100, %%ecx; rep stosb; cld")
STRING(rep_movsb, "mov %%rsp, %%rsi; mov $100, %%ecx; rep movsb")
STRING(rep_movsq, "mov %%rsp, %%rsi; mov $100, %%ecx; rep movsq")
STRING(rep_lodsb, "mov %%rdi, %%rsi; mov $100, %%ecx; rep lodsb")
STRING(rep_scasb, "mov $0x55, %%eax; mov $100, %%ecx; repne scasb")
STRING(rep_cmpsb, "lea -512(%%rdi), %%rsi; mov $100, %%ecx; repe cmpsb")

static const struct string_case strings[] = {
	{"rep stosb", rep_stosb, 1, false, false},
	{"rep stosd", rep_stosd, 4, false, false},
	{"rep stosq", rep_stosq, 8, false, false},
	{"rep stosb down", rep_stosb_down, 1, true, false},
	{"rep movsb", rep_movsb, 1, false, false},
	{"rep movsq", rep_movsq, 8, false, false},
	{"rep lodsb", rep_lodsb, 1, false, true},
	{"repne scasb", rep_scasb, 1, false, false},
	{"repe cmpsb", rep_cmpsb, 1, false, false},
};

/* Ten elements fit (and, in @slip, a part of the next), ninety are left. */
static void string_one(const struct string_case *c, unsigned int slip)
{
	ulong span = 10 * c->element + slip;
	ulong at = c->down ? EDGE - 1 + span : EDGE - span;
	ulong stop = c->down ? at - 10 * c->element : at + 10 * c->element;
	struct trap t;

	if (c->down)
		map_two(0, PTE_P | PTE_W);
	else
		map_two(PTE_P | PTE_W, 0);
	catch_run(c->fn, (void *)at, &t);
	check_eq(t.vector, VEC_PF, "string: %s +%u faults", c->name, slip);
	check_eq(t.regs.cx, 90, "string: %s +%u RCX", c->name, slip);
	check_eq(c->source ? t.regs.si : t.regs.di, stop, "string: %s +%u RDI",
		 c->name, slip);
	check_eq(t.cr2, c->down ? EDGE - 1 : EDGE, "string: %s +%u CR2",
		 c->name, slip);
	if (slip)
		check_eq(first[PAGE_SIZE - 1], 0x11,
			 "string: %s +%u no part of an element", c->name, slip);
	asm volatile("cld");
}

/* The restart of a string instruction after its page is there. */
static bool fill_hole(struct frame *f)
{
	page_map(EDGE, (ulong)second, PTE_P | PTE_W, 1);
	return true;
}

static void test_strings(void)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(strings); i++) {
		string_one(&strings[i], 0);
		if (strings[i].element > 1)
			string_one(&strings[i], strings[i].element / 2);
	}
	map_two(PTE_P | PTE_W, 0);
	trap_set_hook(VEC_PF, fill_hole);
	catch_run(rep_stosq, (void *)(EDGE - 44), &t);
	trap_set_hook(VEC_PF, NULL);
	check_trap(&t, TRAP_NONE, 0, "string: goes on after the fault");
	for (i = 0; i < 44; i++)
		if (first[PAGE_SIZE - 44 + i] != 0x33)
			break;
	check_eq(i, 44, "string: restarted store, first page");
	for (i = 0; i < 756; i++)
		if (second[i] != 0x33)
			break;
	check_eq(i, 756, "string: restarted store, second page");
	check_eq(second[756], 0x22, "string: restarted store ends in place");
}

/* Two stores, one architectural step each: the first stays. */
static void two_stores(void *p)
{
	asm volatile("movq $1, -8(%0); movq $2, (%0)" : : "D"(p) : "memory");
}

void test_straddle(void)
{
	struct trap t;
	unsigned int i;

	first = page_alloc();
	second = page_alloc();
	/* The stack may be what cannot be reached. */
	idt_set_ist(VEC_PF, 3);
	for (i = 0; i < ARRAY_SIZE(accesses); i++)
		straddle_one(i);
	idt_set_ist(VEC_PF, 0);
	map_two(PTE_P | PTE_W, 0);
	catch_run(two_stores, (void *)EDGE, &t);
	check_trap(&t, VEC_PF, PF_W, "straddle: second of two stores faults");
	check_eq(first[PAGE_SIZE - 8], 1,
		 "straddle: first of two stores stays");
	test_registers();
	test_strings();
}
