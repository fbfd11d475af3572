/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What boots: firmware in its ROM with what it asks for in fw_cfg and CMOS, or
 * a kernel with the little that firmware would have done for it.
 */
#include "board_priv.h"

#include <base/bits.h>
#include <base/bytes.h>
#include <device/fw_cfg.h>
#include <device/io_bus.h>
#include <device/pci.h>
#include <device/piix.h>
#include <device/rtc.h>

#include <errno.h>
#include <string.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

#define CMOS_BASE_MEM   0x15
#define CMOS_EXT_MEM    0x17
#define CMOS_EXT_MEM2   0x30
#define CMOS_MEM_64K    0x34
#define CMOS_BOOT_ORDER 0x3d
#define CMOS_HIGH_64K   0x5b
#define CMOS_SMP        0x5f
#define BOOT_DISK_CDROM 0x32 /* first disk, then CD-ROM */

static void set_cmos16(struct device *rtc, uint8_t index, uint64_t v)
{
	rtc_set_cmos(rtc, index, (uint8_t)v);
	rtc_set_cmos(rtc, (uint8_t)(index + 1), (uint8_t)(v >> 8));
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void describe_cmos(struct board *b)
{
	struct device *rtc = b->dev[BOARD_RTC];
	uint64_t low = map_low_top(b->config.memory_size);
	uint64_t high = b->config.memory_size - low;
	uint64_t ext = min_u64((low - MIB) / KIB, 65535);
	uint64_t above = low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0;

	set_cmos16(rtc, CMOS_BASE_MEM, 640);
	set_cmos16(rtc, CMOS_EXT_MEM, ext);
	set_cmos16(rtc, CMOS_EXT_MEM2, ext);
	set_cmos16(rtc, CMOS_MEM_64K, min_u64(above, 65535));
	set_cmos16(rtc, CMOS_HIGH_64K, high / (64 * KIB));
	rtc_set_cmos(rtc, CMOS_HIGH_64K + 2,
		     (uint8_t)(high / (64 * KIB) >> 16));
	rtc_set_cmos(rtc, CMOS_BOOT_ORDER, BOOT_DISK_CDROM);
	rtc_set_cmos(rtc, CMOS_SMP, (uint8_t)(b->config.nr_vps - 1));
}

/* What firmware cannot know of itself; it adds the low megabyte and what it
 * uses. */
static int describe_e820(struct board *b)
{
	uint64_t size = b->config.memory_size;
	uint64_t low = map_low_top(size);
	struct e820_entry table[2] = {
		{0, low, E820_RAM},
		{MAP_4G, size - low, E820_RAM},
	};

	return fw_cfg_add_file(b->dev[BOARD_FW_CFG], "etc/e820", table,
			       size > low ? sizeof(table) : sizeof(table[0]));
}

int board_describe(struct board *b)
{
	struct device *fw = b->dev[BOARD_FW_CFG];
	uint8_t ram[8];
	uint8_t cpus[2];
	uint8_t menu[2] = {0, 0};
	uint8_t sercon[2];
	uint8_t irq0[1] = {1}; /* ISA interrupt 0 is IOAPIC pin 2 */
	int err;

	describe_cmos(b);
	store_le64(ram, b->config.memory_size);
	store_le16(cpus, (uint16_t)b->config.nr_vps);
	store_le16(sercon, 0x3f8);
	err = fw_cfg_add(fw, FW_CFG_RAM_SIZE, ram, sizeof(ram));
	if (!err)
		err = fw_cfg_add(fw, FW_CFG_NB_CPUS, cpus, sizeof(cpus));
	if (!err)
		err = fw_cfg_add(fw, FW_CFG_MAX_CPUS, cpus, sizeof(cpus));
	if (!err)
		err = fw_cfg_add(fw, FW_CFG_BOOT_MENU, menu, sizeof(menu));
	if (!err)
		err = fw_cfg_add(fw, FW_CFG_IRQ0_OVERRIDE, irq0, sizeof(irq0));
	if (!err)
		err = fw_cfg_add_file(fw, "etc/sercon-port", sercon,
				      sizeof(sercon));
	if (!err)
		err = describe_e820(b);
	if (!err)
		err = acpi_offer(&b->acpi, fw);
	if (!err)
		err = smbios_offer(&b->smbios, fw);
	return err;
}

static struct loader make_loader(struct board *b, struct vp_regs *regs,
				 char *why, size_t why_size)
{
	struct loader l = {
		.memory = b->memory,
		.memory_size = b->config.memory_size,
		.kernel = b->kernel,
		.nr_initrds = b->config.nr_initrds,
		.cmdline = b->cmdline,
		.rsdp = MAP_TABLES,
		.regs = regs,
		.why = why,
		.why_size = why_size,
	};

	memcpy(l.initrd, b->initrd, sizeof(l.initrd));
	return l;
}

/* The ROM below 4 GiB, and its last 128 KiB where real mode finds them. */
static int load_firmware(struct board *b, const struct loader *l)
{
	const struct image *im = &b->firmware;
	uint64_t shadow = min_u64(im->size, 128 * KIB);
	int err;

	err = image_load(l, im, 0, MAP_4G - im->size, im->size);
	if (err < 0)
		return err;
	return image_load(l, im, im->size - shadow, MIB - shadow, shadow);
}

/*
 * What a kernel may expect firmware to have done: PCI interrupts routed and
 * level-triggered, the IDE function decoded and with a bus-master window, and
 * the keyboard translating to scan code set 1.
 */
static void set_up_chipset(struct board *b)
{
	uint8_t ide = PCI_DEVFN(PIIX_DEVICE, 1);

	pci_bus_write(b->pci, PCI_DEVFN(PIIX_DEVICE, 0), 0x60, 4, 0x0b0b0a0a);
	io_bus_write(b->pio, 0x4d1, 1, 0x0e); /* 9, 10, 11 */
	pci_bus_write(b->pci, ide, 0x40, 4, 0x80008000);
	pci_bus_write(b->pci, ide, PCI_BAR(4), 4, 0xc001);
	pci_bus_write(b->pci, ide, PCI_COMMAND, 2,
		      PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	io_bus_write(b->pio, 0x64, 1, 0x60);
	io_bus_write(b->pio, 0x60, 1, 0x65);
}

static int boot_kernel(struct board *b, const struct loader *l)
{
	int err;

	set_up_chipset(b);
	err = loader_zero(l, MAP_TABLES, MAP_HIGH - MAP_TABLES);
	if (!err)
		err = acpi_place(&b->acpi, b->memory, MAP_TABLES,
				 MAP_TABLES_SIZE);
	if (!err)
		err = smbios_place(&b->smbios, b->memory, MAP_SMBIOS,
				   MAP_SMBIOS_SIZE);
	if (err < 0)
		return loader_fail(l, err, "cannot place the tables: %s",
				   strerror(-err));
	return load_kernel(l);
}

int board_boot(struct board *b, char *why, size_t why_size)
{
	struct vp_regs regs;
	struct loader l = make_loader(b, &regs, why, why_size);
	int err;

	if (b->kernel.fd < 0)
		return load_firmware(b, &l);
	partition_vp_get_regs(b->partition, 0, &regs);
	err = boot_kernel(b, &l);
	if (!err)
		partition_vp_set_regs(b->partition, 0, &regs);
	return err;
}
