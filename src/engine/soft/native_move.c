/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector instructions that only copy bytes or combine them bitwise: the ones
 * memcpy, memset and friends are made of. A plain C copy is cheaper than a
 * stub. Each handler is for one shape of operands; bind picks it.
 */
#include "int.h"
#include "native_priv.h"

/* ---- whole registers ---- */

/* DST and SRC are insn fields that number registers. */
#define DEFINE_MOVE_RR(name, dst, src)                                         \
	HANDLER(name)                                                          \
	{                                                                      \
		store128(fpu_xmm(vp, in->dst), load128(fpu_xmm(vp, in->src))); \
	}                                                                      \
	HANDLER(v##name)                                                       \
	{                                                                      \
		name##_do(vp, in);                                             \
		if (in->flags & INSN_VEX_L)                                    \
			store128(fpu_ymm_hi(vp, in->dst),                      \
				 load128(fpu_ymm_hi(vp, in->src)));            \
		else                                                           \
			zero_ymm_hi(vp, in->dst);                              \
	}

DEFINE_MOVE_RR(move_to_reg, reg, rm)
DEFINE_MOVE_RR(move_to_rm, rm, reg)

#define DEFINE_LOAD16(name, align)                                             \
	HANDLER_MEM(name)                                                      \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, 16, false);                 \
                                                                               \
		check_aligned(vp, lin, align);                                 \
		store128(fpu_xmm(vp, in->reg),                                 \
			 load128(operand_read(vp, lin, 16)));                  \
	}                                                                      \
	HANDLER_MEM(v##name)                                                   \
	{                                                                      \
		name##_do(vp, in);                                             \
		zero_ymm_hi(vp, in->reg);                                      \
	}

#define DEFINE_STORE16(name, align)                                            \
	HANDLER_MEM(name)                                                      \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, 16, true);                  \
                                                                               \
		check_aligned(vp, lin, align);                                 \
		operand_write(vp, lin, fpu_xmm(vp, in->reg), 16);              \
	}

#define DEFINE_LOAD32(name, align)                                             \
	HANDLER_MEM(name)                                                      \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, 32, false);                 \
		const uint8_t *src;                                            \
                                                                               \
		check_aligned(vp, lin, align);                                 \
		src = operand_read(vp, lin, 32);                               \
		store128(fpu_xmm(vp, in->reg), load128(src));                  \
		store128(fpu_ymm_hi(vp, in->reg), load128(src + 16));          \
	}

/* Halves lie apart. Out of line where they must be joined: a handler with an
 * array of its own cannot jump to the next. */
static __attribute__((noinline)) void
store32_slow(struct soft_vp *vp, uint64_t lin, unsigned int reg)
{
	uint8_t v[32];

	memcpy(v, fpu_xmm(vp, reg), 16);
	memcpy(v + 16, fpu_ymm_hi(vp, reg), 16);
	mem_write(vp, lin, v, 32);
}

#define DEFINE_STORE32(name, align)                                            \
	HANDLER_MEM(name)                                                      \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, 32, true);                  \
		struct tlb_entry *e = tlb_slot(vp->tlb, lin);                  \
		uint8_t *dst = (uint8_t *)(uintptr_t)(lin + e->addend);        \
                                                                               \
		check_aligned(vp, lin, align);                                 \
		if (__builtin_expect(tlb_hit(e->write, lin, 32), 1)) {         \
			store128(dst, load128(fpu_xmm(vp, in->reg)));          \
			store128(dst + 16, load128(fpu_ymm_hi(vp, in->reg)));  \
		} else {                                                       \
			store32_slow(vp, lin, in->reg);                        \
		}                                                              \
	}

DEFINE_LOAD16(load16, 1)
DEFINE_LOAD16(load16_aligned, 16)
DEFINE_STORE16(store16, 1)
DEFINE_STORE16(store16_aligned, 16)
DEFINE_LOAD32(load32, 1)
DEFINE_LOAD32(load32_aligned, 32)
DEFINE_STORE32(store32, 1)
DEFINE_STORE32(store32_aligned, 32)

static insn_fn *bind_move(const struct insn *in)
{
	bool vex = in->flags & INSN_VEX, l = in->flags & INSN_VEX_L;
	bool aligned = false, store;

	store = insn_opnd_kind(insn_desc(in)->opnd[0]) != OPND_XMM_REG;
	if (!(in->flags & INSN_MEM)) {
		if (vex)
			return store ? vmove_to_rm : vmove_to_reg;
		return store ? move_to_rm : move_to_reg;
	}
	aligned = insn_mem_align(in) > 1;
	if (store && l)
		return aligned ? store32_aligned : store32;
	if (store)
		return aligned ? store16_aligned : store16;
	if (l)
		return aligned ? load32_aligned : load32;
	if (vex)
		return aligned ? vload16_aligned : vload16;
	return aligned ? load16_aligned : load16;
}

/* ---- bitwise ---- */

static inline __m128i and_not(__m128i a, __m128i b)
{
	return _mm_andnot_si128(a, b);
}

#define DEFINE_LOGIC(name, expr)                                               \
	HANDLER(name##_rr)                                                     \
	{                                                                      \
		uint8_t *dst = fpu_xmm(vp, in->reg);                           \
                                                                               \
		store128(dst,                                                  \
			 expr(load128(dst), load128(fpu_xmm(vp, in->rm))));    \
	}                                                                      \
	HANDLER_MEM(name##_rm)                                                 \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, 16, false);                 \
		uint8_t *dst = fpu_xmm(vp, in->reg);                           \
                                                                               \
		check_aligned(vp, lin, 16);                                    \
		store128(dst, expr(load128(dst),                               \
				   load128(operand_read(vp, lin, 16))));       \
	}                                                                      \
	HANDLER(v##name##_rr)                                                  \
	{                                                                      \
		store128(fpu_xmm(vp, in->reg),                                 \
			 expr(load128(fpu_xmm(vp, in->vvvv)),                  \
			      load128(fpu_xmm(vp, in->rm))));                  \
		zero_ymm_hi(vp, in->reg);                                      \
	}

DEFINE_LOGIC(logic_and, _mm_and_si128)
DEFINE_LOGIC(logic_andn, and_not)
DEFINE_LOGIC(logic_or, _mm_or_si128)
DEFINE_LOGIC(logic_xor, _mm_xor_si128)

/* NULL: left to a stub. */
#define LOGIC_SHAPE(name)                                                      \
	(in->flags & INSN_VEX_L ? NULL                                         \
	 : in->flags & INSN_VEX ? (mem ? NULL : v##name##_rr)                  \
	 : mem                  ? name##_rm                                    \
				: name##_rr)

static insn_fn *bind_logic(const struct insn *in)
{
	bool mem = in->flags & INSN_MEM;

	switch (in->op) {
	case OP_PAND:
	case OP_ANDPS:
	case OP_ANDPD:
		return LOGIC_SHAPE(logic_and);
	case OP_PANDN:
	case OP_ANDNPS:
	case OP_ANDNPD:
		return LOGIC_SHAPE(logic_andn);
	case OP_POR:
	case OP_ORPS:
	case OP_ORPD:
		return LOGIC_SHAPE(logic_or);
	case OP_PXOR:
	case OP_XORPS:
	case OP_XORPD:
		return LOGIC_SHAPE(logic_xor);
	default:
		return NULL;
	}
}

/* ---- 4 and 8 bytes, zero-extended into the register ---- */

static inline void set_low(struct soft_vp *vp, const struct insn *in,
			   unsigned int reg, uint64_t v)
{
	store128(fpu_xmm(vp, reg), _mm_set_epi64x(0, (int64_t)v));
	if (in->flags & INSN_VEX)
		zero_ymm_hi(vp, reg);
}

static inline uint64_t get_low(struct soft_vp *vp, unsigned int reg)
{
	uint64_t v;

	memcpy(&v, fpu_xmm(vp, reg), 8);
	return v;
}

HANDLER_MEM(load4)
{
	set_low(vp, in, in->reg, mem_read32(vp, insn_linear(vp, in, 4, false)));
}

HANDLER_MEM(load8)
{
	set_low(vp, in, in->reg, mem_read64(vp, insn_linear(vp, in, 8, false)));
}

HANDLER_MEM(store4)
{
	mem_write32(vp, insn_linear(vp, in, 4, true),
		    (uint32_t)get_low(vp, in->reg));
}

HANDLER_MEM(store8)
{
	mem_write64(vp, insn_linear(vp, in, 8, true), get_low(vp, in->reg));
}

HANDLER(gpr_to_xmm4)
{
	set_low(vp, in, in->reg, (uint32_t)vp->hv.regs.gpr[in->rm]);
}

HANDLER(gpr_to_xmm8)
{
	set_low(vp, in, in->reg, vp->hv.regs.gpr[in->rm]);
}

HANDLER(xmm_to_gpr4)
{
	vp->hv.regs.gpr[in->rm] = (uint32_t)get_low(vp, in->reg);
}

HANDLER(xmm_to_gpr8)
{
	vp->hv.regs.gpr[in->rm] = get_low(vp, in->reg);
}

HANDLER(movq_to_reg)
{
	set_low(vp, in, in->reg, get_low(vp, in->rm));
}

HANDLER(movq_to_rm)
{
	set_low(vp, in, in->rm, get_low(vp, in->reg));
}

static insn_fn *bind_movd(const struct insn *in)
{
	bool to_xmm = insn_opnd_kind(insn_desc(in)->opnd[0]) == OPND_XMM_REG;
	bool wide = in->opsize == 8;

	if (in->flags & INSN_MEM) {
		if (to_xmm)
			return wide ? load8 : load4;
		return wide ? store8 : store4;
	}
	if (to_xmm)
		return wide ? gpr_to_xmm8 : gpr_to_xmm4;
	return wide ? xmm_to_gpr8 : xmm_to_gpr4;
}

static insn_fn *bind_movq(const struct insn *in)
{
	bool store = insn_opnd_kind(insn_desc(in)->opnd[0]) == OPND_XMM_RM;

	if (in->flags & INSN_MEM)
		return store ? store8 : load8;
	return store ? movq_to_rm : movq_to_reg;
}

/* MOVSS, MOVSD, MOVNTSS, MOVNTSD with memory */
static insn_fn *bind_scalar(const struct insn *in, bool wide)
{
	if (!(in->flags & INSN_MEM))
		return NULL;
	if (insn_mem_access(in) & OPND_W)
		return wide ? store8 : store4;
	return wide ? load8 : load4;
}

/* ---- halves of a register ---- */

HANDLER_MEM(load_low_half)
{
	uint64_t v = mem_read64(vp, insn_linear(vp, in, 8, false));

	memcpy(fpu_xmm(vp, in->reg), &v, 8);
}

HANDLER_MEM(load_high_half)
{
	uint64_t v = mem_read64(vp, insn_linear(vp, in, 8, false));

	memcpy(fpu_xmm(vp, in->reg) + 8, &v, 8);
}

HANDLER_MEM(store_high_half)
{
	uint64_t v;

	memcpy(&v, fpu_xmm(vp, in->reg) + 8, 8);
	mem_write64(vp, insn_linear(vp, in, 8, true), v);
}

static insn_fn *bind_half(const struct insn *in, bool high)
{
	if (insn_mem_access(in) & OPND_W)
		return high ? store_high_half : store8;
	if (in->flags & INSN_VEX)
		return NULL;
	return high ? load_high_half : load_low_half;
}

/* ---- MOVNTI ---- */

HANDLER_MEM(insn_movnti4)
{
	mem_write32(vp, insn_linear(vp, in, 4, true),
		    (uint32_t)vp->hv.regs.gpr[in->reg]);
}

HANDLER_MEM(insn_movnti8)
{
	mem_write64(vp, insn_linear(vp, in, 8, true), vp->hv.regs.gpr[in->reg]);
}

/* ---- CLZERO: the cache line that rAX points into ---- */

static void insn_clzero(struct soft_vp *vp, const struct insn *in)
{
	static const uint8_t zero[64];
	uint64_t ea = vp->hv.regs.gpr[X86_RAX];
	uint64_t lin;

	if (in->addrsize != 8)
		ea = in->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
	lin = seg_linear(vp, in->seg, ea & ~UINT64_C(63), 64, true);
	mem_write(vp, lin & ~UINT64_C(63), zero, 64);
}

/* ---- SSE4a bit fields: immediates become the register form's ---- */

static void insn_extrq(struct soft_vp *vp, const struct insn *in)
{
	__m128i v = load128(fpu_xmm(vp, in->rm));
	__m128i ctl = _mm_cvtsi64_si128((int64_t)(in->imm & 0x3f) |
					(int64_t)(in->sel & 0x3f) << 8);

	__asm__("extrq %1, %0" : "+x"(v) : "x"(ctl));
	store128(fpu_xmm(vp, in->rm), v);
}

static void insn_insertq(struct soft_vp *vp, const struct insn *in)
{
	__m128i v = load128(fpu_xmm(vp, in->reg));
	uint64_t low = get_low(vp, in->rm);
	__m128i src = _mm_set_epi64x((int64_t)(in->imm & 0x3f) |
					     (int64_t)(in->sel & 0x3f) << 8,
				     (int64_t)low);

	__asm__("insertq %1, %0" : "+x"(v) : "x"(src));
	store128(fpu_xmm(vp, in->reg), v);
}

static bool has_imm(const struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);

	for (unsigned int i = 0; i < ARRAY_SIZE(desc->opnd); i++)
		if (insn_opnd_kind(desc->opnd[i]) == OPND_IMM)
			return true;
	return false;
}

insn_fn *bind_native_move(const struct soft_vp *vp, const struct insn *in)
{
	switch (in->op) {
	case OP_MOVAPS:
	case OP_MOVAPD:
	case OP_MOVUPS:
	case OP_MOVUPD:
	case OP_MOVDQA:
	case OP_MOVDQU:
	case OP_LDDQU:
	case OP_MOVNTPS:
	case OP_MOVNTPD:
	case OP_MOVNTDQ:
	case OP_MOVNTDQA:
		return bind_move(in);
	case OP_MOVD:
		return bind_movd(in);
	case OP_MOVQ:
		return bind_movq(in);
	case OP_MOVSS:
	case OP_MOVNTSS:
		return bind_scalar(in, false);
	case OP_MOVSD:
	case OP_MOVNTSD:
		return bind_scalar(in, true);
	case OP_MOVLPS:
	case OP_MOVLPD:
		return bind_half(in, false);
	case OP_MOVHPS:
	case OP_MOVHPD:
		return bind_half(in, true);
	case OP_MOVNTI:
		return in->opsize == 8 ? insn_movnti8 : insn_movnti4;
	case OP_CLZERO:
		return insn_clzero;
	case OP_EXTRQ:
		return has_imm(in) ? insn_extrq : NULL;
	case OP_INSERTQ:
		return has_imm(in) ? insn_insertq : NULL;
	default:
		return bind_logic(in);
	}
}
