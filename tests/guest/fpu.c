/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 and SSE state: what instructions leave in it, the memory formats of
 * FNSTENV, FNSAVE and FXSAVE, exceptions, and alignment.
 * Facts: SDM volume 1 chapters 8, 10 and 11, volume 2.
 */
#include "fpu.h"

/* clang-format off */

/* --- x87 basics -------------------------------------------------------------------- */

struct env32 {
	uint32_t cw, sw, tw, fip, fcs, fdp, fds;
	uint8_t st[8][10];
};

struct env16 {
	uint16_t cw, sw, tw, fip, fcs, fdp, fds;
	uint8_t st[8][10];
} __attribute__((packed));

static uint16_t status(void)
{
	uint16_t sw;

	asm volatile("fnstsw %0" : "=a"(sw));
	return sw;
}

static void test_init(void)
{
	struct env32 e;

	asm volatile("fld1; fninit; fnstenv %0; fldenv %0" : "=m"(e));
	check_eq(e.cw & 0xffff, 0x37f, "init: control word");
	check_eq(e.sw & 0xffff, 0, "init: status word");
	check_eq(e.tw & 0xffff, 0xffff, "init: tags");
	check_eq(e.fip, 0, "init: instruction pointer");
}

static void test_stack(void)
{
	struct env32 e;
	uint16_t sw;
	uint8_t nan[10];

	asm volatile("fninit; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1");
	check_eq(status() & 0x3fff, 0, "stack: eight values fit");
	asm volatile("fld1");
	check_eq(status() & 0x3f7f, 0x0241 | 7 << 11, "stack: the ninth does not");
	asm volatile("fstpt %0" : "=m"(nan));
	check_eq(nan[9] << 8 | nan[8], 0xffff, "stack: overflow gives a NaN");
	check_eq(nan[7], 0xc0, "stack: the default one");
	asm volatile("fninit; fstp %st(0)");
	sw = status();
	check_eq(sw & 0x3f7f, 0x0041 | 1 << 11, "stack: underflow");
	asm volatile("fninit; fld1; fldz; ffree %%st(0); fnstenv %0" : "=m"(e));
	check_eq(e.tw & 0xffff, 0x3fff, "stack: ffree empties");
	asm volatile("fninit; fincstp");
	check_eq(status(), 1 << 11, "stack: fincstp");
	asm volatile("fdecstp; fdecstp");
	check_eq(status(), 7 << 11, "stack: fdecstp");
	asm volatile("fninit");
}

static void test_formats(void)
{
	struct env32 a, again;
	struct env16 b;
	ulong at;

	memset(&a, 0xee, sizeof(a));
	asm volatile("fninit; fldpi; fldz; lea 1f(%%rip), %1; 1: fld1; fnsave %0"
		     : "=m"(a), "=r"(at));
	check_eq(a.cw, 0xffff037f, "fnsave: control word and padding");
	check_eq(a.sw, 0xffff0000 | 5 << 11, "fnsave: status word");
	check_eq(a.tw, 0xffff0000 | 0x13ff, "fnsave: tags");
	check_eq(a.fip, at, "fnsave: instruction pointer");
	check_eq(a.fcs >> 16 & 0x7ff, 0x1e8, "fnsave: opcode");
	check_eq(a.st[0][9] << 8 | a.st[0][8], 0x3fff, "fnsave: ST0");
	check_eq(a.st[1][9] << 8 | a.st[1][8], 0, "fnsave: ST1");
	check_eq(a.st[2][9] << 8 | a.st[2][8], 0x4000, "fnsave: ST2");
	check_eq(status(), 0, "fnsave: initializes");
	memset(&b, 0xee, sizeof(b));
	asm volatile("frstor %1; .byte 0x66; fnsave %0" : "=m"(b) : "m"(a));
	check_eq(b.cw, 0x37f, "fnsave16: control word");
	check_eq(b.sw, 5 << 11, "fnsave16: status word");
	check_eq(b.tw, 0x13ff, "fnsave16: tags");
	check_eq(b.fip, at & 0xffff, "fnsave16: instruction pointer");
	check_eq(memcmp(b.st, a.st, sizeof(b.st)), 0, "fnsave16: registers");
	asm volatile(".byte 0x66; frstor %1; fnsave %0" : "=m"(again) : "m"(b));
	check_eq(memcmp(again.st, a.st, sizeof(a.st)), 0, "frstor16: registers");
	check_eq(again.tw, a.tw, "frstor16: tags");

	asm volatile("fninit; push $0x0340; fldcw (%%rsp); pop %%rax; fnstenv %0"
		     : "=m"(a) : : "rax", "memory");
	check_eq(a.cw & 0xffff, 0x340, "fnstenv: stores what was");
	asm volatile("fnstenv %0" : "=m"(again));
	check_eq(again.cw & 0x3f, 0x3f, "fnstenv: then masks everything");
	a.sw |= 0x4100;
	asm volatile("fldenv %0" : : "m"(a));
	check_eq(status() & 0x4700, 0x4100, "fldenv: status");
	asm volatile("fninit");
}

static void test_values(void)
{
	static const struct {
		const char *name;
		uint64_t mantissa;
		uint16_t exponent;
		uint16_t want; /* of C3, C2, C0 */
	} classes[] = {
		{"zero", 0, 0, 0x4000},
		{"minus zero", 0, 0x8000, 0x4200},
		{"one", 1ULL << 63, 0x3fff, 0x0400},
		{"infinity", 1ULL << 63, 0x7fff, 0x0500},
		{"quiet NaN", 3ULL << 62, 0x7fff, 0x0100},
		{"denormal", 1, 0, 0x4400},
		{"pseudo-infinity", 0, 0x7fff, 0x0000},
		{"unnormal", 1, 0x3fff, 0x0000},
	};
	struct {
		uint64_t mantissa;
		uint16_t exponent;
	} __attribute__((packed)) v;
	static const struct {
		uint16_t rc;
		int16_t plus, minus;
	} rounding[] = {{0x37f, 2, -2}, {0x77f, 2, -3}, {0xb7f, 3, -2},
			{0xf7f, 2, -2}};
	static const double plus = 2.5, minus = -2.5;
	unsigned int i;
	int16_t r;
	int32_t big;
	uint16_t sw;
	uint8_t bcd[10];

	for (i = 0; i < ARRAY_SIZE(classes); i++) {
		v.mantissa = classes[i].mantissa;
		v.exponent = classes[i].exponent;
		asm volatile("fninit; fldt %1; fxam; fnstsw %0"
			     : "=a"(sw) : "m"(v));
		check_eq(sw & 0x4700, classes[i].want, "fxam: %s",
			 classes[i].name);
	}
	asm volatile("fninit; fxam; fnstsw %0" : "=a"(sw));
	check_eq(sw & 0x4500, 0x4100, "fxam: empty");
	for (i = 0; i < ARRAY_SIZE(rounding); i++) {
		asm volatile("fninit; fldcw %1; fldl %2; fistps %0"
			     : "=m"(r) : "m"(rounding[i].rc), "m"(plus));
		check_eq(r, rounding[i].plus, "round: 2.5, mode %u", i);
		asm volatile("fninit; fldcw %1; fldl %2; fistps %0"
			     : "=m"(r) : "m"(rounding[i].rc), "m"(minus));
		check_eq((uint16_t)r, (uint16_t)rounding[i].minus,
			 "round: -2.5, mode %u", i);
	}
	asm volatile("fninit; fldpi; fldpi; fscale; fscale; fscale; fscale;"
		     "fscale; fscale; fscale; fscale; fscale; fscale; fscale;"
		     "fistpl %0; fnstsw %1" : "=m"(big), "=a"(sw));
	check_eq((uint32_t)big, 0x80000000, "fist: does not fit");
	check_eq(sw & 1, 1, "fist: does not fit, IE");
	asm volatile("fninit; fld1; fchs; fsqrt; fnstsw %0" : "=a"(sw));
	check_eq(sw & 0x7f, 1, "fsqrt: of -1, IE");
	asm volatile("fninit; fld1; fldz; fdivrp; fnstsw %0; fninit" : "=a"(sw));
	check(sw & 4 || !(sw & 0x7b), "fdivr: ZE or exact");
	asm volatile("fninit; push $123456; fildl (%%rsp); fchs; pop %%rax;"
		     "fbstp %0" : "=m"(bcd) : : "rax", "memory");
	check_eq(bcd[0] | bcd[1] << 8 | bcd[2] << 16, 0x123456, "fbstp: digits");
	check_eq(bcd[9], 0x80, "fbstp: sign");
	asm volatile("fninit; fldz; fldz; fdivp; fld1; fucomip %%st(1), %%st;"
		     "pushf; pop %%rax; and $0x45, %%eax; mov %%ax, %0; fninit"
		     : "=m"(sw) : : "rax", "memory", "cc");
	check_eq(sw, 0x45, "fucomip: unordered");
	asm volatile("fninit");
}

/* --- x87 exceptions ------------------------------------------------------------------- */

#define UNMASK(bits) "fninit; push $" #bits "; fldcw (%rsp); pop %rax;"

ASM_FN(mf_zero, UNMASK(0x37b) "fldz; fld1; fdiv %st(1), %st; mf_at: fwait");
ASM_FN(mf_invalid, UNMASK(0x37e) "fldz; fldz; fdivp; fld1");
ASM_FN(mf_stack, UNMASK(0x37e) "fstp %st(0); fld1");
ASM_FN(mf_inexact, UNMASK(0x35f) "fldpi; fsqrt; fld1");
ASM_FN(mf_no_wait, UNMASK(0x37b) "fldz; fld1; fdiv %st(1), %st; fnstsw %ax;"
       "fnclex; fwait; test $0x80, %al; jnz 1f; ud2; 1: fninit");
ASM_FN(mf_fninit, UNMASK(0x37b) "fldz; fld1; fdiv %st(1), %st; fninit; fwait");
ASM_FN(mf_mmx, UNMASK(0x37b) "fldz; fld1; fdiv %st(1), %st;"
       ".byte 0x0f, 0xef, 0xc0");
ASM_FN(mf_by_cw, "fninit; fldz; fld1; fdiv %st(1), %st; push $0x37b;"
       "fldcw (%rsp); pop %rax; fwait");
extern char mf_at[];

static void test_mf(void)
{
	static const struct {
		const char *name;
		test_fn fn;
		int vector;
	} cases[] = {
		{"division by 0 at fwait", mf_zero, VEC_MF},
		{"invalid at the next one", mf_invalid, VEC_MF},
		{"empty stack", mf_stack, VEC_MF},
		{"inexact", mf_inexact, VEC_MF},
		{"fnstsw and fnclex do not wait", mf_no_wait, TRAP_NONE},
		{"fninit forgets it", mf_fninit, TRAP_NONE},
		{"MMX waits", mf_mmx, VEC_MF},
		{"unmasked later", mf_by_cw, VEC_MF},
	};
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		catch_run(cases[i].fn, NULL, &t);
		asm volatile("fninit");
		check_trap(&t, cases[i].vector, 0, "mf: %s", cases[i].name);
	}
	catch_run(mf_zero, NULL, &t);
	asm volatile("fninit");
	check_eq(t.ip, (ulong)mf_at, "mf: comes at the waiting instruction");
}

/* --- MMX --------------------------------------------------------------------------------- */

static void test_mmx(void)
{
	struct env32 e;
	uint64_t v = 0x1122334455667788, r;

	asm volatile("fninit; fld1; movq %2, %%mm3; movq %%mm3, %1; fnsave %0"
		     : "=m"(e), "=m"(r) : "m"(v));
	check_eq(r, v, "mmx: value");
	check_eq(e.tw & 0xffff & 0x00c0, 0x0080, "mmx: tag of the register");
	check_eq(e.sw & 0x3800, 0, "mmx: top is 0");
	check_eq(e.st[3][9] << 8 | e.st[3][8], 0xffff, "mmx: exponent all ones");
	asm volatile("movq %1, %%mm0; emms; fnstenv %0; fninit" : "=m"(e) : "m"(v));
	check_eq(e.tw & 0xffff, 0xffff, "mmx: emms empties");
}

/* --- SSE exceptions --------------------------------------------------------------------- */

static const float sse_one[4] __attribute__((aligned(16))) = {1, 1, 1, 1};
static const float sse_three[4] __attribute__((aligned(16))) = {3, 3, 3, 3};
static const float sse_zero[4] __attribute__((aligned(16)));
static const float sse_minus[4] __attribute__((aligned(16))) = {-1, 1, 1, 1};
static const uint32_t sse_huge[4] __attribute__((aligned(16))) = {
	0x7f7fffff, 0x3f800000, 0x3f800000, 0x3f800000};
static const uint32_t sse_tiny[4] __attribute__((aligned(16))) = {
	0x00800000, 0x3f800000, 0x3f800000, 0x3f800000};
static const uint32_t sse_denormal[4] __attribute__((aligned(16))) = {
	0x00000001, 0x3f800000, 0x3f800000, 0x3f800000};

struct sse_case {
	const char *name;
	const void *a, *b;
	unsigned int op; /* 0 div, 1 add, 2 mul, 3 sqrt of b */
	uint32_t flag;
};

struct sse_run {
	const struct sse_case *c;
	uint32_t mxcsr;
	uint32_t result[4];
};

static void sse_op(void *p)
{
	struct sse_run *r = p;

	asm volatile("ldmxcsr %1; movaps (%2), %%xmm0; movaps (%3), %%xmm1;"
		     "cmp $1, %4; jb 1f; je 2f; cmp $2, %4; je 3f;"
		     "sqrtps %%xmm1, %%xmm0; jmp 4f; 1: divps %%xmm1, %%xmm0;"
		     "jmp 4f; 2: addps %%xmm1, %%xmm0; jmp 4f;"
		     "3: mulps %%xmm1, %%xmm0; 4: movups %%xmm0, %0"
		     : "=m"(r->result)
		     : "m"(r->mxcsr), "r"(r->c->a), "r"(r->c->b), "r"(r->c->op)
		     : "memory", "cc");
}

static uint32_t stmxcsr(void)
{
	uint32_t v;

	asm volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static void ldmxcsr(uint32_t v)
{
	asm volatile("ldmxcsr %0" : : "m"(v));
}

static void ldmxcsr_fn(void *p)
{
	ldmxcsr((uint32_t)(ulong)p);
}

static void test_xm(void)
{
	static const struct sse_case cases[] = {
		{"invalid", sse_zero, sse_zero, 0, 0x01},
		{"invalid root", sse_one, sse_minus, 3, 0x01},
		{"denormal", sse_one, sse_denormal, 1, 0x02},
		{"division by 0", sse_one, sse_zero, 0, 0x04},
		{"overflow", sse_huge, sse_huge, 2, 0x08},
		{"underflow", sse_tiny, sse_tiny, 2, 0x10},
		{"inexact", sse_one, sse_three, 0, 0x20},
	};
	struct sse_run r;
	uint32_t before[4], after[4];
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct sse_case *c = &cases[i];

		r.c = c;
		r.mxcsr = 0x1f80;
		catch_run(sse_op, &r, &t);
		check_trap(&t, TRAP_NONE, 0, "xm: %s, masked", c->name);
		check_eq(stmxcsr() & c->flag, c->flag, "xm: %s, flag", c->name);
		r.mxcsr = 0x1f80 & ~(c->flag << 7);
		catch_run(sse_op, &r, &t);
		check_trap(&t, VEC_XM, 0, "xm: %s, unmasked", c->name);
		check_eq(stmxcsr() & c->flag, c->flag, "xm: %s, unmasked, flag",
			 c->name);
		asm volatile("movups %%xmm0, %0" : "=m"(after));
		memcpy(before, c->a, 16);
		check_eq(memcmp(before, after, 16), 0,
			 "xm: %s, unmasked, nothing written", c->name);
		write_cr4(read_cr4() & ~CR4_OSXMMEXCPT);
		catch_run(sse_op, &r, &t);
		write_cr4(read_cr4() | CR4_OSXMMEXCPT);
		check_trap(&t, VEC_UD, 0, "xm: %s, OSXMMEXCPT=0", c->name);
	}
	/* A flag that is already there raises nothing by itself. */
	r.c = &(const struct sse_case){"", sse_one, sse_one, 1, 0};
	r.mxcsr = 0x0001;
	catch_run(sse_op, &r, &t);
	check_trap(&t, TRAP_NONE, 0, "xm: an old flag, unmasked");
	/* Denormals are zeroes, flush to zero. */
	r.c = &(const struct sse_case){"", sse_zero, sse_denormal, 1, 0};
	r.mxcsr = 0x1fc0;
	catch_run(sse_op, &r, &t);
	check_eq(r.result[0], 0, "mxcsr: DAZ");
	check_eq(stmxcsr() & 2, 0, "mxcsr: DAZ, no denormal flag");
	r.c = &cases[5];
	r.mxcsr = 0x9f80;
	catch_run(sse_op, &r, &t);
	check_eq(r.result[0], 0, "mxcsr: FTZ");
	ldmxcsr(0x1f80);
	catch_run(ldmxcsr_fn, (void *)0x11f80, &t);
	check_trap(&t, VEC_GP, 0, "mxcsr: reserved bit 16");
	catch_run(ldmxcsr_fn, (void *)0x80001f80, &t);
	check_trap(&t, VEC_GP, 0, "mxcsr: reserved bit 31");
	check_eq(stmxcsr(), 0x1f80, "mxcsr: unchanged by them");
}

/* --- alignment ------------------------------------------------------------------------------ */

uint8_t fpu_area[1024] __attribute__((aligned(64)));

ASM_FN(al_movaps, "movaps (%rdi), %xmm0");
ASM_FN(al_movaps_st, "movaps %xmm0, (%rdi)");
ASM_FN(al_movups, "movups (%rdi), %xmm0");
ASM_FN(al_movdqa, "movdqa (%rdi), %xmm0");
ASM_FN(al_movdqu, "movdqu %xmm0, (%rdi)");
ASM_FN(al_addps, "addps (%rdi), %xmm0");
ASM_FN(al_paddd, "paddd (%rdi), %xmm0");
ASM_FN(al_movntps, "movntps %xmm0, (%rdi)");
ASM_FN(al_addss, "addss (%rdi), %xmm0");
ASM_FN(al_movlps, "movlps (%rdi), %xmm0");
ASM_FN(al_unpcklps, "unpcklps (%rdi), %xmm0");
ASM_FN(al_lddqu, "lddqu (%rdi), %xmm0");
ASM_FN(al_fxsave, "fxsave (%rdi)");
ASM_FN(al_fxrstor, "fxrstor (%rdi)");
ASM_FN(al_cmpxchg16b, "push %rbx; lock cmpxchg16b (%rdi); pop %rbx");
ASM_FN(al_fldt, "fninit; fldt (%rdi); fninit");
ASM_FN(al_mmx, "paddd (%rdi), %mm0; emms");

static void test_alignment(void)
{
	static const struct {
		const char *name;
		test_fn fn;
		bool strict;
	} cases[] = {
		{"movaps load", al_movaps, true},
		{"movaps store", al_movaps_st, true},
		{"movups", al_movups, false},
		{"movdqa", al_movdqa, true},
		{"movdqu", al_movdqu, false},
		{"addps", al_addps, true},
		{"paddd", al_paddd, true},
		{"movntps", al_movntps, true},
		{"addss", al_addss, false},
		{"movlps", al_movlps, false},
		{"unpcklps", al_unpcklps, true},
		{"lddqu", al_lddqu, false},
		{"fxsave", al_fxsave, true},
		{"fxrstor", al_fxrstor, true},
		{"cmpxchg16b", al_cmpxchg16b, true},
		{"fldt", al_fldt, false},
		{"paddd of MMX", al_mmx, false},
	};
	struct trap t;
	unsigned int i;

	memset(fpu_area, 0, sizeof(fpu_area));
	asm volatile("fxsave %0" : "=m"(fpu_area));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		catch_run(cases[i].fn, fpu_area, &t);
		check_trap(&t, TRAP_NONE, 0, "align: %s, aligned",
			   cases[i].name);
		asm volatile("fninit; fxsave %0" : "=m"(fpu_area));
		catch_run(cases[i].fn, fpu_area + 8, &t);
		check_trap(&t, cases[i].strict ? VEC_GP : TRAP_NONE, 0,
			   "align: %s, by 8", cases[i].name);
	}
	asm volatile("fninit");
	ldmxcsr(0x1f80);
}

/* --- FXSAVE ----------------------------------------------------------------------------------- */

static void fxrstor(void *p)
{
	asm volatile("fxrstor (%0)" : : "r"(p) : "memory");
}

static void test_fxsave(void)
{
	static const uint8_t xmm[16] = {1, 2, 3, 4, 5, 6, 7, 8,
					9, 10, 11, 12, 13, 14, 15, 16};
	uint8_t *a = fpu_area;
	struct trap t;
	uint32_t mask;

	memset(a, 0xee, 512);
	asm volatile("fninit; fld1; fldpi; movups %1, %%xmm0;"
		     "movups %1, %%xmm15; fxsave64 %0"
		     : "=m"(fpu_area) : "m"(xmm));
	check_eq(a[0] | a[1] << 8, 0x37f, "fxsave: control word");
	check_eq(a[2] | a[3] << 8, 6 << 11, "fxsave: status word");
	check_eq(a[4], 0xc0, "fxsave: tags in one byte");
	check_eq(*(uint32_t *)(a + 24), 0x1f80, "fxsave: MXCSR");
	mask = *(uint32_t *)(a + 28);
	check_eq(mask & 0xffbf, 0xffbf, "fxsave: MXCSR mask");
	check_eq(a[32 + 9] << 8 | a[32 + 8], 0x4000, "fxsave: ST0");
	check_eq(a[48 + 9] << 8 | a[48 + 8], 0x3fff, "fxsave: ST1");
	check_eq(memcmp(a + 160, xmm, 16), 0, "fxsave: XMM0");
	check_eq(memcmp(a + 400, xmm, 16), 0, "fxsave: XMM15");
	check_eq(a[464] | a[511] << 8, 0xeeee, "fxsave: leaves the last bytes");
	asm volatile("fninit; xorps %xmm0, %xmm0; xorps %xmm15, %xmm15");
	fxrstor(a);
	check_eq(status(), 6 << 11, "fxrstor: status word");
	memset(a + 512, 0, 512);
	asm volatile("movups %%xmm15, %0; fstpt %1"
		     : "=m"(*(uint8_t(*)[16])(a + 512)),
		       "=m"(*(uint8_t(*)[10])(a + 528)));
	check_eq(memcmp(a + 512, xmm, 16), 0, "fxrstor: XMM15");
	check_eq(a[528 + 9] << 8 | a[528 + 8], 0x4000, "fxrstor: ST0");
	*(uint32_t *)(a + 24) = 0x1f80 | 1U << 20;
	catch_run(fxrstor, a, &t);
	check_trap(&t, VEC_GP, 0, "fxrstor: reserved bit of MXCSR");
	asm volatile("fninit");
	ldmxcsr(0x1f80);
}

/* clang-format on */

int main(void)
{
	write_cr0((read_cr0() | CR0_MP) & ~(CR0_EM | CR0_TS));
	ldmxcsr(0x1f80);
	test_init();
	test_stack();
	test_formats();
	test_values();
	test_mf();
	test_mmx();
	test_xm();
	test_alignment();
	test_fxsave();
	test_xsave();
	test_avx();
	return 0;
}
