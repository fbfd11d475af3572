/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions of 64-bit mode, part one: which instruction raises what at
 * which privilege level, error codes, and which of two reasons wins.
 * Facts: SDM volume 3 chapter 6 and the instruction pages of volume 2.
 */
#include "exceptions.h"

void exc_run_kernel(const struct exc_case *c, unsigned int n, const char *group)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < n; i++) {
		catch_run(c[i].fn, NULL, &t);
		check_trap(&t, c[i].vector, c[i].error, "%s: %s", group,
			   c[i].name);
	}
}

void exc_run_user(const struct exc_case *c, unsigned int n, const char *group)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < n; i++) {
		user_run(c[i].fn, NULL, &t);
		check_trap(&t, c[i].vector, c[i].error, "%s: %s", group,
			   c[i].name);
	}
}

/* clang-format off */

/* --- arithmetic and undefined ------------------------------------------ */

ASM_FN(div_zero, "xor %ecx, %ecx; mov $1, %eax; cltd; div %ecx");
ASM_FN(div_wide, "mov $1, %ecx; mov $1, %edx; mov $0, %eax; div %ecx");
ASM_FN(div_byte, "mov $0x1000, %ax; mov $1, %cl; div %cl");
ASM_FN(idiv_min, "mov $-1, %ecx; mov $0x80000000, %eax; cltd; idiv %ecx");
ASM_FN(idiv_min64, "mov $-1, %rcx; mov $1, %eax; shl $63, %rax; cqto;"
       "idiv %rcx");
ASM_FN(idiv_good, "mov $-1, %ecx; mov $0x80000001, %eax; cltd; idiv %ecx");
ASM_FN(aad_gone, ".byte 0xd5, 10");
ASM_FN(aam_gone, ".byte 0xd4, 0");
ASM_FN(ud2, "ud2");
ASM_FN(ud1, ".byte 0x0f, 0xb9, 0xc0");
ASM_FN(ud0, ".byte 0x0f, 0xff, 0xc0");
ASM_FN(int3, "int3");
ASM_FN(int3_long, ".byte 0xcd, 3");
ASM_FN(icebp, ".byte 0xf1");
ASM_FN(into_gone, ".byte 0xce");
ASM_FN(daa_gone, ".byte 0x27");
ASM_FN(das_gone, ".byte 0x2f");
ASM_FN(aaa_gone, ".byte 0x37");
ASM_FN(aas_gone, ".byte 0x3f");
ASM_FN(push_es_gone, ".byte 0x06");
ASM_FN(pop_ds_gone, ".byte 0x1f");
ASM_FN(pusha_gone, ".byte 0x60");
ASM_FN(popa_gone, ".byte 0x61");
ASM_FN(salc_gone, ".byte 0xd6");
ASM_FN(group82_gone, ".byte 0x82, 0xc0, 0x01");
ASM_FN(callf_gone, ".byte 0x9a, 0, 0, 0, 0, 8, 0");
ASM_FN(jmpf_gone, ".byte 0xea, 0, 0, 0, 0, 8, 0");
ASM_FN(arpl_is_movsxd, "mov $-1, %eax; movslq %eax, %rax");
ASM_FN(mov_to_cs, "mov $8, %eax; .byte 0x8e, 0xc8");
ASM_FN(mov_seg6, ".byte 0x8e, 0xf0");
ASM_FN(lock_mov, ".byte 0xf0, 0x89, 0x07");
ASM_FN(lock_reg, ".byte 0xf0, 0x01, 0xc0");
ASM_FN(lock_nop, ".byte 0xf0, 0x90");
ASM_FN(lock_cmp, ".byte 0xf0, 0x39, 0x04, 0x24");
ASM_FN(lock_bt, ".byte 0xf0, 0x0f, 0xa3, 0x04, 0x24");
ASM_FN(lock_ud2, ".byte 0xf0, 0x0f, 0x0b");
ASM_FN(lock_add_ok, "push $0; lock addl $1, (%rsp); pop %rax");
ASM_FN(cr1, ".byte 0x0f, 0x20, 0xc8");
ASM_FN(cr5, ".byte 0x0f, 0x20, 0xe8");
ASM_FN(to_cr7, ".byte 0x0f, 0x22, 0xf8");
ASM_FN(cr9, ".byte 0x44, 0x0f, 0x20, 0xc8");
ASM_FN(lea_reg, ".byte 0x8d, 0xc0");
ASM_FN(lgdt_reg, ".byte 0x0f, 0x01, 0xd6");
ASM_FN(cmpxchg8b_reg, ".byte 0x0f, 0xc7, 0xc8");
ASM_FN(rsm, "rsm");
ASM_FN(vmcall, "vmcall");
ASM_FN(movbe_reg, ".byte 0x0f, 0x38, 0xf2, 0xc0"); /* reg form: #UD */
ASM_FN(les_gone, ".byte 0xc4, 0x07");
ASM_FN(pop_reg1, ".byte 0x8f, 0xc8"); /* XOP space or /1: #UD */
ASM_FN(group4_2, ".byte 0xfe, 0xd0");
ASM_FN(group5_7, ".byte 0xff, 0xf8");
ASM_FN(callf_reg, ".byte 0xff, 0xd8");
ASM_FN(group11_1, ".byte 0xc7, 0xc8, 0, 0, 0, 0");

static const struct exc_case plain_cases[] = {
	{"div by 0", div_zero, VEC_DE},
	{"div overflow", div_wide, VEC_DE},
	{"div overflow, bytes", div_byte, VEC_DE},
	{"idiv of the minimum by -1", idiv_min, VEC_DE},
	{"idiv of the minimum by -1, 64 bits", idiv_min64, VEC_DE},
	{"idiv that fits", idiv_good, TRAP_NONE},
	{"ud2", ud2, VEC_UD},
	{"ud1", ud1, VEC_UD},
	{"ud0", ud0, VEC_UD},
	{"int3", int3, VEC_BP},
	{"int 3", int3_long, VEC_BP},
	{"icebp", icebp, VEC_DB},
	{"aad in 64-bit mode", aad_gone, VEC_UD},
	{"aam in 64-bit mode", aam_gone, VEC_UD},
	{"into in 64-bit mode", into_gone, VEC_UD},
	{"daa in 64-bit mode", daa_gone, VEC_UD},
	{"das in 64-bit mode", das_gone, VEC_UD},
	{"aaa in 64-bit mode", aaa_gone, VEC_UD},
	{"aas in 64-bit mode", aas_gone, VEC_UD},
	{"push es in 64-bit mode", push_es_gone, VEC_UD},
	{"pop ds in 64-bit mode", pop_ds_gone, VEC_UD},
	{"pusha in 64-bit mode", pusha_gone, VEC_UD},
	{"popa in 64-bit mode", popa_gone, VEC_UD},
	{"salc in 64-bit mode", salc_gone, VEC_UD},
	{"opcode 82 in 64-bit mode", group82_gone, VEC_UD},
	{"callf ptr in 64-bit mode", callf_gone, VEC_UD},
	{"jmpf ptr in 64-bit mode", jmpf_gone, VEC_UD},
	{"les in 64-bit mode is VEX", les_gone, VEC_UD},
	{"movsxd where arpl was", arpl_is_movsxd, TRAP_NONE},
	{"mov to cs", mov_to_cs, VEC_UD},
	{"mov to segment 6", mov_seg6, VEC_UD},
	{"lock mov", lock_mov, VEC_UD},
	{"lock add of registers", lock_reg, VEC_UD},
	{"lock nop", lock_nop, VEC_UD},
	{"lock cmp", lock_cmp, VEC_UD},
	{"lock bt", lock_bt, VEC_UD},
	{"lock ud2", lock_ud2, VEC_UD},
	{"lock add of memory", lock_add_ok, TRAP_NONE},
	{"mov from cr1", cr1, VEC_UD},
	{"mov from cr5", cr5, VEC_UD},
	{"mov to cr7", to_cr7, VEC_UD},
	{"mov from cr9", cr9, VEC_UD},
	{"lea of a register", lea_reg, VEC_UD},
	{"lgdt of a register", lgdt_reg, VEC_UD},
	{"cmpxchg8b of a register", cmpxchg8b_reg, VEC_UD},
	{"rsm outside of SMM", rsm, VEC_UD},
	{"opcode FE /2", group4_2, VEC_UD},
	{"opcode FF /7", group5_7, VEC_UD},
	{"callf of a register", callf_reg, VEC_UD},
	{"opcode C7 /1", group11_1, VEC_UD},
};

/* --- privileged at CPL 3 ------------------------------------------------ */

#define U(name, text) USER_ASM_FN(u_##name, text)
U(hlt, "hlt");
U(cli, "cli");
U(sti, "sti");
U(in, "in $0x80, %al");
U(out, "out %al, $0x80");
U(insb, "mov $0x80, %edx; lea -64(%rsp), %rdi; insb");
U(clts, "clts");
U(lgdt, "lgdt -64(%rsp)");
U(lidt, "lidt -64(%rsp)");
U(lldt, "xor %eax, %eax; lldt %ax");
U(ltr, "xor %eax, %eax; ltr %ax");
U(lmsw, "lmsw %ax");
U(rd_cr0, "mov %cr0, %rax");
U(wr_cr0, "mov %rax, %cr0");
U(rd_cr2, "mov %cr2, %rax");
U(rd_cr8, "mov %cr8, %rax");
U(rd_cr1, ".byte 0x0f, 0x20, 0xc8");
U(rd_dr0, "mov %dr0, %rax");
U(wr_dr7, "mov %rax, %dr7");
U(invd, "invd");
U(wbinvd, "wbinvd");
U(invlpg, "invlpg (%rsp)");
U(swapgs, "swapgs");
U(rdmsr, "mov $0x10, %ecx; rdmsr");
U(wrmsr, "mov $0x10, %ecx; wrmsr");
U(sysret, "sysretq");
U(sysexit, "sysexitq");
U(rdpmc, "xor %ecx, %ecx; rdpmc");
U(rdtsc, "rdtsc");
U(rdtscp, "rdtscp");
U(int3, "int3");
U(int_n, "int $0x20");
U(int_de, "int $0");
U(icebp, ".byte 0xf1");
U(lock_hlt, ".byte 0xf0, 0xf4");
U(ud2, "ud2");
U(null_ss, "xor %eax, %eax; mov %eax, %ss");
U(kernel_ss, "mov $0x18, %eax; mov %eax, %ss");
U(kernel_ds, "mov $0x18, %eax; mov %eax, %ds");
U(null_ds, "xor %eax, %eax; mov %eax, %ds; mov $0x2b, %eax;"
  "mov %eax, %ds; mov %eax, %es");
U(kernel_page, "mov 0x100000, %al");
U(popf, "pushf; orq $0x3200, (%rsp); popf; pushf; pop %rax;"
  "test $0x3200, %eax; jnz 1f; ret; 1: ud2");
U(iret_iopl, "mov %ss, %ecx; mov %rsp, %rdx; push %rcx; push %rdx; pushf;"
  "orq $0x3200, (%rsp); mov %cs, %ecx; push %rcx; lea 1f(%rip), %rcx;"
  "push %rcx; iretq; 1: pushf; pop %rax; test $0x3200, %eax; jnz 2f; ret;"
  "2: ud2");
U(iret_kernel, "push $0x18; push %rsp; pushf; push $0x10;"
  "lea 1f(%rip), %rcx; push %rcx; iretq; 1: nop");
U(retf_kernel, "push $0x10; lea 1f(%rip), %rcx; push %rcx; lretq; 1: nop");
U(monitor, "mov %rsp, %rax; xor %ecx, %ecx; xor %edx, %edx; monitor");
U(xsetbv, "xor %ecx, %ecx; xsetbv");
U(cpuid, "push %rbx; xor %eax, %eax; cpuid; pop %rbx");
U(pause, "pause");
U(syscall, "syscall");

static const struct exc_case user_cases[] = {
	{"hlt", u_hlt, VEC_GP},
	{"cli", u_cli, VEC_GP},
	{"sti", u_sti, VEC_GP},
	{"in", u_in, VEC_GP},
	{"out", u_out, VEC_GP},
	{"insb", u_insb, VEC_GP},
	{"clts", u_clts, VEC_GP},
	{"lgdt", u_lgdt, VEC_GP},
	{"lidt", u_lidt, VEC_GP},
	{"lldt", u_lldt, VEC_GP},
	{"ltr", u_ltr, VEC_GP},
	{"lmsw", u_lmsw, VEC_GP},
	{"mov from cr0", u_rd_cr0, VEC_GP},
	{"mov to cr0", u_wr_cr0, VEC_GP},
	{"mov from cr2", u_rd_cr2, VEC_GP},
	{"mov from cr8", u_rd_cr8, VEC_GP},
	{"mov from cr1: #UD wins", u_rd_cr1, VEC_UD},
	{"mov from dr0", u_rd_dr0, VEC_GP},
	{"mov to dr7", u_wr_dr7, VEC_GP},
	{"invd", u_invd, VEC_GP},
	{"wbinvd", u_wbinvd, VEC_GP},
	{"invlpg", u_invlpg, VEC_GP},
	{"swapgs", u_swapgs, VEC_GP},
	{"rdmsr", u_rdmsr, VEC_GP},
	{"wrmsr", u_wrmsr, VEC_GP},
	{"sysret with SCE=0: #UD wins", u_sysret, VEC_UD},
	{"rdpmc with PCE=0", u_rdpmc, VEC_GP},
	{"rdtsc", u_rdtsc, TRAP_NONE},
	{"cpuid", u_cpuid, TRAP_NONE},
	{"pause", u_pause, TRAP_NONE},
	{"int3 through a gate of DPL 0", u_int3, VEC_GP, 3 * 8 + 2},
	{"int n through a gate of DPL 0", u_int_n, VEC_GP, 0x20 * 8 + 2},
	{"int 0 through a gate of DPL 0", u_int_de, VEC_GP, 2},
	{"icebp does not look at DPL", u_icebp, VEC_DB},
	{"lock hlt: #UD wins", u_lock_hlt, VEC_UD},
	{"ud2 does not look at DPL", u_ud2, VEC_UD},
	{"null to ss", u_null_ss, VEC_GP, 0},
	{"data of DPL 0 to ss", u_kernel_ss, VEC_GP, SEL_KDATA},
	{"data of DPL 0 to ds", u_kernel_ds, VEC_GP, SEL_KDATA},
	{"null to ds", u_null_ds, TRAP_NONE},
	{"a kernel page", u_kernel_page, VEC_PF, PF_P | PF_U},
	{"popf leaves IF and IOPL", u_popf, TRAP_NONE},
	{"iret leaves IF and IOPL", u_iret_iopl, TRAP_NONE},
	{"iret to CPL 0", u_iret_kernel, VEC_GP, SEL_KCODE},
	{"retf to CPL 0", u_retf_kernel, VEC_GP, SEL_KCODE},
	{"syscall with SCE=0", u_syscall, VEC_UD},
};

/* --- 32-bit code under long mode ---------------------------------------- */

#define C32(name, text) USER_ASM_FN(c_##name, ".code32;" text "; ret; .code64")
C32(into_taken, "mov $0x7fffffff, %eax; add $1, %eax; into");
C32(into_not, "xor %eax, %eax; into");
C32(bound_in, "push $10; push $1; mov $5, %eax; bound %eax, (%esp);"
    "add $8, %esp");
C32(bound_out, "push $10; push $1; mov $11, %eax; bound %eax, (%esp)");
C32(bound_low, "push $10; push $-1; mov $-2, %eax; bound %eax, (%esp)");
C32(aam_zero, "mov $5, %eax; .byte 0xd4, 0");
C32(aam_ten, "mov $55, %eax; aam; cmp $0x0505, %ax; je 1f; ud2; 1: nop");
C32(daa, "mov $0x3a, %al; or %al, %al; daa; cmp $0x40, %al; je 1f; ud2;"
    "1: nop");
C32(pusha, "pusha; popa");
C32(push_es, "push %es; pop %es");
C32(inc_short, "xor %eax, %eax; .byte 0x40; cmp $1, %eax; je 1f; ud2; 1: nop");
C32(wrap, "mov $0xfffffff0, %ebx; mov 0x10(%ebx), %eax");
C32(callf, "lcall $0x23, $1f; jmp 2f; 1: lret; 2: nop");
C32(to_64, "ljmp $0x33, $1f; .code64; 1: mov $1, %eax; shl $40, %rax;"
    "ljmp *2f(%rip); .balign 4; 2: .long 3f; .word 0x23; .code32; 3: nop");
C32(arpl, "mov $8, %eax; mov $3, %ecx; arpl %cx, %ax; jz 1f; ud2;"
    "1: cmp $11, %ax; je 2f; ud2; 2: nop");
C32(lock_mov, ".byte 0xf0, 0x89, 0x07");
C32(les_reg, ".byte 0x62, 0xc0");

static const struct exc_case compat_cases[] = {
	{"into taken, gate of DPL 0", c_into_taken, VEC_GP, 4 * 8 + 2},
	{"into not taken", c_into_not, TRAP_NONE},
	{"bound inside", c_bound_in, TRAP_NONE},
	{"bound above", c_bound_out, VEC_BR},
	{"bound below", c_bound_low, VEC_BR},
	{"aam 0", c_aam_zero, VEC_DE},
	{"aam 10", c_aam_ten, TRAP_NONE},
	{"daa", c_daa, TRAP_NONE},
	{"pusha", c_pusha, TRAP_NONE},
	{"push es", c_push_es, TRAP_NONE},
	{"inc in one byte", c_inc_short, TRAP_NONE},
	{"addresses wrap at 4 GiB", c_wrap, VEC_PF, PF_P | PF_U},
	{"callf and retf", c_callf, TRAP_NONE},
	{"to 64-bit mode and back", c_to_64, TRAP_NONE},
	{"arpl", c_arpl, TRAP_NONE},
	{"lock mov", c_lock_mov, VEC_UD},
};

/* --- FPU and SSE availability ------------------------------------------- */

ASM_FN(x87, "fnop");
ASM_FN(fwait, "fwait");
ASM_FN(mmx, ".byte 0x0f, 0xef, 0xc0; .byte 0x0f, 0x77");
ASM_FN(sse, ".byte 0x0f, 0x57, 0xc0");
ASM_FN(sse2, ".byte 0x66, 0x0f, 0xef, 0xc0");
ASM_FN(ldmxcsr, "push $0x1f80; ldmxcsr (%rsp); pop %rax");
ASM_FN(fxsave, "sub $0x210, %rsp; mov %rsp, %rax; and $-16, %rax;"
       "fxsave (%rax); add $0x210, %rsp");
ASM_FN(movnti, "push $0; movnti %rax, (%rsp); pop %rax");
ASM_FN(sfence, "sfence");
ASM_FN(xgetbv, "xor %ecx, %ecx; xgetbv");

static const struct {
	const char *name;
	test_fn fn;
	/* Vectors under: nothing, TS, MP, TS+MP, EM, EM+TS, no OSFXSR. */
	int want[7];
} fpu_rows[] = {
	{"x87", x87, {-1, VEC_NM, -1, VEC_NM, VEC_NM, VEC_NM, -1}},
	{"fwait", fwait, {-1, -1, -1, VEC_NM, -1, -1, -1}},
	{"MMX", mmx, {-1, VEC_NM, -1, VEC_NM, VEC_UD, VEC_UD, -1}},
	{"SSE", sse, {-1, VEC_NM, -1, VEC_NM, VEC_UD, VEC_UD, VEC_UD}},
	{"SSE2", sse2, {-1, VEC_NM, -1, VEC_NM, VEC_UD, VEC_UD, VEC_UD}},
	{"ldmxcsr", ldmxcsr, {-1, VEC_NM, -1, VEC_NM, VEC_UD, VEC_UD, VEC_UD}},
	{"fxsave", fxsave, {-1, VEC_NM, -1, VEC_NM, VEC_NM, VEC_NM, -1}},
	{"movnti", movnti, {-1, -1, -1, -1, -1, -1, -1}},
	{"sfence", sfence, {-1, -1, -1, -1, -1, -1, -1}},
};

/* clang-format on */

static void test_fpu_rows(void)
{
	static const struct {
		const char *name;
		ulong cr0;
		bool no_osfxsr;
	} states[7] = {
		{"plain", 0},          {"TS", CR0_TS},
		{"MP", CR0_MP},        {"TS MP", CR0_TS | CR0_MP},
		{"EM", CR0_EM},        {"EM TS", CR0_EM | CR0_TS},
		{"OSFXSR=0", 0, true},
	};
	ulong cr0 = read_cr0() & ~(CR0_TS | CR0_MP | CR0_EM);
	ulong cr4 = read_cr4();
	struct trap t;
	unsigned int i, s;

	for (i = 0; i < ARRAY_SIZE(fpu_rows); i++) {
		for (s = 0; s < ARRAY_SIZE(states); s++) {
			write_cr0(cr0 | states[s].cr0);
			if (states[s].no_osfxsr)
				write_cr4(cr4 & ~CR4_OSFXSR);
			catch_run(fpu_rows[i].fn, NULL, &t);
			write_cr0(cr0);
			write_cr4(cr4);
			check_trap(&t, fpu_rows[i].want[s], 0, "fpu: %s, %s",
				   fpu_rows[i].name, states[s].name);
		}
	}
	write_cr0(cr0 | CR0_MP);
	catch_run(xgetbv, NULL, &t);
	check_trap(&t, VEC_UD, 0, "fpu: xgetbv with OSXSAVE=0");
}

/* --- switches of CR4 that change what an instruction does ---------------- */

ASM_FN(dr4, ".byte 0x0f, 0x21, 0xe0");
USER_ASM_FN(u_sgdt, "sgdt -64(%rsp)");
USER_ASM_FN(u_sidt, "sidt -64(%rsp)");
USER_ASM_FN(u_sldt, "sldt %eax");
USER_ASM_FN(u_str, "str %eax");
USER_ASM_FN(u_smsw, "smsw %eax");
USER_ASM_FN(u_dr4, ".byte 0x0f, 0x21, 0xe0");
ASM_FN(k_sgdt, "sgdt -64(%rsp)");

static void test_cr4(void)
{
	static const struct exc_case umip_off[] = {
		{"sgdt", u_sgdt, TRAP_NONE}, {"sidt", u_sidt, TRAP_NONE},
		{"sldt", u_sldt, TRAP_NONE}, {"str", u_str, TRAP_NONE},
		{"smsw", u_smsw, TRAP_NONE},
	};
	static const struct exc_case umip_on[] = {
		{"sgdt", u_sgdt, VEC_GP}, {"sidt", u_sidt, VEC_GP},
		{"sldt", u_sldt, VEC_GP}, {"str", u_str, VEC_GP},
		{"smsw", u_smsw, VEC_GP},
	};
	static const struct exc_case tsd[] = {
		{"rdtsc with TSD=1", u_rdtsc, VEC_GP},
	};
	static const struct exc_case tsc_aux[] = {
		{"rdtscp with TSD=1", u_rdtscp, VEC_GP},
	};
	ulong cr4 = read_cr4();
	struct trap t;

	exc_run_user(umip_off, ARRAY_SIZE(umip_off), "UMIP=0");
	if (has_umip()) {
		write_cr4(cr4 | CR4_UMIP);
		exc_run_user(umip_on, ARRAY_SIZE(umip_on), "UMIP=1");
		catch_run(k_sgdt, NULL, &t);
		check_trap(&t, TRAP_NONE, 0, "UMIP=1: sgdt at CPL 0");
		write_cr4(cr4);
	} else {
		skip("no UMIP", "UMIP=1");
	}
	write_cr4(cr4 | CR4_TSD);
	exc_run_user(tsd, 1, "cr4");
	if (cpuid(0x80000001, 0).d >> 27 & 1)
		exc_run_user(tsc_aux, 1, "cr4");
	else
		skip("no RDTSCP", "cr4: rdtscp with TSD=1");
	write_cr4(cr4 & ~CR4_DE);
	catch_run(dr4, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "cr4: dr4 is dr6 with DE=0");
	user_run(u_dr4, NULL, &t);
	check_trap(&t, VEC_GP, 0, "cr4: dr4 at CPL 3 with DE=0");
	write_cr4(cr4 | CR4_DE);
	catch_run(dr4, NULL, &t);
	check_trap(&t, VEC_UD, 0, "cr4: dr4 with DE=1");
	user_run(u_dr4, NULL, &t);
	check_trap(&t, VEC_UD, 0, "cr4: dr4 at CPL 3 with DE=1: #UD wins");
	write_cr4(cr4);
}

/* --- alignment ----------------------------------------------------------- */

static USER_DATA uint8_t align_buf[64] __attribute__((aligned(64)));

USER_ASM_FN(u_ld1, "mov (%rdi), %al");
USER_ASM_FN(u_ld2, "mov (%rdi), %ax");
USER_ASM_FN(u_ld4, "mov (%rdi), %eax");
USER_ASM_FN(u_ld8, "mov (%rdi), %rax");
USER_ASM_FN(u_st4, "mov %eax, (%rdi)");
USER_ASM_FN(u_xchg8, "xchg %rax, (%rdi)");
USER_ASM_FN(u_push_odd, "mov %rsp, %rax; lea 32(%rdi), %rsp; push %rcx;"
			"mov %rax, %rsp");
USER_ASM_FN(u_set_ac, "pushf; orq $0x40000, (%rsp); popf;"
		      "mov 1(%rdi), %eax");
ASM_FN(k_ld4, "pushf; orq $0x40000, (%rsp); popf; mov (%rdi), %eax");

static void test_alignment(void)
{
	static const struct {
		const char *name;
		test_fn fn;
		unsigned int off;
		bool faults;
	} cases[] = {
		{"byte", u_ld1, 1, false},
		{"word", u_ld2, 1, true},
		{"word, aligned", u_ld2, 2, false},
		{"dword", u_ld4, 2, true},
		{"dword, aligned", u_ld4, 4, false},
		{"quad", u_ld8, 4, true},
		{"quad, aligned", u_ld8, 8, false},
		{"store", u_st4, 3, true},
		{"xchg", u_xchg8, 1, true},
		{"push", u_push_odd, 1, true},
		{"AC set by popf", u_set_ac, 0, true},
	};
	struct trap t;
	unsigned int i;

	write_cr0(read_cr0() | CR0_AM);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		user_flags = cases[i].fn == u_set_ac ? 0 : FL_AC;
		user_run(cases[i].fn, align_buf + cases[i].off, &t);
		check_trap(&t, cases[i].faults ? VEC_AC : TRAP_NONE, 0,
			   "alignment: %s", cases[i].name);
	}
	user_flags = 0;
	user_run(u_ld4, align_buf + 1, &t);
	check_trap(&t, TRAP_NONE, 0, "alignment: AC=0");
	catch_run(k_ld4, align_buf + 1, &t);
	check_trap(&t, TRAP_NONE, 0, "alignment: not at CPL 0");
	write_cr0(read_cr0() & ~CR0_AM);
	user_run(u_ld4, align_buf + 1, &t);
	check_trap(&t, TRAP_NONE, 0, "alignment: CR0.AM=0");
	user_flags = 0;
}

/* --- MSRs ----------------------------------------------------------------- */

static void msr_read(void *p)
{
	(void)rdmsr((uint32_t)(ulong)p);
}

static void msr_write_noncanonical(void *p)
{
	wrmsr((uint32_t)(ulong)p, 0x0000800000000000);
}

static void test_msrs(void)
{
	static const struct {
		const char *name;
		uint32_t msr;
	} canonical[] = {
		{"LSTAR", MSR_LSTAR},
		{"CSTAR", MSR_CSTAR},
		{"FS base", MSR_FS_BASE},
		{"GS base", MSR_GS_BASE},
		{"kernel GS base", MSR_KGS_BASE},
		{"SYSENTER ESP", MSR_SYSENTER_ESP},
		{"SYSENTER EIP", MSR_SYSENTER_EIP},
	};
	struct trap t;
	unsigned int i;

	catch_run(msr_read, (void *)0xdeadbeefUL, &t);
	check_trap(&t, VEC_GP, 0, "msr: one that does not exist");
	for (i = 0; i < ARRAY_SIZE(canonical); i++) {
		uint64_t old = rdmsr(canonical[i].msr);

		catch_run(msr_write_noncanonical,
			  (void *)(ulong)canonical[i].msr, &t);
		check_trap(&t, VEC_GP, 0, "msr: %s not canonical",
			   canonical[i].name);
		wrmsr(canonical[i].msr, old);
	}
}

/* The address an exception reports: at the instruction, or behind it. */
static void test_addresses(void)
{
	struct trap t;

	catch_run(int3, NULL, &t);
	check_eq(t.ip, (ulong)int3 + 1, "address: int3 is a trap");
	catch_run(int3_long, NULL, &t);
	check_eq(t.ip, (ulong)int3_long + 2, "address: int 3 is a trap");
	catch_run(icebp, NULL, &t);
	check_eq(t.ip, (ulong)icebp + 1, "address: icebp is a trap");
	catch_run(ud2, NULL, &t);
	check_eq(t.ip, (ulong)ud2, "address: ud2 is a fault");
	check_eq(t.flags & FL_RF, FL_RF, "address: a fault saves RF=1");
	idt_set_dpl(4, 3);
	user_cs = SEL_UCODE32;
	user_run(c_into_taken, NULL, &t);
	check_trap(&t, VEC_OF, 0, "address: into with a gate of DPL 3");
	user_cs = SEL_UCODE;
	idt_set_dpl(4, 0);
	idt_set_dpl(3, 3);
	user_run(u_int3, NULL, &t);
	check_trap(&t, VEC_BP, 0, "address: int3 with a gate of DPL 3");
	check_eq(t.cs, SEL_UCODE, "address: CS of CPL 3");
	check_eq(t.ss, SEL_UDATA, "address: SS of CPL 3");
	idt_set_dpl(3, 0);
}

USER_ASM_FN(u_io, "mov %edi, %edx; in %dx, %al");
USER_ASM_FN(u_io2, "mov %edi, %edx; in %dx, %ax");
USER_ASM_FN(u_cli_ok, "cli; sti; cli");

static void test_io_map(void)
{
	struct tss *tss = &cpu_tss[0];
	struct trap t;

	/* The map covers ports 0 to 0xff; a set bit refuses. */
	tss->iomap = offsetof(struct tss, bitmap);
	memset(tss->bitmap, 0xff, sizeof(tss->bitmap));
	tss->bitmap[0x80 / 8] = 0xfe;
	user_run(u_io, (void *)0x80, &t);
	check_trap(&t, TRAP_NONE, 0, "io map: an open port");
	user_run(u_io, (void *)0x81, &t);
	check_trap(&t, VEC_GP, 0, "io map: a closed port");
	user_run(u_io2, (void *)0x80, &t);
	check_trap(&t, VEC_GP, 0, "io map: a word needs both");
	tss->bitmap[0x80 / 8] = 0x7f;
	tss->bitmap[0x88 / 8] = 0xfe;
	user_run(u_io2, (void *)0x87, &t);
	check_trap(&t, TRAP_NONE, 0, "io map: a word over two bytes");
	tss->bitmap[0xf8 / 8] = 0x7f;
	user_run(u_io, (void *)0xff, &t);
	check_trap(&t, TRAP_NONE, 0, "io map: the last port");
	user_run(u_io, (void *)0x180, &t);
	check_trap(&t, VEC_GP, 0, "io map: beyond the TSS limit");
	tss->iomap = sizeof(*tss);
	user_run(u_io, (void *)0x80, &t);
	check_trap(&t, VEC_GP, 0, "io map: no map");
	user_flags = FL_IOPL(3);
	user_run(u_io, (void *)0x80, &t);
	check_trap(&t, TRAP_NONE, 0, "io map: IOPL 3 needs none");
	user_run(u_cli_ok, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "io map: cli and sti with IOPL 3");
	user_flags = 0;
}

USER_ASM_FN(u_monitor_op, "mov %rsp, %rax; xor %ecx, %ecx; xor %edx, %edx;"
			  "monitor");
USER_ASM_FN(u_mwait_op, "xor %eax, %eax; xor %ecx, %ecx; mwait");
ASM_FN(k_monitor, "mov %rsp, %rax; xor %ecx, %ecx; xor %edx, %edx; monitor");
ASM_FN(k_monitor_ecx, "mov %rsp, %rax; mov $1, %ecx; xor %edx, %edx; monitor");

static void test_monitor(void)
{
	struct trap t;

	if (!(cpuid(1, 0).c >> 3 & 1)) {
		catch_run(k_monitor, NULL, &t);
		check_trap(&t, VEC_UD, 0, "monitor: absent");
		return;
	}
	catch_run(k_monitor, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "monitor: at CPL 0");
	catch_run(k_monitor_ecx, NULL, &t);
	check_trap(&t, VEC_GP, 0, "monitor: ECX not 0");
	user_run(u_monitor_op, NULL, &t);
	check_trap(&t, VEC_UD, 0, "monitor: at CPL 3");
	user_run(u_mwait_op, NULL, &t);
	check_trap(&t, VEC_UD, 0, "mwait: at CPL 3");
}

int main(void)
{
	write_cr4(read_cr4() & ~(CR4_OSXSAVE | CR4_UMIP | CR4_TSD));
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SCE);
	exc_run_kernel(plain_cases, ARRAY_SIZE(plain_cases), "cpl0");
	exc_run_user(user_cases, ARRAY_SIZE(user_cases), "cpl3");
	user_cs = SEL_UCODE32;
	exc_run_user(compat_cases, ARRAY_SIZE(compat_cases), "compat");
	user_cs = SEL_UCODE;
	test_fpu_rows();
	test_cr4();
	test_alignment();
	test_msrs();
	test_addresses();
	test_io_map();
	test_monitor();
	test_descriptors();
	test_delivery();
	test_debug();
	test_fast_calls();
	return 0;
}
