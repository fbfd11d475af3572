/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host side, seen from the parent: start the child, hand it batches, and
 * replace it when a case hangs or kills it (that case is skipped).
 */
#include "native_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_MS 3000

struct native {
	struct native_shared *shared;
	int code_fd;
	int data_fd;
	int go[2];
	int done[2];
	pid_t pid;
};

void diff_data_fill(uint8_t *data)
{
	struct rng r = {0x1234567};

	for (unsigned int i = 0; i < DIFF_DATA_SIZE; i += 8) {
		uint64_t v = rng_next(&r);

		memcpy(data + i, &v, 8);
	}
}

static int make_memfd(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	return fd;
}

static void *map_at(uint64_t addr, size_t size, int prot, int fd, off_t off)
{
	int fixed = addr ? MAP_FIXED_NOREPLACE : 0;
	void *p = mmap((void *)(uintptr_t)addr, size, prot, MAP_SHARED | fixed,
		       fd, off);

	if (p == MAP_FAILED)
		_exit(3);
	return p;
}

/* In the child. The pages around the windows are nobody's: fault there. */
static _Noreturn void child_main(const struct native *n)
{
	struct native_child child = {
		.shared = n->shared, .go_fd = n->go[0], .done_fd = n->done[1]};
	const int rw = PROT_READ | PROT_WRITE;

	(void)map_at(DIFF_CODE, DIFF_CODE_SIZE, PROT_READ | PROT_EXEC,
		     n->code_fd, 0);
	(void)map_at(DIFF_DATA, DIFF_DATA_RW, rw, n->data_fd, 0);
	(void)map_at(DIFF_DATA + DIFF_DATA_RW, DIFF_PAGE, PROT_READ, n->data_fd,
		     DIFF_DATA_RW);
	child.code = map_at(0, DIFF_CODE_SIZE, rw, n->code_fd, 0);
	child.window.data = map_at(0, DIFF_DATA_SIZE, rw, n->data_fd, 0);
	child.window.base = malloc(DIFF_DATA_SIZE);
	child.window.before = malloc(DIFF_DATA_SIZE);
	if (!child.window.base || !child.window.before)
		_exit(3);
	diff_data_fill(child.window.data);
	diff_data_fill((uint8_t *)child.window.base);
	diff_data_fill((uint8_t *)child.window.before);
	memset(child.code, 0xcc, DIFF_CODE_SIZE);
	/* Present from the start: error codes tell. */
	for (unsigned int i = 0; i < DIFF_DATA_SIZE; i += DIFF_PAGE)
		(void)*(volatile uint8_t *)(uintptr_t)(DIFF_DATA + i);
	native_child_run(&child);
}

static int start_child(struct native *n)
{
	n->pid = fork();
	if (n->pid < 0)
		return -errno;
	if (n->pid == 0)
		child_main(n);
	return 0;
}

static void stop_child(struct native *n)
{
	if (n->pid <= 0)
		return;
	(void)kill(n->pid, SIGKILL);
	(void)waitpid(n->pid, NULL, 0);
	n->pid = 0;
}

int native_open(struct native **ret)
{
	struct native *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return -ENOMEM;
	n->shared = mmap(NULL, sizeof(*n->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	n->code_fd = make_memfd("difftest-code", DIFF_CODE_SIZE);
	n->data_fd = make_memfd("difftest-data", DIFF_DATA_SIZE);
	if (n->shared == MAP_FAILED || n->code_fd < 0 || n->data_fd < 0 ||
	    pipe(n->go) < 0 || pipe(n->done) < 0)
		return -errno; /* the program ends */
	err = start_child(n);
	if (err < 0)
		return err;
	*ret = n;
	return 0;
}

void native_close(struct native *n)
{
	if (!n)
		return;
	stop_child(n);
	(void)close(n->code_fd);
	(void)close(n->data_fd);
	for (unsigned int i = 0; i < 2; i++) {
		(void)close(n->go[i]);
		(void)close(n->done[i]);
	}
	(void)munmap(n->shared, sizeof(*n->shared));
	free(n);
}

/* True when the child has run what is in n->shared. */
static bool run_shared(struct native *n)
{
	struct pollfd p = {.fd = n->done[0], .events = POLLIN};
	uint32_t at = 0, seen;
	int status;
	char byte = 0;

	if (write(n->go[1], &byte, 1) != 1)
		return false;
	for (unsigned int waited = 0; waited < HANG_MS; waited += 100) {
		if (poll(&p, 1, 100) > 0)
			return read(n->done[0], &byte, 1) == 1;
		if (waitpid(n->pid, &status, WNOHANG) == n->pid) {
			fprintf(stderr, "difftest: the child ended: %x\n",
				(unsigned int)status);
			n->pid = 0;
			return false;
		}
		seen = atomic_load(&n->shared->next);
		if (seen != at)
			waited = 0;
		at = seen;
	}
	fprintf(stderr, "difftest: the child hangs\n");
	return false;
}

static void drain(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	while (poll(&p, 1, 0) > 0 && read(fd, &byte, 1) == 1)
		;
}

void native_run(struct native *n, const struct diff_case *c,
		struct diff_result *r, unsigned int count)
{
	struct native_shared *s = n->shared;
	unsigned int done = 0;

	while (done < count) {
		s->count = count - done;
		atomic_store(&s->next, 0);
		memcpy(s->c, c + done, s->count * sizeof(*c));
		if (run_shared(n)) {
			memcpy(r + done, s->r, s->count * sizeof(*r));
			return;
		}
		/* The case at s->next did it: leave it out. */
		memcpy(r + done, s->r, s->next * sizeof(*r));
		done += s->next;
		fprintf(stderr, "difftest: case %llu stopped the child\n",
			(unsigned long long)c[done].number);
		text_write(stderr, &c[done]);
		memset(&r[done], 0, sizeof(*r));
		r[done++].skipped = true;
		stop_child(n);
		drain(n->go[0]);
		drain(n->done[0]);
		if (start_child(n) < 0)
			abort();
	}
}

bool native_has_32(struct native *n)
{
	static struct diff_case c;
	static struct diff_result r;
	bool has;

	memset(&c, 0, sizeof(c));
	memset(c.code, 0xcc, sizeof(c.code));
	c.code[0] = 0x40; /* INC EAX; in 64-bit mode a prefix */
	c.len = 1;
	c.mode = 32;
	c.in.rflags = X86_FL_FIXED | X86_FL_IF;
	c.in.fpu.legacy[0] = X86_FCW_INIT & 0xff;
	c.in.fpu.legacy[1] = X86_FCW_INIT >> 8;
	native_run(n, &c, &r, 1);
	has = !r.skipped && r.vector == DIFF_NO_FAULT && r.out.gpr[0] == 1;
	/* Leave the code pages as they were. */
	c.code[0] = 0xcc;
	native_run(n, &c, &r, 1);
	return has;
}
