/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data between guest and disk: by the data port in blocks, with a buffer in
 * between, or by the bus master straight into guest memory.
 *
 * The bus master's table is the guest's and may change at any time: each entry
 * is read once when it is due, its address checked by guest memory, and the
 * number of bytes bounded by the command's length.
 */
#include "ide_priv.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/bytes.h>

#include <string.h>

#define PRD_SIZE  8u
#define PRD_END   BIT(31)
#define PRD_LIMIT 0x10000u /* a table does not cross 64 KiB */
/* Bytes of one disk request of a DMA. */
#define DMA_CHUNK (UINT64_C(1) << 20)

static void set_busy(struct ide_channel *c)
{
	ide_selected(c)->status = ST_BSY;
}

static void submit(struct ide_channel *c, enum disk_op op, unsigned int nr_iov,
		   uint64_t len)
{
	c->in_flight = true;
	c->req.op = op;
	c->req.offset = c->s->offset;
	c->req.length = len;
	c->req.iov = c->iov;
	c->req.nr_iov = nr_iov;
	c->req.complete = ide_complete;
	set_busy(c);
	disk_submit(ide_selected_drive(c)->disk, &c->req);
}

/* A request between the disk and the start of buffer[]. */
static void submit_buffer(struct ide_channel *c, enum disk_op op, uint32_t len)
{
	c->iov[0].iov_base = c->s->buffer;
	c->iov[0].iov_len = len;
	submit(c, op, 1, len);
}

/* --- the data port --- */

/* Show the guest the next block of the buffer. */
static void next_block_in(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;
	struct ide_drive_state *d = ide_selected(c);
	uint32_t n = s->fill - s->pos;

	if (n > s->block)
		n = s->block;
	s->phase = IDE_PIO_IN;
	s->block_end = s->pos + n;
	if (s->packet) {
		d->nsector = 0x02; /* data, to the host */
		d->lba[1] = (uint8_t)n;
		d->lba[2] = (uint8_t)(n >> 8);
	}
	d->status = ST_DRDY | ST_DSC | ST_DRQ;
	ide_raise(c);
}

static void fetch(struct ide_channel *c)
{
	uint32_t n =
		c->s->left < IDE_BUFFER ? (uint32_t)c->s->left : IDE_BUFFER;

	c->s->phase = IDE_PIO_IN;
	c->s->fill = n;
	c->s->pos = 0;
	c->s->block_end = 0;
	submit_buffer(c, DISK_READ, n);
}

static void block_read(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;

	if (s->pos < s->fill) {
		next_block_in(c);
	} else if (s->left) {
		fetch(c);
	} else if (s->packet) {
		ide_packet_done(c);
	} else {
		/* After its last block a read is silent. */
		s->phase = IDE_IDLE;
		ide_selected(c)->status = ST_DRDY | ST_DSC;
	}
}

static void next_block_out(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;

	s->phase = IDE_PIO_OUT;
	s->pos = 0;
	s->block_end = s->left < s->block ? (uint32_t)s->left : s->block;
	ide_selected(c)->status = ST_DRDY | ST_DSC | ST_DRQ;
}

void ide_pio_reply(struct ide_channel *c, uint32_t len, uint32_t block)
{
	c->s->left = 0;
	c->s->pos = 0;
	c->s->fill = len;
	c->s->block = block;
	next_block_in(c);
}

void ide_pio_read(struct ide_channel *c, uint64_t offset, uint64_t len,
		  uint32_t block)
{
	c->s->offset = offset;
	c->s->left = len;
	c->s->block = block;
	fetch(c);
}

void ide_pio_write(struct ide_channel *c, uint64_t offset, uint64_t len,
		   uint32_t block)
{
	c->s->offset = offset;
	c->s->left = len;
	c->s->block = block;
	next_block_out(c);
}

void ide_data_read(struct ide_channel *c, uint8_t *p, uint32_t len)
{
	struct ide_channel_state *s = c->s;

	while (len && s->phase == IDE_PIO_IN && s->pos < s->block_end) {
		uint32_t n = s->block_end - s->pos;

		n = n < len ? n : len;
		memcpy(p, s->buffer + s->pos, n);
		p += n;
		len -= n;
		s->pos += n;
		if (s->pos == s->block_end)
			block_read(c);
	}
	memset(p, 0xff, len);
}

void ide_data_write(struct ide_channel *c, const uint8_t *p, uint32_t len)
{
	struct ide_channel_state *s = c->s;

	while (len && (s->phase == IDE_PIO_OUT || s->phase == IDE_PACKET) &&
	       s->pos < s->block_end) {
		uint32_t n = s->block_end - s->pos;

		n = n < len ? n : len;
		memcpy(s->buffer + s->pos, p, n);
		p += n;
		len -= n;
		s->pos += n;
		if (s->pos < s->block_end)
			return;
		if (s->phase == IDE_PACKET)
			ide_packet(c);
		else
			submit_buffer(c, DISK_WRITE, s->block_end);
	}
}

void ide_flush(struct ide_channel *c)
{
	c->s->phase = IDE_FLUSH;
	submit(c, DISK_FLUSH, 0, 0);
}

/* --- the bus master --- */

static void bm_stop(struct ide_channel *c, uint8_t also)
{
	c->s->bm_status = (uint8_t)((c->s->bm_status & ~BM_ACTIVE) | also);
}

/* Take the next entry of the table: false at its end or outside of memory. */
static bool next_prd(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;
	uint8_t prd[PRD_SIZE];
	uint32_t count;

	if (s->prd_end || s->prd_next - s->bm_table >= PRD_LIMIT)
		return false;
	if (guest_memory_read(c->ide->dev.env->memory, GPA(s->prd_next), prd,
			      sizeof(prd)) < 0)
		return false;
	count = load_le32(prd + 4);
	s->seg_addr = load_le32(prd) & ~1u;
	s->seg_left = (count & 0xfffe) ? count & 0xfffe : 0x10000;
	s->prd_end = (count & PRD_END) != 0;
	s->prd_next += PRD_SIZE;
	return true;
}

/* Cut pieces off the table, up to @want bytes. Returns how many. */
static uint32_t gather(struct ide_channel *c, uint32_t want)
{
	struct ide_channel_state *s = c->s;
	uint32_t sum = 0;

	c->nr_pieces = 0;
	while (sum < want && c->nr_pieces < DISK_MAX_IOV) {
		struct ide_piece *p = &c->piece[c->nr_pieces];
		uint32_t n = want - sum;

		if (!s->seg_left && !next_prd(c))
			break;
		n = n < s->seg_left ? n : s->seg_left;
		*p = (struct ide_piece){s->seg_addr, n, s->prd_next,
					s->seg_left, s->prd_end};
		c->nr_pieces++;
		s->seg_addr += n;
		s->seg_left -= n;
		sum += n;
	}
	return sum;
}

/* Give back the last @excess bytes. */
static void give_back(struct ide_channel *c, uint32_t excess)
{
	struct ide_channel_state *s = c->s;

	while (excess) {
		struct ide_piece *p = &c->piece[c->nr_pieces - 1];
		uint32_t n = excess < p->len ? excess : p->len;

		p->len -= n;
		excess -= n;
		s->prd_next = p->prd_next;
		s->prd_end = p->prd_end;
		s->seg_addr = p->addr + p->len;
		s->seg_left = p->seg_left - p->len;
		if (!p->len)
			c->nr_pieces--;
	}
}

static void unmap_pieces(struct ide_channel *c)
{
	struct guest_memory *gm = c->ide->dev.env->memory;

	for (unsigned int i = 0; c->s->to_guest && i < c->nr_pieces; i++)
		guest_memory_write_end(gm, GPA(c->piece[i].addr),
				       c->piece[i].len);
	c->nr_pieces = 0;
}

/* Map the pieces into iov[]: false when one is not RAM. */
static bool map_pieces(struct ide_channel *c)
{
	struct guest_memory *gm = c->ide->dev.env->memory;

	for (unsigned int i = 0; i < c->nr_pieces; i++) {
		const struct ide_piece *p = &c->piece[i];
		void *host;

		if (c->s->to_guest)
			host = guest_memory_write_begin(gm, GPA(p->addr),
							p->len);
		else
			host = (void *)(uintptr_t)guest_memory_peek(
				gm, GPA(p->addr), p->len);
		if (!host) {
			c->nr_pieces = i;
			unmap_pieces(c);
			return false;
		}
		c->iov[i].iov_base = host;
		c->iov[i].iov_len = p->len;
	}
	return true;
}

static void dma_fail(struct ide_channel *c)
{
	device_complain(&c->ide->dev, "bad bus-master table");
	bm_stop(c, BM_ERROR);
	if (c->s->packet)
		ide_packet_failed(c);
	else
		ide_abort(c, ERR_ABRT);
}

static void dma_done(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;

	/* A table longer than the transfer leaves the engine active. */
	if (s->prd_end && !s->seg_left)
		bm_stop(c, 0);
	if (s->packet) {
		ide_packet_done(c);
	} else {
		ide_selected(c)->nsector = 0;
		ide_done(c);
	}
}

/* A reply out of buffer[]: at once. */
static void dma_buffer(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;

	while (s->left) {
		uint32_t n = gather(c, (uint32_t)s->left);

		if (!n || !map_pieces(c)) {
			dma_fail(c);
			return;
		}
		for (unsigned int i = 0; i < c->nr_pieces; i++) {
			memcpy(c->iov[i].iov_base, s->buffer + s->pos,
			       c->iov[i].iov_len);
			s->pos += (uint32_t)c->iov[i].iov_len;
		}
		unmap_pieces(c);
		s->left -= n;
	}
	dma_done(c);
}

/* Start the next request of the DMA, or end it. */
static void dma_step(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;
	uint32_t want;
	uint32_t n;

	if (!s->left) {
		dma_done(c);
		return;
	}
	want = (uint32_t)(s->left < DMA_CHUNK ? s->left : DMA_CHUNK);
	n = gather(c, want);
	give_back(c, n % DISK_SECTOR);
	n -= n % DISK_SECTOR;
	if (!n || !map_pieces(c)) {
		dma_fail(c);
		return;
	}
	submit(c, s->to_guest ? DISK_READ : DISK_WRITE, c->nr_pieces, n);
}

void ide_dma_start(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;

	if (s->phase != IDE_DMA || c->in_flight || !(s->bm_status & BM_ACTIVE))
		return;
	if (!(s->bm_command & BM_TO_MEMORY) != !s->to_guest)
		dma_fail(c);
	else if (s->from_buffer)
		dma_buffer(c);
	else
		dma_step(c);
}

static void dma_ready(struct ide_channel *c, bool to_guest, bool from_buffer)
{
	c->s->phase = IDE_DMA;
	c->s->to_guest = to_guest;
	c->s->from_buffer = from_buffer;
	c->s->pos = 0;
	ide_selected(c)->status = ST_DRDY | ST_DSC | ST_DRQ;
	ide_dma_start(c);
}

void ide_dma(struct ide_channel *c, uint64_t offset, uint64_t len,
	     bool to_guest)
{
	c->s->offset = offset;
	c->s->left = len;
	dma_ready(c, to_guest, false);
}

void ide_dma_reply(struct ide_channel *c, uint32_t len)
{
	c->s->left = len;
	dma_ready(c, true, true);
}

/* --- completions, on the event loop --- */

static void failed(struct ide_channel *c, bool write)
{
	struct ide_channel_state *s = c->s;

	if (s->phase == IDE_DMA)
		bm_stop(c, 0);
	if (s->packet)
		ide_packet_failed(c);
	else
		ide_abort(c, write ? ERR_ABRT : ERR_UNC);
	if (write)
		ide_selected(c)->status |= ST_DF;
}

static void completed(struct ide_channel *c)
{
	struct ide_channel_state *s = c->s;

	s->offset += c->req.length;
	s->left -= c->req.length;
	switch (s->phase) {
	case IDE_PIO_IN:
		next_block_in(c);
		break;
	case IDE_PIO_OUT:
		if (!s->left) {
			ide_done(c);
			break;
		}
		next_block_out(c);
		ide_raise(c);
		break;
	case IDE_DMA:
		/* Stopped by the guest: wait until it goes on. */
		ide_selected(c)->status = ST_DRDY | ST_DSC | ST_DRQ;
		if (s->bm_status & BM_ACTIVE)
			dma_step(c);
		break;
	default:
		ide_done(c);
		break;
	}
}

void ide_complete(struct disk_request *req, int result)
{
	struct ide_channel *c = container_of(req, struct ide_channel, req);

	device_lock(&c->ide->dev);
	c->in_flight = false;
	if (c->s->phase == IDE_DMA || c->nr_pieces)
		unmap_pieces(c);
	if (c->aborted) {
		c->aborted = false;
		c->s->phase = IDE_IDLE;
		for (unsigned int i = 0; i < IDE_UNITS; i++)
			ide_signature(c, i);
	} else if (result < 0) {
		failed(c, req->op != DISK_READ);
	} else {
		completed(c);
	}
	device_unlock(&c->ide->dev);
}
