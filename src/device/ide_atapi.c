/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet commands of a CD-ROM (MMC-3, SPC-2). The disc is never ejected: the
 * tray is locked by being virtual. */
#include "ide_priv.h"

#include <base/bits.h>
#include <base/bytes.h>

#include <endian.h>
#include <string.h>

#define SENSE_NONE    0x0
#define SENSE_MEDIUM  0x3
#define SENSE_ILLEGAL 0x5
#define SENSE_CHANGED 0x6

#define ASC_READ_ERROR 0x11
#define ASC_OPCODE     0x20
#define ASC_LBA        0x21
#define ASC_FIELD      0x24
#define ASC_NEW_MEDIUM 0x28

#define PROFILE_CDROM 0x0008
#define LEADOUT       0xaa
#define DMA_FEATURE   0x01

enum {
	OP_TEST_UNIT_READY = 0x00,
	OP_REQUEST_SENSE = 0x03,
	OP_INQUIRY = 0x12,
	OP_MODE_SENSE_6 = 0x1a,
	OP_START_STOP = 0x1b,
	OP_PREVENT_ALLOW = 0x1e,
	OP_READ_CAPACITY = 0x25,
	OP_READ_10 = 0x28,
	OP_SEEK = 0x2b,
	OP_READ_SUBCHANNEL = 0x42,
	OP_READ_TOC = 0x43,
	OP_GET_CONFIGURATION = 0x46,
	OP_GET_EVENT = 0x4a,
	OP_READ_DISC_INFO = 0x51,
	OP_MODE_SENSE_10 = 0x5a,
	OP_READ_12 = 0xa8,
	OP_MECHANISM_STATUS = 0xbd,
};

static void put_be16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v);
}

static uint32_t get_be32(const uint8_t *p)
{
	return be32toh(load_le32(p));
}

static unsigned int get_be16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static uint32_t cd_sectors(const struct ide_channel *c)
{
	uint64_t n = disk_size(ide_selected_drive(c)->disk) / CD_SECTOR;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

void ide_packet_done(struct ide_channel *c)
{
	struct ide_drive_state *d = ide_selected(c);

	d->nsector = 0x03; /* status, to the host */
	d->sense_key = SENSE_NONE;
	d->sense_asc = 0;
	d->sense_ascq = 0;
	ide_done(c);
}

static void check(struct ide_channel *c, uint8_t key, uint8_t asc)
{
	struct ide_drive_state *d = ide_selected(c);

	d->nsector = 0x03;
	d->sense_key = key;
	d->sense_asc = asc;
	d->sense_ascq = 0;
	ide_abort(c, (uint8_t)(key << 4));
}

void ide_packet_failed(struct ide_channel *c)
{
	check(c, SENSE_MEDIUM, ASC_READ_ERROR);
}

static bool wants_dma(struct ide_channel *c)
{
	return ide_selected(c)->feature & DMA_FEATURE;
}

/* Bytes per DRQ block that the host is ready for; whole words. */
static uint32_t block_limit(struct ide_channel *c)
{
	const struct ide_drive_state *d = ide_selected(c);
	uint32_t n = d->lba[1] | (uint32_t)d->lba[2] << 8;

	if (n == 0xffff)
		n = 0xfffe;
	n &= ~1u;
	if (!n || n > IDE_BUFFER)
		n = n ? IDE_BUFFER : CD_SECTOR;
	return n;
}

/* Send the first @len bytes of the buffer, cut to what the host asked for. */
static void reply(struct ide_channel *c, uint32_t len, uint32_t allocated)
{
	if (len > allocated)
		len = allocated;
	if (!len)
		ide_packet_done(c);
	else if (wants_dma(c))
		ide_dma_reply(c, len);
	else
		ide_pio_reply(c, len, block_limit(c));
}

static void read_sectors(struct ide_channel *c, uint32_t lba, uint32_t n)
{
	uint64_t len = (uint64_t)n * CD_SECTOR;

	if (lba > cd_sectors(c) || n > cd_sectors(c) - lba)
		check(c, SENSE_ILLEGAL, ASC_LBA);
	else if (!n)
		ide_packet_done(c);
	else if (wants_dma(c))
		ide_dma(c, (uint64_t)lba * CD_SECTOR, len, true);
	else
		ide_pio_read(c, (uint64_t)lba * CD_SECTOR, len, block_limit(c));
}

static void inquiry(struct ide_channel *c, const uint8_t *cdb)
{
	uint8_t *p = c->s->buffer;

	if (cdb[1] & 1) { /* no vital product data */
		check(c, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	memset(p, 0, 36);
	p[0] = 0x05; /* CD-ROM */
	p[1] = 0x80; /* removable */
	p[3] = 0x21; /* ATAPI, response format 1 */
	p[4] = 31;
	memcpy(p + 8, "LAMINA  Virtual CD-ROM  1.0 ", 28);
	reply(c, 36, cdb[4]);
}

static void request_sense(struct ide_channel *c, const uint8_t *cdb)
{
	const struct ide_drive_state *d = ide_selected(c);
	uint8_t *p = c->s->buffer;

	memset(p, 0, 18);
	p[0] = 0x70;
	p[2] = d->sense_key;
	p[7] = 10;
	p[12] = d->sense_asc;
	p[13] = d->sense_ascq;
	reply(c, 18, cdb[4]);
}

static void read_capacity(struct ide_channel *c)
{
	uint8_t *p = c->s->buffer;
	uint32_t n = cd_sectors(c);

	put_be32(p, n ? n - 1 : 0);
	put_be32(p + 4, CD_SECTOR);
	reply(c, 8, 8);
}

/* An address in a table of contents: by number, or minute, second, frame. */
static void put_address(uint8_t *p, uint32_t lba, bool msf)
{
	if (!msf) {
		put_be32(p, lba);
		return;
	}
	lba += 150;
	p[0] = 0;
	p[1] = (uint8_t)(lba / 75 / 60);
	p[2] = (uint8_t)(lba / 75 % 60);
	p[3] = (uint8_t)(lba % 75);
}

static uint8_t *put_track(uint8_t *p, uint8_t track, uint32_t lba, bool msf)
{
	memset(p, 0, 8);
	p[1] = 0x14; /* data track */
	p[2] = track;
	put_address(p + 4, lba, msf);
	return p + 8;
}

static uint32_t full_toc(struct ide_channel *c, uint8_t *p, bool msf)
{
	static const uint8_t point[4] = {0xa0, 0xa1, 0xa2, 1};
	uint8_t *start = p;

	p += 2;
	*p++ = 1;
	*p++ = 1;
	for (unsigned int i = 0; i < 4; i++, p += 11) {
		memset(p, 0, 11);
		p[0] = 1;
		p[1] = 0x14;
		p[3] = point[i];
		if (point[i] == 0xa0 || point[i] == 0xa1) {
			p[8] = 1;
		} else {
			uint8_t addr[4];

			put_address(addr, i == 2 ? cd_sectors(c) : 0, true);
			memcpy(p + 8, addr + 1, 3);
		}
	}
	put_be16(start, (unsigned int)(p - start) - 2);
	return (uint32_t)(p - start);
}

static void read_toc(struct ide_channel *c, const uint8_t *cdb)
{
	bool msf = cdb[1] & 2;
	unsigned int format = cdb[2] & 0x0f;
	uint8_t first = cdb[6];
	uint8_t *buf = c->s->buffer;
	uint8_t *p = buf + 4;

	if (!format)
		format = cdb[9] >> 6; /* where old hosts put it */
	switch (format) {
	case 0:
		if (first > 1 && first != LEADOUT) {
			check(c, SENSE_ILLEGAL, ASC_FIELD);
			return;
		}
		if (first <= 1)
			p = put_track(p, 1, 0, msf);
		p = put_track(p, LEADOUT, cd_sectors(c), msf);
		break;
	case 1: /* sessions */
		p = put_track(p, 1, 0, msf);
		break;
	case 2:
		reply(c, full_toc(c, buf, msf), get_be16(cdb + 7));
		return;
	default:
		check(c, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	put_be16(buf, (unsigned int)(p - buf) - 2);
	buf[2] = 1;
	buf[3] = 1;
	reply(c, (uint32_t)(p - buf), get_be16(cdb + 7));
}

static uint8_t *put_mode_error(uint8_t *p)
{
	memset(p, 0, 8);
	p[0] = 0x01;
	p[1] = 0x06;
	p[3] = 0x05; /* retries */
	return p + 8;
}

static uint8_t *put_mode_capabilities(uint8_t *p, bool locked)
{
	memset(p, 0, 20);
	p[0] = 0x2a;
	p[1] = 0x12;
	p[4] = 0x70;
	p[6] = (uint8_t)(0x29 | (locked ? 0x02 : 0)); /* tray, lock, eject */
	put_be16(p + 8, 706);                         /* 4x, in kB/s */
	put_be16(p + 14, 706);
	return p + 20;
}

static void mode_sense(struct ide_channel *c, const uint8_t *cdb, bool ten)
{
	unsigned int page = cdb[2] & 0x3f;
	uint32_t header = ten ? 8 : 4;
	uint8_t *buf = c->s->buffer;
	uint8_t *p = buf + header;

	if (cdb[2] >> 6 == 3) { /* no saved values */
		check(c, SENSE_ILLEGAL, 0x39);
		return;
	}
	memset(buf, 0, header);
	if (page == 0x01 || page == 0x3f)
		p = put_mode_error(p);
	if (page == 0x2a || page == 0x3f)
		p = put_mode_capabilities(p, ide_selected(c)->locked);
	if (p == buf + header) {
		check(c, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	if (ten) {
		put_be16(buf, (unsigned int)(p - buf) - 2);
		buf[2] = 0x01;
	} else {
		buf[0] = (uint8_t)(p - buf - 1);
		buf[1] = 0x01;
	}
	reply(c, (uint32_t)(p - buf), ten ? get_be16(cdb + 7) : cdb[4]);
}

static void get_configuration(struct ide_channel *c, const uint8_t *cdb)
{
	uint8_t *buf = c->s->buffer;
	uint8_t *p = buf + 8;

	memset(buf, 0, 64);
	put_be16(buf + 6, PROFILE_CDROM);
	if (get_be16(cdb + 2) == 0) {
		p[2] = 0x03; /* profile list: persistent, current */
		p[3] = 4;
		put_be16(p + 4, PROFILE_CDROM);
		p[6] = 1;
		p += 8;
	}
	put_be32(buf, (uint32_t)(p - buf) - 4);
	reply(c, (uint32_t)(p - buf), get_be16(cdb + 7));
}

/* Media events only; asking for them tells the one there is. */
static void get_event(struct ide_channel *c, const uint8_t *cdb)
{
	struct ide_drive_state *d = ide_selected(c);
	uint8_t *p = c->s->buffer;

	if (!(cdb[1] & 1)) { /* asynchronous */
		check(c, SENSE_ILLEGAL, ASC_FIELD);
		return;
	}
	memset(p, 0, 8);
	p[3] = 0x10; /* media class supported */
	if (!(cdb[4] & 0x10)) {
		put_be16(p, 2);
		p[2] = 0x80; /* none of those asked for */
		reply(c, 4, get_be16(cdb + 7));
		return;
	}
	put_be16(p, 6);
	p[2] = 0x04;
	p[4] = d->media_event ? 0x02 : 0;
	p[5] = 0x02; /* medium present */
	d->media_event = 0;
	reply(c, 8, get_be16(cdb + 7));
}

static void disc_info(struct ide_channel *c, const uint8_t *cdb)
{
	uint8_t *p = c->s->buffer;

	memset(p, 0, 34);
	put_be16(p, 32);
	p[2] = 0x0e; /* complete, last session complete */
	p[3] = 1;
	p[4] = 1;
	p[5] = 1;
	p[6] = 1;
	p[7] = 0x20;
	reply(c, 34, get_be16(cdb + 7));
}

static void zeros(struct ide_channel *c, uint32_t len, uint32_t allocated)
{
	memset(c->s->buffer, 0, len);
	reply(c, len, allocated);
}

/* A disc that was put in is told once, by the first command that minds. */
static bool unit_attention(struct ide_channel *c, uint8_t op)
{
	struct ide_drive_state *d = ide_selected(c);

	if (d->media_event != 1 || op == OP_INQUIRY || op == OP_REQUEST_SENSE ||
	    op == OP_GET_CONFIGURATION || op == OP_GET_EVENT)
		return false;
	d->media_event = 2; /* left for the event command */
	check(c, SENSE_CHANGED, ASC_NEW_MEDIUM);
	return true;
}

/* table */
void ide_packet(struct ide_channel *c)
{
	uint8_t cdb[12];

	/* The replies overwrite the buffer that the packet is in. */
	memcpy(cdb, c->s->buffer, sizeof(cdb));
	c->s->phase = IDE_IDLE;
	if (unit_attention(c, cdb[0]))
		return;
	switch (cdb[0]) {
	case OP_TEST_UNIT_READY:
	case OP_START_STOP:
	case OP_SEEK:
		ide_packet_done(c);
		break;
	case OP_PREVENT_ALLOW:
		ide_selected(c)->locked = cdb[4] & 1;
		ide_packet_done(c);
		break;
	case OP_REQUEST_SENSE:
		request_sense(c, cdb);
		break;
	case OP_INQUIRY:
		inquiry(c, cdb);
		break;
	case OP_READ_CAPACITY:
		read_capacity(c);
		break;
	case OP_READ_10:
		read_sectors(c, get_be32(cdb + 2), get_be16(cdb + 7));
		break;
	case OP_READ_12:
		read_sectors(c, get_be32(cdb + 2), get_be32(cdb + 6));
		break;
	case OP_READ_TOC:
		read_toc(c, cdb);
		break;
	case OP_MODE_SENSE_6:
		mode_sense(c, cdb, false);
		break;
	case OP_MODE_SENSE_10:
		mode_sense(c, cdb, true);
		break;
	case OP_GET_CONFIGURATION:
		get_configuration(c, cdb);
		break;
	case OP_GET_EVENT:
		get_event(c, cdb);
		break;
	case OP_READ_DISC_INFO:
		disc_info(c, cdb);
		break;
	case OP_MECHANISM_STATUS:
		zeros(c, 8, get_be16(cdb + 8));
		break;
	case OP_READ_SUBCHANNEL:
		zeros(c, 4, get_be16(cdb + 7));
		break;
	default:
		check(c, SENSE_ILLEGAL, ASC_OPCODE);
		break;
	}
}
