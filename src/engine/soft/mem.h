/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-linear memory access for handlers, at the current privilege level.
 * Every function raises #PF, #GP, #SS or #AC instead of returning an error
 * (see fault.h), before anything is changed. Aligned accesses up to 8 bytes
 * are single host accesses, so guests see the real memory order. Accesses to
 * device space are passed to the core.
 */
#pragma once

#include "vp.h"

enum mem_access {
	MEM_READ,
	MEM_WRITE,
	MEM_EXEC,
};

/* Slow paths in mmu.c; @size 1..64. */
void mem_read_slow(struct soft_vp *vp, uint64_t lin, void *buf,
		   unsigned int size);
void mem_write_slow(struct soft_vp *vp, uint64_t lin, const void *buf,
		    unsigned int size);

/* Out of line, so that handlers need no stack on the fast path. */
#define MEM_SLOW __attribute__((noinline, cold, unused)) static

#define MEM_ACCESSORS(bits)                                                    \
	MEM_SLOW uint##bits##_t mem_read##bits##_slow(struct soft_vp *vp,      \
						      uint64_t lin)            \
	{                                                                      \
		uint##bits##_t v;                                              \
                                                                               \
		mem_read_slow(vp, lin, &v, bits / 8);                          \
		return v;                                                      \
	}                                                                      \
	MEM_SLOW void mem_write##bits##_slow(struct soft_vp *vp, uint64_t lin, \
					     uint##bits##_t v)                 \
	{                                                                      \
		mem_write_slow(vp, lin, &v, bits / 8);                         \
	}                                                                      \
	static inline uint##bits##_t mem_read##bits(struct soft_vp *vp,        \
						    uint64_t lin)              \
	{                                                                      \
		struct tlb_entry *e = tlb_slot(vp->tlb, lin);                  \
                                                                               \
		if (__builtin_expect(tlb_hit(e->read, lin, bits / 8), 1))      \
			return *(volatile uint##bits##_t                       \
					 *)(uintptr_t)(lin + e->addend);       \
		return mem_read##bits##_slow(vp, lin);                         \
	}                                                                      \
	static inline void mem_write##bits(struct soft_vp *vp, uint64_t lin,   \
					   uint##bits##_t v)                   \
	{                                                                      \
		struct tlb_entry *e = tlb_slot(vp->tlb, lin);                  \
                                                                               \
		if (__builtin_expect(tlb_hit(e->write, lin, bits / 8), 1))     \
			*(volatile uint##bits##_t *)(uintptr_t)(lin +          \
								e->addend) =   \
				v;                                             \
		else                                                           \
			mem_write##bits##_slow(vp, lin, v);                    \
	}

MEM_ACCESSORS(8)
MEM_ACCESSORS(16)
MEM_ACCESSORS(32)
MEM_ACCESSORS(64)

/* Any size 1..64 (vector operands, descriptors, x87 environments in pieces). */
void mem_read(struct soft_vp *vp, uint64_t lin, void *buf, unsigned int size);
void mem_write(struct soft_vp *vp, uint64_t lin, const void *buf,
	       unsigned int size);

/*
 * Read-modify-write: a host address that is readable and writable for @size
 * bytes (1..16): guest RAM itself, so that atomic host instructions on it are
 * the guest's atomic operation, or a bounce buffer that mem_rmw_end() writes
 * back (device space, page-straddling operands, pages with decoded code).
 * @locked: the access is atomic; where the bounce buffer is used for RAM, all
 * other processors are stopped until mem_rmw_end(). Nothing that raises may
 * come between begin and end.
 */
void *mem_rmw_begin_slow(struct soft_vp *vp, uint64_t lin, unsigned int size,
			 bool locked);
void mem_rmw_end_slow(struct soft_vp *vp);

static inline void *mem_rmw_begin(struct soft_vp *vp, uint64_t lin,
				  unsigned int size, bool locked)
{
	struct tlb_entry *e = tlb_slot(vp->tlb, lin);

	if (__builtin_expect(
		    tlb_hit(e->write, lin, size) && e->read == e->write, 1))
		return (void *)(uintptr_t)(lin + e->addend);
	return mem_rmw_begin_slow(vp, lin, size, locked);
}

static inline void mem_rmw_end(struct soft_vp *vp, void *host)
{
	(void)host;
	if (__builtin_expect(vp->bounce.size, 0))
		mem_rmw_end_slow(vp);
}

/*
 * The longest run of plain RAM from @lin on, inside one page and at most @max
 * bytes, for string instructions. Returns NULL when the page is no plain RAM
 * for this access (the caller then goes element by element); raises when not
 * accessible at all. The pointer is good until the handler returns.
 */
void *mem_chunk(struct soft_vp *vp, uint64_t lin, enum mem_access access,
		uint64_t max, uint64_t *ret_len);

/* Would an access of @size bytes fault? Raises as it would. */
void mem_probe(struct soft_vp *vp, uint64_t lin, enum mem_access access,
	       unsigned int size);

/* As supervisor whatever the CPL (descriptor tables, TSS, exception frames):
 * implicit accesses (SDM 4.6.1). */
void mem_read_sys(struct soft_vp *vp, uint64_t lin, void *buf,
		  unsigned int size);
void mem_write_sys(struct soft_vp *vp, uint64_t lin, const void *buf,
		   unsigned int size);

/*
 * Host address of the code at @lin in the current CPL's view and how many
 * bytes follow it in the page; raises the fetch fault. Also gives the
 * guest-physical address. NULL: code lies in device space (read it with
 * mem_fetch_device()).
 */
const uint8_t *mem_code(struct soft_vp *vp, uint64_t lin, gpa_t *ret_gpa,
			unsigned int *ret_left);

/* TLB maintenance. */
void tlb_flush_all(struct soft_vp *vp); /* global entries too */
void tlb_flush_nonglobal(struct soft_vp *vp);
void tlb_flush_page(struct soft_vp *vp, uint64_t lin);
/* CR3 was written with @value: flush or switch as PCIDE and bit 63 say. */
void tlb_switch(struct soft_vp *vp, uint64_t cr3);
/* INVPCID type @type 0..3 (SDM 2 INVPCID); operands already checked. */
void tlb_invpcid(struct soft_vp *vp, unsigned int type, uint16_t pcid,
		 uint64_t lin);
/* Stop write fast paths to the page of @gpa: it holds decoded code now. */
void tlb_protect_code(struct soft_vp *vp, gpa_t gpa);
int tlb_init(struct soft_vp *vp);
void tlb_fini(struct soft_vp *vp);

/* Walk without side effects, as a supervisor read. engine_ops.translate. */
bool mmu_translate(struct hv_vp *hv, gva_t gva, gpa_t *ret);
