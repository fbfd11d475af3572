/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus: which function is where, and masked writes to its bytes. */
#include <base/bits.h>
#include <base/bytes.h>
#include <device/pci.h>

#include <errno.h>
#include <stdlib.h>

/* Lock: bus.lock makes configuration accesses one at a time; it is taken
 * before a device's. */
struct pci_bus {
	pthread_mutex_t lock;
	struct pci_function *fn[256];
};

int pci_bus_new(struct pci_bus **ret)
{
	struct pci_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return -ENOMEM;
	(void)pthread_mutex_init(&bus->lock, NULL);
	*ret = bus;
	return 0;
}

void pci_bus_free(struct pci_bus *bus)
{
	if (!bus)
		return;
	(void)pthread_mutex_destroy(&bus->lock);
	free(bus);
}

int pci_bus_add(struct pci_bus *bus, struct pci_function *fn)
{
	if (bus->fn[fn->devfn])
		return -EEXIST;
	bus->fn[fn->devfn] = fn;
	return 0;
}

void pci_bus_remove(struct pci_bus *bus, struct pci_function *fn)
{
	if (bus->fn[fn->devfn] == fn)
		bus->fn[fn->devfn] = NULL;
}

uint32_t pci_bus_read(struct pci_bus *bus, uint8_t devfn, unsigned int off,
		      unsigned int width)
{
	struct pci_function *fn = bus->fn[devfn];
	uint32_t v = 0;

	if (!fn || off + width > PCI_CONFIG_SIZE)
		return (uint32_t)BITS64(width * 8 - 1, 0);
	device_lock(fn->dev);
	for (unsigned int i = 0; i < width; i++)
		v |= (uint32_t)fn->config[off + i] << (8 * i);
	device_unlock(fn->dev);
	return v;
}

void pci_bus_write(struct pci_bus *bus, uint8_t devfn, unsigned int off,
		   unsigned int width, uint32_t value)
{
	struct pci_function *fn = bus->fn[devfn];

	if (!fn || off + width > PCI_CONFIG_SIZE)
		return;
	(void)pthread_mutex_lock(&bus->lock);
	device_lock(fn->dev);
	for (unsigned int i = 0; i < width; i++) {
		uint8_t m = fn->mask[off + i];
		uint8_t v = (uint8_t)(value >> (8 * i));

		fn->config[off + i] =
			(uint8_t)((fn->config[off + i] & ~m) | (v & m));
	}
	device_unlock(fn->dev);
	if (fn->written)
		fn->written(fn, off, width);
	(void)pthread_mutex_unlock(&bus->lock);
}

void pci_config_init(uint8_t *config, uint16_t vendor, uint16_t device,
		     uint32_t class, uint8_t revision)
{
	store_le16(config + PCI_VENDOR, vendor);
	store_le16(config + PCI_DEVICE, device);
	config[PCI_REVISION] = revision;
	config[PCI_CLASS] = (uint8_t) class;
	config[PCI_CLASS + 1] = (uint8_t)(class >> 8);
	config[PCI_CLASS + 2] = (uint8_t)(class >> 16);
}
