/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the soft MMU: page walks (walk.c), the arrays behind the TLB's fast
 * path (tlb.c) and accesses in a named privilege view (mmu.c). Handlers use
 * mem.h.
 */
#pragma once

#include "mem.h"

/* Whose access it is; each has its own TLB array. */
enum mem_view {
	MEM_VIEW_USER,
	MEM_VIEW_SUPER, /* supervisor that may touch user pages */
	MEM_VIEW_SMAP,  /* supervisor that may not (SDM 4.6.1) */
	MEM_VIEWS,
};

/* Where a walk ended. */
struct mmu_walk {
	uint64_t page;  /* gpa of the 4 KiB page */
	uint32_t error; /* failed: X86_PF_P, X86_PF_RSVD */
	uint8_t shift;  /* of the guest's page: 12, 21, 22, 30 */
	bool user;
	bool writable;
	bool nx;
	bool global;
	bool dirty;
	bool wide; /* entries are 8 bytes */
	uint8_t nr_steps;
	/* Entries passed; host is NULL outside writable RAM. */
	struct {
		void *host;
		uint64_t entry;
	} step[4];
};

/*
 * Walk the tables for @lin without changing anything. @device: tables outside
 * RAM are read as devices (side effects), else they end the walk.
 */
bool mmu_walk(struct soft_vp *vp, uint64_t lin, bool device,
	      struct mmu_walk *ret);
bool mmu_allowed(const struct soft_vp *vp, const struct mmu_walk *walk,
		 enum mem_view view, enum mem_access access);
uint32_t mmu_error(const struct soft_vp *vp, uint32_t cause, enum mem_view view,
		   enum mem_access access);
/* Set A in every entry and D in the last; false: an entry changed meanwhile
 * and the walk must be made again. */
bool mmu_mark(struct mmu_walk *walk, bool dirty);

/*
 * Load the PDPTEs for @cr3 (SDM 4.4.1); false: a reserved bit is set and
 * nothing was changed.
 */
bool mmu_load_pdptes(struct soft_vp *vp, uint64_t cr3);

/* The view of accesses at the CPL, and of implicit ones. */
enum mem_view mem_view(const struct soft_vp *vp);
enum mem_view mem_view_sys(const struct soft_vp *vp);
/* The view of explicit accesses at @cpl, for stack switches. */
enum mem_view mem_view_cpl(const struct soft_vp *vp, unsigned int cpl);

void mem_read_view(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		   void *buf, unsigned int size);
void mem_write_view(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		    const void *buf, unsigned int size);
void mem_probe_view(struct soft_vp *vp, enum mem_view view, uint64_t lin,
		    enum mem_access access, unsigned int size);
/* Set @bits in the byte at @lin, atomically, as an implicit access. */
void mem_set_bits_sys(struct soft_vp *vp, uint64_t lin, uint8_t bits,
		      uint8_t clear);

/* tlb_array.info: what is known of the page in a slot; 0: nothing. */
#define TLB_GLOBAL  0x0001u
#define TLB_SIZE    0x0006u /* of the guest's page, see tlb.c */
#define TLB_R       0x0010u
#define TLB_W       0x0020u /* permitted and D set */
#define TLB_X       0x0040u
#define TLB_RAM     0x0080u
#define TLB_ROM     0x0100u /* RAM that the guest may not write */
#define TLB_PRESENT 0x0200u

#define TLB_FILLED_MAX 256
#define TLB_CONTEXTS   16
#define TLB_WRITERS    8192
#define TLB_JUMPS      4096

/*
 * Beside the fast path's entries: pages by slot, also those that never match
 * there (device space and the like) so that they need no walk either.
 */
struct tlb_array {
	struct tlb_entry entry[TLB_ENTRIES]; /* first */
	/*
	 * Part of the keys of jumps found under this array: changes when an
	 * executable page leaves it or vp->mode differs.
	 */
	uint64_t salt;
	uint32_t mode;
	uint64_t page[TLB_ENTRIES]; /* linear */
	uint64_t gpa[TLB_ENTRIES];  /* of the page */
	uint16_t info[TLB_ENTRIES];
	uint16_t filled[TLB_FILLED_MAX]; /* slots, while they fit */
	uint32_t nr_filled;
	uint32_t nr_large;
	uint64_t large_regions; /* GiB that hold large pages, hashed: tlb.c */
};

struct tlb_context {
	bool ready;
	uint16_t pcid;
	uint64_t last_use;
	struct tlb_array view[MEM_VIEWS];
};

/* Where translated code goes on at a RIP (xlat.h). */
struct tlb_jump {
	uint64_t key; /* RIP + tlb_array.salt; 0: free */
	uint64_t code;
};

/* A page for one access: see mmu.c. */
struct mem_page {
	uint8_t *host; /* of the address asked for; NULL: device space */
	uint64_t gpa;
	bool rom;
	bool code; /* writes are told to block.c */
};

struct soft_tlb {
	struct tlb_entry blocked[TLB_ENTRIES]; /* never hits */
	struct tlb_context *current;
	uint64_t clock;
	/* Entries with a write tag, counted by a hash of their host page. */
	uint32_t writers[TLB_WRITERS];
	/* The slot of the latest translation. */
	struct {
		uint64_t gpa, size;
		uint8_t *host;
		bool readonly;
	} slot;
	/* mem_rmw_begin_slow() to mem_rmw_end_slow() */
	struct {
		struct mem_page page[2];
		uint32_t first; /* bytes in page[0] */
		bool direct;    /* stored through the pointer already */
		bool stopped;
	} rmw;
	uint64_t salt; /* the latest one given */
	struct tlb_jump jump[TLB_JUMPS];
	struct tlb_context ctx[TLB_CONTEXTS];
};

/* Code at @rip under the current mapping and mode is @code. */
void tlb_note_jump(struct soft_vp *vp, uint64_t rip, uint64_t code);
void tlb_forget_jumps(struct soft_vp *vp);

/* RAM at @gpa, to the end of its page at least; NULL: none. */
uint8_t *mmu_host(struct soft_vp *vp, uint64_t gpa, bool *ret_readonly);

/* Put @walk's page into the slot of @lin and return the array. */
struct tlb_array *tlb_fill(struct soft_vp *vp, enum mem_view view, uint64_t lin,
			   const struct mmu_walk *walk);
/* Set the tags of slot @i from its info, code marks and breakpoints. */
void tlb_set_tags(struct soft_vp *vp, struct tlb_array *a, unsigned int i);
/* Point vp->tlb at the array for the CPL, CR4.SMAP and RFLAGS.AC. */
void tlb_select(struct soft_vp *vp);

/* DR6 bits of the data breakpoints that an access hits (SDM 18.2.4). */
uint32_t mem_breakpoints(const struct soft_vp *vp, uint64_t lin,
			 unsigned int size, bool write);
