/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code area: memory that stubs are generated into, the table that finds
 * them again, and the SIGFPE handler that turns a host exception inside a stub
 * into the guest's.
 *
 * No page is ever writable and executable at one address (W^X): a memfd is
 * mapped twice. Stubs depend on nothing of a partition, so that one area
 * serves the process; they are never freed before the last partition goes.
 * The number of different stubs is finite (see native_emit.c) and the area
 * holds them all.
 */
#include "native_priv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define AREA_SIZE  (16u << 20)
#define AREA_FIRST 64u /* stubs begin here; before it, constants */
#define STUB_MAX   512u
#define SLOTS      (1u << 17)

struct slot {
	_Atomic uint64_t key; /* 0: free */
	_Atomic uintptr_t fn;
};

static struct {
	pthread_mutex_t lock; /* guards users, used and creation of stubs */
	unsigned int users;
	uint8_t *rw;
	const uint8_t *rx;
	size_t used;
	unsigned int filled; /* slots */
	struct slot *slots;
	struct sigaction old_sigfpe;
} area = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Where a stub that raised a host exception continues. */
static _Noreturn void trap_landing(struct soft_vp *vp, uint64_t trapno)
{
	bool xmm_enabled = vp->hv.regs.cr4 & X86_CR4_OSXMMEXCPT;

	if (trapno == X86_MF)
		soft_raise(vp, X86_MF);
	soft_raise(vp, xmm_enabled ? X86_XM : X86_UD);
}

static void chain_sigfpe(int sig, siginfo_t *info, void *ctx)
{
	const struct sigaction *old = &area.old_sigfpe;

	if (old->sa_flags & SA_SIGINFO)
		old->sa_sigaction(sig, info, ctx);
	else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
		old->sa_handler(sig);
	else
		(void)signal(sig, SIG_DFL); /* and fault again */
}

/*
 * Stubs keep the soft_vp in RBX and leave the stack 16-byte aligned. They
 * commit nothing before the instruction that may raise, but the MXCSR flags
 * that the CPU has set belong to the guest.
 */
static void on_sigfpe(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *gregs = uc->uc_mcontext.gregs;
	struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
	uintptr_t rip = (uintptr_t)gregs[REG_RIP];
	struct soft_vp *vp;

	if (rip - (uintptr_t)area.rx >= AREA_SIZE) {
		chain_sigfpe(sig, info, ctx);
		return;
	}
	vp = (struct soft_vp *)(uintptr_t)gregs[REG_RBX];
	if (gregs[REG_TRAPNO] == X86_XM)
		fpu_legacy(vp)->mxcsr = fp->mxcsr & MXCSR_VALID;
	fp->mxcsr = X86_MXCSR_INIT;
	fp->cwd = X86_FCW_INIT;
	fp->swd = 0;
	fp->ftw = 0;
	gregs[REG_RDI] = gregs[REG_RBX];
	gregs[REG_RSI] = gregs[REG_TRAPNO];
	gregs[REG_RSP] -= 8; /* as after a call */
	gregs[REG_RIP] = (greg_t)(uintptr_t)trap_landing;
}

static int area_map(void)
{
	int fd, err = 0;
	void *rw, *rx;

	fd = memfd_create("lamina-stubs", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, AREA_SIZE) < 0) {
		err = -errno;
		goto close_fd;
	}
	rw = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rw == MAP_FAILED) {
		err = -errno;
		goto close_fd;
	}
	rx = mmap(NULL, AREA_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (rx == MAP_FAILED) {
		err = -errno;
		(void)munmap(rw, AREA_SIZE);
		goto close_fd;
	}
	area.rw = rw;
	area.rx = rx;
close_fd:
	(void)close(fd);
	return err;
}

static int area_open(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigfpe,
			       .sa_flags = SA_SIGINFO | SA_ONSTACK};
	const uint32_t mxcsr = X86_MXCSR_INIT;
	void *slots;
	int err;

	slots = mmap(NULL, SLOTS * sizeof(struct slot), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (slots == MAP_FAILED)
		return -errno;
	err = area_map();
	if (err < 0) {
		(void)munmap(slots, SLOTS * sizeof(struct slot));
		return err;
	}
	area.slots = slots;
	area.filled = 0;
	area.used = AREA_FIRST;
	memcpy(area.rw, &mxcsr, sizeof(mxcsr));
	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGFPE, &sa, &area.old_sigfpe);
	return 0;
}

static void area_close(void)
{
	(void)sigaction(SIGFPE, &area.old_sigfpe, NULL);
	(void)munmap(area.rw, AREA_SIZE);
	(void)munmap((void *)(uintptr_t)area.rx, AREA_SIZE);
	(void)munmap(area.slots, SLOTS * sizeof(struct slot));
	area.rw = NULL;
	area.rx = NULL;
	area.slots = NULL;
}

int soft_native_init(struct soft_partition *p)
{
	int err = 0;

	(void)pthread_mutex_lock(&area.lock);
	if (area.users == 0)
		err = area_open();
	if (err == 0)
		area.users++;
	(void)pthread_mutex_unlock(&area.lock);
	return err;
}

void soft_native_fini(struct soft_partition *p)
{
	(void)pthread_mutex_lock(&area.lock);
	ASSERT(area.users > 0);
	if (--area.users == 0)
		area_close();
	(void)pthread_mutex_unlock(&area.lock);
}

const uint8_t *native_code_mxcsr(void)
{
	return area.rx;
}

size_t native_code_used(void)
{
	return area.used;
}

/* The slot of @key, or the free one where it belongs. Never full. */
static struct slot *find_slot(uint64_t key)
{
	uint64_t h = (key * UINT64_C(0x9e3779b97f4a7c15)) >> 40;
	uint64_t found;

	for (;; h++) {
		struct slot *s = &area.slots[h & (SLOTS - 1)];

		found = atomic_load_explicit(&s->key, memory_order_acquire);
		if (found == key || found == 0)
			return s;
	}
}

insn_fn *native_code_find(uint64_t key)
{
	const struct slot *s = find_slot(key);

	if (!atomic_load_explicit(&s->key, memory_order_relaxed))
		return NULL;
	return (insn_fn *)atomic_load_explicit(&s->fn, memory_order_relaxed);
}

void native_code_begin(struct native_code *ret)
{
	(void)pthread_mutex_lock(&area.lock);
	ret->rw = area.rw + area.used;
	ret->rx = area.rx + area.used;
	ret->left = STUB_MAX;
	if (AREA_SIZE - area.used < STUB_MAX || area.filled >= SLOTS / 4 * 3)
		ret->rw = NULL;
}

insn_fn *native_code_end(const struct native_code *code, size_t used,
			 uint64_t key)
{
	uintptr_t fn = (uintptr_t)code->rx;
	struct slot *s;

	ASSERT(used <= code->left);
	if (used == 0) {
		(void)pthread_mutex_unlock(&area.lock);
		return NULL;
	}
	s = find_slot(key);
	if (atomic_load_explicit(&s->key, memory_order_relaxed)) {
		/* Somebody else was faster: leave our room to the next. */
		fn = atomic_load_explicit(&s->fn, memory_order_relaxed);
	} else {
		area.used += align_up(used, 16);
		area.filled++;
		atomic_store_explicit(&s->fn, fn, memory_order_relaxed);
		atomic_store_explicit(&s->key, key, memory_order_release);
	}
	(void)pthread_mutex_unlock(&area.lock);
	return (insn_fn *)fn;
}
