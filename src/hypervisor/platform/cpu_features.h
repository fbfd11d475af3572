/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every CPU feature that a model may have: the contract, one line each. A
 * line that is not here is a feature that no guest sees. Included once, by
 * cpu_model.c.
 */
#pragma once

#include <abi/cpuid.h>

#include <stdint.h>

/* CPUID registers that hold feature bits. */
enum cpu_word {
	W_1_ECX,
	W_1_EDX,
	W_6_EAX,
	W_7_EBX,
	W_7_ECX,
	W_7_EDX,
	W_D1_EAX,
	W_81_ECX,
	W_81_EDX,
	W_87_EDX,
	W_88_EBX,
	W_821_EAX,
	W_821_ECX,
	CPU_WORDS,
};

/* Which models have it. */
#define IN_V2   0x01u /* and everything above */
#define IN_V3   0x02u /* and "host" */
#define IN_HOST 0x04u /* where the host has it */
#define IF_HOST 0x08u /* with IN_V3: only where the host has it */
/* What it needs. */
#define NATIVE     0x10u /* the host's CPU executes it: must have it */
#define YMM        0x20u /* and the host's system saves YMM registers */
#define ONLY_AMD   0x40u
#define ONLY_INTEL 0x80u

struct cpu_feature {
	const char *name;
	uint8_t word; /* enum cpu_word */
	uint8_t bit;
	uint8_t flags;
};

/* clang-format off */
static const struct cpu_feature features[] = { /* table */
	{ "sse3",            W_1_ECX,  0, IN_V2 | NATIVE },
	{ "pclmulqdq",       W_1_ECX,  1, IN_V3 | NATIVE },
	{ "ssse3",           W_1_ECX,  9, IN_V2 | NATIVE },
	{ "fma",             W_1_ECX, 12, IN_V3 | NATIVE | YMM },
	{ "cmpxchg16b",      W_1_ECX, 13, IN_V2 | NATIVE },
	{ "pcid",            W_1_ECX, 17, IN_V3 },
	{ "sse4.1",          W_1_ECX, 19, IN_V2 | NATIVE },
	{ "sse4.2",          W_1_ECX, 20, IN_V2 | NATIVE },
	{ "x2apic",          W_1_ECX, 21, IN_V2 },
	{ "movbe",           W_1_ECX, 22, IN_V3 | NATIVE },
	{ "popcnt",          W_1_ECX, 23, IN_V2 | NATIVE },
	{ "tsc-deadline",    W_1_ECX, 24, IN_V2 },
	{ "aes",             W_1_ECX, 25, IN_V3 | NATIVE },
	{ "xsave",           W_1_ECX, 26, IN_V3 | NATIVE },
	{ "avx",             W_1_ECX, 28, IN_V3 | NATIVE | YMM },
	{ "f16c",            W_1_ECX, 29, IN_V3 | NATIVE | YMM },
	{ "rdrand",          W_1_ECX, 30, IN_V3 | NATIVE },
	{ "hypervisor",      W_1_ECX, 31, IN_V2 },

	{ "fpu",             W_1_EDX,  0, IN_V2 },
	{ "vme",             W_1_EDX,  1, IN_V2 },
	{ "de",              W_1_EDX,  2, IN_V2 },
	{ "pse",             W_1_EDX,  3, IN_V2 },
	{ "tsc",             W_1_EDX,  4, IN_V2 },
	{ "msr",             W_1_EDX,  5, IN_V2 },
	{ "pae",             W_1_EDX,  6, IN_V2 },
	{ "mce",             W_1_EDX,  7, IN_V2 },
	{ "cmpxchg8b",       W_1_EDX,  8, IN_V2 },
	{ "apic",            W_1_EDX,  9, IN_V2 },
	{ "sysenter",        W_1_EDX, 11, IN_V2 },
	{ "mtrr",            W_1_EDX, 12, IN_V2 },
	{ "pge",             W_1_EDX, 13, IN_V2 },
	{ "mca",             W_1_EDX, 14, IN_V2 },
	{ "cmov",            W_1_EDX, 15, IN_V2 },
	{ "pat",             W_1_EDX, 16, IN_V2 },
	{ "pse36",           W_1_EDX, 17, IN_V2 },
	{ "clflush",         W_1_EDX, 19, IN_V2 },
	{ "mmx",             W_1_EDX, 23, IN_V2 },
	{ "fxsr",            W_1_EDX, 24, IN_V2 },
	{ "sse",             W_1_EDX, 25, IN_V2 },
	{ "sse2",            W_1_EDX, 26, IN_V2 },

	{ "arat",            W_6_EAX,  2, IN_V2 },

	{ "fsgsbase",        W_7_EBX,  0, IN_V3 },
	{ "tsc-adjust",      W_7_EBX,  1, IN_V2 },
	{ "bmi1",            W_7_EBX,  3, IN_V3 | NATIVE },
	{ "avx2",            W_7_EBX,  5, IN_V3 | NATIVE | YMM },
	{ "smep",            W_7_EBX,  7, IN_V3 },
	{ "bmi2",            W_7_EBX,  8, IN_V3 | NATIVE },
	{ "erms",            W_7_EBX,  9, IN_V3 },
	{ "invpcid",         W_7_EBX, 10, IN_V3 },
	{ "rdseed",          W_7_EBX, 18, IN_V3 | NATIVE },
	{ "adx",             W_7_EBX, 19, IN_V3 | NATIVE },
	{ "smap",            W_7_EBX, 20, IN_V3 },
	{ "clflushopt",      W_7_EBX, 23, IN_V3 },
	{ "sha",             W_7_EBX, 29, IN_V3 | IF_HOST | NATIVE },

	{ "umip",            W_7_ECX,  2, IN_V3 },

	{ "fsrm",            W_7_EDX,  4, IN_V3 },
	/* Mitigations: kernels see that there is nothing to work around. */
	{ "spec-ctrl",       W_7_EDX, 26, IN_V2 | ONLY_INTEL },
	{ "arch-caps",       W_7_EDX, 29, IN_V2 | ONLY_INTEL },

	{ "xsaveopt",        W_D1_EAX, 0, IN_V3 },
	{ "xsavec",          W_D1_EAX, 1, IN_V3 },
	{ "xgetbv1",         W_D1_EAX, 2, IN_V3 },

	{ "lahf",            W_81_ECX, 0, IN_V2 },
	{ "lzcnt",           W_81_ECX, 5, IN_V3 | NATIVE },
	{ "prefetchw",       W_81_ECX, 8, IN_V3 },
	{ "topoext",         W_81_ECX, 22, IN_V2 | ONLY_AMD },

	{ "syscall",         W_81_EDX, 11, IN_V2 },
	{ "nx",              W_81_EDX, 20, IN_V2 },
	{ "mmxext",          W_81_EDX, 22, IN_V2 | ONLY_AMD },
	{ "1g-pages",        W_81_EDX, 26, IN_V3 },
	{ "rdtscp",          W_81_EDX, 27, IN_V3 },
	{ "long-mode",       W_81_EDX, 29, IN_V2 },

	{ "invariant-tsc",   W_87_EDX,  8, IN_V2 },

	/* Without it kernels clear x87 pointers on every context switch. */
	{ "xsaveerptr",      W_88_EBX,  2, IN_V2 | ONLY_AMD | NATIVE },
	{ "ibpb",            W_88_EBX, 12, IN_V2 | ONLY_AMD },
	{ "ssb-no",          W_88_EBX, 26, IN_V2 | ONLY_AMD },
	{ "btc-no",          W_88_EBX, 29, IN_V2 | ONLY_AMD },
	{ "ibpb-ret",        W_88_EBX, 30, IN_V2 | ONLY_AMD },

	{ "no-nested-bp",    W_821_EAX,  0, IN_V2 | ONLY_AMD },
	{ "lfence-rdtsc",    W_821_EAX,  2, IN_V2 | ONLY_AMD },
	{ "null-sel-base",   W_821_EAX,  6, IN_V2 | ONLY_AMD },
	{ "auto-ibrs",       W_821_EAX,  8, IN_V2 | ONLY_AMD },
	{ "sbpb",            W_821_EAX, 27, IN_V2 | ONLY_AMD },
	{ "ibpb-brtype",     W_821_EAX, 28, IN_V2 | ONLY_AMD },
	{ "srso-no",         W_821_EAX, 29, IN_V2 | ONLY_AMD },
	{ "tsa-sq-no",       W_821_ECX,  1, IN_V2 | ONLY_AMD },
	{ "tsa-l1-no",       W_821_ECX,  2, IN_V2 | ONLY_AMD },
	/* Newer kernels want this one too before they believe the two. */
	{ "tsa-bit7-no",     W_821_ECX,  7, IN_V2 | ONLY_AMD },
};
/* clang-format on */
