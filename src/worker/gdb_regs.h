/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How GDB wants registers: order, widths and the target description. */
#pragma once

#include <hypervisor/regs.h>

/* rax..r15, rip; eflags, six selectors; st0..7; eight x87 words; xmm0..15;
 * mxcsr; fs_base, gs_base; cr0, cr2, cr3, cr4, efer. */
#define GDB_REGS_BYTES                                                         \
	(17 * 8 + 7 * 4 + 8 * 10 + 8 * 4 + 16 * 16 + 4 + 2 * 8 + 5 * 8)

void gdb_regs_pack(uint8_t out[GDB_REGS_BYTES], const struct vp_regs *r);
/* Control registers and segment bases are not written back: changing them
 * from outside leaves a processor no guest could reach. */
void gdb_regs_unpack(struct vp_regs *r, const uint8_t in[GDB_REGS_BYTES]);

/* The target description that says the same. */
const char *gdb_regs_xml(void);
