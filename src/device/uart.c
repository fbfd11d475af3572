/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A (National PC16550D data sheet). The line has no speed: a byte is sent
 * as soon as it is written, and received as soon as the FIFO has room.
 *
 * Output gathers in a bounded buffer that goes to the backend by lines, when
 * it grows, or a few milliseconds later. Only when the backend does not take
 * it and the buffer is full, the guest sees a busy transmitter. Input waits
 * in a buffer before the FIFO, so that a guest which clears its FIFOs at
 * start-up loses no more than a real one does.
 */
#include <base/bits.h>
#include <device/io_bus.h>
#include <device/uart.h>
#include <host/timer_queue.h>

#include <errno.h>
#include <string.h>

#define FIFO_SIZE 16
#define TX_SIZE   4096
#define TX_FLUSH  512
#define RX_SIZE   4096
#define FLUSH_NS  UINT64_C(3000000)
#define RETRY_NS  UINT64_C(20000000)

enum {
	R_DATA, /* DLL with DLAB */
	R_IER,  /* DLM with DLAB */
	R_IIR,  /* FCR when written */
	R_LCR,
	R_MCR,
	R_LSR,
	R_MSR,
	R_SCR,
};

#define IER_RX       0x01
#define IER_TX       0x02
#define IER_LINE     0x04
#define IER_MODEM    0x08
#define IIR_NONE     0x01
#define IIR_TX       0x02
#define IIR_RX       0x04
#define IIR_LINE     0x06
#define IIR_TIMEOUT  0x0c
#define IIR_FIFO     0xc0
#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_TRIGGER  0xc0
#define LCR_BREAK    0x40
#define LCR_DLAB     0x80
#define MCR_DTR      0x01
#define MCR_RTS      0x02
#define MCR_OUT1     0x04
#define MCR_OUT2     0x08
#define MCR_LOOP     0x10
#define LSR_DATA     0x01
#define LSR_OVERRUN  0x02
#define LSR_ERRORS   0x1e
#define LSR_THRE     0x20
#define LSR_TEMT     0x40
#define MSR_DELTA    0x0f
#define MSR_CTS      0x10
#define MSR_DSR      0x20
#define MSR_RI       0x40
#define MSR_DCD      0x80

struct uart_state {
	uint8_t ier, fcr, lcr, mcr, msr, scr, dll, dlm;
	uint8_t errors;     /* latched LSR error bits */
	uint8_t tx_pending; /* "transmitter empty" is waiting to be told */
	uint8_t fifo[FIFO_SIZE];
	uint8_t fifo_count;
	uint16_t rx_head, rx_count;
	uint16_t tx_count;
	uint8_t rx[RX_SIZE]; /* a ring in front of the FIFO */
	uint8_t tx[TX_SIZE]; /* sent, not taken by the backend yet */
};

struct uart {
	struct device dev;
	struct uart_backend backend;
	struct uart_state s;
	struct irq_line irq;
	struct timer timer;
	bool armed;
	bool blocked; /* the backend did not take all: wait for the timer */
	struct io_region port;
};

static const struct state_field uart_fields[] = {
	STATE_FIELD(struct uart_state, ier, 1),
	STATE_FIELD(struct uart_state, fcr, 1),
	STATE_FIELD(struct uart_state, lcr, 1),
	STATE_FIELD(struct uart_state, mcr, 1),
	STATE_FIELD(struct uart_state, msr, 1),
	STATE_FIELD(struct uart_state, scr, 1),
	STATE_FIELD(struct uart_state, dll, 1),
	STATE_FIELD(struct uart_state, dlm, 1),
	STATE_FIELD(struct uart_state, errors, 1),
	STATE_FIELD(struct uart_state, tx_pending, 1),
	STATE_ARRAY(struct uart_state, fifo, 1),
	STATE_FIELD(struct uart_state, fifo_count, 1),
	STATE_FIELD(struct uart_state, rx_head, 1),
	STATE_FIELD(struct uart_state, rx_count, 1),
	STATE_FIELD(struct uart_state, tx_count, 1),
	STATE_ARRAY(struct uart_state, rx, 1),
	STATE_ARRAY(struct uart_state, tx, 1),
};

static int uart_check(const void *state)
{
	const struct uart_state *s = state;

	if (s->fifo_count > FIFO_SIZE || s->rx_head >= RX_SIZE ||
	    s->rx_count > RX_SIZE || s->tx_count > TX_SIZE)
		return -EINVAL;
	return 0;
}

static const struct state_desc uart_state_desc = STATE_DESC(
	struct uart_state, "device/uart", 1, uart_fields, uart_check);

static unsigned int fifo_room(const struct uart_state *s)
{
	unsigned int depth = s->fcr & FCR_ENABLE ? FIFO_SIZE : 1;

	return depth > s->fifo_count ? depth - s->fifo_count : 0;
}

static unsigned int trigger_level(const struct uart_state *s)
{
	static const uint8_t level[4] = {1, 4, 8, 14};

	if (!(s->fcr & FCR_ENABLE))
		return 1;
	return level[(s->fcr & FCR_TRIGGER) >> 6];
}

static uint8_t pending_id(const struct uart_state *s)
{
	if ((s->ier & IER_LINE) && s->errors)
		return IIR_LINE;
	if ((s->ier & IER_RX) && s->fifo_count)
		return s->fifo_count >= trigger_level(s) ? IIR_RX : IIR_TIMEOUT;
	if ((s->ier & IER_TX) && s->tx_pending)
		return IIR_TX;
	if ((s->ier & IER_MODEM) && (s->msr & MSR_DELTA))
		return 0;
	return IIR_NONE;
}

/* OUT2 gates the interrupt on a PC; in loopback it is off the pins. */
static void update(struct uart *u)
{
	bool gate = (u->s.mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	irq_set(&u->irq, gate && pending_id(&u->s) != IIR_NONE);
}

/* Top up the FIFO from the line, unless loopback has cut it off. */
static void refill(struct uart *u)
{
	struct uart_state *s = &u->s;
	bool was_full = s->rx_count == RX_SIZE;

	if (s->mcr & MCR_LOOP)
		return;
	while (s->rx_count && fifo_room(s)) {
		s->fifo[s->fifo_count++] = s->rx[s->rx_head];
		s->rx_head = (s->rx_head + 1) % RX_SIZE;
		s->rx_count--;
	}
	if (was_full && s->rx_count < RX_SIZE && u->backend.ready)
		u->backend.ready(u->backend.ctx);
}

size_t uart_input(struct device *dev, const void *data, size_t len)
{
	struct uart *u = container_of(dev, struct uart, dev);
	struct uart_state *s = &u->s;
	const uint8_t *p = data;
	size_t n = 0;

	device_lock(dev);
	while (n < len && s->rx_count < RX_SIZE)
		s->rx[(s->rx_head + s->rx_count++) % RX_SIZE] = p[n++];
	refill(u);
	update(u);
	device_unlock(dev);
	return n;
}

static void arm(struct uart *u, uint64_t delay)
{
	struct timer_queue *q = u->dev.env->timers;

	u->armed = true;
	timer_arm(q, &u->timer, timer_queue_now(q) + delay);
}

static void flush(struct uart *u)
{
	struct uart_state *s = &u->s;
	bool was_full = s->tx_count == TX_SIZE;
	size_t n = s->tx_count;

	if (!n)
		return;
	if (u->backend.write)
		n = u->backend.write(u->backend.ctx, s->tx, n);
	if (n > s->tx_count)
		n = s->tx_count;
	s->tx_count -= (uint16_t)n;
	memmove(s->tx, s->tx + n, s->tx_count);
	if (was_full && n)
		s->tx_pending = 1;
	u->blocked = s->tx_count != 0;
	if (u->blocked)
		arm(u, RETRY_NS);
}

static void uart_fire(void *ctx)
{
	struct uart *u = ctx;

	device_lock(&u->dev);
	u->armed = false;
	flush(u);
	update(u);
	device_unlock(&u->dev);
}

void uart_writable(struct device *dev)
{
	struct uart *u = container_of(dev, struct uart, dev);

	device_lock(dev);
	flush(u);
	update(u);
	device_unlock(dev);
}

static void transmit(struct uart *u, uint8_t v)
{
	struct uart_state *s = &u->s;

	s->tx_pending = 0;
	if (s->mcr & MCR_LOOP) {
		if (fifo_room(s))
			s->fifo[s->fifo_count++] = v;
		else
			s->errors |= LSR_OVERRUN;
		s->tx_pending = 1;
		return;
	}
	/* Written to a full transmitter: lost, as on the wire. */
	if (s->tx_count == TX_SIZE)
		return;
	s->tx[s->tx_count++] = v;
	if (!u->blocked && (v == '\n' || s->tx_count >= TX_FLUSH))
		flush(u);
	else if (!u->armed)
		arm(u, FLUSH_NS);
	s->tx_pending = s->tx_count < TX_SIZE;
}

static uint8_t receive(struct uart *u)
{
	struct uart_state *s = &u->s;
	uint8_t v;

	if (!s->fifo_count)
		return 0;
	v = s->fifo[0];
	s->fifo_count--;
	memmove(s->fifo, s->fifo + 1, s->fifo_count);
	refill(u);
	return v;
}

/* The modem lines: the other end is always there; loopback shows our own. */
static void update_modem(struct uart_state *s)
{
	uint8_t v = MSR_DCD | MSR_DSR | MSR_CTS;
	uint8_t was = s->msr & 0xf0;
	uint8_t changed;

	if (s->mcr & MCR_LOOP) {
		v = s->mcr & MCR_RTS ? MSR_CTS : 0;
		v |= s->mcr & MCR_DTR ? MSR_DSR : 0;
		v |= s->mcr & MCR_OUT1 ? MSR_RI : 0;
		v |= s->mcr & MCR_OUT2 ? MSR_DCD : 0;
	}
	changed = (uint8_t)(was ^ v);
	/* Ring is told at its trailing edge only. */
	if (v & MSR_RI)
		changed &= (uint8_t)~MSR_RI;
	s->msr = (uint8_t)((s->msr & MSR_DELTA) | v | changed >> 4);
}

static void write_fcr(struct uart *u, uint8_t v)
{
	struct uart_state *s = &u->s;

	if ((v & FCR_CLEAR_RX) || ((v ^ s->fcr) & FCR_ENABLE))
		s->fifo_count = 0;
	s->fcr = v & FCR_ENABLE ? v & (FCR_ENABLE | FCR_TRIGGER) : 0;
	refill(u);
}

static uint8_t line_status(const struct uart_state *s)
{
	uint8_t v = s->errors;

	if (s->fifo_count)
		v |= LSR_DATA;
	if (s->tx_count < TX_SIZE)
		v |= LSR_THRE | LSR_TEMT;
	return v;
}

static uint8_t read_iir(struct uart_state *s)
{
	uint8_t id = pending_id(s);

	if (id == IIR_TX)
		s->tx_pending = 0;
	return id | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint64_t uart_read(void *ctx, uint64_t off, unsigned int width)
{
	struct uart *u = ctx;
	struct uart_state *s = &u->s;
	uint8_t v = 0;

	device_lock(&u->dev);
	switch (off) {
	case R_DATA:
		v = s->lcr & LCR_DLAB ? s->dll : receive(u);
		break;
	case R_IER:
		v = s->lcr & LCR_DLAB ? s->dlm : s->ier;
		break;
	case R_IIR:
		v = read_iir(s);
		break;
	case R_LCR:
		v = s->lcr;
		break;
	case R_MCR:
		v = s->mcr;
		break;
	case R_LSR:
		v = line_status(s);
		s->errors = 0;
		break;
	case R_MSR:
		v = s->msr;
		s->msr &= (uint8_t)~MSR_DELTA;
		break;
	default:
		v = s->scr;
		break;
	}
	update(u);
	device_unlock(&u->dev);
	return v;
}

static void write_ier(struct uart_state *s, uint8_t v)
{
	/* Enabling the interrupt of an empty transmitter raises it. */
	if ((v & IER_TX) && !(s->ier & IER_TX) && s->tx_count < TX_SIZE)
		s->tx_pending = 1;
	s->ier = v & 0x0f;
}

static void uart_write(void *ctx, uint64_t off, unsigned int width,
		       uint64_t val)
{
	struct uart *u = ctx;
	struct uart_state *s = &u->s;
	uint8_t v = (uint8_t)val;

	device_lock(&u->dev);
	switch (off) {
	case R_DATA:
		if (s->lcr & LCR_DLAB)
			s->dll = v;
		else
			transmit(u, v);
		break;
	case R_IER:
		if (s->lcr & LCR_DLAB)
			s->dlm = v;
		else
			write_ier(s, v);
		break;
	case R_IIR:
		write_fcr(u, v);
		break;
	case R_LCR:
		s->lcr = v;
		break;
	case R_MCR:
		s->mcr = v & 0x1f;
		update_modem(s);
		refill(u);
		break;
	case R_SCR:
		s->scr = v;
		break;
	default: /* LSR and MSR are factory test only */
		break;
	}
	update(u);
	device_unlock(&u->dev);
}

/* Output that was sent before stays in the buffer; input too. */
static void uart_reset(struct device *dev)
{
	struct uart *u = container_of(dev, struct uart, dev);
	struct uart_state *s = &u->s;

	s->ier = 0;
	s->fcr = 0;
	s->lcr = 0;
	s->mcr = 0;
	s->scr = 0;
	s->dll = 12; /* 9600 baud */
	s->dlm = 0;
	s->errors = 0;
	s->tx_pending = 0;
	s->fifo_count = 0;
	update_modem(s);
	s->msr &= (uint8_t)~MSR_DELTA;
	flush(u);
	update(u);
}

static void uart_loaded(struct device *dev)
{
	struct uart *u = container_of(dev, struct uart, dev);

	if (u->s.tx_count)
		arm(u, FLUSH_NS);
	update(u);
}

static int uart_init(struct device *dev, const void *config)
{
	struct uart *u = container_of(dev, struct uart, dev);
	const struct uart_config *c = config;
	const struct io_region port = {
		.base = c->base,
		.size = 8,
		.max_width = 1,
		.name = "uart",
		.read = uart_read,
		.write = uart_write,
	};

	u->backend = c->backend;
	u->irq = device_irq(dev, c->irq);
	timer_init(&u->timer, uart_fire, u);
	uart_reset(dev);
	return device_map(dev, dev->env->pio, &u->port, &port, 1);
}

static void uart_fini(struct device *dev)
{
	struct uart *u = container_of(dev, struct uart, dev);

	device_unmap(dev->env->pio, &u->port, 1);
	timer_cancel(dev->env->timers, &u->timer);
	if (u->backend.write && u->s.tx_count)
		(void)u->backend.write(u->backend.ctx, u->s.tx, u->s.tx_count);
}

const struct device_class uart_class = {
	.name = "uart",
	.size = sizeof(struct uart),
	.init = uart_init,
	.fini = uart_fini,
	.reset = uart_reset,
	.state = &uart_state_desc,
	.state_offset = offsetof(struct uart, s),
	.loaded = uart_loaded,
};
