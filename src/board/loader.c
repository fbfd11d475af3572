/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading image files into guest memory. */
#include "loader.h"

#include <base/bits.h>
#include <base/overflow.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
/* Bytes moved in one write span. */
#define CHUNK (UINT64_C(8) << 20)

int loader_fail(const struct loader *l, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(l->why, l->why_size, fmt, ap);
	va_end(ap);
	return err;
}

int image_open(struct image *ret, const struct board_file *file, char *why,
	       size_t why_size)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0) {
		int err = -errno;

		(void)snprintf(why, why_size, "cannot read %s: %s", file->name,
			       strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(why, why_size,
			       "%s is not a regular file; give a file",
			       file->name);
		return -EINVAL;
	}
	if (!st.st_size) {
		(void)snprintf(why, why_size, "%s is empty; give another file",
			       file->name);
		return -EINVAL;
	}
	ret->fd = file->fd;
	ret->size = (uint64_t)st.st_size;
	ret->name = file->name;
	return 0;
}

static int read_all(const struct loader *l, const struct image *im,
		    uint64_t off, uint8_t *p, uint64_t len)
{
	while (len) {
		ssize_t n = pread(im->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return loader_fail(l, -errno, "cannot read %s: %s",
					   im->name, strerror(errno));
		if (!n)
			return loader_fail(l, -EIO,
					   "%s became shorter while it was "
					   "read; try again",
					   im->name);
		p += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int image_read(const struct loader *l, const struct image *im, uint64_t off,
	       void *buf, uint64_t len)
{
	if (!range_fits(off, len, im->size))
		return loader_fail(l, -EINVAL, "%s is cut short; copy it again",
				   im->name);
	return read_all(l, im, off, buf, len);
}

int image_load(const struct loader *l, const struct image *im, uint64_t off,
	       uint64_t gpa, uint64_t len)
{
	if (!range_fits(off, len, im->size))
		return loader_fail(l, -EINVAL, "%s is cut short; copy it again",
				   im->name);
	while (len) {
		uint64_t n = len < CHUNK ? len : CHUNK;
		uint8_t *p = guest_memory_write_begin(l->memory, GPA(gpa), n);
		int err;

		if (!p)
			return loader_fail(l, -EINVAL,
					   "%s wants to be at %#llx where "
					   "there is no memory; give more "
					   "memory",
					   im->name, (unsigned long long)gpa);
		err = read_all(l, im, off, p, n);
		guest_memory_write_end(l->memory, GPA(gpa), n);
		if (err < 0)
			return err;
		off += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

/* Memory is zero from the start, so this matters after a reset only; pages
 * that nobody touched are read, not written. */
int loader_zero(const struct loader *l, uint64_t gpa, uint64_t len)
{
	static const uint8_t zero[4096];

	while (len) {
		uint64_t n = PAGE_SIZE - gpa % PAGE_SIZE;
		const void *p;

		n = n < len ? n : len;
		p = guest_memory_peek(l->memory, GPA(gpa), n);
		if (!p)
			return -EFAULT;
		if (memcmp(p, zero, n) != 0 &&
		    guest_memory_write(l->memory, GPA(gpa), zero, n) < 0)
			return -EFAULT;
		gpa += n;
		len -= n;
	}
	return 0;
}

int loader_cmdline(const struct loader *l, uint64_t max)
{
	uint64_t len = strlen(l->cmdline);

	if (len > max || len >= BOOT_CMDLINE_MAX)
		return loader_fail(l, -E2BIG,
				   "the command line has %llu characters, %s "
				   "takes %llu; shorten it",
				   (unsigned long long)len, l->kernel.name,
				   (unsigned long long)max);
	return guest_memory_write(l->memory, GPA(BOOT_CMDLINE), l->cmdline,
				  len + 1);
}

static uint64_t to_mib(uint64_t bytes)
{
	return bytes / MIB + (bytes % MIB != 0);
}

int loader_initrds(const struct loader *l, uint64_t low, uint64_t high,
		   uint64_t *ret_gpa, uint64_t *ret_size)
{
	uint64_t room = high > low ? align_down(high, PAGE_SIZE) - low : 0;
	uint64_t size = 0;
	uint64_t gpa;
	uint64_t at;

	*ret_gpa = 0;
	*ret_size = 0;
	for (unsigned int i = 0; i < l->nr_initrds; i++) {
		uint64_t s = l->initrd[i].size;

		if (s > GUEST_MEMORY_MAX)
			return loader_fail(l, -EFBIG, "%s is too large",
					   l->initrd[i].name);
		size = align_up(size, 4) + s;
	}
	if (!size)
		return 0;
	if (align_up(size, PAGE_SIZE) > room)
		return loader_fail(l, -EFBIG,
				   "initrd does not fit: needs %llu MiB, have "
				   "%llu MiB; give more memory",
				   (unsigned long long)to_mib(size),
				   (unsigned long long)(room / MIB));
	gpa = align_down(align_down(high, PAGE_SIZE) - size, PAGE_SIZE);
	at = gpa;
	for (unsigned int i = 0; i < l->nr_initrds; i++) {
		const struct image *im = &l->initrd[i];
		uint64_t start = gpa + align_up(at - gpa, 4);
		int err = loader_zero(l, at, start - at);

		if (!err)
			err = image_load(l, im, 0, start, im->size);
		if (err < 0)
			return err;
		at = start + im->size;
	}
	*ret_gpa = gpa;
	*ret_size = size;
	return 0;
}

int loader_module(const struct loader *l, unsigned int i, uint64_t gpa,
		  uint64_t *ret_gpa)
{
	const struct image *im = &l->initrd[i];
	uint64_t top = map_low_top(l->memory_size);
	uint64_t at = align_up(gpa, PAGE_SIZE);

	if (at > top || im->size > top - at)
		return loader_fail(
			l, -EFBIG,
			"%s does not fit: needs %llu MiB, have %llu "
			"MiB; give more memory",
			im->name, (unsigned long long)to_mib(im->size),
			(unsigned long long)((at < top ? top - at : 0) / MIB));
	*ret_gpa = at;
	return image_load(l, im, 0, at, im->size);
}
