/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving and loading by field tables. A record is read with a cursor that
 * never passes its end; nothing of the caller's state is touched before the
 * whole record has been read and checked.
 */
#include <base/assert.h>
#include <base/bits.h>
#include <base/bytes.h>
#include <base/errno.h>
#include <base/mem.h>
#include <base/overflow.h>
#include <base/state.h>

/* Longer names are a mistake in a table or hostile input. */
#define NAME_MAX_LEN 64u

static uint32_t name_len(const struct state_desc *desc)
{
	uint32_t len = 0;

	while (desc->name[len])
		len++;
	ASSERT(len > 0 && len <= NAME_MAX_LEN);
	return len;
}

/* Payload bytes of a record of @version. */
static uint64_t payload_len(const struct state_desc *desc, uint32_t version)
{
	uint64_t len = 0;

	for (uint32_t i = 0; i < desc->nr_fields; i++) {
		const struct state_field *f = &desc->fields[i];

		ASSERT(STATE_WIDTH_OK(f->width) && f->since &&
		       f->since <= desc->version);
		ASSERT(range_fits(f->offset, (uint64_t)f->width * f->count,
				  desc->size));
		if (f->since <= version)
			len += (uint64_t)f->width * f->count;
	}
	ASSERT(len <= UINT32_MAX);
	return len;
}

size_t state_size(const struct state_desc *desc)
{
	return 4 + name_len(desc) + 4 + 4 + payload_len(desc, desc->version);
}

/* One element between host order at @mem and little-endian at @wire. */
static void store_element(uint8_t *wire, const uint8_t *mem, uint16_t width)
{
	uint64_t v = 0;

	memcpy(&v, mem, width);
	for (unsigned int i = 0; i < width; i++, v >>= 8)
		wire[i] = (uint8_t)v;
}

static void load_element(uint8_t *mem, const uint8_t *wire, uint16_t width)
{
	uint64_t v = 0;

	for (unsigned int i = width; i > 0; i--)
		v = v << 8 | wire[i - 1];
	memcpy(mem, &v, width);
}

int64_t state_save(const struct state_desc *desc, const void *state, void *buf,
		   size_t size)
{
	size_t need = state_size(desc);
	uint32_t len = name_len(desc);
	const uint8_t *from = state;
	uint8_t *at = buf;

	if (need > size)
		return -ENOSPC;
	store_le32(at, len);
	memcpy(at + 4, desc->name, len);
	at += 4 + len;
	store_le32(at, desc->version);
	store_le32(at + 4, (uint32_t)payload_len(desc, desc->version));
	at += 8;
	for (uint32_t i = 0; i < desc->nr_fields; i++) {
		const struct state_field *f = &desc->fields[i];

		for (uint32_t n = 0; n < f->count; n++, at += f->width)
			store_element(at, from + f->offset + n * f->width,
				      f->width);
	}
	return (int64_t)need;
}

static void load_fields(const struct state_desc *desc, uint32_t version,
			uint8_t *to, const uint8_t *at)
{
	for (uint32_t i = 0; i < desc->nr_fields; i++) {
		const struct state_field *f = &desc->fields[i];

		if (f->since > version)
			continue;
		for (uint32_t n = 0; n < f->count; n++, at += f->width)
			load_element(to + f->offset + n * f->width, at,
				     f->width);
	}
}

int64_t state_load(const struct state_desc *desc, void *state, const void *buf,
		   size_t size, void *scratch)
{
	uint32_t want = name_len(desc);
	const uint8_t *at = buf;
	uint32_t len, version, payload;
	int err;

	if (size < 4)
		return -EINVAL;
	len = load_le32(at);
	if (!len || len > NAME_MAX_LEN || size < 4 + (size_t)len + 8)
		return -EINVAL;
	if (len != want || memcmp(at + 4, desc->name, len) != 0)
		return -ENOENT;
	at += 4 + len;
	version = load_le32(at);
	payload = load_le32(at + 4);
	at += 8;
	if (version > desc->version)
		return -EPROTO;
	if (!version || payload != payload_len(desc, version) ||
	    payload > size - (size_t)(at - (const uint8_t *)buf))
		return -EINVAL;

	memcpy(scratch, state, desc->size);
	load_fields(desc, version, scratch, at);
	err = desc->check ? desc->check(scratch) : 0;
	if (err < 0)
		return -EINVAL;
	memcpy(state, scratch, desc->size);
	return at + payload - (const uint8_t *)buf;
}
