/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <device/rtc.h>

/* 2024-02-28 23:59:58, a Wednesday before a leap day */
#define START INT64_C(1709164798)

static void start(struct fake *f)
{
	const struct rtc_config config = {.utc = START};

	fake_init(f);
	fake_new(f, &rtc_class, &config);
}

static uint8_t get(struct fake *f, uint8_t index)
{
	out8(f, 0x70, index);
	return in8(f, 0x71);
}

static void put(struct fake *f, uint8_t index, uint8_t v)
{
	out8(f, 0x70, index);
	out8(f, 0x71, v);
}

static void tells_the_time(void **state)
{
	struct fake f;

	start(&f);
	assert_int_equal(get(&f, 0), 0x58);
	assert_int_equal(get(&f, 2), 0x59);
	assert_int_equal(get(&f, 4), 0x23);
	assert_int_equal(get(&f, 6), 4);
	assert_int_equal(get(&f, 7), 0x28);
	assert_int_equal(get(&f, 8), 0x02);
	assert_int_equal(get(&f, 9), 0x24);
	assert_int_equal(get(&f, 0x32), 0x20);
	assert_int_equal(get(&f, 0x0d), 0x80);
	advance(&f, 2 * SECOND);
	assert_int_equal(get(&f, 0), 0);
	assert_int_equal(get(&f, 7), 0x29);
	advance(&f, 24 * 3600 * SECOND);
	assert_int_equal(get(&f, 7), 0x01);
	assert_int_equal(get(&f, 8), 0x03);
	fake_fini(&f);
}

static void binary_and_twelve_hours(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x0b, 0x06);
	assert_int_equal(get(&f, 2), 59);
	assert_int_equal(get(&f, 4), 23);
	put(&f, 0x0b, 0x00);
	assert_int_equal(get(&f, 4), 0x91);
	fake_fini(&f);
}

static void can_be_set(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x0b, 0x82);
	put(&f, 0, 0x30);
	put(&f, 2, 0x15);
	put(&f, 4, 0x08);
	put(&f, 7, 0x31);
	put(&f, 8, 0x12);
	put(&f, 9, 0x99);
	put(&f, 0x32, 0x19);
	advance(&f, 5 * SECOND);
	assert_int_equal(get(&f, 0), 0x30);
	put(&f, 0x0b, 0x02);
	advance(&f, 3 * SECOND);
	assert_int_equal(get(&f, 0), 0x33);
	assert_int_equal(get(&f, 4), 0x08);
	assert_int_equal(get(&f, 9), 0x99);
	assert_int_equal(get(&f, 0x32), 0x19);
	advance(&f, 24 * 3600 * SECOND);
	assert_int_equal(get(&f, 9), 0x00);
	assert_int_equal(get(&f, 0x32), 0x20);
	fake_fini(&f);
}

static void announces_updates(void **state)
{
	struct fake f;

	start(&f);
	assert_int_equal(get(&f, 0x0a) & 0x80, 0);
	advance(&f, SECOND - 100000);
	assert_int_equal(get(&f, 0x0a) & 0x80, 0x80);
	advance(&f, 100000);
	assert_int_equal(get(&f, 0x0a) & 0x80, 0);
	assert_int_equal(get(&f, 0x0c), 0x50); /* update and periodic */
	assert_int_equal(get(&f, 0x0c), 0);
	fake_fini(&f);
}

static void periodic_interrupts(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x0a, 0x2f); /* 2 Hz */
	put(&f, 0x0b, 0x42);
	for (int i = 0; i < 10; i++) {
		advance(&f, SECOND / 2);
		assert_true(f.level[8]);
		assert_int_equal(get(&f, 0x0c) & 0xc0, 0xc0);
		assert_false(f.level[8]);
	}
	assert_int_equal(f.edges[8], 10);
	fake_fini(&f);
}

static void update_and_alarm_interrupts(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 1, 0x05);
	put(&f, 3, 0xff);
	put(&f, 5, 0xff);
	put(&f, 0x0b, 0x22);
	advance(&f, 6 * SECOND);
	assert_int_equal(f.edges[8], 0);
	advance(&f, SECOND);
	assert_int_equal(f.edges[8], 1);
	assert_int_equal(get(&f, 0x0c) & 0xa0, 0xa0);
	put(&f, 0x0b, 0x12);
	advance(&f, SECOND);
	assert_int_equal(get(&f, 0x0c) & 0x90, 0x90);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void survives_nonsense(void **state)
{
	struct fake f;

	start(&f);
	for (unsigned int i = 0; i < 0x80; i++)
		put(&f, (uint8_t)i, 0xff);
	for (unsigned int i = 0; i < 0x80; i++)
		put(&f, (uint8_t)i, (uint8_t)(i * 37));
	advance(&f, 100 * SECOND);
	(void)get(&f, 4);
	fake_fini(&f);
}

static void keeps_what_the_board_left(void **state)
{
	struct fake f;

	start(&f);
	rtc_set_cmos(f.dev, 0x5f, 3);
	rtc_set_cmos(f.dev, 0x0b, 0xff);
	assert_int_equal(get(&f, 0x5f), 3);
	assert_int_equal(get(&f, 0x0b), 0x02);
	device_reset(f.dev);
	assert_int_equal(get(&f, 0x5f), 3);
	assert_int_equal(in8(&f, 0x70), 0xff);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_the_time),
		cmocka_unit_test(binary_and_twelve_hours),
		cmocka_unit_test(can_be_set),
		cmocka_unit_test(announces_updates),
		cmocka_unit_test(periodic_interrupts),
		cmocka_unit_test(update_and_alarm_interrupts),
		cmocka_unit_test(survives_nonsense),
		cmocka_unit_test(keeps_what_the_board_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
