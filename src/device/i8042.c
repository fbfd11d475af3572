/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8042 keyboard controller (IBM PS/2 technical reference), ports 60 and 64.
 * The keyboard and the mouse behind it answer commands and send nothing of
 * themselves. The A20 gate is remembered and has no effect: A20 is open.
 */
#include <base/bits.h>
#include <device/i8042.h>
#include <device/io_bus.h>

#include <errno.h>
#include <string.h>

#define QUEUE 16

#define STATUS_OBF     0x01
#define STATUS_SYSTEM  0x04
#define STATUS_COMMAND 0x08
#define STATUS_UNLOCK  0x10
#define STATUS_AUX     0x20

#define MODE_KBD_IRQ 0x01
#define MODE_AUX_IRQ 0x02
#define MODE_SYSTEM  0x04
#define MODE_KBD_OFF 0x10
#define MODE_AUX_OFF 0x20

#define OUT_RUN 0x01 /* low: the processors are reset */
#define OUT_A20 0x02

#define ACK    0xfa
#define PASSED 0xaa
#define RESEND 0xfe

enum source {
	FROM_NONE,
	FROM_KBD,
	FROM_AUX,
};

struct i8042_state {
	uint8_t mode; /* command byte */
	uint8_t out_port;
	uint8_t command; /* whose parameter goes to port 60; 0: none */
	uint8_t last_was_command;
	uint8_t buffer;           /* what port 60 reads */
	uint8_t source;           /* enum source of it; 0: empty */
	uint8_t queue[2 * QUEUE]; /* keyboard's, then mouse's */
	uint8_t count[2];
	uint8_t kbd_command; /* the keyboard command that wants a byte */
	uint8_t kbd_leds;
	uint8_t kbd_set;
	uint8_t aux_command;
	uint8_t aux_resolution;
	uint8_t aux_rate;
	uint8_t aux_enabled;
	uint8_t aux_scaling;
	uint8_t aux_wrap;
};

struct i8042 {
	struct device dev;
	struct i8042_state s;
	struct irq_line irq[2];
	struct io_region port[2];
};

static const struct state_field i8042_fields[] = {
	STATE_FIELD(struct i8042_state, mode, 1),
	STATE_FIELD(struct i8042_state, out_port, 1),
	STATE_FIELD(struct i8042_state, command, 1),
	STATE_FIELD(struct i8042_state, last_was_command, 1),
	STATE_FIELD(struct i8042_state, buffer, 1),
	STATE_FIELD(struct i8042_state, source, 1),
	STATE_ARRAY(struct i8042_state, queue, 1),
	STATE_ARRAY(struct i8042_state, count, 1),
	STATE_FIELD(struct i8042_state, kbd_command, 1),
	STATE_FIELD(struct i8042_state, kbd_leds, 1),
	STATE_FIELD(struct i8042_state, kbd_set, 1),
	STATE_FIELD(struct i8042_state, aux_command, 1),
	STATE_FIELD(struct i8042_state, aux_resolution, 1),
	STATE_FIELD(struct i8042_state, aux_rate, 1),
	STATE_FIELD(struct i8042_state, aux_enabled, 1),
	STATE_FIELD(struct i8042_state, aux_scaling, 1),
	STATE_FIELD(struct i8042_state, aux_wrap, 1),
};

static int i8042_check(const void *state)
{
	const struct i8042_state *s = state;

	if (s->source > FROM_AUX || s->count[0] > QUEUE || s->count[1] > QUEUE)
		return -EINVAL;
	return 0;
}

static const struct state_desc i8042_state_desc = STATE_DESC(
	struct i8042_state, "device/i8042", 1, i8042_fields, i8042_check);

static void update_irq(struct i8042 *k)
{
	const struct i8042_state *s = &k->s;

	irq_set(&k->irq[0], s->source == FROM_KBD && (s->mode & MODE_KBD_IRQ));
	irq_set(&k->irq[1], s->source == FROM_AUX && (s->mode & MODE_AUX_IRQ));
}

static uint8_t unqueue(struct i8042_state *s, int which)
{
	uint8_t *q = s->queue + which * QUEUE;
	uint8_t v = q[0];

	s->count[which]--;
	memmove(q, q + 1, s->count[which]);
	return v;
}

/* Move the next byte into the empty output buffer. */
static void advance(struct i8042 *k)
{
	struct i8042_state *s = &k->s;

	if (s->source == FROM_NONE && s->count[0] &&
	    !(s->mode & MODE_KBD_OFF)) {
		s->buffer = unqueue(s, 0);
		s->source = FROM_KBD;
	} else if (s->source == FROM_NONE && s->count[1] &&
		   !(s->mode & MODE_AUX_OFF)) {
		s->buffer = unqueue(s, 1);
		s->source = FROM_AUX;
	}
	update_irq(k);
}

static void queue(struct i8042_state *s, int which, uint8_t v)
{
	if (s->count[which] < QUEUE)
		s->queue[which * QUEUE + s->count[which]++] = v;
}

/* The controller's own answers overtake what the devices queued. */
static void answer(struct i8042_state *s, enum source source, uint8_t v)
{
	s->buffer = v;
	s->source = (uint8_t)source;
}

static void kbd_defaults(struct i8042_state *s)
{
	s->kbd_set = 2;
	s->kbd_leds = 0;
}

static void kbd_parameter(struct i8042_state *s, uint8_t v)
{
	uint8_t command = s->kbd_command;

	s->kbd_command = 0;
	queue(s, 0, ACK);
	if (command == 0xed)
		s->kbd_leds = v & 7;
	else if (command == 0xf0 && !v)
		queue(s, 0, s->kbd_set);
	else if (command == 0xf0 && v <= 3)
		s->kbd_set = v;
}

static void kbd_write(struct i8042_state *s, uint8_t v)
{
	if (s->kbd_command && v < 0xed) {
		kbd_parameter(s, v);
		return;
	}
	s->kbd_command = 0;
	switch (v) {
	case 0xee: /* echo */
		queue(s, 0, 0xee);
		break;
	case 0xf2: /* identify: MF2 */
		queue(s, 0, ACK);
		queue(s, 0, 0xab);
		queue(s, 0, 0x83);
		break;
	case 0xed: /* LEDs */
	case 0xf0: /* scan code set */
	case 0xf3: /* typematic rate */
		s->kbd_command = v;
		queue(s, 0, ACK);
		break;
	case 0xf4: /* enable */
		queue(s, 0, ACK);
		break;
	case 0xf5: /* disable, defaults */
	case 0xf6:
		kbd_defaults(s);
		queue(s, 0, ACK);
		break;
	case 0xff:
		kbd_defaults(s);
		s->count[0] = 0;
		queue(s, 0, ACK);
		queue(s, 0, PASSED);
		break;
	default:
		queue(s, 0, v < 0xed ? RESEND : ACK);
		break;
	}
}

static void aux_defaults(struct i8042_state *s)
{
	s->aux_resolution = 2;
	s->aux_rate = 100;
	s->aux_enabled = 0;
	s->aux_scaling = 0;
	s->aux_wrap = 0;
}

static void aux_status(struct i8042_state *s)
{
	queue(s, 1, ACK);
	queue(s, 1, (uint8_t)(s->aux_enabled << 5 | s->aux_scaling << 4));
	queue(s, 1, s->aux_resolution);
	queue(s, 1, s->aux_rate);
}

static void aux_parameter(struct i8042_state *s, uint8_t v)
{
	if (s->aux_command == 0xe8)
		s->aux_resolution = v & 3;
	else
		s->aux_rate = v;
	s->aux_command = 0;
	queue(s, 1, ACK);
}

static void aux_write(struct i8042_state *s, uint8_t v)
{
	if (s->aux_command) {
		aux_parameter(s, v);
		return;
	}
	if (s->aux_wrap && v != 0xec && v != 0xff) {
		queue(s, 1, v);
		return;
	}
	switch (v) {
	case 0xe6:
	case 0xe7: /* scaling 1:1, 2:1 */
		s->aux_scaling = v & 1;
		queue(s, 1, ACK);
		break;
	case 0xe8: /* resolution */
	case 0xf3: /* sample rate */
		s->aux_command = v;
		queue(s, 1, ACK);
		break;
	case 0xe9:
		aux_status(s);
		break;
	case 0xeb: /* read data: nothing moved */
		queue(s, 1, ACK);
		queue(s, 1, 0x08);
		queue(s, 1, 0);
		queue(s, 1, 0);
		break;
	case 0xec: /* leave and enter wrap mode */
	case 0xee:
		s->aux_wrap = v == 0xee;
		queue(s, 1, ACK);
		break;
	case 0xea: /* stream mode, remote mode: all the same at rest */
	case 0xf0:
		queue(s, 1, ACK);
		break;
	case 0xf2: /* identify: plain mouse */
		queue(s, 1, ACK);
		queue(s, 1, 0);
		break;
	case 0xf4:
	case 0xf5:
		s->aux_enabled = v == 0xf4;
		queue(s, 1, ACK);
		break;
	case 0xf6:
		aux_defaults(s);
		queue(s, 1, ACK);
		break;
	case 0xff:
		aux_defaults(s);
		s->count[1] = 0;
		queue(s, 1, ACK);
		queue(s, 1, PASSED);
		queue(s, 1, 0);
		break;
	default:
		queue(s, 1, RESEND);
		break;
	}
}

static void request_reset(struct i8042 *k)
{
	k->dev.env->request(k->dev.env->ctx, MACHINE_RESET, 0);
}

static void set_out_port(struct i8042 *k, uint8_t v)
{
	k->s.out_port = v;
	if (!(v & OUT_RUN))
		request_reset(k);
}

/* table */
static void command(struct i8042 *k, uint8_t v)
{
	struct i8042_state *s = &k->s;

	s->command = 0;
	switch (v) {
	case 0x20:
		answer(s, FROM_KBD, s->mode);
		break;
	case 0xa7:
		s->mode |= MODE_AUX_OFF;
		break;
	case 0xa8:
		s->mode &= (uint8_t)~MODE_AUX_OFF;
		break;
	case 0xa9: /* aux port test: good */
	case 0xab: /* keyboard port test: good */
		answer(s, FROM_KBD, 0);
		break;
	case 0xaa: /* self test: good */
		s->mode |= MODE_SYSTEM;
		answer(s, FROM_KBD, 0x55);
		break;
	case 0xad:
		s->mode |= MODE_KBD_OFF;
		break;
	case 0xae:
		s->mode &= (uint8_t)~MODE_KBD_OFF;
		break;
	case 0xc0: /* input port: not locked */
		answer(s, FROM_KBD, 0x80);
		break;
	case 0xd0:
		answer(s, FROM_KBD, s->out_port);
		break;
	case 0x60: /* these want a byte */
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xd4:
		s->command = v;
		break;
	case 0xdd: /* A20 gate, as some chipsets have it */
		s->out_port &= (uint8_t)~OUT_A20;
		break;
	case 0xdf:
		s->out_port |= OUT_A20;
		break;
	default: /* F0..FF pulse the output port's low bits */
		if (v >= 0xf0 && !(v & OUT_RUN))
			request_reset(k);
		break;
	}
}

static void data(struct i8042 *k, uint8_t v)
{
	struct i8042_state *s = &k->s;
	uint8_t cmd = s->command;

	s->command = 0;
	switch (cmd) {
	case 0x60:
		s->mode = v;
		break;
	case 0xd1:
		set_out_port(k, v);
		break;
	case 0xd2:
		answer(s, FROM_KBD, v);
		break;
	case 0xd3:
		answer(s, FROM_AUX, v);
		break;
	case 0xd4:
		s->mode &= (uint8_t)~MODE_AUX_OFF;
		aux_write(s, v);
		break;
	default:
		s->mode &= (uint8_t)~MODE_KBD_OFF;
		kbd_write(s, v);
		break;
	}
}

static uint64_t data_read(void *ctx, uint64_t off, unsigned int width)
{
	struct i8042 *k = ctx;
	uint64_t v;

	device_lock(&k->dev);
	v = k->s.buffer;
	k->s.source = FROM_NONE;
	update_irq(k); /* so that the next byte is an edge */
	advance(k);
	device_unlock(&k->dev);
	return v;
}

static void data_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct i8042 *k = ctx;

	device_lock(&k->dev);
	k->s.last_was_command = 0;
	data(k, (uint8_t)v);
	advance(k);
	device_unlock(&k->dev);
}

static uint64_t status_read(void *ctx, uint64_t off, unsigned int width)
{
	struct i8042 *k = ctx;
	const struct i8042_state *s = &k->s;
	uint64_t v = STATUS_UNLOCK;

	device_lock(&k->dev);
	if (s->source != FROM_NONE)
		v |= STATUS_OBF;
	if (s->source == FROM_AUX)
		v |= STATUS_AUX;
	if (s->mode & MODE_SYSTEM)
		v |= STATUS_SYSTEM;
	if (s->last_was_command)
		v |= STATUS_COMMAND;
	device_unlock(&k->dev);
	return v;
}

static void command_write(void *ctx, uint64_t off, unsigned int width,
			  uint64_t v)
{
	struct i8042 *k = ctx;

	device_lock(&k->dev);
	k->s.last_was_command = 1;
	command(k, (uint8_t)v);
	advance(k);
	device_unlock(&k->dev);
}

static void i8042_reset(struct device *dev)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	memset(&k->s, 0, sizeof(k->s));
	k->s.mode = MODE_KBD_OFF | MODE_AUX_OFF;
	k->s.out_port = OUT_RUN | OUT_A20;
	kbd_defaults(&k->s);
	aux_defaults(&k->s);
	update_irq(k);
}

static void i8042_loaded(struct device *dev)
{
	update_irq(container_of(dev, struct i8042, dev));
}

/* clang-format off */
static const struct io_region i8042_ports[2] = {
	{ .base = 0x60, .size = 1, .max_width = 1, .name = "i8042",
	  .read = data_read, .write = data_write },
	{ .base = 0x64, .size = 1, .max_width = 1, .name = "i8042",
	  .read = status_read, .write = command_write },
};
/* clang-format on */

static int i8042_init(struct device *dev, const void *config)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	k->irq[0] = device_irq(dev, 1);
	k->irq[1] = device_irq(dev, 12);
	i8042_reset(dev);
	return device_map(dev, dev->env->pio, k->port, i8042_ports,
			  ARRAY_SIZE(k->port));
}

static void i8042_fini(struct device *dev)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	device_unmap(dev->env->pio, k->port, ARRAY_SIZE(k->port));
}

const struct device_class i8042_class = {
	.name = "i8042",
	.size = sizeof(struct i8042),
	.init = i8042_init,
	.fini = i8042_fini,
	.reset = i8042_reset,
	.state = &i8042_state_desc,
	.state_offset = offsetof(struct i8042, s),
	.loaded = i8042_loaded,
};
