/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stopping the other processors of a partition for a moment, for atomic
 * accesses that no host instruction can make. Each processor is in guest code
 * (soft_vp.in_guest) or promises to touch no guest memory until it has asked
 * soft_guest_enter().
 */
#pragma once

#include "vp.h"

/*
 * Wait until no other processor is in guest code and keep it so. May wait for
 * another stop to end first, so the caller holds no result of a memory access
 * yet. Own thread, in guest code, not nested.
 */
void soft_stop_world_begin(struct soft_vp *vp);
void soft_stop_world_end(struct soft_vp *vp);

/* Around guest code: at the start and end of engine_ops.vp_run(), and around
 * waits inside it. Own thread. */
void soft_guest_enter(struct soft_vp *vp);
void soft_guest_leave(struct soft_vp *vp);

/* At an instruction boundary after HV_ATTN_ENGINE was found set (the caller
 * clears it first). Own thread. */
void soft_engine_attention(struct soft_vp *vp);
