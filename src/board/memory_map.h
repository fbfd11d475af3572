/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where everything is in the guest-physical address space of lamina-1:
 *
 *   00000000  RAM up to 640 KiB; the last KiB is the EBDA
 *   000a0000  video memory (nothing there)
 *   000c0000  RAM; tables for direct boots at 000e0000, or the firmware's copy
 *   00100000  RAM up to 3 GiB
 *   c0000000  PCI hole
 *   fec00000  IOAPIC; fed00000 HPET; fee00000 local APICs
 *   ff000000  firmware, ending at 4 GiB
 * 1_00000000  the rest of RAM
 */
#pragma once

#include <partition/memory.h>

#define MAP_EBDA        UINT64_C(0x9fc00)
#define MAP_LOW_END     UINT64_C(0xa0000)
#define MAP_SHADOW      UINT64_C(0xc0000)
#define MAP_TABLES      UINT64_C(0xe0000) /* ACPI, for direct boots */
#define MAP_TABLES_SIZE UINT64_C(0x10000)
#define MAP_SMBIOS      UINT64_C(0xf0000) /* and SMBIOS */
#define MAP_SMBIOS_SIZE UINT64_C(0x10000)
#define MAP_HIGH        UINT64_C(0x100000)
#define MAP_HOLE        UINT64_C(0xc0000000)
#define MAP_4G          UINT64_C(0x100000000)
#define MAP_ROM_MAX     UINT64_C(0x1000000)

enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
};

struct e820_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
} __attribute__((packed));

#define E820_MAX 8

/* RAM below 4 GiB ends here. */
uint64_t map_low_top(uint64_t memory_size);

/* Create RAM, and ROM of @rom_size bytes that ends at 4 GiB if not 0. */
int map_create(struct guest_memory **ret, uint64_t memory_size,
	       uint64_t rom_size);

/* The map as a direct boot tells it to the kernel; how many entries. */
unsigned int map_e820(struct e820_entry table[E820_MAX], uint64_t memory_size);
