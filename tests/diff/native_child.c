/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the child: one signal handler does everything. A case ends by a
 * signal (INT3 behind the instruction, the trap flag, or its own exception);
 * the handler stores what the signal frame says, writes the next case's state
 * into the frame and returns into it. sigreturn loads the segments, too, which
 * makes 32-bit code as easy as 64-bit.
 *
 * FS and GS bases point into the data pages, so nothing here may use thread
 * storage: no libc, no stack protector (see meson.build).
 */
#include "native_child.h"

#include <asm/prctl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ALT_STACK_SIZE (64u << 10)

static struct native_child self;
static bool started;

/* In the order of struct diff_state.gpr */
static const uint8_t greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static long raw_syscall(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static void clear(void *p, uint64_t len)
{
	__asm__ volatile("rep stosb" : "+D"(p), "+c"(len) : "a"(0) : "memory");
}

static void wait_for_batch(void)
{
	char byte = 0;

	if (started)
		(void)raw_syscall(SYS_write, self.done_fd, (long)&byte, 1);
	started = true;
	while (raw_syscall(SYS_read, self.go_fd, (long)&byte, 1) != 1)
		;
}

/* ---- from the signal frame ---- */

/* Components that XSAVE found in their initial state were not stored. */
static void save_fpu(struct vp_fpu *f, const uint8_t *xsave)
{
	uint64_t bv;

	window_copy(f, xsave, sizeof(*f));
	window_copy(&bv, xsave + 512, 8);
	clear(f->header, sizeof(f->header));
	if (!(bv & X86_XCR0_X87)) {
		clear(f->legacy, 24);
		clear(f->legacy + 32, 128);
		f->legacy[0] = X86_FCW_INIT & 0xff;
		f->legacy[1] = X86_FCW_INIT >> 8;
	}
	if (!(bv & X86_XCR0_SSE))
		clear(f->legacy + 160, 256);
	if (!(bv & X86_XCR0_AVX))
		clear(f->ymm_hi, sizeof(f->ymm_hi));
}

static void save_result(struct diff_result *r, const struct diff_case *c,
			const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	uint64_t end = DIFF_CODE + c->code_off + c->len;

	for (unsigned int i = 0; i < 16; i++)
		r->out.gpr[i] = (uint64_t)g[greg_of[i]];
	r->out.rip = (uint64_t)g[REG_RIP];
	r->out.rflags = (uint64_t)g[REG_EFL];
	r->vector = (uint8_t)g[REG_TRAPNO];
	r->error = (uint32_t)g[REG_ERR];
	r->address = (uint64_t)g[REG_CR2];
	r->skipped = false;
	save_fpu(&r->out.fpu, (const uint8_t *)uc->uc_mcontext.fpregs);

	if (r->vector == X86_BP && r->out.rip == end + 1) {
		r->out.rip = end;
		r->vector = DIFF_NO_FAULT;
	} else if (r->vector == X86_DB && (c->in.rflags & X86_FL_TF)) {
		r->vector = DIFF_NO_FAULT;
	}
}

/* ---- into the signal frame ---- */

static void load_fpu(uint8_t *xsave, const struct vp_fpu *f)
{
	uint64_t bv;

	window_copy(&bv, xsave + 512, 8);
	bv |= 7;
	window_copy(xsave, f->legacy, 416);
	window_copy(xsave + 512, &bv, 8);
	window_copy(xsave + 576, f->ymm_hi, sizeof(f->ymm_hi));
}

static void load_case(const struct diff_case *c, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	uint64_t cs = c->mode == 64 ? DIFF_CS64 : DIFF_CS32;

	for (unsigned int i = 0; i < 16; i++)
		g[greg_of[i]] = (greg_t)c->in.gpr[i];
	g[REG_RIP] = (greg_t)(DIFF_CODE + c->code_off);
	g[REG_EFL] = (greg_t)c->in.rflags;
	g[REG_CSGSFS] = (greg_t)(cs | (uint64_t)DIFF_SS << 48);
	load_fpu((uint8_t *)uc->uc_mcontext.fpregs, &c->in.fpu);
	window_copy(self.code + c->code_off, c->code, sizeof(c->code));
}

static void on_signal(int sig, siginfo_t *info, void *ctx)
{
	struct native_shared *s = self.shared;
	const struct diff_case *c;
	uint32_t i = s->next;

	/* The case may have set AC, NT or ID, which the kernel leaves set. */
	__asm__ volatile("pushfq\n\t"
			 "andl $~0x244000, (%%rsp)\n\t"
			 "popfq" ::
				 : "memory", "cc");
	if (started) {
		save_result(&s->r[i], &s->c[i], ctx);
		window_collect(&self.window, &s->c[i], &s->r[i]);
		i++;
	}
	if (!started || i >= s->count) {
		wait_for_batch();
		i = 0;
	}
	atomic_store_explicit(&s->next, i, memory_order_relaxed);
	c = &s->c[i];
	window_prepare(&self.window, c);
	load_case(c, ctx);
}

/* ---- start ---- */

/* Anything but what the loop needs ends the child. */
static struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 1, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static struct sock_fprog prog = {sizeof(filter) / sizeof(filter[0]), filter};

static void take_signals(void)
{
	static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	struct sigaction sa = {.sa_sigaction = on_signal,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK};
	stack_t alt = {.ss_size = ALT_STACK_SIZE};

	alt.ss_sp = mmap(NULL, ALT_STACK_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (alt.ss_sp == MAP_FAILED || sigaltstack(&alt, NULL) < 0)
		_exit(3);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(int); i++)
		(void)sigaction(signals[i], &sa, NULL);
}

_Noreturn void native_child_run(const struct native_child *child)
{
	self = *child;
	take_signals();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(3);

	/* No libc from here on: its thread pointer goes. */
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(DIFF_SS));
	(void)raw_syscall(SYS_arch_prctl, ARCH_SET_GS, DIFF_GS_BASE, 0);
	(void)raw_syscall(SYS_arch_prctl, ARCH_SET_FS, DIFF_FS_BASE, 0);
	if (raw_syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
			(long)&prog) < 0)
		raw_syscall(SYS_exit_group, 3, 0, 0);
	for (;;)
		__asm__ volatile("int3");
}
