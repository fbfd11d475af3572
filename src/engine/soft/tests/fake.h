/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A partition of one processor in host memory, without core, block cache and
 * run loop: what the tests of MMU, faults and segments stand on. Instructions
 * are decoded from bytes, bound by bind_system() and executed one by one.
 */
#pragma once

#include "bind.h"
#include "code.h"
#include "fault.h"
#include "flags.h"
#include "mem.h"
#include "mmu.h"
#include "seg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAKE_RAM  (16u << 20)          /* at gpa 0 */
#define FAKE_ROM  UINT64_C(0xf0000000) /* one page, read-only */
#define FAKE_MMIO UINT64_C(0xfee00000) /* anything else is device space */

extern struct soft_vp *vp;
extern uint8_t *fake_ram;
extern uint8_t *fake_rom;
extern struct cpu_model fake_model;

/* The latest device access. */
extern struct fake_device {
	uint64_t gpa;
	unsigned int width, reads, writes;
	uint8_t data[64];
} fake_device;

extern unsigned int fake_code_writes; /* calls of soft_code_written() */

int fake_setup(void **state); /* reset state: real mode, zeroed RAM */
int fake_teardown(void **state);

static inline void poke16(uint64_t gpa, uint16_t v)
{
	memcpy(fake_ram + gpa, &v, 2);
}

static inline void poke32(uint64_t gpa, uint32_t v)
{
	memcpy(fake_ram + gpa, &v, 4);
}

static inline void poke64(uint64_t gpa, uint64_t v)
{
	memcpy(fake_ram + gpa, &v, 8);
}

static inline uint16_t peek16(uint64_t gpa)
{
	uint16_t v;

	memcpy(&v, fake_ram + gpa, 2);
	return v;
}

static inline uint32_t peek32(uint64_t gpa)
{
	uint32_t v;

	memcpy(&v, fake_ram + gpa, 4);
	return v;
}

static inline uint64_t peek64(uint64_t gpa)
{
	uint64_t v;

	memcpy(&v, fake_ram + gpa, 8);
	return v;
}

/* Run @stmt; the value is -1 or the vector it raised (see vp->fault). */
#define RAISES(stmt)                                                           \
	__extension__({                                                        \
		volatile int vector_ = -1;                                     \
		if (!_setjmp(vp->fault_jmp))                                   \
			stmt;                                                  \
		else                                                           \
			vector_ = vp->fault.vector;                            \
		vector_;                                                       \
	})

/* Execute one instruction at the current RIP, given as bytes. The vector it
 * raises, or -1. */
int fake_execute(const void *bytes, size_t len);
#define EXECUTE(...)                                                           \
	fake_execute((const uint8_t[]){__VA_ARGS__},                           \
		     sizeof((const uint8_t[]){__VA_ARGS__}))

/* A flat segment; @type is X86_TYPE_*, @extra X86_ATTR_L or DB. */
struct vp_segment fake_segment(uint16_t sel, unsigned int type,
			       unsigned int dpl, unsigned int extra);
/* A descriptor of it. */
uint64_t fake_descriptor(uint32_t base, uint32_t limit20, uint16_t attr);

/* Tables, one for all tests (linear = physical below 16 MiB):
 * GDT at 0x1000: 08 code32 0, 10 data 0, 18 code32 3, 20 data 3, 28 TSS,
 * 38 code64 0, 40 code64 3, 48 code16, 50 data16. */
#define FAKE_GDT   0x1000u
#define FAKE_IDT   0x2000u
#define FAKE_TSS   0x3000u
#define FAKE_PML4  0x10000u /* identity, 2 MiB pages, user and writable */
#define FAKE_STACK 0x8000u
#define FAKE_RSP0  0x9000u

/* Protected mode, no paging, CPL @cpl; long mode with FAKE_PML4. */
void fake_protected(unsigned int cpl);
void fake_long(unsigned int cpl);
/* An IDT entry of either kind for the current mode. */
void fake_gate(uint8_t vector, unsigned int type, unsigned int dpl,
	       uint16_t sel, uint64_t offset, unsigned int ist);
