/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the configuration that the opener left in descriptor 3. The opener
 * is trusted, yet a mixed installation must end in a clear error, and every
 * string is terminated here so that nobody below has to wonder.
 */
#include "config.h"

#include <base/bits.h>

#include <errno.h>
#include <unistd.h>

#define TERMINATE(s) ((s)[sizeof(s) - 1] = '\0')

static void terminate_strings(struct worker_config *c)
{
	TERMINATE(c->name);
	TERMINATE(c->cpu_model);
	TERMINATE(c->cmdline);
	TERMINATE(c->firmware.name);
	TERMINATE(c->kernel.name);
	for (unsigned int i = 0; i < WORKER_MAX_INITRDS; i++)
		TERMINATE(c->initrd[i].name);
	for (unsigned int i = 0; i < WORKER_MAX_DISKS; i++)
		TERMINATE(c->disk[i].name);
}

int config_read(struct worker_config *ret)
{
	ssize_t n = pread(WORKER_CONFIG_FD, ret, sizeof(*ret), 0);

	if (n != (ssize_t)sizeof(*ret) || ret->magic != WORKER_MAGIC ||
	    ret->version != WORKER_VERSION || ret->size != sizeof(*ret))
		return -EPROTO;
	if (ret->nr_vps == 0 || ret->nr_vps > PARTITION_MAX_VPS ||
	    ret->nr_initrds > WORKER_MAX_INITRDS ||
	    ret->nr_disks > WORKER_MAX_DISKS)
		return -EINVAL;
	terminate_strings(ret);
	return 0;
}

static int max_of(int a, int b)
{
	return a > b ? a : b;
}

int config_max_fd(const struct worker_config *c)
{
	int max = WORKER_CONTROL_FD;

	max = max_of(max, c->firmware.fd);
	max = max_of(max, c->kernel.fd);
	for (unsigned int i = 0; i < c->nr_initrds; i++)
		max = max_of(max, c->initrd[i].fd);
	for (unsigned int i = 0; i < c->nr_disks; i++)
		max = max_of(max, c->disk[i].fd);
	max = max_of(max, c->serial_fd);
	max = max_of(max, c->debug_fd);
	return max_of(max, c->gdb_fd);
}

static struct board_file board_file(const struct worker_file *f)
{
	return (struct board_file){.fd = f->fd, .name = f->name};
}

void config_board(const struct worker_config *c, struct board_config *ret)
{
	*ret = (struct board_config){
		.name = c->name,
		.engine = (enum partition_engine)c->engine,
		.cpu_model = c->cpu_model,
		.nr_vps = c->nr_vps,
		.memory_size = c->memory_size,
		.firmware = board_file(&c->firmware),
		.kernel = board_file(&c->kernel),
		.nr_initrds = c->nr_initrds,
		.cmdline = c->cmdline,
		.nr_disks = c->nr_disks,
		.debug_exit = c->debug_exit,
	};
	for (unsigned int i = 0; i < c->nr_initrds; i++)
		ret->initrd[i] = board_file(&c->initrd[i]);
	for (unsigned int i = 0; i < c->nr_disks; i++) {
		ret->disk[i].channel = c->disk[i].channel;
		ret->disk[i].unit = c->disk[i].unit;
		ret->disk[i].cdrom = c->disk[i].cdrom;
	}
}
