/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two 8259A in the PC's cascade (Intel 8259A data sheet, 1988), and the
 * edge/level control registers of the PIIX (ports 4D0, 4D1).
 *
 * An edge request stays latched until it is acknowledged, even if the line
 * drops before: no PC software depends on losing it.
 */
#include <base/bits.h>
#include <device/io_bus.h>
#include <device/pic.h>

#include <errno.h>
#include <string.h>

#define MASTER       0
#define SLAVE        1
#define CASCADE      2
#define ELCR0_WRITE  0xf8 /* 0, 1 and 2 are edge always */
#define ELCR1_WRITE  0xde /* 8 (RTC) and 13 (FPU) too */
#define ICW1_INIT    0x10
#define ICW1_ICW4    0x01
#define ICW4_AUTOEOI 0x02
#define ICW4_SFNM    0x10
#define OCW3         0x08

/* One element per chip. */
struct pic_state {
	uint8_t line[2]; /* levels of the inputs */
	uint8_t irr[2];
	uint8_t isr[2];
	uint8_t imr[2];
	uint8_t elcr[2];
	uint8_t base[2];     /* ICW2 */
	uint8_t icw_next[2]; /* 0: initialised; else the ICW expected, 2..4 */
	uint8_t icw4[2];
	uint8_t need_icw4[2];
	uint8_t lowest[2]; /* input of lowest priority; 7 after reset */
	uint8_t read_isr[2];
	uint8_t poll[2];
	uint8_t special_mask[2];
	uint8_t rotate_auto[2];
};

struct pic {
	struct device dev;
	struct pic_config config;
	struct pic_state s;
	struct io_region port[3];
};

static const struct state_field pic_fields[] = {
	STATE_ARRAY(struct pic_state, line, 1),
	STATE_ARRAY(struct pic_state, irr, 1),
	STATE_ARRAY(struct pic_state, isr, 1),
	STATE_ARRAY(struct pic_state, imr, 1),
	STATE_ARRAY(struct pic_state, elcr, 1),
	STATE_ARRAY(struct pic_state, base, 1),
	STATE_ARRAY(struct pic_state, icw_next, 1),
	STATE_ARRAY(struct pic_state, icw4, 1),
	STATE_ARRAY(struct pic_state, need_icw4, 1),
	STATE_ARRAY(struct pic_state, lowest, 1),
	STATE_ARRAY(struct pic_state, read_isr, 1),
	STATE_ARRAY(struct pic_state, poll, 1),
	STATE_ARRAY(struct pic_state, special_mask, 1),
	STATE_ARRAY(struct pic_state, rotate_auto, 1),
};

static int pic_check(const void *state)
{
	const struct pic_state *s = state;

	for (int c = MASTER; c <= SLAVE; c++) {
		if (s->lowest[c] > 7 || s->icw_next[c] > 4 ||
		    s->icw_next[c] == 1)
			return -EINVAL;
	}
	return 0;
}

static const struct state_desc pic_state_desc =
	STATE_DESC(struct pic_state, "device/pic", 1, pic_fields, pic_check);

/* Inputs of @set by falling priority: the first, or -1. */
static int highest(const struct pic_state *s, int c, uint8_t set)
{
	for (unsigned int i = 1; i <= 8; i++) {
		unsigned int n = (s->lowest[c] + i) & 7;

		if (set & BIT(n))
			return (int)n;
	}
	return -1;
}

/* How far @n stands from the top; lower is more urgent. */
static unsigned int rank(const struct pic_state *s, int c, int n)
{
	return ((unsigned int)n - s->lowest[c] - 1u) & 7u;
}

/* The input that chip @c wants served now, or -1. */
static int pending(const struct pic_state *s, int c)
{
	uint8_t isr = s->isr[c];
	int want;
	int busy;

	/* In special mask mode a served input does not block others. */
	want = highest(s, c,
		       s->irr[c] & (uint8_t)~s->imr[c] &
			       (uint8_t) ~(s->special_mask[c] ? isr : 0));
	if (want < 0)
		return -1;
	if (s->special_mask[c])
		return want;
	/* Fully nested master: the slave may interrupt itself. */
	if (c == MASTER && (s->icw4[c] & ICW4_SFNM))
		isr &= (uint8_t)~BIT(CASCADE);
	busy = highest(s, c, isr);
	if (busy >= 0 && rank(s, c, busy) <= rank(s, c, want))
		return -1;
	return want;
}

static void set_line(struct pic_state *s, int c, unsigned int n, bool level)
{
	uint8_t bit = (uint8_t)BIT(n);
	bool cascade = c == MASTER && n == CASCADE;

	if (cascade || (s->elcr[c] & bit)) {
		if (level)
			s->irr[c] |= bit;
		else
			s->irr[c] &= (uint8_t)~bit;
	} else if (level && !(s->line[c] & bit)) {
		s->irr[c] |= bit;
	}
	if (level)
		s->line[c] |= bit;
	else
		s->line[c] &= (uint8_t)~bit;
}

static void update(struct pic *p)
{
	set_line(&p->s, MASTER, CASCADE, pending(&p->s, SLAVE) >= 0);
	p->config.extint(p->config.ctx, pending(&p->s, MASTER) >= 0);
}

static void acknowledge(struct pic_state *s, int c, int n)
{
	uint8_t bit = (uint8_t)BIT(n);
	bool cascade = c == MASTER && n == CASCADE;

	if (!(s->icw4[c] & ICW4_AUTOEOI))
		s->isr[c] |= bit;
	else if (s->rotate_auto[c])
		s->lowest[c] = (uint8_t)n;
	if (!cascade && !(s->elcr[c] & bit))
		s->irr[c] &= (uint8_t)~bit;
}

int pic_ack(struct device *dev)
{
	struct pic *p = container_of(dev, struct pic, dev);
	struct pic_state *s = &p->s;
	int vector;
	int n;

	device_lock(dev);
	n = pending(s, MASTER);
	if (n < 0) {
		vector = s->base[MASTER] + 7;
	} else if (n != CASCADE) {
		acknowledge(s, MASTER, n);
		vector = s->base[MASTER] + n;
	} else {
		int m = pending(s, SLAVE);

		acknowledge(s, MASTER, CASCADE);
		if (m >= 0)
			acknowledge(s, SLAVE, m);
		vector = s->base[SLAVE] + (m >= 0 ? m : 7);
	}
	update(p);
	device_unlock(dev);
	return vector;
}

void pic_set_irq(struct device *dev, unsigned int n, bool level)
{
	struct pic *p = container_of(dev, struct pic, dev);

	if (n >= 16 || n == CASCADE)
		return;
	device_lock(dev);
	set_line(&p->s, n >> 3, n & 7, level);
	update(p);
	device_unlock(dev);
}

static void begin_init(struct pic_state *s, int c, uint8_t icw1)
{
	/* Level requests come back by themselves; edges are forgotten. */
	s->irr[c] = s->line[c] & s->elcr[c];
	s->isr[c] = 0;
	s->imr[c] = 0;
	s->lowest[c] = 7;
	s->read_isr[c] = 0;
	s->poll[c] = 0;
	s->special_mask[c] = 0;
	s->rotate_auto[c] = 0;
	s->icw4[c] = 0;
	s->need_icw4[c] = icw1 & ICW1_ICW4;
	s->icw_next[c] = 2;
}

static void end_of_interrupt(struct pic_state *s, int c, uint8_t cmd)
{
	int n = cmd & 7;

	switch (cmd >> 5) {
	case 0: /* rotate in automatic EOI mode: clear */
	case 4: /* and set */
		s->rotate_auto[c] = cmd >> 7;
		break;
	case 1: /* non-specific */
	case 5: /* and rotate */
		n = highest(s, c, s->isr[c]);
		if (n < 0)
			break;
		s->isr[c] &= (uint8_t)~BIT(n);
		if (cmd & 0x80)
			s->lowest[c] = (uint8_t)n;
		break;
	case 3: /* specific */
		s->isr[c] &= (uint8_t)~BIT(n);
		break;
	case 6: /* set priority */
		s->lowest[c] = (uint8_t)n;
		break;
	case 7: /* specific and rotate */
		s->isr[c] &= (uint8_t)~BIT(n);
		s->lowest[c] = (uint8_t)n;
		break;
	default:
		break;
	}
}

static void write_command(struct pic_state *s, int c, uint8_t v)
{
	if (v & ICW1_INIT) {
		begin_init(s, c, v);
		return;
	}
	if (!(v & OCW3)) {
		end_of_interrupt(s, c, v);
		return;
	}
	if (v & 0x04)
		s->poll[c] = 1;
	if (v & 0x02)
		s->read_isr[c] = v & 1;
	if (v & 0x40)
		s->special_mask[c] = (v >> 5) & 1;
}

static void write_data(struct pic_state *s, int c, uint8_t v)
{
	switch (s->icw_next[c]) {
	case 2:
		s->base[c] = v & 0xf8;
		s->icw_next[c] = 3;
		break;
	case 3: /* the cascade is wired: its number is not ours to choose */
		s->icw_next[c] = s->need_icw4[c] ? 4 : 0;
		break;
	case 4:
		s->icw4[c] = v;
		s->icw_next[c] = 0;
		break;
	default:
		s->imr[c] = v;
		break;
	}
}

/* The poll command turns the next read into an acknowledge cycle. */
static uint8_t poll_read(struct pic_state *s, int c)
{
	int n = pending(s, c);

	s->poll[c] = 0;
	if (n < 0)
		return 0;
	acknowledge(s, c, n);
	return (uint8_t)(0x80 | n);
}

static uint64_t chip_read(struct pic *p, int c, uint64_t off)
{
	struct pic_state *s = &p->s;
	uint8_t v;

	device_lock(&p->dev);
	if (s->poll[c]) {
		v = poll_read(s, c);
		update(p);
	} else if (off) {
		v = s->imr[c];
	} else {
		v = s->read_isr[c] ? s->isr[c] : s->irr[c];
	}
	device_unlock(&p->dev);
	return v;
}

static void chip_write(struct pic *p, int c, uint64_t off, uint64_t v)
{
	device_lock(&p->dev);
	if (off)
		write_data(&p->s, c, (uint8_t)v);
	else
		write_command(&p->s, c, (uint8_t)v);
	update(p);
	device_unlock(&p->dev);
}

static uint64_t master_read(void *ctx, uint64_t off, unsigned int width)
{
	return chip_read(ctx, MASTER, off);
}

static void master_write(void *ctx, uint64_t off, unsigned int width,
			 uint64_t v)
{
	chip_write(ctx, MASTER, off, v);
}

static uint64_t slave_read(void *ctx, uint64_t off, unsigned int width)
{
	return chip_read(ctx, SLAVE, off);
}

static void slave_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	chip_write(ctx, SLAVE, off, v);
}

static uint64_t elcr_read(void *ctx, uint64_t off, unsigned int width)
{
	struct pic *p = ctx;
	uint64_t v;

	device_lock(&p->dev);
	v = p->s.elcr[off];
	device_unlock(&p->dev);
	return v;
}

static void elcr_set(struct pic_state *s, int c, uint8_t v)
{
	uint8_t was = s->elcr[c];

	s->elcr[c] = v & (c == MASTER ? ELCR0_WRITE : ELCR1_WRITE);
	/* A line that becomes level-triggered requests what it shows. */
	s->irr[c] &= (uint8_t) ~(s->elcr[c] & (uint8_t)~was);
	s->irr[c] |= s->elcr[c] & s->line[c];
}

static void elcr_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct pic *p = ctx;

	device_lock(&p->dev);
	elcr_set(&p->s, (int)off, (uint8_t)v);
	update(p);
	device_unlock(&p->dev);
}

static void pic_reset(struct device *dev)
{
	struct pic *p = container_of(dev, struct pic, dev);
	uint8_t line[2] = {p->s.line[0], p->s.line[1]};

	memset(&p->s, 0, sizeof(p->s));
	memcpy(p->s.line, line, sizeof(line));
	for (int c = MASTER; c <= SLAVE; c++) {
		p->s.lowest[c] = 7;
		p->s.imr[c] = 0xff;
	}
	update(p);
}

static void pic_loaded(struct device *dev)
{
	update(container_of(dev, struct pic, dev));
}

/* clang-format off */
static const struct io_region pic_ports[3] = {
	{ .base = 0x20, .size = 2, .max_width = 1, .name = "pic",
	  .read = master_read, .write = master_write },
	{ .base = 0xa0, .size = 2, .max_width = 1, .name = "pic2",
	  .read = slave_read, .write = slave_write },
	{ .base = 0x4d0, .size = 2, .max_width = 1, .name = "elcr",
	  .read = elcr_read, .write = elcr_write },
};
/* clang-format on */

static int pic_init(struct device *dev, const void *config)
{
	struct pic *p = container_of(dev, struct pic, dev);

	p->config = *(const struct pic_config *)config;
	pic_reset(dev);
	return device_map(dev, dev->env->pio, p->port, pic_ports,
			  ARRAY_SIZE(p->port));
}

static void pic_fini(struct device *dev)
{
	struct pic *p = container_of(dev, struct pic, dev);

	device_unmap(dev->env->pio, p->port, ARRAY_SIZE(p->port));
}

const struct device_class pic_class = {
	.name = "pic",
	.size = sizeof(struct pic),
	.init = pic_init,
	.fini = pic_fini,
	.reset = pic_reset,
	.state = &pic_state_desc,
	.state_offset = offsetof(struct pic, s),
	.loaded = pic_loaded,
};
