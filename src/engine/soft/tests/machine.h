/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bare machine for tests of the whole engine: the real core, one processor
 * in flat 64-bit mode at CPL 0, RAM mapped one to one, no devices but a port
 * that records. Code is written in assembler beside the test (CODE()).
 */
#pragma once

#include "../vp.h"

#define MACHINE_RAM   (UINT64_C(8) << 20)
#define MACHINE_CODE  UINT64_C(0x100000)
#define MACHINE_DATA  UINT64_C(0x200000)
#define MACHINE_STACK UINT64_C(0x300000)
#define MACHINE_IDT   UINT64_C(0x5000)

/* Bytes of the assembler text @text (AT&T syntax), as @name and @name_end. */
#define CODE_AS(name, mode, text)                                              \
	asm(".pushsection .rodata\n" mode "\n" #name ":\n" text "\n" #name     \
	    "_end:\n.code64\n.popsection\n");                                  \
	extern const uint8_t name[], name##_end[]
#define CODE(name, text) CODE_AS(name, ".code64", text)

struct machine {
	struct hv_partition *p;
	struct soft_vp *vp;
	struct vp_regs *r;     /* &vp->hv.regs */
	struct soft_vp *other; /* machine_add_vp() */
	uint8_t *ram;
	/* What the guest has written to ports. */
	uint32_t out[64];
	unsigned int nr_out;
	/* Called for every port access, if set. */
	void (*on_pio)(struct machine *m, uint16_t port);
};

/* Machines to come translate, each block at once. */
extern bool machine_xlat;

void machine_init(struct machine *m);
void machine_fini(struct machine *m);

/* Put code at MACHINE_CODE and point RIP there. */
void machine_load(struct machine *m, const uint8_t *code, const uint8_t *end);

/* After writing registers. */
void machine_set_regs(struct machine *m);

/* One more processor in the same state, to be run on a thread of its own. */
struct soft_vp *machine_add_vp(struct machine *m);

/* Fill the IDT: vector n enters at HLT number n at @handlers. */
void machine_idt(struct machine *m, uint64_t handlers);

/* Load, run until HLT and expect that. */
void machine_run_code(struct machine *m, const uint8_t *code,
		      const uint8_t *end);
#define RUN(m, name) machine_run_code(m, name, name##_end)
