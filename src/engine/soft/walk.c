/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page walks (SDM 4.2 to 4.8). A walk changes nothing; accessed and dirty
 * bits are set by mmu_mark() once the access is known to be allowed, so that
 * a faulting access leaves the tables alone.
 */
#include "mmu.h"

#include "sys.h"

#include <base/mem.h>

static bool nx_enabled(const struct vp_regs *r)
{
	return (r->efer & X86_EFER_NXE) && (r->cr4 & X86_CR4_PAE);
}

static unsigned int phys_bits(const struct soft_vp *vp)
{
	return vp->hv.partition->model->phys_bits;
}

/* Bits 51 down to MAXPHYADDR. */
static uint64_t beyond_phys(const struct soft_vp *vp)
{
	unsigned int bits = phys_bits(vp);

	return bits >= 52 ? 0 : BITS64(51, 0) & ~BITS64(bits - 1, 0);
}

uint8_t *mmu_host(struct soft_vp *vp, uint64_t gpa, bool *ret_readonly)
{
	struct soft_tlb *t = vp->tlbs;
	uint64_t left = 0;
	uint8_t *host;
	bool readonly = false;

	if (gpa - t->slot.gpa < t->slot.size) {
		*ret_readonly = t->slot.readonly;
		return t->slot.host + (gpa - t->slot.gpa);
	}
	host = hv_gpa_to_host(vp->hv.partition, GPA(gpa), &left, &readonly);
	if (!host)
		return NULL;
	t->slot.gpa = gpa & PAGE_MASK;
	t->slot.host = host - (gpa & ~PAGE_MASK);
	t->slot.size = left + (gpa & ~PAGE_MASK);
	t->slot.readonly = readonly;
	*ret_readonly = readonly;
	return host;
}

/* Read the table entry at @gpa as the walk's next step. */
static bool read_entry(struct soft_vp *vp, uint64_t gpa, bool device,
		       struct mmu_walk *w)
{
	bool readonly = true;
	uint8_t *host = mmu_host(vp, gpa, &readonly);
	uint64_t v = 0;

	if (host) {
		if (w->wide)
			v = *(volatile uint64_t *)(void *)host;
		else
			v = *(volatile uint32_t *)(void *)host;
	} else if (device) {
		hv_vp_mmio_read(&vp->hv, GPA(gpa), w->wide ? 8 : 4, &v);
	}
	w->step[w->nr_steps].host = readonly ? NULL : host;
	w->step[w->nr_steps].entry = v;
	w->nr_steps++;
	return host || device;
}

static bool not_present(struct mmu_walk *w)
{
	w->error = 0;
	return false;
}

static bool reserved(struct mmu_walk *w)
{
	w->error = X86_PF_P | X86_PF_RSVD;
	return false;
}

/* Take over the rights of an entry on the way. */
static void restrict_to(struct mmu_walk *w, uint64_t entry)
{
	w->user = w->user && (entry & X86_PTE_U);
	w->writable = w->writable && (entry & X86_PTE_W);
	w->nx = w->nx || (entry & X86_PTE_NX);
}

static bool finish(struct mmu_walk *w, uint64_t entry, uint64_t base,
		   uint64_t lin, unsigned int shift, bool pge)
{
	uint64_t inside = lin & (BIT64(shift) - 1);

	w->page = (base + inside) & PAGE_MASK;
	w->shift = (uint8_t)shift;
	w->global = pge && (entry & X86_PTE_G);
	w->dirty = entry & X86_PTE_D;
	return true;
}

/* SDM 4.3: two levels of 4-byte entries; PSE-36 for 4 MiB pages. */
static bool walk_32(struct soft_vp *vp, uint64_t lin, bool device,
		    struct mmu_walk *w)
{
	const struct vp_regs *r = &vp->hv.regs;
	bool pge = r->cr4 & X86_CR4_PGE;
	unsigned int bits = phys_bits(vp) < 40 ? phys_bits(vp) : 40;
	uint64_t pde, pte, high;

	w->wide = false;
	if (!read_entry(vp, (r->cr3 & 0xfffff000) + ((lin >> 22) & 0x3ff) * 4,
			device, w))
		return not_present(w);
	pde = w->step[0].entry;
	if (!(pde & X86_PTE_P))
		return not_present(w);
	restrict_to(w, pde);
	if ((pde & X86_PTE_PS) && (r->cr4 & X86_CR4_PSE)) {
		high = (pde >> 13) & 0xff;
		if ((pde & BIT64(21)) || (bits < 40 && high >> (bits - 32)))
			return reserved(w);
		return finish(w, pde, (pde & 0xffc00000) | high << 32, lin, 22,
			      pge);
	}
	if (!read_entry(vp, (pde & 0xfffff000) + ((lin >> 12) & 0x3ff) * 4,
			device, w))
		return not_present(w);
	pte = w->step[1].entry;
	if (!(pte & X86_PTE_P))
		return not_present(w);
	restrict_to(w, pte);
	return finish(w, pte, pte & 0xfffff000, lin, 12, pge);
}

/* Does an entry of @level (1: PT) set a bit that must be clear? */
static bool entry_reserved(struct soft_vp *vp, uint64_t entry,
			   unsigned int level, bool leaf)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t rsvd = beyond_phys(vp);

	if (!nx_enabled(r))
		rsvd |= X86_PTE_NX;
	if (!vp_long_mode(r))
		rsvd |= BITS64(62, 52);
	if (level == 4)
		rsvd |= X86_PTE_PS;
	if (leaf && level == 2)
		rsvd |= BITS64(20, 13);
	if (leaf && level == 3)
		rsvd |= soft_has_1g_pages(vp) ? BITS64(29, 13) : X86_PTE_PS;
	return entry & rsvd;
}

/* Tables of 8-byte entries from @level down; @table holds level @level. */
static bool walk_wide(struct soft_vp *vp, uint64_t lin, bool device,
		      uint64_t table, unsigned int level, struct mmu_walk *w)
{
	bool pge = vp->hv.regs.cr4 & X86_CR4_PGE;
	unsigned int shift;
	uint64_t entry;
	bool leaf;

	w->wide = true;
	for (;; level--) {
		shift = PAGE_SHIFT + 9 * (level - 1);
		if (!read_entry(vp, table + ((lin >> shift) & 0x1ff) * 8,
				device, w))
			return not_present(w);
		entry = w->step[w->nr_steps - 1].entry;
		if (!(entry & X86_PTE_P))
			return not_present(w);
		leaf = level == 1 || (level < 4 && (entry & X86_PTE_PS));
		if (entry_reserved(vp, entry, level, leaf))
			return reserved(w);
		restrict_to(w, entry);
		if (leaf)
			return finish(w, entry,
				      entry & X86_PTE_ADDR &
					      ~(BIT64(shift) - 1),
				      lin, shift, pge);
		table = entry & X86_PTE_ADDR;
	}
}

bool mmu_walk(struct soft_vp *vp, uint64_t lin, bool device, struct mmu_walk *w)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t pdpte;

	w->error = 0;
	w->nr_steps = 0;
	w->user = true;
	w->writable = true;
	w->nx = false;
	if (!(r->cr0 & X86_CR0_PG)) {
		w->page = lin & PAGE_MASK;
		w->shift = PAGE_SHIFT;
		w->global = false;
		w->dirty = true;
		return true;
	}
	if (vp_long_mode(r))
		return walk_wide(vp, lin, device, r->cr3 & X86_PTE_ADDR, 4, w);
	if (!(r->cr4 & X86_CR4_PAE))
		return walk_32(vp, lin, device, w);
	pdpte = r->pdpte[(lin >> 30) & 3];
	if (!(pdpte & X86_PTE_P))
		return not_present(w);
	return walk_wide(vp, lin, device, pdpte & X86_PTE_ADDR, 2, w);
}

bool mmu_allowed(const struct soft_vp *vp, const struct mmu_walk *w,
		 enum mem_view view, enum mem_access access)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (!(r->cr0 & X86_CR0_PG))
		return true;
	if (access == MEM_EXEC) {
		if (w->nx)
			return false;
		if (view == MEM_VIEW_USER)
			return w->user;
		return !(w->user && (r->cr4 & X86_CR4_SMEP));
	}
	if (view == MEM_VIEW_USER && !w->user)
		return false;
	if (view == MEM_VIEW_SMAP && w->user)
		return false;
	if (access == MEM_READ || w->writable)
		return true;
	return view != MEM_VIEW_USER && !(r->cr0 & X86_CR0_WP);
}

/* SDM 4.7 */
uint32_t mmu_error(const struct soft_vp *vp, uint32_t cause, enum mem_view view,
		   enum mem_access access)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (access == MEM_WRITE)
		cause |= X86_PF_W;
	if (view == MEM_VIEW_USER)
		cause |= X86_PF_U;
	if (access == MEM_EXEC && (nx_enabled(r) || (r->cr4 & X86_CR4_SMEP)))
		cause |= X86_PF_I;
	return cause;
}

static bool set_bits(void *host, bool wide, uint64_t *entry, uint64_t bits)
{
	uint64_t old = *entry;
	uint32_t old32 = (uint32_t)old;
	bool done;

	if ((old & bits) == bits)
		return true;
	*entry |= bits;
	if (!host)
		return true; /* the write goes nowhere */
	if (wide)
		done = __atomic_compare_exchange_n(
			(uint64_t *)host, &old, old | bits, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	else
		done = __atomic_compare_exchange_n(
			(uint32_t *)host, &old32, old32 | (uint32_t)bits, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return done;
}

bool mmu_mark(struct mmu_walk *w, bool dirty)
{
	unsigned int i;
	uint64_t bits;

	for (i = 0; i < w->nr_steps; i++) {
		bits = X86_PTE_A;
		if (dirty && i + 1 == w->nr_steps)
			bits |= X86_PTE_D;
		if (!set_bits(w->step[i].host, w->wide, &w->step[i].entry,
			      bits))
			return false;
	}
	w->dirty = w->dirty || dirty;
	return true;
}

bool mmu_load_pdptes(struct soft_vp *vp, uint64_t cr3)
{
	uint64_t rsvd =
		BITS64(2, 1) | BITS64(8, 5) | BITS64(63, 52) | beyond_phys(vp);
	uint64_t pdpte[4], gpa = cr3 & 0xffffffe0;
	unsigned int i;
	uint8_t *host;
	bool readonly;

	for (i = 0; i < 4; i++) {
		host = mmu_host(vp, gpa + i * 8, &readonly);
		if (host)
			pdpte[i] = *(volatile uint64_t *)(void *)host;
		else
			hv_vp_mmio_read(&vp->hv, GPA(gpa + i * 8), 8,
					&pdpte[i]);
		if ((pdpte[i] & X86_PTE_P) && (pdpte[i] & rsvd))
			return false;
	}
	memcpy(vp->hv.regs.pdpte, pdpte, sizeof(pdpte));
	return true;
}

bool mmu_translate(struct hv_vp *hv, gva_t gva, gpa_t *ret)
{
	struct soft_vp *vp = soft_vp(hv);
	struct mmu_walk w;

	if (vp_long_mode(&hv->regs)) {
		if (gva.v != (uint64_t)sign_extend(gva.v, 48))
			return false;
	} else {
		gva.v &= UINT32_MAX;
	}
	if (!mmu_walk(vp, gva.v, false, &w))
		return false;
	*ret = GPA(w.page | (gva.v & ~PAGE_MASK));
	return true;
}
