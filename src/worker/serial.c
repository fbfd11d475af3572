/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first serial port's other end: a descriptor that was handed in. What
 * the guest writes goes into a bounded ring on the processor's thread and out
 * on the event loop; a reader that is slow slows the guest's port down and
 * nothing else. Output to a file stops for good at a limit, so that a guest
 * cannot fill the host's disk.
 */
#include "worker.h"

#include <host/log.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RING_BYTES  (64u << 10)
#define INPUT_BYTES 256u

struct serial {
	struct worker *worker;
	int fd;
	uint64_t left; /* bytes that may still be written */
	sd_event_source *source;

	pthread_mutex_t lock;     /* guards the ring */
	uint8_t ring[RING_BYTES]; /* lock */
	size_t start;             /* lock */
	size_t used;              /* lock */
	bool was_full;            /* lock: the UART waits for room */

	/* Event loop only. */
	uint8_t input[INPUT_BYTES];
	size_t input_start;
	size_t input_end;
	_Atomic bool input_waits; /* the UART took no more */
};

/* On any thread, with the UART's lock held. */
static size_t guest_wrote(void *ctx, const uint8_t *data, size_t len)
{
	struct serial *s = ctx;
	bool wake;
	size_t i;

	(void)pthread_mutex_lock(&s->lock);
	wake = s->used == 0;
	for (i = 0; i < len && s->used < RING_BYTES; i++)
		s->ring[(s->start + s->used++) % RING_BYTES] = data[i];
	if (i < len)
		s->was_full = true;
	(void)pthread_mutex_unlock(&s->lock);
	if (wake && i)
		worker_post(s->worker, WORKER_REQ_SERIAL);
	return i;
}

static void input_ready(void *ctx)
{
	struct serial *s = ctx;

	if (atomic_exchange(&s->input_waits, false))
		worker_post(s->worker, WORKER_REQ_SERIAL);
}

int serial_new(struct serial **ret, struct worker *w)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->worker = w;
	s->fd = w->config->serial_fd;
	s->left =
		w->config->serial_limit ? w->config->serial_limit : UINT64_MAX;
	(void)pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

void serial_free(struct serial *s)
{
	if (!s)
		return;
	(void)sd_event_source_disable_unref(s->source);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

struct uart_backend serial_backend(struct serial *s)
{
	if (s->fd < 0)
		return (struct uart_backend){0};
	return (struct uart_backend){
		.write = guest_wrote,
		.ready = input_ready,
		.ctx = s,
	};
}

static void watch(struct serial *s, bool output)
{
	uint32_t events = output ? EPOLLOUT : 0;

	if (!s->source)
		return;
	if (s->worker->config->serial_input && !atomic_load(&s->input_waits))
		events |= EPOLLIN;
	(void)sd_event_source_set_io_events(s->source, events);
}

/* The longest run of bytes that waits; lock held. */
static size_t first_run(const struct serial *s)
{
	size_t run = RING_BYTES - s->start;

	return run < s->used ? run : s->used;
}

/* Drop @n bytes from the ring; true when the UART waits for room. */
static bool consume(struct serial *s, size_t n)
{
	bool was_full;

	(void)pthread_mutex_lock(&s->lock);
	s->start = (s->start + n) % RING_BYTES;
	s->used -= n;
	was_full = s->was_full;
	s->was_full = false;
	(void)pthread_mutex_unlock(&s->lock);
	return was_full;
}

/* Write one run. Negative: would block; 0: nothing waits. */
static ssize_t write_run(struct serial *s)
{
	size_t run, take;
	ssize_t n;

	(void)pthread_mutex_lock(&s->lock);
	run = first_run(s);
	(void)pthread_mutex_unlock(&s->lock);
	if (!run)
		return 0;
	take = run < s->left ? run : s->left;
	n = take ? write(s->fd, s->ring + s->start, take) : (ssize_t)run;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n < 0) /* nobody reads any more: let the guest go on */
		n = (ssize_t)run;
	if (take && (s->left -= (uint64_t)n) == 0)
		log_warn(
			"serial output reached its limit; the rest is dropped");
	if (consume(s, (size_t)n))
		board_serial_writable(s->worker->board, 0);
	return n;
}

static void push_input(struct serial *s)
{
	while (s->input_start < s->input_end) {
		size_t n = board_serial_input(s->worker->board, 0,
					      s->input + s->input_start,
					      s->input_end - s->input_start);

		s->input_start += n;
		if (n == 0) {
			atomic_store(&s->input_waits, true);
			return;
		}
	}
}

void serial_flush(struct serial *s)
{
	ssize_t n;

	if (s->fd < 0)
		return;
	do
		n = write_run(s);
	while (n > 0);
	if (!atomic_load(&s->input_waits))
		push_input(s);
	watch(s, n < 0);
}

static int on_event(sd_event_source *source, int fd, uint32_t revents,
		    void *ctx)
{
	struct serial *s = ctx;

	if (revents & EPOLLIN && s->input_start == s->input_end) {
		ssize_t n = read(fd, s->input, sizeof(s->input));

		s->input_start = 0;
		s->input_end = n > 0 ? (size_t)n : 0;
	} else if (revents & (EPOLLHUP | EPOLLERR)) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	serial_flush(s);
	return 0;
}

int serial_attach(struct serial *s)
{
	int err;

	if (s->fd < 0)
		return 0;
	err = sd_event_add_io(s->worker->loop, &s->source, s->fd, 0, on_event,
			      s);
	/* A regular file cannot be watched, and need not be. */
	if (err == -EPERM)
		return 0;
	if (err < 0)
		return err;
	watch(s, false);
	return 0;
}
