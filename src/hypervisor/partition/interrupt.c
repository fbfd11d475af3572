/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt messages on their way from a sender (an ICR, an MSI, the IOAPIC)
 * to the processors they address, and what an APIC access sets in motion.
 */
#include <hypervisor/partition.h>

#include "core.h"

static void deliver_init(struct hv_vp *vp)
{
	/* INIT forgets a SIPI that came before it. */
	atomic_store(&vp->init_sipi, HV_INIT);
}

static void deliver_sipi(struct hv_vp *vp, uint8_t vector)
{
	uint32_t old = atomic_load(&vp->init_sipi);

	while (!atomic_compare_exchange_weak(
		&vp->init_sipi, &old, (old & HV_INIT) | HV_SIPI | vector))
		;
}

static void deliver_one(struct hv_vp *vp, const struct apic_message *m)
{
	switch (m->mode) {
	case APIC_MODE_FIXED:
	case APIC_MODE_LOWEST:
		if (!apic_accepting(&vp->apic))
			return;
		(void)apic_accept(&vp->apic, m->vector, m->level);
		break;
	case APIC_MODE_NMI:
		atomic_store(&vp->nmi_pending, true);
		break;
	case APIC_MODE_INIT:
		deliver_init(vp);
		break;
	case APIC_MODE_SIPI:
		deliver_sipi(vp, m->vector);
		break;
	default: /* SMI: the machine has no SMM; ExtINT comes by wire only */
		return;
	}
	hv_vp_notify(vp, HV_ATTN_EVENT);
}

static bool addressed(const struct hv_vp *vp, const struct hv_vp *sender,
		      const struct apic_message *m)
{
	switch (m->shorthand) {
	case APIC_TO_SELF:
		return vp == sender;
	case APIC_TO_ALL:
		return true;
	case APIC_TO_OTHERS:
		return vp != sender;
	default:
		return apic_match(&vp->apic, m);
	}
}

/*
 * Lowest priority is one of the accepting destinations in turn: which one is
 * the implementation's choice, and taking turns spreads the load.
 */
static void deliver_lowest(struct hv_partition *p, struct hv_vp *sender,
			   const struct apic_message *m)
{
	uint32_t first = atomic_fetch_add(&p->lowest_turn, 1) % p->nr_vps;

	for (uint32_t i = 0; i < p->nr_vps; i++) {
		struct hv_vp *vp = p->vp[(first + i) % p->nr_vps];

		if (addressed(vp, sender, m) && apic_accepting(&vp->apic)) {
			deliver_one(vp, m);
			return;
		}
	}
}

void partition_deliver(struct hv_partition *p, struct hv_vp *sender,
		       const struct apic_message *m)
{
	bool fixed = m->mode == APIC_MODE_FIXED || m->mode == APIC_MODE_LOWEST;

	if (!p->nr_vps)
		return;
	if (fixed && (m->lowest || m->mode == APIC_MODE_LOWEST)) {
		deliver_lowest(p, sender, m);
		return;
	}
	/* The common case: one processor by its unchanged physical id. */
	if (m->shorthand == APIC_TO_DEST && !m->logical &&
	    m->dest < p->nr_vps && apic_match(&p->vp[m->dest]->apic, m)) {
		deliver_one(p->vp[m->dest], m);
		return;
	}
	for (uint32_t i = 0; i < p->nr_vps; i++) {
		if (addressed(p->vp[i], sender, m))
			deliver_one(p->vp[i], m);
	}
}

void hv_partition_msi(struct hv_partition *p, uint64_t addr, uint32_t data)
{
	struct apic_message m;

	if (apic_message_from_msi(addr, data, &m))
		partition_deliver(p, NULL, &m);
}

void hv_partition_extint(struct hv_partition *p, bool level)
{
	/*
	 * Unchanged and high: the processor knows, and looks again when it
	 * unmasks LINT0 or gets a window.
	 */
	if (atomic_exchange(&p->extint, level) != level && level && p->nr_vps)
		hv_vp_notify(p->vp[0], HV_ATTN_EVENT);
}

/* Have the timer looked at when it is due: at once, or by the host's timer. */
static void arm_timer(struct hv_vp *vp)
{
	const struct hv_partition *p = vp->partition;

	if (vp->apic.timer_deadline > host_tsc()) {
		p->host->arm_timer(p->host_ctx, vp, vp->apic.timer_deadline);
		return;
	}
	atomic_store(&vp->apic.timer_due, true);
	atomic_fetch_or(&vp->attention, HV_ATTN_EVENT);
}

void vp_apply(struct hv_vp *vp, const struct apic_result *result)
{
	struct hv_partition *p = vp->partition;

	if (result->actions & APIC_DO_TIMER)
		arm_timer(vp);
	if (result->actions & APIC_DO_SEND)
		partition_deliver(p, vp, &result->message);
	if (result->actions & APIC_DO_EOI)
		p->host->eoi(p->host_ctx, result->eoi_vector);
	/* On its own thread: nobody to wake. */
	if (result->actions & APIC_DO_LOOK)
		atomic_fetch_or(&vp->attention, HV_ATTN_EVENT);
}

void vp_tsc_offset_changed(struct hv_vp *vp)
{
	struct apic_result result = {0};

	apic_tsc_offset_changed(&vp->apic, vp->tsc_offset, &result);
	vp_apply(vp, &result);
}
