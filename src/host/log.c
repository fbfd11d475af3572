/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines to standard error, and the hook that ends a program on a bug. */
#include <host/log.h>

#include <base/assert.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static const char *log_program = "lamina";
static enum log_level log_level_shown = LOG_LEVEL_INFO;

static const char *const level_word[] = {
	[LOG_LEVEL_ERR] = "",
	[LOG_LEVEL_WARN] = "warning: ",
	[LOG_LEVEL_INFO] = "",
	[LOG_LEVEL_DEBUG] = "debug: ",
};

void log_setup(const char *program, enum log_level level)
{
	log_program = program;
	log_level_shown = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	int head, body;
	size_t len;

	if (level > log_level_shown)
		return;
	head = snprintf(line, sizeof(line), "%s: %s", log_program,
			level_word[level]);
	if (head < 0 || (size_t)head >= sizeof(line) - 1)
		return;
	va_start(ap, fmt);
	body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (body < 0)
		return;
	len = (size_t)head + (size_t)body;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	/* Names of files and words of guests must not steer a terminal. */
	for (size_t i = (size_t)head; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';
	(void)!write(STDERR_FILENO, line, len);
}

void log_escape(char *dst, size_t size, const char *src, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len && out + 5 <= size; i++) {
		unsigned char c = (unsigned char)src[i];

		if (c >= ' ' && c < 0x7f && c != '\\')
			dst[out++] = (char)c;
		else
			out += (size_t)snprintf(dst + out, 5, "\\x%02x", c);
	}
	dst[out < size ? out : size - 1] = '\0';
}

void base_bug(const char *file, int line, const char *what)
{
	log_err("bug: %s:%d: %s", file, line, what);
	abort();
}
