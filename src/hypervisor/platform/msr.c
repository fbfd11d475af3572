/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which model-specific registers the machine has, as one sorted table. What is
 * not in it raises #GP, as on hardware; entries that only say "reads zero,
 * writes vanish" are there because stock kernels touch them unguarded.
 */
#include <abi/msr.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/mem.h>
#include <base/state.h>
#include <hypervisor/engine.h>
#include <hypervisor/msr.h>

#define MTRR_CAP (MTRR_CAP_FIXED | MTRR_CAP_WC | MSR_NR_MTRR_VAR)

/* A microcode revision that says nothing. */
#define AMD_PATCH_LEVEL  UINT64_C(0x01000065)
#define INTEL_UCODE_REV  (UINT64_C(1) << 32)
#define MCG_STATUS_BITS  UINT64_C(7)
#define DEBUGCTL_BITS    UINT64_C(0x3f)
#define HWCR_MC_WRITABLE BIT64(18)
/* FFDIS, IgnneEm: set by old kernels, without meaning here. */
#define HWCR_IGNORED (BIT64(3) | BIT64(6) | BIT64(8))

static bool canonical(uint64_t v)
{
	return (uint64_t)sign_extend(v, 48) == v;
}

/* ---- reading and writing by kind ---- */

typedef bool msr_read_fn(struct msr_env *e, uint32_t msr, uint64_t *ret);
typedef bool msr_write_fn(struct msr_env *e, uint32_t msr, uint64_t value);

static bool read_zero(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = 0;
	return true;
}

static bool write_ignored(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return true;
}

/* The vp_regs member that @msr is. */
static uint64_t *reg_of(struct msr_env *e, uint32_t msr) /* table */
{
	struct vp_regs *r = e->regs;

	switch (msr) {
	case MSR_STAR:
		return &r->star;
	case MSR_LSTAR:
		return &r->lstar;
	case MSR_CSTAR:
		return &r->cstar;
	case MSR_SFMASK:
		return &r->sfmask;
	case MSR_FS_BASE:
		return &r->seg[X86_FS].base;
	case MSR_GS_BASE:
		return &r->seg[X86_GS].base;
	case MSR_KERNEL_GS_BASE:
		return &r->kernel_gs_base;
	case MSR_TSC_AUX:
		return &r->tsc_aux;
	case MSR_SYSENTER_CS:
		return &r->sysenter_cs;
	case MSR_SYSENTER_ESP:
		return &r->sysenter_esp;
	case MSR_SYSENTER_EIP:
		return &r->sysenter_eip;
	default:
		return &r->pat;
	}
}

static bool read_reg(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = *reg_of(e, msr);
	return true;
}

static bool write_reg(struct msr_env *e, uint32_t msr, uint64_t value)
{
	*reg_of(e, msr) = value;
	e->changed |= HV_CHANGED_MSR;
	return true;
}

static bool write_address(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return canonical(value) && write_reg(e, msr, value);
}

static bool write_32(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return !(value >> 32) && write_reg(e, msr, value);
}

static bool has_tsc_aux(const struct msr_env *e)
{
	return e->model->rdtscp;
}

static bool read_tsc_aux(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	return has_tsc_aux(e) && read_reg(e, msr, ret);
}

static bool write_tsc_aux(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return has_tsc_aux(e) && write_32(e, msr, value);
}

/* ---- EFER (APM 3.1.7) ---- */

static bool read_efer(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->regs->efer;
	return true;
}

static bool write_efer(struct msr_env *e, uint32_t msr, uint64_t value)
{
	uint64_t before = e->regs->efer;

	/* LMA follows LME and paging, whatever is written to it. */
	value = (value & ~X86_EFER_LMA) | (before & X86_EFER_LMA);
	if (value & ~(e->model->efer | X86_EFER_LMA))
		return false;
	if (((value ^ before) & X86_EFER_LME) && (e->regs->cr0 & X86_CR0_PG))
		return false;
	e->regs->efer = value;
	e->changed |= HV_CHANGED_MODE | HV_CHANGED_MSR;
	if ((value ^ before) & X86_EFER_NXE)
		e->changed |= HV_CHANGED_PAGING;
	return true;
}

/* ---- memory types (SDM 12.11, 12.12) ---- */

static bool mtrr_type_ok(uint64_t type)
{
	return type == MEM_TYPE_UC || type == MEM_TYPE_WC ||
	       (type >= MEM_TYPE_WT && type <= MEM_TYPE_WB);
}

static bool all_bytes_ok(uint64_t value, bool pat)
{
	for (unsigned int i = 0; i < 8; i++, value >>= 8) {
		if (!mtrr_type_ok(value & 0xff) &&
		    !(pat && (value & 0xff) == MEM_TYPE_UC_MINUS))
			return false;
	}
	return true;
}

bool msr_pat_ok(uint64_t value)
{
	return all_bytes_ok(value, true);
}

static bool write_pat(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return msr_pat_ok(value) && write_reg(e, msr, value);
}

static bool read_mtrr_cap(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = MTRR_CAP;
	return true;
}

static bool read_mtrr_def(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->mtrr_def_type;
	return true;
}

static bool mtrr_def_ok(uint64_t value)
{
	return mtrr_type_ok(value & 0xff) &&
	       !(value & ~(MTRR_DEF_ENABLE | MTRR_DEF_FIXED | 0xff));
}

static bool write_mtrr_def(struct msr_env *e, uint32_t msr, uint64_t value)
{
	if (!mtrr_def_ok(value))
		return false;
	e->msr->mtrr_def_type = value;
	return true;
}

static unsigned int fixed_index(uint32_t msr)
{
	if (msr >= MSR_MTRR_4K_C0000)
		return 3 + (msr - MSR_MTRR_4K_C0000);
	if (msr >= MSR_MTRR_16K_80000)
		return 1 + (msr - MSR_MTRR_16K_80000);
	return 0;
}

static bool read_mtrr_fixed(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->mtrr_fixed[fixed_index(msr)];
	return true;
}

static bool write_mtrr_fixed(struct msr_env *e, uint32_t msr, uint64_t value)
{
	if (!all_bytes_ok(value, false))
		return false;
	e->msr->mtrr_fixed[fixed_index(msr)] = value;
	return true;
}

static bool read_mtrr_var(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->mtrr_var[msr - MSR_MTRR_BASE0];
	return true;
}

static bool mtrr_var_ok(unsigned int index, uint64_t value, uint8_t phys_bits)
{
	if (value >> phys_bits)
		return false;
	if (index & 1)
		return !(value & 0x7ff);
	return !(value & 0xf00) && mtrr_type_ok(value & 0xff);
}

static bool write_mtrr_var(struct msr_env *e, uint32_t msr, uint64_t value)
{
	unsigned int index = msr - MSR_MTRR_BASE0;

	if (!mtrr_var_ok(index, value, e->model->phys_bits))
		return false;
	e->msr->mtrr_var[index] = value;
	return true;
}

/* ---- time ---- */

static bool read_tsc(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->now + *e->tsc_offset;
	return true;
}

static void move_tsc(struct msr_env *e, uint64_t delta)
{
	*e->tsc_offset += delta;
	e->msr->tsc_adjust += delta;
	apic_tsc_offset_changed(e->apic, *e->tsc_offset, &e->result);
}

static bool write_tsc(struct msr_env *e, uint32_t msr, uint64_t value)
{
	move_tsc(e, value - (e->now + *e->tsc_offset));
	return true;
}

static bool read_tsc_adjust(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->tsc_adjust;
	return e->model->tsc_adjust;
}

static bool write_tsc_adjust(struct msr_env *e, uint32_t msr, uint64_t value)
{
	if (!e->model->tsc_adjust)
		return false;
	move_tsc(e, value - e->msr->tsc_adjust);
	return true;
}

static bool read_deadline(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = apic_tsc_deadline(e->apic);
	return e->model->tsc_deadline;
}

static bool write_deadline(struct msr_env *e, uint32_t msr, uint64_t value)
{
	if (!e->model->tsc_deadline)
		return false;
	apic_set_tsc_deadline(e->apic, value, *e->tsc_offset, &e->result);
	return true;
}

/* ---- local APIC ---- */

static bool read_apic_base(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->apic->base;
	return true;
}

static bool write_apic_base(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return apic_base_write(e->apic, value, e->model->phys_bits,
			       e->model->x2apic, &e->result);
}

static bool read_x2apic(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	return apic_msr_read(e->apic, msr, e->now, ret);
}

static bool write_x2apic(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return apic_msr_write(e->apic, msr, value, e->now, &e->result);
}

/* ---- speculation controls: nothing to control, so only kept ---- */

static bool read_spec_ctrl(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->spec_ctrl;
	return e->model->spec_ctrl;
}

static bool write_spec_ctrl(struct msr_env *e, uint32_t msr, uint64_t value)
{
	if (!e->model->spec_ctrl || (value & ~e->model->spec_ctrl))
		return false;
	e->msr->spec_ctrl = value;
	return true;
}

static bool write_pred_cmd(struct msr_env *e, uint32_t msr, uint64_t value)
{
	return e->model->pred_cmd && !(value & ~e->model->pred_cmd);
}

static bool read_arch_caps(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->model->arch_caps;
	return e->model->arch_caps;
}

/* ---- the rest ---- */

static bool read_ucode_rev(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->model->intel ? INTEL_UCODE_REV : AMD_PATCH_LEVEL;
	return true;
}

static bool read_feature_ctl(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = FEATURE_CTL_LOCKED; /* no VMX */
	return true;
}

static bool read_mcg_status(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->mcg_status;
	return true;
}

static bool write_mcg_status(struct msr_env *e, uint32_t msr, uint64_t value)
{
	if (value & ~MCG_STATUS_BITS)
		return false;
	e->msr->mcg_status = value;
	return true;
}

static bool read_misc_enable(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->misc_enable;
	return true;
}

static bool write_misc_enable(struct msr_env *e, uint32_t msr, uint64_t value)
{
	/* Only the hint about string instructions is anybody's to change. */
	e->msr->misc_enable = (e->msr->misc_enable & ~MISC_ENABLE_FAST_STRING) |
			      (value & MISC_ENABLE_FAST_STRING);
	return true;
}

static bool read_debugctl(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->debugctl;
	return true;
}

static bool write_debugctl(struct msr_env *e, uint32_t msr, uint64_t value)
{
	if (value & ~DEBUGCTL_BITS)
		return false;
	e->msr->debugctl = value;
	return true;
}

static bool read_hwcr(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = e->msr->hwcr;
	return true;
}

static bool write_hwcr(struct msr_env *e, uint32_t msr, uint64_t value)
{
	value &= ~HWCR_IGNORED;
	if (value & ~(HWCR_TSC_FREQ_SEL | HWCR_MC_WRITABLE))
		return false;
	/* The TSC counts at one rate always, and says so. */
	e->msr->hwcr = value | HWCR_TSC_FREQ_SEL;
	return true;
}

static bool read_de_cfg(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	*ret = DE_CFG_LFENCE_SERIALIZE;
	return true;
}

/* ---- the table ---- */

#define BOTH  0u
#define INTEL 1u
#define AMD   2u

struct msr_rule {
	uint32_t first, last;
	uint32_t vendor;
	msr_read_fn *read;   /* NULL: #GP */
	msr_write_fn *write; /* NULL: #GP */
};

#define ONE(msr)      (msr), (msr)
#define RANGE(msr, n) (msr), (msr) + (n)-1
#define NOTHING_THERE read_zero, write_ignored

/* clang-format off */
static const struct msr_rule rules[] = { /* table, sorted by number */
	{ ONE(MSR_TSC),            BOTH,  read_tsc, write_tsc },
	{ ONE(MSR_PLATFORM_ID),    INTEL, read_zero, NULL },
	{ ONE(MSR_APIC_BASE),      BOTH,  read_apic_base, write_apic_base },
	{ ONE(MSR_EBL_CR_POWERON), INTEL, NOTHING_THERE },
	{ ONE(MSR_SMI_COUNT),      INTEL, read_zero, NULL },
	{ ONE(MSR_FEATURE_CTL),    INTEL, read_feature_ctl, NULL },
	{ ONE(MSR_TSC_ADJUST),     BOTH,  read_tsc_adjust, write_tsc_adjust },
	{ ONE(MSR_SPEC_CTRL),      BOTH,  read_spec_ctrl, write_spec_ctrl },
	{ ONE(MSR_PRED_CMD),       BOTH,  NULL, write_pred_cmd },
	{ ONE(MSR_UCODE_WRITE),    INTEL, NULL, write_ignored },
	{ ONE(MSR_UCODE_REV),      BOTH,  read_ucode_rev, write_ignored },
	{ RANGE(MSR_PERFCTR0, 2),  INTEL, NOTHING_THERE },
	{ ONE(MSR_PLATFORM_INFO),  INTEL, read_zero, NULL },
	{ ONE(MSR_MTRR_CAP),       BOTH,  read_mtrr_cap, NULL },
	{ ONE(MSR_ARCH_CAPS),      INTEL, read_arch_caps, NULL },
	{ ONE(MSR_BBL_CR_CTL3),    INTEL, NOTHING_THERE },
	{ ONE(MSR_MISC_FEATURES),  INTEL, read_zero, NULL },
	{ ONE(MSR_SYSENTER_CS),    BOTH,  read_reg, write_reg },
	{ ONE(MSR_SYSENTER_ESP),   BOTH,  read_reg, write_address },
	{ ONE(MSR_SYSENTER_EIP),   BOTH,  read_reg, write_address },
	{ ONE(MSR_MCG_CAP),        BOTH,  read_zero, NULL }, /* no banks */
	{ ONE(MSR_MCG_STATUS),     BOTH,  read_mcg_status, write_mcg_status },
	{ RANGE(MSR_EVENTSEL0, 2), INTEL, NOTHING_THERE },
	{ ONE(MSR_PERF_STATUS),    INTEL, read_zero, NULL },
	{ ONE(MSR_PERF_CTL),       INTEL, NOTHING_THERE },
	{ ONE(MSR_MISC_ENABLE),    INTEL, read_misc_enable, write_misc_enable },
	{ ONE(MSR_DEBUGCTL),       BOTH,  read_debugctl, write_debugctl },
	{ RANGE(MSR_LAST_BRANCH, 4), BOTH, read_zero, NULL },
	{ RANGE(MSR_MTRR_BASE0, 2 * MSR_NR_MTRR_VAR),
				   BOTH,  read_mtrr_var, write_mtrr_var },
	{ ONE(MSR_MTRR_64K),       BOTH,  read_mtrr_fixed, write_mtrr_fixed },
	{ RANGE(MSR_MTRR_16K_80000, 2),
				   BOTH,  read_mtrr_fixed, write_mtrr_fixed },
	{ RANGE(MSR_MTRR_4K_C0000, 8),
				   BOTH,  read_mtrr_fixed, write_mtrr_fixed },
	{ ONE(MSR_PAT),            BOTH,  read_reg, write_pat },
	{ ONE(MSR_MTRR_DEF_TYPE),  BOTH,  read_mtrr_def, write_mtrr_def },
	{ ONE(MSR_TSC_DEADLINE),   BOTH,  read_deadline, write_deadline },
	{ MSR_X2APIC, MSR_X2APIC_LAST,
				   BOTH,  read_x2apic, write_x2apic },
	/* MSR_HYPERV: the synthetic registers' place */
	{ ONE(MSR_EFER),           BOTH,  read_efer, write_efer },
	{ ONE(MSR_STAR),           BOTH,  read_reg, write_reg },
	{ ONE(MSR_LSTAR),          BOTH,  read_reg, write_address },
	{ ONE(MSR_CSTAR),          BOTH,  read_reg, write_address },
	{ ONE(MSR_SFMASK),         BOTH,  read_reg, write_32 },
	{ ONE(MSR_FS_BASE),        BOTH,  read_reg, write_address },
	{ ONE(MSR_GS_BASE),        BOTH,  read_reg, write_address },
	{ ONE(MSR_KERNEL_GS_BASE), BOTH,  read_reg, write_address },
	{ ONE(MSR_TSC_AUX),        BOTH,  read_tsc_aux, write_tsc_aux },
	{ MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, AMD, NOTHING_THERE },
	{ ONE(MSR_SYSCFG),         AMD,   NOTHING_THERE },
	{ ONE(MSR_HWCR),           AMD,   read_hwcr, write_hwcr },
	{ ONE(MSR_NB_CFG),         AMD,   NOTHING_THERE },
	{ ONE(MSR_PATCH_LOADER),   AMD,   NULL, write_ignored },
	{ ONE(MSR_INT_PENDING),    AMD,   NOTHING_THERE },
	{ ONE(MSR_VM_CR),          AMD,   read_zero, NULL },
	{ ONE(MSR_DE_CFG),         AMD,   read_de_cfg, write_ignored },
};
/* clang-format on */

static const struct msr_rule *find(const struct msr_env *e, uint32_t msr)
{
	unsigned int low = 0, high = ARRAY_SIZE(rules);
	uint32_t other = e->model->intel ? AMD : INTEL;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (rules[mid].last < msr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == ARRAY_SIZE(rules) || rules[low].first > msr ||
	    rules[low].vendor == other)
		return NULL;
	return &rules[low];
}

bool msr_read(struct msr_env *e, uint32_t msr, uint64_t *ret)
{
	const struct msr_rule *rule = find(e, msr);

	return rule && rule->read && rule->read(e, msr, ret);
}

bool msr_write(struct msr_env *e, uint32_t msr, uint64_t value)
{
	const struct msr_rule *rule = find(e, msr);

	return rule && rule->write && rule->write(e, msr, value);
}

void msr_reset(struct msr_state *m, const struct cpu_model *model)
{
	memset(m, 0, sizeof(*m));
	m->misc_enable = MISC_ENABLE_FAST_STRING | MISC_ENABLE_BTS_UNAVAIL |
			 MISC_ENABLE_PEBS_UNAVAIL;
	/*
	 * As firmware leaves it, so that a kernel started without firmware
	 * finds its memory cacheable: write-back by default, no range.
	 */
	m->mtrr_def_type = MTRR_DEF_ENABLE | MEM_TYPE_WB;
	m->hwcr = HWCR_TSC_FREQ_SEL;
}

/* ---- saved state ---- */

static int check_state(const void *state)
{
	const struct msr_state *m = state;

	if (!mtrr_def_ok(m->mtrr_def_type) || (m->debugctl & ~DEBUGCTL_BITS) ||
	    (m->mcg_status & ~MCG_STATUS_BITS) ||
	    (m->spec_ctrl &
	     ~(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD)) ||
	    (m->hwcr & ~(HWCR_TSC_FREQ_SEL | HWCR_MC_WRITABLE)) ||
	    (m->misc_enable &
	     ~(MISC_ENABLE_FAST_STRING | MISC_ENABLE_BTS_UNAVAIL |
	       MISC_ENABLE_PEBS_UNAVAIL)))
		return -EINVAL;
	for (unsigned int i = 0; i < MSR_NR_MTRR_FIXED; i++) {
		if (!all_bytes_ok(m->mtrr_fixed[i], false))
			return -EINVAL;
	}
	for (unsigned int i = 0; i < 2 * MSR_NR_MTRR_VAR; i++) {
		if (!mtrr_var_ok(i, m->mtrr_var[i], 52))
			return -EINVAL;
	}
	return 0;
}

static const struct state_field fields[] = {
	STATE_FIELD(struct msr_state, tsc_adjust, 1),
	STATE_FIELD(struct msr_state, misc_enable, 1),
	STATE_FIELD(struct msr_state, spec_ctrl, 1),
	STATE_FIELD(struct msr_state, mtrr_def_type, 1),
	STATE_ARRAY(struct msr_state, mtrr_fixed, 1),
	STATE_ARRAY(struct msr_state, mtrr_var, 1),
	STATE_FIELD(struct msr_state, mcg_status, 1),
	STATE_FIELD(struct msr_state, hwcr, 1),
	STATE_FIELD(struct msr_state, debugctl, 1),
};

const struct state_desc msr_state_desc =
	STATE_DESC(struct msr_state, "hypervisor/msr", 1, fields, check_state);
