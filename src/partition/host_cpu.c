/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's processor: CPUID, XCR0 and how fast its TSC counts. */
#include "local.h"

#include <abi/cpuid.h>

#include <cpuid.h>
#include <errno.h>
#include <time.h>
#include <x86intrin.h>

#define MEASURE_NS   INT64_C(20000000)
#define MEASURE_TRY  8                  /* reads per end; the tightest counts */
#define PLAUSIBLE_LO UINT64_C(100000)   /* 100 MHz */
#define PLAUSIBLE_HI UINT64_C(20000000) /* 20 GHz */

static void native_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf,
			 uint32_t out[4])
{
	(void)ctx;
	__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}

static uint64_t read_xcr0(void)
{
	uint32_t out[4], low, high;

	native_cpuid(NULL, CPUID_FEATURES, 0, out);
	if (!(out[2] & CPUID_1_ECX_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

struct cpu_source host_cpu_source(void)
{
	return (struct cpu_source){
		.cpuid = native_cpuid,
		.xcr0 = read_xcr0(),
	};
}

/* ---- TSC frequency ---- */

static bool plausible(uint64_t khz)
{
	return khz >= PLAUSIBLE_LO && khz <= PLAUSIBLE_HI;
}

/* Leaf 15h: crystal Hz * EBX / EAX; zero when it does not say. */
static uint64_t khz_from_leaf(void)
{
	uint32_t out[4];

	native_cpuid(NULL, CPUID_VENDOR, 0, out);
	if (out[0] < CPUID_TSC)
		return 0;
	native_cpuid(NULL, CPUID_TSC, 0, out);
	if (!out[0] || !out[1] || !out[2])
		return 0;
	return (uint64_t)out[2] * out[1] / out[0] / 1000;
}

/* Hypervisors by custom say it in leaf 40000010h. */
static uint64_t khz_from_hypervisor(void)
{
	uint32_t out[4];

	native_cpuid(NULL, CPUID_FEATURES, 0, out);
	if (!(out[2] & CPUID_1_ECX_HYPERVISOR))
		return 0;
	native_cpuid(NULL, CPUID_HYPERVISOR, 0, out);
	if (out[0] < CPUID_HV_TIMING || out[0] > CPUID_HV_TIMING + 0x1000)
		return 0;
	native_cpuid(NULL, CPUID_HV_TIMING, 0, out);
	return out[0];
}

/* TSC and clock at the same moment, as well as can be. */
static void sample(uint64_t *ret_tsc, int64_t *ret_ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < MEASURE_TRY; i++) {
		struct timespec ts;
		uint64_t before = __rdtsc(), after;

		(void)clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		*ret_tsc = before + best / 2;
		*ret_ns = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
	}
}

static uint64_t khz_measured(void)
{
	const struct timespec wait = {.tv_nsec = MEASURE_NS};
	uint64_t tsc0 = 0, tsc1 = 0;
	int64_t ns0 = 0, ns1 = 0;

	sample(&tsc0, &ns0);
	(void)nanosleep(&wait, NULL);
	sample(&tsc1, &ns1);
	if (ns1 <= ns0 || tsc1 <= tsc0)
		return 0;
	return (uint64_t)((unsigned __int128)(tsc1 - tsc0) * 1000000 /
			  (uint64_t)(ns1 - ns0));
}

int host_cpu_tsc_khz(uint64_t *ret)
{
	uint64_t khz = khz_from_leaf();

	if (!plausible(khz))
		khz = khz_from_hypervisor();
	if (!plausible(khz))
		khz = khz_measured();
	if (!plausible(khz))
		return -EOPNOTSUPP;
	*ret = khz;
	return 0;
}
