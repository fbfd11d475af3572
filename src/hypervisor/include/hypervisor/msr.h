/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers: the policy (which exist, what they read, what may
 * be written) and the state of those that are neither in vp_regs nor in the
 * APIC. Pure: effects outside come back in the environment.
 */
#pragma once

#include <hypervisor/apic.h>
#include <hypervisor/cpu_model.h>
#include <hypervisor/regs.h>

#include <stdbool.h>
#include <stdint.h>

#define MSR_NR_MTRR_FIXED 11
#define MSR_NR_MTRR_VAR   8 /* pairs of base and mask */

struct msr_state {
	uint64_t tsc_adjust;
	uint64_t misc_enable;
	uint64_t spec_ctrl;
	uint64_t mtrr_def_type;
	uint64_t mtrr_fixed[MSR_NR_MTRR_FIXED];
	uint64_t mtrr_var[2 * MSR_NR_MTRR_VAR]; /* base, mask, base, mask ... */
	uint64_t mcg_status;
	uint64_t hwcr;
	uint64_t debugctl;
};

/* One processor as the policy sees it. */
struct msr_env {
	struct vp_regs *regs;
	struct msr_state *msr;
	struct apic *apic;
	const struct cpu_model *model;
	uint64_t *tsc_offset; /* guest minus host TSC */
	uint64_t now;         /* host TSC */
	/* Filled in by msr_write(). */
	uint32_t changed;          /* HV_CHANGED_* */
	struct apic_result result; /* to be carried out by the caller */
};

void msr_reset(struct msr_state *m, const struct cpu_model *model);

/* False: #GP(0). */
bool msr_read(struct msr_env *e, uint32_t msr, uint64_t *ret);
bool msr_write(struct msr_env *e, uint32_t msr, uint64_t value);

/* Is @value a legal IA32_PAT? */
bool msr_pat_ok(uint64_t value);

struct state_desc;
extern const struct state_desc msr_state_desc;
