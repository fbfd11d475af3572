/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which loader a kernel file is for. */
#include "loader.h"

#include <base/bits.h>

#include <errno.h>
#include <stdlib.h>

struct format {
	bool (*probe)(const uint8_t *head, size_t len);
	int (*load)(const struct loader *l, const uint8_t *head, size_t len);
};

static const struct format formats[] = {
	{load_linux_probe, load_linux},
	{load_multiboot_probe, load_multiboot},
	{load_pvh_probe, load_pvh},
};

int load_kernel(const struct loader *l)
{
	size_t len = l->kernel.size < LOADER_HEAD ? (size_t)l->kernel.size
						  : LOADER_HEAD;
	uint8_t *head = calloc(1, LOADER_HEAD);
	int err;

	if (!head)
		return loader_fail(l, -ENOMEM, "out of memory");
	err = image_read(l, &l->kernel, 0, head, len);
	for (size_t i = 0; !err && i < ARRAY_SIZE(formats); i++) {
		if (formats[i].probe(head, len)) {
			err = formats[i].load(l, head, len);
			free(head);
			return err;
		}
	}
	free(head);
	if (err < 0)
		return err;
	return loader_fail(l, -ENOEXEC,
			   "%s is not a bzImage, an ELF with multiboot or a "
			   "PVH note; give a kernel image",
			   l->kernel.name);
}
