/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <device/ioapic.h>

static unsigned int messages;
static uint64_t last_addr;
static uint32_t last_data;

static void msi(void *ctx, uint64_t addr, uint32_t data)
{
	messages++;
	last_addr = addr;
	last_data = data;
}

static void start(struct fake *f)
{
	const struct ioapic_config config = {msi, NULL};

	messages = 0;
	fake_init(f);
	fake_new(f, &ioapic_class, &config);
}

static uint32_t get(struct fake *f, uint8_t reg)
{
	io_bus_write(f->env.mmio, IOAPIC_BASE, 4, reg);
	return (uint32_t)io_bus_read(f->env.mmio, IOAPIC_BASE + 0x10, 4);
}

static void put(struct fake *f, uint8_t reg, uint32_t v)
{
	io_bus_write(f->env.mmio, IOAPIC_BASE, 4, reg);
	io_bus_write(f->env.mmio, IOAPIC_BASE + 0x10, 4, v);
}

static void describes_itself(void **state)
{
	struct fake f;

	start(&f);
	assert_int_equal(get(&f, 1), 0x00170020);
	put(&f, 0, 0xff000000);
	assert_int_equal(get(&f, 0), 0x0f000000);
	assert_int_equal(get(&f, 0x10), 0x00010000);
	put(&f, 0x3e, 0xffffffff);
	assert_int_equal(get(&f, 0x3e), 0x0001afff);
	assert_int_equal(get(&f, 0x40), 0);
	assert_int_equal(get(&f, 0xff), 0);
	fake_fini(&f);
}

static void edges_are_messages(void **state)
{
	struct fake f;

	start(&f);
	ioapic_set_irq(f.dev, 4, true); /* masked: forgotten */
	put(&f, 0x19, 0x03000000);
	put(&f, 0x18, 0x00000041);
	assert_int_equal(messages, 0);
	ioapic_set_irq(f.dev, 4, false);
	ioapic_set_irq(f.dev, 4, true);
	ioapic_set_irq(f.dev, 4, true);
	assert_int_equal(messages, 1);
	assert_int_equal(last_addr, 0xfee03000);
	assert_int_equal(last_data, 0x4041);
	fake_fini(&f);
}

static void levels_wait_for_eoi(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x22, 0x00008951); /* level, logical, lowest priority */
	ioapic_set_irq(f.dev, 9, true);
	assert_int_equal(messages, 1);
	assert_int_equal(last_addr, 0xfee0000c);
	assert_int_equal(last_data, 0xc151);
	assert_int_equal(get(&f, 0x22) & 0x4000, 0x4000);
	ioapic_set_irq(f.dev, 9, false);
	ioapic_set_irq(f.dev, 9, true);
	assert_int_equal(messages, 1);
	ioapic_eoi(f.dev, 0x52);
	assert_int_equal(messages, 1);
	ioapic_eoi(f.dev, 0x51);
	assert_int_equal(messages, 2);
	ioapic_set_irq(f.dev, 9, false);
	io_bus_write(f.env.mmio, IOAPIC_BASE + 0x40, 4, 0x51);
	assert_int_equal(get(&f, 0x22) & 0x4000, 0);
	assert_int_equal(messages, 2);
	fake_fini(&f);
}

static void unmasking_serves_a_level(void **state)
{
	struct fake f;

	start(&f);
	put(&f, 0x22, 0x00018051);
	ioapic_set_irq(f.dev, 9, true);
	assert_int_equal(messages, 0);
	put(&f, 0x22, 0x00008051);
	assert_int_equal(messages, 1);
	/* to edge and back clears Remote IRR */
	put(&f, 0x22, 0x00010051);
	assert_int_equal(get(&f, 0x22) & 0x4000, 0);
	put(&f, 0x22, 0x00008051);
	assert_int_equal(messages, 2);
	fake_round_trip(&f);
	fake_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_itself),
		cmocka_unit_test(edges_are_messages),
		cmocka_unit_test(levels_wait_for_eoi),
		cmocka_unit_test(unmasking_serves_a_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
