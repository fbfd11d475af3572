/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening files, disks and sockets for the worker. */
#include "open.h"

#include "exit_code.h"

#include <base/bits.h>
#include <disk/disk.h>
#include <host/log.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SERIAL_FILE_LIMIT (UINT64_C(256) << 20)

/* Where Debian and others install SeaBIOS. */
static const char *const bios_paths[] = {
	"/usr/share/seabios/bios-256k.bin",
	"/usr/share/qemu/bios-256k.bin",
};

static int hand_over(struct handover *h, int fd)
{
	h->fd[h->count] = fd;
	return WORKER_FIRST_FD + (int)h->count++;
}

/* Cut to what fits; the name is only for messages. */
static void keep_name(char *dst, size_t size, const char *path)
{
	(void)snprintf(dst, size, "%s", path);
}

static int complain_open(const char *path, int err)
{
	switch (err) {
	case ENOENT:
		log_err("%s: no such file; check the path", path);
		return EXIT_INPUT;
	case EACCES:
	case EPERM:
		log_err("%s: no permission; give this user access to it", path);
		return EXIT_INPUT;
	default:
		log_err("%s: %s", path, strerror(err));
		return EXIT_INPUT;
	}
}

/* A file to load from or a disk image: exists, has content, is no folder. */
static int check_content(const char *path, int fd, bool device_ok)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return complain_open(path, errno);
	if (S_ISDIR(st.st_mode)) {
		log_err("%s: is a directory; name a file in it", path);
		return EXIT_INPUT;
	}
	if (device_ok && S_ISBLK(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode)) {
		log_err("%s: is not a regular file", path);
		return EXIT_INPUT;
	}
	if (st.st_size == 0) {
		log_err("%s: is empty; was it downloaded or built completely?",
			path);
		return EXIT_INPUT;
	}
	return 0;
}

static int open_file(const char *path, struct worker_file *file,
		     struct handover *h)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int code;

	if (fd < 0)
		return complain_open(path, errno);
	code = check_content(path, fd, false);
	if (code)
		return code;
	file->fd = hand_over(h, fd);
	keep_name(file->name, sizeof(file->name), path);
	return 0;
}

static int open_firmware(const struct run_options *o, struct worker_config *c,
			 struct handover *h)
{
	if (o->kernel)
		return 0;
	if (o->firmware)
		return open_file(o->firmware, &c->firmware, h);
	for (unsigned int i = 0; i < ARRAY_SIZE(bios_paths); i++) {
		if (access(bios_paths[i], R_OK) == 0)
			return open_file(bios_paths[i], &c->firmware, h);
	}
	log_err("no BIOS found at %s; install the package 'seabios' or name "
		"one with --firmware FILE",
		bios_paths[0]);
	return EXIT_INPUT;
}

static int open_disk(const struct disk_option *o, unsigned int index,
		     struct worker_config *c, struct handover *h)
{
	struct worker_disk *d = &c->disk[index];
	int fd = open(o->path, (o->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC |
				       O_NONBLOCK);
	int code, err;

	if (fd < 0 && errno == EISDIR)
		fd = open(o->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return complain_open(o->path, errno);
	code = check_content(o->path, fd, true);
	if (code)
		return code;
	err = disk_lock_fd(fd, o->readonly);
	if (err == -EAGAIN) {
		log_err("%s: another virtual machine uses this disk; stop it "
			"first, or use a copy",
			o->path);
		return EXIT_INPUT;
	}
	if (err < 0) {
		log_err("%s: cannot be locked: %s", o->path, strerror(-err));
		return EXIT_INPUT;
	}
	d->fd = hand_over(h, fd);
	d->readonly = o->readonly;
	d->cdrom = o->cdrom;
	d->channel = (uint8_t)(index / 2);
	d->unit = (uint8_t)(index % 2);
	keep_name(d->name, sizeof(d->name), o->path);
	c->nr_disks = index + 1;
	return 0;
}

static int open_stdio_serial(struct worker_config *c, struct handover *h,
			     int *ret_console)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) < 0) {
		log_err("cannot make a socket pair: %s", strerror(errno));
		return EXIT_HOST;
	}
	*ret_console = pair[0];
	c->serial_fd = hand_over(h, pair[1]);
	c->serial_input = 1;
	return 0;
}

static int open_serial(const struct run_options *o, struct worker_config *c,
		       struct handover *h, int *ret_console)
{
	int fd;

	switch (o->serial) {
	case SERIAL_STDIO:
		return open_stdio_serial(c, h, ret_console);
	case SERIAL_FILE:
		fd = open(o->serial_path,
			  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
				  O_NONBLOCK | O_NOCTTY,
			  0600);
		if (fd < 0)
			return complain_open(o->serial_path, errno);
		c->serial_fd = hand_over(h, fd);
		c->serial_limit = SERIAL_FILE_LIMIT;
		return 0;
	case SERIAL_NONE:
		return 0;
	}
	return 0;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	return fd;
}

static int listen_on(const struct addrinfo *a)
{
	const int one = 1;
	int fd = socket(a->ai_family,
			a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			a->ai_protocol);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1) < 0) {
		int err = -errno;

		(void)close(fd);
		return err;
	}
	return fd;
}

/* HOST:PORT or :PORT (loopback). */
static int listen_tcp(const char *text)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(text, ':');
	struct addrinfo *list;
	char host[128];
	int fd = -EINVAL;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (getaddrinfo(*host ? host : "127.0.0.1", colon + 1, &hints, &list))
		return -EINVAL;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = listen_on(a);
	freeaddrinfo(list);
	return fd;
}

static int open_gdb(const struct run_options *o, struct worker_config *c,
		    struct handover *h)
{
	int fd;

	if (!o->gdb)
		return 0;
	fd = strncmp(o->gdb, "unix:", 5) == 0 ? listen_unix(o->gdb + 5)
					      : listen_tcp(o->gdb);
	if (fd == -EINVAL) {
		log_err("--gdb %s: give HOST:PORT, :PORT or unix:PATH", o->gdb);
		return EXIT_USAGE;
	}
	if (fd < 0) {
		log_err("--gdb %s: %s", o->gdb, strerror(-fd));
		return EXIT_HOST;
	}
	c->gdb_fd = hand_over(h, fd);
	return 0;
}

static void no_descriptors(struct worker_config *c)
{
	c->firmware.fd = -1;
	c->kernel.fd = -1;
	for (unsigned int i = 0; i < WORKER_MAX_INITRDS; i++)
		c->initrd[i].fd = -1;
	for (unsigned int i = 0; i < WORKER_MAX_DISKS; i++)
		c->disk[i].fd = -1;
	c->serial_fd = -1;
	c->debug_fd = -1;
	c->gdb_fd = -1;
}

static int open_debug_port(const struct run_options *o, struct worker_config *c,
			   struct handover *h)
{
	int fd;

	if (!o->trace_firmware)
		return 0;
	fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		log_err("standard error cannot be used: %s", strerror(errno));
		return EXIT_HOST;
	}
	c->debug_fd = hand_over(h, fd);
	return 0;
}

int open_all(const struct run_options *o, struct worker_config *config,
	     struct handover *ret, int *ret_console)
{
	int code = 0;

	no_descriptors(config);
	*ret_console = -1;
	if (o->kernel)
		code = open_file(o->kernel, &config->kernel, ret);
	for (unsigned int i = 0; !code && i < o->nr_initrds; i++) {
		code = open_file(o->initrd[i], &config->initrd[i], ret);
		config->nr_initrds = i + 1;
	}
	if (!code)
		code = open_firmware(o, config, ret);
	for (unsigned int i = 0; !code && i < o->nr_disks; i++)
		code = open_disk(&o->disk[i], i, config, ret);
	if (!code)
		code = open_serial(o, config, ret, ret_console);
	if (!code)
		code = open_debug_port(o, config, ret);
	if (!code)
		code = open_gdb(o, config, ret);
	return code;
}
