/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lamina-vm: one virtual machine. Reads its configuration, gives up its
 * rights, builds the board, has every thread enter its system call filter,
 * and only then lets the guest run. Opens nothing by path.
 *
 * Not meant to be started by hand: `lamina run` does.
 */
#include "config.h"
#include "gdb.h"
#include "worker.h"

#include <base/bits.h>
#include <disk/disk.h>
#include <host/log.h>
#include <host/sandbox.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

struct ending {
	bool set;
	enum worker_end how;
	uint32_t detail;
	char text[400];
};

static struct ending ending;

void worker_post(struct worker *w, enum worker_request req)
{
	const uint64_t one = 1;

	atomic_fetch_or(&w->requests, BIT(req));
	(void)!write(w->wake_fd, &one, sizeof(one));
}

void worker_end(struct worker *w, enum worker_end how, uint32_t detail,
		const char *text)
{
	if (ending.set)
		return;
	ending.set = true;
	ending.how = how;
	ending.detail = detail;
	if (text)
		(void)snprintf(ending.text, sizeof(ending.text), "%s", text);
	if (w->loop)
		(void)sd_event_exit(w->loop, 0);
}

/* End because the host refused something: @what names it. */
static int host_failed(struct worker *w, const char *what, int err)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-err));
	worker_end(w, WORKER_END_HOST, 0, text);
	return err;
}

static void on_board_request(void *ctx, enum machine_request what,
			     uint32_t code)
{
	struct worker *w = ctx;

	switch (what) {
	case MACHINE_RESET:
		worker_post(w, WORKER_REQ_RESET);
		break;
	case MACHINE_POWER_OFF:
		worker_post(w, WORKER_REQ_POWER_OFF);
		break;
	case MACHINE_DEBUG_EXIT:
		atomic_store(&w->debug_exit_code, code);
		worker_post(w, WORKER_REQ_DEBUG_EXIT);
		break;
	}
}

static void on_complaint(void *ctx, const char *device, const char *what)
{
	log_debug("%s: %s", device, what);
}

static void on_reset(struct worker *w)
{
	if (w->config->exit_on_reset)
		worker_end(w, WORKER_END_RESET, 0, NULL);
	else
		machine_reset(w);
}

static void on_triple_fault(struct worker *w)
{
	uint64_t vps = atomic_load(&w->stopped_vps);

	machine_stop(w);
	for (unsigned int i = 0; i < w->config->nr_vps; i++) {
		if (vps & BIT64(i))
			machine_log_registers(w, i);
	}
	worker_end(w, WORKER_END_TRIPLE_FAULT, 0, NULL);
}

/* A step ended or a breakpoint was hit. */
static void on_debug(struct worker *w)
{
	machine_stop(w);
	if (w->gdb)
		gdb_stopped(w->gdb);
}

static void handle_requests(struct worker *w, uint32_t req)
{
	if (req & BIT(WORKER_REQ_SERIAL))
		serial_flush(w->serial);
	if (req & BIT(WORKER_REQ_DEBUG_EXIT))
		worker_end(w, WORKER_END_DEBUG_EXIT,
			   atomic_load(&w->debug_exit_code), NULL);
	else if (req & BIT(WORKER_REQ_POWER_OFF))
		worker_end(w, WORKER_END_POWER_OFF, 0, NULL);
	else if (req & BIT(WORKER_REQ_TRIPLE_FAULT))
		on_triple_fault(w);
	else if (req & BIT(WORKER_REQ_RESET))
		on_reset(w);
	else if (req & BIT(WORKER_REQ_DEBUG))
		on_debug(w);
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *ctx)
{
	struct worker *w = ctx;
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
	handle_requests(w, atomic_exchange(&w->requests, 0));
	return 0;
}

static int on_timers(sd_event_source *source, int fd, uint32_t revents,
		     void *ctx)
{
	board_run_timers(((struct worker *)ctx)->board);
	return 0;
}

static int on_disks(sd_event_source *source, int fd, uint32_t revents,
		    void *ctx)
{
	disk_queue_run(((struct worker *)ctx)->disk_queue);
	return 0;
}

/* Say once, loudly, what the host could not give; in strict mode, refuse. */
static int judge_sandbox(struct worker *w, const struct sandbox_report *report)
{
	char text[300] = "";
	size_t used = 0;

	for (unsigned int i = 0; i < SANDBOX_PIECES; i++) {
		if (report->missing & BIT(i))
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s%s",
				used ? ", " : "",
				sandbox_piece_name((enum sandbox_piece)i));
	}
	if (!report->missing)
		return 0;
	if (w->config->sandbox == WORKER_SANDBOX_STRICT) {
		worker_end(w, WORKER_END_SANDBOX, 0, text);
		return -EPERM;
	}
	log_warn("this host does not offer the whole sandbox; missing: %s",
		 text);
	return 0;
}

static int open_disks(struct worker *w, struct board_config *bc)
{
	int err = disk_queue_new(&w->disk_queue);

	for (unsigned int i = 0; err == 0 && i < w->config->nr_disks; i++) {
		const struct worker_disk *d = &w->config->disk[i];

		err = disk_raw_new(&w->disk[i], d->fd, d->readonly,
				   w->disk_queue);
		if (err == -EINVAL) {
			char text[WORKER_MAX_PATH + 64];

			(void)snprintf(text, sizeof(text),
				       "%s: not a disk image: it is empty or "
				       "no file",
				       d->name);
			worker_end(w, WORKER_END_BAD_INPUT, 0, text);
			return err;
		}
		bc->disk[i].disk = w->disk[i];
	}
	return err < 0 ? host_failed(w, "cannot open the disks", err) : 0;
}

/* Firmware's debug port. A line lost is better than a machine that waits. */
static size_t debug_write(void *ctx, const uint8_t *data, size_t len)
{
	const struct worker *w = ctx;

	(void)!write(w->config->debug_fd, data, len);
	return len;
}

static int build_board(struct worker *w)
{
	struct board_config bc;
	char why[400];
	int err;

	config_board(w->config, &bc);
	err = open_disks(w, &bc);
	if (err < 0)
		return err;
	err = serial_new(&w->serial, w);
	if (err < 0)
		return host_failed(w, "cannot connect the serial port", err);
	bc.serial[0] = serial_backend(w->serial);
	if (w->config->debug_fd >= 0)
		bc.debug =
			(struct uart_backend){.write = debug_write, .ctx = w};
	bc.request = on_board_request;
	bc.complain = on_complaint;
	bc.ctx = w;
	err = board_new(&w->board, &bc, why, sizeof(why));
	if (err < 0) {
		bool input = err == -EINVAL || err == -ENOEXEC ||
			     err == -EFBIG || err == -E2BIG;

		worker_end(w, input ? WORKER_END_BAD_INPUT : WORKER_END_HOST, 0,
			   why);
		return err;
	}
	w->partition = board_partition(w->board);
	return 0;
}

static int attach_sources(struct worker *w)
{
	int err = control_attach(w);

	if (err >= 0)
		err = sd_event_add_io(w->loop, NULL, w->wake_fd, EPOLLIN,
				      on_wake, w);
	if (err >= 0)
		err = sd_event_add_io(w->loop, NULL, board_timers_fd(w->board),
				      EPOLLIN, on_timers, w);
	if (err >= 0)
		err = sd_event_add_io(w->loop, NULL,
				      disk_queue_fd(w->disk_queue), EPOLLIN,
				      on_disks, w);
	if (err >= 0)
		err = serial_attach(w->serial);
	if (err >= 0)
		err = gdb_new(&w->gdb, w);
	return err < 0 ? host_failed(w, "cannot watch descriptors", err) : 0;
}

/* All threads exist; from here on each has its filter. */
static int seal(struct worker *w)
{
	int err = sandbox_filter();

	if (err >= 0)
		err = machine_seal_threads(w);
	worker_sealed(w, "device");
	if (err >= 0)
		return 0;
	return judge_sandbox(
		w, &(struct sandbox_report){.missing = BIT(SANDBOX_SECCOMP)});
}

static int prepare(struct worker *w)
{
	struct sandbox_report report = {
		.missing = w->config->sandbox_missing,
	};
	const struct sandbox_config sandbox = {
		.max_fd = config_max_fd(w->config),
		.uid = w->config->uid,
	};
	int err;

	sandbox_enter(&sandbox, &report);
	/* Cleared by the change of user, hence here. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	err = judge_sandbox(w, &report);
	if (err < 0)
		return err;
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake_fd < 0)
		return host_failed(w, "cannot make an event descriptor",
				   -errno);
	err = sd_event_new(&w->loop);
	if (err < 0)
		return host_failed(w, "cannot make an event loop", err);
	err = build_board(w);
	if (err < 0)
		return err;
	err = attach_sources(w);
	if (err < 0)
		return err;
	err = machine_create_threads(w);
	if (err < 0)
		return host_failed(w, "cannot start a processor thread", err);
	return seal(w);
}

static void run(struct worker *w)
{
	int err;

	control_send(WORKER_MSG_STARTED, 0, 0, NULL);
	if (w->gdb)
		log_info("waiting for a debugger");
	else
		machine_run(w);
	err = sd_event_loop(w->loop);
	if (err < 0)
		(void)host_failed(w, "event loop", err);
}

/* What the guest wrote last must still reach the reader. */
static void finish(struct worker *w)
{
	machine_join(w);
	gdb_free(w->gdb);
	if (w->board) /* out of the UART's own buffer */
		board_serial_writable(w->board, 0);
	if (w->serial)
		serial_flush(w->serial);
	if (w->disk_queue)
		disk_queue_drain(w->disk_queue);
	board_free(w->board);
	for (unsigned int i = 0; i < WORKER_MAX_DISKS; i++)
		disk_free(w->disk[i]);
	disk_queue_free(w->disk_queue);
	serial_free(w->serial);
	(void)sd_event_unref(w->loop);
}

int main(int argc, char **argv)
{
	static struct worker_config config;
	static struct worker worker = {
		.config = &config,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.wake_fd = -1,
	};

	log_setup("lamina", LOG_LEVEL_INFO);
	if (config_read(&config) < 0) {
		log_err("lamina-vm runs one virtual machine and is started by "
			"`lamina run`, of the same version");
		return EXIT_FAILURE;
	}
	if (config.verbose)
		log_setup("lamina", LOG_LEVEL_DEBUG);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_NAME, "lamina-vm", 0, 0, 0);
	if (prepare(&worker) >= 0)
		run(&worker);
	finish(&worker);
	control_send(WORKER_MSG_ENDED, ending.how, ending.detail, ending.text);
	return EXIT_SUCCESS;
}
