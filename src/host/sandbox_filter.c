/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System call filters. Both are allow lists; what is not listed fails with
 * EPERM, so that a libc that tries something new degrades instead of killing
 * the machine, while calls that only an attacker would make end the process.
 *
 * Every thread has the device filter; processor threads have the narrower one
 * on top (the kernel applies both).
 */
#include <host/sandbox.h>

#include <base/bits.h>

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>

/* Calls of every thread. */
static const int vp_calls[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(madvise),
	SCMP_SYS(munmap),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_yield),
	SCMP_SYS(tgkill),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(write),
};

/* What event loop, timer and disk threads need on top. */
static const int device_calls[] = {
	SCMP_SYS(accept4),      SCMP_SYS(close),
	SCMP_SYS(epoll_ctl),    SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait),
	SCMP_SYS(fallocate),    SCMP_SYS(fdatasync),
	SCMP_SYS(fstat),        SCMP_SYS(ftruncate),
	SCMP_SYS(getrandom),    SCMP_SYS(lseek),
	SCMP_SYS(newfstatat),   SCMP_SYS(poll),
	SCMP_SYS(ppoll),        SCMP_SYS(pread64),
	SCMP_SYS(preadv),       SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),      SCMP_SYS(pwritev2),
	SCMP_SYS(read),         SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),      SCMP_SYS(rseq),
	SCMP_SYS(seccomp),      SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),       SCMP_SYS(set_robust_list),
	SCMP_SYS(shutdown),     SCMP_SYS(timerfd_gettime),
	SCMP_SYS(writev),
};

/* Nothing in the worker or its libraries calls these: an attack. */
static const int deadly_calls[] = {
	SCMP_SYS(add_key),
	SCMP_SYS(bpf),
	SCMP_SYS(clone3),
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(kexec_load),
	SCMP_SYS(keyctl),
	SCMP_SYS(mount),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pivot_root),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(ptrace),
	SCMP_SYS(reboot),
	SCMP_SYS(setns),
	SCMP_SYS(socket),
	SCMP_SYS(swapon),
	SCMP_SYS(unshare),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(vfork),
};

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);

		if (err < 0)
			return err;
	}
	return 0;
}

static int kill_on(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, calls[i],
					   0);

		if (err < 0)
			return err;
	}
	return 0;
}

/* Memory for malloc and thread stacks, but never executable. */
static int allow_plain_memory(scmp_filter_ctx ctx)
{
	static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(calls) && err == 0; i++)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, calls[i], 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

static int build(scmp_filter_ctx ctx, bool vp)
{
	int err = allow(ctx, vp_calls, ARRAY_SIZE(vp_calls));

	if (err == 0 && !vp)
		err = allow(ctx, device_calls, ARRAY_SIZE(device_calls));
	if (err == 0)
		err = allow_plain_memory(ctx);
	if (err == 0)
		err = kill_on(ctx, deadly_calls, ARRAY_SIZE(deadly_calls));
	return err;
}

static int load(bool vp)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!ctx)
		return -ENOMEM;
	err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			       SCMP_ACT_KILL_PROCESS);
	/* sandbox_enter() has set no_new_privs; prctl is no longer there. */
	if (err == 0)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (err == 0 && !vp)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (err == 0)
		err = build(ctx, vp);
	if (err == 0)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}

int sandbox_filter(void)
{
	return load(false);
}

int sandbox_filter_vp(void)
{
	return load(true);
}
