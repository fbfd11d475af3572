/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI bus 0: functions with 256 bytes of configuration space, reached by
 * configuration mechanism 1.
 */
#pragma once

#include <device/device.h>

#define PCI_CONFIG_SIZE    256
#define PCI_DEVFN(dev, fn) ((uint8_t)((dev) << 3 | (fn)))

#define PCI_VENDOR    0x00
#define PCI_DEVICE    0x02
#define PCI_COMMAND   0x04
#define PCI_STATUS    0x06
#define PCI_REVISION  0x08
#define PCI_CLASS     0x09 /* interface, subclass, class */
#define PCI_HEADER    0x0e
#define PCI_BAR(n)    (0x10 + 4 * (n))
#define PCI_SUBSYSTEM 0x2c
#define PCI_IRQ_LINE  0x3c
#define PCI_IRQ_PIN   0x3d

#define PCI_COMMAND_IO     0x1
#define PCI_COMMAND_MEMORY 0x2
#define PCI_COMMAND_MASTER 0x4

/* One function, embedded in its device. */
struct pci_function {
	struct device *dev;
	uint8_t devfn;
	uint8_t *config;     /* in the device's state; guarded by its lock */
	const uint8_t *mask; /* bits that the guest may write */
	/* Configuration bytes [off, off + len) were written. No device's lock
	 * held; one caller at a time. May be NULL. */
	void (*written)(struct pci_function *fn, unsigned int off,
			unsigned int len);
};

int pci_bus_new(struct pci_bus **ret);
void pci_bus_free(struct pci_bus *bus);

/* -EEXIST when the place is taken. Before a processor runs. */
int pci_bus_add(struct pci_bus *bus, struct pci_function *fn);
void pci_bus_remove(struct pci_bus *bus, struct pci_function *fn);

/* Configuration accesses; @width 1, 2 or 4 within one doubleword. Nobody there
 * reads all ones. */
uint32_t pci_bus_read(struct pci_bus *bus, uint8_t devfn, unsigned int off,
		      unsigned int width);
void pci_bus_write(struct pci_bus *bus, uint8_t devfn, unsigned int off,
		   unsigned int width, uint32_t value);

/* Fill in what never changes. @class: class << 16 | subclass << 8 | interface
 */
void pci_config_init(uint8_t *config, uint16_t vendor, uint16_t device,
		     uint32_t class, uint8_t revision);

/* The 440FX host bridge at 0:0.0 with ports CF8, CF9 and CFC. No config. */
extern const struct device_class pci_host_class;
