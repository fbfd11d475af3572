/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87: what stands around its stubs, and the control instructions, which move
 * state rather than compute and are done here.
 *
 * Pointers: FIP and FDP are the guest's own, set here after each non-control
 * instruction and kept as 64-bit offsets. FCS and FDS are always stored as
 * zero, as on processors that report them deprecated (CPUID.7.EBX[13]).
 *
 * CR0.NE = 0 (errors by FERR# and IRQ 13) is not modelled: #MF is raised
 * whatever NE says.
 */
#include "native_priv.h"

#define FSW_TOP       (7u << FSW_TOP_SHIFT)
#define TAG_VALID     0u
#define TAG_ZERO      1u
#define TAG_SPECIAL   2u
#define TAG_EMPTY     3u
#define FCW_RESERVED1 0x0040u /* always reads as one */

static unsigned int fpu_top(const struct fpu_legacy *f)
{
	return (f->fsw >> FSW_TOP_SHIFT) & 7;
}

static void update_es(struct fpu_legacy *f)
{
	f->fsw &= (uint16_t) ~(FSW_ES | FSW_B);
	if (f->fsw & ~f->fcw & FSW_EXCEPTIONS)
		f->fsw |= FSW_ES | FSW_B;
}

void x87_check_pending(struct soft_vp *vp)
{
	if (__builtin_expect(fpu_legacy(vp)->fsw & FSW_ES, 0))
		soft_raise(vp, X86_MF);
}

void x87_normalise(struct fpu_legacy *f)
{
	const uint32_t mxcsr = X86_MXCSR_INIT;

	f->mxcsr = mxcsr;
	__asm__ volatile("fxrstor64 %0\n\t"
			 "fxsave64 %0\n\t"
			 "fninit\n\t"
			 "ldmxcsr %1"
			 : "+m"(*f)
			 : "m"(mxcsr)
			 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
			   "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
			   "xmm12", "xmm13", "xmm14", "xmm15");
}

/* ---- around the stubs ---- */

void *native_x87_begin(struct soft_vp *vp, const struct insn *in)
{
	unsigned int size;
	uint64_t lin;

	x87_check_pending(vp);
	fpu_legacy(vp)->mxcsr &= MXCSR_VALID;
	if (!(insn_mem_access(in) & OPND_R))
		return vp->nat.operand;
	size = insn_mem_size(in);
	lin = insn_linear(vp, in, size, false);
	return (void *)(uintptr_t)operand_read(vp, lin, size);
}

/* Did the instruction raise an unmasked exception that suppresses its store?
 * No exception was pending before, so any pending now is its own. */
static bool store_suppressed(const struct fpu_legacy *f)
{
	return f->fsw & ~f->fcw & 0x1f; /* all but precision */
}

static void set_pointers(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);

	f->fop = (uint16_t)((in->opcode & 7) << 8 | in->modrm);
	f->fip = vp->hv.regs.rip - in->len;
	if (in->flags & INSN_MEM)
		f->fdp = insn_ea(vp, in);
	if (!(vp->mode & SOFT_MODE_64))
		f->fip = (uint32_t)f->fip;
}

void native_x87_end(struct soft_vp *vp, const struct insn *in)
{
	const struct fpu_legacy *now = (const void *)vp->nat.x87;
	struct fpu_legacy *f = fpu_legacy(vp);
	unsigned int size;
	uint64_t lin;

	if (insn_mem_access(in) & OPND_W) {
		size = insn_mem_size(in);
		lin = insn_linear(vp, in, size, true);
		if (store_suppressed(now))
			mem_probe(vp, lin, MEM_WRITE, size);
		else
			operand_write(vp, lin, vp->nat.operand, size);
	}
	f->fcw = now->fcw;
	f->fsw = now->fsw;
	f->ftw = now->ftw;
	memcpy(f->st, now->st, sizeof(f->st));
	set_pointers(vp, in);
}

/* ---- control instructions ---- */

void soft_fpu_reset(struct vp_regs *regs)
{
	struct fpu_legacy *f = (void *)regs->fpu.legacy;

	memset(&regs->fpu, 0, sizeof(regs->fpu));
	f->fcw = X86_FCW_INIT;
	f->mxcsr = X86_MXCSR_INIT;
	f->mxcsr_mask = MXCSR_VALID;
	regs->fpu.header[0] = XSTATE_ALL;
}

static void init_x87(struct fpu_legacy *f)
{
	f->fcw = X86_FCW_INIT;
	f->fsw = 0;
	f->ftw = 0;
	f->fop = 0;
	f->fip = 0;
	f->fdp = 0;
}

static void insn_fninit(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	uint8_t phys[8][16];
	unsigned int top = fpu_top(f);

	for (unsigned int i = 0; i < 8; i++)
		memcpy(phys[(i + top) & 7], f->st[i], 16);
	memcpy(f->st, phys, sizeof(phys));
	init_x87(f);
}

static void insn_fnclex(struct soft_vp *vp, const struct insn *in)
{
	fpu_legacy(vp)->fsw &= 0x7f00;
}

static void insn_fwait(struct soft_vp *vp, const struct insn *in)
{
	const uint64_t nm = X86_CR0_MP | X86_CR0_TS;

	if ((vp->hv.regs.cr0 & nm) == nm)
		soft_raise(vp, X86_NM);
	x87_check_pending(vp);
}

static void insn_fpu_nop(struct soft_vp *vp, const struct insn *in)
{
}

static void insn_fnstcw(struct soft_vp *vp, const struct insn *in)
{
	mem_write16(vp, insn_linear(vp, in, 2, true), fpu_legacy(vp)->fcw);
}

static void insn_fnstsw(struct soft_vp *vp, const struct insn *in)
{
	uint16_t fsw = fpu_legacy(vp)->fsw;

	if (in->flags & INSN_MEM)
		mem_write16(vp, insn_linear(vp, in, 2, true), fsw);
	else
		memcpy(&vp->hv.regs.gpr[X86_RAX], &fsw, 2);
}

static void insn_fldcw(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	const uint16_t host = X86_FCW_INIT;
	uint16_t fcw;

	x87_check_pending(vp);
	fcw = mem_read16(vp, insn_linear(vp, in, 2, false));
	/* Reserved bits become what this CPU makes of them. */
	__asm__ volatile("fldcw %0\n\tfnstcw %0\n\tfldcw %1"
			 : "+m"(fcw)
			 : "m"(host));
	f->fcw = fcw;
	update_es(f);
}

/* ---- environments (SDM 1, 8.1.10) ---- */

static unsigned int tag_of(const uint8_t *reg)
{
	uint64_t mant;
	uint16_t exp;

	memcpy(&mant, reg, 8);
	memcpy(&exp, reg + 8, 2);
	exp &= 0x7fff;
	if (exp == 0 && mant == 0)
		return TAG_ZERO;
	if (exp == 0 || exp == 0x7fff || !(mant >> 63))
		return TAG_SPECIAL;
	return TAG_VALID;
}

static uint16_t full_tags(const struct fpu_legacy *f)
{
	unsigned int top = fpu_top(f);
	unsigned int tags = 0;

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int tag = f->ftw & (1u << i)
					   ? tag_of(f->st[(i - top) & 7])
					   : TAG_EMPTY;

		tags |= tag << (2 * i);
	}
	return (uint16_t)tags;
}

static uint8_t abridge_tags(uint16_t tags)
{
	unsigned int ftw = 0;

	for (unsigned int i = 0; i < 8; i++)
		if (((tags >> (2 * i)) & 3) != TAG_EMPTY)
			ftw |= 1u << i;
	return (uint8_t)ftw;
}

/* The formats differ by operand size and by protection: real and V86 mode
 * have linear pointers with the opcode beside them. */
static bool env_real(const struct soft_vp *vp)
{
	return vp->mode & (SOFT_MODE_REAL | SOFT_MODE_V86);
}

static unsigned int env_size(const struct insn *in)
{
	return in->opsize == 2 ? 14 : 28;
}

/* Linear address of @in's image of @size bytes, checked. */
static uint64_t env_linear(struct soft_vp *vp, const struct insn *in,
			   unsigned int size, enum mem_access access)
{
	uint64_t lin = insn_linear(vp, in, size, access == MEM_WRITE);
	unsigned int align = in->opsize == 2 ? 2 : 4;

	block_probe(vp, lin, access, size);
	if ((vp->mode & SOFT_MODE_AC) && (lin & (align - 1)))
		soft_raise_error(vp, X86_AC, 0);
	return lin;
}

/* @env: seven words, 16-bit ones widened by the caller. */
static void env_fill(const struct soft_vp *vp, const struct fpu_legacy *f,
		     bool wide, uint32_t env[7])
{
	unsigned int high = wide ? 16 : 4; /* bits above the low 16 */

	env[0] = f->fcw;
	env[1] = f->fsw;
	env[2] = full_tags(f);
	if (env_real(vp)) {
		uint32_t mask = (1u << high) - 1;

		env[3] = (uint16_t)f->fip;
		env[4] = ((uint32_t)(f->fip >> 16) & mask) << 12 | f->fop;
		env[5] = (uint16_t)f->fdp;
		env[6] = ((uint32_t)(f->fdp >> 16) & mask) << 12;
	} else {
		env[3] = (uint32_t)f->fip;
		env[4] = wide ? (uint32_t)f->fop << 16 : 0;
		env[5] = (uint32_t)f->fdp;
		env[6] = 0;
	}
}

static void env_pack(const struct soft_vp *vp, const struct insn *in,
		     uint8_t *image)
{
	const struct fpu_legacy *f =
		fpu_legacy((struct soft_vp *)(uintptr_t)vp);
	bool wide = in->opsize != 2;
	uint32_t env[7];

	env_fill(vp, f, wide, env);
	for (unsigned int i = 0; i < 7; i++) {
		if (!wide) {
			uint16_t v = (uint16_t)env[i];

			memcpy(image + 2 * i, &v, 2);
			continue;
		}
		/* Reserved upper halves read as ones. */
		if (i < 3 || i == 6 || (env_real(vp) && (i == 3 || i == 5)))
			env[i] |= env_real(vp) && i == 6 ? 0 : 0xffff0000;
		memcpy(image + 4 * i, &env[i], 4);
	}
}

/* Control, status, tags and pointers into @f; registers stay where they are
 * physically. */
static void env_unpack(const struct soft_vp *vp, const struct insn *in,
		       const uint8_t *image, struct fpu_legacy *f)
{
	bool wide = in->opsize != 2;
	uint32_t env[7] = {0};

	for (unsigned int i = 0; i < 7; i++)
		memcpy(&env[i], image + i * (wide ? 4 : 2), wide ? 4 : 2);
	f->fcw = (uint16_t)env[0];
	f->fsw = (uint16_t)env[1];
	f->ftw = abridge_tags((uint16_t)env[2]);
	if (env_real(vp)) {
		f->fip = (uint16_t)env[3] | (uint64_t)((env[4] >> 12) & 0xffff)
						    << 16;
		f->fop = env[4] & 0x7ff;
		f->fdp = (uint16_t)env[5] | (uint64_t)((env[6] >> 12) & 0xffff)
						    << 16;
	} else {
		f->fip = env[3];
		f->fop = wide ? (env[4] >> 16) & 0x7ff : 0;
		f->fdp = env[5];
	}
}

static void commit_x87(struct soft_vp *vp, struct fpu_legacy *image)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	struct fpu_legacy norm = *image;

	x87_normalise(&norm);
	f->fcw = norm.fcw;
	f->fsw = norm.fsw;
	f->ftw = norm.ftw;
	f->fop = image->fop;
	f->fip = image->fip;
	f->fdp = image->fdp;
	memcpy(f->st, norm.st, sizeof(f->st));
}

static void insn_fldenv(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy image __attribute__((aligned(16)));
	unsigned int size = env_size(in);
	uint8_t env[28], phys[8][16];
	unsigned int top;

	x87_check_pending(vp);
	mem_read(vp, env_linear(vp, in, size, MEM_READ), env, size);
	image = *fpu_legacy(vp);
	top = fpu_top(&image);
	for (unsigned int i = 0; i < 8; i++)
		memcpy(phys[(i + top) & 7], image.st[i], 16);
	env_unpack(vp, in, env, &image);
	top = fpu_top(&image);
	for (unsigned int i = 0; i < 8; i++)
		memcpy(image.st[i], phys[(i + top) & 7], 16);
	commit_x87(vp, &image);
}

static void insn_fnstenv(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	unsigned int size = env_size(in);
	uint8_t env[28];

	env_pack(vp, in, env);
	mem_write(vp, env_linear(vp, in, size, MEM_WRITE), env, size);
	f->fcw |= FCW_MASKS;
	update_es(f);
}

static void insn_fnsave(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy *f = fpu_legacy(vp);
	unsigned int size = env_size(in);
	uint8_t image[108];

	env_pack(vp, in, image);
	for (unsigned int i = 0; i < 8; i++)
		memcpy(image + size + 10 * i, f->st[i], 10);
	size += 80;
	block_write(vp, env_linear(vp, in, size, MEM_WRITE), image, size);
	insn_fninit(vp, in);
}

static void insn_frstor(struct soft_vp *vp, const struct insn *in)
{
	struct fpu_legacy image __attribute__((aligned(16)));
	unsigned int size = env_size(in);
	uint8_t bytes[108];

	x87_check_pending(vp);
	block_read(vp, env_linear(vp, in, size + 80, MEM_READ), bytes,
		   size + 80);
	image = *fpu_legacy(vp);
	env_unpack(vp, in, bytes, &image);
	memset(image.st, 0, sizeof(image.st));
	for (unsigned int i = 0; i < 8; i++)
		memcpy(image.st[i], bytes + size + 10 * i, 10);
	commit_x87(vp, &image);
}

insn_fn *bind_native_x87(const struct soft_vp *vp, const struct insn *in)
{
	switch (in->op) {
	case OP_FNINIT:
		return insn_fninit;
	case OP_FNCLEX:
		return insn_fnclex;
	case OP_FWAIT:
		return insn_fwait;
	case OP_FNENI:
	case OP_FNDISI:
	case OP_FNSETPM:
		return insn_fpu_nop;
	case OP_FNSTCW:
		return insn_fnstcw;
	case OP_FNSTSW:
		return insn_fnstsw;
	case OP_FLDCW:
		return insn_fldcw;
	case OP_FLDENV:
		return insn_fldenv;
	case OP_FNSTENV:
		return insn_fnstenv;
	case OP_FNSAVE:
		return insn_fnsave;
	case OP_FRSTOR:
		return insn_frstor;
	default:
		return NULL;
	}
}
