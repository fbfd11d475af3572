/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page records of decoded code; the protocol is told in code.h. Everything
 * here may race with stores of other processors and of devices. What holds:
 *
 * - A reader of code sets the granule, then reads the bytes; a writer stores
 *   the bytes, then looks at the granules. With full fences one of them sees
 *   the other.
 * - A writer clears mark and granules before it bumps the version; a reader
 *   takes the version before it looks at mark and granules again. So a block
 *   is never kept under a version that outlives its mark.
 */
#include "code.h"
#include "block.h"
#include "mem.h"
#include "xlat.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* code_page.epoch while its first user is still telling the others. */
#define EPOCH_MARKING UINT64_MAX

#define GRANULE_SHIFT 6

/* A ring entry: the low bits of the epoch above the page number. */
#define RING_PAGE_BITS 40

static uint64_t granule_mask(uint64_t gpa, unsigned int len)
{
	unsigned int first = (gpa & ~PAGE_MASK) >> GRANULE_SHIFT;
	unsigned int last = ((gpa & ~PAGE_MASK) + len - 1) >> GRANULE_SHIFT;

	return BITS64(last, first);
}

static uint64_t ring_entry(uint64_t epoch, uint64_t gpa)
{
	return epoch << RING_PAGE_BITS | gpa >> PAGE_SHIFT;
}

static uint64_t ring_gpa(uint64_t entry)
{
	return (entry << PAGE_SHIFT) &
	       BITS64(RING_PAGE_BITS + PAGE_SHIFT - 1, 12);
}

/* Make every other processor drop its fast paths for writing to @gpa. */
static void mark_page(struct soft_vp *vp, struct code_page *pg, uint64_t gpa)
{
	struct soft_partition *sp = vp->partition;
	uint64_t expect = 0;
	uint64_t epoch;

	if (!atomic_compare_exchange_strong(&pg->epoch, &expect, EPOCH_MARKING))
		return;
	epoch = atomic_fetch_add(&sp->code_epoch, 1) + 1;
	atomic_store(&sp->pages->ring[epoch % CODE_RING],
		     ring_entry(epoch, gpa));
	atomic_store(&pg->epoch, epoch);

	tlb_protect_code(vp, GPA(gpa & PAGE_MASK));
	for (uint32_t i = 0; i < sp->hv.nr_vps; i++) {
		struct hv_vp *other = sp->hv.vp[i];

		/* Also one that only waits inside an instruction. */
		if (other != &vp->hv)
			hv_vp_notify(other, HV_ATTN_ENGINE);
	}
}

static bool all_have_seen(const struct soft_vp *vp, uint64_t epoch)
{
	const struct soft_partition *sp = vp->partition;

	for (uint32_t i = 0; i < sp->hv.nr_vps; i++) {
		const struct soft_vp *other = soft_vp(sp->hv.vp[i]);

		if (other != vp && atomic_load(&other->in_guest) &&
		    atomic_load(&other->seen_epoch) < epoch)
			return false;
	}
	return true;
}

bool code_page_claim(struct soft_vp *vp, struct code_page *pg, uint64_t gpa,
		     unsigned int len, uint32_t *ret_version)
{
	uint64_t mask = granule_mask(gpa, len);
	uint64_t epoch;

	if (!atomic_load_explicit(&pg->epoch, memory_order_acquire))
		mark_page(vp, pg, gpa);
	if ((atomic_load_explicit(&pg->granules, memory_order_relaxed) &
	     mask) != mask)
		atomic_fetch_or(&pg->granules, mask);
	*ret_version = atomic_load(&pg->version);
	epoch = atomic_load(&pg->epoch);
	return epoch && (atomic_load(&pg->granules) & mask) == mask &&
	       all_have_seen(vp, epoch);
}

/* Returns whether blocks have become invalid. */
static bool page_written(struct soft_partition *sp, struct code_page *pg,
			 uint64_t gpa, unsigned int len)
{
	uint64_t granules;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(&pg->epoch))
		return false;
	granules = atomic_load(&pg->granules);
	if (granules && !(granules & granule_mask(gpa, len)))
		return false;
	atomic_store(&pg->granules, 0);
	atomic_store(&pg->epoch, 0);
	atomic_fetch_add(&pg->version, 1);
	atomic_fetch_add(&sp->code_changes, 1);
	return true;
}

/*
 * Translations of @gpa's page are stale on every processor but @but: each
 * drops what it has when it looks. The version has been bumped already.
 */
static void tell_stale(struct soft_partition *sp, const struct hv_vp *but,
		       uint64_t gpa)
{
	uint64_t epoch = atomic_fetch_add(&sp->stale_epoch, 1) + 1;

	atomic_store(&sp->stale_ring[epoch % SOFT_STALE_RING],
		     ring_entry(epoch, gpa));
	for (uint32_t i = 0; i < sp->hv.nr_vps; i++)
		if (sp->hv.vp[i] != but)
			hv_vp_notify(sp->hv.vp[i], HV_ATTN_ENGINE);
}

/* See what others have told that way. */
static void see_stale(struct soft_vp *vp)
{
	struct soft_partition *sp = vp->partition;
	uint64_t epoch = atomic_load(&sp->stale_epoch);

	if (epoch - vp->xl.stale_epoch > SOFT_STALE_RING / 2) {
		xlat_all_stale(vp);
		vp->xl.stale_epoch = epoch;
	}
	while (vp->xl.stale_epoch != epoch) {
		uint64_t n = ++vp->xl.stale_epoch;
		uint64_t v = atomic_load(&sp->stale_ring[n % SOFT_STALE_RING]);
		uint64_t gpa = ring_gpa(v);

		if (v == ring_entry(n, gpa))
			xlat_page_stale(vp, gpa);
		else
			xlat_all_stale(vp);
	}
}

void soft_code_written(struct soft_vp *vp, gpa_t gpa, unsigned int len)
{
	struct code_page *pg = code_page(vp->partition, gpa.v);

	if (!pg || !page_written(vp->partition, pg, gpa.v, len))
		return;
	vp->end_block = true;
	if (vp->partition->xlat) {
		xlat_page_stale(vp, gpa.v);
		tell_stale(vp->partition, &vp->hv, gpa.v);
	}
}

void soft_memory_written(struct hv_partition *p, gpa_t gpa, uint64_t len)
{
	struct soft_partition *sp = (struct soft_partition *)(void *)p;

	while (len) {
		struct code_page *pg = code_page(sp, gpa.v);
		uint64_t n = PAGE_SIZE - (gpa.v & ~PAGE_MASK);

		if (n > len)
			n = len;
		if (!pg)
			return;
		if (page_written(sp, pg, gpa.v, (unsigned int)n) && sp->xlat)
			tell_stale(sp, NULL, gpa.v);
		gpa.v += n;
		len -= n;
	}
}

void soft_code_attention(struct soft_vp *vp)
{
	struct soft_partition *sp = vp->partition;
	uint64_t seen = atomic_load(&vp->seen_epoch);
	uint64_t epoch;

	if (sp->xlat)
		see_stale(vp);
	epoch = atomic_load(&sp->code_epoch);
	if (epoch == seen)
		return;
	if (epoch - seen > CODE_RING / 2) {
		tlb_flush_all(vp);
		seen = epoch;
	}
	while (seen != epoch) {
		uint64_t v = atomic_load(&sp->pages->ring[++seen % CODE_RING]);
		uint64_t gpa = (v << PAGE_SHIFT) &
			       BITS64(RING_PAGE_BITS + PAGE_SHIFT - 1, 12);

		if (v != ring_entry(seen, gpa)) {
			tlb_flush_all(vp);
			break;
		}
		tlb_protect_code(vp, GPA(gpa));
	}
	atomic_store(&vp->seen_epoch, epoch);
}

int soft_pages_resize(struct soft_partition *sp)
{
	struct soft_pages *pages = sp->pages;
	uint64_t end = 0;
	size_t size;
	void *map;

	for (uint32_t i = 0; i < sp->hv.nr_slots; i++) {
		const struct hv_slot *s = &sp->hv.slot[i];

		if (s->gpa.v + s->size > end)
			end = s->gpa.v + s->size;
	}
	if (!pages) {
		pages = calloc(1, sizeof(*pages));
		if (!pages)
			return -ENOMEM;
		sp->pages = pages;
	}
	if (pages->nr_pages >= end >> PAGE_SHIFT)
		return 0;
	size = (end >> PAGE_SHIFT) * sizeof(struct code_page);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	if (pages->page)
		munmap(pages->page, pages->map_size);
	pages->page = map;
	pages->map_size = size;
	pages->nr_pages = end >> PAGE_SHIFT;
	return 0;
}

void soft_pages_fini(struct soft_partition *sp)
{
	if (!sp->pages)
		return;
	if (sp->pages->page)
		munmap(sp->pages->page, sp->pages->map_size);
	free(sp->pages);
	sp->pages = NULL;
}
