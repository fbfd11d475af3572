/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chipset's small devices: PCI host, PIIX bridge and power management,
 * 8042, port 92, debug ports, fw_cfg. */
#include "fake.h"

#include <base/bytes.h>
#include <device/debug_port.h>
#include <device/fw_cfg.h>
#include <device/i8042.h>
#include <device/piix.h>
#include <device/port92.h>
#include <partition/memory.h>

#include <errno.h>
#include <string.h>

static uint32_t pci_get(struct fake *f, uint32_t address)
{
	out32(f, 0xcf8, 0x80000000 | address);
	return in32(f, 0xcfc);
}

static void pci_mechanism_1(void **state)
{
	struct fake f;

	fake_init(&f);
	fake_new(&f, &pci_host_class, NULL);
	assert_int_equal(pci_get(&f, 0), 0x12378086);
	out32(&f, 0xcf8, 0x80000000);
	assert_int_equal(in16(&f, 0xcfe), 0x1237);
	assert_int_equal(in8(&f, 0xcff), 0x12);
	assert_int_equal(in32(&f, 0xcf8), 0x80000000);
	/* nobody at 0:5.0, on bus 1, or without the enable bit */
	assert_int_equal(pci_get(&f, 5 << 11), 0xffffffff);
	assert_int_equal(pci_get(&f, 1 << 16), 0xffffffff);
	out32(&f, 0xcf8, 0);
	assert_int_equal(in32(&f, 0xcfc), 0xffffffff);
	/* PAM is remembered, the ids are not writable */
	out32(&f, 0xcf8, 0x80000058);
	out32(&f, 0xcfc, 0x33333333);
	assert_int_equal(in32(&f, 0xcfc), 0x33333300);
	out32(&f, 0xcf8, 0x80000000);
	out32(&f, 0xcfc, 0);
	assert_int_equal(in32(&f, 0xcfc), 0x12378086);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void reset_control(void **state)
{
	struct fake f;

	fake_init(&f);
	fake_new(&f, &pci_host_class, NULL);
	out8(&f, 0xcf9, 0x02);
	assert_int_equal(f.requests, 0);
	out8(&f, 0xcf9, 0x06);
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.last_request, MACHINE_RESET);
	assert_int_equal(in8(&f, 0xcf9), 0x06);
	fake_fini(&f);
}

static struct irq_line isa_irq(void *ctx, unsigned int isa)
{
	struct fake *f = ctx;

	return f->env.irq(f->env.ctx, isa);
}

static void routes_pci_interrupts(void **state)
{
	struct fake f;
	struct piix_isa_config config = {isa_irq, &f};
	uint8_t isa = PCI_DEVFN(1, 0);

	fake_init(&f);
	fake_new(&f, &piix_isa_class, &config);
	piix_isa_set_intx(f.dev, 2, 1, true); /* PIRQD */
	pci_bus_write(f.env.pci, isa, 0x63, 1, 11);
	assert_true(f.level[11]);
	piix_isa_set_intx(f.dev, 3, 0, true); /* the same line */
	piix_isa_set_intx(f.dev, 2, 1, false);
	assert_true(f.level[11]);
	pci_bus_write(f.env.pci, isa, 0x63, 1, 10);
	assert_false(f.level[11]);
	assert_true(f.level[10]);
	pci_bus_write(f.env.pci, isa, 0x63, 1, 2); /* not to be had */
	assert_false(f.level[10]);
	assert_false(f.level[2]);
	pci_bus_write(f.env.pci, isa, 0x63, 1, 0x80);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void power_button_and_off(void **state)
{
	struct fake f;

	fake_init(&f);
	fake_new(&f, &piix_pm_class, NULL);
	assert_int_equal(in16(&f, 0x604), 1); /* ACPI mode */
	piix_pm_power_button(f.dev);
	assert_false(f.level[9]);
	out16(&f, 0x602, 0x0100);
	assert_true(f.level[9]);
	assert_int_equal(in16(&f, 0x600), 0x0100);
	out16(&f, 0x600, 0x0100);
	assert_false(f.level[9]);
	out16(&f, 0x604, 0x2001);
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.last_request, MACHINE_POWER_OFF);
	out16(&f, 0x604, 0x2401); /* no such sleep state */
	assert_int_equal(f.requests, 1);
	assert_int_equal(in16(&f, 0x604), 0x0401);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void pm_timer(void **state)
{
	struct fake f;

	fake_init(&f);
	fake_new(&f, &piix_pm_class, NULL);
	advance(&f, SECOND);
	assert_int_equal(in32(&f, 0x608), 3579545);
	out16(&f, 0x602, 0x0001);
	advance(&f, SECOND);
	assert_false(f.level[9]);
	advance(&f, SECOND);
	assert_true(f.level[9]); /* bit 23 changed after 2.34 s */
	assert_int_equal(in16(&f, 0x600), 1);
	out16(&f, 0x600, 1);
	assert_false(f.level[9]);
	fake_fini(&f);
}

static void pm_base_moves(void **state)
{
	struct fake f;
	uint8_t pm = PCI_DEVFN(1, 3);

	fake_init(&f);
	fake_new(&f, &piix_pm_class, NULL);
	/* firmware sees that SMM has been set up */
	assert_true(pci_bus_read(f.env.pci, pm, 0x58, 4) & 0x02000000);
	pci_bus_write(f.env.pci, pm, 0x40, 4, 0xb001);
	assert_int_equal(in16(&f, 0x604), 0xffff);
	assert_int_equal(in16(&f, 0xb004), 1);
	pci_bus_write(f.env.pci, pm, 0x80, 1, 0);
	assert_int_equal(in16(&f, 0xb004), 0xffff);
	device_reset(f.dev);
	assert_int_equal(in16(&f, 0x604), 1);
	out8(&f, 0xb3, 0x5a);
	assert_int_equal(in8(&f, 0xb3), 0x5a);
	fake_fini(&f);
}

static uint8_t kbd_read(struct fake *f)
{
	assert_int_equal(in8(f, 0x64) & 1, 1);
	return in8(f, 0x60);
}

static void keyboard_controller(void **state)
{
	struct fake f;

	fake_init(&f);
	fake_new(&f, &i8042_class, NULL);
	out8(&f, 0x64, 0xaa);
	assert_int_equal(kbd_read(&f), 0x55);
	out8(&f, 0x64, 0x60);
	out8(&f, 0x60, 0x47);
	out8(&f, 0x60, 0xff);
	assert_true(f.level[1]);
	assert_int_equal(kbd_read(&f), 0xfa);
	assert_int_equal(kbd_read(&f), 0xaa);
	assert_int_equal(in8(&f, 0x64) & 1, 0);
	assert_int_equal(f.edges[1], 2);
	out8(&f, 0x64, 0xd4);
	out8(&f, 0x60, 0xf2);
	assert_true(f.level[12]);
	assert_int_equal(in8(&f, 0x64) & 0x21, 0x21);
	assert_int_equal(kbd_read(&f), 0xfa);
	assert_int_equal(kbd_read(&f), 0x00);
	for (unsigned int i = 0; i < 256; i++) {
		out8(&f, 0x64, 0xd4);
		out8(&f, 0x60, (uint8_t)i);
		out8(&f, 0x60, (uint8_t)(i * 3));
	}
	assert_int_equal(f.requests, 0);
	out8(&f, 0x64, 0xfe);
	assert_int_equal(f.requests, 1);
	assert_int_equal(f.last_request, MACHINE_RESET);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void fast_reset(void **state)
{
	struct fake f;

	fake_init(&f);
	fake_new(&f, &port92_class, NULL);
	out8(&f, 0x92, 0x00);
	assert_int_equal(in8(&f, 0x92), 0);
	out8(&f, 0x92, 0x03);
	assert_int_equal(f.requests, 1);
	out8(&f, 0x92, 0x01);
	assert_int_equal(f.requests, 1);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void debug_exit(void **state)
{
	struct fake f;

	fake_init(&f);
	fake_new(&f, &debug_exit_class, NULL);
	out32(&f, 0xf4, 42);
	assert_int_equal(f.last_request, MACHINE_DEBUG_EXIT);
	assert_int_equal(f.last_code, 42);
	fake_fini(&f);
}

static size_t logged;

static size_t log_write(void *ctx, const uint8_t *data, size_t len)
{
	logged += len;
	return len;
}

static void debug_log(void **state)
{
	const struct debug_log_config config = {{log_write, NULL, NULL}};
	struct fake f;

	logged = 0;
	fake_init(&f);
	fake_new(&f, &debug_log_class, &config);
	assert_int_equal(in8(&f, 0x402), 0xe9);
	out8(&f, 0x402, 'a');
	assert_int_equal(logged, 0);
	out8(&f, 0x402, '\n');
	assert_int_equal(logged, 2);
	for (int i = 0; i < 1000; i++)
		out8(&f, 0x402, 'x');
	assert_in_range(logged, 800, 1002);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void start_fw_cfg(struct fake *f)
{
	fake_init(f);
	fake_new(f, &fw_cfg_class, NULL);
	assert_int_equal(fw_cfg_add(f->dev, FW_CFG_NB_CPUS, "\4\0", 2), 0);
	assert_int_equal(fw_cfg_add_file(f->dev, "etc/test", "hello", 5), 0);
}

static void fw_cfg_by_port(void **state)
{
	struct fake f;
	uint8_t buf[80];

	start_fw_cfg(&f);
	out16(&f, 0x510, 0);
	io_bus_read_many(f.env.pio, 0x511, 1, buf, 6);
	assert_memory_equal(buf, "QEMU\0\0", 6);
	out16(&f, 0x510, FW_CFG_NB_CPUS);
	assert_int_equal(in8(&f, 0x511), 4);
	out16(&f, 0x510, 0x19);
	io_bus_read_many(f.env.pio, 0x511, 1, buf, 68);
	assert_memory_equal(buf, "\0\0\0\1\0\0\0\5\0\x20\0\0etc/test", 20);
	out16(&f, 0x510, 0x20);
	assert_int_equal(in8(&f, 0x511), 'h');
	out16(&f, 0x510, 0xffff);
	assert_int_equal(in8(&f, 0x511), 0);
	assert_int_equal(fw_cfg_add(f.dev, 0x4000, "", 0), -EINVAL);
	fake_round_trip(&f);
	fake_fini(&f);
}

static void run_dma(struct fake *f, uint32_t control, uint32_t len,
		    uint64_t addr)
{
	uint8_t d[16];

	store_le32(d, __builtin_bswap32(control));
	store_le32(d + 4, __builtin_bswap32(len));
	store_le64(d + 8, __builtin_bswap64(addr));
	assert_int_equal(guest_memory_write(f->env.memory, GPA(0x2000), d, 16),
			 0);
	out32(f, 0x514, 0);
	out32(f, 0x518, __builtin_bswap32(0x2000));
}

static uint32_t dma_result(struct fake *f)
{
	uint8_t d[4];

	assert_int_equal(guest_memory_read(f->env.memory, GPA(0x2000), d, 4),
			 0);
	return __builtin_bswap32(load_le32(d));
}

static void fw_cfg_by_dma(void **state)
{
	struct fake f;
	uint8_t buf[8];

	start_fw_cfg(&f);
	assert_int_equal(in32(&f, 0x514), 0x554d4551);
	assert_int_equal(in32(&f, 0x518), 0x47464320);
	run_dma(&f, 0x0020000a, 5, 0x3000); /* select and read */
	assert_int_equal(dma_result(&f), 0);
	assert_int_equal(guest_memory_read(f.env.memory, GPA(0x3000), buf, 5),
			 0);
	assert_memory_equal(buf, "hello", 5);
	/* outside of memory, writing, too much, and a lost descriptor */
	run_dma(&f, 0x0020000a, 5, FAKE_MEMORY - 2);
	assert_int_equal(dma_result(&f), 1);
	run_dma(&f, 0x00200018, 5, 0x3000);
	assert_int_equal(dma_result(&f), 1);
	run_dma(&f, 0x0020000a, 0xffffffff, 0);
	assert_int_equal(dma_result(&f), 1);
	run_dma(&f, 0x0000000c, 0xfffffff0, 0);
	out32(&f, 0x518, 0xffffffff);
	run_dma(&f, 0x00200008, 0, 0);
	run_dma(&f, 0x4, 4, 0);
	assert_int_equal(in8(&f, 0x511), 'o');
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pci_mechanism_1),
		cmocka_unit_test(reset_control),
		cmocka_unit_test(routes_pci_interrupts),
		cmocka_unit_test(power_button_and_off),
		cmocka_unit_test(pm_timer),
		cmocka_unit_test(pm_base_moves),
		cmocka_unit_test(keyboard_controller),
		cmocka_unit_test(fast_reset),
		cmocka_unit_test(debug_exit),
		cmocka_unit_test(debug_log),
		cmocka_unit_test(fw_cfg_by_port),
		cmocka_unit_test(fw_cfg_by_dma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
