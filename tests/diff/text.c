/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases as text: one "word values..." line per item, "end" at the end, '#'
 * begins a comment. Registers that are zero are left out. Corpus files are a
 * sequence of such cases.
 */
#include "diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const gpr_names[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

/* ---- writing ---- */

static void write_hex(FILE *f, const uint8_t *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "%02x", p[i]);
	fputc('\n', f);
}

static bool all_zero(const uint8_t *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void write_fpu(FILE *f, const struct vp_fpu *fpu)
{
	fprintf(f, "x87 ");
	write_hex(f, fpu->legacy, 32);
	for (unsigned int i = 0; i < 8; i++) {
		const uint8_t *p = fpu->legacy + 32 + 16 * i;

		if (all_zero(p, 16))
			continue;
		fprintf(f, "st%u ", i);
		write_hex(f, p, 16);
	}
	for (unsigned int i = 0; i < 16; i++) {
		const uint8_t *p = fpu->legacy + 160 + 16 * i;

		if (!all_zero(p, 16)) {
			fprintf(f, "xmm%u ", i);
			write_hex(f, p, 16);
		}
		if (!all_zero(fpu->ymm_hi + 16 * i, 16)) {
			fprintf(f, "ymmhi%u ", i);
			write_hex(f, fpu->ymm_hi + 16 * i, 16);
		}
	}
}

void text_write(FILE *f, const struct diff_case *c)
{
	const struct insn_desc *d = insn_entry(c->entry);

	fprintf(f, "# %s, case %" PRIu64 "\n",
		c->nr_insns == 1 ? insn_op_name((enum insn_op)d->op)
				 : "sequence",
		c->number);
	fprintf(f, "mode %u\noffset %x\ncode ", c->mode, c->code_off);
	write_hex(f, c->code, c->len);
	fprintf(f, "rflags %" PRIx64 "\n", c->in.rflags);
	for (unsigned int i = 0; i < 16; i++)
		if (c->in.gpr[i])
			fprintf(f, "%s %" PRIx64 "\n", gpr_names[i],
				c->in.gpr[i]);
	write_fpu(f, &c->in.fpu);
	for (unsigned int i = 0; i < c->nr_patches; i++) {
		fprintf(f, "memory %x ", c->patch[i].off);
		write_hex(f, c->patch[i].bytes, c->patch[i].len);
	}
	fprintf(f, "end\n");
}

/* ---- reading ---- */

static _Noreturn void bad(const char *name, const char *line)
{
	fprintf(stderr, "difftest: %s: cannot read: %s", name, line);
	exit(2);
}

/* Up to @max bytes; the number read, or -1. */
static int read_hex(const char *s, uint8_t *p, unsigned int max)
{
	unsigned int n = 0, byte;

	for (; s[0] && s[1] && s[0] != '\n'; s += 2) {
		if (n == max || sscanf(s, "%2x", &byte) != 1)
			return -1;
		p[n++] = (uint8_t)byte;
	}
	return (int)n;
}

static bool read_register(struct diff_case *c, const char *word,
			  const char *rest)
{
	struct vp_fpu *f = &c->in.fpu;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (strcmp(word, gpr_names[i]))
			continue;
		return sscanf(rest, "%" SCNx64, &c->in.gpr[i]) == 1;
	}
	if (sscanf(word, "st%u", &i) == 1 && i < 8)
		return read_hex(rest, f->legacy + 32 + 16 * i, 16) == 16;
	if (sscanf(word, "xmm%u", &i) == 1 && i < 16)
		return read_hex(rest, f->legacy + 160 + 16 * i, 16) == 16;
	if (sscanf(word, "ymmhi%u", &i) == 1 && i < 16)
		return read_hex(rest, f->ymm_hi + 16 * i, 16) == 16;
	if (!strcmp(word, "x87"))
		return read_hex(rest, f->legacy, 32) == 32;
	if (!strcmp(word, "rflags"))
		return sscanf(rest, "%" SCNx64, &c->in.rflags) == 1;
	return false;
}

static bool read_memory(struct diff_case *c, const char *rest)
{
	struct diff_patch *p = &c->patch[c->nr_patches];
	unsigned int off;
	int n, at;

	if (c->nr_patches == DIFF_MAX_PATCHES ||
	    sscanf(rest, "%x %n", &off, &at) != 1)
		return false;
	n = read_hex(rest + at, p->bytes, sizeof(p->bytes));
	if (n < 0 || off + (unsigned int)n > DIFF_DATA_SIZE)
		return false;
	p->off = (uint16_t)off;
	p->len = (uint8_t)n;
	c->nr_patches++;
	return true;
}

static bool read_line(struct diff_case *c, const char *word, const char *rest)
{
	unsigned int v;
	int n;

	if (!strcmp(word, "mode")) {
		c->mode = (uint8_t)atoi(rest);
		return c->mode == 64 || c->mode == 32;
	}
	if (!strcmp(word, "offset")) {
		if (sscanf(rest, "%x", &v) != 1 ||
		    v > DIFF_CODE_SIZE - DIFF_CODE_MAX)
			return false;
		c->code_off = (uint16_t)v;
		return true;
	}
	if (!strcmp(word, "code")) {
		n = read_hex(rest, c->code, DIFF_CODE_MAX - INSN_MAX_LEN);
		c->len = (uint8_t)n;
		return n > 0;
	}
	if (!strcmp(word, "memory"))
		return read_memory(c, rest);
	return read_register(c, word, rest);
}

bool text_read(FILE *f, const char *name, struct diff_case *c)
{
	char line[1024], word[16];
	struct insn in = {0};
	bool any = false;
	int at;

	memset(c, 0, sizeof(*c));
	memset(c->code, 0xcc, sizeof(c->code));
	c->in.fpu.header[0] = 7;
	c->in.fpu.legacy[0] = X86_FCW_INIT & 0xff;
	c->in.fpu.legacy[1] = X86_FCW_INIT >> 8;
	c->in.fpu.legacy[24] = X86_MXCSR_INIT & 0xff;
	c->in.fpu.legacy[25] = X86_MXCSR_INIT >> 8;
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%15s %n", word, &at) != 1)
			bad(name, line);
		if (strcmp(word, "end")) {
			if (!read_line(c, word, line + at))
				bad(name, line);
			any = true;
			continue;
		}
		if (insn_decode(&in, c->code, INSN_MAX_LEN,
				c->mode == 64 ? DECODE_64 : DECODE_32) > 0)
			c->entry = in.entry;
		c->nr_insns = in.len == c->len ? 1 : 2;
		c->in.rip = DIFF_CODE + c->code_off;
		return true;
	}
	if (any)
		bad(name, "no end\n");
	return false;
}

/* ---- differences ---- */

static void show(FILE *f, const char *what, uint64_t host, uint64_t engine)
{
	if (host != engine)
		fprintf(f,
			"#   %-8s host %016" PRIx64 " engine %016" PRIx64 "\n",
			what, host, engine);
}

static void show_bytes(FILE *f, const char *what, unsigned int i,
		       const uint8_t *host, const uint8_t *engine,
		       unsigned int n)
{
	if (!memcmp(host, engine, n))
		return;
	fprintf(f, "#   %s%u host   ", what, i);
	write_hex(f, host, n);
	fprintf(f, "#   %s%u engine ", what, i);
	write_hex(f, engine, n);
}

static void show_memory(FILE *f, const char *side, const struct diff_result *r)
{
	for (unsigned int i = 0; i < r->nr_changes && i < 12; i++)
		fprintf(f, "#   %s wrote %x: %016" PRIx64 "\n", side,
			r->change[i].off, r->change[i].value);
}

void text_differences(FILE *f, const struct diff_case *c,
		      const struct diff_result *host,
		      const struct diff_result *engine)
{
	const struct vp_fpu *hf = &host->out.fpu, *ef = &engine->out.fpu;

	show(f, "vector", host->vector, engine->vector);
	show(f, "error", host->error, engine->error);
	if (host->vector == X86_PF || engine->vector == X86_PF)
		show(f, "address", host->address, engine->address);
	show(f, "rip", host->out.rip, engine->out.rip);
	show(f, "rflags", host->out.rflags, engine->out.rflags);
	for (unsigned int i = 0; i < 16; i++)
		show(f, gpr_names[i], host->out.gpr[i], engine->out.gpr[i]);
	show_bytes(f, "x87-", 0, hf->legacy, ef->legacy, 28);
	for (unsigned int i = 0; i < 8; i++)
		show_bytes(f, "st", i, hf->legacy + 32 + 16 * i,
			   ef->legacy + 32 + 16 * i, 10);
	for (unsigned int i = 0; i < 16; i++) {
		show_bytes(f, "xmm", i, hf->legacy + 160 + 16 * i,
			   ef->legacy + 160 + 16 * i, 16);
		show_bytes(f, "ymmhi", i, hf->ymm_hi + 16 * i,
			   ef->ymm_hi + 16 * i, 16);
	}
	show_memory(f, "host", host);
	show_memory(f, "engine", engine);
}
