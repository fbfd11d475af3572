/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole machine: a kernel of a few bytes runs on the interpreter. */
#include <base/bytes.h>
#include <board/board.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static int event;
static enum machine_request asked;
static uint32_t asked_code;
static char sent[64];
static size_t nr_sent;

static void request(void *ctx, enum machine_request what, uint32_t code)
{
	const uint64_t one = 1;

	asked = what;
	asked_code = code;
	assert_int_equal(write(event, &one, sizeof(one)), sizeof(one));
}

static size_t serial_write(void *ctx, const uint8_t *data, size_t len)
{
	memcpy(sent + nr_sent, data, len);
	nr_sent += len;
	return len;
}

/* A multiboot file at 1 MiB that consists of @code. */
static struct board_file kernel(const uint8_t *code, size_t len)
{
	uint8_t file[512] = {0};
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	store_le32(file, 0x1badb002);
	store_le32(file + 4, 0x10000);
	store_le32(file + 8, 0u - 0x1badb002 - 0x10000);
	store_le32(file + 12, 0x100000);
	store_le32(file + 16, 0x100000);
	store_le32(file + 28, 0x100020);
	memcpy(file + 32, code, len);
	assert_int_equal(write(fd, file, sizeof(file)), sizeof(file));
	return (struct board_file){fd, "kernel"};
}

static struct board_config config_of(struct board_file k)
{
	return (struct board_config){
		.engine = PARTITION_ENGINE_INTERP,
		.cpu_model = "v2",
		.nr_vps = 1,
		.memory_size = 16 * MIB,
		.firmware = {-1, NULL},
		.kernel = k,
		.debug_exit = true,
		.serial = {{.write = serial_write}},
		.request = request,
	};
}

static void *run_vp(void *arg)
{
	(void)partition_vp_run(arg, 0);
	return NULL;
}

/* Run until the guest asks for something. */
static void run(struct board *b)
{
	struct pollfd p[2] = {{board_timers_fd(b), POLLIN, 0},
			      {event, POLLIN, 0}};
	pthread_t t;
	uint64_t n;

	board_start(b);
	assert_int_equal(pthread_create(&t, NULL, run_vp, board_partition(b)),
			 0);
	do {
		assert_true(poll(p, 2, 10000) > 0);
		if (p[0].revents)
			board_run_timers(b);
	} while (!p[1].revents);
	assert_int_equal(read(event, &n, sizeof(n)), sizeof(n));
	partition_vp_pause(board_partition(b), 0);
	pthread_join(t, NULL);
	board_pause(b);
}

static void runs_resets_and_runs_again(void **state)
{
	/* counts in memory, says "A", exits with the count */
	static const uint8_t code[] = {
		0x66, 0xba, 0xf8, 0x03,             /* mov dx, 3f8 */
		0xb0, 'A',  0xee,                   /* out dx, 'A' */
		0xfe, 0x05, 0x00, 0x01, 0x10, 0x00, /* inc [100100] */
		0xa0, 0x00, 0x01, 0x10, 0x00,       /* mov al, [] */
		0xe6, 0xf4, 0xf4, 0xeb, 0xfd,       /* out f4, al; hlt */
	};
	struct board_config c = config_of(kernel(code, sizeof(code)));
	char why[256] = "";
	struct board *b;

	nr_sent = 0;
	assert_int_equal(board_new(&b, &c, why, sizeof(why)), 0);
	close(c.kernel.fd);
	run(b);
	assert_int_equal(asked, MACHINE_DEBUG_EXIT);
	assert_int_equal(asked_code, 1);
	/* a reset loads the kernel anew, from the board's own descriptor */
	assert_int_equal(board_reset(b, why, sizeof(why)), 0);
	run(b);
	assert_int_equal(asked_code, 1);
	board_free(b);
	assert_int_equal(nr_sent, 2);
}

static void powers_off_by_button(void **state)
{
	/* waits for PWRBTN_STS in port 600, then SLP_EN to 604 */
	static const uint8_t code[] = {
		0x66, 0xba, 0x00, 0x06, 0x66, 0xed, /* in ax, 600 */
		0xf6, 0xc4, 0x01, 0x74, 0xf9,       /* test ah, 1; jz -7 */
		0x66, 0xba, 0x04, 0x06,             /* mov dx, 604 */
		0x66, 0xb8, 0x00, 0x20, 0x66, 0xef, /* out dx, 2000 */
		0xf4, 0xeb, 0xfd,
	};
	struct board_config c = config_of(kernel(code, sizeof(code)));
	char why[256] = "";
	struct board *b;

	assert_int_equal(board_new(&b, &c, why, sizeof(why)), 0);
	board_power_button(b);
	run(b);
	assert_int_equal(asked, MACHINE_POWER_OFF);
	board_free(b);
	close(c.kernel.fd);
}

static void refused(const struct board_config *c, const char *text)
{
	char why[256] = "";
	struct board *b;

	assert_true(board_new(&b, c, why, sizeof(why)) < 0);
	if (!strstr(why, text))
		fail_msg("\"%s\" does not say \"%s\"", why, text);
	assert_null(strchr(why, '\n'));
}

static void refuses_bad_configs(void **state)
{
	static const uint8_t code[] = {0xf4};
	const struct board_config good = config_of(kernel(code, 1));
	struct board_config c = good;
	int empty = memfd_create("empty", MFD_CLOEXEC);
	int pipes[2];

	c.nr_vps = 65;
	refused(&c, "give 1 to 64");
	c = good;
	c.memory_size = 15 * MIB;
	refused(&c, "16 MiB to 1 TiB");
	c.memory_size = 16 * MIB + 4096;
	refused(&c, "whole MiB");
	c = good;
	c.kernel.fd = -1;
	refused(&c, "nothing to boot");
	c.kernel = (struct board_file){empty, "nothing"};
	refused(&c, "nothing is empty");
	assert_int_equal(pipe(pipes), 0);
	c.kernel.fd = pipes[0];
	refused(&c, "not a regular file");
	c.kernel.fd = -1;
	c.firmware = good.kernel;
	refused(&c, "no PC firmware");
	c = good;
	c.nr_initrds = 17;
	refused(&c, "at most 16");
	c = good;
	c.cpu_model = "8080";
	refused(&c, "8080");
	close(pipes[0]);
	close(pipes[1]);
	close(empty);
	close(good.kernel.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_resets_and_runs_again),
		cmocka_unit_test(powers_off_by_button),
		cmocka_unit_test(refuses_bad_configs),
	};

	event = eventfd(0, EFD_CLOEXEC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
