/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole path once: guest instructions on the real engine, from real mode,
 * with ports, device memory, an interrupt and a halt between. */
#include <partition/partition.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB UINT64_C(0x100000)

/* At 0x1000: what the guest does. At 0x2000: its interrupt 0x21. */
static const uint8_t code[] = {
	0xb0, 0x41,       /* mov al, 'A' */
	0xe6, 0x80,       /* out 0x80, al */
	0xbc, 0x00, 0x70, /* mov sp, 0x7000 */
	0xfb,             /* sti */
	0xf4,             /* hlt */
	0xb0, 0x43,       /* mov al, 'C' */
	0xe6, 0x80,       /* out 0x80, al */
	0xfa,             /* cli */
	0xf4,             /* hlt */
};
static const uint8_t handler[] = {
	0xb0, 0x42, /* mov al, 'B' */
	0xe6, 0x80, /* out 0x80, al */
	0xcf,       /* iret */
};

static struct {
	struct partition *p;
	char said[8];
	unsigned int length;
	unsigned int acks;
} seen;

static void pio_in(void *ctx, unsigned int vp, uint16_t port,
		   unsigned int width, void *data, uint32_t count)
{
	memset(data, 0xff, (size_t)width * count);
}

static void pio_out(void *ctx, unsigned int vp, uint16_t port,
		    unsigned int width, const void *data, uint32_t count)
{
	assert_int_equal(port, 0x80);
	seen.said[seen.length++ & 7] = *(const char *)data;
	if (seen.said[0] == 'A' && seen.length == 1)
		partition_extint(seen.p, true);
	if (seen.said[seen.length - 1] == 'C')
		partition_vp_pause(seen.p, 0);
}

static int extint_ack(void *ctx)
{
	seen.acks++;
	partition_extint(seen.p, false);
	return 0x21;
}

static const struct partition_handlers handlers = {
	.pio_in = pio_in,
	.pio_out = pio_out,
	.extint_ack = extint_ack,
};

/* The name of the engine that ran; NULL: this host does not offer it. */
static const char *run_engine(enum partition_engine engine)
{
	static char name[16];
	const uint16_t vector[2] = {0x2000, 0};
	struct guest_memory *memory;
	struct partition_config config = {
		.engine = engine,
		.cpu_model = "v2",
		.nr_vps = 1,
		.handlers = &handlers,
	};
	struct vp_regs regs;
	char why[200] = "";
	int err;

	assert_int_equal(guest_memory_new(&memory), 0);
	assert_int_equal(guest_memory_add(memory, GPA(0), MIB, false), 0);
	config.memory = memory;
	memset(&seen, 0, sizeof(seen));
	err = partition_new(&seen.p, &config, why, sizeof(why));
	if (err == -EOPNOTSUPP && engine == PARTITION_ENGINE_SOFT) {
		assert_string_not_equal(why, "");
		guest_memory_free(memory);
		return NULL;
	}
	if (err)
		fail_msg("%s", why);
	assert_int_equal(
		guest_memory_write(memory, GPA(0x1000), code, sizeof(code)), 0);
	assert_int_equal(guest_memory_write(memory, GPA(0x2000), handler,
					    sizeof(handler)),
			 0);
	assert_int_equal(guest_memory_write(memory, GPA(0x21 * 4), vector, 4),
			 0);

	partition_vp_get_regs(seen.p, 0, &regs);
	regs.seg[X86_CS].sel = 0;
	regs.seg[X86_CS].base = 0;
	regs.rip = 0x1000;
	partition_vp_set_regs(seen.p, 0, &regs);
	assert_int_equal(partition_vp_run(seen.p, 0), PARTITION_EXIT_PAUSED);
	assert_int_equal(seen.length, 3);
	assert_memory_equal(seen.said, "ABC", 3);
	assert_int_equal(seen.acks, 1);

	partition_vp_get_regs(seen.p, 0, &regs);
	assert_int_equal(regs.gpr[X86_RSP] & 0xffff, 0x7000);
	(void)snprintf(name, sizeof(name), "%s", partition_engine_name(seen.p));
	partition_free(seen.p);
	guest_memory_free(memory);
	return name;
}

static void test_interp(void **state)
{
	assert_string_equal(run_engine(PARTITION_ENGINE_INTERP), "interp");
}

/* The best this host offers. */
static void test_auto(void **state)
{
	const char *soft = run_engine(PARTITION_ENGINE_SOFT);

	if (soft)
		assert_string_equal(soft, "soft");
	assert_string_equal(run_engine(PARTITION_ENGINE_AUTO),
			    soft ? "soft" : "interp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interp),
		cmocka_unit_test(test_auto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
