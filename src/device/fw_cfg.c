/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg (QEMU's docs/specs/fw_cfg): selector port 510, data port 511, DMA
 * address register at 514. Items are constant once processors run; writing
 * them is refused.
 */
#include <base/bits.h>
#include <base/bytes.h>
#include <device/fw_cfg.h>
#include <device/io_bus.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIGNATURE 0x00
#define KEY_ID        0x01
#define KEY_DIRECTORY 0x19
#define KEY_FILES     0x20
#define KEY_LOCAL     0x8000 /* architecture's own, a few */
#define NR_LOCAL      4
#define NR_ITEMS      (KEY_FILES + FW_CFG_MAX_FILES)

#define ID_TRADITIONAL 1u
#define ID_DMA         2u

#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE  0x10u
/* "QEMU CFG", as the first and second half of the register read. */
#define DMA_SIGNATURE_HIGH 0x51454d55u
#define DMA_SIGNATURE_LOW  0x20434647u
/* No item is larger; more is a guest that wastes its own time. */
#define DMA_MAX (UINT32_C(64) << 20)

struct item {
	uint8_t *data;
	uint32_t len;
};

struct dir_entry {
	uint32_t size; /* big-endian, as all of it */
	uint16_t key;
	uint16_t reserved;
	char name[FW_CFG_NAME_SIZE];
};

struct directory {
	uint32_t count;
	struct dir_entry file[FW_CFG_MAX_FILES];
};

struct fw_cfg_state {
	uint16_t key;
	uint32_t offset;
	uint64_t dma; /* address being written */
};

struct fw_cfg {
	struct device dev;
	struct fw_cfg_state s;
	struct item item[NR_ITEMS];
	struct item local[NR_LOCAL];
	struct directory dir;
	uint32_t nr_files;
	struct io_region port[2];
};

static const struct state_field fw_cfg_fields[] = {
	STATE_FIELD(struct fw_cfg_state, key, 1),
	STATE_FIELD(struct fw_cfg_state, offset, 1),
	STATE_FIELD(struct fw_cfg_state, dma, 1),
};

static const struct state_desc fw_cfg_state_desc = STATE_DESC(
	struct fw_cfg_state, "device/fw-cfg", 1, fw_cfg_fields, NULL);

/* NULL: no such key. */
static struct item *find(struct fw_cfg *f, uint16_t key)
{
	if (key < NR_ITEMS)
		return &f->item[key];
	if (key >= KEY_LOCAL && key < KEY_LOCAL + NR_LOCAL)
		return &f->local[key - KEY_LOCAL];
	return NULL;
}

int fw_cfg_add(struct device *dev, uint16_t key, const void *data, size_t len)
{
	struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);
	struct item *it = find(f, key);
	uint8_t *copy;

	if (!it || len > DMA_MAX)
		return -EINVAL;
	copy = malloc(len ? len : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, len);
	free(it->data);
	it->data = copy;
	it->len = (uint32_t)len;
	return 0;
}

int fw_cfg_add_file(struct device *dev, const char *name, const void *data,
		    size_t len)
{
	struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);
	struct dir_entry *e;
	int err;

	if (strlen(name) >= FW_CFG_NAME_SIZE)
		return -EINVAL;
	if (f->nr_files == FW_CFG_MAX_FILES)
		return -ENOSPC;
	err = fw_cfg_add(dev, (uint16_t)(KEY_FILES + f->nr_files), data, len);
	if (err < 0)
		return err;
	e = &f->dir.file[f->nr_files];
	e->size = htobe32((uint32_t)len);
	e->key = htobe16((uint16_t)(KEY_FILES + f->nr_files));
	memcpy(e->name, name, strlen(name) + 1);
	f->nr_files++;
	f->dir.count = htobe32(f->nr_files);
	return fw_cfg_add(dev, KEY_DIRECTORY, &f->dir,
			  sizeof(f->dir.count) +
				  f->nr_files * sizeof(f->dir.file[0]));
}

static void select_item(struct fw_cfg *f, uint16_t key)
{
	f->s.key = key;
	f->s.offset = 0;
}

/* Copy @len bytes at the offset, zeros past the end, and move on. */
static void read_item(struct fw_cfg *f, uint8_t *buf, uint32_t len)
{
	const struct item *it = find(f, f->s.key);
	uint32_t n = 0;

	if (it && f->s.offset < it->len) {
		n = it->len - f->s.offset;
		n = n < len ? n : len;
		memcpy(buf, it->data + f->s.offset, n);
		f->s.offset += n;
	}
	memset(buf + n, 0, len - n);
}

static bool dma_read(struct fw_cfg *f, uint64_t addr, uint32_t len)
{
	uint8_t buf[4096];

	while (len) {
		uint32_t n = len < sizeof(buf) ? len : sizeof(buf);

		read_item(f, buf, n);
		if (guest_memory_write(f->dev.env->memory, GPA(addr), buf, n) <
		    0)
			return false;
		addr += n;
		len -= n;
	}
	return true;
}

static void dma_skip(struct fw_cfg *f, uint32_t len)
{
	if (len > DMA_MAX - f->s.offset)
		f->s.offset = DMA_MAX;
	else
		f->s.offset += len;
}

/* Do what the descriptor at @gpa says, and tell it how it went. */
static void dma_run(struct fw_cfg *f, uint64_t gpa)
{
	uint32_t d[4];
	uint32_t control;
	uint32_t len;
	uint32_t result = 0;
	uint64_t addr;

	if (guest_memory_read(f->dev.env->memory, GPA(gpa), d, sizeof(d)) < 0) {
		device_complain(&f->dev, "DMA descriptor outside of memory");
		return;
	}
	control = be32toh(d[0]);
	len = be32toh(d[1]);
	addr = (uint64_t)be32toh(d[2]) << 32 | be32toh(d[3]);

	if (control & DMA_SELECT)
		select_item(f, (uint16_t)(control >> 16));
	if (len > DMA_MAX || f->s.offset > DMA_MAX)
		result = DMA_ERROR;
	else if (control & DMA_READ)
		result = dma_read(f, addr, len) ? 0 : DMA_ERROR;
	else if (control & DMA_WRITE)
		result = DMA_ERROR;
	else if (control & DMA_SKIP)
		dma_skip(f, len);
	if (result)
		device_complain(&f->dev, "DMA refused");
	result = htobe32(result);
	(void)guest_memory_write(f->dev.env->memory, GPA(gpa), &result,
				 sizeof(result));
}

static uint64_t port_read(void *ctx, uint64_t off, unsigned int width)
{
	struct fw_cfg *f = ctx;
	uint8_t v[2] = {0, 0};

	device_lock(&f->dev);
	if (off == 1 && width == 1)
		read_item(f, v, 1);
	device_unlock(&f->dev);
	return v[0];
}

static void port_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct fw_cfg *f = ctx;

	device_lock(&f->dev);
	if (off == 0 && width == 2)
		select_item(f, (uint16_t)v);
	device_unlock(&f->dev);
}

static void port_read_many(void *ctx, uint64_t off, unsigned int width,
			   void *data, uint32_t count)
{
	struct fw_cfg *f = ctx;

	device_lock(&f->dev);
	if (off == 1 && width == 1)
		read_item(f, data, count);
	else
		memset(data, 0, (size_t)count * width);
	device_unlock(&f->dev);
}

static uint64_t dma_port_read(void *ctx, uint64_t off, unsigned int width)
{
	if (width != 4)
		return 0;
	return off ? htobe32(DMA_SIGNATURE_LOW) : htobe32(DMA_SIGNATURE_HIGH);
}

static void dma_port_write(void *ctx, uint64_t off, unsigned int width,
			   uint64_t v)
{
	struct fw_cfg *f = ctx;
	uint32_t half = be32toh((uint32_t)v);

	if (width != 4)
		return;
	device_lock(&f->dev);
	if (off == 0) {
		f->s.dma = (uint64_t)half << 32;
	} else if (off == 4) {
		uint64_t gpa = f->s.dma | half;

		f->s.dma = 0;
		dma_run(f, gpa);
	}
	device_unlock(&f->dev);
}

static void fw_cfg_reset(struct device *dev)
{
	struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);

	memset(&f->s, 0, sizeof(f->s));
}

/* clang-format off */
static const struct io_region fw_cfg_ports[2] = {
	{ .base = 0x510, .size = 2, .max_width = 2, .name = "fw-cfg",
	  .read = port_read, .write = port_write,
	  .read_many = port_read_many },
	{ .base = 0x514, .size = 8, .max_width = 4, .name = "fw-cfg-dma",
	  .read = dma_port_read, .write = dma_port_write },
};
/* clang-format on */

static int fw_cfg_init(struct device *dev, const void *config)
{
	struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);
	uint32_t id = htole32(ID_TRADITIONAL | ID_DMA);
	int err;

	err = fw_cfg_add(dev, KEY_SIGNATURE, "QEMU", 4);
	if (err < 0)
		return err;
	err = fw_cfg_add(dev, KEY_ID, &id, sizeof(id));
	if (err < 0)
		return err;
	err = fw_cfg_add(dev, KEY_DIRECTORY, &f->dir, sizeof(f->dir.count));
	if (err < 0)
		return err;
	return device_map(dev, dev->env->pio, f->port, fw_cfg_ports,
			  ARRAY_SIZE(f->port));
}

static void fw_cfg_fini(struct device *dev)
{
	struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);

	device_unmap(dev->env->pio, f->port, ARRAY_SIZE(f->port));
	for (size_t i = 0; i < NR_ITEMS; i++)
		free(f->item[i].data);
	for (size_t i = 0; i < NR_LOCAL; i++)
		free(f->local[i].data);
}

const struct device_class fw_cfg_class = {
	.name = "fw-cfg",
	.size = sizeof(struct fw_cfg),
	.init = fw_cfg_init,
	.fini = fw_cfg_fini,
	.reset = fw_cfg_reset,
	.state = &fw_cfg_state_desc,
	.state_offset = offsetof(struct fw_cfg, s),
};
