/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any device class, driven by a list of operations: the first byte chooses
 * the class, then come accesses to its ports, bytes of guest memory, time, and
 * saved states, the device's own and damaged ones.
 */
#include <base/assert.h>
#include <base/bits.h>
#include <device/debug_port.h>
#include <device/fw_cfg.h>
#include <device/hpet.h>
#include <device/i8042.h>
#include <device/ide.h>
#include <device/io_bus.h>
#include <device/ioapic.h>
#include <device/pci.h>
#include <device/pic.h>
#include <device/piix.h>
#include <device/pit.h>
#include <device/port92.h>
#include <device/rtc.h>
#include <device/uart.h>
#include <disk/disk.h>
#include <host/timer_queue.h>
#include <partition/memory.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY    (UINT64_C(1) << 20)
#define MAX_OPS   512u
#define MAX_STATE (128u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

struct target {
	const struct device_class *class;
	const void *config;
	/* Where its registers are. */
	uint64_t mmio;
	uint16_t port[6];
};

static struct device_env env;
static struct disk_queue *queue;
static struct ide_config ide_config;

static void ignore_irq(void *ctx, unsigned int n, bool level)
{
}

static struct irq_line get_irq(void *ctx, unsigned int gsi)
{
	ASSERT(gsi < 24);
	return (struct irq_line){ignore_irq, NULL, gsi};
}

static void ignore_request(void *ctx, enum machine_request what, uint32_t code)
{
}

static void ignore_level(void *ctx, bool level)
{
}

static void ignore_msi(void *ctx, uint64_t addr, uint32_t value)
{
	ASSERT(addr >> 20 == 0xfee);
}

/* Takes some of the bytes, by their number. */
static size_t some_write(void *ctx, const uint8_t *p, size_t len)
{
	return len % 7 ? len : len / 2;
}

static const struct pic_config pic = {ignore_level, NULL};
static const struct ioapic_config ioapic = {ignore_msi, NULL};
static const struct hpet_config hpet = {ignore_level, NULL};
static const struct piix_isa_config isa = {get_irq, NULL};
static const struct rtc_config rtc = {.utc = 1700000000};
static const struct uart_config uart = {0x3f8, 4, {some_write, NULL, NULL}};
static const struct debug_log_config debug_log = {{some_write, NULL, NULL}};

/* clang-format off */
static const struct target targets[] = {
	{ &pic_class, &pic, 0, { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 } },
	{ &pit_class, NULL, 0, { 0x40, 0x41, 0x42, 0x43, 0x61, 0x61 } },
	{ &rtc_class, &rtc, 0, { 0x70, 0x71, 0x70, 0x71, 0x70, 0x71 } },
	{ &ioapic_class, &ioapic, IOAPIC_BASE, { 0 } },
	{ &hpet_class, &hpet, HPET_BASE, { 0 } },
	{ &uart_class, &uart, 0,
	  { 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd } },
	{ &i8042_class, NULL, 0, { 0x60, 0x64, 0x60, 0x64, 0x60, 0x64 } },
	{ &fw_cfg_class, NULL, 0,
	  { 0x510, 0x511, 0x514, 0x518, 0x510, 0x511 } },
	{ &pci_host_class, NULL, 0,
	  { 0xcf8, 0xcf9, 0xcfc, 0xcfd, 0xcfe, 0xcff } },
	{ &piix_isa_class, &isa, 0, { 0 } },
	{ &piix_pm_class, NULL, 0,
	  { 0x600, 0x602, 0x604, 0x608, 0x60c, 0xb2 } },
	{ &ide_class, &ide_config, 0,
	  { 0x1f0, 0x170, 0x3f6, 0x376, 0xc000, 0xc008 } },
	{ &port92_class, NULL, 0, { 0x92, 0x92, 0x92, 0x92, 0x92, 0x92 } },
	{ &debug_log_class, &debug_log, 0, { 0x402, 0x402 } },
};
/* clang-format on */

static struct disk *make_disk(uint64_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	struct disk *d;

	ASSERT(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	ASSERT(disk_raw_new(&d, fd, false, queue) == 0);
	return d;
}

static void set_up(void)
{
	ASSERT(io_bus_new(&env.pio) == 0);
	ASSERT(io_bus_new(&env.mmio) == 0);
	ASSERT(pci_bus_new(&env.pci) == 0);
	ASSERT(guest_memory_new(&env.memory) == 0);
	ASSERT(guest_memory_add(env.memory, GPA(0), MEMORY, false) == 0);
	ASSERT(disk_queue_new(&queue) == 0);
	env.irq = get_irq;
	env.request = ignore_request;
	ide_config.drive[0][0].disk = make_disk(1 << 20);
	ide_config.drive[1][0].disk = make_disk(1 << 20);
	ide_config.drive[1][0].cdrom = true;
}

static uint64_t take(struct input *in, unsigned int n)
{
	uint64_t v = 0;

	if (n > in->left)
		n = (unsigned int)in->left;
	memcpy(&v, in->p, n);
	in->p += n;
	in->left -= n;
	return v;
}

static void string_io(struct input *in, uint64_t port, unsigned int width)
{
	static uint8_t buf[4 * 1024];
	uint32_t count = (uint32_t)take(in, 1) * 4;
	bool write = take(in, 1) & 1;

	if (width > 4)
		width = 4;
	if (write)
		io_bus_write_many(env.pio, port, width, buf, count);
	else
		io_bus_read_many(env.pio, port, width, buf, count);
}

static void save_and_load(struct device *dev, struct input *in)
{
	static uint8_t record[MAX_STATE];
	int64_t n;

	disk_queue_drain(queue);
	n = device_save(dev, record, sizeof(record));
	ASSERT(n > 0);
	for (unsigned int i = (unsigned int)take(in, 1) % 8; i > 0; i--)
		record[take(in, 3) % (uint64_t)n] ^= (uint8_t)take(in, 1);
	(void)device_load(dev, record, (size_t)n);
}

static void guest_write(struct input *in)
{
	uint64_t gpa = take(in, 2);
	uint64_t v = take(in, 8);

	(void)guest_memory_write(env.memory, GPA(gpa), &v, sizeof(v));
}

static void step(const struct target *t, struct device *dev, struct input *in)
{
	uint8_t op = (uint8_t)take(in, 1);
	unsigned int width = 1u << ((op >> 3) & 3);
	uint64_t addr = t->port[(op >> 5) % 6] + take(in, 1) % 8;
	struct io_bus *bus = env.pio;

	if (t->mmio) {
		bus = env.mmio;
		addr = t->mmio + (take(in, 2) & 0x3ff);
	} else if (width == 8) {
		width = 4;
	}
	switch (op & 7) {
	case 0:
	case 1:
		io_bus_write(bus, addr, width, take(in, width));
		break;
	case 2:
		(void)io_bus_read(bus, addr, width);
		break;
	case 3:
		string_io(in, addr, width);
		break;
	case 4:
		pci_bus_write(env.pci, (uint8_t)take(in, 1) & 0x0f,
			      (unsigned int)take(in, 1) & 0xfc, 4,
			      (uint32_t)take(in, 4));
		break;
	case 5:
		guest_write(in);
		break;
	case 6:
		disk_queue_drain(queue);
		timer_queue_advance(env.timers, take(in, 4));
		break;
	default:
		if (op >> 6)
			save_and_load(dev, in);
		else if (t->class == &uart_class)
			(void)uart_input(dev, in->p, in->left);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	const struct target *t;
	struct device *dev;

	if (!queue)
		set_up();
	ASSERT(timer_queue_new_manual(&env.timers) == 0);
	t = &targets[take(&in, 1) % ARRAY_SIZE(targets)];
	ASSERT(device_new(&dev, t->class, &env, t->config) == 0);
	if (t->class == &ide_class) {
		pci_bus_write(env.pci, PCI_DEVFN(1, 1), PCI_BAR(4), 4, 0xc001);
		pci_bus_write(env.pci, PCI_DEVFN(1, 1), PCI_COMMAND, 2, 5);
	}
	for (unsigned int i = 0; i < MAX_OPS && in.left; i++)
		step(t, dev, &in);
	disk_queue_drain(queue);
	device_reset(dev);
	device_free(dev);
	timer_queue_free(env.timers);
	return 0;
}
