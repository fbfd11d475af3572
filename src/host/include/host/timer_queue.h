/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers of one machine. Time is machine time: nanoseconds since the machine
 * was made, standing still while it is paused.
 *
 * Arming is allowed from any thread. Expired timers run from
 * timer_queue_run(), which the owner calls when the queue's descriptor
 * becomes readable; callbacks run without the queue's lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

struct timer_queue;

struct timer {
	void (*fire)(void *ctx);
	void *ctx;
	/* queue-private: a doubly linked list in order of due time */
	uint64_t due;
	struct timer *next;
	struct timer *prev;
};

/* Negative errno when the host gives no timer descriptor or no memory. */
int timer_queue_new(struct timer_queue **ret);
void timer_queue_free(struct timer_queue *q);

/* A queue for tests: time moves only by timer_queue_advance(), which also
 * fires what became due, in order. */
int timer_queue_new_manual(struct timer_queue **ret);
void timer_queue_advance(struct timer_queue *q, uint64_t ns);

/* Becomes readable when a timer is due; -1 for a manual queue. */
int timer_queue_fd(const struct timer_queue *q);
/* Fire what is due. One thread at a time: the owner's. */
void timer_queue_run(struct timer_queue *q);

uint64_t timer_queue_now(struct timer_queue *q);
/* Stop and continue machine time. Not nested. */
void timer_queue_pause(struct timer_queue *q);
void timer_queue_resume(struct timer_queue *q);

/* @t is the caller's storage; it must be cancelled before it goes away, on the
 * owner's thread or while that does not run the queue. */
void timer_init(struct timer *t, void (*fire)(void *ctx), void *ctx);
/* (Re)arm for machine time @due; TIMER_NEVER disarms. */
void timer_arm(struct timer_queue *q, struct timer *t, uint64_t due);

static inline void timer_cancel(struct timer_queue *q, struct timer *t)
{
	timer_arm(q, t, TIMER_NEVER);
}
