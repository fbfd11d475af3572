/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator: its code area, translating a block, running translations,
 * keeping them honest when code changes. All of it belongs to one processor
 * and is touched by its thread alone.
 *
 * The code area is a memfd mapped twice, so that no page is writable and
 * executable at one address. When it is full, everything in it goes.
 *
 * A block that has become stale is poisoned: its entries jump to exits that
 * leave to the dispatcher, which alone knows whether the block is revived
 * (block.c), when the entries are restored, or replaced, when the exits are
 * linked to the new translation.
 */
#include "xlat_priv.h"

#include "fault.h"

#include <soft/engine.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#define HWCAP2_FSGSBASE_BIT 0x2ul

const char *soft_xlat_unusable(void)
{
	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT))
		return "the host kernel does not offer FSGSBASE";
	if (!soft_host_has(IF_LAHF64))
		return "the host processor has no LAHF in 64-bit mode";
	return NULL;
}

void xlat_enter_run(struct soft_vp *vp)
{
	__asm__ volatile("wrgsbase %0" : : "r"(vp));
}

/* ---- the code area ---- */

static int area_map(struct xlat *x)
{
	void *rw, *rx;
	int fd, err = 0;

	fd = memfd_create("lamina-translations", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, XLAT_AREA) < 0)
		goto err_errno;
	rw = mmap(NULL, XLAT_AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rw == MAP_FAILED)
		goto err_errno;
	rx = mmap(NULL, XLAT_AREA, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (rx == MAP_FAILED) {
		err = -errno;
		(void)munmap(rw, XLAT_AREA);
		goto close_fd;
	}
	x->rw = rw;
	x->rx = (uintptr_t)rx;
close_fd:
	(void)close(fd);
	return err;

err_errno:
	err = -errno;
	goto close_fd;
}

#define BLOCKS_SIZE (XLAT_BLOCKS * sizeof(struct xlat_block))
#define CALLS_SIZE  (XLAT_CALLS * sizeof(struct xlat_call))

static int tables_map(struct xlat *x)
{
	uint8_t *map =
		mmap(NULL, BLOCKS_SIZE + CALLS_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	x->block = (struct xlat_block *)(void *)map;
	x->call = (struct xlat_call *)(void *)(map + BLOCKS_SIZE);
	return 0;
}

static void tables_unmap(struct xlat *x)
{
	(void)munmap(x->block, BLOCKS_SIZE + CALLS_SIZE);
}

static struct xasm asm_at_end(const struct xlat *x)
{
	return (struct xasm){
		.p = x->rw + x->used,
		.end = x->rw + XLAT_AREA,
		.exec = (intptr_t)(x->rx - (uintptr_t)x->rw),
	};
}

static void asm_done(struct xlat *x, const struct xasm *a)
{
	x->used = align_up((size_t)(a->p - x->rw), 32);
}

int xlat_init(struct soft_vp *vp)
{
	struct xlat *x;
	struct xasm a;
	int err;

	vp->xl.parked = true;
	if (!vp->partition->xlat)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	err = tables_map(x);
	if (err < 0)
		goto free_x;
	err = area_map(x);
	if (err < 0)
		goto unmap_tables;
	vp->xl.x = x;
	a = asm_at_end(x);
	xlat_make_thunks(vp, &a);
	asm_done(x, &a);
	x->first = x->used;
	return 0;

unmap_tables:
	tables_unmap(x);
free_x:
	free(x);
	return err;
}

void xlat_fini(struct soft_vp *vp)
{
	struct xlat *x = vp->xl.x;

	if (!x)
		return;
	(void)munmap(x->rw, XLAT_AREA);
	(void)munmap((void *)(uintptr_t)x->rx, XLAT_AREA);
	tables_unmap(x);
	free(x);
	vp->xl.x = NULL;
}

void xlat_reset(struct soft_vp *vp)
{
	struct xlat *x = vp->xl.x;

	if (!x)
		return;
	for (unsigned int i = 0; i < x->nr_blocks; i++)
		x->block[i].b->code = NULL;
	x->nr_blocks = 0;
	x->nr_calls = 0;
	memset(x->bucket, 0, sizeof(x->bucket));
	x->used = x->first;
	vp->xl.link = LINK_NONE;
	if (vp->tlbs)
		tlb_forget_jumps(vp);
	vp->stat.xlat_flushes++;
}

/* ---- translating ---- */

static struct xlat_block **bucket_of(struct xlat *x, const struct code_page *pg)
{
	uint64_t n = (uintptr_t)pg / sizeof(*pg);

	return &x->bucket[(n ^ n >> 13) % XLAT_BUCKETS];
}

/* Decode @b's own copy of its bytes again: binding has changed its records. */
static bool decode_again(struct xl *x)
{
	const uint8_t *bytes = (const uint8_t *)(block_origin(x->b) + 1);
	int32_t off = (int32_t)(block_origin(x->b)->gpa & ~PAGE_MASK);
	unsigned int pos = 0;

	x->nr = x->b->nr_insns;
	for (unsigned int i = 0; i < x->nr; i++) {
		int len = insn_decode(&x->in[i], bytes + pos,
				      x->b->nr_bytes - pos, DECODE_64);

		if (len <= 0)
			return false; /* raises: leave it to the interpreter */
		x->bytes[i] = bytes + pos;
		x->off[i] = off + (int32_t)pos;
		pos += (unsigned int)len;
	}
	x->off[x->nr] = off + (int32_t)pos;
	return true;
}

/* At a block's end all flags are live. */
static void find_live_flags(struct xl *x)
{
	uint16_t live = (uint16_t)X86_FL_ARITH;

	x->live[x->nr] = live;
	for (unsigned int i = x->nr; i-- > 0;) {
		live &= (uint16_t)~xl_flags_killed(&x->in[i]);
		live |= xl_flags_read(&x->in[i]);
		x->live[i] = live;
	}
}

/* Must the dispatcher look after @in? */
static bool must_leave(const struct insn *in)
{
	switch (in->op) {
	case OP_POPF:
	case OP_IN:
	case OP_OUT:
		return true;
	default:
		break;
	}
	switch (insn_desc(in)->class) {
	case INSN_CLASS_BRANCH:
	case INSN_CLASS_FAR:
	case INSN_CLASS_SYSTEM:
	case INSN_CLASS_STRING:
		return true;
	default:
		return false;
	}
}

static void translate_body(struct xl *x)
{
	const struct insn *last = &x->in[x->nr - 1];

	for (x->n = 0; x->n + 1 < x->nr; x->n++)
		xl_insn(x);
	if (xl_is_branch(x, last)) {
		xl_branch(x);
	} else if (must_leave(last)) {
		xl_handler(x, true);
	} else {
		xl_insn(x);
		xl_fall_through(x);
	}
}

static bool translatable(struct soft_block *b)
{
	uint32_t mode = block_mode(b);

	/* Blocks without a name straddle or are not kept. */
	return (mode & SOFT_MODE_64) && !(mode & SOFT_MODE_AC) &&
	       !(mode & BLOCK_SINGLE) && b->kept && b->key && b->nr_insns;
}

void xlat_translate(struct soft_vp *vp, struct soft_block *b)
{
	static _Thread_local struct xl xl;
	struct xlat *x = vp->xl.x;
	struct xlat_block *xb, **bucket;

	if (!translatable(b))
		return;
	if (x->used + XLAT_ROOM > XLAT_AREA || x->nr_blocks == XLAT_BLOCKS ||
	    x->nr_calls + BLOCK_MAX_INSNS > XLAT_CALLS)
		xlat_reset(vp);
	memset(&xl, 0, sizeof(xl));
	xl.vp = vp;
	xl.x = x;
	xl.b = b;
	xl.a = asm_at_end(x);
	if (!decode_again(&xl))
		return;
	find_live_flags(&xl);
	xb = &x->block[x->nr_blocks];
	memset(xb, 0, sizeof(*xb));
	xb->b = b;
	xl_entries(&xl, xb);
	translate_body(&xl);
	xl_cold_all(&xl);
	xl_stale_exits(&xl, xb);
	asm_done(x, &xl.a);

	x->nr_blocks++;
	bucket = bucket_of(x, block_origin(b)->page);
	xb->next = *bucket;
	*bucket = xb;
	b->code = xb;
	vp->stat.xlat_blocks++;
	vp->stat.xlat_insns += b->nr_insns;
}

/* ---- stale blocks ---- */

static uint8_t *writable(const struct xlat *x, uint64_t exec)
{
	return x->rw + (exec - x->rx);
}

static void poison(struct soft_vp *vp, struct xlat_block *xb)
{
	static const enum xlat_entry entry[] = {ENTRY_HOST, ENTRY_SAVED};
	struct xlat *x = vp->xl.x;
	const struct xasm a = asm_at_end(x);

	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *at = writable(x, xb->entry[entry[i]]);

		memcpy(xb->saved[i], at, POISON_LEN);
		*at = 0xe9; /* jmp */
		xpatch(&a, at + 1, xb->stale[i]);
	}
	xb->poisoned = true;
}

static void restore(struct soft_vp *vp, struct xlat_block *xb)
{
	memcpy(writable(vp->xl.x, xb->entry[ENTRY_HOST]), xb->saved[0],
	       POISON_LEN);
	memcpy(writable(vp->xl.x, xb->entry[ENTRY_SAVED]), xb->saved[1],
	       POISON_LEN);
	xb->poisoned = false;
}

static bool is_stale(struct soft_block *b)
{
	const struct block_origin *o = block_origin(b);

	return atomic_load(&o->page->version) != o->version;
}

static void check_stale(struct soft_vp *vp, struct xlat_block *xb)
{
	if (!xb->poisoned && is_stale(xb->b))
		poison(vp, xb);
}

void xlat_page_stale(struct soft_vp *vp, uint64_t gpa)
{
	struct code_page *pg = code_page(vp->partition, gpa);
	struct xlat *x = vp->xl.x;

	if (!x || !pg)
		return;
	for (struct xlat_block *xb = *bucket_of(x, pg); xb; xb = xb->next)
		check_stale(vp, xb);
}

void xlat_all_stale(struct soft_vp *vp)
{
	struct xlat *x = vp->xl.x;

	for (unsigned int i = 0; x && i < x->nr_blocks; i++)
		check_stale(vp, &x->block[i]);
}

/* ---- running ---- */

/* Let the direct jump that has left lead to @xb. */
static void follow_link(struct soft_vp *vp, struct xlat_block *xb)
{
	uint32_t link = (uint32_t)vp->xl.link;
	struct xlat *x = vp->xl.x;
	const struct xasm a = asm_at_end(x);
	uint8_t *field = x->rw + LINK_AT(link);

	vp->xl.link = LINK_NONE;
	if (field == writable(x, xb->entry[ENTRY_HOST]) + 1 ||
	    field == writable(x, xb->entry[ENTRY_SAVED]) + 1)
		return; /* its own stale exit */
	xpatch(&a, field, xb->entry[LINK_ENTRY(link)]);
}

static void enter(struct soft_vp *vp, struct xlat_block *xb)
{
	if (xb->poisoned)
		restore(vp, xb);
	if (vp->xl.link != LINK_NONE)
		follow_link(vp, xb);
	vp->xl.code_page = vp->hv.regs.rip & PAGE_MASK;
	vp->end_block = false;
	vp->chain = 0; /* one handler at a time */
	vp->xl.x->enter(vp, xb->entry[ENTRY_SAVED]);
	vp->in = NULL;
	vp->stat.xlat_runs++;
}

void xlat_execute(struct soft_vp *vp, struct soft_block *b)
{
	/* One that was revived for once may not be linked. */
	if (is_stale(b)) {
		vp->xl.interpret = true;
		return;
	}
	tlb_note_jump(vp, vp->hv.regs.rip, b->code->entry[ENTRY_SAVED]);
	enter(vp, b->code);
}
