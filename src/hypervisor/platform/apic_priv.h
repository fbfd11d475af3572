/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between apic.c (registers, interrupts) and apic_timer.c. */
#pragma once

#include <hypervisor/apic.h>

static inline uint32_t apic_timer_mode(const struct apic *a)
{
	return a->reg[APIC_LVT_TIMER] & APIC_LVT_TIMER_MODE;
}

/* Raise what local vector table entry @reg says, unless masked. */
void apic_raise_lvt(struct apic *a, enum apic_reg reg);

void apic_timer_init(struct apic *a, uint64_t tsc_khz);
void apic_timer_stop(struct apic *a);
/* The initial count was written. */
void apic_timer_start(struct apic *a, uint64_t now);
uint32_t apic_timer_count(const struct apic *a, uint64_t now);
/* A new divide configuration or timer mode, stored by these. */
void apic_timer_set_divide(struct apic *a, uint32_t value, uint64_t now);
void apic_timer_set_lvt(struct apic *a, uint32_t value);
/* The deadline has passed or the host was early. */
void apic_timer_poll(struct apic *a, uint64_t now, struct apic_result *ret);

void apic_timer_save(const struct apic *a, uint64_t now,
		     struct apic_state *ret);
void apic_timer_load(struct apic *a, const struct apic_state *s, uint64_t now);
