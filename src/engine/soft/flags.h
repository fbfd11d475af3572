/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arithmetic flags in the shape the host leaves them: after "lahf; seto al"
 * AX holds SF ZF AF PF CF in AH and OF in AL. Handlers capture the host's own
 * flags with these two instructions, so defined and undefined flags are the
 * host CPU's.
 */
#pragma once

#include "vp.h"

/* Append to inline assembly that computes flags; AX receives them. */
#define FLAGS_CAPTURE "lahf\n\tseto %%al\n\t"
/* Prepend: load the guest's arithmetic flags from AX into the host's. */
#define FLAGS_LOAD "addb $0x7f, %%al\n\tsahf\n\t"

#define FLAG_OF 0x0001u
#define FLAG_CF 0x0100u
#define FLAG_PF 0x0400u
#define FLAG_AF 0x1000u
#define FLAG_ZF 0x4000u
#define FLAG_SF 0x8000u

/* The complete RFLAGS. */
static inline uint64_t flags_get(const struct soft_vp *vp)
{
	uint64_t arith = (vp->flags >> 8) & 0xd5;

	return (vp->hv.regs.rflags & ~X86_FL_ARITH) | arith |
	       ((uint64_t)(vp->flags & FLAG_OF) << 11) | X86_FL_FIXED;
}

/* Replace the complete RFLAGS; the caller calls soft_mode_update() when a
 * control bit may have changed. */
static inline void flags_set(struct soft_vp *vp, uint64_t rflags)
{
	vp->flags = (uint16_t)(((rflags & 0xd5) << 8) | 0x0200 |
			       ((rflags >> 11) & 1));
	vp->hv.regs.rflags = rflags;
}
