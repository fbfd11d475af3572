/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparison of our decoding with that of Zydis 4.0, and the list of
 * differences that are meant to be. Where the two disagree and a manual or a
 * processor could be asked, it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "zydis_compare.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

const char *const difference_names[DIFFERENCE_COUNT] = {
	[SAME] = "same",
	[ALLOWED] = "allowed",
	[ONLY_US] = "valid for us only",
	[ONLY_ZYDIS] = "valid for Zydis only",
	[LENGTH] = "length",
	[NAME] = "name",
	[OPERAND_SIZE] = "operand size",
	[ADDRESS_SIZE] = "address size",
	[OPERAND_COUNT] = "operand count",
	[OPERAND_KIND] = "operand kind",
	[REGISTER] = "register",
	[ADDRESS] = "memory address",
	[WIDTH] = "memory width",
	[ACCESS] = "access",
	[IMMEDIATE] = "immediate",
	[EFLAGS] = "eflags",
};

static ZydisDecoder decoders[DECODE_REAL + 1];
/* Mode of the comparison under way. */
static enum decode_mode decoding;

struct zydis_insn {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand opnds[ZYDIS_MAX_OPERAND_COUNT];
};

static void init_decoder(ZydisDecoder *dec, ZydisMachineMode mode,
			 ZydisStackWidth width)
{
	static const ZydisDecoderMode off[] = {
		ZYDIS_DECODER_MODE_KNC,      ZYDIS_DECODER_MODE_MPX,
		ZYDIS_DECODER_MODE_CET,      ZYDIS_DECODER_MODE_WBNOINVD,
		ZYDIS_DECODER_MODE_CLDEMOTE, ZYDIS_DECODER_MODE_AMD_BRANCHES,
	};
	size_t i;

	if (!ZYAN_SUCCESS(ZydisDecoderInit(dec, mode, width)))
		abort();
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		if (!ZYAN_SUCCESS(
			    ZydisDecoderEnableMode(dec, off[i], ZYAN_FALSE)))
			abort();
	}
}

void zydis_init(void)
{
	init_decoder(&decoders[DECODE_16], ZYDIS_MACHINE_MODE_LEGACY_16,
		     ZYDIS_STACK_WIDTH_16);
	init_decoder(&decoders[DECODE_16 | DECODE_REAL],
		     ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16);
	init_decoder(&decoders[DECODE_32], ZYDIS_MACHINE_MODE_LEGACY_32,
		     ZYDIS_STACK_WIDTH_32);
	init_decoder(&decoders[DECODE_64], ZYDIS_MACHINE_MODE_LONG_64,
		     ZYDIS_STACK_WIDTH_64);
}

/* Names */

static const char *const conditions[16] = {
	"o", "no", "b", "nb", "z", "nz", "be", "nbe",
	"s", "ns", "p", "np", "l", "nl", "le", "nle",
};

/* Operations that one of our identifiers lumps together. */
static const struct {
	enum insn_op op;
	const char *names;
} name_families[] = {
	{OP_CBW, " cbw cwde cdqe "},
	{OP_CWD, " cwd cdq cqo "},
	{OP_MOVS, " movsb movsw movsd movsq "},
	{OP_CMPS, " cmpsb cmpsw cmpsd cmpsq "},
	{OP_STOS, " stosb stosw stosd stosq "},
	{OP_LODS, " lodsb lodsw lodsd lodsq "},
	{OP_SCAS, " scasb scasw scasd scasq "},
	{OP_INS, " insb insw insd "},
	{OP_OUTS, " outsb outsw outsd "},
	{OP_PUSHA, " pusha pushad "},
	{OP_POPA, " popa popad "},
	{OP_PUSHF, " pushf pushfd pushfq "},
	{OP_POPF, " popf popfd popfq "},
	{OP_IRET, " iret iretd iretq "},
	{OP_JCXZ, " jcxz jecxz jrcxz "},
	{OP_FXSAVE, " fxsave fxsave64 "},
	{OP_FXRSTOR, " fxrstor fxrstor64 "},
	{OP_XSAVE, " xsave xsave64 "},
	{OP_XSAVEC, " xsavec xsavec64 "},
	{OP_XSAVEOPT, " xsaveopt xsaveopt64 "},
	{OP_XSAVES, " xsaves xsaves64 "},
	{OP_XRSTOR, " xrstor xrstor64 "},
	{OP_XRSTORS, " xrstors xrstors64 "},
	{OP_MOVD, " movd movq "},
	{OP_PEXTRD, " pextrd pextrq "},
	{OP_PINSRD, " pinsrd pinsrq "},
};

static const char *family_of(unsigned int op)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name_families); i++) {
		if (name_families[i].op == op)
			return name_families[i].names;
	}
	return NULL;
}

static bool name_matches(const struct insn *in, const char *name)
{
	const char *ours = insn_op_name(in->op);
	const char *family = family_of(in->op);
	char text[64];

	if (in->flags & INSN_VEX && insn_desc(in)->class == INSN_CLASS_AVX &&
	    ours[0] != 'v' && name[0] == 'v')
		name++;
	if (family) {
		(void)snprintf(text, sizeof(text), " %s ", name);
		return strstr(family, text);
	}
	if (in->op == OP_JCC || in->op == OP_SETCC || in->op == OP_CMOVCC) {
		(void)snprintf(text, sizeof(text), "%.*s%s",
			       (int)strlen(ours) - 2, ours,
			       conditions[in->opcode & 15]);
		if (in->op == OP_JCC)
			(void)snprintf(text, sizeof(text), "j%s",
				       conditions[in->opcode & 15]);
		return !strcmp(text, name);
	}
	/* "ret far" and the like: Zydis says it in another field. */
	return !strncmp(ours, name, strlen(name)) &&
	       (!ours[strlen(name)] || ours[strlen(name)] == ' ');
}

/* Operands */

/* Number of a byte register as ModRM has it; *ret_high for AH to BH. */
static unsigned int byte_register(ZydisRegister reg, bool *ret_high)
{
	*ret_high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
	if (reg < ZYDIS_REGISTER_SPL)
		return (unsigned int)(reg - ZYDIS_REGISTER_AL);
	return (unsigned int)(reg - ZYDIS_REGISTER_SPL) + 4;
}

static bool same_register(const struct insn *in, unsigned int number,
			  ZydisRegister reg)
{
	bool new_bytes = in->flags & (INSN_REX | INSN_VEX);
	bool high;

	if (ZydisRegisterGetClass(reg) != ZYDIS_REGCLASS_GPR8)
		return ZydisRegisterGetId(reg) == (ZyanI8)number;
	if (number != byte_register(reg, &high))
		return false;
	return high == (number >= 4 && number < 8 && !new_bytes);
}

/* Bits of a register operand of @width; 0: does not matter. */
static unsigned int register_bits(const struct insn *in, enum insn_width width)
{
	switch (width) {
	case OPW_B:
		return 8;
	case OPW_W:
		return 16;
	case OPW_D:
	case OPW_MB_RD:
	case OPW_MW_RD:
		return 32;
	case OPW_V:
	case OPW_MW_RV:
		return in->opsize * 8u;
	case OPW_Z:
		return in->opsize == 2 ? 16 : 32;
	case OPW_Y:
		if ((insn_desc(in)->attr & INSN_OS_MASK) == INSN_OS_CR)
			return in->opsize * 8u;
		return in->flags & INSN_W && decoding == DECODE_64 ? 64 : 32;
	case OPW_QQ:
		return 256;
	case OPW_X:
		return in->flags & INSN_VEX_L ? 256 : 128;
	default:
		return 0;
	}
}

static bool same_register_size(const struct insn *in, uint16_t opnd,
			       ZydisRegister reg)
{
	unsigned int bits = register_bits(in, insn_opnd_width(opnd));

	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
		return bits == 8;
	case ZYDIS_REGCLASS_GPR16:
		return bits == 16;
	case ZYDIS_REGCLASS_GPR32:
		return bits == 32;
	case ZYDIS_REGCLASS_GPR64:
		return bits == 64;
	case ZYDIS_REGCLASS_YMM:
		return bits == 256;
	case ZYDIS_REGCLASS_XMM:
		return bits <= 128;
	default:
		return true;
	}
}

static unsigned int address_register(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return INSN_REG_NONE;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return INSN_REG_RIP;
	return (unsigned int)ZydisRegisterGetId(reg);
}

static bool same_segment(const struct insn *in, ZydisRegister segment)
{
	if (in->flags & INSN_MEM && !(in->flags & INSN_SEGOVR) &&
	    !!(in->flags & INSN_STACK) != (segment == ZYDIS_REGISTER_SS))
		return false;
	if (in->seg == INSN_SEG_FLAT)
		return segment < ZYDIS_REGISTER_FS;
	return ZydisRegisterGetId(segment) == (int)in->seg;
}

/*
 * SIB base 101b with mod 0 is no base, whatever REX.B says; with 32-bit
 * addresses in 64-bit mode Zydis 4.0 sees R13D there and no displacement.
 */
static bool is_r13d_slip(const struct insn *in,
			 const ZydisDecodedOperandMem *mem)
{
	return in->addrsize == 4 && in->base == INSN_REG_NONE &&
	       mem->base == ZYDIS_REGISTER_R13D && in->modrm < 0x40;
}

static bool same_address(const struct insn *in,
			 const ZydisDecodedOperandMem *mem)
{
	if (mem->type != ZYDIS_MEMOP_TYPE_AGEN &&
	    !same_segment(in, mem->segment))
		return false;
	if (in->index != address_register(mem->index))
		return false;
	if (in->index != INSN_REG_NONE && mem->scale &&
	    1u << in->scale != mem->scale)
		return false;
	if (is_r13d_slip(in, mem))
		return true;
	if (in->base != address_register(mem->base))
		return false;
	return in->addrsize == 2
		       ? (uint16_t)in->disp == (uint16_t)mem->disp.value
		       : in->disp == (int32_t)mem->disp.value;
}

static enum difference compare_memory(const struct insn *in, unsigned int n,
				      const ZydisDecodedOperand *theirs)
{
	uint16_t opnd = insn_desc(in)->opnd[n];
	unsigned int size = insn_opnd_size(in, n);

	if (insn_opnd_kind(opnd) == OPND_MOFFS) {
		uint64_t mask = in->addrsize == 8
					? ~UINT64_C(0)
					: (UINT64_C(1) << 8 * in->addrsize) - 1;

		if ((uint64_t)theirs->mem.disp.value != (in->imm & mask) &&
		    ((uint64_t)theirs->mem.disp.value & mask) != in->imm)
			return ADDRESS;
	} else if (!same_address(in, &theirs->mem)) {
		return ADDRESS;
	}
	if (size && size * 8 != theirs->size)
		return WIDTH;
	return SAME;
}

static enum difference compare_immediate(const struct insn *in,
					 enum insn_opnd_kind kind,
					 const ZydisDecodedOperand *theirs)
{
	uint64_t ours = kind == OPND_IMM2 ? in->sel : in->imm;
	uint64_t value = theirs->imm.value.u;
	uint64_t mask = ~UINT64_C(0);

	if (theirs->size < 64)
		mask = (UINT64_C(1) << theirs->size) - 1;
	if (theirs->imm.is_signed)
		return ours == value ? SAME : IMMEDIATE;
	return (ours & mask) == (value & mask) ? SAME : IMMEDIATE;
}

/* The register number that an operand of @kind means, -1 if it is none. */
static int operand_register(const struct insn *in, enum insn_opnd_kind kind)
{
	switch (kind) {
	case OPND_GPR_REG:
	case OPND_XMM_REG:
	case OPND_MMX_REG:
	case OPND_SREG:
	case OPND_SREG_OPC:
	case OPND_CR:
	case OPND_DR:
		return in->reg;
	case OPND_GPR_RM:
	case OPND_XMM_RM:
	case OPND_MMX_RM:
		return in->flags & INSN_MEM ? -1 : in->rm;
	case OPND_GPR_OPC:
	case OPND_STI:
		return in->rm;
	case OPND_GPR_VVVV:
	case OPND_XMM_VVVV:
		return in->vvvv;
	case OPND_XMM_IS4:
		return (int)(in->imm >> 4 & 15);
	case OPND_GPR_ACC:
	case OPND_XMM0:
	case OPND_ST0:
		return 0;
	case OPND_GPR_CL:
		return 1;
	case OPND_GPR_DX:
		return 2;
	default:
		return -1;
	}
}

static bool same_register_class(enum insn_opnd_kind kind, ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		return kind >= OPND_GPR_REG && kind <= OPND_GPR_DX;
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_YMM:
		return kind >= OPND_XMM_REG && kind <= OPND_XMM0;
	case ZYDIS_REGCLASS_MMX:
		return kind == OPND_MMX_REG || kind == OPND_MMX_RM;
	case ZYDIS_REGCLASS_X87:
		return kind == OPND_ST0 || kind == OPND_STI;
	case ZYDIS_REGCLASS_SEGMENT:
		return kind == OPND_SREG || kind == OPND_SREG_OPC;
	case ZYDIS_REGCLASS_CONTROL:
		return kind == OPND_CR;
	case ZYDIS_REGCLASS_DEBUG:
		return kind == OPND_DR;
	default:
		return false;
	}
}

static enum difference compare_access(uint16_t opnd,
				      const ZydisDecodedOperand *theirs)
{
	unsigned int access = 0;

	if (theirs->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
		access |= OPND_R;
	if (theirs->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		access |= OPND_W;
	/* Written under a condition: what was there matters, we call it RW. */
	if (theirs->actions & ZYDIS_OPERAND_ACTION_CONDWRITE)
		access |= OPND_R | OPND_W;
	/* Memory that is only named: prefetches, flushes, hints. */
	if (!insn_opnd_access(opnd))
		return SAME;
	return access == insn_opnd_access(opnd) ? SAME : ACCESS;
}

static enum difference compare_operand(const struct insn *in, unsigned int n,
				       const ZydisDecodedOperand *theirs)
{
	uint16_t opnd = insn_desc(in)->opnd[n];
	enum insn_opnd_kind kind = insn_opnd_kind(opnd);
	int reg = operand_register(in, kind);

	switch (theirs->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (!same_register_class(kind, theirs->reg.value))
			return OPERAND_KIND;
		if (!same_register(in, (unsigned int)reg, theirs->reg.value))
			return REGISTER;
		if (!same_register_size(in, opnd, theirs->reg.value))
			return WIDTH;
		return compare_access(opnd, theirs);
	case ZYDIS_OPERAND_TYPE_MEMORY:
		if (reg >= 0 || (kind != OPND_MOFFS && !(in->flags & INSN_MEM)))
			return OPERAND_KIND;
		if (compare_memory(in, n, theirs) != SAME)
			return compare_memory(in, n, theirs);
		return theirs->mem.type == ZYDIS_MEMOP_TYPE_AGEN
			       ? SAME
			       : compare_access(opnd, theirs);
	case ZYDIS_OPERAND_TYPE_POINTER:
		if (kind != OPND_FAR)
			return OPERAND_KIND;
		return theirs->ptr.segment == in->sel &&
				       theirs->ptr.offset == in->imm
			       ? SAME
			       : IMMEDIATE;
	default:
		if (kind < OPND_IMM || kind > OPND_REL)
			return OPERAND_KIND;
		return compare_immediate(in, kind, theirs);
	}
}

static unsigned int operand_count(const struct insn *in)
{
	unsigned int count = 0;

	/* XMM0 is hidden for Zydis. */
	while (count < 4 && insn_desc(in)->opnd[count] &&
	       insn_opnd_kind(insn_desc(in)->opnd[count]) != OPND_XMM0)
		count++;
	return count;
}

static enum difference compare_operands(struct comparison *cmp,
					const struct zydis_insn *zydis)
{
	const struct insn *in = &cmp->ours;
	enum difference diff;
	unsigned int n;

	if (operand_count(in) != zydis->insn.operand_count_visible)
		return OPERAND_COUNT;
	for (n = 0; n < operand_count(in); n++) {
		cmp->operand = (int)n;
		diff = compare_operand(in, n, &zydis->opnds[n]);
		if (diff != SAME)
			return diff;
	}
	return SAME;
}

/* Sizes and flags */

/* Where operand size is more than a word for both of us. */
static bool has_opsize(const struct insn *in)
{
	uint32_t rule = insn_desc(in)->attr & INSN_OS_MASK;

	if (rule == INSN_OS_BYTE || rule == INSN_OS_Y || rule == INSN_OS_Z)
		return false;
	switch (insn_desc(in)->class) {
	case INSN_CLASS_INT:
	case INSN_CLASS_STRING:
	case INSN_CLASS_BRANCH:
		return in->op != OP_NOP;
	default:
		return false;
	}
}

#define ARITHMETIC_FLAGS 0x8d5u

static enum difference compare_eflags(const struct insn *in,
				      const struct zydis_insn *zydis)
{
	const struct insn_desc *desc = insn_desc(in);
	const ZydisAccessedFlags *f = zydis->insn.cpu_flags;
	uint32_t undefined = f->undefined & ARITHMETIC_FLAGS;
	uint32_t written =
		(f->modified | f->set_0 | f->set_1) & ARITHMETIC_FLAGS;

	if (desc->class == INSN_CLASS_X87)
		return SAME;
	if ((desc->flags_written | undefined) != (written | undefined) ||
	    desc->flags_undefined != undefined)
		return EFLAGS;
	return SAME;
}

static enum difference compare_valid(struct comparison *cmp,
				     const struct zydis_insn *zydis)
{
	const struct insn *in = &cmp->ours;
	enum difference diff;

	if (in->len != zydis->insn.length)
		return LENGTH;
	if (!name_matches(in, cmp->zydis_name))
		return NAME;
	if (has_opsize(in) && in->opsize * 8 != zydis->insn.operand_width)
		return OPERAND_SIZE;
	if (in->addrsize * 8 != zydis->insn.address_width)
		return ADDRESS_SIZE;
	if (in->op == OP_NOP || in->op == OP_UD0 || in->op == OP_UD1)
		return SAME; /* operands that nobody looks at */
	diff = compare_operands(cmp, zydis);
	if (diff != SAME)
		return diff;
	return compare_eflags(in, zydis);
}

/* Differences that are meant to be */

/* Instructions we do not have: nothing in our CPU models offers them. */
static bool is_absent(const ZydisDecodedInstruction *insn)
{
	switch (insn->encoding) {
	case ZYDIS_INSTRUCTION_ENCODING_3DNOW:
	case ZYDIS_INSTRUCTION_ENCODING_XOP:
	case ZYDIS_INSTRUCTION_ENCODING_EVEX:
	case ZYDIS_INSTRUCTION_ENCODING_MVEX:
		return true;
	default:
		break;
	}
	switch (insn->meta.isa_ext) {
	case ZYDIS_ISA_EXT_AMD3DNOW: /* FEMMS */
	case ZYDIS_ISA_EXT_FMA4:
	case ZYDIS_ISA_EXT_TBM:
	case ZYDIS_ISA_EXT_XOP:
	case ZYDIS_ISA_EXT_AVX512VEX: /* mask registers */
	case ZYDIS_ISA_EXT_AVX_VNNI:
	case ZYDIS_ISA_EXT_AMX_BF16:
	case ZYDIS_ISA_EXT_AMX_INT8:
	case ZYDIS_ISA_EXT_AMX_TILE:
	case ZYDIS_ISA_EXT_KNC: /* Xeon Phi's VEX encodings */
	case ZYDIS_ISA_EXT_KNCE:
	case ZYDIS_ISA_EXT_KNCV:
	case ZYDIS_ISA_EXT_PADLOCK:
	case ZYDIS_ISA_EXT_VTX:
	case ZYDIS_ISA_EXT_VMFUNC:
	case ZYDIS_ISA_EXT_SVM:
	case ZYDIS_ISA_EXT_AMD_INVLPGB:
	case ZYDIS_ISA_EXT_SNP:
	case ZYDIS_ISA_EXT_TDX:
	case ZYDIS_ISA_EXT_SMX:
	case ZYDIS_ISA_EXT_SGX:
	case ZYDIS_ISA_EXT_SGX_ENCLV:
	case ZYDIS_ISA_EXT_RTM:
	case ZYDIS_ISA_EXT_TSX_LDTRK:
	case ZYDIS_ISA_EXT_CET: /* what is no NOP of old */
	case ZYDIS_ISA_EXT_KEYLOCKER:
	case ZYDIS_ISA_EXT_KEYLOCKER_WIDE:
	case ZYDIS_ISA_EXT_UINTR:
	case ZYDIS_ISA_EXT_HRESET:
	case ZYDIS_ISA_EXT_PCONFIG:
	case ZYDIS_ISA_EXT_PKU:
	case ZYDIS_ISA_EXT_PT: /* PTWRITE */
	case ZYDIS_ISA_EXT_MONITORX:
	case ZYDIS_ISA_EXT_WAITPKG:
	case ZYDIS_ISA_EXT_MCOMMIT:
	case ZYDIS_ISA_EXT_RDPRU:
	case ZYDIS_ISA_EXT_ENQCMD:
	case ZYDIS_ISA_EXT_MOVDIR:
	case ZYDIS_ISA_EXT_SERIALIZE:
		return true;
	default:
		return false;
	}
}

static const struct {
	enum difference diff;
	enum insn_op op;
	const char *why;
} allowed[] = {
	{ONLY_US, OP_SYSENTER, "real mode: #GP, not #UD; left to execution"},
	{ONLY_US, OP_SYSEXIT, "the same"},
	{ONLY_US, OP_SYSRET, "the same"},
	{NAME, OP_FSTP, "D9 D8 is FSTPNCE there"},
	{NAME, OP_FNENI, "8087 and 287 relics with other names"},
	{NAME, OP_FNDISI, "the same"},
	{NAME, OP_FNSETPM, "the same"},
	{NAME, OP_NOP, "0F 0D /3 to /7, which are hints like any other"},
	{NAME, OP_PREFETCHW, "PREFETCHWT1 does the same"},
	{NAME, OP_XCHG, "F3 41 90: PAUSE there, XCHG R8 on processors"},
	{OPERAND_COUNT, OP_FCOM, "ST(0) is hidden in some forms"},
	{OPERAND_COUNT, OP_FCOMP, "the same"},
	{OPERAND_COUNT, OP_FUCOM, "the same"},
	{OPERAND_COUNT, OP_CLZERO, "rAX is shown"},
	{ACCESS, OP_BSF, "a zero source leaves the destination: read"},
	{ACCESS, OP_BSR, "the same"},
	{ACCESS, OP_EXTRQ, "bits are taken from the destination: read"},
	{ACCESS, OP_INSERTQ, "bits stay in the destination: read"},
	{WIDTH, OP_LSL, "source register: only 16 bits matter"},
	{WIDTH, OP_MOVSXD, "66 63: processors read 4 bytes of memory"},
	{WIDTH, OP_MOVMSKPS, "the upper half is zero in any width"},
	{WIDTH, OP_MOVMSKPD, "the same"},
	{WIDTH, OP_CRC32, "the same"},
	{EFLAGS, OP_SBB, "AF is undefined there, a slip"},
	{EFLAGS, OP_ROL, "by one: OF is defined, unlike for other counts"},
	{EFLAGS, OP_ROR, "the same"},
	{EFLAGS, OP_RCL, "the same"},
	{EFLAGS, OP_RCR, "the same"},
	{EFLAGS, OP_SHL, "the same"},
	{EFLAGS, OP_SHR, "the same"},
	{EFLAGS, OP_SAR, "the same"},
	{EFLAGS, OP_BEXTR, "SDM: CF and OF are cleared"},
	{EFLAGS, OP_PTEST, "SDM: the other flags are cleared; VEX form"},
	{EFLAGS, OP_VTESTPS, "the same"},
	{EFLAGS, OP_VTESTPD, "the same"},
	{EFLAGS, OP_VMCALL, "VMX status is not ours"},
	{EFLAGS, OP_MOV_FROM_CR, "SDM: all undefined"},
	{EFLAGS, OP_MOV_TO_CR, "the same"},
	{EFLAGS, OP_MOV_FROM_DR, "the same"},
	{EFLAGS, OP_MOV_TO_DR, "the same"},
};

static bool is_allowed(enum difference diff, enum insn_op op)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (allowed[i].diff == diff && allowed[i].op == op)
			return true;
	}
	return false;
}

enum difference zydis_compare(struct comparison *ret, const uint8_t *bytes,
			      enum decode_mode mode)
{
	struct zydis_insn zydis;
	enum difference diff;
	bool valid;

	decoding = mode;
	ret->our_result = insn_decode(&ret->ours, bytes, INSN_MAX_LEN, mode);
	valid = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], bytes,
						    INSN_MAX_LEN, &zydis.insn,
						    zydis.opnds));
	ret->zydis_name = NULL;
	ret->operand = -1;

	if (!valid && ret->our_result < 0)
		return SAME;
	if (!valid)
		return is_allowed(ONLY_US, ret->ours.op) ? ALLOWED : ONLY_US;
	ret->zydis_name = ZydisMnemonicGetString(zydis.insn.mnemonic);
	ret->zydis_length = zydis.insn.length;
	if (ret->our_result < 0)
		return is_absent(&zydis.insn) ? ALLOWED : ONLY_ZYDIS;
	diff = compare_valid(ret, &zydis);
	if (diff != SAME && is_allowed(diff, ret->ours.op))
		return ALLOWED;
	return diff;
}
