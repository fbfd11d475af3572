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
	/* @config is the class's own type; see its header. Negative errno. */
	int (*init)(struct device *dev, const void *config);
	void (*fini)(struct device *dev);
	void (*reset)(struct device *dev);
	/* State table, and where in the device its state struct lies. NULL:
	 * cannot be saved, which makes saving the machine fail. */
	const struct state_desc *state;
	size_t state_offset;
	/* After a load: recompute lines, timers and mappings. May be NULL. */
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
