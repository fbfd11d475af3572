/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue of requests with a small pool of threads that carry them out, and
 * the way back: a list of finished requests behind an eventfd.
 *
 * Lock: queue.lock guards both lists, outstanding and stop.
 */
#include "disk_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define POOL_THREADS 4

struct list {
	struct disk_request *first;
	struct disk_request **last;
};

struct disk_queue {
	pthread_mutex_t lock;
	pthread_cond_t work; /* something to do, or stop */
	pthread_cond_t done; /* something has been done */
	struct list todo;
	struct list finished;
	unsigned int outstanding; /* submitted, not delivered */
	bool stop;
	int fd;
	unsigned int nr_threads;
	pthread_t thread[POOL_THREADS];
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_add(struct list *l, struct disk_request *req)
{
	req->next = NULL;
	*l->last = req;
	l->last = &req->next;
}

static struct disk_request *list_take(struct list *l)
{
	struct disk_request *req = l->first;

	if (!req)
		return NULL;
	l->first = req->next;
	if (!l->first)
		l->last = &l->first;
	return req;
}

/* Lock held. */
static void finish(struct disk_queue *q, struct disk_request *req)
{
	const uint64_t one = 1;

	list_add(&q->finished, req);
	(void)!write(q->fd, &one, sizeof(one));
	(void)pthread_cond_broadcast(&q->done);
}

static void *pool_thread(void *arg)
{
	struct disk_queue *q = arg;

	(void)pthread_mutex_lock(&q->lock);
	while (!q->stop) {
		struct disk_request *req = list_take(&q->todo);

		if (!req) {
			(void)pthread_cond_wait(&q->work, &q->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&q->lock);
		req->result = req->disk->ops->execute(req->disk, req);
		(void)pthread_mutex_lock(&q->lock);
		finish(q, req);
	}
	(void)pthread_mutex_unlock(&q->lock);
	return NULL;
}

int disk_queue_new(struct disk_queue **ret)
{
	struct disk_queue *q = calloc(1, sizeof(*q));
	int err = 0;

	if (!q)
		return -ENOMEM;
	(void)pthread_mutex_init(&q->lock, NULL);
	(void)pthread_cond_init(&q->work, NULL);
	(void)pthread_cond_init(&q->done, NULL);
	list_init(&q->todo);
	list_init(&q->finished);
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->fd < 0)
		err = -errno;
	while (!err && q->nr_threads < POOL_THREADS) {
		err = -pthread_create(&q->thread[q->nr_threads], NULL,
				      pool_thread, q);
		if (!err)
			q->nr_threads++;
	}
	if (err) {
		disk_queue_free(q);
		return err;
	}
	*ret = q;
	return 0;
}

void disk_queue_free(struct disk_queue *q)
{
	if (!q)
		return;
	(void)pthread_mutex_lock(&q->lock);
	q->stop = true;
	(void)pthread_cond_broadcast(&q->work);
	(void)pthread_mutex_unlock(&q->lock);
	for (unsigned int i = 0; i < q->nr_threads; i++)
		(void)pthread_join(q->thread[i], NULL);
	if (q->fd >= 0)
		(void)close(q->fd);
	(void)pthread_cond_destroy(&q->done);
	(void)pthread_cond_destroy(&q->work);
	(void)pthread_mutex_destroy(&q->lock);
	free(q);
}

int disk_queue_fd(const struct disk_queue *q)
{
	return q->fd;
}

void disk_queue_add(struct disk_queue *q, struct disk_request *req, int result)
{
	req->result = result;
	(void)pthread_mutex_lock(&q->lock);
	q->outstanding++;
	if (result < 0) {
		finish(q, req);
	} else {
		list_add(&q->todo, req);
		(void)pthread_cond_signal(&q->work);
	}
	(void)pthread_mutex_unlock(&q->lock);
}

void disk_queue_run(struct disk_queue *q)
{
	struct disk_request *req;
	uint64_t count;

	(void)!read(q->fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&q->lock);
	while ((req = list_take(&q->finished))) {
		(void)pthread_mutex_unlock(&q->lock);
		req->complete(req, req->result);
		(void)pthread_mutex_lock(&q->lock);
		q->outstanding--;
	}
	(void)pthread_mutex_unlock(&q->lock);
}

void disk_queue_drain(struct disk_queue *q)
{
	(void)pthread_mutex_lock(&q->lock);
	while (q->outstanding) {
		while (!q->finished.first)
			(void)pthread_cond_wait(&q->done, &q->lock);
		(void)pthread_mutex_unlock(&q->lock);
		disk_queue_run(q);
		(void)pthread_mutex_lock(&q->lock);
	}
	(void)pthread_mutex_unlock(&q->lock);
}
