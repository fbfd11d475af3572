/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models: what they promise, what they keep to themselves. */
#include "check.h"
#include "fake.h"

#include <abi/cpuid.h>
#include <abi/msr.h>
#include <base/errno.h>
#include <base/mem.h>

static const struct cpu_source amd = {.cpuid = fake_cpuid_amd, .xcr0 = 7};
static const struct cpu_source intel = {.cpuid = fake_cpuid_intel, .xcr0 = 7};
static struct cpu_model m;
static uint32_t r[4]; /* EAX, EBX, ECX, EDX */

static int make(const char *name, const struct cpu_source *host, uint32_t n)
{
	const char *text = "";

	return cpu_model_make(&m, name, host, n, &text);
}

static void cpuid(uint32_t leaf, uint32_t subleaf)
{
	cpu_model_cpuid(&m, leaf, subleaf, 2, 0, 1, true, r);
}

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static void test_vendors(void)
{
	CHECK_EQ(make("v3", &amd, 4), 0);
	cpuid(0, 0);
	CHECK_EQ(r[0], 0xd);
	CHECK_EQ(r[1], CPUID_AMD_EBX);
	CHECK(!m.intel);
	CHECK(equal(m.contract, "v3-amd+sha"));
	cpuid(1, 0);
	CHECK_EQ(r[0], 0x00a00f11); /* family 19h model 1 */
	CHECK_EQ(r[1] >> 24, 2);
	CHECK_EQ(r[1] >> 16 & 0xff, 4);

	CHECK_EQ(make("v2", &intel, 1), 0);
	cpuid(0, 0);
	CHECK_EQ(r[0], 0xb);
	CHECK_EQ(r[3], CPUID_INTEL_EDX);
	CHECK(m.intel);
	CHECK(equal(m.contract, "v2-intel"));
	cpuid(0x80000000, 0);
	CHECK_EQ(r[0], 0x80000008);
}

/* x86-64-v2 and -v3 as the psABI defines them. */
static void test_levels(void)
{
	const uint32_t v2_ecx =
		1 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23;
	const uint32_t v3_ecx = 1 << 12 | 1 << 22 | 1 << 26 | 1 << 28 | 1 << 29;
	const uint32_t v3_ebx7 = 1 << 3 | 1 << 5 | 1 << 8;

	CHECK_EQ(make("v2", &amd, 1), 0);
	cpuid(1, 0);
	CHECK_EQ(r[2] & v2_ecx, v2_ecx);
	CHECK_EQ(r[2] & v3_ecx, 0);
	CHECK_EQ(r[2] & (1u << 1 | 1 << 25 | 1 << 30), 0); /* CLMUL AES RAND */
	cpuid(7, 0);
	CHECK_EQ(r[1] & v3_ebx7, 0);
	cpuid(0x80000001, 0);
	CHECK(r[2] & 1); /* LAHF */
	CHECK_EQ(r[2] & 1u << 5, 0);
	CHECK_EQ(m.xcr0, X86_XCR0_X87);
	CHECK(!(m.cr4 & X86_CR4_OSXSAVE));
	cpuid(0xd, 0);
	CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);

	CHECK_EQ(make("v3", &amd, 1), 0);
	cpuid(1, 0);
	CHECK_EQ(r[2] & (v2_ecx | v3_ecx), v2_ecx | v3_ecx);
	cpuid(7, 0);
	CHECK_EQ(r[1] & v3_ebx7, v3_ebx7);
	cpuid(0x80000001, 0);
	CHECK(r[2] & 1u << 5);
}

/* What no model shows, on a host that has it all. */
static void test_hidden(void)
{
	static const char *const names[] = {"v2", "v3", "host"};

	for (unsigned int i = 0; i < 6; i++) {
		CHECK_EQ(make(names[i % 3], i < 3 ? &amd : &intel, 2), 0);
		cpuid(1, 0);
		CHECK(!(r[2] & 1u << 3));  /* MONITOR */
		CHECK(!(r[2] & 1u << 5));  /* VMX */
		CHECK(!(r[2] & 1u << 27)); /* OSXSAVE: CR4 is clear */
		CHECK(r[2] & 1u << 31);    /* hypervisor */
		cpuid(7, 0);
		CHECK_EQ(r[0], 0);
		CHECK_EQ(r[1] & 0xd0230000u, 0); /* AVX-512 */
		CHECK_EQ(r[2] & ~4u, 0);
		CHECK(!(r[3] & 1u << 20)); /* CET */
		cpuid(7, 1);
		CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
		cpuid(0xd, 1);
		CHECK(!(r[0] & 8)); /* XSAVES */
		cpuid(0xa, 0);
		CHECK_EQ(r[0], 0); /* no counters */
		cpuid(0x40000000, 0);
		CHECK_EQ(r[0] | r[1], 0); /* Hyper-V's place */
		cpuid(0x80000001, 0);
		CHECK(!(r[2] & 1u << 2)); /* SVM */
		CHECK(!(r[2] & 1u << 6)); /* SSE4A */
		CHECK(m.nr_leaves <= CPU_MODEL_LEAVES);
	}
}

/* What makes stock kernels leave their workarounds alone. */
static void test_mitigations(void)
{
	CHECK_EQ(make("v3", &amd, 1), 0);
	cpuid(0x80000021, 0);
	CHECK_EQ(r[0] & 0x38000145u, 0x38000145u);
	CHECK_EQ(r[2], 0x86);
	cpuid(0x80000008, 0);
	CHECK_EQ(r[1] & 0x64001004u, 0x64001004u);
	CHECK(m.efer & X86_EFER_AUTOIBRS);
	CHECK_EQ(m.arch_caps, 0);
	CHECK_EQ(m.spec_ctrl, 0);
	CHECK_EQ(m.pred_cmd, PRED_CMD_IBPB | PRED_CMD_SBPB);

	CHECK_EQ(make("v3", &intel, 1), 0);
	cpuid(7, 0);
	CHECK_EQ(r[3] & 0x24000000u, 0x24000000u);
	CHECK_EQ(m.arch_caps & 0x400000000d10e17bull, m.arch_caps);
	CHECK(m.arch_caps & ARCH_CAP_RDCL_NO);
	CHECK(m.arch_caps & ARCH_CAP_IBRS_ALL);
	CHECK_EQ(m.spec_ctrl, SPEC_CTRL_IBRS);
	CHECK(!(m.efer & X86_EFER_AUTOIBRS));
}

static void test_dynamic_bits(void)
{
	CHECK_EQ(make("v3", &amd, 2), 0);
	cpu_model_cpuid(&m, 1, 0, 0, X86_CR4_OSXSAVE, 7, false, r);
	CHECK(r[2] & CPUID_1_ECX_OSXSAVE);
	CHECK(!(r[3] & CPUID_1_EDX_APIC));
	CHECK(r[3] & CPUID_1_EDX_HTT);
	cpu_model_cpuid(&m, 0xd, 0, 0, 0, 1, true, r);
	CHECK_EQ(r[0], 7);
	CHECK_EQ(r[1], 576);
	CHECK_EQ(r[2], 832);
	cpu_model_cpuid(&m, 0xd, 0, 0, 0, 7, true, r);
	CHECK_EQ(r[1], 832);
	cpu_model_cpuid(&m, 0xd, 1, 0, 0, 7, true, r);
	CHECK_EQ(r[0], 7);
	CHECK_EQ(r[1], 832);
	cpu_model_cpuid(&m, 0xd, 2, 0, 0, 7, true, r);
	CHECK_EQ(r[0], 256);
	CHECK_EQ(r[1], 576);
	cpu_model_cpuid(&m, 0xd, 3, 0, 0, 7, true, r);
	CHECK_EQ(r[0] | r[1] | r[2] | r[3], 0);
}

static const struct {
	uint32_t vps, bits;
} sizes[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {64, 6}};

static void test_topology(void)
{
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t n = sizes[i].vps, bits = sizes[i].bits;

		CHECK_EQ(make("v3", &amd, n), 0);
		cpuid(0xb, 0);
		CHECK_EQ(r[0], 0);
		CHECK_EQ(r[1], 1);
		CHECK_EQ(r[2], 1u << 8);
		CHECK_EQ(r[3], 2);
		cpuid(0xb, 1);
		CHECK_EQ(r[0], bits);
		CHECK_EQ(r[1], n);
		CHECK_EQ(r[2], 1 | 2u << 8);
		cpuid(0xb, 2);
		CHECK_EQ(r[1], 0);
		CHECK_EQ(r[2], 2);
		CHECK_EQ(r[3], 2);
		cpuid(0x80000008, 0);
		CHECK_EQ(r[0], 46 | 48u << 8);
		CHECK_EQ(r[2], (n - 1) | bits << 12);
		cpuid(0x8000001d, 3);
		CHECK_EQ(r[0] >> 14 & 0xfff, n - 1);
		cpuid(0x8000001d, 4);
		CHECK_EQ(r[0] & 0x1f, 0);
		cpuid(0x8000001e, 0);
		CHECK_EQ(r[0], 2);
		CHECK_EQ(r[1], 2);
		CHECK_EQ(r[2], 0);

		CHECK_EQ(make("v3", &intel, n), 0);
		cpuid(4, 0);
		CHECK_EQ(r[0] >> 26, (1u << bits) - 1);
		CHECK_EQ(r[0] >> 14 & 0xfff, 0);
		cpuid(4, 3);
		CHECK_EQ(r[0] >> 14 & 0xfff, (1u << bits) - 1);
		cpuid(4, 4);
		CHECK_EQ(r[0], 0);
	}
}

static uint32_t lacking_leaf, lacking_reg, lacking_bit;

static void cpuid_lacking(void *ctx, uint32_t leaf, uint32_t subleaf,
			  uint32_t out[4])
{
	fake_cpuid_amd(ctx, leaf, subleaf, out);
	if (leaf == lacking_leaf)
		out[lacking_reg] &= ~(1u << lacking_bit);
}

static void test_missing_feature(void)
{
	struct cpu_source host = {.cpuid = cpuid_lacking, .xcr0 = 7};
	const char *text = "";

	lacking_leaf = 7;
	lacking_reg = 1;
	lacking_bit = 5;
	CHECK_EQ(cpu_model_make(&m, "v3", &host, 1, &text), -EOPNOTSUPP);
	CHECK(equal(text, "avx2"));
	CHECK_EQ(cpu_model_make(&m, "v2", &host, 1, &text), 0);
	CHECK_EQ(cpu_model_make(&m, "host", &host, 1, &text), 0);
	cpuid(7, 0);
	CHECK(!(r[1] & 1u << 5));
	/* Optional: the contract says whether it is there. */
	lacking_bit = 29;
	CHECK_EQ(cpu_model_make(&m, "v3", &host, 1, &text), 0);
	CHECK(equal(m.contract, "v3-amd"));
	/* The processor has AVX, its system does not save it. */
	lacking_leaf = 0x99999999;
	host.xcr0 = 3;
	CHECK_EQ(cpu_model_make(&m, "v3", &host, 1, &text), -EOPNOTSUPP);
	CHECK_EQ(cpu_model_make(&m, "host", &host, 1, &text), 0);
	CHECK_EQ(m.xcr0, 3);
	CHECK_EQ(cpu_model_make(&m, "v4", &host, 1, &text), -EINVAL);
	CHECK(equal(text, "v2, v3, host"));
}

/* v2 and v3 are what they are, whatever else the host is. */
static void test_portable(void)
{
	static struct cpu_model one;

	CHECK_EQ(make("v3", &amd, 4), 0);
	one = m;
	lacking_leaf = 0x80000001; /* a lesser host: no 3DNow!, no RDPID ... */
	lacking_reg = 3;
	lacking_bit = 31;
	CHECK_EQ(make("v3",
		      &(struct cpu_source){.cpuid = cpuid_lacking, .xcr0 = 7},
		      4),
		 0);
	CHECK(equal(one.contract, m.contract));
	CHECK_EQ(one.nr_leaves, m.nr_leaves);
	CHECK_EQ(memcmp(one.leaf, m.leaf, sizeof(m.leaf)), 0);
	CHECK_EQ(one.signature, m.signature);
	CHECK_EQ(one.cr4, m.cr4);
	CHECK_EQ(one.efer, m.efer);
	CHECK_EQ(one.xcr0, m.xcr0);
}

static const struct test_case cases[] = {
	{"vendor and signature", test_vendors},
	{"feature levels", test_levels},
	{"what is never shown", test_hidden},
	{"mitigations", test_mitigations},
	{"bits that follow registers", test_dynamic_bits},
	{"topology", test_topology},
	{"a feature that the host lacks", test_missing_feature},
	{"same on another host", test_portable},
};
TEST_SUITE(suite_cpu_model, cases);
