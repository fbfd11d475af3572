/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector accesses that touch memory element by element: masked moves and
 * gathers. Elements that the mask leaves out never fault, so the host's own
 * instruction on a staging buffer would not do.
 */
#include "native_priv.h"

static uint64_t get_elem(const struct soft_vp *vp, unsigned int reg,
			 unsigned int i, unsigned int size)
{
	unsigned int at = i * size;
	const uint8_t *p = at < 16 ? vp->hv.regs.fpu.legacy + 160 + 16 * reg
				   : vp->hv.regs.fpu.ymm_hi + 16 * reg - 16;
	uint64_t v = 0;

	memcpy(&v, p + at, size);
	return v;
}

static void put_elem(struct soft_vp *vp, unsigned int reg, unsigned int i,
		     unsigned int size, uint64_t v)
{
	unsigned int at = i * size;
	uint8_t *p = at < 16 ? fpu_xmm(vp, reg) : fpu_ymm_hi(vp, reg) - 16;

	memcpy(p + at, &v, size);
}

static bool elem_mask(const struct soft_vp *vp, unsigned int reg,
		      unsigned int i, unsigned int size)
{
	return get_elem(vp, reg, i, size) >> (8 * size - 1);
}

/* Elements raise no #AC: misaligned ones are taken apart when it is armed. */
static bool must_split(const struct soft_vp *vp, uint64_t lin,
		       unsigned int size)
{
	return (vp->mode & SOFT_MODE_AC) && (lin & (size - 1));
}

static uint64_t read_elem(struct soft_vp *vp, uint64_t lin, unsigned int size)
{
	uint64_t v = 0;

	if (!must_split(vp, lin, size))
		return size == 8 ? mem_read64(vp, lin) : mem_read32(vp, lin);
	for (unsigned int i = 0; i < size; i++)
		v |= (uint64_t)mem_read8(vp, lin + i) << (8 * i);
	return v;
}

static void probe_elem(struct soft_vp *vp, uint64_t lin, unsigned int size)
{
	if (!must_split(vp, lin, size)) {
		mem_probe(vp, lin, MEM_WRITE, size);
		return;
	}
	for (unsigned int i = 0; i < size; i++)
		mem_probe(vp, lin + i, MEM_WRITE, 1);
}

/* Probed before. */
static void write_elem(struct soft_vp *vp, uint64_t lin, unsigned int size,
		       uint64_t v)
{
	if (must_split(vp, lin, size)) {
		for (unsigned int i = 0; i < size; i++)
			mem_write8(vp, lin + i, (uint8_t)(v >> (8 * i)));
	} else if (size == 8) {
		mem_write64(vp, lin, v);
	} else {
		mem_write32(vp, lin, (uint32_t)v);
	}
}

static unsigned int mask_elem_size(const struct insn *in)
{
	return in->op == OP_VMASKMOVPD || in->op == OP_VPMASKMOVQ ? 8 : 4;
}

/* Of element @i at offset @ea; wraps like the address itself. */
static uint64_t elem_linear(struct soft_vp *vp, const struct insn *in,
			    uint64_t ea, unsigned int size, bool write)
{
	if (in->addrsize != 8)
		ea = in->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
	return seg_linear(vp, in->seg, ea, size, write);
}

static void insn_maskload(struct soft_vp *vp, const struct insn *in)
{
	unsigned int size = mask_elem_size(in);
	unsigned int n = (in->flags & INSN_VEX_L ? 32 : 16) / size;
	uint64_t ea = insn_ea(vp, in);
	uint64_t v[8];

	for (unsigned int i = 0; i < n; i++) {
		v[i] = 0;
		if (elem_mask(vp, in->vvvv, i, size))
			v[i] = read_elem(
				vp,
				elem_linear(vp, in, ea + i * size, size, false),
				size);
	}
	for (unsigned int i = 0; i < n; i++)
		put_elem(vp, in->reg, i, size, v[i]);
	if (!(in->flags & INSN_VEX_L))
		zero_ymm_hi(vp, in->reg);
}

static void insn_maskstore(struct soft_vp *vp, const struct insn *in)
{
	unsigned int size = mask_elem_size(in);
	unsigned int n = (in->flags & INSN_VEX_L ? 32 : 16) / size;
	uint64_t ea = insn_ea(vp, in);
	uint64_t lin[8];

	for (unsigned int i = 0; i < n; i++) {
		if (!elem_mask(vp, in->vvvv, i, size))
			continue;
		lin[i] = elem_linear(vp, in, ea + i * size, size, true);
		probe_elem(vp, lin[i], size);
	}
	for (unsigned int i = 0; i < n; i++)
		if (elem_mask(vp, in->vvvv, i, size))
			write_elem(vp, lin[i], size,
				   get_elem(vp, in->reg, i, size));
}

/* Faults for bytes that are not selected are allowed (SDM 2), and happen. */
static void insn_maskmovdqu(struct soft_vp *vp, const struct insn *in)
{
	uint64_t ea = vp->hv.regs.gpr[X86_RDI];

	block_probe(vp, elem_linear(vp, in, ea, 8, true), MEM_WRITE, 8);
	block_probe(vp, elem_linear(vp, in, ea + 8, 8, true), MEM_WRITE, 8);
	for (unsigned int i = 0; i < 16; i++)
		if (elem_mask(vp, in->rm, i, 1))
			mem_write8(vp, elem_linear(vp, in, ea + i, 1, true),
				   (uint8_t)get_elem(vp, in->reg, i, 1));
}

/* ---- gathers (SDM 2, VGATHERDPS) ---- */

struct gather {
	unsigned int data_size;
	unsigned int index_size;
};

static struct gather gather_sizes(const struct insn *in)
{
	switch (in->op) {
	case OP_VGATHERDPS:
	case OP_VPGATHERDD:
		return (struct gather){4, 4};
	case OP_VGATHERDPD:
	case OP_VPGATHERDQ:
		return (struct gather){8, 4};
	case OP_VGATHERQPS:
	case OP_VPGATHERQD:
		return (struct gather){4, 8};
	default:
		return (struct gather){8, 8};
	}
}

static uint64_t gather_linear(struct soft_vp *vp, const struct insn *in,
			      unsigned int i, const struct gather *g)
{
	uint64_t index = get_elem(vp, in->index, i, g->index_size);
	uint64_t ea = vp->hv.regs.gpr[in->base] + (uint64_t)(int64_t)in->disp;

	if (g->index_size == 4)
		index = (uint64_t)(int64_t)(int32_t)index;
	ea += index << in->scale;
	return elem_linear(vp, in, ea, g->data_size, false);
}

/*
 * An element's result and its cleared mask are committed together before the
 * next element is tried: after a fault the instruction resumes where it
 * stopped.
 */
static void insn_gather(struct soft_vp *vp, const struct insn *in)
{
	struct gather g = gather_sizes(in);
	unsigned int wide =
		g.data_size > g.index_size ? g.data_size : g.index_size;
	unsigned int n = (in->flags & INSN_VEX_L ? 32 : 16) / wide;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t v;

		if (elem_mask(vp, in->vvvv, i, g.data_size)) {
			v = read_elem(vp, gather_linear(vp, in, i, &g),
				      g.data_size);
			put_elem(vp, in->reg, i, g.data_size, v);
		}
		put_elem(vp, in->vvvv, i, g.data_size, 0);
	}
	for (unsigned int i = n; i < 32 / g.data_size; i++)
		put_elem(vp, in->reg, i, g.data_size, 0);
	store128(fpu_xmm(vp, in->vvvv), _mm_setzero_si128());
	zero_ymm_hi(vp, in->vvvv);
}

static insn_fn *bind_gather(const struct insn *in)
{
	/* #UD for the three is the decoder's; never index past the arrays. */
	ASSERT(in->index < 16);
	return insn_gather;
}

insn_fn *bind_native_mask(const struct soft_vp *vp, const struct insn *in)
{
	bool store;

	switch (in->op) {
	case OP_VMASKMOVPS:
	case OP_VMASKMOVPD:
	case OP_VPMASKMOVD:
	case OP_VPMASKMOVQ:
		store = insn_mem_access(in) & OPND_W;
		return store ? insn_maskstore : insn_maskload;
	case OP_MASKMOVDQU:
		return insn_maskmovdqu;
	case OP_VGATHERDPS ... OP_VPGATHERQQ:
		return bind_gather(in);
	default:
		return NULL;
	}
}
