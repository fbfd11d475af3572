/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APIC and interrupt messages (SDM 11; x2APIC 11.12). Registers are
 * named by (offset in the xAPIC page) >> 4, which is also (x2APIC MSR) - 0x800.
 */
#pragma once

#include <base/bits.h>

#define APIC_DEFAULT_BASE UINT64_C(0xfee00000)
#define APIC_PAGE_SIZE    UINT64_C(0x1000)
#define APIC_REGS         64

/* IA32_APIC_BASE (SDM 11.4.4) */
#define APIC_BASE_BSP    BIT64(8)
#define APIC_BASE_X2APIC BIT64(10)
#define APIC_BASE_ENABLE BIT64(11)

enum apic_reg {
	APIC_ID = 0x02,
	APIC_VERSION = 0x03,
	APIC_TPR = 0x08,
	APIC_APR = 0x09,
	APIC_PPR = 0x0a,
	APIC_EOI = 0x0b,
	APIC_RRD = 0x0c,
	APIC_LDR = 0x0d,
	APIC_DFR = 0x0e,
	APIC_SVR = 0x0f,
	APIC_ISR = 0x10, /* 8 registers each */
	APIC_TMR = 0x18,
	APIC_IRR = 0x20,
	APIC_ESR = 0x28,
	APIC_LVT_CMCI = 0x2f,
	APIC_ICR = 0x30,
	APIC_ICR2 = 0x31, /* xAPIC only */
	APIC_LVT_TIMER = 0x32,
	APIC_LVT_THERMAL = 0x33,
	APIC_LVT_PERF = 0x34,
	APIC_LVT_LINT0 = 0x35,
	APIC_LVT_LINT1 = 0x36,
	APIC_LVT_ERROR = 0x37,
	APIC_TIMER_INIT = 0x38,
	APIC_TIMER_COUNT = 0x39,
	APIC_TIMER_DIVIDE = 0x3e,
	APIC_SELF_IPI = 0x3f, /* x2APIC only */
};

#define APIC_FIRST_VECTOR 16 /* lower ones are illegal */

/* Spurious-interrupt vector register (SDM 11.9) */
#define APIC_SVR_ENABLE   BIT(8)
#define APIC_SVR_WRITABLE 0x3ffu

/* Destination format register, bits 31:28 (SDM 11.6.2.2) */
#define APIC_DFR_FLAT    0xfu
#define APIC_DFR_CLUSTER 0x0u

/* Local vector table (SDM 11.5.1) */
#define APIC_LVT_VECTOR       0xffu
#define APIC_LVT_MODE         0x700u
#define APIC_LVT_PENDING      BIT(12)
#define APIC_LVT_LOW          BIT(13)
#define APIC_LVT_REMOTE_IRR   BIT(14)
#define APIC_LVT_LEVEL        BIT(15)
#define APIC_LVT_MASKED       BIT(16)
#define APIC_LVT_TIMER_MODE   (BIT(17) | BIT(18))
#define APIC_TIMER_ONE_SHOT   0u
#define APIC_TIMER_PERIODIC   BIT(17)
#define APIC_TIMER_DEADLINE   BIT(18)
#define APIC_TIMER_DIVIDE_ALL 0xbu

/* Delivery modes: LVT and ICR bits 10:8, messages alike */
enum apic_mode {
	APIC_MODE_FIXED = 0,
	APIC_MODE_LOWEST = 1,
	APIC_MODE_SMI = 2,
	APIC_MODE_NMI = 4,
	APIC_MODE_INIT = 5,
	APIC_MODE_SIPI = 6,
	APIC_MODE_EXTINT = 7,
};
#define APIC_MODE_SHIFT 8

/* Interrupt command register (SDM 11.6.1) */
#define APIC_ICR_LOGICAL         BIT(11)
#define APIC_ICR_PENDING         BIT(12) /* xAPIC only */
#define APIC_ICR_ASSERT          BIT(14)
#define APIC_ICR_LEVEL           BIT(15)
#define APIC_ICR_SHORTHAND       (BIT(18) | BIT(19))
#define APIC_ICR_SHORTHAND_SHIFT 18
#define APIC_ICR_WRITABLE        0xccfffu /* bit 13 and 31:20 are reserved */

enum apic_shorthand {
	APIC_TO_DEST = 0,
	APIC_TO_SELF = 1,
	APIC_TO_ALL = 2,
	APIC_TO_OTHERS = 3,
};

/* Error status register (SDM 11.5.3) */
#define APIC_ESR_SEND_ILLEGAL     BIT(5)
#define APIC_ESR_RECEIVE_ILLEGAL  BIT(6)
#define APIC_ESR_ILLEGAL_REGISTER BIT(7)

/* Interrupt messages, MSI form (SDM 11.11) */
#define MSI_ADDR_BASE       UINT64_C(0xfee00000)
#define MSI_ADDR_BASE_MASK  UINT64_C(0xfffffffffff00000)
#define MSI_ADDR_DEST_SHIFT 12 /* bits 19:12 */
#define MSI_ADDR_HINT       BIT64(3)
#define MSI_ADDR_LOGICAL    BIT64(2)
#define MSI_DATA_VECTOR     0xffu
#define MSI_DATA_MODE       0x700u
#define MSI_DATA_ASSERT     BIT(14)
#define MSI_DATA_LEVEL      BIT(15)
