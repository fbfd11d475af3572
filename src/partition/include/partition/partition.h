/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The partition API: the only way the virtualization stack reaches a
 * hypervisor. Backends: local (core and soft engine in this process); kvm and
 * metal come behind the same functions.
 *
 * A processor is the thread that calls partition_vp_run(). Port and memory
 * intercepts are delivered to the handlers on that thread, synchronously.
 * State may be read and written only while the processor does not run.
 */
#pragma once

#include <base/addr.h>
#include <hypervisor/cpu_model.h>
#include <hypervisor/regs.h>
#include <partition/memory.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTITION_MAX_VPS 64

struct partition;

struct partition_handlers {
	/* On the VP thread. Widths 1, 2, 4 (8 for memory); @count elements. */
	void (*pio_in)(void *ctx, unsigned int vp, uint16_t port,
		       unsigned int width, void *data, uint32_t count);
	void (*pio_out)(void *ctx, unsigned int vp, uint16_t port,
			unsigned int width, const void *data, uint32_t count);
	void (*mmio_read)(void *ctx, unsigned int vp, gpa_t gpa,
			  unsigned int width, void *data);
	void (*mmio_write)(void *ctx, unsigned int vp, gpa_t gpa,
			   unsigned int width, const void *data);
	/* 8259 acknowledge cycle: the vector, or negative for none. */
	int (*extint_ack)(void *ctx);
	/* The guest ended a level-triggered interrupt. */
	void (*eoi)(void *ctx, uint8_t vector);
};

enum partition_engine {
	PARTITION_ENGINE_AUTO,   /* the best this host offers */
	PARTITION_ENGINE_INTERP, /* the interpreter */
	PARTITION_ENGINE_SOFT,   /* interpreter and translator */
};

struct partition_config {
	enum partition_engine engine;
	const char *cpu_model;       /* "v2", "v3", "host" */
	unsigned int nr_vps;         /* 1..PARTITION_MAX_VPS */
	struct guest_memory *memory; /* borrowed; complete */
	const struct partition_handlers *handlers;
	void *ctx;
};

/*
 * Create with all its processors in power-on state. On failure a negative
 * errno and one line of text with the next step in @why_buf. -ENOTSUP: the
 * host's CPU lacks what the model promises.
 */
int partition_new(struct partition **ret, const struct partition_config *config,
		  char *why_buf, size_t why_size);
/* Every VP thread has ended. NULL is accepted. */
void partition_free(struct partition *p);

const char *partition_engine_name(const struct partition *p);
const struct cpu_model *partition_cpu_model(const struct partition *p);
uint64_t partition_tsc_khz(const struct partition *p);

enum partition_exit {
	PARTITION_EXIT_PAUSED,   /* partition_vp_pause() was called */
	PARTITION_EXIT_SHUTDOWN, /* triple fault */
	PARTITION_EXIT_DEBUG,    /* step done or breakpoint hit */
};

/* Run @vp on the calling thread until one of the above. Sleeps while the
 * guest's processor is halted. */
enum partition_exit partition_vp_run(struct partition *p, unsigned int vp);

/* Make partition_vp_run() return PAUSED soon; sticky until it has. Any
 * thread; async-signal-safe not promised. */
void partition_vp_pause(struct partition *p, unsigned int vp);

/* Power-on reset of all processors. All stopped. */
void partition_reset(struct partition *p);

/* Interrupts. Any thread. */
void partition_msi(struct partition *p, uint64_t addr, uint32_t data);
void partition_extint(struct partition *p, bool level);
void partition_nmi(struct partition *p, unsigned int vp);

/* State of a stopped processor. set: HV_CHANGED_ALL is implied. */
void partition_vp_get_regs(struct partition *p, unsigned int vp,
			   struct vp_regs *ret);
void partition_vp_set_regs(struct partition *p, unsigned int vp,
			   const struct vp_regs *regs);

/* Bytes that partition_vp_save() writes. */
size_t partition_vp_state_size(void);

/* Complete state of a stopped processor (registers, APIC, MSRs) as field-table
 * records. save: bytes written or -ENOSPC; load: 0 or -EINVAL/-EPROTO with the
 * processor untouched. Processor 0 carries the partition's time: load it
 * first. */
int64_t partition_vp_save(struct partition *p, unsigned int vp, void *buf,
			  size_t size);
int partition_vp_load(struct partition *p, unsigned int vp, const void *buf,
		      size_t size);

/* Guest-virtual to guest-physical as the stopped processor sees it. */
bool partition_vp_translate(struct partition *p, unsigned int vp, gva_t gva,
			    gpa_t *ret);

/* Host debugger. @step: leave after one instruction. Breakpoints are guest
 * linear addresses, at most 8, on every processor. Stopped. */
#define PARTITION_MAX_BREAKPOINTS 8
void partition_vp_set_step(struct partition *p, unsigned int vp, bool step);
int partition_set_breakpoint(struct partition *p, gva_t gva, bool on);
/* Remove all breakpoints and wishes to step. */
void partition_clear_breakpoints(struct partition *p);
/* INT3 of the guest leaves with DEBUG while on (software breakpoints). */
void partition_catch_int3(struct partition *p, bool on);
