/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control and debug registers (SDM 2.5, 9.9, 18.2), XCR0, and the paging
 * instructions.
 */
#include "sys.h"

#include "bind.h"
#include "decode.h"
#include "fault.h"
#include "flags.h"
#include "mmu.h"
#include "seg.h"

void sys_check_cpl0(struct soft_vp *vp)
{
	if (vp_cpl(&vp->hv.regs) != 0)
		seg_raise_gp0(vp);
}

/* Registers have changed that decide what instructions or addresses mean. */
static void changed(struct soft_vp *vp)
{
	vp->end_block = true;
	soft_mode_update(vp);
}

static bool pae_tables(const struct vp_regs *r, uint64_t cr0, uint64_t cr4)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !vp_long_mode(r) &&
	       !(r->efer & X86_EFER_LME);
}

/* ---- CR0 ---- */

static bool cr0_valid(const struct vp_regs *r, uint64_t v)
{
	if (v >> 32)
		return false;
	if ((v & X86_CR0_PG) && !(v & X86_CR0_PE))
		return false;
	if ((v & X86_CR0_NW) && !(v & X86_CR0_CD))
		return false;
	if ((v & X86_CR0_PG) && !(r->cr0 & X86_CR0_PG) &&
	    (r->efer & X86_EFER_LME))
		return (r->cr4 & X86_CR4_PAE) &&
		       !(r->seg[X86_CS].attr & X86_ATTR_L);
	if (!(v & X86_CR0_PG) && (r->cr0 & X86_CR0_PG))
		return !vp_code64(r) && !(r->cr4 & X86_CR4_PCIDE);
	return true;
}

static void write_cr0(struct soft_vp *vp, uint64_t v)
{
	const uint64_t mapping = X86_CR0_PG | X86_CR0_WP | X86_CR0_PE;
	const uint64_t reload = X86_CR0_PG | X86_CR0_CD | X86_CR0_NW;
	struct vp_regs *r = &vp->hv.regs;
	uint64_t diff;

	if (!cr0_valid(r, v))
		seg_raise_gp0(vp);
	v = (v & X86_CR0_ALL) | X86_CR0_ET;
	diff = v ^ r->cr0;
	if ((diff & reload) && pae_tables(r, v, r->cr4) &&
	    !mmu_load_pdptes(vp, r->cr3))
		seg_raise_gp0(vp);
	r->cr0 = v;
	if (diff & X86_CR0_PG) {
		if ((v & X86_CR0_PG) && (r->efer & X86_EFER_LME))
			r->efer |= X86_EFER_LMA;
		else
			r->efer &= ~X86_EFER_LMA;
	}
	if (diff & mapping)
		tlb_flush_all(vp);
	changed(vp);
}

static void op_lmsw(struct soft_vp *vp, const struct insn *in)
{
	const uint64_t bits = X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS;
	uint64_t old = vp->hv.regs.cr0, v;

	sys_check_cpl0(vp);
	v = in->flags & INSN_MEM ? mem_read16(vp, insn_linear(vp, in, 2, false))
				 : reg_read(vp, in->rm, 2);
	write_cr0(vp, (old & ~bits) | (v & bits) | (old & X86_CR0_PE));
}

static void op_smsw(struct soft_vp *vp, const struct insn *in)
{
	uint64_t cr0 = vp->hv.regs.cr0;

	sys_check_umip(vp);
	if (in->flags & INSN_MEM)
		mem_write16(vp, insn_linear(vp, in, 2, true), (uint16_t)cr0);
	else
		reg_write(vp, in->rm, in->opsize, cr0);
}

static void op_clts(struct soft_vp *vp, const struct insn *in)
{
	sys_check_cpl0(vp);
	vp->hv.regs.cr0 &= ~X86_CR0_TS;
	changed(vp);
}

/* ---- CR3, CR4 ---- */

static void write_cr3(struct soft_vp *vp, uint64_t v)
{
	struct vp_regs *r = &vp->hv.regs;
	unsigned int bits = vp->hv.partition->model->phys_bits;
	uint64_t value = v;

	if (r->cr4 & X86_CR4_PCIDE)
		value &= ~X86_CR3_NO_FLUSH;
	if (vp_long_mode(r) && bits < 64 && (value >> bits))
		seg_raise_gp0(vp);
	if (pae_tables(r, r->cr0, r->cr4) && !mmu_load_pdptes(vp, value))
		seg_raise_gp0(vp);
	r->cr3 = value;
	tlb_switch(vp, v);
}

static bool cr4_valid(const struct soft_vp *vp, uint64_t v)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (v & ~vp->hv.partition->model->cr4)
		return false;
	if (vp_long_mode(r) && !(v & X86_CR4_PAE))
		return false;
	if ((v & ~r->cr4 & X86_CR4_PCIDE) &&
	    (!vp_long_mode(r) || (r->cr3 & X86_CR3_PCID)))
		return false;
	return true;
}

static void write_cr4(struct soft_vp *vp, uint64_t v)
{
	const uint64_t mapping = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE |
				 X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP;
	const uint64_t reload =
		X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_SMEP;
	struct vp_regs *r = &vp->hv.regs;
	uint64_t diff = v ^ r->cr4;

	if (!cr4_valid(vp, v))
		seg_raise_gp0(vp);
	if ((diff & reload) && pae_tables(r, r->cr0, v) &&
	    !mmu_load_pdptes(vp, r->cr3))
		seg_raise_gp0(vp);
	r->cr4 = v;
	if (diff & mapping) {
		tlb_flush_all(vp);
		if (diff & X86_CR4_PCIDE)
			tlb_switch(vp, r->cr3);
	}
	changed(vp);
}

/* ---- MOV CR ---- */

static void op_mov_from_cr(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t v;

	sys_check_cpl0(vp);
	switch (in->reg) {
	case 0:
		v = r->cr0;
		break;
	case 2:
		v = r->cr2;
		break;
	case 3:
		v = r->cr3;
		break;
	case 4:
		v = r->cr4;
		break;
	case 8:
		v = hv_vp_read_cr8(&vp->hv);
		break;
	default:
		soft_raise(vp, X86_UD);
	}
	reg_write(vp, in->rm, in->opsize, v);
}

static void op_mov_to_cr(struct soft_vp *vp, const struct insn *in)
{
	uint64_t v = reg_read(vp, in->rm, in->opsize);

	sys_check_cpl0(vp);
	switch (in->reg) {
	case 0:
		write_cr0(vp, v);
		break;
	case 2:
		vp->hv.regs.cr2 = v;
		break;
	case 3:
		write_cr3(vp, v);
		break;
	case 4:
		write_cr4(vp, v);
		break;
	case 8:
		if (v & ~UINT64_C(15))
			seg_raise_gp0(vp);
		hv_vp_write_cr8(&vp->hv, v);
		vp->end_block = true;
		break;
	default:
		soft_raise(vp, X86_UD);
	}
}

/* ---- debug registers ---- */

/* The number after aliasing; raises for DR4, DR5 and for CR4.DE, GD. */
static unsigned int check_dr(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	unsigned int n = in->reg;

	if (n > 7 || ((n == 4 || n == 5) && (r->cr4 & X86_CR4_DE)))
		soft_raise(vp, X86_UD);
	sys_check_cpl0(vp);
	if (r->dr7 & X86_DR7_GD) {
		r->dr6 = (r->dr6 & ~(uint64_t)0xf) | X86_DR6_FIXED | X86_DR6_BD;
		soft_raise(vp, X86_DB);
	}
	return n == 4 || n == 5 ? n + 2 : n;
}

static void op_mov_from_dr(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_regs *r = &vp->hv.regs;
	unsigned int n = check_dr(vp, in);
	uint64_t v;

	if (n < 4)
		v = r->dr[n];
	else
		v = n == 6 ? r->dr6 | X86_DR6_FIXED : r->dr7 | X86_DR7_FIXED;
	reg_write(vp, in->rm, in->opsize, v);
}

static bool data_breakpoints(const struct vp_regs *r)
{
	unsigned int n;

	for (n = 0; n < 4; n++)
		if ((r->dr7 & (X86_DR7_L(n) | X86_DR7_G(n))) &&
		    (r->dr7 & BIT64(16 + 4 * n)))
			return true;
	return false;
}

static void op_mov_to_dr(struct soft_vp *vp, const struct insn *in)
{
	const uint64_t dr6_bits = X86_DR6_BD | X86_DR6_BS | X86_DR6_BT | 0xf;
	struct vp_regs *r = &vp->hv.regs;
	unsigned int n = check_dr(vp, in);
	uint64_t v = reg_read(vp, in->rm, in->opsize);
	bool armed;

	if (n >= 6 && (v >> 32))
		seg_raise_gp0(vp);
	if (n == 6) {
		r->dr6 = (v & dr6_bits) | X86_DR6_FIXED;
		return;
	}
	armed = data_breakpoints(r);
	if (n < 4)
		r->dr[n] = v;
	else
		r->dr7 = (v & 0xffff23ff) | X86_DR7_FIXED;
	if (armed || data_breakpoints(r))
		tlb_flush_all(vp); /* watched pages have no fast path */
	changed(vp);
}

/* ---- translations, XCR0 ---- */

static void op_invlpg(struct soft_vp *vp, const struct insn *in)
{
	uint64_t lin = insn_ea(vp, in);

	sys_check_cpl0(vp);
	if (in->seg < X86_SEGS &&
	    (!(vp->mode & SOFT_MODE_64) || in->seg >= X86_FS))
		lin += vp->hv.regs.seg[in->seg].base;
	if (!(vp->mode & SOFT_MODE_64))
		lin = (uint32_t)lin;
	tlb_flush_page(vp, lin);
}

static void op_invpcid(struct soft_vp *vp, const struct insn *in)
{
	bool pcide = vp->hv.regs.cr4 & X86_CR4_PCIDE;
	unsigned int size = vp->mode & SOFT_MODE_64 ? 8 : 4;
	uint64_t type = reg_read(vp, in->reg, size);
	uint64_t desc[2];

	sys_check_cpl0(vp);
	mem_read(vp, insn_linear(vp, in, 16, false), desc, 16);
	if (type > 3)
		seg_raise_gp0(vp);
	if (type < 2 && ((desc[0] >> 12) || (desc[0] && !pcide)))
		seg_raise_gp0(vp);
	if (type == 0 && desc[1] != (uint64_t)sign_extend(desc[1], 48))
		seg_raise_gp0(vp);
	tlb_invpcid(vp, (unsigned int)type, (uint16_t)desc[0], desc[1]);
}

static void op_xgetbv(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;

	if (!(r->cr4 & X86_CR4_OSXSAVE))
		soft_raise(vp, X86_UD);
	if ((uint32_t)r->gpr[X86_RCX] != 0)
		seg_raise_gp0(vp);
	r->gpr[X86_RAX] = (uint32_t)r->xcr0;
	r->gpr[X86_RDX] = r->xcr0 >> 32;
}

static void op_xsetbv(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	uint64_t v = (uint32_t)r->gpr[X86_RAX] | r->gpr[X86_RDX] << 32;

	if (!(r->cr4 & X86_CR4_OSXSAVE))
		soft_raise(vp, X86_UD);
	sys_check_cpl0(vp);
	if ((uint32_t)r->gpr[X86_RCX] != 0 || !(v & X86_XCR0_X87) ||
	    (v & ~vp->hv.partition->model->xcr0) ||
	    ((v & X86_XCR0_AVX) && !(v & X86_XCR0_SSE)))
		seg_raise_gp0(vp);
	r->xcr0 = v;
	changed(vp);
}

insn_fn *bind_control(const struct soft_vp *vp, const struct insn *in)
{
	switch (in->op) {
	case OP_LMSW:
		return op_lmsw;
	case OP_SMSW:
		return op_smsw;
	case OP_CLTS:
		return op_clts;
	case OP_MOV_FROM_CR:
		return op_mov_from_cr;
	case OP_MOV_TO_CR:
		return op_mov_to_cr;
	case OP_MOV_FROM_DR:
		return op_mov_from_dr;
	case OP_MOV_TO_DR:
		return op_mov_to_dr;
	case OP_INVLPG:
		return op_invlpg;
	case OP_INVPCID:
		return op_invpcid;
	case OP_XGETBV:
		return op_xgetbv;
	case OP_XSETBV:
		return op_xsetbv;
	default:
		return NULL;
	}
}
