/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks and CD-ROMs on real temporary files. */
#include "fake.h"

#include <base/bytes.h>
#include <device/ide.h>
#include <disk/disk.h>
#include <partition/memory.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTORS    1024u
#define CD_SECTORS 64u
#define BM         0xc000
#define TABLE      0x1000
#define DATA       0x10000

struct machine {
	struct fake f;
	struct disk_queue *queue;
	struct disk *disk, *cd;
};

static struct disk *make_disk(struct disk_queue *q, size_t size, bool readonly)
{
	char path[] = "/tmp/lamina-ide-XXXXXX";
	int fd = mkstemp(path);
	struct disk *d;

	assert_true(fd >= 0);
	unlink(path);
	for (size_t i = 0; i < size; i += 512) {
		uint8_t sector[512];

		memset(sector, (int)(i / 512), sizeof(sector));
		store_le32(sector, (uint32_t)(i / 512));
		assert_int_equal(write(fd, sector, 512), 512);
	}
	assert_int_equal(disk_raw_new(&d, fd, readonly, q), 0);
	return d;
}

static void pci_set(struct fake *f, unsigned int off, unsigned int width,
		    uint32_t v)
{
	pci_bus_write(f->env.pci, PCI_DEVFN(1, 1), off, width, v);
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct ide_config config = {0};

	fake_init(&m->f);
	assert_int_equal(disk_queue_new(&m->queue), 0);
	m->disk = make_disk(m->queue, SECTORS * 512, false);
	m->cd = make_disk(m->queue, CD_SECTORS * 2048, true);
	config.drive[0][0].disk = m->disk;
	config.drive[1][0].disk = m->cd;
	config.drive[1][0].cdrom = true;
	fake_new(&m->f, &ide_class, &config);
	pci_set(&m->f, PCI_BAR(4), 4, BM | 1);
	pci_set(&m->f, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	disk_queue_drain(m->queue);
	fake_fini(&m->f);
	disk_free(m->disk);
	disk_free(m->cd);
	disk_queue_free(m->queue);
	free(m);
	return 0;
}

static uint8_t wait_ready(struct machine *m, uint16_t base)
{
	disk_queue_drain(m->queue);
	return in8(&m->f, base + 7);
}

/* LBA28 task file, then the command. */
static void command(struct machine *m, uint8_t cmd, uint32_t lba, uint8_t n)
{
	struct fake *f = &m->f;

	out8(f, 0x1f2, n);
	out8(f, 0x1f3, (uint8_t)lba);
	out8(f, 0x1f4, (uint8_t)(lba >> 8));
	out8(f, 0x1f5, (uint8_t)(lba >> 16));
	out8(f, 0x1f6, (uint8_t)(0x40 | lba >> 24));
	out8(f, 0x1f7, cmd);
}

static void read_data(struct machine *m, uint16_t port, void *p, uint32_t len)
{
	io_bus_read_many(m->f.env.pio, port, 2, p, len / 2);
}

static void identifies(void **state)
{
	struct machine *m = *state;
	uint8_t id[512];

	command(m, 0xec, 0, 0);
	assert_true(m->f.level[14]);
	assert_int_equal(wait_ready(m, 0x1f0), 0x58);
	assert_false(m->f.level[14]);
	read_data(m, 0x1f0, id, sizeof(id));
	assert_int_equal(in8(&m->f, 0x1f7), 0x50);
	assert_int_equal(load_le32(id + 120), SECTORS);
	assert_int_equal(load_le64(id + 200), SECTORS);
	assert_memory_equal(id + 54, "aLimanV riutlaD si k", 20);
	/* no slave, no second unit on the other channel */
	out8(&m->f, 0x1f6, 0x50);
	assert_int_equal(in8(&m->f, 0x1f7), 0);
	command(m, 0xec, 0, 0);
	out8(&m->f, 0x1f6, 0x50);
	out8(&m->f, 0x1f7, 0xec);
	assert_int_equal(in8(&m->f, 0x1f7), 0);
}

static void reads_by_port(void **state)
{
	struct machine *m = *state;
	uint8_t buf[512];

	command(m, 0x20, 5, 100);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(wait_ready(m, 0x1f0), 0x58);
		read_data(m, 0x1f0, buf, sizeof(buf));
		assert_int_equal(load_le32(buf), 5 + i);
	}
	assert_int_equal(wait_ready(m, 0x1f0), 0x50);
	assert_int_equal(m->f.edges[14], 100);
}

static void reads_blocks(void **state)
{
	struct machine *m = *state;
	uint8_t buf[8 * 512];

	command(m, 0xc4, 0, 8);
	assert_int_equal(wait_ready(m, 0x1f0), 0x51); /* not set up */
	command(m, 0xc6, 0, 8);
	command(m, 0xc4, 16, 12);
	assert_int_equal(wait_ready(m, 0x1f0), 0x58);
	read_data(m, 0x1f0, buf, sizeof(buf));
	assert_int_equal(load_le32(buf + 7 * 512), 23);
	assert_int_equal(wait_ready(m, 0x1f0), 0x58);
	read_data(m, 0x1f0, buf, 4 * 512);
	assert_int_equal(wait_ready(m, 0x1f0), 0x50);
}

static void writes_by_port(void **state)
{
	struct machine *m = *state;
	uint8_t buf[512];

	command(m, 0x30, 7, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wait_ready(m, 0x1f0), 0x58);
		memset(buf, 0xa0 + i, sizeof(buf));
		io_bus_write_many(m->f.env.pio, 0x1f0, 4, buf, 128);
	}
	assert_int_equal(wait_ready(m, 0x1f0), 0x50);
	command(m, 0xe7, 0, 0);
	assert_int_equal(wait_ready(m, 0x1f0), 0x50);
	command(m, 0x20, 8, 1);
	(void)wait_ready(m, 0x1f0);
	assert_int_equal(in16(&m->f, 0x1f0), 0xa1a1);
}

static void refuses_past_the_end(void **state)
{
	struct machine *m = *state;

	command(m, 0x20, SECTORS - 1, 2);
	assert_int_equal(wait_ready(m, 0x1f0), 0x51);
	assert_int_equal(in8(&m->f, 0x1f1), 0x10);
	command(m, 0xc8, 0x0fffffff, 1);
	assert_int_equal(wait_ready(m, 0x1f0), 0x51);
	command(m, 0xfe, 0, 0);
	assert_int_equal(wait_ready(m, 0x1f0), 0x51);
	assert_int_equal(in8(&m->f, 0x1f1), 0x04);
}

static void put_prd(struct machine *m, unsigned int i, uint32_t addr,
		    uint32_t count)
{
	uint8_t prd[8];

	store_le32(prd, addr);
	store_le32(prd + 4, count);
	assert_int_equal(
		guest_memory_write(m->f.env.memory, GPA(TABLE + 8 * i), prd, 8),
		0);
}

static void dma(struct machine *m, uint16_t bm, uint8_t direction)
{
	out32(&m->f, bm + 4, TABLE);
	out8(&m->f, bm + 2, 0x66);
	out8(&m->f, bm, direction);
	out8(&m->f, bm, direction | 1);
	disk_queue_drain(m->queue);
}

static uint32_t peek32(struct machine *m, uint64_t gpa)
{
	uint8_t v[4] = {0};

	(void)guest_memory_read(m->f.env.memory, GPA(gpa), v, 4);
	return load_le32(v);
}

static void reads_by_dma(void **state)
{
	struct machine *m = *state;

	/* pieces that do not end at sectors */
	put_prd(m, 0, DATA, 300);
	put_prd(m, 1, DATA + 300, 1000);
	put_prd(m, 2, DATA + 1300, 0x80000000 | (8 * 512 - 1300));
	command(m, 0xc8, 40, 8);
	assert_int_equal(in8(&m->f, 0x1f7), 0x58);
	dma(m, BM, 8);
	assert_true(m->f.level[14]);
	assert_int_equal(in8(&m->f, BM + 2), 0x64);
	assert_int_equal(in8(&m->f, 0x1f7), 0x50);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(peek32(m, DATA + i * 512), 40 + i);
	out8(&m->f, BM + 2, 0x64);
	assert_int_equal(in8(&m->f, BM + 2), 0x60);
}

static void writes_by_dma(void **state)
{
	struct machine *m = *state;
	uint8_t data[1024];

	memset(data, 0x77, sizeof(data));
	assert_int_equal(guest_memory_write(m->f.env.memory, GPA(DATA), data,
					    sizeof(data)),
			 0);
	put_prd(m, 0, DATA, 0x80000000 | 1024);
	command(m, 0xca, 3, 2);
	dma(m, BM, 0);
	assert_int_equal(in8(&m->f, 0x1f7), 0x50);
	command(m, 0x20, 4, 1);
	(void)wait_ready(m, 0x1f0);
	assert_int_equal(in16(&m->f, 0x1f0), 0x7777);
}

static void many_small_pieces(void **state)
{
	struct machine *m = *state;

	/* 8192 entries of 64 bytes: more than one request */
	for (unsigned int i = 0; i < 1024; i++)
		put_prd(m, i, DATA + i * 64, i == 1023 ? 0x80000040 : 64);
	command(m, 0xc8, 0, 128);
	dma(m, BM, 8);
	assert_int_equal(in8(&m->f, 0x1f7), 0x50);
	for (uint32_t i = 0; i < 128; i++)
		assert_int_equal(peek32(m, DATA + i * 512), i);
}

static void survives_hostile_tables(void **state)
{
	struct machine *m = *state;

	/* shorter than the transfer */
	put_prd(m, 0, DATA, 0x80000200);
	command(m, 0xc8, 0, 8);
	dma(m, BM, 8);
	assert_int_equal(in8(&m->f, 0x1f7), 0x51);
	/* outside of memory */
	put_prd(m, 0, 0xfffff000, 0x80001000);
	command(m, 0xc8, 0, 8);
	dma(m, BM, 8);
	assert_int_equal(in8(&m->f, 0x1f7), 0x51);
	assert_int_equal(in8(&m->f, BM + 2) & 3, 2);
	/* endless two-byte pieces: never a sector */
	for (unsigned int i = 0; i < 512; i++)
		put_prd(m, i, DATA, 2);
	command(m, 0xc8, 0, 8);
	dma(m, BM, 8);
	assert_int_equal(in8(&m->f, 0x1f7), 0x51);
	/* the wrong way round */
	put_prd(m, 0, DATA, 0x80000200);
	command(m, 0xc8, 0, 1);
	dma(m, BM, 0);
	assert_int_equal(in8(&m->f, 0x1f7), 0x51);
	/* the table outside of memory */
	command(m, 0xc8, 0, 1);
	out8(&m->f, BM, 0);
	out32(&m->f, BM + 4, 0xfffffff0);
	out8(&m->f, BM, 9);
	disk_queue_drain(m->queue);
	assert_int_equal(in8(&m->f, 0x1f7), 0x51);
	assert_int_equal(m->f.complaints, 5);
}

static void reset_while_busy(void **state)
{
	struct machine *m = *state;

	put_prd(m, 0, DATA, 0x80000000);
	command(m, 0xc8, 0, 128);
	out32(&m->f, BM + 4, TABLE);
	out8(&m->f, BM, 9);
	out8(&m->f, 0x3f6, 4);
	out8(&m->f, 0x3f6, 0);
	disk_queue_drain(m->queue);
	assert_int_equal(in8(&m->f, 0x1f7), 0x50);
	assert_int_equal(in8(&m->f, 0x1f1), 0x01);
	command(m, 0xec, 0, 0);
	assert_int_equal(wait_ready(m, 0x1f0), 0x58);
}

static void packet(struct machine *m, const uint8_t cdb[12], uint8_t features)
{
	out8(&m->f, 0x176, 0);
	out8(&m->f, 0x171, features);
	out8(&m->f, 0x174, 0x00);
	out8(&m->f, 0x175, 0x08); /* up to 2048 bytes at once */
	out8(&m->f, 0x177, 0xa0);
	assert_int_equal(in8(&m->f, 0x177), 0x48);
	io_bus_write_many(m->f.env.pio, 0x170, 2, cdb, 6);
}

/* The first command is told that there is a new disc. */
static void attend(struct machine *m)
{
	static const uint8_t test_ready[12] = {0};

	packet(m, test_ready, 0);
	assert_int_equal(wait_ready(m, 0x170) & 1, 1);
	assert_int_equal(in8(&m->f, 0x171), 0x60);
	packet(m, test_ready, 0);
	assert_int_equal(wait_ready(m, 0x170), 0x50);
}

static void cdrom_reads(void **state)
{
	struct machine *m = *state;
	static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 10, 0, 0, 20};
	uint8_t buf[2048];

	assert_int_equal(in8(&m->f, 0x174), 0x14);
	assert_int_equal(in8(&m->f, 0x175), 0xeb);
	attend(m);
	packet(m, read, 0);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(wait_ready(m, 0x170), 0x58);
		assert_int_equal(in8(&m->f, 0x175), 0x08);
		read_data(m, 0x170, buf, sizeof(buf));
		assert_int_equal(load_le32(buf), (10 + i) * 4);
	}
	assert_int_equal(wait_ready(m, 0x170), 0x50);
	assert_int_equal(in8(&m->f, 0x172), 3);
}

static void cdrom_reads_by_dma(void **state)
{
	struct machine *m = *state;
	static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 2, 0, 0, 3};
	static const uint8_t capacity[12] = {0x25};

	attend(m);
	put_prd(m, 0, DATA, 0x80000000 | 3 * 2048);
	packet(m, read, 1);
	dma(m, BM + 8, 8);
	assert_int_equal(in8(&m->f, 0x177), 0x50);
	assert_int_equal(peek32(m, DATA + 2 * 2048), 16);
	put_prd(m, 0, DATA, 0x80000000 | 8);
	packet(m, capacity, 1);
	dma(m, BM + 8, 8);
	assert_int_equal(in8(&m->f, 0x177), 0x50);
	assert_int_equal(peek32(m, DATA), 0x3f000000);
	assert_int_equal(peek32(m, DATA + 4), 0x00080000);
}

static void cdrom_refuses(void **state)
{
	struct machine *m = *state;
	static const uint8_t past[12] = {0x28, 0, 0xff, 0, 0, 0, 0, 0, 1};
	static const uint8_t unknown[12] = {0xcc};
	static const uint8_t sense[12] = {0x03, 0, 0, 0, 18};
	uint8_t buf[18];

	attend(m);
	packet(m, past, 0);
	assert_int_equal(wait_ready(m, 0x170), 0x51);
	packet(m, unknown, 0);
	assert_int_equal(wait_ready(m, 0x170), 0x51);
	packet(m, sense, 0);
	assert_int_equal(wait_ready(m, 0x170), 0x58);
	read_data(m, 0x170, buf, sizeof(buf));
	assert_int_equal(buf[2], 5);
	assert_int_equal(buf[12], 0x20);
	out8(&m->f, 0x177, 0xec);
	assert_int_equal(wait_ready(m, 0x170) & 1, 1);
	assert_int_equal(in8(&m->f, 0x175), 0xeb);
}

/* Every operation code and random parameters: no crash, always an end. */
static void every_packet_ends(void **state)
{
	struct machine *m = *state;
	uint8_t buf[65536];
	uint32_t seed = 1;

	for (unsigned int i = 0; i < 4096; i++) {
		uint8_t cdb[12];

		for (unsigned int j = 0; j < 12; j++) {
			seed = seed * 1103515245 + 12345;
			cdb[j] = (uint8_t)(seed >> 16);
		}
		cdb[0] = (uint8_t)i;
		packet(m, cdb, 0);
		for (unsigned int j = 0; wait_ready(m, 0x170) & 8; j++) {
			assert_true(j < 4096);
			read_data(m, 0x170, buf, sizeof(buf));
		}
		assert_int_equal(in8(&m->f, 0x177) & 0x88, 0);
	}
}

static void keeps_state(void **state)
{
	struct machine *m = *state;
	uint8_t buf[512];

	command(m, 0x20, 5, 3);
	assert_int_equal(wait_ready(m, 0x1f0), 0x58);
	read_data(m, 0x1f0, buf, 100);
	fake_round_trip(&m->f);
	read_data(m, 0x1f0, buf, 412);
	assert_int_equal(wait_ready(m, 0x1f0), 0x58);
	read_data(m, 0x1f0, buf, 512);
	assert_int_equal(load_le32(buf), 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identifies),
		TEST(reads_by_port),
		TEST(reads_blocks),
		TEST(writes_by_port),
		TEST(refuses_past_the_end),
		TEST(reads_by_dma),
		TEST(writes_by_dma),
		TEST(many_small_pieces),
		TEST(survives_hostile_tables),
		TEST(reset_while_busy),
		TEST(cdrom_reads),
		TEST(cdrom_reads_by_dma),
		TEST(cdrom_refuses),
		TEST(every_packet_ends),
		TEST(keeps_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
