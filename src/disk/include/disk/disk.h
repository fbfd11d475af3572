/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual disks: asynchronous reads and writes of sectors. What is behind one
 * (a raw file now; VHD, VHDX and chains later) is the backend's business.
 *
 * Requests are the caller's storage and nothing is allocated per request.
 * They may be submitted from any thread; completions are delivered by
 * disk_queue_run() on the thread that owns the disk's queue, in no particular
 * order. A request's memory and buffers stay untouched until it completes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct disk;
struct disk_queue;

#define DISK_SECTOR      512u
#define DISK_MAX_IOV     128u
#define DISK_MAX_REQUEST (UINT64_C(64) << 20) /* bytes in one request */

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,   /* everything completed before it is on stable storage */
	DISK_DISCARD, /* [offset, offset + length) may read as anything */
};

struct disk_request {
	enum disk_op op;
	uint64_t offset; /* bytes; a multiple of DISK_SECTOR, as is length */
	uint64_t length; /* of discard; of read and write: sum over iov */
	const struct iovec *iov;
	unsigned int nr_iov; /* up to DISK_MAX_IOV */
	/*
	 * @result: 0 or a negative errno. -EINVAL: malformed or past the end;
	 * -EROFS; -ENOSPC; -EIO and what else the host reports. Owner's
	 * thread; the request may be submitted anew from here.
	 */
	void (*complete)(struct disk_request *req, int result);

	/* disk-private */
	struct disk *disk;
	struct disk_request *next;
	int result;
};

/* Where completions arrive: one per event loop. */
int disk_queue_new(struct disk_queue **ret);
/* Every disk that used it is gone. */
void disk_queue_free(struct disk_queue *q);
/* Readable while completions wait. */
int disk_queue_fd(const struct disk_queue *q);
/* Deliver what waits. The owner's thread. */
void disk_queue_run(struct disk_queue *q);
/* Deliver until nothing submitted is outstanding. The owner's thread. */
void disk_queue_drain(struct disk_queue *q);

/*
 * A raw image: the bytes of the file or block device @fd, which the disk takes
 * on success. The size is rounded down to whole sectors; -EINVAL when nothing
 * is left or @fd is neither file nor block device.
 */
int disk_raw_new(struct disk **ret, int fd, bool readonly,
		 struct disk_queue *queue);
/* No request is outstanding. NULL is accepted. */
void disk_free(struct disk *d);

uint64_t disk_size(const struct disk *d);
bool disk_readonly(const struct disk *d);
struct disk_queue *disk_get_queue(const struct disk *d);

/* Start @req. Any thread; always completes by the queue, errors included. */
void disk_submit(struct disk *d, struct disk_request *req);

/*
 * Take the lock on an image file that keeps two machines from using it: shared
 * for @readonly, exclusive otherwise. It belongs to the open file, so it goes
 * along when @fd is handed to another process. -EAGAIN: somebody else has it.
 */
int disk_lock_fd(int fd, bool readonly);
