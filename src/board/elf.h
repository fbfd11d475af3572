/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF kernels, 32-bit and 64-bit, little-endian x86. */
#pragma once

#include "loader.h"

#define ELF_MAX_SEGMENTS 64u
#define ELF_LOAD         1u
#define ELF_NOTE         4u

struct elf {
	bool is64;
	uint64_t entry;
	uint64_t phoff;
	unsigned int phnum;
};

struct elf_segment {
	uint32_t type;
	uint64_t offset;
	uint64_t paddr;
	uint64_t vaddr;
	uint64_t filesz;
	uint64_t memsz;
};

/* Is it one, by its first bytes? */
bool elf_decode(struct elf *ret, const uint8_t *head, size_t len);

/* Program header @i < phnum. */
int elf_segment(const struct loader *l, const struct elf *e, unsigned int i,
		struct elf_segment *ret);

/* Load all segments at their physical addresses. The end of the highest, and
 * the physical address of the entry point. */
int elf_load(const struct loader *l, const struct elf *e, uint64_t *ret_end,
	     uint64_t *ret_entry);

/* Load or clear [gpa, gpa + memsz), which must lie in RAM and clear of what
 * loaders leave in low memory. */
int elf_place(const struct loader *l, uint64_t offset, uint64_t gpa,
	      uint64_t filesz, uint64_t memsz);
