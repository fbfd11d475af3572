/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An address space of device registers: port I/O or memory-mapped. Look-ups
 * run on many processor threads at once; regions come and go rarely (PCI
 * BARs).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct io_bus;

struct io_region {
	uint64_t base;
	uint64_t size;
	/* @offset is relative to base; @width 1, 2, 4 or 8 and offset + width
	 * <= size; values are in the low bytes. NULL read: all ones. */
	uint64_t (*read)(void *ctx, uint64_t offset, unsigned int width);
	void (*write)(void *ctx, uint64_t offset, unsigned int width,
		      uint64_t value);
	/* Optional: many elements of one port at once (string I/O). */
	void (*read_many)(void *ctx, uint64_t offset, unsigned int width,
			  void *data, uint32_t count);
	void (*write_many)(void *ctx, uint64_t offset, unsigned int width,
			   const void *data, uint32_t count);
	void *ctx;
	unsigned int max_width;      /* wider accesses are split; 0: 8 */
	const char *name;            /* static; for traces */
	_Atomic(unsigned int) users; /* bus-private: accesses under way */
};

#define IO_BUS_MAX_REGIONS 128

int io_bus_new(struct io_bus **ret);
void io_bus_free(struct io_bus *bus);

/*
 * The region's memory stays the caller's; it is linked until removed. -EEXIST
 * on overlap, -EINVAL when empty or past the end of the address space, -ENOSPC
 * when full. remove() returns when no access uses the region, so it is called
 * with no lock held that its handlers take; a region that is not there is
 * ignored.
 */
int io_bus_add(struct io_bus *bus, struct io_region *region);
void io_bus_remove(struct io_bus *bus, struct io_region *region);

/* Access @width (1, 2, 4, 8) bytes at @addr. Accesses that cross a region's
 * end are split; nobody there reads all ones and ignores writes. */
uint64_t io_bus_read(struct io_bus *bus, uint64_t addr, unsigned int width);
void io_bus_write(struct io_bus *bus, uint64_t addr, unsigned int width,
		  uint64_t value);
void io_bus_read_many(struct io_bus *bus, uint64_t addr, unsigned int width,
		      void *data, uint32_t count);
void io_bus_write_many(struct io_bus *bus, uint64_t addr, unsigned int width,
		       const void *data, uint32_t count);
