/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GDB remote serial protocol ("Debugging with GDB", appendix E): framing,
 * commands that read and write, and those that let the machine run. The
 * register layout is in gdb_regs.c.
 *
 * The debugger is trusted with the guest, not with this process: packets are
 * bounded, numbers checked, memory reached only through the partition API.
 */
#include "gdb.h"

#include "gdb_regs.h"
#include "worker.h"

#include <base/bits.h>
#include <host/log.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_MAX 4096 /* payload of a packet, either way */
#define MEMORY_MAX ((PACKET_MAX - 16) / 2)

struct gdb {
	struct worker *worker;
	sd_event_source *listen;
	sd_event_source *source;
	int fd; /* the debugger, or -1 */
	bool no_ack;
	bool running; /* a continue or step is under way: it expects a stop */
	unsigned int vp; /* chosen by H */

	char in[PACKET_MAX + 8];
	size_t in_used;
	char out[PACKET_MAX + 8];
};

static const char hex[] = "0123456789abcdef";

static void hang_up(struct gdb *g)
{
	(void)sd_event_source_disable_unref(g->source);
	g->source = NULL;
	(void)close(g->fd);
	g->fd = -1;
	g->in_used = 0;
	g->no_ack = false;
	g->running = false;
	/* Breakpoints must not outlive who set them. */
	machine_stop(g->worker);
	partition_clear_breakpoints(g->worker->partition);
	machine_run(g->worker);
}

static void send_bytes(struct gdb *g, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(g->fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the read side will notice */
		bytes += n;
		len -= (size_t)n;
	}
}

static void reply(struct gdb *g, const char *text)
{
	size_t len = strlen(text);
	uint8_t sum = 0;
	int n;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)text[i]);
	n = snprintf(g->out, sizeof(g->out), "$%s#%02x", text, sum);
	if (n > 0 && (size_t)n < sizeof(g->out))
		send_bytes(g, g->out, (size_t)n);
}

static void put_hex(char *dst, const uint8_t *src, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*dst++ = hex[src[i] >> 4];
		*dst++ = hex[src[i] & 15];
	}
	*dst = '\0';
}

static int nibble(char c)
{
	const char *at = c ? strchr(hex, c | 0x20) : NULL;

	return at ? (int)(at - hex) : -1;
}

/* Bytes decoded, at most @size; stops at the first that is no hex pair. */
static size_t get_hex(uint8_t *dst, size_t size, const char *src)
{
	size_t n = 0;

	while (n < size && nibble(src[0]) >= 0 && nibble(src[1]) >= 0) {
		dst[n++] = (uint8_t)(nibble(src[0]) << 4 | nibble(src[1]));
		src += 2;
	}
	return n;
}

/* A number in hex at *@text, which moves behind it. False: there is none. */
static bool take_number(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t n = 0;

	while (nibble(*p) >= 0)
		n = n << 4 | (uint64_t)nibble(*p++);
	if (p == *text)
		return false;
	*text = p;
	*ret = n;
	return true;
}

/* "ADDRESS,LENGTH" at *@text, which moves behind it. */
static bool take_pair(const char **text, uint64_t *ret_a, uint64_t *ret_b)
{
	if (!take_number(text, ret_a) || **text != ',')
		return false;
	(*text)++;
	return take_number(text, ret_b);
}

/* Copy between @buf and guest memory as @vp sees it, page by page. Returns
 * how many bytes could be reached. */
static size_t copy_memory(struct gdb *g, uint64_t addr, uint8_t *buf,
			  size_t len, bool write)
{
	struct guest_memory *gm = board_memory(g->worker->board);
	size_t done = 0;

	while (done < len) {
		uint64_t page_left = PAGE_SIZE - (addr & ~PAGE_MASK);
		size_t n = len - done < page_left ? len - done : page_left;
		gpa_t gpa;
		int err;

		if (!partition_vp_translate(g->worker->partition, g->vp,
					    GVA(addr), &gpa))
			break;
		err = write ? guest_memory_write(gm, gpa, buf + done, n)
			    : guest_memory_read(gm, gpa, buf + done, n);
		if (err < 0)
			break;
		done += n;
		addr += n;
	}
	return done;
}

static void read_memory(struct gdb *g, const char *args)
{
	uint8_t bytes[MEMORY_MAX];
	char text[2 * MEMORY_MAX + 1];
	uint64_t addr, len;
	size_t n;

	if (!take_pair(&args, &addr, &len)) {
		reply(g, "E22");
		return;
	}
	n = copy_memory(g, addr, bytes, len < MEMORY_MAX ? len : MEMORY_MAX,
			false);
	if (!n && len) {
		reply(g, "E14");
		return;
	}
	put_hex(text, bytes, n);
	reply(g, text);
}

static void write_memory(struct gdb *g, const char *args)
{
	uint8_t bytes[MEMORY_MAX];
	uint64_t addr, len;

	if (!take_pair(&args, &addr, &len) || *args != ':' ||
	    get_hex(bytes, sizeof(bytes), args + 1) != len) {
		reply(g, "E22");
		return;
	}
	reply(g, copy_memory(g, addr, bytes, len, true) == len ? "OK" : "E14");
}

static void read_registers(struct gdb *g)
{
	uint8_t bytes[GDB_REGS_BYTES];
	char text[2 * GDB_REGS_BYTES + 1];
	struct vp_regs r;

	partition_vp_get_regs(g->worker->partition, g->vp, &r);
	gdb_regs_pack(bytes, &r);
	put_hex(text, bytes, sizeof(bytes));
	reply(g, text);
}

static void write_registers(struct gdb *g, const char *args)
{
	uint8_t bytes[GDB_REGS_BYTES];
	struct vp_regs r;

	if (get_hex(bytes, sizeof(bytes), args) != sizeof(bytes)) {
		reply(g, "E22");
		return;
	}
	partition_vp_get_regs(g->worker->partition, g->vp, &r);
	gdb_regs_unpack(&r, bytes);
	partition_vp_set_regs(g->worker->partition, g->vp, &r);
	reply(g, "OK");
}

/* Z0 and Z1 are the same here: the processor compares addresses. */
static void breakpoint(struct gdb *g, const char *packet)
{
	const char *args = packet + 2;
	bool on = packet[0] == 'Z';
	uint64_t addr, kind;
	int err;

	if (packet[1] != '0' && packet[1] != '1') {
		reply(g, "");
		return;
	}
	if (*args != ',' || (args++, !take_pair(&args, &addr, &kind))) {
		reply(g, "E22");
		return;
	}
	err = partition_set_breakpoint(g->worker->partition, GVA(addr), on);
	reply(g, err < 0 ? "E28" : "OK");
}

static void choose_thread(struct gdb *g, const char *args)
{
	long n = strtol(args + 1, NULL, 16);

	if (n > (long)g->worker->config->nr_vps) {
		reply(g, "E22");
		return;
	}
	if (n > 0)
		g->vp = (unsigned int)(n - 1);
	reply(g, "OK");
}

static void list_threads(struct gdb *g)
{
	char text[PARTITION_MAX_VPS * 4 + 2] = "m";
	size_t used = 1;

	for (unsigned int i = 1; i <= g->worker->config->nr_vps; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%x", i > 1 ? "," : "", i);
	reply(g, text);
}

static void report_stop(struct gdb *g)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "T05thread:%x;", g->vp + 1);
	reply(g, text);
}

/* Packets carry '}' as an escape; target descriptions need none. */
static void read_features(struct gdb *g, const char *args)
{
	const char *xml = gdb_regs_xml();
	char text[PACKET_MAX - 8];
	size_t size = strlen(xml);
	uint64_t off, len;

	if (!take_pair(&args, &off, &len)) {
		reply(g, "E22");
		return;
	}
	if (off >= size) {
		reply(g, "l");
		return;
	}
	if (len > size - off)
		len = size - off;
	if (len > sizeof(text) - 2)
		len = sizeof(text) - 2;
	(void)snprintf(text, sizeof(text), "%c%.*s",
		       off + len < size ? 'm' : 'l', (int)len, xml + off);
	reply(g, text);
}

/* "monitor ..." lines arrive in hex. */
static void monitor(struct gdb *g, const char *args)
{
	static const char help[] = "commands: nmi, reset\n";
	char line[64] = "";
	char text[2 * sizeof(help) + 1];

	(void)get_hex((uint8_t *)line, sizeof(line) - 1, args);
	if (strcmp(line, "nmi") == 0) {
		partition_nmi(g->worker->partition, g->vp);
		reply(g, "OK");
	} else if (strcmp(line, "reset") == 0) {
		machine_reset(g->worker);
		machine_stop(g->worker);
		reply(g, "OK");
	} else {
		put_hex(text, (const uint8_t *)help, sizeof(help) - 1);
		reply(g, text);
	}
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void query(struct gdb *g, const char *packet)
{
	static const char features[] = "qXfer:features:read:target.xml:";
	char text[128];

	if (starts(packet, "qSupported")) {
		(void)snprintf(text, sizeof(text),
			       "PacketSize=%x;qXfer:features:read+;"
			       "QStartNoAckMode+;vContSupported+",
			       PACKET_MAX);
		reply(g, text);
	} else if (starts(packet, features)) {
		read_features(g, packet + sizeof(features) - 1);
	} else if (strcmp(packet, "qfThreadInfo") == 0) {
		list_threads(g);
	} else if (strcmp(packet, "qsThreadInfo") == 0) {
		reply(g, "l");
	} else if (strcmp(packet, "qC") == 0) {
		(void)snprintf(text, sizeof(text), "QC%x", g->vp + 1);
		reply(g, text);
	} else if (starts(packet, "qThreadExtraInfo")) {
		put_hex(text, (const uint8_t *)"virtual processor", 17);
		reply(g, text);
	} else if (strcmp(packet, "qAttached") == 0) {
		reply(g, "1");
	} else if (starts(packet, "qRcmd,")) {
		monitor(g, packet + 6);
	} else {
		reply(g, "");
	}
}

static void resume(struct gdb *g, bool step)
{
	g->running = true;
	partition_vp_set_step(g->worker->partition, g->vp, step);
	if (step)
		machine_run_one(g->worker, g->vp);
	else
		machine_run(g->worker);
}

/* "vCont?", "vCont;s:2;c": a step names the processor, the rest waits. */
static void resume_list(struct gdb *g, const char *args)
{
	const char *step = strstr(args, ";s");

	if (*args == '?') {
		reply(g, "vCont;c;C;s;S");
		return;
	}
	if (!step)
		step = strstr(args, ";S");
	if (step) {
		const char *thread = strchr(step, ':');
		long n = thread ? strtol(thread + 1, NULL, 16) : 0;

		if (n > 0 && n <= (long)g->worker->config->nr_vps)
			g->vp = (unsigned int)(n - 1);
	}
	resume(g, step != NULL);
}

static void detach(struct gdb *g)
{
	reply(g, "OK");
	hang_up(g);
}

static void handle(struct gdb *g, const char *packet)
{
	switch (packet[0]) {
	case '?':
		report_stop(g);
		break;
	case 'g':
		read_registers(g);
		break;
	case 'G':
		write_registers(g, packet + 1);
		break;
	case 'm':
		read_memory(g, packet + 1);
		break;
	case 'M':
		write_memory(g, packet + 1);
		break;
	case 'Z':
	case 'z':
		breakpoint(g, packet);
		break;
	case 'H':
		choose_thread(g, packet + 1);
		break;
	case 'T':
		reply(g, "OK");
		break;
	case 'q':
		query(g, packet);
		break;
	case 'Q':
		reply(g, strcmp(packet, "QStartNoAckMode") ? "" : "OK");
		g->no_ack |= strcmp(packet, "QStartNoAckMode") == 0;
		break;
	case 'c':
		resume(g, false);
		break;
	case 's':
		resume(g, true);
		break;
	case 'v':
		if (starts(packet, "vCont"))
			resume_list(g, packet + 5);
		else
			reply(g, "");
		break;
	case 'D':
		detach(g);
		break;
	case 'k':
		worker_end(g->worker, WORKER_END_STOPPED, 0, NULL);
		break;
	default:
		reply(g, "");
	}
}

/* Ctrl-C from the debugger. */
static void interrupt(struct gdb *g)
{
	if (!g->running)
		return;
	machine_stop(g->worker);
	g->running = false;
	report_stop(g);
}

/* Is there a whole packet at @text ("$payload#cs")? Its length, or 0. */
static size_t whole_packet(const char *text, size_t len)
{
	const char *end = memchr(text, '#', len);

	if (!end || (size_t)(end - text) + 3 > len)
		return 0;
	return (size_t)(end - text) + 3;
}

static bool checksum_ok(const char *text, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 1; i + 3 < len; i++)
		sum = (uint8_t)(sum + (uint8_t)text[i]);
	return nibble(text[len - 2]) == sum >> 4 &&
	       nibble(text[len - 1]) == (sum & 15);
}

static void take_packet(struct gdb *g, const char *text, size_t len)
{
	char packet[PACKET_MAX + 8];
	bool good = checksum_ok(text, len);

	if (!g->no_ack)
		send_bytes(g, good ? "+" : "-", 1);
	if (!good)
		return;
	memcpy(packet, text + 1, len - 4);
	packet[len - 4] = '\0';
	handle(g, packet);
}

/* Handle what is complete in the input; keep the rest. */
static void take_input(struct gdb *g)
{
	size_t at = 0;

	while (at < g->in_used && g->fd >= 0) {
		size_t len;

		if (g->in[at] == 3)
			interrupt(g);
		if (g->in[at] != '$') {
			at++;
			continue;
		}
		len = whole_packet(g->in + at, g->in_used - at);
		if (!len)
			break;
		take_packet(g, g->in + at, len);
		at += len;
	}
	if (g->fd < 0)
		return;
	memmove(g->in, g->in + at, g->in_used - at);
	g->in_used -= at;
	if (g->in_used == sizeof(g->in)) /* a packet longer than agreed */
		hang_up(g);
}

static int on_debugger(sd_event_source *source, int fd, uint32_t revents,
		       void *ctx)
{
	struct gdb *g = ctx;
	ssize_t n = recv(fd, g->in + g->in_used, sizeof(g->in) - g->in_used,
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		hang_up(g);
		return 0;
	}
	g->in_used += (size_t)n;
	take_input(g);
	return 0;
}

static int on_connect(sd_event_source *source, int listen_fd, uint32_t revents,
		      void *ctx)
{
	struct gdb *g = ctx;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return 0;
	if (g->fd >= 0 || sd_event_add_io(g->worker->loop, &g->source, fd,
					  EPOLLIN, on_debugger, g) < 0) {
		(void)close(fd);
		return 0;
	}
	g->fd = fd;
	machine_stop(g->worker);
	log_info("debugger attached; the machine waits for it");
	return 0;
}

int gdb_new(struct gdb **ret, struct worker *w)
{
	struct gdb *g;
	int err;

	if (w->config->gdb_fd < 0)
		return 0;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->worker = w;
	g->fd = -1;
	err = sd_event_add_io(w->loop, &g->listen, w->config->gdb_fd, EPOLLIN,
			      on_connect, g);
	if (err < 0) {
		free(g);
		return err;
	}
	*ret = g;
	return 0;
}

void gdb_free(struct gdb *g)
{
	if (!g)
		return;
	(void)sd_event_source_disable_unref(g->source);
	(void)sd_event_source_disable_unref(g->listen);
	free(g);
}

void gdb_stopped(struct gdb *g)
{
	uint64_t vps = atomic_exchange(&g->worker->stopped_vps, 0);

	if (g->fd < 0 || !g->running)
		return;
	if (vps)
		g->vp = (unsigned int)__builtin_ctzll(vps);
	partition_vp_set_step(g->worker->partition, g->vp, false);
	g->running = false;
	report_stop(g);
}
