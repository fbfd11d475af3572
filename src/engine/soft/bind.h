/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing the handler of a decoded instruction. Each family's file offers a
 * bind function that returns its handler or NULL when the operation is not
 * its own; block.c asks them in turn and falls back to #UD. Mode-dependent
 * choices are made here once: vp->mode is part of a block's key.
 */
#pragma once

#include "decode.h"
#include "vp.h"

/*
 * insn.flags, set before binding: the memory operand's linear address is its
 * effective address, which does not wrap (64-bit code, no FS or GS).
 */
#define INSN_PLAIN 0x80000000u

/*
 * Integer moves, arithmetic, logic, shifts, bits, stack, near branches. May
 * rewrite register numbers of @in to what its handler wants, if it has one.
 */
insn_fn *bind_integer(const struct soft_vp *vp, struct insn *in);
/* MOVS CMPS STOS LODS SCAS INS OUTS and IN, OUT. */
insn_fn *bind_string(const struct soft_vp *vp, const struct insn *in);
/* Segments, far transfers, interrupts, control/debug/model registers. */
insn_fn *bind_system(const struct soft_vp *vp, const struct insn *in);
/* x87, MMX, SSE, AVX, BMI and whatever the host executes for us; XSAVE. */
insn_fn *bind_native(struct soft_vp *vp, const struct insn *in);

/* True when the CPU model offers what @in needs. (sys.c) */
bool soft_feature_ok(const struct soft_vp *vp, const struct insn *in);

/* Effective address of @in's memory operand without segment: wrapped to the
 * address size. */
static inline uint64_t insn_ea(const struct soft_vp *vp, const struct insn *in)
{
	const uint64_t *gpr = vp->hv.regs.gpr;
	uint64_t ea = (uint64_t)(int64_t)in->disp;

	ea += in->base == INSN_REG_RIP ? vp->hv.regs.rip : gpr[in->base];
	ea += gpr[in->index] << in->scale;
	if (in->addrsize == 8)
		return ea;
	return in->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
}

/* Linear address of offset @off in segment @seg for @size bytes: adds the
 * base and, outside flat modes, checks the limit and type (raises #GP or
 * #SS). (seg.c) */
uint64_t seg_linear_checked(struct soft_vp *vp, unsigned int seg, uint64_t off,
			    unsigned int size, bool write);

static inline uint64_t seg_linear(struct soft_vp *vp, unsigned int seg,
				  uint64_t off, unsigned int size, bool write)
{
	if (vp->mode & SOFT_MODE_64) {
		if (seg == X86_FS || seg == X86_GS)
			off += vp->hv.regs.seg[seg].base;
		return off; /* INSN_SEG_FLAT included */
	}
	if ((vp->mode & SOFT_MODE_FLAT) && seg < X86_FS &&
	    !(write && seg == X86_CS) &&
	    (uint32_t)off <= UINT32_MAX - (size - 1))
		return (uint32_t)off;
	return seg_linear_checked(vp, seg, off, size, write);
}

/*
 * May @width bytes at @port be accessed (SDM 1, 19.5: IOPL, else the TSS's
 * bitmap)? Raises #GP, or the fault of reading the TSS; returns true. (sys.c)
 */
bool seg_io_allowed(struct soft_vp *vp, uint16_t port, unsigned int width);

/* Outside the plain case. (seg.c) */
uint64_t insn_linear_slow(struct soft_vp *vp, const struct insn *in,
			  unsigned int size, bool write);

/* Linear address of @in's memory operand. */
static inline uint64_t insn_linear(struct soft_vp *vp, const struct insn *in,
				   unsigned int size, bool write)
{
	/* RIP follows the general registers: INSN_REG_RIP is an index. */
	const uint64_t *reg = (const uint64_t *)(const void *)&vp->hv.regs;

	if (__builtin_expect((in->flags & INSN_PLAIN) != 0, 1))
		return reg[in->base] + (reg[in->index] << in->scale) +
		       (uint64_t)(int64_t)in->disp;
	return insn_linear_slow(vp, in, size, write);
}
