/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of access rights, common to all paging modes: six accesses, and
 * what each must end in for given bits of the entry and control registers.
 */
#include "paging_rules.h"

void paging_k_read(void *p)
{
	asm volatile("mov (%0), %%al" : : "r"(p) : "eax", "memory");
}

void paging_k_write(void *p)
{
	asm volatile("movb $0xc3, (%0)" : : "r"(p) : "memory");
}

void paging_k_fetch(void *p)
{
	asm volatile("call *%0" : : "r"(p) : "memory");
}

USER_TEXT void paging_u_read(void *p)
{
	asm volatile("mov (%0), %%al" : : "r"(p) : "eax", "memory");
}

USER_TEXT void paging_u_write(void *p)
{
	asm volatile("movb $0xc3, (%0)" : : "r"(p) : "memory");
}

USER_TEXT void paging_u_fetch(void *p)
{
	asm volatile("call *%0" : : "r"(p) : "memory");
}

static const struct {
	const char *name;
	test_fn fn;
	enum access kind;
	bool user;
} probes[PAGING_PROBES] = {
	{"kernel read", paging_k_read, READ, false},
	{"kernel write", paging_k_write, WRITE, false},
	{"kernel fetch", paging_k_fetch, FETCH, false},
	{"user read", paging_u_read, READ, true},
	{"user write", paging_u_write, WRITE, true},
	{"user fetch", paging_u_fetch, FETCH, true},
};

/* Does a fetch say so in the error code? */
static bool fetch_shown(void)
{
	ulong cr4 = read_cr4();

	return cr4 & CR4_SMEP || (cr4 & CR4_PAE && rdmsr(MSR_EFER) & EFER_NXE);
}

/* The error code that access @i to a page with @bits gives, or -1. */
static long expected(unsigned int i, uint64_t bits, const struct rules *r)
{
	enum access kind = probes[i].kind;
	bool user = probes[i].user;
	long error = (kind == WRITE ? PF_W : 0) | (user ? PF_U : 0) |
		     (kind == FETCH && fetch_shown() ? PF_I : 0);
	bool bad;

	if (!(bits & PTE_P))
		return error;
	if (user)
		bad = !(bits & PTE_U);
	else if (kind == FETCH)
		bad = bits & PTE_U && r->smep;
	else
		bad = bits & PTE_U && r->smap && !r->ac;
	if (kind == WRITE && !(bits & PTE_W) && (user || r->wp))
		bad = true;
	if (kind == FETCH && bits & PTE_NX)
		bad = true;
	return bad ? error | PF_P : -1;
}

void paging_apply(const struct rules *r)
{
	ulong cr0 = read_cr0() & ~CR0_WP;
	ulong cr4 = read_cr4() & ~(CR4_SMEP | CR4_SMAP);

	write_cr0(cr0 | (r->wp ? CR0_WP : 0));
	write_cr4(cr4 | (r->smep ? CR4_SMEP : 0) | (r->smap ? CR4_SMAP : 0));
	write_flags(r->ac ? read_flags() | FL_AC : read_flags() & ~FL_AC);
}

const struct rules paging_plain = {true, false, false, false};

/* Do access @i at @va: does it end as the rules say? */
bool paging_probe(unsigned int i, ulong va, uint64_t bits,
		  const struct rules *r)
{
	long want = expected(i, bits, r);
	struct trap t;
	bool good;

	invlpg(va);
	user_flags = r->ac ? FL_AC : 0;
	if (probes[i].user)
		user_run(probes[i].fn, (void *)va, &t);
	else
		catch_run(probes[i].fn, (void *)va, &t);
	if (want < 0)
		good = t.vector == TRAP_NONE;
	else
		good = t.vector == VEC_PF && t.error == (ulong)want &&
		       t.cr2 == va;
	if (!good)
		detail("%s of P%d W%d U%d NX%d: vector %d error 0x%lx cr2 "
		       "0x%lx, want error 0x%lx",
		       probes[i].name, !!(bits & PTE_P), !!(bits & PTE_W),
		       !!(bits & PTE_U), !!(bits & PTE_NX), t.vector, t.error,
		       t.cr2, want);
	return good;
}

uint64_t paging_bits(unsigned int n)
{
	return (n & 1 ? PTE_P : 0) | (n & 2 ? PTE_W : 0) | (n & 4 ? PTE_U : 0) |
	       (n & 8 ? PTE_NX : 0);
}
