/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is the same for every disk: requests are checked before a backend sees
 * them. */
#include "disk_priv.h"

#include <base/overflow.h>

#include <errno.h>

uint64_t disk_size(const struct disk *d)
{
	return d->size;
}

bool disk_readonly(const struct disk *d)
{
	return d->readonly;
}

struct disk_queue *disk_get_queue(const struct disk *d)
{
	return d->queue;
}

void disk_free(struct disk *d)
{
	if (d)
		d->ops->free(d);
}

/* The bytes that the vector covers, or -EINVAL. */
static int64_t iov_bytes(const struct disk_request *req)
{
	uint64_t sum = 0;

	if (req->nr_iov > DISK_MAX_IOV)
		return -EINVAL;
	for (unsigned int i = 0; i < req->nr_iov; i++) {
		if (req->iov[i].iov_len > DISK_MAX_REQUEST - sum)
			return -EINVAL;
		sum += req->iov[i].iov_len;
	}
	return (int64_t)sum;
}

static int check(const struct disk *d, const struct disk_request *req)
{
	if (req->op == DISK_FLUSH)
		return 0;
	if (req->offset % DISK_SECTOR || req->length % DISK_SECTOR ||
	    !range_fits(req->offset, req->length, d->size))
		return -EINVAL;
	if (req->op != DISK_READ && d->readonly)
		return -EROFS;
	if (req->op == DISK_DISCARD)
		return 0;
	if (iov_bytes(req) != (int64_t)req->length)
		return -EINVAL;
	return 0;
}

void disk_submit(struct disk *d, struct disk_request *req)
{
	req->disk = d;
	disk_queue_add(d->queue, req, check(d, req));
}
