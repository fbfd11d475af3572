/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel files: the input is one. The first byte chooses memory size and
 * initrds. */
#include "loader.h"

#include <base/assert.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct guest_memory *memory;
static struct image kernel = {-1, 0, "kernel"};
static struct image initrd = {-1, 5000, "initrd"};

static void set_up(void)
{
	ASSERT(map_create(&memory, 64 * MIB, 0) == 0);
	kernel.fd = memfd_create("kernel", MFD_CLOEXEC);
	initrd.fd = memfd_create("initrd", MFD_CLOEXEC);
	ASSERT(kernel.fd >= 0 && initrd.fd >= 0);
	ASSERT(ftruncate(initrd.fd, 5000) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[256] = "";
	struct vp_regs regs;
	struct loader l = {
		.cmdline = "console=ttyS0",
		.regs = &regs,
		.why = why,
		.why_size = sizeof(why),
	};
	int err;

	if (size < 2)
		return 0;
	if (!memory)
		set_up();
	memset(&regs, 0, sizeof(regs));
	l.memory = memory;
	l.memory_size = (16 + (data[0] & 1) * 48) * MIB;
	l.nr_initrds = (data[0] >> 1) & 3;
	for (unsigned int i = 0; i < l.nr_initrds; i++)
		l.initrd[i] = initrd;
	ASSERT(ftruncate(kernel.fd, 0) == 0);
	ASSERT(pwrite(kernel.fd, data + 1, size - 1, 0) == (ssize_t)size - 1);
	kernel.size = size - 1;
	l.kernel = kernel;
	err = load_kernel(&l);
	/* Every refusal says why, in one line. */
	ASSERT(!err || (err < 0 && why[0] && !strchr(why, '\n')));
	return 0;
}
