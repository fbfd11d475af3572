/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk whose bytes are those of a file or block device. */
#include "disk_priv.h"

#include <base/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct raw {
	struct disk disk;
	int fd;
};

/* Move the vector past @n transferred bytes; the elements left. */
static unsigned int iov_advance(struct iovec *iov, unsigned int count, size_t n)
{
	unsigned int i = 0;

	while (i < count && n >= iov[i].iov_len)
		n -= iov[i++].iov_len;
	count -= i;
	memmove(iov, iov + i, count * sizeof(*iov));
	if (count && n) {
		iov[0].iov_base = (char *)iov[0].iov_base + n;
		iov[0].iov_len -= n;
	}
	return count;
}

static int transfer(struct raw *r, const struct disk_request *req)
{
	struct iovec iov[DISK_MAX_IOV];
	unsigned int count = req->nr_iov;
	off_t off = (off_t)req->offset;

	memcpy(iov, req->iov, count * sizeof(*iov));
	count = iov_advance(iov, count, 0);
	while (count) {
		ssize_t n = req->op == DISK_READ
				    ? preadv(r->fd, iov, (int)count, off)
				    : pwritev(r->fd, iov, (int)count, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) /* the file was cut short under us */
			return -EIO;
		off += n;
		count = iov_advance(iov, count, (size_t)n);
	}
	return 0;
}

/* Advisory: a file system that cannot punch holes keeps the bytes. */
static int discard(struct raw *r, const struct disk_request *req)
{
	if (fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)req->offset, (off_t)req->length) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENODEV || errno == ENOSYS
		       ? 0
		       : -errno;
}

static int raw_execute(struct disk *d, struct disk_request *req)
{
	struct raw *r = container_of(d, struct raw, disk);

	switch (req->op) {
	case DISK_READ:
	case DISK_WRITE:
		return transfer(r, req);
	case DISK_FLUSH:
		if (d->readonly)
			return 0;
		return fdatasync(r->fd) < 0 ? -errno : 0;
	case DISK_DISCARD:
		return req->length ? discard(r, req) : 0;
	}
	return -EINVAL;
}

static void raw_free(struct disk *d)
{
	struct raw *r = container_of(d, struct raw, disk);

	(void)close(r->fd);
	free(r);
}

static const struct disk_ops raw_ops = {
	.execute = raw_execute,
	.free = raw_free,
};

int disk_raw_new(struct disk **ret, int fd, bool readonly,
		 struct disk_queue *queue)
{
	struct stat st;
	struct raw *r;
	off_t size;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -EINVAL;
	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	if (size < (off_t)DISK_SECTOR)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->disk.ops = &raw_ops;
	r->disk.queue = queue;
	r->disk.size = align_down((uint64_t)size, DISK_SECTOR);
	r->disk.readonly = readonly;
	r->fd = fd;
	*ret = &r->disk;
	return 0;
}

int disk_lock_fd(int fd, bool readonly)
{
	struct flock lock = {
		.l_type = readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}
