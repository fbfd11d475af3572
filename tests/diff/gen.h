/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to gen.c and gen_state.c. */
#pragma once

#include "diff.h"
