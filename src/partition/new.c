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
	const char *why = soft_xlat_unusable();
	const struct engine_ops *engine = &soft_engine;

	switch (config->engine) {
	case PARTITION_ENGINE_AUTO:
		if (!why)
			engine = &soft_engine_xlat;
		return local_new(ret, config, engine, &host, why_buf, why_size);
	case PARTITION_ENGINE_SOFT:
		if (!why)
			return local_new(ret, config, &soft_engine_xlat, &host,
					 why_buf, why_size);
		(void)snprintf(why_buf, why_size, "engine soft: %s", why);
		return -EOPNOTSUPP;
	case PARTITION_ENGINE_INTERP:
		return local_new(ret, config, engine, &host, why_buf, why_size);
	}
	(void)snprintf(why_buf, why_size, "no such engine");
	return -EINVAL;
}
