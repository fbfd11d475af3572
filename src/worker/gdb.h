/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The GDB remote stub: one debugger on a listening socket that was handed in.
 * Processors are its threads (1..n). Everything here runs on the event loop.
 */
#pragma once

#include <stdbool.h>

struct gdb;
struct worker;

/* Watch config.gdb_fd; nothing happens when there is none. The machine then
 * waits for the debugger before its first instruction. */
int gdb_new(struct gdb **ret, struct worker *w);
void gdb_free(struct gdb *g);

/* Some processors left for the debugger (worker.stopped_vps); all have been
 * stopped. */
void gdb_stopped(struct gdb *g);
