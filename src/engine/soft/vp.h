/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The soft engine's virtual processor and the rules every instruction handler
 * follows.
 *
 * A handler runs one decoded instruction. While it runs, vp->in is that
 * instruction and vp->hv.regs.rip already points behind it. It performs every
 * access that may fault before it changes architectural state, so that
 * soft_raise() can unwind at any point before the commit. It never returns
 * half done: a fault longjmps to the run loop, which delivers it.
 *
 * Arithmetic flags live in vp->flags as LAHF/SETO leave them in AX (see
 * flags.h); the other RFLAGS bits live in vp->hv.regs.rflags, whose arithmetic
 * bits are stale while the engine runs.
 */
#pragma once

#include <hypervisor/partition.h>

#include "insn_fwd.h"
#include "tlb.h"

#include <setjmp.h>

struct soft_block;
struct soft_blocks;
struct soft_native;
struct xlat;

/*
 * What instructions mean right now: part of a decoded block's key.
 * soft_mode_update() derives it from vp->hv.regs.
 */
#define SOFT_MODE_16     0x0001u /* default sizes; exactly one of three */
#define SOFT_MODE_32     0x0002u
#define SOFT_MODE_64     0x0004u
#define SOFT_MODE_REAL   0x0008u /* real-address mode */
#define SOFT_MODE_V86    0x0010u
#define SOFT_MODE_CPL3   0x0020u
#define SOFT_MODE_SS32   0x0040u /* stack pointer is ESP (not SP, not RSP) */
#define SOFT_MODE_FLAT   0x0080u /* CS DS ES SS: base 0, limit 4 GiB, usable */
#define SOFT_MODE_FPU_NM 0x0100u /* x87/MMX: CR0.EM or TS set */
#define SOFT_MODE_SSE_OK 0x0200u /* CR4.OSFXSR, no EM */
#define SOFT_MODE_AVX_OK 0x0400u /* CR4.OSXSAVE and XCR0 has SSE and AVX */
#define SOFT_MODE_TS     0x0800u
#define SOFT_MODE_AC     0x1000u /* CPL3, CR0.AM, RFLAGS.AC: alignment checks */

/* vp->slow: reasons to run one instruction at a time with checks around. */
#define SOFT_SLOW_SHADOW 0x01u /* STI or MOV SS shadow pending */
#define SOFT_SLOW_TF     0x02u /* RFLAGS.TF */
#define SOFT_SLOW_DR_CODE                                                      \
	0x04u                    /* an instruction breakpoint is armed in DR7  \
				  */
#define SOFT_SLOW_DEBUGGER 0x08u /* host debugger: step or breakpoints */
#define SOFT_SLOW_RF       0x10u /* RFLAGS.RF set: clear after one */

#define SOFT_STALE_RING 64

struct soft_partition {
	struct hv_partition hv;     /* first */
	struct soft_pages *pages;   /* per-page code marks; see block.c */
	struct soft_native *native; /* executable stubs; see native.c */
	_Atomic uint64_t code_epoch;
	_Atomic uint64_t code_changes;  /* of any code_page.version */
	_Atomic uint64_t features;      /* of the CPU model; see sys.c */
	_Atomic uint32_t world_stopper; /* see world.c */

	/* Translating: see xlat.h. */
	bool xlat;
	uint32_t xlat_heat; /* executions before translation */
	_Atomic uint64_t stale_epoch;
	_Atomic uint64_t stale_ring[SOFT_STALE_RING]; /* see code.c */
};

struct soft_vp {
	struct hv_vp hv; /* first */

	uint16_t flags; /* AH: SF ZF - AF - PF - CF as LAHF; AL: OF as SETO */
	uint32_t mode;  /* SOFT_MODE_* */
	uint64_t block_rip;    /* RIP at the start of the running block */
	uint32_t slow;         /* SOFT_SLOW_* */
	const struct insn *in; /* executing now; NULL outside */

	/* Translations for the current privilege view; see tlb.h. */
	struct tlb_entry *tlb;
	struct soft_tlb *tlbs;

	/* Bits for DR6 found by this instruction's data accesses. */
	uint32_t pending_db;
	bool halt; /* HLT or MWAIT executed: leave after this instruction */
	bool end_block;    /* look up the next block: mode or mapping changed */
	bool shutdown;     /* a triple fault outside soft_vp_run() */
	uint64_t broke_at; /* the host debugger's stop was here; else ~0 */

	struct soft_blocks *blocks;
	struct soft_block *ended; /* what soft_block_end() did not go on from */
	uint32_t chain;           /* blocks that may follow by themselves */
	struct soft_partition *partition;

	/* A raised exception on its way to delivery; see fault.c. */
	struct {
		uint8_t vector;
		bool has_error;
		bool trap; /* RIP stays behind the instruction (INT3, #DB) */
		bool software; /* INT n, INT3, INTO */
		uint32_t error;
		uint64_t address; /* CR2 */
	} fault;
	jmp_buf fault_jmp;
	/* 1 while an exception or external event is delivered: the EXT bit of
	 * error codes that arise meanwhile (SDM 6.13). */
	uint8_t fault_ext;

	/* Staging for accesses that straddle pages or hit device space. */
	struct {
		uint8_t bytes[64] __attribute__((aligned(64)));
		uint64_t lin;
		uint32_t size; /* not 0: mem_rmw_end() has something to do */
		bool locked;   /* other processors are stopped meanwhile */
	} bounce;

	/* Operands of instructions the host executes; see native_priv.h. */
	struct {
		uint8_t operand[64] __attribute__((aligned(64)));
		uint8_t x87[512] __attribute__((aligned(64)));
		uint64_t mm[2];
		uint32_t mxcsr; /* a result not committed yet */
	} nat;

	_Atomic uint64_t seen_epoch; /* code_epoch acknowledged; see block.c */
	_Atomic bool in_guest;

	uint32_t pauses; /* PAUSE instructions, modulo its size */
	/* MONITOR: address armed, or ~0. */
	uint64_t monitor;

	/* What translated code uses; see xlat.h. */
	struct {
		struct xlat *x;     /* NULL: interpreter only */
		uint64_t code_page; /* linear; of the running translation */
		uint64_t link;      /* the direct jump that has left */
		uint64_t target;    /* of a call, while its stack is probed */
		uint64_t page;
		uint64_t stale_epoch; /* seen; see code.c */
		uint32_t host_mxcsr;
		bool parked;    /* vectors are in hv.regs */
		bool interpret; /* not to be run translated now */
	} xl;

	struct {
		uint64_t insns, decodes, tlb_misses, native;
		uint64_t xlat_blocks, xlat_insns, xlat_runs, xlat_flushes;
	} stat;
};

static inline struct soft_vp *soft_vp(struct hv_vp *hv)
{
	return (struct soft_vp *)(void *)hv;
}

/* Derive vp->mode and vp->slow and pick vp->tlb after any change of CR0, CR4,
 * EFER, XCR0, RFLAGS.{VM,TF,RF,AC}, DR7 or a segment register. (sys.c) */
void soft_mode_update(struct soft_vp *vp);

/* Execute until an exit. engine_ops.vp_run. (run.c) */
enum engine_exit soft_vp_run(struct hv_vp *hv);
