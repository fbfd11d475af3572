/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See fake.h. */
#include "fake.h"

#include <abi/cpuid.h>
#include <base/mem.h>

static struct fake machine;

/* ---- engine ---- */

static int partition_init(struct hv_partition *p)
{
	return 0;
}

static void partition_fini(struct hv_partition *p)
{
}

static int vp_init(struct hv_vp *vp)
{
	return 0;
}

static void vp_fini(struct hv_vp *vp)
{
}

static enum engine_exit vp_run(struct hv_vp *vp)
{
	struct fake_vp *f = fake_vp(vp);

	f->runs++;
	return f->run ? f->run(vp) : ENGINE_EXIT_HALT;
}

static void vp_inject(struct hv_vp *vp, enum hv_event event, uint8_t vector)
{
	struct fake_vp *f = fake_vp(vp);

	f->injected++;
	f->event = event;
	f->vector = vector;
	vp->regs.rflags &= ~X86_FL_IF; /* as by an interrupt gate */
}

static void regs_changed(struct hv_vp *vp, uint32_t what)
{
	fake_vp(vp)->changed |= what;
}

static void vp_kick(struct hv_vp *vp)
{
	fake_vp(vp)->kicks++;
}

const struct engine_ops fake_engine = {
	.name = "fake",
	.partition_size = sizeof(struct fake),
	.vp_size = sizeof(struct fake_vp),
	.partition_init = partition_init,
	.partition_fini = partition_fini,
	.vp_init = vp_init,
	.vp_fini = vp_fini,
	.vp_run = vp_run,
	.vp_inject = vp_inject,
	.regs_changed = regs_changed,
	.vp_kick = vp_kick,
};

/* ---- host ---- */

static void note(struct fake *f, uint64_t addr, unsigned int width, bool write,
		 uint64_t data)
{
	if (f->accesses < FAKE_CALLS)
		f->access[f->accesses] =
			(struct fake_access){addr, width, write, data};
	f->accesses++;
}

static void pio_in(void *ctx, struct hv_vp *vp, uint16_t port,
		   unsigned int width, void *data, uint32_t count)
{
	memset(data, 0x5a, (size_t)width * count);
	note(ctx, port, width, false, count);
}

static void pio_out(void *ctx, struct hv_vp *vp, uint16_t port,
		    unsigned int width, const void *data, uint32_t count)
{
	uint64_t v = 0;

	memcpy(&v, data, width);
	note(ctx, port, width, true, v);
}

static void mmio_read(void *ctx, struct hv_vp *vp, gpa_t gpa,
		      unsigned int width, void *data)
{
	uint64_t v = gpa.v & 0xff;

	memcpy(data, &v, width);
	note(ctx, gpa.v, width, false, 0);
}

static void mmio_write(void *ctx, struct hv_vp *vp, gpa_t gpa,
		       unsigned int width, const void *data)
{
	uint64_t v = 0;

	memcpy(&v, data, width);
	note(ctx, gpa.v, width, true, v);
}

static int extint_ack(void *ctx)
{
	struct fake *f = ctx;

	f->extint_acks++;
	atomic_store(&f->hv.extint, false);
	return f->extint_vector;
}

static void eoi(void *ctx, uint8_t vector)
{
	struct fake *f = ctx;

	f->eois++;
	f->eoi_vector = vector;
}

static void arm_timer(void *ctx, struct hv_vp *vp, uint64_t tsc)
{
	fake_vp(vp)->armed = tsc;
}

static void wake(void *ctx, struct hv_vp *vp)
{
	fake_vp(vp)->wakes++;
}

static const struct hv_host_ops host = {
	.pio_in = pio_in,
	.pio_out = pio_out,
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.extint_ack = extint_ack,
	.eoi = eoi,
	.arm_timer = arm_timer,
	.wake = wake,
};

/* ---- CPU ---- */

static void cpuid_all(uint32_t leaf, bool intel, uint32_t out[4])
{
	memset(out, 0xff, 4 * sizeof(out[0]));
	switch (leaf) {
	case CPUID_VENDOR:
		out[0] = CPUID_XSAVE;
		out[1] = intel ? CPUID_INTEL_EBX : CPUID_AMD_EBX;
		out[2] = intel ? CPUID_INTEL_ECX : CPUID_AMD_ECX;
		out[3] = intel ? CPUID_INTEL_EDX : CPUID_AMD_EDX;
		break;
	case CPUID_FEATURES:
		out[0] = intel ? 0x000906ea : 0x00870f10;
		break;
	case CPUID_EXT_MAX:
		out[0] = CPUID_AMD_FEATURES2;
		break;
	default:
		break;
	}
}

void fake_cpuid_amd(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	cpuid_all(leaf, false, out);
}

void fake_cpuid_intel(void *ctx, uint32_t leaf, uint32_t subleaf,
		      uint32_t out[4])
{
	cpuid_all(leaf, true, out);
}

const struct cpu_source fake_cpu = {.cpuid = fake_cpuid_amd, .xcr0 = 7};

struct fake *fake_machine(unsigned int nr_vps)
{
	struct hv_partition_config config = {
		.engine = &fake_engine,
		.host = &host,
		.host_ctx = &machine,
		.model = &machine.model,
		.tsc_khz = 2000000,
	};
	const char *text;

	memset(&machine, 0, sizeof(machine));
	(void)cpu_model_make(&machine.model, "v3", &fake_cpu, nr_vps, &text);
	(void)hv_partition_init(&machine.hv, &config);
	for (unsigned int i = 0; i < nr_vps; i++)
		(void)hv_vp_init(&machine.vp[i].hv, &machine.hv);
	return &machine;
}
