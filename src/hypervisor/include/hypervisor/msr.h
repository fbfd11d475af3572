/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers that are neither in vp_regs nor in the APIC. */
#pragma once

#include <stdint.h>

struct msr_state {
	uint64_t tsc_adjust;
	uint64_t misc_enable;
	uint64_t spec_ctrl;
	uint64_t mtrr_def_type;
	uint64_t mtrr_fixed[11];
	uint64_t mtrr_var[16]; /* base, mask, base, mask ... */
	uint64_t mcg_status;
	uint64_t mcg_ctl;
};
