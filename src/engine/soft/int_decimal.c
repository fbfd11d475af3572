/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DAA DAS AAA AAS AAM AAD and SALC: not in 64-bit mode, hence not executable
 * by the host; written out after SDM 2.
 */
#include "int.h"

static void put_flag(struct soft_vp *vp, unsigned int flag, bool set)
{
	vp->flags &= (uint16_t)~flag;
	if (set)
		vp->flags |= (uint16_t)flag;
}

/* SF, ZF and PF of @v. */
static void put_szp(struct soft_vp *vp, uint8_t v)
{
	put_flag(vp, FLAG_SF, v & 0x80);
	put_flag(vp, FLAG_ZF, !v);
	put_flag(vp, FLAG_PF, !__builtin_parity(v));
}

HANDLER(daa)
{
	uint8_t al = get8(vp, 0), v = al;
	bool cf = vp->flags & FLAG_CF;
	bool low = (al & 15) > 9 || (vp->flags & FLAG_AF);
	bool high = al > 0x99 || cf;

	if (low)
		v = (uint8_t)(v + 6);
	if (high)
		v = (uint8_t)(v + 0x60);
	put8(vp, 0, v);
	put_szp(vp, v);
	put_flag(vp, FLAG_AF, low);
	put_flag(vp, FLAG_CF, high);
}

HANDLER(das)
{
	uint8_t al = get8(vp, 0), v = al;
	bool cf = vp->flags & FLAG_CF;
	bool low = (al & 15) > 9 || (vp->flags & FLAG_AF);
	bool high = al > 0x99 || cf;

	if (low)
		v = (uint8_t)(v - 6);
	if (high)
		v = (uint8_t)(v - 0x60);
	put8(vp, 0, v);
	put_szp(vp, v);
	put_flag(vp, FLAG_AF, low);
	put_flag(vp, FLAG_CF, high || (low && al < 6));
}

static void adjust_ascii(struct soft_vp *vp, int sign)
{
	uint16_t ax = get16(vp, X86_RAX);
	bool adjust = (ax & 15) > 9 || (vp->flags & FLAG_AF);

	if (adjust)
		ax = (uint16_t)(ax + sign * 0x106);
	put16(vp, X86_RAX, ax & 0xff0f);
	put_flag(vp, FLAG_AF, adjust);
	put_flag(vp, FLAG_CF, adjust);
}

HANDLER(aaa)
{
	adjust_ascii(vp, 1);
}

HANDLER(aas)
{
	adjust_ascii(vp, -1);
}

HANDLER(aam)
{
	uint8_t base = (uint8_t)in->imm;
	uint8_t al = get8(vp, 0);

	if (!base)
		soft_raise(vp, X86_DE);
	put16(vp, X86_RAX, (uint16_t)((al / base) << 8 | al % base));
	put_szp(vp, al % base);
}

HANDLER(aad)
{
	uint8_t v = (uint8_t)(get8(vp, 0) + get8(vp, 1) * (uint8_t)in->imm);

	put16(vp, X86_RAX, v);
	put_szp(vp, v);
}

HANDLER(salc)
{
	put8(vp, 0, vp->flags & FLAG_CF ? 0xff : 0);
}

insn_fn *bind_decimal(const struct soft_vp *vp, struct insn *in)
{
	switch (in->op) {
	case OP_DAA:
		return daa;
	case OP_DAS:
		return das;
	case OP_AAA:
		return aaa;
	case OP_AAS:
		return aas;
	case OP_AAM:
		return aam;
	case OP_AAD:
		return aad;
	case OP_SALC:
		return salc;
	default:
		return NULL;
	}
}
