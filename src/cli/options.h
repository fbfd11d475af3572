/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `lamina run`, checked as far as no file is needed. */
#pragma once

#include <abi/worker.h>
#include <partition/partition.h>

#include <stdbool.h>
#include <stdint.h>

struct disk_option {
	char *path;
	bool readonly;
	bool cdrom;
};

enum serial_kind {
	SERIAL_STDIO,
	SERIAL_FILE,
	SERIAL_NONE,
};

struct run_options {
	const char *name;
	enum partition_engine engine;
	const char *cpu_model;
	unsigned int cpus;
	uint64_t memory;
	const char *kernel;
	const char *initrd[WORKER_MAX_INITRDS];
	unsigned int nr_initrds;
	const char *append;
	const char *firmware; /* path, or NULL: the distribution's BIOS */
	struct disk_option disk[WORKER_MAX_DISKS];
	unsigned int nr_disks;
	enum serial_kind serial;
	const char *serial_path;
	const char *gdb;
	const char *dump; /* where a requested memory dump goes */
	enum worker_sandbox sandbox;
	bool exit_on_reset;
	bool debug_exit;
	bool trace_firmware;
	bool trace_device;
	bool help;
};

/*
 * Fill @ret from the command line after "run". Strings are borrowed from
 * @argv. On bad options one line goes to standard error and the result is
 * -EINVAL.
 */
int run_options_parse(struct run_options *ret, int argc, char **argv);

/* The text of `lamina run --help`. */
void run_options_help(void);
