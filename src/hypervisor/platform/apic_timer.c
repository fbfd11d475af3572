/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer (SDM 11.5.4): one-shot, periodic, TSC deadline. The
 * bus clock is 1 GHz, so a bus tick is a nanosecond. Everything is kept as
 * moments of the host's TSC; the count register is derived when read.
 */
#include <base/mem.h>

#include "apic_priv.h"

#define BUS_HZ UINT64_C(1000000000)

/* A periodic timer's shortest period: a guest shall not own a host core by
 * asking for one interrupt per nanosecond. */
#define MIN_PERIOD_NS UINT64_C(50000)

/* (@v * @factor) >> 32, saturated. */
static uint64_t scale(uint64_t v, uint64_t factor)
{
	unsigned __int128 product = (unsigned __int128)v * factor;

	if (product >> 96)
		return UINT64_MAX;
	return (uint64_t)(product >> 32);
}

void apic_timer_init(struct apic *a, uint64_t tsc_khz)
{
	/* Bus ticks are nanoseconds: TSC ticks each = khz / 10^6. */
	a->tsc_per_bus = (tsc_khz << 32) / (BUS_HZ / 1000);
	a->bus_per_tsc = ((BUS_HZ / 1000) << 32) / tsc_khz;
	apic_timer_stop(a);
}

void apic_timer_stop(struct apic *a)
{
	a->timer_deadline = APIC_NO_DEADLINE;
	a->timer_period = 0;
	a->tsc_deadline = 0;
}

/* Divide configuration: bits 3, 1, 0 are log2(divisor) - 1 modulo 8. */
static unsigned int divide_shift(const struct apic *a)
{
	uint32_t v = a->reg[APIC_TIMER_DIVIDE];

	return ((v & 3) + ((v >> 1) & 4) + 1) & 7;
}

static uint64_t full_period(const struct apic *a)
{
	uint64_t bus = (uint64_t)a->reg[APIC_TIMER_INIT] << divide_shift(a);

	if (apic_timer_mode(a) == APIC_TIMER_PERIODIC && bus < MIN_PERIOD_NS)
		bus = MIN_PERIOD_NS;
	return scale(bus, a->tsc_per_bus) + 1;
}

void apic_timer_start(struct apic *a, uint64_t now)
{
	apic_timer_stop(a);
	if (!a->reg[APIC_TIMER_INIT])
		return;
	a->timer_deadline = now + full_period(a);
	if (apic_timer_mode(a) == APIC_TIMER_PERIODIC)
		a->timer_period = full_period(a);
}

/* TSC ticks until the next expiry, of periods not yet accounted for too. */
static uint64_t ticks_left(const struct apic *a, uint64_t now)
{
	if (now < a->timer_deadline)
		return a->timer_deadline - now;
	if (!a->timer_period)
		return 0;
	return a->timer_period - (now - a->timer_deadline) % a->timer_period;
}

uint32_t apic_timer_count(const struct apic *a, uint64_t now)
{
	uint64_t count;

	if (a->timer_deadline == APIC_NO_DEADLINE ||
	    apic_timer_mode(a) == APIC_TIMER_DEADLINE)
		return 0;
	count = scale(ticks_left(a, now), a->bus_per_tsc) >> divide_shift(a);
	if (count > a->reg[APIC_TIMER_INIT])
		return a->reg[APIC_TIMER_INIT];
	return (uint32_t)count;
}

void apic_timer_set_divide(struct apic *a, uint32_t value, uint64_t now)
{
	uint64_t count = apic_timer_count(a, now);
	bool runs = a->timer_deadline != APIC_NO_DEADLINE &&
		    apic_timer_mode(a) != APIC_TIMER_DEADLINE;

	a->reg[APIC_TIMER_DIVIDE] = value;
	if (!runs)
		return;
	/* The count goes on from where it is, at the new pace. */
	a->timer_deadline =
		now + scale(count << divide_shift(a), a->tsc_per_bus) + 1;
	if (a->timer_period)
		a->timer_period = full_period(a);
}

void apic_timer_set_lvt(struct apic *a, uint32_t value)
{
	uint32_t before = apic_timer_mode(a);
	uint32_t mode;

	a->reg[APIC_LVT_TIMER] = value;
	mode = apic_timer_mode(a);
	if (mode == before)
		return;
	if (mode == APIC_TIMER_DEADLINE || before == APIC_TIMER_DEADLINE)
		apic_timer_stop(a);
	else if (a->timer_deadline != APIC_NO_DEADLINE)
		a->timer_period =
			mode == APIC_TIMER_PERIODIC ? full_period(a) : 0;
}

uint64_t apic_tsc_deadline(const struct apic *a)
{
	return a->tsc_deadline;
}

/* Host TSC at which the guest's TSC reaches @value; saturates. */
static uint64_t host_moment(uint64_t value, uint64_t tsc_offset)
{
	uint64_t ahead = -tsc_offset; /* host minus guest */

	if ((int64_t)tsc_offset >= 0)
		return value > tsc_offset ? value - tsc_offset : 0;
	return value < APIC_NO_DEADLINE - ahead ? value + ahead
						: APIC_NO_DEADLINE - 1;
}

void apic_set_tsc_deadline(struct apic *a, uint64_t value, uint64_t tsc_offset,
			   struct apic_result *ret)
{
	if (apic_timer_mode(a) != APIC_TIMER_DEADLINE || !apic_enabled(a))
		return;
	a->tsc_deadline = value;
	a->timer_deadline =
		value ? host_moment(value, tsc_offset) : APIC_NO_DEADLINE;
	ret->actions |= APIC_DO_TIMER;
}

void apic_tsc_offset_changed(struct apic *a, uint64_t tsc_offset,
			     struct apic_result *ret)
{
	if (a->tsc_deadline)
		apic_set_tsc_deadline(a, a->tsc_deadline, tsc_offset, ret);
}

void apic_timer_poll(struct apic *a, uint64_t now, struct apic_result *ret)
{
	if (a->timer_deadline == APIC_NO_DEADLINE)
		return;
	ret->actions |= APIC_DO_TIMER;
	if (now < a->timer_deadline)
		return;
	if (a->timer_period) {
		/* Missed periods are one interrupt: IRR holds no more. */
		a->timer_deadline += a->timer_period;
		if (a->timer_deadline <= now)
			a->timer_deadline = now + ticks_left(a, now);
	} else {
		apic_timer_stop(a);
	}
	apic_raise_lvt(a, APIC_LVT_TIMER);
}

void apic_timer_save(const struct apic *a, uint64_t now, struct apic_state *ret)
{
	ret->tsc_deadline = a->tsc_deadline;
	ret->timer_armed =
		a->timer_deadline != APIC_NO_DEADLINE && !a->tsc_deadline;
	if (!ret->timer_armed)
		return;
	/* An expiry that nobody has taken yet is due at once. */
	ret->timer_left_ns =
		now >= a->timer_deadline
			? 0
			: scale(ticks_left(a, now), a->bus_per_tsc);
}

void apic_timer_load(struct apic *a, const struct apic_state *s, uint64_t now)
{
	apic_timer_stop(a);
	a->tsc_deadline = s->tsc_deadline;
	if (!s->timer_armed)
		return;
	a->timer_deadline = now + scale(s->timer_left_ns, a->tsc_per_bus);
	if (apic_timer_mode(a) == APIC_TIMER_PERIODIC)
		a->timer_period = full_period(a);
}
