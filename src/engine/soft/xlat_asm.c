/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The translator's assembler (xlat_asm.h). */
#include "xlat_asm.h"

#include <base/mem.h>

void x32(struct xasm *a, uint32_t v)
{
	for (unsigned int i = 0; i < 4; i++)
		x8(a, (uint8_t)(v >> (8 * i)));
}

void x64(struct xasm *a, uint64_t v)
{
	x32(a, (uint32_t)v);
	x32(a, (uint32_t)(v >> 32));
}

void xbytes(struct xasm *a, const uint8_t *bytes, unsigned int n)
{
	while (n--)
		x8(a, *bytes++);
}

/* ModRM, SIB and displacement of [base + index << scale + disp]. */
static void memory(struct xasm *a, const struct xenc *e)
{
	unsigned int reg = (e->reg & 7u) << 3;
	unsigned int base = e->base & 7u;
	bool sib = e->index != H_NONE || base == H_RSP;
	unsigned int mod;

	if (e->base == H_NONE) {
		x8(a, reg | 4);
		x8(a, e->index == H_NONE ? 0x25u
					 : (unsigned int)e->scale << 6 |
						   (e->index & 7u) << 3 | 5);
		x32(a, (uint32_t)e->disp);
		return;
	}
	if (e->disp == 0 && base != H_RBP)
		mod = 0;
	else
		mod = e->disp >= -128 && e->disp <= 127 ? 1 : 2;
	x8(a, mod << 6 | reg | (sib ? 4 : base));
	if (sib)
		x8(a, e->index == H_NONE ? 4u << 3 | base
					 : (unsigned int)e->scale << 6 |
						   (e->index & 7u) << 3 | base);
	if (mod == 1)
		x8(a, (uint8_t)e->disp);
	else if (mod == 2)
		x32(a, (uint32_t)e->disp);
}

static void escape(struct xasm *a, unsigned int map)
{
	if (map)
		x8(a, 0x0f);
	if (map == 2)
		x8(a, 0x38);
	else if (map == 3)
		x8(a, 0x3a);
}

void xencode(struct xasm *a, const struct xenc *e)
{
	unsigned int r = e->reg >> 3;
	unsigned int x = e->mem && e->index != H_NONE ? e->index >> 3 : 0;
	unsigned int b = e->mem     ? (e->base != H_NONE ? e->base >> 3 : 0)
			 : e->modrm ? e->rm >> 3
				    : e->plus >> 3;

	if (e->lock)
		x8(a, 0xf0);
	if (e->asize)
		x8(a, 0x67);
	if (e->vex) {
		x8(a, 0xc4);
		x8(a, (!r) << 7 | (!x) << 6 | (!b) << 5 | e->map);
		x8(a, (unsigned int)e->w << 7 | (~e->vvvv & 15u) << 3 |
			      (unsigned int)e->l << 2 | e->pp);
	} else {
		if (e->p66)
			x8(a, 0x66);
		if (e->rep)
			x8(a, e->rep);
		if (e->rex || e->w || r || x || b)
			x8(a, 0x40 | (unsigned int)e->w << 3 | r << 2 | x << 1 |
				      b);
		escape(a, e->map);
	}
	x8(a, e->opcode);
	if (e->modrm && e->mem)
		memory(a, e);
	else if (e->modrm)
		x8(a, 0xc0 | (e->reg & 7u) << 3 | (e->rm & 7u));
	xbytes(a, e->imm, e->nr_imm);
}

static void rex(struct xasm *a, bool w, unsigned int reg, unsigned int rm)
{
	unsigned int v = (unsigned int)w << 3 | (reg >> 3) << 2 | rm >> 3;

	if (v)
		x8(a, 0x40 | v);
}

void xop_rr(struct xasm *a, bool w, uint8_t opcode, unsigned int reg,
	    unsigned int rm)
{
	rex(a, w, reg, rm);
	x8(a, opcode);
	x8(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void xop_rm(struct xasm *a, bool w, uint8_t opcode, unsigned int reg,
	    unsigned int base, int32_t disp)
{
	const struct xenc e = {.w = w,
			       .modrm = true,
			       .mem = true,
			       .opcode = opcode,
			       .reg = (uint8_t)reg,
			       .base = (uint8_t)base,
			       .index = H_NONE,
			       .disp = disp};

	xencode(a, &e);
}

void xop_gs(struct xasm *a, bool w, uint8_t opcode, unsigned int reg,
	    uint32_t off)
{
	x8(a, 0x65);
	rex(a, w, reg, 0);
	x8(a, opcode);
	x8(a, (reg & 7) << 3 | 4);
	x8(a, 0x25);
	x32(a, off);
}

void xop_ri(struct xasm *a, bool w, unsigned int digit, unsigned int rm,
	    int32_t imm)
{
	rex(a, w, 0, rm);
	x8(a, imm >= -128 && imm <= 127 ? 0x83 : 0x81);
	x8(a, 0xc0 | digit << 3 | (rm & 7));
	if (imm >= -128 && imm <= 127)
		x8(a, (uint8_t)imm);
	else
		x32(a, (uint32_t)imm);
}

void xmov_imm(struct xasm *a, unsigned int dst, uint64_t imm)
{
	rex(a, imm >> 32 != 0, 0, dst);
	x8(a, 0xb8 | (dst & 7));
	if (imm >> 32)
		x64(a, imm);
	else
		x32(a, (uint32_t)imm);
}

void xlea(struct xasm *a, bool w, unsigned int dst, unsigned int base,
	  unsigned int index, unsigned int scale, int32_t disp)
{
	const struct xenc e = {.w = w,
			       .modrm = true,
			       .mem = true,
			       .opcode = 0x8d,
			       .reg = (uint8_t)dst,
			       .base = (uint8_t)base,
			       .index = (uint8_t)index,
			       .scale = (uint8_t)scale,
			       .disp = disp};

	xencode(a, &e);
}

void xshift(struct xasm *a, bool w, unsigned int digit, unsigned int rm,
	    uint8_t count)
{
	rex(a, w, 0, rm);
	x8(a, 0xc1);
	x8(a, 0xc0 | digit << 3 | (rm & 7));
	x8(a, count);
}

static uint8_t *field(struct xasm *a)
{
	uint8_t *at = a->p;

	x32(a, 0);
	return at;
}

uint8_t *xjmp(struct xasm *a)
{
	x8(a, 0xe9);
	return field(a);
}

uint8_t *xjcc(struct xasm *a, unsigned int cc)
{
	x8(a, 0x0f);
	x8(a, 0x80 | cc);
	return field(a);
}

uint8_t *xcall(struct xasm *a)
{
	x8(a, 0xe8);
	return field(a);
}

void xpatch(const struct xasm *a, uint8_t *at, uint64_t to)
{
	uint64_t from = (uint64_t)((uintptr_t)at + (uintptr_t)a->exec) + 4;
	int32_t rel = (int32_t)(to - from);

	ASSERT(from + (uint64_t)(int64_t)rel == to);
	memcpy(at, &rel, sizeof(rel));
}

void xlabel(const struct xasm *a, uint8_t *at)
{
	xpatch(a, at, xhere(a));
}

void xjmp_to(struct xasm *a, uint64_t to)
{
	xpatch(a, xjmp(a), to);
}

void xcall_to(struct xasm *a, uint64_t to)
{
	xpatch(a, xcall(a), to);
}
