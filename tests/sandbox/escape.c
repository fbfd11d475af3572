/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into lamina-vm instead of src/worker/sealed.c: tries one forbidden
 * action from inside the finished sandbox and ends the process with a verdict.
 * Which one, and from which kind of thread, is in the machine's name:
 * "escape:KIND:NUMBER". Being killed for it is a verdict as well.
 *
 * `tests/sandbox/run` walks through all of them.
 */
#include "../../src/worker/worker.h"

#include <base/bits.h>
#include <host/log.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define CALL(...) ((int)syscall(__VA_ARGS__))

static char space[4096] __attribute__((aligned(4096)));

/* Each returns negative (with errno) when it was refused. */
static int try_open_shadow(void)
{
	return CALL(SYS_openat, AT_FDCWD, "/etc/shadow", O_RDONLY);
}

static int try_open_old(void)
{
	return CALL(SYS_open, "/etc/passwd", O_RDONLY);
}

static int try_create(void)
{
	return CALL(SYS_openat, AT_FDCWD, "/escape", O_CREAT | O_WRONLY, 0600);
}

static int try_open_proc(void)
{
	return CALL(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR);
}

static int try_open_kvm(void)
{
	return CALL(SYS_openat, AT_FDCWD, "/dev/kvm", O_RDWR);
}

static int try_openat2(void)
{
	uint64_t how[3] = {O_RDONLY, 0, 0};

	return CALL(SYS_openat2, AT_FDCWD, "/", how, sizeof(how));
}

static int try_mkdir(void)
{
	return CALL(SYS_mkdir, "/escape", 0700);
}

static int try_unlink(void)
{
	return CALL(SYS_unlink, "/etc/hostname");
}

static int try_rename(void)
{
	return CALL(SYS_rename, "/etc/hostname", "/etc/escape");
}

static int try_chmod(void)
{
	return CALL(SYS_chmod, "/", 0777);
}

static int try_stat(void)
{
	struct stat st;

	return CALL(SYS_stat, "/etc/passwd", &st);
}

static int try_chroot(void)
{
	return CALL(SYS_chroot, "/");
}

static int try_mount(void)
{
	return CALL(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static int try_umount(void)
{
	return CALL(SYS_umount2, "/", MNT_DETACH);
}

static int try_pivot_root(void)
{
	return CALL(SYS_pivot_root, ".", ".");
}

static int try_execve(void)
{
	char *const argv[] = {(char[]){"sh"}, NULL};

	return CALL(SYS_execve, "/bin/sh", argv, NULL);
}

static int try_fexecve(void)
{
	char *const argv[] = {(char[]){"sh"}, NULL};

	return CALL(SYS_execveat, WORKER_CONFIG_FD, "", argv, NULL,
		    AT_EMPTY_PATH);
}

static int try_fork(void)
{
	return CALL(SYS_fork);
}

static int try_clone_thread(void)
{
	return CALL(SYS_clone, CLONE_VM | SIGCHLD, NULL, NULL, NULL, NULL);
}

static int try_clone_user(void)
{
	return CALL(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
}

static int try_unshare(void)
{
	return CALL(SYS_unshare, CLONE_NEWUSER);
}

static int try_setns(void)
{
	return CALL(SYS_setns, WORKER_CONFIG_FD, 0);
}

static int try_ptrace(void)
{
	return CALL(SYS_ptrace, PTRACE_ATTACH, 1, NULL, NULL);
}

static int try_vm_readv(void)
{
	return CALL(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}

static int try_kill_other(void)
{
	return CALL(SYS_kill, -1, SIGTERM);
}

static int try_tcp_socket(void)
{
	return CALL(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static int try_unix_socket(void)
{
	return CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static int try_netlink_socket(void)
{
	return CALL(SYS_socket, AF_NETLINK, SOCK_RAW, 0);
}

static int try_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return CALL(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int try_perf(void)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	return CALL(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static int try_io_uring(void)
{
	char params[120] = {0};

	return CALL(SYS_io_uring_setup, 4, params);
}

static int try_userfaultfd(void)
{
	return CALL(SYS_userfaultfd, 0);
}

static int try_keyctl(void)
{
	return CALL(SYS_keyctl, 0, -3, 1, 0, 0);
}

static int try_memfd(void)
{
	return CALL(SYS_memfd_create, "escape", 0);
}

static int try_exec_mapping(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int try_mprotect_exec(void)
{
	return mprotect(space, sizeof(space), PROT_READ | PROT_EXEC);
}

static int try_setuid(void)
{
	return CALL(SYS_setresuid, 0, 0, 0);
}

static int try_capset(void)
{
	return CALL(SYS_capset, NULL, NULL);
}

static int try_ioctl(void)
{
	return CALL(SYS_ioctl, STDERR_FILENO, TIOCSTI, "x");
}

static int try_reboot(void)
{
	return CALL(SYS_reboot, 0xfee1dead, 672274793, 0, NULL);
}

static int try_init_module(void)
{
	return CALL(SYS_init_module, space, sizeof(space), "");
}

static int try_prctl(void)
{
	return CALL(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int try_settime(void)
{
	const struct timeval tv = {0};

	return CALL(SYS_settimeofday, &tv, NULL);
}

static int try_pidfd_getfd(void)
{
	return CALL(SYS_pidfd_getfd, 3, 0, 0);
}

static const struct {
	const char *name;
	int (*attempt)(void);
} actions[] = {
	{"open /etc/shadow", try_open_shadow},
	{"open by the old call", try_open_old},
	{"create a file", try_create},
	{"open /proc/self/mem", try_open_proc},
	{"open /dev/kvm", try_open_kvm},
	{"openat2", try_openat2},
	{"mkdir", try_mkdir},
	{"unlink", try_unlink},
	{"rename", try_rename},
	{"chmod", try_chmod},
	{"stat a path", try_stat},
	{"chroot", try_chroot},
	{"mount", try_mount},
	{"umount", try_umount},
	{"pivot_root", try_pivot_root},
	{"execve", try_execve},
	{"execveat of a descriptor", try_fexecve},
	{"fork", try_fork},
	{"clone a process", try_clone_thread},
	{"clone with a user namespace", try_clone_user},
	{"unshare", try_unshare},
	{"setns", try_setns},
	{"ptrace", try_ptrace},
	{"read another process's memory", try_vm_readv},
	{"kill others", try_kill_other},
	{"TCP socket", try_tcp_socket},
	{"unix socket", try_unix_socket},
	{"netlink socket", try_netlink_socket},
	{"bpf", try_bpf},
	{"perf_event_open", try_perf},
	{"io_uring_setup", try_io_uring},
	{"userfaultfd", try_userfaultfd},
	{"keyctl", try_keyctl},
	{"memfd_create", try_memfd},
	{"map executable memory", try_exec_mapping},
	{"make memory executable", try_mprotect_exec},
	{"become root", try_setuid},
	{"regain capabilities", try_capset},
	{"push into the terminal", try_ioctl},
	{"reboot", try_reboot},
	{"load a kernel module", try_init_module},
	{"become dumpable", try_prctl},
	{"set the clock", try_settime},
	{"take another process's descriptor", try_pidfd_getfd},
};

void worker_sealed(struct worker *w, const char *kind)
{
	char wanted[16];
	unsigned int n;

	if (sscanf(w->config->name, "escape:%15[a-z]:%u", wanted, &n) != 2 ||
	    strcmp(wanted, kind) != 0)
		return;
	if (n >= ARRAY_SIZE(actions)) {
		log_info("escape: no more");
	} else if (actions[n].attempt() < 0) {
		log_info("escape: %s: blocked: %s", actions[n].name,
			 strerror(errno));
	} else {
		log_info("escape: %s: NOT BLOCKED", actions[n].name);
	}
	_exit(EXIT_SUCCESS);
}
