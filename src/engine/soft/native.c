/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binding of the instructions that the host CPU executes for us: may the
 * guest use them now, and is a C handler or a stub to do it.
 */
#include "native_priv.h"

#include <cpuid.h>
#include <pthread.h>

/* ---- what the host offers ---- */

/* One CPUID bit; leaf 0 means always there. */
struct host_bit {
	uint32_t leaf;
	uint8_t subleaf;
	uint8_t reg; /* 0-3: EAX, EBX, ECX, EDX */
	uint8_t bit;
};

/* clang-format off */
static const struct host_bit host_bits[IF_COUNT] = {
	[IF_MMX]     = { 1, 0, 3, 23 },
	[IF_FXSR]    = { 1, 0, 3, 24 },
	[IF_SSE]     = { 1, 0, 3, 25 },
	[IF_SSE2]    = { 1, 0, 3, 26 },
	[IF_SSE3]    = { 1, 0, 2, 0 },
	[IF_PCLMUL]  = { 1, 0, 2, 1 },
	[IF_SSSE3]   = { 1, 0, 2, 9 },
	[IF_FMA]     = { 1, 0, 2, 12 },
	[IF_CX16]    = { 1, 0, 2, 13 },
	[IF_SSE41]   = { 1, 0, 2, 19 },
	[IF_SSE42]   = { 1, 0, 2, 20 },
	[IF_MOVBE]   = { 1, 0, 2, 22 },
	[IF_POPCNT]  = { 1, 0, 2, 23 },
	[IF_AES]     = { 1, 0, 2, 25 },
	[IF_XSAVE]   = { 1, 0, 2, 27 },
	[IF_AVX]     = { 1, 0, 2, 28 },
	[IF_F16C]    = { 1, 0, 2, 29 },
	[IF_RDRAND]  = { 1, 0, 2, 30 },
	[IF_BMI1]    = { 7, 0, 1, 3 },
	[IF_AVX2]    = { 7, 0, 1, 5 },
	[IF_BMI2]    = { 7, 0, 1, 8 },
	[IF_RDSEED]  = { 7, 0, 1, 18 },
	[IF_ADX]     = { 7, 0, 1, 19 },
	[IF_SHA]     = { 7, 0, 1, 29 },
	[IF_GFNI]    = { 7, 0, 2, 8 },
	[IF_VAES]    = { 7, 0, 2, 9 },
	[IF_VPCLMUL] = { 7, 0, 2, 10 },
	[IF_LZCNT]   = { 0x80000001, 0, 2, 5 },
	[IF_SSE4A]   = { 0x80000001, 0, 2, 6 },
};
/* clang-format on */

static bool host_has[IF_COUNT];
static unsigned int host_quirks;
static pthread_once_t host_once = PTHREAD_ONCE_INIT;

static bool read_bit(const struct host_bit *b)
{
	uint32_t r[4];

	if (!b->leaf)
		return true;
	if (!__get_cpuid_count(b->leaf, b->subleaf, &r[0], &r[1], &r[2], &r[3]))
		return false;
	return r[b->reg] & BIT(b->bit);
}

/* Has the host's system enabled the YMM registers? */
static bool host_ymm(void)
{
	uint32_t eax, edx;

	if (!read_bit(&(struct host_bit){1, 0, 2, 27})) /* OSXSAVE */
		return false;
	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return (eax & XSTATE_ALL) == XSTATE_ALL;
}

/* Does CVTPI2PS with a memory operand go over to MMX? */
static bool cvtpi2ps_transits(void)
{
	struct fpu_legacy f __attribute__((aligned(16)));
	const uint64_t zero = 0;

	__asm__ volatile("fninit\n\t"
			 "cvtpi2ps %1, %%xmm0\n\t"
			 "fxsave64 %0\n\t"
			 "emms"
			 : "=m"(f)
			 : "m"(zero)
			 : "xmm0");
	return f.ftw != 0;
}

static void host_probe(void)
{
	static const uint8_t need_ymm[] = {IF_AVX,  IF_AVX2, IF_FMA,
					   IF_F16C, IF_VAES, IF_VPCLMUL};

	for (unsigned int i = 0; i < IF_COUNT; i++)
		host_has[i] = read_bit(&host_bits[i]);
	if (cvtpi2ps_transits())
		host_quirks |= HOST_CVTPI2PS_TRANSITS;
	if (host_ymm())
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(need_ymm); i++)
		host_has[need_ymm[i]] = false;
}

unsigned int soft_host_quirks(void)
{
	(void)pthread_once(&host_once, host_probe);
	return host_quirks;
}

bool soft_host_has(enum insn_feature feature)
{
	ASSERT(feature < IF_COUNT);
	(void)pthread_once(&host_once, host_probe);
	return host_has[feature];
}

/* ---- handlers that only raise ---- */

static void insn_ud(struct soft_vp *vp, const struct insn *in)
{
	soft_raise(vp, X86_UD);
}

static void insn_nm(struct soft_vp *vp, const struct insn *in)
{
	soft_raise(vp, X86_NM);
}

static void insn_gp(struct soft_vp *vp, const struct insn *in)
{
	soft_raise_error(vp, X86_GP, 0);
}

static void insn_mmx_blocked(struct soft_vp *vp, const struct insn *in)
{
	soft_raise(vp, vp->hv.regs.cr0 & X86_CR0_EM ? X86_UD : X86_NM);
}

/* ---- binding ---- */

static bool has_vector(const struct insn *in)
{
	const struct insn_desc *desc = insn_desc(in);

	for (unsigned int i = 0; i < ARRAY_SIZE(desc->opnd); i++) {
		enum insn_opnd_kind kind = insn_opnd_kind(desc->opnd[i]);

		if (kind >= OPND_XMM_REG && kind <= OPND_XMM0)
			return true;
	}
	return false;
}

static insn_fn *bind_x87(const struct soft_vp *vp, const struct insn *in)
{
	insn_fn *fn = bind_native_x87(vp, in);

	if ((vp->mode & SOFT_MODE_FPU_NM) && in->op != OP_FWAIT)
		return insn_nm;
	return fn ? fn : native_stub(in);
}

static insn_fn *bind_mmx(const struct soft_vp *vp, const struct insn *in)
{
	insn_fn *fn;

	if (has_vector(in) && !(vp->mode & SOFT_MODE_SSE_OK))
		return insn_ud;
	if (vp->mode & SOFT_MODE_FPU_NM)
		return insn_mmx_blocked;
	fn = bind_native_mmx(vp, in);
	return fn ? fn : native_stub(in);
}

static insn_fn *bind_vector(const struct soft_vp *vp, const struct insn *in,
			    uint32_t ok)
{
	insn_fn *fn;

	if (!(vp->mode & ok))
		return insn_ud;
	if (vp->mode & SOFT_MODE_TS)
		return insn_nm;
	fn = bind_native_move(vp, in);
	if (!fn)
		fn = bind_native_mask(vp, in);
	if (!fn)
		fn = bind_native_state(vp, in);
	return fn ? fn : native_stub(in);
}

insn_fn *bind_native(struct soft_vp *vp, const struct insn *in)
{
	if (!soft_host_has(insn_feature(in)))
		return NULL;
	switch (insn_desc(in)->class) {
	case INSN_CLASS_X87:
		return bind_x87(vp, in);
	case INSN_CLASS_MMX:
		return bind_mmx(vp, in);
	case INSN_CLASS_SSE:
		return bind_vector(vp, in, SOFT_MODE_SSE_OK);
	case INSN_CLASS_AVX:
		return bind_vector(vp, in, SOFT_MODE_AVX_OK);
	case INSN_CLASS_BMI:
		return native_stub(in);
	default:
		break;
	}
	switch (in->op) {
	case OP_ADCX:
	case OP_ADOX:
		return native_stub(in);
	case OP_MOVNTI:
	case OP_CLZERO:
		return bind_native_move(vp, in);
	default:
		break;
	}
	if ((insn_desc(in)->attr & INSN_PRIV) && (vp->mode & SOFT_MODE_CPL3))
		return insn_gp;
	return bind_native_state(vp, in);
}
