/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processors' threads. Each waits for an order, runs its processor until
 * that comes back, and waits again; the event loop gives the orders and can
 * wait until every thread is parked. A thread whose processor stopped by
 * itself (triple fault, debugger) stays parked until the next order.
 */
#include "worker.h"

#include <base/bits.h>
#include <host/log.h>
#include <host/sandbox.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static void vp_report(struct vp_thread *t, enum worker_request req)
{
	struct worker *w = t->worker;

	atomic_fetch_or(&w->stopped_vps, BIT64(t->index));
	worker_post(w, req);
}

/*
 * Run the processor once. True: it came back only to look for orders, so
 * it runs on when the order still says so.
 */
static bool vp_step(struct vp_thread *t)
{
	switch (partition_vp_run(t->worker->partition, t->index)) {
	case PARTITION_EXIT_PAUSED:
		return true;
	case PARTITION_EXIT_SHUTDOWN:
		vp_report(t, WORKER_REQ_TRIPLE_FAULT);
		return false;
	case PARTITION_EXIT_DEBUG:
		vp_report(t, WORKER_REQ_DEBUG);
		return false;
	}
	return false;
}

/* Enter the filter, tell the event loop how that went. */
static void vp_seal(struct worker *w)
{
	int err = sandbox_filter_vp();

	worker_sealed(w, "vp");
	(void)pthread_mutex_lock(&w->lock);
	w->sealed++;
	if (err < 0)
		w->seal_error = err;
	(void)pthread_cond_broadcast(&w->changed);
	(void)pthread_mutex_unlock(&w->lock);
}

/* Is the standing order something for @vp to do? Lock held. */
static bool meant(const struct worker *w, unsigned int vp)
{
	return w->order == VP_ORDER_QUIT ||
	       (w->order == VP_ORDER_RUN &&
		(w->only < 0 || w->only == (int)vp));
}

/* Wait for an order newer than *@seen. Parked meanwhile. */
static enum vp_order vp_wait(struct vp_thread *t, uint64_t *seen)
{
	struct worker *w = t->worker;
	enum vp_order order;

	(void)pthread_mutex_lock(&w->lock);
	w->parked++;
	(void)pthread_cond_broadcast(&w->changed);
	while (w->order_nr == *seen || !meant(w, t->index))
		(void)pthread_cond_wait(&w->changed, &w->lock);
	*seen = w->order_nr;
	order = w->order;
	w->parked--;
	(void)pthread_mutex_unlock(&w->lock);
	return order;
}

static bool order_stands(struct worker *w, uint64_t seen)
{
	bool stands;

	(void)pthread_mutex_lock(&w->lock);
	stands = w->order_nr == seen;
	(void)pthread_mutex_unlock(&w->lock);
	return stands;
}

static void *vp_main(void *arg)
{
	struct vp_thread *t = arg;
	struct worker *w = t->worker;
	uint64_t seen = 0;
	char name[16];

	(void)snprintf(name, sizeof(name), "vp%u", t->index);
	(void)pthread_setname_np(pthread_self(), name);
	/* The first order is to enter the sandbox. */
	if (vp_wait(t, &seen) == VP_ORDER_RUN)
		vp_seal(w);
	while (vp_wait(t, &seen) == VP_ORDER_RUN) {
		while (vp_step(t) && order_stands(w, seen))
			;
	}
	return NULL;
}

static void give_order(struct worker *w, enum vp_order order, int only)
{
	(void)pthread_mutex_lock(&w->lock);
	w->order = order;
	w->only = only;
	w->order_nr++;
	(void)pthread_cond_broadcast(&w->changed);
	(void)pthread_mutex_unlock(&w->lock);
}

static unsigned int created_threads(const struct worker *w)
{
	unsigned int n = 0;

	while (n < w->config->nr_vps && w->vp[n].created)
		n++;
	return n;
}

static void wait_parked(struct worker *w)
{
	unsigned int n = created_threads(w);

	(void)pthread_mutex_lock(&w->lock);
	while (w->parked < n)
		(void)pthread_cond_wait(&w->changed, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
}

int machine_create_threads(struct worker *w)
{
	for (unsigned int i = 0; i < w->config->nr_vps; i++) {
		struct vp_thread *t = &w->vp[i];
		int err;

		t->worker = w;
		t->index = i;
		err = pthread_create(&t->thread, NULL, vp_main, t);
		if (err)
			return -err;
		t->created = true;
	}
	wait_parked(w);
	return 0;
}

int machine_seal_threads(struct worker *w)
{
	int err;

	give_order(w, VP_ORDER_RUN, -1);
	(void)pthread_mutex_lock(&w->lock);
	while (w->sealed < w->config->nr_vps)
		(void)pthread_cond_wait(&w->changed, &w->lock);
	err = w->seal_error;
	(void)pthread_mutex_unlock(&w->lock);
	wait_parked(w);
	return err;
}

static void start(struct worker *w, int only)
{
	if (w->running)
		return;
	w->running = true;
	atomic_store(&w->stopped_vps, 0);
	board_start(w->board);
	give_order(w, VP_ORDER_RUN, only);
}

void machine_run(struct worker *w)
{
	start(w, -1);
}

void machine_run_one(struct worker *w, unsigned int vp)
{
	start(w, (int)vp);
}

void machine_stop(struct worker *w)
{
	if (!w->running)
		return;
	w->running = false;
	give_order(w, VP_ORDER_PARK, -1);
	for (unsigned int i = 0; i < w->config->nr_vps; i++)
		partition_vp_pause(w->partition, i);
	wait_parked(w);
	board_pause(w->board);
}

void machine_join(struct worker *w)
{
	unsigned int n = created_threads(w);

	machine_stop(w);
	give_order(w, VP_ORDER_QUIT, -1);
	for (unsigned int i = 0; i < n; i++)
		(void)pthread_join(w->vp[i].thread, NULL);
}

void machine_reset(struct worker *w)
{
	char why[256];

	machine_stop(w);
	if (board_reset(w->board, why, sizeof(why)) < 0)
		worker_end(w, WORKER_END_HOST, 0, why);
	else
		machine_run(w);
}

static void log_segment(const char *name, const struct vp_segment *seg)
{
	log_err("%-4s %04x base %016" PRIx64 " limit %08x attr %04x", name,
		seg->sel, seg->base, seg->limit, seg->attr);
}

void machine_log_registers(struct worker *w, unsigned int vp)
{
	static const char *const gpr[X86_GPRS] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
	};
	static const char *const seg[X86_SEGS] = {"es", "cs", "ss",
						  "ds", "fs", "gs"};
	struct vp_regs r;

	partition_vp_get_regs(w->partition, vp, &r);
	log_err("registers of virtual processor %u:", vp);
	for (unsigned int i = 0; i < X86_GPRS; i += 4)
		log_err("%-4s%016" PRIx64 " %-4s%016" PRIx64 " %-4s%016" PRIx64
			" %-4s%016" PRIx64,
			gpr[i], r.gpr[i], gpr[i + 1], r.gpr[i + 1], gpr[i + 2],
			r.gpr[i + 2], gpr[i + 3], r.gpr[i + 3]);
	log_err("rip %016" PRIx64 " rflags %08" PRIx64, r.rip, r.rflags);
	for (unsigned int i = 0; i < X86_SEGS; i++)
		log_segment(seg[i], &r.seg[i]);
	log_segment("ldtr", &r.ldtr);
	log_segment("tr", &r.tr);
	log_err("gdtr %016" PRIx64 " limit %04x idtr %016" PRIx64 " limit %04x",
		r.gdtr.base, r.gdtr.limit, r.idtr.base, r.idtr.limit);
	log_err("cr0 %08" PRIx64 " cr2 %016" PRIx64 " cr3 %016" PRIx64
		" cr4 %08" PRIx64 " efer %04" PRIx64,
		r.cr0, r.cr2, r.cr3, r.cr4, r.efer);
}
