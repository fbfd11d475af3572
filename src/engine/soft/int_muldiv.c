/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MUL, IMUL, DIV, IDIV. Division is checked before the host divides, as a
 * host #DE would be a signal here. Undefined flags stay as they are.
 */
#include "int.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

/* The explicit operand. */
#define DEFINE_SOURCE(bits, T, S, sfx)                                         \
	static inline T source##bits(struct soft_vp *vp,                       \
				     const struct insn *in)                    \
	{                                                                      \
		if (in->flags & INSN_MEM)                                      \
			return mem_read##bits(                                 \
				vp, insn_linear(vp, in, bits / 8, false));     \
		return get##bits(vp, in->rm);                                  \
	}
FOR_EACH_SIZE(DEFINE_SOURCE)

/* CF and OF tell whether the upper half matters. */
static inline void set_mul_flags(struct soft_vp *vp, bool overflow)
{
	vp->flags &= (uint16_t) ~(FLAG_CF | FLAG_OF);
	if (overflow)
		vp->flags |= FLAG_CF | FLAG_OF;
}

/* ---- one operand: AX = AL * src, rDX:rAX = rAX * src ---- */

HANDLER_MEM(mul8)
{
	uint32_t b = source8(vp, in);
	uint32_t v = get8(vp, 0) * b;

	put16(vp, X86_RAX, (uint16_t)v);
	set_mul_flags(vp, v >> 8);
}

HANDLER_MEM(imul8)
{
	int32_t b = (int8_t)source8(vp, in);
	int32_t v = (int8_t)get8(vp, 0) * b;

	put16(vp, X86_RAX, (uint16_t)v);
	set_mul_flags(vp, v != (int8_t)v);
}

#define DEFINE_MUL(bits, T, S, UW, SW)                                         \
	HANDLER_MEM(mul##bits)                                                 \
	{                                                                      \
		UW b = source##bits(vp, in);                                   \
		UW v = (UW)get##bits(vp, X86_RAX) * b;                         \
                                                                               \
		put##bits(vp, X86_RAX, (T)v);                                  \
		put##bits(vp, X86_RDX, (T)(v >> bits));                        \
		set_mul_flags(vp, (T)(v >> bits) != 0);                        \
	}                                                                      \
	HANDLER_MEM(imul##bits)                                                \
	{                                                                      \
		SW b = (S)source##bits(vp, in);                                \
		SW v = (SW)(S)get##bits(vp, X86_RAX) * b;                      \
                                                                               \
		put##bits(vp, X86_RAX, (T)v);                                  \
		put##bits(vp, X86_RDX, (T)((UW)v >> bits));                    \
		set_mul_flags(vp, v != (S)v);                                  \
	}                                                                      \
	static inline T imul2_##bits(struct soft_vp *vp, T a, T b)             \
	{                                                                      \
		SW v = (SW)(S)a * (S)b;                                        \
                                                                               \
		set_mul_flags(vp, v != (S)v);                                  \
		return (T)v;                                                   \
	}                                                                      \
	/* reg = reg * r/m */                                                  \
	HANDLER_MEM(imul2_##bits##_rr)                                         \
	{                                                                      \
		T b = source##bits(vp, in);                                    \
                                                                               \
		put##bits(vp, in->reg,                                         \
			  imul2_##bits(vp, get##bits(vp, in->reg), b));        \
	}                                                                      \
	/* reg = r/m * immediate */                                            \
	HANDLER_MEM(imul2_##bits##_ri)                                         \
	{                                                                      \
		T b = source##bits(vp, in);                                    \
                                                                               \
		put##bits(vp, in->reg, imul2_##bits(vp, b, (T)in->imm));       \
	}

DEFINE_MUL(16, uint16_t, int16_t, uint32_t, int32_t)
DEFINE_MUL(32, uint32_t, int32_t, uint64_t, int64_t)
DEFINE_MUL(64, uint64_t, int64_t, u128, s128)

/* ---- division ---- */

HANDLER_MEM(div8)
{
	uint8_t b = source8(vp, in);
	uint16_t a = get16(vp, X86_RAX);

	if (a >> 8 >= b) /* also for b == 0 */
		soft_raise(vp, X86_DE);
	put16(vp, X86_RAX, (uint16_t)((a % b) << 8 | a / b));
}

HANDLER_MEM(idiv8)
{
	int8_t b = (int8_t)source8(vp, in);
	int16_t a = (int16_t)get16(vp, X86_RAX);
	int q;

	if (!b)
		soft_raise(vp, X86_DE);
	q = a / b;
	if (q != (int8_t)q)
		soft_raise(vp, X86_DE);
	put16(vp, X86_RAX, (uint16_t)((uint8_t)(a % b) << 8 | (uint8_t)q));
}

#define DEFINE_DIV(bits, T, UW)                                                \
	HANDLER_MEM(div##bits)                                                 \
	{                                                                      \
		T b = source##bits(vp, in);                                    \
		T hi = get##bits(vp, X86_RDX);                                 \
		UW a = (UW)hi << bits | get##bits(vp, X86_RAX);                \
                                                                               \
		if (hi >= b) /* also for b == 0 */                             \
			soft_raise(vp, X86_DE);                                \
		put##bits(vp, X86_RAX, (T)(a / b));                            \
		put##bits(vp, X86_RDX, (T)(a % b));                            \
	}

DEFINE_DIV(16, uint16_t, uint32_t)
DEFINE_DIV(32, uint32_t, uint64_t)

HANDLER_MEM(div64)
{
	uint64_t b = source64(vp, in);
	uint64_t lo = get64(vp, X86_RAX);
	uint64_t hi = get64(vp, X86_RDX);

	if (hi >= b)
		soft_raise(vp, X86_DE);
	asm("divq %[b]" : "+a"(lo), "+d"(hi) : [b] "r"(b) : "cc");
	put64(vp, X86_RAX, lo);
	put64(vp, X86_RDX, hi);
}

#define DEFINE_IDIV(bits, T, S, UW, SW)                                        \
	HANDLER_MEM(idiv##bits)                                                \
	{                                                                      \
		S b = (S)source##bits(vp, in);                                 \
		SW a = (SW)((UW)get##bits(vp, X86_RDX) << bits |               \
			    get##bits(vp, X86_RAX));                           \
		SW q;                                                          \
                                                                               \
		/* The one quotient that does not fit the double width. */     \
		if (!b || (b == -1 && a == (SW)((UW)1 << (2 * bits - 1))))     \
			soft_raise(vp, X86_DE);                                \
		q = a / b;                                                     \
		if (q != (S)q)                                                 \
			soft_raise(vp, X86_DE);                                \
		put##bits(vp, X86_RAX, (T)q);                                  \
		put##bits(vp, X86_RDX, (T)(a % b));                            \
	}

DEFINE_IDIV(16, uint16_t, int16_t, uint32_t, int32_t)
DEFINE_IDIV(32, uint32_t, int32_t, uint64_t, int64_t)

HANDLER_MEM(idiv64)
{
	int64_t b = (int64_t)source64(vp, in);
	s128 a = (s128)((u128)get64(vp, X86_RDX) << 64 | get64(vp, X86_RAX));
	s128 q, r;

	if (!b || (b == -1 && a == (s128)((u128)1 << 127)))
		soft_raise(vp, X86_DE);
	if (a == (int64_t)a && b != -1) {
		q = (int64_t)a / b;
		r = (int64_t)a % b;
	} else {
		q = a / b;
		r = a % b;
	}
	if (q != (int64_t)q)
		soft_raise(vp, X86_DE);
	put64(vp, X86_RAX, (uint64_t)q);
	put64(vp, X86_RDX, (uint64_t)r);
}

static insn_fn *const muldiv[4][4] = {
	{mul8, mul16, mul32, mul64},
	{imul8, imul16, imul32, imul64},
	{div8, div16, div32, div64},
	{idiv8, idiv16, idiv32, idiv64},
};

static insn_fn *const imul2[2][4] = {
	{NULL, imul2_16_rr, imul2_32_rr, imul2_64_rr},
	{NULL, imul2_16_ri, imul2_32_ri, imul2_64_ri},
};

static insn_fn *const *row_of(const struct insn *in)
{
	switch (in->op) {
	case OP_MUL:
		return muldiv[0];
	case OP_IMUL:
		return muldiv[1];
	case OP_DIV:
		return muldiv[2];
	case OP_IDIV:
		return muldiv[3];
	case OP_IMUL2:
		return imul2[insn_opnd_kind(insn_desc(in)->opnd[2]) ==
			     OPND_IMM];
	default:
		return NULL;
	}
}

insn_fn *bind_muldiv(const struct soft_vp *vp, struct insn *in)
{
	insn_fn *const *row = row_of(in);

	if (!row)
		return NULL;
	if (in->opsize == 1)
		in->rm = byte_reg(in, in->rm);
	return row[size_index(in)];
}
