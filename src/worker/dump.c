/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ELF core (ELF-64 specification; core notes as in Linux' <sys/procfs.h>):
 * one PT_NOTE with a status note per processor, one PT_LOAD per memory range
 * whose p_paddr is the guest-physical address. Beside the status notes stand
 * processor notes in the layout that QEMU defined and that crash(8) reads to
 * find the kernel: it needs control and descriptor-table registers.
 */
#include "dump.h"

#include "worker.h"

#include <base/bits.h>

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#define COPY_BYTES (UINT64_C(1) << 20)

/* QEMU's processor note, version 1. */
struct qemu_segment {
	uint32_t selector, limit, flags, pad;
	uint64_t base;
};

struct qemu_cpu {
	uint32_t version, size;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	struct qemu_segment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
	uint64_t cr[5];
	uint64_t kernel_gs_base;
};

#define NAME_BYTES 8 /* "CORE" and "QEMU", terminated and padded */

struct status_note {
	Elf64_Nhdr head;
	char name[NAME_BYTES];
	struct elf_prstatus status;
} __attribute__((packed));

struct cpu_note {
	Elf64_Nhdr head;
	char name[NAME_BYTES];
	struct qemu_cpu cpu;
} __attribute__((packed));

struct vp_notes {
	struct status_note status;
	struct cpu_note cpu;
};

static int write_at(int fd, const void *buf, size_t len, uint64_t off)
{
	const char *p = buf;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static void fill_status(struct elf_prstatus *s, const struct vp_regs *r,
			unsigned int vp)
{
	/* The order of struct user_regs_struct. */
	const uint64_t regs[] = {
		r->gpr[X86_R15],
		r->gpr[X86_R14],
		r->gpr[X86_R13],
		r->gpr[X86_R12],
		r->gpr[X86_RBP],
		r->gpr[X86_RBX],
		r->gpr[X86_R11],
		r->gpr[X86_R10],
		r->gpr[X86_R9],
		r->gpr[X86_R8],
		r->gpr[X86_RAX],
		r->gpr[X86_RCX],
		r->gpr[X86_RDX],
		r->gpr[X86_RSI],
		r->gpr[X86_RDI],
		r->gpr[X86_RAX],
		r->rip,
		r->seg[X86_CS].sel,
		r->rflags,
		r->gpr[X86_RSP],
		r->seg[X86_SS].sel,
		r->seg[X86_FS].base,
		r->seg[X86_GS].base,
		r->seg[X86_DS].sel,
		r->seg[X86_ES].sel,
		r->seg[X86_FS].sel,
		r->seg[X86_GS].sel,
	};

	_Static_assert(sizeof(regs) == sizeof(s->pr_reg), "register order");
	s->pr_pid = (pid_t)vp + 1;
	memcpy(&s->pr_reg, regs, sizeof(regs));
}

static struct qemu_segment segment(const struct vp_segment *s)
{
	return (struct qemu_segment){
		.selector = s->sel,
		.limit = s->limit,
		/* Descriptor bits 8..15 and 20..23, where QEMU keeps them. */
		.flags = (uint32_t)(s->attr & 0xff) << 8 |
			 (uint32_t)(s->attr & 0xf00) << 12,
		.base = s->base,
	};
}

static struct qemu_segment table(const struct vp_table *t)
{
	return (struct qemu_segment){.limit = t->limit, .base = t->base};
}

static void fill_cpu(struct qemu_cpu *c, const struct vp_regs *r)
{
	const uint64_t *g = r->gpr;

	*c = (struct qemu_cpu){
		.version = 1,
		.size = sizeof(*c),
		.rax = g[X86_RAX],
		.rbx = g[X86_RBX],
		.rcx = g[X86_RCX],
		.rdx = g[X86_RDX],
		.rsi = g[X86_RSI],
		.rdi = g[X86_RDI],
		.rsp = g[X86_RSP],
		.rbp = g[X86_RBP],
		.r8 = g[X86_R8],
		.r9 = g[X86_R9],
		.r10 = g[X86_R10],
		.r11 = g[X86_R11],
		.r12 = g[X86_R12],
		.r13 = g[X86_R13],
		.r14 = g[X86_R14],
		.r15 = g[X86_R15],
		.rip = r->rip,
		.rflags = r->rflags,
		.cs = segment(&r->seg[X86_CS]),
		.ds = segment(&r->seg[X86_DS]),
		.es = segment(&r->seg[X86_ES]),
		.fs = segment(&r->seg[X86_FS]),
		.gs = segment(&r->seg[X86_GS]),
		.ss = segment(&r->seg[X86_SS]),
		.ldt = segment(&r->ldtr),
		.tr = segment(&r->tr),
		.gdt = table(&r->gdtr),
		.idt = table(&r->idtr),
		.cr = {r->cr0, 0, r->cr2, r->cr3, r->cr4},
		.kernel_gs_base = r->kernel_gs_base,
	};
}

static void fill_notes(struct vp_notes *n, const struct vp_regs *r,
		       unsigned int vp)
{
	struct elf_prstatus status = {0};
	struct qemu_cpu cpu;

	*n = (struct vp_notes){
		.status.head = {.n_namesz = 5,
				.n_descsz = sizeof(n->status.status),
				.n_type = NT_PRSTATUS},
		.status.name = "CORE",
		.cpu.head = {.n_namesz = 5,
			     .n_descsz = sizeof(n->cpu.cpu),
			     .n_type = 0},
		.cpu.name = "QEMU",
	};
	/* The notes are packed: filled beside and copied. */
	fill_status(&status, r, vp);
	fill_cpu(&cpu, r);
	n->status.status = status;
	n->cpu.cpu = cpu;
}

static int write_notes(struct worker *w, int fd, uint64_t off)
{
	int err = 0;

	for (unsigned int i = 0; i < w->config->nr_vps && err == 0; i++) {
		struct vp_notes notes;
		struct vp_regs r;

		partition_vp_get_regs(w->partition, i, &r);
		fill_notes(&notes, &r, i);
		err = write_at(fd, &notes, sizeof(notes),
			       off + i * sizeof(notes));
	}
	return err;
}

/* What the guest has touched of @range goes to @off. */
static int write_range(const struct guest_memory *gm,
		       const struct guest_memory_range *range, int fd,
		       uint64_t off)
{
	uint64_t at = range->gpa.v;
	const uint64_t end = at + range->size;
	gpa_t data;
	uint64_t left;

	while (at < end &&
	       guest_memory_next_data(gm, GPA(at), &data, &left) == 0 &&
	       data.v < end) {
		uint64_t len = left < COPY_BYTES ? left : COPY_BYTES;
		const void *p = guest_memory_peek(gm, data, len);
		int err;

		if (!p)
			return -EFAULT;
		err = write_at(fd, p, len, off + data.v - range->gpa.v);
		if (err < 0)
			return err;
		at = data.v + len;
	}
	return 0;
}

int dump_write(struct worker *w, int fd)
{
	const struct guest_memory *gm = board_memory(w->board);
	size_t nr, heads;
	const struct guest_memory_range *ranges = guest_memory_ranges(gm, &nr);
	const uint64_t notes = w->config->nr_vps * sizeof(struct vp_notes);
	Elf64_Ehdr eh = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			    ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(eh),
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(nr + 1),
	};
	Elf64_Phdr ph[GUEST_MEMORY_RANGES + 1] = {0};
	uint64_t off;
	int err;

	heads = sizeof(eh) + (nr + 1) * sizeof(ph[0]);
	ph[0] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = heads, .p_filesz = notes};
	off = align_up(heads + notes, PAGE_SIZE);
	for (size_t i = 0; i < nr; i++) {
		ph[i + 1] = (Elf64_Phdr){.p_type = PT_LOAD,
					 .p_flags = PF_R | PF_W | PF_X,
					 .p_offset = off,
					 .p_paddr = ranges[i].gpa.v,
					 .p_filesz = ranges[i].size,
					 .p_memsz = ranges[i].size};
		off += ranges[i].size;
	}
	err = write_at(fd, &eh, sizeof(eh), 0);
	if (err == 0)
		err = write_at(fd, ph, (nr + 1) * sizeof(ph[0]), sizeof(eh));
	if (err == 0)
		err = write_notes(w, fd, heads);
	for (size_t i = 0; i < nr && err == 0; i++)
		err = write_range(gm, &ranges[i], fd, ph[i + 1].p_offset);
	if (err == 0 && ftruncate(fd, (off_t)off) < 0)
		err = -errno;
	return err;
}
