/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <device/uart.h>

#include <string.h>

#define BASE 0x3f8

static uint8_t sent[16384];
static size_t nr_sent;
static size_t room;
static unsigned int ready_calls;

static size_t backend_write(void *ctx, const uint8_t *data, size_t len)
{
	size_t n = len < room ? len : room;

	memcpy(sent + nr_sent, data, n);
	nr_sent += n;
	room -= n;
	return n;
}

static void backend_ready(void *ctx)
{
	ready_calls++;
}

static void start(struct fake *f)
{
	const struct uart_config config = {
		BASE, 4, {backend_write, backend_ready, NULL}};

	nr_sent = 0;
	room = sizeof(sent);
	ready_calls = 0;
	fake_init(f);
	fake_new(f, &uart_class, &config);
	out8(f, BASE + 4, 0x0b);
}

static void sends_by_lines_and_by_time(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, BASE, 'a');
	assert_int_equal(nr_sent, 0);
	out8(&f, BASE, '\n');
	assert_int_equal(nr_sent, 2);
	out8(&f, BASE, 'b');
	advance(&f, 10 * MS);
	assert_int_equal(nr_sent, 3);
	assert_int_equal(in8(&f, BASE + 5), 0x60);
	fake_fini(&f);
}

static void a_full_backend_holds_the_guest(void **state)
{
	struct fake f;
	unsigned int n = 0;

	start(&f);
	room = 10;
	while ((in8(&f, BASE + 5) & 0x20) && n < 100000) {
		out8(&f, BASE, (uint8_t)n);
		n++;
	}
	assert_in_range(n, 4096, 4106);
	out8(&f, BASE, 0);
	assert_int_equal(nr_sent, 10);
	out8(&f, BASE + 1, 0x02);
	assert_false(f.level[4]);
	room = sizeof(sent) - nr_sent;
	advance(&f, 50 * MS);
	assert_int_equal(nr_sent, n);
	assert_int_equal(in8(&f, BASE + 5) & 0x20, 0x20);
	assert_true(f.level[4]);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(sent[i], (uint8_t)i);
	fake_fini(&f);
}

static void receives_through_the_fifo(void **state)
{
	struct fake f;
	uint8_t data[40];

	start(&f);
	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i + 1);
	out8(&f, BASE + 2, 0xc1);
	out8(&f, BASE + 1, 0x01);
	assert_int_equal(uart_input(f.dev, data, 1), 1);
	assert_true(f.level[4]);
	assert_int_equal(in8(&f, BASE + 2), 0xcc); /* below the trigger */
	assert_int_equal(uart_input(f.dev, data + 1, 39), 39);
	assert_int_equal(in8(&f, BASE + 2), 0xc4);
	for (unsigned int i = 0; i < sizeof(data); i++) {
		assert_int_equal(in8(&f, BASE + 5) & 1, 1);
		assert_int_equal(in8(&f, BASE), i + 1);
	}
	assert_int_equal(in8(&f, BASE + 5) & 1, 0);
	assert_false(f.level[4]);
	fake_fini(&f);
}

static void input_is_bounded(void **state)
{
	static uint8_t data[10000];
	struct fake f;
	size_t n;

	start(&f);
	n = uart_input(f.dev, data, sizeof(data));
	assert_in_range(n, 4096, 4112);
	n = uart_input(f.dev, data, sizeof(data));
	assert_true(n <= 1);
	(void)in8(&f, BASE);
	assert_true(ready_calls > 0);
	fake_fini(&f);
}

static void clearing_the_fifo_loses_sixteen(void **state)
{
	static uint8_t data[20];
	struct fake f;

	start(&f);
	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	out8(&f, BASE + 2, 0x01);
	assert_int_equal(uart_input(f.dev, data, 20), 20);
	out8(&f, BASE + 2, 0x03);
	assert_int_equal(in8(&f, BASE), 16);
	fake_fini(&f);
}

static void transmitter_interrupt(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, BASE + 1, 0x02);
	assert_true(f.level[4]);
	assert_int_equal(in8(&f, BASE + 2), 0x02);
	assert_false(f.level[4]);
	assert_int_equal(in8(&f, BASE + 2), 0x01);
	out8(&f, BASE, 'x');
	assert_true(f.level[4]);
	out8(&f, BASE + 4, 0x03); /* OUT2 gates */
	assert_false(f.level[4]);
	fake_fini(&f);
}

static void loops_back(void **state)
{
	struct fake f;

	start(&f);
	assert_int_equal(in8(&f, BASE + 6), 0xb0);
	out8(&f, BASE + 4, 0x1a);
	assert_int_equal(in8(&f, BASE + 6) & 0xf0, 0x90);
	out8(&f, BASE, 0x5a);
	assert_int_equal(in8(&f, BASE + 5) & 1, 1);
	assert_int_equal(in8(&f, BASE), 0x5a);
	advance(&f, 100 * MS);
	assert_int_equal(nr_sent, 0);
	/* without FIFO the second byte is an overrun */
	out8(&f, BASE, 1);
	out8(&f, BASE, 2);
	assert_int_equal(in8(&f, BASE + 5) & 2, 2);
	assert_int_equal(in8(&f, BASE + 5) & 2, 0);
	fake_fini(&f);
}

static void divisor_and_scratch(void **state)
{
	struct fake f;

	start(&f);
	out8(&f, BASE + 3, 0x83);
	out8(&f, BASE, 0x34);
	out8(&f, BASE + 1, 0x12);
	assert_int_equal(in8(&f, BASE), 0x34);
	assert_int_equal(in8(&f, BASE + 1), 0x12);
	out8(&f, BASE + 3, 0x03);
	out8(&f, BASE + 7, 0x77);
	assert_int_equal(in8(&f, BASE + 7), 0x77);
	assert_int_equal(nr_sent, 0);
	fake_round_trip(&f);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_by_lines_and_by_time),
		cmocka_unit_test(a_full_backend_holds_the_guest),
		cmocka_unit_test(receives_through_the_fifo),
		cmocka_unit_test(input_is_bounded),
		cmocka_unit_test(clearing_the_fifo_loses_sixteen),
		cmocka_unit_test(transmitter_interrupt),
		cmocka_unit_test(loops_back),
		cmocka_unit_test(divisor_and_scratch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
