/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot 0.6.96: ELF kernels, and others by the addresses in the header. */
#include "elf.h"

#include <base/bits.h>
#include <base/bytes.h>

#include <errno.h>
#include <string.h>

#define SEARCH      8192u /* the header lies within these bytes */
#define HEADER_MIN  12u
#define HEADER_ADDR 32u /* with the address fields */
#define MAGIC       0x1badb002u
#define BOOTED      0x2badb002u
#define FLAG_KNOWN  0x3u    /* page-aligned modules, memory information */
#define FLAG_MUST   0xffffu /* the loader must know these */
#define FLAG_ADDR   BIT(16)

#define INFO_MEMORY  BIT(0)
#define INFO_CMDLINE BIT(2)
#define INFO_MODULES BIT(3)
#define INFO_MMAP    BIT(6)
#define INFO_NAME    BIT(9)
#define INFO_SIZE    116u

/* What lies where in the info page. */
#define AT_MMAP    0x100u
#define AT_NAME    0x300u
#define AT_MODULES 0x400u
#define AT_STRINGS 0x800u
#define STRING_MAX 256u
#define INFO_TOTAL (AT_STRINGS + BOARD_MAX_INITRDS * STRING_MAX)

struct header {
	uint32_t offset; /* in the file */
	uint32_t flags;
	uint32_t header_addr;
	uint32_t load_addr;
	uint32_t load_end;
	uint32_t bss_end;
	uint32_t entry;
};

static bool find_header(struct header *ret, const uint8_t *head, size_t len)
{
	size_t end = len < SEARCH ? len : SEARCH;

	for (size_t at = 0; at + HEADER_MIN <= end; at += 4) {
		const uint8_t *p = head + at;
		uint32_t flags = load_le32(p + 4);

		if (load_le32(p) != MAGIC ||
		    MAGIC + flags + load_le32(p + 8) != 0)
			continue;
		memset(ret, 0, sizeof(*ret));
		ret->offset = (uint32_t)at;
		ret->flags = flags;
		if (!(flags & FLAG_ADDR))
			return true;
		if (at + HEADER_ADDR > end)
			return false;
		ret->header_addr = load_le32(p + 12);
		ret->load_addr = load_le32(p + 16);
		ret->load_end = load_le32(p + 20);
		ret->bss_end = load_le32(p + 24);
		ret->entry = load_le32(p + 28);
		return true;
	}
	return false;
}

bool load_multiboot_probe(const uint8_t *head, size_t len)
{
	struct header h;

	return find_header(&h, head, len);
}

static int damaged(const struct loader *l)
{
	return loader_fail(l, -ENOEXEC,
			   "%s has senseless addresses in its multiboot "
			   "header; link it again",
			   l->kernel.name);
}

/* By the header's own addresses. */
static int load_by_addresses(const struct loader *l, const struct header *h,
			     uint64_t *ret_end)
{
	uint64_t before = h->header_addr - h->load_addr;
	uint64_t filesz;
	uint64_t memsz;

	if (h->header_addr < h->load_addr || before > h->offset ||
	    (h->load_end && h->load_end < h->load_addr))
		return damaged(l);
	filesz = h->load_end ? h->load_end - h->load_addr
			     : l->kernel.size - (h->offset - before);
	memsz = filesz;
	if (h->bss_end && h->bss_end > h->load_addr + filesz)
		memsz = h->bss_end - h->load_addr;
	*ret_end = h->load_addr + memsz;
	return elf_place(l, h->offset - before, h->load_addr, filesz, memsz);
}

static uint32_t put_string(uint8_t *info, uint32_t at, const char *s)
{
	strncpy((char *)info + at, s, STRING_MAX - 1);
	return (uint32_t)(BOOT_INFO + at);
}

static int put_modules(const struct loader *l, uint8_t *info, uint64_t end)
{
	for (unsigned int i = 0; i < l->nr_initrds; i++) {
		uint8_t *p = info + AT_MODULES + i * 16;
		uint64_t gpa;
		int err = loader_module(l, i, end, &gpa);

		if (err < 0)
			return err;
		end = gpa + l->initrd[i].size;
		store_le32(p, (uint32_t)gpa);
		store_le32(p + 4, (uint32_t)end);
		store_le32(p + 8, put_string(info, AT_STRINGS + i * STRING_MAX,
					     l->initrd[i].name));
	}
	return 0;
}

static void put_memory(const struct loader *l, uint8_t *info)
{
	struct e820_entry table[E820_MAX];
	unsigned int n = map_e820(table, l->memory_size);

	store_le32(info + 4, (uint32_t)(MAP_EBDA >> 10));
	store_le32(info + 8,
		   (uint32_t)((map_low_top(l->memory_size) - MAP_HIGH) >> 10));
	store_le32(info + 44, n * 24);
	store_le32(info + 48, (uint32_t)(BOOT_INFO + AT_MMAP));
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *p = info + AT_MMAP + i * 24;

		store_le32(p, 20);
		memcpy(p + 4, &table[i], sizeof(table[i]));
	}
}

int load_multiboot(const struct loader *l, const uint8_t *head, size_t len)
{
	uint8_t info[INFO_TOTAL] = {0};
	struct header h;
	struct elf elf;
	uint64_t entry = 0;
	uint64_t end = 0;
	int err;

	if (!find_header(&h, head, len))
		return damaged(l);
	if (h.flags & FLAG_MUST & ~FLAG_KNOWN)
		return loader_fail(l, -ENOTSUP,
				   "%s asks the multiboot loader for more "
				   "than modules and memory (flags %#x); boot "
				   "it from a disk",
				   l->kernel.name, h.flags);
	if (h.flags & FLAG_ADDR) {
		entry = h.entry;
		err = load_by_addresses(l, &h, &end);
	} else if (elf_decode(&elf, head, len)) {
		err = elf_load(l, &elf, &end, &entry);
	} else {
		return damaged(l);
	}
	if (!err)
		err = loader_cmdline(l, BOARD_MAX_CMDLINE);
	if (!err)
		err = put_modules(l, info, end > MAP_HIGH ? end : MAP_HIGH);
	if (err < 0)
		return err;
	put_memory(l, info);
	store_le32(info, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MMAP |
				 INFO_NAME);
	store_le32(info + 16, (uint32_t)BOOT_CMDLINE);
	store_le32(info + 20, l->nr_initrds);
	store_le32(info + 24, (uint32_t)(BOOT_INFO + AT_MODULES));
	store_le32(info + 64, put_string(info, AT_NAME, "lamina"));
	err = guest_memory_write(l->memory, GPA(BOOT_INFO), info, sizeof(info));
	if (!err)
		err = boot_state_32(l, (uint32_t)entry, 0x08, 0x10);
	l->regs->gpr[X86_RAX] = BOOTED;
	l->regs->gpr[X86_RBX] = BOOT_INFO;
	return err;
}
