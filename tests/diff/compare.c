/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When are two results equal? Bit for bit, but for what the architecture
 * leaves open per instruction (the table's undefined flags) and for what
 * differs by our own documented choice; each exception says why.
 */
#include "diff.h"

#include <base/bits.h>

#include <string.h>

bool compare_translated;

#define KERNEL_HALF UINT64_C(0x0000800000000000)

/* The instruction that matters: the one that faulted, else the first. */
static bool decode_case(const struct diff_case *c, const struct diff_result *a,
			struct insn *in)
{
	uint64_t at = a->out.rip - DIFF_CODE - c->code_off;

	if (c->nr_insns == 1 || a->vector == DIFF_NO_FAULT || at >= c->len)
		at = 0;
	return insn_decode(in, c->code + at, INSN_MAX_LEN,
			   c->mode == 64 ? DECODE_64 : DECODE_32) > 0;
}

/* ---- flags ---- */

/* The count that a shift or rotate sees. */
static unsigned int shift_count(const struct diff_case *c,
				const struct insn *in)
{
	const struct insn_desc *d = insn_desc(in);
	uint64_t count = in->imm;

	for (unsigned int i = 0; i < 4; i++)
		if (insn_opnd_kind(d->opnd[i]) == OPND_GPR_CL)
			count = c->in.gpr[X86_RCX];
	return count & (in->opsize == 8 ? 63 : 31);
}

static uint64_t undefined_flags(const struct diff_case *c,
				const struct insn *in)
{
	const struct insn_desc *d = insn_desc(in);
	uint64_t undef = d->flags_undefined;
	unsigned int count;

	if (!(d->attr & INSN_COUNT_FLAGS))
		return undef;
	count = shift_count(c, in);
	if (count == 0)
		return 0;
	if (count == 1)
		undef &= ~X86_FL_OF;
	/* CF is undefined once every bit has gone (SDM, SHL, SHLD). */
	if (in->opsize < 4 && count >= 8u * in->opsize)
		undef |= X86_FL_CF;
	return undef;
}

/*
 * The translator forgets flags that are written again before anybody reads
 * them: an exception in between shows others (docs/translator.md).
 */
static uint64_t dead_flags(const struct diff_result *a)
{
	return compare_translated && a->vector != DIFF_NO_FAULT ? X86_FL_ARITH
								: 0;
}

static const char *compare_flags(const struct diff_case *c,
				 const struct insn *in,
				 const struct diff_result *a,
				 const struct diff_result *b)
{
	uint64_t mask = DIFF_FLAGS_CMP;

	if (a->vector == DIFF_NO_FAULT && c->nr_insns == 1)
		mask &= ~undefined_flags(c, in);
	mask &= ~dead_flags(a);
	if ((a->out.rflags ^ b->out.rflags) & mask)
		return "flags";
	return NULL;
}

/* ---- exceptions ---- */

/*
 * Where an instruction makes several accesses, or one long one, the order in
 * which they are checked is the processor's own.
 */
static bool order_is_open(const struct insn *in)
{
	switch (in->op) {
	case OP_CMPS:
	case OP_ENTER:
	case OP_CALL_IND: /* target against stack */
	case OP_FNSAVE:
	case OP_FRSTOR:
	case OP_FNSTENV:
	case OP_FLDENV:
	case OP_XSAVE ... OP_FXRSTOR:
		return true;
	default:
		return insn_mem_size(in) == 10; /* eight and two */
	}
}

static bool is_memory_fault(uint8_t vector)
{
	return vector == X86_PF || vector == X86_GP || vector == X86_SS_FAULT ||
	       vector == X86_AC;
}

static const char *compare_exception(const struct insn *in,
				     const struct diff_result *a,
				     const struct diff_result *b)
{
	uint32_t mask = X86_PF_P | X86_PF_W | X86_PF_U | X86_PF_I;

	/* Intel raises #AC after all others, AMD before #PF. */
	if (a->vector == X86_AC && is_memory_fault(b->vector))
		return NULL;
	if (order_is_open(in) && is_memory_fault(a->vector) &&
	    is_memory_fault(b->vector))
		return NULL;
	/* Misaligned and over the limit of SS: either comes first. */
	if (insn_mem_align(in) > 1 && a->vector == X86_GP &&
	    b->vector == X86_SS_FAULT)
		return NULL;
	if (a->vector != b->vector)
		return "exception";
	if (a->vector == DIFF_NO_FAULT)
		return NULL;
	if (a->vector == X86_PF) {
		if (a->address != b->address)
			return "fault address";
		/* The host kernel has pages there, the test's has others. */
		if (a->address >= KERNEL_HALF - DIFF_PAGE)
			mask &= ~X86_PF_P;
		return (a->error ^ b->error) & mask ? "error code" : NULL;
	}
	return a->error != b->error ? "error code" : NULL;
}

/* ---- registers ---- */

static const char *compare_fpu(const struct vp_fpu *a, const struct vp_fpu *b)
{
	if (memcmp(a->legacy, b->legacy, 2))
		return "FCW";
	if (memcmp(a->legacy + 2, b->legacy + 2, 2))
		return "FSW";
	if (a->legacy[4] != b->legacy[4])
		return "FTW";
	for (unsigned int i = 0; i < 8; i++)
		if (memcmp(a->legacy + 32 + 16 * i, b->legacy + 32 + 16 * i,
			   10))
			return "x87 register";
	/* AMD saves the pointers only while an exception is pending. */
	if (a->legacy[2] & 0x80) {
		if (memcmp(a->legacy + 6, b->legacy + 6, 2))
			return "FOP";
		if (memcmp(a->legacy + 8, b->legacy + 8, 8))
			return "FIP";
		if (memcmp(a->legacy + 16, b->legacy + 16, 8))
			return "FDP";
	}
	if (memcmp(a->legacy + 24, b->legacy + 24, 4))
		return "MXCSR";
	if (memcmp(a->legacy + 160, b->legacy + 160, 256))
		return "XMM register";
	if (memcmp(a->ymm_hi, b->ymm_hi, 256))
		return "YMM register";
	return NULL;
}

static const char *compare_gprs(const struct diff_case *c,
				const struct diff_result *a,
				const struct diff_result *b)
{
	static const char *const names[] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
		"R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15",
	};

	for (unsigned int i = 0; i < (c->mode == 64 ? 16u : 8u); i++)
		if (a->out.gpr[i] != b->out.gpr[i])
			return names[i];
	return NULL;
}

/* ---- memory ---- */

/* Where the ModRM operand of the case is; outside the pages: nowhere. */
static uint64_t operand_offset(const struct diff_case *c, const struct insn *in)
{
	uint64_t ea = (uint64_t)(int64_t)in->disp;

	if (in->base == INSN_REG_RIP)
		ea += DIFF_CODE + c->code_off + c->len;
	else if (in->base != INSN_REG_NONE)
		ea += c->in.gpr[in->base];
	if (in->index != INSN_REG_NONE)
		ea += c->in.gpr[in->index] << in->scale;
	if (in->addrsize == 4)
		ea = (uint32_t)ea;
	if (in->seg == INSN_SEG_FS)
		ea += DIFF_FS_BASE;
	if (in->seg == INSN_SEG_GS)
		ea += DIFF_GS_BASE;
	return ea - DIFF_DATA;
}

/* Bits of a changed quadword that count. */
static uint64_t change_mask(const struct diff_case *c, const struct insn *in,
			    uint32_t off)
{
	uint64_t at;

	switch (in->op) {
	case OP_FXSAVE:
	case OP_XSAVE ... OP_XSAVES:
		/* MXCSR_MASK: no model offers misaligned exceptions. */
		at = operand_offset(c, in);
		return off == at + 24 ? UINT32_MAX : UINT64_MAX;
	default:
		return UINT64_MAX;
	}
}

static const char *compare_memory(const struct diff_case *c,
				  const struct insn *in,
				  const struct diff_result *a,
				  const struct diff_result *b)
{
	if (a->nr_changes != b->nr_changes)
		return "memory";
	for (unsigned int i = 0; i < a->nr_changes; i++) {
		const struct diff_change *x = &a->change[i];
		const struct diff_change *y = &b->change[i];

		if (x->off != y->off ||
		    ((x->value ^ y->value) & change_mask(c, in, x->off)))
			return "memory";
	}
	return NULL;
}

/* What was done before the fault stays done on some processors. */
static bool partial_on_fault(const struct insn *in)
{
	return in->op == OP_ENTER || in->op == OP_POPA || in->op == OP_PUSHA;
}

/* The host does without complaint what we refuse by our own choice. */
static bool is_open(const struct insn *in, const struct diff_result *a,
		    const struct diff_result *b)
{
	/* Which parts #AC looks at is nowhere said of these. */
	if ((a->vector == X86_AC) != (b->vector == X86_AC))
		return in->op == OP_MASKMOVQ || in->op == OP_MASKMOVDQU ||
		       in->op == OP_FRSTOR || in->op == OP_FNSAVE;
	if (a->vector == X86_GP || b->vector != X86_GP)
		return false;
	switch (in->op) {
	case OP_SHA1RNDS4 ... OP_SHA256MSG2:
		/* AMD does not check alignment where Intel's manual does. */
		return true;
	case OP_LDMXCSR:
	case OP_FXRSTOR:
	case OP_XRSTOR:
		/* MXCSR bit 17, misaligned exceptions: AMD alone has it. */
		return a->out.fpu.legacy[26] & 2;
	default:
		return false;
	}
}

const char *compare(const struct diff_case *c, const struct diff_result *a,
		    const struct diff_result *b)
{
	const char *what;
	struct insn in;

	if (!decode_case(c, a, &in))
		return "decoding";
	if (is_open(&in, a, b))
		return NULL;
	what = compare_exception(&in, a, b);
	if (a->vector != DIFF_NO_FAULT && partial_on_fault(&in))
		return what;
	if (!what && a->out.rip != b->out.rip)
		what = "RIP";
	if (!what)
		what = compare_gprs(c, a, b);
	if (!what)
		what = compare_flags(c, &in, a, b);
	if (!what)
		what = compare_fpu(&a->out.fpu, &b->out.fpu);
	if (!what)
		what = compare_memory(c, &in, a, b);
	return what;
}
