/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MOVS CMPS STOS LODS SCAS INS OUTS with and without REP, IN and OUT.
 *
 * A repeated instruction is done in runs of elements that lie in one page on
 * either side and are plain RAM; whatever is neither goes element by element.
 * After each run the registers say what has been done, so that a fault in the
 * next one is exact, and pending work is looked at: then RIP goes back to the
 * instruction, which continues when it is executed again.
 */
#include "int.h"

#include <string.h>

/* One string instruction on its way. */
struct run {
	struct soft_vp *vp;
	const struct insn *in;
	unsigned int size; /* of an element */
	bool down;         /* DF */
	bool rep;
	uint64_t left; /* iterations to go */
};

static uint64_t addr_reg(const struct run *r, unsigned int n)
{
	uint64_t v = r->vp->hv.regs.gpr[n];

	return r->in->addrsize == 8   ? v
	       : r->in->addrsize == 4 ? (uint32_t)v
				      : (uint16_t)v;
}

static void put_addr_reg(struct run *r, unsigned int n, uint64_t v)
{
	if (r->in->addrsize == 8)
		put64(r->vp, n, v);
	else if (r->in->addrsize == 4)
		put32(r->vp, n, (uint32_t)v);
	else
		put16(r->vp, n, (uint16_t)v);
}

static void run_init(struct run *r, struct soft_vp *vp, const struct insn *in)
{
	r->vp = vp;
	r->in = in;
	r->size = in->opsize;
	r->down = vp->hv.regs.rflags & X86_FL_DF;
	r->rep = in->flags & (INSN_REP | INSN_REPNE);
	r->left = r->rep ? addr_reg(r, X86_RCX) : 1;
}

/* @n elements are done: move the pointers that the instruction uses. */
static void advance(struct run *r, uint64_t n, bool si, bool di)
{
	uint64_t delta = n * r->size;

	if (r->down)
		delta = -delta;
	if (si)
		put_addr_reg(r, X86_RSI, addr_reg(r, X86_RSI) + delta);
	if (di)
		put_addr_reg(r, X86_RDI, addr_reg(r, X86_RDI) + delta);
	r->left -= n;
	if (r->rep)
		put_addr_reg(r, X86_RCX, r->left);
}

/* Go on without leaving? Else RIP is wound back when there is more to do. */
static bool go_on(struct run *r)
{
	struct soft_vp *vp = r->vp;

	if (!r->left)
		return false;
	if (!(vp->slow | vp->pending_db | vp->end_block) &&
	    !atomic_load_explicit(&vp->hv.attention, memory_order_relaxed))
		return true;
	vp->hv.regs.rip -= r->in->len;
	return false;
}

/*
 * How many elements from offset @off of segment @seg on lie in one page, do
 * not wrap and are inside the limit; 0: look at a single element.
 */
static uint64_t run_length(const struct run *r, unsigned int seg, uint64_t off,
			   uint64_t lin)
{
	const struct vp_segment *s;
	uint64_t in_page = lin & ~PAGE_MASK;
	uint64_t room;

	if (in_page > PAGE_SIZE - r->size)
		return 0;
	room = r->down ? in_page + r->size : PAGE_SIZE - in_page;
	if (r->in->addrsize != 8) {
		uint64_t top = r->in->addrsize == 4 ? UINT64_C(1) << 32
						    : UINT64_C(1) << 16;
		uint64_t wrap = r->down ? off + r->size : top - off;

		if (wrap < room)
			room = wrap;
	}
	if (!(r->vp->mode & (SOFT_MODE_64 | SOFT_MODE_FLAT))) {
		s = &r->vp->hv.regs.seg[seg];
		if ((s->attr & (X86_TYPE_CODE | X86_TYPE_DOWN)) ==
			    X86_TYPE_DOWN ||
		    off > s->limit)
			return 0;
		if (!r->down && (uint64_t)s->limit - off + 1 < room)
			room = (uint64_t)s->limit - off + 1;
	}
	return room / r->size;
}

/* The lowest address of @n elements from @lin on. */
static uint64_t lowest(const struct run *r, uint64_t lin, uint64_t n)
{
	return r->down ? lin - (n - 1) * r->size : lin;
}

static uint64_t source(struct run *r)
{
	return seg_linear(r->vp, r->in->seg, addr_reg(r, X86_RSI), r->size,
			  false);
}

static uint64_t dest(struct run *r, bool write)
{
	return seg_linear(r->vp, X86_ES, addr_reg(r, X86_RDI), r->size, write);
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* mem_chunk() for @n elements from @lin on. Downwards it would raise for the
 * lowest address: first what the first element meets. */
static uint8_t *chunk(struct run *r, uint64_t lin, enum mem_access access,
		      uint64_t n)
{
	uint64_t len;
	uint8_t *host;

	if (r->down)
		mem_probe(r->vp, lin, access, r->size);
	host = mem_chunk(r->vp, lowest(r, lin, n), access, n * r->size, &len);
	return len < n * r->size ? NULL : host;
}

/*
 * Host addresses of a run on each side asked for. Returns its length in
 * elements, 0 when it has to go element by element. Raises.
 */
static uint64_t find_run(struct run *r, uint8_t **src, uint8_t **dst,
			 enum mem_access dst_access)
{
	uint64_t n = r->left;
	uint64_t src_lin = 0, dst_lin = 0;

	if (n == 1 || r->vp->slow || r->vp->pending_db)
		return 0;
	if (src) {
		src_lin = source(r);
		n = min64(n, run_length(r, r->in->seg, addr_reg(r, X86_RSI),
					src_lin));
	}
	if (dst) {
		dst_lin = dest(r, dst_access == MEM_WRITE);
		n = min64(n,
			  run_length(r, X86_ES, addr_reg(r, X86_RDI), dst_lin));
	}
	if (!n)
		return 0;
	if (src) {
		*src = chunk(r, src_lin, MEM_READ, n);
		if (!*src)
			return 0;
	}
	if (dst) {
		*dst = chunk(r, dst_lin, dst_access, n);
		if (!*dst)
			return 0;
	}
	return n;
}

static uint64_t read_element(struct run *r, uint64_t lin)
{
	return r->size == 1 ? mem_read8(r->vp, lin)
			    : mem_read_sized(r->vp, lin, r->size);
}

static void write_element(struct run *r, uint64_t lin, uint64_t v)
{
	if (r->size == 1)
		mem_write8(r->vp, lin, (uint8_t)v);
	else
		mem_write_sized(r->vp, lin, v, r->size);
}

/* ---- MOVS ---- */

/* Element after element, as overlapping operands show. */
static void copy_elements(uint8_t *dst, const uint8_t *src, uint64_t n,
			  unsigned int size, bool down)
{
	uint64_t pos = down ? (n - 1) * size : 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t v;

		memcpy(&v, src + pos, size);
		memcpy(dst + pos, &v, size);
		pos = down ? pos - size : pos + size;
	}
}

static void copy_run(const struct run *r, uint8_t *dst, const uint8_t *src,
		     uint64_t n)
{
	uint64_t bytes = n * r->size;
	bool overlap = dst < src + bytes && src < dst + bytes;

	if (overlap)
		copy_elements(dst, src, n, r->size, r->down);
	else
		memcpy(dst, src, bytes);
}

HANDLER_LAST(movs)
{
	struct run r;

	run_init(&r, vp, in);
	if (!r.left)
		return;
	do {
		uint8_t *src, *dst;
		uint64_t n = find_run(&r, &src, &dst, MEM_WRITE);

		if (n) {
			copy_run(&r, dst, src, n);
		} else {
			uint64_t v = read_element(&r, source(&r));

			write_element(&r, dest(&r, true), v);
			n = 1;
		}
		advance(&r, n, true, true);
	} while (go_on(&r));
}

/* ---- STOS ---- */

static void fill_run(const struct run *r, uint8_t *dst, uint64_t v, uint64_t n)
{
	switch (r->size) {
	case 1:
		memset(dst, (int)v, n);
		break;
	case 2:
		asm volatile("rep stosw"
			     : "+D"(dst), "+c"(n)
			     : "a"(v)
			     : "memory");
		break;
	case 4:
		asm volatile("rep stosl"
			     : "+D"(dst), "+c"(n)
			     : "a"(v)
			     : "memory");
		break;
	default:
		asm volatile("rep stosq"
			     : "+D"(dst), "+c"(n)
			     : "a"(v)
			     : "memory");
		break;
	}
}

HANDLER_LAST(stos)
{
	uint64_t v = vp->hv.regs.gpr[X86_RAX];
	struct run r;

	run_init(&r, vp, in);
	if (!r.left)
		return;
	do {
		uint8_t *dst;
		uint64_t n = find_run(&r, NULL, &dst, MEM_WRITE);

		if (n) {
			fill_run(&r, dst, v, n);
		} else {
			write_element(&r, dest(&r, true), v);
			n = 1;
		}
		advance(&r, n, false, true);
	} while (go_on(&r));
}

/* ---- LODS ---- */

HANDLER_LAST(lods)
{
	struct run r;

	run_init(&r, vp, in);
	if (!r.left)
		return;
	do {
		uint64_t v = read_element(&r, source(&r));

		if (r.size == 1)
			put8(vp, 0, (uint8_t)v);
		else
			put_opsize(vp, in, X86_RAX, v);
		advance(&r, 1, true, false);
	} while (go_on(&r));
}

/* ---- CMPS, SCAS ---- */

#define COMPARE(T)                                                             \
	asm("cmp %[b], %[a]\n\t" FLAGS_CAPTURE                                 \
	    : [f] "=&a"(f)                                                     \
	    : [a] "r"((T)a), [b] "r"((T)b)                                     \
	    : "cc")

/* Flags of @a - @b; true when they are equal. */
static bool compare(struct run *r, uint64_t a, uint64_t b)
{
	uint16_t f;

	switch (r->size) {
	case 1:
		COMPARE(uint8_t);
		break;
	case 2:
		COMPARE(uint16_t);
		break;
	case 4:
		COMPARE(uint32_t);
		break;
	default:
		COMPARE(uint64_t);
		break;
	}
	r->vp->flags = f;
	return f & FLAG_ZF;
}

/* After a comparison: REPE ends on unequal, REPNE on equal. */
static bool compare_ends(const struct run *r, bool equal)
{
	return r->rep && equal == ((r->in->flags & INSN_REPNE) != 0);
}

static uint64_t element_at(const uint8_t *p, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

/*
 * Look through @n >= 1 elements of @a (against @b or, when NULL, @v) for the
 * one that ends the instruction; sets the flags of the last one looked at.
 * Returns how many were looked at and sets *ret_ended.
 */
static uint64_t compare_run(struct run *r, const uint8_t *a, const uint8_t *b,
			    uint64_t v, uint64_t n, bool *ret_ended)
{
	bool want_equal = r->in->flags & INSN_REPNE;
	uint64_t mask = ~UINT64_C(0) >> (64 - 8 * r->size);
	uint64_t x = 0, y = v & mask, i;

	*ret_ended = false;
	for (i = 0; i < n && !*ret_ended; i++) {
		uint64_t pos = (r->down ? n - 1 - i : i) * r->size;

		x = element_at(a + pos, r->size);
		if (b)
			y = element_at(b + pos, r->size);
		*ret_ended = (x == y) == want_equal;
	}
	/* CMPS: [rsi] - [rdi]; SCAS: rAX - [rdi]. */
	if (b)
		compare(r, x, y);
	else
		compare(r, y, x);
	return i;
}

HANDLER_LAST(cmps)
{
	struct run r;
	bool ended;

	run_init(&r, vp, in);
	if (!r.left)
		return;
	do {
		uint8_t *src, *dst;
		uint64_t n = find_run(&r, &src, &dst, MEM_READ);

		if (n) {
			n = compare_run(&r, src, dst, 0, n, &ended);
		} else {
			uint64_t a = read_element(&r, source(&r));
			uint64_t b = read_element(&r, dest(&r, false));

			ended = compare_ends(&r, compare(&r, a, b));
			n = 1;
		}
		advance(&r, n, true, true);
	} while (!ended && go_on(&r));
}

HANDLER_LAST(scas)
{
	uint64_t v = vp->hv.regs.gpr[X86_RAX];
	struct run r;
	bool ended;

	run_init(&r, vp, in);
	if (!r.left)
		return;
	do {
		uint8_t *dst;
		uint64_t n = find_run(&r, NULL, &dst, MEM_READ);

		if (n) {
			n = compare_run(&r, dst, NULL, v, n, &ended);
		} else {
			uint64_t b = read_element(&r, dest(&r, false));

			ended = compare_ends(&r, compare(&r, v, b));
			n = 1;
		}
		advance(&r, n, false, true);
	} while (!ended && go_on(&r));
}

/* ---- ports ---- */

static uint16_t dx(const struct soft_vp *vp)
{
	return (uint16_t)vp->hv.regs.gpr[X86_RDX];
}

/* Breakpoints on ports: traps, with CR4.DE (SDM 18.2.4). */
static void note_port(struct soft_vp *vp, uint16_t port, unsigned int width)
{
	const struct vp_regs *r = &vp->hv.regs;

	if (!(r->dr7 & 0xff) || !(r->cr4 & X86_CR4_DE))
		return;
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int type = (r->dr7 >> (16 + 4 * i)) & 3;
		unsigned int len = (r->dr7 >> (18 + 4 * i)) & 3;
		uint64_t first = r->dr[i] & ~(uint64_t)len;

		if ((r->dr7 & (X86_DR7_L(i) | X86_DR7_G(i))) && type == 2 &&
		    port <= first + len && first < port + width)
			vp->pending_db |= BIT(i);
	}
}

/* REX.W makes no 8-byte port accesses. */
static void run_init_io(struct run *r, struct soft_vp *vp,
			const struct insn *in)
{
	run_init(r, vp, in);
	if (r->size == 8)
		r->size = 4;
}

HANDLER_LAST(ins)
{
	struct run r;

	run_init_io(&r, vp, in);
	if (!r.left)
		return;
	(void)seg_io_allowed(vp, dx(vp), r.size);
	note_port(vp, dx(vp), r.size);
	do {
		uint8_t *dst;
		uint64_t n = find_run(&r, NULL, &dst, MEM_WRITE);

		if (n && !r.down) {
			hv_vp_pio_in(&vp->hv, dx(vp), r.size, dst, (uint32_t)n);
		} else {
			uint64_t lin = dest(&r, true);
			uint64_t v = 0;

			/* The device must not be asked in vain. */
			mem_probe(vp, lin, MEM_WRITE, r.size);
			hv_vp_pio_in(&vp->hv, dx(vp), r.size, &v, 1);
			write_element(&r, lin, v);
			n = 1;
		}
		advance(&r, n, false, true);
	} while (go_on(&r));
}

/* The device gets a copy that the guest cannot change any more. */
static void out_run(struct run *r, const uint8_t *src, uint64_t n)
{
	uint8_t buf[PAGE_SIZE] __attribute__((aligned(8)));

	if (r->down)
		for (uint64_t i = 0; i < n; i++)
			memcpy(buf + i * r->size, src + (n - 1 - i) * r->size,
			       r->size);
	else
		memcpy(buf, src, n * r->size);
	hv_vp_pio_out(&r->vp->hv, dx(r->vp), r->size, buf, (uint32_t)n);
}

HANDLER_LAST(outs)
{
	struct run r;

	run_init_io(&r, vp, in);
	if (!r.left)
		return;
	(void)seg_io_allowed(vp, dx(vp), r.size);
	note_port(vp, dx(vp), r.size);
	do {
		uint8_t *src;
		uint64_t n = find_run(&r, &src, NULL, MEM_READ);

		if (n) {
			out_run(&r, src, n);
		} else {
			uint64_t v = read_element(&r, source(&r));

			hv_vp_pio_out(&vp->hv, dx(vp), r.size, &v, 1);
			n = 1;
		}
		advance(&r, n, true, false);
	} while (go_on(&r));
}

static unsigned int io_width(const struct insn *in)
{
	return in->opsize == 8 ? 4 : in->opsize;
}

static uint16_t io_port(const struct soft_vp *vp, const struct insn *in)
{
	return in->opcode & 8 ? dx(vp) : (uint8_t)in->imm; /* EC-EF, E4-E7 */
}

HANDLER_LAST(in_port)
{
	uint16_t port = io_port(vp, in);
	unsigned int width = io_width(in);
	uint32_t v = 0;

	(void)seg_io_allowed(vp, port, width);
	note_port(vp, port, width);
	hv_vp_pio_in(&vp->hv, port, width, &v, 1);
	if (width == 1)
		put8(vp, 0, (uint8_t)v);
	else if (width == 2)
		put16(vp, X86_RAX, (uint16_t)v);
	else
		put32(vp, X86_RAX, v);
}

HANDLER_LAST(out_port)
{
	uint16_t port = io_port(vp, in);
	unsigned int width = io_width(in);
	uint32_t v = (uint32_t)vp->hv.regs.gpr[X86_RAX];

	(void)seg_io_allowed(vp, port, width);
	note_port(vp, port, width);
	hv_vp_pio_out(&vp->hv, port, width, &v, 1);
}

insn_fn *bind_string(const struct soft_vp *vp, const struct insn *in)
{
	switch (in->op) {
	case OP_MOVS:
		return movs;
	case OP_CMPS:
		return cmps;
	case OP_STOS:
		return stos;
	case OP_LODS:
		return lods;
	case OP_SCAS:
		return scas;
	case OP_INS:
		return ins;
	case OP_OUTS:
		return outs;
	case OP_IN:
		return in_port;
	case OP_OUT:
		return out_port;
	default:
		return NULL;
	}
}
