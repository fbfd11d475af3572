/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `lamina run`: a virtual machine without a daemon. */
#pragma once

/* @argv[0] is "run". Returns the exit code. */
int cli_run(int argc, char **argv);
