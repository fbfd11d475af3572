/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 440FX (data sheet 290549): configuration mechanism 1, and the PAM
 * registers, which are remembered only: in machine type lamina-1 C0000-FFFFF
 * is RAM always. CF9, the reset control register, is the south bridge's on a
 * real board; it lies within CF8's doubleword.
 */
#include <base/bits.h>
#include <base/bytes.h>
#include <device/io_bus.h>
#include <device/pci.h>

#include <string.h>

#define ADDRESS_ENABLE BIT(31)
#define ADDRESS_MASK   0x80fffffcu
#define CF9_OFFSET     1
#define CF9_RESET      0x04
#define PAM0           0x59
#define SMRAM          0x72

struct pci_host_state {
	uint8_t config[PCI_CONFIG_SIZE];
	uint32_t address;
	uint8_t reset_control;
};

struct pci_host {
	struct device dev;
	struct pci_host_state s;
	struct pci_function fn;
	uint8_t mask[PCI_CONFIG_SIZE];
	struct io_region port[2];
};

static const struct state_field pci_host_fields[] = {
	STATE_ARRAY(struct pci_host_state, config, 1),
	STATE_FIELD(struct pci_host_state, address, 1),
	STATE_FIELD(struct pci_host_state, reset_control, 1),
};

static const struct state_desc pci_host_state_desc = STATE_DESC(
	struct pci_host_state, "device/pci-host", 1, pci_host_fields, NULL);

static uint64_t address_read(void *ctx, uint64_t off, unsigned int width)
{
	struct pci_host *h = ctx;
	uint64_t v;

	device_lock(&h->dev);
	if (off == CF9_OFFSET && width == 1)
		v = h->s.reset_control;
	else
		v = h->s.address >> (8 * off);
	device_unlock(&h->dev);
	return v;
}

/* Only whole doublewords reach the address register (PCI 2.1, 3.7.4.1). */
static void address_write(void *ctx, uint64_t off, unsigned int width,
			  uint64_t v)
{
	struct pci_host *h = ctx;
	bool reset = false;

	device_lock(&h->dev);
	if (width == 4) {
		h->s.address = (uint32_t)v & ADDRESS_MASK;
	} else if (off == CF9_OFFSET && width == 1) {
		reset = (v & CF9_RESET) && !(h->s.reset_control & CF9_RESET);
		h->s.reset_control = (uint8_t)v;
	}
	if (reset)
		h->dev.env->request(h->dev.env->ctx, MACHINE_RESET, 0);
	device_unlock(&h->dev);
}

/* Where the address register points: false when nowhere on this bus. */
static bool selected(struct pci_host *h, uint8_t *ret_devfn,
		     unsigned int *ret_off)
{
	uint32_t a;

	device_lock(&h->dev);
	a = h->s.address;
	device_unlock(&h->dev);
	*ret_devfn = (uint8_t)(a >> 8);
	*ret_off = a & 0xfc;
	return (a & ADDRESS_ENABLE) && !(a & 0x00ff0000);
}

static uint64_t data_read(void *ctx, uint64_t off, unsigned int width)
{
	struct pci_host *h = ctx;
	unsigned int reg;
	uint8_t devfn;

	if (!selected(h, &devfn, &reg))
		return UINT64_MAX;
	return pci_bus_read(h->dev.env->pci, devfn, reg + (unsigned int)off,
			    width);
}

static void data_write(void *ctx, uint64_t off, unsigned int width, uint64_t v)
{
	struct pci_host *h = ctx;
	unsigned int reg;
	uint8_t devfn;

	if (selected(h, &devfn, &reg))
		pci_bus_write(h->dev.env->pci, devfn, reg + (unsigned int)off,
			      width, (uint32_t)v);
}

static void pci_host_reset(struct device *dev)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);

	memset(&h->s, 0, sizeof(h->s));
	pci_config_init(h->s.config, 0x8086, 0x1237, 0x060000, 2);
	h->s.config[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	h->s.config[SMRAM] = 0x02;
	/* By these, firmware knows that there is a fw_cfg to ask. */
	store_le16(h->s.config + PCI_SUBSYSTEM, 0x1af4);
	store_le16(h->s.config + PCI_SUBSYSTEM + 2, 0x1100);
}

/* clang-format off */
static const struct io_region pci_host_ports[2] = {
	{ .base = 0xcf8, .size = 4, .max_width = 4, .name = "pci-address",
	  .read = address_read, .write = address_write },
	{ .base = 0xcfc, .size = 4, .max_width = 4, .name = "pci-data",
	  .read = data_read, .write = data_write },
};
/* clang-format on */

static int pci_host_init(struct device *dev, const void *config)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);
	int err;

	memset(h->mask + PAM0, 0xff, 7);
	h->mask[SMRAM] = 0x78;
	h->fn.dev = dev;
	h->fn.devfn = PCI_DEVFN(0, 0);
	h->fn.config = h->s.config;
	h->fn.mask = h->mask;
	pci_host_reset(dev);
	err = pci_bus_add(dev->env->pci, &h->fn);
	if (err < 0)
		return err;
	return device_map(dev, dev->env->pio, h->port, pci_host_ports,
			  ARRAY_SIZE(h->port));
}

static void pci_host_fini(struct device *dev)
{
	struct pci_host *h = container_of(dev, struct pci_host, dev);

	device_unmap(dev->env->pio, h->port, ARRAY_SIZE(h->port));
	pci_bus_remove(dev->env->pci, &h->fn);
}

const struct device_class pci_host_class = {
	.name = "pci-host",
	.size = sizeof(struct pci_host),
	.init = pci_host_init,
	.fini = pci_host_fini,
	.reset = pci_host_reset,
	.state = &pci_host_state_desc,
	.state_offset = offsetof(struct pci_host, s),
};
