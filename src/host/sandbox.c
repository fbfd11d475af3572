/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespaces, empty root, user, capabilities, Landlock and limits. The system
 * call filters are in sandbox_filter.c.
 */
#include <host/sandbox.h>

#include <base/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMESPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |            \
	 CLONE_NEWUTS)

static const char *const piece_name[SANDBOX_PIECES] = {
	[SANDBOX_NAMESPACES] = "namespaces",
	[SANDBOX_EMPTY_ROOT] = "empty root directory",
	[SANDBOX_USER] = "unprivileged user",
	[SANDBOX_CAPABILITIES] = "dropping of capabilities",
	[SANDBOX_LANDLOCK] = "Landlock",
	[SANDBOX_SECCOMP] = "system call filter",
};

const char *sandbox_piece_name(enum sandbox_piece piece)
{
	return piece_name[piece];
}

static void note_missing(struct sandbox_report *report,
			 enum sandbox_piece piece)
{
	report->missing |= BIT(piece);
}

/* fork() with clone flags. No thread exists, so libc's own state is whole. */
static pid_t fork_with(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL,
			      NULL);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	(void)close(fd);
	return n < 0 ? -EIO : 0;
}

/* In a fresh user namespace: be the same unprivileged user inside. */
static void map_own_user(uid_t uid, gid_t gid)
{
	char line[64];

	(void)write_file("/proc/self/setgroups", "deny");
	(void)snprintf(line, sizeof(line), "%u %u 1", uid, uid);
	(void)write_file("/proc/self/uid_map", line);
	(void)snprintf(line, sizeof(line), "%u %u 1", gid, gid);
	(void)write_file("/proc/self/gid_map", line);
}

pid_t sandbox_fork(struct sandbox_report *report)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	pid_t pid;

	pid = fork_with(NAMESPACES | (uid ? CLONE_NEWUSER : 0));
	if (pid < 0) {
		note_missing(report, SANDBOX_NAMESPACES);
		return fork_with(0);
	}
	if (pid == 0 && uid)
		map_own_user(uid, gid);
	return pid;
}

/*
 * Replace the root by an empty tmpfs that nobody can write: mounted over a
 * directory every system has, made the root, the old one detached.
 */
static int empty_root(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	if (mount("tmpfs", "/tmp", "tmpfs", MS_NODEV | MS_NOEXEC | MS_NOSUID,
		  "size=4k,mode=555") < 0)
		return -errno;
	if (chdir("/tmp") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	if (mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOEXEC |
			  MS_NOSUID,
		  NULL) < 0)
		return -errno;
	return 0;
}

static int become_user(uid_t uid)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = {0};

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none) < 0)
		return -errno;
	return 0;
}

/* A ruleset that handles every file access right the host's Landlock knows
 * and grants none. */
static int forbid_files(void)
{
	struct landlock_ruleset_attr attr = {0};
	/* Number of file rights by ABI version, 1 to 5. */
	static const unsigned char rights[] = {0, 13, 14, 15, 15, 16};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	int fd, err = 0;

	if (abi < 1)
		return -ENOSYS;
	if (abi > 5)
		abi = 5;
	attr.handled_access_fs = BITS64(rights[abi] - 1, 0);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr,
			  sizeof(attr.handled_access_fs), 0);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		err = -errno;
	(void)close(fd);
	return err;
}

static void limit_resources(void)
{
	const struct rlimit none = {0, 0};
	const struct rlimit files = {1024, 1024};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void close_others(int max_fd)
{
	(void)syscall(SYS_close_range, (unsigned int)max_fd + 1, ~0U, 0);
}

void sandbox_enter(const struct sandbox_config *config,
		   struct sandbox_report *report)
{
	close_others(config->max_fd);
	if (empty_root() < 0)
		note_missing(report, SANDBOX_EMPTY_ROOT);
	if (become_user(config->uid) < 0)
		note_missing(report, SANDBOX_USER);
	if (drop_capabilities() < 0)
		note_missing(report, SANDBOX_CAPABILITIES);
	limit_resources();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		note_missing(report, SANDBOX_SECCOMP);
	if (forbid_files() < 0)
		note_missing(report, SANDBOX_LANDLOCK);
}
