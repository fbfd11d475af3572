/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The architectural state of one virtual processor, as every engine keeps it
 * and as saved state, the debugger and the loaders see it. Only the thread
 * that runs the processor touches it, or anybody while it is stopped.
 */
#pragma once

#include <abi/x86.h>

#include <stdbool.h>
#include <stdint.h>

struct vp_segment {
	uint64_t base;
	uint32_t limit; /* in bytes, granularity applied */
	uint16_t sel;
	uint16_t attr; /* X86_ATTR_*; P clear means unusable */
};

struct vp_table {
	uint64_t base;
	uint32_t limit;
};

/* Why a processor executes nothing at the moment. */
enum vp_activity {
	VP_RUNNING,
	VP_HALTED,    /* HLT or MWAIT: until an interrupt */
	VP_WAIT_SIPI, /* application processor after INIT */
	VP_SHUTDOWN,  /* triple fault: until reset */
};

/* vp_regs.shadow: what is held off until the next instruction has ended. */
#define VP_SHADOW_STI    0x1u
#define VP_SHADOW_MOV_SS 0x2u
#define VP_NMI_BLOCKED   0x4u /* from NMI delivery to IRET */

/*
 * x87, SSE and AVX state in the standard (not compacted) XSAVE format
 * (SDM 1, 13.4): 512 bytes legacy area, 64 bytes header, 256 bytes YMM_Hi128.
 */
struct vp_fpu {
	uint8_t legacy[512];
	uint8_t header[64];
	uint8_t ymm_hi[256];
} __attribute__((aligned(64)));

struct vp_regs {
	/* The last element is always 0: an interpreter's "no register". */
	uint64_t gpr[X86_GPRS + 1];
	uint64_t rip;
	uint64_t rflags;
	struct vp_segment seg[X86_SEGS];
	struct vp_segment ldtr;
	struct vp_segment tr;
	struct vp_table gdtr;
	struct vp_table idtr;

	uint64_t cr0;
	uint64_t cr2;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t xcr0;
	uint64_t pdpte[4]; /* PAE paging outside long mode: loaded with CR3 */
	uint64_t dr[4];
	uint64_t dr6;
	uint64_t dr7;

	uint64_t star;
	uint64_t lstar;
	uint64_t cstar;
	uint64_t sfmask;
	uint64_t kernel_gs_base;
	uint64_t sysenter_cs;
	uint64_t sysenter_esp;
	uint64_t sysenter_eip;
	uint64_t tsc_aux;
	uint64_t pat;

	uint32_t activity; /* enum vp_activity */
	uint32_t shadow;   /* VP_SHADOW_*, VP_NMI_BLOCKED */

	struct vp_fpu fpu;
};

static inline bool vp_long_mode(const struct vp_regs *r)
{
	return r->efer & X86_EFER_LMA;
}

static inline bool vp_code64(const struct vp_regs *r)
{
	return vp_long_mode(r) && (r->seg[X86_CS].attr & X86_ATTR_L);
}

/* Current privilege level: the DPL of the stack segment, always. */
static inline unsigned int vp_cpl(const struct vp_regs *r)
{
	return (r->seg[X86_SS].attr & X86_ATTR_DPL) >> X86_ATTR_DPL_SHIFT;
}
