/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which backend and engine a partition gets. */
#include "local.h"

#include <soft/engine.h>

#include <errno.h>
#include <stdio.h>

int partition_new(struct partition **ret, const struct partition_config *config,
		  char *why_buf, size_t why_size)
{
	struct cpu_source host = host_cpu_source();

	switch (config->engine) {
	case PARTITION_ENGINE_AUTO: /* there is one so far */
	case PARTITION_ENGINE_INTERP:
		return local_new(ret, config, &soft_engine, &host, why_buf,
				 why_size);
	}
	(void)snprintf(why_buf, why_size, "no such engine");
	return -EINVAL;
}
