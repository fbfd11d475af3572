/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the fpu image. */
#pragma once

#include "lib.h"

extern uint8_t fpu_area[1024]; /* aligned to 64 */

void test_xsave(void);
void test_avx(void);
