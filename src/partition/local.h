/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local backend's inside: the core and an engine in this process. One
 * thread per processor (the caller's), one for the timers of all.
 */
#pragma once

#include <hypervisor/partition.h>
#include <partition/partition.h>

#include <pthread.h>
#include <stdatomic.h>

struct local_vp {
	struct hv_vp *hv; /* engine->vp_size bytes */
	struct partition *partition;
	/*
	 * Futex word: 1 while the processor's thread sleeps or is about to.
	 * Set before the last look at hv_vp_runnable().
	 */
	_Atomic uint32_t sleeping;
	/* Host TSC of the next APIC timer expiry, or UINT64_MAX. */
	_Atomic uint64_t deadline;
};

struct local_timer {
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	_Atomic uint32_t kicks; /* futex word: changes when it must look */
	_Atomic uint64_t next;  /* host TSC for which the thread sleeps */
};

struct partition {
	struct hv_partition *hv; /* engine->partition_size bytes */
	const struct engine_ops *engine;
	struct partition_handlers handlers;
	void *ctx;
	struct guest_memory *memory;
	struct guest_memory_listener listener;
	struct cpu_model model;
	uint64_t tsc_khz;
	struct local_timer timer;
	unsigned int nr_vps; /* initialised ones */
	struct local_vp vp[PARTITION_MAX_VPS];

	/* The host debugger's; written while all are stopped. */
	gva_t breakpoint[PARTITION_MAX_BREAKPOINTS];
	unsigned int nr_breakpoints;
	bool catch_int3;
};

/* partition_new() with @engine, and the host's CPU as @host says. */
int local_new(struct partition **ret, const struct partition_config *config,
	      const struct engine_ops *engine, const struct cpu_source *host,
	      char *why_buf, size_t why_size);

/* ---- timers (local_timer.c) ---- */

/* Starts the thread; it opens nothing and uses futexes only. */
int local_timer_start(struct partition *p);
void local_timer_stop(struct partition *p);
/* hv_host_ops.arm_timer. */
void local_timer_arm(void *ctx, struct hv_vp *vp, uint64_t tsc);
/* Tell the core if @vp's deadline has passed. Any thread. */
void local_timer_check(struct local_vp *vp);
/* Sleep while *@word is @value, at most until host TSC @deadline. */
void local_wait(struct partition *p, _Atomic uint32_t *word, uint32_t value,
		uint64_t deadline);
void local_wake(_Atomic uint32_t *word);

/* ---- the host's CPU (host_cpu.c) ---- */

/* What CPU models are made from. */
struct cpu_source host_cpu_source(void);
/* Host TSC frequency; -EOPNOTSUPP when it is not constant. */
int host_cpu_tsc_khz(uint64_t *ret);
