/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hardware task switches (SDM 7.3). Up to the commit everything that can
 * fault is read or probed and faults belong to the old task; the new task's
 * segments are checked after the commit and their faults belong to it.
 */
#include "task.h"

#include "fault.h"
#include "flags.h"
#include "mmu.h"
#include "seg.h"

/* Field offsets of the two TSS formats (SDM 7.2.1, 7.6). */
struct tss_layout {
	uint8_t width;
	uint8_t ip, flags, regs, segs, nr_segs, seg_stride, ldt;
	uint8_t min_limit;
	uint8_t dynamic_end; /* fields saved: from ip to here */
};

static const struct tss_layout tss16 = {2, 14, 16, 18, 34, 4, 2, 42, 43, 42};
static const struct tss_layout tss32 = {4, 32, 36, 40, 72, 6, 4, 96, 103, 96};

#define TSS32_CR3  28
#define TSS32_TRAP 100

struct tss_image {
	uint8_t bytes[104];
};

static const struct tss_layout *layout(unsigned int type)
{
	return type & 8 ? &tss32 : &tss16;
}

static uint32_t get(const struct tss_image *t, unsigned int off,
		    unsigned int width)
{
	uint32_t v = (uint32_t)(t->bytes[off] | t->bytes[off + 1] << 8);

	if (width == 4)
		v |= (uint32_t)t->bytes[off + 2] << 16 |
		     (uint32_t)t->bytes[off + 3] << 24;
	return v;
}

static void put(struct tss_image *t, unsigned int off, unsigned int width,
		uint64_t v)
{
	unsigned int i;

	for (i = 0; i < width; i++)
		t->bytes[off + i] = (uint8_t)(v >> (8 * i));
}

/* In pieces that mem_read_sys() takes. */
static void read_image(struct soft_vp *vp, uint64_t base, struct tss_image *t,
		       unsigned int from, unsigned int end)
{
	unsigned int n;

	for (; from < end; from += n) {
		n = end - from > 64 ? 64 : end - from;
		mem_read_sys(vp, base + from, t->bytes + from, n);
	}
}

static void write_image(struct soft_vp *vp, uint64_t base,
			const struct tss_image *t, unsigned int from,
			unsigned int end)
{
	unsigned int n;

	for (; from < end; from += n) {
		n = end - from > 64 ? 64 : end - from;
		mem_write_sys(vp, base + from, t->bytes + from, n);
	}
}

void task_inner_stack(struct soft_vp *vp, unsigned int cpl, uint16_t *ret_ss,
		      uint32_t *ret_sp)
{
	uint8_t b[8];

	if (seg_tss32(vp)) {
		seg_read_tss(vp, 4 + 8 * cpl, b, 6);
		*ret_sp = (uint32_t)(b[0] | b[1] << 8 | b[2] << 16) |
			  (uint32_t)b[3] << 24;
		*ret_ss = (uint16_t)(b[4] | b[5] << 8);
	} else {
		seg_read_tss(vp, 2 + 4 * cpl, b, 4);
		*ret_sp = (uint32_t)(b[0] | b[1] << 8);
		*ret_ss = (uint16_t)(b[2] | b[3] << 8);
	}
}

/* The descriptor of the task to enter, checked. */
static uint64_t find_tss(struct soft_vp *vp, uint16_t sel,
			 enum task_cause cause)
{
	uint8_t vector = cause == TASK_IRET ? X86_TS : X86_GP;
	unsigned int type;
	uint64_t raw;

	if (sel & SEL_TI)
		seg_raise(vp, vector, sel);
	raw = seg_desc_or(vp, sel, vector);
	type = desc_type(raw) & ~8u;
	if (desc_segment(raw) ||
	    type != (cause == TASK_IRET ? X86_TYPE_TSS16_BUSY
					: X86_TYPE_TSS16_AVAIL))
		seg_raise(vp, vector, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	if (seg_from_desc(sel, raw).limit < layout(desc_type(raw))->min_limit)
		seg_raise(vp, X86_TS, sel);
	return raw;
}

/* The old task's registers into the part of its TSS that is written. */
static void save_state(const struct soft_vp *vp, const struct tss_layout *l,
		       uint64_t flags, struct tss_image *t)
{
	const struct vp_regs *r = &vp->hv.regs;
	unsigned int i;

	put(t, l->ip, l->width, r->rip);
	put(t, l->flags, l->width, flags);
	for (i = 0; i < 8; i++)
		put(t, l->regs + i * l->width, l->width, r->gpr[i]);
	for (i = 0; i < l->nr_segs; i++)
		put(t, l->segs + i * l->seg_stride, 2, r->seg[i].sel);
}

static void load_registers(struct soft_vp *vp, const struct tss_layout *l,
			   const struct tss_image *t)
{
	struct vp_regs *r = &vp->hv.regs;
	uint32_t upper = l->width == 2 ? 0xffff0000 : 0;
	unsigned int i;

	r->rip = get(t, l->ip, l->width);
	for (i = 0; i < 8; i++)
		r->gpr[i] = get(t, l->regs + i * l->width, l->width) | upper;
}

static void load_cr3(struct soft_vp *vp, uint32_t cr3)
{
	struct vp_regs *r = &vp->hv.regs;

	if (!(r->cr0 & X86_CR0_PG))
		return;
	if ((r->cr4 & X86_CR4_PAE) && !mmu_load_pdptes(vp, cr3))
		seg_raise_gp0(vp);
	r->cr3 = cr3;
	tlb_switch(vp, cr3);
}

/* ---- the new task's segments ---- */

static void load_ldt(struct soft_vp *vp, uint16_t sel)
{
	uint64_t raw;

	vp->hv.regs.ldtr = seg_null(sel, 0);
	if (sel_null(sel))
		return;
	if (sel & SEL_TI)
		seg_raise(vp, X86_TS, sel);
	raw = seg_desc_or(vp, sel, X86_TS);
	if (desc_segment(raw) || desc_type(raw) != X86_TYPE_LDT ||
	    !desc_present(raw))
		seg_raise(vp, X86_TS, sel);
	vp->hv.regs.ldtr = seg_from_desc(sel, raw);
}

static void load_code(struct soft_vp *vp, uint16_t sel)
{
	unsigned int rpl = sel_rpl(sel);
	uint64_t raw;

	if (sel_null(sel))
		seg_raise(vp, X86_TS, sel);
	raw = seg_desc_or(vp, sel, X86_TS);
	if (!desc_code(raw) ||
	    (desc_conforming(raw) ? desc_dpl(raw) > rpl : desc_dpl(raw) != rpl))
		seg_raise(vp, X86_TS, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	vp->hv.regs.seg[X86_CS] =
		seg_from_desc(sel, seg_mark_accessed(vp, sel, raw));
}

static void load_data(struct soft_vp *vp, unsigned int seg, uint16_t sel)
{
	unsigned int cpl = vp_cpl(&vp->hv.regs);
	uint64_t raw;

	if (sel_null(sel))
		return;
	raw = seg_desc_or(vp, sel, X86_TS);
	if (!desc_segment(raw) ||
	    (desc_code(raw) && !(desc_type(raw) & X86_TYPE_READABLE)))
		seg_raise(vp, X86_TS, sel);
	if (!desc_conforming(raw) &&
	    (sel_rpl(sel) > desc_dpl(raw) || cpl > desc_dpl(raw)))
		seg_raise(vp, X86_TS, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	vp->hv.regs.seg[seg] =
		seg_from_desc(sel, seg_mark_accessed(vp, sel, raw));
}

/* Selectors only: what has not been checked yet is unusable. */
static void set_selectors(struct soft_vp *vp, const uint16_t sel[X86_SEGS],
			  bool v86)
{
	unsigned int i;

	for (i = 0; i < X86_SEGS; i++)
		vp->hv.regs.seg[i] =
			v86 ? seg_v86(sel[i]) : seg_null(sel[i], 0);
	if (!v86)
		vp->hv.regs.seg[X86_SS] =
			seg_null(sel[X86_SS], sel_rpl(sel[X86_CS]));
}

static void load_segments(struct soft_vp *vp, const uint16_t sel[X86_SEGS])
{
	load_code(vp, sel[X86_CS]);
	vp->hv.regs.seg[X86_SS] =
		seg_check_stack(vp, sel[X86_SS], sel_rpl(sel[X86_CS]), X86_TS);
	load_data(vp, X86_ES, sel[X86_ES]);
	load_data(vp, X86_DS, sel[X86_DS]);
	load_data(vp, X86_FS, sel[X86_FS]);
	load_data(vp, X86_GS, sel[X86_GS]);
}

/* ---- the switch ---- */

/* Memory of both tasks; the last step that may fault in the old task. */
static void write_tasks(struct soft_vp *vp, const struct tss_layout *old,
			const struct tss_image *save, uint64_t new_base,
			uint16_t new_sel, enum task_cause cause)
{
	const struct vp_segment *tr = &vp->hv.regs.tr;
	bool nest = cause == TASK_CALL || cause == TASK_INTERRUPT;
	uint16_t link = tr->sel;

	mem_probe_view(vp, mem_view_sys(vp), tr->base + old->ip, MEM_WRITE,
		       old->dynamic_end - old->ip);
	if (nest)
		mem_write_sys(vp, new_base, &link, 2);
	if (cause != TASK_IRET)
		mem_set_bits_sys(vp, seg_desc_addr(vp, new_sel) + 5, 2, 0);
	write_image(vp, tr->base, save, old->ip, old->dynamic_end);
	if (!nest)
		mem_set_bits_sys(vp, seg_desc_addr(vp, tr->sel) + 5, 0, 2);
}

static void commit(struct soft_vp *vp, const struct tss_layout *l,
		   const struct tss_image *t, struct vp_segment tr, bool nest)
{
	struct vp_regs *r = &vp->hv.regs;
	uint64_t flags = get(t, l->flags, l->width) & X86_FL_ALL;
	uint16_t sel[X86_SEGS] = {0};
	unsigned int i;

	if (nest)
		flags |= X86_FL_NT;
	for (i = 0; i < l->nr_segs; i++)
		sel[i] = (uint16_t)get(t, l->segs + i * l->seg_stride, 2);
	tr.attr |= 2; /* busy */
	r->tr = tr;
	r->cr0 |= X86_CR0_TS;
	r->dr7 &= ~UINT64_C(0x155); /* LE, L0 to L3 */
	vp->in = NULL;
	vp->end_block = true;
	load_registers(vp, l, t);
	flags_set(vp, flags | X86_FL_FIXED);
	set_selectors(vp, sel, flags & X86_FL_VM);
	soft_mode_update(vp);
	if (l->width == 4) {
		load_cr3(vp, get(t, TSS32_CR3, 4));
		if (t->bytes[TSS32_TRAP] & 1)
			vp->pending_db |= (uint32_t)X86_DR6_BT;
	}
	load_ldt(vp, (uint16_t)get(t, l->ldt, 2));
	if (!(flags & X86_FL_VM))
		load_segments(vp, sel);
	soft_mode_update(vp);
	seg_check_rip(vp, &r->seg[X86_CS], r->rip);
}

void task_switch(struct soft_vp *vp, uint16_t sel, enum task_cause cause,
		 uint64_t flags)
{
	const struct vp_segment *old_tr = &vp->hv.regs.tr;
	const struct tss_layout *old = layout(old_tr->attr & X86_ATTR_TYPE);
	uint64_t raw = find_tss(vp, sel, cause);
	const struct tss_layout *l = layout(desc_type(raw));
	struct vp_segment tr = seg_from_desc(sel, raw);
	struct tss_image image, save;

	if (old_tr->limit < old->min_limit)
		seg_raise(vp, X86_TS, old_tr->sel);
	if (cause == TASK_IRET)
		flags &= ~X86_FL_NT;
	read_image(vp, tr.base, &image, 0, l->min_limit + 1u);
	read_image(vp, old_tr->base, &save, old->ip, old->dynamic_end);
	save_state(vp, old, flags, &save);
	write_tasks(vp, old, &save, tr.base, sel, cause);
	commit(vp, l, &image, tr,
	       cause == TASK_CALL || cause == TASK_INTERRUPT);
}
