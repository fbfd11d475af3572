/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BT BTS BTR BTC, BSF BSR, TZCNT LZCNT POPCNT, BSWAP, CRC32.
 */
#include "int.h"

/* ---- bit tests: CF is the bit, the other flags stay ---- */

#define DEFINE_BIT(bits, T, S, sfx, name, insn)                                \
	static inline T name##bits(struct soft_vp *vp, T a, T bit)             \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm(FLAGS_LOAD insn sfx " %[bit], %[a]\n\t" FLAGS_CAPTURE      \
		    : [a] "+&r"(a), [f] "+&a"(f)                               \
		    : [bit] "r"(bit)                                           \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		return a;                                                      \
	}                                                                      \
	/* @bit is inside the operand here. */                                 \
	static inline void name##_l##bits(struct soft_vp *vp, T *m, T bit)     \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm volatile(FLAGS_LOAD "lock " insn sfx                       \
					" %[bit], %[m]\n\t" FLAGS_CAPTURE      \
			     : [m] "+m"(*m), [f] "+&a"(f)                      \
			     : [bit] "r"(bit)                                  \
			     : "cc", "memory");                                \
		vp->flags = f;                                                 \
	}

#define DEFINE_BT(bits, T, S, sfx)                                             \
	static inline void bt##bits(struct soft_vp *vp, T a, T bit)            \
	{                                                                      \
		vp->flags &= (uint16_t)~FLAG_CF;                               \
		if (a >> (bit & (bits - 1)) & 1)                               \
			vp->flags |= FLAG_CF;                                  \
	}                                                                      \
	/* Memory operands are bit strings: the register's offset may lead     \
	 * out of the operand, in both directions. */                          \
	static inline uint64_t bit_linear##bits(                               \
		struct soft_vp *vp, const struct insn *in, S off, bool write)  \
	{                                                                      \
		uint64_t ea = insn_ea(vp, in);                                 \
                                                                               \
		ea += (uint64_t)((int64_t)off >> __builtin_ctz(bits)) *        \
		      (bits / 8);                                              \
		if (in->addrsize == 4)                                         \
			ea = (uint32_t)ea;                                     \
		else if (in->addrsize == 2)                                    \
			ea = (uint16_t)ea;                                     \
		return seg_linear(vp, in->seg, ea, bits / 8, write);           \
	}                                                                      \
	HANDLER(bt##bits##_rr)                                                 \
	{                                                                      \
		bt##bits(vp, get##bits(vp, in->rm), get##bits(vp, in->reg));   \
	}                                                                      \
	HANDLER(bt##bits##_ri)                                                 \
	{                                                                      \
		bt##bits(vp, get##bits(vp, in->rm), (T)in->imm);               \
	}                                                                      \
	HANDLER_MEM(bt##bits##_mr)                                             \
	{                                                                      \
		T off = get##bits(vp, in->reg);                                \
		uint64_t lin = bit_linear##bits(vp, in, (S)off, false);        \
                                                                               \
		bt##bits(vp, mem_read##bits(vp, lin), off);                    \
	}                                                                      \
	HANDLER_MEM(bt##bits##_mi)                                             \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, false);           \
                                                                               \
		bt##bits(vp, mem_read##bits(vp, lin), (T)in->imm);             \
	}
FOR_EACH_WORD_SIZE(DEFINE_BT)

#define DEFINE_BIT_FORMS(bits, T, S, sfx, name)                                \
	HANDLER(name##bits##_rr)                                               \
	{                                                                      \
		put##bits(vp, in->rm,                                          \
			  name##bits(vp, get##bits(vp, in->rm),                \
				     get##bits(vp, in->reg)));                 \
	}                                                                      \
	HANDLER(name##bits##_ri)                                               \
	{                                                                      \
		put##bits(vp, in->rm,                                          \
			  name##bits(vp, get##bits(vp, in->rm), (T)in->imm));  \
	}                                                                      \
	static void name##bits##_mem(struct soft_vp *vp,                       \
				     const struct insn *in, uint64_t lin,      \
				     T bit)                                    \
	{                                                                      \
		bool lock = in->flags & INSN_LOCK;                             \
		T *m = mem_rmw_begin(vp, lin, bits / 8, lock);                 \
                                                                               \
		bit &= bits - 1;                                               \
		if (lock)                                                      \
			name##_l##bits(vp, m, bit);                            \
		else                                                           \
			*m = name##bits(vp, *m, bit);                          \
		mem_rmw_end(vp, m);                                            \
	}                                                                      \
	HANDLER_MEM(name##bits##_mr)                                           \
	{                                                                      \
		T off = get##bits(vp, in->reg);                                \
                                                                               \
		name##bits##_mem(vp, in,                                       \
				 bit_linear##bits(vp, in, (S)off, true), off); \
	}                                                                      \
	HANDLER_MEM(name##bits##_mi)                                           \
	{                                                                      \
		name##bits##_mem(vp, in, insn_linear(vp, in, bits / 8, true),  \
				 (T)in->imm);                                  \
	}

#define DEFINE_BIT_OP(name, insn)                                              \
	FOR_EACH_WORD_SIZE(DEFINE_BIT, name, insn)                             \
	FOR_EACH_WORD_SIZE(DEFINE_BIT_FORMS, name)

DEFINE_BIT_OP(bts, "bts")
DEFINE_BIT_OP(btr, "btr")
DEFINE_BIT_OP(btc, "btc")

#define FORM_ROW(name, bits)                                                   \
	{                                                                      \
		[FORM_RR] = name##bits##_rr, [FORM_RI] = name##bits##_ri,      \
		[FORM_MR] = name##bits##_mr, [FORM_MI] = name##bits##_mi,      \
		[FORM_MR_LOCK] = name##bits##_mr,                              \
		[FORM_MI_LOCK] = name##bits##_mi,                              \
	}
#define OP_ROWS(name)                                                          \
	{                                                                      \
		{NULL}, FORM_ROW(name, 16), FORM_ROW(name, 32),                \
			FORM_ROW(name, 64)                                     \
	}

static insn_fn *const bit[4][4][NR_FORMS] = {
	OP_ROWS(bt),
	OP_ROWS(bts),
	OP_ROWS(btr),
	OP_ROWS(btc),
};

/* ---- scans and counts ---- */

/*
 * The host instruction on the whole destination register: BSF and BSR of zero
 * leave it as this host does.
 */
#define DEFINE_SCAN(bits, T, mod, name, insn)                                  \
	HANDLER_MEM(name##bits)                                                \
	{                                                                      \
		uint64_t dst = vp->hv.regs.gpr[in->reg];                       \
		uint16_t f = vp->flags;                                        \
		T src;                                                         \
                                                                               \
		if (in->flags & INSN_MEM)                                      \
			src = mem_read##bits(                                  \
				vp, insn_linear(vp, in, bits / 8, false));     \
		else                                                           \
			src = get##bits(vp, in->rm);                           \
		asm(FLAGS_LOAD insn " %[src], %" mod "[dst]\n\t" FLAGS_CAPTURE \
		    : [dst] "+&r"(dst), [f] "+&a"(f)                           \
		    : [src] "r"(src)                                           \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		vp->hv.regs.gpr[in->reg] = dst;                                \
	}

#define DEFINE_SCANS(name, insn)                                               \
	DEFINE_SCAN(16, uint16_t, "w", name, insn)                             \
	DEFINE_SCAN(32, uint32_t, "k", name, insn)                             \
	DEFINE_SCAN(64, uint64_t, "q", name, insn)

DEFINE_SCANS(bsf, "bsf")
DEFINE_SCANS(bsr, "bsr")
DEFINE_SCANS(tzcnt, "tzcnt")
DEFINE_SCANS(lzcnt, "lzcnt")
DEFINE_SCANS(popcnt, "popcnt")

static insn_fn *const scan[5][4] = {
	{NULL, bsf16, bsf32, bsf64},          {NULL, bsr16, bsr32, bsr64},
	{NULL, tzcnt16, tzcnt32, tzcnt64},    {NULL, lzcnt16, lzcnt32, lzcnt64},
	{NULL, popcnt16, popcnt32, popcnt64},
};

/* ---- BSWAP, CRC32 ---- */

HANDLER(bswap16)
{
	put16(vp, in->rm, 0); /* undefined; what processors do */
}

HANDLER(bswap32)
{
	put32(vp, in->rm, __builtin_bswap32(get32(vp, in->rm)));
}

HANDLER(bswap64)
{
	put64(vp, in->rm, __builtin_bswap64(get64(vp, in->rm)));
}

#define DEFINE_CRC32(bits, T, S, sfx)                                          \
	HANDLER_MEM(crc32_##bits)                                              \
	{                                                                      \
		uint64_t crc = get32(vp, in->reg);                             \
		T src;                                                         \
                                                                               \
		if (in->flags & INSN_MEM)                                      \
			src = mem_read##bits(                                  \
				vp, insn_linear(vp, in, bits / 8, false));     \
		else                                                           \
			src = get##bits(vp, bits == 8 ? byte_reg(in, in->rm)   \
						      : in->rm);               \
		if (bits == 64)                                                \
			asm("crc32q %q1, %q0" : "+r"(crc) : "r"(src));         \
		else                                                           \
			asm("crc32" sfx " %1, %k0" : "+r"(crc) : "r"(src));    \
		put64(vp, in->reg, crc);                                       \
	}
DEFINE_CRC32(8, uint8_t, int8_t, "b")
DEFINE_CRC32(16, uint16_t, int16_t, "w")
DEFINE_CRC32(32, uint32_t, int32_t, "l")
DEFINE_CRC32(64, uint64_t, int64_t, "q")

static insn_fn *bind_crc32(const struct insn *in)
{
	if (in->opcode == 0xf0)
		return crc32_8;
	return in->opsize == 8   ? crc32_64
	       : in->opsize == 4 ? crc32_32
				 : crc32_16;
}

insn_fn *bind_bit(const struct soft_vp *vp, struct insn *in)
{
	switch (in->op) {
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC:
		return bit[in->op - OP_BT][size_index(in)][int_form(in)];
	case OP_BSF:
		return scan[0][size_index(in)];
	case OP_BSR:
		return scan[1][size_index(in)];
	case OP_TZCNT:
		return scan[2][size_index(in)];
	case OP_LZCNT:
		return scan[3][size_index(in)];
	case OP_POPCNT:
		return scan[4][size_index(in)];
	case OP_BSWAP:
		return in->opsize == 8   ? bswap64
		       : in->opsize == 4 ? bswap32
					 : bswap16;
	case OP_CRC32:
		return bind_crc32(in);
	default:
		return NULL;
	}
}
