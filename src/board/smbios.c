/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System Management BIOS reference specification 2.8 (DSP0134). */
#include "smbios.h"

#include "memory_map.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/bytes.h>
#include <device/fw_cfg.h>

#include <errno.h>
#include <string.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

#define HANDLE(type, n) ((uint16_t)((type) << 8 | (n)))
#define NO_HANDLE       0xfffe

struct names {
	const char *maker;
	const char *product;
	const char *version;
};

static const struct names lamina_names = {"Lamina", "Lamina Machine",
					  "lamina-1"};
static const struct names hyperv_names = {"Microsoft Corporation",
					  "Virtual Machine", "7.0"};

/* A structure being written: its formatted part, then its strings. */
struct writer {
	struct smbios *s;
	uint8_t *p; /* formatted part */
	uint8_t nr_strings;
	uint16_t count; /* structures so far */
	uint32_t largest;
};

static uint8_t *begin(struct writer *w, uint8_t type, uint8_t n, uint8_t len)
{
	ASSERT(w->s->size + len <= SMBIOS_MAX_SIZE);
	w->p = w->s->tables + w->s->size;
	w->s->size += len;
	w->p[0] = type;
	w->p[1] = len;
	store_le16(w->p + 2, HANDLE(type, n));
	w->nr_strings = 0;
	return w->p;
}

/* Append @text to the strings; its number goes to @at in the structure. */
static void string(struct writer *w, unsigned int at, const char *text)
{
	size_t len = strnlen(text, 63);

	if (!len)
		return;
	ASSERT(w->s->size + len + 1 <= SMBIOS_MAX_SIZE);
	memcpy(w->s->tables + w->s->size, text, len);
	w->s->tables[w->s->size + len] = 0;
	w->s->size += (uint32_t)len + 1;
	w->p[at] = ++w->nr_strings;
}

static void end(struct writer *w)
{
	uint32_t zeros = w->nr_strings ? 1 : 2;
	uint32_t len;

	ASSERT(w->s->size + zeros <= SMBIOS_MAX_SIZE);
	memset(w->s->tables + w->s->size, 0, zeros);
	w->s->size += zeros;
	len = (uint32_t)(w->s->tables + w->s->size - w->p);
	w->largest = len > w->largest ? len : w->largest;
	w->count++;
}

static void put_bios(struct writer *w, const struct names *n)
{
	uint8_t *p = begin(w, 0, 0, 24);

	string(w, 4, n->maker);
	string(w, 5, n->version);
	store_le16(p + 6, 0xe000);
	string(w, 8, "11/22/2026");
	p[9] = 3;                                 /* 256 KiB */
	store_le64(p + 10, BIT64(7) | BIT64(15)); /* PCI, CD boot */
	p[18] = 0x01;                             /* ACPI */
	p[19] = 0x10;                             /* a virtual machine */
	memset(p + 20, 0xff, 4);
	end(w);
}

/* The first three fields of a UUID are little-endian here. */
static void put_uuid(uint8_t *p, const uint8_t *uuid)
{
	static const uint8_t order[16] = {3, 2, 1,  0,  5,  4,  7,  6,
					  8, 9, 10, 11, 12, 13, 14, 15};

	for (unsigned int i = 0; i < 16; i++)
		p[i] = uuid[order[i]];
}

static void put_system(struct writer *w, const struct names *n,
		       const struct smbios_config *c)
{
	uint8_t *p = begin(w, 1, 0, 27);

	string(w, 4, n->maker);
	string(w, 5, n->product);
	string(w, 6, n->version);
	string(w, 7, c->name ? c->name : "");
	put_uuid(p + 8, c->uuid);
	p[24] = 6; /* woken by the power switch */
	string(w, 26, "Virtual Machine Family");
	end(w);
}

static void put_board(struct writer *w, const struct names *n)
{
	uint8_t *p = begin(w, 2, 0, 15);

	string(w, 4, n->maker);
	string(w, 5, n->product);
	string(w, 6, n->version);
	p[9] = 0x01; /* hosts the rest */
	store_le16(p + 11, HANDLE(3, 0));
	p[13] = 0x0a; /* motherboard */
	end(w);
}

static void put_chassis(struct writer *w, const struct names *n)
{
	uint8_t *p = begin(w, 3, 0, 21);

	string(w, 4, n->maker);
	p[5] = 0x03; /* desktop */
	string(w, 6, n->version);
	memset(p + 9, 0x03, 4); /* states safe, security none */
	end(w);
}

static void put_processor(struct writer *w, const struct smbios_config *c)
{
	uint8_t *p = begin(w, 4, 0, 42);
	uint8_t cores = (uint8_t)c->nr_vps;

	string(w, 4, "CPU 0");
	p[5] = 0x03; /* central processor */
	p[6] = 0xfe; /* family: see family 2 */
	string(w, 7, "Lamina");
	p[24] = 0x41; /* populated, enabled */
	p[25] = 0x01;
	memset(p + 26, 0xff, 6); /* no cache structures */
	p[35] = cores;
	p[36] = cores;
	p[37] = cores;
	store_le16(p + 38, 0x000c); /* 64-bit, many cores */
	store_le16(p + 40, 0x0001);
	end(w);
}

static void put_memory(struct writer *w, const struct smbios_config *c)
{
	uint64_t mib = c->memory_size / MIB;
	uint8_t *p = begin(w, 16, 0, 23);

	p[4] = 0x03;                   /* on the system board */
	p[5] = 0x03;                   /* system memory */
	p[6] = 0x03;                   /* no error correction */
	store_le32(p + 7, 0x80000000); /* see the extended field */
	store_le16(p + 11, NO_HANDLE);
	store_le16(p + 13, 1);
	store_le64(p + 15, c->memory_size);
	end(w);

	p = begin(w, 17, 0, 40);
	store_le16(p + 4, HANDLE(16, 0));
	store_le16(p + 6, NO_HANDLE);
	store_le16(p + 8, 64);
	store_le16(p + 10, 64);
	store_le16(p + 12, (uint16_t)(mib < 0x7fff ? mib : 0x7fff));
	p[14] = 0x09; /* DIMM */
	string(w, 16, "DIMM 0");
	p[18] = 0x07; /* RAM */
	store_le16(p + 19, 0x0002);
	string(w, 23, "Lamina");
	store_le32(p + 28, (uint32_t)(mib < 0x7fff ? 0 : mib));
	end(w);
}

/* A range of addresses that the memory appears at; past 4 TiB - 1 KiB the
 * extended fields would be needed, which GUEST_MEMORY_MAX keeps away. */
static void put_range(struct writer *w, uint8_t n, uint64_t from, uint64_t to)
{
	uint8_t *p;

	if (from >= to)
		return;
	p = begin(w, 19, n, 31);
	store_le32(p + 4, (uint32_t)(from / KIB));
	store_le32(p + 8, (uint32_t)((to - 1) / KIB));
	store_le16(p + 12, HANDLE(16, 0));
	p[14] = 1;
	end(w);
}

static void put_boot(struct writer *w)
{
	(void)begin(w, 32, 0, 11);
	end(w);
}

static void build_anchor(struct smbios *s, const struct writer *w)
{
	uint8_t *p = s->anchor;

	memcpy(p, "_SM_", 4);
	p[5] = SMBIOS_ANCHOR_SIZE;
	p[6] = 2;
	p[7] = 8;
	store_le16(p + 8, (uint16_t)w->largest);
	memcpy(p + 16, "_DMI_", 5);
	store_le16(p + 22, (uint16_t)s->size);
	store_le16(p + 28, w->count);
	p[30] = 0x28;
}

void smbios_build(struct smbios *s, const struct smbios_config *c)
{
	const struct names *n = c->hyperv_names ? &hyperv_names : &lamina_names;
	uint64_t low = map_low_top(c->memory_size);
	struct writer w = {.s = s};

	memset(s, 0, sizeof(*s));
	put_bios(&w, n);
	put_system(&w, n, c);
	put_board(&w, n);
	put_chassis(&w, n);
	put_processor(&w, c);
	put_memory(&w, c);
	put_range(&w, 0, 0, low);
	put_range(&w, 1, MAP_4G, MAP_4G + (c->memory_size - low));
	put_boot(&w);
	(void)begin(&w, 127, 0, 4);
	end(&w);
	build_anchor(s, &w);
}

static uint8_t checksum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

int smbios_place(const struct smbios *s, struct guest_memory *gm, uint64_t gpa,
		 uint64_t size)
{
	uint64_t at = gpa + align_up(SMBIOS_ANCHOR_SIZE, 16);
	uint8_t anchor[SMBIOS_ANCHOR_SIZE];
	int err;

	if (at + s->size > gpa + size)
		return -ENOSPC;
	memcpy(anchor, s->anchor, sizeof(anchor));
	store_le32(anchor + 24, (uint32_t)at);
	anchor[21] = checksum(anchor + 16, 15);
	anchor[4] = checksum(anchor, sizeof(anchor));
	err = guest_memory_write(gm, GPA(gpa), anchor, sizeof(anchor));
	if (err < 0)
		return err;
	return guest_memory_write(gm, GPA(at), s->tables, s->size);
}

int smbios_offer(const struct smbios *s, struct device *fw_cfg)
{
	int err = fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", s->anchor,
				  sizeof(s->anchor));

	if (err < 0)
		return err;
	return fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", s->tables,
			       s->size);
}
