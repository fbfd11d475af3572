/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Model-specific registers (SDM 4; AMD APM 2, appendix A). */
#pragma once

#include <base/bits.h>

/* Architectural, both vendors */
#define MSR_TSC            0x00000010u
#define MSR_PLATFORM_ID    0x00000017u /* Intel */
#define MSR_APIC_BASE      0x0000001bu
#define MSR_EBL_CR_POWERON 0x0000002au /* Intel */
#define MSR_SMI_COUNT      0x00000034u /* Intel */
#define MSR_FEATURE_CTL    0x0000003au /* Intel */
#define MSR_TSC_ADJUST     0x0000003bu
#define MSR_SPEC_CTRL      0x00000048u
#define MSR_PRED_CMD       0x00000049u
#define MSR_UCODE_WRITE    0x00000079u
#define MSR_UCODE_REV      0x0000008bu /* AMD: PATCH_LEVEL */
#define MSR_PERFCTR0       0x000000c1u /* Intel */
#define MSR_FSB_FREQ       0x000000cdu /* Intel */
#define MSR_PLATFORM_INFO  0x000000ceu /* Intel */
#define MSR_MTRR_CAP       0x000000feu
#define MSR_ARCH_CAPS      0x0000010au /* Intel */
#define MSR_FLUSH_CMD      0x0000010bu
#define MSR_BBL_CR_CTL3    0x0000011eu /* Intel */
#define MSR_MISC_FEATURES  0x00000140u /* Intel: MISC_FEATURES_ENABLES */
#define MSR_SYSENTER_CS    0x00000174u
#define MSR_SYSENTER_ESP   0x00000175u
#define MSR_SYSENTER_EIP   0x00000176u
#define MSR_MCG_CAP        0x00000179u
#define MSR_MCG_STATUS     0x0000017au
#define MSR_MCG_CTL        0x0000017bu
#define MSR_EVENTSEL0      0x00000186u /* Intel */
#define MSR_PERF_STATUS    0x00000198u
#define MSR_PERF_CTL       0x00000199u
#define MSR_THERM_INT      0x0000019bu /* Intel */
#define MSR_THERM_STATUS   0x0000019cu /* Intel */
#define MSR_MISC_ENABLE    0x000001a0u /* Intel */
#define MSR_ENERGY_BIAS    0x000001b0u /* Intel */
#define MSR_DEBUGCTL       0x000001d9u
#define MSR_LAST_BRANCH    0x000001dbu /* from, to, int from, int to */
#define MSR_MTRR_BASE0     0x00000200u /* base, mask, base, mask ... */
#define MSR_MTRR_64K       0x00000250u
#define MSR_MTRR_16K_80000 0x00000258u
#define MSR_MTRR_16K_A0000 0x00000259u
#define MSR_MTRR_4K_C0000  0x00000268u /* eight registers */
#define MSR_PAT            0x00000277u
#define MSR_MTRR_DEF_TYPE  0x000002ffu
#define MSR_MC0_CTL        0x00000400u
#define MSR_RAPL_UNIT      0x00000606u /* Intel */
#define MSR_TSC_DEADLINE   0x000006e0u
#define MSR_X2APIC         0x00000800u /* up to 0x8ff */
#define MSR_X2APIC_LAST    0x000008ffu
#define MSR_XSS            0x00000da0u

/* Hyper-V synthetic range (TLFS 3) */
#define MSR_HYPERV      0x40000000u
#define MSR_HYPERV_LAST 0x4000ffffu

/* AMD and long mode */
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u

/* AMD only */
#define MSR_K7_EVNTSEL0    0xc0010000u
#define MSR_K7_PERFCTR3    0xc0010007u
#define MSR_SYSCFG         0xc0010010u
#define MSR_HWCR           0xc0010015u
#define MSR_TOP_MEM        0xc001001au
#define MSR_TOP_MEM2       0xc001001du
#define MSR_NB_CFG         0xc001001fu
#define MSR_PATCH_LOADER   0xc0010020u
#define MSR_INT_PENDING    0xc0010055u
#define MSR_PSTATE_LIMIT   0xc0010061u
#define MSR_PSTATE_CTL     0xc0010062u
#define MSR_PSTATE_STATUS  0xc0010063u
#define MSR_PSTATE0        0xc0010064u /* eight registers */
#define MSR_VM_CR          0xc0010114u
#define MSR_OSVW_LENGTH    0xc0010140u
#define MSR_OSVW_STATUS    0xc0010141u
#define MSR_F15_PERF_FIRST 0xc0010200u
#define MSR_F15_PERF_LAST  0xc001020bu
#define MSR_LS_CFG         0xc0011020u
#define MSR_IC_CFG         0xc0011021u
#define MSR_DC_CFG         0xc0011022u
#define MSR_BU_CFG2        0xc001102au
#define MSR_DE_CFG         0xc0011029u
#define MSR_VIRT_SPEC_CTRL 0xc001011fu

/* MSR_SPEC_CTRL, MSR_PRED_CMD, MSR_FLUSH_CMD */
#define SPEC_CTRL_IBRS  BIT64(0)
#define SPEC_CTRL_STIBP BIT64(1)
#define SPEC_CTRL_SSBD  BIT64(2)
#define PRED_CMD_IBPB   BIT64(0)
#define PRED_CMD_SBPB   BIT64(7)
#define FLUSH_CMD_L1D   BIT64(0)

/* MSR_ARCH_CAPS (SDM 4, table 2-2) */
#define ARCH_CAP_RDCL_NO        BIT64(0)
#define ARCH_CAP_IBRS_ALL       BIT64(1)
#define ARCH_CAP_SKIP_L1D       BIT64(3)
#define ARCH_CAP_SSB_NO         BIT64(4)
#define ARCH_CAP_MDS_NO         BIT64(5)
#define ARCH_CAP_PSCHANGE_MC_NO BIT64(6)
#define ARCH_CAP_TAA_NO         BIT64(8)
#define ARCH_CAP_SBDR_SSDP_NO   BIT64(13)
#define ARCH_CAP_FBSDP_NO       BIT64(14)
#define ARCH_CAP_PSDP_NO        BIT64(15)
#define ARCH_CAP_BHI_NO         BIT64(20)
#define ARCH_CAP_PBRSB_NO       BIT64(24)
#define ARCH_CAP_GDS_NO         BIT64(26)
#define ARCH_CAP_RFDS_NO        BIT64(27)
#define ARCH_CAP_ITS_NO         BIT64(62)

/* MSR_MISC_ENABLE */
#define MISC_ENABLE_FAST_STRING  BIT64(0)
#define MISC_ENABLE_BTS_UNAVAIL  BIT64(11)
#define MISC_ENABLE_PEBS_UNAVAIL BIT64(12)
#define MISC_ENABLE_LIMIT_CPUID  BIT64(22)
#define MISC_ENABLE_XD_DISABLE   BIT64(34)

/* MSR_MTRR_CAP, MSR_MTRR_DEF_TYPE */
#define MTRR_CAP_FIXED  BIT64(8)
#define MTRR_CAP_WC     BIT64(10)
#define MTRR_DEF_FIXED  BIT64(10)
#define MTRR_DEF_ENABLE BIT64(11)
#define MTRR_MASK_VALID BIT64(11)

/* MSR_FEATURE_CTL */
#define FEATURE_CTL_LOCKED BIT64(0)

/* MSR_DE_CFG */
#define DE_CFG_LFENCE_SERIALIZE BIT64(1)

/* MSR_HWCR */
#define HWCR_TSC_FREQ_SEL BIT64(24)

/* Memory types (SDM 12.3) */
#define MEM_TYPE_UC       0u
#define MEM_TYPE_WC       1u
#define MEM_TYPE_WT       4u
#define MEM_TYPE_WP       5u
#define MEM_TYPE_WB       6u
#define MEM_TYPE_UC_MINUS 7u /* PAT only */

/* PAT after reset: WB WT UC- UC, twice (SDM 12.12.4) */
#define PAT_RESET UINT64_C(0x0007040600070406)
