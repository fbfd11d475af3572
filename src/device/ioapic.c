/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82093AA (data sheet 290566) with the EOI register of version 0x20.
 * Interrupts leave as messages in the processor's own format (SDM 3, 11.11).
 *
 * An edge on a masked pin is forgotten, as the data sheet has it. A level pin
 * is delivered when its line is high and Remote IRR is clear.
 */
#include <base/bits.h>
#include <device/io_bus.h>
#include <device/ioapic.h>

#include <string.h>

#define VERSION 0x20u

#define REG_SELECT 0x00
#define REG_WINDOW 0x10
#define REG_EOI    0x40

#define ENTRY_VECTOR     UINT64_C(0xff)
#define ENTRY_DELIVERY   UINT64_C(0x700)
#define ENTRY_LOGICAL    BIT64(11)
#define ENTRY_STATUS     BIT64(12)
#define ENTRY_REMOTE_IRR BIT64(14)
#define ENTRY_LEVEL      BIT64(15)
#define ENTRY_MASKED     BIT64(16)
#define ENTRY_DEST_SHIFT 56
#define ENTRY_READ_ONLY  (ENTRY_STATUS | ENTRY_REMOTE_IRR)
#define ENTRY_WRITABLE   (UINT64_C(0xff) << 56 | UINT64_C(0x1afff))
#define DELIVERY_LOWEST  1
#define DELIVERY_EXTINT  7
#define MSI_BASE         UINT64_C(0xfee00000)
#define MSI_LOGICAL      BIT64(2)
#define MSI_REDIRECT     BIT64(3)
#define MSI_LEVEL        BIT(15)
#define MSI_ASSERT       BIT(14)

struct ioapic_state {
	uint64_t entry[IOAPIC_PINS];
	uint32_t line; /* levels of the inputs */
	uint8_t select;
	uint8_t id;
};

struct ioapic {
	struct device dev;
	struct ioapic_config config;
	struct ioapic_state s;
	struct io_region window;
};

static const struct state_field ioapic_fields[] = {
	STATE_ARRAY(struct ioapic_state, entry, 1),
	STATE_FIELD(struct ioapic_state, line, 1),
	STATE_FIELD(struct ioapic_state, select, 1),
	STATE_FIELD(struct ioapic_state, id, 1),
};

static const struct state_desc ioapic_state_desc = STATE_DESC(
	struct ioapic_state, "device/ioapic", 1, ioapic_fields, NULL);

static unsigned int delivery(uint64_t e)
{
	return (unsigned int)((e & ENTRY_DELIVERY) >> 8);
}

static void deliver(struct ioapic *a, uint64_t e)
{
	uint64_t addr = MSI_BASE | (e >> ENTRY_DEST_SHIFT) << 12;
	uint32_t data = (uint32_t)(e & (ENTRY_VECTOR | ENTRY_DELIVERY));

	/* The 8259 has its own wire to the processors. */
	if (delivery(e) == DELIVERY_EXTINT)
		return;
	if (e & ENTRY_LOGICAL)
		addr |= MSI_LOGICAL;
	if (delivery(e) == DELIVERY_LOWEST)
		addr |= MSI_REDIRECT;
	data |= MSI_ASSERT;
	if (e & ENTRY_LEVEL)
		data |= MSI_LEVEL;
	a->config.msi(a->config.ctx, addr, data);
}

/* Deliver a level pin if it is due. */
static void serve_level(struct ioapic *a, unsigned int pin)
{
	uint64_t *e = &a->s.entry[pin];

	if (!(*e & ENTRY_LEVEL) || !(a->s.line & BIT(pin)) ||
	    (*e & (ENTRY_MASKED | ENTRY_REMOTE_IRR)))
		return;
	*e |= ENTRY_REMOTE_IRR;
	deliver(a, *e);
}

void ioapic_set_irq(struct device *dev, unsigned int pin, bool level)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);
	uint64_t e;
	bool was;

	if (pin >= IOAPIC_PINS)
		return;
	device_lock(dev);
	e = a->s.entry[pin];
	was = a->s.line & BIT(pin);
	if (level)
		a->s.line |= BIT(pin);
	else
		a->s.line &= ~BIT(pin);
	if (e & ENTRY_LEVEL)
		serve_level(a, pin);
	else if (level && !was && !(e & ENTRY_MASKED))
		deliver(a, e);
	device_unlock(dev);
}

/* Lock held. */
static void end_of_interrupt(struct ioapic *a, uint8_t vector)
{
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *e = &a->s.entry[pin];

		if ((*e & ENTRY_VECTOR) != vector || !(*e & ENTRY_REMOTE_IRR))
			continue;
		*e &= ~ENTRY_REMOTE_IRR;
		serve_level(a, pin);
	}
}

void ioapic_eoi(struct device *dev, uint8_t vector)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	device_lock(dev);
	end_of_interrupt(a, vector);
	device_unlock(dev);
}

static uint32_t read_selected(const struct ioapic_state *s)
{
	unsigned int reg = s->select;

	switch (reg) {
	case 0:
	case 2: /* arbitration id */
		return (uint32_t)s->id << 24;
	case 1:
		return VERSION | (IOAPIC_PINS - 1) << 16;
	default:
		break;
	}
	if (reg < 0x10 || reg >= 0x10 + 2 * IOAPIC_PINS)
		return 0;
	return (uint32_t)(s->entry[(reg - 0x10) / 2] >> (reg & 1 ? 32 : 0));
}

static void write_entry(struct ioapic *a, unsigned int pin, bool high,
			uint32_t v)
{
	uint64_t *e = &a->s.entry[pin];
	uint64_t mask = high ? BITS64(63, 32) : BITS64(31, 0);
	uint64_t val = high ? (uint64_t)v << 32 : v;

	mask &= ENTRY_WRITABLE;
	*e = (*e & ~mask) | (val & mask);
	/* Remote IRR means nothing for an edge pin; switching to edge and
	 * back is how software without an EOI register clears it. */
	if (!(*e & ENTRY_LEVEL))
		*e &= ~ENTRY_REMOTE_IRR;
	serve_level(a, pin);
}

static void write_selected(struct ioapic *a, uint32_t v)
{
	unsigned int reg = a->s.select;

	if (reg == 0)
		a->s.id = (v >> 24) & 0x0f;
	else if (reg >= 0x10 && reg < 0x10 + 2 * IOAPIC_PINS)
		write_entry(a, (reg - 0x10) / 2, reg & 1, v);
}

static uint64_t ioapic_read(void *ctx, uint64_t off, unsigned int width)
{
	struct ioapic *a = ctx;
	uint64_t v = 0;

	device_lock(&a->dev);
	if (off == REG_SELECT)
		v = a->s.select;
	else if (off == REG_WINDOW)
		v = read_selected(&a->s);
	device_unlock(&a->dev);
	return v;
}

static void ioapic_write(void *ctx, uint64_t off, unsigned int width,
			 uint64_t v)
{
	struct ioapic *a = ctx;

	device_lock(&a->dev);
	if (off == REG_SELECT)
		a->s.select = (uint8_t)v;
	else if (off == REG_WINDOW)
		write_selected(a, (uint32_t)v);
	else if (off == REG_EOI)
		end_of_interrupt(a, (uint8_t)v);
	device_unlock(&a->dev);
}

static void ioapic_reset(struct device *dev)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	a->s.select = 0;
	a->s.id = 0;
	for (unsigned int i = 0; i < IOAPIC_PINS; i++)
		a->s.entry[i] = ENTRY_MASKED;
}

static const struct io_region ioapic_window = {
	.base = IOAPIC_BASE,
	.size = IOAPIC_SIZE,
	.max_width = 4,
	.name = "ioapic",
	.read = ioapic_read,
	.write = ioapic_write,
};

static int ioapic_init(struct device *dev, const void *config)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	a->config = *(const struct ioapic_config *)config;
	ioapic_reset(dev);
	return device_map(dev, dev->env->mmio, &a->window, &ioapic_window, 1);
}

static void ioapic_fini(struct device *dev)
{
	struct ioapic *a = container_of(dev, struct ioapic, dev);

	device_unmap(dev->env->mmio, &a->window, 1);
}

const struct device_class ioapic_class = {
	.name = "ioapic",
	.size = sizeof(struct ioapic),
	.init = ioapic_init,
	.fini = ioapic_fini,
	.reset = ioapic_reset,
	.state = &ioapic_state_desc,
	.state_offset = offsetof(struct ioapic, s),
};
