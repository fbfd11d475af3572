/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PIIX3's IDE function (0:1.1): two channels of two drives, ATA disks and
 * ATAPI CD-ROMs, with bus-master DMA. */
#pragma once

#include <device/device.h>

#define IDE_CHANNELS 2
#define IDE_UNITS    2

struct disk;

struct ide_drive_config {
	struct disk *disk; /* borrowed; NULL: nothing there */
	bool cdrom;
};

struct ide_config {
	struct ide_drive_config drive[IDE_CHANNELS][IDE_UNITS];
};

/* Disk requests must be drained before reset, save and free. */
extern const struct device_class ide_class;
