/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flag instructions, hints, fences, BOUND, time stamps, random numbers and
 * the undefined instructions.
 */
#include "int.h"

#include <cpuid.h>
#include <sched.h>

/* ---- flags ---- */

HANDLER(clc)
{
	vp->flags &= (uint16_t)~FLAG_CF;
}

HANDLER(stc)
{
	vp->flags |= FLAG_CF;
}

HANDLER(cmc)
{
	vp->flags ^= FLAG_CF;
}

HANDLER(cld)
{
	vp->hv.regs.rflags &= ~X86_FL_DF;
}

HANDLER(std)
{
	vp->hv.regs.rflags |= X86_FL_DF;
}

HANDLER(lahf)
{
	put8(vp, 1, (uint8_t)(((vp->flags >> 8) & 0xd5) | X86_FL_FIXED));
}

HANDLER(sahf)
{
	vp->flags = (uint16_t)((get8(vp, 1) & 0xd5) << 8 | 0x200 |
			       (vp->flags & FLAG_OF));
}

/* ---- hints and fences ---- */

HANDLER(nop)
{
}

/*
 * Whoever spins long waits for a processor that may have no host CPU: every
 * now and then it gets ours.
 */
#define PAUSES_TO_YIELD 128

HANDLER(pause_hint)
{
	__builtin_ia32_pause();
	if (__builtin_expect(++vp->pauses % PAUSES_TO_YIELD == 0, 0) &&
	    vp->partition->hv.nr_vps > 1)
		(void)sched_yield();
}

HANDLER(lfence)
{
	__builtin_ia32_lfence();
}

HANDLER(sfence)
{
	__builtin_ia32_sfence();
}

HANDLER(mfence)
{
	__builtin_ia32_mfence();
}

/* Caches are the host's affair; the address is checked as a byte read. */
HANDLER_MEM(clflush)
{
	mem_probe(vp, insn_linear(vp, in, 1, false), MEM_READ, 1);
}

/* ---- BOUND ---- */

HANDLER_MEM(bound)
{
	unsigned int size = in->opsize;
	uint64_t lin = insn_linear(vp, in, 2 * size, false);
	int64_t lower = sign_extend(mem_read_sized(vp, lin, size), size * 8);
	int64_t upper =
		sign_extend(mem_read_sized(vp, lin + size, size), size * 8);
	int64_t v = sign_extend(vp->hv.regs.gpr[in->reg], size * 8);

	if (v < lower || v > upper)
		soft_raise(vp, X86_BR);
}

/* ---- time ---- */

static uint64_t read_tsc(struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;

	if ((r->cr4 & X86_CR4_TSD) && (r->cr0 & X86_CR0_PE) && vp_cpl(r) > 0)
		soft_raise_error(vp, X86_GP, 0);
	return hv_vp_tsc(&vp->hv);
}

HANDLER(rdtsc)
{
	uint64_t tsc = read_tsc(vp);

	put64(vp, X86_RAX, (uint32_t)tsc);
	put64(vp, X86_RDX, tsc >> 32);
}

HANDLER(rdtscp)
{
	rdtsc_do(vp, in);
	put64(vp, X86_RCX, (uint32_t)vp->hv.regs.tsc_aux);
}

HANDLER(rdpid)
{
	put64(vp, in->rm, (uint32_t)vp->hv.regs.tsc_aux);
}

/* ---- random numbers, from the host ---- */

#define DEFINE_RANDOM(name)                                                    \
	HANDLER(name)                                                          \
	{                                                                      \
		uint64_t v;                                                    \
		bool ok;                                                       \
                                                                               \
		asm volatile(#name " %0" : "=r"(v), "=@ccc"(ok));              \
		vp->flags = ok ? 0x200 | FLAG_CF : 0x200;                      \
		put_opsize(vp, in, in->rm, ok ? v : 0);                        \
	}
DEFINE_RANDOM(rdrand)
DEFINE_RANDOM(rdseed)

static bool host_has_rdrand(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_RDRND);
}

static bool host_has_rdseed(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_RDSEED);
}

/* ---- UD0, UD1, UD2 ---- */

HANDLER_LAST(ud)
{
	soft_raise(vp, X86_UD);
}

static insn_fn *bind_flag(const struct insn *in)
{
	switch (in->op) {
	case OP_CLC:
		return clc;
	case OP_STC:
		return stc;
	case OP_CMC:
		return cmc;
	case OP_CLD:
		return cld;
	case OP_STD:
		return std;
	case OP_LAHF:
		return lahf;
	case OP_SAHF:
		return sahf;
	default:
		return NULL;
	}
}

static insn_fn *bind_hint(const struct insn *in)
{
	switch (in->op) {
	case OP_NOP:
	case OP_PREFETCH:
	case OP_PREFETCHW:
	case OP_PREFETCHNTA:
	case OP_PREFETCHT0:
	case OP_PREFETCHT1:
	case OP_PREFETCHT2:
		return nop;
	case OP_PAUSE:
		return pause_hint;
	case OP_LFENCE:
		return lfence;
	case OP_SFENCE:
		return sfence;
	case OP_MFENCE:
		return mfence;
	case OP_CLFLUSH:
	case OP_CLFLUSHOPT:
	case OP_CLWB:
		return clflush;
	default:
		return NULL;
	}
}

insn_fn *bind_misc(const struct soft_vp *vp, struct insn *in)
{
	insn_fn *fn = bind_flag(in);

	if (!fn)
		fn = bind_hint(in);
	if (fn)
		return fn;
	switch (in->op) {
	case OP_BOUND:
		return bound;
	case OP_RDTSC:
		return rdtsc;
	case OP_RDTSCP:
		return rdtscp;
	case OP_RDPID:
		return rdpid;
	case OP_RDRAND:
		return host_has_rdrand() ? rdrand : NULL;
	case OP_RDSEED:
		return host_has_rdseed() ? rdseed : NULL;
	case OP_UD0:
	case OP_UD1:
	case OP_UD2:
		return ud;
	default:
		return NULL;
	}
}
