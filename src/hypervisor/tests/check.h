/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core's tests run in two places: as unit tests of this machine, and on
 * the bare (virtual) metal that the core is written for. So they are written
 * freestanding: a suite per file, run by runner.c, which needs only a way to
 * print.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct test_case {
	const char *name;
	void (*run)(void);
};

struct test_suite {
	const char *name;
	const struct test_case *cases;
	size_t count;
};

#define TEST_SUITE(suite, cases_)                                              \
	const struct test_suite suite = {#suite, cases_,                       \
					 sizeof(cases_) / sizeof((cases_)[0])}

extern const struct test_suite suite_apic;
extern const struct test_suite suite_cpu_model;
extern const struct test_suite suite_msr;
extern const struct test_suite suite_vp;
extern const struct test_suite suite_vp_state;

/* Notes a failure; the case goes on. */
void check_failed(const char *file, int line, const char *what, uint64_t got,
		  uint64_t want);

#define CHECK_EQ(got, want)                                                    \
	do {                                                                   \
		uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);     \
		if (got_ != want_)                                             \
			check_failed(__FILE__, __LINE__, #got, got_, want_);   \
	} while (0)
#define CHECK(cond) CHECK_EQ(!!(cond), 1)

/* Runs every case, one line each: "ok - suite: case" or "not ok - ...".
 * Returns how many failed and adds to *passed. */
unsigned int run_suite(const struct test_suite *suite, unsigned int *passed);

/* The place's own: prints @text. */
void out(const char *text);
