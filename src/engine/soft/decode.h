/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86-64 instruction decoder: bytes in, one fixed-size record out.
 *
 * insn_decode() is a pure function over constant tables: no allocation, no
 * library call, no state. It knows the instructions of ops.def in 16-, 32-
 * and 64-bit code and rejects what the architecture rejects by encoding alone
 * (#UD, #GP for over-long ones). It does not look at CPUID, CR0, CR4 or CPL:
 * callers compare insn_feature() and INSN_PRIV with the processor's state.
 *
 * Not known, hence #UD: EVEX, XOP, 3DNow! (but PREFETCH/PREFETCHW), VMX and
 * SVM apart from VMCALL/VMMCALL, TSX. MPX and CET encodings that older
 * processors run as NOP are NOP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct soft_vp;

enum insn_op {
	OP_INVALID,
#define OP(id, name) OP_##id,
#include "ops.def"
#undef OP
	OP_COUNT
};

/* Code size; DECODE_REAL is added to DECODE_16/32 in real and V86 mode. */
enum decode_mode {
	DECODE_16 = 0,
	DECODE_32 = 1,
	DECODE_64 = 2,
	DECODE_REAL = 4,
};

/* Results of insn_decode() below zero. */
enum {
	INSN_TRUNCATED = -1, /* valid so far, but @avail bytes are too few */
	INSN_UD = -2,        /* raises #UD */
	INSN_GP = -3,        /* longer than 15 bytes: raises #GP(0) */
};

#define INSN_MAX_LEN 15

/*
 * Register numbers past the sixteen general ones. A register array with 18
 * slots, slot 16 zero and slot 17 the address of the *next* instruction, can
 * be indexed by base and index without a test.
 */
enum {
	INSN_REG_NONE = 16,
	INSN_REG_RIP = 17,
};

/* Effective segments. In 64-bit mode only FS, GS and FLAT occur. */
enum insn_seg {
	INSN_SEG_ES,
	INSN_SEG_CS,
	INSN_SEG_SS,
	INSN_SEG_DS,
	INSN_SEG_FS,
	INSN_SEG_GS,
	INSN_SEG_FLAT,
};

/* insn.flags */
#define INSN_MEM    0x0001u /* ModRM names memory */
#define INSN_MODRM  0x0002u /* there is a ModRM byte */
#define INSN_LOCK   0x0004u /* F0, only ever set where it is allowed */
#define INSN_REP    0x0008u /* F3 is the last of F2/F3 */
#define INSN_REPNE  0x0010u /* F2 is the last of F2/F3 */
#define INSN_OPSIZE 0x0020u /* 66 seen */
#define INSN_ASIZE  0x0040u /* 67 seen */
#define INSN_REX    0x0080u /* REX seen: byte registers 4-7 are SPL..DIL */
#define INSN_W      0x0100u /* REX.W or VEX.W (VEX.W as encoded, any mode) */
#define INSN_VEX    0x0200u
#define INSN_VEX_L  0x0400u /* 256-bit */
#define INSN_VSIB   0x0800u /* index is a vector register, never NONE */
#define INSN_STACK  0x1000u /* default segment SS: bad address is #SS */
#define INSN_SEGOVR 0x2000u /* an effective segment prefix was seen */
#define INSN_VEX_W  INSN_W

/*
 * A decoded instruction; also what block caches keep, hence small.
 * Fields that an instruction does not use are zero, except base and index,
 * which are INSN_REG_NONE, and seg, which is always the effective segment of
 * "the" memory operand (string source, XLAT, moffs and MASKMOV included).
 */
struct insn {
	/* Bound by the interpreter; NULL from the decoder. */
	void (*fn)(struct soft_vp *vp, const struct insn *in);
	/*
	 * The immediate. Operand data and branch displacements are
	 * sign-extended; counts, ports, vectors, shuffle controls and the
	 * words of RET and ENTER are zero-extended; shifts D0 and D1 have 1
	 * here; moffs and far pointer offsets are zero-extended.
	 */
	uint64_t imm;
	int32_t disp;   /* of the memory operand, sign-extended */
	uint32_t flags; /* INSN_* */
	uint16_t op;    /* enum insn_op */
	uint16_t entry; /* decoder table index, < insn_entry_count() */
	uint16_t sel;   /* far selector; second immediate (ENTER, SSE4a) */
	uint8_t len;
	uint8_t opsize;   /* 1, 2, 4, 8 bytes: after 66, W, 64-bit defaults */
	uint8_t addrsize; /* 2, 4, 8 bytes */
	/*
	 * Register operands with their REX/VEX extension bits. rm also holds
	 * the register that an opcode's low bits name (PUSH, MOV r, imm);
	 * with INSN_MEM it is the raw field and of no use.
	 */
	uint8_t reg;
	uint8_t rm;
	uint8_t vvvv;  /* second VEX source, already inverted; is4 in imm */
	uint8_t base;  /* general register, NONE or RIP */
	uint8_t index; /* general (INSN_VSIB: vector) register or NONE */
	uint8_t scale; /* log2 */
	uint8_t seg;   /* enum insn_seg */
	uint8_t opcode;
	uint8_t modrm; /* raw byte, if INSN_MODRM */
	/* Where the next one starts, from the start of its block: for the
	 * interpreter, which keeps it. */
	uint16_t end;
};

_Static_assert(sizeof(struct insn) <= 48, "insn must stay cache-friendly");

/*
 * Operand descriptions: one 16-bit word each, in assembler (Intel) order.
 * Implicit operands are not listed: the stack, string pointers, rDX:rAX of
 * MUL, ST(0) of most x87 forms, XMM0 of PCMPxSTRM. Listed are those that the
 * assembler writes (AL, CL, XMM0 of BLENDVPS).
 */
enum insn_opnd_kind {
	OPND_NONE,
	OPND_GPR_REG,  /* insn.reg */
	OPND_GPR_RM,   /* ModRM, register or memory */
	OPND_GPR_OPC,  /* opcode's low bits, register number in insn.rm */
	OPND_GPR_VVVV, /* insn.vvvv */
	OPND_GPR_ACC,  /* AL, AX, EAX, RAX */
	OPND_GPR_CL,
	OPND_GPR_DX,
	OPND_XMM_REG, /* insn.reg: XMM, or YMM with INSN_VEX_L */
	OPND_XMM_RM,
	OPND_XMM_VVVV,
	OPND_XMM_IS4, /* imm bits 7:4 */
	OPND_XMM0,
	OPND_MMX_REG,
	OPND_MMX_RM,
	OPND_ST0,
	OPND_STI,      /* ST(insn.rm) */
	OPND_MEM,      /* ModRM, memory only */
	OPND_MOFFS,    /* address in insn.imm */
	OPND_IMM,      /* insn.imm */
	OPND_IMM2,     /* insn.sel */
	OPND_ONE,      /* constant 1, also in insn.imm */
	OPND_REL,      /* branch displacement in insn.imm */
	OPND_FAR,      /* insn.sel:insn.imm */
	OPND_SREG,     /* insn.reg */
	OPND_SREG_OPC, /* opcode bits 5:3, number also in insn.reg */
	OPND_CR,
	OPND_DR,
};

/* How wide an operand is; memory unless said otherwise. */
enum insn_width {
	OPW_NONE, /* no access (LEA, INVLPG, prefetches) or variable (XSAVE) */
	OPW_B,
	OPW_W,
	OPW_D,
	OPW_Q,
	OPW_T,     /* 10 bytes */
	OPW_DQ,    /* 16 bytes */
	OPW_QQ,    /* 32 bytes */
	OPW_V,     /* opsize */
	OPW_Z,     /* 2 with opsize 2, else 4 */
	OPW_Y,     /* 4, or 8 with W in 64-bit mode */
	OPW_X,     /* vector length, 16 or 32 */
	OPW_XH,    /* half of it */
	OPW_XQ,    /* a quarter */
	OPW_XE,    /* an eighth */
	OPW_P,     /* far pointer: 2 + opsize */
	OPW_S,     /* descriptor table register: 6, in 64-bit mode 10 */
	OPW_2V,    /* two of opsize (BOUND) */
	OPW_MW_RV, /* memory 2 bytes, register opsize */
	OPW_MB_RD, /* memory 1 byte, register 4 */
	OPW_MW_RD, /* memory 2 bytes, register 4 */
	OPW_ENV,   /* x87 environment: 14 or 28 by opsize */
	OPW_FSAVE, /* x87 state: 94 or 108 by opsize */
	OPW_FX,    /* 512 bytes */
};

/* Access bits */
#define OPND_R 1u
#define OPND_W 2u

static inline enum insn_opnd_kind insn_opnd_kind(uint16_t opnd)
{
	return (enum insn_opnd_kind)(opnd & 0x1f);
}

static inline enum insn_width insn_opnd_width(uint16_t opnd)
{
	return (enum insn_width)((opnd >> 5) & 0x1f);
}

/* OPND_R | OPND_W; 0 for operands that are only named (LEA, NOP). */
static inline unsigned int insn_opnd_access(uint16_t opnd)
{
	return opnd >> 14;
}

/* Mandatory prefix of an entry. */
enum insn_pfx {
	INSN_PFX_NONE, /* 66, F2 and F3 must be absent */
	INSN_PFX_66,
	INSN_PFX_F3,
	INSN_PFX_F2,
	INSN_PFX_ANY, /* not part of the opcode */
};

enum insn_map {
	INSN_MAP_1B,
	INSN_MAP_0F,
	INSN_MAP_0F38,
	INSN_MAP_0F3A,
	INSN_MAP_VEX_0F,
	INSN_MAP_VEX_0F38,
	INSN_MAP_VEX_0F3A,
	INSN_MAP_COUNT
};

enum insn_class {
	INSN_CLASS_INT,
	INSN_CLASS_STRING,
	INSN_CLASS_BRANCH, /* near */
	INSN_CLASS_FAR,    /* far transfers, INT, SYSCALL, segment loads */
	INSN_CLASS_SYSTEM,
	INSN_CLASS_X87,
	INSN_CLASS_MMX,
	INSN_CLASS_SSE, /* legacy encodings */
	INSN_CLASS_AVX, /* VEX encodings of vector instructions */
	INSN_CLASS_BMI, /* VEX encodings of general-register instructions */
};

/*
 * What CPUID must offer. AVX-class entries need AVX (and XCR0) beside what
 * is named here.
 */
enum insn_feature {
	IF_BASE,
	IF_FPU,
	IF_TSC,
	IF_MSR,
	IF_CX8,
	IF_SEP,
	IF_CMOV,
	IF_CLFLUSH,
	IF_MMX,
	IF_FXSR,
	IF_SSE,
	IF_SSE2,
	IF_SSE3,
	IF_SSSE3,
	IF_SSE41,
	IF_SSE42,
	IF_SSE4A,
	IF_PCLMUL,
	IF_AES,
	IF_SHA,
	IF_GFNI,
	IF_MONITOR,
	IF_CX16,
	IF_POPCNT,
	IF_MOVBE,
	IF_XSAVE,
	IF_XSAVEOPT,
	IF_XSAVEC,
	IF_XSAVES,
	IF_RDRAND,
	IF_RDSEED,
	IF_AVX,
	IF_AVX2,
	IF_FMA,
	IF_F16C,
	IF_VAES,
	IF_VPCLMUL,
	IF_BMI1,
	IF_BMI2,
	IF_ADX,
	IF_LZCNT,  /* without it F3 0F BD is BSR: see insn_decode() */
	IF_LAHF64, /* in 64-bit mode only */
	IF_PREFETCHW,
	IF_FSGSBASE,
	IF_INVPCID,
	IF_SMAP,
	IF_RDTSCP,
	IF_RDPID,
	IF_CLFLUSHOPT,
	IF_CLWB,
	IF_CLZERO,
	IF_SYSCALL,
	IF_VMX,
	IF_SVM,
	IF_SMM,
	IF_COUNT
};

/* insn_desc.attr: where an entry is valid and how its widths follow. */
#define INSN_NOT64     0x0001u /* not in 64-bit mode */
#define INSN_ONLY64    0x0002u /* only in 64-bit mode */
#define INSN_NOTREAL   0x0004u /* #UD in real and V86 mode */
#define INSN_LOCKABLE  0x0008u /* LOCK allowed; only with a memory operand */
#define INSN_PRIV      0x0010u /* needs CPL 0, whatever the operands */
#define INSN_UNALIGNED 0x0020u /* legacy SSE m128 without alignment rule */
#define INSN_ALIGNED   0x0040u /* memory operand aligned to its width */
#define INSN_ALIGN64   0x0080u /* XSAVE area: aligned to 64 bytes */
/*
 * The flags depend on a count (CL, imm8, rCX of REP): count zero leaves them
 * all alone. Shifts and rotates: OF is defined for count one only, CF of
 * SHL/SHR/SHLD/SHRD is undefined from the operand's width on.
 */
#define INSN_COUNT_FLAGS 0x0100u
#define INSN_PLUS_R      0x0200u  /* opcode's low three bits: a register */
#define INSN_PLUS_CC     0x0400u  /* opcode's low four bits: a condition */
#define INSN_NOMOD       0x0800u  /* ModRM.mod ignored: always a register */
#define INSN_CHECK_REG   0x8000u  /* not every CR, DR, segment exists */
#define INSN_VSIB_MEM    0x10000u /* needs SIB; index is a vector register */
/* Operand size rule; 0 means 2 or 4 by mode and 66, 8 with W. */
#define INSN_OS_MASK 0x7000u
#define INSN_OS_BYTE 0x1000u
#define INSN_OS_D64  0x2000u /* 64-bit mode: 8, with 66 2 */
#define INSN_OS_F64  0x3000u /* 64-bit mode: 8 always */
#define INSN_OS_Y    0x4000u /* 4, in 64-bit mode 8 with W; 66 is no size */
#define INSN_OS_CR   0x5000u /* 4, in 64-bit mode 8 */
#define INSN_OS_Z    0x6000u /* 2 or 4 by mode and 66; W is 4 */

/* Which encodings an entry takes: ModRM, VEX and mode, see optable.h. */
struct insn_pattern {
	uint16_t mask;
	uint16_t match;
};

/* A decoder table entry. */
struct insn_desc {
	uint16_t op;
	uint8_t class;     /* enum insn_class */
	uint8_t map;       /* enum insn_map */
	uint8_t pfx;       /* enum insn_pfx */
	uint8_t opcode;    /* the first one with INSN_PLUS_R/CC */
	uint8_t feature;   /* enum insn_feature */
	uint8_t feature_l; /* with VEX.L = 1, if not IF_BASE */
	uint8_t imm;       /* how immediates are read, see optable.h */
	struct insn_pattern pat;
	uint16_t opnd[4]; /* unused ones 0 */
	/* EFLAGS bits: always written, left undefined (also "written"). */
	uint16_t flags_written;
	uint16_t flags_undefined;
	uint32_t attr; /* INSN_NOT64 ... */
};

/* insn_desc.pat bits: the key that an instruction's fields make. */
#define INSN_KEY_RM    0x0007u
#define INSN_KEY_REG   0x0038u /* ModRM.reg, without extension */
#define INSN_KEY_MEM   0x0040u /* ModRM.mod is not 3 */
#define INSN_KEY_PFX   0x0180u /* enum insn_pfx << 7 */
#define INSN_KEY_W     0x0200u
#define INSN_KEY_L     0x0400u
#define INSN_KEY_64    0x0800u /* 64-bit mode */
#define INSN_KEY_B     0x1000u /* REX.B */
#define INSN_KEY_MODRM 0x8000u /* mask only: the opcode has a ModRM byte */

/*
 * Decode the instruction at @bytes, of which @avail may be read, in @mode.
 * Result: its length, 1 to 15, and *ret filled in, or INSN_TRUNCATED (only
 * with @avail < 15; nothing beyond what is there can be told), INSN_UD or
 * INSN_GP with *ret unspecified. Pure; any context.
 *
 * F3 0F BC and F3 0F BD come back as TZCNT and LZCNT; on a processor without
 * BMI1/LZCNT they are BSF and BSR, for the caller to change. Near branches
 * in 64-bit mode ignore 66 (Intel's choice): opsize 8, 32-bit displacement.
 * MOV CR/DR to a register that does not exist is #UD; DR4/DR5 are passed on.
 */
int insn_decode(struct insn *ret, const uint8_t *bytes, size_t avail,
		enum decode_mode mode);

/* The table, for handler binding and testers: @entry < insn_entry_count(). */
const struct insn_desc *insn_entry(unsigned int entry);
unsigned int insn_entry_count(void);

static inline const struct insn_desc *insn_desc(const struct insn *in)
{
	return insn_entry(in->entry);
}

/* Mnemonic of an operation, without the "v" of shared VEX forms. */
const char *insn_op_name(enum insn_op op);

/* Feature that this very encoding needs (L = 1 may need another). */
enum insn_feature insn_feature(const struct insn *in);

/* Bytes accessed by @in's operand @n if that is memory; 0: none, variable. */
unsigned int insn_opnd_size(const struct insn *in, unsigned int n);

/*
 * Size of the explicit (ModRM or moffs) memory operand and how it is used
 * (OPND_R | OPND_W); 0 if there is none or its size varies.
 */
unsigned int insn_mem_size(const struct insn *in);
unsigned int insn_mem_access(const struct insn *in);

/* Alignment that memory must have or #GP is raised; 1 if any will do. */
unsigned int insn_mem_align(const struct insn *in);
