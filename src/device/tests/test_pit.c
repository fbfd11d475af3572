/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <device/pit.h>

static void start(struct fake *f)
{
	fake_init(f);
	fake_new(f, &pit_class, NULL);
}

static uint16_t read16(struct fake *f, uint16_t port)
{
	uint16_t lo = in8(f, port);

	return (uint16_t)(lo | in8(f, port) << 8);
}

static void load(struct fake *f, uint8_t control, uint16_t count)
{
	uint16_t port = (uint16_t)(0x40 + (control >> 6));

	out8(f, 0x43, control);
	out8(f, port, (uint8_t)count);
	out8(f, port, (uint8_t)(count >> 8));
}

static void mode_2_interrupts_periodically(void **state)
{
	struct fake f;

	start(&f);
	load(&f, 0x34, 11932); /* 100 Hz, nearly */
	advance(&f, SECOND);
	assert_in_range(f.edges[0], 99, 101);
	fake_fini(&f);
}

static void mode_3_interrupts_periodically(void **state)
{
	struct fake f;

	start(&f);
	load(&f, 0x36, 0); /* 18.2 Hz */
	f.edges[0] = 0;
	advance(&f, 10 * SECOND);
	assert_in_range(f.edges[0], 181, 183);
	fake_fini(&f);
}

static void mode_0_interrupts_once(void **state)
{
	struct fake f;

	start(&f);
	load(&f, 0x30, 1193); /* 1 ms */
	f.edges[0] = 0;
	assert_false(f.level[0]);
	advance(&f, MS / 2);
	assert_false(f.level[0]);
	out8(&f, 0x43, 0x00);
	assert_in_range(read16(&f, 0x40), 590, 600);
	advance(&f, MS);
	assert_true(f.level[0]);
	assert_int_equal(f.edges[0], 1);
	advance(&f, SECOND);
	assert_int_equal(f.edges[0], 1);
	fake_fini(&f);
}

static void channel_2_obeys_its_gate(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, 0x61, 0);
	load(&f, 0xb0, 11932);
	advance(&f, SECOND);
	assert_int_equal(in8(&f, 0x61) & 0x20, 0);
	out8(&f, 0x61, 1);
	advance(&f, 5 * MS);
	assert_int_equal(in8(&f, 0x61) & 0x20, 0);
	advance(&f, 6 * MS);
	assert_int_equal(in8(&f, 0x61) & 0x20, 0x20);
	fake_fini(&f);
}

static void mode_1_is_triggered_by_the_gate(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, 0x61, 0);
	load(&f, 0xb2, 1193);
	advance(&f, SECOND);
	assert_int_equal(in8(&f, 0x61) & 0x20, 0x20);
	out8(&f, 0x61, 1);
	assert_int_equal(in8(&f, 0x61) & 0x20, 0);
	advance(&f, 2 * MS);
	assert_int_equal(in8(&f, 0x61) & 0x20, 0x20);
	fake_fini(&f);
}

static void read_back_latches(void **state)
{
	struct fake f;
	uint16_t v;

	start(&f);
	load(&f, 0x34, 10000);
	advance(&f, MS);
	out8(&f, 0x43, 0xc2); /* status and count of channel 0 */
	advance(&f, MS);
	assert_int_equal(in8(&f, 0x40), 0xb4);
	v = read16(&f, 0x40);
	assert_in_range(v, 10000 - 1195, 10000 - 1190);
	/* and then live again */
	v = read16(&f, 0x40);
	assert_in_range(v, 10000 - 2390, 10000 - 2380);
	fake_fini(&f);
}

static void counts_in_bcd(void **state)
{
	struct fake f;

	start(&f);
	load(&f, 0x35, 0x5000);
	out8(&f, 0x43, 0x00);
	assert_int_equal(read16(&f, 0x40), 0x5000);
	advance(&f, MS);
	out8(&f, 0x43, 0x00);
	assert_in_range(read16(&f, 0x40), 0x3800, 0x3810);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void a_loaded_timer_goes_on(void **state)
{
	uint8_t record[4096];
	struct fake f;
	int64_t n;

	start(&f);
	load(&f, 0x34, 11932);
	n = device_save(f.dev, record, sizeof(record));
	device_reset(f.dev);
	f.edges[0] = 0;
	advance(&f, SECOND);
	assert_int_equal(f.edges[0], 0);
	assert_int_equal(device_load(f.dev, record, (size_t)n), n);
	f.edges[0] = 0;
	advance(&f, SECOND);
	assert_in_range(f.edges[0], 99, 101);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mode_2_interrupts_periodically),
		cmocka_unit_test(mode_3_interrupts_periodically),
		cmocka_unit_test(mode_0_interrupts_once),
		cmocka_unit_test(channel_2_obeys_its_gate),
		cmocka_unit_test(mode_1_is_triggered_by_the_gate),
		cmocka_unit_test(read_back_latches),
		cmocka_unit_test(counts_in_bcd),
		cmocka_unit_test(a_loaded_timer_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
