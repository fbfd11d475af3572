/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lamina: the command line. One function per subcommand. */
#include "exit_code.h"
#include "run.h"

#include <base/bits.h>
#include <host/log.h>

#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: lamina COMMAND [OPTION]...\n"
	"\n"
	"  run        run one virtual machine on this terminal\n"
	"  version    print the version\n"
	"  help       this text\n"
	"\n"
	"lamina COMMAND --help tells more; so do the manual pages.\n";

static int cli_help(int argc, char **argv)
{
	(void)fputs(usage, stdout);
	return 0;
}

static int cli_version(int argc, char **argv)
{
	(void)printf("lamina %s\n", LAMINA_VERSION);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", cli_run},           {"version", cli_version},
	{"--version", cli_version}, {"help", cli_help},
	{"--help", cli_help},       {"-h", cli_help},
};

int main(int argc, char **argv)
{
	log_setup("lamina", LOG_LEVEL_INFO);
	if (argc < 2) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	log_err("%s: no such command (lamina help)", argv[1]);
	return EXIT_USAGE;
}
