/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checked arithmetic for sizes and offsets that come from outside. Each
 * returns true, with *ret untouched by contract of the caller, on overflow.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define add_overflows(a, b, ret) __builtin_add_overflow(a, b, ret)
#define sub_overflows(a, b, ret) __builtin_sub_overflow(a, b, ret)
#define mul_overflows(a, b, ret) __builtin_mul_overflow(a, b, ret)

/* Is [off, off + len) inside [0, size)? An empty range at the end is. */
static inline bool range_fits(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}
