/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMX: its registers are the mantissas of the x87 ones, by physical number.
 * The host's x87 unit is not involved but for the one instruction itself:
 * operands are carried in vp->nat.mm[] and the state's transition to MMX
 * (SDM 1, 9.5) is done on the guest's image when the instruction succeeded.
 */
#include "native_priv.h"

static unsigned int mm_slot(const struct fpu_legacy *f, unsigned int n)
{
	return (n - (f->fsw >> FSW_TOP_SHIFT)) & 7;
}

static uint64_t mm_read(const struct fpu_legacy *f, unsigned int n)
{
	uint64_t v;

	memcpy(&v, f->st[mm_slot(f, n & 7)], 8);
	return v;
}

/* TOP becomes 0, all registers valid; contents keep their physical place. */
static void mm_transition(struct fpu_legacy *f)
{
	uint8_t phys[8][16];

	f->ftw = 0xff;
	if (!(f->fsw & (7u << FSW_TOP_SHIFT)))
		return;
	for (unsigned int i = 0; i < 8; i++)
		memcpy(phys[i], f->st[mm_slot(f, i)], 16);
	memcpy(f->st, phys, sizeof(phys));
	f->fsw &= (uint16_t) ~(7u << FSW_TOP_SHIFT);
}

/* After the transition. */
static void mm_write(struct fpu_legacy *f, unsigned int n, uint64_t v)
{
	const uint16_t exp = 0xffff;

	memcpy(f->st[n & 7], &v, 8);
	memcpy(f->st[n & 7] + 8, &exp, 2);
}

/*
 * With a memory operand, CVTPI2PD touches no MMX register and so makes no
 * transition; of CVTPI2PS the manuals differ, and so do processors.
 */
static bool has_transition(const struct insn *in)
{
	if (!(in->flags & INSN_MEM))
		return true;
	if (in->op == OP_CVTPI2PS)
		return soft_host_quirks() & HOST_CVTPI2PS_TRANSITS;
	return in->op != OP_CVTPI2PD;
}

/* The transition comes before the operation, which may raise #XM. */
void *native_mmx_begin(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	void *operand = vp->nat.operand;
	unsigned int size;
	uint64_t lin;

	if (has_transition(in))
		x87_check_pending(vp);
	vp->nat.mm[0] = mm_read(f, in->reg);
	if (in->flags & INSN_MEM) {
		size = insn_mem_size(in);
		lin = insn_linear(vp, in, size, false);
		check_aligned(vp, lin, insn_mem_align(in));
		operand = (void *)(uintptr_t)operand_read(vp, lin, size);
	} else {
		vp->nat.mm[1] = mm_read(f, in->rm);
	}
	if (has_transition(in))
		mm_transition(f);
	return operand;
}

void native_mmx_end(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	const struct insn_desc *desc = insn_desc(in);

	for (unsigned int i = 0; i < ARRAY_SIZE(desc->opnd); i++) {
		uint16_t o = desc->opnd[i];

		if (!(insn_opnd_access(o) & OPND_W))
			continue;
		if (insn_opnd_kind(o) == OPND_MMX_REG)
			mm_write(f, in->reg, vp->nat.mm[0]);
		else if (insn_opnd_kind(o) == OPND_MMX_RM)
			mm_write(f, in->rm, vp->nat.mm[1]);
	}
}

/* MOVD, MOVQ and MOVNTQ to memory */
static void insn_mmx_store(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	unsigned int size = insn_mem_size(in);
	uint64_t v = mm_read(f, in->reg);

	x87_check_pending(vp);
	operand_write(vp, insn_linear(vp, in, size, true), &v, size);
	mm_transition(f);
}

static void insn_mmx_load64(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	uint64_t v;

	x87_check_pending(vp);
	v = mem_read64(vp, insn_linear(vp, in, 8, false));
	mm_transition(f);
	mm_write(f, in->reg, v);
}

static void insn_mmx_move(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	bool store = in->opcode == 0x7f;
	uint64_t v;

	x87_check_pending(vp);
	v = mm_read(f, store ? in->reg : in->rm);
	mm_transition(f);
	mm_write(f, store ? in->rm : in->reg, v);
}

/* The byte-masked store; no byte selected: nothing is accessed. */
static void insn_maskmovq(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	uint64_t data = mm_read(f, in->reg), mask = mm_read(f, in->rm);
	uint64_t ea = vp->hv.regs.gpr[X86_RDI];
	uint64_t lin;

	x87_check_pending(vp);
	if (in->addrsize != 8)
		ea = in->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
	mm_transition(f); /* even if it faults */
	lin = seg_linear(vp, in->seg, ea, 8, true);
	block_probe(vp, lin, MEM_WRITE, 8);
	for (unsigned int i = 0; i < 8; i++)
		if ((mask >> (8 * i)) & 0x80)
			mem_write8(vp, lin + i, (uint8_t)(data >> (8 * i)));
}

static void insn_emms(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);

	x87_check_pending(vp);
	mm_transition(f);
	f->ftw = 0;
}

insn_fn *bind_native_mmx(const struct soft_vp *vp, const struct insn *in)
{
	bool mem = in->flags & INSN_MEM;

	switch (in->op) {
	case OP_EMMS:
		return insn_emms;
	case OP_MASKMOVQ:
		return insn_maskmovq;
	default:
		break;
	}
	if (mem && (insn_mem_access(in) & OPND_W))
		return insn_mmx_store;
	if (in->op == OP_MOVQ && (in->opcode == 0x6f || in->opcode == 0x7f))
		return mem ? insn_mmx_load64 : insn_mmx_move;
	return NULL;
}
