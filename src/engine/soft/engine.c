/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine table: how the core's wishes reach the engine's parts.
 */
#include "block.h"
#include "fault.h"
#include "flags.h"
#include "mem.h"
#include "native.h"
#include "world.h"
#include "xlat.h"

#include <soft/engine.h>

static struct soft_partition *soft_partition(struct hv_partition *p)
{
	return (struct soft_partition *)(void *)p;
}

static int partition_init(struct hv_partition *p)
{
	return soft_native_init(soft_partition(p));
}

/* The same with translations, where the host allows. */
static int partition_init_xlat(struct hv_partition *p)
{
	soft_partition(p)->xlat = !soft_xlat_unusable();
	soft_partition(p)->xlat_heat = XLAT_HEAT;
	return partition_init(p);
}

static void partition_fini(struct hv_partition *p)
{
	soft_native_fini(soft_partition(p));
	soft_pages_fini(soft_partition(p));
}

static int vp_init(struct hv_vp *hv)
{
	struct soft_vp *vp = soft_vp(hv);
	int err;

	vp->partition = soft_partition(hv->partition);
	vp->monitor = ~UINT64_C(0);
	vp->broke_at = UINT64_MAX;
	atomic_store(&vp->seen_epoch, atomic_load(&vp->partition->code_epoch));
	err = soft_blocks_init(vp);
	if (err < 0)
		return err;
	err = tlb_init(vp);
	if (err < 0)
		goto fini_blocks;
	err = xlat_init(vp);
	if (err < 0)
		goto fini_tlb;
	return 0;

fini_tlb:
	tlb_fini(vp);
fini_blocks:
	soft_blocks_fini(vp);
	return err;
}

static void vp_fini(struct hv_vp *hv)
{
	xlat_fini(soft_vp(hv));
	tlb_fini(soft_vp(hv));
	soft_blocks_fini(soft_vp(hv));
}

/*
 * Comes from the core also while an instruction runs (WRMSR): then the
 * arithmetic flags in regs are not the current ones.
 */
static void regs_changed(struct hv_vp *hv, uint32_t what)
{
	struct soft_vp *vp = soft_vp(hv);

	if (what == HV_CHANGED_MSR)
		return; /* nothing is derived from segment bases */
	if (!vp->in) {
		flags_set(vp, hv->regs.rflags);
		if (what == HV_CHANGED_ALL) {
			vp->halt = false;
			vp->shutdown = false;
			vp->pending_db = 0;
		}
	}
	tlb_flush_all(vp);
	tlb_switch(vp, hv->regs.cr3); /* its PCID may be another one */
	soft_mode_update(vp);
	vp->end_block = true;
}

static void vp_inject(struct hv_vp *hv, enum hv_event event, uint8_t vector)
{
	struct soft_vp *vp = soft_vp(hv);

	soft_guest_enter(vp);
	soft_code_attention(vp);
	vp->halt = false;
	if (!soft_deliver_event(vp, event, vector))
		vp->shutdown = true;
	hv->regs.rflags = flags_get(vp);
	soft_guest_leave(vp);
}

/* Without page records nothing is kept decoded: slow, but right. */
static void map_changed(struct hv_partition *p)
{
	struct soft_partition *sp = soft_partition(p);

	(void)soft_pages_resize(sp);
	for (uint32_t i = 0; i < p->nr_vps; i++) {
		tlb_flush_all(soft_vp(p->vp[i]));
		soft_blocks_flush(soft_vp(p->vp[i]));
	}
}

const struct engine_ops soft_engine = {
	.name = "interp",
	.partition_size = sizeof(struct soft_partition),
	.vp_size = sizeof(struct soft_vp),
	.partition_init = partition_init,
	.partition_fini = partition_fini,
	.vp_init = vp_init,
	.vp_fini = vp_fini,
	.vp_run = soft_vp_run,
	.vp_inject = vp_inject,
	.regs_changed = regs_changed,
	.memory_written = soft_memory_written,
	.map_changed = map_changed,
	.translate = mmu_translate,
};

const struct engine_ops soft_engine_xlat = {
	.name = "soft",
	.partition_size = sizeof(struct soft_partition),
	.vp_size = sizeof(struct soft_vp),
	.partition_init = partition_init_xlat,
	.partition_fini = partition_fini,
	.vp_init = vp_init,
	.vp_fini = vp_fini,
	.vp_run = soft_vp_run,
	.vp_inject = vp_inject,
	.regs_changed = regs_changed,
	.memory_written = soft_memory_written,
	.map_changed = map_changed,
	.translate = mmu_translate,
};
