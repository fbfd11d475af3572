/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ATA commands (ATA/ATAPI-7, volume 1). */
#include "ide_priv.h"

#include <base/bits.h>
#include <base/bytes.h>

#include <stdio.h>
#include <string.h>

#define HEADS        16u
#define SECTORS      63u
#define MAX_CYL      16383u
#define MAX_MULTIPLE 16u
#define LBA28_MAX    ((UINT64_C(1) << 28) - 1)

enum {
	CMD_DEVICE_RESET = 0x08,
	CMD_READ = 0x20,
	CMD_READ_EXT = 0x24,
	CMD_READ_DMA_EXT = 0x25,
	CMD_READ_NATIVE_MAX_EXT = 0x27,
	CMD_READ_MULTIPLE_EXT = 0x29,
	CMD_WRITE = 0x30,
	CMD_WRITE_EXT = 0x34,
	CMD_WRITE_DMA_EXT = 0x35,
	CMD_WRITE_MULTIPLE_EXT = 0x39,
	CMD_WRITE_DMA_FUA_EXT = 0x3d,
	CMD_VERIFY = 0x40,
	CMD_VERIFY_EXT = 0x42,
	CMD_SEEK = 0x70,
	CMD_DIAGNOSTIC = 0x90,
	CMD_INIT_PARAMS = 0x91,
	CMD_PACKET = 0xa0,
	CMD_IDENTIFY_PACKET = 0xa1,
	CMD_SMART = 0xb0,
	CMD_READ_MULTIPLE = 0xc4,
	CMD_WRITE_MULTIPLE = 0xc5,
	CMD_SET_MULTIPLE = 0xc6,
	CMD_READ_DMA = 0xc8,
	CMD_WRITE_DMA = 0xca,
	CMD_STANDBY_NOW = 0xe0,
	CMD_IDLE_NOW = 0xe1,
	CMD_STANDBY = 0xe2,
	CMD_IDLE = 0xe3,
	CMD_CHECK_POWER = 0xe5,
	CMD_SLEEP = 0xe6,
	CMD_FLUSH = 0xe7,
	CMD_FLUSH_EXT = 0xea,
	CMD_IDENTIFY = 0xec,
	CMD_SET_FEATURES = 0xef,
	CMD_READ_NATIVE_MAX = 0xf8,
};

static uint64_t sectors(const struct ide_channel *c)
{
	return disk_size(ide_selected_drive(c)->disk) / DISK_SECTOR;
}

/* Two characters per word, the first in the high byte, padded with spaces. */
static void put_text(uint8_t *id, unsigned int word, unsigned int words,
		     const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < 2 * (size_t)words; i++)
		id[2 * word + (i ^ 1)] = i < len ? (uint8_t)s[i] : ' ';
}

static void put(uint8_t *id, unsigned int word, unsigned int v)
{
	store_le16(id + 2 * word, (uint16_t)v);
}

/* Which DMA mode is selected: a bit in the high byte of its word. */
static void put_modes(uint8_t *id, uint8_t mode)
{
	unsigned int selected = 0x100u << (mode & 7);

	put(id, 63, 0x07 | (mode >> 3 == 4 ? selected : 0));
	put(id, 88, 0x3f | (mode >> 3 == 8 ? selected : 0));
	put(id, 64, 0x03);
	for (unsigned int w = 65; w <= 68; w++)
		put(id, w, 120);
}

static void put_names(struct ide_channel *c, uint8_t *id, const char *model)
{
	char serial[21];

	(void)snprintf(serial, sizeof(serial), "LM%05u",
		       c->index * IDE_UNITS + c->s->unit + 1);
	put_text(id, 10, 10, serial);
	put_text(id, 23, 4, "1.0");
	put_text(id, 27, 20, model);
}

static void identify(struct ide_channel *c)
{
	const struct ide_drive_state *d = ide_selected(c);
	uint64_t n = sectors(c);
	uint64_t cyl = n / (HEADS * SECTORS);
	uint8_t *id = c->s->buffer;
	uint32_t n28 = (uint32_t)(n > LBA28_MAX ? LBA28_MAX : n);

	cyl = cyl > MAX_CYL ? MAX_CYL : cyl;
	memset(id, 0, 512);
	put(id, 0, 0x0040); /* fixed disk */
	put(id, 1, (unsigned int)cyl);
	put(id, 3, HEADS);
	put(id, 6, SECTORS);
	put_names(c, id, "Lamina Virtual Disk");
	put(id, 47, 0x8000 | MAX_MULTIPLE);
	put(id, 48, 1);
	put(id, 49, 0x0b00); /* IORDY, LBA, DMA */
	put(id, 50, 0x4000);
	put(id, 51, 0x0200);
	put(id, 53, 0x0007);
	put(id, 54, (unsigned int)cyl);
	put(id, 55, HEADS);
	put(id, 56, SECTORS);
	store_le32(id + 2 * 57, (uint32_t)(cyl * HEADS * SECTORS));
	put(id, 59, d->multiple ? 0x100u | d->multiple : 0);
	store_le32(id + 2 * 60, n28);
	put_modes(id, d->dma_mode);
	put(id, 80, 0x00f0);          /* ATA/ATAPI-4 to 7 */
	put(id, 82, 0x0021 | 0x4000); /* SMART, write cache, NOP */
	put(id, 83, 0x4000 | 0x3400); /* FLUSH, FLUSH EXT, LBA48 */
	put(id, 84, 0x4040);          /* FUA */
	put(id, 85, 0x4000u | (d->write_cache ? 0x20 : 0) | (d->smart ? 1 : 0));
	put(id, 86, 0x3400);
	put(id, 87, 0x4040);
	put(id, 93, 0x6001 | (c->s->unit << 8));
	store_le64(id + 2 * 100, n);
	put(id, 217, 1); /* does not rotate */
	ide_pio_reply(c, 512, 512);
}

static void identify_packet(struct ide_channel *c)
{
	uint8_t *id = c->s->buffer;

	memset(id, 0, 512);
	put(id, 0, 0x85c0); /* CD-ROM, removable, 12-byte packets, fast DRQ */
	put_names(c, id, "Lamina Virtual CD-ROM");
	put(id, 48, 1);
	put(id, 49, 0x0b00);
	put(id, 53, 0x0007);
	put_modes(id, ide_selected(c)->dma_mode);
	put(id, 80, 0x00f0);
	put(id, 82, 0x4210); /* NOP, DEVICE RESET, PACKET */
	put(id, 83, 0x4000);
	put(id, 84, 0x4000);
	put(id, 85, 0x4210);
	put(id, 87, 0x4000);
	put(id, 93, 0x6001 | (c->s->unit << 8));
	ide_pio_reply(c, 512, 512);
}

static uint64_t lba_of(const struct ide_drive_state *d, bool ext)
{
	uint64_t lba = d->lba[0] | (uint64_t)d->lba[1] << 8 |
		       (uint64_t)d->lba[2] << 16;
	uint64_t cyl = d->lba[1] | (uint64_t)d->lba[2] << 8;

	if (ext)
		return lba | (uint64_t)d->hob_lba[0] << 24 |
		       (uint64_t)d->hob_lba[1] << 32 |
		       (uint64_t)d->hob_lba[2] << 40;
	if (d->device & DEV_LBA)
		return lba | (uint64_t)(d->device & 0x0f) << 24;
	/* Sectors count from 1; 0 wraps far past the end and is refused. */
	return (cyl * HEADS + (d->device & 0x0f)) * SECTORS + d->lba[0] - 1;
}

static uint32_t count_of(const struct ide_drive_state *d, bool ext)
{
	uint32_t n = d->nsector;

	if (ext)
		n |= (uint32_t)d->hob_nsector << 8;
	if (n)
		return n;
	return ext ? 65536 : 256;
}

/* Where a command's sectors are: false, with the command ended, if not on the
 * disk. */
static bool decode_range(struct ide_channel *c, bool ext, uint64_t *ret_off,
			 uint64_t *ret_len)
{
	const struct ide_drive_state *d = ide_selected(c);
	uint64_t lba = lba_of(d, ext);
	uint32_t n = count_of(d, ext);

	if (lba >= sectors(c) || n > sectors(c) - lba) {
		ide_abort(c, ERR_IDNF);
		return false;
	}
	*ret_off = lba * DISK_SECTOR;
	*ret_len = (uint64_t)n * DISK_SECTOR;
	return true;
}

enum how {
	BY_SECTOR,
	BY_BLOCK, /* of SET MULTIPLE */
	BY_DMA,
};

static void transfer(struct ide_channel *c, enum how how, bool ext, bool write)
{
	uint32_t block = DISK_SECTOR;
	uint64_t off;
	uint64_t len;

	if (how == BY_BLOCK) {
		if (!ide_selected(c)->multiple) {
			ide_abort(c, ERR_ABRT);
			return;
		}
		block *= ide_selected(c)->multiple;
	}
	if (!decode_range(c, ext, &off, &len))
		return;
	if (how == BY_DMA)
		ide_dma(c, off, len, !write);
	else if (write)
		ide_pio_write(c, off, len, block);
	else
		ide_pio_read(c, off, len, block);
}

static void verify(struct ide_channel *c, bool ext)
{
	uint64_t off;
	uint64_t len;

	if (decode_range(c, ext, &off, &len))
		ide_done(c);
}

static void native_max(struct ide_channel *c, bool ext)
{
	struct ide_drive_state *d = ide_selected(c);
	uint64_t last = sectors(c) - 1;

	if (!ext && last > LBA28_MAX)
		last = LBA28_MAX;
	for (unsigned int i = 0; i < 3; i++) {
		d->lba[i] = (uint8_t)(last >> (8 * i));
		if (ext)
			d->hob_lba[i] = (uint8_t)(last >> (24 + 8 * i));
	}
	if (!ext)
		d->device =
			(uint8_t)((d->device & 0xf0) | ((last >> 24) & 0x0f));
	ide_done(c);
}

static void set_features(struct ide_channel *c)
{
	struct ide_drive_state *d = ide_selected(c);

	switch (d->feature) {
	case 0x02:
		d->write_cache = 1;
		break;
	case 0x82:
		d->write_cache = 0;
		break;
	case 0x03: /* transfer mode: PIO, MWDMA 0..2, UDMA 0..5 */
		if (d->nsector > 0x45 ||
		    (d->nsector >= 0x23 && d->nsector < 0x40)) {
			ide_abort(c, ERR_ABRT);
			return;
		}
		if (d->nsector >= 0x20)
			d->dma_mode = d->nsector;
		break;
	case 0x05: /* power management, acoustics, look-ahead, defaults */
	case 0x42:
	case 0x55:
	case 0x66:
	case 0x85:
	case 0xaa:
	case 0xc2:
	case 0xcc:
		break;
	default:
		ide_abort(c, ERR_ABRT);
		return;
	}
	ide_done(c);
}

static void smart_reply(struct ide_channel *c)
{
	uint8_t *p = c->s->buffer;
	uint8_t sum = 0;

	memset(p, 0, 512);
	p[0] = 1; /* version; no attribute */
	for (unsigned int i = 0; i < 511; i++)
		sum = (uint8_t)(sum + p[i]);
	p[511] = (uint8_t)-sum;
	ide_pio_reply(c, 512, 512);
}

static void smart(struct ide_channel *c)
{
	struct ide_drive_state *d = ide_selected(c);

	if (d->lba[1] != 0x4f || d->lba[2] != 0xc2 ||
	    (!d->smart && d->feature != 0xd8)) {
		ide_abort(c, ERR_ABRT);
		return;
	}
	switch (d->feature) {
	case 0xd0: /* data */
	case 0xd1: /* thresholds */
		smart_reply(c);
		break;
	case 0xd8:
	case 0xd9:
		d->smart = d->feature == 0xd8;
		ide_done(c);
		break;
	case 0xda: /* status: the signature unchanged means healthy */
	case 0xd2:
		ide_done(c);
		break;
	default:
		ide_abort(c, ERR_ABRT);
		break;
	}
}

static void set_multiple(struct ide_channel *c)
{
	struct ide_drive_state *d = ide_selected(c);

	if (d->nsector > MAX_MULTIPLE ||
	    (d->nsector && !is_power_of_two(d->nsector))) {
		ide_abort(c, ERR_ABRT);
		return;
	}
	d->multiple = d->nsector;
	ide_done(c);
}

static void begin_packet(struct ide_channel *c)
{
	struct ide_drive_state *d = ide_selected(c);

	c->s->packet = 1;
	c->s->phase = IDE_PACKET;
	c->s->pos = 0;
	c->s->block_end = 12;
	d->nsector = 0x01; /* a command, from the host */
	d->error = 0;
	d->status = ST_DRDY | ST_DRQ;
}

/* What a CD-ROM answers to; the rest it aborts. */
static void cd_command(struct ide_channel *c, uint8_t command)
{
	switch (command) {
	case CMD_PACKET:
		begin_packet(c);
		break;
	case CMD_IDENTIFY_PACKET:
		identify_packet(c);
		break;
	case CMD_DEVICE_RESET:
		c->s->phase = IDE_IDLE;
		ide_signature(c, c->s->unit);
		break;
	case CMD_IDENTIFY: /* aborts with the signature of a packet device */
	case CMD_READ:
		ide_signature(c, c->s->unit);
		ide_abort(c, ERR_ABRT);
		break;
	case CMD_SET_FEATURES:
		set_features(c);
		break;
	case CMD_STANDBY_NOW:
	case CMD_IDLE_NOW:
	case CMD_SLEEP:
		ide_done(c);
		break;
	default:
		ide_abort(c, ERR_ABRT);
		break;
	}
}

/* table */
static void disk_command(struct ide_channel *c, uint8_t command)
{
	/* Obsolete forms that differ in the low bits only. */
	if (command >= 0x10 && command <= 0x1f) {
		ide_done(c); /* RECALIBRATE */
		return;
	}
	switch (command) {
	case CMD_IDENTIFY:
		identify(c);
		break;
	case CMD_READ:
	case CMD_READ + 1:
		transfer(c, BY_SECTOR, false, false);
		break;
	case CMD_READ_EXT:
		transfer(c, BY_SECTOR, true, false);
		break;
	case CMD_READ_MULTIPLE:
		transfer(c, BY_BLOCK, false, false);
		break;
	case CMD_READ_MULTIPLE_EXT:
		transfer(c, BY_BLOCK, true, false);
		break;
	case CMD_READ_DMA:
	case CMD_READ_DMA + 1:
		transfer(c, BY_DMA, false, false);
		break;
	case CMD_READ_DMA_EXT:
		transfer(c, BY_DMA, true, false);
		break;
	case CMD_WRITE:
	case CMD_WRITE + 1:
		transfer(c, BY_SECTOR, false, true);
		break;
	case CMD_WRITE_EXT:
		transfer(c, BY_SECTOR, true, true);
		break;
	case CMD_WRITE_MULTIPLE:
		transfer(c, BY_BLOCK, false, true);
		break;
	case CMD_WRITE_MULTIPLE_EXT:
		transfer(c, BY_BLOCK, true, true);
		break;
	case CMD_WRITE_DMA:
	case CMD_WRITE_DMA + 1:
		transfer(c, BY_DMA, false, true);
		break;
	case CMD_WRITE_DMA_EXT:
	case CMD_WRITE_DMA_FUA_EXT:
		transfer(c, BY_DMA, true, true);
		break;
	case CMD_VERIFY:
	case CMD_VERIFY + 1:
		verify(c, false);
		break;
	case CMD_VERIFY_EXT:
		verify(c, true);
		break;
	case CMD_FLUSH:
	case CMD_FLUSH_EXT:
		ide_flush(c);
		break;
	case CMD_SET_MULTIPLE:
		set_multiple(c);
		break;
	case CMD_SET_FEATURES:
		set_features(c);
		break;
	case CMD_READ_NATIVE_MAX:
		native_max(c, false);
		break;
	case CMD_READ_NATIVE_MAX_EXT:
		native_max(c, true);
		break;
	case CMD_SMART:
		smart(c);
		break;
	case CMD_CHECK_POWER:
		ide_selected(c)->nsector = 0xff; /* active */
		ide_done(c);
		break;
	case CMD_SEEK:
	case CMD_INIT_PARAMS:
	case CMD_STANDBY_NOW:
	case CMD_IDLE_NOW:
	case CMD_STANDBY:
	case CMD_IDLE:
	case CMD_SLEEP:
		ide_done(c);
		break;
	default:
		ide_abort(c, ERR_ABRT);
		break;
	}
}

void ide_command(struct ide_channel *c, uint8_t command)
{
	struct ide_drive_state *d = ide_selected(c);

	c->s->packet = 0;
	d->error = 0;
	if (command == CMD_DIAGNOSTIC) {
		for (unsigned int i = 0; i < IDE_UNITS; i++)
			ide_signature(c, i);
		c->s->unit = 0;
		ide_raise(c);
	} else if (ide_selected_drive(c)->cdrom) {
		cd_command(c, command);
	} else {
		disk_command(c, command);
	}
}
