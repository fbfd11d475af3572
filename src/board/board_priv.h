/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The board's inside, shared by its files. */
#pragma once

#include "acpi.h"
#include "loader.h"
#include "smbios.h"

#include <board/board.h>

#define BOARD_GSIS 24

/* Every device of lamina-1, in the order of making and of saved state. */
enum board_device {
	BOARD_PIC,
	BOARD_IOAPIC,
	BOARD_PCI_HOST,
	BOARD_PIIX_ISA,
	BOARD_IDE,
	BOARD_PIIX_PM,
	BOARD_PIT,
	BOARD_RTC,
	BOARD_HPET,
	BOARD_I8042,
	BOARD_PORT92,
	BOARD_FW_CFG,
	BOARD_UART0,
	BOARD_UART1,
	BOARD_DEBUG_EXIT,
	BOARD_DEBUG_LOG,
	BOARD_NR_DEVICES,
};

struct board {
	struct board_config config; /* its pointers are copies or outlive us */
	char *cmdline;
	struct image firmware; /* fd < 0: none; as all of these */
	struct image kernel;
	struct image initrd[BOARD_MAX_INITRDS];

	struct guest_memory *memory;
	struct timer_queue *timers;
	struct partition *partition;
	struct io_bus *pio;
	struct io_bus *mmio;
	struct pci_bus *pci;
	struct device_env env;
	struct device *dev[BOARD_NR_DEVICES]; /* NULL: not configured */
	struct acpi_tables acpi;
	struct smbios smbios;

	/* Who pulls each GSI: guarded by irq_lock, which is taken with a
	 * device's lock held and before a controller's. */
	pthread_mutex_t irq_lock;
	uint8_t gsi_sources[BOARD_GSIS];
};

/* Write a line of text for the user and return @err. */
int board_fail(char *why, size_t why_size, int err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

extern const struct partition_handlers board_handlers;

/* Make all devices; board_free_devices() undoes it, half-made too. */
int board_new_devices(struct board *b);
void board_free_devices(struct board *b);

/* Fill fw_cfg and CMOS with what firmware wants to know. */
int board_describe(struct board *b);

/* Put what boots into memory and the boot processor at its start: after
 * power-on and after each reset. */
int board_boot(struct board *b, char *why, size_t why_size);
