/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the apic64 image. */
#pragma once

#include "apic.h"
#include "lib.h"

/* Interrupts that came in through the counting hook, and their order. */
extern volatile unsigned int irq_count[256];
extern volatile unsigned int irq_order[16], irq_orders;

/* Count @vector from now on (from 0), with an EOI to the local APIC. */
void irq_expect(unsigned int vector);

/* A moment with interrupts on. */
void irq_window(void);

void test_lines(void);
