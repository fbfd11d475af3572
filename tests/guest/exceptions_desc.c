/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors in 64-bit mode: what a segment load, LTR, LLDT and far
 * transfers refuse and with which error code; LAR, LSL, VERR and VERW for
 * every type, privilege and selector RPL.
 */
#include "exceptions.h"

#define SLOT SEL_SPARE

static void put(unsigned int access, unsigned int flags)
{
	gdt_set(SLOT, desc_make(0, 0xfffff, access, flags));
	gdt_set(SLOT + 8, 0);
}

/* --- loads ---------------------------------------------------------------- */

ASM_FN(load_ds, "mov %edi, %ds");
ASM_FN(load_ss, "mov %edi, %ss");
ASM_FN(load_fs, "mov %edi, %fs");
ASM_FN(load_lfs, "push %rdi; push $0; lfs (%rsp), %eax; pop %rax; pop %rax");
ASM_FN(load_tr, "ltr %di");
ASM_FN(load_ldt, "lldt %di");
ASM_FN(far_jump, "push %rdi; push $0; lea 1f(%rip), %rax; mov %eax, 4(%rsp);"
		 "ljmp *4(%rsp); 1: pop %rax; pop %rax");
ASM_FN(far_ret, "push %rdi; lea 1f(%rip), %rax; push %rax; lretq; 1: nop");
ASM_FN(far_iret, "mov %rsp, %rdx; push $0x18; push %rdx; pushf; push %rdi;"
		 "lea 1f(%rip), %rax; push %rax; iretq; 1: nop");

/* Access bytes: P 0x80, DPL 0x60, S 0x10, type. */
#define A_DATA   0x93
#define A_RODATA 0x91
#define A_CODE   0x9b
#define A_XCODE  0x99
#define A_CONF   0x9f
#define A_LDT    0x82
#define A_TSS    0x89
#define A_BUSY   0x8b
#define A_ABSENT 0x80
#define A_DPL3   0x60
#define F_LONG   0xa
#define F_BIG    0xc

/* table */
static const struct {
	const char *name;
	test_fn fn;
	uint8_t access, flags;
	uint16_t selector;
	int vector;
	ulong error;
} loads[] = {
	{"ds: null", load_ds, A_DATA, F_BIG, 0, TRAP_NONE, 0},
	{"ds: null with RPL 3", load_ds, A_DATA, F_BIG, 3, TRAP_NONE, 0},
	{"ds: data", load_ds, A_DATA, F_BIG, SLOT, TRAP_NONE, 0},
	{"ds: readable code", load_ds, A_CODE, F_BIG, SLOT, TRAP_NONE, 0},
	{"ds: execute-only code", load_ds, A_XCODE, F_BIG, SLOT, VEC_GP, SLOT},
	{"ds: LDT", load_ds, A_LDT, 0, SLOT, VEC_GP, SLOT},
	{"ds: RPL 3 of DPL 0", load_ds, A_DATA, F_BIG, SLOT | 3, VEC_GP, SLOT},
	{"ds: RPL 3 of conforming code", load_ds, A_CONF, F_BIG, SLOT | 3,
	 TRAP_NONE, 0},
	{"ds: absent", load_ds, A_DATA & ~A_ABSENT, F_BIG, SLOT, VEC_NP, SLOT},
	{"ds: absent and wrong type", load_ds, A_XCODE & ~A_ABSENT, F_BIG, SLOT,
	 VEC_GP, SLOT},
	{"ds: beyond the GDT", load_ds, A_DATA, F_BIG, 0x1000, VEC_GP, 0x1000},
	{"ds: no LDT", load_ds, A_DATA, F_BIG, 0xc, VEC_GP, 0xc},
	{"ss: null at CPL 0", load_ss, A_DATA, F_BIG, 0, TRAP_NONE, 0},
	{"ss: null with RPL 1", load_ss, A_DATA, F_BIG, 1, VEC_GP, 0},
	{"ss: data", load_ss, A_DATA, F_BIG, SLOT, TRAP_NONE, 0},
	{"ss: read-only", load_ss, A_RODATA, F_BIG, SLOT, VEC_GP, SLOT},
	{"ss: code", load_ss, A_CODE, F_BIG, SLOT, VEC_GP, SLOT},
	{"ss: RPL 3", load_ss, A_DATA, F_BIG, SLOT | 3, VEC_GP, SLOT},
	{"ss: DPL 3", load_ss, A_DATA | A_DPL3, F_BIG, SLOT, VEC_GP, SLOT},
	{"ss: absent", load_ss, A_DATA & ~A_ABSENT, F_BIG, SLOT, VEC_SS, SLOT},
	{"ss: beyond the GDT", load_ss, A_DATA, F_BIG, 0x2008, VEC_GP, 0x2008},
	{"fs: absent", load_fs, A_DATA & ~A_ABSENT, F_BIG, SLOT, VEC_NP, SLOT},
	{"fs: TSS", load_fs, A_TSS, 0, SLOT, VEC_GP, SLOT},
	{"ltr: null", load_tr, A_TSS, 0, 0, VEC_GP, 0},
	{"ltr: busy", load_tr, A_BUSY, 0, SLOT, VEC_GP, SLOT},
	{"ltr: data", load_tr, A_DATA, F_BIG, SLOT, VEC_GP, SLOT},
	{"ltr: 16-bit TSS", load_tr, 0x81, 0, SLOT, VEC_GP, SLOT},
	{"ltr: absent", load_tr, A_TSS & ~A_ABSENT, 0, SLOT, VEC_NP, SLOT},
	{"ltr: in the LDT", load_tr, A_TSS, 0, SLOT | 4, VEC_GP, SLOT | 4},
	{"ltr: beyond the GDT", load_tr, A_TSS, 0, 0x1000, VEC_GP, 0x1000},
	{"lldt: null", load_ldt, A_LDT, 0, 0, TRAP_NONE, 0},
	{"lldt: TSS", load_ldt, A_TSS, 0, SLOT, VEC_GP, SLOT},
	{"lldt: absent", load_ldt, A_LDT & ~A_ABSENT, 0, SLOT, VEC_NP, SLOT},
	{"lldt: in the LDT", load_ldt, A_LDT, 0, SLOT | 4, VEC_GP, SLOT | 4},
	{"ljmp: null", far_jump, A_CODE, F_LONG, 0, VEC_GP, 0},
	{"ljmp: code", far_jump, A_CODE, F_LONG, SLOT, TRAP_NONE, 0},
	{"ljmp: execute-only", far_jump, A_XCODE, F_LONG, SLOT, TRAP_NONE, 0},
	{"ljmp: conforming", far_jump, A_CONF, F_LONG, SLOT, TRAP_NONE, 0},
	{"ljmp: data", far_jump, A_DATA, F_LONG, SLOT, VEC_GP, SLOT},
	{"ljmp: L and D", far_jump, A_CODE, 0xe, SLOT, VEC_GP, SLOT},
	{"ljmp: DPL 3", far_jump, A_CODE | A_DPL3, F_LONG, SLOT, VEC_GP, SLOT},
	{"ljmp: RPL 3", far_jump, A_CODE, F_LONG, SLOT | 3, VEC_GP, SLOT},
	{"ljmp: absent", far_jump, A_CODE & ~A_ABSENT, F_LONG, SLOT, VEC_NP,
	 SLOT},
	{"ljmp: beyond the GDT", far_jump, A_CODE, F_LONG, 0x1000, VEC_GP,
	 0x1000},
	{"ljmp: TSS", far_jump, A_TSS, 0, SLOT, VEC_GP, SLOT},
	{"lret: null", far_ret, A_CODE, F_LONG, 0, VEC_GP, 0},
	{"lret: code", far_ret, A_CODE, F_LONG, SLOT, TRAP_NONE, 0},
	{"lret: data", far_ret, A_DATA, F_LONG, SLOT, VEC_GP, SLOT},
	{"lret: absent", far_ret, A_CODE & ~A_ABSENT, F_LONG, SLOT, VEC_NP,
	 SLOT},
	{"lret: L and D", far_ret, A_CODE, 0xe, SLOT, VEC_GP, SLOT},
	{"iret: null", far_iret, A_CODE, F_LONG, 0, VEC_GP, 0},
	{"iret: code", far_iret, A_CODE, F_LONG, SLOT, TRAP_NONE, 0},
	{"iret: data", far_iret, A_DATA, F_LONG, SLOT, VEC_GP, SLOT},
	{"iret: absent", far_iret, A_CODE & ~A_ABSENT, F_LONG, SLOT, VEC_NP,
	 SLOT},
};

static void test_loads(void)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(loads); i++) {
		put(loads[i].access, loads[i].flags);
		if (loads[i].access == A_TSS || loads[i].access == A_LDT)
			gdt_set(SLOT, desc_make((uint32_t)(ulong)&cpu_tss[0],
						0x67, loads[i].access, 0));
		catch_run(loads[i].fn, (void *)(ulong)loads[i].selector, &t);
		check_trap(&t, loads[i].vector, loads[i].error, "load: %s",
			   loads[i].name);
		if (loads[i].fn == load_tr && t.vector == TRAP_NONE) {
			gdt_set(SEL_TSS(0), gdt[SEL_TSS(0) / 8] & ~(2UL << 40));
			asm volatile("ltr %w0" : : "r"(SEL_TSS(0)));
		}
		asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss"
			     :
			     : "r"(SEL_KDATA));
		asm volatile("mov %0, %%fs" : : "r"(0));
	}

	/* A load sets the accessed bit; LTR makes the TSS busy. */
	put(0x92, F_BIG);
	catch_run(load_fs, (void *)SLOT, &t);
	check_eq(gdt[SLOT / 8] >> 40 & 0xff, 0x93, "load: accessed bit");
	asm volatile("mov %0, %%fs" : : "r"(0));
	check_eq(gdt[SEL_TSS(0) / 8] >> 40 & 0xff, 0x8b, "load: busy bit");

	/* FS takes its base from the descriptor, 32 bits of it. */
	gdt_set(SLOT, desc_make(0x89abcdef, 0xfffff, 0x93, F_BIG));
	catch_run(load_fs, (void *)SLOT, &t);
	check_eq(rdmsr(MSR_FS_BASE), 0x89abcdef, "load: base of fs");
	asm volatile("mov %0, %%fs" : : "r"(0));
	wrmsr(MSR_FS_BASE, 0);

	/* Upper half of a 16-byte descriptor: type bits must be 0. */
	put(A_LDT, 0);
	gdt_set(SLOT + 8, 1UL << 40);
	catch_run(load_ldt, (void *)SLOT, &t);
	check_trap(&t, VEC_GP, SLOT, "load: lldt, type in the upper half");
	gdt_set(SLOT + 8, 0x00008000);
	catch_run(load_ldt, (void *)SLOT, &t);
	check_trap(&t, VEC_GP, SLOT, "load: lldt, base not canonical");
	gdt_set(SLOT + 8, 0);
}

/* --- LAR, LSL, VERR, VERW --------------------------------------------------
 */

struct query {
	uint32_t selector;
	uint32_t lar, lsl;
	uint8_t lar_ok, lsl_ok, verr_ok, verw_ok;
};

static USER_DATA struct query q;

#define QUERY                                                                  \
	"mov (%rdi), %ecx; xor %eax, %eax; lar %ecx, %eax; mov %eax, 4(%rdi);" \
	"setz 12(%rdi); xor %eax, %eax; lsl %ecx, %eax; mov %eax, 8(%rdi);"    \
	"setz 13(%rdi); verr %cx; setz 14(%rdi); verw %cx; setz 15(%rdi)"

ASM_FN(k_query, QUERY);
USER_ASM_FN(u_query, QUERY);

/* What the four say of @access for @cpl and @rpl: bits LAR LSL VERR VERW. */
static unsigned int query_expected(unsigned int access, unsigned int cpl,
				   unsigned int rpl)
{
	unsigned int dpl = access >> 5 & 3, type = access & 15;
	bool seen = dpl >= cpl && dpl >= rpl;

	if (!(access & 0x10)) {
		bool lar = type == 2 || type == 9 || type == 11 || type == 12;

		return !seen ? 0 : lar | (lar && type != 12) << 1;
	}
	if ((type & 12) == 12)
		seen = true;
	if (!seen)
		return 0;
	if (type & 8)
		return 3 | (type & 2) << 1;
	return 7 | (type & 2) << 2;
}

static void query_type(unsigned int type)
{
	unsigned int n, got, want = 0;
	struct trap t;
	bool good = true;

	/* DPL, RPL and CPL of 0 and 3 each, present or not. */
	for (n = 0; n < 16 && good; n++) {
		unsigned int dpl = n & 1 ? 3 : 0, rpl = n & 2 ? 3 : 0;
		unsigned int cpl = n & 4 ? 3 : 0;
		unsigned int access = type | dpl << 5 | (n & 8 ? 0 : 0x80);

		put(access, 0x8);
		memset(&q, 0, sizeof(q));
		q.selector = SLOT | rpl;
		if (cpl)
			user_run(u_query, &q, &t);
		else
			catch_run(k_query, &q, &t);
		got = q.lar_ok | q.lsl_ok << 1 | q.verr_ok << 2 |
		      q.verw_ok << 3;
		want = query_expected(access, cpl, rpl);
		good = t.vector == TRAP_NONE && got == want &&
		       (!q.lar_ok ||
			(q.lar & 0xf0ff00) == (access << 8 | 0x800000)) &&
		       (!q.lsl_ok || q.lsl == 0xffffffff);
		if (!good)
			detail("DPL %u RPL %u CPL %u P%u: vector %d got %x "
			       "want %x lar %x lsl %x",
			       dpl, rpl, cpl, !(n & 8), t.vector, got, want,
			       q.lar, q.lsl);
	}
	check(good, "query: LAR LSL VERR VERW of type %02x", type);
}

static void test_queries(void)
{
	struct trap t;
	unsigned int type;

	for (type = 0; type < 32; type++)
		query_type(type);
	memset(&q, 0, sizeof(q));
	q.selector = 3;
	catch_run(k_query, &q, &t);
	check_eq(q.lar_ok | q.lsl_ok | q.verr_ok | q.verw_ok, 0,
		 "query: null selector");
	q.selector = 0x1000;
	catch_run(k_query, &q, &t);
	check_trap(&t, TRAP_NONE, 0, "query: beyond the GDT is no fault");
	check_eq(q.lar_ok | q.lsl_ok | q.verr_ok | q.verw_ok, 0,
		 "query: beyond the GDT");
	gdt_set(SLOT, desc_make(0, 0x12345, 0x93, 0x4));
	q.selector = SLOT;
	catch_run(k_query, &q, &t);
	check_eq(q.lsl, 0x12345, "query: limit in bytes");
	gdt_set(SLOT, desc_make(0, 0x12345, 0x93, 0xc));
	catch_run(k_query, &q, &t);
	check_eq(q.lsl, 0x12345fff, "query: limit in pages");
	gdt_set(SLOT, 0);
}

void test_descriptors(void)
{
	test_loads();
	test_queries();
}
