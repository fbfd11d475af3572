/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Supervising one worker: signals become messages, its serial port is the
 * terminal, its last message becomes the exit code.
 */
#include "run.h"

#include "console.h"
#include "exit_code.h"
#include "open.h"
#include "options.h"
#include "spawn.h"

#include <base/bits.h>
#include <host/log.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct supervisor {
	pid_t pid;
	int control;
	int signals;
	const char *dump_path;
	struct console console;
	bool asked_to_stop; /* the power button was pressed for a signal */
	bool done;          /* the control socket is closed */
	bool have_end;
	struct worker_msg end;
};

static void tell(struct supervisor *s, enum worker_msg_type type)
{
	const struct worker_msg msg = {.type = type};

	(void)send(s->control, &msg, sizeof(msg), MSG_NOSIGNAL);
}

/* Hand the worker a new file to write guest memory to. */
static void dump(struct supervisor *s)
{
	struct worker_msg msg = {.type = WORKER_MSG_DUMP};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} rights = {0};
	struct iovec iov = {.iov_base = &msg, .iov_len = sizeof(msg)};
	struct msghdr head = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = rights.bytes,
		.msg_controllen = sizeof(rights.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&head);
	int fd = open(s->dump_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		      0600);

	if (fd < 0) {
		log_err("%s: %s; no dump is written", s->dump_path,
			strerror(errno));
		return;
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	(void)sendmsg(s->control, &head, MSG_NOSIGNAL);
	(void)close(fd);
}

static void on_dumped(const struct supervisor *s, const struct worker_msg *msg)
{
	if (msg->value)
		log_err("%s: the dump failed: %s", s->dump_path,
			strerror((int)msg->value));
	else
		log_info("%s: guest memory and processors written",
			 s->dump_path);
}

static void on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1) {
		tell(s, WORKER_MSG_NMI);
	} else if (info.ssi_signo == SIGUSR2) {
		dump(s);
	} else if (s->asked_to_stop) {
		tell(s, WORKER_MSG_STOP);
	} else {
		s->asked_to_stop = true;
		tell(s, WORKER_MSG_POWER_BUTTON);
	}
}

static void on_control(struct supervisor *s)
{
	struct worker_msg msg;
	ssize_t n = recv(s->control, &msg, sizeof(msg), 0);

	if (n < 0 && errno == EINTR)
		return;
	if (n != (ssize_t)sizeof(msg)) {
		s->done = true;
		return;
	}
	msg.text[sizeof(msg.text) - 1] = '\0';
	if (msg.type == WORKER_MSG_ENDED) {
		s->end = msg;
		s->have_end = true;
	} else if (msg.type == WORKER_MSG_DUMPED) {
		on_dumped(s, &msg);
	}
}

static void on_command(struct supervisor *s, enum console_command cmd)
{
	switch (cmd) {
	case CONSOLE_NONE:
		break;
	case CONSOLE_POWER_BUTTON:
		tell(s, WORKER_MSG_POWER_BUTTON);
		break;
	case CONSOLE_STOP:
		tell(s, WORKER_MSG_STOP);
		break;
	case CONSOLE_RESET:
		tell(s, WORKER_MSG_RESET);
		break;
	case CONSOLE_NMI:
		tell(s, WORKER_MSG_NMI);
		break;
	case CONSOLE_DUMP:
		dump(s);
		break;
	}
}

/* One round of waiting and moving bytes. */
static void turn(struct supervisor *s)
{
	struct console *c = &s->console;
	short sock_events =
		(short)((console_wants_guest_input(c) ? POLLOUT : 0) |
			(console_wants_guest_output(c) ? POLLIN : 0));
	struct pollfd fds[] = {
		{.fd = s->control, .events = POLLIN},
		{.fd = s->signals, .events = POLLIN},
		{.fd = sock_events ? c->sock : -1, .events = sock_events},
		{.fd = console_wants_input(c) ? STDIN_FILENO : -1,
		 .events = POLLIN},
		{.fd = console_wants_output(c) ? STDOUT_FILENO : -1,
		 .events = POLLOUT},
	};

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return;
	if (fds[1].revents)
		on_signal(s);
	if (fds[2].revents & POLLOUT)
		console_write_guest(c);
	if (fds[2].revents & (POLLIN | POLLHUP | POLLERR) &&
	    console_wants_guest_output(c))
		console_read_guest(c);
	if (fds[3].revents)
		on_command(s, console_read_input(c));
	if (fds[4].revents)
		console_write_output(c);
	if (fds[0].revents)
		on_control(s);
}

/* Signals arrive as messages from now on. */
static int take_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The worker's last word as an exit code, after a line for the bad ones. */
static int judge_end(const struct worker_msg *end)
{
	switch ((enum worker_end)end->value) {
	case WORKER_END_POWER_OFF:
		return EXIT_POWER_OFF;
	case WORKER_END_RESET:
		return EXIT_RESET;
	case WORKER_END_DEBUG_EXIT:
		return (int)(end->detail & 0xff);
	case WORKER_END_STOPPED:
		return EXIT_STOPPED;
	case WORKER_END_TRIPLE_FAULT:
		log_err("the guest's processor shut down (triple fault)");
		return EXIT_TRIPLE_FAULT;
	case WORKER_END_BAD_INPUT:
		log_err("%s", end->text);
		return EXIT_INPUT;
	case WORKER_END_HOST:
		log_err("%s", end->text);
		return EXIT_HOST;
	case WORKER_END_SANDBOX:
		log_err("--sandbox strict: this host lacks: %s; start without "
			"it, or enable that",
			end->text);
		return EXIT_SANDBOX;
	}
	return EXIT_WORKER;
}

static int wait_worker(struct supervisor *s)
{
	int status = 0;

	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (s->have_end && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return judge_end(&s->end);
	if (WIFSIGNALED(status))
		log_err("the virtual machine failed: its process was ended by "
			"signal %d (%s); please report this",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_err("the virtual machine failed: its process ended with "
			"code %d",
			WEXITSTATUS(status));
	return EXIT_WORKER;
}

static void fill_config(struct worker_config *c, const struct run_options *o)
{
	c->magic = WORKER_MAGIC;
	c->version = WORKER_VERSION;
	c->size = sizeof(*c);
	(void)snprintf(c->name, sizeof(c->name), "%s", o->name);
	(void)snprintf(c->cpu_model, sizeof(c->cpu_model), "%s", o->cpu_model);
	(void)snprintf(c->cmdline, sizeof(c->cmdline), "%s",
		       o->append ? o->append : "");
	c->engine = o->engine;
	c->nr_vps = o->cpus;
	c->memory_size = o->memory;
	c->debug_exit = o->debug_exit;
	c->exit_on_reset = o->exit_on_reset;
	c->verbose = o->trace_device;
	c->sandbox = (uint8_t)o->sandbox;
}

static int supervise(struct supervisor *s, int console)
{
	int code;

	console_init(&s->console, console);
	while (!s->done)
		turn(s);
	console_drain(&s->console);
	console_fini(&s->console);
	code = wait_worker(s);
	(void)close(s->control);
	return code;
}

int cli_run(int argc, char **argv)
{
	static struct worker_config config;
	struct supervisor s = {0};
	struct run_options options;
	struct handover handover = {0};
	int console, code;

	if (run_options_parse(&options, argc, argv) < 0)
		return EXIT_USAGE;
	if (options.help) {
		run_options_help();
		return 0;
	}
	fill_config(&config, &options);
	code = open_all(&options, &config, &handover, &console);
	if (code)
		return code;
	s.dump_path = options.dump;
	s.signals = take_signals();
	s.pid = spawn_worker(&config, &handover, &s.control);
	if (s.signals < 0 || s.pid < 0) {
		log_err("the virtual machine's process cannot be started: %s",
			strerror(s.pid < 0 ? (int)-s.pid : errno));
		return EXIT_HOST;
	}
	return supervise(&s, console);
}
