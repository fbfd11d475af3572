/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include "decode.h"

#include <base/assert.h>

#include <stdlib.h>

struct soft_vp *vp;
uint8_t *fake_ram;
uint8_t *fake_rom;
struct fake_device fake_device;
unsigned int fake_code_writes;

static struct soft_partition *partition;

struct cpu_model fake_model = {
	.name = "fake",
	.intel = true,
	.nr_leaves = 3,
	.leaf =
		{
			{.leaf = 1,
			 .subleaf = UINT32_MAX,
			 .ecx = UINT32_MAX,
			 .edx = UINT32_MAX},
			{.leaf = 7, .subleaf = 0, .ebx = UINT32_MAX},
			{.leaf = 0x80000001,
			 .subleaf = UINT32_MAX,
			 .ecx = UINT32_MAX,
			 .edx = UINT32_MAX},
		},
	.phys_bits = 40,
	.xcr0 = 7,
	.cr4 = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
	       X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR |
	       X86_CR4_UMIP | X86_CR4_FSGSBASE | X86_CR4_PCIDE |
	       X86_CR4_OSXSAVE | X86_CR4_SMEP | X86_CR4_SMAP,
	.efer = X86_EFER_SCE | X86_EFER_LME | X86_EFER_NXE,
};

_Noreturn void base_bug(const char *file, int line, const char *what)
{
	print_error("%s:%d: %s\n", file, line, what);
	abort();
}

/* ---- the core ---- */

uint8_t *hv_gpa_to_host(const struct hv_partition *p, gpa_t gpa,
			uint64_t *ret_left, bool *ret_readonly)
{
	if (gpa.v < FAKE_RAM) {
		*ret_left = FAKE_RAM - gpa.v;
		*ret_readonly = false;
		return fake_ram + gpa.v;
	}
	if (gpa.v - FAKE_ROM < PAGE_SIZE) {
		*ret_left = PAGE_SIZE - (gpa.v - FAKE_ROM);
		*ret_readonly = true;
		return fake_rom + (gpa.v - FAKE_ROM);
	}
	return NULL;
}

void hv_vp_mmio_read(struct hv_vp *hv, gpa_t gpa, unsigned int width,
		     void *data)
{
	fake_device.gpa = gpa.v;
	fake_device.width = width;
	fake_device.reads++;
	memset(data, 0xff, width);
}

void hv_vp_mmio_write(struct hv_vp *hv, gpa_t gpa, unsigned int width,
		      const void *data)
{
	fake_device.gpa = gpa.v;
	fake_device.width = width;
	fake_device.writes++;
	memcpy(fake_device.data, data, width);
}

void hv_vp_cpuid(struct hv_vp *hv, uint32_t leaf, uint32_t subleaf,
		 uint32_t out[4])
{
	memset(out, 0, 16);
}

bool hv_vp_rdmsr(struct hv_vp *hv, uint32_t msr, uint64_t *ret)
{
	return false;
}

bool hv_vp_wrmsr(struct hv_vp *hv, uint32_t msr, uint64_t value)
{
	return false;
}

uint64_t hv_vp_read_cr8(struct hv_vp *hv)
{
	return 0;
}

void hv_vp_write_cr8(struct hv_vp *hv, uint64_t value)
{
}

uint64_t hv_vp_tsc(struct hv_vp *hv)
{
	return 1;
}

/* ---- the block cache ---- */

void soft_code_written(struct soft_vp *v, gpa_t gpa, unsigned int len)
{
	fake_code_writes++;
}

/* ---- set-up ---- */

int fake_setup(void **state)
{
	unsigned int i;

	fake_ram = aligned_alloc(PAGE_SIZE, FAKE_RAM);
	fake_rom = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	partition = calloc(1, sizeof(*partition));
	vp = aligned_alloc(64, (sizeof(*vp) + 63) & ~(size_t)63);
	if (!fake_ram || !fake_rom || !partition || !vp)
		return -1;
	memset(fake_ram, 0, FAKE_RAM);
	memset(fake_rom, 0x5a, PAGE_SIZE);
	memset(vp, 0, sizeof(*vp));
	memset(&fake_device, 0, sizeof(fake_device));
	fake_code_writes = 0;
	fake_model.intel = true;
	partition->hv.model = &fake_model;
	partition->hv.nr_vps = 1;
	partition->hv.vp[0] = &vp->hv;
	vp->hv.partition = &partition->hv;
	vp->partition = partition;
	for (i = 0; i < X86_SEGS; i++)
		vp->hv.regs.seg[i] = (struct vp_segment){
			.limit = 0xffff,
			.attr = X86_ATTR_P | X86_ATTR_S | X86_TYPE_WRITABLE,
		};
	vp->hv.regs.cr0 = X86_CR0_ET;
	vp->hv.regs.idtr.limit = 0x3ff;
	vp->hv.regs.gpr[X86_RSP] = FAKE_STACK;
	flags_set(vp, X86_FL_FIXED);
	if (tlb_init(vp) < 0)
		return -1;
	soft_mode_update(vp);
	return 0;
}

int fake_teardown(void **state)
{
	tlb_fini(vp);
	free(vp);
	free(partition);
	free(fake_ram);
	free(fake_rom);
	return 0;
}

int fake_execute(const void *bytes, size_t len)
{
	enum decode_mode mode = vp->mode & SOFT_MODE_64   ? DECODE_64
				: vp->mode & SOFT_MODE_32 ? DECODE_32
							  : DECODE_16;
	static struct insn in;

	if (vp->mode & (SOFT_MODE_REAL | SOFT_MODE_V86))
		mode |= DECODE_REAL;
	if (insn_decode(&in, bytes, len, mode) != (int)len)
		fail_msg("bytes are no instruction");
	in.fn = bind_system(vp, &in);
	assert_non_null(in.fn);
	vp->in = &in;
	vp->hv.regs.rip += in.len;
	return RAISES((in.fn(vp, &in), vp->in = NULL));
}

struct vp_segment fake_segment(uint16_t sel, unsigned int type,
			       unsigned int dpl, unsigned int extra)
{
	return (struct vp_segment){
		.sel = sel,
		.limit = UINT32_MAX,
		.attr = (uint16_t)(X86_ATTR_P | X86_ATTR_S | X86_ATTR_G | type |
				   dpl << X86_ATTR_DPL_SHIFT | extra),
	};
}

uint64_t fake_descriptor(uint32_t base, uint32_t limit20, uint16_t attr)
{
	return (limit20 & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
	       (uint64_t)(attr & 0xff) << 40 |
	       (uint64_t)(limit20 >> 16 & 0xf) << 48 |
	       (uint64_t)(attr & 0xf00) << 44 | (uint64_t)(base >> 24) << 56;
}

#define CODE (X86_TYPE_CODE | X86_TYPE_READABLE)
#define DATA X86_TYPE_WRITABLE
#define SEG  (X86_ATTR_P | X86_ATTR_S | X86_ATTR_G)
#define DPL3 X86_ATTR_DPL

static void tables(void)
{
	struct vp_regs *r = &vp->hv.regs;
	unsigned int i;

	poke64(FAKE_GDT + 0x08,
	       fake_descriptor(0, 0xfffff, SEG | CODE | X86_ATTR_DB));
	poke64(FAKE_GDT + 0x10,
	       fake_descriptor(0, 0xfffff, SEG | DATA | X86_ATTR_DB));
	poke64(FAKE_GDT + 0x18,
	       fake_descriptor(0, 0xfffff, SEG | CODE | X86_ATTR_DB | DPL3));
	poke64(FAKE_GDT + 0x20,
	       fake_descriptor(0, 0xfffff, SEG | DATA | X86_ATTR_DB | DPL3));
	poke64(FAKE_GDT + 0x28,
	       fake_descriptor(FAKE_TSS, 0xfff,
			       X86_ATTR_P | X86_TYPE_TSS_BUSY));
	poke64(FAKE_GDT + 0x38,
	       fake_descriptor(0, 0xfffff, SEG | CODE | X86_ATTR_L));
	poke64(FAKE_GDT + 0x40,
	       fake_descriptor(0, 0xfffff, SEG | CODE | X86_ATTR_L | DPL3));
	poke64(FAKE_GDT + 0x48,
	       fake_descriptor(0, 0xffff, X86_ATTR_P | X86_ATTR_S | CODE));
	poke64(FAKE_GDT + 0x50,
	       fake_descriptor(0, 0xffff, X86_ATTR_P | X86_ATTR_S | DATA));
	poke64(FAKE_PML4, 0x11007);
	for (i = 0; i < 4; i++)
		poke64(0x11000 + 8 * i, 0x12007 + 0x1000 * i);
	for (i = 0; i < 2048; i++)
		poke64(0x12000 + 8 * i, (uint64_t)i << 21 | 0x87);
	r->gdtr = (struct vp_table){FAKE_GDT, 0x57};
	r->idtr = (struct vp_table){FAKE_IDT, 0xfff};
	r->tr = (struct vp_segment){.sel = 0x28,
				    .base = FAKE_TSS,
				    .limit = 0xfff,
				    .attr = X86_ATTR_P | X86_TYPE_TSS_BUSY};
	r->gpr[X86_RSP] = FAKE_STACK;
	r->rip = 0x5000;
}

static void data_segments(unsigned int cpl)
{
	uint16_t sel = cpl == 3 ? 0x23 : 0x10;
	unsigned int i;

	for (i = 0; i < X86_SEGS; i++)
		if (i != X86_CS)
			vp->hv.regs.seg[i] =
				fake_segment(sel, DATA, cpl, X86_ATTR_DB);
}

void fake_protected(unsigned int cpl)
{
	struct vp_regs *r = &vp->hv.regs;

	tables();
	poke32(FAKE_TSS + 4, FAKE_RSP0);
	poke32(FAKE_TSS + 8, 0x10);
	r->cr0 = X86_CR0_ET | X86_CR0_PE;
	r->cr4 = 0;
	r->efer = 0;
	data_segments(cpl);
	r->seg[X86_CS] =
		fake_segment(cpl == 3 ? 0x1b : 0x08, CODE, cpl, X86_ATTR_DB);
	tlb_flush_all(vp);
	soft_mode_update(vp);
}

void fake_long(unsigned int cpl)
{
	struct vp_regs *r = &vp->hv.regs;

	tables();
	poke64(FAKE_TSS + 4, FAKE_RSP0);
	r->cr0 = X86_CR0_ET | X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	r->cr3 = FAKE_PML4;
	r->cr4 = X86_CR4_PAE;
	r->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;
	data_segments(cpl);
	r->seg[X86_CS] =
		fake_segment(cpl == 3 ? 0x43 : 0x38, CODE, cpl, X86_ATTR_L);
	tlb_flush_all(vp);
	soft_mode_update(vp);
}

void fake_gate(uint8_t vector, unsigned int type, unsigned int dpl,
	       uint16_t sel, uint64_t offset, unsigned int ist)
{
	uint64_t low = (offset & 0xffff) | (uint64_t)sel << 16 |
		       (uint64_t)ist << 32 |
		       (uint64_t)(X86_ATTR_P | type | dpl << X86_ATTR_DPL_SHIFT)
			       << 40 |
		       (offset & 0xffff0000) << 32;

	if (vp_long_mode(&vp->hv.regs)) {
		poke64(FAKE_IDT + 16u * vector, low);
		poke64(FAKE_IDT + 16u * vector + 8, offset >> 32);
	} else {
		poke64(FAKE_IDT + 8u * vector, low);
	}
}
