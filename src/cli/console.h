/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal side of the first serial port: raw mode, the escape key, and a
 * bounded buffer in each direction. The worker never holds the terminal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#define CONSOLE_ESCAPE 0x1d /* Ctrl-] */
#define CONSOLE_BUFFER 4096

/* What the user asked for with the escape key. */
enum console_command {
	CONSOLE_NONE,
	CONSOLE_POWER_BUTTON,
	CONSOLE_STOP,
	CONSOLE_RESET,
	CONSOLE_NMI,
	CONSOLE_DUMP,
};

struct console {
	int sock;         /* to the worker; -1: no console */
	bool terminal;    /* standard input is one, and is in raw mode */
	bool input_open;  /* standard input may have more */
	bool output_open; /* the worker may have more */
	bool escaped;     /* the escape key was the last one */
	struct termios saved;

	char in[CONSOLE_BUFFER]; /* keyboard to guest */
	size_t in_start;
	size_t in_end;
	char out[CONSOLE_BUFFER]; /* guest to terminal */
	size_t out_start;
	size_t out_end;
};

/* @sock is taken; -1 gives a console that does nothing. */
void console_init(struct console *c, int sock);
/* Restore the terminal. Also after console_init(c, -1). */
void console_fini(struct console *c);

/* Which of the three descriptors to wait for now. */
bool console_wants_input(const struct console *c);
bool console_wants_guest_input(const struct console *c);  /* sock writable */
bool console_wants_guest_output(const struct console *c); /* sock readable */
bool console_wants_output(const struct console *c);

/* Move what can be moved after the matching descriptor became ready. */
enum console_command console_read_input(struct console *c);
void console_write_guest(struct console *c);
void console_read_guest(struct console *c);
void console_write_output(struct console *c);

/* Everything that the guest wrote, to its end; blocks. */
void console_drain(struct console *c);
