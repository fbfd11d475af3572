/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS 2.8 tables of lamina-1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device;
struct guest_memory;

#define SMBIOS_ANCHOR_SIZE 31u
#define SMBIOS_MAX_SIZE    16384u

struct smbios_config {
	const char *name;    /* of the machine; may be NULL */
	const uint8_t *uuid; /* 16 bytes in the byte order of RFC 4122 */
	unsigned int nr_vps;
	uint64_t memory_size;
	/*
	 * Use the names by which guests know Hyper-V. Stock ata_piix gives up
	 * its disks to storvsc when it sees them, whether there is a VMBus or
	 * not: set it only when the disks are on VMBus too.
	 */
	bool hyperv_names;
};

struct smbios {
	uint8_t anchor[SMBIOS_ANCHOR_SIZE]; /* without address and checksum */
	uint8_t tables[SMBIOS_MAX_SIZE];
	uint32_t size;
};

void smbios_build(struct smbios *s, const struct smbios_config *config);

/* Put anchor and tables into guest memory below 4 GiB at @gpa, which is a
 * multiple of 16. -ENOSPC when larger than @size. */
int smbios_place(const struct smbios *s, struct guest_memory *gm, uint64_t gpa,
		 uint64_t size);

/* Offer them as fw_cfg files. */
int smbios_offer(const struct smbios *s, struct device *fw_cfg);
