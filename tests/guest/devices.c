/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of the board, as far as software can tell without interrupts:
 * CMOS, PCI configuration, 8259, 8254, UART, i8042, fw_cfg, the ACPI timer
 * and the tables that firmware or loader left.
 */
#include "apic.h"
#include "lib.h"

#define COM1 0x3f8

/* --- CMOS
 * ------------------------------------------------------------------------- */

static uint8_t cmos(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void cmos_set(uint8_t reg, uint8_t v)
{
	outb(0x70, reg);
	outb(0x71, v);
}

static unsigned int cmos_number(uint8_t reg)
{
	uint8_t v = cmos(reg);

	return cmos(0x0b) & 4 ? v : (v >> 4) * 10 + (v & 15);
}

static void test_cmos(void)
{
	uint8_t old = cmos(0x6e);
	unsigned int seconds;

	check_eq(cmos(0x0d) & 0x80, 0x80, "cmos: RAM and time valid");
	check_eq(cmos(0x0b) & 0x02, 0x02, "cmos: 24 hours");
	check_eq(cmos(0x0b) & 0x80, 0, "cmos: time is not being set");
	check_eq(cmos(0x0a) & 0x70, 0x20, "cmos: 32768 Hz time base");
	(void)wait_for(!(cmos(0x0a) & 0x80), 10);
	check(cmos_number(0) < 60, "cmos: seconds");
	check(cmos_number(2) < 60, "cmos: minutes");
	check(cmos_number(4) < 24, "cmos: hours");
	check(cmos_number(6) >= 1 && cmos_number(6) <= 7, "cmos: weekday");
	check(cmos_number(7) >= 1 && cmos_number(7) <= 31, "cmos: day");
	check(cmos_number(8) >= 1 && cmos_number(8) <= 12, "cmos: month");
	check(cmos_number(0x32) == 20, "cmos: century");
	seconds = cmos(0);
	check(wait_for(cmos(0) != seconds, 2000), "cmos: time goes on");
	cmos_set(0x6e, 0x5a);
	check_eq(cmos(0x6e), 0x5a, "cmos: RAM keeps a byte");
	cmos_set(0x6e, 0xa5);
	check_eq(cmos(0x6e), 0xa5, "cmos: RAM keeps another");
	cmos_set(0x6e, old);
	check_eq(cmos(0x15) | cmos(0x16) << 8, 640, "cmos: base memory");
	check((cmos(0x34) | cmos(0x35) << 8) > 0, "cmos: memory above 16 MiB");
}

/* --- PCI
 * ---------------------------------------------------------------------------
 */

static void pci_select(unsigned int dev, unsigned int fn, unsigned int reg)
{
	outl(0xcf8, 0x80000000 | dev << 11 | fn << 8 | (reg & 0xfc));
}

static uint32_t pci(unsigned int dev, unsigned int fn, unsigned int reg)
{
	pci_select(dev, fn, reg);
	return inl(0xcfc);
}

static void pci_set(unsigned int dev, unsigned int fn, unsigned int reg,
		    uint32_t v)
{
	pci_select(dev, fn, reg);
	outl(0xcfc, v);
}

static void test_bar(void)
{
	uint32_t old = pci(1, 1, 0x20), command = pci(1, 1, 4);

	pci_set(1, 1, 4, command & ~1U);
	pci_set(1, 1, 0x20, 0xffffffff);
	check_eq(pci(1, 1, 0x20), 0xfffffff1, "pci: IDE's BAR 4 is 16 ports");
	pci_set(1, 1, 0x20, old);
	pci_set(1, 1, 4, command);
	check_eq(pci(1, 1, 0x20), old, "pci: BAR as before");
}

static void test_pci(void)
{
	uint32_t bridge = pci(1, 0, 0);
	unsigned int dev, found = 0;

	outl(0xcf8, 0x80001234);
	check_eq(inl(0xcf8), 0x80001234, "pci: address register");
	check_eq(pci(0, 0, 0), 0x12378086, "pci: 440FX host bridge");
	check_eq(pci(0, 0, 8) >> 16, 0x0600, "pci: class of host bridge");
	check(bridge == 0x70008086 || bridge == 0x71108086,
	      "pci: PIIX3 or PIIX4 ISA bridge");
	check_eq(pci(1, 0, 8) >> 16, 0x0601, "pci: class of ISA bridge");
	check_eq(pci(1, 0, 0xc) >> 23 & 1, 1, "pci: several functions");
	check_eq(pci(1, 1, 8) >> 16, 0x0101, "pci: IDE at 1.1");
	check_eq(pci(1, 3, 0), 0x71138086, "pci: PIIX4 power management");
	check_eq(pci(31, 7, 0), 0xffffffff, "pci: nothing there reads ones");
	pci_select(0, 0, 0);
	check_eq(inw(0xcfc), 0x8086, "pci: word access");
	check_eq(inw(0xcfe), 0x1237, "pci: upper word access");
	check_eq(inb(0xcfd), 0x80, "pci: byte access");
	pci_set(0, 0, 0, 0);
	check_eq(pci(0, 0, 0), 0x12378086, "pci: IDs are read-only");
	outl(0xcf8, 0);
	check(inl(0xcfc) != 0x12378086, "pci: enable bit needed");
	for (dev = 0; dev < 32; dev++)
		found += pci(dev, 0, 0) != 0xffffffff;
	check(found >= 2 && found < 32, "pci: scan of bus 0");
	test_bar();
}

/* --- 8259
 * ---------------------------------------------------------------------------
 */

static unsigned int pic_read(unsigned int port, unsigned int what)
{
	outb(port, what);
	return inb(port);
}

static void test_pic(void)
{
	pic_init(0x30);
	outb(0x20, 0x11);
	outb(0x21, 0x30);
	outb(0x21, 0x04);
	outb(0x21, 0x01);
	check_eq(inb(0x21), 0, "pic: ICW1 clears the mask");
	outb(0x21, 0xa5);
	outb(0xa1, 0x5a);
	check_eq(inb(0x21), 0xa5, "pic: mask of the first");
	check_eq(inb(0xa1), 0x5a, "pic: mask of the second");
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	pit_periodic(2000);
	check(wait_for(pic_read(0x20, 0x0a) & 1, 200),
	      "pic: IRR of a masked line");
	check_eq(pic_read(0x20, 0x0b) & 1, 0, "pic: ISR of a masked line");
	/* Poll: acknowledges without a vector. */
	outb(0x21, 0xfe);
	(void)wait_for(pic_read(0x20, 0x0a) & 1, 200);
	outb(0x20, 0x0c);
	check_eq(inb(0x20) & 0x87, 0x80, "pic: poll says line 0");
	check_eq(pic_read(0x20, 0x0b) & 1, 1, "pic: poll puts it in service");
	outb(0x20, 0x60);
	check_eq(pic_read(0x20, 0x0b) & 1, 0, "pic: specific EOI");
	outb(0x21, 0xff);
	pit_stop();
	outb(0x20, 0x0c);
	check_eq(inb(0x20) & 0x80, 0, "pic: poll with nothing pending");
	outb(0x4d0, 0xff);
	check_eq(inb(0x4d0), 0xf8, "pic: edge/level register of the first");
	outb(0x4d1, 0xff);
	check_eq(inb(0x4d1), 0xde, "pic: edge/level register of the second");
	outb(0x4d0, 0);
	outb(0x4d1, 0x0c);
}

/* --- 8254
 * ---------------------------------------------------------------------------
 */

static void pit2(uint8_t mode, uint16_t count)
{
	outb(0x43, 0xb0 | mode << 1);
	outb(0x42, count & 0xff);
	outb(0x42, count >> 8);
}

static unsigned int pit2_count(void)
{
	unsigned int v;

	outb(0x43, 0x80);
	v = inb(0x42);
	return v | inb(0x42) << 8;
}

static unsigned int pit2_status(void)
{
	outb(0x43, 0xe8);
	return inb(0x42);
}

static void test_pit(void)
{
	unsigned int a, b, i, ups = 0;
	bool in_range = true;

	outb(0x61, (inb(0x61) & ~2) | 1);
	pit2(0, 20000);
	check_eq(inb(0x61) & 0x20, 0, "pit: mode 0, output low");
	check_eq(pit2_status() & 0xbf, 0x30, "pit: mode 0, status");
	a = pit2_count();
	b = pit2_count();
	check(a <= 20000 && b <= a, "pit: mode 0 counts down");
	pit2(0, 1000);
	for (i = 0; i < 1000000 && !(inb(0x61) & 0x20); i++)
		pause();
	check_eq(inb(0x61) & 0x20, 0x20, "pit: mode 0, output high at the end");
	check_eq(pit2_status() & 0x80, 0x80, "pit: mode 0, status says so");

	/* A latched count stays until it is read. */
	pit2(0, 60000);
	outb(0x43, 0x80);
	a = inb(0x42);
	for (i = 0; i < 2000; i++)
		(void)inb(0x61);
	a |= inb(0x42) << 8;
	b = pit2_count();
	check(a > 50000 && b < a, "pit: a latched count stands still");

	/* Gate down: no counting in mode 0. */
	pit2(0, 60000);
	outb(0x61, inb(0x61) & ~1);
	a = pit2_count();
	for (i = 0; i < 2000; i++)
		(void)inb(0x61);
	check_eq(pit2_count(), a, "pit: mode 0, gate stops it");
	outb(0x61, inb(0x61) | 1);
	for (i = 0; i < 2000; i++)
		(void)inb(0x61);
	check(pit2_count() < a, "pit: mode 0, gate lets it go on");

	pit2(2, 500);
	b = 0;
	for (i = 0; i < 20000; i++) {
		a = pit2_count();
		in_range &= a >= 1 && a <= 500;
		ups += a > b;
		b = a;
	}
	check(in_range, "pit: mode 2 stays in its range");
	check(ups >= 3, "pit: mode 2 reloads");
	check_eq(pit2_status() & 0x3f, 0x34, "pit: mode 2, status");
	pit2(3, 500);
	for (i = 0, a = b = 0; i < 20000; i++) {
		a |= inb(0x61) & 0x20;
		b |= ~inb(0x61) & 0x20;
	}
	check(a && b, "pit: mode 3 is a square wave");
	check_eq(pit2_status() & 0x3f, 0x36, "pit: mode 3, status");

	/* Low byte only. */
	outb(0x43, 0x90);
	outb(0x42, 200);
	outb(0x43, 0x80);
	a = inb(0x42);
	check_eq(pit2_status() & 0x3f, 0x10, "pit: low byte only, status");
}

/* --- UART
 * ---------------------------------------------------------------------------
 */

static void uart_put(uint8_t c)
{
	unsigned int i;

	for (i = 0; i < 100000 && !(inb(COM1 + 5) & 0x20); i++)
		pause();
	outb(COM1, c);
}

/* No output while it loops back: gather first, report after. */
static void test_uart(void)
{
	uint8_t scratch, dll, dlm, ier, iir, msr[4], echo, lsr_empty, fifo[20];
	unsigned int i, n = 0, old_dll, ready;

	(void)wait_for(inb(COM1 + 5) & 0x40, 1000);
	outb(COM1 + 7, 0x5a);
	scratch = inb(COM1 + 7);
	outb(COM1 + 3, 0x83);
	old_dll = inb(COM1);
	outb(COM1, 0x34);
	outb(COM1 + 1, 0x12);
	dll = inb(COM1);
	dlm = inb(COM1 + 1);
	outb(COM1, old_dll);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x03);
	outb(COM1 + 1, 0xff);
	ier = inb(COM1 + 1);
	outb(COM1 + 1, 0);

	outb(COM1 + 4, 0x10);
	msr[0] = inb(COM1 + 6);
	outb(COM1 + 4, 0x1f);
	msr[1] = inb(COM1 + 6);
	outb(COM1 + 4, 0x11);
	msr[2] = inb(COM1 + 6);
	outb(COM1 + 4, 0x12);
	msr[3] = inb(COM1 + 6);
	outb(COM1 + 2, 0x07);
	iir = inb(COM1 + 2);
	lsr_empty = inb(COM1 + 5);
	uart_put(0xa7);
	ready = wait_for(inb(COM1 + 5) & 1, 100);
	echo = inb(COM1);
	for (i = 0; i < 16; i++)
		uart_put(0x40 + i);
	delay_us(20000);
	while (n < 20 && inb(COM1 + 5) & 1)
		fifo[n++] = inb(COM1);
	outb(COM1 + 2, 0x07);
	outb(COM1 + 4, 0x03);

	check_eq(scratch, 0x5a, "uart: scratch register");
	check_eq(dll | dlm << 8, 0x1234, "uart: divisor");
	check_eq(ier, 0x0f, "uart: four interrupt enables");
	check_eq(iir & 0xc0, 0xc0, "uart: FIFOs on");
	check_eq(msr[0] & 0xf0, 0, "uart: loopback, no lines");
	check_eq(msr[1] & 0xf0, 0xf0, "uart: loopback, all lines");
	check_eq(msr[2] & 0xf0, 0x20, "uart: loopback, DTR is DSR");
	check_eq(msr[3] & 0xf0, 0x10, "uart: loopback, RTS is CTS");
	check_eq(lsr_empty & 1, 0, "uart: nothing received at first");
	check(ready, "uart: loopback, a byte comes");
	check_eq(echo, 0xa7, "uart: loopback, the right one");
	check_eq(n, 16, "uart: the FIFO holds 16");
	for (i = 0; i < n && fifo[i] == 0x40 + i; i++)
		;
	check_eq(i, n, "uart: in order");
}

/* --- i8042
 * -------------------------------------------------------------------------- */

static void kbd_command(uint8_t c)
{
	(void)wait_for(!(inb(0x64) & 2), 100);
	outb(0x64, c);
}

static int kbd_read(void)
{
	if (!wait_for(inb(0x64) & 1, 200))
		return -1;
	return inb(0x60);
}

static void test_kbd(void)
{
	unsigned int i;
	int v;

	for (i = 0; i < 16 && inb(0x64) & 1; i++)
		(void)inb(0x60);
	kbd_command(0xaa);
	check_eq(kbd_read(), 0x55, "i8042: self test");
	kbd_command(0xab);
	check_eq(kbd_read(), 0x00, "i8042: keyboard interface test");
	kbd_command(0x20);
	v = kbd_read();
	check(v >= 0, "i8042: command byte");
	kbd_command(0x60);
	outb(0x60, 0x24);
	kbd_command(0x20);
	check_eq(kbd_read(), 0x24, "i8042: command byte written");
	kbd_command(0xd2);
	outb(0x60, 0x77);
	check_eq(kbd_read(), 0x77, "i8042: output buffer written");
	kbd_command(0x60);
	outb(0x60, v & 0xff);
}

/* --- fw_cfg
 * ------------------------------------------------------------------------- */

static void test_fw_cfg(void)
{
	char sig[5] = {0};
	uint32_t count = 0;
	unsigned int i;

	outw(0x510, 0);
	for (i = 0; i < 4; i++)
		sig[i] = inb(0x511);
	check(!memcmp(sig, "QEMU", 4), "fw_cfg: signature");
	outw(0x510, 1);
	check_eq(inb(0x511) & 1, 1, "fw_cfg: the port interface");
	outw(0x510, 0x19);
	for (i = 0; i < 4; i++)
		count = count << 8 | inb(0x511);
	check(count > 0 && count < 1000, "fw_cfg: directory");
}

/* --- ACPI
 * ---------------------------------------------------------------------------
 */

static void test_pm_timer(void)
{
	uint16_t port = pci(1, 3, 0x40) & 0xffc0;
	uint32_t a, b, last, ticks;
	unsigned int i, back = 0;

	if (!port || !(pci(1, 3, 0x80) & 1)) {
		check(false, "pm timer: power management ports are on");
		return;
	}
	port += 8;
	last = inl(port) & 0xffffff;
	for (i = 0; i < 20000; i++) {
		a = inl(port) & 0xffffff;
		/* A step back of more than a little is the wrap. */
		back += a < last && last - a < 0x800000;
		last = a;
	}
	check_eq(back, 0, "pm timer: never goes back");
	a = inl(port) & 0xffffff;
	delay_us(100000);
	b = inl(port) & 0xffffff;
	ticks = (b - a) & 0xffffff;
	detail("%u ticks in 100 ms", ticks);
	check(ticks > 340000 && ticks < 700000, "pm timer: 3.58 MHz");
}

static uint8_t sum(const void *p, size_t n)
{
	const volatile uint8_t *b = p;
	uint8_t s = 0;

	while (n--)
		s += *b++;
	return s;
}

static const uint8_t *scan(const char *mark, size_t n, unsigned int step)
{
	ulong at;

	for (at = 0xe0000; at < 0x100000; at += step)
		if (!memcmp((const void *)at, mark, n))
			return (const uint8_t *)at;
	return NULL;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void test_tables(void)
{
	static const char *const wanted[] = {"FACP", "APIC", "HPET"};
	const uint8_t *rsdp = scan("RSD PTR ", 8, 16), *rsdt;
	unsigned int i, j, n, bad = 0;

	check(rsdp != NULL, "acpi: RSDP");
	if (!rsdp)
		return;
	check_eq(sum(rsdp, 20), 0, "acpi: checksum of RSDP");
	rsdt = (const uint8_t *)(ulong)get32(rsdp + 16);
	if (!rsdt) {
		skip("no RSDT, only XSDT", "acpi: tables");
		return;
	}
	check(!memcmp(rsdt, "RSDT", 4), "acpi: RSDT");
	n = (get32(rsdt + 4) - 36) / 4;
	check(n > 0 && n < 64, "acpi: number of tables");
	bad += sum(rsdt, get32(rsdt + 4)) != 0;
	for (i = 0; i < n && n < 64; i++) {
		const uint8_t *t =
			(const uint8_t *)(ulong)get32(rsdt + 36 + 4 * i);

		bad += sum(t, get32(t + 4)) != 0;
	}
	check_eq(bad, 0, "acpi: checksums of all tables");
	for (j = 0; j < ARRAY_SIZE(wanted); j++) {
		bool there = false;

		for (i = 0; i < n && n < 64; i++)
			there |= !memcmp(
				(const void *)(ulong)get32(rsdt + 36 + 4 * i),
				wanted[j], 4);
		check(there, "acpi: table %s", wanted[j]);
	}
	check(scan("_SM_", 4, 16) || scan("_SM3_", 5, 16), "smbios: anchor");
}

int main(void)
{
	test_cmos();
	test_pci();
	test_pic();
	test_pit();
	test_uart();
	test_kbd();
	test_fw_cfg();
	test_pm_timer();
	test_tables();
	return 0;
}
