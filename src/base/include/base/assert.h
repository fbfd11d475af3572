/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Assertions about our own code; never about anything a guest, an image, a
 * file or a peer can influence. They stay on in release builds.
 */
#pragma once

/*
 * Declared hook: ends the program (hosted: logs and aborts; bare metal: stops
 * the machine). Each program that links base provides one.
 */
_Noreturn void base_bug(const char *file, int line, const char *what);

#define BUG(what) base_bug(__FILE__, __LINE__, what)
#define ASSERT(cond)                                                           \
	do {                                                                   \
		if (__builtin_expect(!(cond), 0))                              \
			BUG(#cond);                                            \
	} while (0)

#define BUILD_ASSERT(cond) _Static_assert(cond, #cond)
