/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IA-PC HPET specification 1.0a. The counter is machine time in units of 10 ns
 * plus an offset; each comparator has a timer for its next match.
 */
#include <base/bits.h>
#include <device/hpet.h>
#include <device/io_bus.h>
#include <host/timer_queue.h>

#include <errno.h>
#include <string.h>

#define TIMERS    3u
#define TICK_NS   10u
#define PERIOD_FS UINT64_C(10000000)
/* A match that is further away than this is not waited for: decades. */
#define FAR_TICKS (UINT64_C(1) << 56)

#define REG_CAP     0x000
#define REG_CONFIG  0x010
#define REG_STATUS  0x020
#define REG_COUNTER 0x0f0
#define REG_TIMERS  0x100
#define TIMER_SIZE  0x20

#define CONFIG_ENABLE 0x1u
#define CONFIG_LEGACY 0x2u

#define T_LEVEL      BIT64(1)
#define T_ENABLE     BIT64(2)
#define T_PERIODIC   BIT64(3)
#define T_CAN_PERIOD BIT64(4)
#define T_CAN_64     BIT64(5)
#define T_SET_VALUE  BIT64(6)
#define T_32BIT      BIT64(8)
#define T_ROUTE(c)   (((c) >> 9) & 31)
#define T_WRITABLE   UINT64_C(0x3f4e) & ~T_CAN_PERIOD
#define T_ROUTES     (UINT64_C(0x00f00004) << 32)
#define T_CAPS       (T_CAN_PERIOD | T_CAN_64 | T_ROUTES)

struct hpet_state {
	uint64_t config;
	uint64_t status;
	uint64_t counter; /* halted: its value; running: value minus time */
	uint64_t timer_config[TIMERS];
	uint64_t comparator[TIMERS];
	uint64_t period[TIMERS];
};

struct hpet_timer {
	struct hpet *hpet;
	unsigned int n;
	struct timer timer;
	uint64_t due;         /* machine time of the match; NEVER: none */
	struct irq_line line; /* driven high, to be lowered again */
};

struct hpet {
	struct device dev;
	struct hpet_config config;
	struct hpet_state s;
	struct hpet_timer timer[TIMERS];
	struct io_region window;
};

static const struct state_field hpet_fields[] = {
	STATE_FIELD(struct hpet_state, config, 1),
	STATE_FIELD(struct hpet_state, status, 1),
	STATE_FIELD(struct hpet_state, counter, 1),
	STATE_ARRAY(struct hpet_state, timer_config, 1),
	STATE_ARRAY(struct hpet_state, comparator, 1),
	STATE_ARRAY(struct hpet_state, period, 1),
};

static const struct state_desc hpet_state_desc =
	STATE_DESC(struct hpet_state, "device/hpet", 1, hpet_fields, NULL);

static bool running(const struct hpet *h)
{
	return h->s.config & CONFIG_ENABLE;
}

static uint64_t counter_at(const struct hpet *h, uint64_t now)
{
	return running(h) ? h->s.counter + now / TICK_NS : h->s.counter;
}

static uint64_t now_of(const struct hpet *h)
{
	return timer_queue_now(h->dev.env->timers);
}

/* A comparator's arithmetic is 32 or 64 bits wide. */
static uint64_t narrow(const struct hpet *h, unsigned int n, uint64_t v)
{
	return h->s.timer_config[n] & T_32BIT ? v & UINT32_MAX : v;
}

static struct irq_line route(const struct hpet *h, unsigned int n)
{
	unsigned int gsi = (unsigned int)T_ROUTE(h->s.timer_config[n]);

	if ((h->s.config & CONFIG_LEGACY) && n < 2)
		return device_irq(&h->dev, n ? 8 : 0);
	if (!(T_ROUTES >> 32 & BIT(gsi)))
		return (struct irq_line){0};
	/* The board's line 0 is the one on pin 2. */
	return device_irq(&h->dev, gsi == 2 ? 0 : gsi);
}

/* Lower what is high and no longer should be; raise what should. */
static void update_line(struct hpet *h, unsigned int n)
{
	struct hpet_timer *t = &h->timer[n];
	uint64_t c = h->s.timer_config[n];
	bool high = (c & T_LEVEL) && (c & T_ENABLE) && running(h) &&
		    (h->s.status & BIT(n));
	struct irq_line line = route(h, n);

	if (t->line.set && (!high || t->line.n != line.n)) {
		irq_set(&t->line, false);
		t->line.set = NULL;
	}
	if (high) {
		t->line = line;
		irq_set(&line, true);
	}
}

static void arm(struct hpet *h, unsigned int n)
{
	struct hpet_timer *t = &h->timer[n];
	uint64_t now = now_of(h);
	uint64_t ticks = narrow(h, n, h->s.comparator[n] - counter_at(h, now));

	t->due = TIMER_NEVER;
	if (running(h) && ticks < FAR_TICKS) {
		uint64_t at = now / TICK_NS + ticks;

		t->due = at * TICK_NS;
	}
	timer_arm(h->dev.env->timers, &t->timer, t->due);
}

/* Interrupt for comparator @n, which has matched. */
static void match(struct hpet *h, unsigned int n)
{
	uint64_t c = h->s.timer_config[n];
	struct irq_line line;

	if (c & T_LEVEL)
		h->s.status |= BIT(n);
	if (!(c & T_ENABLE))
		return;
	if (c & T_LEVEL) {
		update_line(h, n);
		return;
	}
	line = route(h, n);
	irq_set(&line, true);
	irq_set(&line, false);
}

static void hpet_fire(void *ctx)
{
	struct hpet_timer *t = ctx;
	struct hpet *h = t->hpet;
	unsigned int n = t->n;
	uint64_t now = now_of(h);

	device_lock(&h->dev);
	if (t->due == TIMER_NEVER || now < t->due)
		goto out; /* changed while the timer fired */
	match(h, n);
	t->due = TIMER_NEVER;
	if ((h->s.timer_config[n] & T_PERIODIC) && h->s.period[n]) {
		uint64_t p = h->s.period[n];
		uint64_t late =
			narrow(h, n, counter_at(h, now) - h->s.comparator[n]);

		h->s.comparator[n] =
			narrow(h, n, h->s.comparator[n] + (late / p + 1) * p);
		arm(h, n);
	} else if (h->s.timer_config[n] & T_32BIT) {
		/* Comes around again: one tick on, so not at once. */
		t->due = now + (UINT64_C(1) << 32) * TICK_NS;
		timer_arm(h->dev.env->timers, &t->timer, t->due);
	}
out:
	device_unlock(&h->dev);
}

static uint64_t *timer_register(struct hpet *h, uint64_t off)
{
	unsigned int n = (unsigned int)((off - REG_TIMERS) / TIMER_SIZE);

	if (off < REG_TIMERS || n >= TIMERS)
		return NULL;
	switch (off % TIMER_SIZE) {
	case 0x00:
		return &h->s.timer_config[n];
	case 0x08:
		return &h->s.comparator[n];
	default:
		return NULL;
	}
}

static uint64_t read_register(struct hpet *h, uint64_t off)
{
	const uint64_t *r;

	switch (off) {
	case REG_CAP:
		return HPET_ID | PERIOD_FS << 32;
	case REG_CONFIG:
		return h->s.config;
	case REG_STATUS:
		return h->s.status;
	case REG_COUNTER:
		return counter_at(h, now_of(h));
	default:
		r = timer_register(h, off);
		return r ? *r : 0;
	}
}

static void write_config(struct hpet *h, uint64_t v)
{
	uint64_t change = v ^ h->s.config;
	uint64_t now = now_of(h);
	uint64_t counter = counter_at(h, now);

	h->s.config = v & (CONFIG_ENABLE | CONFIG_LEGACY);
	if (change & CONFIG_ENABLE)
		h->s.counter = running(h) ? counter - now / TICK_NS : counter;
	if (change & CONFIG_LEGACY)
		h->config.legacy(h->config.ctx, v & CONFIG_LEGACY);
	for (unsigned int n = 0; n < TIMERS; n++) {
		update_line(h, n);
		arm(h, n);
	}
}

static void write_counter(struct hpet *h, uint64_t v)
{
	if (running(h))
		v -= now_of(h) / TICK_NS;
	h->s.counter = v;
	for (unsigned int n = 0; n < TIMERS; n++)
		arm(h, n);
}

static void write_timer(struct hpet *h, unsigned int n, bool comparator,
			uint64_t v)
{
	uint64_t *c = &h->s.timer_config[n];

	if (!comparator) {
		*c = (v & (T_WRITABLE)) | T_CAPS;
		h->s.comparator[n] = narrow(h, n, h->s.comparator[n]);
		h->s.period[n] = narrow(h, n, h->s.period[n]);
	} else {
		v = narrow(h, n, v);
		if (!(*c & T_PERIODIC) || (*c & T_SET_VALUE))
			h->s.comparator[n] = v;
		if (*c & T_PERIODIC)
			h->s.period[n] = v;
		*c &= ~T_SET_VALUE;
	}
	update_line(h, n);
	arm(h, n);
}

static void write_register(struct hpet *h, uint64_t off, uint64_t v)
{
	switch (off) {
	case REG_CONFIG:
		write_config(h, v);
		break;
	case REG_STATUS:
		h->s.status &= ~v;
		for (unsigned int n = 0; n < TIMERS; n++)
			update_line(h, n);
		break;
	case REG_COUNTER:
		write_counter(h, v);
		break;
	default:
		if (timer_register(h, off))
			write_timer(
				h,
				(unsigned int)((off - REG_TIMERS) / TIMER_SIZE),
				off % TIMER_SIZE, v);
		break;
	}
}

static uint64_t hpet_read(void *ctx, uint64_t off, unsigned int width)
{
	struct hpet *h = ctx;
	uint64_t v;

	device_lock(&h->dev);
	v = read_register(h, off & ~UINT64_C(7)) >> (8 * (off & 7));
	device_unlock(&h->dev);
	return v;
}

/* Half registers keep their other half; status bits are written as zeros. */
static void hpet_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct hpet *h = ctx;
	uint64_t reg = off & ~UINT64_C(7);
	unsigned int shift = 8 * (off & 7);
	uint64_t mask = BITS64(width * 8 - 1, 0) << shift;
	uint64_t old;

	device_lock(&h->dev);
	old = reg == REG_STATUS ? 0 : read_register(h, reg);
	write_register(h, reg, (old & ~mask) | ((v << shift) & mask));
	device_unlock(&h->dev);
}

static void hpet_reset(struct device *dev)
{
	struct hpet *h = container_of(dev, struct hpet, dev);
	bool legacy = h->s.config & CONFIG_LEGACY;

	memset(&h->s, 0, sizeof(h->s));
	for (unsigned int n = 0; n < TIMERS; n++) {
		h->s.timer_config[n] = T_CAPS;
		h->s.comparator[n] = UINT64_MAX;
		update_line(h, n);
		arm(h, n);
	}
	if (legacy)
		h->config.legacy(h->config.ctx, false);
}

static void hpet_loaded(struct device *dev)
{
	struct hpet *h = container_of(dev, struct hpet, dev);

	for (unsigned int n = 0; n < TIMERS; n++) {
		h->s.timer_config[n] =
			(h->s.timer_config[n] & (T_WRITABLE)) | T_CAPS;
		h->s.period[n] = narrow(h, n, h->s.period[n]);
		update_line(h, n);
		arm(h, n);
	}
}

static const struct io_region hpet_window = {
	.base = HPET_BASE,
	.size = HPET_SIZE,
	.max_width = 8,
	.name = "hpet",
	.read = hpet_read,
	.write = hpet_write,
};

static int hpet_init(struct device *dev, const void *config)
{
	struct hpet *h = container_of(dev, struct hpet, dev);

	h->config = *(const struct hpet_config *)config;
	for (unsigned int n = 0; n < TIMERS; n++) {
		h->timer[n].hpet = h;
		h->timer[n].n = n;
		timer_init(&h->timer[n].timer, hpet_fire, &h->timer[n]);
	}
	hpet_reset(dev);
	return device_map(dev, dev->env->mmio, &h->window, &hpet_window, 1);
}

static void hpet_fini(struct device *dev)
{
	struct hpet *h = container_of(dev, struct hpet, dev);

	device_unmap(dev->env->mmio, &h->window, 1);
	for (unsigned int n = 0; n < TIMERS; n++)
		timer_cancel(dev->env->timers, &h->timer[n].timer);
}

const struct device_class hpet_class = {
	.name = "hpet",
	.size = sizeof(struct hpet),
	.init = hpet_init,
	.fini = hpet_fini,
	.reset = hpet_reset,
	.state = &hpet_state_desc,
	.state_offset = offsetof(struct hpet, s),
	.loaded = hpet_loaded,
};
