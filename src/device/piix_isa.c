/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX3 function 0 (data sheet 290550): PCI interrupt routing. The four PIRQ
 * lines carry the or of everybody's INTx, rotated by slot, to the ISA
 * interrupts that registers 60-63 name.
 */
#include <base/bits.h>
#include <base/bytes.h>
#include <device/pci.h>
#include <device/piix.h>

#include <errno.h>
#include <string.h>

#define PIRQ_ROUTE    0x60
#define PIRQ_DISABLED 0x80
#define ISA_VALID     0xdef8u /* 3-7, 9-12, 14, 15 may be routed to */

struct piix_isa_state {
	uint8_t config[PCI_CONFIG_SIZE];
	uint32_t intx[4]; /* by PIRQ: a bit per slot that pulls it */
};

struct piix_isa {
	struct device dev;
	struct piix_isa_config config;
	struct piix_isa_state s;
	struct pci_function fn;
	uint8_t mask[PCI_CONFIG_SIZE];
	uint32_t driven; /* ISA interrupts that are high by our doing */
};

static const struct state_field piix_isa_fields[] = {
	STATE_ARRAY(struct piix_isa_state, config, 1),
	STATE_ARRAY(struct piix_isa_state, intx, 1),
};

static const struct state_desc piix_isa_state_desc = STATE_DESC(
	struct piix_isa_state, "device/piix-isa", 1, piix_isa_fields, NULL);

/* Bring the ISA interrupts up to date with lines and routes. */
static void update(struct piix_isa *p)
{
	uint32_t want = 0;
	uint32_t change;

	for (unsigned int i = 0; i < 4; i++) {
		uint8_t route = p->s.config[PIRQ_ROUTE + i];

		if (p->s.intx[i] && !(route & PIRQ_DISABLED))
			want |= BIT(route & 15) & ISA_VALID;
	}
	change = want ^ p->driven;
	p->driven = want;
	for (unsigned int isa = 0; isa < 16; isa++) {
		struct irq_line line;

		if (!(change & BIT(isa)))
			continue;
		line = p->config.irq(p->config.ctx, isa);
		irq_set(&line, want & BIT(isa));
	}
}

void piix_isa_set_intx(struct device *dev, unsigned int slot, unsigned int pin,
		       bool level)
{
	struct piix_isa *p = container_of(dev, struct piix_isa, dev);
	uint32_t *line = &p->s.intx[(slot + pin) & 3];

	device_lock(dev);
	if (level)
		*line |= BIT(slot & 31);
	else
		*line &= ~BIT(slot & 31);
	update(p);
	device_unlock(dev);
}

static void config_written(struct pci_function *fn, unsigned int off,
			   unsigned int len)
{
	device_lock(fn->dev);
	update(container_of(fn->dev, struct piix_isa, dev));
	device_unlock(fn->dev);
}

static void piix_isa_reset(struct device *dev)
{
	struct piix_isa *p = container_of(dev, struct piix_isa, dev);

	memset(&p->s.config, 0, sizeof(p->s.config));
	pci_config_init(p->s.config, 0x8086, 0x7000, 0x060100, 0);
	p->s.config[PCI_COMMAND] =
		PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	p->s.config[PCI_HEADER] = 0x80; /* more functions here */
	store_le16(p->s.config + PCI_STATUS, 0x0200);
	store_le16(p->s.config + 0x4c, 0x004d);
	p->s.config[0x4e] = 0x03;
	memset(p->s.config + PIRQ_ROUTE, PIRQ_DISABLED, 4);
	p->s.config[0x69] = 0x02;
	p->s.config[0x82] = 0x02;
	update(p);
}

static void piix_isa_loaded(struct device *dev)
{
	update(container_of(dev, struct piix_isa, dev));
}

static int piix_isa_init(struct device *dev, const void *config)
{
	struct piix_isa *p = container_of(dev, struct piix_isa, dev);

	p->config = *(const struct piix_isa_config *)config;
	p->mask[0x4e] = 0xff; /* XBCS: chip selects, remembered */
	p->mask[0x4f] = 0x01;
	memset(p->mask + PIRQ_ROUTE, 0x8f, 4);
	p->fn.dev = dev;
	p->fn.devfn = PCI_DEVFN(PIIX_DEVICE, 0);
	p->fn.config = p->s.config;
	p->fn.mask = p->mask;
	p->fn.written = config_written;
	piix_isa_reset(dev);
	return pci_bus_add(dev->env->pci, &p->fn);
}

static void piix_isa_fini(struct device *dev)
{
	struct piix_isa *p = container_of(dev, struct piix_isa, dev);

	pci_bus_remove(dev->env->pci, &p->fn);
}

const struct device_class piix_isa_class = {
	.name = "piix-isa",
	.size = sizeof(struct piix_isa),
	.init = piix_isa_init,
	.fini = piix_isa_fini,
	.reset = piix_isa_reset,
	.state = &piix_isa_state_desc,
	.state_offset = offsetof(struct piix_isa, s),
	.loaded = piix_isa_loaded,
};
