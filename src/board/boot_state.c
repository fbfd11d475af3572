/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot processor as boot protocols want it: flat segments, interrupts off,
 * and for 64-bit entry page tables that map the first 4 GiB one to one.
 */
#include "loader.h"

#include <base/bits.h>
#include <base/bytes.h>

#include <errno.h>
#include <string.h>

#define GDT_ENTRIES 4
#define GDT_CODE64  UINT64_C(0x00af9b000000ffff)
#define GDT_CODE32  UINT64_C(0x00cf9b000000ffff)
#define GDT_DATA    UINT64_C(0x00cf93000000ffff)

#define ATTR_CODE 0x9bu /* present, code, execute/read, accessed */
#define ATTR_DATA 0x93u /* present, data, read/write, accessed */
#define ATTR_TSS  0x8bu /* present, busy 32-bit or 64-bit TSS */

#define PTE_TABLE UINT64_C(0x03) /* present, writable */
#define PTE_LARGE UINT64_C(0x83)

static int write_gdt(const struct loader *l, uint16_t cs, uint16_t ds,
		     uint64_t code)
{
	uint8_t gdt[GDT_ENTRIES * 8] = {0};

	store_le64(gdt + cs, code);
	store_le64(gdt + ds, GDT_DATA);
	return guest_memory_write(l->memory, GPA(BOOT_GDT), gdt, sizeof(gdt));
}

static void set_flat(struct vp_segment *s, uint16_t sel, uint32_t attr)
{
	s->base = 0;
	s->limit = UINT32_MAX;
	s->sel = sel;
	s->attr = (uint16_t)attr;
}

static void set_segments(struct vp_regs *r, uint16_t cs, uint16_t ds,
			 uint32_t code_size)
{
	set_flat(&r->seg[X86_CS], cs, ATTR_CODE | X86_ATTR_G | code_size);
	for (unsigned int i = 0; i < X86_SEGS; i++) {
		if (i != X86_CS)
			set_flat(&r->seg[i], ds,
				 ATTR_DATA | X86_ATTR_G | X86_ATTR_DB);
	}
	r->tr.sel = 0;
	r->tr.base = 0;
	r->tr.limit = 0x67;
	r->tr.attr = ATTR_TSS;
	memset(&r->ldtr, 0, sizeof(r->ldtr));
	r->gdtr.base = BOOT_GDT;
	r->gdtr.limit = GDT_ENTRIES * 8 - 1;
	r->idtr.base = 0;
	r->idtr.limit = 0;
}

static void set_entry(struct vp_regs *r, uint64_t entry)
{
	memset(r->gpr, 0, sizeof(r->gpr));
	r->rip = entry;
	r->rflags = 0x2;
	r->activity = VP_RUNNING;
	r->shadow = 0;
}

int boot_state_32(const struct loader *l, uint64_t entry, uint16_t cs,
		  uint16_t ds)
{
	struct vp_regs *r = l->regs;

	set_entry(r, entry);
	set_segments(r, cs, ds, X86_ATTR_DB);
	r->cr0 = X86_CR0_PE | X86_CR0_ET;
	r->cr3 = 0;
	r->cr4 = 0;
	r->efer = 0;
	return write_gdt(l, cs, ds, GDT_CODE32);
}

/* PML4, PDPT and four directories of 2 MiB pages. */
static int write_page_tables(const struct loader *l)
{
	uint8_t page[4096] = {0};
	uint64_t at = BOOT_PAGE_TABLES;
	int err;

	store_le64(page, (at + 4096) | PTE_TABLE);
	err = guest_memory_write(l->memory, GPA(at), page, sizeof(page));
	if (err < 0)
		return err;
	for (unsigned int i = 0; i < 4; i++)
		store_le64(page + 8 * i,
			   (at + 2 * 4096 + i * 4096) | PTE_TABLE);
	err = guest_memory_write(l->memory, GPA(at + 4096), page, sizeof(page));
	for (uint64_t i = 0; i < 4 && !err; i++) {
		for (uint64_t j = 0; j < 512; j++)
			store_le64(page + 8 * j,
				   (i * 512 + j) << 21 | PTE_LARGE);
		err = guest_memory_write(l->memory, GPA(at + (2 + i) * 4096),
					 page, sizeof(page));
	}
	return err;
}

int boot_state_64(const struct loader *l, uint64_t entry)
{
	struct vp_regs *r = l->regs;
	int err;

	set_entry(r, entry);
	set_segments(r, 0x10, 0x18, X86_ATTR_L);
	r->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_PG;
	r->cr3 = BOOT_PAGE_TABLES;
	r->cr4 = X86_CR4_PAE;
	r->efer = X86_EFER_LME | X86_EFER_LMA;
	err = write_page_tables(l);
	if (err < 0)
		return err;
	return write_gdt(l, 0x10, 0x18, GDT_CODE64);
}
