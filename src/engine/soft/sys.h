/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of system instructions share. */
#pragma once

#include "vp.h"

/* Raise #GP(0) unless the CPL is 0. */
void sys_check_cpl0(struct soft_vp *vp);
/* Raise #GP(0) for SGDT and its kin outside CPL 0 under CR4.UMIP. */
void sys_check_umip(struct soft_vp *vp);

/* The model offers pages of 1 GiB. */
bool soft_has_1g_pages(struct soft_vp *vp);

insn_fn *bind_control(const struct soft_vp *vp, const struct insn *in);
