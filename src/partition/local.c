/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The partition API on the core and an engine in this process.
 *
 * Everything that needs the host's help (storage, the timer thread) is had in
 * local_new(), before the caller enters its sandbox; afterwards only futexes
 * are used. Timers are as precise as the creating thread's timer slack, which
 * is set to the minimum there and inherited by threads made later.
 */
#include "local.h"

#include <base/assert.h>
#include <base/bits.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* ---- what the core asks of its host ---- */

static void host_pio_in(void *ctx, struct hv_vp *vp, uint16_t port,
			unsigned int width, void *data, uint32_t count)
{
	struct partition *p = ctx;

	p->handlers.pio_in(p->ctx, vp->index, port, width, data, count);
}

static void host_pio_out(void *ctx, struct hv_vp *vp, uint16_t port,
			 unsigned int width, const void *data, uint32_t count)
{
	struct partition *p = ctx;

	p->handlers.pio_out(p->ctx, vp->index, port, width, data, count);
}

static void host_mmio_read(void *ctx, struct hv_vp *vp, gpa_t gpa,
			   unsigned int width, void *data)
{
	struct partition *p = ctx;

	p->handlers.mmio_read(p->ctx, vp->index, gpa, width, data);
}

static void host_mmio_write(void *ctx, struct hv_vp *vp, gpa_t gpa,
			    unsigned int width, const void *data)
{
	struct partition *p = ctx;

	p->handlers.mmio_write(p->ctx, vp->index, gpa, width, data);
}

static int host_extint_ack(void *ctx)
{
	struct partition *p = ctx;

	return p->handlers.extint_ack ? p->handlers.extint_ack(p->ctx) : -1;
}

static void host_eoi(void *ctx, uint8_t vector)
{
	struct partition *p = ctx;

	if (p->handlers.eoi)
		p->handlers.eoi(p->ctx, vector);
}

static void host_wake(void *ctx, struct hv_vp *hv)
{
	struct partition *p = ctx;
	struct local_vp *vp = &p->vp[hv->index];

	if (atomic_load(&vp->sleeping) && atomic_exchange(&vp->sleeping, 0))
		local_wake(&vp->sleeping);
}

static const struct hv_host_ops host_ops = {
	.pio_in = host_pio_in,
	.pio_out = host_pio_out,
	.mmio_read = host_mmio_read,
	.mmio_write = host_mmio_write,
	.extint_ack = host_extint_ack,
	.eoi = host_eoi,
	.arm_timer = local_timer_arm,
	.wake = host_wake,
};

/* ---- guest memory ---- */

/*
 * Before, so that nothing derived from the old content is begun; after, so
 * that nothing derived from half of the new one is kept.
 */
static void memory_changes(struct guest_memory_listener *l, gpa_t gpa,
			   uint64_t len)
{
	struct partition *p = container_of(l, struct partition, listener);

	if (p->engine->memory_written)
		p->engine->memory_written(p->hv, gpa, len);
}

static int map_memory(struct partition *p)
{
	const struct guest_memory_range *range;
	size_t count;

	range = guest_memory_ranges(p->memory, &count);
	for (size_t i = 0; i < count; i++) {
		int err = hv_partition_map(
			p->hv, &(struct hv_slot){
				       .gpa = range[i].gpa,
				       .size = range[i].size,
				       .host = range[i].host,
				       .readonly = range[i].readonly,
			       });

		if (err < 0)
			return err;
	}
	p->listener.write_begin = memory_changes;
	p->listener.write_end = memory_changes;
	return guest_memory_listen(p->memory, &p->listener);
}

/* ---- life ---- */

__attribute__((format(printf, 4, 5))) static int
fail(int err, char *buf, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(buf, size, format, args);
	va_end(args);
	return err;
}

/* Zeroed and page-aligned. */
static void *deposit_new(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void deposit_free(void *at, size_t size)
{
	if (at)
		(void)munmap(at, size);
}

static int add_vps(struct partition *p, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct local_vp *vp = &p->vp[i];
		int err;

		vp->partition = p;
		atomic_init(&vp->deadline, UINT64_MAX);
		vp->hv = deposit_new(p->engine->vp_size);
		if (!vp->hv)
			return -ENOMEM;
		err = hv_vp_init(vp->hv, p->hv);
		if (err < 0) {
			deposit_free(vp->hv, p->engine->vp_size);
			return err;
		}
		p->nr_vps++;
	}
	return 0;
}

static int make_model(struct partition *p, const struct partition_config *c,
		      const struct cpu_source *host, char *why, size_t size)
{
	const char *name = c->cpu_model ? c->cpu_model : CPU_MODEL_DEFAULT;
	const char *text = "";
	int err = cpu_model_make(&p->model, name, host, c->nr_vps, &text);

	if (err == -EINVAL)
		return fail(err, why, size, "no CPU model \"%s\"; there are %s",
			    name, text);
	if (err == -EOPNOTSUPP)
		return fail(err, why, size,
			    "this host's CPU has no %s, which CPU model %s "
			    "promises; use --cpu-model %s",
			    text, name, strcmp(name, "v2") ? "v2" : "host");
	return err;
}

static int init_core(struct partition *p)
{
	int err;

	p->hv = deposit_new(p->engine->partition_size);
	if (!p->hv)
		return -ENOMEM;
	err = hv_partition_init(p->hv, &(struct hv_partition_config){
					       .engine = p->engine,
					       .host = &host_ops,
					       .host_ctx = p,
					       .model = &p->model,
					       .tsc_khz = p->tsc_khz,
				       });
	if (err < 0) {
		deposit_free(p->hv, p->engine->partition_size);
		p->hv = NULL;
	}
	return err;
}

int local_new(struct partition **ret, const struct partition_config *config,
	      const struct engine_ops *engine, const struct cpu_source *host,
	      char *why_buf, size_t why_size)
{
	struct partition *p;
	int err;

	if (!config->nr_vps || config->nr_vps > PARTITION_MAX_VPS)
		return fail(-EINVAL, why_buf, why_size,
			    "%u processors; 1 to %u are possible",
			    config->nr_vps, PARTITION_MAX_VPS);
	p = calloc(1, sizeof(*p));
	if (!p)
		return fail(-ENOMEM, why_buf, why_size, "out of memory");
	p->engine = engine;
	p->handlers = *config->handlers;
	p->ctx = config->ctx;
	p->memory = config->memory;
	atomic_init(&p->timer.next, UINT64_MAX);
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);

	err = make_model(p, config, host, why_buf, why_size);
	if (err < 0)
		goto err_free;
	err = host_cpu_tsc_khz(&p->tsc_khz);
	if (err < 0) {
		(void)fail(err, why_buf, why_size,
			   "cannot tell how fast this host's TSC counts");
		goto err_free;
	}
	err = init_core(p);
	if (err >= 0)
		err = map_memory(p);
	if (err >= 0)
		err = add_vps(p, config->nr_vps);
	if (err >= 0)
		err = local_timer_start(p);
	if (err < 0) {
		(void)fail(err, why_buf, why_size,
			   "cannot create the partition: %s", strerror(-err));
		goto err_free;
	}
	*ret = p;
	return 0;

err_free:
	partition_free(p);
	return err;
}

void partition_free(struct partition *p)
{
	if (!p)
		return;
	local_timer_stop(p);
	if (p->hv) {
		guest_memory_unlisten(p->memory, &p->listener);
		for (unsigned int i = 0; i < p->nr_vps; i++) {
			hv_vp_fini(p->vp[i].hv);
			deposit_free(p->vp[i].hv, p->engine->vp_size);
		}
		hv_partition_fini(p->hv);
		deposit_free(p->hv, p->engine->partition_size);
	}
	free(p);
}

const char *partition_engine_name(const struct partition *p)
{
	return p->engine->name;
}

const struct cpu_model *partition_cpu_model(const struct partition *p)
{
	return &p->model;
}

uint64_t partition_tsc_khz(const struct partition *p)
{
	return p->tsc_khz;
}

static struct hv_vp *vp_of(const struct partition *p, unsigned int vp)
{
	ASSERT(vp < p->nr_vps);
	return p->vp[vp].hv;
}

/* ---- running ---- */

/*
 * The order is what hv_vp_notify() promises to: first say that we sleep, then
 * look for the last time.
 */
static void vp_sleep(struct local_vp *vp)
{
	atomic_store(&vp->sleeping, 1);
	while (!hv_vp_runnable(vp->hv)) {
		local_wait(vp->partition, &vp->sleeping, 1,
			   atomic_load(&vp->deadline));
		atomic_store(&vp->sleeping, 0);
		local_timer_check(vp);
		atomic_store(&vp->sleeping, 1);
	}
	atomic_store(&vp->sleeping, 0);
	/* The timer thread has left our deadline to us until now. */
	if (atomic_load(&vp->deadline) != UINT64_MAX)
		local_timer_arm(vp->partition, vp->hv,
				atomic_load(&vp->deadline));
}

enum partition_exit partition_vp_run(struct partition *p, unsigned int vp)
{
	struct hv_vp *hv = vp_of(p, vp);

	for (;;) {
		switch (hv_vp_run(hv)) {
		case HV_RUN_IDLE:
			vp_sleep(&p->vp[vp]);
			break;
		case HV_RUN_PAUSED:
			return PARTITION_EXIT_PAUSED;
		case HV_RUN_SHUTDOWN:
			return PARTITION_EXIT_SHUTDOWN;
		case HV_RUN_DEBUG:
			return PARTITION_EXIT_DEBUG;
		}
	}
}

void partition_vp_pause(struct partition *p, unsigned int vp)
{
	hv_vp_notify(vp_of(p, vp), HV_ATTN_PAUSE);
}

void partition_reset(struct partition *p)
{
	hv_partition_extint(p->hv, false);
	for (unsigned int i = 0; i < p->nr_vps; i++)
		hv_vp_reset(p->vp[i].hv, false);
}

void partition_msi(struct partition *p, uint64_t addr, uint32_t data)
{
	hv_partition_msi(p->hv, addr, data);
}

void partition_extint(struct partition *p, bool level)
{
	hv_partition_extint(p->hv, level);
}

void partition_nmi(struct partition *p, unsigned int vp)
{
	hv_vp_nmi(vp_of(p, vp));
}

/* ---- state ---- */

void partition_vp_get_regs(struct partition *p, unsigned int vp,
			   struct vp_regs *ret)
{
	*ret = vp_of(p, vp)->regs;
}

void partition_vp_set_regs(struct partition *p, unsigned int vp,
			   const struct vp_regs *regs)
{
	struct hv_vp *hv = vp_of(p, vp);

	hv->regs = *regs;
	p->engine->regs_changed(hv, HV_CHANGED_ALL);
	hv_vp_notify(hv, HV_ATTN_EVENT);
}

size_t partition_vp_state_size(void)
{
	return hv_vp_state_size();
}

int64_t partition_vp_save(struct partition *p, unsigned int vp, void *buf,
			  size_t size)
{
	struct hv_vp_image *image = malloc(sizeof(*image));
	int64_t n;

	if (!image)
		return -ENOMEM;
	n = hv_vp_save(vp_of(p, vp), image, buf, size);
	free(image);
	return n;
}

int partition_vp_load(struct partition *p, unsigned int vp, const void *buf,
		      size_t size)
{
	struct hv_vp_image *image = malloc(sizeof(*image));
	int64_t n;

	if (!image)
		return -ENOMEM;
	n = hv_vp_load(vp_of(p, vp), image, buf, size);
	free(image);
	if (n < 0)
		return (int)n;
	/* More than the records of this version: not what we have written. */
	return (size_t)n == size ? 0 : -EINVAL;
}

bool partition_vp_translate(struct partition *p, unsigned int vp, gva_t gva,
			    gpa_t *ret)
{
	return p->engine->translate(vp_of(p, vp), gva, ret);
}

/* ---- host debugger ---- */

static void debug_update(struct partition *p)
{
	for (unsigned int i = 0; i < p->nr_vps; i++) {
		struct hv_vp *hv = p->vp[i].hv;

		hv->debug_flags &= ~(HV_DEBUG_BREAK | HV_DEBUG_INT3);
		if (p->nr_breakpoints)
			hv->debug_flags |= HV_DEBUG_BREAK;
		if (p->catch_int3)
			hv->debug_flags |= HV_DEBUG_INT3;
		for (unsigned int k = 0; k < PARTITION_MAX_BREAKPOINTS; k++)
			hv->debug_break[k] = k < p->nr_breakpoints
						     ? p->breakpoint[k].v
						     : UINT64_MAX;
		p->engine->regs_changed(hv, HV_CHANGED_MODE);
	}
}

void partition_vp_set_step(struct partition *p, unsigned int vp, bool step)
{
	struct hv_vp *hv = vp_of(p, vp);

	hv->debug_flags &= ~HV_DEBUG_STEP;
	if (step)
		hv->debug_flags |= HV_DEBUG_STEP;
	p->engine->regs_changed(hv, HV_CHANGED_MODE);
}

int partition_set_breakpoint(struct partition *p, gva_t gva, bool on)
{
	unsigned int at = 0;

	while (at < p->nr_breakpoints && p->breakpoint[at].v != gva.v)
		at++;
	if (on && at == p->nr_breakpoints) {
		if (at == PARTITION_MAX_BREAKPOINTS)
			return -ENOSPC;
		p->breakpoint[p->nr_breakpoints++] = gva;
	}
	if (!on && at < p->nr_breakpoints)
		p->breakpoint[at] = p->breakpoint[--p->nr_breakpoints];
	debug_update(p);
	return 0;
}

void partition_clear_breakpoints(struct partition *p)
{
	p->nr_breakpoints = 0;
	p->catch_int3 = false;
	for (unsigned int i = 0; i < p->nr_vps; i++)
		partition_vp_set_step(p, i, false);
	debug_update(p);
}

void partition_catch_int3(struct partition *p, bool on)
{
	p->catch_int3 = on;
	debug_update(p);
}
