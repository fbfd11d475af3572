/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI and SMBIOS tables, as a guest finds them in memory. */
#include "acpi.h"
#include "memory_map.h"
#include "smbios.h"

#include <base/bytes.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t v = 0;

	while (len--)
		v = (uint8_t)(v + *p++);
	return v;
}

/* A pointer into guest memory: the table there. */
static const uint8_t *table(struct guest_memory *gm, uint64_t gpa,
			    const char *sig)
{
	const uint8_t *p = guest_memory_peek(gm, GPA(gpa), 36);
	uint32_t len;

	assert_non_null(p);
	assert_memory_equal(p, sig, 4);
	len = load_le32(p + 4);
	p = guest_memory_peek(gm, GPA(gpa), len);
	assert_non_null(p);
	if (strcmp(sig, "FACS") != 0)
		assert_int_equal(sum(p, len), 0);
	return p;
}

static void acpi_for(unsigned int nr_vps)
{
	struct acpi_tables *t = calloc(1, sizeof(*t));
	struct guest_memory *gm;
	const uint8_t *rsdp;
	const uint8_t *rsdt;
	const uint8_t *xsdt;
	const uint8_t *fadt;
	const uint8_t *madt;
	unsigned int cpus = 0;

	assert_int_equal(map_create(&gm, 16 * MIB, 0), 0);
	acpi_build(t, nr_vps);
	assert_int_equal(acpi_place(t, gm, MAP_TABLES, MAP_TABLES_SIZE), 0);
	assert_int_equal(acpi_place(t, gm, MAP_TABLES, 4096), -ENOSPC);

	rsdp = guest_memory_peek(gm, GPA(MAP_TABLES), ACPI_RSDP_SIZE);
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	rsdt = table(gm, load_le32(rsdp + 16), "RSDT");
	xsdt = table(gm, load_le64(rsdp + 24), "XSDT");
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(load_le32(rsdt + 36 + 4 * i),
				 load_le64(xsdt + 36 + 8 * i));
	fadt = table(gm, load_le64(xsdt + 36), "FACP");
	madt = table(gm, load_le64(xsdt + 44), "APIC");
	(void)table(gm, load_le64(xsdt + 52), "HPET");
	(void)table(gm, load_le32(fadt + 36), "FACS");
	assert_int_equal(load_le32(fadt + 36) % 64, 0);
	(void)table(gm, load_le32(fadt + 40), "DSDT");
	assert_int_equal(load_le32(fadt + 40), load_le64(fadt + 140));

	for (uint32_t at = 44; at < load_le32(madt + 4); at += madt[at + 1]) {
		assert_true(madt[at + 1] >= 6);
		cpus += madt[at] == 0;
	}
	assert_int_equal(cpus, nr_vps);
	guest_memory_free(gm);
	free(t);
}

static void acpi_tables(void **state)
{
	acpi_for(1);
	acpi_for(4);
	acpi_for(64);
}

static void smbios_for(uint64_t memory_size, bool hyperv)
{
	static const uint8_t uuid[16] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct smbios *s = calloc(1, sizeof(*s));
	const struct smbios_config config = {"guest", uuid, 2, memory_size,
					     hyperv};
	struct guest_memory *gm;
	const uint8_t *a;
	const uint8_t *p;
	const uint8_t *end;
	unsigned int n = 0;

	assert_int_equal(map_create(&gm, 16 * MIB, 0), 0);
	smbios_build(s, &config);
	assert_int_equal(smbios_place(s, gm, MAP_SMBIOS, MAP_SMBIOS_SIZE), 0);
	a = guest_memory_peek(gm, GPA(MAP_SMBIOS), SMBIOS_ANCHOR_SIZE);
	assert_memory_equal(a, "_SM_", 4);
	assert_int_equal(sum(a, 31), 0);
	assert_int_equal(sum(a + 16, 15), 0);
	p = guest_memory_peek(gm, GPA(load_le32(a + 24)), load_le16(a + 22));
	assert_non_null(p);
	end = p + load_le16(a + 22);
	while (p < end) {
		uint8_t type = p[0];

		assert_true(p[1] >= 4);
		if (type == 1)
			assert_int_equal(load_le32(p + 8), 0x01020304);
		n++;
		p += p[1];
		while (p + 1 < end && (p[0] || p[1]))
			p++;
		p += 2;
		if (type == 127)
			break;
	}
	assert_ptr_equal(p, end);
	assert_int_equal(n, load_le16(a + 28));
	/* ata_piix goes by both of these */
	assert_true(hyperv == (memmem(s->tables, s->size, "Virtual Machine\0",
				      16) != NULL &&
			       memmem(s->tables, s->size,
				      "Microsoft Corporation", 21) != NULL));
	guest_memory_free(gm);
	free(s);
}

static void smbios_tables(void **state)
{
	smbios_for(16 * MIB, false);
	smbios_for(UINT64_C(1) << 40, false);
	smbios_for(4096 * MIB, true);
}

static void e820(void **state)
{
	struct e820_entry e[E820_MAX];
	unsigned int n;

	n = map_e820(e, 16 * MIB);
	assert_int_equal(n, 5);
	assert_int_equal(e[3].size, 15 * MIB);
	n = map_e820(e, UINT64_C(1) << 40);
	assert_int_equal(n, 6);
	assert_int_equal(e[3].addr + e[3].size, MAP_HOLE);
	assert_int_equal(e[3].size + e[5].size + MIB, UINT64_C(1) << 40);
	for (unsigned int i = 1; i < n; i++)
		assert_true(e[i].addr >= e[i - 1].addr + e[i - 1].size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acpi_tables),
		cmocka_unit_test(smbios_tables),
		cmocka_unit_test(e820),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
