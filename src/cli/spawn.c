/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker is a program of its own, re-executed rather than forked, so that
 * nothing of this process (arguments, environment, memory) lives on in it.
 */
#include "spawn.h"

#include <host/log.h>
#include <host/sandbox.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors are first moved out of the way of their final numbers. */
#define ASIDE_FD 100

/* Users from here on exist on no system; one for each worker. */
#define FIRST_WORKER_UID UINT32_C(0x70000000)

/* lamina-vm stands beside lamina, installed or just built. */
static int open_program(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char full[PATH_MAX + 16];
	int fd;

	if (n < 0)
		return -errno;
	path[n] = '\0';
	(void)snprintf(full, sizeof(full), "%s/lamina-vm", dirname(path));
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		int err = -errno;

		log_err("%s: %s; is Lamina installed completely?", full,
			strerror(errno));
		return err;
	}
	return fd;
}

static int config_memfd(const struct worker_config *config)
{
	int fd = memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (write(fd, config, sizeof(*config)) != (ssize_t)sizeof(*config) ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) <
		    0) {
		(void)close(fd);
		return -EIO;
	}
	return fd;
}

/* In the child: put @fd aside, out of every final number's way. */
static int set_aside(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, ASIDE_FD);
}

/* In the child: give every descriptor its number and become the worker. */
static _Noreturn void become_worker(const struct worker_config *config,
				    int program, int control,
				    const struct handover *h)
{
	char *const argv[] = {(char[]){"lamina-vm"}, NULL};
	char *const envp[] = {NULL};
	int aside[HANDOVER_MAX + 3];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	aside[0] = set_aside(program);
	aside[1] = set_aside(config_memfd(config));
	aside[2] = set_aside(control);
	for (unsigned int i = 0; i < h->count; i++)
		aside[3 + i] = set_aside(h->fd[i]);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	(void)dup2(aside[1], WORKER_CONFIG_FD);
	(void)dup2(aside[2], WORKER_CONTROL_FD);
	for (unsigned int i = 0; i < h->count; i++)
		(void)dup2(aside[3 + i], WORKER_FIRST_FD + (int)i);
	(void)fexecve(aside[0], argv, envp);
	log_err("lamina-vm cannot be executed: %s", strerror(errno));
	_exit(127);
}

pid_t spawn_worker(struct worker_config *config, const struct handover *h,
		   int *ret_control)
{
	struct sandbox_report report = {0};
	int pair[2], program;
	pid_t pid;

	program = open_program();
	if (program < 0)
		return program;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	config->uid = FIRST_WORKER_UID + ((uint32_t)getpid() & 0xfffff);
	pid = sandbox_fork(&report);
	if (pid == 0) {
		config->sandbox_missing = report.missing;
		become_worker(config, program, pair[1], h);
	}
	(void)close(program);
	(void)close(pair[1]);
	for (unsigned int i = 0; i < h->count; i++)
		(void)close(h->fd[i]);
	*ret_control = pair[0];
	return pid < 0 ? -errno : pid;
}
