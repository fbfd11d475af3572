/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor facts and one-instruction wrappers for the guest test images.
 * Works in 32-bit and in 64-bit images; `ulong` is the natural register.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned long ulong;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)        (1UL << (n))
#define USER_TEXT     __attribute__((section(".user.text"), noinline, used))
#define USER_DATA     __attribute__((section(".user.data")))
#define PAGE_SIZE     4096UL

/* Exception vectors (SDM volume 3, table 6-1). */
enum {
	VEC_DE = 0,
	VEC_DB = 1,
	VEC_NMI = 2,
	VEC_BP = 3,
	VEC_OF = 4,
	VEC_BR = 5,
	VEC_UD = 6,
	VEC_NM = 7,
	VEC_DF = 8,
	VEC_TS = 10,
	VEC_NP = 11,
	VEC_SS = 12,
	VEC_GP = 13,
	VEC_PF = 14,
	VEC_MF = 16,
	VEC_AC = 17,
	VEC_MC = 18,
	VEC_XM = 19,
};

/* Page-fault error code. */
#define PF_P    0x01
#define PF_W    0x02
#define PF_U    0x04
#define PF_RSVD 0x08
#define PF_I    0x10

#define CR0_PE 0x00000001UL
#define CR0_MP 0x00000002UL
#define CR0_EM 0x00000004UL
#define CR0_TS 0x00000008UL
#define CR0_NE 0x00000020UL
#define CR0_WP 0x00010000UL
#define CR0_AM 0x00040000UL
#define CR0_NW 0x20000000UL
#define CR0_CD 0x40000000UL
#define CR0_PG 0x80000000UL

#define CR4_VME        0x00000001UL
#define CR4_PVI        0x00000002UL
#define CR4_TSD        0x00000004UL
#define CR4_DE         0x00000008UL
#define CR4_PSE        0x00000010UL
#define CR4_PAE        0x00000020UL
#define CR4_MCE        0x00000040UL
#define CR4_PGE        0x00000080UL
#define CR4_PCE        0x00000100UL
#define CR4_OSFXSR     0x00000200UL
#define CR4_OSXMMEXCPT 0x00000400UL
#define CR4_UMIP       0x00000800UL
#define CR4_FSGSBASE   0x00010000UL
#define CR4_PCIDE      0x00020000UL
#define CR4_OSXSAVE    0x00040000UL
#define CR4_SMEP       0x00100000UL
#define CR4_SMAP       0x00200000UL

#define FL_CF      0x00000001UL
#define FL_PF      0x00000004UL
#define FL_AF      0x00000010UL
#define FL_ZF      0x00000040UL
#define FL_SF      0x00000080UL
#define FL_TF      0x00000100UL
#define FL_IF      0x00000200UL
#define FL_DF      0x00000400UL
#define FL_OF      0x00000800UL
#define FL_NT      0x00004000UL
#define FL_RF      0x00010000UL
#define FL_VM      0x00020000UL
#define FL_AC      0x00040000UL
#define FL_VIF     0x00080000UL
#define FL_VIP     0x00100000UL
#define FL_ID      0x00200000UL
#define FL_IOPL(n) ((ulong)(n) << 12)

#define MSR_TSC          0x10
#define MSR_APIC_BASE    0x1b
#define MSR_SYSENTER_CS  0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_PAT          0x277
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER         0xc0000080
#define MSR_STAR         0xc0000081
#define MSR_LSTAR        0xc0000082
#define MSR_CSTAR        0xc0000083
#define MSR_FMASK        0xc0000084
#define MSR_FS_BASE      0xc0000100
#define MSR_GS_BASE      0xc0000101
#define MSR_KGS_BASE     0xc0000102

#define EFER_SCE 0x001UL
#define EFER_LME 0x100UL
#define EFER_LMA 0x400UL
#define EFER_NXE 0x800UL

static inline void outb(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t v)
{
	asm volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t v)
{
	asm volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

#define X86_CR(n)                                                              \
	static inline ulong read_cr##n(void)                                   \
	{                                                                      \
		ulong v;                                                       \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory");     \
		return v;                                                      \
	}                                                                      \
	static inline void write_cr##n(ulong v)                                \
	{                                                                      \
		asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory");         \
	}

X86_CR(0)
X86_CR(2)
X86_CR(3)
X86_CR(4)

#define X86_DR(n)                                                              \
	static inline ulong read_dr##n(void)                                   \
	{                                                                      \
		ulong v;                                                       \
		asm volatile("mov %%dr" #n ", %0" : "=r"(v) : : "memory");     \
		return v;                                                      \
	}                                                                      \
	static inline void write_dr##n(ulong v)                                \
	{                                                                      \
		asm volatile("mov %0, %%dr" #n : : "r"(v) : "memory");         \
	}

X86_DR(0)
X86_DR(1)
X86_DR(2)
X86_DR(3)
X86_DR(6)
X86_DR(7)

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
		     : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

struct cpuid {
	uint32_t a, b, c, d;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	asm volatile("cpuid"
		     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
		     : "a"(leaf), "c"(sub));
	return r;
}

static inline void invlpg(ulong va)
{
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline ulong read_flags(void)
{
	ulong v;

	asm volatile("pushf; pop %0" : "=r"(v) : : "memory");
	return v;
}

static inline void write_flags(ulong v)
{
	asm volatile("push %0; popf" : : "r"(v) : "memory", "cc");
}

static inline void pause(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void sti(void)
{
	asm volatile("sti" : : : "memory");
}

static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

/* Enable interrupts and halt: the shadow of STI keeps the two together. */
static inline void sti_hlt_cli(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

struct dtr {
	uint16_t limit;
	ulong base;
} __attribute__((packed));

static inline void lidt(const struct dtr *d)
{
	asm volatile("lidt %0" : : "m"(*d) : "memory");
}

static inline void lgdt(const struct dtr *d)
{
	asm volatile("lgdt %0" : : "m"(*d) : "memory");
}

/* Memory at an address, also where a compiler thinks nothing can be. */
static inline void *mem_at(ulong at)
{
	asm("" : "+r"(at));
	return (void *)at;
}

/* Feature bits the tests ask for. */
static inline bool has_smep(void)
{
	return cpuid(7, 0).b >> 7 & 1;
}

static inline bool has_smap(void)
{
	return cpuid(7, 0).b >> 20 & 1;
}

static inline bool has_fsgsbase(void)
{
	return cpuid(7, 0).b & 1;
}

static inline bool has_invpcid(void)
{
	return cpuid(7, 0).b >> 10 & 1;
}

static inline bool has_umip(void)
{
	return cpuid(7, 0).c >> 2 & 1;
}

static inline bool has_pcid(void)
{
	return cpuid(1, 0).c >> 17 & 1;
}

static inline bool has_x2apic(void)
{
	return cpuid(1, 0).c >> 21 & 1;
}

static inline bool has_tsc_deadline(void)
{
	return cpuid(1, 0).c >> 24 & 1;
}

static inline bool has_xsave(void)
{
	return cpuid(1, 0).c >> 26 & 1;
}

static inline bool has_avx(void)
{
	return cpuid(1, 0).c >> 28 & 1;
}

static inline bool has_1g_pages(void)
{
	return cpuid(0x80000001, 0).d >> 26 & 1;
}

static inline bool is_amd(void)
{
	return cpuid(0, 0).b == 0x68747541 || cpuid(0, 0).b == 0x6f677948;
}
