/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reporting on the first serial port: one line per check, in a form that
 * tests/guest/run reads. Also the way out of the machine, and the memory
 * functions that the compiler may call.
 */
#include "lib.h"
#include "page.h"

#include <stdarg.h>

#define COM1       0x3f8
#define EXIT_PORT  0xf4
#define LSR_THRE   0x20
#define LSR_TEMT   0x40
#define LINE_LIMIT 512

static unsigned int passed, failed, skipped;

struct line {
	char text[LINE_LIMIT];
	unsigned int len;
};

/* What detail() left for the next check that fails. */
static struct line pending;

void *memset(void *d, int c, size_t n)
{
	uint8_t *p = d;

	while (n--)
		*(volatile uint8_t *)p++ = c;
	return d;
}

void *memcpy(void *d, const void *s, size_t n)
{
	const uint8_t *from = s;
	uint8_t *to = d;

	while (n--)
		*(volatile uint8_t *)to++ = *from++;
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

static void serial_put(char c)
{
	unsigned int spin;

	for (spin = 0; spin < 100000 && !(inb(COM1 + 5) & LSR_THRE); spin++)
		pause();
	outb(COM1, c);
}

static void serial_init(void)
{
	outb(COM1 + 1, 0x00);
	outb(COM1 + 3, 0x80);
	outb(COM1 + 0, 0x01);
	outb(COM1 + 1, 0x00);
	outb(COM1 + 3, 0x03);
	outb(COM1 + 2, 0x07);
	outb(COM1 + 4, 0x03);
}

static void line_put(struct line *l, char c)
{
	if (l->len < LINE_LIMIT)
		l->text[l->len++] = c;
}

static void line_number(struct line *l, uint64_t v, unsigned int base,
			unsigned int width, char pad)
{
	char digits[24];
	unsigned int n = 0;

	do {
		/* 64-bit division would need libgcc in a 32-bit image. */
		if (base == 16) {
			digits[n++] = "0123456789abcdef"[v & 15];
			v >>= 4;
		} else {
			digits[n++] = '0' + (uint32_t)v % 10;
			v = (uint32_t)v / 10;
		}
	} while (v);
	while (width > n && width < 24) {
		line_put(l, pad);
		width--;
	}
	while (n)
		line_put(l, digits[--n]);
}

/* %s %c %d %u %x with l, ll, width and 0; enough for reports. */
static void line_vprint(struct line *l, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		unsigned int width = 0, longs = 0;
		const char *s;
		char pad = ' ';
		uint64_t v;

		if (*fmt != '%') {
			line_put(l, *fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = '0';
		while (*fmt >= '0' && *fmt <= '9')
			width = width * 10 + (*fmt++ - '0');
		while (*fmt == 'l') {
			longs++;
			fmt++;
		}
		switch (*fmt) {
		case 's':
			for (s = va_arg(ap, const char *); *s; s++)
				line_put(l, *s);
			break;
		case 'c':
			line_put(l, va_arg(ap, int));
			break;
		case 'd':
		case 'u':
		case 'x':
			if (longs == 2)
				v = va_arg(ap, unsigned long long);
			else if (longs == 1)
				v = va_arg(ap, unsigned long);
			else
				v = va_arg(ap, unsigned int);
			if (*fmt == 'd' && longs == 0 && (int)v < 0) {
				line_put(l, '-');
				v = -(int)v;
			}
			line_number(l, v, *fmt == 'x' ? 16 : 10, width, pad);
			break;
		default:
			line_put(l, *fmt);
		}
	}
}

static void line_print(struct line *l, const char *fmt, ...) PRINTF(2, 3);

static void line_print(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_vprint(l, fmt, ap);
	va_end(ap);
}

static void line_flush(struct line *l)
{
	unsigned int i;

	for (i = 0; i < l->len; i++)
		serial_put(l->text[i]);
	l->len = 0;
}

void print(const char *fmt, ...)
{
	struct line l = {.len = 0};
	va_list ap;

	va_start(ap, fmt);
	line_vprint(&l, fmt, ap);
	va_end(ap);
	line_flush(&l);
}

void detail(const char *fmt, ...)
{
	va_list ap;

	pending.len = 0;
	va_start(ap, fmt);
	line_vprint(&pending, fmt, ap);
	va_end(ap);
}

static void report_end(struct line *l, bool good)
{
	unsigned int i;

	if (!good && pending.len) {
		line_print(l, " [");
		for (i = 0; i < pending.len; i++)
			line_put(l, pending.text[i]);
		line_put(l, ']');
	}
	pending.len = 0;
	line_put(l, '\n');
	line_flush(l);
}

static void report_start(struct line *l, bool good, const char *fmt, va_list ap)
{
	l->len = 0;
	line_print(l, good ? "ok " : "FAIL ");
	line_vprint(l, fmt, ap);
	if (good)
		passed++;
	else
		failed++;
}

bool check_eq(uint64_t got, uint64_t want, const char *fmt, ...)
{
	struct line l;
	va_list ap;

	va_start(ap, fmt);
	report_start(&l, got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		line_print(&l, ": got 0x%llx want 0x%llx",
			   (unsigned long long)got, (unsigned long long)want);
	report_end(&l, got == want);
	return got == want;
}

bool check(bool good, const char *fmt, ...)
{
	struct line l;
	va_list ap;

	va_start(ap, fmt);
	report_start(&l, good, fmt, ap);
	va_end(ap);
	if (!good)
		line_print(&l, ": got false want true");
	report_end(&l, good);
	return good;
}

bool check_trap(const struct trap *t, int vector, ulong error, const char *fmt,
		...)
{
	bool good = t->vector == vector && (vector < 0 || t->error == error);
	struct line l;
	va_list ap;

	va_start(ap, fmt);
	report_start(&l, good, fmt, ap);
	va_end(ap);
	if (!good)
		line_print(&l,
			   ": got vector %d error 0x%lx (ip 0x%lx cr2 0x%lx) "
			   "want vector %d error 0x%lx",
			   t->vector, t->error, t->ip, t->cr2, vector, error);
	report_end(&l, good);
	return good;
}

void skip(const char *why, const char *fmt, ...)
{
	struct line l = {.len = 0};
	va_list ap;

	line_print(&l, "skip ");
	va_start(ap, fmt);
	line_vprint(&l, fmt, ap);
	va_end(ap);
	line_print(&l, ": %s\n", why);
	line_flush(&l);
	skipped++;
}

/* PIIX4 power management: SLP_EN with sleep type 0 is S5. */
static void acpi_off(void)
{
	uint16_t pm;

	outl(0xcf8, 0x80000000 | 1 << 11 | 3 << 8 | 0x40);
	pm = inl(0xcfc) & 0xffc0;
	if (pm && pm != 0xffc0)
		outw(pm + 4, 0x2000);
}

static void leave(uint32_t code) __attribute__((noreturn));

static void leave(uint32_t code)
{
	unsigned int spin;

	/* Let the last characters out. */
	for (spin = 0; spin < 100000 && !(inb(COM1 + 5) & LSR_TEMT); spin++)
		pause();
	outl(EXIT_PORT, code);
	acpi_off();
	for (;;)
		asm volatile("cli; hlt");
}

void finish(void)
{
	print("done %u passed %u failed %u skipped\n", passed, failed, skipped);
	leave(failed ? 1 : 0);
}

void die(const char *fmt, ...)
{
	struct line l = {.len = 0};
	va_list ap;

	line_print(&l, "FAIL image: ");
	va_start(ap, fmt);
	line_vprint(&l, fmt, ap);
	va_end(ap);
	line_put(&l, '\n');
	line_flush(&l);
	leave(2);
}

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr;
};

struct mb_mmap {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

uint64_t ram_top(void)
{
	const struct mb_info *info = (const void *)(ulong)boot_info;
	uint64_t top = 0;
	ulong at;

	if (!(info->flags & 0x40))
		return 0;
	at = info->mmap_addr;
	while (at < info->mmap_addr + info->mmap_length) {
		const struct mb_mmap *m = (const void *)at;

		if (m->type == 1 && m->base + m->length > top)
			top = m->base + m->length;
		at += m->size + 4;
	}
	return top;
}

void lib_init(void)
{
	/* No interrupts but those a test asks for. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	serial_init();
	trap_init_cpu(0);
	page_init();
}
