/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw disks on a real temporary file. */
#include <disk/disk.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE (64 * 1024)

struct fixture {
	struct disk_queue *queue;
	struct disk *disk;
	char path[32];
};

static int last_result;
static unsigned int completions;

static void note(struct disk_request *req, int result)
{
	last_result = result;
	completions++;
}

static int open_disk(struct fixture *f, bool readonly)
{
	int fd = open(f->path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	assert_true(fd >= 0);
	return disk_raw_new(&f->disk, fd, readonly, f->queue);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	strcpy(f->path, "/tmp/lamina-disk-XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE + 100), 0);
	close(fd);
	assert_int_equal(disk_queue_new(&f->queue), 0);
	*state = f;
	return open_disk(f, false);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	disk_free(f->disk);
	disk_queue_free(f->queue);
	unlink(f->path);
	free(f);
	return 0;
}

/* Submit and wait by way of the descriptor, as an event loop does. */
static int run(struct fixture *f, struct disk_request *req)
{
	struct pollfd p = {.fd = disk_queue_fd(f->queue), .events = POLLIN};

	completions = 0;
	req->complete = note;
	disk_submit(f->disk, req);
	while (!completions) {
		assert_int_equal(poll(&p, 1, 5000), 1);
		disk_queue_run(f->queue);
	}
	assert_int_equal(completions, 1);
	return last_result;
}

static int rw(struct fixture *f, enum disk_op op, uint64_t off, void *buf,
	      size_t len)
{
	struct iovec iov[2] = {{buf, len / 2},
			       {(char *)buf + len / 2, len - len / 2}};
	struct disk_request req = {.op = op,
				   .offset = off,
				   .length = len,
				   .iov = iov,
				   .nr_iov = 2};

	return run(f, &req);
}

static void reads_what_was_written(void **state)
{
	struct fixture *f = *state;
	uint8_t out[2048];
	uint8_t in[2048];

	assert_int_equal(disk_size(f->disk), SIZE);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7);
	assert_int_equal(rw(f, DISK_WRITE, 1024, out, sizeof(out)), 0);
	assert_int_equal(rw(f, DISK_READ, 1024, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(rw(f, DISK_READ, SIZE - 512, in, 512), 0);
}

static void refuses_what_does_not_fit(void **state)
{
	struct fixture *f = *state;
	struct disk_request bad = {.op = DISK_READ, .length = 512};
	uint8_t buf[1024] = {0};

	assert_int_equal(rw(f, DISK_READ, SIZE, buf, 512), -EINVAL);
	assert_int_equal(rw(f, DISK_READ, UINT64_MAX - 511, buf, 1024),
			 -EINVAL);
	assert_int_equal(rw(f, DISK_READ, 1, buf, 512), -EINVAL);
	assert_int_equal(rw(f, DISK_READ, 0, buf, 100), -EINVAL);
	assert_int_equal(run(f, &bad), -EINVAL);
	bad.nr_iov = DISK_MAX_IOV + 1;
	assert_int_equal(run(f, &bad), -EINVAL);
}

static void readonly_refuses_writes(void **state)
{
	struct fixture *f = *state;
	struct disk_request flush = {.op = DISK_FLUSH};
	uint8_t buf[512] = {0};

	disk_free(f->disk);
	assert_int_equal(open_disk(f, true), 0);
	assert_true(disk_readonly(f->disk));
	assert_int_equal(rw(f, DISK_WRITE, 0, buf, 512), -EROFS);
	assert_int_equal(rw(f, DISK_READ, 0, buf, 512), 0);
	assert_int_equal(run(f, &flush), 0);
}

static void flush_and_discard(void **state)
{
	struct fixture *f = *state;
	struct disk_request flush = {.op = DISK_FLUSH};
	struct disk_request discard = {
		.op = DISK_DISCARD, .offset = 0, .length = 4096};

	assert_int_equal(run(f, &flush), 0);
	assert_int_equal(run(f, &discard), 0);
}

static void reports_a_file_cut_short(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[512];

	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(rw(f, DISK_READ, 0, buf, 512), -EIO);
}

static void drain_waits_for_all(void **state)
{
	struct fixture *f = *state;
	struct disk_request req[32];
	struct iovec iov[32];
	static uint8_t buf[32][512];

	completions = 0;
	for (unsigned int i = 0; i < 32; i++) {
		iov[i] = (struct iovec){buf[i], 512};
		req[i] = (struct disk_request){.op = DISK_READ,
					       .offset = i * 512,
					       .length = 512,
					       .iov = &iov[i],
					       .nr_iov = 1,
					       .complete = note};
		disk_submit(f->disk, &req[i]);
	}
	disk_queue_drain(f->queue);
	assert_int_equal(completions, 32);
}

static void refuses_other_files(void **state)
{
	struct fixture *f = *state;
	struct disk *d;
	int fd[2];
	int empty;

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(disk_raw_new(&d, fd[0], true, f->queue), -EINVAL);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(truncate(f->path, 511), 0);
	empty = open(f->path, O_RDONLY);
	assert_int_equal(disk_raw_new(&d, empty, true, f->queue), -EINVAL);
	close(empty);
}

static void locks_exclude_writers(void **state)
{
	struct fixture *f = *state;
	int a = open(f->path, O_RDWR);
	int b = open(f->path, O_RDWR);

	assert_int_equal(disk_lock_fd(a, true), 0);
	assert_int_equal(disk_lock_fd(b, true), 0);
	assert_int_equal(disk_lock_fd(b, false), -EAGAIN);
	close(a);
	assert_int_equal(disk_lock_fd(b, false), 0);
	close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_was_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refuses_what_does_not_fit,
						setup, teardown),
		cmocka_unit_test_setup_teardown(readonly_refuses_writes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(flush_and_discard, setup,
						teardown),
		cmocka_unit_test_setup_teardown(reports_a_file_cut_short, setup,
						teardown),
		cmocka_unit_test_setup_teardown(drain_waits_for_all, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refuses_other_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(locks_exclude_writers, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
