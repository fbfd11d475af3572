/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register layout for GDB ("Debugging with GDB", G.5.3 i386 features). The
 * order in the description is the order of the bytes.
 */
#include "gdb_regs.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/bytes.h>

#include <stdio.h>
#include <string.h>

/* Encoding order to GDB's order. */
static const uint8_t gpr_order[X86_GPRS] = {
	X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBP, X86_RSP,
	X86_R8,  X86_R9,  X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
};

static const uint8_t seg_order[X86_SEGS] = {X86_CS, X86_SS, X86_DS,
					    X86_ES, X86_FS, X86_GS};

/* Offsets in the legacy area (SDM 1, 10.5.1) of fctrl .. fop. */
#define FX_FCW   0
#define FX_FSW   2
#define FX_FTW   4
#define FX_FOP   6
#define FX_FIP   8
#define FX_FDP   16
#define FX_MXCSR 24
#define FX_ST    32
#define FX_XMM   160

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	store_le32(p, v);
	return p + 4;
}

static uint8_t *put64(uint8_t *p, uint64_t v)
{
	store_le64(p, v);
	return p + 8;
}

static uint8_t *put_bytes(uint8_t *p, const void *src, size_t len)
{
	memcpy(p, src, len);
	return p + len;
}

static uint8_t *pack_x87(uint8_t *p, const uint8_t *fx)
{
	for (unsigned int i = 0; i < 8; i++)
		p = put_bytes(p, fx + FX_ST + 16 * i, 10);
	p = put32(p, load_le16(fx + FX_FCW));
	p = put32(p, load_le16(fx + FX_FSW));
	p = put32(p, fx[FX_FTW]);
	p = put32(p, load_le16(fx + FX_FIP + 4));
	p = put32(p, load_le32(fx + FX_FIP));
	p = put32(p, load_le16(fx + FX_FDP + 4));
	p = put32(p, load_le32(fx + FX_FDP));
	return put32(p, load_le16(fx + FX_FOP));
}

void gdb_regs_pack(uint8_t out[GDB_REGS_BYTES], const struct vp_regs *r)
{
	const uint8_t *fx = r->fpu.legacy;
	uint8_t *p = out;

	for (unsigned int i = 0; i < X86_GPRS; i++)
		p = put64(p, r->gpr[gpr_order[i]]);
	p = put64(p, r->rip);
	p = put32(p, (uint32_t)r->rflags);
	for (unsigned int i = 0; i < X86_SEGS; i++)
		p = put32(p, r->seg[seg_order[i]].sel);
	p = pack_x87(p, fx);
	p = put_bytes(p, fx + FX_XMM, 16 * 16);
	p = put32(p, load_le32(fx + FX_MXCSR));
	p = put64(p, r->seg[X86_FS].base);
	p = put64(p, r->seg[X86_GS].base);
	p = put64(p, r->cr0);
	p = put64(p, r->cr2);
	p = put64(p, r->cr3);
	p = put64(p, r->cr4);
	p = put64(p, r->efer);
	ASSERT(p == out + GDB_REGS_BYTES);
}

void gdb_regs_unpack(struct vp_regs *r, const uint8_t in[GDB_REGS_BYTES])
{
	const uint64_t writable = X86_FL_ARITH | X86_FL_DF | X86_FL_TF |
				  X86_FL_RF | X86_FL_AC | X86_FL_ID;
	const uint8_t *p = in;

	for (unsigned int i = 0; i < X86_GPRS; i++, p += 8)
		r->gpr[gpr_order[i]] = load_le64(p);
	r->rip = load_le64(p);
	p += 8;
	r->rflags = (r->rflags & ~writable) | (load_le32(p) & writable);
	p += 4 * (1 + X86_SEGS) + 8 * 10 + 8 * 4;
	memcpy(r->fpu.legacy + FX_XMM, p, 16 * 16);
}

static char xml[6144];
static size_t xml_used;

__attribute__((format(printf, 1, 2))) static void add(const char *fmt, ...)
{
	__builtin_va_list ap;
	int n;

	__builtin_va_start(ap, fmt);
	n = vsnprintf(xml + xml_used, sizeof(xml) - xml_used, fmt, ap);
	__builtin_va_end(ap);
	ASSERT(n > 0 && (size_t)n < sizeof(xml) - xml_used);
	xml_used += (size_t)n;
}

static void add_reg(const char *name, unsigned int bits, const char *type)
{
	add("<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", name, bits, type);
}

static void add_regs(const char *const *names, size_t n, unsigned int bits,
		     const char *type)
{
	for (size_t i = 0; i < n; i++)
		add_reg(names[i], bits, type);
}

static void add_numbered(const char *stem, unsigned int n, unsigned int bits,
			 const char *type)
{
	char name[16];

	for (unsigned int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%s%u", stem, i);
		add_reg(name, bits, type);
	}
}

static void add_core(void)
{
	static const char *const gpr[] = {
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
	};
	static const char *const seg[] = {"cs", "ss", "ds", "es", "fs", "gs"};
	static const char *const x87[] = {"fctrl", "fstat", "ftag",  "fiseg",
					  "fioff", "foseg", "fooff", "fop"};

	add("<feature name=\"org.gnu.gdb.i386.core\">");
	add_regs(gpr, ARRAY_SIZE(gpr), 64, "int64");
	add_reg("rip", 64, "code_ptr");
	add_reg("eflags", 32, "int32");
	add_regs(seg, ARRAY_SIZE(seg), 32, "int32");
	add_numbered("st", 8, 80, "i387_ext");
	add_regs(x87, ARRAY_SIZE(x87), 32, "int");
	add("</feature>");
}

const char *gdb_regs_xml(void)
{
	static const char *const bases[] = {"fs_base", "gs_base"};
	static const char *const control[] = {"cr0", "cr2", "cr3", "cr4",
					      "efer"};

	if (xml_used)
		return xml;
	add("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	    "<target><architecture>i386:x86-64</architecture>");
	add_core();
	add("<feature name=\"org.gnu.gdb.i386.sse\">");
	add_numbered("xmm", 16, 128, "uint128");
	add_reg("mxcsr", 32, "int");
	add("</feature><feature name=\"org.gnu.gdb.i386.segments\">");
	add_regs(bases, ARRAY_SIZE(bases), 64, "int");
	add("</feature><feature name=\"lamina.control\">");
	add_regs(control, ARRAY_SIZE(control), 64, "int");
	add("</feature></target>");
	return xml;
}
