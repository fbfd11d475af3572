/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every emulated device is built from. A device knows no VM name, no
 * path and no JSON: it gets a typed config and an env.
 *
 * Register accesses arrive on a processor's thread, timer and I/O callbacks
 * on the event loop; each device serialises them with its own lock. A device
 * calls into another (interrupt lines, DMA) with its own lock held only
 * downwards: device -> irq router -> interrupt controller.
 */
#pragma once

#include <base/state.h>
#include <partition/memory.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct device;
struct io_bus;
struct io_region;
struct pci_bus;
struct timer_queue;

/* One interrupt input; set() is level-triggered: repeat calls are idempotent.
 * Any thread. */
struct irq_line {
	void (*set)(void *ctx, unsigned int n, bool level);
	void *ctx;
	unsigned int n;
};

static inline void irq_set(const struct irq_line *line, bool level)
{
	if (line->set)
		line->set(line->ctx, line->n, level);
}

/* What a device may ask of the machine as a whole. Any thread. */
enum machine_request {
	MACHINE_RESET,
	MACHINE_POWER_OFF,
	MACHINE_DEBUG_EXIT, /* with the guest's code */
};

/* All a device can reach. */
struct device_env {
	struct io_bus *pio;
	struct io_bus *mmio;
	struct pci_bus *pci;
	struct timer_queue *timers;
	struct guest_memory *memory;
	/* Global system interrupts 0..23 of the board: PIC and IOAPIC. */
	struct irq_line (*irq)(void *ctx, unsigned int gsi);
	void (*request)(void *ctx, enum machine_request what, uint32_t code);
	/* Rate-limited debug log of guest misbehaviour; static text. */
	void (*complain)(void *ctx, const char *device, const char *what);
	void *ctx;
};

struct device_class {
	const char *name; /* "rtc" */
	size_t size; /* of the device's struct; embeds struct device first */
	/* @config is the class's own type; see its header. Negative errno;
	 * fini() is called then too, on whatever was made of it. Ends with
	 * the device as reset() leaves it. */
	int (*init)(struct device *dev, const void *config);
	void (*fini)(struct device *dev);
	/* Lock held; no processor runs, no request is in flight. */
	void (*reset)(struct device *dev);
	/* State table, and where in the device its state struct lies. NULL:
	 * cannot be saved, which makes saving the machine fail. */
	const struct state_desc *state;
	size_t state_offset;
	/* After a load: recompute lines, timers and mappings. Lock held; no
	 * processor runs. May be NULL. */
	void (*loaded)(struct device *dev);
};

struct device {
	const struct device_class *class;
	const struct device_env *env;
	pthread_mutex_t lock;
};

/* Allocate and initialise a device of @class. On success the caller owns it
 * and ends it with device_free(), which accepts NULL. */
int device_new(struct device **ret, const struct device_class *class,
	       const struct device_env *env, const void *config);
void device_free(struct device *dev);
void device_reset(struct device *dev);

/* State as one record: bytes, or -ENOTSUP without state, -ENOSPC. Nothing of
 * the machine runs. */
int64_t device_save(struct device *dev, void *buf, size_t size);
/* Bytes consumed, or a negative errno with the device as it was. */
int64_t device_load(struct device *dev, const void *buf, size_t size);

/*
 * Copy the @n regions of @table to @region, which lives as long as the device,
 * with the device as their context, and put them on @bus. Undone by
 * device_unmap(), also when it failed half-way.
 */
int device_map(struct device *dev, struct io_bus *bus, struct io_region *region,
	       const struct io_region *table, size_t n);
void device_unmap(struct io_bus *bus, struct io_region *region, size_t n);

static inline void device_lock(struct device *dev)
{
	(void)pthread_mutex_lock(&dev->lock);
}

static inline void device_unlock(struct device *dev)
{
	(void)pthread_mutex_unlock(&dev->lock);
}

/* The board's line for global system interrupt @gsi. */
static inline struct irq_line device_irq(const struct device *dev,
					 unsigned int gsi)
{
	return dev->env->irq(dev->env->ctx, gsi);
}

static inline void device_complain(const struct device *dev, const char *what)
{
	if (dev->env->complain)
		dev->env->complain(dev->env->ctx, dev->class->name, what);
}
