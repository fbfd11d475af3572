/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices of lamina-1, the wires between them, and the processors' way to
 * them.
 *
 * Interrupts: ISA interrupt n reaches 8259 input n and IOAPIC pin n, but 0,
 * which is pin 2. PCI interrupts go by the PIIX's routes to ISA interrupts.
 */
#include "board_priv.h"

#include <base/bits.h>
#include <device/debug_port.h>
#include <device/fw_cfg.h>
#include <device/hpet.h>
#include <device/i8042.h>
#include <device/ide.h>
#include <device/io_bus.h>
#include <device/ioapic.h>
#include <device/pci.h>
#include <device/pic.h>
#include <device/piix.h>
#include <device/pit.h>
#include <device/port92.h>
#include <device/rtc.h>
#include <device/uart.h>

#include <string.h>
#include <time.h>

/* Bits of gsi_sources; also the high part of a line's number. */
enum source {
	SOURCE_DEVICE, /* the one whose GSI it is */
	SOURCE_PCI,    /* a PIRQ line routed here */
};

#define LINE(source, gsi) ((unsigned int)(source) << 8 | (gsi))

static void gsi_set(void *ctx, unsigned int n, bool level)
{
	struct board *b = ctx;
	unsigned int gsi = n & 0xff;
	uint8_t bit = (uint8_t)BIT(n >> 8);
	bool high;

	(void)pthread_mutex_lock(&b->irq_lock);
	if (level)
		b->gsi_sources[gsi] |= bit;
	else
		b->gsi_sources[gsi] &= (uint8_t)~bit;
	high = b->gsi_sources[gsi];
	if (gsi < 16)
		pic_set_irq(b->dev[BOARD_PIC], gsi, high);
	ioapic_set_irq(b->dev[BOARD_IOAPIC], gsi ? gsi : 2, high);
	(void)pthread_mutex_unlock(&b->irq_lock);
}

static struct irq_line device_line(void *ctx, unsigned int gsi)
{
	struct irq_line line = {gsi_set, ctx, LINE(SOURCE_DEVICE, gsi)};

	if (gsi >= BOARD_GSIS)
		line.set = NULL;
	return line;
}

static struct irq_line pirq_line(void *ctx, unsigned int isa)
{
	return (struct irq_line){gsi_set, ctx, LINE(SOURCE_PCI, isa & 15)};
}

static void set_extint(void *ctx, bool level)
{
	const struct board *b = ctx;

	partition_extint(b->partition, level);
}

static void send_msi(void *ctx, uint64_t addr, uint32_t data)
{
	const struct board *b = ctx;

	partition_msi(b->partition, addr, data);
}

/* The HPET takes the interrupts of PIT and RTC. */
static void hpet_legacy(void *ctx, bool on)
{
	const struct board *b = ctx;

	pit_disconnect_irq(b->dev[BOARD_PIT], on);
	rtc_disconnect_irq(b->dev[BOARD_RTC], on);
}

static void request(void *ctx, enum machine_request what, uint32_t code)
{
	const struct board *b = ctx;

	b->config.request(b->config.ctx, what, code);
}

static void complain(void *ctx, const char *device, const char *what)
{
	const struct board *b = ctx;

	if (b->config.complain)
		b->config.complain(b->config.ctx, device, what);
}

static void pio_in(void *ctx, unsigned int vp, uint16_t port,
		   unsigned int width, void *data, uint32_t count)
{
	struct board *b = ctx;

	if (count == 1) {
		uint64_t v = io_bus_read(b->pio, port, width);

		memcpy(data, &v, width);
		return;
	}
	io_bus_read_many(b->pio, port, width, data, count);
}

static void pio_out(void *ctx, unsigned int vp, uint16_t port,
		    unsigned int width, const void *data, uint32_t count)
{
	struct board *b = ctx;
	uint64_t v = 0;

	if (count == 1) {
		memcpy(&v, data, width);
		io_bus_write(b->pio, port, width, v);
		return;
	}
	io_bus_write_many(b->pio, port, width, data, count);
}

static void mmio_read(void *ctx, unsigned int vp, gpa_t gpa, unsigned int width,
		      void *data)
{
	struct board *b = ctx;
	uint64_t v = io_bus_read(b->mmio, gpa.v, width);

	memcpy(data, &v, width);
}

static void mmio_write(void *ctx, unsigned int vp, gpa_t gpa,
		       unsigned int width, const void *data)
{
	struct board *b = ctx;
	uint64_t v = 0;

	memcpy(&v, data, width);
	io_bus_write(b->mmio, gpa.v, width, v);
}

static int extint_ack(void *ctx)
{
	const struct board *b = ctx;

	return pic_ack(b->dev[BOARD_PIC]);
}

static void eoi(void *ctx, uint8_t vector)
{
	const struct board *b = ctx;

	ioapic_eoi(b->dev[BOARD_IOAPIC], vector);
}

const struct partition_handlers board_handlers = {
	.pio_in = pio_in,
	.pio_out = pio_out,
	.mmio_read = mmio_read,
	.mmio_write = mmio_write,
	.extint_ack = extint_ack,
	.eoi = eoi,
};

struct entry {
	const struct device_class *class;
	const void *config;
	bool absent;
};

int board_new_devices(struct board *b)
{
	const struct board_config *c = &b->config;
	const struct pic_config pic = {set_extint, b};
	const struct ioapic_config ioapic = {send_msi, b};
	const struct piix_isa_config isa = {pirq_line, b};
	const struct rtc_config rtc = {.utc = time(NULL)};
	const struct hpet_config hpet = {hpet_legacy, b};
	const struct uart_config uart[BOARD_NR_SERIAL] = {
		{0x3f8, 4, c->serial[0]},
		{0x2f8, 3, c->serial[1]},
	};
	const struct debug_log_config log = {c->debug};
	struct ide_config ide = {0};
	/* clang-format off */
	const struct entry table[BOARD_NR_DEVICES] = {
		[BOARD_PIC]        = { &pic_class, &pic, false },
		[BOARD_IOAPIC]     = { &ioapic_class, &ioapic, false },
		[BOARD_PCI_HOST]   = { &pci_host_class, NULL, false },
		[BOARD_PIIX_ISA]   = { &piix_isa_class, &isa, false },
		[BOARD_IDE]        = { &ide_class, &ide, false },
		[BOARD_PIIX_PM]    = { &piix_pm_class, NULL, false },
		[BOARD_PIT]        = { &pit_class, NULL, false },
		[BOARD_RTC]        = { &rtc_class, &rtc, false },
		[BOARD_HPET]       = { &hpet_class, &hpet, false },
		[BOARD_I8042]      = { &i8042_class, NULL, false },
		[BOARD_PORT92]     = { &port92_class, NULL, false },
		[BOARD_FW_CFG]     = { &fw_cfg_class, NULL, false },
		[BOARD_UART0]      = { &uart_class, &uart[0], false },
		[BOARD_UART1]      = { &uart_class, &uart[1], false },
		[BOARD_DEBUG_EXIT] = { &debug_exit_class, NULL,
				       !c->debug_exit },
		[BOARD_DEBUG_LOG]  = { &debug_log_class, &log,
				       !c->debug.write },
	};
	/* clang-format on */

	b->env = (struct device_env){
		.pio = b->pio,
		.mmio = b->mmio,
		.pci = b->pci,
		.timers = b->timers,
		.memory = b->memory,
		.irq = device_line,
		.request = request,
		.complain = complain,
		.ctx = b,
	};
	for (unsigned int i = 0; i < c->nr_disks; i++)
		ide.drive[c->disk[i].channel][c->disk[i].unit] =
			(struct ide_drive_config){c->disk[i].disk,
						  c->disk[i].cdrom};
	for (size_t i = 0; i < BOARD_NR_DEVICES; i++) {
		int err;

		if (table[i].absent)
			continue;
		err = device_new(&b->dev[i], table[i].class, &b->env,
				 table[i].config);
		if (err < 0)
			return err;
	}
	return 0;
}

/* The controllers, made first, go last: others may still lower lines. */
void board_free_devices(struct board *b)
{
	for (size_t i = BOARD_NR_DEVICES; i-- > 0;) {
		device_free(b->dev[i]);
		b->dev[i] = NULL;
	}
}
