/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker's sandbox, in three steps that only ever take rights away:
 *
 *  1. sandbox_fork() (in the opener): the child starts in namespaces of its
 *     own.
 *  2. sandbox_enter() (in the child, one thread): empty read-only root,
 *     unprivileged user, no capabilities, no_new_privs, Landlock, resource
 *     limits, no descriptor but the listed ones.
 *  3. sandbox_filter() (all threads), then sandbox_filter_vp() (each
 *     processor thread): system call filters.
 *
 * A host that lacks a piece is reported, piece by piece, in sandbox_report.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Pieces that a host may lack. */
enum sandbox_piece {
	SANDBOX_NAMESPACES,
	SANDBOX_EMPTY_ROOT,
	SANDBOX_USER,
	SANDBOX_CAPABILITIES,
	SANDBOX_LANDLOCK,
	SANDBOX_SECCOMP,
	SANDBOX_PIECES,
};

/* What could not be put in place, as BIT(enum sandbox_piece). */
struct sandbox_report {
	uint32_t missing;
};

const char *sandbox_piece_name(enum sandbox_piece piece);

/*
 * Like fork(), but the child is the first process of new pid, mount, network,
 * IPC and UTS namespaces (and of a user namespace when the caller is not
 * root). Falls back to a plain fork and notes SANDBOX_NAMESPACES as missing.
 * The caller has one thread.
 */
pid_t sandbox_fork(struct sandbox_report *report);

struct sandbox_config {
	/* Descriptors 0..max_fd stay open, all others are closed. */
	int max_fd;
	/* User and group to become when started as root. */
	uid_t uid;
};

/* Step 2. Pieces that fail are noted; nothing is undone. */
void sandbox_enter(const struct sandbox_config *config,
		   struct sandbox_report *report);

/*
 * Step 3: the filter of event loop, timer and disk threads, for every thread
 * that exists. -errno when the host refuses.
 */
int sandbox_filter(void);

/* The narrower filter of a processor thread, for the calling thread only.
 * After sandbox_filter(). */
int sandbox_filter_vp(void);
