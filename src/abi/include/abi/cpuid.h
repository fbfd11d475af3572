/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID leaves and the bits that our code names (SDM 2A; AMD APM 3, E). */
#pragma once

#include <base/bits.h>

#define CPUID_VENDOR        0x00000000u
#define CPUID_FEATURES      0x00000001u
#define CPUID_CACHE_OLD     0x00000002u /* Intel */
#define CPUID_CACHE         0x00000004u /* Intel */
#define CPUID_POWER         0x00000006u
#define CPUID_FEATURES7     0x00000007u
#define CPUID_TOPOLOGY      0x0000000bu
#define CPUID_XSAVE         0x0000000du
#define CPUID_TSC           0x00000015u
#define CPUID_FREQUENCY     0x00000016u
#define CPUID_HYPERVISOR    0x40000000u
#define CPUID_HV_TIMING     0x40000010u /* EAX: TSC kHz, by custom */
#define CPUID_EXT_MAX       0x80000000u
#define CPUID_EXT_FEATURES  0x80000001u
#define CPUID_BRAND         0x80000002u /* three leaves */
#define CPUID_AMD_L1        0x80000005u
#define CPUID_EXT_L2        0x80000006u
#define CPUID_EXT_POWER     0x80000007u
#define CPUID_EXT_SIZES     0x80000008u
#define CPUID_AMD_CACHE     0x8000001du
#define CPUID_AMD_TOPOLOGY  0x8000001eu
#define CPUID_AMD_FEATURES2 0x80000021u

/* "GenuineIntel", "AuthenticAMD" in EBX, EDX, ECX */
#define CPUID_INTEL_EBX 0x756e6547u
#define CPUID_INTEL_EDX 0x49656e69u
#define CPUID_INTEL_ECX 0x6c65746eu
#define CPUID_AMD_EBX   0x68747541u
#define CPUID_AMD_EDX   0x69746e65u
#define CPUID_AMD_ECX   0x444d4163u

/* Leaf 1 */
#define CPUID_1_ECX_OSXSAVE    BIT(27)
#define CPUID_1_ECX_HYPERVISOR BIT(31)
#define CPUID_1_EDX_APIC       BIT(9)
#define CPUID_1_EDX_HTT        BIT(28)

/* Leaf 80000001 */
#define CPUID_81_ECX_CMP_LEGACY BIT(1)
#define CPUID_81_EDX_APIC       BIT(9)
/* What AMD repeats there of leaf 1's EDX. */
#define CPUID_81_EDX_AMD_COPY 0x0183f3ffu

/* Leaf 0xb, ECX bits 15:8 */
#define CPUID_LEVEL_SMT  1u
#define CPUID_LEVEL_CORE 2u
