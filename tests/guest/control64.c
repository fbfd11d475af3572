/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers and EFER: values that long mode refuses with #GP(0),
 * before anything has changed. An executor that lets one through usually
 * does not survive it, hence an image of their own.
 * Facts: SDM volume 3 section 2.5, volume 2 MOV CR.
 */
#include "lib.h"

static void put_cr0(void *v)
{
	write_cr0((ulong)v);
}

static void put_cr3(void *v)
{
	write_cr3((ulong)v);
}

static void put_cr4(void *v)
{
	write_cr4((ulong)v);
}

static void put_efer(void *v)
{
	wrmsr(MSR_EFER, (ulong)v);
}

static void test_control_registers(void)
{
	const ulong cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
	const ulong efer = rdmsr(MSR_EFER);
	const unsigned int bits = cpuid(0x80000008, 0).a & 0xff;
	const struct {
		const char *name;
		test_fn fn;
		ulong value;
	} refused[] = {
		{"CR0.PG=0 in 64-bit mode", put_cr0, cr0 & ~CR0_PG},
		{"CR0.PE=0 with PG=1", put_cr0, cr0 & ~CR0_PE},
		{"CR0.NW=1 with CD=0", put_cr0, cr0 | CR0_NW},
		{"CR0 bit 32", put_cr0, cr0 | 1UL << 32},
		{"CR4.PAE=0 in long mode", put_cr4, cr4 & ~CR4_PAE},
		{"CR4 bit 15", put_cr4, cr4 | 1UL << 15},
		{"CR4 bit 63", put_cr4, cr4 | 1UL << 63},
		{"CR3 bit MAXPHYADDR", put_cr3, cr3 | 1UL << bits},
		{"CR3 bit 63 with PCIDE=0", put_cr3, cr3 | 1UL << 63},
		{"CR3 bit 62", put_cr3, cr3 | 1UL << 62},
		{"EFER.LME=0 with PG=1", put_efer, efer & ~EFER_LME},
		{"EFER bit 1", put_efer, efer | 2},
		{"EFER bit 63", put_efer, efer | 1UL << 63},
	};
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		catch_run(refused[i].fn, (void *)refused[i].value, &t);
		check_trap(&t, VEC_GP, 0, "control: %s", refused[i].name);
		if (t.vector == TRAP_NONE) {
			write_cr0(cr0);
			write_cr4(cr4);
			write_cr3(cr3);
			wrmsr(MSR_EFER, efer);
		}
	}
	check_eq(read_cr0(), cr0, "control: CR0 unchanged by refusals");
	check_eq(read_cr4(), cr4, "control: CR4 unchanged by refusals");
	check_eq(rdmsr(MSR_EFER), efer, "control: EFER unchanged by refusals");
	if (!has_pcid()) {
		catch_run(put_cr4, (void *)(cr4 | CR4_PCIDE), &t);
		check_trap(&t, VEC_GP, 0, "control: CR4.PCIDE when absent");
	}
	if (!has_smap()) {
		catch_run(put_cr4, (void *)(cr4 | CR4_SMAP), &t);
		check_trap(&t, VEC_GP, 0, "control: CR4.SMAP when absent");
	}
	write_cr0(cr0 & ~0x10UL);
	check_eq(read_cr0() & 0x10, 0x10, "control: CR0.ET stays 1");
	write_cr0(cr0);
}

int main(void)
{
	test_control_registers();
	return 0;
}
