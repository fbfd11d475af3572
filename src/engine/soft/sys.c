/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What instructions mean in the current mode, which of them the CPU model
 * has, and the system instructions that are neither about segments (segop.c)
 * nor about control registers (cr.c).
 */
#include "sys.h"

#include "bind.h"
#include "decode.h"
#include "far.h"
#include "fault.h"
#include "flags.h"
#include "mmu.h"
#include "seg.h"

#include <base/assert.h>

#include <sched.h>

/* ---- mode ---- */

static bool flat(const struct vp_segment *s, uint16_t type)
{
	const uint16_t mask = X86_ATTR_P | X86_ATTR_S | X86_TYPE_CODE |
			      X86_TYPE_WRITABLE | X86_TYPE_DOWN;

	/* readable code may be conforming; data may not be expand-down */
	if (type & X86_TYPE_CODE)
		return s->base == 0 && s->limit == UINT32_MAX &&
		       (s->attr & (mask & ~X86_TYPE_DOWN)) ==
			       (X86_ATTR_P | X86_ATTR_S | type);
	return s->base == 0 && s->limit == UINT32_MAX &&
	       (s->attr & mask) == (X86_ATTR_P | X86_ATTR_S | type);
}

static uint32_t flat_mode(const struct vp_regs *r)
{
	if (flat(&r->seg[X86_CS], X86_TYPE_CODE | X86_TYPE_READABLE) &&
	    flat(&r->seg[X86_DS], X86_TYPE_WRITABLE) &&
	    flat(&r->seg[X86_ES], X86_TYPE_WRITABLE) &&
	    flat(&r->seg[X86_SS], X86_TYPE_WRITABLE))
		return SOFT_MODE_FLAT;
	return 0;
}

static uint32_t code_mode(const struct vp_regs *r)
{
	uint32_t mode = 0;

	if (vp_code64(r))
		return SOFT_MODE_64;
	if (r->seg[X86_SS].attr & X86_ATTR_DB)
		mode |= SOFT_MODE_SS32;
	if (!(r->cr0 & X86_CR0_PE))
		mode |= SOFT_MODE_REAL;
	else if (r->rflags & X86_FL_VM)
		return SOFT_MODE_V86 | SOFT_MODE_16;
	else
		mode |= flat_mode(r);
	return mode | (r->seg[X86_CS].attr & X86_ATTR_DB ? SOFT_MODE_32
							 : SOFT_MODE_16);
}

static uint32_t vector_mode(const struct vp_regs *r)
{
	const uint64_t avx = X86_XCR0_SSE | X86_XCR0_AVX;
	uint32_t mode = 0;

	if (r->cr0 & (X86_CR0_EM | X86_CR0_TS))
		mode |= SOFT_MODE_FPU_NM;
	if (r->cr0 & X86_CR0_TS)
		mode |= SOFT_MODE_TS;
	if ((r->cr4 & X86_CR4_OSFXSR) && !(r->cr0 & X86_CR0_EM))
		mode |= SOFT_MODE_SSE_OK;
	if ((r->cr4 & X86_CR4_OSXSAVE) && (r->xcr0 & avx) == avx)
		mode |= SOFT_MODE_AVX_OK;
	return mode;
}

static bool code_breakpoints(const struct vp_regs *r)
{
	unsigned int n;

	if (!(r->dr7 & 0xff))
		return false;
	for (n = 0; n < 4; n++)
		if ((r->dr7 & (X86_DR7_L(n) | X86_DR7_G(n))) &&
		    !((r->dr7 >> (16 + 4 * n)) & 3))
			return true;
	return false;
}

static uint32_t slow_reasons(const struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint32_t slow = 0;

	if (r->shadow & (VP_SHADOW_STI | VP_SHADOW_MOV_SS))
		slow |= SOFT_SLOW_SHADOW;
	if (r->rflags & X86_FL_TF)
		slow |= SOFT_SLOW_TF;
	if (r->rflags & X86_FL_RF)
		slow |= SOFT_SLOW_RF;
	if (code_breakpoints(r))
		slow |= SOFT_SLOW_DR_CODE;
	if (vp->hv.debug_flags)
		slow |= SOFT_SLOW_DEBUGGER;
	return slow;
}

void soft_mode_update(struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint32_t mode = code_mode(r) | vector_mode(r);

	if (vp_cpl(r) == 3) {
		mode |= SOFT_MODE_CPL3;
		if ((r->cr0 & X86_CR0_AM) && (r->rflags & X86_FL_AC))
			mode |= SOFT_MODE_AC;
	}
	vp->mode = mode;
	vp->slow = slow_reasons(vp);
	tlb_select(vp);
}

/* ---- features of the CPU model ---- */

enum {
	EAX,
	EBX,
	ECX,
	EDX
};

struct feature_bit {
	uint32_t leaf;
	uint8_t subleaf;
	uint8_t reg;
	uint8_t bit;
};

/* clang-format off */
static const struct feature_bit feature_bits[IF_COUNT] = { /* table */
	[IF_FPU]        = { 1, 0, EDX, 0 },
	[IF_TSC]        = { 1, 0, EDX, 4 },
	[IF_MSR]        = { 1, 0, EDX, 5 },
	[IF_CX8]        = { 1, 0, EDX, 8 },
	[IF_SEP]        = { 1, 0, EDX, 11 },
	[IF_CMOV]       = { 1, 0, EDX, 15 },
	[IF_CLFLUSH]    = { 1, 0, EDX, 19 },
	[IF_MMX]        = { 1, 0, EDX, 23 },
	[IF_FXSR]       = { 1, 0, EDX, 24 },
	[IF_SSE]        = { 1, 0, EDX, 25 },
	[IF_SSE2]       = { 1, 0, EDX, 26 },
	[IF_SSE3]       = { 1, 0, ECX, 0 },
	[IF_PCLMUL]     = { 1, 0, ECX, 1 },
	[IF_MONITOR]    = { 1, 0, ECX, 3 },
	[IF_VMX]        = { 1, 0, ECX, 5 },
	[IF_SSSE3]      = { 1, 0, ECX, 9 },
	[IF_FMA]        = { 1, 0, ECX, 12 },
	[IF_CX16]       = { 1, 0, ECX, 13 },
	[IF_SSE41]      = { 1, 0, ECX, 19 },
	[IF_SSE42]      = { 1, 0, ECX, 20 },
	[IF_MOVBE]      = { 1, 0, ECX, 22 },
	[IF_POPCNT]     = { 1, 0, ECX, 23 },
	[IF_AES]        = { 1, 0, ECX, 25 },
	[IF_XSAVE]      = { 1, 0, ECX, 26 },
	[IF_AVX]        = { 1, 0, ECX, 28 },
	[IF_F16C]       = { 1, 0, ECX, 29 },
	[IF_RDRAND]     = { 1, 0, ECX, 30 },
	[IF_FSGSBASE]   = { 7, 0, EBX, 0 },
	[IF_BMI1]       = { 7, 0, EBX, 3 },
	[IF_AVX2]       = { 7, 0, EBX, 5 },
	[IF_BMI2]       = { 7, 0, EBX, 8 },
	[IF_INVPCID]    = { 7, 0, EBX, 10 },
	[IF_RDSEED]     = { 7, 0, EBX, 18 },
	[IF_ADX]        = { 7, 0, EBX, 19 },
	[IF_SMAP]       = { 7, 0, EBX, 20 },
	[IF_CLFLUSHOPT] = { 7, 0, EBX, 23 },
	[IF_CLWB]       = { 7, 0, EBX, 24 },
	[IF_SHA]        = { 7, 0, EBX, 29 },
	[IF_GFNI]       = { 7, 0, ECX, 8 },
	[IF_VAES]       = { 7, 0, ECX, 9 },
	[IF_VPCLMUL]    = { 7, 0, ECX, 10 },
	[IF_RDPID]      = { 7, 0, ECX, 22 },
	[IF_XSAVEOPT]   = { 13, 1, EAX, 0 },
	[IF_XSAVEC]     = { 13, 1, EAX, 1 },
	[IF_XSAVES]     = { 13, 1, EAX, 3 },
	[IF_LAHF64]     = { 0x80000001, 0, ECX, 0 },
	[IF_SVM]        = { 0x80000001, 0, ECX, 2 },
	[IF_LZCNT]      = { 0x80000001, 0, ECX, 5 },
	[IF_SSE4A]      = { 0x80000001, 0, ECX, 6 },
	[IF_SYSCALL]    = { 0x80000001, 0, EDX, 11 },
	[IF_RDTSCP]     = { 0x80000001, 0, EDX, 27 },
	[IF_CLZERO]     = { 0x80000008, 0, EBX, 0 },
};
/* clang-format on */

/* soft_partition.features: bits by enum insn_feature, and these. */
#define FEATURES_KNOWN BIT64(63)
#define FEATURES_1G    BIT64(62)

BUILD_ASSERT(IF_COUNT < 62);

static bool model_bit(const struct cpu_model *m, const struct feature_bit *f)
{
	const struct cpu_leaf *l;
	uint32_t i, reg[4];

	for (i = 0; i < m->nr_leaves; i++) {
		l = &m->leaf[i];
		if (l->leaf != f->leaf ||
		    (l->subleaf != f->subleaf && l->subleaf != UINT32_MAX))
			continue;
		reg[EAX] = l->eax;
		reg[EBX] = l->ebx;
		reg[ECX] = l->ecx;
		reg[EDX] = l->edx;
		return (reg[f->reg] >> f->bit) & 1;
	}
	return false;
}

static uint64_t find_features(const struct cpu_model *m)
{
	static const struct feature_bit gbpages = {0x80000001, 0, EDX, 26};
	/* encodings that are older than their bit, or NOPs without it */
	uint64_t features =
		FEATURES_KNOWN | BIT64(IF_BASE) | BIT64(IF_PREFETCHW);
	unsigned int i;

	for (i = 0; i < IF_COUNT; i++)
		if (feature_bits[i].leaf && model_bit(m, &feature_bits[i]))
			features |= BIT64(i);
	if (model_bit(m, &gbpages))
		features |= FEATURES_1G;
	return features;
}

static uint64_t features_of(const struct soft_vp *vp)
{
	struct soft_partition *p = vp->partition;
	uint64_t features =
		atomic_load_explicit(&p->features, memory_order_relaxed);

	if (!features) {
		features = find_features(vp->hv.partition->model);
		atomic_store_explicit(&p->features, features,
				      memory_order_relaxed);
	}
	return features;
}

bool soft_feature_ok(const struct soft_vp *vp, const struct insn *in)
{
	enum insn_feature f = insn_feature(in);

	if (f == IF_LAHF64 && !(vp->mode & SOFT_MODE_64))
		return true;
	return features_of(vp) & BIT64(f);
}

bool soft_has_1g_pages(struct soft_vp *vp)
{
	return features_of(vp) & FEATURES_1G;
}

/* ---- privileges ---- */

static unsigned int iopl(const struct vp_regs *r)
{
	return (r->rflags & X86_FL_IOPL) >> X86_FL_IOPL_SHIFT;
}

void sys_check_umip(struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;

	if ((r->cr4 & X86_CR4_UMIP) && vp_cpl(r) != 0)
		seg_raise_gp0(vp);
}

/*
 * The flag that CLI and STI work on: IF, VIF under the virtual-interrupt
 * extensions (SDM 21.3, 21.4), or raise #GP(0).
 */
static uint64_t interrupt_flag(struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;
	bool v86 = r->rflags & X86_FL_VM;

	if (!(r->cr0 & X86_CR0_PE) || iopl(r) >= vp_cpl(r))
		return X86_FL_IF;
	if (v86 ? r->cr4 & X86_CR4_VME
		: vp_cpl(r) == 3 && (r->cr4 & X86_CR4_PVI))
		return X86_FL_VIF;
	seg_raise_gp0(vp);
}

static void op_cli(struct soft_vp *vp, const struct insn *in)
{
	vp->hv.regs.rflags &= ~interrupt_flag(vp);
}

static void op_sti(struct soft_vp *vp, const struct insn *in)
{
	struct vp_regs *r = &vp->hv.regs;
	uint64_t flag = interrupt_flag(vp);

	if (flag == X86_FL_VIF && (r->rflags & X86_FL_VIP))
		seg_raise_gp0(vp);
	if (flag == X86_FL_IF && !(r->rflags & X86_FL_IF)) {
		r->shadow |= VP_SHADOW_STI;
		vp->slow |= SOFT_SLOW_SHADOW;
	}
	r->rflags |= flag;
	vp->end_block = true;
}

static void op_clac(struct soft_vp *vp, const struct insn *in)
{
	if (vp_cpl(&vp->hv.regs) != 0)
		soft_raise(vp, X86_UD);
	vp->hv.regs.rflags &= ~X86_FL_AC;
	tlb_select(vp);
}

static void op_stac(struct soft_vp *vp, const struct insn *in)
{
	if (vp_cpl(&vp->hv.regs) != 0)
		soft_raise(vp, X86_UD);
	vp->hv.regs.rflags |= X86_FL_AC;
	tlb_select(vp);
}

/* ---- waiting ---- */

static void op_hlt(struct soft_vp *vp, const struct insn *in)
{
	sys_check_cpl0(vp);
	vp->halt = true;
	vp->end_block = true;
}

static void op_monitor(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_regs *r = &vp->hv.regs;
	uint64_t off = reg_read(vp, X86_RAX, in->addrsize), lin;

	if (vp_cpl(r) != 0)
		soft_raise(vp, X86_UD);
	if ((uint32_t)r->gpr[X86_RCX] != 0)
		seg_raise_gp0(vp);
	lin = seg_linear(vp, in->seg, off, 1, false);
	mem_probe(vp, lin, MEM_READ, 1);
	vp->monitor = lin;
}

/* Always a false wakeup, which software must expect (SDM 9.10.4). */
static void op_mwait(struct soft_vp *vp, const struct insn *in)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (vp_cpl(r) != 0)
		soft_raise(vp, X86_UD);
	if ((uint32_t)r->gpr[X86_RCX] > 1)
		seg_raise_gp0(vp);
	vp->monitor = UINT64_MAX;
	vp->end_block = true;
	(void)sched_yield();
}

/* ---- identification, model-specific registers, time ---- */

static void op_cpuid(struct soft_vp *vp, const struct insn *in)
{
	uint64_t *gpr = vp->hv.regs.gpr;
	uint32_t out[4];

	hv_vp_cpuid(&vp->hv, (uint32_t)gpr[X86_RAX], (uint32_t)gpr[X86_RCX],
		    out);
	gpr[X86_RAX] = out[EAX];
	gpr[X86_RBX] = out[EBX];
	gpr[X86_RCX] = out[ECX];
	gpr[X86_RDX] = out[EDX];
}

static void op_rdmsr(struct soft_vp *vp, const struct insn *in)
{
	uint64_t *gpr = vp->hv.regs.gpr;
	uint64_t v;

	sys_check_cpl0(vp);
	if (!hv_vp_rdmsr(&vp->hv, (uint32_t)gpr[X86_RCX], &v))
		seg_raise_gp0(vp);
	gpr[X86_RAX] = (uint32_t)v;
	gpr[X86_RDX] = v >> 32;
}

static void op_wrmsr(struct soft_vp *vp, const struct insn *in)
{
	const uint64_t *gpr = vp->hv.regs.gpr;
	uint64_t v = (uint32_t)gpr[X86_RAX] | gpr[X86_RDX] << 32;

	sys_check_cpl0(vp);
	if (!hv_vp_wrmsr(&vp->hv, (uint32_t)gpr[X86_RCX], v))
		seg_raise_gp0(vp);
	vp->end_block = true;
	soft_mode_update(vp);
}

static void op_rdpmc(struct soft_vp *vp, const struct insn *in)
{
	seg_raise_gp0(vp); /* there are no counters */
}

static void check_tsd(struct soft_vp *vp)
{
	const struct vp_regs *r = &vp->hv.regs;

	if ((r->cr4 & X86_CR4_TSD) && vp_cpl(r) != 0)
		seg_raise_gp0(vp);
}

static void op_rdtsc(struct soft_vp *vp, const struct insn *in)
{
	uint64_t *gpr = vp->hv.regs.gpr;
	uint64_t tsc;

	check_tsd(vp);
	tsc = hv_vp_tsc(&vp->hv);
	gpr[X86_RAX] = (uint32_t)tsc;
	gpr[X86_RDX] = tsc >> 32;
}

static void op_rdtscp(struct soft_vp *vp, const struct insn *in)
{
	op_rdtsc(vp, in);
	vp->hv.regs.gpr[X86_RCX] = (uint32_t)vp->hv.regs.tsc_aux;
}

static void op_rdpid(struct soft_vp *vp, const struct insn *in)
{
	vp->hv.regs.gpr[in->rm] = (uint32_t)vp->hv.regs.tsc_aux;
}

/* ---- caches; what we do not have ---- */

/* Guest memory is coherent by itself. */
static void op_wbinvd(struct soft_vp *vp, const struct insn *in)
{
	sys_check_cpl0(vp);
}

static void op_undefined(struct soft_vp *vp, const struct insn *in)
{
	soft_raise(vp, X86_UD);
}

static insn_fn *const handlers[OP_COUNT] = {
	/* table */
	[OP_JMPF] = op_jmp_far,      [OP_JMPF_IND] = op_jmp_far,
	[OP_CALLF] = op_call_far,    [OP_CALLF_IND] = op_call_far,
	[OP_RETF] = op_ret_far,      [OP_IRET] = op_iret,
	[OP_INT] = op_int,           [OP_INT3] = op_int,
	[OP_INT1] = op_int,          [OP_INTO] = op_into,
	[OP_SYSCALL] = op_syscall,   [OP_SYSRET] = op_sysret,
	[OP_SYSENTER] = op_sysenter, [OP_SYSEXIT] = op_sysexit,
	[OP_CLI] = op_cli,           [OP_STI] = op_sti,
	[OP_CLAC] = op_clac,         [OP_STAC] = op_stac,
	[OP_HLT] = op_hlt,           [OP_MONITOR] = op_monitor,
	[OP_MWAIT] = op_mwait,       [OP_CPUID] = op_cpuid,
	[OP_RDMSR] = op_rdmsr,       [OP_WRMSR] = op_wrmsr,
	[OP_RDPMC] = op_rdpmc,       [OP_RDTSC] = op_rdtsc,
	[OP_RDTSCP] = op_rdtscp,     [OP_RDPID] = op_rdpid,
	[OP_INVD] = op_wbinvd,       [OP_WBINVD] = op_wbinvd,
	[OP_RSM] = op_undefined,     [OP_VMCALL] = op_undefined,
	[OP_VMMCALL] = op_undefined,
};

insn_fn *bind_system(const struct soft_vp *vp, const struct insn *in)
{
	insn_fn *fn = handlers[in->op];

	if (!fn)
		fn = bind_segment(vp, in);
	return fn ? fn : bind_control(vp, in);
}
