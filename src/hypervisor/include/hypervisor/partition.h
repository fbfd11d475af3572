/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Partitions and virtual processors: the thin core.
 *
 * Storage is the caller's (the core allocates nothing): it deposits
 * engine_ops.partition_size and .vp_size bytes, zeroed and 64-byte aligned.
 * The core starts no thread and takes no host lock that is held while guest
 * code runs.
 */
#pragma once

#include <hypervisor/apic.h>
#include <hypervisor/cpu_model.h>
#include <hypervisor/engine.h>
#include <hypervisor/msr.h>

#include <stdatomic.h>

struct state_desc;

#define HV_MAX_VPS   64 /* xAPIC ids fit in 8 bits, sets in one word */
#define HV_MAX_SLOTS 32 /* memory map entries */

/* hv_vp.attention: set by any thread, looked at between instructions. */
#define HV_ATTN_EVENT  0x1u /* interrupt, NMI, INIT or SIPI may be pending */
#define HV_ATTN_PAUSE  0x2u /* leave hv_vp_run() */
#define HV_ATTN_ENGINE 0x4u /* for the engine itself: flushes, handshakes */

/* hv_vp.init_sipi; the SIPI's vector is in the low eight bits. */
#define HV_INIT 0x100u
#define HV_SIPI 0x200u

/* One range of guest-physical space backed by host memory. */
struct hv_slot {
	gpa_t gpa;
	uint64_t size; /* whole pages */
	uint8_t *host;
	bool readonly; /* guest writes go to hv_host_ops.mmio_write */
};

/* What the core needs from what hosts it. @ctx is hv_partition.host_ctx. */
struct hv_host_ops {
	/* Device space accesses, on the processor's thread. Widths 1,2,4,8. */
	void (*pio_in)(void *ctx, struct hv_vp *vp, uint16_t port,
		       unsigned int width, void *data, uint32_t count);
	void (*pio_out)(void *ctx, struct hv_vp *vp, uint16_t port,
			unsigned int width, const void *data, uint32_t count);
	void (*mmio_read)(void *ctx, struct hv_vp *vp, gpa_t gpa,
			  unsigned int width, void *data);
	void (*mmio_write)(void *ctx, struct hv_vp *vp, gpa_t gpa,
			   unsigned int width, const void *data);

	/* The 8259's vector for an ExtINT, or negative: spurious, none. */
	int (*extint_ack)(void *ctx);
	/* The guest ended level-triggered @vector. On its VP's thread. */
	void (*eoi)(void *ctx, uint8_t vector);

	/*
	 * Call hv_vp_timer_due(vp) when the host TSC reaches @tsc
	 * (UINT64_MAX: never). Replaces the previous wish. VP thread.
	 */
	void (*arm_timer)(void *ctx, struct hv_vp *vp, uint64_t tsc);
	/*
	 * @vp has EVENT or PAUSE attention: wake its thread if it waits. Any
	 * thread, with whatever locks the caller of hv_vp_notify() holds. The
	 * waiter must look at hv_vp_runnable() after it has made itself known
	 * as waiting (see hv_vp_notify() for the order).
	 */
	void (*wake)(void *ctx, struct hv_vp *vp);
};

struct hv_partition {
	const struct engine_ops *engine;
	const struct hv_host_ops *host;
	void *host_ctx;
	const struct cpu_model *model;
	uint32_t nr_vps;
	uint64_t tsc_khz;
	/* Guest minus host TSC at power-on; each VP's own comes on top. */
	uint64_t tsc_offset;
	_Atomic uint32_t lowest_turn; /* round robin of lowest priority */
	struct hv_vp *vp[HV_MAX_VPS];

	struct hv_slot slot[HV_MAX_SLOTS];
	uint32_t nr_slots;

	_Atomic bool extint; /* level of the 8259's INTR line */
};

struct hv_vp {
	struct vp_regs regs;        /* first: engines index gpr[] at offset 0 */
	_Atomic uint32_t attention; /* HV_ATTN_* */
	/*
	 * Set by the core while an interrupt waits for RFLAGS.IF: the engine
	 * returns ENGINE_EXIT_WINDOW at the first boundary where IF is set
	 * and no shadow holds. VP thread only.
	 */
	bool want_window;
	/*
	 * The same for an NMI: ENGINE_EXIT_WINDOW at the first boundary where
	 * VP_NMI_BLOCKED is clear (after IRET) and no shadow holds.
	 */
	bool want_nmi_window;

	uint32_t index;
	struct hv_partition *partition;
	struct apic apic;
	struct msr_state msr;
	uint64_t tsc_offset; /* guest TSC = host TSC + offset; the sum */

	_Atomic bool nmi_pending;
	_Atomic uint32_t init_sipi; /* HV_INIT, HV_SIPI | vector */

	uint32_t debug_flags;    /* HV_DEBUG_*; written while stopped */
	uint32_t debug_reason;   /* HV_DEBUG_* that ended the run */
	uint64_t debug_break[8]; /* guest linear addresses; ~0 unused */
};

/* Why hv_vp_run() came back. */
enum hv_run {
	HV_RUN_IDLE,   /* halted or waiting for SIPI, no event: wait for wake */
	HV_RUN_PAUSED, /* HV_ATTN_PAUSE was set (and is cleared) */
	HV_RUN_SHUTDOWN, /* triple fault */
	HV_RUN_DEBUG,
};

struct hv_partition_config {
	const struct engine_ops *engine;
	const struct hv_host_ops *host;
	void *host_ctx;
	const struct cpu_model *model; /* borrowed for the partition's life */
	uint64_t tsc_khz;              /* of host and guest */
};

/* Negative errno from the engine. No VP exists yet. */
int hv_partition_init(struct hv_partition *p,
		      const struct hv_partition_config *config);
void hv_partition_fini(struct hv_partition *p);

/* Adds the next processor; the first is the bootstrap processor. */
int hv_vp_init(struct hv_vp *vp, struct hv_partition *p);
void hv_vp_fini(struct hv_vp *vp);

/* Power-on state of the processor (its INIT state with @init). Stopped. */
void hv_vp_reset(struct hv_vp *vp, bool init);

/*
 * Add or replace a memory range; slots never overlap. All VPs stopped.
 * -EINVAL: unaligned, overlapping or wrapping; -ENOSPC: too many slots.
 */
int hv_partition_map(struct hv_partition *p, const struct hv_slot *slot);

/*
 * Host address behind @gpa and how many bytes follow it in the same slot;
 * NULL when no RAM is there. Any thread: the map is constant while VPs run.
 */
uint8_t *hv_gpa_to_host(const struct hv_partition *p, gpa_t gpa,
			uint64_t *ret_left, bool *ret_readonly);

/* Run on the calling thread, which is the processor from now on. */
enum hv_run hv_vp_run(struct hv_vp *vp);

/* True when hv_vp_run() would do more than return HV_RUN_IDLE. VP thread. */
bool hv_vp_runnable(const struct hv_vp *vp);

/*
 * Set attention bits and make the processor look. Any thread. What the bits
 * tell of must have been stored before; the processor clears a bit before it
 * looks at what the bit tells of, so nothing is lost whichever comes first.
 */
void hv_vp_notify(struct hv_vp *vp, uint32_t attention);

/* The host timer armed by hv_host_ops.arm_timer expired. Any thread. */
void hv_vp_timer_due(struct hv_vp *vp);

/* Interrupt message in MSI form (SDM 11.11). Any thread. */
void hv_partition_msi(struct hv_partition *p, uint64_t addr, uint32_t data);
/* Level of the 8259's INTR output. Any thread. */
void hv_partition_extint(struct hv_partition *p, bool level);
/* Any thread. */
void hv_vp_nmi(struct hv_vp *vp);

/* The guest's TSC continues from @value on all processors. All stopped. */
void hv_partition_set_tsc(struct hv_partition *p, uint64_t value);

/* ---- saved state: of a stopped processor ---- */

/* Pending events and time: what no register shows. */
struct vp_event_state {
	uint64_t tsc;       /* of the partition at the moment of saving */
	uint64_t tsc_delta; /* this processor's TSC minus the partition's */
	uint32_t init_sipi;
	uint8_t nmi_pending;
};

extern const struct state_desc vp_event_state_desc;
extern const struct state_desc vp_regs_desc;

/* Room to load into before anything is accepted. */
struct hv_vp_image {
	struct vp_regs regs;
	struct apic_state apic;
	struct msr_state msr;
	struct vp_event_state event;
	struct vp_regs scratch; /* the largest of them */
};

/* Bytes that hv_vp_save() writes. */
size_t hv_vp_state_size(void);
/* Field-table records of everything the processor is; bytes or -ENOSPC. */
int64_t hv_vp_save(struct hv_vp *vp, struct hv_vp_image *image, void *buf,
		   size_t size);
/*
 * Bytes consumed, or with the processor untouched what state_load() says;
 * also -EINVAL for values that the CPU model forbids. Loading the first
 * processor sets the partition's time, so it comes first.
 */
int64_t hv_vp_load(struct hv_vp *vp, struct hv_vp_image *image, const void *buf,
		   size_t size);
