/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: typed messages of one size from the opener, and answers.
 * When the opener goes away, the machine is stopped.
 */
#include "dump.h"
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void control_send(enum worker_msg_type type, uint32_t value, uint32_t detail,
		  const char *text)
{
	struct worker_msg msg = {
		.type = type,
		.value = value,
		.detail = detail,
	};

	if (text)
		(void)snprintf(msg.text, sizeof(msg.text), "%s", text);
	(void)send(WORKER_CONTROL_FD, &msg, sizeof(msg), MSG_NOSIGNAL);
}

/* The descriptor that came with a message, or -1. */
static int taken_fd(struct msghdr *head)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(head);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void dump_to(struct worker *w, int fd)
{
	bool was_running = w->running;
	int err;

	if (fd < 0)
		return;
	machine_stop(w);
	err = dump_write(w, fd);
	if (was_running)
		machine_run(w);
	control_send(WORKER_MSG_DUMPED, (uint32_t)-err, 0, NULL);
}

static void handle(struct worker *w, const struct worker_msg *msg, int fd)
{
	switch (msg->type) {
	case WORKER_MSG_POWER_BUTTON:
		board_power_button(w->board);
		break;
	case WORKER_MSG_STOP:
		worker_end(w, WORKER_END_STOPPED, 0, NULL);
		break;
	case WORKER_MSG_RESET:
		machine_reset(w);
		break;
	case WORKER_MSG_NMI:
		partition_nmi(w->partition, 0);
		break;
	case WORKER_MSG_DUMP:
		dump_to(w, fd);
		break;
	default:
		break;
	}
}

static int on_control(sd_event_source *source, int sock, uint32_t revents,
		      void *ctx)
{
	struct worker *w = ctx;
	struct worker_msg msg;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} rights;
	struct iovec iov = {.iov_base = &msg, .iov_len = sizeof(msg)};
	struct msghdr head = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = rights.bytes,
		.msg_controllen = sizeof(rights.bytes),
	};
	ssize_t n = recvmsg(sock, &head, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fd;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		worker_end(w, WORKER_END_STOPPED, 0, NULL);
		return 0;
	}
	fd = taken_fd(&head);
	if ((size_t)n == sizeof(msg))
		handle(w, &msg, fd);
	if (fd >= 0)
		(void)close(fd);
	return 0;
}

int control_attach(struct worker *w)
{
	return sd_event_add_io(w->loop, NULL, WORKER_CONTROL_FD, EPOLLIN,
			       on_control, w);
}
