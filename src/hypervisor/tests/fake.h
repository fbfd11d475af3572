/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine for tests of the core: an engine that does what a script says and
 * a host that keeps what it is asked. Freestanding, storage included.
 */
#pragma once

#include <hypervisor/partition.h>

#define FAKE_VPS   4
#define FAKE_CALLS 16

struct fake_vp {
	struct hv_vp hv; /* first */
	/* What vp_run() does; ENGINE_EXIT_HALT forever when NULL. */
	enum engine_exit (*run)(struct hv_vp *vp);
	unsigned int runs;
	unsigned int injected;
	enum hv_event event; /* the last one */
	uint8_t vector;
	uint32_t changed; /* HV_CHANGED_* so far */
	uint64_t armed;   /* host TSC, or UINT64_MAX */
	unsigned int wakes, kicks;
};

struct fake_access {
	uint64_t addr;
	unsigned int width;
	bool write;
	uint64_t data;
};

struct fake {
	struct hv_partition hv;
	struct fake_vp vp[FAKE_VPS];
	struct cpu_model model;
	int extint_vector;
	unsigned int extint_acks;
	unsigned int eois;
	uint8_t eoi_vector;
	struct fake_access access[FAKE_CALLS];
	unsigned int accesses;
};

extern const struct engine_ops fake_engine;
extern const struct cpu_source fake_cpu; /* an AMD host with everything */

/* The one machine, made anew with @nr_vps processors of model v3. */
struct fake *fake_machine(unsigned int nr_vps);

static inline struct fake_vp *fake_vp(struct hv_vp *vp)
{
	return (struct fake_vp *)(void *)vp;
}

/* CPUID of a host that has all features, of either vendor. */
void fake_cpuid_amd(void *ctx, uint32_t leaf, uint32_t subleaf,
		    uint32_t out[4]);
void fake_cpuid_intel(void *ctx, uint32_t leaf, uint32_t subleaf,
		      uint32_t out[4]);
