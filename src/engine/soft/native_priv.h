/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Execution of x87 and vector instructions by the host CPU itself; private to
 * native*.c. See docs/native-execution.md.
 *
 * The guest's FPU state always rests in vp->hv.regs.fpu. Most instructions
 * run as a stub: a small generated function of type insn_fn that loads the
 * registers the instruction names, executes it, and stores its results. What
 * is a mere copy, or may fault halfway, is a C handler.
 */
#pragma once

#include <base/assert.h>

#include "bind.h"
#include "fault.h"
#include "flags.h"
#include "mem.h"
#include "native.h"

#include <emmintrin.h>
#include <stddef.h>
#include <string.h>

/* The legacy area of an XSAVE image, 64-bit form (SDM 1, 10.5.1). */
struct fpu_legacy {
	uint16_t fcw;
	uint16_t fsw;
	uint8_t ftw; /* abridged: bit set = physical register not empty */
	uint8_t reserved;
	uint16_t fop;
	uint64_t fip;
	uint64_t fdp;
	uint32_t mxcsr;
	uint32_t mxcsr_mask;
	uint8_t st[8][16]; /* ST(0) first; MMn is ST((n - TOP) & 7) */
	uint8_t xmm[16][16];
	uint8_t rest[96];
};

BUILD_ASSERT(sizeof(struct fpu_legacy) == 512);
BUILD_ASSERT(offsetof(struct soft_vp, hv.regs.gpr) == 0);

#define FSW_EXCEPTIONS 0x003fu
#define FSW_SF         0x0040u
#define FSW_ES         0x0080u
#define FSW_TOP_SHIFT  11
#define FSW_B          0x8000u
#define FCW_MASKS      0x003fu

/* What the guest may set in MXCSR: all but the misaligned-exception mask,
 * which no CPU model offers. */
#define MXCSR_VALID 0xffffu

#define FXSAVE_USED   416u /* bytes FXSAVE writes: up to XMM15 */
#define XSAVE_LEGACY  512u
#define XSAVE_HEADER  64u
#define XSAVE_AVX     (XSAVE_LEGACY + XSAVE_HEADER)
#define XSAVE_MAX     (XSAVE_AVX + 256u)
#define XSAVE_COMPACT BIT64(63)
#define XSTATE_ALL    (X86_XCR0_X87 | X86_XCR0_SSE | X86_XCR0_AVX)

static inline struct fpu_legacy *fpu_legacy(struct soft_vp *vp)
{
	return (struct fpu_legacy *)(void *)vp->hv.regs.fpu.legacy;
}

static inline uint8_t *fpu_xmm(struct soft_vp *vp, unsigned int n)
{
	return fpu_legacy(vp)->xmm[n];
}

static inline uint8_t *fpu_ymm_hi(struct soft_vp *vp, unsigned int n)
{
	return vp->hv.regs.fpu.ymm_hi + 16 * n;
}

static inline __m128i load128(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline void store128(void *p, __m128i v)
{
	_mm_storeu_si128((__m128i *)p, v);
}

/* VEX.128 destinations zero what lies above. */
static inline void zero_ymm_hi(struct soft_vp *vp, unsigned int n)
{
	store128(fpu_ymm_hi(vp, n), _mm_setzero_si128());
}

/* Up to 32 bytes of memory operand: guest RAM itself or vp->nat.operand. */
static inline const void *operand_read(struct soft_vp *vp, uint64_t lin,
				       unsigned int size)
{
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);

	if (__builtin_expect(tlb_hit(e->read, lin, size), 1))
		return (const void *)(uintptr_t)(lin + e->addend);
	mem_read(vp, lin, vp->nat.operand, size);
	return vp->nat.operand;
}

static inline void operand_write(struct soft_vp *vp, uint64_t lin,
				 const void *src, unsigned int size)
{
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);

	if (__builtin_expect(tlb_hit(e->write, lin, size), 1))
		memcpy((void *)(uintptr_t)(lin + e->addend), src, size);
	else
		mem_write(vp, lin, src, size);
}

static inline void check_aligned(struct soft_vp *vp, uint64_t lin,
				 unsigned int align)
{
	if (__builtin_expect(lin & (align - 1), 0))
		soft_raise_error(vp, X86_GP, 0);
}

/* Blocks longer than one access: read, or probe whole and then write. Linear
 * addresses wrap at 4 GiB outside 64-bit mode. (native_state.c) */
void block_read(struct soft_vp *vp, uint64_t lin, void *buf, unsigned int size);
void block_write(struct soft_vp *vp, uint64_t lin, const void *buf,
		 unsigned int size);
void block_probe(struct soft_vp *vp, uint64_t lin, enum mem_access access,
		 unsigned int size);

/* What this host does where processors differ. (native.c) */
#define HOST_CVTPI2PS_TRANSITS 0x1u
unsigned int soft_host_quirks(void);

/* ---- native_area.c: where stubs live ---- */

struct native_code {
	uint8_t *rw;       /* the same byte through the writable mapping ... */
	const uint8_t *rx; /* ... and the executable one */
	size_t left;
};

/* Take the area's lock and give room at its end; NULL rw: full. */
void native_code_begin(struct native_code *ret);
/* @used bytes were written: publish under @key, drop the lock. */
insn_fn *native_code_end(const struct native_code *code, size_t used,
			 uint64_t key);
/* Stub with @key or NULL. Any thread. */
insn_fn *native_code_find(uint64_t key);
/* Bytes of stubs so far. */
size_t native_code_used(void);
/* Address of a 32-bit constant X86_MXCSR_INIT near the stubs. */
const uint8_t *native_code_mxcsr(void);

/* ---- native_emit.c ---- */

/* A stub for @in, generated if need be; NULL when the area is full. */
insn_fn *native_stub(const struct insn *in);

/* ---- C handlers, by file; each bind returns NULL for what is not its own */

insn_fn *bind_native_move(const struct soft_vp *vp, const struct insn *in);
insn_fn *bind_native_mask(const struct soft_vp *vp, const struct insn *in);
insn_fn *bind_native_x87(const struct soft_vp *vp, const struct insn *in);
insn_fn *bind_native_mmx(const struct soft_vp *vp, const struct insn *in);
insn_fn *bind_native_state(const struct soft_vp *vp, const struct insn *in);

/* ---- called by stubs ---- */

/* Pending x87 exception check, operand fetch; returns the operand. */
void *native_x87_begin(struct soft_vp *vp, const struct insn *in);
/* Take over vp->nat.x87 and store the memory operand. */
void native_x87_end(struct soft_vp *vp, const struct insn *in);
void *native_mmx_begin(struct soft_vp *vp, const struct insn *in);
void native_mmx_end(struct soft_vp *vp, const struct insn *in);

/* ---- native_x87.c, for native_state.c and MMX ---- */

/* Raise #MF when an unmasked exception is pending. */
void x87_check_pending(struct soft_vp *vp);
/* Let the host CPU put the x87 part of @f into the form it would store. */
void x87_normalise(struct fpu_legacy *f);
