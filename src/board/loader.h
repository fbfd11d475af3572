/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loaders of kernels share. They read hostile files: every offset and
 * count is checked against the file's size and the guest's memory before use,
 * and each failure has a line of text for the user.
 */
#pragma once

#include "memory_map.h"

#include <board/board.h>

#include <hypervisor/regs.h>

/* The structures that loaders leave in low memory, apart from each other. */
#define BOOT_GDT         UINT64_C(0x1000)
#define BOOT_PAGE_TABLES UINT64_C(0x2000)  /* six pages */
#define BOOT_INFO        UINT64_C(0x10000) /* boot_params and its like */
#define BOOT_INFO_SIZE   UINT64_C(0x8000)
#define BOOT_CMDLINE     UINT64_C(0x20000)
#define BOOT_CMDLINE_MAX UINT64_C(0x10000)

struct image {
	int fd;
	uint64_t size;
	const char *name;
};

struct loader {
	struct guest_memory *memory;
	uint64_t memory_size;
	struct image kernel;
	struct image initrd[BOARD_MAX_INITRDS];
	unsigned int nr_initrds;
	const char *cmdline;
	uint64_t rsdp;
	struct vp_regs
		*regs; /* of the boot processor: in power-on, out entry */
	char *why;
	size_t why_size;
};

/* Say why, and return @err. */
int loader_fail(const struct loader *l, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Find out what @file is: a non-empty regular file. -EINVAL and a text. */
int image_open(struct image *ret, const struct board_file *file, char *why,
	       size_t why_size);

/* Bytes [off, off + len) of the image: all of them or a negative errno with a
 * text. */
int image_read(const struct loader *l, const struct image *im, uint64_t off,
	       void *buf, uint64_t len);
/* The same, into guest memory at @gpa. */
int image_load(const struct loader *l, const struct image *im, uint64_t off,
	       uint64_t gpa, uint64_t len);

/* Zero guest memory. -EFAULT when it is not RAM. */
int loader_zero(const struct loader *l, uint64_t gpa, uint64_t len);

/* The command line, with its NUL, at BOOT_CMDLINE; @max without the NUL. */
int loader_cmdline(const struct loader *l, uint64_t max);

/* Load all initrds, concatenated (each at a multiple of 4 bytes), as high as
 * fits between @low and @high; says where. */
int loader_initrds(const struct loader *l, uint64_t low, uint64_t high,
		   uint64_t *ret_gpa, uint64_t *ret_size);

/* Load initrd @i at the first page at or after @gpa. */
int loader_module(const struct loader *l, unsigned int i, uint64_t gpa,
		  uint64_t *ret_gpa);

/* Registers and tables of the boot processor: flat 32-bit protected mode, or
 * 64-bit mode with the first 4 GiB mapped one to one. @cs and @ds are byte
 * offsets into the table. */
int boot_state_32(const struct loader *l, uint64_t entry, uint16_t cs,
		  uint16_t ds);
int boot_state_64(const struct loader *l, uint64_t entry);

/* Recognise the kernel's format and load it. */
int load_kernel(const struct loader *l);

/* One format each. probe: is the kernel of it? @head is its first bytes. */
#define LOADER_HEAD 32768u
bool load_linux_probe(const uint8_t *head, size_t len);
int load_linux(const struct loader *l, const uint8_t *head, size_t len);
bool load_multiboot_probe(const uint8_t *head, size_t len);
int load_multiboot(const struct loader *l, const uint8_t *head, size_t len);
bool load_pvh_probe(const uint8_t *head, size_t len);
int load_pvh(const struct loader *l, const uint8_t *head, size_t len);
