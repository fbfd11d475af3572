/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What executes guest instructions: the table an engine offers to the core
 * (engine_ops) and the services the core offers to an engine (hv_vp_*).
 *
 * An engine runs one virtual processor on the calling thread until something
 * happens that it cannot settle itself. Port, memory-mapped, MSR and CPUID
 * accesses are settled in place by calling the hv_vp_* services below, so a
 * run always ends at an instruction boundary: no half-done access exists
 * outside engine_ops.vp_run().
 */
#pragma once

#include <base/addr.h>
#include <hypervisor/regs.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hv_partition;
struct hv_vp;

/* Why engine_ops.vp_run() came back. */
enum engine_exit {
	ENGINE_EXIT_ATTENTION, /* hv_vp.attention was found set */
	ENGINE_EXIT_WINDOW,    /* interrupts became deliverable as asked */
	ENGINE_EXIT_HALT,      /* HLT, or MWAIT that found nothing to do */
	ENGINE_EXIT_SHUTDOWN,  /* triple fault */
	ENGINE_EXIT_DEBUG,     /* host debugger: see hv_vp.debug_reason */
};

/* What engine_ops.regs_changed() is told about writes from outside. */
#define HV_CHANGED_MODE   0x1u /* CR0, CR4, EFER, segments, RFLAGS, XCR0 */
#define HV_CHANGED_PAGING 0x2u /* CR3, PDPTEs: drop all translations */
#define HV_CHANGED_MSR    0x4u /* what RDMSR shows of vp_regs: FS/GS base ... */
#define HV_CHANGED_ALL    (~0u)

enum hv_event {
	HV_EVENT_INTERRUPT, /* external, vector given */
	HV_EVENT_NMI,
};

/* The host debugger's wishes for one processor. */
#define HV_DEBUG_STEP  0x1u /* leave after one instruction */
#define HV_DEBUG_BREAK 0x2u /* leave at hv_vp.debug_break addresses */
#define HV_DEBUG_INT3  0x4u /* leave before INT3 */

struct engine_ops {
	const char *name;
	size_t partition_size; /* of the engine's struct; embeds hv_partition
				  first */
	size_t vp_size;        /* of the engine's struct; embeds hv_vp first */

	/* After the core has initialised its own part. Negative errno. */
	int (*partition_init)(struct hv_partition *p);
	void (*partition_fini)(struct hv_partition *p);
	int (*vp_init)(struct hv_vp *vp);
	void (*vp_fini)(struct hv_vp *vp);

	/* On the processor's thread. */
	enum engine_exit (*vp_run)(struct hv_vp *vp);

	/*
	 * Deliver @event through the guest's interrupt table before the next
	 * instruction: now or first thing in vp_run(), which the core calls
	 * next whatever attention says. The core has checked that it may be
	 * delivered now and has set VP_NMI_BLOCKED for an NMI.
	 */
	void (*vp_inject)(struct hv_vp *vp, enum hv_event event,
			  uint8_t vector);

	/* vp->regs was written by somebody else: HV_CHANGED_* in @what. */
	void (*regs_changed)(struct hv_vp *vp, uint32_t what);

	/*
	 * Make a processor that may be inside vp_run() notice
	 * hv_vp.attention soon. Any thread. May be NULL when it polls.
	 */
	void (*vp_kick)(struct hv_vp *vp);

	/*
	 * Guest memory [gpa, gpa + len) is about to be or has been written by
	 * the host: forget what was derived from its content. Any thread,
	 * processors may run.
	 */
	void (*memory_written)(struct hv_partition *p, gpa_t gpa, uint64_t len);

	/* The memory map changed: forget every translation. All stopped. */
	void (*map_changed)(struct hv_partition *p);

	/*
	 * Translate as a supervisor read without side effects (no A/D, no
	 * fault), for debuggers. False when not mapped. VP stopped.
	 */
	bool (*translate)(struct hv_vp *vp, gva_t gva, gpa_t *ret);
};

/* ---- services for engines: on the processor's thread, inside vp_run() ---- */

/* CPUID as the machine contract has it: @out is EAX, EBX, ECX, EDX. */
void hv_vp_cpuid(struct hv_vp *vp, uint32_t leaf, uint32_t subleaf,
		 uint32_t out[4]);

/* False: the access raises #GP(0). A write may change vp->regs (EFER ...):
 * the core calls regs_changed() itself. */
bool hv_vp_rdmsr(struct hv_vp *vp, uint32_t msr, uint64_t *ret);
bool hv_vp_wrmsr(struct hv_vp *vp, uint32_t msr, uint64_t value);

/* @width 1, 2 or 4 bytes; @count elements packed at @data. */
void hv_vp_pio_in(struct hv_vp *vp, uint16_t port, unsigned int width,
		  void *data, uint32_t count);
void hv_vp_pio_out(struct hv_vp *vp, uint16_t port, unsigned int width,
		   const void *data, uint32_t count);

/*
 * An access to guest-physical space that is no mapped RAM (local APIC, device
 * or nothing at all), or a write to read-only memory. @width 1..64; the core
 * splits what devices cannot take.
 */
void hv_vp_mmio_read(struct hv_vp *vp, gpa_t gpa, unsigned int width,
		     void *data);
void hv_vp_mmio_write(struct hv_vp *vp, gpa_t gpa, unsigned int width,
		      const void *data);

/* CR8: the task priority, 0..15. The engine has checked bits 63:4. */
uint64_t hv_vp_read_cr8(struct hv_vp *vp);
void hv_vp_write_cr8(struct hv_vp *vp, uint64_t value);

/* The guest's time-stamp counter now. */
uint64_t hv_vp_tsc(struct hv_vp *vp);
