/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handler type, for headers that need no decoder. */
#pragma once

struct insn;
struct soft_vp;

typedef void insn_fn(struct soft_vp *vp, const struct insn *in);
