/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partitions: the memory map, time and what is common to all processors.
 * The map is constant while processors run; it is sorted by address.
 */
#include <base/assert.h>
#include <base/errno.h>
#include <base/mem.h>
#include <base/overflow.h>
#include <hypervisor/partition.h>

#include "core.h"

int hv_partition_init(struct hv_partition *p,
		      const struct hv_partition_config *config)
{
	ASSERT(config->tsc_khz > 0 && config->tsc_khz <= UINT32_MAX);

	p->engine = config->engine;
	p->host = config->host;
	p->host_ctx = config->host_ctx;
	p->model = config->model;
	p->tsc_khz = config->tsc_khz;
	p->tsc_offset = -host_tsc();
	p->nr_vps = 0;
	p->nr_slots = 0;
	return p->engine->partition_init(p);
}

void hv_partition_fini(struct hv_partition *p)
{
	p->engine->partition_fini(p);
}

void hv_partition_set_tsc(struct hv_partition *p, uint64_t value)
{
	uint64_t offset = value - host_tsc();

	for (uint32_t i = 0; i < p->nr_vps; i++) {
		p->vp[i]->tsc_offset += offset - p->tsc_offset;
		vp_tsc_offset_changed(p->vp[i]);
	}
	p->tsc_offset = offset;
}

/* The first slot that ends above @gpa; nr_slots when none does. */
static uint32_t slot_above(const struct hv_partition *p, uint64_t gpa)
{
	uint32_t low = 0, high = p->nr_slots;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (p->slot[mid].gpa.v + (p->slot[mid].size - 1) < gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int hv_partition_map(struct hv_partition *p, const struct hv_slot *slot)
{
	uint64_t last;
	uint32_t at;

	if (!slot->size || !is_aligned(slot->gpa.v | slot->size, PAGE_SIZE) ||
	    add_overflows(slot->gpa.v, slot->size - 1, &last))
		return -EINVAL;

	at = slot_above(p, slot->gpa.v);
	if (at < p->nr_slots && p->slot[at].gpa.v <= last) {
		if (p->slot[at].gpa.v != slot->gpa.v ||
		    p->slot[at].size != slot->size)
			return -EINVAL;
	} else {
		if (p->nr_slots == HV_MAX_SLOTS)
			return -ENOSPC;
		memmove(&p->slot[at + 1], &p->slot[at],
			(p->nr_slots - at) * sizeof(p->slot[0]));
		p->nr_slots++;
	}
	p->slot[at] = *slot;
	if (p->engine->map_changed)
		p->engine->map_changed(p);
	return 0;
}

uint8_t *hv_gpa_to_host(const struct hv_partition *p, gpa_t gpa,
			uint64_t *ret_left, bool *ret_readonly)
{
	uint32_t at = slot_above(p, gpa.v);
	const struct hv_slot *slot = &p->slot[at];

	if (at == p->nr_slots || slot->gpa.v > gpa.v)
		return NULL;
	*ret_left = slot->size - (gpa.v - slot->gpa.v);
	*ret_readonly = slot->readonly;
	return slot->host + (gpa.v - slot->gpa.v);
}
