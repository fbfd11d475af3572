/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encodings: random bytes that mean a given line of the decoder table. The
 * fields that the line's pattern fixes are set, everything else is random;
 * the decoder confirms. gen_state.c then makes a state for what came out.
 */
#include "gen.h"

#include <base/bits.h>

#include <string.h>

#define TRIES 64

/* ---- what is never executed ---- */

static const struct {
	uint16_t op;
	const char *why;
} excluded[] = {
	{OP_SYSCALL, "enters the host kernel"},
	{OP_SYSENTER, "enters the host kernel"},
	{OP_INT, "enters the host kernel"},
	{OP_INT1, "the host kernel hides it"},
	{OP_VMCALL, "calls the host's hypervisor"},
	{OP_VMMCALL, "calls the host's hypervisor"},
	{OP_CPUID, "answers differ by design"},
	{OP_RDTSC, "answers differ by design"},
	{OP_RDTSCP, "answers differ by design"},
	{OP_RDPID, "answers differ by design"},
	{OP_RDRAND, "answers differ by design"},
	{OP_RDSEED, "answers differ by design"},
	{OP_XGETBV, "XCR0 differs by design"},
	{OP_RDPMC, "the host's CR4.PCE is its own"},
	{OP_SGDT, "the host kernel's tables"},
	{OP_SIDT, "the host kernel's tables"},
	{OP_SLDT, "the host kernel's tables"},
	{OP_STR, "the host kernel's tables"},
	{OP_SMSW, "the host kernel's CR0"},
	{OP_VERR, "the host kernel's tables"},
	{OP_VERW, "the host kernel's tables"},
	{OP_LAR, "the host kernel's tables"},
	{OP_LSL, "the host kernel's tables"},
	{OP_IRET, "far transfer"},
	{OP_RETF, "far transfer"},
	{OP_JMPF, "far transfer"},
	{OP_JMPF_IND, "far transfer"},
	{OP_CALLF, "far transfer"},
	{OP_CALLF_IND, "far transfer"},
	{OP_MOV_TO_SREG, "segment load"},
	{OP_POP_SREG, "segment load"},
	{OP_LDS, "segment load"},
	{OP_LES, "segment load"},
	{OP_LFS, "segment load"},
	{OP_LGS, "segment load"},
	{OP_LSS, "segment load"},
	{OP_WRFSBASE, "the windows depend on the bases"},
	{OP_WRGSBASE, "the windows depend on the bases"},
	{OP_MONITOR, "the host decides whether user mode may"},
	{OP_MWAIT, "the host decides whether user mode may"},
	{OP_IN, "the host kernel's I/O permission map"},
	{OP_OUT, "the host kernel's I/O permission map"},
	{OP_INS, "the host kernel's I/O permission map"},
	{OP_OUTS, "the host kernel's I/O permission map"},
};

const char *gen_excluded(unsigned int entry)
{
	const struct insn_desc *d = insn_entry(entry);

	if (d->op == OP_INVALID)
		return "no instruction";
	for (unsigned int i = 0; i < ARRAY_SIZE(excluded); i++)
		if (excluded[i].op == d->op)
			return excluded[i].why;
	return NULL;
}

/* ---- bytes ---- */

struct encoder {
	struct rng *r;
	const struct insn_desc *d;
	bool mode64;
	bool simple; /* memory by one of the registers that are kept */
	uint8_t bytes[32];
	unsigned int n;
};

static void put(struct encoder *e, unsigned int byte)
{
	e->bytes[e->n++] = (uint8_t)byte;
}

static void put_random(struct encoder *e, unsigned int count)
{
	while (count--) {
		/* Small numbers and full bytes are where the corners are. */
		switch (rng_below(e->r, 8)) {
		case 0:
			put(e, 0);
			break;
		case 1:
			put(e, 0xff);
			break;
		case 2:
			put(e, rng_below(e->r, 16));
			break;
		default:
			put(e, rng_below(e->r, 256));
		}
	}
}

static bool is_vex(const struct insn_desc *d)
{
	return d->map >= INSN_MAP_VEX_0F;
}

static void put_optional_prefixes(struct encoder *e)
{
	static const uint8_t seg32[] = {0x26, 0x2e, 0x36, 0x3e};
	bool string = e->d->class == INSN_CLASS_STRING;

	if (rng_one_in(e->r, 12))
		put(e, 0x67);
	if (rng_one_in(e->r, 16)) {
		/* FS and GS are null in 32-bit code. */
		if (e->mode64 && rng_one_in(e->r, 2))
			put(e, 0x64 + rng_below(e->r, 2));
		else
			put(e, seg32[rng_below(e->r, 4)]);
	}
	if (e->d->pfx != INSN_PFX_ANY)
		return;
	if (rng_one_in(e->r, 4))
		put(e, 0x66);
	if (rng_one_in(e->r, string ? 2 : 40))
		put(e, 0xf2 + rng_below(e->r, 2));
	if (rng_one_in(e->r, e->d->attr & INSN_LOCKABLE ? 6 : 100))
		put(e, 0xf0);
}

static void put_mandatory_prefix(struct encoder *e)
{
	switch (e->d->pfx) {
	case INSN_PFX_66:
		put(e, 0x66);
		break;
	case INSN_PFX_F2:
		put(e, 0xf2);
		break;
	case INSN_PFX_F3:
		put(e, 0xf3);
		break;
	default:
		/* Operand size where 66 is not part of the opcode. */
		if (e->d->pfx != INSN_PFX_ANY &&
		    e->d->class == INSN_CLASS_INT && rng_one_in(e->r, 4))
			put(e, 0x66);
	}
}

/* A field the pattern may fix, else random. */
static unsigned int field(struct encoder *e, unsigned int key,
			  unsigned int shift, unsigned int range)
{
	if (e->d->pat.mask & key)
		return (e->d->pat.match & key) >> shift;
	return rng_below(e->r, range);
}

static void put_legacy_opcode(struct encoder *e, unsigned int opcode)
{
	unsigned int rex = rng_below(e->r, 16);

	if (e->d->pat.mask & INSN_KEY_W)
		rex = (rex & 7) | (e->d->pat.match & INSN_KEY_W ? 8 : 0);
	if (e->d->pat.mask & INSN_KEY_B)
		rex = (rex & 14) | (e->d->pat.match & INSN_KEY_B ? 1 : 0);
	if (e->mode64 && ((e->d->pat.mask & (INSN_KEY_W | INSN_KEY_B)) ||
			  rng_one_in(e->r, 2)))
		put(e, 0x40 | rex);
	if (e->d->map != INSN_MAP_1B)
		put(e, 0x0f);
	if (e->d->map == INSN_MAP_0F38)
		put(e, 0x38);
	if (e->d->map == INSN_MAP_0F3A)
		put(e, 0x3a);
	put(e, opcode);
}

static void put_vex_opcode(struct encoder *e, unsigned int opcode)
{
	static const uint8_t pp[] = {[INSN_PFX_NONE] = 0,
				     [INSN_PFX_66] = 1,
				     [INSN_PFX_F3] = 2,
				     [INSN_PFX_F2] = 3,
				     [INSN_PFX_ANY] = 0};
	unsigned int w = field(e, INSN_KEY_W, 9, 2);
	unsigned int l = field(e, INSN_KEY_L, 10, 2);
	/* Inverted: 7 is none extended, which is all there is in 32-bit. */
	unsigned int rxb = e->mode64 ? rng_below(e->r, 8) : 7;
	unsigned int vvvv = rng_below(e->r, 16) | (e->mode64 ? 0 : 8);
	unsigned int low;
	bool uses_vvvv = false;

	for (unsigned int i = 0; i < 4; i++) {
		enum insn_opnd_kind k = insn_opnd_kind(e->d->opnd[i]);

		uses_vvvv |= k == OPND_XMM_VVVV || k == OPND_GPR_VVVV;
	}
	if (!uses_vvvv && !rng_one_in(e->r, 64))
		vvvv = 15;
	low = vvvv << 3 | l << 2 | pp[e->d->pfx];
	if (e->d->map == INSN_MAP_VEX_0F && !w && (rxb & 3) == 3 &&
	    rng_one_in(e->r, 2)) {
		put(e, 0xc5);
		put(e, (rxb >> 2) << 7 | low);
	} else {
		put(e, 0xc4);
		put(e, rxb << 5 | (e->d->map - INSN_MAP_VEX_0F + 1u));
		put(e, w << 7 | low);
	}
	put(e, opcode);
}

/* ModRM, SIB and displacement: @force_abs: no registers, 32-bit address. */
static void put_modrm(struct encoder *e)
{
	unsigned int mod = rng_below(e->r, 4);
	unsigned int reg = field(e, INSN_KEY_REG, 3, 8);
	unsigned int rm = field(e, INSN_KEY_RM, 0, 8);

	if (e->d->pat.mask & INSN_KEY_MEM)
		mod = e->d->pat.match & INSN_KEY_MEM ? rng_below(e->r, 3) : 3;
	if (e->simple && mod != 3) {
		static const uint8_t bases[] = {3, 5, 6, 7};

		put(e, 0x40 | reg << 3 | bases[rng_below(e->r, 4)]);
		put(e, rng_below(e->r, 4) ? rng_below(e->r, 16) * 16
					  : rng_below(e->r, 256));
		return;
	}
	put(e, mod << 6 | reg << 3 | rm);
	/* What follows is SIB, displacement, immediate: as they come. */
}

static unsigned int pick_opcode(struct encoder *e)
{
	if (e->d->attr & INSN_PLUS_CC)
		return e->d->opcode + rng_below(e->r, 16);
	if (e->d->attr & INSN_PLUS_R)
		return e->d->opcode + rng_below(e->r, 8);
	return e->d->opcode;
}

static void encode(struct encoder *e)
{
	e->n = 0;
	if (!is_vex(e->d)) {
		put_optional_prefixes(e);
		put_mandatory_prefix(e);
		put_legacy_opcode(e, pick_opcode(e));
	} else {
		if (rng_one_in(e->r, 16))
			put(e, 0x67);
		put_vex_opcode(e, pick_opcode(e));
	}
	if (e->d->pat.mask & INSN_KEY_MODRM)
		put_modrm(e);
	put_random(e, 12);
}

/* What Intel and AMD do differently, or the two sides by design. */
static bool vendor_specific(const struct insn *in, unsigned int mode)
{
	/* The bases of null FS and GS */
	if (mode == 32 && (in->seg == INSN_SEG_FS || in->seg == INSN_SEG_GS))
		return true;
	/* A base in RAX or RDX would ask for components we do not have. */
	if (in->op >= OP_XSAVE && in->op <= OP_XRSTORS &&
	    (in->base == X86_RAX || in->base == X86_RDX ||
	     in->index == X86_RAX || in->index == X86_RDX))
		return true;
	/* AMD lets F2 and F3 choose the condition, and refuses this hint. */
	if ((in->op == OP_LOOPE || in->op == OP_LOOPNE) &&
	    (in->flags & (INSN_REP | INSN_REPNE)))
		return true;
	if (in->op == OP_NOP && in->opcode == 0x0d && !(in->flags & INSN_MEM))
		return true;
	/* VEX.W with a general register: AMD raises #UD */
	if (mode == 32 && (in->flags & INSN_VEX) && (in->flags & INSN_W) &&
	    (in->op == OP_PINSRD || in->op == OP_PEXTRD))
		return true;
	/* 16-bit branches in 64-bit code: we do as Intel does */
	return mode == 64 && insn_desc(in)->class == INSN_CLASS_BRANCH &&
	       (in->flags & INSN_OPSIZE);
}

/* The next encoding of e->d into e->bytes; its length, 0 if none came. */
static int encode_valid(struct encoder *e, unsigned int entry, struct insn *in)
{
	unsigned int mode = e->mode64 ? 64 : 32;
	int len;

	for (unsigned int i = 0; i < TRIES; i++) {
		encode(e);
		len = insn_decode(in, e->bytes, INSN_MAX_LEN,
				  e->mode64 ? DECODE_64 : DECODE_32);
		if (len > 0 && in->entry == entry && !vendor_specific(in, mode))
			return len;
	}
	return 0;
}

static void place_code(struct rng *r, struct diff_case *c)
{
	c->code_off = (uint16_t)(0x400 + rng_below(r, 0x400));
	if (rng_one_in(r, 64)) /* straddle the pages */
		c->code_off = (uint16_t)(DIFF_PAGE - 1 - rng_below(r, c->len));
}

bool gen_case(struct rng *r, struct diff_case *c, unsigned int entry,
	      unsigned int mode)
{
	struct encoder e = {
		.r = r, .d = insn_entry(entry), .mode64 = mode == 64};
	struct insn in;
	int len = encode_valid(&e, entry, &in);

	if (!len)
		return false;
	memset(c, 0, sizeof(*c));
	c->mode = (uint8_t)mode;
	c->entry = (uint16_t)entry;
	c->nr_insns = 1;
	c->len = (uint8_t)len;
	memset(c->code, 0xcc, sizeof(c->code));
	memcpy(c->code, e.bytes, (size_t)len);
	place_code(r, c);
	gen_state(r, c, &in);
	return true;
}

/* ---- sequences ---- */

/*
 * Left out: what user mode may not do, far and state-loading instructions,
 * those with implicit long operands, and the few whose undefined flags differ
 * (all others leave what this host leaves).
 */
bool gen_fits_sequence(unsigned int entry)
{
	const struct insn_desc *d = insn_entry(entry);

	switch (d->op) {
	case OP_DIV:
	case OP_IDIV:
	case OP_DAA ... OP_AAD:
	case OP_ENTER:
	case OP_LEAVE:
	case OP_PUSHA:
	case OP_POPA:
	case OP_POPF:
	case OP_BOUND:
	case OP_CLI:
	case OP_STI:
	case OP_SHA1RNDS4 ... OP_SHA256MSG2:
	case OP_LDMXCSR:
	case OP_FLDENV:
	case OP_FRSTOR:
	case OP_FLDCW:
	case OP_FNSTENV: /* FCS and FDS, which we report as zero */
	case OP_FNSAVE:
	case OP_VGATHERDPS ... OP_VPGATHERQQ:
	case OP_UD0 ... OP_UD2:
		return false;
	default:
		break;
	}
	if (d->attr & INSN_PRIV)
		return false;
	return d->class != INSN_CLASS_FAR && d->class != INSN_CLASS_SYSTEM &&
	       d->class != INSN_CLASS_BRANCH;
}

struct sequence {
	struct diff_case *c;
	unsigned int n; /* instructions */
	uint8_t start[DIFF_MAX_INSNS + 1];
	bool jump[DIFF_MAX_INSNS];
};

static void append(struct sequence *s, const uint8_t *bytes, unsigned int len,
		   bool jump)
{
	memcpy(s->c->code + s->c->len, bytes, len);
	s->jump[s->n] = jump;
	s->start[s->n++] = s->c->len;
	s->c->len = (uint8_t)(s->c->len + len);
	s->start[s->n] = s->c->len;
}

/* Jumps lead a few instructions forward. */
static void aim_jumps(struct rng *r, struct sequence *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		unsigned int to = i + 1 + rng_below(r, 3);

		if (!s->jump[i])
			continue;
		if (to > s->n)
			to = s->n;
		s->c->code[s->start[i] + 1] =
			(uint8_t)(s->start[to] - s->start[i + 1]);
	}
}

void gen_sequence(struct rng *r, struct diff_case *c, const uint16_t *entries,
		  unsigned int count, unsigned int mode)
{
	struct sequence s = {.c = c};
	struct insn in;

	memset(c, 0, sizeof(*c));
	memset(c->code, 0xcc, sizeof(c->code));
	c->mode = (uint8_t)mode;
	for (unsigned int i = 0; i < count && s.n < DIFF_MAX_INSNS - 1; i++) {
		struct encoder e = {.r = r,
				    .d = insn_entry(entries[i]),
				    .mode64 = mode == 64,
				    .simple = true};
		const uint8_t jcc[2] = {(uint8_t)(0x70 + rng_below(r, 16))};
		int len = encode_valid(&e, entries[i], &in);

		if (!len || c->len + (unsigned int)len + 2 >
				    DIFF_CODE_MAX - INSN_MAX_LEN)
			continue;
		append(&s, e.bytes, (unsigned int)len, false);
		if (rng_one_in(r, 5))
			append(&s, jcc, 2, true);
	}
	aim_jumps(r, &s);
	c->nr_insns = (uint8_t)s.n;
	if (insn_decode(&in, c->code, INSN_MAX_LEN,
			mode == 64 ? DECODE_64 : DECODE_32) > 0)
		c->entry = in.entry;
	place_code(r, c);
	gen_sequence_state(r, c);
}
