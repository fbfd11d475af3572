/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stop-the-world. The partition's world_stopper is the lock: 0, or the index
 * of the stopping processor plus one. A processor enters guest code by setting
 * in_guest and then looking at world_stopper; the stopper sets world_stopper
 * and then looks at everybody's in_guest. Both orders are sequentially
 * consistent, so one of the two sees the other.
 *
 * A waiting processor has left guest code, hence two stoppers cannot wait for
 * each other.
 */
#include "world.h"

#include <sched.h>

static void relax(unsigned int *spins)
{
	if (++*spins < 64)
		__builtin_ia32_pause();
	else
		(void)sched_yield();
}

void soft_guest_enter(struct soft_vp *vp)
{
	_Atomic uint32_t *stopper = &vp->partition->world_stopper;
	unsigned int spins = 0;

	atomic_store(&vp->in_guest, true);
	while (atomic_load(stopper)) {
		atomic_store(&vp->in_guest, false);
		while (atomic_load(stopper))
			relax(&spins);
		atomic_store(&vp->in_guest, true);
	}
}

void soft_guest_leave(struct soft_vp *vp)
{
	atomic_store(&vp->in_guest, false);
}

void soft_engine_attention(struct soft_vp *vp)
{
	if (!atomic_load(&vp->partition->world_stopper))
		return;
	soft_guest_leave(vp);
	soft_guest_enter(vp);
}

static void interrupt_others(struct soft_vp *vp)
{
	struct hv_partition *p = vp->hv.partition;
	uint32_t i;

	for (i = 0; i < p->nr_vps; i++) {
		if (p->vp[i] == &vp->hv)
			continue;
		atomic_fetch_or(&p->vp[i]->attention, HV_ATTN_ENGINE);
		if (p->engine && p->engine->vp_kick)
			p->engine->vp_kick(p->vp[i]);
	}
}

void soft_stop_world_begin(struct soft_vp *vp)
{
	struct hv_partition *p = vp->hv.partition;
	_Atomic uint32_t *stopper = &vp->partition->world_stopper;
	unsigned int spins = 0;
	uint32_t i, none = 0;

	if (p->nr_vps <= 1)
		return;
	while (!atomic_compare_exchange_strong(stopper, &none,
					       vp->hv.index + 1)) {
		soft_guest_leave(vp);
		soft_guest_enter(vp);
		none = 0;
	}
	interrupt_others(vp);
	for (i = 0; i < p->nr_vps; i++) {
		if (p->vp[i] == &vp->hv)
			continue;
		while (atomic_load(&soft_vp(p->vp[i])->in_guest))
			relax(&spins);
	}
}

void soft_stop_world_end(struct soft_vp *vp)
{
	if (vp->hv.partition->nr_vps > 1)
		atomic_store(&vp->partition->world_stopper, 0);
}
