/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions on segment registers, descriptor tables and selectors
 * (SDM 2, and 3, 5.10), FS and GS bases.
 */
#include "seg.h"

#include "decode.h"
#include "fault.h"
#include "flags.h"
#include "mmu.h"
#include "sys.h"

static void set_zf(struct soft_vp *vp, bool zf)
{
	vp->flags = (uint16_t)(zf ? vp->flags | FLAG_ZF : vp->flags & ~FLAG_ZF);
}

/* A 16-bit register or memory operand. */
static uint16_t read_rm16(struct soft_vp *vp, const struct insn *in)
{
	if (in->flags & INSN_MEM)
		return mem_read16(vp, insn_linear(vp, in, 2, false));
	return (uint16_t)vp->hv.regs.gpr[in->rm];
}

/* A selector to memory (16 bits) or a register (operand size). */
static void write_selector(struct soft_vp *vp, const struct insn *in,
			   uint16_t sel)
{
	if (in->flags & INSN_MEM)
		mem_write16(vp, insn_linear(vp, in, 2, true), sel);
	else
		reg_write(vp, in->rm, in->opsize, sel);
}

/* ---- segment registers ---- */

static void load(struct soft_vp *vp, unsigned int seg,
		 const struct vp_segment *s)
{
	seg_set(vp, seg, s);
	soft_mode_update(vp);
}

static void shadow_mov_ss(struct soft_vp *vp)
{
	vp->hv.regs.shadow |= VP_SHADOW_MOV_SS;
	vp->slow |= SOFT_SLOW_SHADOW;
}

static void op_mov_from_sreg(struct soft_vp *vp, const struct insn *in)
{
	write_selector(vp, in, vp->hv.regs.seg[in->reg].sel);
}

static void op_mov_to_sreg(struct soft_vp *vp, const struct insn *in)
{
	struct vp_segment s;

	if (in->reg == X86_CS || in->reg >= X86_SEGS)
		soft_raise(vp, X86_UD);
	s = seg_check(vp, in->reg, read_rm16(vp, in));
	load(vp, in->reg, &s);
	if (in->reg == X86_SS)
		shadow_mov_ss(vp);
}

/* Intel writes 16 bits of a 32-bit slot, AMD all of it. */
/* What the stack's own accesses, implicit ones, do not look at. */
static void check_stack_alignment(struct soft_vp *vp, uint64_t sp,
				  unsigned int size, enum mem_access access)
{
	if (vp->mode & SOFT_MODE_AC)
		mem_probe(vp,
			  seg_linear(vp, X86_SS, sp, size, access == MEM_WRITE),
			  access, size);
}

static void op_push_sreg(struct soft_vp *vp, const struct insn *in)
{
	unsigned int pad = 0, size = in->opsize;
	struct stack s;

	if (size == 4 && vp->hv.partition->model->intel) {
		pad = 2;
		size = 2;
	}
	stack_current(vp, &s);
	s.sp = (s.sp - pad) & s.mask;
	check_stack_alignment(vp, (s.sp - size) & s.mask, size, MEM_WRITE);
	stack_push(vp, &s, size, vp->hv.regs.seg[in->reg].sel);
	stack_commit(vp, &s);
}

static void op_pop_sreg(struct soft_vp *vp, const struct insn *in)
{
	struct vp_segment seg;
	struct stack s;

	stack_current(vp, &s);
	check_stack_alignment(vp, s.sp, in->opsize, MEM_READ);
	seg = seg_check(vp, in->reg, (uint16_t)stack_pop(vp, &s, in->opsize));
	stack_commit(vp, &s);
	load(vp, in->reg, &seg);
	if (in->reg == X86_SS)
		shadow_mov_ss(vp);
}

static unsigned int pointer_segment(const struct insn *in)
{
	switch (in->op) {
	case OP_LDS:
		return X86_DS;
	case OP_LES:
		return X86_ES;
	case OP_LFS:
		return X86_FS;
	case OP_LGS:
		return X86_GS;
	default:
		return X86_SS;
	}
}

static void op_load_pointer(struct soft_vp *vp, const struct insn *in)
{
	unsigned int seg = pointer_segment(in);
	uint8_t b[10];
	struct vp_segment s;
	uint64_t off = 0;
	unsigned int i;

	mem_read(vp, insn_linear(vp, in, in->opsize + 2u, false), b,
		 in->opsize + 2u);
	for (i = 0; i < in->opsize; i++)
		off |= (uint64_t)b[i] << (8 * i);
	s = seg_check(vp, seg, (uint16_t)(b[i] | b[i + 1] << 8));
	reg_write(vp, in->reg, in->opsize, off);
	load(vp, seg, &s);
}

/* ---- descriptor table registers ---- */

static void store_table(struct soft_vp *vp, const struct insn *in,
			const struct vp_table *t)
{
	unsigned int size = vp->mode & SOFT_MODE_64 ? 10 : 6;
	uint64_t base =
		in->opsize == 2 && size == 6 ? t->base & 0xffffff : t->base;
	uint8_t b[10];
	unsigned int i;

	sys_check_umip(vp);
	b[0] = (uint8_t)t->limit;
	b[1] = (uint8_t)(t->limit >> 8);
	for (i = 2; i < size; i++)
		b[i] = (uint8_t)(base >> (8 * (i - 2)));
	mem_write(vp, insn_linear(vp, in, size, true), b, size);
}

static void op_sgdt(struct soft_vp *vp, const struct insn *in)
{
	store_table(vp, in, &vp->hv.regs.gdtr);
}

static void op_sidt(struct soft_vp *vp, const struct insn *in)
{
	store_table(vp, in, &vp->hv.regs.idtr);
}

static struct vp_table load_table(struct soft_vp *vp, const struct insn *in)
{
	bool wide = vp->mode & SOFT_MODE_64;
	unsigned int size = wide ? 10 : 6, i;
	struct vp_table t = {0};
	uint8_t b[10];

	sys_check_cpl0(vp);
	mem_read(vp, insn_linear(vp, in, size, false), b, size);
	t.limit = (uint32_t)(b[0] | b[1] << 8);
	for (i = 2; i < size; i++)
		t.base |= (uint64_t)b[i] << (8 * (i - 2));
	if (!wide && in->opsize == 2)
		t.base &= 0xffffff;
	if (wide && t.base != (uint64_t)sign_extend(t.base, 48))
		seg_raise_gp0(vp);
	return t;
}

static void op_lgdt(struct soft_vp *vp, const struct insn *in)
{
	vp->hv.regs.gdtr = load_table(vp, in);
}

static void op_lidt(struct soft_vp *vp, const struct insn *in)
{
	vp->hv.regs.idtr = load_table(vp, in);
}

static void op_sldt(struct soft_vp *vp, const struct insn *in)
{
	sys_check_umip(vp);
	write_selector(vp, in, vp->hv.regs.ldtr.sel);
}

static void op_str(struct soft_vp *vp, const struct insn *in)
{
	sys_check_umip(vp);
	write_selector(vp, in, vp->hv.regs.tr.sel);
}

/* The system segment @sel names in the GDT, with its 64-bit base. */
static struct vp_segment system_segment(struct soft_vp *vp, uint16_t sel,
					bool tss)
{
	bool lma = vp_long_mode(&vp->hv.regs);
	struct vp_segment s;
	uint64_t raw, high = 0;
	unsigned int type;

	if (sel & SEL_TI)
		seg_raise(vp, X86_GP, sel);
	raw = seg_desc_or(vp, sel, X86_GP);
	type = desc_type(raw);
	if (desc_segment(raw) ||
	    (tss ? type != X86_TYPE_TSS_AVAIL &&
			     (lma || type != X86_TYPE_TSS16_AVAIL)
		 : type != X86_TYPE_LDT))
		seg_raise(vp, X86_GP, sel);
	if (lma) {
		high = seg_desc_high(vp, sel);
		if (high & BITS64(44, 40))
			seg_raise(vp, X86_GP, sel);
	}
	if (!desc_present(raw))
		seg_raise(vp, X86_NP, sel);
	s = seg_from_desc(sel, raw);
	s.base |= high << 32;
	if (lma && s.base != (uint64_t)sign_extend(s.base, 48))
		seg_raise(vp, X86_GP, sel);
	return s;
}

static void op_lldt(struct soft_vp *vp, const struct insn *in)
{
	uint16_t sel;

	sys_check_cpl0(vp);
	sel = read_rm16(vp, in);
	vp->hv.regs.ldtr = sel_null(sel) ? seg_null(sel, 0)
					 : system_segment(vp, sel, false);
}

static void op_ltr(struct soft_vp *vp, const struct insn *in)
{
	struct vp_segment s;
	uint16_t sel;

	sys_check_cpl0(vp);
	sel = read_rm16(vp, in);
	if (sel_null(sel))
		seg_raise_gp0(vp);
	s = system_segment(vp, sel, true);
	mem_set_bits_sys(vp, seg_desc_addr(vp, sel) + 5, 2, 0);
	s.attr |= 2; /* busy */
	vp->hv.regs.tr = s;
}

/* ---- looking at selectors ---- */

/* Types of system descriptors that LAR and LSL accept, by bit. */
#define LAR_LEGACY 0x1a3eu /* 1-5, 9, b, c */
#define LAR_LONG   0x1a04u /* 2, 9, b, c */
#define LSL_LEGACY 0x0a0eu /* 1-3, 9, b */
#define LSL_LONG   0x0a04u /* 2, 9, b */

/* @sel's descriptor, if it may be looked at from the CPL. */
static bool visible(struct soft_vp *vp, uint16_t sel, uint16_t legacy,
		    uint16_t longmode, uint64_t *ret)
{
	unsigned int cpl = vp_cpl(&vp->hv.regs);
	uint16_t types = vp_long_mode(&vp->hv.regs) ? longmode : legacy;
	uint64_t raw;

	if (sel_null(sel) || !seg_read_desc(vp, sel, &raw))
		return false;
	if (!desc_segment(raw) && !(types & BIT(desc_type(raw))))
		return false;
	*ret = raw;
	return desc_conforming(raw) ||
	       (desc_dpl(raw) >= cpl && desc_dpl(raw) >= sel_rpl(sel));
}

static void op_lar(struct soft_vp *vp, const struct insn *in)
{
	uint16_t sel = read_rm16(vp, in);
	uint64_t raw;
	bool ok = visible(vp, sel, LAR_LEGACY, LAR_LONG, &raw);

	if (ok)
		reg_write(vp, in->reg, in->opsize,
			  (raw >> 32) & (in->opsize == 2 ? 0xff00 : 0xf0ff00));
	set_zf(vp, ok);
}

static void op_lsl(struct soft_vp *vp, const struct insn *in)
{
	uint16_t sel = read_rm16(vp, in);
	uint64_t raw;
	bool ok = visible(vp, sel, LSL_LEGACY, LSL_LONG, &raw);

	if (ok)
		reg_write(vp, in->reg, in->opsize,
			  seg_from_desc(sel, raw).limit);
	set_zf(vp, ok);
}

static void op_verr(struct soft_vp *vp, const struct insn *in)
{
	uint16_t sel = read_rm16(vp, in);
	uint64_t raw;
	bool ok = visible(vp, sel, 0, 0, &raw);

	set_zf(vp,
	       ok && (!desc_code(raw) || (desc_type(raw) & X86_TYPE_READABLE)));
}

static void op_verw(struct soft_vp *vp, const struct insn *in)
{
	uint16_t sel = read_rm16(vp, in);
	uint64_t raw;
	bool ok = visible(vp, sel, 0, 0, &raw);

	set_zf(vp, ok && desc_writable_data(raw));
}

static void op_arpl(struct soft_vp *vp, const struct insn *in)
{
	uint16_t src = (uint16_t)vp->hv.regs.gpr[in->reg];
	uint16_t dst;

	/* write access is asked for only when there is something to write */
	dst = read_rm16(vp, in);
	if (sel_rpl(dst) >= sel_rpl(src)) {
		set_zf(vp, false);
		return;
	}
	dst = (uint16_t)((dst & ~SEL_RPL) | sel_rpl(src));
	if (in->flags & INSN_MEM)
		mem_write16(vp, insn_linear(vp, in, 2, true), dst);
	else
		reg_write(vp, in->rm, 2, dst);
	set_zf(vp, true);
}

/* ---- FS and GS bases ---- */

static unsigned int base_segment(const struct insn *in)
{
	return in->op == OP_RDFSBASE || in->op == OP_WRFSBASE ? X86_FS : X86_GS;
}

static void op_rdbase(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (!(r->cr4 & X86_CR4_FSGSBASE))
		soft_raise(vp, X86_UD);
	reg_write(vp, in->rm, in->opsize, r->seg[base_segment(in)].base);
}

static void op_wrbase(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	uint64_t v = reg_read(vp, in->rm, in->opsize);

	if (!(r->cr4 & X86_CR4_FSGSBASE))
		soft_raise(vp, X86_UD);
	if (v != (uint64_t)sign_extend(v, 48))
		seg_raise_gp0(vp);
	r->seg[base_segment(in)].base = v;
}

static void op_swapgs(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	uint64_t base = r->seg[X86_GS].base;

	sys_check_cpl0(vp);
	r->seg[X86_GS].base = r->kernel_gs_base;
	r->kernel_gs_base = base;
}

insn_fn *bind_segment(const struct soft_vp *vp, const struct insn *in)
{
	static insn_fn *const handlers[OP_COUNT] = {
		/* table */
		[OP_MOV_FROM_SREG] = op_mov_from_sreg,
		[OP_MOV_TO_SREG] = op_mov_to_sreg,
		[OP_PUSH_SREG] = op_push_sreg,
		[OP_POP_SREG] = op_pop_sreg,
		[OP_LDS] = op_load_pointer,
		[OP_LES] = op_load_pointer,
		[OP_LFS] = op_load_pointer,
		[OP_LGS] = op_load_pointer,
		[OP_LSS] = op_load_pointer,
		[OP_SGDT] = op_sgdt,
		[OP_SIDT] = op_sidt,
		[OP_LGDT] = op_lgdt,
		[OP_LIDT] = op_lidt,
		[OP_SLDT] = op_sldt,
		[OP_STR] = op_str,
		[OP_LLDT] = op_lldt,
		[OP_LTR] = op_ltr,
		[OP_LAR] = op_lar,
		[OP_LSL] = op_lsl,
		[OP_VERR] = op_verr,
		[OP_VERW] = op_verw,
		[OP_ARPL] = op_arpl,
		[OP_RDFSBASE] = op_rdbase,
		[OP_RDGSBASE] = op_rdbase,
		[OP_WRFSBASE] = op_wrbase,
		[OP_WRGSBASE] = op_wrbase,
		[OP_SWAPGS] = op_swapgs,
	};

	return handlers[in->op];
}
