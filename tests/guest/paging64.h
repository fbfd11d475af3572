/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the paging64 image. */
#pragma once

#include "lib.h"
#include "page.h"

/* Addresses with nothing mapped, a PML4 entry of their own each. */
#define VA_RIGHTS   0x0000108040000000UL
#define VA_STRADDLE 0x0000200000000000UL
#define VA_TLB      0x0000300000000000UL
#define VA_CODE     0x0000400000000000UL

#define PTE_ALL (PTE_P | PTE_W | PTE_U)

void test_rights(void);
void test_straddle(void);
void test_tlb(void);
void test_code(void);
