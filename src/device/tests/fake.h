/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine around one device under test: buses, manual time, 1 MiB of memory,
 * and interrupt lines that remember. */
#pragma once

#include <device/device.h>
#include <device/io_bus.h>
#include <device/pci.h>
#include <host/timer_queue.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FAKE_MEMORY (UINT64_C(1) << 20)
#define MS          UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

struct fake {
	struct device_env env;
	bool level[24];
	unsigned int edges[24]; /* rising */
	unsigned int requests;
	enum machine_request last_request;
	uint32_t last_code;
	unsigned int complaints;
	struct device *dev;
};

void fake_init(struct fake *f);
void fake_fini(struct fake *f);

/* Make the device under test. */
void fake_new(struct fake *f, const struct device_class *class,
	      const void *config);

uint8_t in8(struct fake *f, uint16_t port);
uint16_t in16(struct fake *f, uint16_t port);
uint32_t in32(struct fake *f, uint16_t port);
void out8(struct fake *f, uint16_t port, uint8_t v);
void out16(struct fake *f, uint16_t port, uint16_t v);
void out32(struct fake *f, uint16_t port, uint32_t v);

static inline void advance(struct fake *f, uint64_t ns)
{
	timer_queue_advance(f->env.timers, ns);
}

/* Save, reset, load: the state must come back byte for byte. Then cut and
 * damaged records must be refused or survived. */
void fake_round_trip(struct fake *f);
