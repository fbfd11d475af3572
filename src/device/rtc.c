/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818A clock and CMOS (Motorola data sheet, 1984), ports 70 and 71.
 *
 * The time is machine time plus an offset that setting the clock changes; the
 * time registers are computed when read. While SET holds the clock, they are
 * the bytes in cmos[]. Flags are brought up to date when somebody looks, and a
 * timer runs only for interrupts that are enabled.
 */
#include <base/bits.h>
#include <device/io_bus.h>
#include <device/rtc.h>
#include <host/timer_queue.h>

#include <errno.h>
#include <string.h>

#define NS_PER_S  INT64_C(1000000000)
#define UIP_NS    INT64_C(244000) /* announced before the update */
#define DAY_S     INT64_C(86400)
#define MAX_NOW   UINT64_C(1000000000000000000) /* 31 years */
#define MAX_UTC_S INT64_C(7500000000) /* past 2199, and ns still fit */

enum {
	R_SECOND,
	R_SECOND_ALARM,
	R_MINUTE,
	R_MINUTE_ALARM,
	R_HOUR,
	R_HOUR_ALARM,
	R_WEEKDAY,
	R_DAY,
	R_MONTH,
	R_YEAR,
	R_A,
	R_B,
	R_C,
	R_D,
	R_CENTURY = 0x32,
};

#define A_UIP     0x80
#define A_DIVIDER 0x70
#define A_RATE    0x0f
#define B_SET     0x80
#define B_PIE     0x40
#define B_AIE     0x20
#define B_UIE     0x10
#define B_BINARY  0x04
#define B_24H     0x02
#define C_IRQF    0x80
#define C_PF      0x40
#define C_AF      0x20
#define C_UF      0x10
#define D_VALID   0x80
#define HOUR_PM   0x80
#define ANY       0xc0 /* alarm byte that matches everything */

struct rtc_state {
	uint8_t cmos[RTC_CMOS_SIZE];
	uint8_t index;
	uint8_t disconnected;
	int64_t offset;   /* ns to add to machine time; UTC since 1970 */
	uint64_t checked; /* machine time up to which flags are right */
};

struct rtc {
	struct device dev;
	struct rtc_state s;
	struct irq_line irq;
	struct timer timer;
	struct io_region port;
};

struct clock {
	int second, minute, hour, weekday, day, month, year;
};

static const struct state_field rtc_fields[] = {
	STATE_ARRAY(struct rtc_state, cmos, 1),
	STATE_FIELD(struct rtc_state, index, 1),
	STATE_FIELD(struct rtc_state, disconnected, 1),
	STATE_FIELD(struct rtc_state, offset, 1),
	STATE_FIELD(struct rtc_state, checked, 1),
};

static int rtc_check(const void *state)
{
	const struct rtc_state *s = state;

	if (s->index >= RTC_CMOS_SIZE || s->offset < 0 ||
	    s->offset > MAX_UTC_S * NS_PER_S || s->checked > MAX_NOW)
		return -EINVAL;
	return 0;
}

static const struct state_desc rtc_state_desc =
	STATE_DESC(struct rtc_state, "device/rtc", 1, rtc_fields, rtc_check);

static uint64_t now_of(const struct rtc *r)
{
	return timer_queue_now(r->dev.env->timers);
}

static bool runs(const struct rtc_state *s)
{
	return !(s->cmos[R_B] & B_SET) && (s->cmos[R_A] & A_DIVIDER) <= 0x20;
}

/* Days since 1970 to a date of the Gregorian calendar (400-year cycles). */
static void date_of_days(int64_t days, struct clock *c)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c->year = (int)(yoe + era * 400 + (c->month <= 2));
	c->weekday = (int)((days + 4) % 7) + 1;
}

static int64_t days_of_date(const struct clock *c)
{
	int64_t y = c->year - (c->month <= 2);
	int64_t era = y / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 +
		      c->day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* Nanoseconds since 1970; wraps, as a loaded offset may be anything. */
static int64_t utc_at(const struct rtc_state *s, uint64_t now)
{
	return (int64_t)((uint64_t)s->offset + now);
}

static void clock_of(int64_t utc, struct clock *c)
{
	int64_t s = utc % DAY_S;

	date_of_days(utc / DAY_S, c);
	c->hour = (int)(s / 3600);
	c->minute = (int)(s / 60 % 60);
	c->second = (int)(s % 60);
}

static uint8_t encode(const struct rtc_state *s, int v)
{
	if (s->cmos[R_B] & B_BINARY)
		return (uint8_t)v;
	return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

static int decode(const struct rtc_state *s, uint8_t v)
{
	if (s->cmos[R_B] & B_BINARY)
		return v;
	return (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct rtc_state *s, int hour)
{
	int h = hour % 12 ? hour % 12 : 12;

	if (s->cmos[R_B] & B_24H)
		return encode(s, hour);
	return (uint8_t)(encode(s, h) | (hour >= 12 ? HOUR_PM : 0));
}

static int decode_hour(const struct rtc_state *s, uint8_t v)
{
	int h;

	if (s->cmos[R_B] & B_24H)
		return decode(s, v);
	h = decode(s, v & 0x7f) % 12;
	return v & HOUR_PM ? h + 12 : h;
}

/* Put the time at machine time @now into the registers. */
static void store_time(struct rtc_state *s, uint64_t now)
{
	struct clock c;

	clock_of(utc_at(s, now) / NS_PER_S, &c);
	s->cmos[R_SECOND] = encode(s, c.second);
	s->cmos[R_MINUTE] = encode(s, c.minute);
	s->cmos[R_HOUR] = encode_hour(s, c.hour);
	s->cmos[R_WEEKDAY] = encode(s, c.weekday);
	s->cmos[R_DAY] = encode(s, c.day);
	s->cmos[R_MONTH] = encode(s, c.month);
	s->cmos[R_YEAR] = encode(s, c.year % 100);
	/* The century byte is CMOS memory to the chip: BCD always. */
	s->cmos[R_CENTURY] =
		(uint8_t)(c.year / 1000 % 10 << 4 | c.year / 100 % 10);
}

/* Let the clock go on from the time in the registers. Nonsense is brought
 * into range first. */
static void load_time(struct rtc_state *s, uint64_t now)
{
	struct clock c;
	int century =
		(s->cmos[R_CENTURY] >> 4) * 10 + (s->cmos[R_CENTURY] & 15);
	int64_t fraction = utc_at(s, now) % NS_PER_S;
	int64_t utc;

	c.second = decode(s, s->cmos[R_SECOND]) % 60;
	c.minute = decode(s, s->cmos[R_MINUTE]) % 60;
	c.hour = decode_hour(s, s->cmos[R_HOUR]) % 24;
	c.day = decode(s, s->cmos[R_DAY]);
	c.day = c.day < 1 || c.day > 31 ? 1 : c.day;
	c.month = decode(s, s->cmos[R_MONTH]);
	c.month = c.month < 1 || c.month > 12 ? 1 : c.month;
	c.year = decode(s, s->cmos[R_YEAR]) % 100;
	c.year += century < 19 || century > 21 ? 2000 : century * 100;
	if (c.year < 1970)
		c.year += 100;
	utc = days_of_date(&c) * DAY_S + c.hour * 3600 + c.minute * 60 +
	      c.second;
	s->offset = utc * NS_PER_S + fraction - (int64_t)now;
	if (s->offset < 0)
		s->offset = 0;
}

static uint64_t period_ns(const struct rtc_state *s)
{
	unsigned int rate = s->cmos[R_A] & A_RATE;

	if (!rate || (s->cmos[R_A] & A_DIVIDER) > 0x20)
		return 0;
	if (rate < 3)
		rate += 7;
	return ((UINT64_C(1) << (rate - 1)) * (uint64_t)NS_PER_S) / 32768;
}

static bool alarm_byte(const struct rtc_state *s, unsigned int alarm, int value,
		       bool hour)
{
	uint8_t v = s->cmos[alarm];

	if ((v & ANY) == ANY)
		return true;
	return (hour ? decode_hour(s, v) : decode(s, v)) == value;
}

static bool alarm_at(const struct rtc_state *s, int64_t utc)
{
	struct clock c;

	clock_of(utc, &c);
	return alarm_byte(s, R_SECOND_ALARM, c.second, false) &&
	       alarm_byte(s, R_MINUTE_ALARM, c.minute, false) &&
	       alarm_byte(s, R_HOUR_ALARM, c.hour, true);
}

/* Set the flags of everything that happened up to @now. */
static void catch_up(struct rtc_state *s, uint64_t now)
{
	uint64_t period = period_ns(s);
	int64_t from = utc_at(s, s->checked) / NS_PER_S;
	int64_t to = utc_at(s, now) / NS_PER_S;

	if (period && now / period != s->checked / period)
		s->cmos[R_C] |= C_PF;
	s->checked = now;
	if (!runs(s) || to <= from)
		return;
	s->cmos[R_C] |= C_UF;
	/* A day covers every alarm there is. */
	if (to - from > DAY_S)
		from = to - DAY_S;
	while (!(s->cmos[R_C] & C_AF) && from < to) {
		if (alarm_at(s, ++from))
			s->cmos[R_C] |= C_AF;
	}
}

/* IRQF, the line and the timer, from flags and enables. */
static void update(struct rtc *r)
{
	struct rtc_state *s = &r->s;
	uint8_t enabled = s->cmos[R_B] & (B_PIE | B_AIE | B_UIE);
	uint64_t now = s->checked;
	uint64_t period = period_ns(s);
	uint64_t due = TIMER_NEVER;

	s->cmos[R_C] &= (uint8_t)~C_IRQF;
	if (s->cmos[R_C] & enabled)
		s->cmos[R_C] |= C_IRQF;
	irq_set(&r->irq, (s->cmos[R_C] & C_IRQF) && !s->disconnected);

	if ((enabled & B_PIE) && period)
		due = (now / period + 1) * period;
	if ((enabled & (B_AIE | B_UIE)) && runs(s)) {
		int64_t utc = utc_at(s, now);
		uint64_t next = now + (uint64_t)(NS_PER_S - utc % NS_PER_S);

		due = next < due ? next : due;
	}
	timer_arm(r->dev.env->timers, &r->timer, due);
}

static void rtc_fire(void *ctx)
{
	struct rtc *r = ctx;

	device_lock(&r->dev);
	catch_up(&r->s, now_of(r));
	update(r);
	device_unlock(&r->dev);
}

static bool is_time(unsigned int index)
{
	return index == R_CENTURY ||
	       (index <= R_YEAR && index != R_SECOND_ALARM &&
		index != R_MINUTE_ALARM && index != R_HOUR_ALARM);
}

static bool in_update(const struct rtc_state *s, uint64_t now)
{
	int64_t utc = utc_at(s, now);

	return runs(s) && utc % NS_PER_S >= NS_PER_S - UIP_NS;
}

static uint8_t read_register(struct rtc *r, unsigned int index, uint64_t now)
{
	struct rtc_state *s = &r->s;
	uint8_t v;

	if (is_time(index) && runs(s))
		store_time(s, now);
	switch (index) {
	case R_A:
		return s->cmos[R_A] | (in_update(s, now) ? A_UIP : 0);
	case R_C:
		v = s->cmos[R_C];
		s->cmos[R_C] = 0;
		update(r);
		return v;
	case R_D:
		return D_VALID;
	default:
		return s->cmos[index];
	}
}

static void write_b(struct rtc *r, uint8_t v, uint64_t now)
{
	struct rtc_state *s = &r->s;
	bool ran = runs(s);

	if (ran)
		store_time(s, now);
	if (v & B_SET)
		v &= (uint8_t)~B_UIE;
	s->cmos[R_B] = v;
	if (!ran && runs(s))
		load_time(s, now);
}

static void write_register(struct rtc *r, unsigned int index, uint8_t v,
			   uint64_t now)
{
	struct rtc_state *s = &r->s;
	bool ran = runs(s);

	switch (index) {
	case R_A:
		if (ran)
			store_time(s, now);
		s->cmos[R_A] = v & (uint8_t)~A_UIP;
		if (!ran && runs(s))
			load_time(s, now);
		break;
	case R_B:
		write_b(r, v, now);
		break;
	case R_C:
	case R_D:
		break;
	default:
		if (is_time(index) && ran)
			store_time(s, now);
		s->cmos[index] = v;
		if (is_time(index) && ran)
			load_time(s, now);
		break;
	}
	update(r);
}

static uint64_t rtc_read(void *ctx, uint64_t off, unsigned int width)
{
	struct rtc *r = ctx;
	uint64_t now = now_of(r);
	uint64_t v = 0xff; /* the index cannot be read back */

	if (!off)
		return v;
	device_lock(&r->dev);
	catch_up(&r->s, now);
	v = read_register(r, r->s.index, now);
	device_unlock(&r->dev);
	return v;
}

static void rtc_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct rtc *r = ctx;
	uint64_t now = now_of(r);

	device_lock(&r->dev);
	catch_up(&r->s, now);
	/* Bit 7 of the index masks NMI on a PC; nothing here raises one. */
	if (!off)
		r->s.index = v & 0x7f;
	else
		write_register(r, r->s.index, (uint8_t)v, now);
	device_unlock(&r->dev);
}

void rtc_set_cmos(struct device *dev, uint8_t index, uint8_t value)
{
	struct rtc *r = container_of(dev, struct rtc, dev);

	if (index <= R_D || index >= RTC_CMOS_SIZE)
		return;
	device_lock(dev);
	r->s.cmos[index] = value;
	device_unlock(dev);
}

void rtc_disconnect_irq(struct device *dev, bool on)
{
	struct rtc *r = container_of(dev, struct rtc, dev);

	device_lock(dev);
	r->s.disconnected = on;
	update(r);
	device_unlock(dev);
}

/* The battery keeps time, memory and modes; RESET clears enables and flags. */
static void rtc_reset(struct device *dev)
{
	struct rtc *r = container_of(dev, struct rtc, dev);

	r->s.cmos[R_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE);
	r->s.cmos[R_C] = 0;
	r->s.disconnected = 0;
	r->s.index = 0;
	update(r);
}

static void rtc_loaded(struct device *dev)
{
	update(container_of(dev, struct rtc, dev));
}

static const struct io_region rtc_port = {
	.base = 0x70,
	.size = 2,
	.max_width = 1,
	.name = "rtc",
	.read = rtc_read,
	.write = rtc_write,
};

static int rtc_init(struct device *dev, const void *config)
{
	struct rtc *r = container_of(dev, struct rtc, dev);
	const struct rtc_config *c = config;

	r->irq = device_irq(dev, 8);
	timer_init(&r->timer, rtc_fire, r);
	r->s.offset = c->utc * NS_PER_S;
	r->s.cmos[R_A] = 0x26; /* 32768 Hz, periodic rate 1024 Hz */
	r->s.cmos[R_B] = B_24H;
	r->s.checked = now_of(r);
	store_time(&r->s, r->s.checked);
	rtc_reset(dev);
	return device_map(dev, dev->env->pio, &r->port, &rtc_port, 1);
}

static void rtc_fini(struct device *dev)
{
	struct rtc *r = container_of(dev, struct rtc, dev);

	device_unmap(dev->env->pio, &r->port, 1);
	timer_cancel(dev->env->timers, &r->timer);
}

const struct device_class rtc_class = {
	.name = "rtc",
	.size = sizeof(struct rtc),
	.init = rtc_init,
	.fini = rtc_fini,
	.reset = rtc_reset,
	.state = &rtc_state_desc,
	.state_offset = offsetof(struct rtc, s),
	.loaded = rtc_loaded,
};
