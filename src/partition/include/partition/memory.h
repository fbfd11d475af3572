/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: one object with replaceable backing, and the only way the
 * host side reaches it.
 *
 * Every range is mapped twice. Readers get pointers into a read-only mapping,
 * so that a write which bypasses this interface faults at once; writers get
 * writable pointers only between guest_memory_write_begin() and _end(), which
 * announce the range to every listener (translated-code invalidation now;
 * dirty tracking and snapshot copy-on-write later). Nobody keeps a pointer
 * across a return to the event loop without an open span.
 *
 * Ranges are added before any processor runs and are constant afterwards.
 * All functions are safe from any thread then.
 */
#pragma once

#include <base/addr.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_MEMORY_RANGES    16
#define GUEST_MEMORY_LISTENERS 8
#define GUEST_MEMORY_MIN       (UINT64_C(16) << 20)
#define GUEST_MEMORY_MAX       (UINT64_C(1) << 40)

struct guest_memory;

struct guest_memory_listener {
	/* The host is about to write [gpa, gpa + len). Any thread. */
	void (*write_begin)(struct guest_memory_listener *l, gpa_t gpa,
			    uint64_t len);
	/* It has been written. Any thread. */
	void (*write_end)(struct guest_memory_listener *l, gpa_t gpa,
			  uint64_t len);
};

struct guest_memory_range {
	gpa_t gpa;
	uint64_t size;
	bool readonly; /* for the guest: ROM */
	uint8_t *host; /* writable mapping: for the engine's use only */
};

int guest_memory_new(struct guest_memory **ret);
void guest_memory_free(struct guest_memory *gm);

/*
 * Add [gpa, gpa + size), zero-filled and lazily backed. -EINVAL: unaligned or
 * overlapping; -ENOSPC: too many ranges; -ENOMEM and other host errors.
 */
int guest_memory_add(struct guest_memory *gm, gpa_t gpa, uint64_t size,
		     bool readonly);

/* The ranges, in order of address; for the partition and state files. */
const struct guest_memory_range *
guest_memory_ranges(const struct guest_memory *gm, size_t *ret_count);

/* -ENOSPC when there are too many. Before any processor runs. */
int guest_memory_listen(struct guest_memory *gm,
			struct guest_memory_listener *l);
/* No processor runs and no span is open. Unknown ones are ignored. */
void guest_memory_unlisten(struct guest_memory *gm,
			   struct guest_memory_listener *l);

/* Copy out of or into guest memory; -EFAULT when any byte is not RAM, and
 * nothing was copied then. Writing ignores range.readonly: it is the host. */
int guest_memory_read(const struct guest_memory *gm, gpa_t gpa, void *buf,
		      uint64_t len);
int guest_memory_write(struct guest_memory *gm, gpa_t gpa, const void *buf,
		       uint64_t len);

/* Read-only pointer to [gpa, gpa + len) if it lies in one range, else NULL. */
const void *guest_memory_peek(const struct guest_memory *gm, gpa_t gpa,
			      uint64_t len);

/*
 * The next run of bytes at or behind @gpa, inside one range, that has ever
 * been touched; the rest is zero and costs nothing. -ENXIO: none follows.
 */
int guest_memory_next_data(const struct guest_memory *gm, gpa_t gpa,
			   gpa_t *ret_gpa, uint64_t *ret_len);

/*
 * Open a write span: a writable pointer to [gpa, gpa + len), or NULL when it
 * does not lie in one range. Every successful begin needs one end with the
 * same arguments, after the last write (for queued I/O: after completion).
 */
void *guest_memory_write_begin(struct guest_memory *gm, gpa_t gpa,
			       uint64_t len);
void guest_memory_write_end(struct guest_memory *gm, gpa_t gpa, uint64_t len);
