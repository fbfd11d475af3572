/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core's tests on the bare machine: every suite, reported over COM1, then
 * out by isa-debug-exit. The last line is "N passed, M failed".
 */
#include "../tests/check.h"

#include <base/assert.h>

#define COM1       0x3f8
#define LINE_READY 0x20
#define DEBUG_EXIT 0xf4

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

void out(const char *text)
{
	for (; *text; text++) {
		while (!(inb(COM1 + 5) & LINE_READY))
			;
		outb(COM1, (uint8_t)*text);
	}
}

static void out_number(unsigned int v)
{
	char digit[2] = {(char)('0' + v % 10), 0};

	if (v > 9)
		out_number(v / 10);
	out(digit);
}

static _Noreturn void leave(uint8_t status)
{
	outb(DEBUG_EXIT, status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void base_bug(const char *file, int line, const char *what)
{
	out("not ok - ");
	out(file);
	out(":");
	out_number((unsigned int)line);
	out(": ");
	out(what);
	out("\n");
	leave(2);
}

_Noreturn void selftest_main(void);

_Noreturn void selftest_main(void)
{
	static const struct test_suite *const suites[] = {
		&suite_apic, &suite_cpu_model, &suite_msr,
		&suite_vp,   &suite_vp_state,
	};
	unsigned int passed = 0, failed = 0;

	for (unsigned int i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		failed += run_suite(suites[i], &passed);
	out_number(passed);
	out(" passed, ");
	out_number(failed);
	out(" failed\n");
	leave(failed ? 1 : 0);
}
