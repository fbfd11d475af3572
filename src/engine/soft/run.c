/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop. Between blocks it looks at everything that may have been
 * asked of the processor; a block runs to its end without looking, except
 * that handlers may end it early (vp->end_block). What has to be seen around
 * each single instruction is in vp->slow and runs through step().
 *
 * Faults raised by handlers and fetches unwind to soft_vp_run().
 */
#include "block.h"
#include "fault.h"
#include "flags.h"
#include "world.h"
#include "xlat.h"

#define SHADOWS (VP_SHADOW_STI | VP_SHADOW_MOV_SS)

/* Blocks run one after the other before the run loop gets a word: bounds the
 * stack where the compiler does not make tail calls. */
#define CHAIN_MAX 64

static inline bool must_look(const struct soft_vp *vp)
{
	/* A window that IF keeps shut is nothing to look at. */
	uint32_t window =
		(uint32_t)(vp->hv.regs.rflags / X86_FL_IF) & vp->hv.want_window;

	return atomic_load_explicit(&vp->hv.attention, memory_order_relaxed) |
	       vp->slow | vp->pending_db | vp->halt | window |
	       vp->hv.want_nmi_window;
}

/* The block at RIP, if it is easily found; @b is the one that has ended. */
static inline struct soft_block *next_block(struct soft_vp *vp,
					    struct soft_block *b)
{
	uint64_t lin = vp->hv.regs.rip;
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);
	uint64_t key = block_key((const uint8_t *)(uintptr_t)(lin + e->addend),
				 vp->mode);
	struct soft_block *next;

	if (!(vp->mode & SOFT_MODE_64) || e->exec != (lin & PAGE_MASK))
		return NULL;
	if (b->succ[0].key == key) {
		next = b->succ[0].block;
	} else if (b->succ[1].key == key) {
		next = b->succ[1].block;
	} else if (b->indirect) {
		next = block_lookup(vp->blocks, key);
		if (!next)
			return NULL;
		block_follows(b, key, next);
	} else {
		return NULL;
	}
	return block_is_current(vp, next, key) && block_within_limit(vp, next)
		       ? next
		       : NULL;
}

void soft_block_end(struct soft_vp *vp, const struct insn *in)
{
	struct soft_block *b = (struct soft_block *)(uintptr_t)in->imm;

	struct soft_block *next = NULL;

	if (__builtin_expect(!must_look(vp) && vp->chain, 1))
		next = next_block(vp, b);
	/* Translations are the run loop's. */
	if (!next || next->code || xlat_wants(vp, next)) {
		vp->ended = b;
		return;
	}
	b = next;
	vp->chain--;
	vp->stat.insns += b->nr_insns;
	in = b->insn;
	vp->in = in;
	vp->block_rip = vp->hv.regs.rip;
	vp->hv.regs.rip += in->len;
	in->fn(vp, in);
}

/*
 * Run @b and what follows it. Handlers go on by themselves as far as they
 * can; vp->in is the last one run. Returns the block that has ended, NULL
 * when one was left before its end.
 */
static struct soft_block *execute(struct soft_vp *vp,
				  const struct soft_block *b)
{
	const struct insn *in = b->insn;

	vp->end_block = false;
	vp->ended = NULL;
	vp->stat.insns += b->nr_insns;
	vp->block_rip = vp->hv.regs.rip;
	for (;;) {
		vp->in = in;
		/* Where a branch has left it, it stands. */
		if (in->fn != soft_block_end)
			vp->hv.regs.rip = vp->block_rip + in->end;
		in->fn(vp, in);
		if (vp->end_block || vp->ended)
			break;
		in = vp->in + 1;
	}
	vp->in = NULL;
	return vp->end_block ? NULL : vp->ended;
}

/* ---- debugging: the guest's and the host's ---- */

static bool code_breakpoint_hit(const struct soft_vp *vp, uint64_t lin,
				uint32_t *ret_dr6)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint32_t hits = 0;

	for (unsigned int i = 0; i < 4; i++) {
		bool armed = r->dr7 & (X86_DR7_L(i) | X86_DR7_G(i));
		unsigned int type_len = (r->dr7 >> (16 + 4 * i)) & 15;

		if (armed && type_len == 0 && r->dr[i] == lin)
			hits |= BIT(i);
	}
	*ret_dr6 = hits;
	return hits;
}

/* Does the host debugger want to look before the instruction at @lin? */
static bool debugger_wants(struct soft_vp *vp, uint64_t lin)
{
	if (!(vp->hv.debug_flags & HV_DEBUG_BREAK) ||
	    vp->hv.debug_flags & HV_DEBUG_STEP)
		return false;
	/* Going on from where a breakpoint stopped must get past it. */
	if (vp->broke_at == lin)
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(vp->hv.debug_break); i++)
		if (vp->hv.debug_break[i] == lin)
			return true;
	return false;
}

static enum engine_exit debug_exit(struct soft_vp *vp, uint32_t reason)
{
	vp->hv.debug_reason = reason;
	return ENGINE_EXIT_DEBUG;
}

/* Instructions after which a single-step trap does not come: delivery of the
 * interrupt has cleared TF, or the entry point is where stepping goes on. */
static bool swallows_single_step(const struct insn *in)
{
	switch (in->op) {
	case OP_INT:
	case OP_INT1:
	case OP_INT3:
	case OP_INTO:
	case OP_SYSENTER:
		return true;
	default:
		return false;
	}
}

/* A #DB trap that the last instruction has caused. */
static bool deliver_pending_db(struct soft_vp *vp)
{
	uint32_t bits = vp->pending_db;

	vp->pending_db = 0;
	vp->halt = false;
	return soft_deliver_db(vp, bits);
}

/*
 * One instruction with everything around it. True: leave with *why.
 */
static bool step(struct soft_vp *vp, enum engine_exit *why)
{
	struct vp_regs *r = &vp->hv.regs;
	uint64_t lin = code_linear(vp);
	uint32_t shadow = r->shadow & SHADOWS;
	bool tf = r->rflags & X86_FL_TF;
	struct soft_block *b;
	uint32_t dr6;

	if (debugger_wants(vp, lin)) {
		vp->broke_at = lin;
		*why = debug_exit(vp, HV_DEBUG_BREAK);
		return true;
	}
	vp->broke_at = UINT64_MAX;
	if ((vp->slow & SOFT_SLOW_DR_CODE) && !(r->rflags & X86_FL_RF) &&
	    !(shadow & VP_SHADOW_MOV_SS) &&
	    code_breakpoint_hit(vp, lin, &dr6)) {
		/* The fault that is pushed with RF as it is (SDM 18.3.1.1). */
		*why = ENGINE_EXIT_SHUTDOWN;
		return !soft_deliver_db(vp, dr6);
	}

	b = soft_block_find(vp, NULL, BLOCK_SINGLE);
	if (b->insn[0].op == OP_INT3 && (vp->hv.debug_flags & HV_DEBUG_INT3) &&
	    !(vp->hv.debug_flags & HV_DEBUG_STEP)) {
		*why = debug_exit(vp, HV_DEBUG_INT3);
		return true;
	}

	/* The instruction may set them anew. */
	r->shadow &= ~shadow;
	r->rflags &= ~X86_FL_RF;
	vp->chain = 0;
	(void)execute(vp, b);
	if (tf && !swallows_single_step(&b->insn[0]) &&
	    !(r->shadow & VP_SHADOW_MOV_SS))
		vp->pending_db |= X86_DR6_BS;
	soft_mode_update(vp);
	if (vp->hv.debug_flags & HV_DEBUG_STEP) {
		*why = debug_exit(vp, HV_DEBUG_STEP);
		return true;
	}
	return false;
}

/* ---- between blocks ---- */

/* True: leave with *why. */
static bool look(struct soft_vp *vp, enum engine_exit *why)
{
	struct vp_regs *r = &vp->hv.regs;

	if (vp->pending_db && !(r->shadow & VP_SHADOW_MOV_SS) &&
	    !deliver_pending_db(vp)) {
		*why = ENGINE_EXIT_SHUTDOWN;
		return true;
	}
	if (vp->halt) {
		vp->halt = false;
		*why = ENGINE_EXIT_HALT;
		return true;
	}
	if (atomic_load(&vp->hv.attention) & HV_ATTN_ENGINE) {
		atomic_fetch_and(&vp->hv.attention, ~HV_ATTN_ENGINE);
		soft_engine_attention(vp);
		soft_code_attention(vp);
	}
	if (atomic_load(&vp->hv.attention) & ~HV_ATTN_ENGINE) {
		*why = ENGINE_EXIT_ATTENTION;
		return true;
	}
	if ((vp->hv.want_window && (r->rflags & X86_FL_IF) &&
	     !(r->shadow & SHADOWS)) ||
	    (vp->hv.want_nmi_window && !r->shadow)) {
		*why = ENGINE_EXIT_WINDOW;
		return true;
	}
	return false;
}

static enum engine_exit run_loop(struct soft_vp *vp)
{
	struct soft_block *b = NULL;
	enum engine_exit why;

	for (;;) {
		if (__builtin_expect(must_look(vp), 0)) {
			if (look(vp, &why))
				return why;
			if (vp->slow) {
				if (step(vp, &why))
					return why;
				b = NULL;
				continue;
			}
			vp->xl.link = 0;
		}
		b = soft_block_find(vp, b, 0);
		if (xlat_wants(vp, b))
			xlat_translate(vp, b);
		if (b->code && !vp->xl.interpret) {
			xlat_execute(vp, b);
			b = NULL;
			continue;
		}
		vp->xl.interpret = false;
		vp->xl.link = 0; /* not what a link may lead to */
		vp->chain = CHAIN_MAX;
		b = execute(vp, b);
	}
}

/* An exception has been raised. True: leave with *why. */
static bool take_fault(struct soft_vp *vp, enum engine_exit *why)
{
	vp->pending_db = 0;
	vp->halt = false;
	vp->xl.link = 0;
	if (!soft_deliver_fault(vp)) {
		*why = ENGINE_EXIT_SHUTDOWN;
		return true;
	}
	vp->in = NULL;
	if (vp->slow)
		soft_mode_update(vp);
	if (vp->hv.debug_flags & HV_DEBUG_STEP) {
		*why = debug_exit(vp, HV_DEBUG_STEP);
		return true;
	}
	return false;
}

enum engine_exit soft_vp_run(struct hv_vp *hv)
{
	struct soft_vp *vp = soft_vp(hv);
	enum engine_exit why;

	if (vp->shutdown) {
		vp->shutdown = false;
		return ENGINE_EXIT_SHUTDOWN;
	}
	soft_guest_enter(vp);
	soft_code_attention(vp);
	vp->xl.link = 0;
	if (vp->xl.x)
		xlat_enter_run(vp);
	if (!_setjmp(vp->fault_jmp) || !take_fault(vp, &why))
		why = run_loop(vp);
	vp->in = NULL;
	vp->hv.regs.rflags = flags_get(vp);
	soft_guest_leave(vp);
	return why;
}
