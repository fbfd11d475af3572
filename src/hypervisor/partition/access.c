/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guest instructions reach outside the processor: CPUID, MSRs, ports,
 * device memory, CR8 and the time-stamp counter. Called by engines on the
 * processor's thread, in the middle of an instruction.
 */
#include <abi/msr.h>
#include <base/mem.h>
#include <hypervisor/partition.h>

#include "core.h"

void hv_vp_cpuid(struct hv_vp *vp, uint32_t leaf, uint32_t subleaf,
		 uint32_t out[4])
{
	cpu_model_cpuid(vp->partition->model, leaf, subleaf, vp->index,
			vp->regs.cr4, vp->regs.xcr0, apic_enabled(&vp->apic),
			out);
}

static bool needs_time(uint32_t msr)
{
	return msr == MSR_TSC || (msr >= MSR_X2APIC && msr <= MSR_X2APIC_LAST &&
				  apic_needs_time(msr - MSR_X2APIC));
}

static struct msr_env msr_env(struct hv_vp *vp, uint32_t msr)
{
	return (struct msr_env){
		.regs = &vp->regs,
		.msr = &vp->msr,
		.apic = &vp->apic,
		.model = vp->partition->model,
		.tsc_offset = &vp->tsc_offset,
		.now = needs_time(msr) ? host_tsc() : 0,
	};
}

bool hv_vp_rdmsr(struct hv_vp *vp, uint32_t msr, uint64_t *ret)
{
	struct msr_env e = msr_env(vp, msr);

	return msr_read(&e, msr, ret);
}

bool hv_vp_wrmsr(struct hv_vp *vp, uint32_t msr, uint64_t value)
{
	struct msr_env e = msr_env(vp, msr);

	if (!msr_write(&e, msr, value))
		return false;
	if (e.changed)
		vp->partition->engine->regs_changed(vp, e.changed);
	vp_apply(vp, &e.result);
	return true;
}

void hv_vp_pio_in(struct hv_vp *vp, uint16_t port, unsigned int width,
		  void *data, uint32_t count)
{
	const struct hv_partition *p = vp->partition;

	p->host->pio_in(p->host_ctx, vp, port, width, data, count);
}

void hv_vp_pio_out(struct hv_vp *vp, uint16_t port, unsigned int width,
		   const void *data, uint32_t count)
{
	const struct hv_partition *p = vp->partition;

	p->host->pio_out(p->host_ctx, vp, port, width, data, count);
}

/* The widest access that is naturally aligned at @gpa and fits in @left. */
static unsigned int piece(uint64_t gpa, unsigned int left)
{
	unsigned int width = 8;

	while (width > left || (gpa & (width - 1)))
		width /= 2;
	return width;
}

static uint64_t apic_now(uint32_t offset)
{
	return apic_needs_time(offset >> 4) ? host_tsc() : 0;
}

static void mmio_read_piece(struct hv_vp *vp, gpa_t gpa, unsigned int width,
			    void *data)
{
	const struct hv_partition *p = vp->partition;

	if (apic_owns(&vp->apic, gpa.v)) {
		uint32_t offset = (uint32_t)(gpa.v & ~PAGE_MASK);
		uint64_t v = apic_mmio_read(&vp->apic, offset, width,
					    apic_now(offset));

		memcpy(data, &v, width);
		return;
	}
	p->host->mmio_read(p->host_ctx, vp, gpa, width, data);
}

static void mmio_write_piece(struct hv_vp *vp, gpa_t gpa, unsigned int width,
			     const void *data)
{
	const struct hv_partition *p = vp->partition;

	if (apic_owns(&vp->apic, gpa.v)) {
		uint32_t offset = (uint32_t)(gpa.v & ~PAGE_MASK);
		struct apic_result result = {0};
		uint64_t v = 0;

		memcpy(&v, data, width);
		apic_mmio_write(&vp->apic, offset, width, v, apic_now(offset),
				&result);
		vp_apply(vp, &result);
		return;
	}
	p->host->mmio_write(p->host_ctx, vp, gpa, width, data);
}

void hv_vp_mmio_read(struct hv_vp *vp, gpa_t gpa, unsigned int width,
		     void *data)
{
	uint8_t *at = data;

	while (width) {
		unsigned int n = piece(gpa.v, width);

		mmio_read_piece(vp, gpa, n, at);
		gpa.v += n;
		at += n;
		width -= n;
	}
}

void hv_vp_mmio_write(struct hv_vp *vp, gpa_t gpa, unsigned int width,
		      const void *data)
{
	const uint8_t *at = data;

	while (width) {
		unsigned int n = piece(gpa.v, width);

		mmio_write_piece(vp, gpa, n, at);
		gpa.v += n;
		at += n;
		width -= n;
	}
}

uint64_t hv_vp_read_cr8(struct hv_vp *vp)
{
	return apic_cr8(&vp->apic);
}

void hv_vp_write_cr8(struct hv_vp *vp, uint64_t value)
{
	struct apic_result result = {0};

	apic_set_cr8(&vp->apic, value, &result);
	vp_apply(vp, &result);
}

uint64_t hv_vp_tsc(struct hv_vp *vp)
{
	return host_tsc() + vp->tsc_offset;
}
