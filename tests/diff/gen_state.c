/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States: registers and memory full of edge values, and pointers that mostly
 * lead into the data pages, so that an instruction gets to do its work.
 */
#include "gen.h"

#include <base/bits.h>

#include <string.h>

static const uint64_t edge_int[] = {
	0,
	1,
	2,
	7,
	8,
	0x1f,
	0x20,
	0x3f,
	0x40,
	0x7f,
	0x80,
	0xff,
	0x100,
	0x7fff,
	0x8000,
	0xffff,
	0x10000,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	UINT64_C(0x100000000),
	UINT64_C(0x7fffffffffffffff),
	UINT64_C(0x8000000000000000),
	UINT64_C(0xffffffffffffff80),
	UINT64_C(0xfffffffffffffffe),
	UINT64_C(0xffffffffffffffff),
	UINT64_C(0x5555555555555555),
	UINT64_C(0x0123456789abcdef),
};

static const uint32_t edge_float[] = {
	0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00800000, 0x3f800000,
	0xbf800000, 0x3f000000, 0x40490fdb, 0x4b000000, 0x4effffff, 0x4f000000,
	0xcf000000, 0x5f000000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
	0x7fc00000, 0xffc00001, 0x7f800001, 0xffbfffff, 0x3f7fffff, 0x33800000,
};

static const uint64_t edge_double[] = {
	UINT64_C(0x0000000000000000), UINT64_C(0x8000000000000000),
	UINT64_C(0x0000000000000001), UINT64_C(0x800fffffffffffff),
	UINT64_C(0x0010000000000000), UINT64_C(0x3ff0000000000000),
	UINT64_C(0xbff0000000000000), UINT64_C(0x3fe0000000000000),
	UINT64_C(0x400921fb54442d18), UINT64_C(0x4330000000000000),
	UINT64_C(0x41dfffffffc00000), UINT64_C(0x41e0000000000000),
	UINT64_C(0xc1e0000000000000), UINT64_C(0x43e0000000000000),
	UINT64_C(0x7fefffffffffffff), UINT64_C(0xffefffffffffffff),
	UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000),
	UINT64_C(0x7ff8000000000000), UINT64_C(0xfff8000000000001),
	UINT64_C(0x7ff0000000000001), UINT64_C(0xfff7ffffffffffff),
	UINT64_C(0x36a0000000000000), UINT64_C(0x47efffffe0000000),
};

/* Sign and exponent of x87 numbers */
static const uint16_t edge_exp[] = {0,      1,      0x3ffe, 0x3fff, 0x4000,
				    0x403e, 0x403d, 0x7ffe, 0x7fff, 0x3fc0};

static uint64_t pick_int(struct rng *r)
{
	switch (rng_below(r, 4)) {
	case 0:
		return rng_next(r);
	case 1:
		return rng_next(r) >> rng_below(r, 64);
	default:
		return edge_int[rng_below(r, ARRAY_SIZE(edge_int))];
	}
}

static uint64_t pick_lane(struct rng *r)
{
	switch (rng_below(r, 6)) {
	case 0:
		return pick_int(r);
	case 1:
		return rng_next(r);
	case 2:
	case 3:
		return edge_double[rng_below(r, ARRAY_SIZE(edge_double))];
	default:
		return edge_float[rng_below(r, ARRAY_SIZE(edge_float))] |
		       (uint64_t)edge_float[rng_below(r,
						      ARRAY_SIZE(edge_float))]
			       << 32;
	}
}

static void fill_lanes(struct rng *r, uint8_t *p, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i += 8) {
		uint64_t v = pick_lane(r);

		memcpy(p + i, &v, bytes - i < 8 ? bytes - i : 8);
	}
}

/* ---- FPU ---- */

static void fill_st(struct rng *r, uint8_t *st)
{
	uint64_t mant = pick_int(r);
	uint16_t exp = (uint16_t)rng_below(r, 0x10000);

	switch (rng_below(r, 8)) {
	case 0: /* anything, unnormals too */
		break;
	case 1:
		exp = 0xffff; /* as MMX leaves it */
		break;
	case 2:
	case 3: /* a small number */
		exp = (uint16_t)(0x3ff0 + rng_below(r, 0x30));
		mant |= UINT64_C(1) << 63;
		break;
	default:
		exp = edge_exp[rng_below(r, ARRAY_SIZE(edge_exp))] |
		      (uint16_t)(rng_below(r, 2) << 15);
		if (exp & 0x7fff && !rng_one_in(r, 16))
			mant |= UINT64_C(1) << 63;
		if (rng_one_in(r, 4))
			mant = UINT64_C(1) << 63;
	}
	memset(st, 0, 16);
	memcpy(st, &mant, 8);
	memcpy(st + 8, &exp, 2);
}

static void fill_x87(struct rng *r, uint8_t *legacy)
{
	uint16_t fcw = X86_FCW_INIT, fsw = 0;
	uint8_t ftw;

	if (rng_one_in(r, 3)) /* rounding and precision */
		fcw = (uint16_t)((fcw & ~0xf00u) | rng_below(r, 16) << 8);
	if (rng_one_in(r, 6)) /* unmasked exceptions */
		fcw &= (uint16_t)~rng_below(r, 64);
	fsw = (uint16_t)(rng_below(r, 0x10000) & 0x7f00);
	if (rng_one_in(r, 6))
		fsw |= (uint16_t)rng_below(r, 0x80);
	if (!rng_one_in(r, 8)) /* no pending exception */
		fsw &= (uint16_t)(0xff00 | (fcw & 0x3f) | 0x40);
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080;
	ftw = rng_one_in(r, 3) ? 0xff : (uint8_t)rng_below(r, 256);
	memcpy(legacy, &fcw, 2);
	memcpy(legacy + 2, &fsw, 2);
	legacy[4] = ftw;
	for (unsigned int i = 0; i < 8; i++)
		fill_st(r, legacy + 32 + 16 * i);
}

static uint32_t pick_mxcsr(struct rng *r)
{
	uint32_t v = X86_MXCSR_INIT;

	if (rng_one_in(r, 3)) /* rounding, FTZ, DAZ */
		v ^= rng_below(r, 8) << 13 | rng_below(r, 2) << 6;
	if (rng_one_in(r, 4))
		v |= rng_below(r, 64);
	if (rng_one_in(r, 6)) /* unmasked */
		v &= ~(rng_below(r, 64) << 7);
	return v;
}

static void fill_fpu(struct rng *r, struct vp_fpu *f, unsigned int mode)
{
	uint32_t mxcsr = pick_mxcsr(r), mask = 0xffff;

	fill_x87(r, f->legacy);
	memcpy(f->legacy + 24, &mxcsr, 4);
	memcpy(f->legacy + 28, &mask, 4);
	for (unsigned int i = 0; i < (mode == 64 ? 16u : 8u); i++) {
		fill_lanes(r, f->legacy + 160 + 16 * i, 16);
		if (!rng_one_in(r, 4))
			fill_lanes(r, f->ymm_hi + 16 * i, 16);
	}
	f->header[0] = 7;
}

/* ---- addresses ---- */

static uint64_t pick_address(struct rng *r, unsigned int size,
			     unsigned int align)
{
	uint64_t at;

	switch (rng_below(r, 24)) {
	case 0: /* read-only page */
		at = DIFF_DATA_RW + rng_below(r, DIFF_PAGE);
		break;
	case 1: /* runs into what follows */
		at = DIFF_DATA_SIZE - rng_below(r, 2 * size + 2);
		break;
	case 2: /* between pages */
		at = DIFF_PAGE - rng_below(r, size + 2);
		break;
	case 3: /* from writable to read-only */
		at = DIFF_DATA_RW - rng_below(r, size + 2);
		break;
	case 4: /* begins before the pages */
		at = (uint64_t)0 - rng_below(r, 2 * size + 2);
		break;
	default:
		at = rng_below(r, DIFF_DATA_RW - 1024);
	}
	if (align > 1 && !rng_one_in(r, 12))
		at &= ~(uint64_t)(align - 1);
	else if (size <= 8 && rng_one_in(r, 2))
		at &= ~UINT64_C(7);
	return DIFF_DATA + at;
}

static uint64_t seg_base(const struct insn *in)
{
	if (in->seg == INSN_SEG_FS)
		return DIFF_FS_BASE;
	if (in->seg == INSN_SEG_GS)
		return DIFF_GS_BASE;
	return 0;
}

/* Replace the last occurrence of the displacement in the code. */
static void set_disp(struct diff_case *c, const struct insn *in, int32_t disp)
{
	for (int i = c->len - 4; i > 0; i--) {
		if (memcmp(c->code + i, &in->disp, 4) == 0) {
			memcpy(c->code + i, &disp, 4);
			return;
		}
	}
}

/* Point the ModRM memory operand at @want if registers allow. */
static void aim(struct rng *r, struct diff_case *c, const struct insn *in,
		uint64_t want)
{
	uint64_t *gpr = c->in.gpr;
	uint64_t offset = want - seg_base(in);
	uint64_t index = 0;

	if (in->flags & INSN_VSIB) {
		if (in->base != INSN_REG_NONE)
			gpr[in->base] = offset - (uint64_t)(int64_t)in->disp;
		else
			set_disp(c, in, (int32_t)offset);
		return;
	}
	if (in->base == INSN_REG_RIP) {
		uint64_t next = DIFF_CODE + c->code_off + c->len;

		set_disp(c, in, (int32_t)(offset - next));
		return;
	}
	if (in->base == INSN_REG_NONE && in->index == INSN_REG_NONE) {
		set_disp(c, in, (int32_t)offset);
		return;
	}
	offset -= (uint64_t)(int64_t)in->disp;
	if (in->base == in->index) {
		gpr[in->base] = offset / (1 + (UINT64_C(1) << in->scale));
		return;
	}
	if (in->base == INSN_REG_NONE) {
		gpr[in->index] = offset >> in->scale;
		return;
	}
	if (in->index != INSN_REG_NONE) {
		if (!rng_one_in(r, 4))
			gpr[in->index] = rng_below(r, 256) - 128u;
		index = gpr[in->index] << in->scale;
	}
	gpr[in->base] = offset - index;
	if (in->addrsize == 4) {
		/* The upper half must not matter. */
		gpr[in->base] = (uint32_t)gpr[in->base];
		if (c->mode == 64 && rng_one_in(r, 4))
			gpr[in->base] |= rng_next(r) << 32;
	}
}

static struct diff_patch *add_patch(struct diff_case *c, uint64_t addr,
				    unsigned int len)
{
	uint64_t off = addr - DIFF_DATA;
	struct diff_patch *p;

	if (off >= DIFF_DATA_SIZE - 64 || c->nr_patches == DIFF_MAX_PATCHES)
		return NULL;
	p = &c->patch[c->nr_patches++];
	p->off = (uint16_t)off;
	p->len = (uint8_t)(len > 64 ? 64 : len);
	memset(p->bytes, 0, sizeof(p->bytes));
	return p;
}

/* ---- operands of particular instructions ---- */

static void patch_operand(struct rng *r, struct diff_case *c,
			  const struct insn *in, uint64_t at, unsigned int size)
{
	struct diff_patch *p = add_patch(c, at, size);

	if (!p)
		return;
	if (size == 10)
		fill_st(r, p->bytes);
	else if (insn_desc(in)->class >= INSN_CLASS_X87 && size >= 4 &&
		 rng_one_in(r, 8) == 0)
		fill_lanes(r, p->bytes, p->len);
	else
		for (unsigned int i = 0; i < p->len; i += 8) {
			uint64_t v = pick_int(r);

			memcpy(p->bytes + i, &v, 8);
		}
	if (in->op == OP_FBLD && rng_one_in(r, 8) == 0)
		for (unsigned int i = 0; i < 9; i++)
			p->bytes[i] = (uint8_t)(rng_below(r, 10) << 4 |
						rng_below(r, 10));
}

static void patch_state_image(struct rng *r, struct diff_case *c,
			      const struct insn *in, uint64_t at)
{
	struct diff_patch *p;
	uint32_t mxcsr = pick_mxcsr(r);
	uint8_t legacy[512];

	if (rng_one_in(r, 16))
		mxcsr |= 1u << (18 + rng_below(r, 14));
	memset(legacy, 0, sizeof(legacy));
	fill_x87(r, legacy);
	switch (in->op) {
	case OP_LDMXCSR:
		p = add_patch(c, at, 4);
		if (p)
			memcpy(p->bytes, &mxcsr, 4);
		return;
	case OP_FLDCW:
		return;
	case OP_FLDENV:
	case OP_FRSTOR:
		p = add_patch(c, at, 8);
		if (p && in->opsize != 2) {
			memcpy(p->bytes, legacy, 2);
			memcpy(p->bytes + 4, legacy + 2, 2);
		} else if (p) {
			memcpy(p->bytes, legacy, 4);
		}
		return;
	default:
		break;
	}
	p = add_patch(c, at, 32);
	if (p) {
		memcpy(p->bytes, legacy, 32);
		memcpy(p->bytes + 24, &mxcsr, 4);
	}
	if (in->op == OP_FXRSTOR)
		return;
	p = add_patch(c, at + 512, 64);
	if (!p)
		return;
	p->bytes[0] = (uint8_t)rng_below(r, 8);
	if (rng_one_in(r, 3)) {
		p->bytes[8] = (uint8_t)(p->bytes[0] | rng_below(r, 8));
		p->bytes[15] = 0x80;
	}
	if (rng_one_in(r, 10))
		p->bytes[8 + rng_below(r, 56)] = 1;
}

/* CMPXCHG and its kin should match half the time. */
static void patch_compare(struct rng *r, struct diff_case *c,
			  const struct insn *in, uint64_t at)
{
	unsigned int size = in->op == OP_CMPXCHG8B ? 4 : 8;
	struct diff_patch *p;

	if (rng_one_in(r, 2))
		return;
	p = add_patch(c, at, 2 * size);
	if (!p)
		return;
	memcpy(p->bytes, &c->in.gpr[X86_RAX], size);
	memcpy(p->bytes + size, &c->in.gpr[X86_RDX], size);
}

static uint64_t pick_target(struct rng *r)
{
	switch (rng_below(r, 4)) {
	case 0:
		return DIFF_DATA + rng_below(r, DIFF_DATA_SIZE);
	case 1:
		return rng_below(r, 0x7fffffff);
	default:
		return DIFF_CODE + rng_below(r, DIFF_CODE_SIZE);
	}
}

/* Where branches through registers and memory lead. */
static void aim_branch(struct rng *r, struct diff_case *c,
		       const struct insn *in, uint64_t at)
{
	uint64_t target = pick_target(r);
	uint64_t from = in->op == OP_RET ? c->in.gpr[X86_RSP] : at;
	struct diff_patch *p;

	if (in->op == OP_JMP_IND || in->op == OP_CALL_IND || in->op == OP_RET) {
		if (!(in->flags & INSN_MEM) && in->op != OP_RET) {
			c->in.gpr[in->rm] = target;
			return;
		}
		p = add_patch(c, from, 8);
		if (p)
			memcpy(p->bytes, &target, 8);
	}
}

static void small_count(struct rng *r, uint64_t *reg)
{
	if (!rng_one_in(r, 8))
		*reg = rng_below(r, 20);
}

static void aim_implicit(struct rng *r, struct diff_case *c,
			 const struct insn *in)
{
	uint64_t *gpr = c->in.gpr;

	switch (in->op) {
	case OP_MOVS ... OP_SCAS:
		gpr[X86_RSI] = pick_address(r, 8, 1) - seg_base(in);
		gpr[X86_RDI] = pick_address(r, 8, 1);
		if (rng_one_in(r, 4)) /* overlapping */
			gpr[X86_RSI] = gpr[X86_RDI] + rng_below(r, 17) - 8;
		small_count(r, &gpr[X86_RCX]);
		break;
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
		gpr[X86_RDI] = pick_address(r, 16, 1) - seg_base(in);
		break;
	case OP_CLZERO:
		gpr[X86_RAX] = pick_address(r, 64, 1) - seg_base(in);
		break;
	case OP_XLAT:
		gpr[X86_RBX] = pick_address(r, 256, 1) - seg_base(in);
		break;
	case OP_LEAVE:
		gpr[X86_RBP] = pick_address(r, 8, 8);
		break;
	case OP_ENTER:
		gpr[X86_RBP] = pick_address(r, 8, 8);
		break;
	case OP_LOOP ... OP_JCXZ:
		small_count(r, &gpr[X86_RCX]);
		break;
	case OP_DIV:
	case OP_IDIV:
		if (!rng_one_in(r, 4))
			gpr[X86_RDX] = rng_one_in(r, 2) ? 0 : rng_below(r, 256);
		break;
	case OP_PCMPESTRM:
	case OP_PCMPESTRI:
		small_count(r, &gpr[X86_RAX]);
		small_count(r, &gpr[X86_RDX]);
		break;
	case OP_XSAVE ... OP_XRSTORS:
		gpr[X86_RAX] = rng_below(r, 8);
		gpr[X86_RDX] = 0;
		break;
	default:
		break;
	}
}

static bool is_state_load(const struct insn *in)
{
	return in->op == OP_LDMXCSR || in->op == OP_FLDENV ||
	       in->op == OP_FRSTOR || in->op == OP_FXRSTOR ||
	       in->op == OP_XRSTOR || in->op == OP_XRSTORS;
}

/* How much memory the operand may touch, for aiming. */
static unsigned int reach(const struct insn *in)
{
	unsigned int size = insn_mem_size(in);

	if (size)
		return size;
	return in->op >= OP_XSAVE && in->op <= OP_XRSTORS ? 832 : 8;
}

static void aim_operand(struct rng *r, struct diff_case *c,
			const struct insn *in)
{
	unsigned int size = reach(in);
	uint64_t at = pick_address(r, size, insn_mem_align(in));

	if (size > 512 || insn_mem_align(in) == 64)
		at = DIFF_DATA + (align_down(rng_below(r, DIFF_DATA_RW), 64));
	if (size > 512 && rng_one_in(r, 20))
		at += rng_below(r, 64);
	if (in->op >= OP_BT && in->op <= OP_BTC && !rng_one_in(r, 4))
		c->in.gpr[in->reg] = rng_below(r, 2048) - 1024u;
	aim(r, c, in, at);
	if (in->op == OP_CMPXCHG || in->op == OP_CMPXCHG8B ||
	    in->op == OP_CMPXCHG16B)
		patch_compare(r, c, in, at);
	else if (is_state_load(in))
		patch_state_image(r, c, in, at);
	else if (insn_desc(in)->class == INSN_CLASS_BRANCH)
		aim_branch(r, c, in, at);
	else if (!rng_one_in(r, 6))
		patch_operand(r, c, in, at, size);
}

/* Indices of gathers: near enough to stay in the pages. */
static void aim_gather(struct rng *r, struct diff_case *c,
		       const struct insn *in)
{
	bool wide = in->op == OP_VGATHERQPS || in->op == OP_VGATHERQPD ||
		    in->op == OP_VPGATHERQD || in->op == OP_VPGATHERQQ;

	for (unsigned int i = 0; i < 32; i += wide ? 8 : 4) {
		int64_t v = (int64_t)rng_below(r, 512) - 128;
		uint8_t *p =
			i < 16 ? c->in.fpu.legacy + 160 + 16 * in->index + i
			       : c->in.fpu.ymm_hi + 16 * in->index + i - 16;

		if (!rng_one_in(r, 40))
			memcpy(p, &v, wide ? 8 : 4);
	}
}

static uint64_t pick_flags(struct rng *r, const struct insn *in)
{
	uint64_t fl = X86_FL_FIXED | X86_FL_IF;

	fl |= rng_next(r) & X86_FL_ARITH;
	if (rng_one_in(r, 8) ||
	    (insn_desc(in)->class == INSN_CLASS_STRING && rng_one_in(r, 3)))
		fl |= X86_FL_DF;
	/* Branches end nowhere but by single step. */
	if (insn_desc(in)->class == INSN_CLASS_BRANCH || rng_one_in(r, 16))
		fl |= X86_FL_TF;
	if (rng_one_in(r, 24)) /* alignment checks */
		fl |= X86_FL_AC;
	/* The trap comes between the elements of a gather that faults. */
	if (in->flags & INSN_VSIB)
		fl &= ~X86_FL_TF;
	return fl;
}

void gen_state(struct rng *r, struct diff_case *c, const struct insn *in)
{
	uint64_t *gpr = c->in.gpr;

	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = pick_int(r);
	if (!rng_one_in(r, 8))
		gpr[X86_RSP] = pick_address(r, 16, 8);
	fill_fpu(r, &c->in.fpu, c->mode);
	c->in.rip = DIFF_CODE + c->code_off;
	c->in.rflags = pick_flags(r, in);
	aim_implicit(r, c, in);
	if (in->flags & INSN_VSIB)
		aim_gather(r, c, in);
	if (in->flags & INSN_MEM)
		aim_operand(r, c, in);
	else if (insn_desc(in)->class == INSN_CLASS_BRANCH)
		aim_branch(r, c, in, 0);
	if (in->op == OP_MOV_MOFFS && !rng_one_in(r, 16)) {
		uint64_t at = pick_address(r, 8, 1) - seg_base(in);

		memcpy(c->code + c->len - in->addrsize, &at, in->addrsize);
	}
	if (c->mode == 32)
		for (unsigned int i = 0; i < 16; i++)
			gpr[i] = i < 8 ? (uint32_t)gpr[i] : 0;
}

/* Registers that memory operands use point into the pages, aligned. */
void gen_sequence_state(struct rng *r, struct diff_case *c)
{
	static const uint8_t bases[] = {X86_RBX, X86_RBP, X86_RSI, X86_RDI,
					X86_R11, X86_R13, X86_R14, X86_R15};
	uint64_t *gpr = c->in.gpr;

	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = pick_int(r);
	for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++)
		gpr[bases[i]] =
			DIFF_DATA + 128 +
			align_down(rng_below(r, DIFF_DATA_RW - 512), 32);
	gpr[X86_RSP] = DIFF_DATA + 256 +
		       align_down(rng_below(r, DIFF_DATA_RW - 512), 8);
	small_count(r, &gpr[X86_RCX]);
	fill_fpu(r, &c->in.fpu, c->mode);
	c->in.rip = DIFF_CODE + c->code_off;
	c->in.rflags = X86_FL_FIXED | X86_FL_IF | (rng_next(r) & X86_FL_ARITH);
	if (c->mode == 32)
		for (unsigned int i = 0; i < 16; i++)
			gpr[i] = i < 8 ? (uint32_t)gpr[i] : 0;
}
