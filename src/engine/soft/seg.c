/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors, segment registers and stacks: what far transfers, interrupts,
 * task switches and segment loads have in common (SDM 3.4, 3.5, 5.2 to 5.7).
 */
#include "seg.h"

#include "fault.h"
#include "flags.h"
#include "mmu.h"

void seg_raise(struct soft_vp *vp, uint8_t vector, uint16_t sel)
{
	soft_raise_error(vp, vector, sel & (SEL_INDEX | SEL_TI));
}

void seg_raise_gp0(struct soft_vp *vp)
{
	soft_raise_error(vp, X86_GP, 0);
}

struct vp_segment seg_from_desc(uint16_t sel, uint64_t raw)
{
	struct vp_segment s = {
		.sel = sel,
		.attr = desc_attr(raw),
		.base = ((raw >> 16) & 0xffffff) | ((raw >> 32) & 0xff000000),
		.limit = (uint32_t)((raw & 0xffff) | ((raw >> 32) & 0xf0000)),
	};

	if (s.attr & X86_ATTR_G)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

/* Real mode changes selector and base only ("unreal" limits stay). */
struct vp_segment seg_real(const struct vp_segment *old, uint16_t sel)
{
	struct vp_segment s = *old;

	s.sel = sel;
	s.base = (uint64_t)sel << 4;
	s.attr |= X86_ATTR_P;
	return s;
}

struct vp_segment seg_v86(uint16_t sel)
{
	return (struct vp_segment){
		.sel = sel,
		.base = (uint64_t)sel << 4,
		.limit = 0xffff,
		.attr = X86_ATTR_P | X86_ATTR_DPL | X86_ATTR_S |
			X86_TYPE_WRITABLE | X86_TYPE_ACCESSED,
	};
}

struct vp_segment seg_null(uint16_t sel, unsigned int dpl)
{
	return (struct vp_segment){
		.sel = sel,
		.attr = (uint16_t)(dpl << X86_ATTR_DPL_SHIFT),
	};
}

/* ---- descriptor tables ---- */

static bool find_desc(const struct soft_vp *vp, uint16_t sel, unsigned int size,
		      uint64_t *ret)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint32_t off = sel & SEL_INDEX;

	if (sel & SEL_TI) {
		*ret = r->ldtr.base + off;
		return (r->ldtr.attr & X86_ATTR_P) &&
		       off + size - 1 <= r->ldtr.limit;
	}
	*ret = r->gdtr.base + off;
	return off + size - 1 <= r->gdtr.limit;
}

uint64_t seg_desc_addr(const struct soft_vp *vp, uint16_t sel)
{
	uint64_t addr;

	(void)find_desc(vp, sel, 8, &addr);
	return addr;
}

bool seg_read_desc(struct soft_vp *vp, uint16_t sel, uint64_t *ret)
{
	uint64_t addr;

	if (!find_desc(vp, sel, 8, &addr))
		return false;
	mem_read_sys(vp, addr, ret, 8);
	return true;
}

uint64_t seg_desc_or(struct soft_vp *vp, uint16_t sel, uint8_t vector)
{
	uint64_t raw;

	if (!seg_read_desc(vp, sel, &raw))
		seg_raise(vp, vector, sel);
	return raw;
}

uint64_t seg_desc_high(struct soft_vp *vp, uint16_t sel)
{
	uint64_t addr, high;

	if (!find_desc(vp, sel, 16, &addr))
		seg_raise(vp, X86_GP, sel);
	mem_read_sys(vp, addr + 8, &high, 8);
	return high;
}

uint64_t seg_mark_accessed(struct soft_vp *vp, uint16_t sel, uint64_t raw)
{
	if (raw & BIT64(40))
		return raw;
	mem_set_bits_sys(vp, seg_desc_addr(vp, sel) + 5, X86_TYPE_ACCESSED, 0);
	return raw | BIT64(40);
}

/* ---- checks before a load ---- */

struct vp_segment seg_check_stack(struct soft_vp *vp, uint16_t sel,
				  unsigned int cpl, uint8_t vector)
{
	uint64_t raw;

	if (sel_null(sel))
		soft_raise_error(vp, vector, 0);
	raw = seg_desc_or(vp, sel, vector);
	if (sel_rpl(sel) != cpl || !desc_writable_data(raw) ||
	    desc_dpl(raw) != cpl)
		seg_raise(vp, vector, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_SS_FAULT, sel);
	return seg_from_desc(sel, seg_mark_accessed(vp, sel, raw));
}

static struct vp_segment check_data(struct soft_vp *vp, uint16_t sel)
{
	unsigned int cpl = vp_cpl(&vp->hv.regs);
	uint64_t raw;

	if (sel_null(sel))
		return seg_null(sel, 0);
	raw = seg_desc_or(vp, sel, X86_GP);
	if (!desc_segment(raw) ||
	    (desc_code(raw) && !(desc_type(raw) & X86_TYPE_READABLE)))
		seg_raise(vp, X86_GP, sel);
	if (!desc_conforming(raw) &&
	    (sel_rpl(sel) > desc_dpl(raw) || cpl > desc_dpl(raw)))
		seg_raise(vp, X86_GP, sel);
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	return seg_from_desc(sel, seg_mark_accessed(vp, sel, raw));
}

struct vp_segment seg_check(struct soft_vp *vp, unsigned int seg, uint16_t sel)
{
	unsigned int cpl = vp_cpl(&vp->hv.regs);

	if (vp->mode & SOFT_MODE_V86)
		return seg_v86(sel);
	if (vp->mode & SOFT_MODE_REAL)
		return seg_real(&vp->hv.regs.seg[seg], sel);
	if (seg != X86_SS)
		return check_data(vp, sel);
	if (sel_null(sel) && (vp->mode & SOFT_MODE_64) && cpl != 3 &&
	    sel_rpl(sel) == cpl)
		return seg_null(sel, cpl);
	return seg_check_stack(vp, sel, cpl, X86_GP);
}

bool seg_code_size_ok(const struct soft_vp *vp, uint64_t raw)
{
	uint16_t attr = desc_attr(raw);

	return !vp_long_mode(&vp->hv.regs) || !(attr & X86_ATTR_L) ||
	       !(attr & X86_ATTR_DB);
}

void seg_check_rip(struct soft_vp *vp, const struct vp_segment *cs,
		   uint64_t rip)
{
	bool ok;

	if (vp_long_mode(&vp->hv.regs) && (cs->attr & X86_ATTR_L))
		ok = rip == (uint64_t)sign_extend(rip, 48);
	else
		ok = rip <= cs->limit;
	if (!ok)
		seg_raise_gp0(vp);
}

/* ---- commits ---- */

void seg_set(struct soft_vp *vp, unsigned int seg,
	     const struct vp_segment *value)
{
	vp->hv.regs.seg[seg] = *value;
	vp->end_block = true;
}

void seg_jump(struct soft_vp *vp, struct vp_segment cs, unsigned int cpl,
	      uint64_t rip)
{
	if (!seg_real_or_v86(vp))
		cs.sel = (uint16_t)((cs.sel & ~SEL_RPL) | cpl);
	vp->hv.regs.seg[X86_CS] = cs;
	vp->hv.regs.rip = rip;
	vp->end_block = true;
}

void seg_drop_inner(struct soft_vp *vp, unsigned int cpl)
{
	static const uint8_t segs[] = {X86_ES, X86_DS, X86_FS, X86_GS};
	unsigned int i, dpl;

	for (i = 0; i < sizeof(segs); i++) {
		struct vp_segment *s = &vp->hv.regs.seg[segs[i]];
		uint16_t type = s->attr & (X86_TYPE_CODE | X86_TYPE_CONFORMING);

		dpl = (s->attr & X86_ATTR_DPL) >> X86_ATTR_DPL_SHIFT;
		if (sel_null(s->sel)) {
			s->attr &= (uint16_t)~X86_ATTR_P;
			continue;
		}
		if (dpl < cpl && type != (X86_TYPE_CODE | X86_TYPE_CONFORMING))
			*s = (struct vp_segment){.base = s->base};
	}
}

/* ---- using segments ---- */

bool seg_in_limit(const struct vp_segment *s, uint64_t off, unsigned int size)
{
	uint64_t last = off + size - 1;
	uint64_t top = s->attr & X86_ATTR_DB ? UINT32_MAX : 0xffff;

	if ((s->attr & (X86_ATTR_S | X86_TYPE_CODE | X86_TYPE_DOWN)) ==
	    (X86_ATTR_S | X86_TYPE_DOWN))
		return off > s->limit && last <= top;
	return last <= s->limit; /* 4 GiB is a limit like any other */
}

static bool type_allows(const struct vp_segment *s, bool write)
{
	if (s->attr & X86_TYPE_CODE)
		return !write && (s->attr & X86_TYPE_READABLE);
	return !write || (s->attr & X86_TYPE_WRITABLE);
}

uint64_t seg_linear_checked(struct soft_vp *vp, unsigned int seg, uint64_t off,
			    unsigned int size, bool write)
{
	const struct vp_segment *s;

	if (seg >= X86_SEGS)
		return off;
	s = &vp->hv.regs.seg[seg];
	if (!seg_in_limit(s, off, size) ||
	    (!seg_real_or_v86(vp) &&
	     (!(s->attr & X86_ATTR_P) || !type_allows(s, write))))
		soft_raise_error(vp, seg == X86_SS ? X86_SS_FAULT : X86_GP, 0);
	return (uint32_t)(s->base + off);
}

/* ---- stacks ---- */

void stack_new(struct soft_vp *vp, struct stack *s,
	       const struct vp_segment *seg, uint64_t sp, unsigned int cpl,
	       bool flat64)
{
	s->sp = sp;
	s->view = (uint8_t)mem_view_cpl(vp, cpl);
	s->sel = 0;
	s->mask = UINT64_MAX;
	if (flat64)
		return;
	s->seg = *seg;
	s->sel = seg->sel & (SEL_INDEX | SEL_TI);
	s->mask = seg->attr & X86_ATTR_DB ? UINT32_MAX : 0xffff;
	s->sp &= s->mask;
}

void stack_current(struct soft_vp *vp, struct stack *s)
{
	const struct vp_regs *r = &vp->hv.regs;

	stack_new(vp, s, &r->seg[X86_SS], r->gpr[X86_RSP], vp_cpl(r),
		  vp->mode & SOFT_MODE_64);
	s->sel = 0;
}

/* @room: only the limit is checked. */
static uint64_t stack_linear(struct soft_vp *vp, const struct stack *s,
			     uint64_t sp, unsigned int size, bool room)
{
	if (s->mask == UINT64_MAX) {
		uint64_t last = sp + size - 1;

		if (sp != (uint64_t)sign_extend(sp, 48) ||
		    last != (uint64_t)sign_extend(last, 48))
			soft_raise_error(vp, X86_SS_FAULT, 0);
		return sp;
	}
	if (!seg_in_limit(&s->seg, sp, size) ||
	    (!seg_real_or_v86(vp) && !(s->seg.attr & X86_ATTR_P) && !room))
		soft_raise_error(vp, X86_SS_FAULT, s->sel);
	return (uint32_t)(s->seg.base + sp);
}

void stack_room(struct soft_vp *vp, const struct stack *s, unsigned int bytes)
{
	uint64_t sp = (s->sp - bytes) & s->mask;

	/* wrapping inside a 64 KiB or 4 GiB segment is no fault by itself */
	if (sp < s->sp || s->mask == UINT64_MAX)
		(void)stack_linear(vp, s, sp, bytes, true);
}

void stack_push(struct soft_vp *vp, struct stack *s, unsigned int size,
		uint64_t v)
{
	uint64_t sp = (s->sp - size) & s->mask;

	mem_write_view(vp, (enum mem_view)s->view,
		       stack_linear(vp, s, sp, size, false), &v, size);
	s->sp = sp;
}

uint64_t stack_pop(struct soft_vp *vp, struct stack *s, unsigned int size)
{
	uint64_t v = 0;

	mem_read_view(vp, (enum mem_view)s->view,
		      stack_linear(vp, s, s->sp, size, false), &v, size);
	s->sp = (s->sp + size) & s->mask;
	return v;
}

void stack_commit(struct soft_vp *vp, const struct stack *s)
{
	uint64_t *rsp = &vp->hv.regs.gpr[X86_RSP];

	*rsp = s->mask == 0xffff ? (*rsp & ~UINT64_C(0xffff)) | s->sp : s->sp;
}

/* ---- the TSS ---- */

void seg_read_tss(struct soft_vp *vp, uint32_t off, void *buf,
		  unsigned int size)
{
	const struct vp_segment *tr = &vp->hv.regs.tr;

	if (off + size - 1 > tr->limit)
		seg_raise(vp, X86_TS, tr->sel);
	mem_read_sys(vp, tr->base + off, buf, size);
}

/* SDM 1, 19.5.2. Two bytes are read: an access may straddle. */
static bool bitmap_allows(struct soft_vp *vp, uint16_t port, unsigned int width)
{
	const struct vp_segment *tr = &vp->hv.regs.tr;
	uint16_t base, bits;
	uint32_t off;

	if (!(tr->attr & X86_ATTR_P) || !seg_tss32(vp) || tr->limit < 0x67)
		return false;
	mem_read_sys(vp, tr->base + 0x66, &base, 2);
	off = base + port / 8u;
	if (off + 1 > tr->limit)
		return false;
	mem_read_sys(vp, tr->base + off, &bits, 2);
	return !((bits >> (port & 7)) & (BIT(width) - 1));
}

bool seg_io_allowed(struct soft_vp *vp, uint16_t port, unsigned int width)
{
	const struct vp_regs *r = &vp->hv.regs;
	unsigned int iopl = (r->rflags & X86_FL_IOPL) >> X86_FL_IOPL_SHIFT;

	if (!(r->cr0 & X86_CR0_PE))
		return true;
	if (!(r->rflags & X86_FL_VM) && vp_cpl(r) <= iopl)
		return true;
	if (!bitmap_allows(vp, port, width))
		seg_raise_gp0(vp);
	return true;
}

uint64_t insn_linear_slow(struct soft_vp *vp, const struct insn *in,
			  unsigned int size, bool write)
{
	return seg_linear(vp, in->seg, insn_ea(vp, in), size, write);
}
