/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A processor's state: saved, loaded elsewhere, refused when hostile. */
#include "check.h"
#include "fake.h"

#include <abi/msr.h>
#include <base/errno.h>
#include <base/mem.h>
#include <base/state.h>

static struct hv_vp_image image, other;
static uint8_t one[8192], two[8192];

static struct hv_vp *machine(void)
{
	return &fake_machine(2)->vp[0].hv;
}

/* Something in every record. */
static void fill(struct hv_vp *vp)
{
	struct vp_regs *r = &vp->regs;

	for (unsigned int i = 0; i < X86_GPRS; i++)
		r->gpr[i] = 0x1111111111111111ull * i;
	r->rip = 0xffffffff81000000;
	r->cr0 = X86_CR0_PG | X86_CR0_PE | X86_CR0_ET | X86_CR0_WP;
	r->cr3 = 0x1000;
	r->cr4 = X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_OSXSAVE;
	r->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
	r->xcr0 = 7;
	r->seg[X86_GS].base = 0xffff888000000000;
	r->activity = VP_HALTED;
	r->shadow = VP_NMI_BLOCKED;
	r->fpu.legacy[160] = 0x77;
	r->fpu.ymm_hi[255] = 0x88;
	r->fpu.header[0] = 7;
	(void)hv_vp_wrmsr(vp, MSR_MTRR_64K, 0x0606060606060606);
	(void)hv_vp_wrmsr(vp, MSR_TSC_ADJUST, 5000);
	(void)hv_vp_wrmsr(vp, MSR_APIC_BASE, vp->apic.base | APIC_BASE_X2APIC);
	(void)hv_vp_wrmsr(vp, MSR_X2APIC + APIC_SVR, 0x1ff);
	(void)hv_vp_wrmsr(vp, MSR_X2APIC + APIC_LVT_TIMER,
			  APIC_TIMER_DEADLINE | 0x40);
	(void)hv_vp_wrmsr(vp, MSR_TSC_DEADLINE, 1ull << 45);
	hv_vp_nmi(vp);
	hv_partition_msi(vp->partition, 0xfee00000, 0x55);
}

static void test_round_trip(void)
{
	struct hv_vp *vp = machine();
	uint64_t tsc, deadline;
	int64_t n;

	fill(vp);
	n = hv_vp_save(vp, &image, one, sizeof(one));
	CHECK_EQ(n, hv_vp_state_size());
	CHECK_EQ(hv_vp_save(vp, &image, two, (size_t)n - 1), -ENOSPC);
	(void)hv_vp_save(vp, &image, one, sizeof(one));
	tsc = hv_vp_tsc(vp);

	/* Another machine, later. */
	vp = machine();
	CHECK_EQ(hv_vp_load(vp, &image, one, (size_t)n), n);
	/* Goes on from the moment of saving. */
	CHECK(hv_vp_tsc(vp) - tsc + 1000000000 < 1ull << 33);
	CHECK_EQ(vp->regs.rip, 0xffffffff81000000);
	CHECK_EQ(vp->regs.gpr[15], 0xffffffffffffffff);
	CHECK_EQ(vp->regs.fpu.ymm_hi[255], 0x88);
	CHECK_EQ(vp->msr.tsc_adjust, 5000);
	CHECK_EQ(fake_vp(vp)->changed, HV_CHANGED_ALL);
	deadline = (1ull << 45) - vp->tsc_offset;
	CHECK_EQ(fake_vp(vp)->armed, deadline);
	CHECK(hv_vp_runnable(vp));

	/* The same again but for time and what the NMI did. */
	CHECK_EQ(hv_vp_save(vp, &other, two, sizeof(two)), n);
	CHECK_EQ(memcmp(one, two, (size_t)n - state_size(&vp_event_state_desc)),
		 0);
	CHECK_EQ(other.event.nmi_pending, 1);
	CHECK_EQ(other.event.tsc_delta, 5000);
}

/* Processors saved at different moments agree about time afterwards. */
static void test_time_of_all(void)
{
	struct fake *f;
	size_t size = hv_vp_state_size();

	f = fake_machine(2);
	(void)hv_vp_save(&f->vp[0].hv, &image, one, size);
	for (uint64_t t = hv_vp_tsc(&f->vp[0].hv) + 100000;
	     hv_vp_tsc(&f->vp[0].hv) < t;)
		;
	(void)hv_vp_save(&f->vp[1].hv, &image, two, size);
	f = fake_machine(2);
	CHECK_EQ(hv_vp_load(&f->vp[0].hv, &image, one, size), size);
	CHECK_EQ(hv_vp_load(&f->vp[1].hv, &image, two, size), size);
	CHECK_EQ(f->vp[0].hv.tsc_offset, f->vp[1].hv.tsc_offset);
}

static void test_truncated(void)
{
	struct hv_vp *vp = machine();
	size_t size = hv_vp_state_size();

	fill(vp);
	(void)hv_vp_save(vp, &image, one, size);
	vp = machine();
	for (size_t n = 0; n < size; n += 7)
		CHECK(hv_vp_load(vp, &image, one, n) < 0);
	CHECK_EQ(vp->regs.rip, 0xfff0); /* untouched */
	one[4 + 15] = 2;                /* version of hypervisor/regs */
	CHECK_EQ(hv_vp_load(vp, &image, one, size), -EPROTO);
	one[4 + 15] = 1;
	one[4] ^= 1;
	CHECK_EQ(hv_vp_load(vp, &image, one, size), -ENOENT);
}

/* As a record of its own: save @image's regs, try to load them. */
static int load_regs(void)
{
	static struct vp_regs to, scratch;
	int64_t n = state_save(&vp_regs_desc, &image.regs, one, sizeof(one));

	memset(&to, 0, sizeof(to));
	n = state_load(&vp_regs_desc, &to, one, (size_t)n, &scratch);
	return n < 0 ? (int)n : 0;
}

static void test_hostile_regs(void)
{
	struct hv_vp *vp = machine();
	static struct vp_regs good;

	fill(vp);
	good = image.regs = vp->regs;
	CHECK_EQ(load_regs(), 0);
#define REFUSE(change)                                                         \
	do {                                                                   \
		image.regs = good;                                             \
		image.regs.change;                                             \
		CHECK_EQ(load_regs(), -EINVAL);                                \
	} while (0)
	REFUSE(gpr[X86_GPRS] = 1);
	REFUSE(rflags = 0);
	REFUSE(rflags |= 1ull << 15);
	REFUSE(rflags |= X86_FL_VM);
	REFUSE(cr0 |= 1ull << 40);
	REFUSE(cr0 &= ~X86_CR0_PE);
	REFUSE(cr0 |= X86_CR0_NW);
	REFUSE(cr4 &= ~X86_CR4_PAE);
	REFUSE(efer &= ~X86_EFER_LMA);
	REFUSE(seg[X86_FS].base = 1ull << 60);
	REFUSE(kernel_gs_base = 1ull << 47);
	REFUSE(lstar = 1ull << 50);
	REFUSE(sysenter_eip = 1ull << 50);
	REFUSE(gdtr.base = 1ull << 50);
	REFUSE(pat = 2);
	REFUSE(dr7 = 1ull << 32);
	REFUSE(dr6 = 1ull << 32);
	REFUSE(tsc_aux = 1ull << 32);
	REFUSE(sfmask = 1ull << 32);
	REFUSE(activity = VP_SHUTDOWN + 1);
	REFUSE(shadow = 8);
	REFUSE(xcr0 = 5);
	REFUSE(xcr0 = 0);
	REFUSE(fpu.header[1] = 1);
	REFUSE(fpu.header[8] = 1);
	REFUSE(fpu.legacy[26] = 1);
#undef REFUSE
}

/* Legal values that this machine's CPU model does not have. */
static void test_foreign_model(void)
{
	struct hv_vp *vp = machine();
	size_t size = hv_vp_state_size();

	vp->regs.cr4 |= X86_CR4_PKE;
	(void)hv_vp_save(vp, &image, one, size);
	vp = machine();
	CHECK_EQ(hv_vp_load(vp, &image, one, size), -EINVAL);
	vp->regs.xcr0 = 0x207;
	(void)hv_vp_save(vp, &image, one, size);
	vp = machine();
	CHECK_EQ(hv_vp_load(vp, &image, one, size), -EINVAL);
	vp->msr.spec_ctrl = 1; /* model v3 of AMD has no such register */
	(void)hv_vp_save(vp, &image, one, size);
	vp = machine();
	CHECK_EQ(hv_vp_load(vp, &image, one, size), -EINVAL);
	/* The second processor's state is not the first's. */
	(void)hv_vp_save(vp, &image, one, size);
	CHECK_EQ(hv_vp_load(vp->partition->vp[1], &image, one, size), -EINVAL);
	CHECK_EQ(hv_vp_load(vp, &image, one, size), size);
}

static const struct test_case cases[] = {
	{"round trip", test_round_trip},
	{"time of several processors", test_time_of_all},
	{"truncated, newer, another", test_truncated},
	{"hostile registers are refused", test_hostile_regs},
	{"another CPU model's state is refused", test_foreign_model},
};
TEST_SUITE(suite_vp_state, cases);
