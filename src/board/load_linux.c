/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux bzImage by the 32-bit or the 64-bit boot protocol
 * (Documentation/arch/x86/boot.rst in Linux).
 */
#include "loader.h"

#include <base/bits.h>
#include <base/bytes.h>

#include <errno.h>
#include <string.h>

/* Offsets in the file, and at the same time in boot_params. */
#define H_SETUP_SECTS  0x1f1
#define H_SYSSIZE      0x1f4
#define H_BOOT_FLAG    0x1fe
#define H_JUMP         0x201
#define H_MAGIC        0x202
#define H_VERSION      0x206
#define H_LOADER       0x210
#define H_LOADFLAGS    0x211
#define H_CODE32_START 0x214
#define H_RAMDISK      0x218
#define H_RAMDISK_SIZE 0x21c
#define H_CMDLINE      0x228
#define H_INITRD_MAX   0x22c
#define H_ALIGNMENT    0x230
#define H_RELOCATABLE  0x234
#define H_XLOADFLAGS   0x236
#define H_CMDLINE_SIZE 0x238
#define H_PREF_ADDRESS 0x258
#define H_INIT_SIZE    0x260
#define H_END          0x268 /* first byte after what we read */

/* In boot_params only. */
#define P_EXT_MEM_K    0x002
#define P_RSDP         0x070
#define P_ALT_MEM_K    0x1e0
#define P_E820_ENTRIES 0x1e8
#define P_SETUP        0x1f1
#define P_VID_MODE     0x1fa
#define P_E820_TABLE   0x2d0
#define P_SIZE         4096

#define MAGIC            0x53726448 /* "HdrS" */
#define VERSION_MIN      0x202      /* command line by pointer */
#define LOADED_HIGH      0x01
#define XLF_KERNEL_64    0x01
#define LOADER_UNDEFINED 0xff
#define ENTRY_64         0x200
#define SECTOR           512u
#define SYSSIZE_UNIT     16u /* it is rounded up to these */
/* Where kernels that cannot move have always gone. */
#define LEGACY_ADDRESS UINT64_C(0x100000)
#define LEGACY_CMDLINE 255u
#define LEGACY_INITRD  UINT64_C(0x37ffffff)
#define MAX_ALIGNMENT  (UINT64_C(1) << 30)

#define MIB (UINT64_C(1) << 20)

/* What of the header we go by, version differences evened out. */
struct header {
	unsigned int version;
	uint64_t setup_size; /* bytes before the protected-mode part */
	uint64_t size;       /* of that part in the file */
	uint64_t told_size;  /* of that part as the header has it, or 0 */
	uint64_t init_size;  /* memory it needs from its address on */
	uint64_t preferred;
	uint64_t alignment;
	bool relocatable;
	bool entry64;
	uint64_t initrd_max; /* last byte an initrd may have */
	uint64_t cmdline_max;
	uint64_t header_end;
};

bool load_linux_probe(const uint8_t *head, size_t len)
{
	return len >= H_END && load_le16(head + H_BOOT_FLAG) == 0xaa55 &&
	       load_le32(head + H_MAGIC) == MAGIC;
}

static int check(const struct loader *l, const struct header *h,
		 uint8_t loadflags)
{
	if (h->version < VERSION_MIN)
		return loader_fail(l, -ENOEXEC,
				   "%s has boot protocol %u.%02u, older than "
				   "2.02; boot it from a disk",
				   l->kernel.name, h->version >> 8,
				   h->version & 0xff);
	if (!(loadflags & LOADED_HIGH))
		return loader_fail(l, -ENOEXEC,
				   "%s is a zImage; give a bzImage",
				   l->kernel.name);
	if (l->kernel.size <= h->setup_size ||
	    l->kernel.size - h->setup_size + SYSSIZE_UNIT <= h->told_size)
		return loader_fail(l, -ENOEXEC,
				   "%s is cut short; copy it again",
				   l->kernel.name);
	if (h->relocatable &&
	    (!is_power_of_two(h->alignment) || h->alignment > MAX_ALIGNMENT))
		return loader_fail(l, -ENOEXEC,
				   "%s asks for a senseless alignment; copy "
				   "it again",
				   l->kernel.name);
	return 0;
}

static int decode(const struct loader *l, const uint8_t *head, struct header *h)
{
	unsigned int sects = head[H_SETUP_SECTS] ? head[H_SETUP_SECTS] : 4;
	unsigned int version = load_le16(head + H_VERSION);
	int err;

	memset(h, 0, sizeof(*h));
	h->version = version;
	h->setup_size = (sects + 1) * SECTOR;
	h->header_end = H_MAGIC + head[H_JUMP];
	h->preferred = LEGACY_ADDRESS;
	h->initrd_max = LEGACY_INITRD;
	h->cmdline_max = LEGACY_CMDLINE;
	if (version >= 0x204)
		h->told_size =
			(uint64_t)load_le32(head + H_SYSSIZE) * SYSSIZE_UNIT;
	if (version >= 0x203)
		h->initrd_max = load_le32(head + H_INITRD_MAX);
	if (version >= 0x205) {
		h->relocatable = head[H_RELOCATABLE];
		h->alignment = load_le32(head + H_ALIGNMENT);
	}
	if (version >= 0x206)
		h->cmdline_max = load_le32(head + H_CMDLINE_SIZE);
	if (version >= 0x20a) {
		h->preferred = load_le64(head + H_PREF_ADDRESS);
		h->init_size = load_le32(head + H_INIT_SIZE);
	}
	if (version >= 0x20c)
		h->entry64 = load_le16(head + H_XLOADFLAGS) & XLF_KERNEL_64;
	err = check(l, h, head[H_LOADFLAGS]);
	if (err < 0)
		return err;
	h->size = l->kernel.size - h->setup_size;
	if (h->init_size < h->size)
		h->init_size = h->size;
	if (h->header_end > P_E820_TABLE)
		h->header_end = P_E820_TABLE;
	return 0;
}

/* Where the kernel goes: its own wish, or as low as it can be moved. */
static int place(const struct loader *l, const struct header *h,
		 uint64_t *ret_gpa)
{
	uint64_t top = map_low_top(l->memory_size);
	uint64_t gpa = h->preferred;

	if (h->relocatable &&
	    (gpa < LEGACY_ADDRESS || gpa > top || h->init_size > top - gpa))
		gpa = align_up(LEGACY_ADDRESS, h->alignment);
	if (gpa < LEGACY_ADDRESS || gpa > top || h->init_size > top - gpa)
		return loader_fail(
			l, -EFBIG,
			"%s needs %llu MiB of memory; give it more "
			"than the machine's %llu MiB",
			l->kernel.name,
			(unsigned long long)((gpa % MAP_4G + h->init_size) /
						     MIB +
					     1),
			(unsigned long long)(l->memory_size / MIB));
	*ret_gpa = gpa;
	return 0;
}

static void put_e820(uint8_t *params, uint64_t memory_size)
{
	struct e820_entry table[E820_MAX];
	unsigned int n = map_e820(table, memory_size);

	params[P_E820_ENTRIES] = (uint8_t)n;
	memcpy(params + P_E820_TABLE, table, n * sizeof(table[0]));
}

static int write_params(const struct loader *l, const struct header *h,
			const uint8_t *head, uint64_t gpa, uint64_t initrd,
			uint64_t initrd_size)
{
	uint64_t above_1m = map_low_top(l->memory_size) - MAP_HIGH;
	uint8_t params[P_SIZE] = {0};

	memcpy(params + P_SETUP, head + P_SETUP, h->header_end - P_SETUP);
	store_le16(params + P_EXT_MEM_K,
		   (uint16_t)(above_1m > 63 * MIB ? 63 << 10 : above_1m >> 10));
	store_le32(params + P_ALT_MEM_K, (uint32_t)(above_1m >> 10));
	store_le64(params + P_RSDP, l->rsdp);
	store_le16(params + P_VID_MODE, 0xffff); /* as it is */
	params[H_LOADER] = LOADER_UNDEFINED;
	store_le32(params + H_CODE32_START, (uint32_t)gpa);
	store_le32(params + H_RAMDISK, (uint32_t)initrd);
	store_le32(params + H_RAMDISK_SIZE, (uint32_t)initrd_size);
	store_le32(params + H_CMDLINE, (uint32_t)BOOT_CMDLINE);
	put_e820(params, l->memory_size);
	return guest_memory_write(l->memory, GPA(BOOT_INFO), params,
				  sizeof(params));
}

int load_linux(const struct loader *l, const uint8_t *head, size_t len)
{
	uint64_t top = map_low_top(l->memory_size);
	uint64_t initrd_size;
	uint64_t initrd;
	struct header h;
	uint64_t gpa = 0;
	int err;

	err = decode(l, head, &h);
	if (!err)
		err = place(l, &h, &gpa);
	if (!err)
		err = loader_cmdline(l, h.cmdline_max);
	if (!err)
		err = image_load(l, &l->kernel, h.setup_size, gpa, h.size);
	if (err < 0)
		return err;
	if (top > h.initrd_max)
		top = h.initrd_max + 1;
	err = loader_initrds(l, align_up(gpa + h.init_size, PAGE_SIZE), top,
			     &initrd, &initrd_size);
	if (!err)
		err = write_params(l, &h, head, gpa, initrd, initrd_size);
	if (err < 0)
		return err;
	if (h.entry64)
		err = boot_state_64(l, gpa + ENTRY_64);
	else
		err = boot_state_32(l, gpa, 0x10, 0x18);
	l->regs->gpr[X86_RSI] = BOOT_INFO;
	return err;
}
