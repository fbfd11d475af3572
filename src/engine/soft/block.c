/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding and decoding blocks (block.h). Storage is an arena that is emptied
 * as a whole when it is full; a stale block keeps its place in its bucket and
 * is revived when a comparison shows that its bytes are what they were, so
 * that data beside code does not cost a decode per store.
 */
#include "block.h"
#include "bind.h"
#include "fault.h"
#include "mem.h"
#include "xlat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_SIZE     (64u << 20)
#define BLOCK_MAX_SIZE sizeof_block(BLOCK_MAX_INSNS, 512)

static size_t sizeof_block(unsigned int insns, unsigned int bytes)
{
	return (sizeof(struct soft_block) + (insns + 1) * sizeof(struct insn) +
		sizeof(struct block_origin) + bytes + 63) &
	       ~(size_t)63;
}

static uint8_t *block_bytes(struct soft_block *b)
{
	return (uint8_t *)(block_origin(b) + 1);
}

/* ---- instructions that never are what they seem ---- */

static void insn_raise_ud(struct soft_vp *vp, const struct insn *in)
{
	soft_raise(vp, X86_UD);
}

static void insn_raise_gp(struct soft_vp *vp, const struct insn *in)
{
	soft_raise_error(vp, X86_GP, 0);
}

/* What older processors see in the encodings of newer instructions. */
static bool degrade(struct insn *in)
{
	switch (in->op) {
	case OP_TZCNT:
		in->op = OP_BSF;
		return true;
	case OP_LZCNT:
		in->op = OP_BSR;
		return true;
	case OP_PREFETCHW:
		in->op = OP_NOP;
		return true;
	default:
		return false;
	}
}

void soft_bind(struct soft_vp *vp, struct insn *in)
{
	if (!soft_feature_ok(vp, in) && !degrade(in)) {
		in->fn = insn_raise_ud;
		return;
	}
	if (in->addrsize == 8 && in->seg != INSN_SEG_FS &&
	    in->seg != INSN_SEG_GS)
		in->flags |= INSN_PLAIN;
	in->fn = bind_integer(vp, in);
	if (!in->fn)
		in->fn = bind_string(vp, in);
	if (!in->fn)
		in->fn = bind_system(vp, in);
	if (!in->fn)
		in->fn = bind_native(vp, in);
	if (!in->fn)
		in->fn = insn_raise_ud;
}

/* System instructions that leave mode, mapping and RIP alone. */
static bool stays_in_block(uint16_t op)
{
	switch (op) {
	case OP_MOV_FROM_SREG:
	case OP_MOV_FROM_CR:
	case OP_RDTSC:
	case OP_RDTSCP:
	case OP_RDPID:
	case OP_RDFSBASE:
	case OP_RDGSBASE:
	case OP_WRFSBASE:
	case OP_WRGSBASE:
	case OP_SWAPGS:
	case OP_CLI:
	case OP_CLAC:
	case OP_STAC:
	case OP_CLFLUSH:
	case OP_CLFLUSHOPT:
	case OP_CLWB:
	case OP_PREFETCH:
	case OP_PREFETCHW:
	case OP_PREFETCHNTA:
	case OP_PREFETCHT0:
	case OP_PREFETCHT1:
	case OP_PREFETCHT2:
	case OP_LFENCE:
	case OP_MFENCE:
	case OP_SFENCE:
		return true;
	default:
		return false;
	}
}

static bool ends_block(const struct insn *in)
{
	if (in->op == OP_POPF || in->op == OP_IN || in->op == OP_OUT ||
	    in->op == OP_INS || in->op == OP_OUTS || in->op == OP_POP_SREG ||
	    in->op == OP_UD0 || in->op == OP_UD1 || in->op == OP_UD2)
		return true;
	switch (insn_desc(in)->class) {
	case INSN_CLASS_BRANCH:
		return true;
	case INSN_CLASS_FAR:
	case INSN_CLASS_SYSTEM:
		return !stays_in_block(in->op);
	case INSN_CLASS_STRING:
		return in->flags & (INSN_REP | INSN_REPNE);
	default:
		return false;
	}
}

/* May any block follow @in, so that remembering the last two is in vain? */
static bool is_indirect(const struct insn *in)
{
	switch (in->op) {
	case OP_RET:
	case OP_RETF:
	case OP_IRET:
	case OP_JMP_IND:
	case OP_CALL_IND:
	case OP_SYSRET:
		return true;
	default:
		return false;
	}
}

static enum decode_mode decode_mode(uint32_t mode)
{
	enum decode_mode m = mode & SOFT_MODE_64   ? DECODE_64
			     : mode & SOFT_MODE_32 ? DECODE_32
						   : DECODE_16;

	return mode & (SOFT_MODE_REAL | SOFT_MODE_V86) ? m | DECODE_REAL : m;
}

static void set_raising(struct insn *in, int why)
{
	memset(in, 0, sizeof(*in));
	in->base = INSN_REG_NONE;
	in->index = INSN_REG_NONE;
	in->fn = why == INSN_GP ? insn_raise_gp : insn_raise_ud;
}

/*
 * Decode instructions from @bytes on into @b. Returns how many bytes they
 * take; 0 when the first one is cut off by @avail.
 */
static unsigned int decode_run(struct soft_vp *vp, struct soft_block *b,
			       const uint8_t *bytes, unsigned int avail,
			       unsigned int max_insns)
{
	enum decode_mode mode = decode_mode(vp->mode);
	unsigned int pos = 0;
	unsigned int n = 0;

	while (n < max_insns && pos < avail) {
		struct insn *in = &b->insn[n];
		int len = insn_decode(in, bytes + pos, avail - pos, mode);

		if (len == INSN_TRUNCATED)
			break;
		n++;
		if (len < 0) {
			set_raising(in, len);
			in->end = (uint16_t)pos;
			/* What made it invalid must be watched, too. */
			pos += avail - pos < INSN_MAX_LEN ? avail - pos
							  : INSN_MAX_LEN;
			break;
		}
		pos += (unsigned int)len;
		in->end = (uint16_t)pos;
		soft_bind(vp, in);
		if (ends_block(in))
			break;
	}
	b->indirect = n && is_indirect(&b->insn[n - 1]);
	b->insn[n] = (struct insn){
		.fn = soft_block_end,
		.imm = (uintptr_t)b,
		.end = n ? b->insn[n - 1].end : 0,
	};
	vp->stat.decodes += n;
	b->nr_insns = (uint16_t)n;
	return n ? pos : 0;
}

/* ---- storage ---- */

static struct soft_block *block_alloc(struct soft_vp *vp)
{
	struct soft_blocks *bs = vp->blocks;

	if (bs->size - bs->used < BLOCK_MAX_SIZE)
		soft_blocks_flush(vp);
	return (struct soft_block *)(void *)(bs->arena + bs->used);
}

/* @b is complete: into the table. */
static void block_keep(struct soft_vp *vp, struct soft_block *b, uint64_t key)
{
	struct soft_blocks *bs = vp->blocks;
	struct block_way *way = block_set(bs, key);
	unsigned int i = 0;

	while (i < BLOCK_WAYS && way[i].key)
		i++;
	if (i == BLOCK_WAYS)
		i = bs->turn++ % BLOCK_WAYS;
	way[i].key = key;
	way[i].block = b;
	bs->used += sizeof_block(b->nr_insns, b->nr_bytes);
	b->kept = true;
}

void soft_blocks_flush(struct soft_vp *vp)
{
	struct soft_blocks *bs = vp->blocks;

	if (!bs)
		return;
	xlat_reset(vp);
	memset(bs->set, 0, sizeof(bs->set));
	bs->used = 0;
	vp->end_block = true;
}

int soft_blocks_init(struct soft_vp *vp)
{
	struct soft_blocks *bs = calloc(1, sizeof(*bs));
	void *map;

	if (!bs)
		return -ENOMEM;
	bs->once = aligned_alloc(64, BLOCK_MAX_SIZE);
	if (!bs->once)
		goto err_free;
	map = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		goto err_free;
	bs->arena = map;
	bs->size = ARENA_SIZE;
	vp->blocks = bs;
	return 0;

err_free:
	free(bs->once);
	free(bs);
	return -ENOMEM;
}

void soft_blocks_fini(struct soft_vp *vp)
{
	struct soft_blocks *bs = vp->blocks;

	if (!bs)
		return;
	munmap(bs->arena, bs->size);
	free(bs->once);
	free(bs);
	vp->blocks = NULL;
}

/* ---- decoding ---- */

struct code_place {
	const uint8_t *host; /* NULL: device space */
	gpa_t gpa;
	unsigned int left; /* in the page */
};

static struct code_place place_at(struct soft_vp *vp, uint64_t lin)
{
	struct code_place at;

	at.host = mem_code(vp, lin, &at.gpa, &at.left);
	return at;
}

/* Copy up to @len code bytes from one page; device space is read bytewise. */
static unsigned int fetch(struct soft_vp *vp, const struct code_place *at,
			  uint8_t *buf, unsigned int len)
{
	if (len > at->left)
		len = at->left;
	for (unsigned int i = 0; i < len; i++) {
		if (at->host)
			buf[i] = ((const volatile uint8_t *)at->host)[i];
		else
			hv_vp_mmio_read(&vp->hv, GPA(at->gpa.v + i), 1,
					&buf[i]);
	}
	return len;
}

/* soft_block.checked of a block whose page is not known to all processors: its
 * version is not the page's either, so that its bytes are compared each time
 * it is run. */
#define NOT_CHECKED UINT64_MAX

/* Finish @b, whose instructions have been decoded from @bytes. */
static void block_complete(struct soft_block *b, const struct block_origin *o,
			   const uint8_t *bytes, unsigned int nr_bytes)
{
	b->key = 0;
	b->succ[0] = (struct block_way){0};
	b->succ[1] = (struct block_way){0};
	b->nr_bytes = (uint16_t)nr_bytes;
	b->kept = false;
	b->heat = 0;
	b->code = NULL;
	*block_origin(b) = *o;
	memcpy(block_bytes(b), bytes, nr_bytes);
}

/* One instruction out of a scratch copy of its bytes; never kept. */
static struct soft_block *decode_once(struct soft_vp *vp,
				      const struct code_place *at, uint64_t lin)
{
	const struct block_origin origin = {.host = NULL};
	struct soft_block *b = vp->blocks->once;
	uint8_t buf[INSN_MAX_LEN];
	unsigned int n = fetch(vp, at, buf, sizeof(buf));
	unsigned int used = decode_run(vp, b, buf, n, 1);

	if (!used) {
		struct code_place at2 = place_at(vp, lin + at->left);

		n += fetch(vp, &at2, buf + n, (unsigned int)sizeof(buf) - n);
		used = decode_run(vp, b, buf, n, 1);
	}
	block_complete(b, &origin, buf, used);
	return b;
}

/* An instruction that goes on in the next page. */
static struct soft_block *decode_straddling(struct soft_vp *vp,
					    const struct code_place *at,
					    uint64_t key, uint64_t lin)
{
	struct code_place at2 = place_at(vp, lin + at->left);
	struct block_origin o = {
		.host = at->host,
		.gpa = at->gpa.v,
		.page = code_page(vp->partition, at->gpa.v),
		.host2 = at2.host,
		.page2 = code_page(vp->partition, at2.gpa.v),
	};
	struct soft_block *b;
	uint8_t buf[INSN_MAX_LEN];
	unsigned int n;
	bool keep;

	if (!at2.host || !o.page || !o.page2)
		return decode_once(vp, at, lin);
	keep = code_page_claim(vp, o.page, o.gpa, at->left, &o.version);
	keep &= code_page_claim(vp, o.page2, at2.gpa.v, INSN_MAX_LEN - at->left,
				&o.version2);
	n = fetch(vp, at, buf, sizeof(buf));
	n += fetch(vp, &at2, buf + n, (unsigned int)sizeof(buf) - n);
	b = block_alloc(vp);
	n = decode_run(vp, b, buf, n, 1);
	if (!keep)
		o.version--;
	block_complete(b, &o, buf, n);
	block_keep(vp, b, key);
	return b;
}

static struct soft_block *decode_block(struct soft_vp *vp,
				       const struct code_place *at,
				       uint32_t mode, uint64_t lin)
{
	uint64_t changes = atomic_load(&vp->partition->code_changes);
	uint64_t key = block_key(at->host, mode);
	bool single = mode & BLOCK_SINGLE;
	struct block_origin o = {
		.host = at->host,
		.gpa = at->gpa.v,
		.page = code_page(vp->partition, at->gpa.v),
	};
	struct soft_block *b;
	uint8_t buf[BLOCK_MAX_INSNS * INSN_MAX_LEN];
	unsigned int n;
	bool keep;

	if (!at->host || !o.page)
		return decode_once(vp, at, lin);

	/* How far it goes is known only afterwards: then look again. */
	b = block_alloc(vp);
	n = fetch(vp, at, buf, single ? INSN_MAX_LEN : sizeof(buf));
	n = decode_run(vp, b, buf, n, single ? 1 : BLOCK_MAX_INSNS);
	if (!n)
		return decode_straddling(vp, at, key, lin);
	keep = code_page_claim(vp, o.page, o.gpa, n, &o.version);
	if (memcmp(buf, at->host, n) != 0)
		return decode_once(vp, at, lin);
	if (!keep)
		o.version--;
	block_complete(b, &o, buf, n);
	b->key = key;
	b->checked = keep ? changes : NOT_CHECKED;
	block_keep(vp, b, key);
	return b;
}

/* ---- finding ---- */

/*
 * Is @b, whose version is not its page's, still what memory says? Then it may
 * be run now; and without asking again if every processor knows of the mark.
 */
static bool block_revive(struct soft_vp *vp, struct soft_block *b,
			 uint64_t changes)
{
	struct block_origin *o = block_origin(b);
	uint32_t version;
	bool keep;

	keep = code_page_claim(vp, o->page, o->gpa, b->nr_bytes, &version);
	if (memcmp(block_bytes(b), o->host, b->nr_bytes) != 0)
		return false;
	if (keep) {
		o->version = version;
		b->checked = changes;
	}
	return true;
}

/* The same for one that goes on in the next page, which may be another now. */
static bool straddling_revive(struct soft_vp *vp, struct soft_block *b,
			      uint64_t lin)
{
	struct code_place at2 = place_at(vp, (lin | ~PAGE_MASK) + 1);
	struct block_origin *o = block_origin(b);
	unsigned int first = (unsigned int)(PAGE_SIZE - (lin & ~PAGE_MASK));
	uint32_t version, version2;
	bool keep;

	if (at2.host != o->host2)
		return false;
	if (atomic_load(&o->page->version) == o->version &&
	    atomic_load(&o->page2->version) == o->version2)
		return true;
	keep = code_page_claim(vp, o->page, o->gpa, first, &version);
	keep &= code_page_claim(vp, o->page2, at2.gpa.v, INSN_MAX_LEN - first,
				&version2);
	if (memcmp(block_bytes(b), o->host, first) != 0 ||
	    memcmp(block_bytes(b) + first, o->host2, b->nr_bytes - first) != 0)
		return false;
	if (keep) {
		o->version = version;
		o->version2 = version2;
	}
	return true;
}

bool block_recheck(struct soft_vp *vp, struct soft_block *b)
{
	uint64_t changes = atomic_load(&vp->partition->code_changes);
	const struct block_origin *o = block_origin(b);

	if (atomic_load(&o->page->version) != o->version)
		return false;
	b->checked = changes;
	return true;
}

/* May @b, found by its name, be run? */
static bool block_check(struct soft_vp *vp, struct soft_block *b, uint64_t lin)
{
	uint64_t changes = atomic_load(&vp->partition->code_changes);
	const struct block_origin *o = block_origin(b);

	if (o->host2)
		return straddling_revive(vp, b, lin);
	return b->checked == changes || block_recheck(vp, b) ||
	       block_revive(vp, b, changes);
}

/* Blocks that have it as a successor find no key. */
static void block_forget(struct soft_blocks *bs, struct soft_block *b,
			 uint64_t key)
{
	struct block_way *way = block_set(bs, key);

	for (unsigned int i = 0; i < BLOCK_WAYS; i++)
		if (way[i].block == b)
			way[i] = (struct block_way){0};
	b->key = 0;
}

static struct soft_block *block_search(struct soft_vp *vp, uint64_t lin,
				       const uint8_t *host, uint32_t mode)
{
	uint64_t key = block_key(host, mode);
	struct soft_block *b = block_lookup(vp->blocks, key);

	if (!b || block_check(vp, b, lin))
		return b;
	block_forget(vp->blocks, b, key);
	return NULL;
}

/* CS limit, outside flat and 64-bit modes: whole blocks or single steps. */
static void check_limit(struct soft_vp *vp, unsigned int bytes)
{
	const struct vp_segment *cs = &vp->hv.regs.seg[X86_CS];

	if (vp->hv.regs.rip + bytes - 1 > cs->limit)
		soft_raise_error(vp, X86_GP, 0);
}

static struct soft_block *find_slow(struct soft_vp *vp, struct soft_block *prev,
				    uint64_t lin, uint32_t mode)
{
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);
	struct soft_block *b = NULL;
	struct code_place at;

	if (prev && !prev->kept) /* its storage is about to be used again */
		prev = NULL;
	if (e->exec == (lin & PAGE_MASK)) {
		const uint8_t *host =
			(const uint8_t *)(uintptr_t)(lin + e->addend);

		b = block_search(vp, lin, host, mode);
	}
	if (!b) {
		at = place_at(vp, lin);
		if (at.host)
			b = block_search(vp, lin, at.host, mode);
		if (!b) {
			vp->end_block = false;
			b = decode_block(vp, &at, mode, lin);
			if (vp->end_block) /* the arena was emptied */
				prev = NULL;
		}
	}
	if (prev && b->kept && b->key)
		block_follows(prev, b->key, b);
	return b;
}

struct soft_block *soft_block_find(struct soft_vp *vp, struct soft_block *prev,
				   uint32_t single)
{
	uint32_t mode = vp->mode | single;
	uint64_t lin = code_linear(vp);
	struct soft_block *b;

	if (!(mode & (SOFT_MODE_64 | SOFT_MODE_FLAT)))
		check_limit(vp, 1);
	b = find_slow(vp, prev, lin, mode);
	if (__builtin_expect(!block_within_limit(vp, b), 0)) {
		b = find_slow(vp, NULL, lin, mode | BLOCK_SINGLE);
		check_limit(vp, b->nr_bytes);
	}
	return b;
}
