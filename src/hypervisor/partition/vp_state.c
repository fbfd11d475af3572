/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A processor's saved state: four records, always in the same order. Time is
 * relative to the moment of saving, so that it goes on from there.
 */
#include <abi/msr.h>
#include <base/assert.h>
#include <base/errno.h>
#include <base/mem.h>
#include <base/state.h>
#include <hypervisor/partition.h>

#include "core.h"

#define SHADOW_BITS (VP_SHADOW_STI | VP_SHADOW_MOV_SS | VP_NMI_BLOCKED)

#define F(member) STATE_FIELD(struct vp_regs, member, 1)
#define A(member) STATE_ARRAY(struct vp_regs, member, 1)
#define SEGMENT(segment)                                                       \
	F(segment.base), F(segment.limit), F(segment.sel), F(segment.attr)

static const struct state_field regs_fields[] = {
	A(gpr),
	F(rip),
	F(rflags),
	SEGMENT(seg[X86_ES]),
	SEGMENT(seg[X86_CS]),
	SEGMENT(seg[X86_SS]),
	SEGMENT(seg[X86_DS]),
	SEGMENT(seg[X86_FS]),
	SEGMENT(seg[X86_GS]),
	SEGMENT(ldtr),
	SEGMENT(tr),
	F(gdtr.base),
	F(gdtr.limit),
	F(idtr.base),
	F(idtr.limit),
	F(cr0),
	F(cr2),
	F(cr3),
	F(cr4),
	F(efer),
	F(xcr0),
	A(pdpte),
	A(dr),
	F(dr6),
	F(dr7),
	F(star),
	F(lstar),
	F(cstar),
	F(sfmask),
	F(kernel_gs_base),
	F(sysenter_cs),
	F(sysenter_esp),
	F(sysenter_eip),
	F(tsc_aux),
	F(pat),
	F(activity),
	F(shadow),
	A(fpu.legacy),
	A(fpu.header),
	A(fpu.ymm_hi),
};

static bool canonical(uint64_t v)
{
	return (uint64_t)sign_extend(v, 48) == v;
}

static bool modes_ok(const struct vp_regs *r)
{
	bool pg = r->cr0 & X86_CR0_PG;
	bool lme = r->efer & X86_EFER_LME;
	bool lma = r->efer & X86_EFER_LMA;

	if ((r->cr0 & ~X86_CR0_ALL) || (pg && !(r->cr0 & X86_CR0_PE)) ||
	    ((r->cr0 & X86_CR0_NW) && !(r->cr0 & X86_CR0_CD)))
		return false;
	if (lma != (lme && pg) || (lma && !(r->cr4 & X86_CR4_PAE)))
		return false;
	if ((r->cr4 & X86_CR4_PCIDE) && !lma)
		return false;
	if ((r->rflags & X86_FL_VM) && (lma || !(r->cr0 & X86_CR0_PE)))
		return false;
	return (r->rflags & X86_FL_FIXED) &&
	       !(r->rflags & ~(X86_FL_ALL | X86_FL_FIXED));
}

static bool xstate_ok(const struct vp_regs *r)
{
	const uint64_t ymm = X86_XCR0_SSE | X86_XCR0_AVX;
	uint64_t saved;

	memcpy(&saved, r->fpu.header, sizeof(saved));
	for (unsigned int i = 8; i < sizeof(r->fpu.header); i++) {
		if (r->fpu.header[i])
			return false;
	}
	/* MXCSR: reserved bits would fault when loaded. */
	if (r->fpu.legacy[26] || r->fpu.legacy[27])
		return false;
	return !(saved & ~(X86_XCR0_X87 | ymm)) && (r->xcr0 & X86_XCR0_X87) &&
	       (!(r->xcr0 & X86_XCR0_AVX) || (r->xcr0 & ymm) == ymm);
}

static int check_regs(const void *state)
{
	const struct vp_regs *r = state;

	if (!modes_ok(r) || !xstate_ok(r) || r->gpr[X86_GPRS])
		return -EINVAL;
	if (!canonical(r->seg[X86_FS].base) ||
	    !canonical(r->seg[X86_GS].base) || !canonical(r->kernel_gs_base) ||
	    !canonical(r->lstar) || !canonical(r->cstar) ||
	    !canonical(r->sysenter_esp) || !canonical(r->sysenter_eip) ||
	    !canonical(r->gdtr.base) || !canonical(r->idtr.base))
		return -EINVAL;
	if ((r->dr6 >> 32) || (r->dr7 >> 32) || (r->tsc_aux >> 32) ||
	    (r->sfmask >> 32) || !msr_pat_ok(r->pat))
		return -EINVAL;
	if (r->activity > VP_SHUTDOWN || (r->shadow & ~SHADOW_BITS))
		return -EINVAL;
	return 0;
}

const struct state_desc vp_regs_desc = STATE_DESC(
	struct vp_regs, "hypervisor/regs", 1, regs_fields, check_regs);

static const struct state_field event_fields[] = {
	STATE_FIELD(struct vp_event_state, tsc, 1),
	STATE_FIELD(struct vp_event_state, tsc_delta, 1),
	STATE_FIELD(struct vp_event_state, init_sipi, 1),
	STATE_FIELD(struct vp_event_state, nmi_pending, 1),
};

static int check_event(const void *state)
{
	const struct vp_event_state *e = state;

	if (e->nmi_pending > 1 || (e->init_sipi & ~(HV_INIT | HV_SIPI | 0xffu)))
		return -EINVAL;
	return 0;
}

const struct state_desc vp_event_state_desc =
	STATE_DESC(struct vp_event_state, "hypervisor/event", 1, event_fields,
		   check_event);

/* The records in their order, and where each lives in the image. */
static const struct {
	const struct state_desc *desc;
	uint32_t offset;
} records[] = {
	{&vp_regs_desc, offsetof(struct hv_vp_image, regs)},
	{&apic_state_desc, offsetof(struct hv_vp_image, apic)},
	{&msr_state_desc, offsetof(struct hv_vp_image, msr)},
	{&vp_event_state_desc, offsetof(struct hv_vp_image, event)},
};

BUILD_ASSERT(sizeof(struct vp_regs) >= sizeof(struct apic_state));
BUILD_ASSERT(sizeof(struct vp_regs) >= sizeof(struct msr_state));

size_t hv_vp_state_size(void)
{
	size_t size = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(records); i++)
		size += state_size(records[i].desc);
	return size;
}

/* What the processor is at @now. */
static void capture(struct hv_vp *vp, uint64_t now, struct hv_vp_image *image)
{
	memset(image, 0, sizeof(*image));
	image->regs = vp->regs;
	image->msr = vp->msr;
	apic_save(&vp->apic, now, &image->apic);
	image->event.tsc = now + vp->partition->tsc_offset;
	image->event.tsc_delta = vp->tsc_offset - vp->partition->tsc_offset;
	image->event.init_sipi = atomic_load(&vp->init_sipi);
	image->event.nmi_pending = atomic_load(&vp->nmi_pending);
}

int64_t hv_vp_save(struct hv_vp *vp, struct hv_vp_image *image, void *buf,
		   size_t size)
{
	uint8_t *at = buf;
	size_t done = 0;

	capture(vp, host_tsc(), image);
	for (unsigned int i = 0; i < ARRAY_SIZE(records); i++) {
		int64_t n = state_save(records[i].desc,
				       (uint8_t *)image + records[i].offset,
				       at + done, size - done);

		if (n < 0)
			return n;
		done += (size_t)n;
	}
	return (int64_t)done;
}

/* Does the CPU model of this partition allow what the image holds? */
static bool fits_model(const struct hv_vp *vp, const struct hv_vp_image *image)
{
	const struct cpu_model *m = vp->partition->model;
	const struct vp_regs *r = &image->regs;

	if ((r->cr4 & ~m->cr4) || (r->xcr0 & ~m->xcr0) ||
	    (r->efer & ~(m->efer | X86_EFER_LMA)) ||
	    (image->msr.spec_ctrl & ~m->spec_ctrl))
		return false;
	if (r->cr3 & ~X86_CR3_NO_FLUSH & ~BITS64(m->phys_bits - 1, 0))
		return false;
	if ((image->apic.base & APIC_BASE_X2APIC) && !m->x2apic)
		return false;
	if ((image->apic.base >> m->phys_bits) ||
	    !(image->apic.base & APIC_BASE_BSP) != (vp->index != 0))
		return false;
	for (unsigned int i = 0; i < 2 * MSR_NR_MTRR_VAR; i++) {
		if (image->msr.mtrr_var[i] >> m->phys_bits)
			return false;
	}
	return true;
}

static void apply(struct hv_vp *vp, const struct hv_vp_image *image)
{
	struct hv_partition *p = vp->partition;
	struct apic_result result = {.actions = APIC_DO_TIMER | APIC_DO_LOOK};

	vp->regs = image->regs;
	vp->msr = image->msr;
	if (vp->index == 0)
		hv_partition_set_tsc(p, image->event.tsc);
	vp->tsc_offset = p->tsc_offset + image->event.tsc_delta;
	atomic_store(&vp->init_sipi, image->event.init_sipi);
	atomic_store(&vp->nmi_pending, image->event.nmi_pending);
	apic_load(&vp->apic, &image->apic, host_tsc());
	apic_tsc_offset_changed(&vp->apic, vp->tsc_offset, &result);
	p->engine->regs_changed(vp, HV_CHANGED_ALL);
	vp_apply(vp, &result);
}

int64_t hv_vp_load(struct hv_vp *vp, struct hv_vp_image *image, const void *buf,
		   size_t size)
{
	const uint8_t *at = buf;
	size_t done = 0;

	capture(vp, host_tsc(), image); /* defaults for absent fields */
	for (unsigned int i = 0; i < ARRAY_SIZE(records); i++) {
		int64_t n = state_load(records[i].desc,
				       (uint8_t *)image + records[i].offset,
				       at + done, size - done, &image->scratch);

		if (n < 0)
			return n;
		done += (size_t)n;
	}
	if (!fits_model(vp, image))
		return -EINVAL;
	apply(vp, image);
	return (int64_t)done;
}
