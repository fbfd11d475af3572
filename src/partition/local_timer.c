/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * APIC timer deadlines of all processors, by one thread; and sleeping.
 *
 * Arming is two atomic operations in the common case: the new deadline is
 * stored, and the thread is woken only when it sleeps for a later one. It
 * publishes for what it sleeps (timer.next) before its last look at the
 * deadlines, so a deadline is seen by one side at least. A deadline that moved
 * later costs one useless wake-up. A processor that sleeps keeps its own
 * deadline by the timeout of its sleep: one thread switch instead of two.
 */
#include "local.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define NS_PER_S INT64_C(1000000000)
/* Longer sleeps are cut: they would overflow, and looking is cheap. */
#define MAX_SLEEP_NS UINT64_C(3600000000000)

/* @ticks of the TSC from now, as a moment of CLOCK_MONOTONIC. */
static struct timespec moment(const struct partition *p, uint64_t ticks)
{
	struct timespec ts;
	uint64_t ns = MAX_SLEEP_NS;

	if (ticks < MAX_SLEEP_NS / 1000000 * p->tsc_khz)
		ns = (uint64_t)((unsigned __int128)ticks * 1000000 /
				p->tsc_khz);
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	ns += (uint64_t)ts.tv_nsec;
	ts.tv_sec += (time_t)(ns / NS_PER_S);
	ts.tv_nsec = (long)(ns % NS_PER_S);
	return ts;
}

void local_wait(struct partition *p, _Atomic uint32_t *word, uint32_t value,
		uint64_t deadline)
{
	struct timespec until;
	uint64_t now;

	if (deadline != UINT64_MAX) {
		now = __rdtsc();
		if (deadline <= now)
			return;
		until = moment(p, deadline - now);
	}
	(void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
		      deadline == UINT64_MAX ? NULL : &until, NULL,
		      FUTEX_BITSET_MATCH_ANY);
}

void local_wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL,
		      0);
}

void local_timer_arm(void *ctx, struct hv_vp *hv, uint64_t tsc)
{
	struct partition *p = ctx;

	atomic_store(&p->vp[hv->index].deadline, tsc);
	if (tsc < atomic_load(&p->timer.next)) {
		atomic_fetch_add(&p->timer.kicks, 1);
		local_wake(&p->timer.kicks);
	}
}

void local_timer_check(struct local_vp *vp)
{
	uint64_t deadline = atomic_load(&vp->deadline);

	/* Only the deadline that has passed; a newer one stays. */
	if (deadline <= __rdtsc() &&
	    atomic_compare_exchange_strong(&vp->deadline, &deadline,
					   UINT64_MAX))
		hv_vp_timer_due(vp->hv);
}

/* The earliest deadline of processors that do not keep it themselves. */
static uint64_t earliest(struct partition *p)
{
	uint64_t first = UINT64_MAX;

	for (unsigned int i = 0; i < p->nr_vps; i++) {
		uint64_t deadline = atomic_load(&p->vp[i].deadline);

		if (!atomic_load(&p->vp[i].sleeping) && deadline < first)
			first = deadline;
	}
	return first;
}

static void *timer_main(void *arg)
{
	struct partition *p = arg;
	struct local_timer *t = &p->timer;

	while (!atomic_load(&t->stop)) {
		uint32_t kicks = atomic_load(&t->kicks);
		uint64_t next = earliest(p);

		atomic_store(&t->next, next);
		if (earliest(p) < next)
			continue;
		local_wait(p, &t->kicks, kicks, next);
		for (unsigned int i = 0; i < p->nr_vps; i++) {
			if (!atomic_load(&p->vp[i].sleeping))
				local_timer_check(&p->vp[i]);
		}
	}
	return NULL;
}

int local_timer_start(struct partition *p)
{
	sigset_t all, before;
	int err;

	atomic_store(&p->timer.next, UINT64_MAX);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&p->timer.thread, NULL, timer_main, p);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	(void)pthread_setname_np(p->timer.thread, "vp-timers");
	p->timer.started = true;
	return 0;
}

void local_timer_stop(struct partition *p)
{
	if (!p->timer.started)
		return;
	atomic_store(&p->timer.stop, true);
	atomic_fetch_add(&p->timer.kicks, 1);
	local_wake(&p->timer.kicks);
	(void)pthread_join(p->timer.thread, NULL);
	p->timer.started = false;
}
