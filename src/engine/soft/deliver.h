/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an event to its handler: the interrupt tables and gates of each mode
 * (deliver.c), used by fault.c and by software interrupts.
 */
#pragma once

#include "vp.h"

enum soft_event_kind {
	SOFT_EVENT_FAULT,    /* an exception: counts for double faults */
	SOFT_EVENT_TRAP,     /* #DB after an instruction, INT1 */
	SOFT_EVENT_EXTERNAL, /* interrupt or NMI */
	SOFT_EVENT_SOFTWARE, /* INT n, INT3, INTO: gate DPL matters */
};

struct soft_event {
	enum soft_event_kind kind;
	uint8_t vector;
	bool has_error;
	uint32_t error;
};

/* One attempt; raises what goes wrong, with nothing changed but memory below
 * the stack pointer and, past a task switch, the task. */
void deliver_event(struct soft_vp *vp, const struct soft_event *ev);

/* Through the real-mode table at linear @base, pushing @flags (SDM 21.1.4). */
void deliver_real(struct soft_vp *vp, uint8_t vector, uint64_t base,
		  uint16_t flags);
