/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine side: a partition with one processor, long mode, user pages like
 * the child's. A case runs until an exception (at the latest the INT3 behind
 * it), whose handler is HLT; handlers are told apart by address. So all of the
 * engine takes part: block cache, run loop, MMU, delivery.
 */
#include "window.h"

#include "flags.h"
#include "vp.h"

#include <base/assert.h>
#include <hypervisor/partition.h>
#include <soft/engine.h>

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Guest-physical */
#define RAM_SIZE   (2u << 20)
#define PA_PML4    0x1000u
#define PA_PDPT    0x2000u
#define PA_PD      0x3000u
#define PA_PT_CODE 0x4000u
#define PA_PT_DATA 0x5000u
#define PA_KPDPT   0x6000u
#define PA_KPD     0x7000u
#define PA_KPT     0x8000u
#define PA_KERNEL  0x10000u /* GDT and TSS, IDT, handlers, stack */
#define PA_CODE    0x20000u
#define PA_DATA    0x30000u

/* Linear */
#define KERNEL   UINT64_C(0xffff800000000000)
#define GDT      KERNEL
#define TSS      (KERNEL + 0x800)
#define IDT      (KERNEL + 0x1000)
#define HANDLERS (KERNEL + 0x2000)
#define STACK    (KERNEL + 0x4000) /* grows down into the page below */

#define SEL_KERNEL_CS 0x10u
#define SEL_TSS       0x40u

static struct {
	uint8_t *ram;
	const struct engine_ops *engine;
	struct hv_partition *p;
	struct soft_vp *vp;
	struct cpu_model model;
	struct window window;
	struct vp_regs initial;
} self;

/* ---- what the core asks of its host: nothing of it happens here ---- */

static void no_pio_in(void *ctx, struct hv_vp *vp, uint16_t port,
		      unsigned int width, void *data, uint32_t count)
{
	memset(data, 0xff, (size_t)width * count);
}

static void no_pio_out(void *ctx, struct hv_vp *vp, uint16_t port,
		       unsigned int width, const void *data, uint32_t count)
{
}

static void no_mmio_read(void *ctx, struct hv_vp *vp, gpa_t gpa,
			 unsigned int width, void *data)
{
	memset(data, 0xff, width);
}

static void no_mmio_write(void *ctx, struct hv_vp *vp, gpa_t gpa,
			  unsigned int width, const void *data)
{
}

static int no_extint(void *ctx)
{
	return -1;
}

static void no_eoi(void *ctx, uint8_t vector)
{
}

static void no_timer(void *ctx, struct hv_vp *vp, uint64_t tsc)
{
}

static void no_wake(void *ctx, struct hv_vp *vp)
{
}

static const struct hv_host_ops host_ops = {
	.pio_in = no_pio_in,
	.pio_out = no_pio_out,
	.mmio_read = no_mmio_read,
	.mmio_write = no_mmio_write,
	.extint_ack = no_extint,
	.eoi = no_eoi,
	.arm_timer = no_timer,
	.wake = no_wake,
};

/* ---- memory ---- */

static void put64(uint64_t pa, uint64_t v)
{
	memcpy(self.ram + pa, &v, 8);
}

static void map(uint32_t table, unsigned int index, uint64_t pa, uint64_t bits)
{
	put64(table + index * 8u, pa | bits | X86_PTE_P);
}

static void build_tables(void)
{
	const uint64_t user = X86_PTE_U | X86_PTE_W;

	map(PA_PML4, 0, PA_PDPT, user);
	map(PA_PDPT, 0, PA_PD, user);
	map(PA_PD, DIFF_CODE >> 21, PA_PT_CODE, user);
	map(PA_PD, DIFF_DATA >> 21, PA_PT_DATA, user);
	for (unsigned int i = 0; i < DIFF_CODE_SIZE / DIFF_PAGE; i++)
		map(PA_PT_CODE, i, PA_CODE + i * DIFF_PAGE, X86_PTE_U);
	for (unsigned int i = 0; i < DIFF_DATA_SIZE / DIFF_PAGE; i++)
		map(PA_PT_DATA, i, PA_DATA + i * DIFF_PAGE,
		    X86_PTE_U | X86_PTE_NX |
			    (i < DIFF_DATA_RW / DIFF_PAGE ? X86_PTE_W : 0));

	map(PA_PML4, 256, PA_KPDPT, X86_PTE_W);
	map(PA_KPDPT, 0, PA_KPD, X86_PTE_W);
	map(PA_KPD, 0, PA_KPT, X86_PTE_W);
	for (unsigned int i = 0; i < 4; i++)
		map(PA_KPT, i, PA_KERNEL + i * DIFF_PAGE, X86_PTE_W);
}

static void build_kernel(void)
{
	uint64_t gdt = PA_KERNEL, tss = PA_KERNEL + 0x800;

	put64(gdt + SEL_KERNEL_CS, UINT64_C(0x00af9b000000ffff));
	put64(gdt + 0x18, UINT64_C(0x00cf93000000ffff));
	put64(gdt + (DIFF_CS32 & ~7u), UINT64_C(0x00cffb000000ffff));
	put64(gdt + (DIFF_SS & ~7u), UINT64_C(0x00cff3000000ffff));
	put64(gdt + (DIFF_CS64 & ~7u), UINT64_C(0x00affb000000ffff));
	put64(tss + 4, STACK);                               /* RSP0 */
	memset(self.ram + PA_KERNEL + 0x2000, 0xf4, 0x1000); /* HLT */
	for (unsigned int v = 0; v < 256; v++) {
		uint64_t at = PA_KERNEL + 0x1000 + v * 16;
		uint64_t to = HANDLERS + v * 16;
		uint64_t dpl = v == X86_BP || v == X86_OF ? 3 : 0;

		put64(at, (to & 0xffff) | SEL_KERNEL_CS << 16 |
				  (0x8e00 | dpl << 13) << 32 |
				  ((to >> 16) & 0xffff) << 48);
		put64(at + 8, to >> 32);
	}
}

/* ---- the processor ---- */

static void set_seg(struct vp_segment *s, uint16_t sel, uint16_t attr)
{
	s->base = 0;
	s->limit = UINT32_MAX;
	s->sel = sel;
	s->attr = attr;
}

static void initial_state(struct vp_regs *r)
{
	r->cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE |
		 X86_CR0_WP | X86_CR0_AM | X86_CR0_PG;
	r->cr3 = PA_PML4;
	r->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT |
		 X86_CR4_OSXSAVE | X86_CR4_FSGSBASE | X86_CR4_UMIP;
	r->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE | X86_EFER_NXE;
	r->xcr0 = X86_XCR0_X87 | X86_XCR0_SSE | X86_XCR0_AVX;
	set_seg(&r->seg[X86_SS], DIFF_SS, 0xcf3);
	set_seg(&r->seg[X86_DS], DIFF_SS, 0xcf3);
	set_seg(&r->seg[X86_ES], DIFF_SS, 0xcf3);
	set_seg(&r->seg[X86_FS], 0, 0xcf3);
	set_seg(&r->seg[X86_GS], 0, 0xcf3);
	r->seg[X86_FS].base = DIFF_FS_BASE;
	r->seg[X86_GS].base = DIFF_GS_BASE;
	r->gdtr.base = GDT;
	r->gdtr.limit = 0x7f;
	r->idtr.base = IDT;
	r->idtr.limit = 0xfff;
	memset(&r->ldtr, 0, sizeof(r->ldtr));
	r->tr.base = TSS;
	r->tr.limit = 0x67;
	r->tr.sel = SEL_TSS;
	r->tr.attr = X86_ATTR_P | X86_TYPE_TSS_BUSY;
	r->activity = VP_RUNNING;
}

static void host_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf,
		       uint32_t out[4])
{
	__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}

/* All the host's features, whether a real model would offer them or not. */
static int make_model(void)
{
	struct cpu_source host = {.cpuid = host_cpuid, .xcr0 = 7};
	const char *why = "";
	int err = cpu_model_make(&self.model, "host", &host, 1, &why);

	if (err < 0) {
		fprintf(stderr, "difftest: CPU model: %s\n", why);
		return err;
	}
	for (unsigned int i = 0; i < self.model.nr_leaves; i++) {
		struct cpu_leaf *l = &self.model.leaf[i];
		uint32_t out[4];

		if (l->leaf != 1 && l->leaf != 7 && l->leaf != 0x80000001 &&
		    !(l->leaf == 0xd && l->subleaf == 1) &&
		    l->leaf != 0x80000008)
			continue;
		host_cpuid(NULL, l->leaf, l->subleaf == ~0u ? 0 : l->subleaf,
			   out);
		if (l->leaf == 1 || l->leaf == 0x80000001) {
			l->ecx |= out[2];
			l->edx |= out[3];
		} else if (l->leaf == 0xd) {
			l->eax |= out[0];
		} else {
			l->ebx |= out[1];
			if (l->leaf == 7)
				l->ecx |= out[2];
		}
	}
	return 0;
}

static void *alloc_zeroed(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int make_partition(void)
{
	struct hv_partition_config config = {.engine = self.engine,
					     .host = &host_ops,
					     .model = &self.model,
					     .tsc_khz = 1000000};
	struct hv_slot slot = {.size = RAM_SIZE, .host = self.ram};
	int err;

	self.p = alloc_zeroed(self.engine->partition_size);
	self.vp = alloc_zeroed(self.engine->vp_size);
	if (!self.p || !self.vp)
		return -ENOMEM;
	err = hv_partition_init(self.p, &config);
	if (err < 0)
		return err;
	self.vp->partition = (struct soft_partition *)(void *)self.p;
	self.vp->partition->xlat_heat = 0;
	err = hv_vp_init(&self.vp->hv, self.p);
	if (err < 0)
		return err;
	return hv_partition_map(self.p, &slot);
}

static int engine_open(void)
{
	int err;

	self.ram = alloc_zeroed(RAM_SIZE);
	self.window.base = malloc(DIFF_DATA_SIZE);
	self.window.before = malloc(DIFF_DATA_SIZE);
	if (!self.ram || !self.window.base || !self.window.before)
		return -ENOMEM;
	self.window.data = self.ram + PA_DATA;
	diff_data_fill(self.window.data);
	diff_data_fill((uint8_t *)self.window.base);
	diff_data_fill((uint8_t *)self.window.before);
	memset(self.ram + PA_CODE, 0xcc, DIFF_CODE_SIZE);
	build_tables();
	build_kernel();
	err = make_model();
	if (err < 0)
		return err;
	err = make_partition();
	if (err < 0)
		return err;
	hv_vp_reset(&self.vp->hv, false);
	initial_state(&self.vp->hv.regs);
	self.engine->regs_changed(&self.vp->hv, HV_CHANGED_ALL);
	self.initial = self.vp->hv.regs;
	return 0;
}

static void engine_close(void)
{
	hv_vp_fini(&self.vp->hv);
	hv_partition_fini(self.p);
}

/* ---- one case ---- */

static void load_case(const struct diff_case *c)
{
	struct vp_regs *r = &self.vp->hv.regs;
	uint64_t code = PA_CODE + c->code_off;

	memcpy(self.ram + code, c->code, sizeof(c->code));
	self.engine->memory_written(self.p, GPA(code), sizeof(c->code));

	memcpy(r->gpr, c->in.gpr, sizeof(c->in.gpr));
	r->rip = DIFF_CODE + c->code_off;
	r->fpu = c->in.fpu;
	r->shadow = 0;
	r->seg[X86_SS] = self.initial.seg[X86_SS];
	set_seg(&r->seg[X86_CS], c->mode == 64 ? DIFF_CS64 : DIFF_CS32,
		c->mode == 64 ? 0xafb : 0xcfb);
	self.vp->pending_db = 0;
	flags_set(self.vp, c->in.rflags);
	soft_mode_update(self.vp);
}

static uint64_t stack64(unsigned int below_top)
{
	uint64_t v;

	memcpy(&v, self.ram + PA_KERNEL + (STACK - KERNEL) - below_top, 8);
	return v;
}

static void save_result(const struct diff_case *c, struct diff_result *r)
{
	const struct vp_regs *regs = &self.vp->hv.regs;
	uint64_t end = DIFF_CODE + c->code_off + c->len;

	memcpy(r->out.gpr, regs->gpr, sizeof(r->out.gpr));
	r->out.fpu = regs->fpu;
	r->vector = (uint8_t)((regs->rip - HANDLERS) / 16);
	r->error = 0;
	r->address = regs->cr2;
	if (STACK - regs->gpr[X86_RSP] == 48)
		r->error = (uint32_t)stack64(48);
	r->out.rip = stack64(40);
	r->out.rflags = stack64(24);
	r->out.gpr[X86_RSP] = stack64(16);

	if (r->vector == X86_BP && r->out.rip == end + 1) {
		r->out.rip = end;
		r->vector = DIFF_NO_FAULT;
	} else if (r->vector == X86_DB && (c->in.rflags & X86_FL_TF)) {
		r->vector = DIFF_NO_FAULT;
	}
}

static void engine_run(const struct diff_case *c, struct diff_result *r)
{
	const struct vp_regs *regs = &self.vp->hv.regs;
	enum engine_exit why;

	r->skipped = false;
	window_prepare(&self.window, c);
	load_case(c);
	why = self.engine->vp_run(&self.vp->hv);
	save_result(c, r);
	window_collect(&self.window, c, r);
	if (why == ENGINE_EXIT_HALT && regs->rip - HANDLERS < 4096)
		return;
	fprintf(stderr, "difftest: engine left for reason %d\n", (int)why);
	text_write(stderr, c);
	exit(1);
}

/* The same, each instruction by its translation. */
static int engine_open_xlat(void)
{
	self.engine = &soft_engine_xlat;
	compare_translated = true;
	return engine_open();
}

static int engine_open_interp(void)
{
	self.engine = &soft_engine;
	return engine_open();
}

const struct diff_engine engine_xlat = {
	.name = "xlat",
	.open = engine_open_xlat,
	.run = engine_run,
	.close = engine_close,
};

const struct diff_engine engine_interp = {
	.name = "interp",
	.open = engine_open_interp,
	.run = engine_run,
	.close = engine_close,
};

_Noreturn void base_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: bug: %s\n", file, line, what);
	abort();
}
