/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors and segment registers (SDM 3.4, 3.5, 5), shared by the files
 * that load them. What is called "check" raises and changes nothing but the
 * accessed bit in memory.
 */
#pragma once

#include "bind.h"
#include "vp.h"

#define SEL_RPL   0x0003u
#define SEL_TI    0x0004u
#define SEL_INDEX 0xfff8u

static inline bool sel_null(uint16_t sel)
{
	return (sel & ~SEL_RPL) == 0;
}

static inline unsigned int sel_rpl(uint16_t sel)
{
	return sel & SEL_RPL;
}

static inline uint16_t desc_attr(uint64_t raw)
{
	return (uint16_t)(((raw >> 40) & 0xff) | ((raw >> 44) & 0xf00));
}

static inline unsigned int desc_type(uint64_t raw)
{
	return (raw >> 40) & X86_ATTR_TYPE;
}

static inline unsigned int desc_dpl(uint64_t raw)
{
	return (raw >> 45) & 3;
}

static inline bool desc_present(uint64_t raw)
{
	return desc_attr(raw) & X86_ATTR_P;
}

/* A code or data segment, no system segment or gate. */
static inline bool desc_segment(uint64_t raw)
{
	return desc_attr(raw) & X86_ATTR_S;
}

static inline bool desc_code(uint64_t raw)
{
	return desc_segment(raw) && (desc_type(raw) & X86_TYPE_CODE);
}

static inline bool desc_conforming(uint64_t raw)
{
	return desc_code(raw) && (desc_type(raw) & X86_TYPE_CONFORMING);
}

static inline bool desc_writable_data(uint64_t raw)
{
	return desc_segment(raw) &&
	       (desc_type(raw) & (X86_TYPE_CODE | X86_TYPE_WRITABLE)) ==
		       X86_TYPE_WRITABLE;
}

static inline bool seg_real_or_v86(const struct soft_vp *vp)
{
	return vp->mode & (SOFT_MODE_REAL | SOFT_MODE_V86);
}

/* The segment a code or data descriptor describes. */
struct vp_segment seg_from_desc(uint16_t sel, uint64_t raw);
/* The segment that a selector names in real (V86) mode; @old: what stays. */
struct vp_segment seg_real(const struct vp_segment *old, uint16_t sel);
struct vp_segment seg_v86(uint16_t sel);
/* An unusable one. */
struct vp_segment seg_null(uint16_t sel, unsigned int dpl);

/* Raise @vector with a selector error code. */
_Noreturn void seg_raise(struct soft_vp *vp, uint8_t vector, uint16_t sel);
_Noreturn void seg_raise_gp0(struct soft_vp *vp);

/* Read @sel's descriptor; false: outside its table. */
bool seg_read_desc(struct soft_vp *vp, uint16_t sel, uint64_t *ret);
/* The same; raises @vector(@sel). */
uint64_t seg_desc_or(struct soft_vp *vp, uint16_t sel, uint8_t vector);
/* The second half of a 16-byte system descriptor; raises #GP(@sel). */
uint64_t seg_desc_high(struct soft_vp *vp, uint16_t sel);
/* Linear address of @sel's descriptor; it lies inside its table. */
uint64_t seg_desc_addr(const struct soft_vp *vp, uint16_t sel);
/* Set the accessed bit of @sel's descriptor @raw in memory and in the result.
 */
uint64_t seg_mark_accessed(struct soft_vp *vp, uint16_t sel, uint64_t raw);

/* Check loading @sel into data or stack register @seg at the CPL. */
struct vp_segment seg_check(struct soft_vp *vp, unsigned int seg, uint16_t sel);
/*
 * Check @sel for SS at @cpl (which may not be the CPL yet): wrong ones raise
 * @vector(@sel), absent ones #SS(@sel).
 */
struct vp_segment seg_check_stack(struct soft_vp *vp, uint16_t sel,
				  unsigned int cpl, uint8_t vector);
/* Check code descriptor @raw for size bits: L and D both set in long mode. */
bool seg_code_size_ok(const struct soft_vp *vp, uint64_t raw);
/* Check @rip against a code segment about to be loaded; raises #GP(0). */
void seg_check_rip(struct soft_vp *vp, const struct vp_segment *cs,
		   uint64_t rip);

/* Put a checked segment into its register. The caller calls
 * soft_mode_update(). */
void seg_set(struct soft_vp *vp, unsigned int seg,
	     const struct vp_segment *value);
/* CS with the privilege level @cpl, RIP. */
void seg_jump(struct soft_vp *vp, struct vp_segment cs, unsigned int cpl,
	      uint64_t rip);
/* After a return to @cpl: unload what may not be used there (SDM 5.8.6). */
void seg_drop_inner(struct soft_vp *vp, unsigned int cpl);

/* Is [off, off + size) inside @s? Types are not looked at. */
bool seg_in_limit(const struct vp_segment *s, uint64_t off, unsigned int size);

/* The task register points to a TSS of 4-byte (8-byte) fields. */
static inline bool seg_tss32(const struct soft_vp *vp)
{
	return vp->hv.regs.tr.attr & 8;
}

/* Read from the current TSS; outside its limit raises #TS(TR). */
void seg_read_tss(struct soft_vp *vp, uint32_t off, void *buf,
		  unsigned int size);

/* ---- general registers by size, for system instructions ---- */

static inline uint64_t reg_read(const struct soft_vp *vp, unsigned int n,
				unsigned int size)
{
	uint64_t v = vp->hv.regs.gpr[n];

	return size == 8 ? v : v & (BIT64(size * 8) - 1);
}

/* 4 bytes clear the upper half; 2 and 1 leave the rest. */
static inline void reg_write(struct soft_vp *vp, unsigned int n,
			     unsigned int size, uint64_t v)
{
	uint64_t *reg = &vp->hv.regs.gpr[n];

	if (size == 8)
		*reg = v;
	else if (size == 4)
		*reg = (uint32_t)v;
	else
		*reg = (*reg & ~(BIT64(size * 8) - 1)) |
		       (v & (BIT64(size * 8) - 1));
}

/* ---- stacks in the making ---- */

struct stack {
	struct vp_segment seg;
	uint64_t sp;
	uint64_t mask; /* 64-bit: no segment either */
	uint8_t view;  /* enum mem_view */
	uint16_t sel;  /* of #SS error codes: 0 for the current stack */
};

/* The current stack. */
void stack_current(struct soft_vp *vp, struct stack *s);
/* A stack to be switched to at @cpl; @seg unused with @flat64. */
void stack_new(struct soft_vp *vp, struct stack *s,
	       const struct vp_segment *seg, uint64_t sp, unsigned int cpl,
	       bool flat64);
void stack_push(struct soft_vp *vp, struct stack *s, unsigned int size,
		uint64_t v);
uint64_t stack_pop(struct soft_vp *vp, struct stack *s, unsigned int size);
/* Raise unless @bytes fit below (pushing). */
void stack_room(struct soft_vp *vp, const struct stack *s, unsigned int bytes);
/* Make its pointer the stack pointer. */
void stack_commit(struct soft_vp *vp, const struct stack *s);

/* Handlers of seg.c, see sys.c. */
insn_fn *bind_segment(const struct soft_vp *vp, const struct insn *in);
