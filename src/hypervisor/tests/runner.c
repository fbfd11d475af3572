/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs suites and reports one line per case; see check.h. */
#include "check.h"

#include <stdbool.h>

static bool failed;

static void out_hex(uint64_t v)
{
	char text[19] = "0x";

	for (unsigned int i = 0; i < 16; i++)
		text[2 + i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	text[18] = 0;
	out(text);
}

static void out_number(unsigned int v)
{
	char text[11];
	unsigned int at = 10;

	text[at] = 0;
	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	out(text + at);
}

void check_failed(const char *file, int line, const char *what, uint64_t got,
		  uint64_t want)
{
	failed = true;
	out("# ");
	out(file);
	out(":");
	out_number((unsigned int)line);
	out(": ");
	out(what);
	out(" is ");
	out_hex(got);
	out(", not ");
	out_hex(want);
	out("\n");
}

unsigned int run_suite(const struct test_suite *suite, unsigned int *passed)
{
	unsigned int bad = 0;

	for (size_t i = 0; i < suite->count; i++) {
		failed = false;
		suite->cases[i].run();
		if (failed)
			bad++;
		else
			(*passed)++;
		out(failed ? "not ok - " : "ok - ");
		out(suite->name + sizeof("suite_") - 1);
		out(": ");
		out(suite->cases[i].name);
		out("\n");
	}
	return bad;
}
