/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory: ranges, spans and their announcement, and what it costs. */
#include <partition/memory.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB UINT64_C(0x100000)
#define TIB UINT64_C(0x10000000000)

static struct {
	unsigned int begins, ends;
	uint64_t gpa, len;
} heard;

static void begin(struct guest_memory_listener *l, gpa_t gpa, uint64_t len)
{
	heard.begins++;
	heard.gpa = gpa.v;
	heard.len = len;
}

static void end(struct guest_memory_listener *l, gpa_t gpa, uint64_t len)
{
	assert_int_equal(heard.begins, heard.ends + 1);
	heard.ends++;
}

static struct guest_memory_listener listener = {begin, end};

static struct guest_memory *machine(void)
{
	struct guest_memory *gm;

	assert_int_equal(guest_memory_new(&gm), 0);
	assert_int_equal(guest_memory_add(gm, GPA(0), MIB, false), 0);
	assert_int_equal(guest_memory_add(gm, GPA(4 * MIB), MIB, false), 0);
	assert_int_equal(guest_memory_add(gm, GPA(MIB), MIB, true), 0);
	assert_int_equal(guest_memory_listen(gm, &listener), 0);
	memset(&heard, 0, sizeof(heard));
	return gm;
}

static void test_ranges(void **state)
{
	struct guest_memory *gm = machine();
	const struct guest_memory_range *r;
	size_t n;

	assert_int_equal(guest_memory_add(gm, GPA(1), MIB, false), -EINVAL);
	assert_int_equal(guest_memory_add(gm, GPA(8 * MIB), 1, false), -EINVAL);
	assert_int_equal(guest_memory_add(gm, GPA(8 * MIB), 0, false), -EINVAL);
	assert_int_equal(guest_memory_add(gm, GPA(3 * MIB), 2 * MIB, false),
			 -EINVAL);
	assert_int_equal(guest_memory_add(gm, GPA(MIB / 2), MIB / 2, false),
			 -EINVAL);
	assert_int_equal(guest_memory_add(gm, GPA(-MIB), 2 * MIB, false),
			 -EINVAL);
	r = guest_memory_ranges(gm, &n);
	assert_int_equal(n, 3);
	for (size_t i = 1; i < n; i++)
		assert_true(r[i - 1].gpa.v < r[i].gpa.v);
	assert_true(r[1].readonly);
	for (uint64_t i = n; i < GUEST_MEMORY_RANGES; i++)
		assert_int_equal(
			guest_memory_add(gm, GPA((8 + i) * MIB), MIB, false),
			0);
	assert_int_equal(guest_memory_add(gm, GPA(64 * MIB), MIB, false),
			 -ENOSPC);
	guest_memory_free(gm);
	guest_memory_free(NULL);
}

static void test_read_write(void **state)
{
	struct guest_memory *gm = machine();
	char text[] = "across the border", back[sizeof(text)];
	uint64_t at = MIB - 5;

	/* Two ranges, one announcement for each. */
	assert_int_equal(guest_memory_write(gm, GPA(at), text, sizeof(text)),
			 0);
	assert_int_equal(heard.begins, 2);
	assert_int_equal(heard.ends, 2);
	assert_int_equal(heard.gpa, MIB);
	assert_int_equal(heard.len, sizeof(text) - 5);
	assert_int_equal(guest_memory_read(gm, GPA(at), back, sizeof(back)), 0);
	assert_string_equal(back, text);

	/* Half outside: nothing at all happens. */
	memset(back, 'x', sizeof(back));
	assert_int_equal(
		guest_memory_read(gm, GPA(2 * MIB - 4), back, sizeof(back)),
		-EFAULT);
	assert_int_equal(back[0], 'x');
	assert_int_equal(
		guest_memory_write(gm, GPA(2 * MIB - 4), text, sizeof(text)),
		-EFAULT);
	assert_int_equal(heard.begins, 2);
	assert_int_equal(guest_memory_read(gm, GPA(UINT64_MAX), back, 2),
			 -EFAULT);
	assert_int_equal(guest_memory_read(gm, GPA(3 * MIB), back, 0), 0);
	guest_memory_free(gm);
}

static void test_spans(void **state)
{
	struct guest_memory *gm = machine();
	const uint8_t bytes[] = {1, 2, 3, 4};
	const uint8_t *seen;
	uint8_t *span;

	seen = guest_memory_peek(gm, GPA(4 * MIB), MIB);
	assert_non_null(seen);
	assert_null(guest_memory_peek(gm, GPA(4 * MIB), MIB + 1));
	assert_null(guest_memory_peek(gm, GPA(3 * MIB), 1));
	assert_null(guest_memory_write_begin(gm, GPA(MIB - 1), 2));
	assert_int_equal(heard.begins, 0);

	span = guest_memory_write_begin(gm, GPA(4 * MIB + 16), 4);
	assert_non_null(span);
	assert_int_equal(heard.gpa, 4 * MIB + 16);
	memcpy(span, bytes, 4);
	guest_memory_write_end(gm, GPA(4 * MIB + 16), 4);
	assert_int_equal(heard.ends, 1);
	assert_memory_equal(seen + 16, bytes, 4);

	guest_memory_unlisten(gm, &listener);
	assert_int_equal(guest_memory_write(gm, GPA(0), "z", 1), 0);
	assert_int_equal(heard.begins, 1);
	guest_memory_free(gm);
}

/* A write that was not announced does not happen: the writer dies. */
static void test_bypass_faults(void **state)
{
	struct guest_memory *gm = machine();
	const uint8_t *seen = guest_memory_peek(gm, GPA(0), 16);
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		*(volatile uint8_t *)(uintptr_t)seen = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_int_equal(seen[0], 0);
	guest_memory_free(gm);
}

static long resident_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

static void test_tebibyte(void **state)
{
	struct guest_memory *gm;
	long before = resident_kib();
	uint8_t last = 0;

	assert_int_equal(guest_memory_new(&gm), 0);
	assert_int_equal(guest_memory_add(gm, GPA(0), TIB, false), 0);
	assert_int_equal(guest_memory_write(gm, GPA(TIB - 1), "\x7f", 1), 0);
	assert_int_equal(guest_memory_read(gm, GPA(TIB - 1), &last, 1), 0);
	assert_int_equal(last, 0x7f);
	/* One huge page in two mappings at the very most, and page tables. */
	assert_true(resident_kib() - before < 8192);
	guest_memory_free(gm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_read_write),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_bypass_faults),
		cmocka_unit_test(test_tebibyte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
