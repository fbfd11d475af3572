/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preparing the data pages for a case and finding what it changed. Used by
 * both sides; calls nothing, since the child has no thread pointer.
 */
#pragma once

#include "diff.h"

struct window {
	uint8_t *data;    /* the pages, writable throughout */
	uint64_t *base;   /* their content between cases */
	uint64_t *before; /* base and the case's patches */
};

static inline void window_copy(void *dst, const void *src, uint64_t len)
{
	__asm__ volatile("rep movsb"
			 : "+D"(dst), "+S"(src), "+c"(len)
			 :
			 : "memory");
}

static inline void window_prepare(const struct window *w,
				  const struct diff_case *c)
{
	for (unsigned int i = 0; i < c->nr_patches; i++) {
		const struct diff_patch *p = &c->patch[i];

		window_copy(w->data + p->off, p->bytes, p->len);
		window_copy((uint8_t *)w->before + p->off, p->bytes, p->len);
	}
}

/* Record what changed, and put everything back. */
static inline void window_collect(const struct window *w,
				  const struct diff_case *c,
				  struct diff_result *r)
{
	uint64_t *now = (uint64_t *)(void *)w->data;

	r->nr_changes = 0;
	for (unsigned int i = 0; i < DIFF_DATA_SIZE / 8; i++) {
		if (__builtin_expect(now[i] == w->before[i], 1))
			continue;
		if (r->nr_changes < DIFF_MAX_CHANGES) {
			r->change[r->nr_changes].off = i * 8;
			r->change[r->nr_changes].value = now[i];
			r->nr_changes++;
		}
		now[i] = w->base[i];
	}
	for (unsigned int i = 0; i < c->nr_patches; i++) {
		const struct diff_patch *p = &c->patch[i];
		const uint8_t *base = (const uint8_t *)w->base + p->off;

		window_copy(w->data + p->off, base, p->len);
		window_copy((uint8_t *)w->before + p->off, base, p->len);
	}
}
