/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator's assembler: host instructions into a buffer that is written
 * at one address and executed at another.
 */
#pragma once

#include <base/assert.h>

#include <stdbool.h>
#include <stdint.h>

struct xasm {
	uint8_t *p;    /* next byte, writable alias */
	uint8_t *end;  /* of the room */
	intptr_t exec; /* add to a writable address: where it executes */
};

enum {
	H_RAX,
	H_RCX,
	H_RDX,
	H_RBX,
	H_RSP,
	H_RBP,
	H_RSI,
	H_RDI,
	H_R8,
	H_R9,
	H_R10,
	H_R11,
	H_R12,
	H_R13,
	H_R14,
	H_R15,
	H_NONE = 16,
};

/* Condition codes: low four bits of Jcc. */
enum {
	CC_B = 2,
	CC_Z = 4,
	CC_NZ = 5,
	CC_A = 7
};

struct xenc {
	bool lock, p66, asize, vex, w, l, rex, modrm, mem;
	uint8_t rep;    /* F2, F3 or 0 */
	uint8_t pp;     /* VEX */
	uint8_t map;    /* 0 one byte, 1 0F, 2 0F38, 3 0F3A */
	uint8_t opcode; /* with the register already in its low bits */
	uint8_t plus;   /* that register: for REX.B */
	uint8_t reg, rm, vvvv;
	uint8_t base, index, scale; /* H_NONE: none */
	int32_t disp;
	const uint8_t *imm;
	unsigned int nr_imm;
};

static inline void x8(struct xasm *a, unsigned int v)
{
	ASSERT(a->p < a->end);
	*a->p++ = (uint8_t)v;
}

void x32(struct xasm *a, uint32_t v);
void x64(struct xasm *a, uint64_t v);
void xbytes(struct xasm *a, const uint8_t *bytes, unsigned int n);

#define XBYTES(a, ...)                                                         \
	xbytes(a, (const uint8_t[]){__VA_ARGS__},                              \
	       sizeof((const uint8_t[]){__VA_ARGS__}))

/* Where the next byte will execute. */
static inline uint64_t xhere(const struct xasm *a)
{
	return (uint64_t)((uintptr_t)a->p + (uintptr_t)a->exec);
}

void xencode(struct xasm *a, const struct xenc *e);

/* op reg, rm between registers; @w: 64 bits */
void xop_rr(struct xasm *a, bool w, uint8_t opcode, unsigned int reg,
	    unsigned int rm);
/* the same with [base + disp] */
void xop_rm(struct xasm *a, bool w, uint8_t opcode, unsigned int reg,
	    unsigned int base, int32_t disp);
/* the same with gs:[off] */
void xop_gs(struct xasm *a, bool w, uint8_t opcode, unsigned int reg,
	    uint32_t off);
/* op rm, imm32 of group 81 */
void xop_ri(struct xasm *a, bool w, unsigned int digit, unsigned int rm,
	    int32_t imm);

static inline void xmov(struct xasm *a, unsigned int dst, unsigned int src)
{
	xop_rr(a, true, 0x89, src, dst);
}

static inline void xload_gs(struct xasm *a, unsigned int dst, uint32_t off)
{
	xop_gs(a, true, 0x8b, dst, off);
}

static inline void xstore_gs(struct xasm *a, unsigned int src, uint32_t off)
{
	xop_gs(a, true, 0x89, src, off);
}

void xmov_imm(struct xasm *a, unsigned int dst, uint64_t imm);
void xlea(struct xasm *a, bool w, unsigned int dst, unsigned int base,
	  unsigned int index, unsigned int scale, int32_t disp);
/* shl (4), shr (5), sar (7) */
void xshift(struct xasm *a, bool w, unsigned int digit, unsigned int rm,
	    uint8_t count);

/* Jumps with a 32-bit displacement; the result is that field's address. */
uint8_t *xjmp(struct xasm *a);
uint8_t *xjcc(struct xasm *a, unsigned int cc);
uint8_t *xcall(struct xasm *a);
/* Let the field at @at lead to the executable address @to, or to here. */
void xpatch(const struct xasm *a, uint8_t *at, uint64_t to);
void xlabel(const struct xasm *a, uint8_t *at);
void xjmp_to(struct xasm *a, uint64_t to);
void xcall_to(struct xasm *a, uint64_t to);
