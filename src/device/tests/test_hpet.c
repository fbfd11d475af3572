/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <device/hpet.h>

static bool legacy;

static void set_legacy(void *ctx, bool on)
{
	legacy = on;
}

static uint64_t get(struct fake *f, uint64_t reg)
{
	return io_bus_read(f->env.mmio, HPET_BASE + reg, 8);
}

static void put(struct fake *f, uint64_t reg, uint64_t v)
{
	io_bus_write(f->env.mmio, HPET_BASE + reg, 8, v);
}

static void start(struct fake *f)
{
	const struct hpet_config config = {set_legacy, NULL};

	legacy = false;
	fake_init(f);
	fake_new(f, &hpet_class, &config);
}

static void counts_when_enabled(void **state)
{
	struct fake f;

	start(&f);
	assert_int_equal(get(&f, 0), 0x009896808086a201);
	assert_int_equal(io_bus_read(f.env.mmio, HPET_BASE + 4, 4), 0x989680);
	advance(&f, MS);
	assert_int_equal(get(&f, 0xf0), 0);
	put(&f, 0x10, 1);
	advance(&f, MS);
	assert_int_equal(get(&f, 0xf0), 100000);
	put(&f, 0x10, 0);
	advance(&f, MS);
	assert_int_equal(get(&f, 0xf0), 100000);
	put(&f, 0xf0, 5);
	put(&f, 0x10, 1);
	advance(&f, MS);
	assert_int_equal(get(&f, 0xf0), 100005);
	fake_fini(&f);
}

static void one_shot_by_legacy(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x10, 3);
	assert_true(legacy);
	put(&f, 0x100, 0x104);
	put(&f, 0x108, get(&f, 0xf0) + 100000);
	advance(&f, MS - 100);
	assert_int_equal(f.edges[0], 0);
	advance(&f, 200);
	assert_int_equal(f.edges[0], 1);
	advance(&f, SECOND);
	assert_int_equal(f.edges[0], 1);
	/* 32 bits come around in 43 seconds */
	advance(&f, 42 * SECOND);
	assert_int_equal(f.edges[0], 2);
	device_reset(f.dev);
	assert_false(legacy);
	fake_fini(&f);
}

static void periodic(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x10, 3);
	put(&f, 0x120, 0x4c); /* enabled, periodic, set value */
	put(&f, 0x128, 100000);
	put(&f, 0x128, 50000);
	advance(&f, 10 * MS + 1);
	assert_int_equal(f.edges[8], 19);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void level_by_route(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x140, 20 << 9 | 0x6);
	put(&f, 0x148, 1000);
	put(&f, 0x10, 1);
	advance(&f, MS);
	assert_true(f.level[20]);
	assert_int_equal(get(&f, 0x20), 4);
	put(&f, 0x20, 4);
	assert_false(f.level[20]);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_when_enabled),
		cmocka_unit_test(one_shot_by_legacy),
		cmocka_unit_test(periodic),
		cmocka_unit_test(level_by_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
