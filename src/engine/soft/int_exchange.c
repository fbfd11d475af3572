/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XCHG, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B. With memory they run as the
 * host's locked instructions on guest RAM, LOCK prefix or not: more than
 * asked is right, too.
 */
#include "int.h"

#define DEFINE_EXCHANGE(bits, T, sfx, mod)                                     \
	HANDLER(xchg##bits##_r)                                                \
	{                                                                      \
		T a = get##bits(vp, in->rm);                                   \
                                                                               \
		put##bits(vp, in->rm, get##bits(vp, in->reg));                 \
		put##bits(vp, in->reg, a);                                     \
	}                                                                      \
	HANDLER_MEM(xchg##bits##_m)                                            \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, true);                 \
		T v = get##bits(vp, in->reg);                                  \
                                                                               \
		asm volatile("xchg" sfx " %0, %1"                              \
			     : "+r"(v), "+m"(*m)                               \
			     :                                                 \
			     : "memory");                                      \
		mem_rmw_end(vp, m);                                            \
		put##bits(vp, in->reg, v);                                     \
	}                                                                      \
	/* The destination is written last: XADD of a register with itself. */ \
	HANDLER(xadd##bits##_r)                                                \
	{                                                                      \
		T a = get##bits(vp, in->rm);                                   \
		T b = get##bits(vp, in->reg);                                  \
		uint16_t f;                                                    \
                                                                               \
		asm("add" sfx " %[a], %[b]\n\t" FLAGS_CAPTURE                  \
		    : [b] "+&r"(b), [f] "=&a"(f)                               \
		    : [a] "r"(a)                                               \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		put##bits(vp, in->reg, a);                                     \
		put##bits(vp, in->rm, b);                                      \
	}                                                                      \
	HANDLER_MEM(xadd##bits##_m)                                            \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, true);                 \
		T v = get##bits(vp, in->reg);                                  \
		uint16_t f;                                                    \
                                                                               \
		asm volatile("lock xadd" sfx " %[v], %[m]\n\t" FLAGS_CAPTURE   \
			     : [v] "+&r"(v), [m] "+m"(*m), [f] "=&a"(f)        \
			     :                                                 \
			     : "cc", "memory");                                \
		mem_rmw_end(vp, m);                                            \
		vp->flags = f;                                                 \
		put##bits(vp, in->reg, v);                                     \
	}                                                                      \
	static inline T compare##bits(struct soft_vp *vp, T a, T b)            \
	{                                                                      \
		uint16_t f;                                                    \
                                                                               \
		asm("cmp" sfx " %[b], %[a]\n\t" FLAGS_CAPTURE                  \
		    : [f] "=&a"(f)                                             \
		    : [a] "r"(a), [b] "r"(b)                                   \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		return a == b;                                                 \
	}                                                                      \
	/* The host's, on whole registers: what becomes of upper halves is its \
	 * choice. */                                                          \
	HANDLER(cmpxchg##bits##_r)                                             \
	{                                                                      \
		uint64_t *gpr = vp->hv.regs.gpr;                               \
		uint64_t rax = gpr[X86_RAX], dst;                              \
		T old = get##bits(vp, in->rm);                                 \
                                                                               \
		if (bits == 8) {                                               \
			if (compare8(vp, (uint8_t)rax, (uint8_t)old))          \
				put8(vp, in->rm, get8(vp, in->reg));           \
			else                                                   \
				put8(vp, 0, (uint8_t)old);                     \
			return;                                                \
		}                                                              \
		dst = gpr[in->rm];                                             \
		compare##bits(vp, (T)rax, old);                                \
		asm("cmpxchg" sfx " %" mod "[src], %" mod "[dst]"              \
		    : "+a"(rax), [dst] "+r"(dst)                               \
		    : [src] "r"(gpr[in->reg])                                  \
		    : "cc");                                                   \
		gpr[X86_RAX] = rax;                                            \
		gpr[in->rm] = dst;                                             \
	}                                                                      \
	HANDLER_MEM(cmpxchg##bits##_m)                                         \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, true);                 \
		T expect = get##bits(vp, X86_RAX);                             \
		T old = expect;                                                \
                                                                               \
		asm volatile("lock cmpxchg" sfx " %[v], %[m]"                  \
			     : "+a"(old), [m] "+m"(*m)                         \
			     : [v] "r"(get##bits(vp, in->reg))                 \
			     : "cc", "memory");                                \
		mem_rmw_end(vp, m);                                            \
		if (!compare##bits(vp, expect, old))                           \
			put##bits(vp, X86_RAX, old);                           \
	}
DEFINE_EXCHANGE(8, uint8_t, "b", "b")
DEFINE_EXCHANGE(16, uint16_t, "w", "w")
DEFINE_EXCHANGE(32, uint32_t, "l", "k")
DEFINE_EXCHANGE(64, uint64_t, "q", "q")

#define FORMS(name, bits)                                                      \
	{                                                                      \
		name##bits##_r, name##bits##_m                                 \
	}
#define OP_ROWS(name)                                                          \
	{                                                                      \
		FORMS(name, 8), FORMS(name, 16), FORMS(name, 32),              \
			FORMS(name, 64)                                        \
	}
static insn_fn *const exchange[3][4][2] = {
	OP_ROWS(xchg),
	OP_ROWS(xadd),
	OP_ROWS(cmpxchg),
};

static inline void put_zf(struct soft_vp *vp, bool zf)
{
	vp->flags &= (uint16_t)~FLAG_ZF;
	if (zf)
		vp->flags |= FLAG_ZF;
}

HANDLER_MEM(cmpxchg8b)
{
	uint64_t *gpr = vp->hv.regs.gpr;
	uint64_t lin = insn_linear(vp, in, 8, true);
	uint64_t *m = mem_rmw_begin(vp, lin, 8, true);
	uint64_t expect = gpr[X86_RDX] << 32 | get32(vp, X86_RAX);
	uint64_t v = gpr[X86_RCX] << 32 | get32(vp, X86_RBX);
	uint64_t old = expect;

	asm volatile("lock cmpxchgq %[v], %[m]"
		     : "+a"(old), [m] "+m"(*m)
		     : [v] "r"(v)
		     : "cc", "memory");
	mem_rmw_end(vp, m);
	put_zf(vp, old == expect);
	if (old != expect) {
		gpr[X86_RAX] = (uint32_t)old;
		gpr[X86_RDX] = old >> 32;
	}
}

HANDLER_MEM(cmpxchg16b)
{
	uint64_t *gpr = vp->hv.regs.gpr;
	uint64_t lin = insn_linear(vp, in, 16, true);
	uint64_t lo = gpr[X86_RAX], hi = gpr[X86_RDX];
	unsigned __int128 *m;
	bool equal;

	if (lin & 15)
		soft_raise_error(vp, X86_GP, 0);
	m = mem_rmw_begin(vp, lin, 16, true);
	asm volatile("lock cmpxchg16b %[m]"
		     : "+a"(lo), "+d"(hi), [m] "+m"(*m), "=@ccz"(equal)
		     : "b"(gpr[X86_RBX]), "c"(gpr[X86_RCX])
		     : "memory");
	mem_rmw_end(vp, m);
	put_zf(vp, equal);
	if (!equal) {
		gpr[X86_RAX] = lo;
		gpr[X86_RDX] = hi;
	}
}

insn_fn *bind_exchange(const struct soft_vp *vp, struct insn *in)
{
	switch (in->op) {
	case OP_CMPXCHG8B:
		return cmpxchg8b;
	case OP_CMPXCHG16B:
		return cmpxchg16b;
	case OP_XCHG:
	case OP_XADD:
	case OP_CMPXCHG:
		break;
	default:
		return NULL;
	}
	(void)int_form(in);
	return exchange[in->op - OP_XCHG][size_index(in)]
		       [(in->flags & INSN_MEM) != 0];
}
