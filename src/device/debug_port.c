/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports F4 and 402. Neither has state worth saving: the log's unfinished line
 * is sent at once when it matters. */
#include <base/bits.h>
#include <device/debug_port.h>
#include <device/io_bus.h>

#include <errno.h>

#define LOG_PRESENT 0xe9 /* what firmware reads to find the port */
#define LINE        128

struct debug_exit_state {
	uint32_t code;
};

struct debug_exit {
	struct device dev;
	struct debug_exit_state s;
	struct io_region port;
};

static const struct state_field exit_fields[] = {
	STATE_FIELD(struct debug_exit_state, code, 1),
};

static const struct state_desc exit_state_desc = STATE_DESC(
	struct debug_exit_state, "device/debug-exit", 1, exit_fields, NULL);

static void exit_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct debug_exit *d = ctx;

	device_lock(&d->dev);
	d->s.code = (uint32_t)v;
	d->dev.env->request(d->dev.env->ctx, MACHINE_DEBUG_EXIT, (uint32_t)v);
	device_unlock(&d->dev);
}

static int exit_init(struct device *dev, const void *config)
{
	static const struct io_region port = {
		.base = DEBUG_EXIT_PORT,
		.size = 4,
		.max_width = 4,
		.name = "debug-exit",
		.write = exit_write,
	};
	struct debug_exit *d = container_of(dev, struct debug_exit, dev);

	return device_map(dev, dev->env->pio, &d->port, &port, 1);
}

static void exit_fini(struct device *dev)
{
	struct debug_exit *d = container_of(dev, struct debug_exit, dev);

	device_unmap(dev->env->pio, &d->port, 1);
}

const struct device_class debug_exit_class = {
	.name = "debug-exit",
	.size = sizeof(struct debug_exit),
	.init = exit_init,
	.fini = exit_fini,
	.state = &exit_state_desc,
	.state_offset = offsetof(struct debug_exit, s),
};

struct debug_log_state {
	uint8_t line[LINE];
	uint8_t count;
};

struct debug_log {
	struct device dev;
	struct uart_backend backend;
	struct debug_log_state s;
	struct io_region port;
};

static const struct state_field log_fields[] = {
	STATE_ARRAY(struct debug_log_state, line, 1),
	STATE_FIELD(struct debug_log_state, count, 1),
};

static int log_check(const void *state)
{
	const struct debug_log_state *s = state;

	return s->count < LINE ? 0 : -EINVAL;
}

static const struct state_desc log_state_desc = STATE_DESC(
	struct debug_log_state, "device/debug-log", 1, log_fields, log_check);

static uint64_t log_read(void *ctx, uint64_t off, unsigned int width)
{
	return LOG_PRESENT;
}

static void log_flush(struct debug_log *d)
{
	if (d->s.count && d->backend.write)
		(void)d->backend.write(d->backend.ctx, d->s.line, d->s.count);
	d->s.count = 0;
}

static void log_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct debug_log *d = ctx;

	device_lock(&d->dev);
	d->s.line[d->s.count++] = (uint8_t)v;
	if (v == '\n' || d->s.count == LINE)
		log_flush(d);
	device_unlock(&d->dev);
}

static int log_init(struct device *dev, const void *config)
{
	static const struct io_region port = {
		.base = DEBUG_LOG_PORT,
		.size = 1,
		.max_width = 1,
		.name = "debug-log",
		.read = log_read,
		.write = log_write,
	};
	struct debug_log *d = container_of(dev, struct debug_log, dev);

	d->backend = ((const struct debug_log_config *)config)->backend;
	return device_map(dev, dev->env->pio, &d->port, &port, 1);
}

static void log_reset(struct device *dev)
{
	log_flush(container_of(dev, struct debug_log, dev));
}

static void log_fini(struct device *dev)
{
	struct debug_log *d = container_of(dev, struct debug_log, dev);

	device_unmap(dev->env->pio, &d->port, 1);
	log_flush(d);
}

const struct device_class debug_log_class = {
	.name = "debug-log",
	.size = sizeof(struct debug_log),
	.init = log_init,
	.fini = log_fini,
	.reset = log_reset,
	.state = &log_state_desc,
	.state_offset = offsetof(struct debug_log, s),
};
