/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines of a program, to standard error. Libraries return errors;
 * programs log, once. Any thread; a line is one write().
 */
#pragma once

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Program name in front of each line, and the least important level shown. */
void log_setup(const char *program, enum log_level level);

void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_err(...)   log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Copy @src with every byte outside printable ASCII as \xNN: what a guest
 * wrote goes through this before it is logged. Terminates @dst; @size > 0. */
void log_escape(char *dst, size_t size, const char *src, size_t len);
