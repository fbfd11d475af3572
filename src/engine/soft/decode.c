/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction decoder proper. Reads nothing but the bytes it is given
 * and the constant tables of optable.c.
 *
 * Steps: prefixes; escape or VEX bytes and the opcode; the table entry, found
 * by the opcode and a key of the fields that may be part of it; ModRM memory
 * operand; immediates; the rules that an entry's pattern cannot express.
 * Intel SDM volume 2, chapter 2 is the reference for all of them.
 */
#include "optable.h"

/* Results of the steps: 0 to go on, or one of insn_decode()'s. */

struct decoder {
	const uint8_t *bytes;
	uint32_t pos;
	uint32_t avail;  /* at most INSN_MAX_LEN */
	uint32_t flags;  /* INSN_* */
	uint8_t mode;    /* DECODE_16, DECODE_32, DECODE_64 */
	uint8_t segment; /* override, SEG_DEFAULT if none */
	uint8_t map;
	uint8_t opcode;
	uint8_t pfx; /* mandatory prefix present, enum insn_pfx */
	uint8_t vvvv;
	/* Register number extensions, 0 or 8. */
	uint8_t rex_r;
	uint8_t rex_x;
	uint8_t rex_b;
};

#define SEG_DEFAULT 0xff

static inline int out_of_bytes(const struct decoder *d)
{
	return d->avail == INSN_MAX_LEN ? INSN_GP : INSN_TRUNCATED;
}

static inline bool have(const struct decoder *d, uint32_t count)
{
	return d->pos + count <= d->avail;
}

/* The next @size (1, 2, 4, 8) bytes; have() was asked. */
static inline uint64_t take(struct decoder *d, uint32_t size)
{
	uint64_t value = 0;
	uint32_t i;

	for (i = 0; i < size; i++)
		value |= (uint64_t)d->bytes[d->pos + i] << (8 * i);
	d->pos += size;
	return value;
}

static inline uint64_t take_signed(struct decoder *d, uint32_t size)
{
	uint32_t shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(take(d, size) << shift) >> shift);
}

/* Prefixes */

enum prefix_kind {
	PFX_NONE,
	PFX_SEG, /* + enum insn_seg */
	PFX_66 = PFX_SEG + 6,
	PFX_67,
	PFX_F0,
	PFX_F2,
	PFX_F3,
};

static const uint8_t prefix_kind[256] = {
	[0x26] = PFX_SEG + INSN_SEG_ES,
	[0x2e] = PFX_SEG + INSN_SEG_CS,
	[0x36] = PFX_SEG + INSN_SEG_SS,
	[0x3e] = PFX_SEG + INSN_SEG_DS,
	[0x64] = PFX_SEG + INSN_SEG_FS,
	[0x65] = PFX_SEG + INSN_SEG_GS,
	[0x66] = PFX_66,
	[0x67] = PFX_67,
	[0xf0] = PFX_F0,
	[0xf2] = PFX_F2,
	[0xf3] = PFX_F3,
};

static void apply_prefix(struct decoder *d, enum prefix_kind kind)
{
	switch (kind) {
	case PFX_66:
		d->flags |= INSN_OPSIZE;
		break;
	case PFX_67:
		d->flags |= INSN_ASIZE;
		break;
	case PFX_F0:
		d->flags |= INSN_LOCK;
		break;
	case PFX_F2:
		d->flags = (d->flags & ~INSN_REP) | INSN_REPNE;
		break;
	case PFX_F3:
		d->flags = (d->flags & ~INSN_REPNE) | INSN_REP;
		break;
	default:
		/* 64-bit mode ignores ES, CS, SS and DS altogether. */
		if (d->mode == DECODE_64 && kind < PFX_SEG + INSN_SEG_FS)
			break;
		d->segment = (uint8_t)(kind - PFX_SEG);
		d->flags |= INSN_SEGOVR;
	}
}

static void apply_rex(struct decoder *d, uint8_t rex)
{
	d->flags |= INSN_REX | (rex & 8 ? INSN_W : 0);
	d->rex_r = (rex & 4) << 1;
	d->rex_x = (rex & 2) << 2;
	d->rex_b = (rex & 1) << 3;
}

/* Legacy prefixes in any order, then REX; leaves the opcode in d->opcode. */
static int decode_prefixes(struct decoder *d)
{
	uint8_t byte;
	uint8_t rex = 0;

	for (;; d->pos++) {
		if (!have(d, 1))
			return out_of_bytes(d);
		byte = d->bytes[d->pos];
		if (prefix_kind[byte]) {
			/* A REX that anything follows but the opcode is void.
			 */
			rex = 0;
			apply_prefix(d, prefix_kind[byte]);
		} else if (d->mode == DECODE_64 && (byte & 0xf0) == 0x40) {
			rex = byte;
		} else {
			break;
		}
	}
	if (rex)
		apply_rex(d, rex);
	d->opcode = byte;
	d->pos++;
	return 0;
}

/* Opcode */

static enum insn_pfx legacy_pfx(uint32_t flags)
{
	if (flags & INSN_REP)
		return INSN_PFX_F3;
	if (flags & INSN_REPNE)
		return INSN_PFX_F2;
	return flags & INSN_OPSIZE ? INSN_PFX_66 : INSN_PFX_NONE;
}

/* 0F, 0F 38 and 0F 3A; the 0F is taken already. */
static int decode_escape(struct decoder *d)
{
	if (!have(d, 1))
		return out_of_bytes(d);
	d->opcode = d->bytes[d->pos++];
	d->map = INSN_MAP_0F;
	if (d->opcode != 0x38 && d->opcode != 0x3a)
		return 0;

	d->map = d->opcode == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
	if (!have(d, 1))
		return out_of_bytes(d);
	d->opcode = d->bytes[d->pos++];
	return 0;
}

/* W, vvvv, L and pp: the last byte of either VEX prefix. */
static void apply_vex(struct decoder *d, uint8_t byte)
{
	d->flags |= byte & 4 ? INSN_VEX_L : 0;
	d->vvvv = (uint8_t)(~byte >> 3 & 15);
	d->pfx = byte & 3;
}

static int decode_vex2(struct decoder *d)
{
	uint8_t byte = d->bytes[d->pos++];

	d->rex_r = byte & 0x80 ? 0 : 8;
	d->map = INSN_MAP_VEX_0F;
	apply_vex(d, byte);
	return 0;
}

static int decode_vex3(struct decoder *d)
{
	uint8_t byte = d->bytes[d->pos++];

	if ((byte & 0x1f) < 1 || (byte & 0x1f) > 3)
		return INSN_UD;
	if (!have(d, 1))
		return out_of_bytes(d);

	d->map = (uint8_t)(INSN_MAP_VEX_0F + (byte & 0x1f) - 1);
	d->rex_r = byte & 0x80 ? 0 : 8;
	d->rex_x = byte & 0x40 ? 0 : 8;
	/* Outside 64-bit mode R and X are 1 or this is LES; B is ignored. */
	d->rex_b = byte & 0x20 || d->mode != DECODE_64 ? 0 : 8;
	byte = d->bytes[d->pos++];
	d->flags |= byte & 0x80 ? INSN_W : 0;
	apply_vex(d, byte);
	return 0;
}

/*
 * C4 and C5: VEX in 64-bit mode; elsewhere only if what would be the ModRM
 * of LES/LDS names a register. *ret_vex tells.
 */
static int decode_c4_c5(struct decoder *d, bool *ret_vex)
{
	int err;

	*ret_vex = false;
	if (!have(d, 1))
		return out_of_bytes(d);
	if (d->mode != DECODE_64 && d->bytes[d->pos] < 0xc0)
		return 0;
	if (d->flags &
	    (INSN_OPSIZE | INSN_REP | INSN_REPNE | INSN_LOCK | INSN_REX))
		return INSN_UD;

	*ret_vex = true;
	d->flags |= INSN_VEX;
	err = d->opcode == 0xc5 ? decode_vex2(d) : decode_vex3(d);
	if (err < 0)
		return err;
	if (!have(d, 1))
		return out_of_bytes(d);
	d->opcode = d->bytes[d->pos++];
	return 0;
}

static int decode_opcode(struct decoder *d)
{
	bool vex = false;
	int err = 0;

	d->map = INSN_MAP_1B;
	if (d->opcode == 0x0f)
		err = decode_escape(d);
	else if ((d->opcode & 0xfe) == 0xc4)
		err = decode_c4_c5(d, &vex);
	if (!vex)
		d->pfx = legacy_pfx(d->flags);
	return err;
}

/* Table entry */

static uint32_t opcode_key(const struct decoder *d)
{
	uint32_t key = (uint32_t)d->pfx << 7;

	if (d->flags & INSN_W)
		key |= INSN_KEY_W;
	if (d->flags & INSN_VEX_L)
		key |= INSN_KEY_L;
	if (d->mode == DECODE_64)
		key |= INSN_KEY_64;
	if (d->rex_b)
		key |= INSN_KEY_B;
	return key;
}

/* Finds the entry and takes the ModRM byte. The entry, or 0 and *ret_err. */
static uint16_t find_entry(struct decoder *d, uint8_t *ret_modrm, int *ret_err)
{
	uint16_t entry = insn_index[d->map][d->opcode];
	uint8_t opcode = insn_table[entry].opcode;
	uint32_t key = opcode_key(d);
	uint8_t modrm;

	*ret_err = INSN_UD;
	if (!entry)
		return 0;
	if (insn_table[entry].pat.mask & INSN_KEY_MODRM) {
		if (!have(d, 1)) {
			*ret_err = out_of_bytes(d);
			return 0;
		}
		modrm = d->bytes[d->pos++];
		key |= modrm < 0xc0 ? INSN_KEY_MEM : 0;
		key |= modrm & (INSN_KEY_REG | INSN_KEY_RM);
		d->flags |= INSN_MODRM;
		*ret_modrm = modrm;
	}
	while ((key ^ insn_table[entry].pat.match) &
	       insn_table[entry].pat.mask & ~INSN_KEY_MODRM) {
		entry--;
		if (insn_table[entry].opcode != opcode || !entry)
			return 0;
	}
	return entry;
}

/*
 * Operand size by rule and mode (16, 32, 64). Columns: no prefix, 66, W, 66
 * and W. W in the first two modes can only be VEX.W.
 */
/* clang-format off */
static const uint8_t opsize_table[][3][4] = {
	[0]
		= { { 2, 4, 2, 4 }, { 4, 2, 4, 2 }, { 4, 2, 8, 8 } },
	[INSN_OS_BYTE >> 12]
		= { { 1, 1, 1, 1 }, { 1, 1, 1, 1 }, { 1, 1, 1, 1 } },
	[INSN_OS_D64 >> 12]
		= { { 2, 4, 2, 4 }, { 4, 2, 4, 2 }, { 8, 2, 8, 8 } },
	[INSN_OS_F64 >> 12]
		= { { 2, 4, 2, 4 }, { 4, 2, 4, 2 }, { 8, 8, 8, 8 } },
	[INSN_OS_Y >> 12]
		= { { 4, 4, 4, 4 }, { 4, 4, 4, 4 }, { 4, 4, 8, 8 } },
	[INSN_OS_CR >> 12]
		= { { 4, 4, 4, 4 }, { 4, 4, 4, 4 }, { 8, 8, 8, 8 } },
	[INSN_OS_Z >> 12]
		= { { 2, 4, 2, 4 }, { 4, 2, 4, 2 }, { 4, 2, 4, 4 } },
};
/* clang-format on */

static uint8_t operand_size(const struct decoder *d, uint32_t attr)
{
	uint32_t column =
		(d->flags & INSN_OPSIZE ? 1 : 0) | (d->flags & INSN_W ? 2 : 0);

	return opsize_table[(attr & INSN_OS_MASK) >> 12][d->mode][column];
}

/* By mode; with 67. */
static const uint8_t addrsize_table[3][2] = {{2, 4}, {4, 2}, {8, 4}};

/* Memory operands */

/* BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX */
static const uint8_t base16[8] = {3, 3, 5, 5, 6, 7, 5, 3};
static const uint8_t index16[8] = {
	6, 7, 6, 7, INSN_REG_NONE, INSN_REG_NONE, INSN_REG_NONE, INSN_REG_NONE};

static int take_disp(struct decoder *d, struct insn *in, uint32_t size)
{
	if (!size)
		return 0;
	if (!have(d, size))
		return out_of_bytes(d);
	in->disp = (int32_t)take_signed(d, size);
	return 0;
}

static int decode_mem16(struct decoder *d, struct insn *in)
{
	static const uint8_t disp_size[3] = {0, 1, 2};
	uint8_t mod = in->modrm >> 6;
	uint8_t rm = in->modrm & 7;

	if (mod == 0 && rm == 6)
		return take_disp(d, in, 2);
	in->base = base16[rm];
	in->index = index16[rm];
	return take_disp(d, in, disp_size[mod]);
}

static int decode_sib(struct decoder *d, struct insn *in)
{
	uint8_t sib;

	if (!have(d, 1))
		return out_of_bytes(d);
	sib = d->bytes[d->pos++];
	in->scale = sib >> 6;
	in->index = (sib >> 3 & 7) | d->rex_x;
	if (in->index == 4 && !(in->flags & INSN_VSIB)) {
		in->index = INSN_REG_NONE;
		in->scale = 0;
	}
	if ((sib & 7) == 5 && in->modrm < 0x40)
		return take_disp(d, in, 4);
	in->base = (sib & 7) | d->rex_b;
	return 0;
}

static int decode_mem32(struct decoder *d, struct insn *in)
{
	static const uint8_t disp_size[3] = {0, 1, 4};
	uint8_t mod = in->modrm >> 6;
	uint8_t rm = in->modrm & 7;
	int err;

	if (rm == 4) {
		err = decode_sib(d, in);
		if (err < 0)
			return err;
	} else if (mod == 0 && rm == 5) {
		if (d->mode == DECODE_64)
			in->base = INSN_REG_RIP;
		return take_disp(d, in, 4);
	} else {
		in->base = rm | d->rex_b;
	}
	return take_disp(d, in, disp_size[mod]);
}

static int decode_mem(struct decoder *d, struct insn *in)
{
	int err;

	in->flags |= INSN_MEM;
	if (insn_table[in->entry].attr & INSN_VSIB_MEM) {
		if ((in->modrm & 7) != 4 || in->addrsize == 2)
			return INSN_UD;
		in->flags |= INSN_VSIB;
	}
	err = in->addrsize == 2 ? decode_mem16(d, in) : decode_mem32(d, in);
	/* SP or BP as base; R12 and R13 do not count. */
	if ((in->base & ~1) == 4)
		in->flags |= INSN_STACK;
	return err;
}

static uint8_t effective_segment(const struct decoder *d, const struct insn *in)
{
	if (d->segment != SEG_DEFAULT)
		return d->segment;
	if (d->mode == DECODE_64)
		return INSN_SEG_FLAT;
	return in->flags & INSN_STACK ? INSN_SEG_SS : INSN_SEG_DS;
}

/* Immediates */

static int take_far(struct decoder *d, struct insn *in)
{
	uint32_t size = in->opsize == 2 ? 2 : 4;

	if (!have(d, size + 2))
		return out_of_bytes(d);
	in->imm = take(d, size);
	in->sel = (uint16_t)take(d, 2);
	return 0;
}

static int decode_imm(struct decoder *d, struct insn *in, enum imm_form form)
{
	uint32_t size;

	switch (form) {
	case IMM_NONE:
		return 0;
	case IMM_ONE:
		in->imm = 1;
		return 0;
	case IMM_FAR:
		return take_far(d, in);
	case IMM_U8:
	case IMM_S8:
		size = 1;
		break;
	case IMM_U16:
	case IMM_2U8:
		size = 2;
		break;
	case IMM_ENTER:
		size = 3;
		break;
	case IMM_Z:
		size = in->opsize == 2 ? 2 : 4;
		break;
	case IMM_V:
		size = in->opsize;
		break;
	case IMM_MOFFS:
		size = in->addrsize;
		break;
	default:
		return INSN_UD;
	}

	if (!have(d, size))
		return out_of_bytes(d);
	if (form == IMM_ENTER) {
		in->imm = take(d, 2);
		in->sel = (uint16_t)take(d, 1);
	} else if (form == IMM_2U8) {
		in->imm = take(d, 1);
		in->sel = (uint16_t)take(d, 1);
	} else if (form == IMM_U8 || form == IMM_U16 || form == IMM_MOFFS) {
		in->imm = take(d, size);
	} else {
		in->imm = take_signed(d, size);
	}
	return 0;
}

/* Registers and rules beyond the pattern */

static bool uses(const struct insn_desc *desc, enum insn_opnd_kind kind)
{
	return insn_opnd_kind(desc->opnd[0]) == kind ||
	       insn_opnd_kind(desc->opnd[1]) == kind ||
	       insn_opnd_kind(desc->opnd[2]) == kind;
}

static void set_registers(const struct decoder *d, struct insn *in,
			  const struct insn_desc *desc)
{
	if (in->flags & INSN_MODRM) {
		in->reg = (in->modrm >> 3 & 7) | d->rex_r;
		in->rm = (in->modrm & 7) | d->rex_b;
	} else if (desc->attr & INSN_PLUS_R) {
		in->rm = (in->opcode & 7) | d->rex_b;
	} else if (uses(desc, OPND_SREG_OPC)) {
		in->reg = in->opcode >> 3 & 7;
	}
	/* Only eight of these: no extension. */
	if (desc->class == INSN_CLASS_X87)
		in->rm &= 7;
	if (desc->class == INSN_CLASS_MMX) {
		if (uses(desc, OPND_MMX_REG))
			in->reg &= 7;
		if (uses(desc, OPND_MMX_RM))
			in->rm &= 7;
	}
}

/* Control, debug and segment registers: does this one exist? */
static int check_register(struct insn *in)
{
	const uint32_t control_registers = 0x11d; /* 0, 2, 3, 4, 8 */

	switch (in->op) {
	case OP_MOV_FROM_CR:
	case OP_MOV_TO_CR:
		return control_registers >> in->reg & 1 ? 0 : INSN_UD;
	case OP_MOV_FROM_DR:
	case OP_MOV_TO_DR:
		return in->reg < 8 ? 0 : INSN_UD;
	case OP_MOV_TO_SREG:
		in->reg &= 7;
		return in->reg < 6 && in->reg != INSN_SEG_CS ? 0 : INSN_UD;
	default:
		in->reg &= 7;
		return in->reg < 6 ? 0 : INSN_UD;
	}
}

/* Outside 64-bit mode vvvv and is4 have three bits that count. */
static int check_vex(const struct decoder *d, struct insn *in,
		     const struct insn_desc *desc)
{
	uint8_t numbers = d->mode == DECODE_64 ? 15 : 7;

	if (uses(desc, OPND_XMM_VVVV) || uses(desc, OPND_GPR_VVVV))
		in->vvvv = d->vvvv & numbers;
	else if (d->vvvv)
		return INSN_UD;
	if (insn_opnd_kind(desc->opnd[3]) == OPND_XMM_IS4)
		in->imm &= (uint64_t)(numbers << 4 | 15);
	/* Gathers: destination, index and mask must differ. */
	if ((in->flags & INSN_VSIB) &&
	    (in->reg == in->index || in->reg == in->vvvv ||
	     in->index == in->vvvv))
		return INSN_UD;
	return 0;
}

static int check_rules(const struct decoder *d, struct insn *in,
		       const struct insn_desc *desc, bool real)
{
	if ((in->flags & INSN_LOCK) &&
	    !((desc->attr & INSN_LOCKABLE) && (in->flags & INSN_MEM)))
		return INSN_UD;
	if (real && (desc->attr & INSN_NOTREAL))
		return INSN_UD;
	if (desc->attr & INSN_CHECK_REG)
		return check_register(in);
	if (in->flags & INSN_VEX)
		return check_vex(d, in, desc);
	return 0;
}

/* Everything after opcode and ModRM byte. */
static int decode_operands(struct decoder *d, struct insn *in, bool real)
{
	const struct insn_desc *desc = &insn_table[in->entry];
	int err;

	in->op = desc->op;
	in->opsize = operand_size(d, desc->attr);
	in->addrsize = addrsize_table[d->mode][d->flags & INSN_ASIZE ? 1 : 0];
	set_registers(d, in, desc);
	if ((in->flags & INSN_MODRM) && in->modrm < 0xc0 &&
	    !(desc->attr & INSN_NOMOD)) {
		err = decode_mem(d, in);
		if (err < 0)
			return err;
	}
	in->seg = effective_segment(d, in);
	err = decode_imm(d, in, (enum imm_form)desc->imm);
	if (err < 0)
		return err;
	return check_rules(d, in, desc, real);
}

int insn_decode(struct insn *ret, const uint8_t *bytes, size_t avail,
		enum decode_mode mode)
{
	struct decoder d = {
		.bytes = bytes,
		.avail = avail < INSN_MAX_LEN ? (uint32_t)avail : INSN_MAX_LEN,
		.mode = mode & 3,
		.segment = SEG_DEFAULT,
	};
	uint8_t modrm = 0;
	uint16_t entry;
	int err;

	err = decode_prefixes(&d);
	if (err < 0)
		return err;
	err = decode_opcode(&d);
	if (err < 0)
		return err;
	entry = find_entry(&d, &modrm, &err);
	if (!entry)
		return err;

	*ret = (struct insn){
		.entry = entry,
		.flags = d.flags,
		.opcode = d.opcode,
		.modrm = modrm,
		.base = INSN_REG_NONE,
		.index = INSN_REG_NONE,
	};
	err = decode_operands(&d, ret, mode & DECODE_REAL);
	if (err < 0)
		return err;
	ret->len = (uint8_t)d.pos;
	return (int)d.pos;
}
