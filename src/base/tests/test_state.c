/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Field tables: what is written, what is read back, what is refused. */
#include <base/state.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sample {
	uint8_t small;
	uint64_t big;
	uint16_t list[3];
	uint32_t later; /* since version 2 */
};

static const struct state_field fields[] = {
	STATE_FIELD(struct sample, small, 1),
	STATE_FIELD(struct sample, big, 1),
	STATE_ARRAY(struct sample, list, 1),
	STATE_FIELD(struct sample, later, 2),
};

static int check(const void *state)
{
	const struct sample *s = state;

	return s->small > 100 ? -EINVAL : 0;
}

static const struct state_desc desc =
	STATE_DESC(struct sample, "test/sample", 2, fields, check);

static const struct sample sample = {
	.small = 7,
	.big = 0x0123456789abcdef,
	.list = {1, 2, 0xfffe},
	.later = 99,
};

/* Name length and name, version, payload length, payload. */
static const uint8_t wire[] = {
	11,  0,   0,    0,    't',  'e',  's',  't',  '/',  's',  'a',
	'm', 'p', 'l',  'e',  2,    0,    0,    0,    19,   0,    0,
	0,   7,   0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 1,
	0,   2,   0,    0xfe, 0xff, 99,   0,    0,    0,
};
#define HEAD 23 /* bytes before the payload */

static void test_bytes(void **state)
{
	uint8_t buf[64];

	assert_int_equal(state_size(&desc), sizeof(wire));
	assert_int_equal(state_save(&desc, &sample, buf, sizeof(buf)),
			 sizeof(wire));
	assert_memory_equal(buf, wire, sizeof(wire));
	assert_int_equal(state_save(&desc, &sample, buf, sizeof(wire) - 1),
			 -ENOSPC);
}

static void test_round_trip(void **state)
{
	struct sample s = {0}, scratch;

	assert_int_equal(state_load(&desc, &s, wire, sizeof(wire), &scratch),
			 sizeof(wire));
	assert_int_equal(s.small, 7);
	assert_int_equal(s.big, sample.big);
	assert_memory_equal(s.list, sample.list, sizeof(s.list));
	assert_int_equal(s.later, 99);
}

static void test_older(void **state)
{
	struct sample s = {.later = 55}, scratch;
	uint8_t old[sizeof(wire) - 4];

	memcpy(old, wire, sizeof(old));
	old[15] = 1;
	old[19] = 15;
	assert_int_equal(state_load(&desc, &s, old, sizeof(old), &scratch),
			 sizeof(old));
	assert_int_equal(s.small, 7);
	assert_int_equal(s.later, 55); /* the default that the caller gave */
}

/* Not memcmp: a copied struct need not have its padding copied. */
static void assert_untouched(const struct sample *s)
{
	assert_int_equal(s->small, sample.small);
	assert_int_equal(s->big, sample.big);
	assert_memory_equal(s->list, sample.list, sizeof(s->list));
	assert_int_equal(s->later, sample.later);
}

static int64_t load_changed(size_t at, uint8_t value)
{
	struct sample s, scratch;
	uint8_t buf[sizeof(wire)];
	int64_t n;

	memcpy(&s, &sample, sizeof(s)); /* padding as well */
	memcpy(buf, wire, sizeof(buf));
	buf[at] = value;
	n = state_load(&desc, &s, buf, sizeof(buf), &scratch);
	if (n < 0)
		assert_untouched(&s);
	return n;
}

static void test_refused(void **state)
{
	assert_int_equal(load_changed(4, 'T'), -ENOENT);
	assert_int_equal(load_changed(0, 10), -ENOENT);
	assert_int_equal(load_changed(0, 0), -EINVAL);
	assert_int_equal(load_changed(3, 0xff), -EINVAL); /* huge name */
	assert_int_equal(load_changed(15, 3), -EPROTO);
	assert_int_equal(load_changed(18, 1), -EPROTO);
	assert_int_equal(load_changed(15, 0), -EINVAL);
	assert_int_equal(load_changed(15, 1), -EINVAL); /* length of 2 */
	assert_int_equal(load_changed(19, 18), -EINVAL);
	assert_int_equal(load_changed(22, 0x80), -EINVAL);
	assert_int_equal(load_changed(HEAD, 101), -EINVAL); /* check() */
	assert_int_equal(load_changed(HEAD, 100), sizeof(wire));
}

/* Cut anywhere; the copy ends where its heap block ends. */
static void test_truncated(void **state)
{
	for (size_t n = 0; n < sizeof(wire); n++) {
		uint8_t *cut = malloc(n ? n : 1);
		struct sample s, scratch;

		memcpy(&s, &sample, sizeof(s));
		memcpy(cut, wire, n);
		assert_int_equal(state_load(&desc, &s, cut, n, &scratch),
				 -EINVAL);
		assert_untouched(&s);
		free(cut);
	}
}

_Noreturn void base_bug(const char *file, int line, const char *what);

_Noreturn void base_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
