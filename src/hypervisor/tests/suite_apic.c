/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC alone: registers, priority, timer, addressing, state. */
#include "check.h"

#include <abi/msr.h>
#include <base/mem.h>
#include <base/state.h>
#include <hypervisor/apic.h>

#define KHZ UINT64_C(2000000) /* two TSC ticks per nanosecond */
#define ON  (APIC_SVR_ENABLE | 0xff)

static struct apic a;
static struct apic_result r;

static void write(enum apic_reg reg, uint32_t value, uint64_t now)
{
	r = (struct apic_result){0};
	apic_mmio_write(&a, (uint32_t)reg << 4, 4, value, now, &r);
}

static uint32_t read(enum apic_reg reg, uint64_t now)
{
	return (uint32_t)apic_mmio_read(&a, (uint32_t)reg << 4, 4, now);
}

static void poll(uint64_t now)
{
	r = (struct apic_result){0};
	atomic_store(&a.timer_due, true);
	apic_poll(&a, now, &r);
}

static void fresh(uint32_t id)
{
	memset(&a, 0, sizeof(a));
	apic_init(&a, id, KHZ);
	apic_reset(&a, false);
	write(APIC_SVR, ON, 0);
}

static void to_x2(void)
{
	CHECK(apic_base_write(&a, a.base | APIC_BASE_X2APIC, 46, true, &r));
}

/* ---- registers ---- */

static void test_reset(void)
{
	memset(&a, 0, sizeof(a));
	apic_init(&a, 3, KHZ);
	apic_reset(&a, false);
	CHECK_EQ(a.base, APIC_DEFAULT_BASE | APIC_BASE_ENABLE);
	CHECK_EQ(read(APIC_ID, 0), 3u << 24);
	CHECK_EQ(read(APIC_VERSION, 0), 0x50014);
	CHECK_EQ(read(APIC_SVR, 0), 0xff);
	CHECK_EQ(read(APIC_DFR, 0), 0xffffffff);
	CHECK_EQ(read(APIC_LVT_LINT0, 0), APIC_LVT_MASKED);
	CHECK_EQ(read(APIC_LVT_TIMER, 0), APIC_LVT_MASKED);
	CHECK(!apic_accepting(&a));
	fresh(0);
	CHECK(a.base & APIC_BASE_BSP);
	CHECK(apic_passes_extint(&a));
}

static const struct {
	uint32_t reg, written, read;
} masks[] = {
	{APIC_ID, 0xffffffff, 0xff000000},
	{APIC_TPR, 0xffffffff, 0xff},
	{APIC_LDR, 0xffffffff, 0xff000000},
	{APIC_DFR, 0x00000000, 0x0fffffff},
	{APIC_SVR, 0xffffffff, 0x3ff},
	{APIC_ICR2, 0xffffffff, 0xff000000},
	{APIC_LVT_TIMER, 0xffffffff, 0x700ff},
	{APIC_LVT_THERMAL, 0xffffffff, 0x107ff},
	{APIC_LVT_PERF, 0xffffffff, 0x107ff},
	{APIC_LVT_LINT0, 0xffffffff, 0x1a7ff},
	{APIC_LVT_LINT1, 0xffffffff, 0x1a7ff},
	{APIC_LVT_ERROR, 0xffffffff, 0x100ff},
	{APIC_TIMER_DIVIDE, 0xffffffff, 0xb},
	{APIC_VERSION, 0, 0x50014},
	{APIC_TIMER_COUNT, 5, 0},
};

static void test_writable_bits(void)
{
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		fresh(1);
		write(masks[i].reg, masks[i].written, 0);
		CHECK_EQ(read(masks[i].reg, 0), masks[i].read);
	}
}

static void test_partial_access(void)
{
	fresh(0);
	write(APIC_TPR, 0x25, 0);
	CHECK_EQ(apic_mmio_read(&a, 0x80, 1, 0) & 0xff, 0x25);
	CHECK_EQ(apic_mmio_read(&a, 0x31, 1, 0) & 0xff, 0x00);
	CHECK_EQ(apic_mmio_read(&a, 0x32, 1, 0) & 0xff, 0x05);
	CHECK_EQ(apic_mmio_read(&a, 0x84, 4, 0), 0);
	apic_mmio_write(&a, 0x80, 1, 0x99, 0, &r);
	apic_mmio_write(&a, 0x84, 4, 0x99, 0, &r);
	CHECK_EQ(read(APIC_TPR, 0), 0x25);
}

static void test_disable_masks_lvt(void)
{
	fresh(0);
	write(APIC_LVT_TIMER, 0x30, 0);
	write(APIC_SVR, 0xff, 0);
	CHECK_EQ(read(APIC_LVT_TIMER, 0), APIC_LVT_MASKED | 0x30);
	write(APIC_LVT_TIMER, 0x31, 0);
	CHECK_EQ(read(APIC_LVT_TIMER, 0), APIC_LVT_MASKED | 0x31);
	CHECK(!apic_accepting(&a));
}

static void test_errors(void)
{
	fresh(0);
	write(APIC_LVT_ERROR, 0xfe, 0);
	(void)read(APIC_RRD + 0x30, 0); /* no register there */
	poll(0);
	CHECK_EQ(apic_pending(&a), 0xfe);
	CHECK_EQ(read(APIC_ESR, 0), 0);
	write(APIC_ESR, 0, 0);
	CHECK_EQ(read(APIC_ESR, 0), APIC_ESR_ILLEGAL_REGISTER);
	write(APIC_ICR, 0x05, 0); /* vector below 16 */
	CHECK(!(r.actions & APIC_DO_SEND));
	CHECK(!apic_accept(&a, 3, false));
	write(APIC_ESR, 0, 0);
	CHECK_EQ(read(APIC_ESR, 0),
		 APIC_ESR_SEND_ILLEGAL | APIC_ESR_RECEIVE_ILLEGAL);
	/* The error interrupt itself illegal: no endless circle. */
	write(APIC_LVT_ERROR, 0x02, 0);
	CHECK(!apic_accept(&a, 3, false));
	poll(0);
	CHECK(!atomic_load(&a.error_raised));
}

/* ---- priority ---- */

static void test_priority(void)
{
	fresh(0);
	CHECK_EQ(apic_pending(&a), -1);
	CHECK(apic_accept(&a, 0x31, false));
	CHECK(apic_accept(&a, 0x52, false));
	CHECK_EQ(apic_pending(&a), 0x52);
	write(APIC_TPR, 0x50, 0);
	CHECK_EQ(apic_pending(&a), -1);
	write(APIC_TPR, 0x40, 0);
	CHECK(r.actions & APIC_DO_LOOK);
	apic_ack(&a, 0x52);
	CHECK_EQ(read(APIC_PPR, 0), 0x50);
	CHECK_EQ(read(APIC_ISR + 2, 0), 1u << 0x12);
	write(APIC_TPR, 0, 0);
	CHECK_EQ(apic_pending(&a), -1); /* 0x31 is below 0x52 in service */
	CHECK(apic_accept(&a, 0x5f, false));
	CHECK_EQ(apic_pending(&a), -1); /* same class */
	write(APIC_EOI, 0, 0);
	CHECK(r.actions & APIC_DO_LOOK);
	CHECK(!(r.actions & APIC_DO_EOI));
	CHECK_EQ(apic_pending(&a), 0x5f);
	apic_ack(&a, 0x5f);
	write(APIC_EOI, 0, 0);
	CHECK_EQ(apic_pending(&a), 0x31);
	write(APIC_EOI, 0, 0); /* nothing in service: no harm */
}

static void test_cr8(void)
{
	fresh(0);
	CHECK(apic_accept(&a, 0x45, false));
	apic_set_cr8(&a, 4, &r);
	CHECK_EQ(read(APIC_TPR, 0), 0x40);
	CHECK_EQ(apic_cr8(&a), 4);
	CHECK_EQ(apic_pending(&a), -1);
	apic_set_cr8(&a, 3, &r);
	CHECK_EQ(apic_pending(&a), 0x45);
}

static void test_level(void)
{
	fresh(0);
	CHECK(apic_accept(&a, 0x61, true));
	CHECK_EQ(read(APIC_TMR + 3, 0), 1u << 1);
	apic_ack(&a, 0x61);
	write(APIC_EOI, 0, 0);
	CHECK(r.actions & APIC_DO_EOI);
	CHECK_EQ(r.eoi_vector, 0x61);
	CHECK(apic_accept(&a, 0x61, false));
	CHECK_EQ(read(APIC_TMR + 3, 0), 0);
}

/* ---- timer ---- */

static void test_one_shot(void)
{
	fresh(0);
	write(APIC_LVT_TIMER, 0x40, 0);
	write(APIC_TIMER_DIVIDE, 0xb, 0); /* by 1 */
	write(APIC_TIMER_INIT, 1000, 5000);
	CHECK(r.actions & APIC_DO_TIMER);
	CHECK(a.timer_deadline >= 7000 && a.timer_deadline <= 7002);
	CHECK_EQ(read(APIC_TIMER_COUNT, 6000), 500);
	poll(6000); /* early */
	CHECK_EQ(apic_pending(&a), -1);
	CHECK(r.actions & APIC_DO_TIMER);
	poll(7002);
	CHECK_EQ(apic_pending(&a), 0x40);
	CHECK_EQ(read(APIC_TIMER_COUNT, 8000), 0);
	CHECK_EQ(a.timer_deadline, APIC_NO_DEADLINE);
	write(APIC_TIMER_INIT, 1000, 9000);
	write(APIC_TIMER_INIT, 0, 9000);
	CHECK_EQ(a.timer_deadline, APIC_NO_DEADLINE);
}

static void test_periodic(void)
{
	uint64_t first;

	fresh(0);
	write(APIC_TIMER_DIVIDE, 0xb, 0);
	write(APIC_LVT_TIMER, 0x40 | APIC_TIMER_PERIODIC, 0);
	write(APIC_TIMER_INIT, 1000000, 0);
	first = a.timer_deadline;
	CHECK(first >= 2000000 && first <= 2000002);
	poll(first);
	CHECK_EQ(apic_pending(&a), 0x40);
	CHECK_EQ(a.timer_deadline, first + a.timer_period);
	/* Ten periods late: one interrupt, the grid stays. */
	poll(first + a.timer_period * 10 + 7);
	CHECK_EQ(a.timer_deadline, first + a.timer_period * 11);
	/* Masked: it runs on in silence. */
	fresh(0);
	write(APIC_LVT_TIMER, 0x40 | APIC_TIMER_PERIODIC | APIC_LVT_MASKED, 0);
	write(APIC_TIMER_INIT, 1000000, 0);
	poll(a.timer_deadline);
	CHECK_EQ(apic_pending(&a), -1);
	CHECK(a.timer_deadline != APIC_NO_DEADLINE);
}

static void test_period_limit(void)
{
	fresh(0);
	write(APIC_TIMER_DIVIDE, 0xb, 0);
	write(APIC_LVT_TIMER, 0x40 | APIC_TIMER_PERIODIC, 0);
	write(APIC_TIMER_INIT, 1, 0);
	CHECK(a.timer_period >= 100000); /* 50 us */
	CHECK(read(APIC_TIMER_COUNT, 0) <= 1);
}

static void test_divide(void)
{
	static const uint8_t by[] = {2, 4, 8, 16, 32, 64, 128, 1};

	for (uint32_t i = 0; i < 8; i++) {
		fresh(0);
		write(APIC_TIMER_DIVIDE, (i & 3) | (i & 4) << 1, 0);
		write(APIC_TIMER_INIT, 100000, 0);
		CHECK_EQ(a.timer_deadline / 1000, 200u * by[i]);
	}
	/* Changed on the way: the count goes on from where it is. */
	fresh(0);
	write(APIC_TIMER_DIVIDE, 0xb, 0);
	write(APIC_TIMER_INIT, 100000, 0);
	write(APIC_TIMER_DIVIDE, 0x0, 100000); /* half way: 50000 left */
	CHECK_EQ(a.timer_deadline / 1000, 300);
}

static void test_deadline(void)
{
	uint64_t offset = -UINT64_C(1000000); /* guest is behind the host */

	fresh(0);
	r = (struct apic_result){0};
	apic_set_tsc_deadline(&a, 5000, offset, &r);
	CHECK_EQ(a.timer_deadline, APIC_NO_DEADLINE); /* not in that mode */
	CHECK_EQ(apic_tsc_deadline(&a), 0);

	write(APIC_LVT_TIMER, 0x40 | APIC_TIMER_DEADLINE, 0);
	apic_set_tsc_deadline(&a, 5000, offset, &r);
	CHECK(r.actions & APIC_DO_TIMER);
	CHECK_EQ(a.timer_deadline, 1005000);
	CHECK_EQ(apic_tsc_deadline(&a), 5000);
	apic_tsc_offset_changed(&a, offset - 100, &r);
	CHECK_EQ(a.timer_deadline, 1005100);
	write(APIC_TIMER_INIT, 77, 0); /* ignored in this mode */
	CHECK_EQ(read(APIC_TIMER_INIT, 0), 0);
	poll(1005100);
	CHECK_EQ(apic_pending(&a), 0x40);
	CHECK_EQ(apic_tsc_deadline(&a), 0);
	/* Far away stays far away, long past is now. */
	apic_set_tsc_deadline(&a, UINT64_MAX, offset, &r);
	CHECK_EQ(a.timer_deadline, APIC_NO_DEADLINE - 1);
	apic_set_tsc_deadline(&a, 10, 1000, &r);
	CHECK_EQ(a.timer_deadline, 0);
	/* Leaving the mode disarms. */
	write(APIC_LVT_TIMER, 0x40, 0);
	CHECK_EQ(apic_tsc_deadline(&a), 0);
	CHECK_EQ(a.timer_deadline, APIC_NO_DEADLINE);
}

/* ---- base and modes ---- */

static void test_base(void)
{
	uint64_t on = APIC_DEFAULT_BASE | APIC_BASE_ENABLE;

	fresh(1);
	CHECK(!apic_base_write(&a, on | 1, 46, true, &r));
	CHECK(!apic_base_write(&a, on | 1ull << 46, 46, true, &r));
	CHECK(!apic_base_write(&a, on | APIC_BASE_X2APIC, 46, false, &r));
	CHECK(!apic_base_write(&a, APIC_DEFAULT_BASE | APIC_BASE_X2APIC, 46,
			       true, &r));
	CHECK(apic_owns(&a, APIC_DEFAULT_BASE + 0x80));
	CHECK(!apic_owns(&a, APIC_DEFAULT_BASE + 0x1000));
	CHECK(apic_base_write(&a, 0xfed00000 | APIC_BASE_ENABLE, 46, true, &r));
	CHECK(apic_owns(&a, 0xfed00fff));
	CHECK(apic_base_write(&a, on, 46, true, &r));

	to_x2();
	CHECK(!apic_owns(&a, APIC_DEFAULT_BASE));
	CHECK(!apic_base_write(&a, on, 46, true, &r)); /* x2 to xAPIC */
	CHECK(apic_base_write(&a, APIC_DEFAULT_BASE, 46, true, &r));
	CHECK(!apic_enabled(&a));
	CHECK_EQ(apic_pending(&a), -1);
	CHECK(!apic_base_write(&a, on | APIC_BASE_X2APIC, 46, true, &r));
	CHECK(apic_base_write(&a, on, 46, true, &r));
	CHECK_EQ(read(APIC_SVR, 0), 0xff); /* lost what it held */
	CHECK_EQ(read(APIC_ID, 0), 1u << 24);
}

static bool x2_write(enum apic_reg reg, uint64_t value)
{
	r = (struct apic_result){0};
	return apic_msr_write(&a, MSR_X2APIC + (uint32_t)reg, value, 0, &r);
}

static void test_x2_registers(void)
{
	uint64_t v;

	fresh(0x25);
	CHECK(!apic_msr_read(&a, MSR_X2APIC + APIC_ID, 0, &v));
	to_x2();
	CHECK(apic_msr_read(&a, MSR_X2APIC + APIC_ID, 0, &v));
	CHECK_EQ(v, 0x25);
	CHECK(apic_msr_read(&a, MSR_X2APIC + APIC_LDR, 0, &v));
	CHECK_EQ(v, 2u << 16 | 1u << 5);
	CHECK(!x2_write(APIC_ID, 0));
	CHECK(!x2_write(APIC_LDR, 0));
	CHECK(!x2_write(APIC_DFR, 0));
	CHECK(!x2_write(APIC_ICR2, 0));
	CHECK(!x2_write(APIC_EOI, 1));
	CHECK(x2_write(APIC_EOI, 0));
	CHECK(!x2_write(APIC_ESR, 1));
	CHECK(!x2_write(APIC_TPR, 0x100));
	CHECK(!x2_write(APIC_SVR, 1 << 12));
	CHECK(!x2_write(APIC_TIMER_COUNT, 0));
	CHECK(!x2_write(0x40, 0));
	CHECK(!apic_msr_read(&a, MSR_X2APIC + APIC_EOI, 0, &v));
	CHECK(!apic_msr_read(&a, MSR_X2APIC + APIC_SELF_IPI, 0, &v));
	CHECK(!apic_msr_read(&a, MSR_X2APIC_LAST, 0, &v));
	CHECK(!x2_write(APIC_ICR, 1ull << 13));
	CHECK(x2_write(APIC_ICR, 0x1200000040));
	CHECK(r.actions & APIC_DO_SEND);
	CHECK_EQ(r.message.dest, 0x12);
	CHECK_EQ(r.message.vector, 0x40);
	CHECK(apic_msr_read(&a, MSR_X2APIC + APIC_ICR, 0, &v));
	CHECK_EQ(v, 0x1200000040);
	CHECK(x2_write(APIC_SELF_IPI, 0x41));
	CHECK_EQ(r.message.shorthand, APIC_TO_SELF);
	CHECK_EQ(r.message.vector, 0x41);
}

/* ---- sending ---- */

static const struct {
	uint32_t icr;
	bool sent;
} sends[] = {
	{0x000040, true},  /* fixed */
	{0x000140, true},  /* lowest priority */
	{0x000200, false}, /* SMI */
	{0x000340, false}, /* reserved */
	{0x000400, true},  /* NMI */
	{0x00c500, true},  /* INIT, assert */
	{0x008500, false}, /* INIT, level de-assert */
	{0x000608, true},  /* SIPI */
	{0x000740, false}, /* ExtINT */
	{0x040040, true},  /* self */
	{0x040400, false}, /* self NMI */
	{0x080040, true},  /* all */
	{0x080400, false}, /* NMI to all */
	{0x0c0040, true},  /* all others */
	{0x0c0500, true},  /* INIT to all others */
	{0x0c0400, true},  /* NMI to all others */
	{0x00000f, false}, /* vector below 16 */
	{0x000400, true},  /* ... which an NMI may have */
};

static void test_sending(void)
{
	for (size_t i = 0; i < sizeof(sends) / sizeof(sends[0]); i++) {
		fresh(0);
		write(APIC_ICR2, 0x07000000, 0);
		write(APIC_ICR, sends[i].icr, 0);
		CHECK_EQ(!!(r.actions & APIC_DO_SEND), sends[i].sent);
		if (!sends[i].sent)
			continue;
		CHECK_EQ(r.message.dest, 7);
		CHECK_EQ(r.message.mode, sends[i].icr >> 8 & 7);
		CHECK_EQ(r.message.shorthand, sends[i].icr >> 18);
		CHECK_EQ(r.message.vector, sends[i].icr & 0xff);
	}
}

/* ---- addressing ---- */

static void test_matching(void)
{
	struct apic_message m = {.vector = 0x40};

	fresh(5);
	write(APIC_LDR, 0x20000000, 0);
	m.dest = 5;
	CHECK(apic_match(&a, &m));
	m.dest = 6;
	CHECK(!apic_match(&a, &m));
	m.dest = APIC_BROADCAST;
	CHECK(apic_match(&a, &m));
	m.logical = true;
	m.dest = 0x30;
	CHECK(apic_match(&a, &m));
	m.dest = 0xdf;
	CHECK(!apic_match(&a, &m));
	/* Cluster model: cluster 2, member 0. */
	write(APIC_DFR, 0, 0);
	write(APIC_LDR, 0x21000000, 0);
	m.dest = 0x21;
	CHECK(apic_match(&a, &m));
	m.dest = 0x22;
	CHECK(!apic_match(&a, &m));
	m.dest = 0x31;
	CHECK(!apic_match(&a, &m));
	m.dest = 0xff;
	CHECK(apic_match(&a, &m));
	/* An id that the guest has changed. */
	write(APIC_ID, 9u << 24, 0);
	m.logical = false;
	m.dest = 9;
	CHECK(apic_match(&a, &m));
	/* x2APIC: cluster 1, member 2. */
	fresh(18);
	to_x2();
	m.dest = 18;
	CHECK(apic_match(&a, &m));
	m.logical = true;
	m.dest = 0x00010004;
	CHECK(apic_match(&a, &m));
	m.dest = 0x00020004;
	CHECK(!apic_match(&a, &m));
	m.dest = 0x00010003;
	CHECK(!apic_match(&a, &m));
	/* Disabled: nobody there. */
	CHECK(apic_base_write(&a, APIC_DEFAULT_BASE, 46, true, &r));
	m.dest = APIC_BROADCAST;
	CHECK(!apic_match(&a, &m));
}

static void test_msi(void)
{
	struct apic_message m;

	CHECK(!apic_message_from_msi(0xfed00000, 0x40, &m));
	CHECK(!apic_message_from_msi(0x1fee00000, 0x40, &m));
	CHECK(apic_message_from_msi(0xfee03000, 0x40, &m));
	CHECK_EQ(m.dest, 3);
	CHECK_EQ(m.vector, 0x40);
	CHECK(!m.logical && !m.level && !m.lowest);
	CHECK(apic_message_from_msi(0xfeeff000, 0x40, &m));
	CHECK_EQ(m.dest, APIC_BROADCAST);
	CHECK(apic_message_from_msi(0xfeeff00c, 0xc140, &m));
	CHECK_EQ(m.dest, 0xff);
	CHECK(m.logical && m.level && m.lowest);
	CHECK_EQ(m.mode, APIC_MODE_LOWEST);
}

/* ---- state ---- */

static void test_state(void)
{
	static uint8_t one[1024], two[1024];
	struct apic_state s, t;
	struct apic b = {0};
	int64_t n;

	fresh(2);
	write(APIC_LVT_TIMER, 0x40 | APIC_TIMER_PERIODIC, 0);
	write(APIC_TIMER_DIVIDE, 0xb, 0);
	write(APIC_TIMER_INIT, 1000000, 0);
	write(APIC_LDR, 0x04000000, 0);
	CHECK(apic_accept(&a, 0x77, true));
	CHECK(apic_accept(&a, 0x31, false));
	apic_ack(&a, 0x77);
	apic_save(&a, 500000, &s);
	CHECK_EQ(apic_state_desc.check(&s), 0);
	CHECK_EQ(s.timer_left_ns, 750000);

	apic_init(&b, 2, KHZ * 2); /* another host */
	apic_load(&b, &s, 9000000);
	CHECK_EQ(b.timer_deadline, 9000000 + 750000 * 4);
	CHECK_EQ(b.timer_period, 4000000 + 1);
	CHECK_EQ(atomic_load(&b.address), atomic_load(&a.address));
	apic_save(&b, 9000000, &t);
	n = state_save(&apic_state_desc, &s, one, sizeof(one));
	CHECK(n > 0);
	CHECK_EQ(state_save(&apic_state_desc, &t, two, sizeof(two)), n);
	CHECK_EQ(memcmp(one, two, (size_t)n), 0);
}

/* Each makes a good state one that no APIC can have. */
static void test_hostile_state(void)
{
	struct apic_state good, bad;

	fresh(0);
	apic_save(&a, 0, &good);
	CHECK_EQ(apic_state_desc.check(&good), 0);
#define REFUSE(change)                                                         \
	do {                                                                   \
		bad = good;                                                    \
		bad.change;                                                    \
		CHECK(apic_state_desc.check(&bad) < 0);                        \
	} while (0)
	REFUSE(base = APIC_BASE_X2APIC);
	REFUSE(base |= 1);
	REFUSE(base |= 1ull << 60);
	REFUSE(reg[APIC_TPR] = 0x100);
	REFUSE(reg[APIC_DFR] = 0);
	REFUSE(reg[APIC_LVT_TIMER] |= APIC_LVT_PENDING);
	REFUSE(reg[0] = 1);
	REFUSE(reg[APIC_ISR] = 1);
	REFUSE(irr[0] = 1);
	REFUSE(isr[0] = 0x8000);
	REFUSE(tmr[0] = 2);
	REFUSE(error_raised = 2);
	REFUSE(timer_armed = 2);
	REFUSE(errors = 0x100);
	REFUSE(icr_high = 1);
#undef REFUSE
}

static const struct test_case cases[] = {
	{"reset state", test_reset},
	{"writable bits", test_writable_bits},
	{"partial and misaligned access", test_partial_access},
	{"software disable masks the LVT", test_disable_masks_lvt},
	{"error status", test_errors},
	{"priority", test_priority},
	{"CR8 is the task priority", test_cr8},
	{"level-triggered end", test_level},
	{"timer: one-shot", test_one_shot},
	{"timer: periodic", test_periodic},
	{"timer: shortest period", test_period_limit},
	{"timer: divide configuration", test_divide},
	{"timer: TSC deadline", test_deadline},
	{"base register and mode changes", test_base},
	{"x2APIC registers", test_x2_registers},
	{"what may be sent", test_sending},
	{"who is addressed", test_matching},
	{"MSI decoding", test_msi},
	{"state goes to another host", test_state},
	{"hostile state is refused", test_hostile_state},
};
TEST_SUITE(suite_apic, cases);
