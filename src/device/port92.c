/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port 92 (IBM PS/2): bit 0 resets when it rises, bit 1 is A20, always open
 * here whatever it says. */
#include <device/io_bus.h>
#include <device/port92.h>

#include <base/bits.h>

struct port92_state {
	uint8_t value;
};

struct port92 {
	struct device dev;
	struct port92_state s;
	struct io_region port;
};

static const struct state_field port92_fields[] = {
	STATE_FIELD(struct port92_state, value, 1),
};

static const struct state_desc port92_state_desc = STATE_DESC(
	struct port92_state, "device/port92", 1, port92_fields, NULL);

static uint64_t port92_read(void *ctx, uint64_t off, unsigned int width)
{
	struct port92 *p = ctx;
	uint64_t v;

	device_lock(&p->dev);
	v = p->s.value;
	device_unlock(&p->dev);
	return v;
}

static void port92_write(void *ctx, uint64_t off, unsigned int width,
			 uint64_t v)
{
	struct port92 *p = ctx;
	bool reset;

	device_lock(&p->dev);
	reset = (v & 1) && !(p->s.value & 1);
	p->s.value = (uint8_t)v;
	if (reset)
		p->dev.env->request(p->dev.env->ctx, MACHINE_RESET, 0);
	device_unlock(&p->dev);
}

static void port92_reset(struct device *dev)
{
	container_of(dev, struct port92, dev)->s.value = 0x02;
}

static int port92_init(struct device *dev, const void *config)
{
	static const struct io_region port = {
		.base = 0x92,
		.size = 1,
		.max_width = 1,
		.name = "port92",
		.read = port92_read,
		.write = port92_write,
	};
	struct port92 *p = container_of(dev, struct port92, dev);

	port92_reset(dev);
	return device_map(dev, dev->env->pio, &p->port, &port, 1);
}

static void port92_fini(struct device *dev)
{
	struct port92 *p = container_of(dev, struct port92, dev);

	device_unmap(dev->env->pio, &p->port, 1);
}

const struct device_class port92_class = {
	.name = "port92",
	.size = sizeof(struct port92),
	.init = port92_init,
	.fini = port92_fini,
	.reset = port92_reset,
	.state = &port92_state_desc,
	.state_offset = offsetof(struct port92, s),
};
