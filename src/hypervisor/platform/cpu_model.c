/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models: from the feature table to CPUID leaves. Signatures are those of
 * processors for which stock kernels (6.1, 6.12) know no erratum to work
 * around in a virtual machine: AMD family 19h model 1, Intel family 6 model
 * 8Fh. Every model has one package, one thread per core.
 */
#include "cpu_features.h"

#include <abi/msr.h>
#include <abi/x86.h>
#include <base/assert.h>
#include <base/errno.h>
#include <base/mem.h>
#include <hypervisor/cpu_model.h>

#define AMD_SIGNATURE   0x00a00f11u
#define INTEL_SIGNATURE 0x000806f8u

/* 1 TiB of memory, the PCI hole and 64-bit BARs; what kernels of all ages and
 * most hosts can do. */
#define PHYS_BITS    46
#define LINEAR_BITS  48
#define XSAVE_LEGACY 576u /* legacy area and header */
#define XSAVE_YMM    256u
#define ANY_SUBLEAF  UINT32_MAX

static const char *const model_names[] = {"v2", "v3", "host"};
static const uint32_t model_flags[] = {
	IN_V2,
	IN_V2 | IN_V3,
	IN_V2 | IN_V3 | IN_HOST,
};
#define MODEL_HOST 2

/* What is being made. */
struct maker {
	struct cpu_model *m;
	const struct cpu_source *host;
	uint32_t word[CPU_WORDS];
	uint32_t nr_vps;
	uint32_t id_bits; /* width of the core number in APIC ids */
	bool is_host;
};

/* ---- the host ---- */

static void host_cpuid(const struct cpu_source *host, uint32_t leaf,
		       uint32_t subleaf, uint32_t out[4])
{
	uint32_t max[4];

	memset(out, 0, 4 * sizeof(out[0]));
	host->cpuid(host->ctx, leaf & 0xffff0000u, 0, max);
	if (leaf <= max[0])
		host->cpuid(host->ctx, leaf, subleaf, out);
}

static const struct {
	uint32_t leaf, subleaf, reg;
} word_at[CPU_WORDS] = {
	[W_1_ECX] = {CPUID_FEATURES, 0, 2},
	[W_1_EDX] = {CPUID_FEATURES, 0, 3},
	[W_6_EAX] = {CPUID_POWER, 0, 0},
	[W_7_EBX] = {CPUID_FEATURES7, 0, 1},
	[W_7_ECX] = {CPUID_FEATURES7, 0, 2},
	[W_7_EDX] = {CPUID_FEATURES7, 0, 3},
	[W_D1_EAX] = {CPUID_XSAVE, 1, 0},
	[W_81_ECX] = {CPUID_EXT_FEATURES, 0, 2},
	[W_81_EDX] = {CPUID_EXT_FEATURES, 0, 3},
	[W_87_EDX] = {CPUID_EXT_POWER, 0, 3},
	[W_88_EBX] = {CPUID_EXT_SIZES, 0, 1},
	[W_821_EAX] = {CPUID_AMD_FEATURES2, 0, 0},
	[W_821_ECX] = {CPUID_AMD_FEATURES2, 0, 2},
};

static bool host_has(const struct maker *k, const struct cpu_feature *f)
{
	uint64_t ymm = X86_XCR0_SSE | X86_XCR0_AVX;
	uint32_t out[4];

	if ((f->flags & YMM) && (k->host->xcr0 & ymm) != ymm)
		return false;
	host_cpuid(k->host, word_at[f->word].leaf, word_at[f->word].subleaf,
		   out);
	return out[word_at[f->word].reg] & BIT(f->bit);
}

/* ---- features ---- */

static void contract_add(struct cpu_model *m, const char *text)
{
	size_t at = 0;

	while (m->contract[at])
		at++;
	for (; *text && at + 1 < sizeof(m->contract); text++)
		m->contract[at++] = *text;
	m->contract[at] = 0;
}

/* A feature that differs among hosts is part of the contract's name. */
static void contract_add_feature(struct cpu_model *m,
				 const struct cpu_feature *f)
{
	contract_add(m, "+");
	contract_add(m, f->name);
}

static int choose_features(struct maker *k, uint32_t model,
			   const char **ret_text)
{
	uint32_t other = k->m->intel ? ONLY_AMD : ONLY_INTEL;

	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++) {
		const struct cpu_feature *f = &features[i];
		bool optional = k->is_host || (f->flags & IF_HOST);

		if (!(f->flags & model) || (f->flags & other))
			continue;
		if ((f->flags & NATIVE) && !host_has(k, f)) {
			if (optional)
				continue;
			*ret_text = f->name;
			return -EOPNOTSUPP;
		}
		if ((f->flags & NATIVE) && optional)
			contract_add_feature(k->m, f);
		k->word[f->word] |= BIT(f->bit);
	}
	return 0;
}

static bool has(const struct maker *k, enum cpu_word word, unsigned int bit)
{
	return k->word[word] & BIT(bit);
}

/* What registers may hold follows from the features. */
static void derive_registers(struct maker *k)
{
	struct cpu_model *m = k->m;

	m->phys_bits = PHYS_BITS;
	m->x2apic = has(k, W_1_ECX, 21);
	m->tsc_deadline = has(k, W_1_ECX, 24);
	m->rdtscp = has(k, W_81_EDX, 27);
	m->tsc_adjust = has(k, W_7_EBX, 1);

	m->xcr0 = X86_XCR0_X87;
	m->cr4 = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
		 X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE |
		 X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	if (has(k, W_1_ECX, 26)) {
		m->cr4 |= X86_CR4_OSXSAVE;
		m->xcr0 |= X86_XCR0_SSE;
	}
	if (has(k, W_1_ECX, 28))
		m->xcr0 |= X86_XCR0_AVX;
	if (has(k, W_1_ECX, 17))
		m->cr4 |= X86_CR4_PCIDE;
	if (has(k, W_7_EBX, 0))
		m->cr4 |= X86_CR4_FSGSBASE;
	if (has(k, W_7_EBX, 7))
		m->cr4 |= X86_CR4_SMEP;
	if (has(k, W_7_EBX, 20))
		m->cr4 |= X86_CR4_SMAP;
	if (has(k, W_7_ECX, 2))
		m->cr4 |= X86_CR4_UMIP;

	m->efer = X86_EFER_SCE | X86_EFER_LME | X86_EFER_NXE;
	if (has(k, W_821_EAX, 8))
		m->efer |= X86_EFER_AUTOIBRS;
	if (has(k, W_88_EBX, 12))
		m->pred_cmd |= PRED_CMD_IBPB;
	if (has(k, W_821_EAX, 27))
		m->pred_cmd |= PRED_CMD_SBPB;
	if (has(k, W_7_EDX, 26)) {
		m->spec_ctrl = SPEC_CTRL_IBRS;
		m->pred_cmd |= PRED_CMD_IBPB;
	}
	if (has(k, W_7_EDX, 29))
		m->arch_caps =
			ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL |
			ARCH_CAP_SKIP_L1D | ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO |
			ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |
			ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO |
			ARCH_CAP_PSDP_NO | ARCH_CAP_BHI_NO | ARCH_CAP_PBRSB_NO |
			ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO | ARCH_CAP_ITS_NO;
}

/* ---- leaves ---- */

static struct cpu_leaf *add(struct maker *k, uint32_t leaf, uint32_t subleaf)
{
	struct cpu_leaf *l = &k->m->leaf[k->m->nr_leaves];

	ASSERT(k->m->nr_leaves < CPU_MODEL_LEAVES);
	k->m->nr_leaves++;
	*l = (struct cpu_leaf){.leaf = leaf, .subleaf = subleaf};
	return l;
}

static void add_basic(struct maker *k)
{
	bool intel = k->m->intel;
	struct cpu_leaf *l;

	l = add(k, CPUID_VENDOR, ANY_SUBLEAF);
	l->eax = has(k, W_1_ECX, 26) ? CPUID_XSAVE : CPUID_TOPOLOGY;
	l->ebx = intel ? CPUID_INTEL_EBX : CPUID_AMD_EBX;
	l->ecx = intel ? CPUID_INTEL_ECX : CPUID_AMD_ECX;
	l->edx = intel ? CPUID_INTEL_EDX : CPUID_AMD_EDX;

	l = add(k, CPUID_FEATURES, ANY_SUBLEAF);
	l->eax = k->m->signature;
	l->ebx = 8u << 8 | k->nr_vps << 16; /* CLFLUSH line; processors */
	l->ecx = k->word[W_1_ECX];
	l->edx = k->word[W_1_EDX] | (k->nr_vps > 1 ? CPUID_1_EDX_HTT : 0);

	l = add(k, CPUID_POWER, ANY_SUBLEAF);
	l->eax = k->word[W_6_EAX];

	l = add(k, CPUID_FEATURES7, 0);
	l->ebx = k->word[W_7_EBX];
	l->ecx = k->word[W_7_ECX];
	l->edx = k->word[W_7_EDX];
}

static void add_xsave(struct maker *k)
{
	struct cpu_leaf *l;

	if (!has(k, W_1_ECX, 26))
		return;
	/* EBX of both is filled in by cpu_model_cpuid(). */
	l = add(k, CPUID_XSAVE, 0);
	l->eax = (uint32_t)k->m->xcr0;
	l->ecx = XSAVE_LEGACY;
	if (k->m->xcr0 & X86_XCR0_AVX)
		l->ecx += XSAVE_YMM;
	l = add(k, CPUID_XSAVE, 1);
	l->eax = k->word[W_D1_EAX];
	if (!(k->m->xcr0 & X86_XCR0_AVX))
		return;
	l = add(k, CPUID_XSAVE, 2);
	l->eax = XSAVE_YMM;
	l->ebx = XSAVE_LEGACY;
}

/* Caches: the same in every model, for what guests derive from them. */
static const struct {
	uint32_t type; /* 1 data, 2 code, 3 both */
	uint32_t level;
	uint32_t kib;
	uint32_t ways;
	bool shared; /* by all cores */
} caches[] = {
	{1, 1, 32, 8, false},
	{2, 1, 32, 8, false},
	{3, 2, 512, 8, false},
	{3, 3, 16384, 16, true},
};
#define CACHE_LINE 64u

/* Leaf 4 and 8000001Dh have the same layout. */
static void add_caches(struct maker *k, uint32_t leaf)
{
	uint32_t ids = BIT(k->id_bits);

	for (unsigned int i = 0; i < ARRAY_SIZE(caches); i++) {
		struct cpu_leaf *l = add(k, leaf, i);
		uint32_t sharing = !caches[i].shared ? 1
				   : k->m->intel     ? ids
						     : k->nr_vps;

		l->eax = caches[i].type | caches[i].level << 5 | BIT(8) |
			 (sharing - 1) << 14;
		if (k->m->intel)
			l->eax |= (ids - 1) << 26;
		l->ebx = (CACHE_LINE - 1) | (caches[i].ways - 1) << 22;
		l->ecx = caches[i].kib * 1024 / CACHE_LINE / caches[i].ways - 1;
	}
}

static void add_topology(struct maker *k)
{
	struct cpu_leaf *l;

	l = add(k, CPUID_TOPOLOGY, 0);
	l->ebx = 1;
	l->ecx = CPUID_LEVEL_SMT << 8;
	l = add(k, CPUID_TOPOLOGY, 1);
	l->eax = k->id_bits;
	l->ebx = k->nr_vps;
	l->ecx = 1 | CPUID_LEVEL_CORE << 8;
}

static void add_brand(struct maker *k)
{
	char text[48] = "Lamina Virtual CPU ";
	size_t at = 19;

	if (!k->is_host)
		memcpy(text + at, k->m->name, 2);
	for (uint32_t i = 0; i < 3; i++) {
		struct cpu_leaf *l = add(k, CPUID_BRAND + i, ANY_SUBLEAF);
		uint32_t out[4];

		if (k->is_host)
			host_cpuid(k->host, CPUID_BRAND + i, 0, out);
		else
			memcpy(out, text + i * 16, 16);
		l->eax = out[0];
		l->ebx = out[1];
		l->ecx = out[2];
		l->edx = out[3];
	}
}

static void add_extended(struct maker *k)
{
	bool intel = k->m->intel;
	struct cpu_leaf *l;

	l = add(k, CPUID_EXT_MAX, ANY_SUBLEAF);
	l->eax = intel ? CPUID_EXT_SIZES : CPUID_AMD_FEATURES2;
	if (!intel) {
		l->ebx = CPUID_AMD_EBX;
		l->ecx = CPUID_AMD_ECX;
		l->edx = CPUID_AMD_EDX;
	}
	l = add(k, CPUID_EXT_FEATURES, ANY_SUBLEAF);
	l->ecx = k->word[W_81_ECX];
	l->edx = k->word[W_81_EDX];
	if (!intel) {
		l->eax = k->m->signature;
		l->edx |= k->word[W_1_EDX] & CPUID_81_EDX_AMD_COPY;
		if (k->nr_vps > 1)
			l->ecx |= CPUID_81_ECX_CMP_LEGACY;
	}
	add_brand(k);
	l = add(k, CPUID_EXT_L2, ANY_SUBLEAF);
	l->ecx = caches[2].kib << 16 | 6u << 12 | (intel ? 0 : 1u << 8) |
		 CACHE_LINE;
	if (!intel)
		l->edx = caches[3].kib / 512 << 18 | 8u << 12 | 1u << 8 |
			 CACHE_LINE;
	l = add(k, CPUID_EXT_POWER, ANY_SUBLEAF);
	l->edx = k->word[W_87_EDX];
	l = add(k, CPUID_EXT_SIZES, ANY_SUBLEAF);
	l->eax = PHYS_BITS | LINEAR_BITS << 8;
	l->ebx = k->word[W_88_EBX];
	if (!intel)
		l->ecx = (k->nr_vps - 1) | k->id_bits << 12;
}

static void add_intel(struct maker *k)
{
	struct cpu_leaf *l = add(k, CPUID_CACHE_OLD, ANY_SUBLEAF);

	l->eax = 0x00feff01; /* "see leaf 4", "see leaf 18h" */
	add_caches(k, CPUID_CACHE);
}

static void add_amd(struct maker *k)
{
	struct cpu_leaf *l = add(k, CPUID_AMD_L1, ANY_SUBLEAF);

	l->ecx = caches[0].kib << 24 | caches[0].ways << 16 | 1u << 8 |
		 CACHE_LINE;
	l->edx = caches[1].kib << 24 | caches[1].ways << 16 | 1u << 8 |
		 CACHE_LINE;
	add_caches(k, CPUID_AMD_CACHE);
	/* EAX, EBX: the id, by cpu_model_cpuid(); one thread, one node. */
	(void)add(k, CPUID_AMD_TOPOLOGY, ANY_SUBLEAF);
	l = add(k, CPUID_AMD_FEATURES2, ANY_SUBLEAF);
	l->eax = k->word[W_821_EAX];
	l->ecx = k->word[W_821_ECX];
}

/* ---- making ---- */

static void name_contract(struct maker *k)
{
	char hex[10] = "-";

	k->m->contract[0] = 0;
	contract_add(k->m, k->m->name);
	contract_add(k->m, k->m->intel ? "-intel" : "-amd");
	if (!k->is_host)
		return;
	for (unsigned int i = 0; i < 8; i++)
		hex[1 + i] =
			"0123456789abcdef"[(k->m->signature >> (28 - 4 * i)) &
					   15];
	contract_add(k->m, hex);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int cpu_model_make(struct cpu_model *ret, const char *name,
		   const struct cpu_source *host, uint32_t nr_vps,
		   const char **ret_text)
{
	struct maker k = {.m = ret, .host = host, .nr_vps = nr_vps};
	uint32_t model = 0, out[4];
	int err;

	ASSERT(nr_vps > 0 && nr_vps <= 64);
	while (model < ARRAY_SIZE(model_names) &&
	       !same(name, model_names[model]))
		model++;
	if (model == ARRAY_SIZE(model_names)) {
		*ret_text = "v2, v3, host";
		return -EINVAL;
	}
	memset(ret, 0, sizeof(*ret));
	ret->name = model_names[model];
	k.is_host = model == MODEL_HOST;
	while (BIT(k.id_bits) < nr_vps)
		k.id_bits++;

	host_cpuid(host, CPUID_VENDOR, 0, out);
	ret->intel = out[1] == CPUID_INTEL_EBX;
	ret->signature = ret->intel ? INTEL_SIGNATURE : AMD_SIGNATURE;
	if (k.is_host) {
		host_cpuid(host, CPUID_FEATURES, 0, out);
		ret->signature = out[0];
	}
	name_contract(&k);
	err = choose_features(&k, model_flags[model], ret_text);
	if (err < 0)
		return err;
	derive_registers(&k);
	add_basic(&k);
	add_topology(&k);
	add_xsave(&k);
	add_extended(&k);
	if (ret->intel)
		add_intel(&k);
	else
		add_amd(&k);
	return 0;
}

/* ---- looking up ---- */

static const struct cpu_leaf *find(const struct cpu_model *m, uint32_t leaf,
				   uint32_t subleaf)
{
	for (uint32_t i = 0; i < m->nr_leaves; i++) {
		const struct cpu_leaf *l = &m->leaf[i];

		if (l->leaf == leaf &&
		    (l->subleaf == subleaf || l->subleaf == ANY_SUBLEAF))
			return l;
	}
	return NULL;
}

void cpu_model_cpuid(const struct cpu_model *m, uint32_t leaf, uint32_t subleaf,
		     uint32_t id, uint64_t cr4, uint64_t xcr0, bool apic_on,
		     uint32_t out[4])
{
	const struct cpu_leaf *l = find(m, leaf, subleaf);

	memset(out, 0, 4 * sizeof(out[0]));
	if (l) {
		out[0] = l->eax;
		out[1] = l->ebx;
		out[2] = l->ecx;
		out[3] = l->edx;
	}
	switch (leaf) {
	case CPUID_FEATURES:
		out[1] |= id << 24;
		if (cr4 & X86_CR4_OSXSAVE)
			out[2] |= CPUID_1_ECX_OSXSAVE;
		if (!apic_on)
			out[3] &= ~CPUID_1_EDX_APIC;
		break;
	case CPUID_EXT_FEATURES:
		if (!apic_on)
			out[3] &= ~CPUID_81_EDX_APIC;
		break;
	case CPUID_TOPOLOGY:
		/* Levels past the last are named and empty. */
		if (!l)
			out[2] = subleaf & 0xff;
		out[3] = id;
		break;
	case CPUID_XSAVE:
		if (l && subleaf < 2)
			out[1] = XSAVE_LEGACY +
				 (xcr0 & X86_XCR0_AVX ? XSAVE_YMM : 0);
		break;
	case CPUID_AMD_TOPOLOGY:
		if (l) {
			out[0] = id;
			out[1] = id;
		}
		break;
	default:
		break;
	}
}
