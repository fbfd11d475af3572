/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One guest instruction to host instructions: everything but branches. An
 * instruction is emitted natively only if its operation is listed here; its
 * bytes are never copied: it is encoded anew from what the decoder has found,
 * with registers renamed and its memory operand replaced by [r14], a host
 * address that a probe of the TLB has given. Everything else calls the
 * interpreter's handler.
 *
 * Nothing is committed before the instruction's last probe, so that a miss
 * can run the whole instruction by its handler.
 */
#include "xlat_priv.h"

/* ---- flags ---- */

#define CF     0x0001u
#define PF     0x0004u
#define AF     0x0010u
#define ZF     0x0040u
#define SF     0x0080u
#define OF     0x0800u
#define FL_ALL (CF | PF | AF | ZF | SF | OF)

static uint16_t cond_reads(unsigned int cc)
{
	static const uint16_t reads[8] = {OF, CF, ZF,      CF | ZF,
					  SF, PF, SF | OF, SF | OF | ZF};

	return reads[(cc >> 1) & 7];
}

static bool op_between(unsigned int op, unsigned int lo, unsigned int hi)
{
	return op >= lo && op <= hi;
}

uint16_t xl_flags_read(const struct insn *in)
{
	switch (in->op) {
	case OP_JCC:
	case OP_SETCC:
	case OP_CMOVCC:
		return cond_reads(in->opcode & 15);
	case OP_ADC:
	case OP_SBB:
	case OP_RCL:
	case OP_RCR:
	case OP_CMC:
	case OP_ADCX:
		return CF;
	case OP_ADOX:
		return OF;
	case OP_LAHF:
		return FL_ALL & ~OF;
	case OP_PUSHF:
	case OP_POPF:
	case OP_LOOPE:
	case OP_LOOPNE:
	case OP_SALC:
		return FL_ALL;
	default:
		break;
	}
	switch (insn_desc(in)->class) {
	case INSN_CLASS_INT:
	case INSN_CLASS_STRING:
	case INSN_CLASS_SSE:
	case INSN_CLASS_AVX:
	case INSN_CLASS_BMI:
	case INSN_CLASS_MMX:
		return 0;
	case INSN_CLASS_BRANCH:
		return 0;
	default:
		return FL_ALL;
	}
}

static bool op_is_logical(unsigned int op)
{
	return op == OP_AND || op == OP_OR || op == OP_XOR || op == OP_TEST;
}

uint16_t xl_flags_killed(const struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);

	if (desc->attr & INSN_COUNT_FLAGS) {
		unsigned int mask = in->opsize == 8 ? 63 : 31;
		unsigned int last = 0;

		while (last < 3 && desc->opnd[last + 1])
			last++;
		if (insn_opnd_kind(desc->opnd[last]) != OPND_IMM ||
		    !(in->imm & mask))
			return 0;
		/* Rotates of narrow operands by their width, and the like. */
		if (in->opsize < 4)
			return 0;
	}
	/*
	 * Undefined ones may well be left alone by the host's processor; of
	 * logical operations' AF it is known that they are not.
	 */
	if (op_is_logical(in->op))
		return FL_ALL;
	return desc->flags_written & ~desc->flags_undefined & FL_ALL;
}

void xl_flags_save(struct xl *x)
{
	struct xasm *a = &x->a;

	xmov(a, H_R12, H_RAX);
	XBYTES(a, 0x9f, 0x0f, 0x90, 0xc0); /* lahf; seto al */
	x8(a, 0x66);
	xop_gs(a, false, 0x89, H_RAX, VP_OFF(flags));
	xmov(a, H_RAX, H_R12);
}

void xl_flags_restore(struct xl *x)
{
	struct xasm *a = &x->a;

	xmov(a, H_R12, H_RAX);
	XBYTES(a, 0x65, 0x0f, 0xb7, 0x04, 0x25); /* movzx eax, word gs: */
	x32(a, VP_OFF(flags));
	XBYTES(a, 0x04, 0x7f, 0x9e); /* add al, 7f; sahf */
	xmov(a, H_RAX, H_R12);
}

/* ---- registers ---- */

static unsigned int host_of(unsigned int g)
{
	if (g == X86_RSP)
		return H_R13;
	return g < 12 ? g : H_NONE;
}

unsigned int xl_reg(struct xl *x, unsigned int g, unsigned int scratch)
{
	unsigned int h = host_of(g);

	if (h != H_NONE)
		return h;
	xload_gs(&x->a, scratch, GPR_OFF(g));
	return scratch;
}

/* ---- handlers ---- */

static void insn_stop(struct soft_vp *vp, const struct insn *in)
{
}

static struct xlat_call *call_record(struct xl *x, unsigned int n)
{
	struct xlat_call *call = x->call[n];

	if (call)
		return call;
	call = &x->x->call[x->x->nr_calls++];
	memset(call, 0, sizeof(*call));
	call->in = x->b->insn[n];
	call->in.end = (uint16_t)x->off[n + 1];
	call->stop.fn = insn_stop;
	call->stop.end = call->in.end;
	x->call[n] = call;
	return call;
}

void xl_call_args(struct xl *x, unsigned int n)
{
	xmov_imm(&x->a, H_R14, (uintptr_t)call_record(x, n));
	xmov_imm(&x->a, H_R15, (uint64_t)x->off[n + 1]);
}

static void emit_call(struct xl *x, unsigned int n, uint64_t thunk)
{
	xl_call_args(x, n);
	xcall_to(&x->a, thunk);
}

void xl_handler(struct xl *x, bool last)
{
	bool live = x->live[x->n] != 0;

	emit_call(x, x->n,
		  last   ? live ? x->x->last_host : x->x->last_saved
		  : live ? x->x->call_host
			 : x->x->call_saved);
	x->vec_ready = false;
}

/* ---- memory ---- */

bool xl_address(struct xl *x, int32_t delta)
{
	const struct insn *in = &x->in[x->n];
	struct xasm *a = &x->a;
	int64_t disp = (int64_t)in->disp + delta;
	bool segment = in->seg == INSN_SEG_FS || in->seg == INSN_SEG_GS;
	unsigned int base, index = H_NONE;

	if (in->flags & INSN_VSIB)
		return false;
	if (in->base == INSN_REG_RIP) {
		if (in->addrsize != 8)
			return false;
		disp += x->off[x->n + 1];
	}
	if (disp != (int32_t)disp)
		return false;
	if (in->base == INSN_REG_RIP) {
		xload_gs(a, H_R14, VP_OFF(xl.code_page));
		base = H_R14;
	} else {
		base = in->base == INSN_REG_NONE ? H_NONE
						 : xl_reg(x, in->base, H_R12);
	}
	if (in->index != INSN_REG_NONE)
		index = xl_reg(x, in->index, H_R15);
	xlea(a, in->addrsize == 8, H_R14, base, index, in->scale,
	     (int32_t)disp);
	if (segment) {
		xload_gs(a, H_R15,
			 in->seg == INSN_SEG_FS
				 ? VP_OFF(hv.regs.seg[X86_FS].base)
				 : VP_OFF(hv.regs.seg[X86_GS].base));
		xlea(a, true, H_R14, H_R14, H_R15, 0, 0);
	}
	return true;
}

uint8_t *xl_probe(struct xl *x, unsigned int size, unsigned int align,
		  bool write)
{
	struct xasm *a = &x->a;
	uint8_t *miss;

	if (align > 1 || size == 1) {
		xmov(a, H_R12, H_R14);
		xop_ri(a, true, 4, H_R12, -4096 | (int32_t)(align - 1));
	} else {
		xlea(a, true, H_R12, H_R14, H_NONE, 0, (int32_t)size - 1);
		xop_ri(a, true, 4, H_R12, -4096);
	}
	xop_rr(a, false, 0x89, H_R14, H_R15);
	xshift(a, false, 5, H_R15, 7);
	xop_ri(a, false, 4, H_R15, (TLB_ENTRIES - 1) * 32);
	xop_gs(a, true, 0x03, H_R15, VP_OFF(tlb));
	xop_rm(a, true, 0x3b, H_R12, H_R15,
	       write ? offsetof(struct tlb_entry, write)
		     : offsetof(struct tlb_entry, read));
	miss = xjcc(a, CC_NZ);
	xop_rm(a, true, 0x03, H_R14, H_R15, offsetof(struct tlb_entry, addend));
	return miss;
}

BUILD_ASSERT(sizeof(struct tlb_entry) == 32);

/* ---- which instructions ---- */

static bool native_int(const struct insn *in, const struct insn_desc *desc)
{
	switch (in->op) {
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC:
		/* a bit string in memory reaches beyond its operand */
		return !(in->flags & INSN_MEM) ||
		       insn_opnd_kind(desc->opnd[1]) == OPND_IMM;
	case OP_ADD ... OP_IMUL2:
	case OP_ROL ... OP_SHRD:
	case OP_BSF:
	case OP_BSR:
	case OP_MOV:
	case OP_MOVZX:
	case OP_MOVSX:
	case OP_MOVSXD:
	case OP_XCHG:
	case OP_XADD:
	case OP_CMPXCHG:
	case OP_CBW:
	case OP_CWD:
	case OP_CMOVCC:
	case OP_SETCC:
	case OP_CLC:
	case OP_STC:
	case OP_CMC:
	case OP_LAHF:
	case OP_SAHF:
	case OP_TZCNT ... OP_SHRX:
	case OP_MOVNTI:
		return true;
	case OP_BSWAP:
		return in->opsize >= 4;
	default:
		return false;
	}
}

static bool native_vector(const struct insn *in)
{
	switch (in->op) {
	case OP_LDMXCSR:
	case OP_STMXCSR:
	case OP_MASKMOVQ:
	case OP_MASKMOVDQU:
	case OP_EXTRQ:
	case OP_INSERTQ:
	case OP_MOVNTSS:
	case OP_MOVNTSD:
	case OP_VMASKMOVPS ... OP_VPMASKMOVQ:
	case OP_VGATHERDPS ... OP_VPGATHERQQ:
		return false;
	default:
		return op_between(in->op, OP_MOVD, OP_VFMSUBADD231PD);
	}
}

static bool is_vector(const struct insn_desc *desc)
{
	return desc->class == INSN_CLASS_SSE || desc->class == INSN_CLASS_AVX;
}

static bool operands_ok(const struct insn *in, const struct insn_desc *desc)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(desc->opnd); i++)
		switch (insn_opnd_kind(desc->opnd[i])) {
		case OPND_NONE:
		case OPND_GPR_REG:
		case OPND_GPR_RM:
		case OPND_GPR_OPC:
		case OPND_GPR_VVVV:
		case OPND_GPR_ACC:
		case OPND_GPR_CL:
		case OPND_XMM_REG:
		case OPND_XMM_RM:
		case OPND_XMM_VVVV:
		case OPND_XMM_IS4:
		case OPND_XMM0:
		case OPND_MEM:
		case OPND_IMM:
		case OPND_ONE:
			break;
		default:
			return false;
		}
	if (!(in->flags & INSN_MEM))
		return true;
	return insn_mem_size(in) && insn_mem_size(in) <= 32 &&
	       insn_mem_access(in) && !(in->flags & INSN_VSIB);
}

static bool has_high_byte(const struct insn *in, const struct insn_desc *desc,
			  bool *ret_other)
{
	bool high = false;

	*ret_other = in->flags & INSN_MEM;
	for (unsigned int i = 0; i < ARRAY_SIZE(desc->opnd); i++) {
		uint16_t o = desc->opnd[i];
		enum insn_opnd_kind kind = insn_opnd_kind(o);
		unsigned int g;

		if (kind == OPND_GPR_REG)
			g = in->reg;
		else if (kind == OPND_GPR_OPC ||
			 (kind == OPND_GPR_RM && !(in->flags & INSN_MEM)))
			g = in->rm;
		else
			continue;
		if (insn_opnd_width(o) == OPW_B && g >= 4 && g < 8 &&
		    !(in->flags & (INSN_REX | INSN_VEX)))
			high = true;
		else if (g == X86_RSP)
			*ret_other = true;
	}
	return high;
}

bool xl_is_native(struct xl *x, const struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);
	bool other;

	if (!soft_host_has(insn_feature(in)) || !soft_feature_ok(x->vp, in))
		return false;
	switch (desc->class) {
	case INSN_CLASS_INT:
	case INSN_CLASS_BMI:
		if (!native_int(in, desc))
			return false;
		break;
	case INSN_CLASS_SSE:
		if (!(block_mode(x->b) & SOFT_MODE_SSE_OK) ||
		    (block_mode(x->b) & SOFT_MODE_TS) || !native_vector(in))
			return false;
		break;
	case INSN_CLASS_AVX:
		if (!(block_mode(x->b) & SOFT_MODE_AVX_OK) ||
		    (block_mode(x->b) & SOFT_MODE_TS) || !native_vector(in))
			return false;
		break;
	default:
		return false;
	}
	/* A high-byte register and REX exclude each other. */
	if (has_high_byte(in, desc, &other) && other)
		return false;
	return operands_ok(in, desc);
}

/* ---- encoding ---- */

/* How many prefix bytes, REX included, begin @p. */
static unsigned int skip_prefixes(const uint8_t *p)
{
	unsigned int n = 0;

	for (;; n++)
		switch (p[n]) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64 ... 0x67:
		case 0xf0:
		case 0xf2:
		case 0xf3:
		case 0x40 ... 0x4f:
			break;
		default:
			return n;
		}
}

/* Where the immediate begins. */
static unsigned int imm_offset(const struct insn *in, const uint8_t *p)
{
	static const uint8_t opcode_len[] = {1, 2, 3, 3};
	const struct insn_desc *desc = insn_desc(in);
	unsigned int n = skip_prefixes(p);
	unsigned int mod = in->modrm >> 6;
	uint8_t sib = 0;

	if (in->flags & INSN_VEX)
		n += p[n] == 0xc5 ? 3 : 4;
	else
		n += opcode_len[desc->map & 3];
	if (!(in->flags & INSN_MODRM))
		return n;
	n++;
	if (mod == 3 || (desc->attr & INSN_NOMOD))
		return n;
	if ((in->modrm & 7) == 4)
		sib = p[n++];
	if (mod == 1)
		return n + 1;
	if (mod == 2 || (in->modrm & 7) == 5 ||
	    ((in->modrm & 7) == 4 && (sib & 7) == 5))
		return n + 4;
	return n;
}

static uint8_t encoding_map(const struct insn_desc *desc)
{
	switch ((enum insn_map)desc->map) {
	case INSN_MAP_1B:
		return 0;
	case INSN_MAP_0F:
	case INSN_MAP_VEX_0F:
		return 1;
	case INSN_MAP_0F38:
	case INSN_MAP_VEX_0F38:
		return 2;
	default:
		return 3;
	}
}

/* Everything but registers and memory. */
static void encode_fixed(struct xl *x, struct xenc *e)
{
	const struct insn *in = &x->in[x->n];
	const struct insn_desc *desc = insn_desc(in);
	static const uint8_t pp[] = {
		[INSN_PFX_NONE] = 0, [INSN_PFX_66] = 1,  [INSN_PFX_F3] = 2,
		[INSN_PFX_F2] = 3,   [INSN_PFX_ANY] = 0,
	};
	unsigned int imm = imm_offset(in, x->bytes[x->n]);

	memset(e, 0, sizeof(*e));
	ASSERT(imm <= in->len);
	e->index = H_NONE;
	e->base = H_NONE;
	e->lock = in->flags & INSN_LOCK;
	e->vex = in->flags & INSN_VEX;
	e->w = in->flags & INSN_W;
	e->l = in->flags & INSN_VEX_L;
	e->rex = in->flags & INSN_REX;
	e->p66 = in->flags & INSN_OPSIZE;
	e->rep = desc->pfx == INSN_PFX_F3   ? 0xf3
		 : desc->pfx == INSN_PFX_F2 ? 0xf2
					    : 0;
	e->pp = pp[desc->pfx];
	e->map = encoding_map(desc);
	e->opcode = in->opcode;
	e->modrm = in->flags & INSN_MODRM;
	e->reg = (in->modrm >> 3) & 7;
	e->rm = in->modrm & 7;
	e->imm = x->bytes[x->n] + imm;
	e->nr_imm = in->len - imm;
}

/* Guest registers that live in memory and are operands. */
struct slots {
	uint8_t guest[3], host[3];
	bool written[3];
	unsigned int nr;
};

static unsigned int slot_reg(struct xl *x, struct slots *s, unsigned int g,
			     uint16_t opnd)
{
	static const uint8_t scratch[] = {H_R12, H_R15, H_R14};
	bool wide = x->in[x->n].opsize >= 4 && insn_opnd_width(opnd) != OPW_B &&
		    insn_opnd_width(opnd) != OPW_W;
	bool written = insn_opnd_access(opnd) & OPND_W;
	unsigned int i;

	for (i = 0; i < s->nr; i++)
		if (s->guest[i] == g)
			break;
	if (i == s->nr) {
		s->guest[i] = (uint8_t)g;
		s->host[i] = scratch[i];
		s->written[i] = false;
		s->nr++;
		if (insn_opnd_access(opnd) != OPND_W || !wide)
			xload_gs(&x->a, scratch[i], GPR_OFF(g));
	} else if (insn_opnd_access(opnd) != OPND_W || !wide) {
		/* it may have been left unloaded as a mere destination */
		xload_gs(&x->a, s->host[i], GPR_OFF(g));
	}
	s->written[i] |= written;
	return s->host[i];
}

/* Host number of general operand @opnd, guest register @g. */
static unsigned int operand_reg(struct xl *x, struct slots *s, unsigned int g,
				uint16_t opnd)
{
	const struct insn *in = &x->in[x->n];

	if (insn_opnd_width(opnd) == OPW_B && g >= 4 && g < 8 &&
	    !(in->flags & (INSN_REX | INSN_VEX)))
		return g; /* AH CH DH BH */
	if (host_of(g) != H_NONE)
		return host_of(g);
	return slot_reg(x, s, g, opnd);
}

static void encode_operand(struct xl *x, struct xenc *e, struct slots *s,
			   uint16_t opnd)
{
	const struct insn *in = &x->in[x->n];
	bool mem = in->flags & INSN_MEM;
	unsigned int h;

	switch (insn_opnd_kind(opnd)) {
	case OPND_GPR_REG:
		e->reg = (uint8_t)operand_reg(x, s, in->reg, opnd);
		break;
	case OPND_GPR_RM:
		if (!mem)
			e->rm = (uint8_t)operand_reg(x, s, in->rm, opnd);
		break;
	case OPND_GPR_OPC:
		h = operand_reg(x, s, in->rm, opnd);
		e->opcode = (uint8_t)((in->opcode & ~7u) | (h & 7));
		e->plus = (uint8_t)h;
		break;
	case OPND_GPR_VVVV:
		e->vvvv = (uint8_t)operand_reg(x, s, in->vvvv, opnd);
		break;
	case OPND_XMM_REG:
		e->reg = in->reg;
		break;
	case OPND_XMM_RM:
		if (!mem)
			e->rm = in->rm;
		break;
	case OPND_XMM_VVVV:
		e->vvvv = in->vvvv;
		break;
	default:
		break;
	}
}

/* See to it that vectors are in host registers; flags are kept. */
static void need_vectors(struct xl *x)
{
	struct xasm *a = &x->a;
	uint8_t *loaded;

	if (x->vec_ready)
		return;
	xmov(a, H_R12, H_RCX);
	XBYTES(a, 0x65, 0x0f, 0xb6, 0x0c, 0x25); /* movzx ecx, byte gs: */
	x32(a, VP_OFF(xl.parked));
	XBYTES(a, 0xe3, 0); /* jrcxz */
	loaded = a->p;
	xmov(a, H_RCX, H_R12);
	xload_gs(a, H_R14, VP_OFF(xl.code_page));
	xlea(a, true, H_R14, H_R14, H_NONE, 0, x->off[x->n]);
	xcall_to(a, x->x->load_vec);
	xmov(a, H_R12, H_RCX);
	loaded[-1] = (uint8_t)(a->p - loaded);
	xmov(a, H_RCX, H_R12);
	x->vec_ready = true;
}

/* Where to go on after the instruction's handler has run instead. */
static void resume_here(struct xl *x, struct cold *c)
{
	c->resume = xhere(&x->a);
	c->vec = x->vec_ready; /* a handler parks them */
}

/* R14 = host address of the memory operand. False: cannot be. */
static bool memory_operand(struct xl *x, struct cold **ret_cold)
{
	const struct insn *in = &x->in[x->n];
	bool live = x->live[x->n] != 0;
	uint8_t *at = x->a.p;
	struct cold *c;

	if (live)
		xl_flags_save(x);
	if (!xl_address(x, 0)) {
		x->a.p = at;
		return false;
	}
	c = xl_cold(x, COLD_SLOW);
	cold_field(c, xl_probe(x, insn_mem_size(in), insn_mem_align(in),
			       insn_mem_access(in) & OPND_W));
	if (live)
		xl_flags_restore(x);
	*ret_cold = c;
	return true;
}

static void emit_native(struct xl *x)
{
	const struct insn *in = &x->in[x->n];
	const struct insn_desc *desc = insn_desc(in);
	struct slots s = {.nr = 0};
	struct cold *c = NULL;
	struct xenc e;

	if (is_vector(desc))
		need_vectors(x);
	if ((in->flags & INSN_MEM) && !memory_operand(x, &c)) {
		xl_handler(x, false);
		return;
	}
	encode_fixed(x, &e);
	for (unsigned int i = 0; i < ARRAY_SIZE(desc->opnd); i++)
		encode_operand(x, &e, &s, desc->opnd[i]);
	if (c) {
		e.mem = true;
		e.base = H_R14;
	}
	xencode(&x->a, &e);
	for (unsigned int i = 0; i < s.nr; i++)
		if (s.written[i])
			xstore_gs(&x->a, s.host[i], GPR_OFF(s.guest[i]));
	if (c)
		resume_here(x, c);
}

/* ---- special ones ---- */

static void emit_lea(struct xl *x)
{
	const struct insn *in = &x->in[x->n];
	struct xasm *a = &x->a;
	int64_t disp = in->disp;
	struct xenc e = {.modrm = true, .mem = true, .opcode = 0x8d};
	unsigned int dst = host_of(in->reg);

	if (in->base == INSN_REG_RIP)
		disp += x->off[x->n + 1];
	if (disp != (int32_t)disp ||
	    (in->base == INSN_REG_RIP && in->addrsize != 8)) {
		xl_handler(x, false);
		return;
	}
	if (in->base == INSN_REG_RIP) {
		xload_gs(a, H_R14, VP_OFF(xl.code_page));
		e.base = H_R14;
	} else {
		e.base = (uint8_t)(in->base == INSN_REG_NONE
					   ? H_NONE
					   : xl_reg(x, in->base, H_R14));
	}
	e.index = (uint8_t)(in->index == INSN_REG_NONE
				    ? H_NONE
				    : xl_reg(x, in->index, H_R15));
	e.scale = in->scale;
	e.disp = (int32_t)disp;
	e.asize = in->addrsize == 4;
	e.w = in->opsize == 8;
	e.p66 = in->opsize == 2;
	e.reg = (uint8_t)(dst == H_NONE ? H_R12 : dst);
	if (dst == H_NONE && in->opsize == 2)
		xload_gs(a, H_R12, GPR_OFF(in->reg));
	xencode(a, &e);
	if (dst == H_NONE)
		xstore_gs(a, H_R12, GPR_OFF(in->reg));
}

/* Probe the stack at RSP + @delta; live flags are saved and restored. */
static struct cold *stack_operand(struct xl *x, unsigned int base,
				  int32_t delta, bool write)
{
	struct cold *c;
	bool live = x->live[x->n] != 0;

	if (live)
		xl_flags_save(x);
	xlea(&x->a, true, H_R14, base, H_NONE, 0, delta);
	c = xl_cold(x, COLD_SLOW);
	cold_field(c, xl_probe(x, 8, 1, write));
	if (live)
		xl_flags_restore(x);
	return c;
}

static void emit_push(struct xl *x)
{
	const struct insn *in = &x->in[x->n];
	struct xasm *a = &x->a;
	struct cold *c;

	if (in->opsize != 8 || (in->flags & INSN_MEM)) {
		xl_handler(x, false);
		return;
	}
	c = stack_operand(x, H_R13, -8, true);
	if (insn_opnd_kind(insn_desc(in)->opnd[0]) == OPND_IMM) {
		xop_rm(a, true, 0xc7, 0, H_R14, 0);
		x32(a, (uint32_t)in->imm);
	} else {
		xop_rm(a, true, 0x89, xl_reg(x, in->rm, H_R12), H_R14, 0);
	}
	xlea(a, true, H_R13, H_R13, H_NONE, 0, -8);
	resume_here(x, c);
}

static void emit_pop(struct xl *x)
{
	const struct insn *in = &x->in[x->n];
	struct xasm *a = &x->a;
	struct cold *c;
	unsigned int dst = host_of(in->rm);

	if (in->opsize != 8 || (in->flags & INSN_MEM)) {
		xl_handler(x, false);
		return;
	}
	c = stack_operand(x, H_R13, 0, false);
	xlea(a, true, H_R13, H_R13, H_NONE, 0, 8);
	xop_rm(a, true, 0x8b, dst == H_NONE ? H_R12 : dst, H_R14, 0);
	if (dst == H_NONE)
		xstore_gs(a, H_R12, GPR_OFF(in->rm));
	resume_here(x, c);
}

static void emit_leave(struct xl *x)
{
	struct xasm *a = &x->a;
	struct cold *c;

	if (x->in[x->n].opsize != 8) {
		xl_handler(x, false);
		return;
	}
	c = stack_operand(x, H_RBP, 0, false);
	xlea(a, true, H_R13, H_RBP, H_NONE, 0, 8);
	xop_rm(a, true, 0x8b, H_RBP, H_R14, 0);
	resume_here(x, c);
}

void xl_insn(struct xl *x)
{
	const struct insn *in = &x->in[x->n];
	bool offered = soft_feature_ok(x->vp, in);

	switch (offered ? in->op : (uint16_t)OP_INVALID) {
	case OP_NOP:
		return;
	case OP_LFENCE:
		XBYTES(&x->a, 0x0f, 0xae, 0xe8);
		return;
	case OP_MFENCE:
		XBYTES(&x->a, 0x0f, 0xae, 0xf0);
		return;
	case OP_SFENCE:
		XBYTES(&x->a, 0x0f, 0xae, 0xf8);
		return;
	case OP_LEA:
		emit_lea(x);
		return;
	case OP_PUSH:
		emit_push(x);
		return;
	case OP_POP:
		emit_pop(x);
		return;
	case OP_LEAVE:
		emit_leave(x);
		return;
	default:
		break;
	}
	if (xl_is_native(x, in))
		emit_native(x);
	else
		xl_handler(x, false);
}
