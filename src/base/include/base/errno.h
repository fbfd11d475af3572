/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error numbers for code that is also built without libc: Linux's values,
 * written as Linux writes them, so that <errno.h> may be included as well.
 */
#pragma once

#define ENOENT     2
#define ENOMEM     12
#define EBUSY      16
#define EINVAL     22
#define ENOSPC     28
#define EPROTO     71
#define EOPNOTSUPP 95
