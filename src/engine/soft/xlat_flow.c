/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control flow of translated code: a block's entries, direct jumps, the jump
 * cache, and everything cold.
 *
 * A direct jump inside a page is a host jump. It first leads to a stub that
 * leaves and names the jump (vp->xl.link); the dispatcher then lets it lead
 * to the target's translation. Every other transfer looks its target up in
 * the jump cache of the TLB (mmu.h). Jumps backward and looked-up ones enter
 * where hv.attention is looked at, so that no cycle escapes it.
 */
#include "xlat_priv.h"

struct cold *xl_cold(struct xl *x, enum cold_kind kind)
{
	struct cold *c = &x->cold[x->nr_cold++];

	ASSERT(x->nr_cold <= MAX_COLD);
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->n = (uint8_t)x->n;
	c->saved = true;
	return c;
}

/* R14 = linear address of offset @off in the page. */
static void rip_to_r14(struct xl *x, int32_t off)
{
	xload_gs(&x->a, H_R14, VP_OFF(xl.code_page));
	xlea(&x->a, true, H_R14, H_R14, H_NONE, 0, off);
}

/* ---- entries ---- */

/* jump if hv.attention is set; flags are lost */
static uint8_t *poll(struct xasm *a)
{
	XBYTES(a, 0x65, 0x83, 0x3c, 0x25);
	x32(a, VP_OFF(hv.attention));
	x8(a, 0);
	return xjcc(a, CC_NZ);
}

static void entry_poll_live(struct xl *x, struct xlat_block *xb)
{
	struct xasm *a = &x->a;
	uint8_t *quiet;

	xb->entry[ENTRY_POLL] = xhere(a);
	xmov(a, H_R12, H_RCX);
	xop_gs(a, false, 0x8b, H_RCX, VP_OFF(hv.attention));
	XBYTES(a, 0xe3, 0); /* jrcxz */
	quiet = a->p;
	xmov(a, H_RCX, H_R12);
	rip_to_r14(x, x->off[0]);
	xjmp_to(a, x->x->exit_host);
	quiet[-1] = (uint8_t)(a->p - quiet);
	xmov(a, H_RCX, H_R12);
}

void xl_entries(struct xl *x, struct xlat_block *xb)
{
	struct xasm *a = &x->a;
	uint8_t *to_host = NULL, *busy, *quiet;

	if (x->live[0]) {
		entry_poll_live(x, xb);
		to_host = xjmp(a);
	}
	xb->entry[ENTRY_SAVED] = xhere(a);
	if (!x->live[0])
		xb->entry[ENTRY_POLL] = xhere(a);
	busy = poll(a);
	quiet = xjmp(a);
	xlabel(a, busy);
	rip_to_r14(x, x->off[0]);
	xjmp_to(a, x->x->exit_saved);
	xlabel(a, quiet);
	if (x->live[0]) {
		xl_flags_restore(x);
		xlabel(a, to_host);
	}
	xb->entry[ENTRY_HOST] = xhere(a);
}

/* ---- links ---- */

static uint32_t link_name(const struct xl *x, const uint8_t *field,
			  enum xlat_entry entry)
{
	return (uint32_t)(field - x->x->rw) | (uint32_t)entry << LINK_ENTRY_BIT;
}

/* Leave for offset @target by the jump at @field. */
static void leave_by_link(struct xl *x, const uint8_t *field,
			  enum xlat_entry entry, int32_t target)
{
	struct xasm *a = &x->a;

	xmov_imm(a, H_R15, link_name(x, field, entry));
	xstore_gs(a, H_R15, VP_OFF(xl.link));
	rip_to_r14(x, target);
	xjmp_to(a, entry == ENTRY_SAVED ? x->x->exit_saved : x->x->exit_host);
}

void xl_stale_exits(struct xl *x, struct xlat_block *xb)
{
	static const enum xlat_entry entry[] = {ENTRY_HOST, ENTRY_SAVED};

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t at = xb->entry[entry[i]] - (uint64_t)x->a.exec;

		xb->stale[i] = xhere(&x->a);
		leave_by_link(x, (uint8_t *)(uintptr_t)at + 1, entry[i],
			      x->off[0]);
	}
}

static bool in_page(int32_t target)
{
	return target >= 0 && target < (int32_t)PAGE_SIZE;
}

/* The jump at @field goes to offset @target; flags are in RFLAGS. */
static void direct(struct xl *x, uint8_t *field, int32_t target)
{
	bool near = in_page(target);
	struct cold *c = xl_cold(x, near ? COLD_LINK : COLD_CROSS);

	cold_field(c, field);
	c->target = target;
	c->entry = target > x->off[x->n] ? ENTRY_HOST : ENTRY_POLL;
}

void xl_fall_through(struct xl *x)
{
	x->n = x->nr - 1;
	direct(x, xjmp(&x->a), x->off[x->nr]);
}

/* ---- the jump cache ---- */

/*
 * R14: target. Afterwards R15 is its entry in the cache. Clobbers R12 and
 * flags; R14 stays. The result is the jump of a miss.
 */
static uint8_t *lookup(struct xl *x)
{
	struct xasm *a = &x->a;

	xload_gs(a, H_R15, VP_OFF(tlb));
	xmov(a, H_R12, H_R14);
	xop_rm(a, true, 0x03, H_R12, H_R15, offsetof(struct tlb_array, salt));
	xop_rr(a, false, 0x89, H_R14, H_R15);
	xop_ri(a, false, 4, H_R15, TLB_JUMPS - 1);
	xshift(a, false, 4, H_R15, 4);
	xop_gs(a, true, 0x03, H_R15, VP_OFF(tlbs));
	xop_rm(a, true, 0x3b, H_R12, H_R15, offsetof(struct soft_tlb, jump));
	return xjcc(a, CC_NZ);
}

BUILD_ASSERT(sizeof(struct tlb_jump) == 16);
BUILD_ASSERT(offsetof(struct tlb_array, entry) == 0);

#define JUMP_CODE                                                              \
	((int32_t)(offsetof(struct soft_tlb, jump) +                           \
		   offsetof(struct tlb_jump, code)))

static void set_code_page(struct xl *x)
{
	xop_ri(&x->a, true, 4, H_R14, -4096);
	xstore_gs(&x->a, H_R14, VP_OFF(xl.code_page));
}

/* jmp [r15 + code] */
static void jump_found(struct xl *x)
{
	xop_rm(&x->a, false, 0xff, 4, H_R15, JUMP_CODE);
}

/* To offset @target in another page; flags are in RFLAGS. */
static void cross(struct xl *x, int32_t target)
{
	xl_flags_save(x);
	rip_to_r14(x, target);
	xpatch(&x->a, lookup(x), x->x->exit_saved);
	set_code_page(x);
	jump_found(x);
}

/* ---- branches ---- */

bool xl_is_branch(struct xl *x, const struct insn *in)
{
	switch (in->op) {
	case OP_JCC:
	case OP_JMP:
	case OP_CALL:
	case OP_JMP_IND:
	case OP_CALL_IND:
	case OP_RET:
		return in->opsize == 8;
	default:
		return false;
	}
}

static int32_t target_of(const struct xl *x)
{
	return x->off[x->n + 1] + (int32_t)x->in[x->n].imm;
}

static bool far_target(const struct xl *x)
{
	int64_t t = (int64_t)x->off[x->n + 1] + (int64_t)x->in[x->n].imm;

	return t != (int32_t)t;
}

/* R14 = the target of an indirect branch; misses go to @c. */
static bool indirect_target(struct xl *x, struct cold *c)
{
	const struct insn *in = &x->in[x->n];
	unsigned int h;

	if (!(in->flags & INSN_MEM)) {
		h = xl_reg(x, in->rm, H_R14);
		if (h != H_R14)
			xmov(&x->a, H_R14, h);
		return true;
	}
	if (!xl_address(x, 0))
		return false;
	cold_field(c, xl_probe(x, 8, 1, false));
	xop_rm(&x->a, true, 0x8b, H_R14, H_R14, 0);
	return true;
}

/* Push the return address; flags are saved, R12, R14, R15 lost. */
static void push_return(struct xl *x, struct cold *c)
{
	struct xasm *a = &x->a;

	xlea(a, true, H_R14, H_R13, H_NONE, 0, -8);
	cold_field(c, xl_probe(x, 8, 1, true));
	xload_gs(a, H_R15, VP_OFF(xl.code_page));
	xlea(a, true, H_R15, H_R15, H_NONE, 0, x->off[x->n + 1]);
	xop_rm(a, true, 0x89, H_R15, H_R14, 0);
	xlea(a, true, H_R13, H_R13, H_NONE, 0, -8);
}

/* Call what R14 says. */
static void call_r14(struct xl *x, struct cold *c)
{
	struct xasm *a = &x->a;

	cold_field(c, lookup(x));
	xop_rm(a, true, 0x8b, H_R15, H_R15, JUMP_CODE);
	xop_ri(a, true, 4, H_R14, -4096);
	xstore_gs(a, H_R15, VP_OFF(xl.target));
	xstore_gs(a, H_R14, VP_OFF(xl.page));
	push_return(x, c);
	xload_gs(a, H_R15, VP_OFF(xl.page));
	xstore_gs(a, H_R15, VP_OFF(xl.code_page));
	xop_gs(a, false, 0xff, 4, VP_OFF(xl.target));
}

static void emit_call(struct xl *x)
{
	struct cold *c = xl_cold(x, COLD_LAST);
	struct cold *link;
	uint8_t *field;

	xl_flags_save(x);
	if (!in_page(target_of(x))) {
		rip_to_r14(x, target_of(x));
		call_r14(x, c);
		return;
	}
	push_return(x, c);
	field = xjmp(&x->a);
	link = xl_cold(x, COLD_LINK);
	cold_field(link, field);
	link->target = target_of(x);
	link->entry = ENTRY_SAVED;
}

static void emit_indirect(struct xl *x)
{
	uint8_t *start = x->a.p;
	unsigned int nr_cold = x->nr_cold;
	struct cold *c = xl_cold(x, COLD_LAST);

	xl_flags_save(x);
	if (!indirect_target(x, c)) {
		x->a.p = start;
		x->nr_cold = nr_cold;
		xl_handler(x, true);
		return;
	}
	if (x->in[x->n].op == OP_CALL_IND) {
		call_r14(x, c);
		return;
	}
	cold_field(c, lookup(x));
	set_code_page(x);
	jump_found(x);
}

static void emit_ret(struct xl *x)
{
	struct cold *c = xl_cold(x, COLD_LAST);
	struct xasm *a = &x->a;

	xl_flags_save(x);
	xmov(a, H_R14, H_R13);
	cold_field(c, xl_probe(x, 8, 1, false));
	xop_rm(a, true, 0x8b, H_R14, H_R14, 0);
	cold_field(c, lookup(x));
	xlea(a, true, H_R13, H_R13, H_NONE, 0, 8 + (int32_t)x->in[x->n].imm);
	set_code_page(x);
	jump_found(x);
}

void xl_branch(struct xl *x)
{
	const struct insn *in = &x->in[x->n];

	switch (in->op) {
	case OP_JCC:
		if (far_target(x))
			break;
		direct(x, xjcc(&x->a, in->opcode & 15), target_of(x));
		xl_fall_through(x);
		return;
	case OP_JMP:
		if (far_target(x))
			break;
		direct(x, xjmp(&x->a), target_of(x));
		return;
	case OP_CALL:
		if (far_target(x))
			break;
		emit_call(x);
		return;
	case OP_JMP_IND:
	case OP_CALL_IND:
		emit_indirect(x);
		return;
	case OP_RET:
		emit_ret(x);
		return;
	default:
		break;
	}
	xl_handler(x, true);
}

/* ---- cold code ---- */

static void cold_handler(struct xl *x, const struct cold *c)
{
	struct xasm *a = &x->a;
	bool last = c->kind == COLD_LAST;

	xl_call_args(x, c->n);
	xcall_to(a, last ? x->x->last_saved : x->x->call_saved);
	if (last)
		return;
	if (c->vec) {
		rip_to_r14(x, x->off[c->n + 1]);
		xcall_to(a, x->x->load_vec);
	}
	xjmp_to(a, c->resume);
}

void xl_cold_all(struct xl *x)
{
	for (unsigned int i = 0; i < x->nr_cold; i++) {
		const struct cold *c = &x->cold[i];

		if (c->kind == COLD_LINK) {
			xlabel(&x->a, c->field[0]);
			leave_by_link(x, c->field[0], c->entry, c->target);
			continue;
		}
		for (unsigned int f = 0; f < c->nr_fields; f++)
			xlabel(&x->a, c->field[f]);
		if (c->kind == COLD_CROSS)
			cross(x, c->target);
		else
			cold_handler(x, c);
	}
}
