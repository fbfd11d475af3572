/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stub generator. A stub is an insn_fn for one *form* of instruction: the
 * guest's register numbers are not part of it (they are read from the struct
 * insn when the stub runs), its memory operand is always [R11]. What remains
 * are table entry, immediate, W and L: a finite number, all of which fit into
 * the code area at once (test_native.c generates every one).
 *
 * Host registers inside a stub:
 *   RBX     the soft_vp (a SIGFPE needs it; see native_area.c)
 *   RSI     the struct insn, until the first call reloaded from vp->in
 *   R11     the memory operand: guest RAM or vp->nat.operand
 *   RCX     scratch for register numbers; RAX for flags
 *   R8-R10  the general registers the operands REG, RM and VVVV name
 *   V1-V4   the vector registers REG, RM, VVVV and IS4 name; V0 is XMM0
 *   MM1-MM2 the MMX registers REG and RM name
 *
 * Order: fetch the memory operand (may raise), load registers, execute (may
 * raise by SIGFPE), store memory (may raise), store registers.
 */
#include "native_priv.h"

#define VP_OFF(member)   ((uint32_t)offsetof(struct soft_vp, member))
#define INSN_OFF(member) ((uint8_t)offsetof(struct insn, member))
#define LEGACY_OFF(member)                                                     \
	(VP_OFF(hv.regs.fpu.legacy) +                                          \
	 (uint32_t)offsetof(struct fpu_legacy, member))

/* Host register numbers, as the comment at the top has them. */
enum {
	HOST_RAX = 0,
	HOST_RCX = 1,
	HOST_RDX = 2,
	HOST_R8 = 8,
	HOST_R9 = 9,
	HOST_R10 = 10,
	HOST_R11 = 11,
	HOST_V0 = 0,
	HOST_V1 = 1,
	HOST_V2 = 2,
	HOST_V3 = 3,
	HOST_V4 = 4,
	HOST_V_ZERO = 5,
};

enum special {
	SPECIAL_NONE,
	SPECIAL_MMX,
	SPECIAL_X87,
};

/* Everything the generator asks about an instruction. */
struct form {
	const struct insn *in;
	const struct insn_desc *desc;
	enum special special;
	bool mem;
	bool vex;
	bool l;
	bool w;
	bool has_imm;
	bool mxcsr;
	bool flags_in;
	bool flags_out;
	unsigned int mem_access;
	unsigned int mem_size;
	unsigned int mem_align;
};

struct emit {
	uint8_t *p;
	uint8_t *end;
	const uint8_t *rx; /* address at run time of what p points to */
};

/* ---- bytes ---- */

static void put(struct emit *e, uint8_t byte)
{
	ASSERT(e->p < e->end);
	*e->p++ = byte;
	e->rx++;
}

static void put_bytes(struct emit *e, const uint8_t *bytes, size_t n)
{
	while (n--)
		put(e, *bytes++);
}

#define PUT(e, ...)                                                            \
	put_bytes(e, (const uint8_t[]){__VA_ARGS__},                           \
		  sizeof((const uint8_t[]){__VA_ARGS__}))

static void put32(struct emit *e, uint32_t v)
{
	PUT(e, (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 24));
}

static void put64(struct emit *e, uint64_t v)
{
	put32(e, (uint32_t)v);
	put32(e, (uint32_t)(v >> 32));
}

/* ---- one instruction each ---- */

static void emit_mov_rax_imm(struct emit *e, uintptr_t v)
{
	PUT(e, 0x48, 0xb8);
	put64(e, v);
}

static void emit_call(struct emit *e, uintptr_t fn)
{
	emit_mov_rax_imm(e, fn);
	PUT(e, 0xff, 0xd0);
}

/* mov rsi, [rbx + vp.in] */
static void emit_reload_insn(struct emit *e)
{
	PUT(e, 0x48, 0x8b, 0xb3);
	put32(e, VP_OFF(in));
}

/* An opcode with /@reg and the operand [rbx + @off]; @opcode up to 3 bytes. */
static void emit_vp_op(struct emit *e, const uint8_t *opcode, size_t n,
		       unsigned int reg, uint32_t off)
{
	put_bytes(e, opcode, n);
	put(e, (uint8_t)(0x83 | (reg & 7) << 3));
	put32(e, off);
}

#define EMIT_VP_OP(e, reg, off, ...)                                           \
	emit_vp_op(e, (const uint8_t[]){__VA_ARGS__},                          \
		   sizeof((const uint8_t[]){__VA_ARGS__}), reg, off)

/* movzx ecx, byte [rsi + @field] */
static void emit_regno(struct emit *e, uint8_t field)
{
	PUT(e, 0x0f, 0xb6, 0x4e, field);
}

/* shl ecx, 4 */
static void emit_times16(struct emit *e)
{
	PUT(e, 0xc1, 0xe1, 0x04);
}

/* ModRM, SIB and displacement of [rbx + rcx + @off] */
static void emit_indexed(struct emit *e, unsigned int reg, uint32_t off)
{
	PUT(e, (uint8_t)(0x84 | reg << 3), 0x0b);
	put32(e, off);
}

/* movups or vmovups between @v and [rbx + rcx + @off] */
static void emit_movups(struct emit *e, bool vex, uint8_t opcode,
			unsigned int v, uint32_t off)
{
	if (vex)
		PUT(e, 0xc5, 0xf8, opcode);
	else
		PUT(e, 0x0f, opcode);
	emit_indexed(e, v, off);
}

/* mov @reg, [rbx + rcx * 8], or the other way with opcode 0x89 */
static void emit_mov_gpr(struct emit *e, uint8_t opcode, unsigned int reg)
{
	PUT(e, (uint8_t)(reg & 8 ? 0x4c : 0x48), opcode,
	    (uint8_t)(0x04 | (reg & 7) << 3), 0xcb);
}

/* ---- what a form needs ---- */

static bool op_between(enum insn_op op, enum insn_op lo, enum insn_op hi)
{
	return op >= lo && op <= hi;
}

/* Does @op read MXCSR or write its flags? Saying yes too often is harmless. */
static bool op_uses_mxcsr(enum insn_op op)
{
	switch (op) {
	case OP_ANDPS ... OP_XORPD:
	case OP_SHUFPS ... OP_BLENDVPD:
		return false;
	case OP_VCVTPH2PS:
	case OP_VCVTPS2PH:
		return true;
	default:
		return op_between(op, OP_ADDPS, OP_CVTTPD2DQ) ||
		       op_between(op, OP_VFMADD132PS, OP_VFMSUBADD231PD);
	}
}

/* PCMPESTRx take lengths from EAX and EDX, or with W from RAX and RDX. */
static bool op_has_implicit_gprs(enum insn_op op)
{
	return op == OP_PCMPESTRM || op == OP_PCMPESTRI;
}

static bool op_reads_flags(enum insn_op op)
{
	return op == OP_ADCX || op == OP_ADOX ||
	       op_between(op, OP_FCMOVB, OP_FCMOVNU);
}

static bool has_operand(const struct insn_desc *desc, enum insn_opnd_kind kind)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(desc->opnd); i++)
		if (insn_opnd_kind(desc->opnd[i]) == kind)
			return true;
	return false;
}

static bool has_gpr(const struct insn_desc *desc)
{
	return has_operand(desc, OPND_GPR_REG) ||
	       has_operand(desc, OPND_GPR_RM) ||
	       has_operand(desc, OPND_GPR_VVVV);
}

static enum special form_special(const struct insn_desc *desc)
{
	if (desc->class == INSN_CLASS_X87)
		return SPECIAL_X87;
	if (has_operand(desc, OPND_MMX_REG) || has_operand(desc, OPND_MMX_RM))
		return SPECIAL_MMX;
	return SPECIAL_NONE;
}

static void form_init(struct form *f, const struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);
	uint16_t written = desc->flags_written & (uint16_t)X86_FL_ARITH;

	memset(f, 0, sizeof(*f));
	f->in = in;
	f->desc = desc;
	f->special = form_special(desc);
	f->mem = in->flags & INSN_MEM;
	f->vex = in->flags & INSN_VEX;
	f->l = in->flags & INSN_VEX_L;
	/* General operands follow the mode, vectors the bit if it matters. */
	if (has_gpr(desc) || op_has_implicit_gprs((enum insn_op)in->op))
		f->w = in->opsize == 8;
	else
		f->w = (in->flags & INSN_W) && (desc->pat.mask & INSN_KEY_W);
	f->has_imm = has_operand(desc, OPND_IMM);
	f->mxcsr = op_uses_mxcsr((enum insn_op)in->op);
	f->flags_out = written != 0;
	f->flags_in = op_reads_flags((enum insn_op)in->op) ||
		      (written && written != X86_FL_ARITH);
	if (f->mem) {
		f->mem_access = insn_mem_access(in);
		f->mem_size = insn_mem_size(in);
		f->mem_align = insn_mem_align(in);
	}
}

/*
 * ModRM as the stub has it: operands are renamed, so only what belongs to the
 * opcode stays.
 */
static uint8_t form_modrm_ext(const struct form *f)
{
	const struct insn_desc *d = f->desc;
	uint8_t ext = f->in->modrm & 0x3f;

	if (has_operand(d, OPND_XMM_REG) || has_operand(d, OPND_GPR_REG) ||
	    has_operand(d, OPND_MMX_REG))
		ext &= 0x07;
	if (f->mem || has_operand(d, OPND_XMM_RM) ||
	    has_operand(d, OPND_GPR_RM) || has_operand(d, OPND_MMX_RM))
		ext &= 0x38;
	return ext;
}

static uint64_t form_key(const struct form *f)
{
	uint64_t key = BIT64(63) | f->in->entry;

	if (f->has_imm)
		key |= (f->in->imm & 0xff) << 16;
	key |= (uint64_t)form_modrm_ext(f) << 24;
	key |= (uint64_t)f->mem << 32 | (uint64_t)f->w << 33 |
	       (uint64_t)f->l << 34;
	return key;
}

/* ---- memory helpers called by stubs ---- */

#define DEFINE_LOAD(size, align)                                               \
	static const void *load_##size##_##align(struct soft_vp *vp,           \
						 const struct insn *in)        \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, size, false);               \
                                                                               \
		check_aligned(vp, lin, align);                                 \
		return operand_read(vp, lin, size);                            \
	}

#define DEFINE_STORE(size, align)                                              \
	static void store_##size##_##align(struct soft_vp *vp,                 \
					   const struct insn *in)              \
	{                                                                      \
		uint64_t lin = insn_linear(vp, in, size, true);                \
                                                                               \
		check_aligned(vp, lin, align);                                 \
		operand_write(vp, lin, vp->nat.operand, size);                 \
	}

/* Before an operation that may raise #XM: the store's faults come first. */
static void probe_store(struct soft_vp *vp, const struct insn *in)
{
	unsigned int size = insn_mem_size(in);

	mem_probe(vp, insn_linear(vp, in, size, true), MEM_WRITE, size);
}

DEFINE_LOAD(1, 1)
DEFINE_LOAD(2, 1)
DEFINE_LOAD(4, 1)
DEFINE_LOAD(8, 1)
DEFINE_LOAD(16, 1)
DEFINE_LOAD(16, 16)
DEFINE_LOAD(32, 1)
DEFINE_LOAD(32, 32)

DEFINE_STORE(1, 1)
DEFINE_STORE(2, 1)
DEFINE_STORE(4, 1)
DEFINE_STORE(8, 1)
DEFINE_STORE(16, 1)
DEFINE_STORE(16, 16)
DEFINE_STORE(32, 1)
DEFINE_STORE(32, 32)

static uintptr_t load_helper(unsigned int size, unsigned int align)
{
	switch (size) {
	case 1:
		return (uintptr_t)load_1_1;
	case 2:
		return (uintptr_t)load_2_1;
	case 4:
		return (uintptr_t)load_4_1;
	case 8:
		return (uintptr_t)load_8_1;
	case 16:
		return (uintptr_t)(align > 1 ? load_16_16 : load_16_1);
	default:
		ASSERT(size == 32);
		return (uintptr_t)(align > 1 ? load_32_32 : load_32_1);
	}
}

static uintptr_t store_helper(unsigned int size, unsigned int align)
{
	switch (size) {
	case 1:
		return (uintptr_t)store_1_1;
	case 2:
		return (uintptr_t)store_2_1;
	case 4:
		return (uintptr_t)store_4_1;
	case 8:
		return (uintptr_t)store_8_1;
	case 16:
		return (uintptr_t)(align > 1 ? store_16_16 : store_16_1);
	default:
		ASSERT(size == 32);
		return (uintptr_t)(align > 1 ? store_32_32 : store_32_1);
	}
}

/* ---- operands ---- */

static unsigned int host_reg(enum insn_opnd_kind kind)
{
	switch (kind) {
	case OPND_GPR_REG:
		return HOST_R8;
	case OPND_GPR_RM:
		return HOST_R9;
	case OPND_GPR_VVVV:
		return HOST_R10;
	case OPND_XMM_REG:
	case OPND_MMX_REG:
		return HOST_V1;
	case OPND_XMM_RM:
	case OPND_MMX_RM:
		return HOST_V2;
	case OPND_XMM_VVVV:
		return HOST_V3;
	case OPND_XMM_IS4:
		return HOST_V4;
	default:
		return HOST_V0;
	}
}

/* ECX = the guest's number of the register that operand kind @kind names. */
static void emit_operand_regno(struct emit *e, enum insn_opnd_kind kind)
{
	switch (kind) {
	case OPND_GPR_REG:
	case OPND_XMM_REG:
		emit_regno(e, INSN_OFF(reg));
		break;
	case OPND_GPR_RM:
	case OPND_XMM_RM:
		emit_regno(e, INSN_OFF(rm));
		break;
	case OPND_GPR_VVVV:
	case OPND_XMM_VVVV:
		emit_regno(e, INSN_OFF(vvvv));
		break;
	case OPND_XMM_IS4:
		emit_regno(e, INSN_OFF(imm));
		PUT(e, 0xc1, 0xe9, 0x04); /* shr ecx, 4 */
		break;
	default:
		ASSERT(kind == OPND_XMM0);
		PUT(e, 0x31, 0xc9); /* xor ecx, ecx */
	}
}

static bool kind_is_vector(enum insn_opnd_kind kind)
{
	return kind >= OPND_XMM_REG && kind <= OPND_XMM0;
}

static bool kind_is_gpr(enum insn_opnd_kind kind)
{
	return kind == OPND_GPR_REG || kind == OPND_GPR_RM ||
	       kind == OPND_GPR_VVVV;
}

static bool kind_is_rm(enum insn_opnd_kind kind)
{
	return kind == OPND_GPR_RM || kind == OPND_XMM_RM ||
	       kind == OPND_MMX_RM;
}

/* ECX holds the number; the upper half is loaded where L asks for it. */
static void emit_load_vector(struct emit *e, const struct form *f,
			     unsigned int v)
{
	emit_times16(e);
	emit_movups(e, f->vex, 0x10, v, LEGACY_OFF(xmm));
	if (!f->l)
		return;
	/* vinsertf128 v, v, [...], 1 */
	PUT(e, 0xc4, 0xe3, (uint8_t)((~v & 15) << 3 | 5), 0x18);
	emit_indexed(e, v, VP_OFF(hv.regs.fpu.ymm_hi));
	put(e, 1);
}

static void emit_store_vector(struct emit *e, const struct form *f,
			      unsigned int v)
{
	emit_times16(e);
	emit_movups(e, f->vex, 0x11, v, LEGACY_OFF(xmm));
	if (f->l) {
		/* vextractf128 [...], v, 1 */
		PUT(e, 0xc4, 0xe3, 0x7d, 0x19);
		emit_indexed(e, v, VP_OFF(hv.regs.fpu.ymm_hi));
		put(e, 1);
	} else if (f->vex) {
		/* vxorps v5, v5, v5 */
		PUT(e, 0xc5, 0xd0, 0x57, 0xed);
		emit_movups(e, true, 0x11, HOST_V_ZERO,
			    VP_OFF(hv.regs.fpu.ymm_hi));
	}
}

static void emit_load_operands(struct emit *e, const struct form *f)
{
	enum insn_op op = (enum insn_op)f->in->op;

	for (unsigned int i = 0; i < ARRAY_SIZE(f->desc->opnd); i++) {
		uint16_t o = f->desc->opnd[i];
		enum insn_opnd_kind kind = insn_opnd_kind(o);

		/* Legacy vector instructions may keep parts of what they
		 * write. */
		if (!(insn_opnd_access(o) & OPND_R) &&
		    (f->vex || !kind_is_vector(kind)))
			continue;
		if (f->mem && kind_is_rm(kind))
			continue;
		if (kind_is_vector(kind)) {
			emit_operand_regno(e, kind);
			emit_load_vector(e, f, host_reg(kind));
		} else if (kind_is_gpr(kind)) {
			emit_operand_regno(e, kind);
			emit_mov_gpr(e, 0x8b, host_reg(kind));
		} else if (kind == OPND_MMX_REG) {
			EMIT_VP_OP(e, HOST_V1, VP_OFF(nat.mm[0]), 0x0f, 0x6f);
		} else if (kind == OPND_MMX_RM) {
			EMIT_VP_OP(e, HOST_V2, VP_OFF(nat.mm[1]), 0x0f, 0x6f);
		}
	}
	if (op_has_implicit_gprs(op))
		EMIT_VP_OP(e, HOST_RAX, VP_OFF(hv.regs.gpr[X86_RAX]), 0x48,
			   0x8b);
	if (op_has_implicit_gprs(op) || op == OP_MULX)
		EMIT_VP_OP(e, HOST_RDX, VP_OFF(hv.regs.gpr[X86_RDX]), 0x48,
			   0x8b);
}

static void emit_store_operands(struct emit *e, const struct form *f)
{
	enum insn_op op = (enum insn_op)f->in->op;

	if (op == OP_PCMPESTRI || op == OP_PCMPISTRI)
		EMIT_VP_OP(e, HOST_RCX, VP_OFF(hv.regs.gpr[X86_RCX]), 0x48,
			   0x89);
	if (op == OP_PCMPESTRM || op == OP_PCMPISTRM) {
		PUT(e, 0x31, 0xc9);
		emit_store_vector(e, f, HOST_V0);
	}
	/* Backwards: MULX writes its first operand last. */
	for (unsigned int i = ARRAY_SIZE(f->desc->opnd); i-- > 0;) {
		uint16_t o = f->desc->opnd[i];
		enum insn_opnd_kind kind = insn_opnd_kind(o);

		if (!(insn_opnd_access(o) & OPND_W) ||
		    (f->mem && kind_is_rm(kind)))
			continue;
		if (kind_is_vector(kind)) {
			emit_operand_regno(e, kind);
			emit_store_vector(e, f, host_reg(kind));
		} else if (kind_is_gpr(kind)) {
			emit_operand_regno(e, kind);
			emit_mov_gpr(e, 0x89, host_reg(kind));
		} else if (kind == OPND_MMX_REG) {
			EMIT_VP_OP(e, HOST_V1, VP_OFF(nat.mm[0]), 0x0f, 0x7f);
		} else if (kind == OPND_MMX_RM) {
			EMIT_VP_OP(e, HOST_V2, VP_OFF(nat.mm[1]), 0x0f, 0x7f);
		}
	}
}

/* ---- the instruction itself, re-encoded ---- */

struct encoding {
	unsigned int reg;
	unsigned int rm;
	unsigned int vvvv;
	uint8_t modrm;
};

static void encoding_init(struct encoding *c, const struct form *f)
{
	c->reg = (f->in->modrm >> 3) & 7;
	c->rm = f->mem ? HOST_R11 : f->in->modrm & 7;
	c->vvvv = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(f->desc->opnd); i++) {
		enum insn_opnd_kind kind = insn_opnd_kind(f->desc->opnd[i]);

		if (kind == OPND_GPR_REG || kind == OPND_XMM_REG ||
		    kind == OPND_MMX_REG)
			c->reg = host_reg(kind);
		if (kind == OPND_GPR_VVVV || kind == OPND_XMM_VVVV)
			c->vvvv = host_reg(kind);
		if (kind_is_rm(kind) && !f->mem)
			c->rm = host_reg(kind);
	}
	c->modrm = (uint8_t)((f->mem ? 0 : 0xc0) | (c->reg & 7) << 3 |
			     (c->rm & 7));
}

static void emit_legacy(struct emit *e, const struct form *f,
			const struct encoding *c)
{
	static const uint8_t pfx_byte[] = {[INSN_PFX_66] = 0x66,
					   [INSN_PFX_F3] = 0xf3,
					   [INSN_PFX_F2] = 0xf2,
					   [INSN_PFX_ANY] = 0};
	uint8_t pfx = pfx_byte[f->desc->pfx];
	uint8_t rex = (uint8_t)(0x40 | (f->w ? 8 : 0) | (c->reg & 8) >> 1 |
				(c->rm & 8) >> 3);

	if (pfx)
		put(e, pfx);
	if (rex != 0x40)
		put(e, rex);
	if (f->desc->map != INSN_MAP_1B)
		put(e, 0x0f);
	if (f->desc->map == INSN_MAP_0F38)
		put(e, 0x38);
	if (f->desc->map == INSN_MAP_0F3A)
		put(e, 0x3a);
}

static void emit_vex(struct emit *e, const struct form *f,
		     const struct encoding *c)
{
	static const uint8_t pp[] = {
		[INSN_PFX_66] = 1,
		[INSN_PFX_F3] = 2,
		[INSN_PFX_F2] = 3,
		[INSN_PFX_ANY] = 0,
	};
	unsigned int map = f->desc->map - INSN_MAP_VEX_0F + 1u;

	/* R, X and B are stored inverted, so is vvvv; X is never used. */
	put(e, 0xc4);
	put(e, (uint8_t)((c->reg & 8 ? 0 : 0x80) | 0x40 |
			 (c->rm & 8 ? 0 : 0x20) | map));
	put(e, (uint8_t)((f->w ? 0x80 : 0) | (~c->vvvv & 15) << 3 |
			 (f->l ? 4 : 0) | pp[f->desc->pfx]));
}

static void emit_instruction(struct emit *e, const struct form *f)
{
	struct encoding c;

	encoding_init(&c, f);
	if (f->vex)
		emit_vex(e, f, &c);
	else
		emit_legacy(e, f, &c);
	put(e, f->in->opcode);
	put(e, c.modrm);
	if (f->has_imm)
		put(e, (uint8_t)f->in->imm);
	else if (has_operand(f->desc, OPND_XMM_IS4))
		put(e, HOST_V4 << 4);
}

/* ---- whole stubs ---- */

static void emit_enter(struct emit *e)
{
	PUT(e, 0x53, 0x48, 0x89, 0xfb); /* push rbx; mov rbx, rdi */
}

/* Leave by calling @fn(vp, vp->in) in our place. */
static void emit_tail(struct emit *e, uintptr_t fn)
{
	PUT(e, 0x48, 0x89, 0xdf); /* mov rdi, rbx */
	emit_reload_insn(e);
	put(e, 0x5b);
	emit_mov_rax_imm(e, fn);
	PUT(e, 0xff, 0xe0);
}

/* R11 = what @fn(vp, in) returns. */
static void emit_fetch(struct emit *e, uintptr_t fn)
{
	emit_call(e, fn);
	PUT(e, 0x49, 0x89, 0xc3); /* mov r11, rax */
	emit_reload_insn(e);
}

static void emit_flags_load(struct emit *e)
{
	EMIT_VP_OP(e, HOST_RAX, VP_OFF(flags), 0x0f, 0xb7);
	PUT(e, 0x04, 0x7f, 0x9e);
}

static void emit_flags_store(struct emit *e)
{
	PUT(e, 0x9f, 0x0f, 0x90, 0xc0); /* lahf; seto al */
	EMIT_VP_OP(e, HOST_RAX, VP_OFF(flags), 0x66, 0x89);
}

/* ldmxcsr of the default, from the area's constants */
static void emit_host_mxcsr(struct emit *e)
{
	PUT(e, 0x0f, 0xae, 0x15);
	put32(e, (uint32_t)(native_code_mxcsr() - (e->rx + 4)));
}

static void emit_execute(struct emit *e, const struct form *f)
{
	if (f->mxcsr)
		EMIT_VP_OP(e, 2, LEGACY_OFF(mxcsr), 0x0f, 0xae);
	if (f->flags_in)
		emit_flags_load(e);
	emit_instruction(e, f);
	if (f->flags_out)
		emit_flags_store(e);
}

/* Commit MXCSR, or put it aside when a store must succeed first. */
static void emit_mxcsr_back(struct emit *e, const struct form *f, bool commit)
{
	if (!f->mxcsr)
		return;
	EMIT_VP_OP(e, 3, commit ? LEGACY_OFF(mxcsr) : VP_OFF(nat.mxcsr), 0x0f,
		   0xae);
	emit_host_mxcsr(e);
}

/*
 * Start the next handler as next_insn() in int.h does; after a memory access
 * only if nothing wants the block to end.
 */
static void emit_next(struct emit *e, bool mem)
{
	uint8_t *skip = NULL;

	if (mem) {
		PUT(e, 0x80, 0xbb); /* cmp byte [rbx + vp.end_block], 0 */
		put32(e, VP_OFF(end_block));
		PUT(e, 0x00, 0x75, 0x00); /* jne, patched below */
		skip = e->p;
	}
	emit_reload_insn(e);
	PUT(e, 0x48, 0x83, 0xc6, sizeof(struct insn)); /* add rsi, ... */
	PUT(e, 0x48, 0x89, 0xb3);                      /* mov [...], rsi */
	put32(e, VP_OFF(in));
	PUT(e, 0x0f, 0xb7, 0x46, INSN_OFF(end)); /* movzx eax, word [...] */
	EMIT_VP_OP(e, HOST_RAX, VP_OFF(block_rip), 0x48, 0x03);
	EMIT_VP_OP(e, HOST_RAX, VP_OFF(hv.regs.rip), 0x48, 0x89);
	PUT(e, 0x48, 0x89, 0xdf, 0x5b);   /* mov rdi, rbx; pop rbx */
	PUT(e, 0xff, 0x66, INSN_OFF(fn)); /* jmp [rsi + insn.fn] */
	if (skip) {
		skip[-1] = (uint8_t)(e->p - skip);
		PUT(e, 0x5b, 0xc3); /* pop rbx; ret */
	}
}

static void emit_vector_stub(struct emit *e, const struct form *f)
{
	bool store = f->mem && (f->mem_access & OPND_W);

	emit_enter(e);
	if (store) {
		if (f->mxcsr)
			emit_fetch(e, (uintptr_t)probe_store);
		EMIT_VP_OP(e, HOST_R11, VP_OFF(nat.operand), 0x4c, 0x8d);
	} else if (f->mem) {
		emit_fetch(e, load_helper(f->mem_size, f->mem_align));
	}
	emit_load_operands(e, f);
	emit_execute(e, f);
	emit_mxcsr_back(e, f, !store);
	emit_store_operands(e, f);
	if (f->l)
		PUT(e, 0xc5, 0xf8, 0x77); /* vzeroupper */
	if (store) {
		PUT(e, 0x48, 0x89, 0xdf); /* mov rdi, rbx */
		emit_reload_insn(e);
		emit_call(e, store_helper(f->mem_size, f->mem_align));
	}
	if (store && f->mxcsr) {
		EMIT_VP_OP(e, HOST_RAX, VP_OFF(nat.mxcsr), 0x8b);
		EMIT_VP_OP(e, HOST_RAX, LEGACY_OFF(mxcsr), 0x89);
	}
	emit_next(e, f->mem);
}

static void emit_mmx_stub(struct emit *e, const struct form *f)
{
	emit_enter(e);
	emit_fetch(e, (uintptr_t)native_mmx_begin);
	emit_load_operands(e, f);
	emit_execute(e, f);
	emit_mxcsr_back(e, f, true);
	emit_store_operands(e, f);
	PUT(e, 0x0f, 0x77); /* emms */
	emit_tail(e, (uintptr_t)native_mmx_end);
}

/* The whole x87 state goes through the host's: exact in every corner. */
static void emit_x87_stub(struct emit *e, const struct form *f)
{
	emit_enter(e);
	emit_fetch(e, (uintptr_t)native_x87_begin);
	EMIT_VP_OP(e, 1, VP_OFF(hv.regs.fpu.legacy), 0x48, 0x0f, 0xae);
	emit_execute(e, f);
	EMIT_VP_OP(e, 0, VP_OFF(nat.x87), 0x48, 0x0f, 0xae);
	PUT(e, 0xdb, 0xe3); /* fninit */
	emit_host_mxcsr(e);
	emit_tail(e, (uintptr_t)native_x87_end);
}

static void emit_stub(struct emit *e, const struct form *f)
{
	switch (f->special) {
	case SPECIAL_X87:
		emit_x87_stub(e, f);
		break;
	case SPECIAL_MMX:
		emit_mmx_stub(e, f);
		break;
	case SPECIAL_NONE:
		emit_vector_stub(e, f);
		break;
	}
}

insn_fn *native_stub(const struct insn *in)
{
	struct native_code code;
	struct emit e;
	struct form f;
	insn_fn *fn;
	size_t used = 0;
	uint64_t key;

	form_init(&f, in);
	key = form_key(&f);
	fn = native_code_find(key);
	if (fn)
		return fn;
	native_code_begin(&code);
	if (code.rw) {
		e.p = code.rw;
		e.end = code.rw + code.left;
		e.rx = code.rx;
		emit_stub(&e, &f);
		used = (size_t)(e.p - code.rw);
	}
	return native_code_end(&code, used, key);
}
