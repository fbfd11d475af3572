/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the core share among themselves. */
#pragma once

#include <hypervisor/partition.h>

static inline uint64_t host_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* Carry out what an APIC access asked for. VP thread. (interrupt.c) */
void vp_apply(struct hv_vp *vp, const struct apic_result *result);

/*
 * Deliver @m; @sender resolves shorthands and may be NULL when it has none.
 * Any thread. (interrupt.c)
 */
void partition_deliver(struct hv_partition *p, struct hv_vp *sender,
		       const struct apic_message *m);

/* Re-arm what depends on it. VP thread or stopped. (interrupt.c) */
void vp_tsc_offset_changed(struct hv_vp *vp);
