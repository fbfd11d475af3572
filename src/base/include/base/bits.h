/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bit and alignment arithmetic. Freestanding; no function here has a side
 * effect, every argument is evaluated once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n)   (UINT32_C(1) << (n))
#define BIT64(n) (UINT64_C(1) << (n))

/* Bits @hi down to @lo set, both included. */
#define BITS64(hi, lo) ((~UINT64_C(0) >> (63 - (hi))) & (~UINT64_C(0) << (lo)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* @align is a power of two. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

/* @align is a power of two; @v + @align must not wrap. */
static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t align)
{
	return (v & (align - 1)) == 0;
}

static inline bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* The low @bits bits (1..64) of @v, sign-extended. */
static inline int64_t sign_extend(uint64_t v, unsigned int bits)
{
	unsigned int shift = 64 - bits;

	return (int64_t)(v << shift) >> shift;
}
