/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processors and partitions: running, halting, which event is delivered when,
 * interrupts between processors, device access, the memory map.
 */
#include "check.h"
#include "fake.h"

#include <abi/msr.h>
#include <base/errno.h>
#include <base/mem.h>

static struct fake *f;
static struct fake_vp *v; /* the bootstrap processor */

static void machine(unsigned int nr_vps)
{
	f = fake_machine(nr_vps);
	v = &f->vp[0];
	for (unsigned int i = 0; i < nr_vps; i++)
		hv_vp_mmio_write(&f->vp[i].hv, GPA(0xfee000f0), 4,
				 &(uint32_t){0x1ff});
}

static void apic_write(struct fake_vp *vp, enum apic_reg reg, uint32_t value)
{
	hv_vp_mmio_write(&vp->hv, GPA(0xfee00000u + ((uint32_t)reg << 4)), 4,
			 &value);
}

static uint32_t apic_read(struct fake_vp *vp, enum apic_reg reg)
{
	uint32_t value;

	hv_vp_mmio_read(&vp->hv, GPA(0xfee00000u + ((uint32_t)reg << 4)), 4,
			&value);
	return value;
}

static void irq(uint8_t vector)
{
	hv_partition_msi(&f->hv, 0xfee00000, vector);
}

static void sti(struct fake_vp *vp)
{
	vp->hv.regs.rflags |= X86_FL_IF;
}

/* ---- scripts ---- */

static enum engine_exit until_attention(struct hv_vp *vp)
{
	return atomic_load(&vp->attention) ? ENGINE_EXIT_ATTENTION
					   : ENGINE_EXIT_HALT;
}

static enum engine_exit shutdown(struct hv_vp *vp)
{
	return ENGINE_EXIT_SHUTDOWN;
}

static enum engine_exit debug(struct hv_vp *vp)
{
	return ENGINE_EXIT_DEBUG;
}

/* Opens the window that it is asked for. */
static enum engine_exit open_window(struct hv_vp *vp)
{
	if (vp->want_window && !(vp->regs.rflags & X86_FL_IF)) {
		vp->regs.rflags |= X86_FL_IF;
		return ENGINE_EXIT_WINDOW;
	}
	if (vp->want_nmi_window) {
		vp->regs.shadow = 0;
		return ENGINE_EXIT_WINDOW;
	}
	return ENGINE_EXIT_HALT;
}

/* ---- running ---- */

static void test_reset(void)
{
	struct vp_regs *r;

	machine(2);
	r = &v->hv.regs;
	CHECK_EQ(r->rip, 0xfff0);
	CHECK_EQ(r->seg[X86_CS].base, 0xffff0000);
	CHECK_EQ(r->seg[X86_CS].sel, 0xf000);
	CHECK_EQ(r->seg[X86_CS].attr, 0x9b);
	CHECK_EQ(r->seg[X86_SS].attr, 0x93);
	CHECK_EQ(r->cr0, 0x60000010);
	CHECK_EQ(r->rflags, 2);
	CHECK_EQ(r->gpr[X86_RDX], f->model.signature);
	CHECK_EQ(r->dr6, 0xffff0ff0);
	CHECK_EQ(r->dr7, 0x400);
	CHECK_EQ(r->pat, PAT_RESET);
	CHECK_EQ(r->xcr0, 1);
	CHECK_EQ(r->activity, VP_RUNNING);
	CHECK_EQ(f->vp[1].hv.regs.activity, VP_WAIT_SIPI);
	CHECK_EQ(v->changed, HV_CHANGED_ALL);
}

static void test_run_results(void)
{
	machine(1);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->hv.regs.activity, VP_HALTED);
	CHECK(!hv_vp_runnable(&v->hv));
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE); /* nothing happens */
	CHECK_EQ(v->runs, 1);

	hv_vp_notify(&v->hv, HV_ATTN_PAUSE);
	CHECK(hv_vp_runnable(&v->hv));
	CHECK_EQ(v->wakes, 1);
	CHECK_EQ(v->kicks, 1);
	hv_vp_notify(&v->hv, HV_ATTN_PAUSE);
	CHECK_EQ(v->wakes, 1); /* has been told already */
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_PAUSED);

	hv_vp_reset(&v->hv, false);
	v->run = debug;
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_DEBUG);
	v->run = shutdown;
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_SHUTDOWN);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_SHUTDOWN); /* and stays so */
	irq(0x40);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_SHUTDOWN);
	CHECK_EQ(v->injected, 0);
}

/* The engine's own bit neither wakes nor keeps awake. */
static void test_engine_attention(void)
{
	machine(1);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	hv_vp_notify(&v->hv, HV_ATTN_ENGINE);
	CHECK_EQ(v->wakes, 0);
	CHECK_EQ(v->kicks, 1);
	CHECK(!hv_vp_runnable(&v->hv));
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(atomic_load(&v->hv.attention), HV_ATTN_ENGINE);
}

/* What a pause interrupts is not forgotten. */
static void test_pause_keeps_events(void)
{
	machine(1);
	sti(v);
	irq(0x40);
	hv_vp_notify(&v->hv, HV_ATTN_PAUSE);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_PAUSED);
	CHECK_EQ(v->injected, 0);
	CHECK(hv_vp_runnable(&v->hv));
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->vector, 0x40);
}

/* ---- interrupts ---- */

static void test_interrupt(void)
{
	machine(1);
	sti(v);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	irq(0x40);
	CHECK_EQ(v->wakes, 1);
	CHECK(hv_vp_runnable(&v->hv));
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 1);
	CHECK_EQ(v->event, HV_EVENT_INTERRUPT);
	CHECK_EQ(v->vector, 0x40);
	CHECK_EQ(v->runs, 2);
	CHECK_EQ(apic_read(v, APIC_ISR + 2), 1);
}

static void test_window(void)
{
	machine(1);
	v->run = open_window;
	irq(0x40); /* IF is clear: waits for the window */
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->vector, 0x40);
	CHECK_EQ(v->runs, 2);

	/* A shadow holds it off as well. */
	machine(1);
	v->run = until_attention;
	sti(v);
	v->hv.regs.shadow = VP_SHADOW_STI;
	irq(0x40);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 0);
	CHECK(v->hv.want_window);
	v->hv.regs.shadow = 0;
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 1);
	CHECK(!v->hv.want_window);
}

static void test_halt_with_interrupts_off(void)
{
	machine(1);
	irq(0x40);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 0);
	CHECK(!hv_vp_runnable(&v->hv)); /* until an NMI: no busy loop */
	hv_vp_nmi(&v->hv);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->event, HV_EVENT_NMI);
}

static void test_task_priority(void)
{
	machine(1);
	sti(v);
	hv_vp_write_cr8(&v->hv, 5);
	CHECK_EQ(hv_vp_read_cr8(&v->hv), 5);
	irq(0x4f);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 0);
	CHECK(!v->hv.want_window); /* nothing to wait for */
	hv_vp_write_cr8(&v->hv, 3);
	CHECK(hv_vp_runnable(&v->hv));
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->vector, 0x4f);
}

static void test_end_of_interrupt(void)
{
	machine(1);
	sti(v);
	hv_partition_msi(&f->hv, 0xfee00000, MSI_DATA_LEVEL | 0x61);
	irq(0x60);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->vector, 0x61);
	sti(v);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 1); /* same class: waits for the end */
	apic_write(v, APIC_EOI, 0);
	CHECK_EQ(f->eois, 1);
	CHECK_EQ(f->eoi_vector, 0x61);
	CHECK(hv_vp_runnable(&v->hv));
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->vector, 0x60);
	apic_write(v, APIC_EOI, 0);
	CHECK_EQ(f->eois, 1); /* edge */
}

static void test_extint(void)
{
	machine(1);
	sti(v);
	apic_write(v, APIC_LVT_LINT0, 0x700);
	f->extint_vector = 0x08;
	hv_partition_extint(&f->hv, true);
	irq(0x40);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(f->extint_acks, 1);
	CHECK_EQ(v->vector, 0x08); /* before the APIC's */
	CHECK(v->hv.want_window);
	sti(v);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->vector, 0x40);

	/* Masked at LINT0: comes when the mask goes. */
	apic_write(v, APIC_LVT_LINT0, APIC_LVT_MASKED | 0x700);
	hv_partition_extint(&f->hv, true);
	sti(v);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(f->extint_acks, 1);
	apic_write(v, APIC_LVT_LINT0, 0x700);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(f->extint_acks, 2);

	/* The 8259 changed its mind: nothing is delivered. */
	f->extint_vector = -1;
	hv_partition_extint(&f->hv, true);
	sti(v);
	v->injected = 0;
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(f->extint_acks, 3);
	CHECK_EQ(v->injected, 0);
}

static void test_nmi(void)
{
	machine(1);
	v->run = open_window;
	hv_vp_nmi(&v->hv);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->event, HV_EVENT_NMI);
	CHECK_EQ(v->vector, 2);
	CHECK(v->hv.regs.shadow & VP_NMI_BLOCKED);
	CHECK_EQ(v->injected, 1);
	/* The second waits for IRET. */
	hv_vp_nmi(&v->hv);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE); /* in HLT: for ever */
	CHECK_EQ(v->injected, 1);
	v->hv.regs.activity = VP_RUNNING;
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 2);
	CHECK(!v->hv.want_nmi_window);
	/* Before interrupts. */
	machine(1);
	sti(v);
	irq(0x40);
	hv_vp_nmi(&v->hv);
	v->run = until_attention;
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->event, HV_EVENT_NMI);
}

static void test_timer(void)
{
	machine(1);
	sti(v);
	apic_write(v, APIC_LVT_TIMER, 0x40);
	apic_write(v, APIC_TIMER_INIT, 1u << 30);
	CHECK(v->armed != UINT64_MAX);
	hv_vp_timer_due(&v->hv); /* far too early */
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->injected, 0);
	CHECK(v->armed != UINT64_MAX);
	/* Due when it is set: not left to the host's timer. */
	v->armed = 0;
	apic_write(v, APIC_TIMER_INIT, 1);
	if (!v->armed)
		CHECK(hv_vp_runnable(&v->hv));
	while (v->hv.apic.timer_deadline > __builtin_ia32_rdtsc())
		;
	hv_vp_timer_due(&v->hv);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->vector, 0x40);
	/* Reset disarms. */
	apic_write(v, APIC_TIMER_INIT, 1u << 30);
	hv_vp_reset(&v->hv, false);
	CHECK_EQ(v->armed, UINT64_MAX);
}

/* ---- several processors ---- */

static void test_start_processor(void)
{
	struct fake_vp *ap;

	machine(2);
	ap = &f->vp[1];
	CHECK_EQ(hv_vp_run(&ap->hv), HV_RUN_IDLE);
	CHECK_EQ(ap->runs, 0);
	/* As kernels do it: INIT, de-assert, SIPI, SIPI. */
	apic_write(v, APIC_ICR2, 1u << 24);
	apic_write(v, APIC_ICR, 0xc500);
	CHECK_EQ(hv_vp_run(&ap->hv), HV_RUN_IDLE);
	CHECK_EQ(ap->hv.regs.activity, VP_WAIT_SIPI);
	apic_write(v, APIC_ICR, 0x8500);
	apic_write(v, APIC_ICR, 0x469a);
	CHECK(hv_vp_runnable(&ap->hv));
	CHECK_EQ(hv_vp_run(&ap->hv), HV_RUN_IDLE);
	CHECK_EQ(ap->runs, 1);
	CHECK_EQ(ap->hv.regs.seg[X86_CS].sel, 0x9a00);
	CHECK_EQ(ap->hv.regs.seg[X86_CS].base, 0x9a000);
	CHECK_EQ(ap->hv.regs.rip, 0);
	/* The second SIPI finds it running. */
	ap->hv.regs.rip = 0x1234;
	ap->hv.regs.activity = VP_RUNNING;
	apic_write(v, APIC_ICR, 0x4677);
	CHECK_EQ(hv_vp_run(&ap->hv), HV_RUN_IDLE);
	CHECK_EQ(ap->hv.regs.rip, 0x1234);
	/* INIT and SIPI before it has looked: both count, in order. */
	apic_write(v, APIC_ICR, 0x4611);
	apic_write(v, APIC_ICR, 0xc500);
	apic_write(v, APIC_ICR, 0x4622);
	CHECK_EQ(hv_vp_run(&ap->hv), HV_RUN_IDLE);
	CHECK_EQ(ap->hv.regs.seg[X86_CS].sel, 0x2200);
}

static void test_init(void)
{
	struct vp_regs *r;

	machine(1);
	r = &v->hv.regs;
	r->cr0 = 0x60000011;
	r->cr3 = 0x1000;
	r->efer = X86_EFER_NXE;
	r->star = 77;
	r->gpr[X86_RBX] = 5;
	v->run = until_attention;
	apic_write(v, APIC_TPR, 0x20);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	hv_partition_msi(&f->hv, 0xfee00000, 0x500);
	CHECK_EQ(hv_vp_run(&v->hv), HV_RUN_IDLE);
	CHECK_EQ(v->runs, 2); /* the bootstrap processor goes on at once */
	CHECK_EQ(r->rip, 0xfff0);
	CHECK_EQ(r->cr0, 0x60000010);
	CHECK_EQ(r->cr3 | r->efer | r->gpr[X86_RBX], 0);
	CHECK_EQ(r->star, 77);
	CHECK_EQ(apic_read(v, APIC_TPR), 0);
	CHECK(!hv_vp_runnable(&v->hv) || r->activity == VP_RUNNING);
}

static unsigned int taken(unsigned int vp, uint8_t vector)
{
	return atomic_load(&f->vp[vp].hv.apic.irr[vector / 32]) >>
		       (vector & 31) &
	       1;
}

static void test_ipis(void)
{
	machine(4);
	apic_write(v, APIC_ICR2, 2u << 24);
	apic_write(v, APIC_ICR, 0x40);
	CHECK_EQ(taken(2, 0x40), 1);
	CHECK_EQ(taken(1, 0x40) + taken(3, 0x40) + taken(0, 0x40), 0);
	apic_write(v, APIC_ICR, 0xc0041); /* all others */
	CHECK_EQ(taken(1, 0x41) + taken(2, 0x41) + taken(3, 0x41), 3);
	CHECK_EQ(taken(0, 0x41), 0);
	apic_write(v, APIC_ICR, 0x40042); /* self */
	CHECK_EQ(taken(0, 0x42), 1);
	CHECK_EQ(taken(1, 0x42), 0);
	apic_write(v, APIC_ICR2, 0xff000000); /* broadcast */
	apic_write(v, APIC_ICR, 0x43);
	CHECK_EQ(taken(0, 0x43) + taken(1, 0x43) + taken(2, 0x43) +
			 taken(3, 0x43),
		 4);
	/* Flat logical: two of four. */
	for (unsigned int i = 0; i < 4; i++)
		apic_write(&f->vp[i], APIC_LDR, 0x01000000u << i);
	apic_write(v, APIC_ICR2, 0x0a000000);
	apic_write(v, APIC_ICR, 0x844);
	CHECK_EQ(taken(1, 0x44) + taken(3, 0x44), 2);
	CHECK_EQ(taken(0, 0x44) + taken(2, 0x44), 0);
	/* A processor whose APIC is off by software takes none. */
	apic_write(&f->vp[2], APIC_SVR, 0xff);
	apic_write(v, APIC_ICR, 0xc0045);
	CHECK_EQ(taken(2, 0x45), 0);
	/* ... but an NMI. */
	apic_write(v, APIC_ICR2, 2u << 24);
	apic_write(v, APIC_ICR, 0x400);
	CHECK(atomic_load(&f->vp[2].hv.nmi_pending));
}

static void test_lowest_priority(void)
{
	unsigned int got = 0;

	machine(4);
	apic_write(&f->vp[2], APIC_SVR, 0xff);
	for (uint8_t i = 0; i < 6; i++) {
		unsigned int n = 0;

		hv_partition_msi(&f->hv, 0xfeeff000, 0x100u | (0x50u + i));
		for (unsigned int k = 0; k < 4; k++) {
			if (taken(k, (uint8_t)(0x50 + i))) {
				got |= 1u << k;
				n++;
			}
		}
		CHECK_EQ(n, 1);
	}
	CHECK_EQ(got, 0xb); /* in turn, but for the one that is off */
	/* The redirection hint means the same with mode "fixed". */
	hv_partition_msi(&f->hv, 0xfeeff008, 0x60);
	CHECK_EQ(taken(0, 0x60) + taken(1, 0x60) + taken(2, 0x60) +
			 taken(3, 0x60),
		 1);
}

static void test_x2apic_ipi(void)
{
	machine(3);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(hv_vp_wrmsr(&f->vp[i].hv, MSR_APIC_BASE,
				  f->vp[i].hv.apic.base | APIC_BASE_X2APIC));
	CHECK(hv_vp_wrmsr(&v->hv, MSR_X2APIC + APIC_ICR, 2ull << 32 | 0x40));
	CHECK_EQ(taken(2, 0x40), 1);
	CHECK(hv_vp_wrmsr(&v->hv, MSR_X2APIC + APIC_ICR, 6ull << 32 | 0x841));
	CHECK_EQ(taken(1, 0x41) + taken(2, 0x41), 2);
	CHECK(hv_vp_wrmsr(&v->hv, MSR_X2APIC + APIC_ICR,
			  0xffffffffull << 32 | 0x42));
	CHECK_EQ(taken(0, 0x42) + taken(1, 0x42) + taken(2, 0x42), 3);
	CHECK(hv_vp_wrmsr(&v->hv, MSR_X2APIC + APIC_SELF_IPI, 0x43));
	CHECK_EQ(taken(0, 0x43), 1);
	/* The page is gone. */
	f->accesses = 0;
	(void)apic_read(v, APIC_ID);
	CHECK_EQ(f->accesses, 1);
}

/* ---- access ---- */

static void test_device_access(void)
{
	uint8_t data[16];

	machine(1);
	hv_vp_pio_in(&v->hv, 0x1f0, 2, data, 4);
	CHECK_EQ(data[7], 0x5a);
	CHECK_EQ(f->access[0].addr, 0x1f0);
	hv_vp_pio_out(&v->hv, 0x80, 1, "A", 1);
	CHECK_EQ(f->access[1].data, 'A');

	f->accesses = 0;
	hv_vp_mmio_read(&v->hv, GPA(0xd0000003), 16, data);
	CHECK_EQ(f->accesses, 5); /* 1 at 3, 4 at 4, 8 at 8, 2 at 10, 1 at 12 */
	CHECK_EQ(f->access[0].width, 1);
	CHECK_EQ(f->access[1].width, 4);
	CHECK_EQ(f->access[2].width, 8);
	CHECK_EQ(f->access[2].addr, 0xd0000008);
	CHECK_EQ(f->access[3].width, 2);
	CHECK_EQ(f->access[4].width, 1);
	CHECK_EQ(data[5], 0x08);

	f->accesses = 0;
	hv_vp_mmio_write(&v->hv, GPA(0xd0000006), 8, "\1\2\3\4\5\6\7\10");
	CHECK_EQ(f->accesses, 3);
	CHECK_EQ(f->access[0].data, 0x0201);
	CHECK_EQ(f->access[1].data, 0x06050403);
	CHECK_EQ(f->access[1].width, 4);
	CHECK_EQ(f->access[2].data, 0x0807);
	/* The APIC's page is no device. */
	f->accesses = 0;
	CHECK_EQ(apic_read(v, APIC_VERSION), 0x50014);
	CHECK_EQ(f->accesses, 0);
}

static int map(uint64_t gpa, uint64_t size, uintptr_t host)
{
	return hv_partition_map(&f->hv, &(struct hv_slot){
						.gpa = GPA(gpa),
						.size = size,
						.host = (uint8_t *)host,
						.readonly = gpa == 0xf0000,
					});
}

static uintptr_t lookup(uint64_t gpa, uint64_t *left)
{
	bool readonly;
	uint8_t *host = hv_gpa_to_host(&f->hv, GPA(gpa), left, &readonly);

	if (host)
		CHECK_EQ(readonly, gpa >= 0xf0000 && gpa < 0x100000);
	return (uintptr_t)host;
}

static void test_memory_map(void)
{
	uint64_t left = 0;

	machine(1);
	CHECK_EQ(map(0x100000, 0x100000, 0x7000000), 0);
	CHECK_EQ(map(0, 0xa0000, 0x5000000), 0);
	CHECK_EQ(map(0xf0000, 0x10000, 0x6000000), 0);
	CHECK_EQ(map(0x1001, 0x1000, 1), -EINVAL);
	CHECK_EQ(map(0x1000, 0x1001, 1), -EINVAL);
	CHECK_EQ(map(0x1000, 0, 1), -EINVAL);
	CHECK_EQ(map(0x9f000, 0x2000, 1), -EINVAL);
	CHECK_EQ(map(0xef000, 0x2000, 1), -EINVAL);
	CHECK_EQ(map(0x100000, 0x1000, 1), -EINVAL);
	CHECK_EQ(map(0xfffffffffffff000, 0x2000, 1), -EINVAL);
	CHECK_EQ(map(0xfffffffffffff000, 0x1000, 1), 0);

	CHECK_EQ(lookup(0, &left), 0x5000000);
	CHECK_EQ(left, 0xa0000);
	CHECK_EQ(lookup(0x9ffff, &left), 0x509ffff);
	CHECK_EQ(left, 1);
	CHECK_EQ(lookup(0xa0000, &left), 0);
	CHECK_EQ(lookup(0xeffff, &left), 0);
	CHECK_EQ(lookup(0xf0010, &left), 0x6000010);
	CHECK_EQ(lookup(0x1fffff, &left), 0x70fffff);
	CHECK_EQ(lookup(0x200000, &left), 0);
	/* The same range again: replaced. */
	CHECK_EQ(map(0, 0xa0000, 0x9000000), 0);
	CHECK_EQ(lookup(0x1000, &left), 0x9001000);
	for (uint64_t i = f->hv.nr_slots; i < HV_MAX_SLOTS; i++)
		CHECK_EQ(map(0x10000000 + i * 0x10000, 0x1000, 1), 0);
	CHECK_EQ(map(0x80000000, 0x1000, 1), -ENOSPC);
}

static const struct test_case cases[] = {
	{"power-on state", test_reset},
	{"why a run ends", test_run_results},
	{"the engine's attention", test_engine_attention},
	{"a pause keeps events", test_pause_keeps_events},
	{"interrupt", test_interrupt},
	{"interrupt window", test_window},
	{"halt with interrupts off", test_halt_with_interrupts_off},
	{"task priority", test_task_priority},
	{"end of interrupt", test_end_of_interrupt},
	{"8259 interrupts", test_extint},
	{"NMI", test_nmi},
	{"timer", test_timer},
	{"INIT, SIPI, SIPI", test_start_processor},
	{"INIT state", test_init},
	{"interrupts between processors", test_ipis},
	{"lowest priority", test_lowest_priority},
	{"x2APIC between processors", test_x2apic_ipi},
	{"device access", test_device_access},
	{"memory map", test_memory_map},
};
TEST_SUITE(suite_vp, cases);
