/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine as a whole: guest memory, a partition, the devices of machine
 * type lamina-1 and what they boot from. A worker makes one board, gives each
 * processor a thread that calls partition_vp_run(), and runs one event loop
 * for the descriptors that the board and the disks name.
 *
 * The board opens nothing: everything it reads or writes outside comes as a
 * descriptor or a callback. Kernels, initrds and firmware are hostile files.
 */
#pragma once

#include <device/device.h>
#include <device/uart_backend.h>
#include <partition/partition.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board;
struct disk;

#define BOARD_MACHINE      "lamina-1"
#define BOARD_MAX_DISKS    4  /* two IDE channels of two */
#define BOARD_MAX_INITRDS  16 /* files, concatenated or as modules */
#define BOARD_MAX_CMDLINE  4096
#define BOARD_NR_SERIAL    2 /* 3F8 and 2F8 */
#define BOARD_MEMORY_ALIGN (UINT64_C(1) << 20)

/* A file to load from: a regular file's descriptor, borrowed during
 * board_new() and kept by the board as a duplicate for reset; and what to call
 * it in messages. fd < 0: none. */
struct board_file {
	int fd;
	const char *name;
};

struct board_disk {
	struct disk *disk;    /* borrowed; outlives the board */
	unsigned int channel; /* IDE 0 or 1 */
	unsigned int unit;    /* 0 master, 1 slave */
	bool cdrom;
};

struct board_config {
	const char *name; /* of the machine; for SMBIOS. May be NULL */
	uint8_t uuid[16]; /* for SMBIOS, as RFC 4122 has it; zeros: none */
	/* SMBIOS names of Hyper-V, by which stock ata_piix leaves its disks
	 * to VMBus: only when they are there. */
	bool hyperv_names;
	enum partition_engine engine;
	const char *cpu_model;
	unsigned int nr_vps;
	uint64_t memory_size; /* GUEST_MEMORY_MIN.._MAX, in whole MiB */

	/* At least one of the two. With a kernel, the firmware is not run. */
	struct board_file firmware;
	struct board_file kernel;
	/* Linux: concatenated. multiboot, PVH: modules, in order. */
	struct board_file initrd[BOARD_MAX_INITRDS];
	unsigned int nr_initrds;
	const char *cmdline; /* NULL: empty */

	struct board_disk disk[BOARD_MAX_DISKS];
	unsigned int nr_disks;
	struct uart_backend serial[BOARD_NR_SERIAL]; /* write NULL: dropped */

	bool debug_exit;           /* port F4 ends the machine */
	struct uart_backend debug; /* port 402; write NULL: no port */

	/* The guest asked for something. Any thread, a processor's own
	 * included, with a device's lock held: note it, wake the event loop,
	 * return. */
	void (*request)(void *ctx, enum machine_request what, uint32_t code);
	/* As device_env.complain; may be NULL. */
	void (*complain)(void *ctx, const char *device, const char *what);
	void *ctx;
};

/*
 * Build the machine, in power-on state with its memory loaded and machine
 * time standing still. On failure a negative errno, and in @why one line of
 * text that ends with what to do about it.
 */
int board_new(struct board **ret, const struct board_config *config, char *why,
	      size_t why_size);
/* Every processor thread has ended; waits as board_reset() does. NULL is
 * accepted. */
void board_free(struct board *b);

struct partition *board_partition(struct board *b);
struct guest_memory *board_memory(struct board *b);

/* Watch the descriptor for reading; when it is readable, run the timers. One
 * thread: the event loop. */
int board_timers_fd(const struct board *b);
void board_run_timers(struct board *b);

/* Let machine time run, or stop it. Processors are the caller's business:
 * started after board_start(), stopped before board_pause(). */
void board_start(struct board *b);
void board_pause(struct board *b);

/* Back to power-on, as after MACHINE_RESET: devices, memory contents of the
 * loaded files, processors. All processors stopped; waits for disk requests
 * in flight, whose completions it runs. Negative errno and text as above. */
int board_reset(struct board *b, char *why, size_t why_size);

/* Press the power button. Any thread. */
void board_power_button(struct board *b);

/* Bytes that arrived on serial port @n; returns how many were taken. After a
 * short count, uart_backend.ready says when to go on. Event loop. */
size_t board_serial_input(struct board *b, unsigned int n, const void *data,
			  size_t len);
/* The backend of port @n takes bytes again after a short write. Event loop. */
void board_serial_writable(struct board *b, unsigned int n);
