/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What backends of disks share. */
#pragma once

#include <disk/disk.h>

struct disk_ops {
	/* Do @req, which is well-formed, on a pool thread; its result. */
	int (*execute)(struct disk *d, struct disk_request *req);
	void (*free)(struct disk *d);
};

/* Embedded first in a backend's own struct. */
struct disk {
	const struct disk_ops *ops;
	struct disk_queue *queue;
	uint64_t size;
	bool readonly;
};

/* Hand @req to the pool; @result < 0: only deliver that. */
void disk_queue_add(struct disk_queue *q, struct disk_request *req, int result);
