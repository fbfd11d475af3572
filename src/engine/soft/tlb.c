/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arrays of the soft TLB and their maintenance (SDM 4.10). Translations
 * are kept per PCID in TLB_CONTEXTS contexts, each with an array per
 * privilege view. A global page is kept by each context that used it, so
 * whatever must drop global pages goes through all contexts.
 *
 * Only the processor's own thread touches any of this.
 */
#include "mmu.h"

#include "code.h"

#include <base/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* TLB_SIZE: 0 4 KiB, 1 2 MiB, 2 4 MiB, 3 1 GiB */
static const uint8_t size_shift[] = {12, 21, 22, 30};

static unsigned int info_shift(uint16_t info)
{
	return size_shift[(info & TLB_SIZE) >> 1];
}

static uint16_t size_code(unsigned int shift)
{
	switch (shift) {
	case 21:
		return 1 << 1;
	case 22:
		return 2 << 1;
	case 30:
		return 3 << 1;
	default:
		return 0;
	}
}

/* A large page lies inside one GiB: INVLPG elsewhere need not look for it. */
static uint64_t large_region(uint64_t lin)
{
	uint64_t n = lin >> 30;

	return BIT64((n ^ n >> 6 ^ n >> 12) & 63);
}

static uint32_t *writer_count(struct soft_tlb *t, uint64_t gpa)
{
	uint64_t n = gpa >> PAGE_SHIFT;

	return &t->writers[(n ^ n >> 13) & (TLB_WRITERS - 1)];
}

static void drop_write(struct soft_tlb *t, struct tlb_array *a, unsigned int i)
{
	if (a->entry[i].write == TLB_NONE)
		return;
	a->entry[i].write = TLB_NONE;
	(*writer_count(t, a->gpa[i]))--;
}

#define SALT_STEP (UINT64_C(1) << 48)

static void renew_salts(struct soft_tlb *t)
{
	memset(t->jump, 0, sizeof(t->jump));
	t->salt = 0;
	for (unsigned int c = 0; c < TLB_CONTEXTS; c++)
		for (unsigned int v = 0; v < MEM_VIEWS; v++)
			t->ctx[c].view[v].salt = t->salt += SALT_STEP;
}

/*
 * Salts are multiples of 2^48, so that canonical addresses under different
 * salts never make the same key.
 */
static void new_salt(struct soft_tlb *t, struct tlb_array *a)
{
	t->salt += SALT_STEP;
	if (t->salt >> 48 == UINT16_MAX)
		renew_salts(t);
	else
		a->salt = t->salt;
}

static void drop(struct soft_tlb *t, struct tlb_array *a, unsigned int i)
{
	if (!a->info[i])
		return;
	drop_write(t, a, i);
	a->entry[i].read = TLB_NONE;
	if (a->entry[i].exec != TLB_NONE)
		new_salt(t, a);
	a->entry[i].exec = TLB_NONE;
	if (a->info[i] & TLB_SIZE)
		a->nr_large--;
	a->info[i] = 0;
}

/* Call @visit for each slot that may hold something. */
#define FOR_EACH_FILLED(a, n, i)                                               \
	for ((n) = 0; filled_slot(a, &(n), &(i)); (n)++)

static bool filled_slot(const struct tlb_array *a, unsigned int *n,
			unsigned int *i)
{
	if (a->nr_filled <= TLB_FILLED_MAX) {
		if (*n >= a->nr_filled)
			return false;
		*i = a->filled[*n];
		return true;
	}
	while (*n < TLB_ENTRIES && !a->info[*n])
		(*n)++;
	*i = *n;
	return *n < TLB_ENTRIES;
}

static void note_filled(struct tlb_array *a, unsigned int i)
{
	if (a->nr_filled < TLB_FILLED_MAX)
		a->filled[a->nr_filled] = (uint16_t)i;
	if (a->nr_filled <= TLB_FILLED_MAX)
		a->nr_filled++;
}

/* Drop all of @a, but not global pages if @keep_global. */
static void flush_array(struct soft_tlb *t, struct tlb_array *a,
			bool keep_global)
{
	bool listed = a->nr_filled <= TLB_FILLED_MAX;
	unsigned int n, i, kept = 0;

	a->large_regions = 0;
	FOR_EACH_FILLED(a, n, i)
	{
		if (keep_global && (a->info[i] & TLB_GLOBAL)) {
			/* never overtakes the reader of the same list */
			if (kept < TLB_FILLED_MAX)
				a->filled[kept] = (uint16_t)i;
			kept++;
			if (a->info[i] & TLB_SIZE)
				a->large_regions |= large_region(a->page[i]);
			continue;
		}
		drop(t, a, i);
	}
	if (listed || kept <= TLB_FILLED_MAX)
		a->nr_filled = kept;
}

static void flush_context(struct soft_tlb *t, struct tlb_context *c,
			  bool keep_global)
{
	unsigned int v;

	if (!c->ready)
		return;
	for (v = 0; v < MEM_VIEWS; v++)
		flush_array(t, &c->view[v], keep_global);
}

static bool in_page(const struct tlb_array *a, unsigned int i, uint64_t lin)
{
	return ((a->page[i] ^ lin) >> info_shift(a->info[i])) == 0;
}

static void flush_array_page(struct soft_tlb *t, struct tlb_array *a,
			     uint64_t lin, bool keep_global)
{
	unsigned int i = (lin >> PAGE_SHIFT) & (TLB_ENTRIES - 1);
	unsigned int n;

	if (a->info[i] && a->page[i] == (lin & PAGE_MASK) &&
	    !(keep_global && (a->info[i] & TLB_GLOBAL)))
		drop(t, a, i);
	if (!a->nr_large || !(a->large_regions & large_region(lin)))
		return;
	FOR_EACH_FILLED(a, n, i)
	{
		if (!(a->info[i] & TLB_SIZE) || !in_page(a, i, lin))
			continue;
		if (!(keep_global && (a->info[i] & TLB_GLOBAL)))
			drop(t, a, i);
	}
}

static void flush_context_page(struct soft_tlb *t, struct tlb_context *c,
			       uint64_t lin, bool keep_global)
{
	unsigned int v;

	if (!c->ready)
		return;
	for (v = 0; v < MEM_VIEWS; v++)
		flush_array_page(t, &c->view[v], lin, keep_global);
}

static void forget_slot(struct soft_tlb *t)
{
	t->slot.size = 0;
}

void tlb_flush_all(struct soft_vp *vp)
{
	struct soft_tlb *t = vp->tlbs;
	unsigned int i;

	for (i = 0; i < TLB_CONTEXTS; i++)
		flush_context(t, &t->ctx[i], false);
	forget_slot(t);
	vp->end_block = true;
}

void tlb_flush_nonglobal(struct soft_vp *vp)
{
	flush_context(vp->tlbs, vp->tlbs->current, true);
	vp->end_block = true;
}

/* INVLPG drops the page under the current PCID and global ones everywhere;
 * dropping it under every PCID is allowed (SDM 4.10.4.1). */
void tlb_flush_page(struct soft_vp *vp, uint64_t lin)
{
	struct soft_tlb *t = vp->tlbs;
	unsigned int i;

	for (i = 0; i < TLB_CONTEXTS; i++)
		flush_context_page(t, &t->ctx[i], lin, false);
	vp->end_block = true;
}

static void init_context(struct tlb_context *c)
{
	unsigned int v, i;

	for (v = 0; v < MEM_VIEWS; v++)
		for (i = 0; i < TLB_ENTRIES; i++)
			c->view[v].entry[i] = (struct tlb_entry){
				TLB_NONE, TLB_NONE, TLB_NONE, 0};
	c->ready = true;
}

static struct tlb_context *find_context(struct soft_tlb *t, uint16_t pcid)
{
	unsigned int i;

	for (i = 0; i < TLB_CONTEXTS; i++)
		if (t->ctx[i].ready && t->ctx[i].pcid == pcid)
			return &t->ctx[i];
	return NULL;
}

/* The context of @pcid, empty but for global pages if it was not there. */
static struct tlb_context *get_context(struct soft_tlb *t, uint16_t pcid)
{
	struct tlb_context *c = find_context(t, pcid);
	struct tlb_context *oldest = &t->ctx[0];
	unsigned int i;

	if (c)
		return c;
	for (i = 0; i < TLB_CONTEXTS; i++) {
		c = &t->ctx[i];
		if (!c->ready) {
			init_context(c);
			c->pcid = pcid;
			return c;
		}
		if (c->last_use < oldest->last_use)
			oldest = c;
	}
	flush_context(t, oldest, true);
	oldest->pcid = pcid;
	return oldest;
}

static void use_context(struct soft_vp *vp, struct tlb_context *c)
{
	struct soft_tlb *t = vp->tlbs;

	c->last_use = ++t->clock;
	t->current = c;
	tlb_select(vp);
}

void tlb_switch(struct soft_vp *vp, uint64_t cr3)
{
	struct soft_tlb *t = vp->tlbs;
	bool pcide = vp->hv.regs.cr4 & X86_CR4_PCIDE;
	uint16_t pcid = pcide ? (uint16_t)(cr3 & X86_CR3_PCID) : 0;
	struct tlb_context *c = get_context(t, pcid);

	if (!pcide || !(cr3 & X86_CR3_NO_FLUSH))
		flush_context(t, c, true);
	use_context(vp, c);
	vp->end_block = true;
}

void tlb_invpcid(struct soft_vp *vp, unsigned int type, uint16_t pcid,
		 uint64_t lin)
{
	struct soft_tlb *t = vp->tlbs;
	struct tlb_context *c;
	unsigned int i;

	vp->end_block = true;
	switch (type) {
	case 0:
		c = find_context(t, pcid);
		if (c)
			flush_context_page(t, c, lin, true);
		break;
	case 1:
		c = find_context(t, pcid);
		if (c)
			flush_context(t, c, true);
		break;
	case 2:
		tlb_flush_all(vp);
		break;
	default:
		for (i = 0; i < TLB_CONTEXTS; i++)
			flush_context(t, &t->ctx[i], true);
		break;
	}
}

void tlb_protect_code(struct soft_vp *vp, gpa_t gpa)
{
	struct soft_tlb *t = vp->tlbs;
	uint32_t *count = writer_count(t, gpa.v);
	struct tlb_array *a;
	unsigned int c, v, n, i;

	for (c = 0; c < TLB_CONTEXTS && *count; c++) {
		if (!t->ctx[c].ready)
			continue;
		for (v = 0; v < MEM_VIEWS && *count; v++) {
			a = &t->ctx[c].view[v];
			FOR_EACH_FILLED(a, n, i)
			if (a->gpa[i] == (gpa.v & PAGE_MASK))
				drop_write(t, a, i);
		}
	}
}

/* Kinds of access to the page of @lin that a breakpoint watches. */
static void watched(const struct soft_vp *vp, uint64_t lin, bool *ret_read,
		    bool *ret_write)
{
	const struct vp_regs *r = &vp->hv.regs;
	unsigned int n, rw;
	uint64_t first;

	*ret_read = false;
	*ret_write = false;
	if (!(r->dr7 & 0xff))
		return;
	for (n = 0; n < 4; n++) {
		rw = (r->dr7 >> (16 + 4 * n)) & 3;
		first = r->dr[n] & PAGE_MASK;
		if (!(r->dr7 & (X86_DR7_L(n) | X86_DR7_G(n))) || !(rw & 1) ||
		    first != (lin & PAGE_MASK))
			continue;
		*ret_write = true;
		*ret_read = *ret_read || rw == 3;
	}
}

uint32_t mem_breakpoints(const struct soft_vp *vp, uint64_t lin,
			 unsigned int size, bool write)
{
	static const uint8_t lengths[] = {1, 2, 8, 4};
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t first, len;
	uint32_t hit = 0;
	unsigned int n, rw;

	for (n = 0; n < 4; n++) {
		rw = (r->dr7 >> (16 + 4 * n)) & 3;
		if (!(rw & 1) || (rw == 1 && !write) ||
		    !(r->dr7 & (X86_DR7_L(n) | X86_DR7_G(n))))
			continue;
		len = lengths[(r->dr7 >> (18 + 4 * n)) & 3];
		first = r->dr[n] & ~(len - 1);
		if (lin <= first + len - 1 && first <= lin + size - 1)
			hit |= (uint32_t)X86_DR6_B(n);
	}
	return hit;
}

void tlb_set_tags(struct soft_vp *vp, struct tlb_array *a, unsigned int i)
{
	struct soft_tlb *t = vp->tlbs;
	struct tlb_entry *e = &a->entry[i];
	uint16_t info = a->info[i];
	bool no_read, no_write;

	drop_write(t, a, i);
	e->read = TLB_NONE;
	e->exec = TLB_NONE;
	if (!(info & TLB_RAM))
		return;
	watched(vp, a->page[i], &no_read, &no_write);
	if ((info & TLB_R) && !no_read)
		e->read = a->page[i];
	if (info & TLB_X)
		e->exec = a->page[i];
	if ((info & TLB_W) && !(info & TLB_ROM) && !no_write &&
	    !code_page_marked(vp->partition, GPA(a->gpa[i]))) {
		e->write = a->page[i];
		(*writer_count(t, a->gpa[i]))++;
	}
}

struct tlb_array *tlb_fill(struct soft_vp *vp, enum mem_view view, uint64_t lin,
			   const struct mmu_walk *w)
{
	struct soft_tlb *t = vp->tlbs;
	struct tlb_array *a = &t->current->view[view];
	unsigned int i = (lin >> PAGE_SHIFT) & (TLB_ENTRIES - 1);
	uint16_t info = TLB_PRESENT | size_code(w->shift);
	bool readonly = false;
	uint8_t *host;

	drop(t, a, i);
	host = mmu_host(vp, w->page, &readonly);
	if (w->global)
		info |= TLB_GLOBAL;
	if (mmu_allowed(vp, w, view, MEM_READ))
		info |= TLB_R;
	if (w->dirty && mmu_allowed(vp, w, view, MEM_WRITE))
		info |= TLB_W;
	if (mmu_allowed(vp, w, view, MEM_EXEC))
		info |= TLB_X;
	if (host)
		info |= TLB_RAM;
	if (readonly)
		info |= TLB_ROM;
	a->page[i] = lin & PAGE_MASK;
	a->gpa[i] = w->page;
	a->entry[i].addend = (uint64_t)(uintptr_t)host - a->page[i];
	a->info[i] = info;
	if (info & TLB_SIZE) {
		a->nr_large++;
		a->large_regions |= large_region(lin);
	}
	note_filled(a, i);
	tlb_set_tags(vp, a, i);
	vp->stat.tlb_misses++;
	return a;
}

void tlb_note_jump(struct soft_vp *vp, uint64_t rip, uint64_t code)
{
	struct soft_tlb *t = vp->tlbs;
	struct tlb_array *a = (struct tlb_array *)(void *)vp->tlb;
	struct tlb_jump *j = &t->jump[rip & (TLB_JUMPS - 1)];

	if (a->mode != vp->mode) {
		a->mode = vp->mode;
		new_salt(t, a);
	}
	j->key = rip + a->salt;
	j->code = code;
}

void tlb_forget_jumps(struct soft_vp *vp)
{
	memset(vp->tlbs->jump, 0, sizeof(vp->tlbs->jump));
}

void tlb_select(struct soft_vp *vp)
{
	struct soft_tlb *t = vp->tlbs;

	vp->tlb = vp->mode & SOFT_MODE_AC
			  ? t->blocked
			  : t->current->view[mem_view(vp)].entry;
}

int tlb_init(struct soft_vp *vp)
{
	struct soft_tlb *t = calloc(1, sizeof(*t));
	unsigned int i;

	if (!t)
		return -ENOMEM;
	for (i = 0; i < TLB_ENTRIES; i++)
		t->blocked[i] =
			(struct tlb_entry){TLB_NONE, TLB_NONE, TLB_NONE, 0};
	vp->tlbs = t;
	renew_salts(t);
	use_context(vp, get_context(t, 0));
	return 0;
}

void tlb_fini(struct soft_vp *vp)
{
	free(vp->tlbs);
	vp->tlbs = NULL;
	vp->tlb = NULL;
}
