/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static uint64_t seen_off, seen_value;
static unsigned int seen_width, calls;

static uint64_t echo_read(void *ctx, uint64_t off, unsigned int width)
{
	calls++;
	return UINT64_C(0x1111111111111111) * (off + 1);
}

static void echo_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	calls++;
	seen_off = off;
	seen_width = width;
	seen_value = v;
}

static struct io_region region(uint64_t base, uint64_t size)
{
	return (struct io_region){.base = base,
				  .size = size,
				  .read = echo_read,
				  .write = echo_write,
				  .name = "echo"};
}

static void nobody_reads_ones(void **state)
{
	struct io_bus *bus;

	assert_int_equal(io_bus_new(&bus), 0);
	assert_int_equal(io_bus_read(bus, 0x80, 1), 0xff);
	assert_int_equal(io_bus_read(bus, 0x80, 4), 0xffffffff);
	assert_true(io_bus_read(bus, UINT64_MAX - 3, 8) == UINT64_MAX);
	io_bus_write(bus, 0x80, 8, 1);
	io_bus_free(bus);
}

static void finds_the_region(void **state)
{
	struct io_region a = region(0x100, 4);
	struct io_region b = region(0x104, 8);
	struct io_bus *bus;

	assert_int_equal(io_bus_new(&bus), 0);
	assert_int_equal(io_bus_add(bus, &b), 0);
	assert_int_equal(io_bus_add(bus, &a), 0);
	assert_int_equal(io_bus_read(bus, 0x101, 1), 0x22);
	assert_int_equal(io_bus_read(bus, 0x104, 2), 0x1111);
	io_bus_write(bus, 0x106, 2, 0x12345);
	assert_int_equal(seen_off, 2);
	assert_int_equal(seen_width, 2);
	assert_int_equal(seen_value, 0x2345);
	io_bus_remove(bus, &a);
	io_bus_remove(bus, &a);
	assert_int_equal(io_bus_read(bus, 0x101, 1), 0xff);
	io_bus_free(bus);
}

static void splits_what_crosses(void **state)
{
	struct io_region a = region(0x100, 4);
	struct io_region b = region(0x104, 4);
	struct io_bus *bus;

	a.max_width = 1;
	assert_int_equal(io_bus_new(&bus), 0);
	assert_int_equal(io_bus_add(bus, &a), 0);
	assert_int_equal(io_bus_add(bus, &b), 0);
	assert_int_equal(io_bus_read(bus, 0x100, 4), 0x44332211);
	assert_int_equal(io_bus_read(bus, 0x102, 4), 0x11114433);
	/* the end of the last region and nobody behind */
	assert_int_equal(io_bus_read(bus, 0x106, 4), 0xffff3333);
	io_bus_free(bus);
}

static void refuses_overlaps(void **state)
{
	struct io_region a = region(0x100, 4);
	struct io_region b = region(0x103, 1);
	struct io_region c = region(0xf0, 0x11);
	struct io_region empty = region(0x200, 0);
	struct io_region wraps = region(UINT64_MAX, 2);
	struct io_region last = region(UINT64_MAX, 1);
	struct io_bus *bus;

	assert_int_equal(io_bus_new(&bus), 0);
	assert_int_equal(io_bus_add(bus, &a), 0);
	assert_int_equal(io_bus_add(bus, &a), -EEXIST);
	assert_int_equal(io_bus_add(bus, &b), -EEXIST);
	assert_int_equal(io_bus_add(bus, &c), -EEXIST);
	assert_int_equal(io_bus_add(bus, &empty), -EINVAL);
	assert_int_equal(io_bus_add(bus, &wraps), -EINVAL);
	assert_int_equal(io_bus_add(bus, &last), 0);
	io_bus_free(bus);
}

static void has_a_limit(void **state)
{
	static struct io_region r[IO_BUS_MAX_REGIONS + 1];
	struct io_bus *bus;

	assert_int_equal(io_bus_new(&bus), 0);
	for (unsigned int i = 0; i <= IO_BUS_MAX_REGIONS; i++) {
		r[i] = region(0x1000 - i * 16, 8);
		assert_int_equal(io_bus_add(bus, &r[i]),
				 i < IO_BUS_MAX_REGIONS ? 0 : -ENOSPC);
	}
	io_bus_free(bus);
}

static void strings_without_handlers_repeat(void **state)
{
	struct io_region a = region(0x100, 4);
	uint16_t data[3] = {1, 2, 3};
	struct io_bus *bus;

	assert_int_equal(io_bus_new(&bus), 0);
	assert_int_equal(io_bus_add(bus, &a), 0);
	calls = 0;
	io_bus_write_many(bus, 0x100, 2, data, 3);
	assert_int_equal(calls, 3);
	assert_int_equal(seen_value, 3);
	io_bus_read_many(bus, 0x100, 2, data, 3);
	assert_int_equal(data[2], 0x1111);
	io_bus_free(bus);
}

static struct io_bus *shared;
static bool stop;

static void *reader(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		(void)io_bus_read(shared, 0x100, 4);
	return NULL;
}

/* A region that has been removed may be freed: no reader is in it. */
static void removes_under_readers(void **state)
{
	pthread_t t[2];

	assert_int_equal(io_bus_new(&shared), 0);
	stop = false;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, NULL), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		struct io_region *r = malloc(sizeof(*r));

		*r = region(0x100, 4);
		assert_int_equal(io_bus_add(shared, r), 0);
		io_bus_remove(shared, r);
		free(r);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	io_bus_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_reads_ones),
		cmocka_unit_test(finds_the_region),
		cmocka_unit_test(splits_what_crosses),
		cmocka_unit_test(refuses_overlaps),
		cmocka_unit_test(has_a_limit),
		cmocka_unit_test(strings_without_handlers_repeat),
		cmocka_unit_test(removes_under_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
