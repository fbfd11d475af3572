/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC as a pure state machine (SDM 11; x2APIC 11.12). Time is
 * passed in (the host's time-stamp counter); what it wants from outside comes
 * back as actions.
 *
 * Other threads only touch the atomics: apic_accept() and apic_receive_error()
 * set bits, apic_match() reads .address. Everything else belongs to the
 * processor's own thread, or to anybody while it is stopped.
 */
#pragma once

#include <abi/apic.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define APIC_NO_DEADLINE UINT64_MAX
#define APIC_BROADCAST   UINT32_MAX /* apic_message.dest */

struct apic {
	uint64_t base; /* IA32_APIC_BASE */
	uint32_t id;   /* initial; an xAPIC's ID register may differ */
	/* Registers by (offset >> 4), as far as they are plain memory. */
	uint32_t reg[APIC_REGS];
	uint32_t icr_high; /* xAPIC: bits 63:32; x2APIC: destination */
	_Atomic uint32_t irr[8];
	_Atomic uint32_t tmr[8];
	uint32_t isr[8];

	/*
	 * What other processors must know to address this one, in one word:
	 * see apic_match(). Derived from the registers by the owner.
	 */
	_Atomic uint64_t address;
	/* Errors since the last write to ESR, and whether to tell the guest. */
	_Atomic uint32_t errors;
	_Atomic bool error_raised;

	/* Timer; all in host TSC ticks (apic_timer.c). */
	uint64_t timer_deadline; /* next expiry or APIC_NO_DEADLINE */
	uint64_t timer_period;   /* 0: one-shot */
	uint64_t tsc_deadline;   /* IA32_TSC_DEADLINE as the guest wrote it */
	_Atomic bool timer_due;  /* the host's timer went off: look */

	/* Fixed-point (32.32) factors between bus clock and TSC. */
	uint64_t tsc_per_bus;
	uint64_t bus_per_tsc;
};

/* An interrupt message: from an ICR, a device's MSI or the IOAPIC. */
struct apic_message {
	uint32_t dest; /* APIC_BROADCAST: all */
	uint8_t vector;
	uint8_t mode;      /* enum apic_mode */
	uint8_t shorthand; /* enum apic_shorthand; the rest needs a sender */
	bool logical;
	bool level;  /* level-triggered: the end is told to the host */
	bool lowest; /* one of the destinations only (redirection hint) */
};

/* What a register access asks of the caller. */
#define APIC_DO_SEND  0x1u /* apic_result.message */
#define APIC_DO_TIMER 0x2u /* apic.timer_deadline changed: arm the host's */
#define APIC_DO_EOI   0x4u /* tell the host: level .eoi_vector ended */
#define APIC_DO_LOOK  0x8u /* an interrupt may have become deliverable */

struct apic_result {
	uint32_t actions; /* APIC_DO_* */
	uint8_t eoi_vector;
	struct apic_message message;
};

/* Once, before anything else: @tsc_khz ticks of the host TSC per ms. */
void apic_init(struct apic *a, uint32_t id, uint64_t tsc_khz);

/* Power-on state, or with @init that after an INIT (keeps ID and base). */
void apic_reset(struct apic *a, bool init);

static inline bool apic_enabled(const struct apic *a)
{
	return a->base & APIC_BASE_ENABLE;
}

static inline bool apic_x2(const struct apic *a)
{
	return a->base & APIC_BASE_X2APIC;
}

/* Is @gpa in the register page, as it is now? */
static inline bool apic_owns(const struct apic *a, uint64_t gpa)
{
	return ((a->base ^ gpa) >> 12 & (UINT64_MAX >> 24)) == 0 &&
	       (a->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) ==
		       APIC_BASE_ENABLE;
}

/*
 * Does access to register @reg (offset >> 4, or MSR - 0x800) look at the
 * time? Reading the host's TSC is the dear part of an access: @now may be 0
 * for the others.
 */
static inline bool apic_needs_time(uint32_t reg)
{
	return reg >= APIC_TIMER_INIT;
}

/* Register page access, any @offset < 4096 and @width 1, 2, 4 or 8. */
uint64_t apic_mmio_read(struct apic *a, uint32_t offset, unsigned int width,
			uint64_t now);
void apic_mmio_write(struct apic *a, uint32_t offset, unsigned int width,
		     uint64_t value, uint64_t now, struct apic_result *ret);

/* MSRs 0x800 to 0x8ff. False: #GP. */
bool apic_msr_read(struct apic *a, uint32_t msr, uint64_t now, uint64_t *ret);
bool apic_msr_write(struct apic *a, uint32_t msr, uint64_t value, uint64_t now,
		    struct apic_result *ret);

/* IA32_APIC_BASE; false: #GP (reserved bit or illegal transition). */
bool apic_base_write(struct apic *a, uint64_t value, uint8_t phys_bits,
		     bool x2_allowed, struct apic_result *ret);

/* CR8 and TPR[7:4] are the same thing. */
uint64_t apic_cr8(const struct apic *a);
void apic_set_cr8(struct apic *a, uint64_t value, struct apic_result *ret);

/*
 * IA32_TSC_DEADLINE. @tsc_offset is guest minus host TSC; when it changes
 * later, call apic_tsc_offset_changed().
 */
uint64_t apic_tsc_deadline(const struct apic *a);
void apic_set_tsc_deadline(struct apic *a, uint64_t value, uint64_t tsc_offset,
			   struct apic_result *ret);
void apic_tsc_offset_changed(struct apic *a, uint64_t tsc_offset,
			     struct apic_result *ret);

/*
 * Take what became due at @now: timer expiry and reception errors turn into
 * pending interrupts. Owner only.
 */
void apic_poll(struct apic *a, uint64_t now, struct apic_result *ret);

/* Vector that may be delivered now (above PPR), or -1. Owner only. */
int apic_pending(const struct apic *a);
/* The processor takes @vector, which apic_pending() has named: IRR to ISR. */
void apic_ack(struct apic *a, uint8_t vector);

/* Does LINT0 pass the 8259's interrupts (virtual wire)? Owner only. */
bool apic_passes_extint(const struct apic *a);

/*
 * Any thread: is this one addressed by @m (shorthands aside)? A software-
 * disabled APIC is addressed but accepts no fixed interrupt.
 */
bool apic_match(const struct apic *a, const struct apic_message *m);
/* Any thread: software-enabled, so that fixed interrupts are accepted? */
bool apic_accepting(const struct apic *a);
/*
 * Any thread: make fixed @vector pending. False when the vector is illegal
 * (then an error is noted). The caller wakes the processor either way.
 */
bool apic_accept(struct apic *a, uint8_t vector, bool level);

/* MSI address and data to a message; false when it addresses no APIC. */
bool apic_message_from_msi(uint64_t addr, uint32_t data,
			   struct apic_message *ret);

/* What is saved of an APIC; deadlines are relative to the moment of saving. */
struct apic_state {
	uint64_t base;
	uint32_t reg[APIC_REGS];
	uint32_t icr_high;
	uint32_t irr[8];
	uint32_t tmr[8];
	uint32_t isr[8];
	uint32_t errors;
	uint8_t error_raised;
	uint8_t timer_armed;
	uint64_t timer_left_ns; /* until the next expiry */
	uint64_t tsc_deadline;
};

struct state_desc;
extern const struct state_desc apic_state_desc;

void apic_save(const struct apic *a, uint64_t now, struct apic_state *ret);
/* @s has passed apic_state_desc.check(). Arm the timer afterwards. */
void apic_load(struct apic *a, const struct apic_state *s, uint64_t now);
