/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging of 64-bit mode: who may access what, what the exception says, what
 * the accessed and dirty bits say, and what the TLB may not keep.
 * Facts: SDM volume 3 chapter 4, APM volume 2 chapter 5.
 */
#include "paging64.h"

/* Addresses that are not canonical. */

#define NONCANON 0x0000800000000000UL

static void load8(void *p)
{
	asm volatile("mov (%0), %%rax" : : "r"(p) : "rax", "memory");
}

static void store8(void *p)
{
	asm volatile("mov %%rax, (%0)" : : "r"(p) : "memory");
}

static void load_rbp(void *p)
{
	asm volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
		     :
		     : "r"(p)
		     : "rax", "memory");
}

static void load_rsp(void *p)
{
	asm volatile("mov %%rsp, %%rdx; mov %0, %%rsp; mov (%%rsp), %%rax;"
		     "mov %%rdx, %%rsp"
		     :
		     : "r"(p)
		     : "rax", "rdx", "memory");
}

static void push_rsp(void *p)
{
	asm volatile("mov %%rsp, %%rdx; mov %0, %%rsp; push %%rax;"
		     "mov %%rdx, %%rsp"
		     :
		     : "r"(p)
		     : "rdx", "memory");
}

static void pop_rsp(void *p)
{
	asm volatile("mov %%rsp, %%rdx; mov %0, %%rsp; pop %%rax;"
		     "mov %%rdx, %%rsp"
		     :
		     : "r"(p)
		     : "rax", "rdx", "memory");
}

static void jump(void *p)
{
	asm volatile("jmp *%0" : : "r"(p) : "memory");
}

static void call(void *p)
{
	asm volatile("call *%0" : : "r"(p) : "memory");
}

static void ret_to(void *p)
{
	asm volatile("push %0; ret" : : "r"(p) : "memory");
}

static void invlpg_at(void *p)
{
	invlpg((ulong)p);
}

static void prefetch_at(void *p)
{
	asm volatile("prefetcht0 (%0)" : : "r"(p));
}

static void clflush_at(void *p)
{
	asm volatile("clflush (%0)" : : "r"(p) : "memory");
}

static void lea_at(void *p)
{
	asm volatile("lea 1(%0), %%rax" : : "r"(p) : "rax");
}

static void test_noncanonical(void)
{
	static const struct {
		const char *name;
		test_fn fn;
		ulong at;
		int vector;
	} cases[] = {
		{"load", load8, NONCANON, VEC_GP},
		{"load from the highest bad", load8, 0xffff7ffffffffff8,
		 VEC_GP},
		{"load across the low end", load8, NONCANON - 4, VEC_GP},
		{"store", store8, 0x8000000000000000, VEC_GP},
		{"load by RBP", load_rbp, NONCANON, VEC_SS},
		{"load by RSP", load_rsp, NONCANON, VEC_SS},
		{"push", push_rsp, NONCANON + 8, VEC_SS},
		{"pop", pop_rsp, NONCANON, VEC_SS},
		{"jump", jump, NONCANON, VEC_GP},
		{"call", call, NONCANON, VEC_GP},
		{"ret", ret_to, NONCANON, VEC_GP},
		{"clflush", clflush_at, NONCANON, VEC_GP},
		{"invlpg", invlpg_at, NONCANON, TRAP_NONE},
		{"prefetch", prefetch_at, NONCANON, TRAP_NONE},
		{"lea", lea_at, NONCANON, TRAP_NONE},
	};
	struct trap t;
	unsigned int i;

	page_map(NONCANON - PAGE_SIZE, (ulong)page_alloc(), PTE_P | PTE_W, 1);
	idt_set_ist(VEC_SS, 3);
	idt_set_ist(VEC_GP, 3);
	idt_set_ist(VEC_PF, 3);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		catch_run(cases[i].fn, (void *)cases[i].at, &t);
		check_trap(&t, cases[i].vector, 0, "noncanonical: %s",
			   cases[i].name);
	}
	/* The fault of a near transfer belongs to the transfer itself. */
	catch_run(jump, (void *)NONCANON, &t);
	check(t.ip != NONCANON, "noncanonical: jump faults at the jump");
	idt_set_ist(VEC_SS, 0);
	idt_set_ist(VEC_GP, 0);
	idt_set_ist(VEC_PF, 0);
}

int main(void)
{
	test_noncanonical();
	test_rights();
	test_straddle();
	test_tlb();
	test_code();
	return 0;
}
