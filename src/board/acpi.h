/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI tables of lamina-1, in one blob whose pointers and checksums are a
 * list of things still to do: done at once when the board places the tables
 * itself, or handed to firmware as a loader script.
 */
#pragma once

#include <base/addr.h>

#include <stddef.h>
#include <stdint.h>

struct device;
struct guest_memory;

#define ACPI_RSDP_SIZE 36
#define ACPI_MAX_SIZE  32768u
#define ACPI_MAX_TODO  48

enum acpi_blob {
	ACPI_BLOB_RSDP,
	ACPI_BLOB_TABLES,
};

struct acpi_todo {
	enum {
		ACPI_POINTER,
		ACPI_CHECKSUM
	} what;
	enum acpi_blob in; /* pointers: always to something in the tables */
	uint32_t offset;   /* of the pointer or the checksum byte */
	uint32_t start;    /* checksum: of the range */
	uint32_t size;     /* pointer: 4 or 8; checksum: of the range */
};

struct acpi_tables {
	uint8_t rsdp[ACPI_RSDP_SIZE];
	uint8_t tables[ACPI_MAX_SIZE];
	uint32_t size;
	struct acpi_todo todo[ACPI_MAX_TODO]; /* in order */
	unsigned int nr_todo;
};

/* Build for @nr_vps processors. */
void acpi_build(struct acpi_tables *t, unsigned int nr_vps);

/* Put them into guest memory: the RSDP at @gpa, tables behind. Negative errno
 * when they do not fit into @size. */
int acpi_place(const struct acpi_tables *t, struct guest_memory *gm,
	       uint64_t gpa, uint64_t size);

/* Offer them as fw_cfg files with a loader script. */
int acpi_offer(const struct acpi_tables *t, struct device *fw_cfg);
