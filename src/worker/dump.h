/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump of guest memory and processors as an ELF core file. */
#pragma once

struct worker;

/*
 * Write the core to @fd, a seekable file; memory that the guest never touched
 * stays a hole. All processors stopped. Negative errno; the file then holds
 * only part of it.
 */
int dump_write(struct worker *w, int fd);
