/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory accesses that the TLB's fast path does not settle: misses,
 * page-straddling operands, device space, read-only memory, pages with
 * decoded code, data breakpoints, alignment checks. All pages of an access
 * are translated before its first byte is read or written.
 */
#include "mmu.h"

#include "code.h"
#include "decode.h"
#include "fault.h"
#include "world.h"

#include "bind.h"

#include <base/assert.h>
#include <base/mem.h>

enum mem_view mem_view_cpl(const struct soft_vp *vp, unsigned int cpl)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (cpl == 3)
		return MEM_VIEW_USER;
	if ((r->cr4 & X86_CR4_SMAP) && !(r->rflags & X86_FL_AC))
		return MEM_VIEW_SMAP;
	return MEM_VIEW_SUPER;
}

enum mem_view mem_view(const struct soft_vp *vp)
{
	return mem_view_cpl(vp, vp_cpl(&vp->hv.regs));
}

enum mem_view mem_view_sys(const struct soft_vp *vp)
{
	/* RFLAGS.AC is for explicit accesses only (SDM 4.6.1) */
	return vp->hv.regs.cr4 & X86_CR4_SMAP ? MEM_VIEW_SMAP : MEM_VIEW_SUPER;
}

static void atomic_read(void *buf, const void *host, unsigned int size)
{
	switch (size) {
	case 1:
		*(uint8_t *)buf = *(const volatile uint8_t *)host;
		break;
	case 2:
		*(uint16_t *)buf = *(const volatile uint16_t *)host;
		break;
	case 4:
		*(uint32_t *)buf = *(const volatile uint32_t *)host;
		break;
	case 8:
		*(uint64_t *)buf = *(const volatile uint64_t *)host;
		break;
	default:
		memcpy(buf, host, size);
		break;
	}
}

static void atomic_write(void *host, const void *buf, unsigned int size)
{
	switch (size) {
	case 1:
		*(volatile uint8_t *)host = *(const uint8_t *)buf;
		break;
	case 2:
		*(volatile uint16_t *)host = *(const uint16_t *)buf;
		break;
	case 4:
		*(volatile uint32_t *)host = *(const uint32_t *)buf;
		break;
	case 8:
		*(volatile uint64_t *)host = *(const uint64_t *)buf;
		break;
	default:
		memcpy(host, buf, size);
		break;
	}
}

/* ---- translation ---- */

/* Base SP or BP, and no FS or GS prefix, which 64-bit mode heeds. */
static bool stack_operand(const struct insn *in)
{
	return (in->flags & INSN_STACK) && in->seg != X86_FS &&
	       in->seg != X86_GS;
}

/* Does the linear address belong to @in's stack access, not its operand? */
static bool stack_access(struct soft_vp *vp, uint64_t lin)
{
	const struct insn *in = vp->in;
	uint64_t off;

	if (!in)
		return false;
	switch (in->op) {
	case OP_PUSH:
	case OP_POP:
	case OP_PUSH_SREG:
	case OP_POP_SREG:
	case OP_PUSHA:
	case OP_POPA:
	case OP_PUSHF:
	case OP_POPF:
	case OP_ENTER:
	case OP_LEAVE:
	case OP_CALL:
	case OP_CALL_IND:
	case OP_CALLF:
	case OP_CALLF_IND:
	case OP_RET:
	case OP_RETF:
	case OP_IRET:
		break;
	default:
		return stack_operand(in);
	}
	if (!(in->flags & INSN_MEM))
		return true;
	off = insn_ea(vp, in);
	if (in->seg == X86_FS || in->seg == X86_GS)
		off += vp->hv.regs.seg[in->seg].base;
	if (lin - off < 16)
		return stack_operand(in);
	return true;
}

/* SDM 1, 3.3.7.1: 64-bit addresses are canonical. */
static void check_canonical(struct soft_vp *vp, uint64_t lin, uint64_t last)
{
	if (lin == (uint64_t)sign_extend(lin, 48) &&
	    last == (uint64_t)sign_extend(last, 48))
		return;
	soft_raise_error(vp, stack_access(vp, lin) ? X86_SS_FAULT : X86_GP, 0);
}

static bool wanted(uint16_t info, enum mem_access access)
{
	static const uint16_t need[] = {
		[MEM_READ] = TLB_R,
		[MEM_WRITE] = TLB_W,
		[MEM_EXEC] = TLB_X,
	};

	return info & need[access];
}

/* Walk for @access and check it; raises. Sets no bits in the tables. */
static void walk_checked(struct soft_vp *vp, enum mem_view view, uint64_t lin,
			 enum mem_access access, struct mmu_walk *w)
{
	if (!mmu_walk(vp, lin, true, w))
		soft_raise_pf(vp, lin, mmu_error(vp, w->error, view, access));
	if (!mmu_allowed(vp, w, view, access))
		soft_raise_pf(vp, lin, mmu_error(vp, X86_PF_P, view, access));
}

/*
 * The page of @lin for an access in @view, from the TLB or into it; raises.
 * A page that holds decoded code or a breakpoint never gets its tag, so this
 * also decides about giving the tag back.
 */
static void get_page(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		     enum mem_access access, struct mem_page *ret)
{
	struct tlb_array *a = &vp->tlbs->current->view[view];
	unsigned int i = (lin >> PAGE_SHIFT) & (TLB_ENTRIES - 1);
	struct mmu_walk w;

	if (!(a->page[i] == (lin & PAGE_MASK) && wanted(a->info[i], access))) {
		do
			walk_checked(vp, view, lin, access, &w);
		while (!mmu_mark(&w, access == MEM_WRITE));
		tlb_fill(vp, view, lin, &w);
	} else if (access == MEM_WRITE && a->entry[i].write == TLB_NONE &&
		   (a->info[i] & (TLB_RAM | TLB_ROM)) == TLB_RAM) {
		tlb_set_tags(vp, a, i);
	}
	ret->gpa = a->gpa[i] | (lin & ~PAGE_MASK);
	ret->host = NULL;
	ret->rom = a->info[i] & TLB_ROM;
	ret->code = false;
	if (!(a->info[i] & TLB_RAM))
		return;
	ret->host = (uint8_t *)(uintptr_t)(lin + a->entry[i].addend);
	ret->code = access == MEM_WRITE && !ret->rom &&
		    code_page_marked(vp->partition, GPA(ret->gpa));
}

/* Would get_page() raise? Leaves A and D alone. */
static void check_page(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		       enum mem_access access)
{
	struct tlb_array *a = &vp->tlbs->current->view[view];
	unsigned int i = (lin >> PAGE_SHIFT) & (TLB_ENTRIES - 1);
	struct mmu_walk w;

	if (!(a->page[i] == (lin & PAGE_MASK) && wanted(a->info[i], access)))
		walk_checked(vp, view, lin, access, &w);
}

/* The last byte of an access; 32-bit addresses wrap. */
static uint64_t last_byte(const struct soft_vp *vp, uint64_t lin,
			  unsigned int size)
{
	uint64_t last = lin + size - 1;

	return vp_long_mode(&vp->hv.regs) ? last : (uint32_t)last;
}

/*
 * Translate an access of 1 to 64 bytes into one or two pages; raises. Result:
 * the bytes in the first one.
 */
static unsigned int get_pages(struct soft_vp *vp, enum mem_view view,
			      uint64_t lin, enum mem_access access,
			      unsigned int size, struct mem_page page[2])
{
	uint64_t last = last_byte(vp, lin, size);
	unsigned int first = (unsigned int)(PAGE_SIZE - (lin & ~PAGE_MASK));

	if (vp_long_mode(&vp->hv.regs))
		check_canonical(vp, lin, last);
	else
		lin = (uint32_t)lin;
	if (first >= size) {
		get_page(vp, view, lin, access, &page[0]);
		return size;
	}
	check_page(vp, view, lin, access);
	get_page(vp, view, last & PAGE_MASK, access, &page[1]);
	get_page(vp, view, lin, access, &page[0]);
	return first;
}

/* SDM 6.15, #AC: what each operand size asks for. */
static unsigned int natural_alignment(unsigned int size)
{
	switch (size) {
	case 2:
	case 4:
	case 8:
	case 16:
		return size;
	case 32:
		return 16;
	case 6:
		return 4;
	case 10:
		return 8;
	default:
		return 1;
	}
}

static void check_alignment(struct soft_vp *vp, uint64_t lin, unsigned int size)
{
	if ((vp->mode & SOFT_MODE_AC) && (lin & (natural_alignment(size) - 1)))
		soft_raise_error(vp, X86_AC, 0);
}

static void note_breakpoints(struct soft_vp *vp, uint64_t lin,
			     unsigned int size, bool write)
{
	if (__builtin_expect(vp->hv.regs.dr7 & 0xff, 0)) {
		vp->pending_db |= mem_breakpoints(vp, lin, size, write);
		if (vp->pending_db)
			vp->end_block = true; /* it is a trap */
	}
}

/* ---- reads and writes ---- */

static void read_page(struct soft_vp *vp, const struct mem_page *page,
		      void *buf, unsigned int size)
{
	if (page->host)
		atomic_read(buf, page->host, size);
	else
		hv_vp_mmio_read(&vp->hv, GPA(page->gpa), size, buf);
}

static void write_page(struct soft_vp *vp, const struct mem_page *page,
		       const void *buf, unsigned int size)
{
	if (!page->host || page->rom) {
		hv_vp_mmio_write(&vp->hv, GPA(page->gpa), size, buf);
		return;
	}
	atomic_write(page->host, buf, size);
	if (code_page_marked(vp->partition, GPA(page->gpa)))
		soft_code_written(vp, GPA(page->gpa), size);
}

void mem_read_view(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		   void *buf, unsigned int size)
{
	struct mem_page page[2];
	unsigned int first = get_pages(vp, view, lin, MEM_READ, size, page);

	read_page(vp, &page[0], buf, first);
	if (first < size)
		read_page(vp, &page[1], (uint8_t *)buf + first, size - first);
}

void mem_write_view(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		    const void *buf, unsigned int size)
{
	struct mem_page page[2];
	unsigned int first = get_pages(vp, view, lin, MEM_WRITE, size, page);

	write_page(vp, &page[0], buf, first);
	if (first < size)
		write_page(vp, &page[1], (const uint8_t *)buf + first,
			   size - first);
}

void mem_read_slow(struct soft_vp *vp, uint64_t lin, void *buf,
		   unsigned int size)
{
	struct mem_page page[2];
	unsigned int first;

	first = get_pages(vp, mem_view(vp), lin, MEM_READ, size, page);
	check_alignment(vp, lin, size);
	note_breakpoints(vp, lin, size, false);
	read_page(vp, &page[0], buf, first);
	if (first < size)
		read_page(vp, &page[1], (uint8_t *)buf + first, size - first);
}

void mem_write_slow(struct soft_vp *vp, uint64_t lin, const void *buf,
		    unsigned int size)
{
	struct mem_page page[2];
	unsigned int first;

	first = get_pages(vp, mem_view(vp), lin, MEM_WRITE, size, page);
	check_alignment(vp, lin, size);
	note_breakpoints(vp, lin, size, true);
	write_page(vp, &page[0], buf, first);
	if (first < size)
		write_page(vp, &page[1], (const uint8_t *)buf + first,
			   size - first);
}

void mem_read(struct soft_vp *vp, uint64_t lin, void *buf, unsigned int size)
{
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);

	if (__builtin_expect(tlb_hit(e->read, lin, size), 1))
		atomic_read(buf, (void *)(uintptr_t)(lin + e->addend), size);
	else
		mem_read_slow(vp, lin, buf, size);
}

void mem_write(struct soft_vp *vp, uint64_t lin, const void *buf,
	       unsigned int size)
{
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);

	if (__builtin_expect(tlb_hit(e->write, lin, size), 1))
		atomic_write((void *)(uintptr_t)(lin + e->addend), buf, size);
	else
		mem_write_slow(vp, lin, buf, size);
}

void mem_read_sys(struct soft_vp *vp, uint64_t lin, void *buf,
		  unsigned int size)
{
	mem_read_view(vp, mem_view_sys(vp), lin, buf, size);
}

void mem_write_sys(struct soft_vp *vp, uint64_t lin, const void *buf,
		   unsigned int size)
{
	mem_write_view(vp, mem_view_sys(vp), lin, buf, size);
}

void mem_set_bits_sys(struct soft_vp *vp, uint64_t lin, uint8_t bits,
		      uint8_t clear)
{
	struct mem_page page[2];
	uint8_t v;

	(void)get_pages(vp, mem_view_sys(vp), lin, MEM_WRITE, 1, page);
	if (page[0].host && !page[0].rom) {
		if (bits)
			__atomic_fetch_or(page[0].host, bits, __ATOMIC_SEQ_CST);
		if (clear)
			__atomic_fetch_and(page[0].host, (uint8_t)~clear,
					   __ATOMIC_SEQ_CST);
		if (page[0].code)
			soft_code_written(vp, GPA(page[0].gpa), 1);
		return;
	}
	read_page(vp, page, &v, 1);
	v = (uint8_t)((v | bits) & ~clear);
	write_page(vp, page, &v, 1);
}

void mem_probe_view(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		    enum mem_access access, unsigned int size)
{
	uint64_t last = last_byte(vp, lin, size);

	if (vp_long_mode(&vp->hv.regs))
		check_canonical(vp, lin, last);
	else
		lin = (uint32_t)lin;
	check_page(vp, view, lin, access);
	if ((lin ^ last) & PAGE_MASK)
		check_page(vp, view, last & PAGE_MASK, access);
}

void mem_probe(struct soft_vp *vp, uint64_t lin, enum mem_access access,
	       unsigned int size)
{
	mem_probe_view(vp, mem_view(vp), lin, access, size);
	if (access != MEM_EXEC)
		check_alignment(vp, lin, size);
}

void *mem_chunk(struct soft_vp *vp, uint64_t lin, enum mem_access access,
		uint64_t max, uint64_t *ret_len)
{
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);
	uint64_t left = PAGE_SIZE - (lin & ~PAGE_MASK);
	struct mem_page page[2];

	*ret_len = left < max ? left : max;
	if ((access == MEM_READ ? e->read : e->write) == (lin & PAGE_MASK))
		return (void *)(uintptr_t)(lin + e->addend);
	if (vp->mode & SOFT_MODE_AC)
		return NULL;
	(void)get_pages(vp, mem_view(vp), lin, access, 1, page);
	if (access == MEM_WRITE && (page[0].rom || page[0].code))
		return NULL;
	if ((access == MEM_READ ? e->read : e->write) != (lin & PAGE_MASK))
		return NULL; /* device space or a breakpoint */
	return page[0].host;
}

const uint8_t *mem_code(struct soft_vp *vp, uint64_t lin, gpa_t *ret_gpa,
			unsigned int *ret_left)
{
	enum mem_view view = mem_view(vp);
	struct mem_page page;

	if (vp_long_mode(&vp->hv.regs))
		check_canonical(vp, lin, lin);
	get_page(vp, view, lin, MEM_EXEC, &page);
	*ret_gpa = GPA(page.gpa);
	*ret_left = (unsigned int)(PAGE_SIZE - (lin & ~PAGE_MASK));
	return page.host;
}

/* ---- read-modify-write ---- */

void *mem_rmw_begin_slow(struct soft_vp *vp, uint64_t lin, unsigned int size,
			 bool locked)
{
	struct soft_tlb *t = vp->tlbs;
	struct mem_page *page = t->rmw.page;
	bool ram;

	/* who may write may read, and a fault says W (SDM 4.7) */
	t->rmw.first = get_pages(vp, mem_view(vp), lin, MEM_WRITE, size, page);
	check_alignment(vp, lin, size);
	note_breakpoints(vp, lin, size, true);
	t->rmw.stopped = false;
	t->rmw.direct = false;
	ram = page[0].host && !page[0].rom;
	if (t->rmw.first == size && ram) {
		if (page[0].code) {
			t->rmw.direct = true;
			vp->bounce.size = size;
		}
		return page[0].host;
	}
	if (t->rmw.first < size)
		ram = ram || (page[1].host && !page[1].rom);
	if (locked && ram) {
		soft_stop_world_begin(vp);
		t->rmw.stopped = true;
	}
	vp->bounce.lin = lin;
	vp->bounce.size = size;
	vp->bounce.locked = locked;
	read_page(vp, &page[0], vp->bounce.bytes, t->rmw.first);
	if (t->rmw.first < size)
		read_page(vp, &page[1], vp->bounce.bytes + t->rmw.first,
			  size - t->rmw.first);
	return vp->bounce.bytes;
}

void mem_rmw_end_slow(struct soft_vp *vp)
{
	struct soft_tlb *t = vp->tlbs;
	struct mem_page *page = t->rmw.page;
	unsigned int size = vp->bounce.size;

	vp->bounce.size = 0;
	if (t->rmw.direct) {
		soft_code_written(vp, GPA(page[0].gpa), size);
		return;
	}
	write_page(vp, &page[0], vp->bounce.bytes, t->rmw.first);
	if (t->rmw.first < size)
		write_page(vp, &page[1], vp->bounce.bytes + t->rmw.first,
			   size - t->rmw.first);
	if (t->rmw.stopped)
		soft_stop_world_end(vp);
}
