/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sorted list of timers behind one timerfd. Machines have some ten timers,
 * so a list is both the simplest and the fastest structure here.
 *
 * Lock: queue.lock guards every field of the queue and of its timers; it is
 * never held while a callback runs.
 */
#include <host/timer_queue.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

struct timer_queue {
	pthread_mutex_t lock;
	int fd; /* -1: manual */
	bool paused;
	uint64_t origin;  /* host time of machine time 0, while running */
	uint64_t stopped; /* machine time, while paused or manual */
	struct timer head;
};

static uint64_t host_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static bool stands_still(const struct timer_queue *q)
{
	return q->paused || q->fd < 0;
}

static uint64_t now_locked(const struct timer_queue *q)
{
	return stands_still(q) ? q->stopped : host_now() - q->origin;
}

/* Point the descriptor at the first timer. Lock held. */
static void program(struct timer_queue *q)
{
	struct itimerspec spec = {0};
	const struct timer *first = q->head.next;

	if (q->fd < 0)
		return;
	if (first != &q->head && !q->paused) {
		uint64_t at = first->due + q->origin;

		spec.it_value.tv_sec = (time_t)(at / NS_PER_S);
		spec.it_value.tv_nsec = (long)(at % NS_PER_S);
		if (!at)
			spec.it_value.tv_nsec = 1;
	}
	(void)timerfd_settime(q->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static int queue_new(struct timer_queue **ret, int fd)
{
	struct timer_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	(void)pthread_mutex_init(&q->lock, NULL);
	q->fd = fd;
	q->origin = host_now();
	q->head.next = &q->head;
	q->head.prev = &q->head;
	*ret = q;
	return 0;
}

int timer_queue_new(struct timer_queue **ret)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = queue_new(ret, fd);
	if (err < 0)
		(void)close(fd);
	return err;
}

int timer_queue_new_manual(struct timer_queue **ret)
{
	return queue_new(ret, -1);
}

void timer_queue_free(struct timer_queue *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		(void)close(q->fd);
	(void)pthread_mutex_destroy(&q->lock);
	free(q);
}

int timer_queue_fd(const struct timer_queue *q)
{
	return q->fd;
}

uint64_t timer_queue_now(struct timer_queue *q)
{
	uint64_t now;

	(void)pthread_mutex_lock(&q->lock);
	now = now_locked(q);
	(void)pthread_mutex_unlock(&q->lock);
	return now;
}

void timer_queue_pause(struct timer_queue *q)
{
	(void)pthread_mutex_lock(&q->lock);
	q->stopped = now_locked(q);
	q->paused = true;
	program(q);
	(void)pthread_mutex_unlock(&q->lock);
}

void timer_queue_resume(struct timer_queue *q)
{
	(void)pthread_mutex_lock(&q->lock);
	q->origin = host_now() - q->stopped;
	q->paused = false;
	program(q);
	(void)pthread_mutex_unlock(&q->lock);
}

void timer_init(struct timer *t, void (*fire)(void *ctx), void *ctx)
{
	*t = (struct timer){.fire = fire, .ctx = ctx, .due = TIMER_NEVER};
}

static void unlink_timer(struct timer *t)
{
	if (!t->next)
		return;
	t->next->prev = t->prev;
	t->prev->next = t->next;
	t->next = NULL;
	t->prev = NULL;
}

static void link_timer(struct timer_queue *q, struct timer *t)
{
	struct timer *at = q->head.prev;

	while (at != &q->head && at->due > t->due)
		at = at->prev;
	t->prev = at;
	t->next = at->next;
	at->next->prev = t;
	at->next = t;
}

void timer_arm(struct timer_queue *q, struct timer *t, uint64_t due)
{
	(void)pthread_mutex_lock(&q->lock);
	unlink_timer(t);
	t->due = due;
	if (due != TIMER_NEVER)
		link_timer(q, t);
	program(q);
	(void)pthread_mutex_unlock(&q->lock);
}

/* Take the first timer that is due at @limit off the list, or NULL. */
static struct timer *take_due(struct timer_queue *q, uint64_t limit)
{
	struct timer *t = q->head.next;

	if (t == &q->head || t->due > limit)
		return NULL;
	unlink_timer(t);
	if (q->fd < 0 && t->due > q->stopped)
		q->stopped = t->due;
	t->due = TIMER_NEVER;
	return t;
}

static void fire_until(struct timer_queue *q, uint64_t limit)
{
	for (;;) {
		struct timer *t;

		(void)pthread_mutex_lock(&q->lock);
		t = take_due(q, limit);
		if (!t)
			program(q);
		(void)pthread_mutex_unlock(&q->lock);
		if (!t)
			return;
		t->fire(t->ctx);
	}
}

void timer_queue_run(struct timer_queue *q)
{
	uint64_t expirations;

	if (q->fd >= 0)
		(void)!read(q->fd, &expirations, sizeof(expirations));
	/* Time is sampled once: a timer that rearms itself in the past must
	 * not keep the owner here for ever. */
	fire_until(q, timer_queue_now(q));
}

void timer_queue_advance(struct timer_queue *q, uint64_t ns)
{
	uint64_t limit = timer_queue_now(q) + ns;

	fire_until(q, limit);
	(void)pthread_mutex_lock(&q->lock);
	q->stopped = limit;
	(void)pthread_mutex_unlock(&q->lock);
}
