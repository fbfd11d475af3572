/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the IDE function, shared by its files: registers and ATA
 * commands (ide.c, ide_ata.c), data transfers (ide_transfer.c), packet
 * commands (ide_atapi.c).
 *
 * Everything is guarded by the device's lock. A channel has at most one disk
 * request in flight, and while it has, the selected drive is busy and takes no
 * command.
 */
#pragma once

#include <device/ide.h>
#include <device/io_bus.h>
#include <device/pci.h>
#include <disk/disk.h>

/* Of one channel: 64 sectors, or 16 of a CD. */
#define IDE_BUFFER 32768u
#define CD_SECTOR  2048u

#define ST_ERR  0x01u
#define ST_DRQ  0x08u
#define ST_DSC  0x10u
#define ST_DF   0x20u
#define ST_DRDY 0x40u
#define ST_BSY  0x80u

#define ERR_ABRT 0x04u
#define ERR_IDNF 0x10u
#define ERR_UNC  0x40u

#define DEV_UNIT 0x10u
#define DEV_LBA  0x40u

#define CTL_NIEN 0x02u
#define CTL_SRST 0x04u
#define CTL_HOB  0x80u

#define BM_START     0x01u
#define BM_TO_MEMORY 0x08u
#define BM_ACTIVE    0x01u
#define BM_ERROR     0x02u
#define BM_INTERRUPT 0x04u

/* What the data phase of a channel is about. */
enum ide_phase {
	IDE_IDLE,
	IDE_PIO_IN,  /* the guest reads buffer[pos..block_end) */
	IDE_PIO_OUT, /* the guest writes it */
	IDE_PACKET,  /* the guest writes the 12 bytes of a packet */
	IDE_DMA,     /* waits for the bus master, or is under way */
	IDE_FLUSH,
};

struct ide_drive_state {
	uint8_t feature, nsector, lba[3]; /* task file, as last written */
	uint8_t hob_feature, hob_nsector, hob_lba[3];
	uint8_t device;
	uint8_t status, error;
	uint8_t multiple; /* sectors per block; 0: off */
	uint8_t dma_mode; /* as SET FEATURES gave it */
	uint8_t write_cache;
	uint8_t smart;
	uint8_t sense_key, sense_asc, sense_ascq;
	uint8_t media_event; /* a CD was put in, not told yet */
	uint8_t locked;
};

struct ide_channel_state {
	struct ide_drive_state drive[IDE_UNITS];
	uint8_t control;
	uint8_t unit; /* selected */
	uint8_t intrq;
	uint8_t bm_command, bm_status;
	uint8_t phase;       /* enum ide_phase */
	uint8_t to_guest;    /* direction of a DMA */
	uint8_t from_buffer; /* a DMA of buffer[], not of the disk */
	uint8_t packet;      /* the command under way is a packet command */
	uint8_t prd_end;     /* the entry with the end mark was read */
	uint32_t bm_table;
	uint32_t prd_next;             /* address of the next entry */
	uint32_t seg_addr, seg_left;   /* of the entry under way */
	uint32_t pos, block_end, fill; /* in buffer[] */
	uint32_t block;                /* bytes per DRQ block */
	uint64_t offset;               /* on the disk, of the next request */
	uint64_t left; /* bytes of the command not requested yet */
	uint8_t buffer[IDE_BUFFER];
};

struct ide_state {
	uint8_t config[PCI_CONFIG_SIZE];
	struct ide_channel_state ch[IDE_CHANNELS];
};

/* A piece of guest memory in a DMA, and where the table was before it. */
struct ide_piece {
	uint32_t addr, len;
	uint32_t prd_next, seg_left;
	uint8_t prd_end;
};

struct ide_channel {
	struct ide *ide;
	struct ide_channel_state *s;
	unsigned int index;
	struct ide_drive_config drive[IDE_UNITS];
	struct irq_line irq;

	struct disk_request req;
	bool in_flight;
	bool aborted; /* by a reset: drop what the request brings */
	struct iovec iov[DISK_MAX_IOV];
	struct ide_piece piece[DISK_MAX_IOV];
	unsigned int nr_pieces;
};

struct ide {
	struct device dev;
	struct ide_state s;
	struct ide_channel ch[IDE_CHANNELS];
	struct pci_function fn;
	uint8_t mask[PCI_CONFIG_SIZE];
	struct io_region port[2 * IDE_CHANNELS];
	struct io_region bm; /* size 0: not mapped */
};

static inline struct ide_drive_state *ide_selected(struct ide_channel *c)
{
	return &c->s->drive[c->s->unit];
}

static inline const struct ide_drive_config *
ide_selected_drive(const struct ide_channel *c)
{
	return &c->drive[c->s->unit];
}

/* ide.c */
void ide_raise(struct ide_channel *c);
void ide_lower(struct ide_channel *c);
/* The command is over: well, or with @error in the error register. */
void ide_done(struct ide_channel *c);
void ide_abort(struct ide_channel *c, uint8_t error);
/* Reset signature and registers of a drive. */
void ide_signature(struct ide_channel *c, unsigned int unit);

/* ide_ata.c */
void ide_command(struct ide_channel *c, uint8_t command);

/* ide_transfer.c */
/* Let the guest read @len bytes of buffer[] in blocks of @block. */
void ide_pio_reply(struct ide_channel *c, uint32_t len, uint32_t block);
/* Let it read or write @len bytes of the disk from @offset on. */
void ide_pio_read(struct ide_channel *c, uint64_t offset, uint64_t len,
		  uint32_t block);
void ide_pio_write(struct ide_channel *c, uint64_t offset, uint64_t len,
		   uint32_t block);
void ide_dma(struct ide_channel *c, uint64_t offset, uint64_t len,
	     bool to_guest);
void ide_dma_reply(struct ide_channel *c, uint32_t len);
void ide_flush(struct ide_channel *c);
/* The data port. */
void ide_data_read(struct ide_channel *c, uint8_t *p, uint32_t len);
void ide_data_write(struct ide_channel *c, const uint8_t *p, uint32_t len);
/* The bus master was started. */
void ide_dma_start(struct ide_channel *c);
void ide_complete(struct disk_request *req, int result);

/* ide_atapi.c */
void ide_packet(struct ide_channel *c);
void ide_packet_done(struct ide_channel *c);
/* A packet command's disk request failed. */
void ide_packet_failed(struct ide_channel *c);
