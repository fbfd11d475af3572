/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter as a whole, on short programs. Instruction by instruction
 * the differential tester compares with the host; here are the things around:
 * branches, the stack, strings, faults, code that changes, stepping.
 */
#include "machine.h"

#include "../flags.h"

#include <soft/engine.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

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

static uint64_t ram64(uint64_t at)
{
	uint64_t v;

	memcpy(&v, m->ram + at, 8);
	return v;
}

/* ---- plain programs ---- */

CODE(code_loop, "xor %eax, %eax\n"
		"mov $1000, %ecx\n"
		"1: add %rcx, %rax\n"
		"dec %ecx\n"
		"jnz 1b\n"
		"hlt");

static void test_loop(void **state)
{
	RUN(m, code_loop);
	assert_int_equal(gpr(X86_RAX), 500500);
	assert_int_equal(gpr(X86_RCX), 0);
	assert_true(m->r->rflags & X86_FL_ZF);
	assert_int_equal(m->r->rip, MACHINE_CODE + (code_loop_end - code_loop));
}

CODE(code_fib, "mov $15, %edi\n"
	       "call fib\n"
	       "hlt\n"
	       "fib: cmp $2, %rdi\n"
	       "jae 1f\n"
	       "mov %rdi, %rax\n"
	       "ret\n"
	       "1: push %rdi\n"
	       "dec %rdi\n"
	       "call fib\n"
	       "pop %rdi\n"
	       "push %rax\n"
	       "sub $2, %rdi\n"
	       "call fib\n"
	       "pop %rdx\n"
	       "add %rdx, %rax\n"
	       "ret");

static void test_call_ret(void **state)
{
	RUN(m, code_fib);
	assert_int_equal(gpr(X86_RAX), 610);
	assert_int_equal(gpr(X86_RSP), MACHINE_STACK);
}

CODE(code_widths, "mov $-1, %rax\n"
		  "mov %rax, %rbx\n"
		  "mov %rax, %rcx\n"
		  "mov %rax, %rdx\n"
		  "mov $0x12, %ah\n"
		  "add $1, %bx\n"
		  "add $1, %ecx\n"
		  "mov $0x34, %dh\n"
		  "xchg %dh, %al\n"
		  "mov %rax, %rsi\n"
		  "mov $0x56, %sil\n"
		  "mov %rax, %rdi\n"
		  "bswap %edi\n"
		  "hlt");

static void test_widths(void **state)
{
	RUN(m, code_widths);
	assert_int_equal(gpr(X86_RAX), 0xffffffffffff1234);
	assert_int_equal(gpr(X86_RBX), 0xffffffffffff0000);
	assert_int_equal(gpr(X86_RCX), 0);
	assert_int_equal(gpr(X86_RDX), 0xffffffffffffffff);
	assert_int_equal(gpr(X86_RSI), 0xffffffffffff1256);
	assert_int_equal(gpr(X86_RDI), 0x3412ffff);
}

CODE(code_flags, "mov $0x7fffffff, %eax\n"
		 "add $1, %eax\n"
		 "pushf\n"
		 "pop %rbx\n"
		 "stc\n"
		 "inc %eax\n"
		 "pushf\n"
		 "pop %rcx\n"
		 "setl %dl\n"
		 "movzx %dl, %edx\n"
		 "cmp %eax, %eax\n"
		 "cmovz %rbx, %rsi\n"
		 "cmovnz %rcx, %rdi\n"
		 "stc\n"
		 "sbb %r8d, %r8d\n"
		 "hlt");

static void test_flags(void **state)
{
	RUN(m, code_flags);
	/* 7fffffff + 1: OF SF AF, parity of 0 even */
	assert_int_equal(gpr(X86_RBX),
			 0x2 | X86_FL_OF | X86_FL_SF | X86_FL_AF | X86_FL_PF);
	/* INC leaves CF */
	assert_int_equal(gpr(X86_RCX), 0x2 | X86_FL_SF | X86_FL_CF);
	assert_int_equal(gpr(X86_RDX), 1);
	assert_int_equal(gpr(X86_RSI), gpr(X86_RBX));
	assert_int_equal(gpr(X86_RDI), 0);
	assert_int_equal(gpr(X86_R8), 0xffffffff);
}

CODE(code_memory, "mov $0x200000, %ebx\n"
		  "movq $5, (%rbx)\n"
		  "lock addq $7, (%rbx)\n"
		  "mov $3, %eax\n"
		  "lock xadd %rax, (%rbx)\n"
		  "mov $15, %eax\n"
		  "mov $77, %ecx\n"
		  "lock cmpxchg %rcx, (%rbx)\n"
		  "sete %dl\n"
		  "mov $1, %esi\n"
		  "xchg %rsi, 8(%rbx)\n"
		  "lea 16(%rbx,%rsi,4), %rdi\n"
		  "mov $100, %ecx\n"
		  "lock bts %rcx, (%rbx)\n"
		  "pushq 8(%rbx)\n"
		  "pop 24(%rbx)\n"
		  "push %rsp\n"
		  "pop %r9\n"
		  "hlt");

static void test_memory(void **state)
{
	RUN(m, code_memory);
	assert_int_equal(ram64(MACHINE_DATA), 77);
	assert_int_equal(gpr(X86_RDX) & 0xff, 1);
	assert_int_equal(gpr(X86_RSI), 0);
	assert_int_equal(gpr(X86_RDI), MACHINE_DATA + 16);
	assert_int_equal(ram64(MACHINE_DATA + 8), 1 | UINT64_C(1) << 36);
	assert_int_equal(ram64(MACHINE_DATA + 24), 1 | UINT64_C(1) << 36);
	assert_int_equal(gpr(X86_R9), MACHINE_STACK);
}

CODE(code_divide, "mov $-100, %rax\n"
		  "cqo\n"
		  "mov $7, %ecx\n"
		  "idiv %rcx\n"
		  "mov %rax, %rsi\n"
		  "mov %rdx, %rdi\n"
		  "mov $5, %edx\n"
		  "xor %eax, %eax\n"
		  "mov $1, %ebx\n"
		  "shl $63, %rbx\n"
		  "div %rbx\n"
		  "imul $-3, %rsi, %r8\n"
		  "hlt");

static void test_divide(void **state)
{
	RUN(m, code_divide);
	assert_int_equal(gpr(X86_RSI), (uint64_t)-14);
	assert_int_equal(gpr(X86_RDI), (uint64_t)-2);
	assert_int_equal(gpr(X86_RAX), 10);
	assert_int_equal(gpr(X86_RDX), 0);
	assert_int_equal(gpr(X86_R8), 42);
}

/* ---- strings ---- */

CODE(code_strings, "mov $0x200000, %edi\n"
		   "mov $0x41, %al\n"
		   "stosb\n"
		   "mov $0x200000, %esi\n"
		   "mov $9000, %ecx\n"
		   "rep movsb\n" /* propagates one byte */
		   "mov $0x200000, %edi\n"
		   "mov $0x42, %al\n"
		   "mov %al, 0x202000\n"
		   "mov $-1, %rcx\n"
		   "repne scasb\n"
		   "mov %rdi, %r8\n"
		   "mov $0x200000, %esi\n"
		   "mov $0x200001, %edi\n"
		   "mov $9000, %ecx\n"
		   "repe cmpsb\n"
		   "mov %rcx, %r9\n"
		   "std\n"
		   "mov $0x200ff8, %esi\n"
		   "mov $0x2102f8, %edi\n"
		   "mov $0x100, %ecx\n"
		   "rep movsq\n"
		   "cld\n"
		   "hlt");

static void test_strings(void **state)
{
	RUN(m, code_strings);
	for (unsigned int i = 0; i < 9001; i++)
		if (i != 0x2000)
			assert_int_equal(m->ram[MACHINE_DATA + i], 0x41);
	assert_int_equal(gpr(X86_R8), 0x202001);
	assert_int_equal(gpr(X86_R9), 9000 - 0x2000);
	assert_int_equal(gpr(X86_RSI), 0x200ff8 - 0x800);
	assert_memory_equal(m->ram + 0x200800, m->ram + 0x20fb00, 0x800);
}

static void pause_at(struct machine *mm, uint16_t port)
{
	if (mm->nr_out == 5 || port == 0x80)
		atomic_fetch_or(&mm->vp->hv.attention, HV_ATTN_PAUSE);
}

CODE(code_rep_io, "mov $0x200000, %edi\n"
		  "mov $0x60, %edx\n"
		  "mov $8, %ecx\n"
		  "rep insb\n"
		  "std\n"
		  "mov $0x200007, %esi\n"
		  "mov $8, %ecx\n"
		  "rep outsb\n"
		  "cld\n"
		  "in $0x80, %al\n"
		  "hlt");

static void test_rep_io(void **state)
{
	static const uint8_t bytes[8] = {0x60, 0x61, 0x62, 0x63,
					 0x64, 0x65, 0x66, 0x67};

	m->on_pio = pause_at;
	machine_load(m, code_rep_io, code_rep_io_end);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_ATTENTION);
	assert_memory_equal(m->ram + MACHINE_DATA, bytes, 8);
	assert_int_equal(m->nr_out, 8);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(m->out[i], 0x67 - i);
	assert_int_equal(gpr(X86_RAX) & 0xff, 0x80);
}

/* A long REP ends between runs when somebody asks for attention. */
CODE(code_long_rep, "mov $0x200000, %edi\n"
		    "mov $0x10000, %ecx\n"
		    "rep stosb\n"
		    "hlt");

static void test_rep_interrupted(void **state)
{
	machine_load(m, code_long_rep, code_long_rep_end);
	/* One block: look at attention only inside the instruction. */
	m->vp->hv.debug_flags = HV_DEBUG_STEP;
	machine_set_regs(m);
	for (int i = 0; i < 3; i++)
		assert_int_equal(soft_engine.vp_run(&m->vp->hv),
				 ENGINE_EXIT_DEBUG);
	assert_int_equal(gpr(X86_RCX), 0xffff);
	assert_int_equal(gpr(X86_RDI), 0x200001);
	assert_int_equal(m->r->rip, MACHINE_CODE + 10);
	m->vp->hv.debug_flags = 0;
	machine_set_regs(m);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(gpr(X86_RCX), 0);
}

/* ---- faults ---- */

CODE(code_fault, "mov $1, %eax\n"
		 "mov $0x7ff000, %ebx\n"
		 "push $5\n"
		 "mov %eax, 0xffe(%rbx)\n"
		 "mov $2, %eax\n"
		 "hlt");

/* The fault leaves everything at the instruction that raised it. */
static void test_page_fault(void **state)
{
	machine_idt(m, 0x6000);
	RUN(m, code_fault); /* 7ffffe .. 800002: the last page is not mapped */
	assert_int_equal(m->r->rip, 0x6000 + X86_PF + 1);
	assert_int_equal(m->r->cr2, 0x800000);
	assert_int_equal(gpr(X86_RAX), 1);
	/* error code, RIP */
	assert_int_equal(ram64(gpr(X86_RSP)), X86_PF_W);
	assert_int_equal(ram64(gpr(X86_RSP) + 8), MACHINE_CODE + 12);
	assert_int_equal(ram64(MACHINE_STACK - 8), 5);
}

CODE(code_div0, "xor %ecx, %ecx\n"
		"mov $1, %eax\n"
		"div %ecx\n"
		"hlt");

static void test_divide_error(void **state)
{
	machine_idt(m, 0x6000);
	RUN(m, code_div0);
	assert_int_equal(m->r->rip, 0x6000 + X86_DE + 1);
	assert_int_equal(ram64(gpr(X86_RSP)), MACHINE_CODE + 7);
}

/* mov $0x11223344, %eax; hlt: across a page end */
CODE(code_straddle, "mov $0x11223344, %eax\n"
		    "hlt");

static void place_straddling(void)
{
	memcpy(m->ram + MACHINE_CODE + 0xffd, code_straddle,
	       (size_t)(code_straddle_end - code_straddle));
	m->r->rip = MACHINE_CODE + 0xffd;
	machine_set_regs(m);
}

static void test_straddling(void **state)
{
	uint64_t *pt = (uint64_t *)(void *)(m->ram + 0x8000);

	machine_idt(m, 0x6000);
	place_straddling();
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(gpr(X86_RAX), 0x11223344);

	/* The second half changes. */
	m->ram[MACHINE_CODE + 0x1001] = 0x99;
	soft_engine.memory_written(m->p, GPA(MACHINE_CODE + 0x1001), 1);
	place_straddling();
	m->ram[MACHINE_CODE + 0x1001] = 0x99;
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(gpr(X86_RAX), 0x99223344);

	/* The second page goes away. */
	pt[(MACHINE_CODE >> 12) + 1] = 0;
	place_straddling();
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(m->r->rip, 0x6000 + X86_PF + 1);
	assert_int_equal(m->r->cr2, MACHINE_CODE + 0x1000);
	assert_int_equal(ram64(gpr(X86_RSP) + 8), MACHINE_CODE + 0xffd);
}

/* ---- code that changes ---- */

CODE(code_self, "lea 1f(%rip), %rbx\n"
		"mov $0, %edx\n"
		"2: movb $0x11, 1(%rbx)\n" /* in the same block */
		"1: mov $0x22, %al\n"
		"movzx %al, %ecx\n"
		"add %rcx, %rdx\n"
		"movb $0x33, 1(%rbx)\n"
		"cmp $0x11, %cl\n"
		"mov %ecx, %r8d\n"
		"hlt");

static void test_self_modifying(void **state)
{
	RUN(m, code_self);
	assert_int_equal(gpr(X86_RCX), 0x11);
	m->r->rip = MACHINE_CODE + 12; /* 2: */
	machine_set_regs(m);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(gpr(X86_RCX), 0x11);
}

/* A function that the loop around it rewrites each time; and data beside. */
CODE(code_patch, "xor %edx, %edx\n"
		 "mov $200, %ecx\n"
		 "1: mov %cl, 2f+1(%rip)\n"
		 "mov %ecx, 3f(%rip)\n"
		 "call 2f\n"
		 "add %rax, %rdx\n"
		 "dec %ecx\n"
		 "jnz 1b\n"
		 "hlt\n"
		 ".balign 64\n"
		 "2: mov $0, %al\n"
		 "movzx %al, %eax\n"
		 "ret\n"
		 "3: .long 0");

static void test_patched_callee(void **state)
{
	RUN(m, code_patch);
	assert_int_equal(gpr(X86_RDX), 200 * 201 / 2);
	/* Only blocks of the changed bytes have been decoded again. */
	assert_true(m->vp->stat.decodes < 200 * 10);
}

/* The host writes code (a device's DMA). */
static void test_host_writes_code(void **state)
{
	RUN(m, code_divide);
	RUN(m, code_loop);
	assert_int_equal(gpr(X86_RAX), 500500);
}

/* ---- two processors ---- */

/*
 * One processor changes a function, the other calls it after it has been told
 * and has serialised: it must never run the old bytes. 0x200000 tells the
 * round, 0x200040 acknowledges it, 0x200080 counts errors.
 */
CODE(code_patcher, "mov $0x200000, %ebx\n"
		   "mov $1, %ecx\n"
		   "1: mov %ecx, 0x110001\n" /* mov $round, %eax */
		   "mov %ecx, (%rbx)\n"
		   "2: pause\n"
		   "cmp %ecx, 0x40(%rbx)\n"
		   "jne 2b\n"
		   "inc %ecx\n"
		   "cmp $300, %ecx\n"
		   "jne 1b\n"
		   "hlt");
CODE(code_patched, "mov $0x200000, %ebx\n"
		   "mov $1, %esi\n"
		   "1: pause\n"
		   "cmp %esi, (%rbx)\n"
		   "jne 1b\n"
		   "push %rbx\n"
		   "xor %eax, %eax\n"
		   "cpuid\n"
		   "pop %rbx\n"
		   "mov $0x110000, %edx\n"
		   "mov $20, %edi\n"
		   "2: call *%rdx\n"
		   "cmp %esi, %eax\n"
		   "je 3f\n"
		   "incl 0x80(%rbx)\n"
		   "3: dec %edi\n"
		   "jnz 2b\n"
		   "mov %esi, 0x40(%rbx)\n"
		   "inc %esi\n"
		   "cmp $300, %esi\n"
		   "jne 1b\n"
		   "hlt");
CODE(code_victim, "mov $0, %eax\n"
		  "ret");

static void *run_other(void *arg)
{
	struct soft_vp *vp = arg;

	while (soft_engine.vp_run(&vp->hv) != ENGINE_EXIT_HALT)
		;
	return NULL;
}

static void test_cross_modifying(void **state)
{
	struct soft_vp *other = machine_add_vp(m);
	pthread_t thread;

	memcpy(m->ram + 0x110000, code_victim,
	       (size_t)(code_victim_end - code_victim));
	memcpy(m->ram + 0x120000, code_patched,
	       (size_t)(code_patched_end - code_patched));
	other->hv.regs.rip = 0x120000;
	other->hv.regs.gpr[X86_RSP] = MACHINE_STACK + 0x10000;
	soft_engine.regs_changed(&other->hv, HV_CHANGED_ALL);
	machine_load(m, code_patcher, code_patcher_end);
	assert_int_equal(pthread_create(&thread, NULL, run_other, other), 0);
	while (soft_engine.vp_run(&m->vp->hv) != ENGINE_EXIT_HALT)
		;
	pthread_join(thread, NULL);
	assert_int_equal(ram64(MACHINE_DATA + 0x80), 0);
	assert_int_equal((uint32_t)ram64(MACHINE_DATA + 0x40), 299);
}

/* Locked additions that straddle pages are atomic, too. */
CODE(code_split_add, "mov $0x200ffe, %ebx\n"
		     "mov $20000, %ecx\n"
		     "1: lock addl $1, (%rbx)\n"
		     "lock incl 0x80(%rbx)\n"
		     "dec %ecx\n"
		     "jnz 1b\n"
		     "hlt");

static void test_locked_adds(void **state)
{
	struct soft_vp *other = machine_add_vp(m);
	pthread_t thread;

	machine_load(m, code_split_add, code_split_add_end);
	other->hv.regs.rip = MACHINE_CODE;
	soft_engine.regs_changed(&other->hv, HV_CHANGED_ALL);
	assert_int_equal(pthread_create(&thread, NULL, run_other, other), 0);
	while (soft_engine.vp_run(&m->vp->hv) != ENGINE_EXIT_HALT)
		;
	pthread_join(thread, NULL);
	assert_int_equal((uint32_t)ram64(MACHINE_DATA + 0xffe), 40000);
	assert_int_equal((uint32_t)ram64(MACHINE_DATA + 0x107e), 40000);
}

/* ---- stepping and breakpoints ---- */

static void test_debugger_step(void **state)
{
	machine_load(m, code_loop, code_loop_end);
	m->vp->hv.debug_flags = HV_DEBUG_STEP;
	machine_set_regs(m);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_DEBUG);
	assert_int_equal(m->r->rip, MACHINE_CODE + 2);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_DEBUG);
	assert_int_equal(m->r->rip, MACHINE_CODE + 7);
	assert_int_equal(gpr(X86_RCX), 1000);
}

static void test_debugger_break(void **state)
{
	machine_load(m, code_loop, code_loop_end);
	m->vp->hv.debug_flags = HV_DEBUG_BREAK;
	m->vp->hv.debug_break[3] = MACHINE_CODE + 7;
	machine_set_regs(m);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_DEBUG);
	assert_int_equal(m->vp->hv.debug_reason, HV_DEBUG_BREAK);
	assert_int_equal(m->r->rip, MACHINE_CODE + 7);
	assert_int_equal(gpr(X86_RAX), 0);
}

/* Every instruction traps with DR6.BS; the handler counts and returns. */
CODE(code_trap_flag, "pushf\n"
		     "orl $0x100, (%rsp)\n"
		     "popf\n"
		     "nop\n"
		     "mov $5, %eax\n"
		     "pushf\n"
		     "andl $~0x100, (%rsp)\n"
		     "popf\n"
		     "nop\n"
		     "hlt");
CODE(code_count, "inc %r15\n"
		 "iretq");

static void test_trap_flag(void **state)
{
	uint64_t *gate = (uint64_t *)(void *)(m->ram + MACHINE_IDT);

	machine_idt(m, 0x6000);
	memcpy(m->ram + 0x7000, code_count,
	       (size_t)(code_count_end - code_count));
	gate[2 * X86_DB] = (gate[2 * X86_DB] & ~UINT64_C(0xffff)) | 0x7000;
	RUN(m, code_trap_flag);
	/* nop, mov, pushf, and, popf */
	assert_int_equal(gpr(X86_R15), 5);
	assert_int_equal(gpr(X86_RAX), 5);
	assert_true(m->r->dr6 & X86_DR6_BS);
}

static void test_code_breakpoint(void **state)
{
	machine_idt(m, 0x6000);
	machine_load(m, code_loop, code_loop_end);
	m->r->dr[1] = MACHINE_CODE + 2;
	m->r->dr7 = X86_DR7_FIXED | X86_DR7_G(1);
	machine_set_regs(m);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(m->r->rip, 0x6000 + X86_DB + 1);
	assert_int_equal(m->r->dr6 & 15, 2);
	assert_int_equal(ram64(gpr(X86_RSP)), MACHINE_CODE + 2);
	assert_false(ram64(gpr(X86_RSP) + 16) & X86_FL_RF);
}

CODE(code_data_bp, "mov $0x200000, %ebx\n"
		   "movl $1, 4(%rbx)\n"
		   "nop\n"
		   "movl $1, (%rbx)\n"
		   "hlt");

static void test_data_breakpoint(void **state)
{
	machine_idt(m, 0x6000);
	machine_load(m, code_data_bp, code_data_bp_end);
	m->r->dr[0] = MACHINE_DATA;
	m->r->dr7 = X86_DR7_FIXED | X86_DR7_L(0) | 0xd << 16; /* write, 4 */
	machine_set_regs(m);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(m->r->rip, 0x6000 + X86_DB + 1);
	assert_int_equal(m->r->dr6 & 15, 1);
	assert_int_equal(ram64(gpr(X86_RSP)),
			 MACHINE_CODE + (code_data_bp_end - code_data_bp) - 1);
}

/* ---- events ---- */

CODE(code_window, "mov $3, %eax\n"
		  "sti\n"
		  "inc %eax\n"
		  "inc %eax\n"
		  "jmp 1f\n"
		  "1: hlt");

static void test_interrupt_window(void **state)
{
	machine_load(m, code_window, code_window_end);
	m->vp->hv.want_window = true;
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_WINDOW);
	/* One instruction after STI is still shadowed. */
	assert_int_equal(gpr(X86_RAX), 4);
	assert_int_equal(m->r->shadow, 0);
	m->vp->hv.want_window = false;
}

/* ---- 16-bit code ---- */

CODE_AS(code_real, ".code16",
	"mov $0x1234, %ax\n"
	"push %ax\n"
	"mov $0x20, %cx\n"
	"1: add $3, %ax\n"
	"loop 1b\n"
	"pop %bx\n"
	"pusha\n"
	"mov %sp, %bp\n"
	"movw 14(%bp), %dx\n"
	"mov $0x27, %al\n"
	"add $0x35, %al\n"
	"daa\n"
	"hlt");

static void test_real_mode(void **state)
{
	hv_vp_reset(&m->vp->hv, false);
	m->r->seg[X86_CS].sel = 0x1000;
	m->r->seg[X86_CS].base = 0x10000;
	m->r->gpr[X86_RSP] = 0xffff8000;
	m->r->rip = 0x100;
	memcpy(m->ram + 0x10100, code_real,
	       (size_t)(code_real_end - code_real));
	machine_set_regs(m);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
	assert_int_equal(gpr(X86_RBX), 0x1234);
	assert_int_equal(gpr(X86_RDX) & 0xffff, 0x1234 + 0x60);
	assert_int_equal(gpr(X86_RAX) & 0xff, 0x62);
	assert_int_equal(gpr(X86_RSP), 0xffff8000 - 16);
	assert_int_equal(m->r->rip, 0x100 + (code_real_end - code_real));
}

/* With an argument: by the translator. */
int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_loop),
		TEST(test_call_ret),
		TEST(test_widths),
		TEST(test_flags),
		TEST(test_memory),
		TEST(test_divide),
		TEST(test_strings),
		TEST(test_rep_io),
		TEST(test_rep_interrupted),
		TEST(test_page_fault),
		TEST(test_divide_error),
		TEST(test_straddling),
		TEST(test_self_modifying),
		TEST(test_patched_callee),
		TEST(test_host_writes_code),
		TEST(test_cross_modifying),
		TEST(test_locked_adds),
		TEST(test_debugger_step),
		TEST(test_debugger_break),
		TEST(test_trap_flag),
		TEST(test_code_breakpoint),
		TEST(test_data_breakpoint),
		TEST(test_interrupt_window),
		TEST(test_real_mode),
	};

	machine_xlat = argc > 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
