/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving and restoring FPU state: MXCSR, FXSAVE and the XSAVE family for x87,
 * SSE and AVX (SDM 1, 10.5 and 13).
 *
 * A save probes the whole area before the first store, a restore copies the
 * whole area before it looks at it: both are all or nothing. XINUSE is what
 * soft_xinuse() computes from the content. The modified optimisation of
 * XSAVEOPT and XSAVES is not made use of.
 */
#include "native_priv.h"

#define HEADER_BV   512u
#define HEADER_COMP 520u

/* ---- blocks ---- */

static uint64_t wrap(const struct soft_vp *vp, uint64_t lin)
{
	return vp->mode & SOFT_MODE_64 ? lin : (uint32_t)lin;
}

/* Bytes of [lin + done, lin + size) to handle at once: within 64 aligned. */
static unsigned int piece(uint64_t lin, unsigned int left)
{
	unsigned int room = 64 - (lin & 63);

	return room < left ? room : left;
}

void block_read(struct soft_vp *vp, uint64_t lin, void *buf, unsigned int size)
{
	unsigned int n;

	for (unsigned int done = 0; done < size; done += n) {
		uint64_t at = wrap(vp, lin + done);

		n = piece(at, size - done);
		mem_read(vp, at, (uint8_t *)buf + done, n);
	}
}

void block_probe(struct soft_vp *vp, uint64_t lin, enum mem_access access,
		 unsigned int size)
{
	unsigned int n;

	for (unsigned int done = 0; done < size; done += n) {
		uint64_t at = wrap(vp, lin + done);
		unsigned int page_left = PAGE_SIZE - (at & ~PAGE_MASK);

		/* One probe a page tells all. */
		n = page_left < size - done ? page_left : size - done;
		mem_probe(vp, at, access, n < 64 ? n : 64);
	}
}

void block_write(struct soft_vp *vp, uint64_t lin, const void *buf,
		 unsigned int size)
{
	unsigned int n;

	if (size > 64)
		block_probe(vp, lin, MEM_WRITE, size);
	for (unsigned int done = 0; done < size; done += n) {
		uint64_t at = wrap(vp, lin + done);

		n = piece(at, size - done);
		mem_write(vp, at, (const uint8_t *)buf + done, n);
	}
}

/* ---- MXCSR ---- */

static void insn_ldmxcsr(struct soft_vp *vp, const struct insn *in)
{
	uint32_t v = mem_read32(vp, insn_linear(vp, in, 4, false));

	if (v & ~MXCSR_VALID)
		soft_raise_error(vp, X86_GP, 0);
	fpu_legacy(vp)->mxcsr = v;
}

static void insn_stmxcsr(struct soft_vp *vp, const struct insn *in)
{
	mem_write32(vp, insn_linear(vp, in, 4, true), fpu_legacy(vp)->mxcsr);
}

/* ---- images ---- */

static bool wide_pointers(const struct insn *in)
{
	return in->opsize == 8;
}

static unsigned int xmm_count(const struct soft_vp *vp)
{
	return vp->mode & SOFT_MODE_64 ? 16 : 8;
}

/* The x87 part (bytes 0-23 and the registers) of @image from the state. */
static void put_x87(const struct fpu_legacy *f, const struct insn *in,
		    struct fpu_legacy *image)
{
	uint64_t mask = wide_pointers(in) ? UINT64_MAX : UINT32_MAX;

	memcpy(image, f, 8);
	image->reserved = 0;
	image->fip = f->fip & mask; /* and FCS, FDS zero */
	image->fdp = f->fdp & mask;
	memcpy(image->st, f->st, sizeof(image->st));
}

/* The x87 part of the state from @image, as the host would take it in. */
static void get_x87(struct fpu_legacy *f, const struct insn *in,
		    const struct fpu_legacy *image)
{
	struct fpu_legacy norm __attribute__((aligned(16))) = *image;
	uint64_t mask = wide_pointers(in) ? UINT64_MAX : UINT32_MAX;

	norm.fip = 0;
	norm.fdp = 0;
	x87_normalise(&norm);
	memcpy(f, &norm, 8);
	f->fop = image->fop & 0x7ff;
	f->fip = image->fip & mask;
	f->fdp = image->fdp & mask;
	memcpy(f->st, norm.st, sizeof(f->st));
}

static void put_mxcsr(const struct fpu_legacy *f, struct fpu_legacy *image)
{
	image->mxcsr = f->mxcsr;
	image->mxcsr_mask = MXCSR_VALID;
}

static void check_fpu(struct soft_vp *vp)
{
	if (vp->mode & SOFT_MODE_FPU_NM)
		soft_raise(vp, X86_NM);
}

static void insn_fxsave(struct soft_vp *vp, const struct insn *in)
{
	const struct fpu_legacy *f = fpu_legacy(vp);
	struct fpu_legacy image;
	unsigned int size = 160;
	uint64_t lin;

	check_fpu(vp);
	lin = insn_linear(vp, in, 512, true);
	check_aligned(vp, lin, 16);
	block_probe(vp, lin, MEM_WRITE, 512);
	memset(&image, 0, sizeof(image));
	put_x87(f, in, &image);
	put_mxcsr(f, &image);
	if (vp->hv.regs.cr4 & X86_CR4_OSFXSR) {
		size += 16 * xmm_count(vp);
		memcpy(image.xmm, f->xmm, sizeof(image.xmm));
	}
	block_write(vp, lin, &image, size);
}

static void insn_fxrstor(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	struct fpu_legacy image;
	uint64_t lin;

	check_fpu(vp);
	lin = insn_linear(vp, in, 512, false);
	check_aligned(vp, lin, 16);
	block_read(vp, lin, &image, sizeof(image));
	if (image.mxcsr & ~MXCSR_VALID)
		soft_raise_error(vp, X86_GP, 0);
	get_x87(f, in, &image);
	if (vp->hv.regs.cr4 & X86_CR4_OSFXSR) {
		f->mxcsr = image.mxcsr;
		memcpy(f->xmm, image.xmm, 16 * xmm_count(vp));
	}
}

/* ---- XSAVE ---- */

static bool all_zero(const uint8_t *p, size_t n)
{
	uint64_t any = 0, v;

	for (size_t i = 0; i < n; i += 8) {
		memcpy(&v, p + i, 8);
		any |= v;
	}
	return any == 0;
}

uint64_t soft_xinuse(const struct vp_regs *regs)
{
	const struct fpu_legacy *f = (const void *)regs->fpu.legacy;
	uint64_t in_use = 0;

	if (f->fcw != X86_FCW_INIT || f->fsw || f->ftw || f->fop || f->fip ||
	    f->fdp || !all_zero(f->st[0], sizeof(f->st)))
		in_use |= X86_XCR0_X87;
	if (!all_zero(f->xmm[0], sizeof(f->xmm)))
		in_use |= X86_XCR0_SSE;
	if (!all_zero(regs->fpu.ymm_hi, sizeof(regs->fpu.ymm_hi)))
		in_use |= X86_XCR0_AVX;
	return in_use;
}

/* Checks common to the family; returns the requested components. */
static uint64_t xsave_mask(struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t mask = (uint32_t)r->gpr[X86_RAX] |
			(uint64_t)(uint32_t)r->gpr[X86_RDX] << 32;

	if (!(r->cr4 & X86_CR4_OSXSAVE))
		soft_raise(vp, X86_UD);
	if (vp->mode & SOFT_MODE_TS)
		soft_raise(vp, X86_NM);
	return mask & r->xcr0;
}

static unsigned int xsave_size(uint64_t mask)
{
	return mask & X86_XCR0_AVX ? XSAVE_MAX : XSAVE_AVX;
}

static uint64_t xsave_linear(struct soft_vp *vp, const struct insn *in,
			     uint64_t mask, bool write)
{
	uint64_t lin = insn_linear(vp, in, xsave_size(mask), write);

	check_aligned(vp, lin, 64);
	return lin;
}

/* Store the pieces that @mask selects of the area at @lin. */
static void xsave_store(struct soft_vp *vp, const struct insn *in, uint64_t lin,
			uint64_t mask, bool mxcsr)
{
	const struct fpu_legacy *f = fpu_legacy(vp);
	struct fpu_legacy image;
	unsigned int xmm_size = 16 * xmm_count(vp);

	memset(&image, 0, sizeof(image));
	put_x87(f, in, &image);
	put_mxcsr(f, &image);
	if (mask & X86_XCR0_X87) {
		block_write(vp, lin, &image, 24);
		block_write(vp, lin + 32, image.st, sizeof(image.st));
	}
	if (mxcsr)
		block_write(vp, lin + 24, &image.mxcsr, 8);
	if (mask & X86_XCR0_SSE)
		block_write(vp, lin + 160, f->xmm, xmm_size);
	if (mask & X86_XCR0_AVX)
		block_write(vp, lin + XSAVE_AVX, vp->hv.regs.fpu.ymm_hi,
			    xmm_size);
}

/* XSAVE and XSAVEOPT: the standard format */
static void insn_xsave(struct soft_vp *vp, const struct insn *in)
{
	uint64_t mask = xsave_mask(vp), in_use = soft_xinuse(&vp->hv.regs);
	uint64_t lin = xsave_linear(vp, in, mask, true);
	bool mxcsr = mask & (X86_XCR0_SSE | X86_XCR0_AVX);
	uint64_t bv;

	block_probe(vp, lin, MEM_WRITE, xsave_size(mask));
	bv = mem_read64(vp, wrap(vp, lin + HEADER_BV));
	xsave_store(vp, in, lin, in->op == OP_XSAVEOPT ? mask & in_use : mask,
		    mxcsr);
	mem_write64(vp, wrap(vp, lin + HEADER_BV),
		    (bv & ~mask) | (in_use & mask));
}

/* XSAVEC, and XSAVES: no supervisor component exists. */
static void insn_xsavec(struct soft_vp *vp, const struct insn *in)
{
	uint64_t mask = xsave_mask(vp), in_use = soft_xinuse(&vp->hv.regs);
	uint64_t lin = xsave_linear(vp, in, mask, true);
	uint64_t header[2];

	if (fpu_legacy(vp)->mxcsr != X86_MXCSR_INIT)
		in_use |= X86_XCR0_SSE;
	in_use &= mask;
	block_probe(vp, lin, MEM_WRITE, xsave_size(mask));
	xsave_store(vp, in, lin, in_use, in_use & X86_XCR0_SSE);
	header[0] = in_use;
	header[1] = mask | XSAVE_COMPACT;
	block_write(vp, wrap(vp, lin + HEADER_BV), header, sizeof(header));
}

struct xsave_area {
	struct fpu_legacy legacy;
	uint64_t bv;
	uint64_t comp_bv;
	uint64_t reserved[6];
	uint8_t ymm_hi[256];
};

BUILD_ASSERT(sizeof(struct xsave_area) == XSAVE_MAX);

/* Raises #GP for headers the architecture refuses (SDM 1, 13.8). */
static void xrstor_check(struct soft_vp *vp, const struct insn *in,
			 const struct xsave_area *area)
{
	uint64_t xcr0 = vp->hv.regs.xcr0;
	bool compact = area->comp_bv & XSAVE_COMPACT;
	bool bad;

	if (compact) {
		uint64_t comp = area->comp_bv & ~XSAVE_COMPACT;

		bad = (comp & ~xcr0) || (area->bv & ~comp) ||
		      !all_zero((const uint8_t *)area->reserved,
				sizeof(area->reserved));
	} else {
		bad = in->op == OP_XRSTORS || (area->bv & ~xcr0) ||
		      area->comp_bv || area->reserved[0];
	}
	if (bad)
		soft_raise_error(vp, X86_GP, 0);
}

/* Is MXCSR taken from the area? Standard form: whenever asked for. */
static bool xrstor_mxcsr(const struct xsave_area *area, uint64_t mask)
{
	if (area->comp_bv & XSAVE_COMPACT)
		return mask & area->bv & X86_XCR0_SSE;
	return mask & (X86_XCR0_SSE | X86_XCR0_AVX);
}

static void init_x87_state(struct fpu_legacy *f)
{
	memset(f, 0, 24);
	f->fcw = X86_FCW_INIT;
	memset(f->st, 0, sizeof(f->st));
}

static void xrstor_commit(struct soft_vp *vp, const struct insn *in,
			  const struct xsave_area *area, uint64_t mask)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	unsigned int size = 16 * xmm_count(vp);
	uint64_t load = mask & area->bv;

	if (load & X86_XCR0_X87)
		get_x87(f, in, &area->legacy);
	else if (mask & X86_XCR0_X87)
		init_x87_state(f);
	if (xrstor_mxcsr(area, mask))
		f->mxcsr = area->legacy.mxcsr;
	else if (mask & X86_XCR0_SSE)
		f->mxcsr = X86_MXCSR_INIT;
	if (load & X86_XCR0_SSE)
		memcpy(f->xmm, area->legacy.xmm, size);
	else if (mask & X86_XCR0_SSE)
		memset(f->xmm, 0, size);
	if (load & X86_XCR0_AVX)
		memcpy(vp->hv.regs.fpu.ymm_hi, area->ymm_hi, size);
	else if (mask & X86_XCR0_AVX)
		memset(vp->hv.regs.fpu.ymm_hi, 0, size);
}

static void insn_xrstor(struct soft_vp *vp, const struct insn *in)
{
	uint64_t mask = xsave_mask(vp);
	uint64_t lin = xsave_linear(vp, in, 0, false);
	struct xsave_area area;

	/* What lies behind the header counts only if the header says so. */
	block_read(vp, lin, &area, XSAVE_AVX);
	xrstor_check(vp, in, &area);
	if (mask & area.bv & X86_XCR0_AVX)
		block_read(vp, wrap(vp, lin + XSAVE_AVX), area.ymm_hi,
			   sizeof(area.ymm_hi));
	if (xrstor_mxcsr(&area, mask) && (area.legacy.mxcsr & ~MXCSR_VALID))
		soft_raise_error(vp, X86_GP, 0);
	xrstor_commit(vp, in, &area, mask);
}

/* ---- VZEROUPPER, VZEROALL ---- */

static inline void zero_vectors(uint8_t *v, unsigned int count)
{
	const __m128i zero = _mm_setzero_si128();

	for (unsigned int i = 0; i < count; i++)
		_mm_store_si128((__m128i *)(void *)(v + 16 * i), zero);
}

static void insn_vzeroupper(struct soft_vp *vp, const struct insn *in)
{
	zero_vectors(vp->hv.regs.fpu.ymm_hi, xmm_count(vp));
}

static void insn_vzeroall(struct soft_vp *vp, const struct insn *in)
{
	zero_vectors(fpu_legacy(vp)->xmm[0], xmm_count(vp));
	zero_vectors(vp->hv.regs.fpu.ymm_hi, xmm_count(vp));
}

insn_fn *bind_native_state(const struct soft_vp *vp, const struct insn *in)
{
	switch (in->op) {
	case OP_LDMXCSR:
		return insn_ldmxcsr;
	case OP_STMXCSR:
		return insn_stmxcsr;
	case OP_FXSAVE:
		return insn_fxsave;
	case OP_FXRSTOR:
		return insn_fxrstor;
	case OP_XSAVE:
	case OP_XSAVEOPT:
		return insn_xsave;
	case OP_XSAVEC:
	case OP_XSAVES:
		return insn_xsavec;
	case OP_XRSTOR:
	case OP_XRSTORS:
		return insn_xrstor;
	case OP_VZEROUPPER:
		return insn_vzeroupper;
	case OP_VZEROALL:
		return insn_vzeroall;
	default:
		return NULL;
	}
}
