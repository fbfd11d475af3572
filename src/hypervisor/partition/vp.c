/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual processor's life: reset, INIT and SIPI, running, halting, and
 * which event is delivered when.
 *
 * How nothing is lost: whoever has news for a processor first stores it
 * (irr, nmi_pending, init_sipi, extint, timer_due), then sets HV_ATTN_EVENT,
 * then kicks and wakes. The processor clears HV_ATTN_EVENT first and looks at
 * all sources then, so news stored later sets the bit again. All of these are
 * sequentially consistent operations. A processor that sleeps publishes that
 * it sleeps before its last look at hv_vp_runnable(); the waker sets attention
 * before it looks whether the processor sleeps: one of the two sees the other.
 */
#include <abi/msr.h>
#include <base/errno.h>
#include <base/mem.h>
#include <hypervisor/partition.h>

#include "core.h"

int hv_vp_init(struct hv_vp *vp, struct hv_partition *p)
{
	int err;

	if (p->nr_vps == HV_MAX_VPS)
		return -ENOSPC;

	vp->partition = p;
	vp->index = p->nr_vps;
	apic_init(&vp->apic, vp->index, p->tsc_khz);
	for (unsigned int i = 0; i < 8; i++)
		vp->debug_break[i] = UINT64_MAX;

	err = p->engine->vp_init(vp);
	if (err < 0)
		return err;
	hv_vp_reset(vp, false);
	p->vp[p->nr_vps++] = vp;
	return 0;
}

void hv_vp_fini(struct hv_vp *vp)
{
	vp->partition->engine->vp_fini(vp);
}

static void reset_segments(struct vp_regs *r)
{
	const struct vp_segment data = {
		.limit = 0xffff,
		.attr = X86_ATTR_P | X86_ATTR_S | X86_TYPE_WRITABLE |
			X86_TYPE_ACCESSED,
	};

	for (unsigned int i = 0; i < X86_SEGS; i++)
		r->seg[i] = data;
	r->seg[X86_CS].sel = 0xf000;
	r->seg[X86_CS].base = 0xffff0000;
	r->seg[X86_CS].attr |= X86_TYPE_CODE;
	r->ldtr = (struct vp_segment){
		.limit = 0xffff,
		.attr = X86_ATTR_P | X86_TYPE_LDT,
	};
	r->tr = (struct vp_segment){
		.limit = 0xffff,
		.attr = X86_ATTR_P | X86_TYPE_TSS_BUSY,
	};
	r->gdtr = (struct vp_table){.limit = 0xffff};
	r->idtr = (struct vp_table){.limit = 0xffff};
}

/* x87, SSE and AVX at power-on (SDM 10.1.1): all registers zero, FCW 0x40. */
static void reset_fpu(struct vp_fpu *f)
{
	memset(f, 0, sizeof(*f));
	f->legacy[0] = 0x40;
	f->legacy[4] = 0xff; /* tag word 0x5555: all valid */
	f->legacy[24] = X86_MXCSR_INIT & 0xff;
	f->legacy[25] = X86_MXCSR_INIT >> 8;
	f->header[0] = X86_XCR0_X87 | X86_XCR0_SSE;
}

/* What INIT leaves alone (SDM table 10-1). */
static void reset_power(struct hv_vp *vp)
{
	struct vp_regs *r = &vp->regs;

	reset_fpu(&r->fpu);
	r->cr0 = X86_CR0_CD | X86_CR0_NW;
	r->xcr0 = X86_XCR0_X87;
	r->star = 0;
	r->lstar = 0;
	r->cstar = 0;
	r->sfmask = 0;
	r->kernel_gs_base = 0;
	r->sysenter_cs = 0;
	r->sysenter_esp = 0;
	r->sysenter_eip = 0;
	r->tsc_aux = 0;
	r->pat = PAT_RESET;
	msr_reset(&vp->msr, vp->partition->model);
	vp->tsc_offset = vp->partition->tsc_offset;
	atomic_store(&vp->nmi_pending, false);
	atomic_store(&vp->init_sipi, 0);
}

void hv_vp_reset(struct hv_vp *vp, bool init)
{
	struct hv_partition *p = vp->partition;
	struct vp_regs *r = &vp->regs;

	if (!init)
		reset_power(vp);
	memset(r->gpr, 0, sizeof(r->gpr));
	r->gpr[X86_RDX] = p->model->signature;
	r->rip = 0xfff0;
	r->rflags = X86_FL_FIXED;
	reset_segments(r);
	r->cr0 = (r->cr0 & (X86_CR0_CD | X86_CR0_NW)) | X86_CR0_ET;
	r->cr2 = 0;
	r->cr3 = 0;
	r->cr4 = 0;
	r->efer = 0;
	memset(r->pdpte, 0, sizeof(r->pdpte));
	memset(r->dr, 0, sizeof(r->dr));
	r->dr6 = X86_DR6_FIXED;
	r->dr7 = X86_DR7_FIXED;
	r->shadow = 0;
	r->activity = vp->index == 0 ? VP_RUNNING : VP_WAIT_SIPI;
	vp->want_window = false;
	vp->want_nmi_window = false;

	apic_reset(&vp->apic, init);
	p->host->arm_timer(p->host_ctx, vp, APIC_NO_DEADLINE);
	p->engine->regs_changed(vp, HV_CHANGED_ALL);
}

/* SIPI (SDM 9.4.4): real mode at @vector:0000. Ignored unless waited for. */
static void vp_start(struct hv_vp *vp, uint8_t vector)
{
	if (vp->regs.activity != VP_WAIT_SIPI)
		return;
	vp->regs.seg[X86_CS].sel = (uint16_t)(vector << 8);
	vp->regs.seg[X86_CS].base = (uint64_t)vector << 12;
	vp->regs.rip = 0;
	vp->regs.activity = VP_RUNNING;
	vp->partition->engine->regs_changed(vp, HV_CHANGED_ALL);
}

static void take_init_sipi(struct hv_vp *vp)
{
	uint32_t got = atomic_exchange(&vp->init_sipi, 0);

	if (got & HV_INIT)
		hv_vp_reset(vp, true);
	if (got & HV_SIPI)
		vp_start(vp, (uint8_t)got);
}

/* Timer expiry and APIC errors: turn what is due into pending interrupts. */
static void take_due(struct hv_vp *vp)
{
	struct apic_result result = {0};

	if (!atomic_load(&vp->apic.timer_due) &&
	    !atomic_load(&vp->apic.error_raised))
		return;
	apic_poll(&vp->apic, host_tsc(), &result);
	vp_apply(vp, &result);
}

static void inject(struct hv_vp *vp, enum hv_event event, uint8_t vector)
{
	vp->regs.activity = VP_RUNNING;
	vp->partition->engine->vp_inject(vp, event, vector);
}

static bool inject_nmi(struct hv_vp *vp)
{
	if (!atomic_load(&vp->nmi_pending))
		return false;
	if (vp->regs.shadow) {
		vp->want_nmi_window = true;
		return false;
	}
	atomic_store(&vp->nmi_pending, false);
	vp->regs.shadow |= VP_NMI_BLOCKED;
	inject(vp, HV_EVENT_NMI, X86_NMI);
	return true;
}

static bool extint_waits(struct hv_vp *vp)
{
	/* INTR is wired to the bootstrap processor's LINT0 alone. */
	return vp->index == 0 && atomic_load(&vp->partition->extint) &&
	       apic_passes_extint(&vp->apic);
}

static bool inject_interrupt(struct hv_vp *vp)
{
	const struct hv_partition *p = vp->partition;
	int vector = -1;

	if (extint_waits(vp))
		vector = p->host->extint_ack(p->host_ctx);
	if (vector < 0) {
		vector = apic_pending(&vp->apic);
		if (vector < 0)
			return false;
		apic_ack(&vp->apic, (uint8_t)vector);
	}
	inject(vp, HV_EVENT_INTERRUPT, (uint8_t)vector);
	return true;
}

/*
 * Look at every source and deliver at most one event; the rest asks for a
 * window. Afterwards the engine must run before anything else happens when
 * an event was delivered: true.
 */
static bool take_events(struct hv_vp *vp)
{
	bool injected;

	if (atomic_load(&vp->init_sipi))
		take_init_sipi(vp);
	take_due(vp);
	vp->want_window = false;
	vp->want_nmi_window = false;
	if (vp->regs.activity > VP_HALTED)
		return false;

	injected = inject_nmi(vp);
	if (!injected && (vp->regs.rflags & X86_FL_IF) &&
	    !(vp->regs.shadow & (VP_SHADOW_STI | VP_SHADOW_MOV_SS)))
		injected = inject_interrupt(vp);

	vp->want_window = extint_waits(vp) || apic_pending(&vp->apic) >= 0;
	if (injected && atomic_load(&vp->nmi_pending))
		vp->want_nmi_window = true;
	return injected;
}

enum hv_run hv_vp_run(struct hv_vp *vp)
{
	struct hv_partition *p = vp->partition;

	for (;;) {
		uint32_t seen = atomic_fetch_and(
			&vp->attention, ~(HV_ATTN_EVENT | HV_ATTN_PAUSE));

		/* What EVENT told of is still there for the next run. */
		if (seen & HV_ATTN_PAUSE) {
			atomic_fetch_or(&vp->attention, HV_ATTN_EVENT);
			return HV_RUN_PAUSED;
		}
		if (!take_events(vp)) {
			if (vp->regs.activity == VP_SHUTDOWN)
				return HV_RUN_SHUTDOWN;
			if (vp->regs.activity != VP_RUNNING)
				return HV_RUN_IDLE;
		}
		switch (p->engine->vp_run(vp)) {
		case ENGINE_EXIT_ATTENTION:
		case ENGINE_EXIT_WINDOW:
			break;
		case ENGINE_EXIT_HALT:
			vp->regs.activity = VP_HALTED;
			break;
		case ENGINE_EXIT_SHUTDOWN:
			vp->regs.activity = VP_SHUTDOWN;
			break;
		case ENGINE_EXIT_DEBUG:
			return HV_RUN_DEBUG;
		}
	}
}

bool hv_vp_runnable(const struct hv_vp *vp)
{
	if (atomic_load(&vp->attention) & (HV_ATTN_EVENT | HV_ATTN_PAUSE))
		return true;
	return vp->regs.activity == VP_RUNNING ||
	       vp->regs.activity == VP_SHUTDOWN;
}

void hv_vp_notify(struct hv_vp *vp, uint32_t attention)
{
	struct hv_partition *p = vp->partition;

	/* Who set the bits that are set already kicks and wakes as well. */
	if ((atomic_fetch_or(&vp->attention, attention) & attention) ==
	    attention)
		return;
	if (p->engine->vp_kick)
		p->engine->vp_kick(vp);
	if (attention & (HV_ATTN_EVENT | HV_ATTN_PAUSE))
		p->host->wake(p->host_ctx, vp);
}

void hv_vp_timer_due(struct hv_vp *vp)
{
	atomic_store(&vp->apic.timer_due, true);
	hv_vp_notify(vp, HV_ATTN_EVENT);
}

void hv_vp_nmi(struct hv_vp *vp)
{
	atomic_store(&vp->nmi_pending, true);
	hv_vp_notify(vp, HV_ATTN_EVENT);
}
