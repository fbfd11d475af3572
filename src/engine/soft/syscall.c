/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT (SDM 5.8.7, 5.8.8; APM 6.1). Vendors
 * differ: Intel has SYSCALL and SYSRET in 64-bit mode only, AMD has no
 * SYSENTER and SYSEXIT in long mode and checks SYSRET's target at the
 * instruction fetch.
 */
#include "far.h"

#include "decode.h"
#include "fault.h"
#include "flags.h"
#include "seg.h"

/* Flat segments as these instructions load them, table or not. */
static struct vp_segment flat_code(uint16_t sel, unsigned int dpl, bool code64)
{
	return (struct vp_segment){
		.sel = sel,
		.limit = UINT32_MAX,
		.attr = (uint16_t)(X86_ATTR_P | X86_ATTR_S | X86_ATTR_G |
				   X86_TYPE_CODE | X86_TYPE_READABLE |
				   X86_TYPE_ACCESSED |
				   dpl << X86_ATTR_DPL_SHIFT |
				   (code64 ? X86_ATTR_L : X86_ATTR_DB)),
	};
}

static struct vp_segment flat_stack(uint16_t sel, unsigned int dpl)
{
	return (struct vp_segment){
		.sel = sel,
		.limit = UINT32_MAX,
		.attr = (uint16_t)(X86_ATTR_P | X86_ATTR_S | X86_ATTR_G |
				   X86_ATTR_DB | X86_TYPE_WRITABLE |
				   X86_TYPE_ACCESSED |
				   dpl << X86_ATTR_DPL_SHIFT),
	};
}

static void enter(struct soft_vp *vp, struct vp_segment cs,
		  struct vp_segment ss, unsigned int cpl, uint64_t rip)
{
	vp->hv.regs.seg[X86_SS] = ss;
	seg_jump(vp, cs, cpl, rip);
	soft_mode_update(vp);
}

static bool canonical(uint64_t v)
{
	return v == (uint64_t)sign_extend(v, 48);
}

static bool intel(const struct soft_vp *vp)
{
	return vp->hv.partition->model->intel;
}

void op_syscall(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	uint16_t sel = (uint16_t)(r->star >> 32) & 0xfffc;
	struct vp_segment ss = flat_stack((uint16_t)(sel + 8), 0);
	uint64_t flags = flags_get(vp);

	if (!(r->efer & X86_EFER_SCE) || !(r->cr0 & X86_CR0_PE) ||
	    (intel(vp) && !(vp->mode & SOFT_MODE_64)))
		soft_raise(vp, X86_UD);
	if (!vp_long_mode(r)) {
		r->gpr[X86_RCX] = (uint32_t)r->rip;
		r->rflags &= ~(X86_FL_VM | X86_FL_IF | X86_FL_RF);
		vp->mode &= ~SOFT_MODE_V86;
		enter(vp, flat_code(sel, 0, false), ss, 0, (uint32_t)r->star);
		return;
	}
	r->gpr[X86_RCX] = r->rip;
	r->gpr[X86_R11] = flags & ~X86_FL_RF;
	flags_set(vp, (flags & ~(r->sfmask | X86_FL_RF)) | X86_FL_FIXED);
	enter(vp, flat_code(sel, 0, true), ss, 0,
	      vp->mode & SOFT_MODE_64 ? r->lstar : r->cstar);
}

void op_sysret(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	uint16_t base = (uint16_t)(r->star >> 48);
	struct vp_segment ss = flat_stack((uint16_t)((base + 8) | 3), 3);
	bool to64 = in->opsize == 8;
	uint64_t rip = r->gpr[X86_RCX];

	if (!(r->efer & X86_EFER_SCE) || !(r->cr0 & X86_CR0_PE) ||
	    (intel(vp) && !(vp->mode & SOFT_MODE_64)))
		soft_raise(vp, X86_UD);
	if (vp_cpl(r) != 0 || (r->rflags & X86_FL_VM))
		seg_raise_gp0(vp);
	if (to64 && intel(vp) && !canonical(rip))
		seg_raise_gp0(vp);
	if (vp_long_mode(r))
		flags_set(vp, (r->gpr[X86_R11] & 0x3c7fd7) | X86_FL_FIXED);
	else
		r->rflags |= X86_FL_IF;
	if (to64)
		enter(vp, flat_code((uint16_t)((base + 16) | 3), 3, true), ss,
		      3, rip);
	else
		enter(vp, flat_code(base | 3, 3, false), ss, 3, (uint32_t)rip);
}

static void check_sysenter(struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (!intel(vp) && vp_long_mode(r))
		soft_raise(vp, X86_UD);
	if (!(r->cr0 & X86_CR0_PE) || !(r->sysenter_cs & 0xfffc))
		seg_raise_gp0(vp);
}

void op_sysenter(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	bool lma = vp_long_mode(r);
	uint16_t sel = (uint16_t)r->sysenter_cs & 0xfffc;

	check_sysenter(vp);
	r->rflags &= ~(X86_FL_VM | X86_FL_IF | X86_FL_RF);
	vp->mode &= ~SOFT_MODE_V86;
	r->gpr[X86_RSP] = lma ? r->sysenter_esp : (uint32_t)r->sysenter_esp;
	enter(vp, flat_code(sel, 0, lma), flat_stack((uint16_t)(sel + 8), 0), 0,
	      lma ? r->sysenter_eip : (uint32_t)r->sysenter_eip);
}

void op_sysexit(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	bool to64 = in->opsize == 8;
	uint64_t rip = r->gpr[X86_RDX], rsp = r->gpr[X86_RCX];
	uint16_t sel = (uint16_t)r->sysenter_cs + (to64 ? 32 : 16);

	if (vp_cpl(r) != 0 || (r->rflags & X86_FL_VM))
		seg_raise_gp0(vp);
	check_sysenter(vp);
	if (to64 && (!canonical(rip) || !canonical(rsp)))
		seg_raise_gp0(vp);
	r->gpr[X86_RSP] = to64 ? rsp : (uint32_t)rsp;
	enter(vp, flat_code(sel | 3, 3, to64),
	      flat_stack((uint16_t)((sel + 8) | 3), 3), 3,
	      to64 ? rip : (uint32_t)rip);
}
