/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One suite (SUITE, from the build) as a unit test of this machine. */
#include "check.h"

#include <base/assert.h>

#include <stdio.h>
#include <stdlib.h>

void out(const char *text)
{
	(void)fputs(text, stdout);
}

_Noreturn void base_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

int main(void)
{
	unsigned int passed = 0;

	return run_suite(&SUITE, &passed) ? 1 : 0;
}
