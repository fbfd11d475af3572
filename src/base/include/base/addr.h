/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address spaces. Each is a type of its own so that mixing them does not
 * compile: a guest-physical address (gpa_t) is what guest page tables produce
 * and devices use, a guest-virtual (linear) address (gva_t) is what guest code
 * uses. Host-virtual addresses are plain pointers.
 */
#pragma once

#include <stdint.h>

typedef struct {
	uint64_t v;
} gpa_t;

typedef struct {
	uint64_t v;
} gva_t;

#define GPA(x) ((gpa_t){(x)})
#define GVA(x) ((gva_t){(x)})

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))
