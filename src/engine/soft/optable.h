/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vocabulary of the decoder table (optable_*.def), for optable.c alone.
 *
 * One line describes one encoding: opcode byte, mandatory prefix, pattern,
 * operation, operands, EFLAGS, CPU feature, attributes. All lines of an
 * opcode stand together; they are tried from the last to the first, so the
 * general line comes before its exceptions. The macro that begins a line is
 * its class (enum insn_class).
 */
#pragma once

#include "decode.h"

/* clang-format off */

/* Patterns: what else must hold for the line to be taken. */
#define PAT(mask, match) ((uint32_t)(mask) << 16 | (uint32_t)(match))
#define NO	0u				/* no ModRM byte */
#define MR	PAT(INSN_KEY_MODRM, 0)		/* any ModRM */
#define MM	(MR | PAT(INSN_KEY_MEM, INSN_KEY_MEM))	/* memory */
#define RR	(MR | PAT(INSN_KEY_MEM, 0))	/* register */
#define D(n)	(MR | PAT(INSN_KEY_REG, (n) << 3)) /* opcode extension /n */
#define M(n)	(MM | D(n))
#define R(n)	(RR | D(n))
#define X(byte)	(RR | PAT(INSN_KEY_REG | INSN_KEY_RM, (byte) & 0x3f))
#define W0	PAT(INSN_KEY_W, 0)
#define W1	PAT(INSN_KEY_W, INSN_KEY_W)
#define L0	PAT(INSN_KEY_L, 0)
#define L1	PAT(INSN_KEY_L, INSN_KEY_L)
#define B0	PAT(INSN_KEY_B, 0)		/* no REX.B */

/* How an immediate is read: in bits 10 to 13 of an operand word. */
enum imm_form {
	IMM_NONE,
	IMM_U8,
	IMM_S8,
	IMM_U16,
	IMM_Z,		/* 2 or 4 bytes by opsize, sign-extended */
	IMM_V,		/* 2, 4 or 8 bytes by opsize */
	IMM_MOFFS,	/* addrsize bytes */
	IMM_FAR,	/* 2 or 4 bytes, then the selector */
	IMM_ENTER,	/* 2 bytes, then 1 */
	IMM_2U8,	/* 1 byte, then 1 */
	IMM_ONE,	/* no byte: the constant 1 */
};

#define OPERAND_FULL(kind, width, imm) \
	(OPND_##kind | OPW_##width << 5 | IMM_##imm << 10)
#define OPERAND(kind, width) (OPND_##kind | OPW_##width << 5)
#define OPERAND_IMM(op)	(((op) >> 10) & 15)

/* Access: read, written, both, only named. */
#define r(op)	((op) | OPND_R << 14)
#define w(op)	((op) | OPND_W << 14)
#define rw(op)	((op) | (OPND_R | OPND_W) << 14)
#define n(op)	(op)

/* Operands: a letter for the place, a letter for the width. */
#define Eb	OPERAND(GPR_RM, B)
#define Ew	OPERAND(GPR_RM, W)
#define Ed	OPERAND(GPR_RM, D)
#define Ev	OPERAND(GPR_RM, V)
#define Ey	OPERAND(GPR_RM, Y)
#define Evw	OPERAND(GPR_RM, MW_RV)
#define Edb	OPERAND(GPR_RM, MB_RD)
#define Edw	OPERAND(GPR_RM, MW_RD)
#define Gb	OPERAND(GPR_REG, B)
#define Gw	OPERAND(GPR_REG, W)
#define Gd	OPERAND(GPR_REG, D)
#define Gv	OPERAND(GPR_REG, V)
#define Gy	OPERAND(GPR_REG, Y)
#define Zb	OPERAND(GPR_OPC, B)
#define Zv	OPERAND(GPR_OPC, V)
#define By	OPERAND(GPR_VVVV, Y)
#define Ab	OPERAND(GPR_ACC, B)
#define Aw	OPERAND(GPR_ACC, W)
#define Av	OPERAND(GPR_ACC, V)
#define Az	OPERAND(GPR_ACC, Z)
#define CLb	OPERAND(GPR_CL, B)
#define DXw	OPERAND(GPR_DX, W)
#define Sw	OPERAND(SREG, W)
#define Sopc	OPERAND(SREG_OPC, W)
#define Cy	OPERAND(CR, Y)
#define Dy	OPERAND(DR, Y)
#define Ib	OPERAND_FULL(IMM, B, U8)
#define sIb	OPERAND_FULL(IMM, B, S8)
#define Iw	OPERAND_FULL(IMM, W, U16)
#define Iz	OPERAND_FULL(IMM, Z, Z)
#define Iv	OPERAND_FULL(IMM, V, V)
#define IwE	OPERAND_FULL(IMM, W, ENTER)
#define IbX	OPERAND_FULL(IMM, B, 2U8)
#define Ib2	OPERAND(IMM2, B)
#define One	OPERAND_FULL(ONE, B, ONE)
#define Jb	OPERAND_FULL(REL, B, S8)
#define Jz	OPERAND_FULL(REL, Z, Z)
#define Ap	OPERAND_FULL(FAR, P, FAR)
#define Ob	OPERAND_FULL(MOFFS, B, MOFFS)
#define Ov	OPERAND_FULL(MOFFS, V, MOFFS)
#define M0	OPERAND(MEM, NONE)
#define Mw	OPERAND(MEM, W)
#define Md	OPERAND(MEM, D)
#define Mq	OPERAND(MEM, Q)
#define Mt	OPERAND(MEM, T)
#define Mdq	OPERAND(MEM, DQ)
#define Mv	OPERAND(MEM, V)
#define My	OPERAND(MEM, Y)
#define Mx	OPERAND(MEM, X)
#define Mp	OPERAND(MEM, P)
#define Ms	OPERAND(MEM, S)
#define M2v	OPERAND(MEM, 2V)
#define Menv	OPERAND(MEM, ENV)
#define Mfs	OPERAND(MEM, FSAVE)
#define Mfx	OPERAND(MEM, FX)
#define ST	OPERAND(ST0, T)
#define STi	OPERAND(STI, T)
#define Pq	OPERAND(MMX_REG, Q)
#define Qd	OPERAND(MMX_RM, D)
#define Qq	OPERAND(MMX_RM, Q)
#define Vd	OPERAND(XMM_REG, D)
#define Vq	OPERAND(XMM_REG, Q)
#define Vy	OPERAND(XMM_REG, Y)
#define Vdq	OPERAND(XMM_REG, DQ)
#define Vqq	OPERAND(XMM_REG, QQ)
#define Vx	OPERAND(XMM_REG, X)
#define Vxh	OPERAND(XMM_REG, XH)
#define Ww	OPERAND(XMM_RM, W)
#define Wb	OPERAND(XMM_RM, B)
#define Wd	OPERAND(XMM_RM, D)
#define Wq	OPERAND(XMM_RM, Q)
#define Wdq	OPERAND(XMM_RM, DQ)
#define Wqq	OPERAND(XMM_RM, QQ)
#define Wx	OPERAND(XMM_RM, X)
#define Wxh	OPERAND(XMM_RM, XH)
#define Wxq	OPERAND(XMM_RM, XQ)
#define Wxe	OPERAND(XMM_RM, XE)
#define Hd	OPERAND(XMM_VVVV, D)
#define Hq	OPERAND(XMM_VVVV, Q)
#define Hdq	OPERAND(XMM_VVVV, DQ)
#define Hxh	OPERAND(XMM_VVVV, XH)
#define Hqq	OPERAND(XMM_VVVV, QQ)
#define Hx	OPERAND(XMM_VVVV, X)
#define Lx	OPERAND_FULL(XMM_IS4, X, U8)
#define X0	OPERAND(XMM0, DQ)

#define O(...)	(__VA_ARGS__, 0, 0, 0, 0)

/* EFLAGS: those written, those of them left undefined. */
#define CF	0x0001
#define PF	0x0004
#define AF	0x0010
#define ZF	0x0040
#define SF	0x0080
#define OF	0x0800
#define FALL	(CF | PF | AF | ZF | SF | OF)
#define F_0	(0, 0)
#define F_C	(CF, 0)
#define F_O	(OF, 0)
#define F_Z	(ZF, 0)
#define F_ALL	(FALL, 0)
#define F_AH	((FALL & ~OF), 0)
#define F_INC	((FALL & ~CF), 0)
#define F_LOG	(FALL, AF)
#define F_SH1	(FALL, AF)
#define F_SHN	(FALL, AF | OF)
#define F_RO1	(CF | OF, 0)
#define F_RON	(CF | OF, OF)
#define F_MUL	(FALL, SF | ZF | AF | PF)
#define F_DIV	(FALL, FALL)
#define F_BT	((FALL & ~ZF), OF | SF | AF | PF)
#define F_BS	(FALL, FALL & ~ZF)
#define F_TZ	(FALL, OF | SF | PF | AF)
#define F_AAA	(FALL, OF | SF | ZF | PF)
#define F_DAA	(FALL, OF)
#define F_AAM	(FALL, OF | AF | CF)
#define F_BLS	(FALL, AF | PF)
#define F_BEX	(FALL, AF | SF | PF)

/* Attributes */
#define N64	INSN_NOT64
#define O64	INSN_ONLY64
#define NRV	INSN_NOTREAL
#define LK	INSN_LOCKABLE
#define PV	INSN_PRIV
#define UA	INSN_UNALIGNED
#define AL	INSN_ALIGNED
#define A64	INSN_ALIGN64
#define CNT	INSN_COUNT_FLAGS
#define OB	INSN_OS_BYTE
#define D64	INSN_OS_D64
#define F64	INSN_OS_F64
#define OY	INSN_OS_Y
#define OC	INSN_OS_CR
#define PR	INSN_PLUS_R
#define PC	INSN_PLUS_CC
#define NM	INSN_NOMOD
#define OZ	INSN_OS_Z
#define VS	INSN_VSIB_MEM
#define CK	INSN_CHECK_REG

/*
 * The lines of a table. LINE(class, opcode, prefix, pattern, operation,
 * operands, eflags, feature, feature with VEX.L, attributes) is defined by
 * whoever includes the tables; MAP is set around each of them.
 */
#define INT(opc, px, pat, op, opnds, efl, feat, at)			\
	LINE(INSN_CLASS_INT, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     efl, IF_##feat, IF_BASE, at)
#define STR(opc, px, pat, op, opnds, efl, feat, at)			\
	LINE(INSN_CLASS_STRING, opc, INSN_PFX_##px, pat, OP_##op, opnds, \
	     efl, IF_##feat, IF_BASE, at)
#define BRN(opc, px, pat, op, opnds, efl, feat, at)			\
	LINE(INSN_CLASS_BRANCH, opc, INSN_PFX_##px, pat, OP_##op, opnds, \
	     efl, IF_##feat, IF_BASE, at)
#define FAR(opc, px, pat, op, opnds, efl, feat, at)			\
	LINE(INSN_CLASS_FAR, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     efl, IF_##feat, IF_BASE, at)
#define SYS(opc, px, pat, op, opnds, efl, feat, at)			\
	LINE(INSN_CLASS_SYSTEM, opc, INSN_PFX_##px, pat, OP_##op, opnds, \
	     efl, IF_##feat, IF_BASE, at)
#define X87(opc, pat, op, opnds)					\
	LINE(INSN_CLASS_X87, opc, INSN_PFX_ANY, pat, OP_##op, opnds,	\
	     F_0, IF_FPU, IF_BASE, 0)
#define X8F(opc, pat, op, opnds, efl, feat)				\
	LINE(INSN_CLASS_X87, opc, INSN_PFX_ANY, pat, OP_##op, opnds,	\
	     efl, IF_##feat, IF_BASE, 0)
#define MMX(opc, px, pat, op, opnds, feat, at)				\
	LINE(INSN_CLASS_MMX, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     F_0, IF_##feat, IF_BASE, OY | (at))
#define SSE(opc, px, pat, op, opnds, feat, at)				\
	LINE(INSN_CLASS_SSE, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     F_0, IF_##feat, IF_BASE, OY | (at))
#define SSF(opc, px, pat, op, opnds, efl, feat, at)			\
	LINE(INSN_CLASS_SSE, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     efl, IF_##feat, IF_BASE, OY | (at))
#define AVX(opc, px, pat, op, opnds, feat, featl, at)			\
	LINE(INSN_CLASS_AVX, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     F_0, IF_##feat, IF_##featl, OY | NRV | (at))
#define AVF(opc, px, pat, op, opnds, efl, feat, featl, at)		\
	LINE(INSN_CLASS_AVX, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     efl, IF_##feat, IF_##featl, OY | NRV | (at))
#define BMI(opc, px, pat, op, opnds, efl, feat)				\
	LINE(INSN_CLASS_BMI, opc, INSN_PFX_##px, pat, OP_##op, opnds,	\
	     efl, IF_##feat, IF_BASE, OY | NRV)

/* clang-format on */

/* Entries; 0 is no entry. */
extern const struct insn_desc insn_table[];

/* By map and opcode byte: the last of the opcode's entries, or 0. */
extern const uint16_t insn_index[INSN_MAP_COUNT][256];
