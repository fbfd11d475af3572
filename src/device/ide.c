/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PIIX3's IDE function (data sheet 290550) in legacy mode: task file and
 * control ports of both channels, the bus-master registers, and resets.
 */
#include "ide_priv.h"

#include <base/bits.h>
#include <base/bytes.h>

#include <errno.h>
#include <string.h>

#define IDETIM     0x40
#define BM_SIZE    16u
#define BM_CHANNEL 8u

enum {
	R_DATA,
	R_ERROR, /* features when written */
	R_NSECTOR,
	R_LBA0,
	R_LBA1,
	R_LBA2,
	R_DEVICE,
	R_STATUS, /* command when written */
};

/* table: one row per field and channel or drive */
/* clang-format off */
#define CH(c, m)    STATE_FIELD(struct ide_state, ch[c].m, 1)
#define CHA(c, m)   STATE_ARRAY(struct ide_state, ch[c].m, 1)
#define DR(c, d, m) STATE_FIELD(struct ide_state, ch[c].drive[d].m, 1)
#define DRA(c, d, m) STATE_ARRAY(struct ide_state, ch[c].drive[d].m, 1)
#define DRIVE(c, d) \
	DR(c, d, feature), DR(c, d, nsector), DRA(c, d, lba), \
	DR(c, d, hob_feature), DR(c, d, hob_nsector), DRA(c, d, hob_lba), \
	DR(c, d, device), DR(c, d, status), DR(c, d, error), \
	DR(c, d, multiple), DR(c, d, dma_mode), DR(c, d, write_cache), \
	DR(c, d, smart), DR(c, d, sense_key), DR(c, d, sense_asc), \
	DR(c, d, sense_ascq), DR(c, d, media_event), DR(c, d, locked)
#define CHANNEL(c) \
	DRIVE(c, 0), DRIVE(c, 1), \
	CH(c, control), CH(c, unit), CH(c, intrq), CH(c, bm_command), \
	CH(c, bm_status), CH(c, phase), CH(c, to_guest), \
	CH(c, from_buffer), CH(c, packet), CH(c, prd_end), CH(c, bm_table), \
	CH(c, prd_next), CH(c, seg_addr), CH(c, seg_left), CH(c, pos), \
	CH(c, block_end), CH(c, fill), CH(c, block), CH(c, offset), \
	CH(c, left), CHA(c, buffer)

static const struct state_field ide_fields[] = {
	STATE_ARRAY(struct ide_state, config, 1),
	CHANNEL(0),
	CHANNEL(1),
};
/* clang-format on */

static int ide_check(const void *state)
{
	const struct ide_state *s = state;

	for (int i = 0; i < IDE_CHANNELS; i++) {
		const struct ide_channel_state *c = &s->ch[i];

		if (c->unit >= IDE_UNITS || c->phase > IDE_FLUSH ||
		    c->fill > IDE_BUFFER || c->pos > IDE_BUFFER ||
		    c->block_end > IDE_BUFFER || c->pos > c->block_end ||
		    c->block > IDE_BUFFER || c->seg_left > 0x10000)
			return -EINVAL;
		if (c->phase == IDE_PIO_IN && c->block_end > c->fill)
			return -EINVAL;
		if (c->phase == IDE_PACKET && c->block_end > 12)
			return -EINVAL;
		if (c->phase == IDE_DMA && c->from_buffer &&
		    (c->left > IDE_BUFFER || c->pos > IDE_BUFFER - c->left))
			return -EINVAL;
		if ((c->phase == IDE_PIO_IN || c->phase == IDE_PIO_OUT) &&
		    !c->block)
			return -EINVAL;
	}
	return 0;
}

static const struct state_desc ide_state_desc =
	STATE_DESC(struct ide_state, "device/ide", 1, ide_fields, ide_check);

static bool present(const struct ide_channel *c)
{
	return c->drive[0].disk || c->drive[1].disk;
}

static void update_irq(struct ide_channel *c)
{
	irq_set(&c->irq, c->s->intrq && !(c->s->control & CTL_NIEN));
}

void ide_raise(struct ide_channel *c)
{
	c->s->intrq = 1;
	c->s->bm_status |= BM_INTERRUPT;
	update_irq(c);
}

void ide_lower(struct ide_channel *c)
{
	c->s->intrq = 0;
	update_irq(c);
}

void ide_done(struct ide_channel *c)
{
	c->s->phase = IDE_IDLE;
	ide_selected(c)->status = ST_DRDY | ST_DSC;
	ide_raise(c);
}

void ide_abort(struct ide_channel *c, uint8_t error)
{
	struct ide_drive_state *d = ide_selected(c);

	c->s->phase = IDE_IDLE;
	d->status = ST_DRDY | ST_DSC | ST_ERR;
	d->error = error;
	ide_raise(c);
}

void ide_signature(struct ide_channel *c, unsigned int unit)
{
	struct ide_drive_state *d = &c->s->drive[unit];
	bool cdrom = c->drive[unit].cdrom;

	d->nsector = 1;
	d->lba[0] = 1;
	d->lba[1] = cdrom ? 0x14 : 0;
	d->lba[2] = cdrom ? 0xeb : 0;
	d->device = 0;
	d->error = 1; /* diagnostics passed */
	d->status = cdrom ? 0 : ST_DRDY | ST_DSC;
	d->multiple = 0;
	if (!c->drive[unit].disk)
		d->status = 0;
}

/* Both drives, by the control port's bit. */
static void soft_reset(struct ide_channel *c)
{
	c->s->unit = 0;
	c->s->packet = 0;
	ide_lower(c);
	if (c->in_flight) {
		/* Busy until the request has come back. */
		c->aborted = true;
		for (int i = 0; i < IDE_UNITS; i++)
			c->s->drive[i].status = ST_BSY;
		return;
	}
	c->s->phase = IDE_IDLE;
	for (unsigned int i = 0; i < IDE_UNITS; i++)
		ide_signature(c, i);
}

static uint8_t read_register(struct ide_channel *c, unsigned int reg)
{
	const struct ide_drive_state *d = ide_selected(c);
	bool hob = c->s->control & CTL_HOB;

	if (!present(c))
		return 0xff; /* a bus with nobody on it */
	if (!ide_selected_drive(c)->disk)
		return reg == R_DEVICE ? d->device | 0xa0 : 0;
	switch (reg) {
	case R_ERROR:
		return hob ? d->hob_feature : d->error;
	case R_NSECTOR:
		return hob ? d->hob_nsector : d->nsector;
	case R_LBA0:
	case R_LBA1:
	case R_LBA2:
		return hob ? d->hob_lba[reg - R_LBA0] : d->lba[reg - R_LBA0];
	case R_DEVICE:
		return d->device | 0xa0;
	default:
		return d->status;
	}
}

/* Both drives hear what is written to the task file. */
static void write_task_file(struct ide_channel *c, unsigned int reg, uint8_t v)
{
	for (int i = 0; i < IDE_UNITS; i++) {
		struct ide_drive_state *d = &c->s->drive[i];

		switch (reg) {
		case R_ERROR:
			d->hob_feature = d->feature;
			d->feature = v;
			break;
		case R_NSECTOR:
			d->hob_nsector = d->nsector;
			d->nsector = v;
			break;
		case R_DEVICE:
			d->device = v;
			break;
		default:
			d->hob_lba[reg - R_LBA0] = d->lba[reg - R_LBA0];
			d->lba[reg - R_LBA0] = v;
			break;
		}
	}
}

static void write_register(struct ide_channel *c, unsigned int reg, uint8_t v)
{
	const struct ide_drive_state *d = ide_selected(c);

	c->s->control &= (uint8_t)~CTL_HOB;
	if (c->in_flight)
		return;
	if (reg == R_DEVICE) {
		write_task_file(c, reg, v);
		c->s->unit = v & DEV_UNIT ? 1 : 0;
	} else if (reg != R_STATUS) {
		write_task_file(c, reg, v);
	} else if (ide_selected_drive(c)->disk && !(c->s->control & CTL_SRST) &&
		   (!(d->status & (ST_BSY | ST_DRQ)) || v == 0x08)) {
		ide_lower(c);
		ide_command(c, v);
	}
}

static uint64_t command_read(struct ide_channel *c, uint64_t off,
			     unsigned int width)
{
	uint64_t v = 0;

	device_lock(&c->ide->dev);
	if (off == R_DATA) {
		uint8_t data[4];

		ide_data_read(c, data, width);
		for (unsigned int i = 0; i < width; i++)
			v |= (uint64_t)data[i] << (8 * i);
	} else {
		v = read_register(c, (unsigned int)off);
		if (off == R_STATUS)
			ide_lower(c);
	}
	device_unlock(&c->ide->dev);
	return v;
}

static void command_write(struct ide_channel *c, uint64_t off,
			  unsigned int width, uint64_t v)
{
	device_lock(&c->ide->dev);
	if (off == R_DATA) {
		uint8_t data[4];

		store_le32(data, (uint32_t)v);
		ide_data_write(c, data, width);
	} else {
		write_register(c, (unsigned int)off, (uint8_t)v);
	}
	device_unlock(&c->ide->dev);
}

static void control_write(struct ide_channel *c, uint8_t v)
{
	bool reset;

	device_lock(&c->ide->dev);
	reset = (v & CTL_SRST) && !(c->s->control & CTL_SRST);
	c->s->control = v;
	if (reset)
		soft_reset(c);
	update_irq(c);
	device_unlock(&c->ide->dev);
}

static uint64_t control_read(struct ide_channel *c)
{
	uint64_t v;

	device_lock(&c->ide->dev);
	v = read_register(c, R_STATUS);
	device_unlock(&c->ide->dev);
	return v;
}

/* The ports' handlers differ in the channel only. */
#define PORT_HANDLERS(n)                                                       \
	static uint64_t command##n##_read(void *ctx, uint64_t off,             \
					  unsigned int width)                  \
	{                                                                      \
		return command_read(&((struct ide *)ctx)->ch[n], off, width);  \
	}                                                                      \
	static void command##n##_write(void *ctx, uint64_t off,                \
				       unsigned int width, uint64_t v)         \
	{                                                                      \
		command_write(&((struct ide *)ctx)->ch[n], off, width, v);     \
	}                                                                      \
	static void data##n##_read(void *ctx, uint64_t off,                    \
				   unsigned int width, void *data,             \
				   uint32_t count)                             \
	{                                                                      \
		data_read_many(&((struct ide *)ctx)->ch[n], off, width, data,  \
			       count);                                         \
	}                                                                      \
	static void data##n##_write(void *ctx, uint64_t off,                   \
				    unsigned int width, const void *data,      \
				    uint32_t count)                            \
	{                                                                      \
		data_write_many(&((struct ide *)ctx)->ch[n], off, width, data, \
				count);                                        \
	}                                                                      \
	static uint64_t control##n##_read(void *ctx, uint64_t off,             \
					  unsigned int width)                  \
	{                                                                      \
		return control_read(&((struct ide *)ctx)->ch[n]);              \
	}                                                                      \
	static void control##n##_write(void *ctx, uint64_t off,                \
				       unsigned int width, uint64_t v)         \
	{                                                                      \
		control_write(&((struct ide *)ctx)->ch[n], (uint8_t)v);        \
	}

static void data_read_many(struct ide_channel *c, uint64_t off,
			   unsigned int width, void *data, uint32_t count)
{
	if (off != R_DATA) {
		memset(data, 0xff, (size_t)count * width);
		return;
	}
	device_lock(&c->ide->dev);
	ide_data_read(c, data, count * width);
	device_unlock(&c->ide->dev);
}

static void data_write_many(struct ide_channel *c, uint64_t off,
			    unsigned int width, const void *data,
			    uint32_t count)
{
	if (off != R_DATA)
		return;
	device_lock(&c->ide->dev);
	ide_data_write(c, data, count * width);
	device_unlock(&c->ide->dev);
}

PORT_HANDLERS(0)
PORT_HANDLERS(1)

static uint64_t bm_read(void *ctx, uint64_t off, unsigned int width)
{
	struct ide *ide = ctx;
	const struct ide_channel_state *s = &ide->s.ch[off / BM_CHANNEL];
	uint64_t v = 0;

	device_lock(&ide->dev);
	off %= BM_CHANNEL;
	if (off == 0)
		v = s->bm_command;
	else if (off == 2)
		v = s->bm_status;
	else if (off >= 4)
		v = (s->bm_table >> (8 * (off & 3))) & 0xff;
	device_unlock(&ide->dev);
	return v;
}

static void bm_command(struct ide_channel *c, uint8_t v)
{
	struct ide_channel_state *s = c->s;
	bool start = (v & BM_START) && !(s->bm_command & BM_START);

	/* The direction holds still while the engine runs. */
	if (!(s->bm_status & BM_ACTIVE) || start)
		s->bm_command = v & (BM_START | BM_TO_MEMORY);
	if (!(v & BM_START)) {
		s->bm_command &= (uint8_t)~BM_START;
		s->bm_status &= (uint8_t)~BM_ACTIVE;
	} else if (start) {
		s->bm_status |= BM_ACTIVE;
		s->prd_next = s->bm_table;
		s->prd_end = 0;
		s->seg_left = 0;
		ide_dma_start(c);
	}
}

static void bm_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct ide *ide = ctx;
	struct ide_channel *c = &ide->ch[off / BM_CHANNEL];
	struct ide_channel_state *s = c->s;
	unsigned int shift = 8 * (off & 3);

	device_lock(&ide->dev);
	off %= BM_CHANNEL;
	if (off == 0) {
		bm_command(c, (uint8_t)v);
	} else if (off == 2) {
		/* Error and interrupt are cleared by ones; the capable bits
		 * are software's. */
		s->bm_status &= (uint8_t) ~(v & (BM_ERROR | BM_INTERRUPT));
		s->bm_status = (uint8_t)((s->bm_status & ~0x60) | (v & 0x60));
	} else if (off >= 4) {
		s->bm_table &= ~(0xffu << shift);
		s->bm_table |= (uint32_t)(v & 0xff) << shift;
		s->bm_table &= ~3u;
	}
	device_unlock(&ide->dev);
}

/* Put the bus-master registers where BAR 4 says. No lock held. */
static void remap(struct ide *ide)
{
	uint64_t base = load_le32(ide->s.config + PCI_BAR(4)) & 0xfffffff0;
	bool on = base && base <= 0xfff0 &&
		  (ide->s.config[PCI_COMMAND] & PCI_COMMAND_IO);

	if (ide->bm.size && (!on || ide->bm.base != base)) {
		io_bus_remove(ide->dev.env->pio, &ide->bm);
		ide->bm.size = 0;
	}
	if (!on || ide->bm.size)
		return;
	ide->bm.base = base;
	ide->bm.size = BM_SIZE;
	if (io_bus_add(ide->dev.env->pio, &ide->bm) < 0)
		ide->bm.size = 0; /* on top of something else: not there */
}

static void config_written(struct pci_function *fn, unsigned int off,
			   unsigned int len)
{
	remap(container_of(fn->dev, struct ide, dev));
}

static void ide_reset(struct device *dev)
{
	struct ide *ide = container_of(dev, struct ide, dev);

	memset(&ide->s, 0, sizeof(ide->s));
	pci_config_init(ide->s.config, 0x8086, 0x7010, 0x010180, 0);
	store_le16(ide->s.config + PCI_STATUS, 0x0280);
	ide->s.config[PCI_BAR(4)] = 1;
	for (unsigned int i = 0; i < IDE_CHANNELS; i++) {
		struct ide_channel *c = &ide->ch[i];

		for (unsigned int j = 0; j < IDE_UNITS; j++) {
			c->s->drive[j].write_cache = 1;
			c->s->drive[j].media_event = c->drive[j].cdrom;
			ide_signature(c, j);
		}
		update_irq(c);
	}
	remap(ide);
}

static void ide_loaded(struct device *dev)
{
	struct ide *ide = container_of(dev, struct ide, dev);

	for (unsigned int i = 0; i < IDE_CHANNELS; i++)
		update_irq(&ide->ch[i]);
	remap(ide);
}

/* clang-format off */
static const struct io_region ide_ports[2 * IDE_CHANNELS] = {
	{ .base = 0x1f0, .size = 8, .max_width = 4, .name = "ide0",
	  .read = command0_read, .write = command0_write,
	  .read_many = data0_read, .write_many = data0_write },
	{ .base = 0x3f6, .size = 1, .max_width = 1, .name = "ide0-control",
	  .read = control0_read, .write = control0_write },
	{ .base = 0x170, .size = 8, .max_width = 4, .name = "ide1",
	  .read = command1_read, .write = command1_write,
	  .read_many = data1_read, .write_many = data1_write },
	{ .base = 0x376, .size = 1, .max_width = 1, .name = "ide1-control",
	  .read = control1_read, .write = control1_write },
};
/* clang-format on */

static void set_up_function(struct ide *ide)
{
	ide->mask[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MASTER;
	ide->mask[PCI_BAR(4)] = 0xf0;
	memset(ide->mask + PCI_BAR(4) + 1, 0xff, 3);
	ide->mask[PCI_IRQ_LINE] = 0xff;
	memset(ide->mask + IDETIM, 0xff, 5);
	ide->fn.dev = &ide->dev;
	ide->fn.devfn = PCI_DEVFN(1, 1);
	ide->fn.config = ide->s.config;
	ide->fn.mask = ide->mask;
	ide->fn.written = config_written;
	ide->bm.max_width = 1;
	ide->bm.name = "ide-bm";
	ide->bm.read = bm_read;
	ide->bm.write = bm_write;
	ide->bm.ctx = ide;
}

static int ide_init(struct device *dev, const void *config)
{
	struct ide *ide = container_of(dev, struct ide, dev);
	const struct ide_config *c = config;
	int err;

	for (unsigned int i = 0; i < IDE_CHANNELS; i++) {
		ide->ch[i].ide = ide;
		ide->ch[i].s = &ide->s.ch[i];
		ide->ch[i].index = i;
		ide->ch[i].irq = device_irq(dev, 14 + i);
		memcpy(ide->ch[i].drive, c->drive[i], sizeof(c->drive[i]));
	}
	set_up_function(ide);
	ide_reset(dev);
	err = pci_bus_add(dev->env->pci, &ide->fn);
	if (err < 0)
		return err;
	return device_map(dev, dev->env->pio, ide->port, ide_ports,
			  ARRAY_SIZE(ide->port));
}

static void ide_fini(struct device *dev)
{
	struct ide *ide = container_of(dev, struct ide, dev);

	device_unmap(dev->env->pio, ide->port, ARRAY_SIZE(ide->port));
	io_bus_remove(dev->env->pio, &ide->bm);
	pci_bus_remove(dev->env->pci, &ide->fn);
}

const struct device_class ide_class = {
	.name = "ide",
	.size = sizeof(struct ide),
	.init = ide_init,
	.fini = ide_fini,
	.reset = ide_reset,
	.state = &ide_state_desc,
	.state_offset = offsetof(struct ide, s),
	.loaded = ide_loaded,
};
