/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real mode: limits of 64K and where addresses wrap, interrupts through the
 * vector table, 16-bit addressing, prefixes, string instructions, unreal
 * mode; then decimal arithmetic, shifts, MUL and DIV against a plain model.
 * Facts: SDM volume 3 chapter 20, volume 2.
 */
#include "lib.h"
#include "page.h"

/* At 0x7000; known to real16.S. */
struct real_regs {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp, flags, esp;
	uint16_t ds, es, fs_selector, gs, ss, pad;
	uint32_t vector, ip, cs, out_flags, out_esp;
};

#define REGS ((volatile struct real_regs *)mem_at(0x7000))
#define CODE ((uint8_t *)mem_at(0x10000))
#define DS   0x2000
#define ES   0x3000
#define SS   0x4000
#define NONE (-1)

extern char real_low[], real_low_end[], real_vectors_low[];
void real_enter(void);

/* Code for 1000:0000; the end is a far return. */
#define REAL(name, text)                                                       \
	extern const uint8_t name[];                                           \
	asm(".text; .globl " #name ";" #name ": .code16; " text                \
	    "; lret; .skip 64, 0xf4; .code32")

static uint8_t *linear(unsigned int seg, unsigned int off)
{
	return mem_at(seg * 16 + off);
}

static void put16(unsigned int seg, unsigned int off, uint16_t v)
{
	*(volatile uint16_t *)linear(seg, off) = v;
}

static uint16_t get16(unsigned int seg, unsigned int off)
{
	return *(volatile uint16_t *)linear(seg, off);
}

static void regs_default(void)
{
	struct real_regs r = {
		.ebx = 0x0000bbbb,
		.ecx = 0x0000cccc,
		.edx = 0x0000dddd,
		.esi = 0x100,
		.edi = 0x200,
		.ebp = 0x300,
		.flags = 2,
		.esp = 0x8000,
		.ds = DS,
		.es = ES,
		.fs_selector = 0x50,
		.ss = SS,
	};

	memcpy((void *)(ulong)REGS, &r, sizeof(r));
}

/* Run it; the vector table is ours meanwhile. */
static void run(const uint8_t *code)
{
	volatile uint32_t *ivt = mem_at(0);
	static uint32_t saved[256];
	unsigned int i;

	memcpy(CODE, code, 256);
	for (i = 0; i < 256; i++) {
		saved[i] = ivt[i];
		ivt[i] = (ulong)real_vectors_low + (i & 31) * 8;
	}
	real_enter();
	for (i = 0; i < 256; i++)
		ivt[i] = saved[i];
}

static void setup(void)
{
	/* 0x48: 16-bit code, 0x50: data with real-mode limit. */
	gdt_set(0x48, desc_make(0, 0xffff, 0x9b, 0));
	gdt_set(0x50, desc_make(0, 0xffff, 0x93, 0));
	memcpy(mem_at(0x8000), real_low, real_low_end - real_low);
	memset(linear(DS, 0), 0, 0x10000);
	memset(linear(ES, 0), 0, 0x10000);
	memset(linear(SS, 0), 0, 0x10000);
}

/* clang-format off */

/* --- addresses and limits ---------------------------------------------------------- */

REAL(w_load_ffff, "mov 0xffff, %ax");
REAL(w_load_fffe, "mov 0xfffe, %ax");
REAL(w_store_ffff, "mov %ax, 0xffff");
REAL(w_ss_ffff, "mov %ss:0xffff, %ax");
REAL(w_bp_ffff, "mov $0xffff, %bp; mov (%bp), %ax");
REAL(w_dword_fffd, "mov 0xfffd, %eax");
REAL(w_a32, "mov $0x10000, %ebx; mov (%ebx), %al");
REAL(w_a32_ok, "mov $0xfffe, %ebx; mov (%ebx), %ax");
REAL(w_a32_neg, "mov $-1, %ebx; mov 1(%ebx), %al");
REAL(w_bxsi, "mov $0xff00, %bx; mov $0x0110, %si; mov (%bx,%si), %ax");
REAL(w_bxdi, "mov $0xff00, %bx; mov $0x0110, %di; mov (%bx,%di), %ax");
REAL(w_bpsi, "mov $0xff00, %bp; mov $0x0110, %si; mov (%bp,%si), %ax");
REAL(w_bpdi, "mov $0xff00, %bp; mov $0x0110, %di; mov (%bp,%di), %ax");
REAL(w_si_d8, "mov $0x0011, %si; mov -1(%si), %ax");
REAL(w_bx_d16, "mov $0x8010, %bx; mov -0x8000(%bx), %ax");
REAL(w_bp_d8, "mov $0x0020, %bp; mov -16(%bp), %ax");
REAL(w_bp_ds, "mov $0x0010, %bp; mov %ds:(%bp), %ax");
REAL(w_xlat, "mov $0xffff, %bx; mov $0x11, %al; mov $0, %ah; xlat");
REAL(w_hma, "mov $0xffff, %ax; mov %ax, %ds; mov 0x10, %ax");
REAL(w_lea, "mov $0xffff, %bx; xor %eax, %eax; lea 2(%bx), %ax");
REAL(w_lea32, "mov $0xffff, %ebx; xor %eax, %eax; lea 2(%ebx), %eax");
REAL(w_lea_trunc, "mov $0x12345678, %ebx; xor %eax, %eax; lea (%ebx), %ax");

/* --- stack ----------------------------------------------------------------------------- */

REAL(s_wrap, "mov %sp, %cx; xor %sp, %sp; push %ax; mov %sp, %ax;"
     "mov %cx, %sp");
REAL(s_upper, "mov %esp, %edx; or $0x7fff0000, %esp; mov %esp, %ecx; push %ax;"
     "pop %ax; xor %eax, %eax; cmp %esp, %ecx; jne 1f; mov $1, %ax;"
     "1: mov %edx, %esp");
REAL(s_push32, "mov %sp, %cx; pushl $0x12345678; sub %sp, %cx; pop %ax;"
     "pop %dx; movzwl %cx, %eax; shl $16, %eax; mov %dx, %ax");
REAL(s_pusha, "mov %sp, %cx; pusha; mov %sp, %ax; sub %ax, %cx;"
     "add $16, %sp; movzwl %cx, %eax");
REAL(s_pushad, "mov %sp, %cx; pushal; mov %sp, %ax; sub %ax, %cx;"
     "add $32, %sp; movzwl %cx, %eax");
REAL(s_enter, "mov %sp, %cx; mov $0x1234, %bp; enter $6, $0; mov %sp, %ax;"
     "sub %ax, %cx; mov (%bp), %ax; leave; shl $16, %eax; mov %cx, %ax;"
     "cmp $0x1234, %bp; je 1f; xor %eax, %eax; 1:");
REAL(s_retn, "jmp 2f; 1: ret $4; 2: mov %sp, %bp; push %ax; push %ax; call 1b;"
     "xor %eax, %eax; cmp %sp, %bp; jne 3f; inc %ax; 3:");
REAL(s_lretn, "jmp 2f; 1: lret $4; 2: mov %sp, %bp; push %ax; push %ax;"
     "push %cs; call 1b; xor %eax, %eax; cmp %sp, %bp; jne 3f; inc %ax; 3:");
REAL(s_callf32, "mov %sp, %bp; .byte 0x66, 0x9a; .long 0x12; .word 0x1000;"
     "jmp 2f; .skip 7, 0x90; 1: mov %sp, %cx; sub %cx, %bp; .byte 0x66;"
     "lret; 2: movzwl %bp, %eax");
REAL(s_les, "pushw $0x5000; pushw $0x1234; mov %sp, %bp; les (%bp), %bx;"
     "add $4, %sp; mov %es, %ax; shl $16, %eax; mov %bx, %ax");

/* --- interrupts ------------------------------------------------------------------------ */

REAL(i_int, "int $0x15");
REAL(i_int3, "int3");
REAL(i_into, "mov $0x7fff, %ax; inc %ax; into");
REAL(i_into_no, "xor %ax, %ax; into");
REAL(i_bound, "movw $1, 0x40; movw $5, 0x42; mov $6, %ax; bound %ax, 0x40");
REAL(i_bound_ok, "movw $1, 0x40; movw $5, 0x42; mov $5, %ax; bound %ax, 0x40");
REAL(i_div, "xor %cx, %cx; div %cx");
REAL(i_ud, "ud2");
REAL(i_aam, ".byte 0xd4, 0");
REAL(i_step, "pushf; pop %cx; or $0x100, %cx; push %cx; popf; nop; nop");
REAL(i_icebp, ".byte 0xf1");
REAL(i_lock, ".byte 0xf0, 0x89, 0x07");
REAL(i_sldt, "sldt %ax");
REAL(i_str, "str %ax");
REAL(i_lar, "lar %ax, %ax");
REAL(i_verr, "verr %ax");
REAL(i_arpl, ".byte 0x63, 0xc0");
REAL(i_lldt, "lldt %ax");
REAL(i_ltr, "ltr %ax");
REAL(i_cs, ".byte 0x8e, 0xc8");
REAL(i_long, ".rept 15; .byte 0x66; .endr; nop");
REAL(i_jmp_far32, ".byte 0x66, 0xe9; .long 0x10000");
REAL(i_limit, "push %ds; push $0; pop %ds; lidtl 0x6ff0; pop %ds; int $0x20");
REAL(i_iret, "pushf; push %cs; call 1f; jmp 2f; 1: cli; iret; 2: mov $1, %eax");
/* A handler of its own for 0x60: what INT pushes, and the flags in it. */
REAL(i_handler, "push %ds; push $0; pop %ds; movw $(2f - i_handler), %ax; "
     "mov %ax, 0x180; mov %cs, 0x182; pop %ds;"
     "sti; mov %sp, %cx; int $0x60; 1: jmp 3f;"
     "2: pushf; pop %ax; mov %sp, %bp; sub %bp, %cx; mov 4(%bp), %dx; iret;"
     "3: cli; and $0x200, %ax; and $0x200, %dx; shr $9, %dx; shl $4, %dx;"
     "or %dx, %ax; or %cx, %ax; movzwl %ax, %eax");
REAL(i_halt_ok, "clts; xor %eax, %eax; smsw %ax; and $1, %ax");

/* --- prefixes and loops ------------------------------------------------------------------ */

REAL(p_mov32, "mov $0x12345678, %eax");
REAL(p_keep, "mov $0x12345678, %eax; mov $0x9abc, %ax");
REAL(p_cwde, "mov $0x8000, %ax; cwde");
REAL(p_cdq, "mov $0x80000000, %eax; cltd; mov %edx, %eax");
REAL(p_loop, "mov $0x10003, %ecx; xor %ax, %ax; 1: inc %ax; loop 1b;"
     "shl $16, %eax; shr $16, %eax; shr $16, %ecx; shl $16, %ecx;"
     "or %ecx, %eax");
REAL(p_loop32, "mov $0x10003, %ecx; xor %eax, %eax; 1: inc %eax;"
     ".byte 0x67; loop 1b");
REAL(p_jcxz, "mov $0x10000, %ecx; mov $1, %eax; jcxz 1f; mov $2, %eax; 1:");
REAL(p_jecxz, "mov $0x10000, %ecx; mov $1, %eax; jecxz 1f; mov $2, %eax; 1:");
REAL(p_movzx, "mov $0xff, %bl; movsbl %bl, %eax");
REAL(p_sib, "mov $0x10, %ecx; mov $0x20, %ebx; xor %eax, %eax;"
     "lea 4(%ebx,%ecx,4), %eax");
REAL(p_stos32, "mov $0x11223344, %eax; mov $0x300, %di; stosl;"
     "mov %es:0x302, %ax; movzwl %ax, %eax");
REAL(p_rep_a32, "mov $0xffff0003, %ecx; mov $0x400, %edi; mov $0x77, %al;"
     "rep stosb; mov %ecx, %eax");
REAL(p_wrap, "mov $0x5a, %al; mov $0xffff, %di; stosb; stosb; xor %eax, %eax;"
     "mov %di, %ax; mov %es:0, %ah");
REAL(p_std, "std; mov $1, %cx; mov $0, %di; mov $0x66, %al; rep stosb; cld;"
     "movzwl %di, %eax");
REAL(p_movsw_over, "mov $2, %cx; mov $0, %si; mov $0xfffd, %di; rep movsw");
REAL(p_cmps, "mov $4, %cx; mov $0x500, %si; mov $0x500, %di; repe cmpsb;"
     "movzwl %cx, %eax");
REAL(p_scas, "mov $0x600, %di; mov $8, %cx; xor %al, %al; movb $9, %es:0x603;"
     "mov $9, %al; repne scasb; movzwl %di, %eax; shl $16, %eax; mov %cx, %ax");
REAL(p_cx0, "xor %cx, %cx; mov $0x600, %di; rep stosb; movzwl %di, %eax");
REAL(p_far_jmp, "ljmp $0x0fff, $8f - p_far_jmp + 16; ud2; 8: mov %cs, %ax;"
     "movzwl %ax, %eax");
REAL(p_in, "xor %eax, %eax; in $0x80, %al; xor %eax, %eax");

struct real_case {
	const char *name;
	const uint8_t *code;
	int vector;
	uint32_t want; /* EAX, or with a vector IP */
};

static const struct real_case cases[] = {
	{"word at 0xffff", w_load_ffff, VEC_GP, 0},
	{"word at 0xfffe", w_load_fffe, NONE, 0xfe01},
	{"store of a word at 0xffff", w_store_ffff, VEC_GP, 0},
	{"word at ss:0xffff", w_ss_ffff, VEC_SS, 0},
	{"word at bp = 0xffff", w_bp_ffff, VEC_SS, 3},
	{"dword at 0xfffd", w_dword_fffd, VEC_GP, 0},
	{"32-bit address of 64K", w_a32, VEC_GP, 6},
	{"32-bit address in the limit", w_a32_ok, NONE, 0xfe01},
	{"32-bit address that wraps at 4 GiB", w_a32_neg, NONE, 0x11},
	{"bx+si wraps", w_bxsi, NONE, 0xd510},
	{"bx+di wraps", w_bxdi, NONE, 0xd510},
	{"bp+si wraps, in ss", w_bpsi, NONE, 0x5510},
	{"bp+di wraps, in ss", w_bpdi, NONE, 0x5510},
	{"si-1", w_si_d8, NONE, 0xd510},
	{"bx-0x8000", w_bx_d16, NONE, 0xd510},
	{"bp-16, in ss", w_bp_d8, NONE, 0x5510},
	{"bp with ds", w_bp_ds, NONE, 0xd510},
	{"xlat wraps", w_xlat, NONE, 0x10},
	{"ffff:0010", w_hma, NONE, 0xb002},
	{"lea is 16 bits", w_lea, NONE, 1},
	{"lea of 32 bits", w_lea32, NONE, 0x10001},
	{"lea of 32 bits, cut", w_lea_trunc, NONE, 0x5678},
	{"push at 0 wraps", s_wrap, NONE, 0xfffe},
	{"upper half of esp stays", s_upper, NONE, 1},
	{"push of a dword", s_push32, NONE, 0x00041234},
	{"pusha", s_pusha, NONE, 16},
	{"pushad", s_pushad, NONE, 32},
	{"enter and leave", s_enter, NONE, 0x12340008},
	{"ret n", s_retn, NONE, 1},
	{"lret n", s_lretn, NONE, 1},
	{"call far of 32 bits", s_callf32, NONE, 8},
	{"les", s_les, NONE, 0x50001234},
	{"int 0x15", i_int, 0x15, 2},
	{"int3", i_int3, VEC_BP, 1},
	{"into", i_into, VEC_OF, 5},
	{"into not taken", i_into_no, NONE, 0},
	{"bound", i_bound, VEC_BR, 15},
	{"bound inside", i_bound_ok, NONE, 5},
	{"div by 0", i_div, VEC_DE, 2},
	{"ud2", i_ud, VEC_UD, 0},
	{"aam 0", i_aam, VEC_DE, 0},
	{"single step", i_step, VEC_DB, 9},
	{"icebp", i_icebp, VEC_DB, 1},
	{"lock mov", i_lock, VEC_UD, 0},
	{"sldt", i_sldt, VEC_UD, 0},
	{"str", i_str, VEC_UD, 0},
	{"lar", i_lar, VEC_UD, 0},
	{"verr", i_verr, VEC_UD, 0},
	{"arpl", i_arpl, VEC_UD, 0},
	{"lldt", i_lldt, VEC_UD, 0},
	{"ltr", i_ltr, VEC_UD, 0},
	{"mov to cs", i_cs, VEC_UD, 0},
	{"16 bytes", i_long, VEC_GP, 0},
	{"jmp over 64K", i_jmp_far32, VEC_GP, 0},
	{"int beyond the limit of the table", i_limit, VEC_GP, 11},
	{"iret", i_iret, NONE, 1},
	{"int: IF cleared, saved and 6 bytes pushed", i_handler, NONE, 0x16},
	{"not in protected mode", i_halt_ok, NONE, 0},
	{"operand of 32 bits", p_mov32, NONE, 0x12345678},
	{"upper half stays", p_keep, NONE, 0x12349abc},
	{"cwde", p_cwde, NONE, 0xffff8000},
	{"cdq", p_cdq, NONE, 0xffffffff},
	{"loop counts cx", p_loop, NONE, 0x10003},
	{"loop with 67 counts ecx", p_loop32, NONE, 0x10003},
	{"jcxz looks at cx", p_jcxz, NONE, 1},
	{"jecxz looks at ecx", p_jecxz, NONE, 2},
	{"movsx to 32 bits", p_movzx, NONE, 0xffffffff},
	{"scaled index", p_sib, NONE, 0x64},
	{"stosd", p_stos32, NONE, 0x1122},
	{"rep counts cx", p_rep_a32, NONE, 0xffff0000},
	{"stosb wraps", p_wrap, NONE, 0x5a01},
	{"stosb down wraps", p_std, NONE, 0xffff},
	{"rep movsw over the limit", p_movsw_over, VEC_GP, 9},
	{"repe cmpsb", p_cmps, NONE, 1},
	{"repne scasb", p_scas, NONE, 0x06040004},
	{"rep with cx 0", p_cx0, NONE, 0x600},
	{"ljmp to another segment", p_far_jmp, NONE, 0x0fff},
	{"in needs no permission", p_in, NONE, 0},
};

/* clang-format on */

static void memory_default(void)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		*linear(DS, i) = *linear(ES, i) = i;
	}
	put16(DS, 0x10, 0xd510);
	put16(SS, 0x10, 0x5510);
	put16(DS, 0xfffe, 0xfe01);
	*linear(DS, 0) = 0x11;
	*linear(ES, 0) = 0;
	put16(DS, 0x500, 0x0201);
	put16(DS, 0x502, 0x0403);
	put16(ES, 0x500, 0x0201);
	put16(ES, 0x502, 0x0499);
	/* For lidt: 32 vectors only. */
	*(volatile uint16_t *)mem_at(0x6ff0) = 0x7f;
	*(volatile uint32_t *)mem_at(0x6ff2) = 0;
}

static void test_cases(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct real_case *c = &cases[i];

		regs_default();
		memory_default();
		REGS->eax = 0;
		run(c->code);
		detail("vector %d ip 0x%x eax 0x%x", (int)REGS->vector,
		       REGS->ip, REGS->eax);
		check_eq(REGS->vector, (uint32_t)c->vector, "real: %s",
			 c->name);
		if (c->vector == NONE)
			check_eq(REGS->eax, c->want, "real: %s, EAX", c->name);
		else
			check_eq(REGS->ip, c->want, "real: %s, IP", c->name);
	}
}

/* --- unreal mode
 * ---------------------------------------------------------------------------
 */

REAL(u_read, "mov $0x100000, %ebx; mov %fs:(%ebx), %eax");
REAL(u_reload, "xor %ax, %ax; mov %ax, %fs; mov $0x100000, %ebx;"
	       "mov %fs:(%ebx), %eax");

static void test_unreal(void)
{
	regs_default();
	REGS->fs_selector = SEL_KDATA;
	run(u_read);
	check_eq(REGS->vector, (uint32_t)NONE, "unreal: above 64K");
	check_eq(REGS->eax, 0x1badb002, "unreal: the right place");
	regs_default();
	REGS->fs_selector = SEL_KDATA;
	run(u_reload);
	check_eq(REGS->vector, (uint32_t)NONE,
		 "unreal: a load keeps the limit");
	check_eq(REGS->eax, 0x1badb002, "unreal: a load sets the base");
	regs_default();
	run(u_read);
	check_eq(REGS->vector, VEC_GP, "unreal: not without it");
}

/* --- decimal
 * ----------------------------------------------------------------------------------
 */

/* For all of AL and CF, AF: two words at ES:DI, AX and flags. */
#define ALL_AL(op)                                                             \
	"cld; xor %di, %di; xor %cx, %cx; 1: mov %cl, %al; mov $5, %ah;"       \
	"mov %ch, %dl; and $1, %dx; mov %ch, %dh; and $2, %dh; shl $3, %dh;"   \
	"or %dh, %dl; xor %dh, %dh; push %dx; popf;" op "; pushf;"             \
	"stosw; pop %ax; stosw; inc %cx; cmp $0x400, %cx; jb 1b"

REAL(d_daa, ALL_AL("daa"));
REAL(d_das, ALL_AL("das"));
REAL(d_aaa, ALL_AL("aaa"));
REAL(d_aas, ALL_AL("aas"));
REAL(d_aam, ALL_AL("aam"));
REAL(d_aad, ALL_AL("aad"));

struct decimal {
	uint16_t ax, flags, mask; /* mask: flags that are defined */
};

static uint16_t szp(uint8_t v)
{
	unsigned int ones = 0, i;

	for (i = 0; i < 8; i++)
		ones += v >> i & 1;
	return (v & 0x80) | (v ? 0 : FL_ZF) | (ones & 1 ? 0 : FL_PF);
}

static struct decimal model_da(uint8_t al, bool cf, bool af, bool add)
{
	uint8_t old = al;
	uint16_t flags = 0;

	if ((al & 15) > 9 || af) {
		al += add ? 6 : -6;
		flags |= FL_AF;
		/* The borrow or carry of this step counts as well. */
		if (!add && old < 6)
			flags |= FL_CF;
		if (add && old > 0xf9)
			flags |= FL_CF;
		if (cf)
			flags |= FL_CF;
	}
	if (old > 0x99 || cf) {
		al += add ? 0x60 : -0x60;
		flags |= FL_CF;
	} else if (add) {
		flags &= ~FL_CF;
	}
	return (struct decimal){0x500 | al, flags | szp(al), 0xd5};
}

static struct decimal model(unsigned int which, uint8_t al, bool cf, bool af)
{
	uint16_t ax = 0x500 | al;

	switch (which) {
	case 0:
	case 1:
		return model_da(al, cf, af, which == 0);
	case 2:
	case 3:
		if ((al & 15) > 9 || af)
			return (struct decimal){
				(which == 2 ? ax + 0x106 : ax - 0x106) & 0xff0f,
				FL_CF | FL_AF, 0x11};
		return (struct decimal){ax & 0xff0f, 0, 0x11};
	case 4:
		return (struct decimal){(al / 10) << 8 | al % 10, szp(al % 10),
					0xc4};
	default:
		al += 50;
		return (struct decimal){al, szp(al), 0xc4};
	}
}

static void test_decimal(void)
{
	static const struct {
		const char *name;
		const uint8_t *code;
	} ops[] = {
		{"daa", d_daa}, {"das", d_das}, {"aaa", d_aaa},
		{"aas", d_aas}, {"aam", d_aam}, {"aad", d_aad},
	};
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		bool good = true;

		regs_default();
		run(ops[i].code);
		for (n = 0; n < 0x400 && good; n++) {
			struct decimal want =
				model(i, n, n >> 8 & 1, n >> 9 & 1);
			uint16_t ax = get16(ES, 4 * n);
			uint16_t flags = get16(ES, 4 * n + 2);

			good = ax == want.ax &&
			       (flags & want.mask) == want.flags;
			if (!good)
				detail("AL %x CF %u AF %u: AX %x flags %x, want "
				       "%x %x",
				       n & 0xff, n >> 8 & 1, n >> 9 & 1, ax,
				       flags & want.mask, want.ax, want.flags);
		}
		check(good && REGS->vector == (uint32_t)NONE, "decimal: %s",
		      ops[i].name);
	}
}

/* --- shifts
 * ------------------------------------------------------------------------------------
 */

/* For CL of 0 to 63: result and flags of the op on BX, CF set before. */
#define ALL_CL(op)                                                             \
	"cld; xor %di, %di; xor %cx, %cx; 1: mov %bx, %ax; stc;" op            \
	"; pushf; stosw; pop %ax; stosw; inc %cl; cmp $64, %cl; jb 1b"

REAL(h_shl, ALL_CL("shl %cl, %ax"));
REAL(h_shr, ALL_CL("shr %cl, %ax"));
REAL(h_sar, ALL_CL("sar %cl, %ax"));
REAL(h_rol, ALL_CL("rol %cl, %ax"));
REAL(h_ror, ALL_CL("ror %cl, %ax"));
REAL(h_rcl, ALL_CL("rcl %cl, %ax"));
REAL(h_rcr, ALL_CL("rcr %cl, %ax"));
REAL(h_rclb, ALL_CL("rcl %cl, %al"));
REAL(h_rolb, ALL_CL("rol %cl, %al"));
REAL(h_shlb, ALL_CL("shl %cl, %al"));
REAL(h_sarb, ALL_CL("sar %cl, %al"));

/* One bit at a time; @bits wide. Returns the value, CF in bit 16. */
static uint32_t shift(unsigned int op, unsigned int bits, uint16_t v,
		      unsigned int count)
{
	unsigned int cf = 1, top, i;
	uint16_t keep = bits == 8 ? v & 0xff00 : 0;
	uint32_t x = bits == 8 ? v & 0xff : v;

	for (i = 0; i < (count & 31); i++) {
		top = x >> (bits - 1) & 1;
		switch (op) {
		case 0: /* shl */
			cf = top;
			x <<= 1;
			break;
		case 1: /* shr */
		case 2: /* sar */
			cf = x & 1;
			x = x >> 1 | (op == 2 ? top << (bits - 1) : 0);
			break;
		case 3: /* rol */
			cf = top;
			x = x << 1 | top;
			break;
		case 4: /* ror */
			cf = x & 1;
			x = x >> 1 | cf << (bits - 1);
			break;
		case 5: /* rcl */
			x = x << 1 | cf;
			cf = top;
			break;
		default: /* rcr */
			top = x & 1;
			x = x >> 1 | cf << (bits - 1);
			cf = top;
		}
		x &= bits == 8 ? 0xff : 0xffff;
	}
	/* Past the width CF of SHL and SHR is not defined. */
	if (op < 2 && (count & 31) > bits)
		cf = 2;
	return keep | x | cf << 16;
}

static void test_shifts(void)
{
	static const struct {
		const char *name;
		const uint8_t *code;
		unsigned int op, bits;
	} ops[] = {
		{"shl", h_shl, 0, 16},      {"shr", h_shr, 1, 16},
		{"sar", h_sar, 2, 16},      {"rol", h_rol, 3, 16},
		{"ror", h_ror, 4, 16},      {"rcl", h_rcl, 5, 16},
		{"rcr", h_rcr, 6, 16},      {"rcl byte", h_rclb, 5, 8},
		{"rol byte", h_rolb, 3, 8}, {"shl byte", h_shlb, 0, 8},
		{"sar byte", h_sarb, 2, 8},
	};
	static const uint16_t values[] = {0x8001, 0x0001, 0xffff, 0x1234,
					  0x5580};
	unsigned int i, v, n;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		bool good = true;

		for (v = 0; v < ARRAY_SIZE(values) && good; v++) {
			regs_default();
			REGS->ebx = values[v];
			run(ops[i].code);
			for (n = 0; n < 64 && good; n++) {
				uint32_t want = shift(ops[i].op, ops[i].bits,
						      values[v], n);
				uint16_t ax = get16(ES, 4 * n);
				unsigned int cf = get16(ES, 4 * n + 2) & 1;

				good = ax == (want & 0xffff) &&
				       (want >> 16 == 2 || cf == want >> 16);
				if (!good)
					detail("%x by %u: %x CF %u, want %x",
					       values[v], n, ax, cf, want);
			}
		}
		check(good, "shift: %s", ops[i].name);
	}
}

/* --- multiplication and division
 * ------------------------------------------------------------------ */

REAL(m_mul8, "mul %bl; pushf; pop %dx; movzwl %ax, %eax; shl $16, %edx;"
	     "or %edx, %eax");
REAL(m_imul8, "imul %bl; pushf; pop %dx; movzwl %ax, %eax; shl $16, %edx;"
	      "or %edx, %eax");
REAL(m_mul16, "mul %bx; pushf; pop %cx; shl $16, %edx; movzwl %ax, %eax;"
	      "or %edx, %eax");
REAL(m_imul16, "imul %bx; pushf; pop %cx; shl $16, %edx; movzwl %ax, %eax;"
	       "or %edx, %eax");
REAL(m_div8, "div %bl; movzwl %ax, %eax");
REAL(m_idiv8, "idiv %bl; movzwl %ax, %eax");
REAL(m_div16, "div %bx; shl $16, %edx; movzwl %ax, %eax; or %edx, %eax");
REAL(m_idiv16, "idiv %bx; shl $16, %edx; movzwl %ax, %eax; or %edx, %eax");
REAL(m_div32, "div %ebx");

/* table */
static const struct {
	const char *name;
	const uint8_t *code;
	uint32_t eax, ebx, edx;
	int vector;
	uint32_t want; /* EAX */
	uint32_t mask;
} muls[] = {
	{"mul 0x80 * 2", m_mul8, 0x80, 2, 0, NONE, 0x08010100, 0x0801ffff},
	{"mul 7 * 6", m_mul8, 7, 6, 0, NONE, 42, 0x0801ffff},
	{"imul -1 * -1", m_imul8, 0xff, 0xff, 0, NONE, 1, 0x0801ffff},
	{"imul -128 * -1", m_imul8, 0x80, 0xff, 0, NONE, 0x08010080,
	 0x0801ffff},
	{"imul -128 * 1", m_imul8, 0x80, 1, 0, NONE, 0xff80, 0x0801ffff},
	{"mul 0xffff * 0xffff", m_mul16, 0xffff, 0xffff, 0, NONE, 0xfffe0001,
	 ~0U},
	{"imul -2 * 3", m_imul16, 0xfffe, 3, 0, NONE, 0xfffffffa, ~0U},
	{"div 100 / 7", m_div8, 100, 7, 0, NONE, 0x020e, ~0U},
	{"div 0xfeff / 0xff", m_div8, 0xfeff, 0xff, 0, NONE, 0xfeff, ~0U},
	{"div 0xff00 / 0xff", m_div8, 0xff00, 0xff, 0, VEC_DE, 0, 0},
	{"idiv -100 / 7", m_idiv8, 0xff9c, 7, 0, NONE, 0xfef2, ~0U},
	{"idiv 100 / -7", m_idiv8, 100, 0xf9, 0, NONE, 0x02f2, ~0U},
	{"idiv -128 / 1", m_idiv8, 0xff80, 1, 0, NONE, 0x0080, ~0U},
	{"idiv -128 / -1", m_idiv8, 0xff80, 0xff, 0, VEC_DE, 0, 0},
	{"idiv 128 / 1", m_idiv8, 0x0080, 1, 0, VEC_DE, 0, 0},
	{"div 0x12345 / 0x100", m_div16, 0x2345, 0x100, 1, NONE, 0x00450123,
	 ~0U},
	{"div of a quotient too wide", m_div16, 0, 1, 1, VEC_DE, 0, 0},
	{"idiv -1 / 2", m_idiv16, 0xffff, 2, 0xffff, NONE, 0xffff0000, ~0U},
	{"idiv -32768 / 1", m_idiv16, 0x8000, 1, 0xffff, NONE, 0x00008000, ~0U},
	{"idiv -32768 / -1", m_idiv16, 0x8000, 0xffff, 0xffff, VEC_DE, 0, 0},
	{"div 1 << 32 / 3", m_div32, 0, 3, 1, NONE, 0x55555555, ~0U},
	{"div 3 << 32 / 3", m_div32, 0, 3, 3, VEC_DE, 0, 0},
};

static void test_muls(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(muls); i++) {
		regs_default();
		REGS->eax = muls[i].eax;
		REGS->ebx = muls[i].ebx;
		REGS->edx = muls[i].edx;
		run(muls[i].code);
		check_eq(REGS->vector, (uint32_t)muls[i].vector, "muldiv: %s",
			 muls[i].name);
		if (muls[i].vector == NONE)
			check_eq(REGS->eax & muls[i].mask, muls[i].want,
				 "muldiv: %s, result", muls[i].name);
		else
			check_eq(REGS->eax, muls[i].eax,
				 "muldiv: %s, EAX untouched", muls[i].name);
	}
}

int main(void)
{
	setup();
	test_cases();
	test_unreal();
	test_decimal();
	test_shifts();
	test_muls();
	return 0;
}
