/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the smp image. */
#pragma once

#include "apic.h"
#include "lib.h"
#include "page.h"
#include "smp.h"

extern unsigned int cpus;

void test_locked(void);
void test_order(void);
void test_shared_code(void);
