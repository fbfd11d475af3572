/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <partition/memory.h>

#include <stdlib.h>
#include <string.h>

#define RECORD_MAX (256 * 1024)

static void set_irq(void *ctx, unsigned int n, bool level)
{
	struct fake *f = ctx;

	if (level && !f->level[n])
		f->edges[n]++;
	f->level[n] = level;
}

static struct irq_line get_irq(void *ctx, unsigned int gsi)
{
	return (struct irq_line){set_irq, ctx, gsi};
}

static void request(void *ctx, enum machine_request what, uint32_t code)
{
	struct fake *f = ctx;

	f->requests++;
	f->last_request = what;
	f->last_code = code;
}

static void complain(void *ctx, const char *device, const char *what)
{
	((struct fake *)ctx)->complaints++;
}

void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(io_bus_new(&f->env.pio), 0);
	assert_int_equal(io_bus_new(&f->env.mmio), 0);
	assert_int_equal(pci_bus_new(&f->env.pci), 0);
	assert_int_equal(timer_queue_new_manual(&f->env.timers), 0);
	assert_int_equal(guest_memory_new(&f->env.memory), 0);
	assert_int_equal(
		guest_memory_add(f->env.memory, GPA(0), FAKE_MEMORY, false), 0);
	f->env.irq = get_irq;
	f->env.request = request;
	f->env.complain = complain;
	f->env.ctx = f;
}

void fake_fini(struct fake *f)
{
	device_free(f->dev);
	guest_memory_free(f->env.memory);
	timer_queue_free(f->env.timers);
	pci_bus_free(f->env.pci);
	io_bus_free(f->env.mmio);
	io_bus_free(f->env.pio);
}

void fake_new(struct fake *f, const struct device_class *class,
	      const void *config)
{
	assert_int_equal(device_new(&f->dev, class, &f->env, config), 0);
}

uint8_t in8(struct fake *f, uint16_t port)
{
	return (uint8_t)io_bus_read(f->env.pio, port, 1);
}

uint16_t in16(struct fake *f, uint16_t port)
{
	return (uint16_t)io_bus_read(f->env.pio, port, 2);
}

uint32_t in32(struct fake *f, uint16_t port)
{
	return (uint32_t)io_bus_read(f->env.pio, port, 4);
}

void out8(struct fake *f, uint16_t port, uint8_t v)
{
	io_bus_write(f->env.pio, port, 1, v);
}

void out16(struct fake *f, uint16_t port, uint16_t v)
{
	io_bus_write(f->env.pio, port, 2, v);
}

void out32(struct fake *f, uint16_t port, uint32_t v)
{
	io_bus_write(f->env.pio, port, 4, v);
}

/* Damaged records: loading refuses them or leaves a device that still runs. */
static void load_damaged(struct fake *f, const uint8_t *record, size_t n)
{
	uint8_t *bad = malloc(n);
	uint32_t seed = 12345;

	for (unsigned int i = 0; i < 200; i++) {
		memcpy(bad, record, n);
		for (unsigned int j = 0; j < 4; j++) {
			seed = seed * 1103515245 + 12345;
			bad[(seed >> 8) % n] = (uint8_t)(seed >> 4);
		}
		(void)device_load(f->dev, bad, n);
		for (uint32_t p = 0; p < 0x700; p += 3)
			out8(f, (uint16_t)p, (uint8_t)in8(f, (uint16_t)p));
		advance(f, MS);
	}
	free(bad);
}

void fake_round_trip(struct fake *f)
{
	uint8_t *a = malloc(RECORD_MAX);
	uint8_t *b = malloc(RECORD_MAX);
	int64_t n = device_save(f->dev, a, RECORD_MAX);

	assert_true(n > 0);
	device_reset(f->dev);
	assert_int_equal(device_load(f->dev, a, (size_t)n), n);
	assert_int_equal(device_save(f->dev, b, RECORD_MAX), n);
	assert_memory_equal(a, b, (size_t)n);
	assert_true(device_load(f->dev, a, (size_t)n - 1) < 0);
	assert_true(device_save(f->dev, b, (size_t)n - 1) < 0);
	load_damaged(f, a, (size_t)n);
	assert_int_equal(device_load(f->dev, a, (size_t)n), n);
	free(a);
	free(b);
}
