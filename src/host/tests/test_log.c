/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest text cannot reach the log unescaped, whatever its length. */
#include <host/log.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_escape(void **state)
{
	char out[64];

	log_escape(out, sizeof(out), "a\x1b[31m\\\n", 8);
	assert_string_equal(out, "a\\x1b[31m\\x5c\\x0a");
}

static void test_escape_bounds(void **state)
{
	char out[16];

	for (size_t size = 1; size <= sizeof(out); size++) {
		memset(out, 'Z', sizeof(out));
		log_escape(out, size, "\x01\x02\x03\x04\x05", 5);
		assert_true(strnlen(out, size) < size);
		for (size_t i = size; i < sizeof(out); i++)
			assert_int_equal(out[i], 'Z');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
