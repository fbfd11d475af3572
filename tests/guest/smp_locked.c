/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locked operations that all processors do to the same memory: no update
 * is lost, wherever the operand lies; and the litmus tests of memory order.
 */
#include "smp_image.h"

#define ROUNDS 8000U

static uint8_t *two_pages;

#define WORKER(name, body)                                                     \
	static void name(void *p)                                              \
	{                                                                      \
		unsigned int i;                                                \
		for (i = 0; i < ROUNDS; i++)                                   \
			body;                                                  \
	}

WORKER(w_inc, asm volatile("lock incl (%0)" : : "r"(p) : "memory", "cc"))
WORKER(w_incb, asm volatile("lock incb (%0)" : : "r"(p) : "memory", "cc"))
WORKER(w_addw, asm volatile("lock addw $1, (%0)" : : "r"(p) : "memory", "cc"))
WORKER(w_addq, asm volatile("lock addq $1, (%0)" : : "r"(p) : "memory", "cc"))
WORKER(w_subq, asm volatile("lock subq $-1, (%0)" : : "r"(p) : "memory", "cc"))

static void w_xadd(void *p)
{
	unsigned int i;
	uint32_t last = 0;

	for (i = 0; i < ROUNDS; i++) {
		uint32_t v = 1;

		asm volatile("lock xaddl %0, (%1)"
			     : "+r"(v)
			     : "r"(p)
			     : "memory", "cc");
		/* What we are given only grows. */
		if (i && v <= last)
			*(volatile uint32_t *)p = 0;
		last = v;
	}
}

static void w_cmpxchg(void *p)
{
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		uint32_t old = *(volatile uint32_t *)p;
		uint8_t done;

		do {
			asm volatile("lock cmpxchgl %3, (%2); setz %1"
				     : "+a"(old), "=q"(done)
				     : "r"(p), "r"(old + 1)
				     : "memory", "cc");
		} while (!done);
	}
}

/* Both halves count; they must never be seen apart. */
static void w_cmpxchg8b(void *p)
{
	volatile uint32_t *v = p;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		uint32_t lo = v[0], hi = v[1];
		uint8_t done;

		do {
			asm volatile("lock cmpxchg8b (%3); setz %2"
				     : "+a"(lo), "+d"(hi), "=q"(done)
				     : "r"(p), "b"(lo + 1), "c"(hi + 1)
				     : "memory", "cc");
			if (lo != hi)
				v[0] = 0;
		} while (!done);
	}
}

static void w_cmpxchg16b(void *p)
{
	volatile uint64_t *v = p;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		uint64_t lo = v[0], hi = v[1];
		uint8_t done;

		do {
			asm volatile("lock cmpxchg16b (%3); setz %2"
				     : "+a"(lo), "+d"(hi), "=q"(done)
				     : "r"(p), "b"(lo + 1), "c"(hi + 1)
				     : "memory", "cc");
			if (lo != hi && done)
				v[0] = 0;
		} while (!done);
	}
}

/* A lock taken by XCHG around a plain increment. */
static void w_xchg(void *p)
{
	volatile uint32_t *v = p;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		uint32_t taken = 1;

		for (;;) {
			asm volatile("xchgl %0, (%1)"
				     : "+r"(taken)
				     : "r"(v + 1)
				     : "memory");
			if (!taken)
				break;
			pause();
		}
		v[0]++;
		v[1] = 0;
	}
}

/* Everyone claims every bit; each bit must go to exactly one. */
static volatile uint32_t claimed;

static void w_bts(void *p)
{
	unsigned long bit;
	uint32_t mine = 0;

	for (bit = 0; bit < ROUNDS; bit++) {
		uint8_t was;

		asm volatile("lock btsq %2, (%1); setc %0"
			     : "=q"(was)
			     : "r"(p), "r"(bit)
			     : "memory", "cc");
		mine += !was;
	}
	__atomic_add_fetch(&claimed, mine, __ATOMIC_SEQ_CST);
}

static void w_bts_mem(void *p)
{
	unsigned int bit;
	uint32_t mine = 0;

	for (bit = 0; bit < ROUNDS; bit++) {
		uint8_t was;

		asm volatile("lock btsl %2, (%1); setc %0"
			     : "=q"(was)
			     : "r"((char *)p + bit / 32 * 4), "r"(bit % 32)
			     : "memory", "cc");
		mine += !was;
	}
	__atomic_add_fetch(&claimed, mine, __ATOMIC_SEQ_CST);
}

static const struct {
	const char *name;
	test_fn fn;
	unsigned int size;
	uint64_t mask; /* of the counter */
	bool aligned_only;
} counters[] = {
	{"inc", w_inc, 4, 0xffffffff},
	{"inc byte", w_incb, 1, 0xff},
	{"add word", w_addw, 2, 0xffff},
	{"add quad", w_addq, 8, ~0ULL},
	{"sub quad", w_subq, 8, ~0ULL},
	{"xadd", w_xadd, 4, 0xffffffff},
	{"cmpxchg", w_cmpxchg, 4, 0xffffffff},
	{"cmpxchg8b", w_cmpxchg8b, 8, 0xffffffff},
	{"cmpxchg16b", w_cmpxchg16b, 16, ~0ULL, true},
	{"xchg lock", w_xchg, 8, 0xffffffff, true},
};

static void counter(unsigned int i, void *at, const char *where)
{
	uint64_t got = 0;

	memset(two_pages, 0, 2 * PAGE_SIZE);
	if (!smp_run_all(counters[i].fn, at)) {
		die("locked %s %s does not end", counters[i].name, where);
		return;
	}
	memcpy(&got, at, counters[i].size < 8 ? counters[i].size : 8);
	check_eq(got & counters[i].mask,
		 (uint64_t)ROUNDS * cpus & counters[i].mask, "locked: %s %s",
		 counters[i].name, where);
}

static void test_counters(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		unsigned int size = counters[i].size;

		counter(i, two_pages + 64, "aligned");
		if (counters[i].aligned_only || size == 1)
			continue;
		counter(i, two_pages + 128 + 1, "unaligned");
		counter(i, two_pages + 256 - size / 2, "over a cache line");
		counter(i, two_pages + PAGE_SIZE - size / 2, "over a page");
	}
	memset(two_pages, 0, 2 * PAGE_SIZE);
	claimed = 0;
	check(smp_run_all(w_bts, two_pages), "locked: bts, all come back");
	check_eq(claimed, ROUNDS, "locked: bts, every bit to one");
	memset(two_pages, 0, 2 * PAGE_SIZE);
	claimed = 0;
	check(smp_run_all(w_bts_mem, two_pages + PAGE_SIZE - 1030),
	      "locked: bts unaligned, all come back");
	check_eq(claimed, ROUNDS, "locked: bts unaligned, every bit to one");
}

/* Aligned loads and stores of up to 8 bytes are whole. */
static volatile uint64_t whole;
static volatile unsigned int whole_stop, torn;

static void whole_writer(void *p)
{
	unsigned int i;

	for (i = 0; i < ROUNDS * 4; i++)
		whole = i & 1 ? 0 : ~0ULL;
	whole_stop = 1;
}

static void test_whole(void)
{
	whole_stop = torn = 0;
	smp_run(1, whole_writer, NULL);
	while (!whole_stop) {
		uint64_t v = whole;

		if (v != 0 && v != ~0ULL)
			torn++;
	}
	(void)smp_wait(1, 1000);
	check_eq(torn, 0, "order: an aligned quad is never torn");
}

void test_locked(void)
{
	two_pages = page_alloc_aligned(2 * PAGE_SIZE, PAGE_SIZE);
	test_counters();
	test_whole();
}

/* --- litmus
 * ----------------------------------------------------------------------- */

#define LITMUS_ROUNDS 4000U

static struct {
	volatile uint32_t x;
	uint8_t gap1[252];
	volatile uint32_t y;
	uint8_t gap2[252];
	volatile uint32_t r[8];
} lit __attribute__((aligned(256)));

struct litmus {
	const char *name;
	test_fn part[4];
	unsigned int threads;
	/* Does what was read break the rules? */
	bool (*forbidden)(void);
};

#define PART(name, text)                                                       \
	static void name(void *p)                                              \
	{                                                                      \
		uint32_t a = 0, b = 0;                                         \
		asm volatile(text                                              \
			     : "+r"(a), "+r"(b)                                \
			     : "r"(&lit.x), "r"(&lit.y)                        \
			     : "memory", "cc");                                \
		((void (*)(uint32_t, uint32_t))p)(a, b);                       \
	}

static void keep0(uint32_t a, uint32_t b)
{
	lit.r[0] = a;
	lit.r[1] = b;
}

static void keep1(uint32_t a, uint32_t b)
{
	lit.r[2] = a;
	lit.r[3] = b;
}

static void keep2(uint32_t a, uint32_t b)
{
	lit.r[4] = a;
	lit.r[5] = b;
}

static void keep3(uint32_t a, uint32_t b)
{
	lit.r[6] = a;
	lit.r[7] = b;
}

PART(store_x_load_y, "movl $1, (%2); movl (%3), %0")
PART(store_y_load_x, "movl $1, (%3); movl (%2), %0")
PART(store_x_mfence_load_y, "movl $1, (%2); mfence; movl (%3), %0")
PART(store_y_mfence_load_x, "movl $1, (%3); mfence; movl (%2), %0")
PART(store_x_lock_load_y, "movl $1, (%2); lock orl $0, (%%rsp); movl (%3), %0")
PART(store_y_lock_load_x, "movl $1, (%3); lock orl $0, (%%rsp); movl (%2), %0")
PART(xchg_x_load_y, "mov $1, %1; xchg %1, (%2); movl (%3), %0")
PART(xchg_y_load_x, "mov $1, %1; xchg %1, (%3); movl (%2), %0")
PART(store_x_store_y, "movl $1, (%2); movl $1, (%3)")
PART(load_y_load_x, "movl (%3), %0; movl (%2), %1")
PART(load_x_store_y, "movl (%2), %0; movl $1, (%3)")
PART(load_y_store_x, "movl (%3), %0; movl $1, (%2)")
PART(store_x, "movl $1, (%2)")
PART(store_y, "movl $1, (%3)")
PART(load_x_load_y, "movl (%2), %0; movl (%3), %1")
PART(own_store_x, "movl $1, (%2); movl (%2), %0; movl (%3), %1")
PART(own_store_y, "movl $1, (%3); movl (%3), %0; movl (%2), %1")

static bool both_zero(void)
{
	return lit.r[0] == 0 && lit.r[2] == 0;
}

static bool never(void)
{
	return false;
}

/* Flag seen, message not. */
static bool message_lost(void)
{
	return lit.r[2] == 1 && lit.r[3] == 0;
}

static bool both_one(void)
{
	return lit.r[0] == 1 && lit.r[2] == 1;
}

static bool own_missed(void)
{
	return lit.r[0] != 1 || lit.r[2] != 1;
}

/* Two readers disagree on which store came first. */
static bool disagree(void)
{
	return lit.r[4] == 1 && lit.r[5] == 0 && lit.r[6] == 1 && lit.r[7] == 0;
}

static const struct litmus litmus[] = {
	{"store buffering (anything goes)",
	 {store_x_load_y, store_y_load_x},
	 2,
	 never},
	{"store buffering with mfence",
	 {store_x_mfence_load_y, store_y_mfence_load_x},
	 2,
	 both_zero},
	{"store buffering with a locked or",
	 {store_x_lock_load_y, store_y_lock_load_x},
	 2,
	 both_zero},
	{"store buffering with xchg",
	 {xchg_x_load_y, xchg_y_load_x},
	 2,
	 both_zero},
	{"message passing", {store_x_store_y, load_y_load_x}, 2, message_lost},
	{"load buffering", {load_x_store_y, load_y_store_x}, 2, both_one},
	{"own stores are seen", {own_store_x, own_store_y}, 2, own_missed},
	{"independent reads of independent writes",
	 {store_x, store_y, load_x_load_y, load_y_load_x},
	 4,
	 disagree},
};

static const struct litmus *current;
static struct barrier meet;
static unsigned int bad, relaxed, rounds_done;
static volatile bool over;
static uint64_t deadline;
static void (*const keepers[4])(uint32_t, uint32_t) = {keep0, keep1, keep2,
						       keep3};

static void litmus_thread(void *p)
{
	unsigned int me = cpu_index(), round, spin;

	if (me >= current->threads)
		return;
	for (round = 0;; round++) {
		if (me == 0) {
			unsigned int i;

			lit.x = lit.y = 0;
			for (i = 0; i < 8; i++)
				lit.r[i] = 0;
			over = round == LITMUS_ROUNDS || rdtsc() > deadline;
			rounds_done = round;
		}
		barrier_wait(&meet, current->threads);
		if (over)
			return;
		for (spin = 0; spin < (round * (me + 1)) % 13; spin++)
			asm volatile("nop");
		current->part[me]((void *)keepers[me]);
		barrier_wait(&meet, current->threads);
		if (me == 0) {
			bad += current->forbidden();
			relaxed += both_zero();
		}
	}
}

/* Barriers are slow when a host has fewer processors: a time limit too. */
static uint64_t tsc_per_second(void)
{
	uint64_t start = rdtsc();

	delay_us(20000);
	return (rdtsc() - start) * 50;
}

void test_order(void)
{
	uint64_t second = tsc_per_second();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(litmus); i++) {
		current = &litmus[i];
		if (current->threads > cpus) {
			skip("too few processors", "order: %s", current->name);
			continue;
		}
		bad = relaxed = 0;
		deadline = rdtsc() + second;
		check(smp_run_all(litmus_thread, NULL), "order: %s, ends",
		      current->name);
		check_eq(bad, 0, "order: %s", current->name);
		check(rounds_done > 10, "order: %s, enough rounds",
		      current->name);
		if (i == 0)
			print("# stores were seen late in %u of %u rounds\n",
			      relaxed, rounds_done);
	}
}
