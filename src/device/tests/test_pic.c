/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <device/pic.h>

static bool intr;

static void set_intr(void *ctx, bool level)
{
	intr = level;
}

static void start(struct fake *f)
{
	const struct pic_config config = {set_intr, NULL};
	static const uint8_t init[4] = {0x11, 0x20, 0x04, 0x01};

	fake_init(f);
	fake_new(f, &pic_class, &config);
	out8(f, 0x20, init[0]);
	out8(f, 0xa0, init[0]);
	out8(f, 0x21, 0x20);
	out8(f, 0xa1, 0x28);
	out8(f, 0x21, 0x04);
	out8(f, 0xa1, 0x02);
	out8(f, 0x21, init[3]);
	out8(f, 0xa1, init[3]);
}

static void serves_by_priority(void **state)
{
	struct fake f;

	start(&f);
	assert_false(intr);
	pic_set_irq(f.dev, 4, true);
	pic_set_irq(f.dev, 1, true);
	assert_true(intr);
	assert_int_equal(pic_ack(f.dev), 0x21);
	/* 4 waits for the end of 1 */
	assert_false(intr);
	out8(&f, 0x20, 0x0b);
	assert_int_equal(in8(&f, 0x20), 0x02);
	out8(&f, 0x20, 0x20);
	assert_true(intr);
	assert_int_equal(pic_ack(f.dev), 0x24);
	out8(&f, 0x20, 0x64);
	assert_false(intr);
	fake_fini(&f);
}

static void an_edge_counts_once(void **state)
{
	struct fake f;

	start(&f);
	pic_set_irq(f.dev, 5, true);
	assert_int_equal(pic_ack(f.dev), 0x25);
	out8(&f, 0x20, 0x20);
	assert_false(intr);
	pic_set_irq(f.dev, 5, false);
	pic_set_irq(f.dev, 5, true);
	assert_true(intr);
	fake_fini(&f);
}

static void a_level_stays_until_lowered(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, 0x4d0, 0xff);
	assert_int_equal(in8(&f, 0x4d0), 0xf8);
	pic_set_irq(f.dev, 5, true);
	assert_int_equal(pic_ack(f.dev), 0x25);
	out8(&f, 0x20, 0x20);
	assert_true(intr);
	pic_set_irq(f.dev, 5, false);
	assert_false(intr);
	fake_fini(&f);
}

static void the_slave_cascades(void **state)
{
	struct fake f;

	start(&f);
	pic_set_irq(f.dev, 8, true);
	assert_true(intr);
	assert_int_equal(pic_ack(f.dev), 0x28);
	assert_false(intr);
	/* a lower one on the slave waits, a higher master one does not */
	pic_set_irq(f.dev, 12, true);
	assert_false(intr);
	pic_set_irq(f.dev, 0, true);
	assert_int_equal(pic_ack(f.dev), 0x20);
	out8(&f, 0x20, 0x20);
	out8(&f, 0xa0, 0x20);
	out8(&f, 0x20, 0x20);
	assert_int_equal(pic_ack(f.dev), 0x2c);
	fake_fini(&f);
}

static void masks_and_spurious(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, 0x21, 0x02);
	pic_set_irq(f.dev, 1, true);
	assert_false(intr);
	assert_int_equal(pic_ack(f.dev), 0x27);
	out8(&f, 0x20, 0x0a);
	assert_int_equal(in8(&f, 0x20), 0x02);
	out8(&f, 0x21, 0);
	assert_true(intr);
	fake_fini(&f);
}

static void rotates_and_polls(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, 0x20, 0xc3); /* 3 is lowest: 4 is highest */
	pic_set_irq(f.dev, 3, true);
	pic_set_irq(f.dev, 4, true);
	assert_int_equal(pic_ack(f.dev), 0x24);
	out8(&f, 0x20, 0x20);
	out8(&f, 0x20, 0x0c);
	assert_int_equal(in8(&f, 0x20), 0x83);
	fake_round_trip(&f);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_by_priority),
		cmocka_unit_test(an_edge_counts_once),
		cmocka_unit_test(a_level_stays_until_lowered),
		cmocka_unit_test(the_slave_cascades),
		cmocka_unit_test(masks_and_spurious),
		cmocka_unit_test(rotates_and_polls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
