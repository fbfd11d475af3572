/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that changes: by stores of every kind, through another mapping, by
 * remapping, across a page boundary; and fetches that fault.
 */
#include "paging64.h"

#define CODE_ALIAS (VA_CODE + 0x100000)
#define EDGE       (VA_CODE + PAGE_SIZE)

static uint8_t *page_a, *page_b;

/* mov $imm, %eax; ret */
static void put_mov(uint8_t *at, uint32_t imm)
{
	*(volatile uint8_t *)at = 0xb8;
	*(volatile uint32_t *)(at + 1) = imm;
	*(volatile uint8_t *)(at + 5) = 0xc3;
}

static uint32_t call_at(ulong va)
{
	uint32_t eax;

	asm volatile("call *%1" : "=a"(eax) : "r"(va) : "memory");
	return eax;
}

static void warm(ulong va)
{
	unsigned int i;

	for (i = 0; i < 3000; i++)
		(void)call_at(va);
}

static void serialize(void)
{
	(void)cpuid(0, 0);
}

/* Each changes the immediate at @p to @v. */

static void by_dword(void *p, uint32_t v)
{
	*(volatile uint32_t *)p = v;
}

static void by_bytes(void *p, uint32_t v)
{
	*(volatile uint8_t *)p = v;
}

static void by_movs(void *p, uint32_t v)
{
	void *s = &v;
	ulong n = 4;

	asm volatile("rep movsb" : "+D"(p), "+S"(s), "+c"(n) : : "memory");
}

static void by_stos(void *p, uint32_t v)
{
	asm volatile("stosl" : "+D"(p) : "a"(v) : "memory");
}

static void by_xchg(void *p, uint32_t v)
{
	asm volatile("xchg %0, (%1)" : "+r"(v) : "r"(p) : "memory");
}

static void by_cmpxchg(void *p, uint32_t v)
{
	uint32_t old = *(volatile uint32_t *)p;

	asm volatile("lock cmpxchg %2, (%1)"
		     : "+a"(old)
		     : "r"(p), "r"(v)
		     : "memory");
}

static void by_push(void *p, uint32_t v)
{
	uint64_t rest = *(volatile uint32_t *)((char *)p + 4);

	asm volatile("mov %%rsp, %%r8; mov %0, %%rsp; push %1; mov %%r8, %%rsp"
		     :
		     : "r"((char *)p + 8), "r"(rest << 32 | v)
		     : "r8", "memory");
}

static void by_sse(void *p, uint32_t v)
{
	asm volatile("movd %0, %%xmm0; movd %%xmm0, (%1)"
		     :
		     : "r"(v), "r"(p)
		     : "memory");
}

static void by_x87(void *p, uint32_t v)
{
	asm volatile("fninit; fildl %0; fistpl (%1)"
		     :
		     : "m"(v), "r"(p)
		     : "memory");
}

static void by_add(void *p, uint32_t v)
{
	asm volatile("sub %0, (%1); negl (%1); sub %0, (%1); neg %0;"
		     "mov %0, (%1); negl (%1)"
		     : "+r"(v)
		     : "r"(p)
		     : "memory");
}

static const struct {
	const char *name;
	void (*fn)(void *p, uint32_t v);
} writers[] = {
	{"mov", by_dword},      {"byte mov", by_bytes},
	{"rep movsb", by_movs}, {"stos", by_stos},
	{"xchg", by_xchg},      {"lock cmpxchg", by_cmpxchg},
	{"push", by_push},      {"SSE store", by_sse},
	{"x87 store", by_x87},  {"read-modify-write", by_add},
};

static void writers_at(ulong code, ulong store, const char *where)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		bool good = true;

		put_mov((uint8_t *)store, 1);
		serialize();
		warm(code);
		for (n = 2; n < 40 && good; n++) {
			writers[i].fn((void *)(store + 1), n);
			serialize();
			good = call_at(code) == n;
		}
		check(good, "code: changed by %s %s", writers[i].name, where);
	}
}

/* Stores to the very next instructions, with and without a jump between. */
static void test_next_instruction(void)
{
	/*
	 * mov %dil, 1f+1(%rip); [jmp 1f;] 1: mov $0, %eax; ret; the offset is
	 * from the end of the store to the immediate.
	 */
	static const uint8_t with_jump[] = {
		0x40, 0x88, 0x3d, 3, 0, 0, 0, 0xeb, 0, 0xb8, 0, 0, 0, 0, 0xc3};
	static const uint8_t direct[] = {0x40, 0x88, 0x3d, 1, 0, 0,   0,
					 0xb8, 0,    0,    0, 0, 0xc3};
	const struct {
		const char *name;
		const uint8_t *code;
		size_t size;
	} cases[] = {
		{"with a jump between", with_jump, sizeof(with_jump)},
		{"right behind it", direct, sizeof(direct)},
	};
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		bool good = true;

		memcpy((void *)VA_CODE, cases[i].code, cases[i].size);
		serialize();
		for (n = 1; n < 100 && good; n++) {
			uint32_t eax;

			asm volatile("call *%1"
				     : "=a"(eax)
				     : "r"(VA_CODE), "D"((ulong)n)
				     : "memory");
			good = eax == n;
		}
		check(good, "code: a store to the next instruction, %s",
		      cases[i].name);
	}
}

/* A loop that changes its own body: each round adds the round's number. */
static void test_loop(void)
{
	/*
	 * xor eax,eax; mov $20,ecx; 1: add $0,eax (05 imm32);
	 * mov %ecx, -10(%rip) (89 0d disp32); dec ecx; jnz 1b; ret
	 */
	static const uint8_t code[] = {0x31, 0xc0, 0xb9, 20,   0,    0,
				       0,    0x05, 0,    0,    0,    0,
				       0x89, 0x0d, 0xf6, 0xff, 0xff, 0xff,
				       0xff, 0xc9, 0x75, 0xf1, 0xc3};

	memcpy((void *)VA_CODE, code, sizeof(code));
	serialize();
	/* The adds see 0, 20, 19, .., 2. */
	check_eq(call_at(VA_CODE), 209, "code: a loop that changes itself");
}

/* An instruction over the boundary of two pages. */
static void test_across(void)
{
	uint8_t *at = page_a + PAGE_SIZE - 3;
	unsigned int n;
	bool good = true;
	struct trap t;

	page_map(EDGE, (ulong)page_b, PTE_P | PTE_W, 1);
	*(volatile uint8_t *)at = 0xb8;
	at[1] = at[2] = 0;
	page_b[0] = page_b[1] = 0;
	page_b[2] = 0xc3;
	serialize();
	warm(EDGE - 3);
	for (n = 1; n < 50 && good; n++) {
		*(volatile uint8_t *)(page_b + 1) = n;
		serialize();
		good = call_at(EDGE - 3) == n << 24;
	}
	check(good, "code: across pages, second part changed");
	for (n = 1, good = true; n < 50 && good; n++) {
		*(volatile uint8_t *)(at + 1) = n;
		serialize();
		good = (call_at(EDGE - 3) & 0xff) == n;
	}
	check(good, "code: across pages, first part changed");

	/* The second page is another one from now on. */
	for (n = 0, good = true; n < 20 && good; n++) {
		uint8_t *page = page_alloc();

		page[1] = 100 + n;
		page[2] = 0xc3;
		page_map(EDGE, (ulong)page, PTE_P, 1);
		good = call_at(EDGE - 3) >> 24 == 100 + n;
		warm(EDGE - 3);
	}
	check(good, "code: across pages, second page remapped");

	page_map(EDGE, 0, 0, 1);
	catch_run((test_fn)(EDGE - 3), NULL, &t);
	check_trap(&t, VEC_PF, PF_I, "code: across pages, second page absent");
	check_eq(t.cr2, EDGE, "code: across pages, absent, CR2");
	check_eq(t.ip, EDGE - 3, "code: across pages, absent, RIP");
	page_map(EDGE, (ulong)page_b, PTE_P | PTE_NX, 1);
	catch_run((test_fn)(EDGE - 3), NULL, &t);
	check_trap(&t, VEC_PF, PF_P | PF_I,
		   "code: across pages, second page no-execute");
	check_eq(t.cr2, EDGE, "code: across pages, no-execute, CR2");

	/* An instruction that ends with the page needs no second one. */
	page_map(EDGE, 0, 0, 1);
	put_mov(page_a + PAGE_SIZE - 6, 77);
	serialize();
	check_eq(call_at(EDGE - 6), 77, "code: up to the end of a page");
	page_a[PAGE_SIZE - 1] = 0x90;
	serialize();
	catch_run((test_fn)(EDGE - 6), NULL, &t);
	check_trap(&t, VEC_PF, PF_I, "code: running off a page");
	check_eq(t.ip, EDGE, "code: running off a page, RIP");
}

static void test_remap(void)
{
	unsigned int n;
	bool good = true;
	struct trap t;

	put_mov(page_a, 0xa);
	put_mov(page_b, 0xb);
	for (n = 0; n < 40 && good; n++) {
		page_map(VA_CODE, (ulong)(n & 1 ? page_b : page_a), PTE_P, 1);
		good = call_at(VA_CODE) == (n & 1 ? 0xbu : 0xau);
		warm(VA_CODE);
		good &= call_at(VA_CODE) == (n & 1 ? 0xbu : 0xau);
	}
	check(good, "code: page remapped");
	page_map(VA_CODE, (ulong)page_a, PTE_P | PTE_NX, 1);
	catch_run((test_fn)VA_CODE, NULL, &t);
	check_trap(&t, VEC_PF, PF_P | PF_I, "code: page made no-execute");
	page_map(VA_CODE, 0, 0, 1);
	catch_run((test_fn)VA_CODE, NULL, &t);
	check_trap(&t, VEC_PF, PF_I, "code: page taken away");
	check_eq(t.ip, VA_CODE, "code: page taken away, RIP");
	page_map(VA_CODE, (ulong)page_a, PTE_P | PTE_W, 1);
	check_eq(call_at(VA_CODE), 0xa, "code: page back");

	/* Two names for one page: both see a change. */
	page_map(CODE_ALIAS, (ulong)page_a, PTE_P | PTE_W, 1);
	warm(VA_CODE);
	warm(CODE_ALIAS);
	put_mov((uint8_t *)CODE_ALIAS, 0xcc1);
	serialize();
	check_eq(call_at(VA_CODE), 0xcc1, "code: changed by its other name");
	check_eq(call_at(CODE_ALIAS), 0xcc1, "code: and seen under it");
}

/* Prefixes up to a length of 15 are an instruction, 16 are #GP. */
static void test_length(void)
{
	struct trap t;

	memset(page_a, 0x66, 32);
	page_a[14] = 0x90;
	page_a[15] = 0xc3;
	serialize();
	catch_run((test_fn)VA_CODE, NULL, &t);
	check_trap(&t, TRAP_NONE, 0, "code: 15 bytes are an instruction");
	page_a[14] = 0x66;
	page_a[15] = 0x90;
	page_a[16] = 0xc3;
	serialize();
	catch_run((test_fn)VA_CODE, NULL, &t);
	check_trap(&t, VEC_GP, 0, "code: 16 bytes are not");
	check_eq(t.ip, VA_CODE, "code: 16 bytes are not, RIP");
}

void test_code(void)
{
	page_a = page_alloc();
	page_b = page_alloc();
	page_map(VA_CODE, (ulong)page_a, PTE_P | PTE_W, 1);
	page_map(CODE_ALIAS, (ulong)page_a, PTE_P | PTE_W, 1);
	writers_at(VA_CODE, VA_CODE, "in place");
	writers_at(VA_CODE, CODE_ALIAS, "by another mapping");
	writers_at(VA_CODE, (ulong)page_a, "by its physical page");
	writers_at(VA_CODE + 0x7fd, VA_CODE + 0x7fd, "unaligned");
	test_next_instruction();
	test_loop();
	test_across();
	test_remap();
	test_length();
}
