/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: one memfd per range, mapped twice. The read-only mapping is
 * what readers see; the writable one is handed out only inside announced
 * spans, and to the engine. Backing is lazy: a range costs address space until
 * somebody touches it.
 */
#include <base/overflow.h>
#include <partition/memory.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

struct guest_memory {
	struct guest_memory_range range[GUEST_MEMORY_RANGES];
	const uint8_t *reader[GUEST_MEMORY_RANGES]; /* read-only mappings */
	int fd[GUEST_MEMORY_RANGES];                /* tell what was touched */
	size_t nr_ranges;
	struct guest_memory_listener *listener[GUEST_MEMORY_LISTENERS];
	size_t nr_listeners;
};

int guest_memory_new(struct guest_memory **ret)
{
	struct guest_memory *gm = calloc(1, sizeof(*gm));

	if (!gm)
		return -ENOMEM;
	*ret = gm;
	return 0;
}

void guest_memory_free(struct guest_memory *gm)
{
	if (!gm)
		return;
	for (size_t i = 0; i < gm->nr_ranges; i++) {
		(void)munmap(gm->range[i].host, gm->range[i].size);
		(void)munmap((void *)(uintptr_t)gm->reader[i],
			     gm->range[i].size);
		(void)close(gm->fd[i]);
	}
	free(gm);
}

/* ---- building ---- */

static int open_backing(uint64_t size)
{
	unsigned int flags = MFD_CLOEXEC;
	int fd, err;

	fd = memfd_create("lamina-guest", flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("lamina-guest", flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		err = -errno;
		(void)close(fd);
		return err;
	}
	return fd;
}

static void *map_backing(int fd, uint64_t size, int prot)
{
	void *at = mmap(NULL, size, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (at == MAP_FAILED)
		return NULL;
	/* Both are wishes: a host that cannot is still a host. */
	(void)madvise(at, size, MADV_DONTDUMP);
	(void)madvise(at, size, MADV_HUGEPAGE);
	return at;
}

/* Both mappings; returns the backing's descriptor. */
static int map_range(uint64_t size, uint8_t **ret_writer,
		     const uint8_t **ret_reader)
{
	void *writer, *reader;
	int fd, err;

	fd = open_backing(size);
	if (fd < 0)
		return fd;
	writer = map_backing(fd, size, PROT_READ | PROT_WRITE);
	if (!writer) {
		err = -errno;
		goto err_close;
	}
	reader = map_backing(fd, size, PROT_READ);
	if (!reader) {
		err = -errno;
		(void)munmap(writer, size);
		goto err_close;
	}
	*ret_writer = writer;
	*ret_reader = reader;
	return fd;

err_close:
	(void)close(fd);
	return err;
}

/* Where a range at @gpa belongs; -EINVAL when it overlaps another. */
static int place(const struct guest_memory *gm, uint64_t gpa, uint64_t size)
{
	size_t at = 0;

	while (at < gm->nr_ranges && gm->range[at].gpa.v < gpa)
		at++;
	if (at < gm->nr_ranges && gm->range[at].gpa.v - gpa < size)
		return -EINVAL;
	if (at > 0 && gpa - gm->range[at - 1].gpa.v < gm->range[at - 1].size)
		return -EINVAL;
	return (int)at;
}

int guest_memory_add(struct guest_memory *gm, gpa_t gpa, uint64_t size,
		     bool readonly)
{
	struct guest_memory_range range = {
		.gpa = gpa, .size = size, .readonly = readonly};
	const uint8_t *reader = NULL;
	uint64_t last;
	int at, fd;

	if (!size || ((gpa.v | size) & ~PAGE_MASK) || size > GUEST_MEMORY_MAX ||
	    add_overflows(gpa.v, size - 1, &last))
		return -EINVAL;
	if (gm->nr_ranges == GUEST_MEMORY_RANGES)
		return -ENOSPC;
	at = place(gm, gpa.v, size);
	if (at < 0)
		return at;
	fd = map_range(size, &range.host, &reader);
	if (fd < 0)
		return fd;

	memmove(&gm->range[at + 1], &gm->range[at],
		(gm->nr_ranges - (size_t)at) * sizeof(gm->range[0]));
	memmove(&gm->reader[at + 1], &gm->reader[at],
		(gm->nr_ranges - (size_t)at) * sizeof(gm->reader[0]));
	memmove(&gm->fd[at + 1], &gm->fd[at],
		(gm->nr_ranges - (size_t)at) * sizeof(gm->fd[0]));
	gm->range[at] = range;
	gm->reader[at] = reader;
	gm->fd[at] = fd;
	gm->nr_ranges++;
	return 0;
}

int guest_memory_listen(struct guest_memory *gm,
			struct guest_memory_listener *l)
{
	if (gm->nr_listeners == GUEST_MEMORY_LISTENERS)
		return -ENOSPC;
	gm->listener[gm->nr_listeners++] = l;
	return 0;
}

void guest_memory_unlisten(struct guest_memory *gm,
			   struct guest_memory_listener *l)
{
	for (size_t i = 0; i < gm->nr_listeners; i++) {
		if (gm->listener[i] != l)
			continue;
		gm->nr_listeners--;
		memmove(&gm->listener[i], &gm->listener[i + 1],
			(gm->nr_listeners - i) * sizeof(gm->listener[0]));
		return;
	}
}

const struct guest_memory_range *
guest_memory_ranges(const struct guest_memory *gm, size_t *ret_count)
{
	*ret_count = gm->nr_ranges;
	return gm->range;
}

/* ---- reaching ---- */

/*
 * Index of the range that holds @gpa, and how many of @len bytes from there
 * on it holds; -1 and 0 when none does.
 */
static int find(const struct guest_memory *gm, uint64_t gpa, uint64_t len,
		uint64_t *ret_len)
{
	for (size_t i = 0; i < gm->nr_ranges; i++) {
		const struct guest_memory_range *r = &gm->range[i];
		uint64_t off = gpa - r->gpa.v;

		if (gpa < r->gpa.v || off >= r->size)
			continue;
		*ret_len = len < r->size - off ? len : r->size - off;
		return (int)i;
	}
	*ret_len = 0;
	return -1;
}

/* Is every byte RAM? An empty range is. */
static bool covered(const struct guest_memory *gm, uint64_t gpa, uint64_t len)
{
	uint64_t n, last;

	if (len && add_overflows(gpa, len - 1, &last))
		return false;
	for (; len; gpa += n, len -= n) {
		if (find(gm, gpa, len, &n) < 0)
			return false;
	}
	return true;
}

int guest_memory_read(const struct guest_memory *gm, gpa_t gpa, void *buf,
		      uint64_t len)
{
	uint8_t *to = buf;
	uint64_t n;

	if (!covered(gm, gpa.v, len))
		return -EFAULT;
	for (; len; gpa.v += n, to += n, len -= n) {
		int i = find(gm, gpa.v, len, &n);

		memcpy(to, gm->reader[i] + (gpa.v - gm->range[i].gpa.v), n);
	}
	return 0;
}

int guest_memory_write(struct guest_memory *gm, gpa_t gpa, const void *buf,
		       uint64_t len)
{
	const uint8_t *from = buf;
	uint64_t n;

	if (!covered(gm, gpa.v, len))
		return -EFAULT;
	for (; len; gpa.v += n, from += n, len -= n) {
		void *to;

		(void)find(gm, gpa.v, len, &n);
		to = guest_memory_write_begin(gm, gpa, n);
		memcpy(to, from, n);
		guest_memory_write_end(gm, gpa, n);
	}
	return 0;
}

/* The next data of range @i at or behind offset @off in it. */
static int next_data_in(const struct guest_memory *gm, size_t i, uint64_t off,
			gpa_t *ret_gpa, uint64_t *ret_len)
{
	const struct guest_memory_range *r = &gm->range[i];
	off_t start, end;

	start = lseek(gm->fd[i], (off_t)off, SEEK_DATA);
	if (start < 0)
		return -errno;
	end = lseek(gm->fd[i], start, SEEK_HOLE);
	if (end < 0)
		return -errno;
	*ret_gpa = GPA(r->gpa.v + (uint64_t)start);
	*ret_len = (uint64_t)(end - start);
	return 0;
}

int guest_memory_next_data(const struct guest_memory *gm, gpa_t gpa,
			   gpa_t *ret_gpa, uint64_t *ret_len)
{
	for (size_t i = 0; i < gm->nr_ranges; i++) {
		const struct guest_memory_range *r = &gm->range[i];
		uint64_t off = gpa.v > r->gpa.v ? gpa.v - r->gpa.v : 0;
		int err;

		if (off >= r->size)
			continue;
		err = next_data_in(gm, i, off, ret_gpa, ret_len);
		if (err != -ENXIO)
			return err;
	}
	return -ENXIO;
}

const void *guest_memory_peek(const struct guest_memory *gm, gpa_t gpa,
			      uint64_t len)
{
	uint64_t n;
	int i = find(gm, gpa.v, len, &n);

	if (i < 0 || n < len)
		return NULL;
	return gm->reader[i] + (gpa.v - gm->range[i].gpa.v);
}

void *guest_memory_write_begin(struct guest_memory *gm, gpa_t gpa, uint64_t len)
{
	uint64_t n;
	int i = find(gm, gpa.v, len, &n);

	if (i < 0 || n < len)
		return NULL;
	for (size_t k = 0; k < gm->nr_listeners; k++)
		gm->listener[k]->write_begin(gm->listener[k], gpa, len);
	return gm->range[i].host + (gpa.v - gm->range[i].gpa.v);
}

void guest_memory_write_end(struct guest_memory *gm, gpa_t gpa, uint64_t len)
{
	for (size_t k = gm->nr_listeners; k-- > 0;)
		gm->listener[k]->write_end(gm->listener[k], gpa, len);
}
