/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8254 (data sheet 231164), channels 0 (interrupt), 1 (refresh: counts,
 * does nothing) and 2 (speaker), and the PC's port 61.
 *
 * No timer runs the counters: count and output follow from the machine time at
 * which the count was loaded. Only channel 0 arms a timer, for the next rising
 * edge of its output. In modes 2 and 3 its line is high between the pulses
 * that mark the period; nobody can see the exact low phase but by reading
 * back, which is computed.
 *
 * Channel 2 is what systems calibrate their other clocks with: load a count,
 * read the clock, wait for the output. A processor thread that the host takes
 * off its CPU between the first two would make the period look short, which
 * they believe (too long they do not), so that time is not counted.
 */
#include <base/bits.h>
#include <device/io_bus.h>
#include <device/pit.h>
#include <host/timer_queue.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#define NS_PER_S   UINT64_C(1000000000)
#define REFRESH_NS 15085 /* half period of port 61, bit 4 */

/* How a channel's 8-bit port reaches its 16-bit counter. */
enum access {
	ACCESS_LSB = 1,
	ACCESS_MSB = 2,
	ACCESS_BOTH = 3,
};

struct pit_state {
	uint64_t start[3]; /* machine time when the count took effect */
	uint32_t count[3]; /* 1..65536 */
	uint8_t mode[3];   /* 0..5 */
	uint8_t access[3]; /* enum access */
	uint8_t bcd[3];
	uint8_t gate[3];
	uint8_t counting[3];   /* loaded and, in modes 1 and 5, triggered */
	uint8_t null_count[3]; /* a new count was not loaded yet */
	uint8_t write_high[3]; /* the low byte has been written */
	uint8_t write_low[3];
	uint8_t read_high[3]; /* the low byte has been read */
	uint8_t latched[3];   /* bytes of latch left to read: 0..2 */
	uint8_t status_latched[3];
	uint8_t status[3];
	uint16_t latch[3];
	uint64_t paused[3]; /* ticks counted when the gate fell */
	uint8_t port61;     /* the writable bits */
	uint8_t disconnected;
};

struct pit {
	struct device dev;
	struct pit_state s;
	struct irq_line irq;
	struct timer timer;
	uint64_t due; /* of the timer: one that fires early was re-armed */
	/* Channel 2 was loaded and nobody has looked yet: */
	bool fresh;
	pthread_t loader;      /* by this thread, */
	uint64_t loader_stole; /* which had lost so much time then */
	struct io_region port[2];
};

static const struct state_field pit_fields[] = {
	STATE_ARRAY(struct pit_state, start, 1),
	STATE_ARRAY(struct pit_state, count, 1),
	STATE_ARRAY(struct pit_state, mode, 1),
	STATE_ARRAY(struct pit_state, access, 1),
	STATE_ARRAY(struct pit_state, bcd, 1),
	STATE_ARRAY(struct pit_state, gate, 1),
	STATE_ARRAY(struct pit_state, counting, 1),
	STATE_ARRAY(struct pit_state, null_count, 1),
	STATE_ARRAY(struct pit_state, write_high, 1),
	STATE_ARRAY(struct pit_state, write_low, 1),
	STATE_ARRAY(struct pit_state, read_high, 1),
	STATE_ARRAY(struct pit_state, latched, 1),
	STATE_ARRAY(struct pit_state, status_latched, 1),
	STATE_ARRAY(struct pit_state, status, 1),
	STATE_ARRAY(struct pit_state, latch, 1),
	STATE_ARRAY(struct pit_state, paused, 1),
	STATE_FIELD(struct pit_state, port61, 1),
	STATE_FIELD(struct pit_state, disconnected, 1),
};

static int pit_check(const void *state)
{
	const struct pit_state *s = state;

	for (int c = 0; c < 3; c++) {
		if (!s->count[c] || s->count[c] > 0x10000 || s->mode[c] > 5 ||
		    !s->access[c] || s->access[c] > ACCESS_BOTH ||
		    s->latched[c] > 2)
			return -EINVAL;
	}
	return 0;
}

static const struct state_desc pit_state_desc =
	STATE_DESC(struct pit_state, "device/pit", 1, pit_fields, pit_check);

static uint64_t ns_to_ticks(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * PIT_HZ / NS_PER_S);
}

/* The first ns at which @ticks have passed. */
static uint64_t ticks_to_ns(uint64_t ticks)
{
	return (uint64_t)(((unsigned __int128)ticks * NS_PER_S + PIT_HZ - 1) /
			  PIT_HZ);
}

static bool triggered_by_gate(const struct pit_state *s, int c)
{
	return s->mode[c] == 1 || s->mode[c] == 5;
}

static bool periodic(const struct pit_state *s, int c)
{
	return s->mode[c] == 2 || s->mode[c] == 3;
}

/* Ticks since the count took effect, not counting those with the gate low. */
static uint64_t elapsed(const struct pit_state *s, int c, uint64_t now)
{
	if (!s->gate[c] && !triggered_by_gate(s, c))
		return s->paused[c];
	return now > s->start[c] ? ns_to_ticks(now - s->start[c]) : 0;
}

static bool output(const struct pit_state *s, int c, uint64_t now)
{
	uint64_t d = elapsed(s, c, now);
	uint32_t n = s->count[c];

	if (!s->counting[c])
		return s->mode[c] != 0;
	switch (s->mode[c]) {
	case 0:
	case 1:
		return d >= n;
	case 2:
		return !s->gate[c] || d % n != n - 1;
	case 3:
		return !s->gate[c] || d % n < (n + 1) / 2;
	default: /* one tick low at terminal count */
		return d != n;
	}
}

static uint16_t to_bcd(uint32_t v)
{
	v %= 10000;
	return (uint16_t)((v / 1000) << 12 | (v / 100 % 10) << 8 |
			  (v / 10 % 10) << 4 | v % 10);
}

static uint32_t from_bcd(uint32_t v)
{
	return (v >> 12) * 1000 + ((v >> 8) & 15) * 100 + ((v >> 4) & 15) * 10 +
	       (v & 15);
}

/* The counting element, as the data port shows it. */
static uint16_t counter(const struct pit_state *s, int c, uint64_t now)
{
	uint64_t d = elapsed(s, c, now);
	uint32_t n = s->count[c];
	uint64_t v;

	if (!s->counting[c])
		v = n;
	else if (s->mode[c] == 2)
		v = n - d % n;
	else if (s->mode[c] == 3)
		v = n - (2 * d) % n;
	else if (s->bcd[c])
		v = (n + 10000 - d % 10000) % 10000;
	else
		v = n - d; /* wraps on, as the element does */
	return s->bcd[c] ? to_bcd((uint32_t)v) : (uint16_t)v;
}

/* Machine time of channel 0's next rising edge. */
static uint64_t next_edge(const struct pit_state *s, uint64_t now)
{
	uint64_t d = elapsed(s, 0, now);
	uint32_t n = s->count[0];
	uint64_t at;

	if (!s->counting[0] || !s->gate[0])
		return TIMER_NEVER;
	if (periodic(s, 0))
		at = (d / n + 1) * n;
	else if (s->mode[0] >= 4)
		at = n + 1;
	else
		at = n;
	return at > d ? s->start[0] + ticks_to_ns(at) : TIMER_NEVER;
}

static void drive_irq(struct pit *p, bool level)
{
	irq_set(&p->irq, level && !p->s.disconnected);
}

static void arm(struct pit *p, uint64_t now)
{
	p->due = next_edge(&p->s, now);
	timer_arm(p->dev.env->timers, &p->timer, p->due);
}

/* After a change of channel 0: its line and its timer. */
static void update(struct pit *p)
{
	uint64_t now = timer_queue_now(p->dev.env->timers);

	drive_irq(p, output(&p->s, 0, now) || periodic(&p->s, 0));
	arm(p, now);
}

static void pit_fire(void *ctx)
{
	struct pit *p = ctx;
	uint64_t now = timer_queue_now(p->dev.env->timers);

	device_lock(&p->dev);
	if (now >= p->due) {
		drive_irq(p, false);
		drive_irq(p, true);
		arm(p, now);
	}
	device_unlock(&p->dev);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Time in which this thread did not run: differences mean something. */
static uint64_t stolen_now(void)
{
	return clock_ns(CLOCK_MONOTONIC) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The first look at channel 2 since it was loaded. */
static void first_look(struct pit *p)
{
	uint64_t now = timer_queue_now(p->dev.env->timers);
	uint64_t *start = &p->s.start[2];
	uint64_t stolen;

	if (!p->fresh)
		return;
	p->fresh = false;
	if (!pthread_equal(p->loader, pthread_self()) || now <= *start)
		return;
	stolen = stolen_now() - p->loader_stole;
	*start += stolen < now - *start ? stolen : now - *start;
}

static void load_count(struct pit *p, int c, uint32_t v)
{
	struct pit_state *s = &p->s;
	uint64_t now = timer_queue_now(p->dev.env->timers);

	if (s->bcd[c])
		v = v ? from_bcd(v) : 10000;
	s->count[c] = v && v <= 0x10000 ? v : 0x10000;
	s->null_count[c] = 0;
	if (!triggered_by_gate(s, c)) {
		s->start[c] = now;
		s->paused[c] = 0;
		s->counting[c] = 1;
	}
	if (c == 0)
		update(p);
	if (c == 2) {
		p->fresh = true;
		p->loader = pthread_self();
		p->loader_stole = stolen_now();
	}
}

static void write_counter(struct pit *p, int c, uint8_t v)
{
	struct pit_state *s = &p->s;

	switch (s->access[c]) {
	case ACCESS_LSB:
		load_count(p, c, v);
		break;
	case ACCESS_MSB:
		load_count(p, c, (uint32_t)v << 8);
		break;
	default:
		if (!s->write_high[c]) {
			s->write_low[c] = v;
			s->write_high[c] = 1;
			/* Mode 0: the first byte stops the count. */
			if (s->mode[c] == 0)
				s->counting[c] = 0;
			break;
		}
		s->write_high[c] = 0;
		load_count(p, c, (uint32_t)v << 8 | s->write_low[c]);
		break;
	}
}

static void latch_counter(struct pit_state *s, int c, uint64_t now)
{
	if (s->latched[c])
		return;
	s->latch[c] = counter(s, c, now);
	s->latched[c] = s->access[c] == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct pit_state *s, int c, uint64_t now)
{
	if (s->status_latched[c])
		return;
	s->status[c] =
		(uint8_t)(output(s, c, now) << 7 | s->null_count[c] << 6 |
			  s->access[c] << 4 | s->mode[c] << 1 | s->bcd[c]);
	s->status_latched[c] = 1;
}

static void read_back(struct pit *p, uint8_t v)
{
	uint64_t now = timer_queue_now(p->dev.env->timers);

	for (int c = 0; c < 3; c++) {
		if (!(v & BIT(c + 1)))
			continue;
		if (!(v & 0x20))
			latch_counter(&p->s, c, now);
		if (!(v & 0x10))
			latch_status(&p->s, c, now);
	}
}

static void write_control(struct pit *p, uint8_t v)
{
	struct pit_state *s = &p->s;
	int c = v >> 6;
	uint8_t mode = (v >> 1) & 7;

	if (c == 3) {
		read_back(p, v);
		return;
	}
	if (!(v & 0x30)) {
		latch_counter(s, c, timer_queue_now(p->dev.env->timers));
		return;
	}
	s->mode[c] = mode > 5 ? mode & 3 : mode;
	s->access[c] = (v >> 4) & 3;
	s->bcd[c] = v & 1;
	s->counting[c] = 0;
	s->null_count[c] = 1;
	s->write_high[c] = 0;
	s->read_high[c] = 0;
	s->latched[c] = 0;
	s->status_latched[c] = 0;
	s->paused[c] = 0;
	if (c == 0)
		update(p);
}

static uint8_t read_counter(struct pit *p, int c)
{
	struct pit_state *s = &p->s;
	uint16_t v;

	if (s->status_latched[c]) {
		s->status_latched[c] = 0;
		return s->status[c];
	}
	if (s->latched[c]) {
		bool high = s->access[c] == ACCESS_MSB ||
			    (s->access[c] == ACCESS_BOTH && s->latched[c] == 1);

		s->latched[c]--;
		return (uint8_t)(high ? s->latch[c] >> 8 : s->latch[c]);
	}
	v = counter(s, c, timer_queue_now(p->dev.env->timers));
	if (s->access[c] == ACCESS_LSB)
		return (uint8_t)v;
	if (s->access[c] == ACCESS_MSB)
		return (uint8_t)(v >> 8);
	s->read_high[c] ^= 1;
	return (uint8_t)(s->read_high[c] ? v : v >> 8);
}

/* Only channel 2 has a gate that software moves. */
static void set_gate(struct pit *p, bool level)
{
	struct pit_state *s = &p->s;
	uint64_t now = timer_queue_now(p->dev.env->timers);
	const int c = 2;

	if (s->gate[c] == level)
		return;
	if (!level) {
		s->paused[c] = elapsed(s, c, now);
		s->gate[c] = 0;
		return;
	}
	s->gate[c] = 1;
	if (triggered_by_gate(s, c)) {
		s->counting[c] = 1;
		s->start[c] = now;
	} else if (periodic(s, c)) {
		s->start[c] = now; /* a rising gate reloads the count */
	} else {
		uint64_t back = ticks_to_ns(s->paused[c]);

		s->start[c] = now > back ? now - back : 0;
	}
}

static uint64_t pit_read(void *ctx, uint64_t off, unsigned int width)
{
	struct pit *p = ctx;
	uint64_t v = 0xff;

	device_lock(&p->dev);
	if (off == 2)
		first_look(p);
	if (off < 3)
		v = read_counter(p, (int)off);
	device_unlock(&p->dev);
	return v;
}

static void pit_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct pit *p = ctx;

	device_lock(&p->dev);
	if (off == 3)
		first_look(p); /* may latch */
	if (off < 3)
		write_counter(p, (int)off, (uint8_t)v);
	else
		write_control(p, (uint8_t)v);
	device_unlock(&p->dev);
}

static uint64_t port61_read(void *ctx, uint64_t off, unsigned int width)
{
	struct pit *p = ctx;
	uint64_t now = timer_queue_now(p->dev.env->timers);
	uint64_t v;

	device_lock(&p->dev);
	first_look(p);
	v = p->s.port61;
	v |= (uint64_t)(now / REFRESH_NS & 1) << 4;
	v |= (uint64_t)output(&p->s, 2, now) << 5;
	device_unlock(&p->dev);
	return v;
}

static void port61_write(void *ctx, uint64_t off, unsigned int width,
			 uint64_t v)
{
	struct pit *p = ctx;

	device_lock(&p->dev);
	p->s.port61 = v & 0x0f;
	set_gate(p, v & 1);
	device_unlock(&p->dev);
}

void pit_disconnect_irq(struct device *dev, bool on)
{
	struct pit *p = container_of(dev, struct pit, dev);

	device_lock(dev);
	p->s.disconnected = on;
	update(p);
	device_unlock(dev);
}

static void pit_reset(struct device *dev)
{
	struct pit *p = container_of(dev, struct pit, dev);

	memset(&p->s, 0, sizeof(p->s));
	for (int c = 0; c < 3; c++) {
		p->s.mode[c] = 3;
		p->s.access[c] = ACCESS_BOTH;
		p->s.count[c] = 0x10000;
		p->s.gate[c] = c != 2;
	}
	update(p);
}

static void pit_loaded(struct device *dev)
{
	update(container_of(dev, struct pit, dev));
}

/* clang-format off */
static const struct io_region pit_ports[2] = {
	{ .base = 0x40, .size = 4, .max_width = 1, .name = "pit",
	  .read = pit_read, .write = pit_write },
	{ .base = 0x61, .size = 1, .max_width = 1, .name = "port61",
	  .read = port61_read, .write = port61_write },
};
/* clang-format on */

static int pit_init(struct device *dev, const void *config)
{
	struct pit *p = container_of(dev, struct pit, dev);

	p->irq = device_irq(dev, 0);
	timer_init(&p->timer, pit_fire, p);
	pit_reset(dev);
	return device_map(dev, dev->env->pio, p->port, pit_ports,
			  ARRAY_SIZE(p->port));
}

static void pit_fini(struct device *dev)
{
	struct pit *p = container_of(dev, struct pit, dev);

	device_unmap(dev->env->pio, p->port, ARRAY_SIZE(p->port));
	timer_cancel(dev->env->timers, &p->timer);
}

const struct device_class pit_class = {
	.name = "pit",
	.size = sizeof(struct pit),
	.init = pit_init,
	.fini = pit_fini,
	.reset = pit_reset,
	.state = &pit_state_desc,
	.state_offset = offsetof(struct pit, s),
	.loaded = pit_loaded,
};
