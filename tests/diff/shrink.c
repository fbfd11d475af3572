/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a failing case smaller: whatever can be zero or at its default
 * without the difference going away becomes so.
 */
#include "shrink.h"

#include <string.h>

static bool fails(struct native *n, const struct diff_engine *e,
		  const struct diff_case *c, const char *what)
{
	static struct diff_result host, engine;
	const char *now;

	native_run(n, c, &host, 1);
	if (host.skipped)
		return false;
	e->run(c, &engine);
	now = compare(c, &host, &engine);
	return now && !strcmp(now, what);
}

struct shrinker {
	struct native *n;
	const struct diff_engine *e;
	const char *what;
	struct diff_case *c;
};

/* Set @len bytes of the case at @field to @value if it still fails. */
static void try_set(struct shrinker *s, void *field, const void *value,
		    unsigned int len)
{
	uint8_t saved[64];

	if (!memcmp(field, value, len))
		return;
	memcpy(saved, field, len);
	memcpy(field, value, len);
	if (!fails(s->n, s->e, s->c, s->what))
		memcpy(field, saved, len);
}

static void drop_patches(struct shrinker *s)
{
	struct diff_case smaller;

	for (unsigned int i = s->c->nr_patches; i-- > 0;) {
		smaller = *s->c;
		smaller.nr_patches--;
		for (unsigned int k = i; k < smaller.nr_patches; k++)
			smaller.patch[k] = smaller.patch[k + 1];
		if (fails(s->n, s->e, &smaller, s->what))
			*s->c = smaller;
	}
}

/* Instructions of a sequence that do not matter become NOPs. */
static void drop_insns(struct shrinker *s)
{
	unsigned int at = 0;
	struct insn in;

	while (at < s->c->len) {
		struct diff_case smaller = *s->c;
		int len = insn_decode(&in, s->c->code + at, INSN_MAX_LEN,
				      s->c->mode == 64 ? DECODE_64 : DECODE_32);

		if (len <= 0)
			return;
		memset(smaller.code + at, 0x90, (size_t)len);
		if (fails(s->n, s->e, &smaller, s->what))
			*s->c = smaller;
		at += (unsigned int)len;
	}
}

bool shrink(struct native *n, const struct diff_engine *e, const char *what,
	    struct diff_case *c)
{
	static const uint8_t zero[64];
	static const uint8_t fcw[4] = {X86_FCW_INIT & 0xff, X86_FCW_INIT >> 8};
	static const uint8_t mxcsr[4] = {X86_MXCSR_INIT & 0xff,
					 X86_MXCSR_INIT >> 8};
	const uint64_t flags =
		X86_FL_FIXED | X86_FL_IF | (c->in.rflags & X86_FL_TF);
	struct shrinker s = {.n = n, .e = e, .what = what, .c = c};
	struct vp_fpu *f = &c->in.fpu;

	if (!fails(n, e, c, what))
		return false; /* depends on what ran before */
	if (c->nr_insns > 1)
		drop_insns(&s);
	drop_patches(&s);
	for (unsigned int i = 0; i < 16; i++)
		try_set(&s, &c->in.gpr[i], zero, 8);
	try_set(&s, &c->in.rflags, &flags, 8);
	for (unsigned int i = 0; i < 16; i++) {
		try_set(&s, f->legacy + 160 + 16 * i, zero, 16);
		try_set(&s, f->ymm_hi + 16 * i, zero, 16);
	}
	for (unsigned int i = 0; i < 8; i++)
		try_set(&s, f->legacy + 32 + 16 * i, zero, 16);
	try_set(&s, f->legacy, fcw, 4);
	try_set(&s, f->legacy + 4, zero, 1);
	try_set(&s, f->legacy + 24, mxcsr, 4);
	return true;
}
