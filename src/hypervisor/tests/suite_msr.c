/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MSR policy: which exist, what may be written. */
#include "check.h"
#include "fake.h"

#include <abi/msr.h>
#include <base/state.h>

static struct hv_vp *vp;

static void machine(void)
{
	vp = &fake_machine(2)->vp[0].hv;
}

static bool wr(uint32_t msr, uint64_t value)
{
	return hv_vp_wrmsr(vp, msr, value);
}

static bool rd(uint32_t msr, uint64_t *ret)
{
	return hv_vp_rdmsr(vp, msr, ret);
}

static uint64_t value_of(uint32_t msr)
{
	uint64_t v = 0xdead;

	CHECK(rd(msr, &v));
	return v;
}

#define HIGH  0xffff800000001000ull /* canonical */
#define CRAZY 0x0000900000000000ull /* not */

/* What a write does and what is read after it. */
static const struct {
	uint32_t msr;
	uint64_t write;
	bool ok;
	uint64_t read;
} writes[] = {
	/* table */
	{MSR_STAR, ~0ull, true, ~0ull},
	{MSR_LSTAR, HIGH, true, HIGH},
	{MSR_LSTAR, CRAZY, false, 0},
	{MSR_CSTAR, CRAZY, false, 0},
	{MSR_SFMASK, 0x47700, true, 0x47700},
	{MSR_SFMASK, 1ull << 32, false, 0},
	{MSR_FS_BASE, HIGH, true, HIGH},
	{MSR_GS_BASE, CRAZY, false, 0},
	{MSR_KERNEL_GS_BASE, HIGH, true, HIGH},
	{MSR_KERNEL_GS_BASE, CRAZY, false, 0},
	{MSR_SYSENTER_CS, 0x10, true, 0x10},
	{MSR_SYSENTER_ESP, CRAZY, false, 0},
	{MSR_SYSENTER_EIP, HIGH, true, HIGH},
	{MSR_TSC_AUX, 5, true, 5},
	{MSR_TSC_AUX, 1ull << 32, false, 0},
	{MSR_PAT, 0x0007010600070106, true, 0x0007010600070106},
	{MSR_PAT, 2, false, PAT_RESET},
	{MSR_PAT, 8, false, PAT_RESET},
	{MSR_MTRR_CAP, 0, false, 0x508},
	{MSR_MTRR_DEF_TYPE, 0xc06, true, 0xc06},
	{MSR_MTRR_DEF_TYPE, 0xc02, false, 0x806},
	{MSR_MTRR_DEF_TYPE, 0x1006, false, 0x806},
	{MSR_MTRR_BASE0, 0xc0000000, true, 0xc0000000},
	{MSR_MTRR_BASE0, 0xc0000002, false, 0},
	{MSR_MTRR_BASE0, 1ull << 46, false, 0},
	{MSR_MTRR_BASE0 + 1, 0x3fffc0000800, true, 0x3fffc0000800},
	{MSR_MTRR_BASE0 + 1, 0x3fffc0000801, false, 0},
	{MSR_MTRR_BASE0 + 15, 0x800, true, 0x800},
	{MSR_MTRR_64K, 0x0606060606060606, true, 0x0606060606060606},
	{MSR_MTRR_64K, 0x0606060606060607, false, 0},
	{MSR_MTRR_16K_A0000, 0, true, 0},
	{MSR_MTRR_4K_C0000 + 7, 0x0505050505050505, true, 0x0505050505050505},
	{MSR_MCG_CAP, 0, false, 0},
	{MSR_MCG_STATUS, 4, true, 4},
	{MSR_MCG_STATUS, 8, false, 0},
	{MSR_DEBUGCTL, 2, true, 2},
	{MSR_DEBUGCTL, 0x4000, false, 0},
	{MSR_LAST_BRANCH + 3, 0, false, 0},
	{MSR_HWCR, 1ull << 6, true, HWCR_TSC_FREQ_SEL},
	{MSR_HWCR, 1ull << 18, true, HWCR_TSC_FREQ_SEL | 1ull << 18},
	{MSR_HWCR, 1, false, HWCR_TSC_FREQ_SEL},
	{MSR_DE_CFG, 0, true, DE_CFG_LFENCE_SERIALIZE},
	{MSR_K7_EVNTSEL0, ~0ull, true, 0},
	{MSR_K7_PERFCTR3, ~0ull, true, 0},
	{MSR_SYSCFG, ~0ull, true, 0},
	{MSR_UCODE_REV, 0, true, 0x01000065},
	{MSR_VM_CR, 0, false, 0},
};

static void test_writes(void)
{
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		machine();
		CHECK_EQ(wr(writes[i].msr, writes[i].write), writes[i].ok);
		CHECK_EQ(value_of(writes[i].msr), writes[i].read);
	}
}

/* Neither readable nor writable on an AMD machine of model v3. */
static const uint32_t missing[] = {
	0,
	MSR_FEATURE_CTL,
	MSR_ARCH_CAPS,
	MSR_MISC_ENABLE,
	MSR_SPEC_CTRL,
	MSR_FLUSH_CMD,
	MSR_MCG_CTL,
	MSR_MC0_CTL,
	MSR_XSS,
	MSR_HYPERV,
	MSR_RAPL_UNIT,
	MSR_PSTATE0,
	0xc0000105,
	MSR_OSVW_LENGTH,
	MSR_X2APIC + 2,
	0xffffffff,
	0x210,
	MSR_F15_PERF_LAST,
	MSR_PLATFORM_INFO,
};

static void test_missing(void)
{
	uint64_t v;

	machine();
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		CHECK_EQ(rd(missing[i], &v) ? missing[i] : 0, 0);
		CHECK_EQ(wr(missing[i], 0) ? missing[i] : 0, 0);
	}
	CHECK(!rd(MSR_PRED_CMD, &v));
	CHECK(wr(MSR_PRED_CMD, PRED_CMD_IBPB));
	CHECK(!wr(MSR_PRED_CMD, 2));
	CHECK(!rd(MSR_PATCH_LOADER, &v));
	CHECK(wr(MSR_PATCH_LOADER, 0x1234));
}

static void test_efer(void)
{
	machine();
	CHECK(wr(MSR_EFER, X86_EFER_SCE | X86_EFER_LME | X86_EFER_NXE));
	CHECK_EQ(value_of(MSR_EFER),
		 X86_EFER_SCE | X86_EFER_LME | X86_EFER_NXE);
	CHECK(fake_vp(vp)->changed & HV_CHANGED_PAGING);
	CHECK(!wr(MSR_EFER, X86_EFER_SVME));
	CHECK(!wr(MSR_EFER, 1ull << 40));
	CHECK(wr(MSR_EFER, X86_EFER_LME | X86_EFER_LMA));
	CHECK_EQ(vp->regs.efer, X86_EFER_LME); /* LMA is not for writing */
	CHECK(wr(MSR_EFER, X86_EFER_LME | X86_EFER_AUTOIBRS));

	/* In long mode LME stays, LMA survives what is written. */
	vp->regs.cr0 |= X86_CR0_PG | X86_CR0_PE;
	vp->regs.efer |= X86_EFER_LMA;
	CHECK(!wr(MSR_EFER, X86_EFER_NXE));
	CHECK(wr(MSR_EFER, X86_EFER_LME | X86_EFER_NXE));
	CHECK_EQ(vp->regs.efer, X86_EFER_LME | X86_EFER_NXE | X86_EFER_LMA);
}

static void test_tsc(void)
{
	uint64_t t;

	machine();
	t = value_of(MSR_TSC);
	CHECK(value_of(MSR_TSC) >= t);
	CHECK(t < 1ull << 40); /* began at zero */
	CHECK(wr(MSR_TSC_ADJUST, 1ull << 50));
	CHECK(value_of(MSR_TSC) >= (1ull << 50) + t);
	CHECK_EQ(value_of(MSR_TSC_ADJUST), 1ull << 50);
	CHECK(wr(MSR_TSC, 0));
	CHECK(value_of(MSR_TSC) < 1ull << 40);
	CHECK(-value_of(MSR_TSC_ADJUST) <
	      1ull << 40); /* back by what had passed */
	CHECK(hv_vp_tsc(vp) < 1ull << 40);
	/* A deadline follows the TSC. */
	CHECK(hv_vp_wrmsr(vp, MSR_APIC_BASE, vp->apic.base | APIC_BASE_X2APIC));
	CHECK(wr(MSR_X2APIC + APIC_LVT_TIMER, APIC_TIMER_DEADLINE | 0x40));
	CHECK(wr(MSR_TSC_DEADLINE, 1ull << 42));
	t = fake_vp(vp)->armed;
	CHECK(wr(MSR_TSC_ADJUST, value_of(MSR_TSC_ADJUST) + 1000));
	CHECK_EQ(fake_vp(vp)->armed, t - 1000);
	CHECK_EQ(value_of(MSR_TSC_DEADLINE), 1ull << 42);
}

static void test_intel(void)
{
	static const struct cpu_source host = {.cpuid = fake_cpuid_intel,
					       .xcr0 = 7};
	struct fake *f;
	const char *text;
	uint64_t v;

	machine();
	f = (struct fake *)(void *)vp->partition;
	CHECK_EQ(cpu_model_make(&f->model, "v3", &host, 2, &text), 0);
	CHECK_EQ(value_of(MSR_ARCH_CAPS), f->model.arch_caps);
	CHECK(!wr(MSR_ARCH_CAPS, 0));
	CHECK_EQ(value_of(MSR_FEATURE_CTL), 1);
	CHECK(wr(MSR_SPEC_CTRL, SPEC_CTRL_IBRS));
	CHECK_EQ(value_of(MSR_SPEC_CTRL), SPEC_CTRL_IBRS);
	CHECK(!wr(MSR_SPEC_CTRL, SPEC_CTRL_SSBD));
	CHECK_EQ(value_of(MSR_MISC_ENABLE), 0x1801);
	CHECK(wr(MSR_MISC_ENABLE, ~1ull));
	CHECK_EQ(value_of(MSR_MISC_ENABLE), 0x1800);
	CHECK_EQ(value_of(MSR_UCODE_REV), 1ull << 32);
	CHECK(!rd(MSR_DE_CFG, &v));
	CHECK(!rd(MSR_HWCR, &v));
	CHECK(!wr(MSR_EFER, X86_EFER_AUTOIBRS));
}

static void test_v2(void)
{
	struct fake *f;
	const char *text;
	uint64_t v;

	machine();
	f = (struct fake *)(void *)vp->partition;
	CHECK_EQ(cpu_model_make(&f->model, "v2", &fake_cpu, 2, &text), 0);
	CHECK(!rd(MSR_TSC_AUX, &v)); /* no RDTSCP */
	CHECK(!wr(MSR_TSC_AUX, 1));
	CHECK(rd(MSR_TSC_DEADLINE, &v));
}

static void test_hostile_state(void)
{
	struct msr_state good, bad;

	machine();
	good = vp->msr;
	CHECK_EQ(msr_state_desc.check(&good), 0);
#define REFUSE(change)                                                         \
	do {                                                                   \
		bad = good;                                                    \
		bad.change;                                                    \
		CHECK(msr_state_desc.check(&bad) < 0);                         \
	} while (0)
	REFUSE(mtrr_def_type = 2);
	REFUSE(mtrr_fixed[10] = 7);
	REFUSE(mtrr_var[0] = 0x100);
	REFUSE(mtrr_var[1] = 1);
	REFUSE(spec_ctrl = 8);
	REFUSE(misc_enable = 2);
	REFUSE(mcg_status = 8);
	REFUSE(hwcr = 1);
	REFUSE(debugctl = 0x40);
#undef REFUSE
}

static const struct test_case cases[] = {
	{"writes", test_writes},
	{"what is not there", test_missing},
	{"EFER", test_efer},
	{"time-stamp counter", test_tsc},
	{"an Intel machine", test_intel},
	{"model v2", test_v2},
	{"hostile state is refused", test_hostile_state},
};
TEST_SUITE(suite_msr, cases);
