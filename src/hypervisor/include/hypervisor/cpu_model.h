/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models: everything CPUID tells the guest, as a written contract.
 *
 * "v2" and "v3" are the same on every host of one vendor; "host" adds what
 * this host has and Lamina can run. The contract's name says what a saved
 * state needs: model, vendor, optional features.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_MODEL_LEAVES   48
#define CPU_MODEL_CONTRACT 96
#define CPU_MODEL_DEFAULT  "v3"

struct cpu_leaf {
	uint32_t leaf;
	uint32_t subleaf; /* ~0: any */
	uint32_t eax, ebx, ecx, edx;
};

/* A model made concrete on this host; constant while the partition lives. */
struct cpu_model {
	const char *name; /* "v2", "v3", "host" */
	/* "v3-amd", "v3-amd+sha": what a state made with this model needs. */
	char contract[CPU_MODEL_CONTRACT];
	bool intel; /* vendor: decides SYSCALL/SYSENTER corner cases */
	uint32_t nr_leaves;
	struct cpu_leaf leaf[CPU_MODEL_LEAVES];
	uint32_t signature; /* CPUID 1 EAX; in EDX after reset */
	uint8_t phys_bits;  /* MAXPHYADDR */
	uint64_t xcr0;      /* bits the guest may set */
	uint64_t cr4;       /* bits the guest may set */
	uint64_t efer;      /* bits the guest may set */
	uint64_t spec_ctrl; /* bits of MSR_SPEC_CTRL; 0: no such register */
	uint64_t pred_cmd;  /* bits of MSR_PRED_CMD; 0: no such register */
	uint64_t arch_caps; /* MSR_ARCH_CAPS; 0: no such register */
	bool x2apic;
	bool tsc_deadline;
	bool mtrr_wc;
	bool rdtscp;     /* MSR_TSC_AUX exists */
	bool tsc_adjust; /* MSR_TSC_ADJUST exists */
};

/* The host's CPU, or a test's. */
struct cpu_source {
	/* CPUID; EAX, EBX, ECX, EDX. */
	void (*cpuid)(void *ctx, uint32_t leaf, uint32_t subleaf,
		      uint32_t out[4]);
	void *ctx;
	uint64_t xcr0; /* what XGETBV says; 0 without OSXSAVE */
};

/*
 * Make model @name for @nr_vps processors. -EINVAL: no such model (@ret_text
 * lists them); -EOPNOTSUPP: the host lacks a feature that the model promises
 * (@ret_text names it). @ret_text is static.
 */
int cpu_model_make(struct cpu_model *ret, const char *name,
		   const struct cpu_source *host, uint32_t nr_vps,
		   const char **ret_text);

/*
 * CPUID as processor @id sees it; @cr4, @xcr0 and @apic_on are what some bits
 * follow. Leaves that are not in the model are zero.
 */
void cpu_model_cpuid(const struct cpu_model *m, uint32_t leaf, uint32_t subleaf,
		     uint32_t id, uint64_t cr4, uint64_t xcr0, bool apic_on,
		     uint32_t out[4]);
