/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine.h"

#include <base/assert.h>
#include <soft/engine.h>

#include <cpuid.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

_Noreturn void base_bug(const char *file, int line, const char *what)
{
	print_error("%s:%d: %s\n", file, line, what);
	abort();
}

/* ---- what hosts the core ---- */

static void pio_in(void *ctx, struct hv_vp *vp, uint16_t port,
		   unsigned int width, void *data, uint32_t count)
{
	struct machine *m = ctx;

	for (uint32_t i = 0; i < width * count; i++)
		((uint8_t *)data)[i] = (uint8_t)(port + i);
	if (m->on_pio)
		m->on_pio(m, port);
}

static void pio_out(void *ctx, struct hv_vp *vp, uint16_t port,
		    unsigned int width, const void *data, uint32_t count)
{
	struct machine *m = ctx;

	for (uint32_t i = 0; i < count && m->nr_out < 64; i++) {
		uint32_t v = 0;

		memcpy(&v, (const uint8_t *)data + i * width, width);
		m->out[m->nr_out++] = v;
	}
	if (m->on_pio)
		m->on_pio(m, port);
}

static void mmio_read(void *ctx, struct hv_vp *vp, gpa_t gpa,
		      unsigned int width, void *data)
{
	memset(data, 0xff, width);
}

static void mmio_write(void *ctx, struct hv_vp *vp, gpa_t gpa,
		       unsigned int width, const void *data)
{
}

static int extint_ack(void *ctx)
{
	return -1;
}

static void eoi(void *ctx, uint8_t vector)
{
}

static void arm_timer(void *ctx, struct hv_vp *vp, uint64_t tsc)
{
}

static void wake(void *ctx, struct hv_vp *vp)
{
}

static const struct hv_host_ops host_ops = {
	.pio_in = pio_in,
	.pio_out = pio_out,
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.extint_ack = extint_ack,
	.eoi = eoi,
	.arm_timer = arm_timer,
	.wake = wake,
};

static void host_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf,
		       uint32_t out[4])
{
	__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}

static const struct cpu_model *model(void)
{
	static struct cpu_model m;
	const struct cpu_source host = {.cpuid = host_cpuid, .xcr0 = 7};
	const char *text = "";

	if (!m.nr_leaves && cpu_model_make(&m, "host", &host, 2, &text) < 0)
		fail_msg("cpu model: %s", text);
	return &m;
}

/* ---- the machine ---- */

bool machine_xlat;

static void page_tables(struct machine *m)
{
	uint64_t *pml4 = (uint64_t *)(void *)(m->ram + 0x1000);
	uint64_t *pdpt = (uint64_t *)(void *)(m->ram + 0x2000);
	uint64_t *pd = (uint64_t *)(void *)(m->ram + 0x3000);
	uint64_t *pt = (uint64_t *)(void *)(m->ram + 0x8000);

	pml4[0] = 0x2000 | X86_PTE_P | X86_PTE_W | X86_PTE_U;
	pdpt[0] = 0x3000 | X86_PTE_P | X86_PTE_W | X86_PTE_U;
	for (uint64_t i = 0; i < 4; i++) {
		pd[i] = (0x8000 + i * 0x1000) | X86_PTE_P | X86_PTE_W |
			X86_PTE_U;
		for (uint64_t j = 0; j < 512; j++)
			pt[i * 512 + j] = ((i * 512 + j) << 12) | X86_PTE_P |
					  X86_PTE_W | X86_PTE_U;
	}
}

static void flat64(struct vp_regs *r)
{

	for (unsigned int i = 0; i < X86_SEGS; i++)
		r->seg[i] = (struct vp_segment){
			.sel = 0x10,
			.limit = UINT32_MAX,
			.attr = X86_ATTR_P | X86_ATTR_S | X86_ATTR_G |
				X86_ATTR_DB | X86_TYPE_WRITABLE |
				X86_TYPE_ACCESSED,
		};
	r->seg[X86_CS].sel = 8;
	r->seg[X86_CS].attr = X86_ATTR_P | X86_ATTR_S | X86_ATTR_G |
			      X86_ATTR_L | X86_TYPE_CODE | X86_TYPE_READABLE |
			      X86_TYPE_ACCESSED;
	r->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_NE | X86_CR0_ET | X86_CR0_WP;
	r->cr3 = 0x1000;
	r->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_DE;
	r->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
	r->gpr[X86_RSP] = MACHINE_STACK;
	r->rip = MACHINE_CODE;
	r->rflags = X86_FL_FIXED;
}

/* A GDT whose entries are what flat64() has put into the registers. */
static void gdt(struct machine *m)
{
	uint64_t *entry = (uint64_t *)(void *)(m->ram + 0x4000);

	entry[1] = UINT64_C(0x00af9b000000ffff);
	entry[2] = UINT64_C(0x00cf93000000ffff);
	m->r->gdtr.base = 0x4000;
	m->r->gdtr.limit = 0x17;
}

void machine_init(struct machine *m)
{
	const struct hv_partition_config config = {
		.engine = machine_xlat ? &soft_engine_xlat : &soft_engine,
		.host = &host_ops,
		.host_ctx = m,
		.model = model(),
		.tsc_khz = 1000000,
	};
	struct hv_slot slot = {.size = MACHINE_RAM};

	memset(m, 0, sizeof(*m));
	m->ram = mmap(NULL, MACHINE_RAM, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(m->ram, MAP_FAILED);
	m->p = aligned_alloc(64, (soft_engine.partition_size + 63) & ~63ul);
	m->vp = aligned_alloc(64, (soft_engine.vp_size + 63) & ~63ul);
	memset(m->p, 0, soft_engine.partition_size);
	memset(m->vp, 0, soft_engine.vp_size);
	assert_int_equal(hv_partition_init(m->p, &config), 0);
	((struct soft_partition *)(void *)m->p)->xlat_heat = 0;
	slot.host = m->ram;
	assert_int_equal(hv_partition_map(m->p, &slot), 0);
	assert_int_equal(hv_vp_init(&m->vp->hv, m->p), 0);
	m->r = &m->vp->hv.regs;
	page_tables(m);
	flat64(m->r);
	gdt(m);
	machine_set_regs(m);
}

struct soft_vp *machine_add_vp(struct machine *m)
{
	struct soft_vp *vp =
		aligned_alloc(64, (soft_engine.vp_size + 63) & ~63ul);

	memset(vp, 0, soft_engine.vp_size);
	assert_int_equal(hv_vp_init(&vp->hv, m->p), 0);
	flat64(&vp->hv.regs);
	vp->hv.regs.gdtr = m->r->gdtr;
	vp->hv.regs.activity = VP_RUNNING;
	soft_engine.regs_changed(&vp->hv, HV_CHANGED_ALL);
	m->other = vp;
	return vp;
}

void machine_fini(struct machine *m)
{
	if (m->other)
		hv_vp_fini(&m->other->hv);
	free(m->other);
	hv_vp_fini(&m->vp->hv);
	hv_partition_fini(m->p);
	free(m->vp);
	free(m->p);
	munmap(m->ram, MACHINE_RAM);
}

void machine_set_regs(struct machine *m)
{
	soft_engine.regs_changed(&m->vp->hv, HV_CHANGED_ALL);
}

void machine_load(struct machine *m, const uint8_t *code, const uint8_t *end)
{
	memcpy(m->ram + MACHINE_CODE, code, (size_t)(end - code));
	soft_engine.memory_written(m->p, GPA(MACHINE_CODE),
				   (uint64_t)(end - code));
	m->r->rip = MACHINE_CODE;
	machine_set_regs(m);
}

void machine_idt(struct machine *m, uint64_t handlers)
{
	uint64_t *gate = (uint64_t *)(void *)(m->ram + MACHINE_IDT);

	memset(m->ram + handlers, 0xf4, 32);
	for (uint64_t i = 0; i < 32; i++) {
		uint64_t at = handlers + i;

		gate[2 * i] = (at & 0xffff) | 8 << 16 | UINT64_C(0x8e) << 40 |
			      (at >> 16 & 0xffff) << 48;
		gate[2 * i + 1] = at >> 32;
	}
	m->r->idtr.base = MACHINE_IDT;
	m->r->idtr.limit = 32 * 16 - 1;
}

void machine_run_code(struct machine *m, const uint8_t *code,
		      const uint8_t *end)
{
	machine_load(m, code, end);
	assert_int_equal(soft_engine.vp_run(&m->vp->hv), ENGINE_EXIT_HALT);
}
