/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PVH: an ELF kernel with Xen's PHYS32_ENTRY note, entered in 32-bit mode with
 * an hvm_start_info (Xen's docs/misc/pvh).
 */
#include "elf.h"

#include <base/bits.h>
#include <base/bytes.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_PHYS32_ENTRY 18u
#define NOTES_MAX         65536u /* bytes of one note segment */

#define START_MAGIC   0x336ec578u
#define START_VERSION 1u

/* What lies where in the info page. */
#define AT_MODULES 0x100u
#define AT_MEMMAP  0x400u
#define INFO_SIZE  0x600u

/* Whether there is a note, only reading shows; an ELF file is a candidate. */
bool load_pvh_probe(const uint8_t *head, size_t len)
{
	struct elf elf;

	return elf_decode(&elf, head, len);
}

/* Look through the notes at @p for the entry point. */
static bool find_note(const uint8_t *p, uint64_t len, uint32_t *ret_entry)
{
	uint64_t at = 0;

	while (len - at >= 12) {
		uint64_t namesz = load_le32(p + at);
		uint64_t descsz = load_le32(p + at + 4);
		uint32_t type = load_le32(p + at + 8);
		uint64_t name = at + 12;
		uint64_t desc = name + align_up(namesz, 4);
		uint64_t next = desc + align_up(descsz, 4);

		if (desc + descsz > len)
			return false;
		if (type == NOTE_PHYS32_ENTRY && namesz == 4 && descsz >= 4 &&
		    memcmp(p + name, "Xen", 4) == 0) {
			*ret_entry = load_le32(p + desc);
			return true;
		}
		if (next > len)
			return false;
		at = next;
	}
	return false;
}

static int not_a_kernel(const struct loader *l)
{
	return loader_fail(l, -ENOEXEC,
			   "%s is not a bzImage, an ELF with multiboot or a "
			   "PVH note; give a kernel image",
			   l->kernel.name);
}

static int find_entry(const struct loader *l, const struct elf *e,
		      uint32_t *ret_entry)
{
	bool found = false;
	int err = 0;

	for (unsigned int i = 0; i < e->phnum && i < ELF_MAX_SEGMENTS; i++) {
		struct elf_segment s;
		uint8_t *notes;

		err = elf_segment(l, e, i, &s);
		if (err < 0)
			return err;
		if (s.type != ELF_NOTE || s.filesz > NOTES_MAX)
			continue;
		notes = malloc(s.filesz ? s.filesz : 1);
		if (!notes)
			return loader_fail(l, -ENOMEM, "out of memory");
		err = image_read(l, &l->kernel, s.offset, notes, s.filesz);
		found = !err && find_note(notes, s.filesz, ret_entry);
		free(notes);
		if (err < 0 || found)
			return err;
	}
	return not_a_kernel(l);
}

static int put_modules(const struct loader *l, uint8_t *info, uint64_t end)
{
	for (unsigned int i = 0; i < l->nr_initrds; i++) {
		uint8_t *p = info + AT_MODULES + i * 32;
		uint64_t gpa;
		int err = loader_module(l, i, end, &gpa);

		if (err < 0)
			return err;
		end = gpa + l->initrd[i].size;
		store_le64(p, gpa);
		store_le64(p + 8, l->initrd[i].size);
	}
	return 0;
}

static void put_memmap(const struct loader *l, uint8_t *info)
{
	struct e820_entry table[E820_MAX];
	unsigned int n = map_e820(table, l->memory_size);

	store_le64(info + 40, BOOT_INFO + AT_MEMMAP);
	store_le32(info + 48, n);
	for (unsigned int i = 0; i < n; i++)
		memcpy(info + AT_MEMMAP + i * 24, &table[i], sizeof(table[i]));
}

int load_pvh(const struct loader *l, const uint8_t *head, size_t len)
{
	uint8_t info[INFO_SIZE] = {0};
	uint64_t unused;
	uint32_t entry = 0;
	struct elf elf;
	uint64_t end = 0;
	int err;

	if (!elf_decode(&elf, head, len))
		return not_a_kernel(l);
	err = find_entry(l, &elf, &entry);
	if (!err)
		err = elf_load(l, &elf, &end, &unused);
	if (!err)
		err = loader_cmdline(l, BOARD_MAX_CMDLINE);
	if (!err)
		err = put_modules(l, info, end > MAP_HIGH ? end : MAP_HIGH);
	if (err < 0)
		return err;
	put_memmap(l, info);
	store_le32(info, START_MAGIC);
	store_le32(info + 4, START_VERSION);
	store_le32(info + 12, l->nr_initrds);
	store_le64(info + 16, BOOT_INFO + AT_MODULES);
	store_le64(info + 24, BOOT_CMDLINE);
	store_le64(info + 32, l->rsdp);
	err = guest_memory_write(l->memory, GPA(BOOT_INFO), info, sizeof(info));
	if (!err)
		err = boot_state_32(l, entry, 0x08, 0x10);
	l->regs->gpr[X86_RBX] = BOOT_INFO;
	return err;
}
