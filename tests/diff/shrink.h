/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diff.h"

/* Simplify @c, which differs in @what, without losing the difference. False:
 * it does not differ when run again. */
bool shrink(struct native *n, const struct diff_engine *e, const char *what,
	    struct diff_case *c);
