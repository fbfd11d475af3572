/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator as the rest of the soft engine sees it. It turns decoded
 * blocks (block.h) that run often into host code; see docs/translator.md.
 */
#pragma once

#include "block.h"

/* Interpreter executions of a block before it is translated. */
#define XLAT_HEAT 24

struct xlat_block;

/* The translator of one processor. Negative errno. */
int xlat_init(struct soft_vp *vp);
void xlat_fini(struct soft_vp *vp);

/* Own thread, before xlat_execute(): host state that translations need. */
void xlat_enter_run(struct soft_vp *vp);

/* Drop every translation: blocks are about to go. Own thread or stopped. */
void xlat_reset(struct soft_vp *vp);

/* Is it time for @b to be translated? Counts its executions. */
static inline bool xlat_wants(const struct soft_vp *vp, struct soft_block *b)
{
	return vp->xl.x && !b->code && b->heat++ >= vp->partition->xlat_heat;
}

/* Translate @b if that is possible; sets b->code. Own thread, vp->in NULL. */
void xlat_translate(struct soft_vp *vp, struct soft_block *b);

/*
 * Run @b, which has code and is current, and whatever follows in translated
 * code. Afterwards registers and RIP are in vp->hv.regs. Faults unwind to
 * vp->fault_jmp. With xl.interpret set, what comes next is to be interpreted.
 */
void xlat_execute(struct soft_vp *vp, struct soft_block *b);

/*
 * Blocks of the page of @gpa have become stale: leave no way into them but
 * through the dispatcher. Own thread.
 */
void xlat_page_stale(struct soft_vp *vp, uint64_t gpa);
/* Blocks of unknown pages may have become stale. Own thread. */
void xlat_all_stale(struct soft_vp *vp);
