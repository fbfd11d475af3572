/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory map as ranges of guest memory and as an e820 table. */
#include "memory_map.h"

uint64_t map_low_top(uint64_t memory_size)
{
	return memory_size < MAP_HOLE ? memory_size : MAP_HOLE;
}

static int add(struct guest_memory *gm, uint64_t from, uint64_t to,
	       bool readonly)
{
	if (from >= to)
		return 0;
	return guest_memory_add(gm, GPA(from), to - from, readonly);
}

int map_create(struct guest_memory **ret, uint64_t memory_size,
	       uint64_t rom_size)
{
	uint64_t low = map_low_top(memory_size);
	struct guest_memory *gm;
	int err;

	err = guest_memory_new(&gm);
	if (err < 0)
		return err;
	err = add(gm, 0, MAP_LOW_END, false);
	if (!err)
		err = add(gm, MAP_SHADOW, low, false);
	if (!err)
		err = add(gm, MAP_4G - rom_size, MAP_4G, true);
	if (!err)
		err = add(gm, MAP_4G, MAP_4G + (memory_size - low), false);
	if (err < 0) {
		guest_memory_free(gm);
		return err;
	}
	*ret = gm;
	return 0;
}

unsigned int map_e820(struct e820_entry table[E820_MAX], uint64_t memory_size)
{
	uint64_t low = map_low_top(memory_size);
	unsigned int n = 0;

	table[n++] = (struct e820_entry){0, MAP_EBDA, E820_RAM};
	table[n++] = (struct e820_entry){MAP_EBDA, MAP_LOW_END - MAP_EBDA,
					 E820_RESERVED};
	table[n++] = (struct e820_entry){MAP_TABLES, MAP_HIGH - MAP_TABLES,
					 E820_RESERVED};
	table[n++] = (struct e820_entry){MAP_HIGH, low - MAP_HIGH, E820_RAM};
	table[n++] = (struct e820_entry){MAP_4G - MAP_ROM_MAX, MAP_ROM_MAX,
					 E820_RESERVED};
	if (memory_size > low)
		table[n++] = (struct e820_entry){MAP_4G, memory_size - low,
						 E820_RAM};
	return n;
}
