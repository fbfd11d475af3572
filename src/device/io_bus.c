/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sorted array of regions. A look-up pins the region it found, so that the
 * handler runs without the bus's lock and may itself add or remove other
 * regions (PCI BARs).
 *
 * Lock: bus.lock guards region[] and count.
 */
#include <base/bits.h>
#include <device/io_bus.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct io_bus {
	pthread_rwlock_t lock;
	unsigned int count;
	struct io_region *region[IO_BUS_MAX_REGIONS]; /* by base */
};

int io_bus_new(struct io_bus **ret)
{
	struct io_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return -ENOMEM;
	(void)pthread_rwlock_init(&bus->lock, NULL);
	*ret = bus;
	return 0;
}

void io_bus_free(struct io_bus *bus)
{
	if (!bus)
		return;
	(void)pthread_rwlock_destroy(&bus->lock);
	free(bus);
}

/* Index of the first region that ends after @addr; lock held. */
static unsigned int first_after(const struct io_bus *bus, uint64_t addr)
{
	unsigned int lo = 0;
	unsigned int hi = bus->count;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct io_region *r = bus->region[mid];

		if (r->base + (r->size - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int io_bus_add(struct io_bus *bus, struct io_region *region)
{
	unsigned int at;
	int err = 0;

	if (!region->size || region->base + (region->size - 1) < region->base)
		return -EINVAL;
	(void)pthread_rwlock_wrlock(&bus->lock);
	at = first_after(bus, region->base);
	if (bus->count == IO_BUS_MAX_REGIONS) {
		err = -ENOSPC;
	} else if (at < bus->count &&
		   bus->region[at]->base <= region->base + region->size - 1) {
		err = -EEXIST;
	} else {
		memmove(&bus->region[at + 1], &bus->region[at],
			(bus->count - at) * sizeof(bus->region[0]));
		bus->region[at] = region;
		bus->count++;
		atomic_store(&region->users, 0);
	}
	(void)pthread_rwlock_unlock(&bus->lock);
	return err;
}

void io_bus_remove(struct io_bus *bus, struct io_region *region)
{
	bool found = false;

	(void)pthread_rwlock_wrlock(&bus->lock);
	for (unsigned int i = 0; i < bus->count && !found; i++) {
		if (bus->region[i] != region)
			continue;
		bus->count--;
		memmove(&bus->region[i], &bus->region[i + 1],
			(bus->count - i) * sizeof(bus->region[0]));
		found = true;
	}
	(void)pthread_rwlock_unlock(&bus->lock);
	while (found && atomic_load(&region->users))
		sched_yield();
}

/*
 * The region that takes all of [addr, addr + width) at once, pinned. NULL:
 * none, and *ret_partial says whether parts of the access have one.
 */
static struct io_region *pin(struct io_bus *bus, uint64_t addr,
			     unsigned int width, bool *ret_partial)
{
	struct io_region *r = NULL;
	unsigned int at;

	*ret_partial = false;
	(void)pthread_rwlock_rdlock(&bus->lock);
	at = first_after(bus, addr);
	if (at < bus->count) {
		struct io_region *c = bus->region[at];

		if (addr >= c->base && c->size >= width &&
		    addr - c->base <= c->size - width &&
		    (!c->max_width || width <= c->max_width))
			r = c;
		else
			*ret_partial = addr + (width - 1) >= c->base;
	}
	if (r)
		atomic_fetch_add(&r->users, 1);
	(void)pthread_rwlock_unlock(&bus->lock);
	return r;
}

static void unpin(struct io_region *r)
{
	atomic_fetch_sub(&r->users, 1);
}

static uint64_t width_mask(unsigned int width)
{
	return BITS64(width * 8 - 1, 0);
}

static uint64_t region_read(struct io_region *r, uint64_t off,
			    unsigned int width)
{
	if (!r->read)
		return width_mask(width);
	return r->read(r->ctx, off, width) & width_mask(width);
}

uint64_t io_bus_read(struct io_bus *bus, uint64_t addr, unsigned int width)
{
	bool partial;
	struct io_region *r = pin(bus, addr, width, &partial);
	uint64_t value = 0;

	if (r) {
		value = region_read(r, addr - r->base, width);
		unpin(r);
		return value;
	}
	if (!partial || width == 1)
		return width_mask(width);
	width /= 2;
	value = io_bus_read(bus, addr, width);
	return value | io_bus_read(bus, addr + width, width) << (8 * width);
}

void io_bus_write(struct io_bus *bus, uint64_t addr, unsigned int width,
		  uint64_t value)
{
	bool partial;
	struct io_region *r = pin(bus, addr, width, &partial);

	if (r) {
		if (r->write)
			r->write(r->ctx, addr - r->base, width,
				 value & width_mask(width));
		unpin(r);
		return;
	}
	if (!partial || width == 1)
		return;
	width /= 2;
	io_bus_write(bus, addr, width, value & width_mask(width));
	io_bus_write(bus, addr + width, width, value >> (8 * width));
}

void io_bus_read_many(struct io_bus *bus, uint64_t addr, unsigned int width,
		      void *data, uint32_t count)
{
	bool partial;
	struct io_region *r = pin(bus, addr, width, &partial);
	uint8_t *p = data;

	if (r && r->read_many) {
		r->read_many(r->ctx, addr - r->base, width, data, count);
		unpin(r);
		return;
	}
	if (r)
		unpin(r);
	for (uint32_t i = 0; i < count; i++, p += width) {
		uint64_t v = io_bus_read(bus, addr, width);

		memcpy(p, &v, width);
	}
}

void io_bus_write_many(struct io_bus *bus, uint64_t addr, unsigned int width,
		       const void *data, uint32_t count)
{
	bool partial;
	struct io_region *r = pin(bus, addr, width, &partial);
	const uint8_t *p = data;

	if (r && r->write_many) {
		r->write_many(r->ctx, addr - r->base, width, data, count);
		unpin(r);
		return;
	}
	if (r)
		unpin(r);
	for (uint32_t i = 0; i < count; i++, p += width) {
		uint64_t v = 0;

		memcpy(&v, p, width);
		io_bus_write(bus, addr, width, v);
	}
}
