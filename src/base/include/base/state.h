/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Versioned field tables: one table of fields drives both saving and loading
 * of an object's state. The state is a struct of fixed-width fields; the
 * table names each field, its width and the version that introduced it.
 *
 * A record on the wire (all little-endian):
 *   u32 name length, name bytes, u32 version, u32 payload length, payload
 * The payload holds the fields of that version in table order, unpadded.
 * Loading treats its input as hostile: a newer version, a wrong name or a
 * wrong length is refused; fields newer than the record keep the values that
 * the caller put there (the defaults).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct state_field {
	const char *name;
	uint32_t offset; /* in the state struct */
	uint16_t width;  /* bytes of one element: 1, 2, 4 or 8 */
	uint16_t count;  /* elements; 1 unless an array */
	uint16_t since;  /* first version that has it */
};

struct state_desc {
	const char *name; /* "device/rtc"; unique, never renamed */
	uint16_t version; /* current; 1 at birth */
	uint16_t nr_fields;
	uint32_t size; /* of the state struct */
	const struct state_field *fields;
	/*
	 * Validates a loaded state before it is used; negative errno refuses
	 * it. May be NULL when every value of every field is legal.
	 */
	int (*check)(const void *state);
};

#define STATE_WIDTH_OK(w) ((w) == 1 || (w) == 2 || (w) == 4 || (w) == 8)

#define STATE_FIELD(type, member, since_)                                      \
	{                                                                      \
		.name = #member, .offset = offsetof(type, member),             \
		.width = sizeof(((type *)0)->member), .count = 1,              \
		.since = (since_),                                             \
	}

#define STATE_ARRAY(type, member, since_)                                      \
	{                                                                      \
		.name = #member, .offset = offsetof(type, member),             \
		.width = sizeof(((type *)0)->member[0]),                       \
		.count = sizeof(((type *)0)->member) /                         \
			 sizeof(((type *)0)->member[0]),                       \
		.since = (since_),                                             \
	}

#define STATE_DESC(type, name_, version_, fields_, check_)                     \
	{                                                                      \
		.name = (name_), .version = (version_),                        \
		.nr_fields = sizeof(fields_) / sizeof((fields_)[0]),           \
		.size = sizeof(type), .fields = (fields_), .check = (check_),  \
	}

/* Bytes that state_save() needs for @desc. */
size_t state_size(const struct state_desc *desc);

/*
 * Write @state as one record into @buf. Returns the bytes written or -ENOSPC.
 */
int64_t state_save(const struct state_desc *desc, const void *state, void *buf,
		   size_t size);

/*
 * Read one record of @desc from @buf into @state. Returns the bytes consumed
 * or, with @state untouched, -EINVAL (malformed or refused by check()),
 * -ENOENT (another name) or -EPROTO (a version newer than ours). @scratch has
 * room for desc->size bytes and receives the loaded copy before it is
 * accepted.
 */
int64_t state_load(const struct state_desc *desc, void *state, const void *buf,
		   size_t size, void *scratch);
