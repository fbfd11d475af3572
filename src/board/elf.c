/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF program headers (System V ABI, chapter 5), read from a hostile file. */
#include "elf.h"

#include <base/bytes.h>
#include <base/overflow.h>

#include <errno.h>
#include <string.h>

#define EHDR32_SIZE   52u
#define EHDR64_SIZE   64u
#define PHDR32_SIZE   32u
#define PHDR64_SIZE   56u
#define MACHINE_386   3
#define MACHINE_AMD64 62

bool elf_decode(struct elf *ret, const uint8_t *head, size_t len)
{
	struct elf e = {0};
	unsigned int phentsize;
	unsigned int machine;

	if (len < EHDR64_SIZE || memcmp(head, "\177ELF", 4) != 0 ||
	    (head[4] != 1 && head[4] != 2) || head[5] != 1)
		return false;
	e.is64 = head[4] == 2;
	machine = load_le16(head + 18);
	if (machine != MACHINE_386 && machine != MACHINE_AMD64)
		return false;
	if (e.is64) {
		e.entry = load_le64(head + 24);
		e.phoff = load_le64(head + 32);
		phentsize = load_le16(head + 54);
		e.phnum = load_le16(head + 56);
	} else {
		e.entry = load_le32(head + 24);
		e.phoff = load_le32(head + 28);
		phentsize = load_le16(head + 42);
		e.phnum = load_le16(head + 44);
	}
	if (phentsize != (e.is64 ? PHDR64_SIZE : PHDR32_SIZE))
		return false;
	*ret = e;
	return true;
}

int elf_segment(const struct loader *l, const struct elf *e, unsigned int i,
		struct elf_segment *ret)
{
	uint32_t size = e->is64 ? PHDR64_SIZE : PHDR32_SIZE;
	uint8_t p[PHDR64_SIZE];
	uint64_t off;
	int err;

	if (add_overflows(e->phoff, (uint64_t)i * size, &off))
		return loader_fail(l, -ENOEXEC,
				   "%s is a damaged ELF file; copy it again",
				   l->kernel.name);
	err = image_read(l, &l->kernel, off, p, size);
	if (err < 0)
		return err;
	ret->type = load_le32(p);
	if (e->is64) {
		ret->offset = load_le64(p + 8);
		ret->vaddr = load_le64(p + 16);
		ret->paddr = load_le64(p + 24);
		ret->filesz = load_le64(p + 32);
		ret->memsz = load_le64(p + 40);
	} else {
		ret->offset = load_le32(p + 4);
		ret->vaddr = load_le32(p + 8);
		ret->paddr = load_le32(p + 12);
		ret->filesz = load_le32(p + 16);
		ret->memsz = load_le32(p + 20);
	}
	return 0;
}

int elf_place(const struct loader *l, uint64_t offset, uint64_t gpa,
	      uint64_t filesz, uint64_t memsz)
{
	uint64_t top = map_low_top(l->memory_size);
	int err;

	if (filesz > memsz)
		return loader_fail(l, -ENOEXEC,
				   "%s is a damaged ELF file; copy it again",
				   l->kernel.name);
	if (gpa < BOOT_CMDLINE + BOOT_CMDLINE_MAX)
		return loader_fail(l, -ENOEXEC,
				   "%s wants to be at %#llx, below 192 KiB; "
				   "link it higher",
				   l->kernel.name, (unsigned long long)gpa);
	if (!range_fits(gpa, memsz, top))
		return loader_fail(l, -EFBIG,
				   "%s wants to be at %#llx with %llu bytes; "
				   "give more memory",
				   l->kernel.name, (unsigned long long)gpa,
				   (unsigned long long)memsz);
	err = image_load(l, &l->kernel, offset, gpa, filesz);
	if (err < 0)
		return err;
	err = loader_zero(l, gpa + filesz, memsz - filesz);
	if (err < 0)
		return loader_fail(l, err,
				   "%s wants to be at %#llx where there is no "
				   "memory; link it elsewhere",
				   l->kernel.name, (unsigned long long)gpa);
	return 0;
}

int elf_load(const struct loader *l, const struct elf *e, uint64_t *ret_end,
	     uint64_t *ret_entry)
{
	bool any = false;

	if (e->phnum > ELF_MAX_SEGMENTS)
		return loader_fail(l, -ENOEXEC,
				   "%s has %u program headers, more than %u; "
				   "give a kernel image",
				   l->kernel.name, e->phnum, ELF_MAX_SEGMENTS);
	*ret_end = 0;
	*ret_entry = e->entry;
	for (unsigned int i = 0; i < e->phnum; i++) {
		struct elf_segment s;
		int err = elf_segment(l, e, i, &s);

		if (err < 0)
			return err;
		if (s.type != ELF_LOAD || !s.memsz)
			continue;
		err = elf_place(l, s.offset, s.paddr, s.filesz, s.memsz);
		if (err < 0)
			return err;
		if (s.paddr + s.memsz > *ret_end)
			*ret_end = s.paddr + s.memsz;
		/* An entry point may be virtual. */
		if (s.vaddr != s.paddr && e->entry - s.vaddr < s.memsz)
			*ret_entry = e->entry - s.vaddr + s.paddr;
		any = true;
	}
	if (!any)
		return loader_fail(l, -ENOEXEC,
				   "%s has nothing to load; give a kernel "
				   "image",
				   l->kernel.name);
	return 0;
}
