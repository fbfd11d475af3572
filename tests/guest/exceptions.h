/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the exceptions image. */
#pragma once

#include "lib.h"
#include "page.h"

/* One function and how it must end. */
struct exc_case {
	const char *name;
	test_fn fn;
	int vector;
	ulong error;
};

void exc_run_kernel(const struct exc_case *c, unsigned int n,
		    const char *group);
void exc_run_user(const struct exc_case *c, unsigned int n, const char *group);

void test_debug(void);
void test_delivery(void);
void test_descriptors(void);
void test_fast_calls(void);
