/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS and FSGSBASE: the state each
 * leaves behind.
 */
#include "exceptions.h"

/* What the handlers below found. */
static struct {
	ulong cx, r11, sp, flags, cs, ss, count;
} found;

/* The handler: record, then end the run as an exception would. */
void fast_found(ulong cx, ulong r11, ulong sp, ulong flags);
asm(".text; .globl fast_entry; fast_entry:"
    "mov %rsp, %rdx; mov found_sp(%rip), %rsp; pushf; pop %rax;"
    "mov %rcx, %rdi; mov %r11, %rsi; mov %rax, %rcx; push $2; popf;"
    "call fast_found; int $0xe0");
extern char fast_entry[];
ulong found_sp;

void fast_found(ulong cx, ulong r11, ulong sp, ulong flags)
{
	uint16_t cs, ss;

	asm volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
	found.cx = cx;
	found.r11 = r11;
	found.sp = sp;
	found.flags = flags;
	found.cs = cs;
	found.ss = ss;
	found.count++;
	/* SYSCALL does not load SS from the GDT; make it a known one. */
	asm volatile("mov %0, %%ss" : : "r"(SEL_KDATA));
}

USER_ASM_FN(u_syscall, "pushf; orq $0xcd5, (%rsp); popf; mov %rsp, %r12;"
		       "u_sc0: syscall; u_sc1: ud2");
extern char u_sc0[], u_sc1[];

#define STAR_VALUE ((uint64_t)(SEL_UCODE32) << 48 | (uint64_t)SEL_KCODE << 32)

static void test_syscall(void)
{
	struct trap t;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, STAR_VALUE);
	wrmsr(MSR_LSTAR, (ulong)fast_entry);
	wrmsr(MSR_FMASK, 0x400 | FL_IF);
	memset(&found, 0, sizeof(found));
	user_run(u_syscall, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "syscall: gets in");
	check_eq(found.count, 1, "syscall: handler ran");
	check_eq(found.cx, (ulong)u_sc1, "syscall: RCX is the next RIP");
	check_eq(found.r11 & 0xffd, 0xcd5, "syscall: R11 is the flags");
	check_eq(found.flags & 0xfd5, 0x8d5, "syscall: FMASK clears");
	check_eq(found.cs, SEL_KCODE, "syscall: CS");
	check_eq(found.ss, SEL_KCODE + 8, "syscall: SS");
	check_eq(found.sp, t.regs.r12, "syscall: RSP stays");
}

/* SYSRET to a piece of user code that reports its selectors. */
static USER_DATA struct {
	ulong cs, ss, flags, sp;
} user_seen;

asm(".pushsection .user.text, \"ax\"; u_landed: mov %cs, (%rdi);"
    "mov %ss, 8(%rdi); mov %rsp, 24(%rdi); lea 24(%rdi), %rsp; pushf;"
    "int $0xe0;"
    "u_landed32: .code32; mov %cs, (%edi); mov %ss, 8(%edi); int $0xe0;"
    ".code64; .popsection");
USER_ASM_FN(u_sysret_op, "sysretq");
extern char u_landed[], u_landed32[];
ASM_FN(do_sysret, "mov $u_landed, %ecx; mov $0x3cd7, %r11d; sysretq");
ASM_FN(do_sysret32, "mov $u_landed32, %ecx; mov $2, %r11d; sysretl");
ASM_FN(do_sysret_bad, "mov $1, %ecx; shl $47, %rcx; mov $2, %r11d; sysretq");

static void test_sysret(void)
{
	struct trap t;

	user_run(u_sysret_op, NULL, &t);
	check_trap(&t, VEC_GP, 0, "sysret: at CPL 3");
	memset(&user_seen, 0, sizeof(user_seen));
	catch_run(do_sysret, &user_seen, &t);
	check_trap(&t, TRAP_NONE, 0, "sysret: gets out");
	check_eq(user_seen.cs & 0xffff, (SEL_UCODE32 + 16) | 3, "sysret: CS");
	check_eq(user_seen.ss & 0xffff, (SEL_UCODE32 + 8) | 3, "sysret: SS");
	check_eq(user_seen.flags & 0x3fd7, 0x3cd7, "sysret: flags from R11");
	memset(&user_seen, 0, sizeof(user_seen));
	catch_run(do_sysret32, &user_seen, &t);
	check_trap(&t, TRAP_NONE, 0, "sysret: to 32-bit code");
	check_eq(user_seen.cs & 0xffff, SEL_UCODE32, "sysret: 32-bit CS");
	check_eq(user_seen.ss & 0xffff, (SEL_UCODE32 + 8) | 3,
		 "sysret: 32-bit SS");
	if (is_amd()) {
		skip("AMD: the fault comes at the target",
		     "sysret: RCX not canonical");
	} else {
		catch_run(do_sysret_bad, NULL, &t);
		check_trap(&t, VEC_GP, 0, "sysret: RCX not canonical");
		check_eq(t.cs & 3, 0, "sysret: RCX not canonical, at CPL 0");
	}
}

USER_ASM_FN(u_sysenter, "mov $0x777, %ecx; mov $0x888, %r11d; sysenter");
ASM_FN(do_sysexit, "mov $u_landed, %edx; lea 64(%rdi), %rcx; sysexitq");
ASM_FN(do_sysexit32, "mov $u_landed32, %edx; lea 64(%rdi), %rcx; sysexitl");

static void test_sysenter(void)
{
	uint64_t *stack = page_alloc();
	struct trap t;

	if (is_amd()) {
		user_run(u_sysenter, NULL, &t);
		check_trap(&t, VEC_UD, 0, "sysenter: not in AMD's long mode");
		catch_run(do_sysexit, NULL, &t);
		check_trap(&t, VEC_UD, 0, "sysexit: not in AMD's long mode");
		return;
	}
	wrmsr(MSR_SYSENTER_CS, 0);
	user_run(u_sysenter, NULL, &t);
	check_trap(&t, VEC_GP, 0, "sysenter: CS of 0");
	catch_run(do_sysexit, &user_seen, &t);
	check_trap(&t, VEC_GP, 0, "sysexit: CS of 0");
	wrmsr(MSR_SYSENTER_CS, SEL_KCODE);
	wrmsr(MSR_SYSENTER_ESP, (ulong)stack + 2048);
	wrmsr(MSR_SYSENTER_EIP, (ulong)fast_entry);
	memset(&found, 0, sizeof(found));
	user_flags = FL_IF;
	user_run(u_sysenter, NULL, &t);
	user_flags = 0;
	check_trap(&t, TRAP_NONE, 0, "sysenter: gets in");
	check_eq(found.count, 1, "sysenter: handler ran");
	check_eq(found.sp, (ulong)stack + 2048, "sysenter: RSP");
	check_eq(found.cs, SEL_KCODE, "sysenter: CS");
	check_eq(found.ss, SEL_KCODE + 8, "sysenter: SS");
	check_eq(found.flags & FL_IF, 0, "sysenter: IF");
	check_eq(found.cx, 0x777, "sysenter: leaves RCX");

	/* SYSEXIT wants its selectors 32 behind SYSENTER_CS. */
	wrmsr(MSR_SYSENTER_CS, SEL_UCODE - 3 - 32);
	gdt_set(SEL_UCODE + 8 - 3, desc_make(0, 0xfffff, 0xf3, 0xc));
	memset(&user_seen, 0, sizeof(user_seen));
	catch_run(do_sysexit, &user_seen, &t);
	check_trap(&t, TRAP_NONE, 0, "sysexit: gets out");
	check_eq(user_seen.cs & 0xffff, SEL_UCODE, "sysexit: CS");
	check_eq(user_seen.ss & 0xffff, SEL_UCODE + 8, "sysexit: SS");
	check_eq(user_seen.sp, (ulong)&user_seen + 64, "sysexit: RSP is RCX");
	wrmsr(MSR_SYSENTER_CS, SEL_UCODE32 - 3 - 16);
	memset(&user_seen, 0, sizeof(user_seen));
	catch_run(do_sysexit32, &user_seen, &t);
	check_trap(&t, TRAP_NONE, 0, "sysexit: to 32-bit code");
	check_eq(user_seen.cs & 0xffff, SEL_UCODE32, "sysexit: 32-bit CS");
}

/* --- GS and FS --------------------------------------------------------------
 */

ASM_FN(k_rdgsbase, "rdgsbase %rax");
ASM_FN(k_wrgsbase, "wrgsbase %rdi");
ASM_FN(k_wrfsbase, "wrfsbase %rdi");
ASM_FN(k_wrgsbase32, "wrgsbase %edi");
USER_ASM_FN(u_wrgsbase, "wrgsbase %rdi; mov %gs:8, %rax; cmp $77, %rax;"
			"je 1f; ud2; 1: rdgsbase %rcx; cmp %rcx, %rdi; je 2f;"
			"ud2; 2: nop");
static USER_DATA ulong user_words[4] = {0, 77};

static void test_bases(void)
{
	static volatile ulong words[4] = {11, 22, 33, 44};
	ulong cr4 = read_cr4(), got;
	struct trap t;

	wrmsr(MSR_GS_BASE, (ulong)words);
	wrmsr(MSR_KGS_BASE, (ulong)&words[2]);
	asm volatile("mov %%gs:0, %0" : "=r"(got) : : "memory");
	check_eq(got, 11, "gs: base from the MSR");
	asm volatile("swapgs; mov %%gs:8, %0" : "=r"(got) : : "memory");
	check_eq(got, 44, "swapgs: base exchanged");
	check_eq(rdmsr(MSR_GS_BASE), (ulong)&words[2], "swapgs: GS base MSR");
	check_eq(rdmsr(MSR_KGS_BASE), (ulong)words, "swapgs: kernel GS base");
	asm volatile("swapgs");
	if (!has_fsgsbase()) {
		skip("no FSGSBASE", "fsgsbase");
		return;
	}
	catch_run(k_rdgsbase, NULL, &t);
	check_trap(&t, VEC_UD, 0, "fsgsbase: CR4.FSGSBASE=0");
	write_cr4(cr4 | CR4_FSGSBASE);
	catch_run(k_wrgsbase, (void *)0x0000800000000000, &t);
	check_trap(&t, VEC_GP, 0, "fsgsbase: not canonical");
	check_eq(rdmsr(MSR_GS_BASE), (ulong)words, "fsgsbase: unchanged by it");
	catch_run(k_wrfsbase, (void *)0xffff800012345678, &t);
	check_eq(rdmsr(MSR_FS_BASE), 0xffff800012345678, "fsgsbase: wrfsbase");
	catch_run(k_wrgsbase32, (void *)0xffff800012345678, &t);
	check_eq(rdmsr(MSR_GS_BASE), 0x12345678, "fsgsbase: 32 bits");
	user_run(u_wrgsbase, user_words, &t);
	check_trap(&t, TRAP_NONE, 0, "fsgsbase: at CPL 3");
	write_cr4(cr4);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
}

void test_fast_calls(void)
{
	found_sp = (ulong)page_alloc() + PAGE_SIZE - 64;
	test_syscall();
	test_sysret();
	test_sysenter();
	test_bases();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SCE);
}
