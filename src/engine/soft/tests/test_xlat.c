/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator where it differs from the interpreter: what it may emit,
 * leaving loops, mappings and code that change under it, probes. Results of
 * instructions are compared by test_interp.c (with an argument) and the
 * differential tester.
 */
#include "machine.h"

#include "../xlat_priv.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <soft/engine.h>

#include <cmocka.h>

static struct machine machine;
static struct machine *const m = &machine;

static int setup(void **state)
{
	machine_init(m);
	return 0;
}

static int teardown(void **state)
{
	machine_fini(m);
	return 0;
}

static uint64_t gpr(unsigned int n)
{
	return m->r->gpr[n];
}

static bool translated(void)
{
	return m->vp->stat.xlat_runs > 0;
}

/* ---- what may be emitted ---- */

/* Only integer and vector instructions, whatever the operands. */
static void test_lists(void **state)
{
	static struct xl xl;
	static struct soft_block b = {.key = (uint64_t)(SOFT_MODE_64 |
							SOFT_MODE_SSE_OK |
							SOFT_MODE_AVX_OK)
					     << 48};

	xl.vp = m->vp;
	xl.b = &b;
	for (unsigned int e = 1; e < insn_entry_count(); e++) {
		const struct insn_desc *d = insn_entry(e);
		struct insn in = {.op = d->op,
				  .entry = (uint16_t)e,
				  .opsize = 8,
				  .addrsize = 8};

		if (!xl_is_native(&xl, &in))
			continue;
		assert_true(d->class == INSN_CLASS_INT ||
			    d->class == INSN_CLASS_BMI ||
			    d->class == INSN_CLASS_SSE ||
			    d->class == INSN_CLASS_AVX);
		assert_false(d->attr & INSN_PRIV);
		assert_false(d->attr & INSN_VSIB_MEM);
		assert_int_not_equal(d->op, OP_IN);
		assert_int_not_equal(d->op, OP_OUT);
		assert_int_not_equal(d->op, OP_PUSH_SREG);
		assert_int_not_equal(d->op, OP_MOV_FROM_SREG);
		assert_int_not_equal(d->op, OP_DIV);
		assert_int_not_equal(d->op, OP_LDMXCSR);
		assert_int_not_equal(d->op, OP_POPF);
	}
}

/* ---- loops that never end by themselves ---- */

static void *pause_soon(void *arg)
{
	const struct timespec wait = {.tv_nsec = 20000000};

	(void)nanosleep(&wait, NULL);
	hv_vp_notify(arg, HV_ATTN_PAUSE);
	return NULL;
}

static void expect_paused(const uint8_t *code, const uint8_t *end)
{
	pthread_t thread;

	machine_load(m, code, end);
	assert_int_equal(pthread_create(&thread, NULL, pause_soon, &m->vp->hv),
			 0);
	assert_int_equal(soft_engine_xlat.vp_run(&m->vp->hv),
			 ENGINE_EXIT_ATTENTION);
	pthread_join(thread, NULL);
	assert_true(translated());
}

#define PAUSES(name) expect_paused(name, name##_end)

CODE(code_self, "1: jmp 1b");
CODE(code_self_live, "stc\n1: jc 1b\nhlt");
CODE(code_indirect, "lea 1f(%rip), %rax\n1: jmp *%rax");
CODE(code_returns, "lea 1f(%rip), %rax\n1: push %rax\nret");
CODE(code_calls, "1: call 2f\n2: pop %rax\njmp 1b");
CODE(code_pages, "1: jmp 2f\n.skip 5000\n2: jmp 1b");
CODE(code_forward, "1: nop\n2: inc %eax\njnz 3f\n3: jmp 4f\n4: jmp 1b");

static void test_loops_pause(void **state)
{
	PAUSES(code_self);
	PAUSES(code_self_live);
	PAUSES(code_indirect);
	PAUSES(code_returns);
	PAUSES(code_calls);
	PAUSES(code_pages);
	PAUSES(code_forward);
}

/* ---- mappings ---- */

#define FUNCTION 0x110000u
#define OTHER    0x111000u
#define READONLY 0x210000u

static uint64_t *pte(uint64_t at)
{
	return (uint64_t *)(void *)(m->ram + 0x8000 + (at >> 12) * 8);
}

CODE(code_remap, "mov $0x110000, %edx\n"
		 "mov $100, %ecx\n"
		 "1: call *%rdx\n"
		 "dec %ecx\n"
		 "jnz 1b\n"
		 "mov %eax, %esi\n"
		 "movq $0x111007, 0x8880\n"
		 "invlpg 0x110000\n"
		 "call *%rdx\n"
		 "hlt");
CODE(code_one, "mov $1, %eax\nret");
CODE(code_two, "mov $2, %eax\nret");

/* What the jump cache holds goes with the mapping it was made under. */
static void test_remap(void **state)
{
	memcpy(m->ram + FUNCTION, code_one, (size_t)(code_one_end - code_one));
	memcpy(m->ram + OTHER, code_two, (size_t)(code_two_end - code_two));
	RUN(m, code_remap);
	assert_int_equal(gpr(X86_RSI), 1);
	assert_int_equal(gpr(X86_RAX), 2);
	assert_true(translated());
}

CODE(code_readonly, "mov $0x210000, %ebx\n"
		    "mov $100, %ecx\n"
		    "1: add (%rbx), %rax\n"
		    "cmp $1, %ecx\n"
		    "je 2f\n"
		    "dec %ecx\n"
		    "jmp 1b\n"
		    "2: stc\n"
		    "3: movb $5, 8(%rbx)\n"
		    "hlt");

/* A page that may be read is not therefore written. */
static void test_readonly(void **state)
{
	const struct vp_regs *r = m->r;

	machine_idt(m, 0x7000);
	*pte(READONLY) &= ~(uint64_t)X86_PTE_W;
	machine_load(m, code_readonly, code_readonly_end);
	assert_int_equal(soft_engine_xlat.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(r->rip, 0x7000 + X86_PF + 1);
	assert_int_equal(r->cr2, READONLY + 8);
	assert_int_equal(m->ram[READONLY + 8], 0);
	/* the flags of STC have survived the probe into the frame */
	assert_true(*(uint64_t *)(void *)(m->ram + gpr(X86_RSP) + 24) & 1);
	assert_true(translated());
}

CODE(code_straddle, "mov $0x200ffd, %ebx\n"
		    "mov $50, %ecx\n"
		    "1: addq $0x01010101, (%rbx)\n"
		    "mov (%rbx), %rdx\n"
		    "dec %ecx\n"
		    "jnz 1b\n"
		    "hlt");

static void test_straddling(void **state)
{
	RUN(m, code_straddle);
	assert_int_equal(gpr(X86_RDX), 50 * UINT64_C(0x01010101));
	assert_true(translated());
}

/* Guest R12 to R15 and RSP are not in host registers of their names. */
CODE(code_renamed, "mov $7, %r12\n"
		   "lea 1(%r12), %r13\n"
		   "lea (%r12,%r13), %r14\n"
		   "mov %r14, %r15\n"
		   "xchg %r15, %r12\n"
		   "push %r12\n"
		   "add %rsp, %r14\n"
		   "sub %rsp, %r14\n"
		   "pop %rsi\n"
		   "imul %r13, %r15\n"
		   "hlt");

static void test_renamed(void **state)
{
	RUN(m, code_renamed);
	assert_int_equal(gpr(X86_R12), 15);
	assert_int_equal(gpr(X86_R13), 8);
	assert_int_equal(gpr(X86_R14), 15);
	assert_int_equal(gpr(X86_R15), 56);
	assert_int_equal(gpr(X86_RSI), 15);
	assert_int_equal(gpr(X86_RSP), MACHINE_STACK);
	assert_true(translated());
}

/* Translations go and come back without a trace. */
static void test_flush(void **state)
{
	for (unsigned int i = 0; i < 3; i++) {
		m->r->gpr[X86_RSP] = MACHINE_STACK;
		RUN(m, code_renamed);
		assert_int_equal(gpr(X86_R15), 56);
		soft_blocks_flush(m->vp);
	}
	assert_int_equal(m->vp->stat.xlat_flushes, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_lists),    TEST(test_loops_pause), TEST(test_remap),
		TEST(test_readonly), TEST(test_straddling),  TEST(test_renamed),
		TEST(test_flush),
	};

	machine_xlat = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
