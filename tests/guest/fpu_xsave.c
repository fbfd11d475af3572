/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The XSAVE family: XCR0, the header, what is saved and what is initialized;
 * and AVX: when it is there, and what happens to upper halves.
 * Facts: SDM volume 1 chapter 13, volume 2.
 */
#include "fpu.h"

#define X87 1
#define SSE 2
#define AVX 4

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static void xsetbv(uint64_t v)
{
	asm volatile("xsetbv"
		     :
		     : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(0));
}

static void xsetbv_fn(void *p)
{
	xsetbv((ulong)p);
}

static void xsetbv_1(void *p)
{
	asm volatile("xsetbv" : : "a"(1), "d"(0), "c"(1));
}

USER_ASM_FN(u_xsetbv, "xor %ecx, %ecx; mov $1, %eax; xor %edx, %edx; xsetbv");
USER_ASM_FN(u_xgetbv, "xor %ecx, %ecx; xgetbv");

static struct {
	uint8_t legacy[512];
	uint64_t bv, comp, reserved[6];
	uint8_t rest[4096 - 576];
} area __attribute__((aligned(64)));

static uint32_t rfbm;

#define XOP(name, op)                                                          \
	static void name(void *p)                                              \
	{                                                                      \
		asm volatile(op " (%0)"                                        \
			     :                                                 \
			     : "r"(p), "a"(rfbm), "d"(0)                       \
			     : "memory");                                      \
	}

XOP(xsave, "xsave64")
XOP(xrstor, "xrstor64")
XOP(xsaveopt, "xsaveopt64")
XOP(xsavec, "xsavec64")

static void test_xcr0(void)
{
	uint64_t all = cpuid(13, 0).a;
	struct trap t;

	check_eq(cpuid(1, 0).c >> 27 & 1, 1, "xsave: CPUID shows OSXSAVE");
	check_eq(xgetbv() & 1, 1, "xcr0: x87 is always on");
	catch_run(xsetbv_fn, (void *)0, &t);
	check_trap(&t, VEC_GP, 0, "xcr0: x87 off");
	catch_run(xsetbv_fn, (void *)(X87 | AVX), &t);
	check_trap(&t, VEC_GP, 0, "xcr0: AVX without SSE");
	catch_run(xsetbv_fn, (void *)(1UL << 62 | 1), &t);
	check_trap(&t, VEC_GP, 0, "xcr0: bit 62");
	catch_run(xsetbv_fn, (void *)((~all & 0xff & -(~all & 0xff)) | 3), &t);
	if (~all & 0xff)
		check_trap(&t, VEC_GP, 0, "xcr0: one that CPUID has not");
	catch_run(xsetbv_1, NULL, &t);
	check_trap(&t, VEC_GP, 0, "xcr0: XCR1");
	user_run(u_xsetbv, NULL, &t);
	check_trap(&t, VEC_GP, 0, "xcr0: xsetbv at CPL 3");
	user_run(u_xgetbv, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "xcr0: xgetbv at CPL 3");
	xsetbv(X87 | SSE);
	check_eq(xgetbv(), X87 | SSE, "xcr0: x87 and SSE");
	check_eq(cpuid(13, 0).b, 576, "xcr0: size for x87 and SSE");
	if (all & AVX) {
		xsetbv(X87 | SSE | AVX);
		check_eq(cpuid(13, 0).b, 832, "xcr0: size with AVX");
		check_eq(cpuid(13, 2).a, 256, "xcr0: size of AVX");
		check_eq(cpuid(13, 2).b, 576, "xcr0: place of AVX");
	}
}

static void set_state(void)
{
	asm volatile("fninit; fldpi; pcmpeqd %%xmm1, %%xmm1; ldmxcsr %0"
		     :
		     : "m"((uint32_t){0x1fa0}));
}

static uint32_t xmm1_low(void)
{
	uint32_t v;

	asm volatile("movd %%xmm1, %0" : "=r"(v));
	return v;
}

static uint32_t mxcsr(void)
{
	uint32_t v;

	asm volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static void test_save(void)
{
	struct trap t;

	memset(&area, 0, sizeof(area));
	area.legacy[0] = 0x55;
	set_state();
	rfbm = SSE;
	catch_run(xsave, &area, &t);
	check_trap(&t, TRAP_NONE, 0, "xsave: SSE only");
	check_eq(area.bv & 7, SSE, "xsave: SSE only, XSTATE_BV");
	check_eq(area.legacy[0], 0x55, "xsave: SSE only leaves x87");
	check_eq(*(uint32_t *)(area.legacy + 24), 0x1fa0, "xsave: MXCSR");
	check_eq(*(uint32_t *)(area.legacy + 176), 0xffffffff, "xsave: XMM1");
	rfbm = X87;
	catch_run(xsave, &area, &t);
	check_eq(area.bv & 3, 3, "xsave: x87 added, XSTATE_BV");
	check_eq(area.legacy[0], 0x7f, "xsave: x87 added");
	rfbm = 0xffffffff;
	catch_run(xsave, &area, &t);
	check_trap(&t, TRAP_NONE, 0, "xsave: all that XCR0 has");
	catch_run(xsave, (uint8_t *)&area + 16, &t);
	check_trap(&t, VEC_GP, 0, "xsave: aligned to 16 only");
	write_cr0(read_cr0() | CR0_TS);
	catch_run(xsave, &area, &t);
	check_trap(&t, VEC_NM, 0, "xsave: TS");
	write_cr0(read_cr0() & ~CR0_TS);
}

static void test_restore(void)
{
	struct trap t;
	uint16_t sw;

	set_state();
	rfbm = X87 | SSE;
	catch_run(xsave, &area, &t);
	asm volatile("fninit; pxor %xmm1, %xmm1");
	catch_run(xrstor, &area, &t);
	asm volatile("fnstsw %0" : "=a"(sw));
	check_eq(sw, 7 << 11, "xrstor: x87");
	check_eq(xmm1_low(), 0xffffffff, "xrstor: XMM1");
	check_eq(mxcsr(), 0x1fa0, "xrstor: MXCSR");

	/* What XSTATE_BV leaves out is initialized; MXCSR is still loaded. */
	area.bv = 0;
	*(uint32_t *)(area.legacy + 24) = 0x1f90;
	set_state();
	catch_run(xrstor, &area, &t);
	asm volatile("fnstsw %0" : "=a"(sw));
	check_eq(sw, 0, "xrstor: x87 initialized");
	check_eq(xmm1_low(), 0, "xrstor: XMM1 initialized");
	check_eq(mxcsr(), 0x1f90, "xrstor: MXCSR loaded all the same");
	set_state();
	rfbm = X87;
	catch_run(xrstor, &area, &t);
	check_eq(xmm1_low(), 0xffffffff, "xrstor: what is not asked for stays");
	check_eq(mxcsr(), 0x1fa0, "xrstor: MXCSR not asked for");

	rfbm = X87 | SSE;
	area.bv = 1UL << 62;
	catch_run(xrstor, &area, &t);
	check_trap(&t, VEC_GP, 0, "xrstor: XSTATE_BV beyond XCR0");
	area.bv = 0;
	area.reserved[0] = 1;
	catch_run(xrstor, &area, &t);
	check_trap(&t, VEC_GP, 0, "xrstor: header byte 24");
	area.reserved[0] = 0;
	area.comp = 1;
	catch_run(xrstor, &area, &t);
	check_trap(&t, VEC_GP, 0, "xrstor: XCOMP_BV without bit 63");
	area.comp = 0;
	area.bv = SSE;
	*(uint32_t *)(area.legacy + 24) = 0x21f80;
	catch_run(xrstor, &area, &t);
	check_trap(&t, VEC_GP, 0, "xrstor: reserved bit of MXCSR");
	*(uint32_t *)(area.legacy + 24) = 0x1f80;
	catch_run(xrstor, (uint8_t *)&area + 16, &t);
	check_trap(&t, VEC_GP, 0, "xrstor: aligned to 16 only");
}

static void test_variants(void)
{
	uint32_t has = cpuid(13, 1).a;
	struct trap t;

	rfbm = X87 | SSE;
	memset(&area, 0, sizeof(area));
	set_state();
	catch_run(xsaveopt, &area, &t);
	if (has & 1) {
		check_trap(&t, TRAP_NONE, 0, "xsaveopt");
		check_eq(area.bv & 3, 3, "xsaveopt: XSTATE_BV");
		check_eq(*(uint32_t *)(area.legacy + 176), 0xffffffff,
			 "xsaveopt: XMM1");
	} else {
		check_trap(&t, VEC_UD, 0, "xsaveopt: absent");
	}
	memset(&area, 0, sizeof(area));
	set_state();
	catch_run(xsavec, &area, &t);
	if (!(has & 2)) {
		check_trap(&t, VEC_UD, 0, "xsavec: absent");
		return;
	}
	check_trap(&t, TRAP_NONE, 0, "xsavec");
	check_eq(area.bv & 3, 3, "xsavec: XSTATE_BV");
	check_eq(area.comp, 1UL << 63 | 3, "xsavec: XCOMP_BV");
	asm volatile("fninit; pxor %xmm1, %xmm1");
	catch_run(xrstor, &area, &t);
	check_trap(&t, TRAP_NONE, 0, "xrstor: compacted");
	check_eq(xmm1_low(), 0xffffffff, "xrstor: compacted, XMM1");
	area.comp = 1UL << 63 | 1;
	catch_run(xrstor, &area, &t);
	check_trap(&t, VEC_GP, 0, "xrstor: XSTATE_BV beyond XCOMP_BV");
}

void test_xsave(void)
{
	struct trap t;

	if (!has_xsave()) {
		catch_run(xsave, &area, &t);
		check_trap(&t, VEC_UD, 0, "xsave: absent");
		skip("no XSAVE", "xsave");
		return;
	}
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	check_eq(cpuid(1, 0).c >> 27 & 1, 0, "xsave: CPUID without OSXSAVE");
	catch_run(xsave, &area, &t);
	check_trap(&t, VEC_UD, 0, "xsave: OSXSAVE=0");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	test_xcr0();
	test_save();
	test_restore();
	test_variants();
	asm volatile("fninit; ldmxcsr %0" : : "m"((uint32_t){0x1f80}));
}

/* --- AVX
 * ------------------------------------------------------------------------------
 */

ASM_FN(a_vaddps, "vaddps %ymm1, %ymm2, %ymm3");
ASM_FN(a_vmovaps, "vmovaps (%rdi), %ymm0");
ASM_FN(a_vmovups, "vmovups (%rdi), %ymm0");
ASM_FN(a_vaddps_mem, "vaddps (%rdi), %ymm0, %ymm0");
ASM_FN(a_vmovaps_x, "vmovaps (%rdi), %xmm0");
ASM_FN(a_lock_vex, ".byte 0xf0, 0xc5, 0xec, 0x58, 0xd9");
ASM_FN(a_66_vex, ".byte 0x66, 0xc5, 0xec, 0x58, 0xd9");
ASM_FN(a_rex_vex, ".byte 0x48, 0xc5, 0xec, 0x58, 0xd9");
ASM_FN(a_vvvv, ".byte 0xc5, 0x84, 0x28, 0x07"); /* vmovaps, vvvv used */

static void upper(uint8_t *out)
{
	asm volatile("vextractf128 $1, %%ymm0, %0"
		     : "=m"(*(uint8_t(*)[16])out));
}

#define ALL_ONES "vcmpps $15, %%ymm0, %%ymm0, %%ymm0;"

static void halves(const char *name, uint8_t want)
{
	uint8_t b[16];

	upper(b);
	check_eq(b[0] | b[15] << 8, want | want << 8, "avx: %s", name);
}

void test_avx(void)
{
	struct trap t;

	if (!has_avx()) {
		catch_run(a_vaddps, NULL, &t);
		check_trap(&t, VEC_UD, 0, "avx: absent");
		skip("no AVX", "avx");
		return;
	}
	write_cr4(read_cr4() | CR4_OSXSAVE);
	xsetbv(X87 | SSE | AVX);
	catch_run(a_vaddps, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "avx: on");
	write_cr0(read_cr0() | CR0_TS);
	catch_run(a_vaddps, NULL, &t);
	check_trap(&t, VEC_NM, 0, "avx: TS");
	write_cr0(read_cr0() & ~CR0_TS);
	xsetbv(X87 | SSE);
	catch_run(a_vaddps, NULL, &t);
	check_trap(&t, VEC_UD, 0, "avx: off in XCR0");
	catch_run(a_vmovaps_x, fpu_area, &t);
	check_trap(&t, VEC_UD, 0, "avx: off in XCR0, 128 bits");
	xsetbv(X87 | SSE | AVX);
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	catch_run(a_vaddps, NULL, &t);
	check_trap(&t, VEC_UD, 0, "avx: OSXSAVE=0");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	catch_run(a_lock_vex, NULL, &t);
	check_trap(&t, VEC_UD, 0, "avx: LOCK before VEX");
	catch_run(a_66_vex, NULL, &t);
	check_trap(&t, VEC_UD, 0, "avx: 66 before VEX");
	catch_run(a_rex_vex, NULL, &t);
	check_trap(&t, VEC_UD, 0, "avx: REX before VEX");
	catch_run(a_vvvv, fpu_area, &t);
	check_trap(&t, VEC_UD, 0, "avx: vvvv where there is none");
	catch_run(a_vmovaps, fpu_area + 16, &t);
	check_trap(&t, VEC_GP, 0, "avx: vmovaps wants 32");
	catch_run(a_vmovaps_x, fpu_area + 16, &t);
	check_trap(&t, TRAP_NONE, 0, "avx: vmovaps of 128 bits wants 16");
	catch_run(a_vmovups, fpu_area + 3, &t);
	check_trap(&t, TRAP_NONE, 0, "avx: vmovups");
	catch_run(a_vaddps_mem, fpu_area + 3, &t);
	check_trap(&t, TRAP_NONE, 0, "avx: memory operands need none");

	asm volatile(ALL_ONES : :);
	halves("256 bits", 0xff);
	asm volatile(ALL_ONES "pxor %%xmm0, %%xmm0" : :);
	halves("SSE leaves the upper half", 0xff);
	asm volatile(ALL_ONES "vpxor %%xmm0, %%xmm0, %%xmm0" : :);
	halves("VEX.128 zeroes the upper half", 0);
	asm volatile(ALL_ONES "vzeroupper" : :);
	halves("vzeroupper", 0);

	/* XRSTOR with AVX left out of XSTATE_BV zeroes upper halves. */
	asm volatile(ALL_ONES : :);
	memset(&area, 0, sizeof(area));
	rfbm = X87 | SSE | AVX;
	catch_run(xsave, &area, &t);
	check_eq(area.bv & AVX, AVX, "avx: XSTATE_BV");
	check_eq(area.rest[0], 0xff, "avx: upper half in the area");
	asm volatile("vzeroall");
	catch_run(xrstor, &area, &t);
	halves("restored", 0xff);
	area.bv &= ~(uint64_t)AVX;
	catch_run(xrstor, &area, &t);
	halves("initialized by XRSTOR", 0);
	asm volatile("fninit; ldmxcsr %0" : : "m"((uint32_t){0x1f80}));
}
