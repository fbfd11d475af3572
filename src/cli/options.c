/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsing and checking the options of `lamina run`. */
#include "options.h"

#include <base/bits.h>
#include <board/board.h>
#include <host/log.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_id {
	OPT_NAME = 256,
	OPT_MACHINE,
	OPT_CPUS,
	OPT_MEMORY,
	OPT_CPU_MODEL,
	OPT_ENGINE,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_APPEND,
	OPT_FIRMWARE,
	OPT_DISK,
	OPT_CDROM,
	OPT_SERIAL,
	OPT_ON_RESET,
	OPT_DEBUG_EXIT,
	OPT_GDB,
	OPT_DUMP,
	OPT_TRACE,
	OPT_SANDBOX,
	OPT_HELP,
};

static const struct option options[] = {
	{"name", required_argument, NULL, OPT_NAME},
	{"machine", required_argument, NULL, OPT_MACHINE},
	{"cpus", required_argument, NULL, OPT_CPUS},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"cpu-model", required_argument, NULL, OPT_CPU_MODEL},
	{"engine", required_argument, NULL, OPT_ENGINE},
	{"kernel", required_argument, NULL, OPT_KERNEL},
	{"initrd", required_argument, NULL, OPT_INITRD},
	{"append", required_argument, NULL, OPT_APPEND},
	{"firmware", required_argument, NULL, OPT_FIRMWARE},
	{"disk", required_argument, NULL, OPT_DISK},
	{"cdrom", required_argument, NULL, OPT_CDROM},
	{"serial", required_argument, NULL, OPT_SERIAL},
	{"on-reset", required_argument, NULL, OPT_ON_RESET},
	{"debug-exit", no_argument, NULL, OPT_DEBUG_EXIT},
	{"gdb", required_argument, NULL, OPT_GDB},
	{"dump", required_argument, NULL, OPT_DUMP},
	{"trace", required_argument, NULL, OPT_TRACE},
	{"sandbox", required_argument, NULL, OPT_SANDBOX},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const char help_text[] =
	"usage: lamina run [OPTION]...\n"
	"\n"
	"Run one virtual machine on this terminal, without a daemon.\n"
	"\n"
	"Machine\n"
	"  --name NAME            name of the machine (default: lamina)\n"
	"  --machine lamina-1     machine type (default: lamina-1)\n"
	"  --cpus N               virtual processors, 1 to 64 (default: 1)\n"
	"  --memory SIZE          16M to 1T; K, M, G or T may follow, a plain\n"
	"                         number is MiB (default: 1G)\n"
	"  --cpu-model MODEL      v2, v3 or host (default: v3)\n"
	"  --engine ENGINE        auto, interp or soft (default: auto)\n"
	"\n"
	"What to boot\n"
	"  --kernel FILE          Linux bzImage, or ELF with a multiboot header\n"
	"                         or a PVH note\n"
	"  --initrd FILE          may be given several times\n"
	"  --append STRING        kernel command line\n"
	"  --firmware bios|FILE   boot by firmware (default without --kernel:\n"
	"                         the distribution's SeaBIOS)\n"
	"  --disk FILE[,bus=ide][,readonly]\n"
	"                         raw disk image; up to 4 with the CD-ROMs\n"
	"  --cdrom FILE           CD image\n"
	"\n"
	"Console and debugging\n"
	"  --serial stdio|FILE|none\n"
	"                         first serial port (default: stdio)\n"
	"  --on-reset reboot|exit what a reset by the guest does\n"
	"  --debug-exit           port 0xf4 ends the machine with the guest's\n"
	"                         own exit code\n"
	"  --gdb HOST:PORT|unix:PATH\n"
	"                         wait for a debugger there\n"
	"  --dump FILE            where SIGUSR2 or Ctrl-] d writes guest memory\n"
	"                         (default: lamina.core)\n"
	"  --trace CATEGORY[,CATEGORY]\n"
	"                         firmware, device\n"
	"  --sandbox on|strict    strict refuses to start where the host lacks\n"
	"                         a piece of the sandbox (default: on)\n"
	"\n"
	"Exit status: 0 the guest powered off, 2 usage, 3 unusable file, 4 host\n"
	"failure, 5 triple fault, 6 sandbox refused, 7 worker died, 8 reset with\n"
	"--on-reset exit, 9 stopped from outside.\n";

void run_options_help(void)
{
	(void)fputs(help_text, stdout);
}

/* One of @words by name; -EINVAL with a message that lists them. */
static int choose(const char *option, const char *given,
		  const char *const *words, size_t n)
{
	char list[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(given, words[i]) == 0)
			return (int)i;
		used += (size_t)snprintf(list + used, sizeof(list) - used,
					 "%s%s", i ? ", " : "", words[i]);
	}
	log_err("--%s %s: choose one of %s", option, given, list);
	return -EINVAL;
}

static int parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	char *end;
	unsigned long long n;
	unsigned int shift = 20;
	const char *unit;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-')
		return -EINVAL;
	if (*end) {
		unit = strchr(units, *end & ~0x20);
		if (!unit || end[1])
			return -EINVAL;
		shift = (unsigned int)(10 * (unit - units + 1));
	}
	if (n > (UINT64_MAX >> shift))
		return -EINVAL;
	*ret = (uint64_t)n << shift;
	return 0;
}

static int set_memory(struct run_options *o, const char *text)
{
	uint64_t size;

	if (parse_size(text, &size) < 0) {
		log_err("--memory %s: not a size; try 512M or 4G", text);
		return -EINVAL;
	}
	if (size < GUEST_MEMORY_MIN || size > GUEST_MEMORY_MAX) {
		log_err("--memory %s: must be from 16M to 1T", text);
		return -EINVAL;
	}
	if (!is_aligned(size, BOARD_MEMORY_ALIGN)) {
		log_err("--memory %s: must be whole MiB", text);
		return -EINVAL;
	}
	o->memory = size;
	return 0;
}

static int set_cpus(struct run_options *o, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 1 || n > PARTITION_MAX_VPS) {
		log_err("--cpus %s: must be a number from 1 to %d", text,
			PARTITION_MAX_VPS);
		return -EINVAL;
	}
	o->cpus = (unsigned int)n;
	return 0;
}

static struct disk_option *next_disk(struct run_options *o)
{
	if (o->nr_disks == WORKER_MAX_DISKS) {
		log_err("too many disks: the IDE controller has room for %d "
			"disks and CD-ROMs together",
			WORKER_MAX_DISKS);
		return NULL;
	}
	return &o->disk[o->nr_disks++];
}

/* FILE[,bus=ide][,readonly]; cuts @text at its commas. */
static int add_disk(struct run_options *o, char *text)
{
	struct disk_option *d = next_disk(o);
	char *save = NULL;
	char *word;

	if (!d)
		return -EINVAL;
	d->path = strtok_r(text, ",", &save);
	if (!d->path) {
		log_err("--disk: no file given");
		return -EINVAL;
	}
	while ((word = strtok_r(NULL, ",", &save))) {
		if (strcmp(word, "readonly") == 0) {
			d->readonly = true;
		} else if (strcmp(word, "bus=ide") != 0) {
			log_err("--disk %s: unknown property '%s'; there are "
				"bus=ide and readonly",
				d->path, word);
			return -EINVAL;
		}
	}
	return 0;
}

static int add_cdrom(struct run_options *o, char *path)
{
	struct disk_option *d = next_disk(o);

	if (!d)
		return -EINVAL;
	d->path = path;
	d->readonly = true;
	d->cdrom = true;
	return 0;
}

static int add_initrd(struct run_options *o, const char *path)
{
	if (o->nr_initrds == WORKER_MAX_INITRDS) {
		log_err("too many --initrd: at most %d", WORKER_MAX_INITRDS);
		return -EINVAL;
	}
	o->initrd[o->nr_initrds++] = path;
	return 0;
}

static void set_serial(struct run_options *o, const char *text)
{
	o->serial_path = NULL;
	if (strcmp(text, "stdio") == 0) {
		o->serial = SERIAL_STDIO;
	} else if (strcmp(text, "none") == 0) {
		o->serial = SERIAL_NONE;
	} else {
		o->serial = SERIAL_FILE;
		o->serial_path = text;
	}
}

static int set_trace(struct run_options *o, char *text)
{
	char *save = NULL;

	for (char *word = strtok_r(text, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (strcmp(word, "firmware") == 0) {
			o->trace_firmware = true;
		} else if (strcmp(word, "device") == 0) {
			o->trace_device = true;
		} else {
			log_err("--trace %s: there are firmware and device",
				word);
			return -EINVAL;
		}
	}
	return 0;
}

static int set_name(struct run_options *o, const char *name)
{
	if (!*name || strlen(name) >= WORKER_MAX_NAME) {
		log_err("--name: must have 1 to %d characters",
			WORKER_MAX_NAME - 1);
		return -EINVAL;
	}
	o->name = name;
	return 0;
}

static int set_append(struct run_options *o, const char *text)
{
	if (strlen(text) >= WORKER_MAX_CMDLINE) {
		log_err("--append: longer than %d characters",
			WORKER_MAX_CMDLINE - 1);
		return -EINVAL;
	}
	o->append = text;
	return 0;
}

#define CHOOSE(option, words) choose(option, optarg, words, ARRAY_SIZE(words))

/* Options that take one of a few words. */
static int set_word(struct run_options *o, int id)
{
	static const char *const machines[] = {BOARD_MACHINE};
	static const char *const models[] = {"v2", "v3", "host"};
	static const char *const engines[] = {"auto", "interp", "soft"};
	static const char *const resets[] = {"reboot", "exit"};
	static const char *const levels[] = {"on", "strict"};
	int word;

	switch (id) {
	case OPT_MACHINE:
		return CHOOSE("machine", machines);
	case OPT_CPU_MODEL:
		word = CHOOSE("cpu-model", models);
		if (word >= 0)
			o->cpu_model = models[word];
		return word;
	case OPT_ENGINE:
		word = CHOOSE("engine", engines);
		o->engine = word == 2   ? PARTITION_ENGINE_SOFT
			    : word == 1 ? PARTITION_ENGINE_INTERP
					: PARTITION_ENGINE_AUTO;
		return word;
	case OPT_ON_RESET:
		word = CHOOSE("on-reset", resets);
		o->exit_on_reset = word == 1;
		return word;
	case OPT_SANDBOX:
		word = CHOOSE("sandbox", levels);
		o->sandbox =
			word == 1 ? WORKER_SANDBOX_STRICT : WORKER_SANDBOX_ON;
		return word;
	default:
		return -EINVAL;
	}
}

static int apply(struct run_options *o, int id)
{
	switch (id) {
	case OPT_NAME:
		return set_name(o, optarg);
	case OPT_CPUS:
		return set_cpus(o, optarg);
	case OPT_MEMORY:
		return set_memory(o, optarg);
	case OPT_KERNEL:
		o->kernel = optarg;
		return 0;
	case OPT_INITRD:
		return add_initrd(o, optarg);
	case OPT_APPEND:
		return set_append(o, optarg);
	case OPT_FIRMWARE:
		o->firmware = strcmp(optarg, "bios") ? optarg : NULL;
		return 0;
	case OPT_DISK:
		return add_disk(o, optarg);
	case OPT_CDROM:
		return add_cdrom(o, optarg);
	case OPT_SERIAL:
		set_serial(o, optarg);
		return 0;
	case OPT_DEBUG_EXIT:
		o->debug_exit = true;
		return 0;
	case OPT_GDB:
		o->gdb = optarg;
		return 0;
	case OPT_DUMP:
		o->dump = optarg;
		return 0;
	case OPT_TRACE:
		return set_trace(o, optarg);
	case OPT_HELP:
		o->help = true;
		return 0;
	default:
		return set_word(o, id);
	}
}

static int check_together(const struct run_options *o)
{
	if (!o->kernel && (o->nr_initrds || o->append)) {
		log_err("--initrd and --append go with --kernel: add it");
		return -EINVAL;
	}
	if (!o->kernel && !o->firmware && !o->nr_disks) {
		log_err("nothing to boot: add --kernel FILE, --disk FILE or "
			"--cdrom FILE (lamina run --help)");
		return -EINVAL;
	}
	return 0;
}

int run_options_parse(struct run_options *ret, int argc, char **argv)
{
	int id;

	*ret = (struct run_options){
		.name = "lamina",
		.cpu_model = "v3",
		.cpus = 1,
		.memory = UINT64_C(1) << 30,
		.dump = "lamina.core",
	};
	optind = 1;
	opterr = 0;
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == '?') {
			log_err("%s: unknown option, or its value is missing "
				"(lamina run --help)",
				argv[optind - 1]);
			return -EINVAL;
		}
		if (apply(ret, id) < 0)
			return -EINVAL;
	}
	if (ret->help)
		return 0;
	if (optind < argc) {
		log_err("%s: options only (lamina run --help)", argv[optind]);
		return -EINVAL;
	}
	return check_together(ret);
}
