/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts of the x86-64 architecture: registers, flags, vectors, descriptors
 * and page-table bits. Sections refer to the Intel SDM (volume 3 unless said)
 * and the AMD APM (volume 2). MSR numbers are in abi/msr.h, CPUID bits in
 * abi/cpuid.h, APIC registers in abi/apic.h.
 */
#pragma once

#include <base/bits.h>

/* General registers in encoding order. */
enum x86_gpr {
	X86_RAX,
	X86_RCX,
	X86_RDX,
	X86_RBX,
	X86_RSP,
	X86_RBP,
	X86_RSI,
	X86_RDI,
	X86_R8,
	X86_R9,
	X86_R10,
	X86_R11,
	X86_R12,
	X86_R13,
	X86_R14,
	X86_R15,
	X86_GPRS,
};

/* Segment registers in encoding order. */
enum x86_seg {
	X86_ES,
	X86_CS,
	X86_SS,
	X86_DS,
	X86_FS,
	X86_GS,
	X86_SEGS,
};

/* RFLAGS (SDM 1, 3.4.3) */
#define X86_FL_CF    BIT64(0)
#define X86_FL_FIXED BIT64(1) /* always one */
#define X86_FL_PF    BIT64(2)
#define X86_FL_AF    BIT64(4)
#define X86_FL_ZF    BIT64(6)
#define X86_FL_SF    BIT64(7)
#define X86_FL_TF    BIT64(8)
#define X86_FL_IF    BIT64(9)
#define X86_FL_DF    BIT64(10)
#define X86_FL_OF    BIT64(11)
#define X86_FL_IOPL  BITS64(13, 12)
#define X86_FL_NT    BIT64(14)
#define X86_FL_RF    BIT64(16)
#define X86_FL_VM    BIT64(17)
#define X86_FL_AC    BIT64(18)
#define X86_FL_VIF   BIT64(19)
#define X86_FL_VIP   BIT64(20)
#define X86_FL_ID    BIT64(21)
#define X86_FL_ARITH                                                           \
	(X86_FL_CF | X86_FL_PF | X86_FL_AF | X86_FL_ZF | X86_FL_SF | X86_FL_OF)
#define X86_FL_IOPL_SHIFT 12
/* Every bit that software can hold in RFLAGS. */
#define X86_FL_ALL                                                             \
	(X86_FL_ARITH | X86_FL_TF | X86_FL_IF | X86_FL_DF | X86_FL_IOPL |      \
	 X86_FL_NT | X86_FL_RF | X86_FL_VM | X86_FL_AC | X86_FL_VIF |          \
	 X86_FL_VIP | X86_FL_ID)

/* Control registers (SDM 2.5) */
#define X86_CR0_PE BIT64(0)
#define X86_CR0_MP BIT64(1)
#define X86_CR0_EM BIT64(2)
#define X86_CR0_TS BIT64(3)
#define X86_CR0_ET BIT64(4)
#define X86_CR0_NE BIT64(5)
#define X86_CR0_WP BIT64(16)
#define X86_CR0_AM BIT64(18)
#define X86_CR0_NW BIT64(29)
#define X86_CR0_CD BIT64(30)
#define X86_CR0_PG BIT64(31)
#define X86_CR0_ALL                                                            \
	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET |      \
	 X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD |      \
	 X86_CR0_PG)

#define X86_CR3_PCID     BITS64(11, 0)
#define X86_CR3_NO_FLUSH BIT64(63)

#define X86_CR4_VME        BIT64(0)
#define X86_CR4_PVI        BIT64(1)
#define X86_CR4_TSD        BIT64(2)
#define X86_CR4_DE         BIT64(3)
#define X86_CR4_PSE        BIT64(4)
#define X86_CR4_PAE        BIT64(5)
#define X86_CR4_MCE        BIT64(6)
#define X86_CR4_PGE        BIT64(7)
#define X86_CR4_PCE        BIT64(8)
#define X86_CR4_OSFXSR     BIT64(9)
#define X86_CR4_OSXMMEXCPT BIT64(10)
#define X86_CR4_UMIP       BIT64(11)
#define X86_CR4_LA57       BIT64(12)
#define X86_CR4_FSGSBASE   BIT64(16)
#define X86_CR4_PCIDE      BIT64(17)
#define X86_CR4_OSXSAVE    BIT64(18)
#define X86_CR4_SMEP       BIT64(20)
#define X86_CR4_SMAP       BIT64(21)
#define X86_CR4_PKE        BIT64(22)

/* EFER (APM 3.1.7) */
#define X86_EFER_SCE      BIT64(0)
#define X86_EFER_LME      BIT64(8)
#define X86_EFER_LMA      BIT64(10)
#define X86_EFER_NXE      BIT64(11)
#define X86_EFER_SVME     BIT64(12)
#define X86_EFER_LMSLE    BIT64(13)
#define X86_EFER_FFXSR    BIT64(14)
#define X86_EFER_TCE      BIT64(15)
#define X86_EFER_AUTOIBRS BIT64(21)

/* XCR0 (SDM 1, 13.3) */
#define X86_XCR0_X87 BIT64(0)
#define X86_XCR0_SSE BIT64(1)
#define X86_XCR0_AVX BIT64(2)

/* Debug registers (SDM 18.2) */
#define X86_DR6_B(n)  BIT64(n)
#define X86_DR6_BD    BIT64(13)
#define X86_DR6_BS    BIT64(14)
#define X86_DR6_BT    BIT64(15)
#define X86_DR6_FIXED UINT64_C(0xffff0ff0)
#define X86_DR7_L(n)  BIT64((n)*2)
#define X86_DR7_G(n)  BIT64((n)*2 + 1)
#define X86_DR7_GD    BIT64(13)
#define X86_DR7_FIXED UINT64_C(0x400)

/* Exception vectors (SDM 6.3.1) */
enum x86_vector {
	X86_DE = 0,
	X86_DB = 1,
	X86_NMI = 2,
	X86_BP = 3,
	X86_OF = 4,
	X86_BR = 5,
	X86_UD = 6,
	X86_NM = 7,
	X86_DF = 8,
	X86_TS = 10,
	X86_NP = 11,
	X86_SS_FAULT = 12,
	X86_GP = 13,
	X86_PF = 14,
	X86_MF = 16,
	X86_AC = 17,
	X86_MC = 18,
	X86_XM = 19,
};

/* Page-fault error code (SDM 4.7) */
#define X86_PF_P    BIT(0)
#define X86_PF_W    BIT(1)
#define X86_PF_U    BIT(2)
#define X86_PF_RSVD BIT(3)
#define X86_PF_I    BIT(4)

/* Page-table entries (SDM 4.2 to 4.5) */
#define X86_PTE_P    BIT64(0)
#define X86_PTE_W    BIT64(1)
#define X86_PTE_U    BIT64(2)
#define X86_PTE_PWT  BIT64(3)
#define X86_PTE_PCD  BIT64(4)
#define X86_PTE_A    BIT64(5)
#define X86_PTE_D    BIT64(6)
#define X86_PTE_PS   BIT64(7)
#define X86_PTE_G    BIT64(8)
#define X86_PTE_NX   BIT64(63)
#define X86_PTE_ADDR BITS64(51, 12)

/*
 * Segment attributes: descriptor bits 40..47 and 52..55 packed together, as
 * in the VMCB (APM 15.5.1).
 */
#define X86_ATTR_TYPE      0x000fu
#define X86_ATTR_S         0x0010u
#define X86_ATTR_DPL       0x0060u
#define X86_ATTR_DPL_SHIFT 5
#define X86_ATTR_P         0x0080u
#define X86_ATTR_AVL       0x0100u
#define X86_ATTR_L         0x0200u
#define X86_ATTR_DB        0x0400u
#define X86_ATTR_G         0x0800u

/* Type field of code and data segments (S set) */
#define X86_TYPE_ACCESSED   0x1u
#define X86_TYPE_WRITABLE   0x2u /* data */
#define X86_TYPE_READABLE   0x2u /* code */
#define X86_TYPE_DOWN       0x4u /* data: expand-down */
#define X86_TYPE_CONFORMING 0x4u /* code */
#define X86_TYPE_CODE       0x8u

/* Type field of system segments and gates (S clear) */
#define X86_TYPE_TSS16_AVAIL 0x1u
#define X86_TYPE_LDT         0x2u
#define X86_TYPE_TSS16_BUSY  0x3u
#define X86_TYPE_CALL_GATE16 0x4u
#define X86_TYPE_TASK_GATE   0x5u
#define X86_TYPE_INT_GATE16  0x6u
#define X86_TYPE_TRAP_GATE16 0x7u
#define X86_TYPE_TSS_AVAIL   0x9u /* 32-bit; 64-bit in long mode */
#define X86_TYPE_TSS_BUSY    0xbu
#define X86_TYPE_CALL_GATE   0xcu
#define X86_TYPE_INT_GATE    0xeu
#define X86_TYPE_TRAP_GATE   0xfu

/* MXCSR (SDM 1, 10.2.3) */
#define X86_MXCSR_INIT 0x1f80u
#define X86_FCW_INIT   0x037fu
