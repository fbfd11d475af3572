/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a machine of type lamina-1. */
#include "board_priv.h"

#include <base/bits.h>
#include <device/ide.h>
#include <device/io_bus.h>
#include <device/pci.h>
#include <device/piix.h>
#include <device/uart.h>
#include <disk/disk.h>
#include <host/timer_queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int board_fail(char *why, size_t why_size, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, why_size, fmt, ap);
	va_end(ap);
	return err;
}

static int check_config(const struct board_config *c, char *why, size_t size)
{
	if (c->nr_vps < 1 || c->nr_vps > PARTITION_MAX_VPS)
		return board_fail(why, size, -EINVAL,
				  "%u processors; give 1 to %d", c->nr_vps,
				  PARTITION_MAX_VPS);
	if (c->memory_size < GUEST_MEMORY_MIN ||
	    c->memory_size > GUEST_MEMORY_MAX ||
	    !is_aligned(c->memory_size, BOARD_MEMORY_ALIGN))
		return board_fail(why, size, -EINVAL,
				  "memory is %llu bytes; give whole MiB, 16 "
				  "MiB to 1 TiB",
				  (unsigned long long)c->memory_size);
	if (c->kernel.fd < 0 && c->firmware.fd < 0)
		return board_fail(why, size, -EINVAL,
				  "nothing to boot; give a kernel or firmware");
	if (c->nr_initrds > BOARD_MAX_INITRDS)
		return board_fail(why, size, -EINVAL,
				  "%u initrds; give at most %d", c->nr_initrds,
				  BOARD_MAX_INITRDS);
	if (c->nr_initrds && c->kernel.fd < 0)
		return board_fail(why, size, -EINVAL,
				  "an initrd without a kernel; give a kernel");
	if (c->cmdline && strlen(c->cmdline) > BOARD_MAX_CMDLINE)
		return board_fail(why, size, -EINVAL,
				  "the command line is longer than %d "
				  "characters; shorten it",
				  BOARD_MAX_CMDLINE);
	if (c->nr_disks > BOARD_MAX_DISKS)
		return board_fail(why, size, -EINVAL,
				  "%u disks; give at most %d", c->nr_disks,
				  BOARD_MAX_DISKS);
	for (unsigned int i = 0; i < c->nr_disks; i++) {
		if (c->disk[i].channel >= IDE_CHANNELS ||
		    c->disk[i].unit >= IDE_UNITS)
			return board_fail(why, size, -EINVAL,
					  "no IDE position %u:%u; give 0 or 1 "
					  "for each",
					  c->disk[i].channel, c->disk[i].unit);
	}
	return 0;
}

/* Our own descriptor and name of a file, for later resets. */
static int keep_file(struct image *ret, const struct board_file *file,
		     char *why, size_t size)
{
	int err = image_open(ret, file, why, size);

	if (err < 0) {
		ret->fd = -1;
		return err;
	}
	ret->name = strdup(file->name ? file->name : "file");
	ret->fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	if (ret->fd < 0 || !ret->name)
		return board_fail(why, size, -ENOMEM,
				  "out of memory or descriptors");
	return 0;
}

static int keep_files(struct board *b, char *why, size_t size)
{
	const struct board_config *c = &b->config;
	int err = 0;

	b->cmdline = strdup(c->cmdline ? c->cmdline : "");
	if (!b->cmdline)
		return board_fail(why, size, -ENOMEM, "out of memory");
	if (c->kernel.fd >= 0)
		err = keep_file(&b->kernel, &c->kernel, why, size);
	else
		err = keep_file(&b->firmware, &c->firmware, why, size);
	for (unsigned int i = 0; i < c->nr_initrds && !err; i++)
		err = keep_file(&b->initrd[i], &c->initrd[i], why, size);
	return err;
}

static void drop_file(struct image *im)
{
	if (im->fd >= 0)
		(void)close(im->fd);
	free((void *)(uintptr_t)im->name);
}

static int check_firmware(const struct board *b, char *why, size_t size)
{
	if (b->firmware.fd < 0)
		return 0;
	if (b->firmware.size % 65536 || b->firmware.size > MAP_ROM_MAX)
		return board_fail(why, size, -EINVAL,
				  "%s is no PC firmware: its size is not a "
				  "multiple of 64 KiB up to 16 MiB",
				  b->firmware.name);
	return 0;
}

static int new_partition(struct board *b, char *why, size_t size)
{
	struct partition_config pc = {
		.engine = b->config.engine,
		.cpu_model = b->config.cpu_model,
		.nr_vps = b->config.nr_vps,
		.memory = b->memory,
		.handlers = &board_handlers,
		.ctx = b,
	};

	return partition_new(&b->partition, &pc, why, size);
}

static void build_tables(struct board *b)
{
	const struct smbios_config smbios = {
		.name = b->config.name,
		.uuid = b->config.uuid,
		.nr_vps = b->config.nr_vps,
		.memory_size = b->config.memory_size,
		.hyperv_names = b->config.hyperv_names,
	};

	acpi_build(&b->acpi, b->config.nr_vps);
	smbios_build(&b->smbios, &smbios);
}

static int new_parts(struct board *b, char *why, size_t size)
{
	uint64_t rom = b->firmware.fd < 0 ? 0 : b->firmware.size;
	int err;

	err = map_create(&b->memory, b->config.memory_size, rom);
	if (err < 0)
		return board_fail(why, size, err,
				  "cannot reserve %llu MiB of address space "
				  "for guest memory: %s; give less memory",
				  (unsigned long long)b->config.memory_size >>
					  20,
				  strerror(-err));
	err = new_partition(b, why, size);
	if (err < 0)
		return err;
	err = timer_queue_new(&b->timers);
	if (!err) {
		timer_queue_pause(b->timers);
		err = io_bus_new(&b->pio);
	}
	if (!err)
		err = io_bus_new(&b->mmio);
	if (!err)
		err = pci_bus_new(&b->pci);
	if (!err)
		err = board_new_devices(b);
	if (!err) {
		build_tables(b);
		err = board_describe(b);
	}
	if (err < 0)
		return board_fail(why, size, err, "cannot make the devices: %s",
				  strerror(-err));
	return 0;
}

int board_new(struct board **ret, const struct board_config *config, char *why,
	      size_t why_size)
{
	struct board *b;
	int err;

	err = check_config(config, why, why_size);
	if (err < 0)
		return err;
	b = calloc(1, sizeof(*b));
	if (!b)
		return board_fail(why, why_size, -ENOMEM, "out of memory");
	b->config = *config;
	b->firmware.fd = -1;
	b->kernel.fd = -1;
	for (size_t i = 0; i < BOARD_MAX_INITRDS; i++)
		b->initrd[i].fd = -1;
	(void)pthread_mutex_init(&b->irq_lock, NULL);

	err = keep_files(b, why, why_size);
	if (!err)
		err = check_firmware(b, why, why_size);
	if (!err)
		err = new_parts(b, why, why_size);
	if (!err)
		err = board_boot(b, why, why_size);
	if (err < 0) {
		board_free(b);
		return err;
	}
	*ret = b;
	return 0;
}

/* Requests in flight write to guest memory and complete into devices. */
static void drain_disks(struct board *b)
{
	for (unsigned int i = 0; i < b->config.nr_disks; i++)
		disk_queue_drain(disk_get_queue(b->config.disk[i].disk));
}

void board_free(struct board *b)
{
	if (!b)
		return;
	drain_disks(b);
	board_free_devices(b);
	partition_free(b->partition);
	pci_bus_free(b->pci);
	io_bus_free(b->mmio);
	io_bus_free(b->pio);
	if (b->timers)
		timer_queue_free(b->timers);
	if (b->memory)
		guest_memory_free(b->memory);
	drop_file(&b->firmware);
	drop_file(&b->kernel);
	for (size_t i = 0; i < BOARD_MAX_INITRDS; i++)
		drop_file(&b->initrd[i]);
	free(b->cmdline);
	(void)pthread_mutex_destroy(&b->irq_lock);
	free(b);
}

struct partition *board_partition(struct board *b)
{
	return b->partition;
}

struct guest_memory *board_memory(struct board *b)
{
	return b->memory;
}

int board_timers_fd(const struct board *b)
{
	return timer_queue_fd(b->timers);
}

void board_run_timers(struct board *b)
{
	timer_queue_run(b->timers);
}

void board_start(struct board *b)
{
	timer_queue_resume(b->timers);
}

void board_pause(struct board *b)
{
	timer_queue_pause(b->timers);
}

int board_reset(struct board *b, char *why, size_t why_size)
{
	drain_disks(b);
	for (size_t i = 0; i < BOARD_NR_DEVICES; i++) {
		if (b->dev[i])
			device_reset(b->dev[i]);
	}
	partition_reset(b->partition);
	return board_boot(b, why, why_size);
}

void board_power_button(struct board *b)
{
	piix_pm_power_button(b->dev[BOARD_PIIX_PM]);
}

size_t board_serial_input(struct board *b, unsigned int n, const void *data,
			  size_t len)
{
	if (n >= BOARD_NR_SERIAL)
		return len;
	return uart_input(b->dev[BOARD_UART0 + n], data, len);
}

void board_serial_writable(struct board *b, unsigned int n)
{
	if (n < BOARD_NR_SERIAL)
		uart_writable(b->dev[BOARD_UART0 + n]);
}
