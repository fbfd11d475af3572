/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Native execution alone: the stub generator against the same instruction
 * compiled in, the limits of the code area, host exceptions, and the C
 * handlers' corners. Memory is the test's own (guest address = host address);
 * the rest of the engine is replaced below.
 */
#include "native_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct soft_vp *vp;
static struct soft_partition partition;
static struct tlb_entry tlb[TLB_ENTRIES];

/* ---- the rest of the engine ---- */

_Noreturn void base_bug(const char *file, int line, const char *what)
{
	print_error("%s:%d: %s\n", file, line, what);
	abort();
}

_Noreturn void soft_raise(struct soft_vp *v, uint8_t vector)
{
	v->fault.vector = vector;
	longjmp(v->fault_jmp, 1);
}

_Noreturn void soft_raise_error(struct soft_vp *v, uint8_t vector, uint32_t err)
{
	v->fault.error = err;
	soft_raise(v, vector);
}

uint64_t seg_linear_checked(struct soft_vp *v, unsigned int seg, uint64_t off,
			    unsigned int size, bool write)
{
	return off;
}

uint64_t insn_linear_slow(struct soft_vp *v, const struct insn *in,
			  unsigned int size, bool write)
{
	return seg_linear(v, in->seg, insn_ea(v, in), size, write);
}

void mem_read_slow(struct soft_vp *v, uint64_t lin, void *buf,
		   unsigned int size)
{
	mem_read(v, lin, buf, size);
}

void mem_write_slow(struct soft_vp *v, uint64_t lin, const void *buf,
		    unsigned int size)
{
	mem_write(v, lin, buf, size);
}

/* Addresses below 4096 fault. */
void mem_probe(struct soft_vp *v, uint64_t lin, enum mem_access access,
	       unsigned int size)
{
	if (lin < 4096)
		soft_raise_error(v, X86_PF, 0);
}

void mem_read(struct soft_vp *v, uint64_t lin, void *buf, unsigned int size)
{
	mem_probe(v, lin, MEM_READ, size);
	memcpy(buf, (const void *)(uintptr_t)lin, size);
}

void mem_write(struct soft_vp *v, uint64_t lin, const void *buf,
	       unsigned int size)
{
	mem_probe(v, lin, MEM_WRITE, size);
	memcpy((void *)(uintptr_t)lin, buf, size);
}

/* ---- running ---- */

#define NO_FAULT 255u

/* Behind the instruction: handlers start each other. */
static void end_of_block(struct soft_vp *v, const struct insn *in)
{
}

/* Decode and execute one instruction; returns the vector raised. */
static unsigned int run_mode(const uint8_t *code, enum decode_mode mode)
{
	struct insn in[2] = {{0}, {.fn = end_of_block}};
	int len = insn_decode(in, code, 15, mode);

	assert_true(len > 0);
	in->fn = bind_native(vp, in);
	assert_non_null(in->fn);
	vp->in = in;
	vp->hv.regs.rip = 0x1000 + (unsigned int)len;
	if (setjmp(vp->fault_jmp))
		return vp->fault.vector;
	in->fn(vp, in);
	return NO_FAULT;
}

static unsigned int run(const uint8_t *code)
{
	return run_mode(code, DECODE_64);
}

static int setup(void **state)
{
	vp = aligned_alloc(64, (sizeof(*vp) + 63) & ~63ul);
	assert_non_null(vp);
	memset(vp, 0, sizeof(*vp));
	for (unsigned int i = 0; i < TLB_ENTRIES; i++)
		tlb[i].read = tlb[i].write = tlb[i].exec = TLB_NONE;
	vp->tlb = tlb;
	vp->flags = 0x0200;
	vp->mode = SOFT_MODE_64 | SOFT_MODE_FLAT | SOFT_MODE_SSE_OK |
		   SOFT_MODE_AVX_OK;
	vp->hv.regs.cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
	vp->hv.regs.xcr0 = XSTATE_ALL;
	soft_fpu_reset(&vp->hv.regs);
	return 0;
}

static int teardown(void **state)
{
	free(vp);
	return 0;
}

static void fill_vectors(void)
{
	srand(1);
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int b = 0; b < 16; b++) {
			fpu_xmm(vp, i)[b] = (uint8_t)rand();
			fpu_ymm_hi(vp, i)[b] = (uint8_t)rand();
		}
}

/* The bytes of an instruction assembled here, for the decoder. */
#define CODE(name, text)                                                       \
	extern const uint8_t name[];                                           \
	__asm__(".pushsection .rodata\n" #name ":\n\t" text                    \
		"\n\t.skip 16, 0x90\n.popsection")

/* ---- against the compiled-in instruction ---- */

/*
 * VEC_CASE(fn, text, text with %0-%2): XMM3 and XMM12 are the operands of the
 * first, %0 (in and out) and %1 of the second.
 */
#define VEC_CASE(fn, text, inline_text)                                        \
	CODE(code_##fn, text);                                                 \
	static void fn(void **state)                                           \
	{                                                                      \
		__m128i a, b;                                                  \
                                                                               \
		fill_vectors();                                                \
		a = load128(fpu_xmm(vp, 3));                                   \
		b = load128(fpu_xmm(vp, 12));                                  \
		assert_int_equal(run(code_##fn), NO_FAULT);                    \
		__asm__(inline_text : "+x"(a) : "x"(b));                       \
		assert_memory_equal(fpu_xmm(vp, 3), &a, 16);                   \
	}

VEC_CASE(test_paddb, "paddb %xmm12, %xmm3", "paddb %1, %0")
VEC_CASE(test_pshufd, "pshufd $0x1b, %xmm12, %xmm3", "pshufd $0x1b, %1, %0")
VEC_CASE(test_shufps, "shufps $0x93, %xmm12, %xmm3", "shufps $0x93, %1, %0")
VEC_CASE(test_mulps, "mulps %xmm12, %xmm3", "mulps %1, %0")
VEC_CASE(test_sqrtsd, "sqrtsd %xmm12, %xmm3", "sqrtsd %1, %0")
VEC_CASE(test_movss_rr, "movss %xmm12, %xmm3", "movss %1, %0")
VEC_CASE(test_psllw_imm, "psllw $3, %xmm3", "psllw $3, %0")
VEC_CASE(test_psadbw, "psadbw %xmm12, %xmm3", "psadbw %1, %0")
VEC_CASE(test_pandn, "pandn %xmm12, %xmm3", "pandn %1, %0")
VEC_CASE(test_movlhps, "movlhps %xmm12, %xmm3", "movlhps %1, %0")

CODE(code_vaddpd, "vaddpd %ymm12, %ymm5, %ymm3");
CODE(code_vpxor128, "vpxor %xmm12, %xmm5, %xmm3");

static void test_vex_lengths(void **state)
{
	double a[4], b[4], sum[4], got[4];

	if (!soft_host_has(IF_AVX))
		skip();
	for (unsigned int i = 0; i < 4; i++) {
		a[i] = 1.0 / 7 * i;
		b[i] = 1e9 / (i + 3);
		sum[i] = a[i] + b[i];
	}
	memcpy(fpu_xmm(vp, 12), a, 16);
	memcpy(fpu_ymm_hi(vp, 12), a + 2, 16);
	memcpy(fpu_xmm(vp, 5), b, 16);
	memcpy(fpu_ymm_hi(vp, 5), b + 2, 16);
	assert_int_equal(run(code_vaddpd), NO_FAULT);
	memcpy(got, fpu_xmm(vp, 3), 16);
	memcpy(got + 2, fpu_ymm_hi(vp, 3), 16);
	assert_memory_equal(got, sum, sizeof(sum));
	assert_int_equal(fpu_legacy(vp)->mxcsr & 0x20, 0x20);

	/* VEX.128 clears what is above, legacy keeps it. */
	assert_int_equal(run(code_test_paddb), NO_FAULT);
	assert_memory_equal(fpu_ymm_hi(vp, 3), sum + 2, 16);
	assert_int_equal(run(code_vpxor128), NO_FAULT);
	memset(got, 0, sizeof(got));
	assert_memory_equal(fpu_ymm_hi(vp, 3), got, 16);
}

CODE(code_cvtsi2sd, "cvtsi2sd %r13, %xmm9");
CODE(code_cvttsd2si, "cvttsd2si %xmm9, %ebp");
CODE(code_pcmpestri, "pcmpestri $0x0c, %xmm12, %xmm3");
CODE(code_mulx, "mulx %r15, %rax, %rbx");
CODE(code_adcx, "adcx %r9, %rsi");
CODE(code_comisd, "comisd %xmm12, %xmm3");

static void test_general_registers(void **state)
{
	uint64_t *gpr = vp->hv.regs.gpr;
	double d = -77.0;

	gpr[X86_R13] = (uint64_t)-77;
	assert_int_equal(run(code_cvtsi2sd), NO_FAULT);
	assert_memory_equal(fpu_xmm(vp, 9), &d, 8);
	gpr[X86_RBP] = UINT64_MAX;
	assert_int_equal(run(code_cvttsd2si), NO_FAULT);
	assert_int_equal(gpr[X86_RBP], (uint32_t)-77);

	memcpy(fpu_xmm(vp, 3), "needle..........", 16);
	memcpy(fpu_xmm(vp, 12), "a hay needle hay", 16);
	gpr[X86_RAX] = 6;
	gpr[X86_RDX] = 16;
	assert_int_equal(run(code_pcmpestri), NO_FAULT);
	assert_int_equal(gpr[X86_RCX], 6);
	assert_int_equal(vp->flags & FLAG_CF, FLAG_CF);
}

static void test_flags(void **state)
{
	uint64_t *gpr = vp->hv.regs.gpr;
	double one = 1.0, two = 2.0;

	if (soft_host_has(IF_BMI2)) {
		gpr[X86_RDX] = UINT64_C(1) << 63;
		gpr[X86_R15] = 6;
		assert_int_equal(run(code_mulx), NO_FAULT);
		assert_int_equal(gpr[X86_RBX], 3);
		assert_int_equal(gpr[X86_RAX], 0);
	}
	if (soft_host_has(IF_ADX)) {
		gpr[X86_R9] = UINT64_MAX;
		gpr[X86_RSI] = 0;
		vp->flags = 0x0200 | FLAG_CF | FLAG_OF | FLAG_SF;
		assert_int_equal(run(code_adcx), NO_FAULT);
		assert_int_equal(gpr[X86_RSI], 0);
		assert_int_equal(vp->flags & ~0x0200,
				 FLAG_CF | FLAG_OF | FLAG_SF);
	}
	memcpy(fpu_xmm(vp, 3), &one, 8);
	memcpy(fpu_xmm(vp, 12), &two, 8);
	vp->flags = 0x0200 | FLAG_OF | FLAG_SF | FLAG_AF;
	assert_int_equal(run(code_comisd), NO_FAULT);
	assert_int_equal(vp->flags & ~0x0200, FLAG_CF);
}

/* ---- memory ---- */

CODE(code_addps_mem, "addps 16(%rax,%rcx,2), %xmm3");
CODE(code_movups_store, "movups %xmm3, 1(%rax)");
CODE(code_movaps_load, "movaps (%rax), %xmm3");
CODE(code_vmovapd_load, "vmovapd (%rax), %ymm3");
CODE(code_pextrb, "pextrb $5, %xmm3, (%rax)");
CODE(code_vcvtps2ph, "vcvtps2ph $0, %ymm3, (%rax)");

static void test_memory(void **state)
{
	static uint8_t buf[128] __attribute__((aligned(64)));
	float ones[4] = {1, 1, 1, 1}, got[4];
	uint64_t *gpr = vp->hv.regs.gpr;

	memcpy(buf + 32, ones, 16);
	memcpy(fpu_xmm(vp, 3), ones, 16);
	gpr[X86_RAX] = (uintptr_t)buf;
	gpr[X86_RCX] = 8;
	assert_int_equal(run(code_addps_mem), NO_FAULT);
	memcpy(got, fpu_xmm(vp, 3), 16);
	assert_true(got[0] == 2 && got[3] == 2);
	gpr[X86_RCX] = 7;
	assert_int_equal(run(code_addps_mem), X86_GP);

	assert_int_equal(run(code_movups_store), NO_FAULT);
	assert_memory_equal(buf + 1, got, 16);
	assert_int_equal(run(code_movaps_load), NO_FAULT);
	assert_memory_equal(fpu_xmm(vp, 3), buf, 16);
	gpr[X86_RAX] += 16;
	if (soft_host_has(IF_AVX))
		assert_int_equal(run(code_vmovapd_load), X86_GP);
	gpr[X86_RAX] = 16;
	assert_int_equal(run(code_movaps_load), X86_PF);
	assert_int_equal(run(code_pextrb), X86_PF);
}

/* A store that faults leaves MXCSR alone; one that succeeds does not. */
static void test_store_order(void **state)
{
	static uint8_t buf[16];
	float inexact[4] = {1.0001f, 1, 1, 1};

	if (!soft_host_has(IF_F16C))
		skip();
	memcpy(fpu_xmm(vp, 3), inexact, 16);
	vp->hv.regs.gpr[X86_RAX] = 8;
	assert_int_equal(run(code_vcvtps2ph), X86_PF);
	assert_int_equal(fpu_legacy(vp)->mxcsr, X86_MXCSR_INIT);
	vp->hv.regs.gpr[X86_RAX] = (uintptr_t)buf;
	assert_int_equal(run(code_vcvtps2ph), NO_FAULT);
	assert_int_equal(fpu_legacy(vp)->mxcsr, X86_MXCSR_INIT | 0x20);
	assert_int_equal(buf[1], 0x3c);
}

/* ---- host exceptions ---- */

CODE(code_divss, "divss %xmm12, %xmm3");

static void test_sigfpe(void **state)
{
	float one = 1, got;

	/* cmocka has taken SIGFPE from us: take it back. */
	soft_native_fini(&partition);
	assert_int_equal(soft_native_init(&partition), 0);
	memcpy(fpu_xmm(vp, 3), &one, 4);
	fpu_legacy(vp)->mxcsr = X86_MXCSR_INIT & ~0x200u; /* ZM clear */
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(run(code_divss), X86_XM);
		assert_int_equal(fpu_legacy(vp)->mxcsr, 0x1d84);
		memcpy(&got, fpu_xmm(vp, 3), 4);
		assert_true(got == 1);
	}
	assert_int_equal(_mm_getcsr() & ~0x3fu, X86_MXCSR_INIT);
	vp->hv.regs.cr4 &= ~X86_CR4_OSXMMEXCPT;
	assert_int_equal(run(code_divss), X86_UD);
}

/* ---- x87 and MMX ---- */

CODE(code_fldpi, "fldpi");
CODE(code_fsin, "fsin");
CODE(code_fstp64, "fstpl (%rax)");
CODE(code_fld1, "fld1");
CODE(code_fldz, "fldz");
CODE(code_fdivp, "fdivrp %st, %st(1)");
CODE(code_fcomi, "fcomi %st(1), %st");
CODE(code_fnstenv, "fnstenv (%rax)");
CODE(code_fldcw, "fldcw (%rax)");
CODE(code_fnstsw, "fnstsw %ax");
CODE(code_fwait, "fwait");
CODE(code_fnclex, "fnclex");

static void test_x87(void **state)
{
	double out, expect;

	vp->hv.regs.gpr[X86_RAX] = (uintptr_t)&out;
	assert_int_equal(run(code_fldpi), NO_FAULT);
	assert_int_equal(run(code_fsin), NO_FAULT);
	assert_int_equal(run(code_fstp64), NO_FAULT);
	__asm__("fldpi; fsin; fstpl %0" : "=m"(expect));
	assert_memory_equal(&out, &expect, 8);
	assert_int_equal(fpu_legacy(vp)->ftw, 0);
	assert_int_equal(fpu_legacy(vp)->fip, 0x1000);
	assert_int_equal(fpu_legacy(vp)->fdp, (uintptr_t)&out);

	assert_int_equal(run(code_fldz), NO_FAULT);
	assert_int_equal(run(code_fld1), NO_FAULT);
	vp->flags = 0x0200 | FLAG_CF;
	assert_int_equal(run(code_fcomi), NO_FAULT);
	assert_int_equal(vp->flags & (FLAG_CF | FLAG_ZF | FLAG_PF), 0);
}

static void test_x87_exception(void **state)
{
	uint16_t fcw = X86_FCW_INIT & ~4; /* ZM clear */
	uint64_t *gpr = vp->hv.regs.gpr;

	gpr[X86_RAX] = (uintptr_t)&fcw;
	assert_int_equal(run(code_fldcw), NO_FAULT);
	assert_int_equal(run(code_fld1), NO_FAULT);
	assert_int_equal(run(code_fldz), NO_FAULT);
	assert_int_equal(run(code_fdivp), NO_FAULT); /* 1 / 0: pending */
	gpr[X86_RAX] = UINT64_MAX;
	assert_int_equal(run(code_fnstsw), NO_FAULT);
	assert_int_equal(gpr[X86_RAX] & 0x84, 0x84);
	assert_int_equal(gpr[X86_RAX] >> 16, UINT64_MAX >> 16);
	assert_int_equal(run(code_fwait), X86_MF);
	assert_int_equal(run(code_fld1), X86_MF);
	assert_int_equal(run(code_fnclex), NO_FAULT);
	assert_int_equal(run(code_fwait), NO_FAULT);
}

static void test_x87_blocked(void **state)
{
	vp->mode |= SOFT_MODE_FPU_NM | SOFT_MODE_TS;
	assert_int_equal(run(code_fld1), X86_NM);
	assert_int_equal(run(code_test_paddb), X86_NM);
	vp->mode &= ~SOFT_MODE_SSE_OK;
	assert_int_equal(run(code_test_paddb), X86_UD);
	vp->hv.regs.cr0 = X86_CR0_MP | X86_CR0_TS;
	assert_int_equal(run(code_fwait), X86_NM);
}

CODE(code_mmx_load, "movq (%rax), %mm3");
CODE(code_mmx_add, "paddb %mm3, %mm5");
CODE(code_mmx_out, "movd %mm5, %ebx");
CODE(code_emms, "emms");

static void test_mmx(void **state)
{
	uint64_t v = UINT64_C(0x0102030405060708);

	assert_int_equal(run(code_fldpi), NO_FAULT); /* TOP is 7 */
	vp->hv.regs.gpr[X86_RAX] = (uintptr_t)&v;
	assert_int_equal(run(code_mmx_load), NO_FAULT);
	assert_int_equal(fpu_legacy(vp)->fsw & 0x3800, 0);
	assert_int_equal(fpu_legacy(vp)->ftw, 0xff);
	assert_memory_equal(fpu_legacy(vp)->st[3], &v, 8);
	assert_int_equal(fpu_legacy(vp)->st[3][9], 0xff);
	/* Pi was in physical register 7 and stays there. */
	assert_int_equal(fpu_legacy(vp)->st[7][9], 0x40);
	assert_int_equal(run(code_mmx_add), NO_FAULT);
	assert_int_equal(run(code_mmx_out), NO_FAULT);
	assert_int_equal(vp->hv.regs.gpr[X86_RBX], 0x05060708);
	assert_int_equal(run(code_emms), NO_FAULT);
	assert_int_equal(fpu_legacy(vp)->ftw, 0);
}

/* ---- state images ---- */

CODE(code_fxsave, "fxsave64 (%rdi)");
CODE(code_fxrstor, "fxrstor64 (%rdi)");
CODE(code_xsave, "xsave64 (%rdi)");
CODE(code_xsavec, "xsavec64 (%rdi)");
CODE(code_xrstor, "xrstor64 (%rdi)");
CODE(code_ldmxcsr, "ldmxcsr (%rdi)");

static void test_fxsave(void **state)
{
	static struct fpu_legacy image __attribute__((aligned(16)));
	uint64_t *rdi = &vp->hv.regs.gpr[X86_RDI];

	fill_vectors();
	*rdi = (uintptr_t)&image;
	memset(&image, 0xee, sizeof(image));
	assert_int_equal(run(code_fldpi), NO_FAULT);
	assert_int_equal(run(code_fxsave), NO_FAULT);
	assert_memory_equal(image.xmm, fpu_legacy(vp)->xmm, 256);
	assert_int_equal(image.rest[0], 0xee);
	soft_fpu_reset(&vp->hv.regs);
	assert_int_equal(run(code_fxrstor), NO_FAULT);
	assert_memory_equal(image.xmm, fpu_legacy(vp)->xmm, 256);
	assert_int_equal(fpu_legacy(vp)->ftw, 0x80);
	image.mxcsr |= 0x10000;
	assert_int_equal(run(code_fxrstor), X86_GP);
	*rdi += 24;
	assert_int_equal(run(code_ldmxcsr), X86_GP);
	assert_int_equal(run(code_fxsave), X86_GP);
}

static void test_xsave(void **state)
{
	static uint8_t area[XSAVE_MAX] __attribute__((aligned(64)));
	struct vp_fpu before;
	uint64_t bv;

	vp->hv.regs.gpr[X86_RDI] = (uintptr_t)area;
	vp->hv.regs.gpr[X86_RAX] = 7;
	fill_vectors();
	before = vp->hv.regs.fpu;
	assert_int_equal(run(code_xsave), NO_FAULT);
	memcpy(&bv, area + 512, 8);
	assert_int_equal(bv, 6); /* x87 is in its initial state */
	soft_fpu_reset(&vp->hv.regs);
	assert_int_equal(run(code_xrstor), NO_FAULT);
	assert_memory_equal(&vp->hv.regs.fpu, &before, sizeof(before));

	/* Compact form; only AVX asked for, the rest initialised. */
	assert_int_equal(run(code_xsavec), NO_FAULT);
	memcpy(&bv, area + 520, 8);
	assert_int_equal(bv, XSAVE_COMPACT | 7);
	area[512] = 4;
	assert_int_equal(run(code_xrstor), NO_FAULT);
	assert_int_equal(soft_xinuse(&vp->hv.regs), 4);

	area[512] = 8;
	assert_int_equal(run(code_xrstor), X86_GP);
	area[512] = 0;
	area[600 - 72] = 1; /* reserved header byte */
	assert_int_equal(run(code_xrstor), X86_GP);
}

/* ---- the code area holds every stub there is ---- */

static bool takes_imm(const struct insn_desc *d)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(d->opnd); i++)
		if (insn_opnd_kind(d->opnd[i]) == OPND_IMM)
			return true;
	return false;
}

static bool operand_is(const struct insn_desc *d, enum insn_opnd_kind kind)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(d->opnd); i++)
		if (insn_opnd_kind(d->opnd[i]) == kind)
			return true;
	return false;
}

static unsigned int bind_form(unsigned int entry, unsigned int form,
			      unsigned int imm, unsigned int modrm)
{
	const struct insn_desc *d = insn_entry(entry);
	bool mem = form & 1, l = form & 2, w = form & 4;
	struct insn in = {.entry = (uint16_t)entry,
			  .op = d->op,
			  .opcode = d->opcode,
			  .imm = imm,
			  .addrsize = 8};
	bool vex = d->map >= INSN_MAP_VEX_0F;

	in.modrm = (uint8_t)((mem ? 0 : 0xc0) | modrm);
	in.opsize = w ? 8 : 4;
	in.flags = (mem ? INSN_MEM : 0) | (l ? INSN_VEX_L : 0) |
		   (w ? INSN_W : 0) | (vex ? INSN_VEX : 0);
	if (((d->pat.mask & INSN_KEY_MEM) &&
	     mem != !!(d->pat.match & INSN_KEY_MEM)) ||
	    ((d->pat.mask & INSN_KEY_L) &&
	     l != !!(d->pat.match & INSN_KEY_L)) ||
	    (l && !vex) ||
	    ((d->pat.mask & INSN_KEY_W) && w != !!(d->pat.match & INSN_KEY_W)))
		return 0;
	if (mem && insn_mem_size(&in) == 0)
		return 0;
	if (!soft_host_has((enum insn_feature)d->feature) ||
	    (l && !soft_host_has((enum insn_feature)d->feature_l)))
		return 0;
	assert_non_null(bind_native(vp, &in));
	return 1;
}

static void test_every_stub(void **state)
{
	unsigned int n = 0;

	for (unsigned int e = 0; e < insn_entry_count(); e++) {
		const struct insn_desc *d = insn_entry(e);
		unsigned int imms = takes_imm(d) ? 256 : 1;
		bool sti = operand_is(d, OPND_STI);

		if (d->class < INSN_CLASS_X87 || d->op == OP_INVALID)
			continue;
		for (unsigned int form = 0; form < 8; form++)
			for (unsigned int i = 0; i < imms; i++)
				for (unsigned int m = 0; m < (sti ? 8 : 1); m++)
					n += bind_form(e, form, i,
						       (d->pat.match & 0x3f) |
							       m);
	}
	print_message("%u forms bound, %zu bytes of stubs\n", n,
		      native_code_used());
	assert_true(n > 1000);
}

static int group_setup(void **state)
{
	return soft_native_init(&partition);
}

static int group_teardown(void **state)
{
	soft_native_fini(&partition);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_paddb),       TEST(test_pshufd),
		TEST(test_shufps),      TEST(test_mulps),
		TEST(test_sqrtsd),      TEST(test_movss_rr),
		TEST(test_psllw_imm),   TEST(test_psadbw),
		TEST(test_pandn),       TEST(test_movlhps),
		TEST(test_vex_lengths), TEST(test_general_registers),
		TEST(test_flags),       TEST(test_memory),
		TEST(test_store_order), TEST(test_sigfpe),
		TEST(test_x87),         TEST(test_x87_exception),
		TEST(test_x87_blocked), TEST(test_mmx),
		TEST(test_fxsave),      TEST(test_xsave),
		TEST(test_every_stub),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
