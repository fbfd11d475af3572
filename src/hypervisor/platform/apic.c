/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: registers in both modes, interrupt acceptance and priority
 * (SDM 11.4 to 11.8, 11.12). The machine is wired as firmware leaves a PC:
 * after power-on the bootstrap processor's LINT0 passes the 8259's interrupts
 * (virtual wire mode), so that a guest without an APIC driver gets them.
 */
#include "apic_priv.h"

#include <base/errno.h>
#include <base/mem.h>
#include <base/state.h>

#define VERSION UINT32_C(0x50014) /* six LVT entries, integrated */

/* apic.address */
#define ADDR_ON      BIT64(63)
#define ADDR_X2      BIT64(62)
#define ADDR_ACCEPTS BIT64(61) /* software-enabled */
#define ADDR_CLUSTER BIT64(60)
#define ADDR_LDR(x)  ((uint64_t)(x) << 32)

/* How a register may be accessed; one without access does not exist. */
#define R1   0x1u /* in xAPIC mode */
#define W1   0x2u
#define R2   0x4u /* in x2APIC mode */
#define W2   0x8u
#define READ (R1 | R2)
#define FULL (R1 | W1 | R2 | W2)

struct reg_rule {
	uint32_t access;
	uint32_t writable; /* bits */
};

#define LVT_COMMON (APIC_LVT_VECTOR | APIC_LVT_MASKED)
#define LVT_MODE   (LVT_COMMON | APIC_LVT_MODE)
#define LVT_PIN    (LVT_MODE | APIC_LVT_LOW | APIC_LVT_LEVEL)

/* clang-format off */
static const struct reg_rule rules[APIC_REGS] = { /* table */
	[APIC_ID]           = { READ | W1,      0xff000000 },
	[APIC_VERSION]      = { READ,           0 },
	[APIC_TPR]          = { FULL,           0xff },
	[APIC_APR]          = { R1,             0 },
	[APIC_PPR]          = { READ,           0 },
	[APIC_EOI]          = { W1 | W2,        0 },
	[APIC_RRD]          = { R1,             0 },
	[APIC_LDR]          = { READ | W1,      0xff000000 },
	[APIC_DFR]          = { R1 | W1,        0xf0000000 },
	[APIC_SVR]          = { FULL,           APIC_SVR_WRITABLE },
	[APIC_ISR ... APIC_IRR + 7] = { READ,   0 },
	[APIC_ESR]          = { FULL,           0 },
	[APIC_ICR]          = { FULL,           APIC_ICR_WRITABLE },
	[APIC_ICR2]         = { R1 | W1,        0xff000000 },
	[APIC_LVT_TIMER]    = { FULL,           LVT_COMMON |
						APIC_LVT_TIMER_MODE },
	[APIC_LVT_THERMAL]  = { FULL,           LVT_MODE },
	[APIC_LVT_PERF]     = { FULL,           LVT_MODE },
	[APIC_LVT_LINT0]    = { FULL,           LVT_PIN },
	[APIC_LVT_LINT1]    = { FULL,           LVT_PIN },
	[APIC_LVT_ERROR]    = { FULL,           LVT_COMMON },
	[APIC_TIMER_INIT]   = { FULL,           0xffffffff },
	[APIC_TIMER_COUNT]  = { READ,           0 },
	[APIC_TIMER_DIVIDE] = { FULL,           APIC_TIMER_DIVIDE_ALL },
	[APIC_SELF_IPI]     = { W2,             0xff },
};
/* clang-format on */

static const uint8_t lvt_regs[] = {
	APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF,
	APIC_LVT_LINT0, APIC_LVT_LINT1,   APIC_LVT_ERROR,
};

/* ---- sets of vectors ---- */

static int highest(const uint32_t set[8])
{
	for (int i = 7; i >= 0; i--) {
		if (set[i])
			return i * 32 + 31 - __builtin_clz(set[i]);
	}
	return -1;
}

static int highest_atomic(const _Atomic uint32_t set[8])
{
	for (int i = 7; i >= 0; i--) {
		uint32_t v =
			atomic_load_explicit(&set[i], memory_order_acquire);

		if (v)
			return i * 32 + 31 - __builtin_clz(v);
	}
	return -1;
}

/* ---- life ---- */

static uint32_t x2_ldr(uint32_t id)
{
	return (id >> 4) << 16 | BIT(id & 15);
}

/* Tell the other processors how this one is addressed now. */
static void publish(struct apic *a)
{
	uint64_t v = 0;

	if (apic_x2(a))
		v = a->id | ADDR_X2;
	else
		v = a->reg[APIC_ID] >> 24 | ADDR_LDR(a->reg[APIC_LDR] >> 24) |
		    (a->reg[APIC_DFR] >> 28 == APIC_DFR_CLUSTER ? ADDR_CLUSTER
								: 0);
	if (apic_enabled(a))
		v |= ADDR_ON;
	if (a->reg[APIC_SVR] & APIC_SVR_ENABLE)
		v |= ADDR_ACCEPTS;
	atomic_store_explicit(&a->address, v, memory_order_release);
}

/* Registers as after power-on, which INIT and re-enabling do as well. */
static void reset_registers(struct apic *a)
{
	uint32_t id = a->reg[APIC_ID];

	memset(a->reg, 0, sizeof(a->reg));
	a->reg[APIC_ID] = id;
	a->reg[APIC_DFR] = UINT32_MAX;
	a->reg[APIC_SVR] = 0xff;
	for (unsigned int i = 0; i < ARRAY_SIZE(lvt_regs); i++)
		a->reg[lvt_regs[i]] = APIC_LVT_MASKED;
	for (unsigned int i = 0; i < 8; i++) {
		atomic_store(&a->irr[i], 0);
		atomic_store(&a->tmr[i], 0);
		a->isr[i] = 0;
	}
	a->icr_high = 0;
	atomic_store(&a->errors, 0);
	atomic_store(&a->error_raised, false);
	atomic_store(&a->timer_due, false);
	apic_timer_stop(a);
}

void apic_init(struct apic *a, uint32_t id, uint64_t tsc_khz)
{
	a->id = id;
	apic_timer_init(a, tsc_khz);
}

void apic_reset(struct apic *a, bool init)
{
	if (!init) {
		a->base = APIC_DEFAULT_BASE | APIC_BASE_ENABLE |
			  (a->id == 0 ? APIC_BASE_BSP : 0);
		a->reg[APIC_ID] = a->id << 24;
	}
	reset_registers(a);
	if (!init && a->id == 0)
		a->reg[APIC_LVT_LINT0] = APIC_MODE_EXTINT << APIC_MODE_SHIFT;
	publish(a);
}

bool apic_base_write(struct apic *a, uint64_t value, uint8_t phys_bits,
		     bool x2_allowed, struct apic_result *ret)
{
	uint64_t known = APIC_BASE_BSP | APIC_BASE_X2APIC | APIC_BASE_ENABLE |
			 BITS64(phys_bits - 1, 12);
	uint64_t mode = value & (APIC_BASE_X2APIC | APIC_BASE_ENABLE);
	uint64_t before = a->base & (APIC_BASE_X2APIC | APIC_BASE_ENABLE);

	if ((value & ~known) || mode == APIC_BASE_X2APIC ||
	    (!x2_allowed && (mode & APIC_BASE_X2APIC)))
		return false;
	/* From x2APIC only to disabled, and from there only to xAPIC. */
	if ((before & APIC_BASE_X2APIC) && mode == APIC_BASE_ENABLE)
		return false;
	if (!before && (mode & APIC_BASE_X2APIC))
		return false;

	a->base = value;
	if (mode != before) {
		if (!mode || !before) {
			reset_registers(a);
			a->reg[APIC_ID] = a->id << 24;
		}
		ret->actions |= APIC_DO_TIMER | APIC_DO_LOOK;
	}
	publish(a);
	return true;
}

/* ---- priority ---- */

static uint32_t ppr(const struct apic *a)
{
	uint32_t tpr = a->reg[APIC_TPR];
	int isr = highest(a->isr);

	if (isr < 0 || (tpr & 0xf0) >= ((uint32_t)isr & 0xf0))
		return tpr;
	return (uint32_t)isr & 0xf0;
}

int apic_pending(const struct apic *a)
{
	int vector = highest_atomic(a->irr);

	if (vector < 0 || !apic_enabled(a))
		return -1;
	return ((uint32_t)vector & 0xf0) > (ppr(a) & 0xf0) ? vector : -1;
}

void apic_ack(struct apic *a, uint8_t vector)
{
	uint32_t bit = BIT(vector & 31);

	a->isr[vector / 32] |= bit;
	atomic_fetch_and(&a->irr[vector / 32], ~bit);
}

static void look(const struct apic *a, struct apic_result *ret)
{
	if (apic_pending(a) >= 0)
		ret->actions |= APIC_DO_LOOK;
}

uint64_t apic_cr8(const struct apic *a)
{
	return a->reg[APIC_TPR] >> 4;
}

void apic_set_cr8(struct apic *a, uint64_t value, struct apic_result *ret)
{
	a->reg[APIC_TPR] = (uint32_t)(value & 0xf) << 4;
	look(a, ret);
}

static void end_of_interrupt(struct apic *a, struct apic_result *ret)
{
	int vector = highest(a->isr);

	if (vector < 0)
		return;
	a->isr[vector / 32] &= ~BIT(vector & 31);
	if (atomic_load(&a->tmr[vector / 32]) & BIT(vector & 31)) {
		ret->actions |= APIC_DO_EOI;
		ret->eoi_vector = (uint8_t)vector;
	}
	look(a, ret);
}

/* ---- acceptance; any thread ---- */

static void note_error(struct apic *a, uint32_t error)
{
	atomic_fetch_or(&a->errors, error);
	atomic_store(&a->error_raised, true);
}

bool apic_match(const struct apic *a, const struct apic_message *m)
{
	uint64_t at = atomic_load_explicit(&a->address, memory_order_acquire);
	uint32_t ldr = (at >> 32) & 0xff;

	if (!(at & ADDR_ON))
		return false;
	if (m->dest == APIC_BROADCAST)
		return true;
	if (!m->logical)
		return (uint32_t)at == m->dest;
	if (at & ADDR_X2) {
		ldr = x2_ldr((uint32_t)at);
		return ldr >> 16 == m->dest >> 16 && (ldr & m->dest & 0xffff);
	}
	if (!(at & ADDR_CLUSTER))
		return ldr & m->dest;
	return (m->dest >> 4 == 0xf || m->dest >> 4 == ldr >> 4) &&
	       (ldr & m->dest & 0xf);
}

bool apic_accepting(const struct apic *a)
{
	uint64_t at = atomic_load_explicit(&a->address, memory_order_acquire);

	return (at & (ADDR_ON | ADDR_ACCEPTS)) == (ADDR_ON | ADDR_ACCEPTS);
}

bool apic_accept(struct apic *a, uint8_t vector, bool level)
{
	uint32_t bit = BIT(vector & 31);

	if (vector < APIC_FIRST_VECTOR) {
		note_error(a, APIC_ESR_RECEIVE_ILLEGAL);
		return false;
	}
	/* The trigger mode first: EOI reads it after it has seen the bit. */
	if (level)
		atomic_fetch_or(&a->tmr[vector / 32], bit);
	else if (atomic_load(&a->tmr[vector / 32]) & bit)
		atomic_fetch_and(&a->tmr[vector / 32], ~bit);
	atomic_fetch_or(&a->irr[vector / 32], bit);
	return true;
}

void apic_raise_lvt(struct apic *a, enum apic_reg reg)
{
	uint32_t lvt = a->reg[reg];

	if ((lvt & APIC_LVT_MASKED) || !apic_enabled(a))
		return;
	if (reg == APIC_LVT_ERROR &&
	    (lvt & APIC_LVT_VECTOR) < APIC_FIRST_VECTOR) {
		/* An error about the error interrupt raises no other. */
		atomic_fetch_or(&a->errors, APIC_ESR_RECEIVE_ILLEGAL);
		return;
	}
	(void)apic_accept(a, (uint8_t)(lvt & APIC_LVT_VECTOR), false);
}

bool apic_passes_extint(const struct apic *a)
{
	return !apic_enabled(a) ||
	       (a->reg[APIC_LVT_LINT0] & (APIC_LVT_MASKED | APIC_LVT_MODE)) ==
		       APIC_MODE_EXTINT << APIC_MODE_SHIFT;
}

void apic_poll(struct apic *a, uint64_t now, struct apic_result *ret)
{
	if (atomic_exchange(&a->timer_due, false))
		apic_timer_poll(a, now, ret);
	if (atomic_exchange(&a->error_raised, false))
		apic_raise_lvt(a, APIC_LVT_ERROR);
}

/* ---- sending ---- */

static bool may_send(const struct apic_message *m, uint32_t icr)
{
	switch (m->mode) {
	case APIC_MODE_FIXED:
		return true;
	case APIC_MODE_INIT:
		/* A level de-assert does nothing since the Pentium 4. */
		if ((icr & (APIC_ICR_LEVEL | APIC_ICR_ASSERT)) ==
		    APIC_ICR_LEVEL)
			return false;
		break;
	case APIC_MODE_LOWEST:
	case APIC_MODE_NMI:
	case APIC_MODE_SIPI:
		break;
	default: /* SMI goes nowhere; the others are reserved */
		return false;
	}
	return m->shorthand == APIC_TO_DEST || m->shorthand == APIC_TO_OTHERS;
}

static void send(struct apic *a, uint32_t icr, uint32_t dest,
		 struct apic_result *ret)
{
	struct apic_message m = {
		.dest = dest,
		.vector = (uint8_t)icr,
		.mode = (icr >> APIC_MODE_SHIFT) & 7,
		.shorthand =
			(icr & APIC_ICR_SHORTHAND) >> APIC_ICR_SHORTHAND_SHIFT,
		.logical = icr & APIC_ICR_LOGICAL,
	};

	if ((m.mode == APIC_MODE_FIXED || m.mode == APIC_MODE_LOWEST) &&
	    m.vector < APIC_FIRST_VECTOR) {
		note_error(a, APIC_ESR_SEND_ILLEGAL);
		ret->actions |= APIC_DO_LOOK;
		return;
	}
	if (!may_send(&m, icr))
		return;
	ret->message = m;
	ret->actions |= APIC_DO_SEND;
}

bool apic_message_from_msi(uint64_t addr, uint32_t data,
			   struct apic_message *ret)
{
	if ((addr & MSI_ADDR_BASE_MASK) != MSI_ADDR_BASE)
		return false;
	*ret = (struct apic_message){
		.dest = (uint8_t)(addr >> MSI_ADDR_DEST_SHIFT),
		.vector = data & MSI_DATA_VECTOR,
		.mode = (data & MSI_DATA_MODE) >> APIC_MODE_SHIFT,
		.logical = addr & MSI_ADDR_LOGICAL,
		.level = data & MSI_DATA_LEVEL,
		.lowest = addr & MSI_ADDR_HINT,
	};
	if (!ret->logical && ret->dest == 0xff)
		ret->dest = APIC_BROADCAST;
	return true;
}

/* ---- registers ---- */

static uint32_t reg_read(struct apic *a, uint32_t reg, uint64_t now)
{
	switch (reg) {
	case APIC_ID:
		return apic_x2(a) ? a->id : a->reg[APIC_ID];
	case APIC_VERSION:
		return VERSION;
	case APIC_PPR:
	case APIC_APR:
		return ppr(a);
	case APIC_LDR:
		return apic_x2(a) ? x2_ldr(a->id) : a->reg[APIC_LDR];
	case APIC_ISR ... APIC_ISR + 7:
		return a->isr[reg - APIC_ISR];
	case APIC_TMR ... APIC_TMR + 7:
		return atomic_load(&a->tmr[reg - APIC_TMR]);
	case APIC_IRR ... APIC_IRR + 7:
		return atomic_load(&a->irr[reg - APIC_IRR]);
	case APIC_ICR2:
		return a->icr_high;
	case APIC_TIMER_COUNT:
		return apic_timer_count(a, now);
	default:
		return a->reg[reg];
	}
}

static void write_svr(struct apic *a, uint32_t value)
{
	a->reg[APIC_SVR] = value;
	if (!(value & APIC_SVR_ENABLE)) {
		for (unsigned int i = 0; i < ARRAY_SIZE(lvt_regs); i++)
			a->reg[lvt_regs[i]] |= APIC_LVT_MASKED;
	}
	publish(a);
}

static void write_lvt(struct apic *a, uint32_t reg, uint32_t value,
		      struct apic_result *ret)
{
	if (!(a->reg[APIC_SVR] & APIC_SVR_ENABLE))
		value |= APIC_LVT_MASKED;
	if (reg == APIC_LVT_TIMER) {
		apic_timer_set_lvt(a, value);
		ret->actions |= APIC_DO_TIMER;
	} else {
		a->reg[reg] = value;
		/* LINT0: the 8259 may be waiting. */
		ret->actions |= APIC_DO_LOOK;
	}
}

/* @value has only writable bits. ICR is written by send(). */
static void reg_write(struct apic *a, uint32_t reg, uint32_t value,
		      uint64_t now, struct apic_result *ret)
{
	switch (reg) {
	case APIC_EOI:
		end_of_interrupt(a, ret);
		break;
	case APIC_ID:
	case APIC_LDR:
		a->reg[reg] = value;
		publish(a);
		break;
	case APIC_DFR:
		a->reg[reg] = value | 0x0fffffff;
		publish(a);
		break;
	case APIC_TPR:
		a->reg[reg] = value;
		look(a, ret);
		break;
	case APIC_SVR:
		write_svr(a, value);
		break;
	case APIC_ESR:
		a->reg[reg] = atomic_exchange(&a->errors, 0);
		break;
	case APIC_ICR2:
		a->icr_high = value;
		break;
	case APIC_TIMER_INIT:
		if (apic_timer_mode(a) == APIC_TIMER_DEADLINE)
			break;
		a->reg[reg] = value;
		apic_timer_start(a, now);
		ret->actions |= APIC_DO_TIMER;
		break;
	case APIC_TIMER_DIVIDE:
		apic_timer_set_divide(a, value, now);
		ret->actions |= APIC_DO_TIMER;
		break;
	case APIC_SELF_IPI:
		send(a, value | APIC_TO_SELF << APIC_ICR_SHORTHAND_SHIFT, 0,
		     ret);
		break;
	default:
		write_lvt(a, reg, value, ret);
		break;
	}
}

static void illegal_register(struct apic *a, struct apic_result *ret)
{
	note_error(a, APIC_ESR_ILLEGAL_REGISTER);
	if (ret)
		ret->actions |= APIC_DO_LOOK;
}

uint64_t apic_mmio_read(struct apic *a, uint32_t offset, unsigned int width,
			uint64_t now)
{
	uint32_t reg = offset >> 4;
	uint32_t byte = offset & 0xf;

	if (reg >= APIC_REGS || !(rules[reg].access & R1)) {
		illegal_register(a, NULL);
		return 0;
	}
	/* Only the first of each four words is there (SDM 11.4.1). */
	if (byte >= 4)
		return 0;
	return (uint64_t)reg_read(a, reg, now) >> (byte * 8);
}

void apic_mmio_write(struct apic *a, uint32_t offset, unsigned int width,
		     uint64_t value, uint64_t now, struct apic_result *ret)
{
	uint32_t reg = offset >> 4;

	if ((offset & 0xf) || width < 4)
		return;
	if (reg >= APIC_REGS || !(rules[reg].access & W1)) {
		illegal_register(a, ret);
		return;
	}
	value &= rules[reg].writable;
	if (reg != APIC_ICR) {
		reg_write(a, reg, (uint32_t)value, now, ret);
		return;
	}
	a->reg[APIC_ICR] = (uint32_t)value & ~APIC_ICR_PENDING;
	send(a, a->reg[APIC_ICR],
	     a->icr_high >> 24 == 0xff && !(value & APIC_ICR_LOGICAL)
		     ? APIC_BROADCAST
		     : a->icr_high >> 24,
	     ret);
}

bool apic_msr_read(struct apic *a, uint32_t msr, uint64_t now, uint64_t *ret)
{
	uint32_t reg = msr - 0x800;

	if (!apic_x2(a) || reg >= APIC_REGS || !(rules[reg].access & R2))
		return false;
	*ret = reg_read(a, reg, now);
	if (reg == APIC_ICR)
		*ret |= (uint64_t)a->icr_high << 32;
	return true;
}

bool apic_msr_write(struct apic *a, uint32_t msr, uint64_t value, uint64_t now,
		    struct apic_result *ret)
{
	uint32_t reg = msr - 0x800;

	if (!apic_x2(a) || reg >= APIC_REGS || !(rules[reg].access & W2))
		return false;
	if (reg == APIC_ICR) {
		if ((uint32_t)value & ~APIC_ICR_WRITABLE)
			return false;
		a->icr_high = (uint32_t)(value >> 32);
		a->reg[reg] = (uint32_t)value & ~APIC_ICR_PENDING;
		send(a, a->reg[reg], a->icr_high, ret);
		return true;
	}
	if (value & ~(uint64_t)rules[reg].writable)
		return false;
	reg_write(a, reg, (uint32_t)value, now, ret);
	return true;
}

/* ---- saved state ---- */

static int check_state(const void *state)
{
	const struct apic_state *s = state;
	uint64_t mode = s->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);

	if (mode == APIC_BASE_X2APIC ||
	    (s->base & ~(APIC_BASE_BSP | APIC_BASE_ENABLE | APIC_BASE_X2APIC |
			 BITS64(51, 12))))
		return -EINVAL;
	for (unsigned int i = 0; i < APIC_REGS; i++) {
		uint32_t fixed = i == APIC_DFR ? 0x0fffffff : 0;
		uint32_t known =
			rules[i].writable | fixed | (i == APIC_ESR ? 0xff : 0);

		if ((s->reg[i] & ~known) || (s->reg[i] & fixed) != fixed)
			return -EINVAL;
	}
	if ((s->irr[0] | s->isr[0] | s->tmr[0]) & 0xffff)
		return -EINVAL;
	if (s->error_raised > 1 || s->timer_armed > 1 || (s->errors & ~0xffu))
		return -EINVAL;
	if (!(mode & APIC_BASE_X2APIC) && (s->icr_high & 0xffffff))
		return -EINVAL;
	return 0;
}

static const struct state_field fields[] = {
	STATE_FIELD(struct apic_state, base, 1),
	STATE_ARRAY(struct apic_state, reg, 1),
	STATE_FIELD(struct apic_state, icr_high, 1),
	STATE_ARRAY(struct apic_state, irr, 1),
	STATE_ARRAY(struct apic_state, tmr, 1),
	STATE_ARRAY(struct apic_state, isr, 1),
	STATE_FIELD(struct apic_state, errors, 1),
	STATE_FIELD(struct apic_state, error_raised, 1),
	STATE_FIELD(struct apic_state, timer_armed, 1),
	STATE_FIELD(struct apic_state, timer_left_ns, 1),
	STATE_FIELD(struct apic_state, tsc_deadline, 1),
};

const struct state_desc apic_state_desc = STATE_DESC(
	struct apic_state, "hypervisor/apic", 1, fields, check_state);

void apic_save(const struct apic *a, uint64_t now, struct apic_state *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->base = a->base;
	memcpy(ret->reg, a->reg, sizeof(ret->reg));
	ret->icr_high = a->icr_high;
	for (unsigned int i = 0; i < 8; i++) {
		ret->irr[i] = atomic_load(&a->irr[i]);
		ret->tmr[i] = atomic_load(&a->tmr[i]);
		ret->isr[i] = a->isr[i];
	}
	ret->errors = atomic_load(&a->errors);
	ret->error_raised = atomic_load(&a->error_raised);
	apic_timer_save(a, now, ret);
}

void apic_load(struct apic *a, const struct apic_state *s, uint64_t now)
{
	a->base = s->base;
	memcpy(a->reg, s->reg, sizeof(a->reg));
	a->icr_high = s->icr_high;
	for (unsigned int i = 0; i < 8; i++) {
		atomic_store(&a->irr[i], s->irr[i]);
		atomic_store(&a->tmr[i], s->tmr[i]);
		a->isr[i] = s->isr[i];
	}
	atomic_store(&a->errors, s->errors);
	atomic_store(&a->error_raised, s->error_raised);
	atomic_store(&a->timer_due, false);
	apic_timer_load(a, s, now);
	publish(a);
}
