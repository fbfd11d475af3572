/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET and DSDT (ACPI 6.0, chapter 5;
 * IA-PC HPET specification 1.0a, 3.2.4). The FADT is of revision 3, which the
 * oldest systems take for a longer revision 1.
 */
#include "acpi.h"

#include "dsdt.hex"

#include <base/assert.h>
#include <base/bits.h>
#include <base/bytes.h>
#include <device/fw_cfg.h>
#include <device/hpet.h>
#include <device/ioapic.h>
#include <device/piix.h>
#include <partition/memory.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER      36u
#define CHECKSUM_AT 9u
#define FACS_SIZE   64u
#define FADT_SIZE   244u
#define MADT_CPU    8u
#define NR_TABLES   3 /* in RSDT and XSDT: FADT, MADT, HPET */

#define LAPIC_BASE 0xfee00000u

#define FADT_WBINVD       BIT(0)
#define FADT_PROC_C1      BIT(2)
#define FADT_SLEEP_BUTTON BIT(5) /* set: there is none */
#define FADT_RTC_STATUS   BIT(6) /* set: not in the fixed registers */
#define FADT_RESET        BIT(10)
#define BOOT_LEGACY       BIT(0)
#define BOOT_8042         BIT(1)
#define BOOT_NO_VGA       BIT(2)

/* Grow the blob; the new bytes' offset. Its size is bounded by nr_vps. */
static uint32_t grow(struct acpi_tables *t, uint32_t size, uint32_t align)
{
	uint32_t at = (uint32_t)align_up(t->size, align);

	ASSERT(at + size <= ACPI_MAX_SIZE);
	t->size = at + size;
	return at;
}

static void add_todo(struct acpi_tables *t, struct acpi_todo todo)
{
	ASSERT(t->nr_todo < ACPI_MAX_TODO);
	t->todo[t->nr_todo++] = todo;
}

/* The @size bytes at @offset will point to @target in the tables. */
static void add_pointer(struct acpi_tables *t, enum acpi_blob in,
			uint32_t offset, uint32_t size, uint32_t target)
{
	uint8_t *p = (in == ACPI_BLOB_RSDP ? t->rsdp : t->tables) + offset;

	if (size == 8)
		store_le64(p, target);
	else
		store_le32(p, target);
	add_todo(t, (struct acpi_todo){.what = ACPI_POINTER,
				       .in = in,
				       .offset = offset,
				       .size = size});
}

static void add_checksum(struct acpi_tables *t, enum acpi_blob in,
			 uint32_t offset, uint32_t start, uint32_t size)
{
	add_todo(t, (struct acpi_todo){.what = ACPI_CHECKSUM,
				       .in = in,
				       .offset = offset,
				       .start = start,
				       .size = size});
}

/* A table with its header; returns its offset. */
static uint32_t begin(struct acpi_tables *t, const char *sig, uint8_t revision,
		      uint32_t size)
{
	uint32_t at = grow(t, size, 16);
	uint8_t *p = t->tables + at;

	memcpy(p, sig, 4);
	store_le32(p + 4, size);
	p[8] = revision;
	memcpy(p + 10, "LAMINA", 6);
	memcpy(p + 16, "LAMINA1 ", 8);
	store_le32(p + 24, 1);
	memcpy(p + 28, "LMNA", 4);
	store_le32(p + 32, 1);
	return at;
}

static void end(struct acpi_tables *t, uint32_t at)
{
	add_checksum(t, ACPI_BLOB_TABLES, at + CHECKSUM_AT, at,
		     load_le32(t->tables + at + 4));
}

static uint32_t build_facs(struct acpi_tables *t)
{
	uint32_t at = grow(t, FACS_SIZE, 64);
	uint8_t *p = t->tables + at;

	memcpy(p, "FACS", 4);
	store_le32(p + 4, FACS_SIZE);
	p[32] = 1;
	return at;
}

/* The number of processors is a DWORD constant named NCPU. */
static void patch_ncpu(uint8_t *aml, size_t len, unsigned int nr_vps)
{
	static const uint8_t pattern[] = {0x08, 'N', 'C', 'P', 'U',
					  0x0c, 'C', 'N', 'P', 'U'};
	uint8_t *p = memmem(aml, len, pattern, sizeof(pattern));

	ASSERT(p);
	store_le32(p + 6, nr_vps);
}

static uint32_t build_dsdt(struct acpi_tables *t, unsigned int nr_vps)
{
	uint32_t at = grow(t, sizeof(dsdt_aml_code), 16);
	uint8_t *p = t->tables + at;

	memcpy(p, dsdt_aml_code, sizeof(dsdt_aml_code));
	patch_ncpu(p, sizeof(dsdt_aml_code), nr_vps);
	p[CHECKSUM_AT] = 0;
	end(t, at);
	return at;
}

/* A generic address: system I/O space. */
static void put_gas(uint8_t *p, uint8_t bits, uint16_t port)
{
	p[0] = 1;
	p[1] = bits;
	p[3] = bits == 32 ? 3 : bits == 16 ? 2 : 1;
	store_le64(p + 4, port);
}

static uint32_t build_fadt(struct acpi_tables *t, uint32_t facs, uint32_t dsdt)
{
	uint32_t at = begin(t, "FACP", 3, FADT_SIZE);
	uint8_t *p = t->tables + at;

	add_pointer(t, ACPI_BLOB_TABLES, at + 36, 4, facs);
	add_pointer(t, ACPI_BLOB_TABLES, at + 40, 4, dsdt);
	p[45] = 4; /* enterprise server */
	store_le16(p + 46, PIIX_SCI);
	/* No SMI command port: the machine is in ACPI mode always. */
	store_le32(p + 56, PIIX_PM_BASE + PIIX_PM1_EVENT);
	store_le32(p + 64, PIIX_PM_BASE + PIIX_PM1_CONTROL);
	store_le32(p + 76, PIIX_PM_BASE + PIIX_PM_TIMER);
	store_le32(p + 80, PIIX_PM_BASE + PIIX_GPE0);
	p[88] = 4;
	p[89] = 2;
	p[91] = 4;
	p[92] = PIIX_GPE0_SIZE;
	store_le16(p + 96, 0xfff); /* no C2, no C3 */
	store_le16(p + 98, 0xfff);
	p[108] = 0x32; /* century in CMOS */
	store_le16(p + 109, BOOT_LEGACY | BOOT_8042 | BOOT_NO_VGA);
	store_le32(p + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_SLEEP_BUTTON |
				    FADT_RTC_STATUS | FADT_RESET);
	put_gas(p + 116, 8, 0xcf9);
	p[128] = 0x06; /* value that resets */
	put_gas(p + 148, 32, PIIX_PM_BASE + PIIX_PM1_EVENT);
	put_gas(p + 172, 16, PIIX_PM_BASE + PIIX_PM1_CONTROL);
	put_gas(p + 208, 32, PIIX_PM_BASE + PIIX_PM_TIMER);
	put_gas(p + 220, 32, PIIX_PM_BASE + PIIX_GPE0);
	add_pointer(t, ACPI_BLOB_TABLES, at + 140, 8, dsdt);
	end(t, at);
	return at;
}

/* ISA interrupt @irq is GSI @gsi with MPS INTI flags @flags. */
static uint8_t *put_override(uint8_t *p, uint8_t irq, uint8_t gsi,
			     uint16_t flags)
{
	p[0] = 2;
	p[1] = 10;
	p[3] = irq;
	store_le32(p + 4, gsi);
	store_le16(p + 8, flags);
	return p + 10;
}

static uint32_t build_madt(struct acpi_tables *t, unsigned int nr_vps)
{
	/* PCI interrupts and the SCI: level-triggered, active high. */
	static const uint8_t level[] = {5, 9, 10, 11};
	uint32_t size = 44 + nr_vps * MADT_CPU + 12 + 5 * 10 + 6;
	uint32_t at = begin(t, "APIC", 1, size);
	uint8_t *p = t->tables + at;

	store_le32(p + 36, LAPIC_BASE);
	store_le32(p + 40, 1); /* there are 8259s too */
	p += 44;
	for (unsigned int i = 0; i < nr_vps; i++, p += MADT_CPU) {
		p[1] = MADT_CPU;
		p[2] = (uint8_t)i;
		p[3] = (uint8_t)i;
		store_le32(p + 4, 1);
	}
	p[0] = 1; /* IOAPIC 0 at GSI 0 */
	p[1] = 12;
	store_le32(p + 4, (uint32_t)IOAPIC_BASE);
	p = put_override(p + 12, 0, 2, 0);
	for (size_t i = 0; i < ARRAY_SIZE(level); i++)
		p = put_override(p, level[i], level[i], 0x0d);
	p[0] = 4; /* LINT1 is NMI on all processors */
	p[1] = 6;
	p[2] = 0xff;
	p[5] = 1;
	end(t, at);
	return at;
}

static uint32_t build_hpet(struct acpi_tables *t)
{
	uint32_t at = begin(t, "HPET", 1, 56);
	uint8_t *p = t->tables + at;

	store_le32(p + 36, HPET_ID);
	p[41] = 64;
	store_le64(p + 44, HPET_BASE);
	end(t, at);
	return at;
}

static uint32_t build_root(struct acpi_tables *t, const char *sig,
			   uint32_t width, const uint32_t table[NR_TABLES])
{
	uint32_t at = begin(t, sig, 1, HEADER + NR_TABLES * width);

	for (uint32_t i = 0; i < NR_TABLES; i++)
		add_pointer(t, ACPI_BLOB_TABLES, at + HEADER + i * width, width,
			    table[i]);
	end(t, at);
	return at;
}

void acpi_build(struct acpi_tables *t, unsigned int nr_vps)
{
	uint32_t table[NR_TABLES];
	uint32_t facs;
	uint32_t dsdt;
	uint32_t rsdt;
	uint32_t xsdt;

	memset(t, 0, sizeof(*t));
	facs = build_facs(t);
	dsdt = build_dsdt(t, nr_vps);
	table[0] = build_fadt(t, facs, dsdt);
	table[1] = build_madt(t, nr_vps);
	table[2] = build_hpet(t);
	rsdt = build_root(t, "RSDT", 4, table);
	xsdt = build_root(t, "XSDT", 8, table);

	memcpy(t->rsdp, "RSD PTR ", 8);
	memcpy(t->rsdp + 9, "LAMINA", 6);
	t->rsdp[15] = 2;
	store_le32(t->rsdp + 20, ACPI_RSDP_SIZE);
	add_pointer(t, ACPI_BLOB_RSDP, 16, 4, rsdt);
	add_pointer(t, ACPI_BLOB_RSDP, 24, 8, xsdt);
	add_checksum(t, ACPI_BLOB_RSDP, 8, 0, 20);
	add_checksum(t, ACPI_BLOB_RSDP, 32, 0, ACPI_RSDP_SIZE);
}

static void apply(uint8_t *blob, const struct acpi_todo *todo, uint64_t base)
{
	uint8_t *p = blob + todo->offset;

	if (todo->what == ACPI_CHECKSUM) {
		uint8_t sum = 0;

		for (uint32_t i = 0; i < todo->size; i++)
			sum = (uint8_t)(sum + blob[todo->start + i]);
		*p = (uint8_t)(*p - sum);
	} else if (todo->size == 8) {
		store_le64(p, load_le64(p) + base);
	} else {
		store_le32(p, (uint32_t)(load_le32(p) + base));
	}
}

int acpi_place(const struct acpi_tables *t, struct guest_memory *gm,
	       uint64_t gpa, uint64_t size)
{
	/* The FACS is first in the tables and wants 64 bytes alignment. */
	uint64_t base = align_up(gpa + ACPI_RSDP_SIZE, 64);
	struct acpi_tables *copy;
	int err;

	if (base + t->size > gpa + size)
		return -ENOSPC;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *t;
	for (unsigned int i = 0; i < t->nr_todo; i++)
		apply(t->todo[i].in == ACPI_BLOB_RSDP ? copy->rsdp
						      : copy->tables,
		      &t->todo[i], base);
	err = guest_memory_write(gm, GPA(gpa), copy->rsdp, ACPI_RSDP_SIZE);
	if (!err)
		err = guest_memory_write(gm, GPA(base), copy->tables,
					 copy->size);
	free(copy);
	return err;
}

/* The loader script: 128-byte commands (QEMU's bios-linker-loader). */
#define CMD_SIZE     128u
#define CMD_ALLOCATE 1
#define CMD_POINTER  2
#define CMD_CHECKSUM 3
#define ZONE_HIGH    1
#define ZONE_FSEG    2

static const char *const blob_name[] = {
	[ACPI_BLOB_RSDP] = "etc/acpi/rsdp",
	[ACPI_BLOB_TABLES] = "etc/acpi/tables",
};

static void put_name(uint8_t *p, enum acpi_blob blob)
{
	memcpy(p, blob_name[blob], strlen(blob_name[blob]) + 1);
}

static uint8_t *put_allocate(uint8_t *p, enum acpi_blob blob, uint32_t align,
			     uint8_t zone)
{
	store_le32(p, CMD_ALLOCATE);
	put_name(p + 4, blob);
	store_le32(p + 60, align);
	p[64] = zone;
	return p + CMD_SIZE;
}

static uint8_t *put_todo(uint8_t *p, const struct acpi_todo *todo)
{
	if (todo->what == ACPI_CHECKSUM) {
		store_le32(p, CMD_CHECKSUM);
		put_name(p + 4, todo->in);
		store_le32(p + 60, todo->offset);
		store_le32(p + 64, todo->start);
		store_le32(p + 68, todo->size);
		return p + CMD_SIZE;
	}
	store_le32(p, CMD_POINTER);
	put_name(p + 4, todo->in);
	put_name(p + 60, ACPI_BLOB_TABLES);
	store_le32(p + 116, todo->offset);
	p[120] = (uint8_t)todo->size;
	return p + CMD_SIZE;
}

int acpi_offer(const struct acpi_tables *t, struct device *fw_cfg)
{
	uint8_t script[(ACPI_MAX_TODO + 2) * CMD_SIZE] = {0};
	uint8_t *p = script;
	int err;

	p = put_allocate(p, ACPI_BLOB_RSDP, 16, ZONE_FSEG);
	p = put_allocate(p, ACPI_BLOB_TABLES, 64, ZONE_HIGH);
	for (unsigned int i = 0; i < t->nr_todo; i++)
		p = put_todo(p, &t->todo[i]);

	err = fw_cfg_add_file(fw_cfg, blob_name[ACPI_BLOB_RSDP], t->rsdp,
			      ACPI_RSDP_SIZE);
	if (!err)
		err = fw_cfg_add_file(fw_cfg, blob_name[ACPI_BLOB_TABLES],
				      t->tables, t->size);
	if (!err)
		err = fw_cfg_add_file(fw_cfg, "etc/table-loader", script,
				      (size_t)(p - script));
	return err;
}
