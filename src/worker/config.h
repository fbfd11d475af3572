/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the opener's configuration to the board's. */
#pragma once

#include "worker.h"

/* -EPROTO: of another version or none at all; -EINVAL: counts out of range. */
int config_read(struct worker_config *ret);

/* The highest descriptor that @c names. */
int config_max_fd(const struct worker_config *c);

/* All but disks, serial ports and callbacks. */
void config_board(const struct worker_config *c, struct board_config *ret);
