/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What passes between the program that opens things (lamina, later laminad)
 * and the sandboxed worker that runs one machine (lamina-vm).
 *
 * At start the worker finds its configuration, one struct worker_config, in
 * descriptor 3, a control socket (SOCK_SEQPACKET) in descriptor 4 and its
 * other descriptors from 5 on without a gap; 0 is /dev/null, 1 and 2 are the
 * opener's standard error. Both ends are of one build: the version is there to
 * catch mixed installations, not to be negotiated.
 */
#pragma once

#include <stdint.h>

#define WORKER_MAGIC   UINT32_C(0x4d56414c) /* "LAVM" */
#define WORKER_VERSION 1

#define WORKER_CONFIG_FD  3
#define WORKER_CONTROL_FD 4
#define WORKER_FIRST_FD   5

#define WORKER_MAX_INITRDS 16
#define WORKER_MAX_DISKS   4
#define WORKER_MAX_CMDLINE 4096
#define WORKER_MAX_NAME    64
#define WORKER_MAX_PATH    256 /* of names in messages; longer ones are cut */

/* A file that was opened for the worker; fd < 0: none. */
struct worker_file {
	int32_t fd;
	char name[WORKER_MAX_PATH]; /* for messages */
};

struct worker_disk {
	int32_t fd;
	uint8_t readonly;
	uint8_t cdrom;
	uint8_t channel; /* IDE */
	uint8_t unit;
	char name[WORKER_MAX_PATH];
};

/* How much sandbox the user asked for. */
enum worker_sandbox {
	WORKER_SANDBOX_ON,     /* what the host offers; the rest is reported */
	WORKER_SANDBOX_STRICT, /* all of it, or the machine does not start */
};

struct worker_config {
	uint32_t magic;
	uint32_t version;
	uint32_t size; /* of this struct */

	char name[WORKER_MAX_NAME];
	char cpu_model[16];
	uint32_t engine; /* enum partition_engine */
	uint32_t nr_vps;
	uint64_t memory_size;

	struct worker_file firmware;
	struct worker_file kernel;
	struct worker_file initrd[WORKER_MAX_INITRDS];
	uint32_t nr_initrds;
	char cmdline[WORKER_MAX_CMDLINE];

	struct worker_disk disk[WORKER_MAX_DISKS];
	uint32_t nr_disks;

	int32_t serial_fd;     /* < 0: nothing is connected */
	uint8_t serial_input;  /* read from it as well: a socket */
	uint64_t serial_limit; /* bytes written before output stops; 0: none */
	int32_t debug_fd;      /* firmware debug port output; < 0: no port */

	int32_t gdb_fd; /* listening socket; < 0: none */
	uint8_t debug_exit;
	uint8_t exit_on_reset;
	uint8_t verbose;

	uint8_t sandbox;          /* enum worker_sandbox */
	uint32_t sandbox_missing; /* what the opener could not put in place */
	uint32_t uid;             /* to become when started as root */
};

enum worker_msg_type {
	/* to the worker */
	WORKER_MSG_POWER_BUTTON = 1,
	WORKER_MSG_STOP, /* at once */
	WORKER_MSG_RESET,
	WORKER_MSG_NMI,  /* to the bootstrap processor */
	WORKER_MSG_DUMP, /* comes with a descriptor to write a core file to */

	/* from the worker */
	WORKER_MSG_STARTED = 100, /* the first guest instruction follows */
	WORKER_MSG_DUMPED,        /* value: 0 or an errno */
	WORKER_MSG_ENDED,         /* value: enum worker_end; the last one */
};

/* How a machine ended. */
enum worker_end {
	WORKER_END_POWER_OFF,
	WORKER_END_RESET,      /* and exit_on_reset was set */
	WORKER_END_DEBUG_EXIT, /* detail: the guest's code */
	WORKER_END_STOPPED,    /* WORKER_MSG_STOP */
	WORKER_END_TRIPLE_FAULT,
	WORKER_END_BAD_INPUT, /* a kernel that is none, ...: text says which */
	WORKER_END_HOST,      /* the host refused something: text */
	WORKER_END_SANDBOX,   /* strict, and a piece is missing: text */
};

struct worker_msg {
	uint32_t type;
	uint32_t value;
	uint32_t detail;
	char text[500];
};
