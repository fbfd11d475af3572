/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel loaders: images made here, good and malformed. */
#include "loader.h"

#include <base/bytes.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

struct fixture {
	struct loader l;
	struct vp_regs regs;
	char why[256];
	uint8_t file[65536]; /* the kernel being made */
};

static struct image make_file(const char *name, const void *data, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, 0), (ssize_t)len);
	return (struct image){fd, len, name};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->l.memory_size = 64 * MIB;
	assert_int_equal(map_create(&f->l.memory, f->l.memory_size, 0), 0);
	f->l.cmdline = "console=ttyS0";
	f->l.regs = &f->regs;
	f->l.rsdp = MAP_TABLES;
	f->l.why = f->why;
	f->l.why_size = sizeof(f->why);
	f->l.kernel.fd = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->l.kernel.fd >= 0)
		close(f->l.kernel.fd);
	for (unsigned int i = 0; i < f->l.nr_initrds; i++)
		close(f->l.initrd[i].fd);
	guest_memory_free(f->l.memory);
	free(f);
	return 0;
}

static int load(struct fixture *f, size_t len)
{
	if (f->l.kernel.fd >= 0)
		close(f->l.kernel.fd);
	f->l.kernel = make_file("kernel", f->file, len);
	f->why[0] = 0;
	return load_kernel(&f->l);
}

static void add_initrd(struct fixture *f, const char *name, const char *data)
{
	f->l.initrd[f->l.nr_initrds++] = make_file(name, data, strlen(data));
}

static void get(struct fixture *f, uint64_t gpa, void *buf, size_t len)
{
	assert_int_equal(guest_memory_read(f->l.memory, GPA(gpa), buf, len), 0);
}

static uint32_t get32(struct fixture *f, uint64_t gpa)
{
	uint8_t v[4];

	get(f, gpa, v, 4);
	return load_le32(v);
}

static void refused(struct fixture *f, size_t len, const char *text)
{
	assert_true(load(f, len) < 0);
	if (!strstr(f->why, text))
		fail_msg("\"%s\" does not say \"%s\"", f->why, text);
	assert_null(strchr(f->why, '\n'));
}

#define LINUX_SIZE 8192

/* A bzImage of protocol 2.15 that prefers 16 MiB. */
static void make_linux(struct fixture *f, bool entry64)
{
	uint8_t *p = f->file;

	memset(p, 0, sizeof(f->file));
	p[0x1f1] = 4;
	store_le16(p + 0x1fe, 0xaa55);
	p[0x200] = 0xeb;
	p[0x201] = 0x66;
	store_le32(p + 0x202, 0x53726448);
	store_le16(p + 0x206, 0x20f);
	p[0x211] = 0x01;
	store_le32(p + 0x22c, 0x7fffffff);
	store_le32(p + 0x230, 0x200000);
	p[0x234] = 1;
	store_le16(p + 0x236, entry64 ? 1 : 0);
	store_le32(p + 0x238, 2047);
	store_le64(p + 0x258, 0x1000000);
	store_le32(p + 0x260, 8 * MIB);
	store_le32(p + 5 * 512, 0xfeedface);
}

static void linux_64(void **state)
{
	struct fixture *f = *state;
	char cmdline[16];

	make_linux(f, true);
	assert_int_equal(load(f, LINUX_SIZE), 0);
	assert_int_equal(f->regs.rip, 0x1000200);
	assert_int_equal(f->regs.gpr[X86_RSI], BOOT_INFO);
	assert_true(vp_code64(&f->regs));
	assert_int_equal(get32(f, 0x1000000), 0xfeedface);
	assert_int_equal(get32(f, BOOT_INFO + 0x202), 0x53726448);
	assert_int_equal(get32(f, BOOT_INFO + 0x70), MAP_TABLES);
	get(f, get32(f, BOOT_INFO + 0x228), cmdline, 14);
	assert_string_equal(cmdline, "console=ttyS0");
	/* one to one */
	assert_int_equal(get32(f, BOOT_PAGE_TABLES + 0x2000 + 8 * 8),
			 0x1000083);
}

static void linux_32(void **state)
{
	struct fixture *f = *state;

	make_linux(f, false);
	assert_int_equal(load(f, LINUX_SIZE), 0);
	assert_int_equal(f->regs.rip, 0x1000000);
	assert_int_equal(f->regs.seg[X86_CS].sel, 0x10);
	assert_int_equal(f->regs.seg[X86_DS].sel, 0x18);
	assert_int_equal(f->regs.cr0 & 1, 1);
}

static void linux_in_little_memory(void **state)
{
	struct fixture *f = *state;

	/* does not fit at 16 MiB, but lower */
	f->l.memory_size = 20 * MIB;
	make_linux(f, true);
	assert_int_equal(load(f, LINUX_SIZE), 0);
	assert_int_equal(f->regs.rip, 0x200200);
	/* not movable */
	f->file[0x234] = 0;
	refused(f, LINUX_SIZE, "needs 25 MiB of memory");
}

static void linux_initrds(void **state)
{
	struct fixture *f = *state;
	char text[16] = {0};
	uint32_t at;

	add_initrd(f, "a", "first");
	add_initrd(f, "b", "second");
	make_linux(f, true);
	assert_int_equal(load(f, LINUX_SIZE), 0);
	at = get32(f, BOOT_INFO + 0x218);
	assert_int_equal(get32(f, BOOT_INFO + 0x21c), 14);
	assert_int_equal(at, 64 * MIB - 4096);
	get(f, at, text, 14);
	assert_memory_equal(text, "first\0\0\0second", 14);
	/* below what the kernel can reach */
	store_le32(f->file + 0x22c, 0x1ffffff);
	assert_int_equal(load(f, LINUX_SIZE), 0);
	assert_int_equal(get32(f, BOOT_INFO + 0x218), 32 * MIB - 4096);
	store_le32(f->file + 0x22c, 0);
	refused(f, LINUX_SIZE, "initrd does not fit: needs 1 MiB, have 0 MiB");
}

static void linux_refusals(void **state)
{
	struct fixture *f = *state;
	char *cmdline = calloc(1, 3000);

	make_linux(f, true);
	store_le16(f->file + 0x206, 0x201);
	refused(f, LINUX_SIZE, "boot protocol 2.01");
	make_linux(f, true);
	f->file[0x211] = 0;
	refused(f, LINUX_SIZE, "zImage");
	make_linux(f, true);
	refused(f, 2560, "cut short");
	f->file[0x1f1] = 0xff;
	refused(f, LINUX_SIZE, "cut short");
	make_linux(f, true);
	store_le32(f->file + 0x230, 3);
	refused(f, LINUX_SIZE, "alignment");
	make_linux(f, true);
	store_le64(f->file + 0x258, UINT64_MAX - 4096);
	f->file[0x234] = 0;
	refused(f, LINUX_SIZE, "of memory");
	make_linux(f, true);
	store_le32(f->file + 0x260, UINT32_MAX);
	refused(f, LINUX_SIZE, "of memory");
	make_linux(f, true);
	memset(cmdline, 'x', 2999);
	f->l.cmdline = cmdline;
	refused(f, LINUX_SIZE, "2999 characters");
	free(cmdline);
}

static void not_a_kernel(void **state)
{
	struct fixture *f = *state;

	refused(f, 1, "is not a bzImage, an ELF with multiboot or a PVH note");
	refused(f, 600, "is not a bzImage");
	memset(f->file, 0xff, sizeof(f->file));
	refused(f, sizeof(f->file), "is not a bzImage");
}

/* An ELF with one segment at 1 MiB: the whole file. */
static void make_elf(struct fixture *f, bool is64)
{
	uint8_t *p = f->file;

	memset(p, 0, sizeof(f->file));
	memcpy(p, "\177ELF", 4);
	p[4] = is64 ? 2 : 1;
	p[5] = 1;
	store_le16(p + 18, is64 ? 62 : 3);
	if (is64) {
		store_le64(p + 24, 0x100200);
		store_le64(p + 32, 64);
		store_le16(p + 54, 56);
		store_le16(p + 56, 1);
		store_le32(p + 64, 1);
		store_le64(p + 64 + 16, 0x100000);
		store_le64(p + 64 + 24, 0x100000);
		store_le64(p + 64 + 32, 4096);
		store_le64(p + 64 + 40, 8192);
	} else {
		store_le32(p + 24, 0x100200);
		store_le32(p + 28, 64);
		store_le16(p + 42, 32);
		store_le16(p + 44, 1);
		store_le32(p + 64, 1);
		store_le32(p + 64 + 8, 0x100000);
		store_le32(p + 64 + 12, 0x100000);
		store_le32(p + 64 + 16, 4096);
		store_le32(p + 64 + 20, 8192);
	}
	store_le32(p + 0x200, 0xfeedface);
}

static void put_multiboot(struct fixture *f, unsigned int at, uint32_t flags)
{
	store_le32(f->file + at, 0x1badb002);
	store_le32(f->file + at + 4, flags);
	store_le32(f->file + at + 8, 0u - 0x1badb002 - flags);
}

static void multiboot_elf(void **state)
{
	struct fixture *f = *state;
	char text[16] = {0};
	uint32_t mods;

	add_initrd(f, "module", "data");
	for (int is64 = 0; is64 < 2; is64++) {
		make_elf(f, is64);
		put_multiboot(f, 0x400, 3);
		assert_int_equal(load(f, 4096), 0);
		assert_int_equal(f->regs.rip, 0x100200);
		assert_int_equal(f->regs.gpr[X86_RAX], 0x2badb002);
		assert_int_equal(get32(f, 0x100200), 0xfeedface);
	}
	assert_int_equal(get32(f, BOOT_INFO), 0x24d);
	assert_int_equal(get32(f, BOOT_INFO + 8), 63 * 1024);
	assert_int_equal(get32(f, BOOT_INFO + 20), 1);
	mods = get32(f, BOOT_INFO + 24);
	assert_int_equal(get32(f, mods), 0x102000);
	assert_int_equal(get32(f, mods + 4), 0x102004);
	get(f, 0x102000, text, 4);
	assert_string_equal(text, "data");
	get(f, get32(f, mods + 8), text, 7);
	assert_string_equal(text, "module");
	assert_int_equal(get32(f, get32(f, BOOT_INFO + 48)), 20);
}

static void multiboot_by_addresses(void **state)
{
	struct fixture *f = *state;
	uint8_t *h = f->file + 16;

	memset(f->file, 0, sizeof(f->file));
	put_multiboot(f, 16, 0x10003);
	store_le32(h + 12, 0x100010);
	store_le32(h + 16, 0x100000);
	store_le32(h + 20, 0);
	store_le32(h + 24, 0x104000);
	store_le32(h + 28, 0x100030);
	store_le32(f->file + 0x30, 0xfeedface);
	assert_int_equal(load(f, 4096), 0);
	assert_int_equal(f->regs.rip, 0x100030);
	assert_int_equal(get32(f, 0x100030), 0xfeedface);
	store_le32(h + 16, 0x0fffff); /* starts before the file */
	refused(f, 4096, "senseless addresses");
	store_le32(h + 16, 0x100011);
	refused(f, 4096, "senseless addresses");
	store_le32(h + 16, 0x100000);
	store_le32(h + 20, 0x200000); /* longer than the file */
	refused(f, 4096, "cut short");
	store_le32(h + 20, 0);
	store_le32(h + 24, 0xfffffff0);
	refused(f, 4096, "give more memory");
	put_multiboot(f, 16, 0x10007);
	refused(f, 4096, "asks the multiboot loader for more");
}

static void elf_refusals(void **state)
{
	struct fixture *f = *state;

	make_elf(f, true);
	put_multiboot(f, 0x400, 0);
	store_le64(f->file + 64 + 24, 0x1000);
	refused(f, 4096, "below 192 KiB");
	store_le64(f->file + 64 + 24, 0x9f000);
	refused(f, 4096, "where there is no memory");
	store_le64(f->file + 64 + 24, 64 * MIB);
	refused(f, 4096, "give more memory");
	store_le64(f->file + 64 + 24, UINT64_MAX - 100);
	refused(f, 4096, "give more memory");
	store_le64(f->file + 64 + 24, 0x100000);
	store_le64(f->file + 64 + 40, 100);
	refused(f, 4096, "damaged");
	store_le64(f->file + 64 + 40, UINT64_MAX);
	refused(f, 4096, "give more memory");
	store_le64(f->file + 64 + 40, 8192);
	store_le64(f->file + 64 + 8, UINT64_MAX - 1);
	refused(f, 4096, "cut short");
	store_le64(f->file + 32, UINT64_MAX - 1);
	refused(f, 4096, "cut short");
	store_le64(f->file + 32, 64);
	store_le16(f->file + 56, 0xffff);
	refused(f, 4096, "program headers");
	store_le16(f->file + 56, 0);
	refused(f, 4096, "nothing to load");
}

static void pvh(void **state)
{
	struct fixture *f = *state;
	uint8_t *ph = f->file + 64 + 56;
	uint8_t *note = f->file + 0x800;

	make_elf(f, true);
	refused(f, 4096, "a PVH note");
	store_le16(f->file + 56, 2);
	store_le32(ph, 4);
	store_le64(ph + 8, 0x800);
	store_le64(ph + 32, 40);
	/* another note first */
	store_le32(note, 4);
	store_le32(note + 4, 1);
	store_le32(note + 8, 1);
	memcpy(note + 12, "GNU", 4);
	store_le32(note + 20, 4);
	store_le32(note + 24, 4);
	store_le32(note + 28, 18);
	memcpy(note + 32, "Xen", 4);
	store_le32(note + 36, 0x100345);
	add_initrd(f, "module", "data");
	assert_int_equal(load(f, 4096), 0);
	assert_int_equal(f->regs.rip, 0x100345);
	assert_int_equal(f->regs.gpr[X86_RBX], BOOT_INFO);
	assert_int_equal(get32(f, BOOT_INFO), 0x336ec578);
	assert_int_equal(get32(f, BOOT_INFO + 12), 1);
	assert_int_equal(get32(f, get32(f, BOOT_INFO + 16)), 0x102000);
	assert_int_equal(get32(f, BOOT_INFO + 32), MAP_TABLES);
	/* lengths that lie */
	store_le32(note + 24, 0xffffffff);
	refused(f, 4096, "a PVH note");
	store_le32(note, 0xfffffffd);
	refused(f, 4096, "a PVH note");
	store_le64(ph + 8, 0x10000000);
	refused(f, 4096, "cut short");
}

static void module_does_not_fit(void **state)
{
	struct fixture *f = *state;

	make_elf(f, false);
	put_multiboot(f, 0x400, 3);
	f->l.initrd[0] = make_file("big", "x", 1);
	f->l.nr_initrds = 1;
	assert_int_equal(ftruncate(f->l.initrd[0].fd, 100 * MIB), 0);
	f->l.initrd[0].size = 100 * MIB;
	refused(f, 4096, "big does not fit: needs 100 MiB, have 62 MiB");
	make_linux(f, true);
	refused(f, LINUX_SIZE,
		"initrd does not fit: needs 100 MiB, have 40 MiB");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(linux_64),
		TEST(linux_32),
		TEST(linux_in_little_memory),
		TEST(linux_initrds),
		TEST(linux_refusals),
		TEST(not_a_kernel),
		TEST(multiboot_elf),
		TEST(multiboot_by_addresses),
		TEST(elf_refusals),
		TEST(pvh),
		TEST(module_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
