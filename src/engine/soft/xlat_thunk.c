/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between C and translated code: entering, leaving, calling handlers. One
 * copy per processor, at the beginning of its code area.
 */
#include "xlat_priv.h"

static const uint8_t kept[] = {H_RCX, H_RDX, H_RBX, H_RBP, H_RSI,
			       H_RDI, H_R8,  H_R9,  H_R10, H_R11};

static void save_regs(struct xasm *a)
{
	xstore_gs(a, H_RAX, GPR_OFF(X86_RAX));
	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++)
		xstore_gs(a, kept[i], GPR_OFF(kept[i]));
	xstore_gs(a, H_R13, GPR_OFF(X86_RSP));
}

static void load_regs(struct xasm *a)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++)
		xload_gs(a, kept[i], GPR_OFF(kept[i]));
	xload_gs(a, H_R13, GPR_OFF(X86_RSP));
	xload_gs(a, H_RAX, GPR_OFF(X86_RAX));
}

/* vp->flags = RFLAGS; RAX is lost. */
static void save_flags(struct xasm *a)
{
	XBYTES(a, 0x9f, 0x0f, 0x90, 0xc0); /* lahf; seto al */
	x8(a, 0x66);
	xop_gs(a, false, 0x89, H_RAX, VP_OFF(flags));
}

/* RFLAGS = vp->flags; RAX is lost. */
static void load_flags(struct xasm *a)
{
	XBYTES(a, 0x65, 0x0f, 0xb7, 0x04, 0x25); /* movzx eax, word gs: */
	x32(a, VP_OFF(flags));
	XBYTES(a, 0x04, 0x7f, 0x9e); /* add al, 7f; sahf */
}

/* cmp byte gs:[@off], 0 */
static void test_byte(struct xasm *a, uint32_t off)
{
	XBYTES(a, 0x65, 0x80, 0x3c, 0x25);
	x32(a, off);
	x8(a, 0);
}

static void set_parked(struct xasm *a, uint8_t v)
{
	XBYTES(a, 0x65, 0xc6, 0x04, 0x25);
	x32(a, VP_OFF(xl.parked));
	x8(a, v);
}

/* ---- vectors ---- */

#define LEGACY_OFF(off) (VP_OFF(hv.regs.fpu.legacy) + (off))
#define MXCSR_OFF       LEGACY_OFF(24)
#define XMM_OFF(n)      LEGACY_OFF(160 + 16 * (n))
#define YMM_OFF(n)      (VP_OFF(hv.regs.fpu.ymm_hi) + 16 * (n))

/* 0F AE /@digit gs:[@off]: ldmxcsr 2, stmxcsr 3 */
static void mxcsr(struct xasm *a, unsigned int digit, uint32_t off)
{
	XBYTES(a, 0x65, 0x0f, 0xae, (uint8_t)(digit << 3 | 4), 0x25);
	x32(a, off);
}

/* VEX instruction with operand gs:[@off], register @v and second source. */
static void vex_gs(struct xasm *a, unsigned int map, unsigned int pp, bool l,
		   uint8_t opcode, unsigned int v, unsigned int vvvv,
		   uint32_t off)
{
	XBYTES(a, 0x65, 0xc4, (uint8_t)((!(v >> 3)) << 7 | 0x60 | map),
	       (uint8_t)((~vvvv & 15u) << 3 | (unsigned int)l << 2 | pp),
	       opcode, (uint8_t)((v & 7) << 3 | 4), 0x25);
	x32(a, off);
}

static void sse_gs(struct xasm *a, uint8_t opcode, unsigned int v, uint32_t off)
{
	x8(a, 0x65);
	if (v >> 3)
		x8(a, 0x44);
	XBYTES(a, 0x0f, opcode, (uint8_t)((v & 7) << 3 | 4), 0x25);
	x32(a, off);
}

static void move_vec(struct xasm *a, bool avx, bool load)
{
	for (unsigned int v = 0; v < 16; v++) {
		if (!avx) {
			sse_gs(a, load ? 0x10 : 0x11, v, XMM_OFF(v));
			continue;
		}
		vex_gs(a, 1, 0, false, load ? 0x10 : 0x11, v, 0, XMM_OFF(v));
		/* vinsertf128 v, v, m, 1; vextractf128 m, v, 1 */
		vex_gs(a, 3, 1, true, load ? 0x18 : 0x19, v, load ? v : 0,
		       YMM_OFF(v));
		x8(a, 1);
	}
}

/* If they are loaded, put the guest's vectors back. Flags are lost. */
static void park(struct xasm *a, bool avx)
{
	uint8_t *done;

	test_byte(a, VP_OFF(xl.parked));
	done = xjcc(a, CC_NZ);
	move_vec(a, avx, false);
	if (avx)
		XBYTES(a, 0xc5, 0xf8, 0x77); /* vzeroupper */
	mxcsr(a, 3, MXCSR_OFF);
	mxcsr(a, 2, VP_OFF(xl.host_mxcsr));
	set_parked(a, 1);
	xlabel(a, done);
}

/* ---- leaving ---- */

/* Registers are saved; the stack is as xlat.enter left it. */
static void leave(struct xasm *a, bool avx)
{
	park(a, avx);
	XBYTES(a, 0x48, 0x83, 0xc4, 0x08);             /* add rsp, 8 */
	XBYTES(a, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d); /* pop r15 r14 r13 */
	XBYTES(a, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);       /* r12 rbp rbx; ret */
}

static void make_enter(struct xlat *x, struct xasm *a)
{
	uint64_t at = xhere(a);

	x->enter = (void (*)(struct soft_vp *, uint64_t))(uintptr_t)at;
	XBYTES(a, 0x53, 0x55, 0x41, 0x54, 0x41,
	       0x55);                      /* push rbx rbp r12 r13 */
	XBYTES(a, 0x41, 0x56, 0x41, 0x57); /* r14 r15 */
	XBYTES(a, 0x48, 0x83, 0xec, 0x08); /* sub rsp, 8 */
	xmov(a, H_R14, H_RSI);
	load_regs(a);
	XBYTES(a, 0x41, 0xff, 0xe6); /* jmp r14 */
}

/* ---- handlers ---- */

/*
 * R14: the bound instruction; R15D: offset of the next one from code_page.
 * Called from translated code.
 */
static void make_call(struct soft_vp *vp, struct xasm *a, bool avx, bool last)
{
	uint8_t *out = NULL;

	xstore_gs(a, H_R14, VP_OFF(in));
	xload_gs(a, H_RAX, VP_OFF(xl.code_page));
	xstore_gs(a, H_RAX, VP_OFF(block_rip));
	xop_rr(a, true, 0x01, H_RAX, H_R15); /* add r15, rax */
	xstore_gs(a, H_R15, VP_OFF(hv.regs.rip));
	park(a, avx);
	xmov_imm(a, H_RDI, (uintptr_t)vp);
	xmov(a, H_RSI, H_R14);
	XBYTES(a, 0x48, 0x83, 0xec, 0x08); /* sub rsp, 8 */
	XBYTES(a, 0x41, 0xff, 0x16);       /* call [r14] */
	XBYTES(a, 0x48, 0x83, 0xc4, 0x08);
	if (!last) {
		test_byte(a, VP_OFF(end_block));
		out = xjcc(a, CC_NZ);
		load_flags(a);
		load_regs(a);
		x8(a, 0xc3);
		xlabel(a, out);
	}
	XBYTES(a, 0x48, 0x83, 0xc4, 0x08); /* the return address */
	leave(a, avx);
}

static void make_calls(struct soft_vp *vp, struct xlat *x, struct xasm *a,
		       bool avx, bool last)
{
	uint64_t host = xhere(a);
	uint64_t saved;
	uint8_t *common;

	save_regs(a);
	save_flags(a);
	common = xjmp(a);
	saved = xhere(a);
	save_regs(a);
	xlabel(a, common);
	make_call(vp, a, avx, last);
	*(last ? &x->last_host : &x->call_host) = host;
	*(last ? &x->last_saved : &x->call_saved) = saved;
}

static void make_exits(struct xlat *x, struct xasm *a, bool avx)
{
	uint8_t *common;

	x->exit_host = xhere(a);
	save_regs(a);
	save_flags(a);
	common = xjmp(a);
	x->exit_saved = xhere(a);
	save_regs(a);
	xlabel(a, common);
	xstore_gs(a, H_R14, VP_OFF(hv.regs.rip));
	leave(a, avx);
}

/*
 * Load the guest's vectors; called. Where an exception is unmasked, leave
 * with xl.interpret instead. Flags are kept.
 */
static void make_load_vec(struct xlat *x, struct xasm *a, bool avx)
{
	uint8_t *bad;

	x->load_vec = xhere(a);
	xmov(a, H_R12, H_RAX);
	save_flags(a);
	xop_gs(a, false, 0x8b, H_RAX, MXCSR_OFF);
	XBYTES(a, 0xf7, 0xd0);                   /* not eax */
	XBYTES(a, 0xa9, 0x80, 0x1f, 0x00, 0x00); /* test eax, 1f80 */
	bad = xjcc(a, CC_NZ);
	mxcsr(a, 3, VP_OFF(xl.host_mxcsr));
	mxcsr(a, 2, MXCSR_OFF);
	move_vec(a, avx, true);
	set_parked(a, 0);
	load_flags(a);
	xmov(a, H_RAX, H_R12);
	x8(a, 0xc3);
	xlabel(a, bad);
	xmov(a, H_RAX, H_R12);
	XBYTES(a, 0x48, 0x83, 0xc4, 0x08);
	XBYTES(a, 0x65, 0xc6, 0x04, 0x25);
	x32(a, VP_OFF(xl.interpret));
	x8(a, 1);
	xjmp_to(a, x->exit_saved);
}

void xlat_make_thunks(struct soft_vp *vp, struct xasm *a)
{
	struct xlat *x = vp->xl.x;
	bool avx = soft_host_has(IF_AVX);

	make_enter(x, a);
	make_calls(vp, x, a, avx, false);
	make_calls(vp, x, a, avx, true);
	make_exits(x, a, avx);
	make_load_vec(x, a, avx);
}
