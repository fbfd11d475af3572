/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers fire once, in order, on time, and stand still while paused. */
#include <host/timer_queue.h>

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char order[16];
static unsigned int fired;

static void note(void *ctx)
{
	order[fired++] = *(const char *)ctx;
}

static struct timer_queue *manual(void)
{
	struct timer_queue *q;

	fired = 0;
	assert_int_equal(timer_queue_new_manual(&q), 0);
	return q;
}

static void test_order(void **state)
{
	struct timer_queue *q = manual();
	char name[] = "abc";
	struct timer t[3];

	for (int i = 0; i < 3; i++)
		timer_init(&t[i], note, &name[i]);
	timer_arm(q, &t[0], 30);
	timer_arm(q, &t[1], 10);
	timer_arm(q, &t[2], 20);
	timer_arm(q, &t[2], 40);
	timer_queue_advance(q, 30);
	assert_int_equal(fired, 2);
	assert_memory_equal(order, "ba", 2);
	timer_queue_advance(q, 9);
	assert_int_equal(fired, 2);
	timer_queue_advance(q, 1);
	assert_memory_equal(order, "bac", 3);
	assert_int_equal(timer_queue_now(q), 40);
	timer_queue_free(q);
}

static void test_cancel(void **state)
{
	struct timer_queue *q = manual();
	char name = 'x';
	struct timer t;

	timer_init(&t, note, &name);
	timer_cancel(q, &t);
	timer_arm(q, &t, 5);
	timer_cancel(q, &t);
	timer_queue_advance(q, 100);
	assert_int_equal(fired, 0);
	timer_queue_free(q);
}

static void test_real_descriptor(void **state)
{
	struct timer_queue *q;
	char name = 'r';
	struct timer t;
	struct pollfd pfd;

	fired = 0;
	assert_int_equal(timer_queue_new(&q), 0);
	timer_init(&t, note, &name);
	timer_arm(q, &t, timer_queue_now(q) + 1000000);
	pfd = (struct pollfd){.fd = timer_queue_fd(q), .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	timer_queue_run(q);
	assert_int_equal(fired, 1);
	timer_queue_free(q);
}

static void test_pause(void **state)
{
	struct timer_queue *q;
	char name = 'p';
	struct timer t;
	struct pollfd pfd;
	uint64_t at;

	fired = 0;
	assert_int_equal(timer_queue_new(&q), 0);
	timer_init(&t, note, &name);
	timer_arm(q, &t, timer_queue_now(q) + 2000000);
	timer_queue_pause(q);
	at = timer_queue_now(q);
	pfd = (struct pollfd){.fd = timer_queue_fd(q), .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 20), 0);
	assert_int_equal(timer_queue_now(q), at);
	timer_queue_resume(q);
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	timer_queue_run(q);
	assert_int_equal(fired, 1);
	timer_queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_real_descriptor),
		cmocka_unit_test(test_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
