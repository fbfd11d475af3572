/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models: everything CPUID tells the guest, as a written contract. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CPU_MODEL_LEAVES 48

struct cpu_leaf {
	uint32_t leaf;
	uint32_t subleaf; /* ~0: any */
	uint32_t eax, ebx, ecx, edx;
};

/* A model made concrete on this host; constant while the partition lives. */
struct cpu_model {
	const char *name; /* "v2", "v3", "host" */
	bool intel;       /* vendor: decides SYSCALL/SYSENTER corner cases */
	uint32_t nr_leaves;
	struct cpu_leaf leaf[CPU_MODEL_LEAVES];
	uint8_t phys_bits; /* MAXPHYADDR */
	uint64_t xcr0;     /* bits the guest may set */
	uint64_t cr4;      /* bits the guest may set */
	uint64_t efer;     /* bits the guest may set */
};
