/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal side of the first serial port. */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] =
	"\r\n[lamina] Ctrl-] then: p power button, x stop at once, r reset, "
	"n NMI, d dump memory, Ctrl-] send it, h this help\r\n";

static void set_raw(struct console *c)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &c->saved) < 0)
		return;
	raw = c->saved;
	cfmakeraw(&raw);
	/* Output processing stays: our own messages share the terminal. */
	raw.c_oflag = c->saved.c_oflag;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
		c->terminal = true;
}

void console_init(struct console *c, int sock)
{
	*c = (struct console){.sock = sock};
	if (sock < 0)
		return;
	c->input_open = true;
	c->output_open = true;
	if (isatty(STDIN_FILENO)) {
		set_raw(c);
		(void)fputs("[lamina] escape key: Ctrl-] (then h for help)\r\n",
			    stderr);
	}
}

void console_fini(struct console *c)
{
	if (c->terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &c->saved);
	c->terminal = false;
	if (c->sock >= 0)
		(void)close(c->sock);
	c->sock = -1;
}

bool console_wants_input(const struct console *c)
{
	return c->input_open && c->in_start == c->in_end;
}

bool console_wants_guest_input(const struct console *c)
{
	return c->output_open && c->in_start < c->in_end;
}

bool console_wants_guest_output(const struct console *c)
{
	return c->output_open && c->out_start == c->out_end;
}

bool console_wants_output(const struct console *c)
{
	return c->out_start < c->out_end;
}

static enum console_command escape_command(struct console *c, char key)
{
	switch (key) {
	case 'p':
		return CONSOLE_POWER_BUTTON;
	case 'x':
		return CONSOLE_STOP;
	case 'r':
		return CONSOLE_RESET;
	case 'n':
		return CONSOLE_NMI;
	case 'd':
		return CONSOLE_DUMP;
	case CONSOLE_ESCAPE:
		c->in[c->in_end++] = key;
		return CONSOLE_NONE;
	default:
		(void)fputs(help, stderr);
		return CONSOLE_NONE;
	}
}

/* Keys into the guest's buffer; what the escape key introduces is ours. A
 * command ends the batch: the keys behind it are dropped with it. */
static enum console_command take_keys(struct console *c, const char *keys,
				      size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c->escaped) {
			enum console_command cmd;

			c->escaped = false;
			cmd = escape_command(c, keys[i]);
			if (cmd != CONSOLE_NONE)
				return cmd;
		} else if (c->terminal && keys[i] == CONSOLE_ESCAPE) {
			c->escaped = true;
		} else {
			c->in[c->in_end++] = keys[i];
		}
	}
	return CONSOLE_NONE;
}

enum console_command console_read_input(struct console *c)
{
	char keys[CONSOLE_BUFFER];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			c->input_open = false;
		return CONSOLE_NONE;
	}
	c->in_start = 0;
	c->in_end = 0;
	return take_keys(c, keys, (size_t)n);
}

void console_write_guest(struct console *c)
{
	ssize_t n =
		write(c->sock, c->in + c->in_start, c->in_end - c->in_start);

	if (n > 0)
		c->in_start += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->in_start = c->in_end;
}

void console_read_guest(struct console *c)
{
	ssize_t n = read(c->sock, c->out, sizeof(c->out));

	if (n > 0) {
		c->out_start = 0;
		c->out_end = (size_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		c->output_open = false;
	}
}

void console_write_output(struct console *c)
{
	ssize_t n = write(STDOUT_FILENO, c->out + c->out_start,
			  c->out_end - c->out_start);

	if (n > 0)
		c->out_start += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->out_start = c->out_end; /* nobody reads any more */
}

void console_drain(struct console *c)
{
	if (c->sock < 0)
		return;
	while (c->output_open || console_wants_output(c)) {
		struct pollfd pfd = {.fd = c->sock, .events = POLLIN};

		while (console_wants_output(c))
			console_write_output(c);
		if (c->output_open && poll(&pfd, 1, -1) >= 0)
			console_read_guest(c);
	}
}
