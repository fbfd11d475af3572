/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtual machine's process. main.c puts the parts together; this header
 * is what they know of each other.
 *
 * Threads: the event loop (main) and one per virtual processor, besides those
 * that the partition and disk layers keep. worker.lock guards the fields that
 * say so; it is never held while guest code runs, nor across board calls.
 */
#pragma once

#include <abi/worker.h>
#include <board/board.h>
#include <partition/partition.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct disk;
struct disk_queue;
struct gdb;
struct serial;
struct worker;

/* A virtual processor's thread and what it last reported. */
struct vp_thread {
	struct worker *worker;
	unsigned int index;
	pthread_t thread;
	bool created;
};

enum vp_order {
	VP_ORDER_PARK,
	VP_ORDER_RUN,
	VP_ORDER_QUIT,
};

struct worker {
	const struct worker_config *config;
	sd_event *loop;
	struct board *board;
	struct partition *partition;
	struct disk_queue *disk_queue;
	struct disk *disk[WORKER_MAX_DISKS];
	struct serial *serial;
	struct gdb *gdb;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum vp_order order; /* lock */
	uint64_t order_nr;   /* lock; counts orders */
	int only;            /* lock; the one processor to run, or -1 */
	unsigned int parked; /* lock; threads that execute nothing */
	unsigned int sealed; /* lock; threads that entered their filter */
	int seal_error;      /* lock */
	struct vp_thread vp[PARTITION_MAX_VPS];
	bool running; /* event loop only */

	/* Set from any thread, taken by the event loop after a wake. */
	int wake_fd;
	_Atomic uint32_t requests; /* BIT(enum worker_request) */
	_Atomic uint32_t debug_exit_code;
	_Atomic uint64_t stopped_vps; /* triple fault or debug, by index */
};

/* What other threads ask of the event loop. */
enum worker_request {
	WORKER_REQ_RESET,
	WORKER_REQ_POWER_OFF,
	WORKER_REQ_DEBUG_EXIT,
	WORKER_REQ_TRIPLE_FAULT,
	WORKER_REQ_DEBUG, /* a processor left for the host debugger */
	WORKER_REQ_SERIAL,
};

/* Any thread. */
void worker_post(struct worker *w, enum worker_request req);

/* End the event loop; the first end wins. Event loop. */
void worker_end(struct worker *w, enum worker_end how, uint32_t detail,
		const char *text);

/*
 * The calling thread has all its filters; no guest instruction has run yet.
 * Does nothing, except in the test program that tries to break out from here
 * (tests/sandbox). @kind is "device" or "vp".
 */
void worker_sealed(struct worker *w, const char *kind);

/* ---- machine.c: processors' threads and the machine's life; event loop ----
 */

/* Create all processor threads, parked. Negative errno. */
int machine_create_threads(struct worker *w);
/* Have every processor thread enter its system call filter. */
int machine_seal_threads(struct worker *w);
void machine_run(struct worker *w);
/* Let only @vp run, for a debugger's step. */
void machine_run_one(struct worker *w, unsigned int vp);
/* Returns when no processor executes guest code. */
void machine_stop(struct worker *w);
/* Stop and end all threads. */
void machine_join(struct worker *w);
void machine_reset(struct worker *w);
/* Write all registers of @vp to the log. Stopped. */
void machine_log_registers(struct worker *w, unsigned int vp);

/* ---- serial.c ---- */
int serial_new(struct serial **ret, struct worker *w);
void serial_free(struct serial *s);
/* The UART's backend, for board_config. */
struct uart_backend serial_backend(struct serial *s);
/* Watch the descriptor; after the board exists. */
int serial_attach(struct serial *s);
/* WORKER_REQ_SERIAL: the guest wrote. */
void serial_flush(struct serial *s);

/* ---- control.c ---- */
int control_attach(struct worker *w);
/* @text may be NULL. */
void control_send(enum worker_msg_type type, uint32_t value, uint32_t detail,
		  const char *text);
