/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NEG NOT. The host computes
 * result and flags; read-modify-write happens in guest memory itself, with
 * LOCK where the guest says so.
 */
#include "int.h"

/* Host flags that an operation wants to find: none, or the guest's CF. */
#define CF_IN_NO  ""
#define CF_IN_YES "btw $8, %%ax\n\t"

/* Operations on registers: (bits, T, S, sfx, name, host instruction, CF in) */
#define DEFINE_OP2(bits, T, S, sfx, name, insn, cf_in)                         \
	static inline T name##bits(struct soft_vp *vp, T a, T b)               \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm(cf_in insn sfx " %[b], %[a]\n\t" FLAGS_CAPTURE             \
		    : [a] "+&r"(a), [f] "+&a"(f)                               \
		    : [b] "r"(b)                                               \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		return a;                                                      \
	}

/* The same when the guest's flags are no input: AX need not be loaded. */
#define DEFINE_OP2_PURE(bits, T, S, sfx, name, insn)                           \
	static inline T name##bits(struct soft_vp *vp, T a, T b)               \
	{                                                                      \
		uint16_t f;                                                    \
                                                                               \
		asm(insn sfx " %[b], %[a]\n\t" FLAGS_CAPTURE                   \
		    : [a] "+&r"(a), [f] "=&a"(f)                               \
		    : [b] "r"(b)                                               \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		return a;                                                      \
	}

/* Operations on memory. */
#define DEFINE_MEM2(bits, T, S, sfx, name, insn, cf_in, lock)                  \
	static inline void name##bits(struct soft_vp *vp, T *m, T b)           \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm volatile(cf_in lock insn sfx                               \
			     " %[b], %[m]\n\t" FLAGS_CAPTURE                   \
			     : [m] "+m"(*m), [f] "+&a"(f)                      \
			     : [b] "r"(b)                                      \
			     : "cc", "memory");                                \
		vp->flags = f;                                                 \
	}

/* The seven forms of an operation that writes its destination. */
#define DEFINE_FORMS2(bits, T, S, sfx, name)                                   \
	HANDLER(name##bits##_rr)                                               \
	{                                                                      \
		put##bits(vp, in->rm,                                          \
			  name##bits(vp, get##bits(vp, in->rm),                \
				     get##bits(vp, in->reg)));                 \
	}                                                                      \
	HANDLER_MEM(name##bits##_rm)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, false);           \
		T b = mem_read##bits(vp, lin);                                 \
                                                                               \
		put##bits(vp, in->reg,                                         \
			  name##bits(vp, get##bits(vp, in->reg), b));          \
	}                                                                      \
	HANDLER_MEM(name##bits##_mr)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, false);                \
                                                                               \
		name##_m##bits(vp, m, get##bits(vp, in->reg));                 \
		mem_rmw_end(vp, m);                                            \
	}                                                                      \
	HANDLER(name##bits##_ri)                                               \
	{                                                                      \
		put##bits(vp, in->rm,                                          \
			  name##bits(vp, get##bits(vp, in->rm), (T)in->imm));  \
	}                                                                      \
	HANDLER_MEM(name##bits##_mi)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, false);                \
                                                                               \
		name##_m##bits(vp, m, (T)in->imm);                             \
		mem_rmw_end(vp, m);                                            \
	}                                                                      \
	HANDLER_MEM(name##bits##_mr_lock)                                      \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, true);                 \
                                                                               \
		name##_l##bits(vp, m, get##bits(vp, in->reg));                 \
		mem_rmw_end(vp, m);                                            \
	}                                                                      \
	HANDLER_MEM(name##bits##_mi_lock)                                      \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, true);                 \
                                                                               \
		name##_l##bits(vp, m, (T)in->imm);                             \
		mem_rmw_end(vp, m);                                            \
	}

/* The five forms of CMP and TEST. */
#define DEFINE_FORMS2_FLAGS(bits, T, S, sfx, name)                             \
	HANDLER(name##bits##_rr)                                               \
	{                                                                      \
		name##bits(vp, get##bits(vp, in->rm), get##bits(vp, in->reg)); \
	}                                                                      \
	HANDLER_MEM(name##bits##_rm)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, false);           \
		T b = mem_read##bits(vp, lin);                                 \
                                                                               \
		name##bits(vp, get##bits(vp, in->reg), b);                     \
	}                                                                      \
	HANDLER_MEM(name##bits##_mr)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, false);           \
		T a = mem_read##bits(vp, lin);                                 \
                                                                               \
		name##bits(vp, a, get##bits(vp, in->reg));                     \
	}                                                                      \
	HANDLER(name##bits##_ri)                                               \
	{                                                                      \
		name##bits(vp, get##bits(vp, in->rm), (T)in->imm);             \
	}                                                                      \
	HANDLER_MEM(name##bits##_mi)                                           \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, false);           \
		T a = mem_read##bits(vp, lin);                                 \
                                                                               \
		name##bits(vp, a, (T)in->imm);                                 \
	}

#define DEFINE_ALU_PURE(name, insn)                                            \
	FOR_EACH_SIZE(DEFINE_OP2_PURE, name, insn)                             \
	FOR_EACH_SIZE(DEFINE_MEM2, name##_m, insn, CF_IN_NO, "")               \
	FOR_EACH_SIZE(DEFINE_MEM2, name##_l, insn, CF_IN_NO, "lock ")          \
	FOR_EACH_SIZE(DEFINE_FORMS2, name)

#define DEFINE_ALU_CARRY(name, insn)                                           \
	FOR_EACH_SIZE(DEFINE_OP2, name, insn, CF_IN_YES)                       \
	FOR_EACH_SIZE(DEFINE_MEM2, name##_m, insn, CF_IN_YES, "")              \
	FOR_EACH_SIZE(DEFINE_MEM2, name##_l, insn, CF_IN_YES, "lock ")         \
	FOR_EACH_SIZE(DEFINE_FORMS2, name)

#define DEFINE_ALU_FLAGS(name, insn)                                           \
	FOR_EACH_SIZE(DEFINE_OP2_PURE, name, insn)                             \
	FOR_EACH_SIZE(DEFINE_FORMS2_FLAGS, name)

DEFINE_ALU_PURE(add, "add")
DEFINE_ALU_PURE(or, "or")
DEFINE_ALU_CARRY(adc, "adc")
DEFINE_ALU_CARRY(sbb, "sbb")
DEFINE_ALU_PURE(and, "and")
DEFINE_ALU_PURE(sub, "sub")
DEFINE_ALU_PURE(xor, "xor")
DEFINE_ALU_FLAGS(cmp, "cmp")
DEFINE_ALU_FLAGS(test, "test")

#define FORM_ROW(name, bits)                                                   \
	{                                                                      \
		[FORM_RR] = name##bits##_rr, [FORM_RM] = name##bits##_rm,      \
		[FORM_MR] = name##bits##_mr, [FORM_RI] = name##bits##_ri,      \
		[FORM_MI] = name##bits##_mi,                                   \
		[FORM_MR_LOCK] = name##bits##_mr_lock,                         \
		[FORM_MI_LOCK] = name##bits##_mi_lock,                         \
	}
#define FORM_ROW_FLAGS(name, bits)                                             \
	{                                                                      \
		[FORM_RR] = name##bits##_rr, [FORM_RM] = name##bits##_rm,      \
		[FORM_MR] = name##bits##_mr, [FORM_RI] = name##bits##_ri,      \
		[FORM_MI] = name##bits##_mi,                                   \
	}
#define OP_ROWS(row, name)                                                     \
	{                                                                      \
		row(name, 8), row(name, 16), row(name, 32), row(name, 64)      \
	}

static insn_fn *const alu2[OP_TEST - OP_ADD + 1][4][NR_FORMS] = {
	[OP_ADD - OP_ADD] = OP_ROWS(FORM_ROW, add),
	[OP_OR - OP_ADD] = OP_ROWS(FORM_ROW, or),
	[OP_ADC - OP_ADD] = OP_ROWS(FORM_ROW, adc),
	[OP_SBB - OP_ADD] = OP_ROWS(FORM_ROW, sbb),
	[OP_AND - OP_ADD] = OP_ROWS(FORM_ROW, and),
	[OP_SUB - OP_ADD] = OP_ROWS(FORM_ROW, sub),
	[OP_XOR - OP_ADD] = OP_ROWS(FORM_ROW, xor),
	[OP_CMP - OP_ADD] = OP_ROWS(FORM_ROW_FLAGS, cmp),
	[OP_TEST - OP_ADD] = OP_ROWS(FORM_ROW_FLAGS, test),
};

/* ---- one operand ---- */

#define DEFINE_OP1(bits, T, S, sfx, name, insn)                                \
	static inline T name##bits(struct soft_vp *vp, T a)                    \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm(CF_IN_YES insn sfx " %[a]\n\t" FLAGS_CAPTURE               \
		    : [a] "+&r"(a), [f] "+&a"(f)                               \
		    :                                                          \
		    : "cc");                                                   \
		vp->flags = f;                                                 \
		return a;                                                      \
	}

#define DEFINE_MEM1(bits, T, S, sfx, name, insn, lock)                         \
	static inline void name##bits(struct soft_vp *vp, T *m)                \
	{                                                                      \
		uint16_t f = vp->flags;                                        \
                                                                               \
		asm volatile(CF_IN_YES lock insn sfx " %[m]\n\t" FLAGS_CAPTURE \
			     : [m] "+m"(*m), [f] "+&a"(f)                      \
			     :                                                 \
			     : "cc", "memory");                                \
		vp->flags = f;                                                 \
	}

/* NOT leaves the flags alone. */
#define DEFINE_NOT(bits, T, S, sfx)                                            \
	static inline T not_##bits(struct soft_vp *vp, T a)                    \
	{                                                                      \
		return (T)~a;                                                  \
	}                                                                      \
	static inline void not__m##bits(struct soft_vp *vp, T *m)              \
	{                                                                      \
		asm volatile("not" sfx " %0" : "+m"(*m) : : "memory");         \
	}                                                                      \
	static inline void not__l##bits(struct soft_vp *vp, T *m)              \
	{                                                                      \
		asm volatile("lock not" sfx " %0" : "+m"(*m) : : "memory");    \
	}

#define DEFINE_FORMS1(bits, T, S, sfx, name)                                   \
	HANDLER(name##bits##_r)                                                \
	{                                                                      \
		put##bits(vp, in->rm, name##bits(vp, get##bits(vp, in->rm)));  \
	}                                                                      \
	HANDLER_MEM(name##bits##_m)                                            \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, false);                \
                                                                               \
		name##_m##bits(vp, m);                                         \
		mem_rmw_end(vp, m);                                            \
	}                                                                      \
	HANDLER_MEM(name##bits##_m_lock)                                       \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, bits / 8, true);            \
		T *m = mem_rmw_begin(vp, lin, bits / 8, true);                 \
                                                                               \
		name##_l##bits(vp, m);                                         \
		mem_rmw_end(vp, m);                                            \
	}

#define DEFINE_ALU1(name, insn)                                                \
	FOR_EACH_SIZE(DEFINE_OP1, name, insn)                                  \
	FOR_EACH_SIZE(DEFINE_MEM1, name##_m, insn, "")                         \
	FOR_EACH_SIZE(DEFINE_MEM1, name##_l, insn, "lock ")                    \
	FOR_EACH_SIZE(DEFINE_FORMS1, name)

DEFINE_ALU1(inc, "inc")
DEFINE_ALU1(dec, "dec")
DEFINE_ALU1(neg, "neg")
FOR_EACH_SIZE(DEFINE_NOT)
FOR_EACH_SIZE(DEFINE_FORMS1, not_)

/* Register, memory, locked memory. */
#define FORM1_ROW(name, bits)                                                  \
	{                                                                      \
		name##bits##_r, name##bits##_m, name##bits##_m_lock            \
	}

static insn_fn *const alu1[OP_NOT - OP_INC + 1][4][3] = {
	[OP_INC - OP_INC] = OP_ROWS(FORM1_ROW, inc),
	[OP_DEC - OP_INC] = OP_ROWS(FORM1_ROW, dec),
	[OP_NEG - OP_INC] = OP_ROWS(FORM1_ROW, neg),
	[OP_NOT - OP_INC] = OP_ROWS(FORM1_ROW, not_),
};

insn_fn *bind_alu(const struct soft_vp *vp, struct insn *in)
{
	if ((in->op >= OP_ADD && in->op <= OP_CMP) || in->op == OP_TEST)
		return alu2[in->op - OP_ADD][size_index(in)][int_form(in)];
	if (in->op < OP_INC || in->op > OP_NOT)
		return NULL;
	if (in->opsize == 1)
		in->rm = byte_reg(in, in->rm);
	return alu1[in->op - OP_INC][size_index(in)][in->flags & INSN_LOCK ? 2
						     : in->flags & INSN_MEM
							     ? 1
							     : 0];
}
