/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 32-bit protected mode, part one: what a data segment lets through (limit,
 * direction, type), null selectors, the LDT, and the query instructions.
 * Facts: SDM volume 3 chapters 3 and 5.
 */
#include "segmentation.h"

/* --- limits and types
 * --------------------------------------------------------------- */

ASM_FN(fs_r1, "mov %fs:(%eax), %cl");
ASM_FN(fs_r2, "mov %fs:(%eax), %cx");
ASM_FN(fs_r4, "mov %fs:(%eax), %ecx");
ASM_FN(fs_w1, "mov %fs:(%eax), %cl; mov %cl, %fs:(%eax)");
ASM_FN(fs_w4, "mov %fs:(%eax), %ecx; mov %ecx, %fs:(%eax)");
ASM_FN(fs_wo4, "movl $0, %fs:(%eax)");
ASM_FN(fs_rmw, "lock addl $0, %fs:(%eax)");

#define OK TRAP_NONE

/* table */
static const struct {
	const char *name;
	uint32_t limit;
	uint8_t access, flags;
	test_fn fn;
	uint32_t offset;
	int vector;
} limits[] = {
	{"byte at the limit", 0xfff, A_DATA, F_BIG, fs_r1, 0xfff, OK},
	{"byte above", 0xfff, A_DATA, F_BIG, fs_r1, 0x1000, VEC_GP},
	{"word up to it", 0xfff, A_DATA, F_BIG, fs_r2, 0xffe, OK},
	{"word over it", 0xfff, A_DATA, F_BIG, fs_r2, 0xfff, VEC_GP},
	{"dword up to it", 0xfff, A_DATA, F_BIG, fs_r4, 0xffc, OK},
	{"dword over it by 1", 0xfff, A_DATA, F_BIG, fs_r4, 0xffd, VEC_GP},
	{"dword over it by 3", 0xfff, A_DATA, F_BIG, fs_r4, 0xfff, VEC_GP},
	{"store up to it", 0xfff, A_DATA, F_BIG, fs_w4, 0xffc, OK},
	{"store over it", 0xfff, A_DATA, F_BIG, fs_wo4, 0xffd, VEC_GP},
	{"limit 0, first byte", 0, A_DATA, F_BIG, fs_r1, 0, OK},
	{"limit 0, second byte", 0, A_DATA, F_BIG, fs_r1, 1, VEC_GP},
	{"limit in pages", 0, A_DATA, F_BIG | F_PAGES, fs_r1, 0xfff, OK},
	{"limit in pages, above", 0, A_DATA, F_BIG | F_PAGES, fs_r1, 0x1000,
	 VEC_GP},
	{"highest offset", 0xfff, A_DATA, F_BIG, fs_r1, 0xffffffff, VEC_GP},
	{"dword around 4 GiB", 0xfff, A_DATA, F_BIG, fs_r4, 0xfffffffe, VEC_GP},
	{"expand-down, at the limit", 0xfff, A_DOWN, F_BIG, fs_r1, 0xfff,
	 VEC_GP},
	{"expand-down, above", 0xfff, A_DOWN, F_BIG, fs_r1, 0x1000, OK},
	{"expand-down, dword across", 0xfff, A_DOWN, F_BIG, fs_r4, 0xffe,
	 VEC_GP},
	{"expand-down, 0", 0xfff, A_DOWN, F_BIG, fs_r1, 0, VEC_GP},
	{"expand-down, above 64K", 0xfff, A_DOWN, F_BIG, fs_r4, 0x20000, OK},
	{"expand-down small, at 64K - 1", 0xfff, A_DOWN, 0, fs_r1, 0xffff, OK},
	{"expand-down small, word across 64K", 0xfff, A_DOWN, 0, fs_r2, 0xffff,
	 VEC_GP},
	{"expand-down small, above 64K", 0xfff, A_DOWN, 0, fs_r1, 0x10000,
	 VEC_GP},
	{"expand-down, limit in pages", 1, A_DOWN, F_BIG | F_PAGES, fs_r1,
	 0x1fff, VEC_GP},
	{"expand-down, limit in pages, above", 1, A_DOWN, F_BIG | F_PAGES,
	 fs_r1, 0x2000, OK},
	{"read-only, read", 0xfff, A_RODATA, F_BIG, fs_r4, 0, OK},
	{"read-only, write", 0xfff, A_RODATA, F_BIG, fs_wo4, 0, VEC_GP},
	{"read-only, locked add", 0xfff, A_RODATA, F_BIG, fs_rmw, 0, VEC_GP},
	{"writable, locked add", 0xfff, A_DATA, F_BIG, fs_rmw, 0, OK},
	{"readable code, read", 0xfff, A_CODE, F_BIG, fs_r4, 0, OK},
	{"readable code, write", 0xfff, A_CODE, F_BIG, fs_wo4, 0, VEC_GP},
	{"conforming readable code, read", 0xfff, A_CONF, F_BIG, fs_r4, 0, OK},
};

static void load_fs(void *p)
{
	asm volatile("mov %w0, %%fs" : : "r"(p) : "memory");
}

static void test_limits(void)
{
	uint8_t *area = page_alloc_aligned(0x40000, PAGE_SIZE);
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		put(SLOT1, (ulong)area, limits[i].limit, limits[i].access,
		    limits[i].flags);
		load_fs((void *)SLOT1);
		catch_run(limits[i].fn, (void *)limits[i].offset, &t);
		load_fs((void *)SEL_KDATA);
		check_trap(&t, limits[i].vector, 0, "limit: %s",
			   limits[i].name);
	}
	/* The base counts, and the sum wraps at 4 GiB. */
	area[0x123] = 0x77;
	put(SLOT1, (ulong)area + 0x100, 0xfffff, A_DATA, F_BIG | F_PAGES);
	load_fs((void *)SLOT1);
	asm volatile("movb %%fs:0x23, %%al; mov %%al, %0"
		     : "=m"(area[0])
		     :
		     : "eax", "memory");
	check_eq(area[0], 0x77, "limit: base is added");
	asm volatile("movb %%fs:(%1), %%al; mov %%al, %0"
		     : "=m"(area[1])
		     : "r"(0xffffff00 + 0x123)
		     : "eax", "memory");
	check_eq(area[1], 0x77, "limit: the sum wraps");
	load_fs((void *)0);
	catch_run(fs_r1, area, &t);
	check_trap(&t, VEC_GP, 0, "limit: null selector");
	load_fs((void *)0);
	catch_run(fs_wo4, area, &t);
	check_trap(&t, VEC_GP, 0, "limit: null selector, write");
	load_fs((void *)SEL_KDATA);
}

/* --- loads
 * ----------------------------------------------------------------------------
 */

ASM_FN(to_ds, "mov %ds, %ecx; mov %eax, %ds; mov %ecx, %ds");
ASM_FN(to_ss, "mov %ss, %ecx; mov %eax, %ss; mov %ecx, %ss");
ASM_FN(to_es_pop, "push %eax; pop %es; push %ds; pop %es");
USER_ASM_FN(u_to_ds, "mov %eax, %ds; mov $0x23, %eax; mov %eax, %ds");
USER_ASM_FN(u_to_ss, "mov %eax, %ss; mov $0x23, %eax; mov %eax, %ss");

/* table */
static const struct {
	const char *name;
	test_fn fn;
	bool user;
	uint8_t access;
	uint16_t selector;
	int vector;
	ulong error;
} loads[] = {
	{"data", to_ds, false, A_DATA, SLOT1, OK, 0},
	{"data, RPL 3 of DPL 0", to_ds, false, A_DATA, SLOT1 | 3, VEC_GP,
	 SLOT1},
	{"data, RPL 3 of DPL 3", to_ds, false, A_DATA | A_DPL(3), SLOT1 | 3, OK,
	 0},
	{"execute-only code", to_ds, false, A_XCODE, SLOT1, VEC_GP, SLOT1},
	{"readable code", to_ds, false, A_CODE, SLOT1, OK, 0},
	{"absent", to_ds, false, A_DATA & ~A_P, SLOT1, VEC_NP, SLOT1},
	{"system", to_ds, false, A_TSS, SLOT1, VEC_GP, SLOT1},
	{"call gate", to_ds, false, A_CALL, SLOT1, VEC_GP, SLOT1},
	{"beyond the GDT", to_ds, false, A_DATA, 0x1000, VEC_GP, 0x1000},
	{"pop es, absent", to_es_pop, false, A_DATA & ~A_P, SLOT1, VEC_NP,
	 SLOT1},
	{"ss, null", to_ss, false, A_DATA, 0, VEC_GP, 0},
	{"ss, read-only", to_ss, false, A_RODATA, SLOT1, VEC_GP, SLOT1},
	{"ss, code", to_ss, false, A_CODE, SLOT1, VEC_GP, SLOT1},
	{"ss, RPL 1", to_ss, false, A_DATA, SLOT1 | 1, VEC_GP, SLOT1},
	{"ss, DPL 1", to_ss, false, A_DATA | A_DPL(1), SLOT1, VEC_GP, SLOT1},
	{"ss, absent", to_ss, false, A_DATA & ~A_P, SLOT1, VEC_SS, SLOT1},
	{"CPL 3, DPL 3", u_to_ds, true, A_DATA | A_DPL(3), SLOT1, OK, 0},
	{"CPL 3, DPL 2", u_to_ds, true, A_DATA | A_DPL(2), SLOT1, VEC_GP,
	 SLOT1},
	{"CPL 3, DPL 0", u_to_ds, true, A_DATA, SLOT1, VEC_GP, SLOT1},
	{"CPL 3, conforming code of DPL 0", u_to_ds, true, A_CONF, SLOT1, OK,
	 0},
	{"CPL 3, null", u_to_ds, true, A_DATA, 3, OK, 0},
	{"CPL 3, ss, RPL 3 DPL 3", u_to_ss, true, A_DATA | A_DPL(3), SLOT1 | 3,
	 OK, 0},
	{"CPL 3, ss, RPL 0 DPL 3", u_to_ss, true, A_DATA | A_DPL(3), SLOT1,
	 VEC_GP, SLOT1},
	{"CPL 3, ss, DPL 0", u_to_ss, true, A_DATA, SLOT1 | 3, VEC_GP, SLOT1},
};

static void test_loads(void)
{
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(loads); i++) {
		put(SLOT1, 0, 0xfffff, loads[i].access, F_BIG | F_PAGES);
		if (loads[i].user)
			user_run(loads[i].fn, (void *)(ulong)loads[i].selector,
				 &t);
		else
			catch_run(loads[i].fn, (void *)(ulong)loads[i].selector,
				  &t);
		check_trap(&t, loads[i].vector, loads[i].error, "load: %s",
			   loads[i].name);
	}
	put(SLOT1, 0, 0xfffff, 0x92, F_BIG | F_PAGES);
	catch_run(to_ds, (void *)SLOT1, &t);
	check_eq(gdt[SLOT1 / 8] >> 40 & 0xff, 0x93, "load: accessed bit");
	put(SLOT1, 0, 0xfffff, 0x92, F_BIG | F_PAGES);
	catch_run(to_ds, (void *)(SLOT1 | 3), &t);
	check_eq(gdt[SLOT1 / 8] >> 40 & 0xff, 0x92,
		 "load: no accessed bit by a refused one");
}

/* --- the LDT
 * ----------------------------------------------------------------------------
 */

static void test_ldt(void)
{
	static uint64_t ldt[4];
	struct trap t;

	ldt[0] = desc_make(0, 0xfffff, A_DATA, F_BIG | F_PAGES);
	ldt[2] = desc_make((ulong)ldt, 0xff, A_DATA, F_BIG);
	put(SLOT2, (ulong)ldt, sizeof(ldt) - 1, A_LDT, 0);
	asm volatile("lldt %w0" : : "r"(SLOT2) : "memory");
	catch_run(to_ds, (void *)0x04, &t);
	check_trap(&t, OK, 0, "ldt: entry 0 is no null selector");
	catch_run(to_ds, (void *)0x0c, &t);
	check_trap(&t, VEC_GP, 0x0c, "ldt: an empty entry");
	catch_run(to_ds, (void *)0x24, &t);
	check_trap(&t, VEC_GP, 0x24, "ldt: beyond its limit");
	load_fs((void *)0x14);
	catch_run(fs_r4, (void *)0, &t);
	check_trap(&t, OK, 0, "ldt: a segment of it works");
	catch_run(fs_r4, (void *)0xfd, &t);
	check_trap(&t, VEC_GP, 0, "ldt: and has its limit");
	/* The cached part stays when the LDT goes. */
	asm volatile("lldt %w0" : : "r"(0) : "memory");
	catch_run(fs_r4, (void *)0, &t);
	check_trap(&t, OK, 0, "ldt: what is loaded stays");
	load_fs((void *)SEL_KDATA);
	catch_run(to_ds, (void *)0x04, &t);
	check_trap(&t, VEC_GP, 0x04, "ldt: none");
}

/* --- LAR, LSL, VERR, VERW, ARPL
 * ------------------------------------------------------------ */

struct query {
	uint32_t selector;
	uint32_t lar, lsl;
	uint8_t lar_ok, lsl_ok, verr_ok, verw_ok;
};

ASM_FN(query_all,
       "push %ebx; mov %eax, %ebx; mov (%ebx), %ecx; xor %eax, %eax;"
       "lar %ecx, %eax; mov %eax, 4(%ebx); setz 12(%ebx); xor %eax, %eax;"
       "lsl %ecx, %eax; mov %eax, 8(%ebx); setz 13(%ebx); verr %cx;"
       "setz 14(%ebx); verw %cx; setz 15(%ebx); pop %ebx");

static unsigned int expected(unsigned int type)
{
	/* SDM volume 2, LAR and LSL: the types that are valid. */
	static const uint16_t lar = 0x1a3e, lsl = 0x0a0e;

	if (!(type & 0x10))
		return (lar >> type & 1) | (lsl >> type & 1) << 1;
	if (type & 8)
		return 3 | (type & 2) << 1;
	return 7 | (type & 2) << 2;
}

static void test_queries(void)
{
	struct query q;
	struct trap t;
	unsigned int type;

	for (type = 0; type < 32; type++) {
		put(SLOT1, 0x12345678, 0xabcd, 0x80 | type, 0);
		memset(&q, 0, sizeof(q));
		q.selector = SLOT1;
		catch_run(query_all, &q, &t);
		detail("LAR %d LSL %d VERR %d VERW %d", q.lar_ok, q.lsl_ok,
		       q.verr_ok, q.verw_ok);
		check_eq(q.lar_ok | q.lsl_ok << 1 | q.verr_ok << 2 |
				 q.verw_ok << 3,
			 expected(type), "query: type %02x", type);
		if (q.lsl_ok)
			check_eq(q.lsl, 0xabcd, "query: type %02x, limit",
				 type);
	}
}

ASM_FN(arpl_up, "mov $0x40, %eax; mov $3, %ecx; arpl %cx, %ax; jz 1f; ud2;"
		"1: cmp $0x43, %ax; je 2f; ud2; 2: nop");
ASM_FN(arpl_stay, "mov $0x43, %eax; mov $1, %ecx; arpl %cx, %ax; jnz 1f; ud2;"
		  "1: cmp $0x43, %ax; je 2f; ud2; 2: nop");
ASM_FN(les_ok, "push $0x10; push $0x1234; les (%esp), %eax; add $8, %esp;"
	       "cmp $0x1234, %eax; je 1f; ud2; 1: nop");
ASM_FN(lss_ok, "mov %ss, %ecx; push %ecx; lea 4(%esp), %eax; push %eax;"
	       "lss (%esp), %esp");
ASM_FN(lfs_bad, "push $0x1000; push $0; lfs (%esp), %eax");
ASM_FN(lds_reg, ".byte 0xc5, 0xc0");
ASM_FN(bound_ok, "push $9; push $1; mov $9, %eax; bound %eax, (%esp);"
		 "add $8, %esp");
ASM_FN(bound_bad, "push $9; push $1; mov $10, %eax; bound %eax, (%esp)");
ASM_FN(into_bad, "mov $0x7fffffff, %eax; inc %eax; into");
ASM_FN(pusha_ok, "mov $0x11, %edi; mov %esp, %ecx; pusha; cmp %ecx, 12(%esp);"
		 "jne 1f; mov $0, %edi; popa; cmp $0x11, %edi; je 2f; 1: ud2;"
		 "2: nop");
ASM_FN(syscall_gone, ".byte 0x67, 0x0f, 0x01, 0xf8"); /* swapgs */

static void test_misc(void)
{
	static const struct {
		const char *name;
		test_fn fn;
		int vector;
		ulong error;
	} cases[] = {
		{"arpl raises", arpl_up, OK, 0},
		{"arpl leaves", arpl_stay, OK, 0},
		{"les", les_ok, OK, 0},
		{"lss", lss_ok, OK, 0},
		{"lfs beyond the GDT", lfs_bad, VEC_GP, 0x1000},
		{"lds of a register", lds_reg, VEC_UD, 0},
		{"bound inside", bound_ok, OK, 0},
		{"bound outside", bound_bad, VEC_BR, 0},
		{"into", into_bad, VEC_OF, 0},
		{"pusha and popa", pusha_ok, OK, 0},
		{"swapgs outside of 64-bit mode", syscall_gone, VEC_UD, 0},
	};
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		catch_run(cases[i].fn, NULL, &t);
		check_trap(&t, cases[i].vector, cases[i].error, "misc: %s",
			   cases[i].name);
	}
}

void test_segments(void)
{
	test_limits();
	test_loads();
	test_ldt();
	test_queries();
	test_misc();
}

int main(void)
{
	test_segments();
	test_transfers();
	test_stacks();
	test_tasks();
	test_v86();
	return 0;
}
