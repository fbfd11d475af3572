/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC as a pure state machine (SDM 11; x2APIC 11.12). Time is
 * passed in; what it wants from outside comes back as actions.
 *
 * Other threads only ever set bits in irr/tmr (apic_post()); everything else
 * belongs to the processor's own thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct apic {
	uint64_t base; /* IA32_APIC_BASE */
	uint32_t id;   /* initial; xAPIC id register may be rewritten */
	/* filled in by the owner of apic.c */
	uint32_t reg[64]; /* registers by (offset >> 4), where stored plainly */
	_Atomic uint32_t irr[8];
	_Atomic uint32_t tmr[8];
	uint32_t isr[8];
	uint64_t timer_deadline; /* host TSC of the next expiry; ~0: none */
	uint64_t tsc_deadline;   /* IA32_TSC_DEADLINE as the guest wrote it */
	_Atomic bool timer_due;
};
