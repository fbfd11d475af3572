/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lamina-difftest: command line, main loop, reports.
 *
 * Exit status: 0 no difference and every entry covered, 1 otherwise, 2 usage.
 */
#include "commit.h"
#include "shrink.h"

#include "native.h"

#include <base/bits.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define MAX_ENTRIES    4096u
#define MAX_REPLAYS    64u
#define SEQUENCE_EVERY 8u

static const struct diff_engine *const engines[] = {&engine_interp,
						    &engine_xlat};

static struct {
	uint64_t seed;
	uint64_t cases;
	unsigned int max_reports;
	bool quiet;
	const struct diff_engine *engine;
	const char *json;
	const char *replay[MAX_REPLAYS];
	unsigned int nr_replays;
	int only; /* entry to test alone, or -1 */
	const char *only_op;
} opt = {.seed = 1,
	 .cases = 100000,
	 .max_reports = 20,
	 .engine = &engine_interp,
	 .only = -1};

static struct {
	uint64_t run, differences, skipped, sequences;
	uint64_t executed[MAX_ENTRIES]; /* not #UD on the host */
	uint64_t failed[MAX_ENTRIES];
	unsigned int reports, uncovered;
	double seconds;
} stat;

static struct native *native;
static struct diff_case cases[DIFF_BATCH];
static struct diff_result host_results[DIFF_BATCH];
static struct diff_result engine_result;

/* ---- reports ---- */

/* @host and engine_result are what differs. */
static void report(const struct diff_case *c, const struct diff_result *host,
		   const char *what)
{
	static struct diff_result first_host, first_engine;
	static struct diff_case small;

	stat.differences++;
	/* Two of a kind are enough to read. */
	if (stat.failed[c->entry]++ >= 2 || stat.reports >= opt.max_reports)
		return;
	stat.reports++;
	small = *c;
	first_host = *host;
	first_engine = engine_result;
	printf("# difference: %s\n", what);
	if (shrink(native, opt.engine, what, &small)) {
		native_run(native, &small, &first_host, 1);
		opt.engine->run(&small, &first_engine);
	} else {
		printf("#   not when run again\n");
	}
	text_differences(stdout, &small, &first_host, &first_engine);
	text_write(stdout, &small);
	printf("\n");
	(void)fflush(stdout);
}

/* #UD is what these are for, or what user mode gets. */
static bool always_ud(unsigned int entry)
{
	switch (insn_entry(entry)->op) {
	case OP_UD0:
	case OP_UD1:
	case OP_UD2:
	case OP_RSM:
	case OP_CLAC:
	case OP_STAC:
		return true;
	default:
		return false;
	}
}

static void run_batch(unsigned int count)
{
	const char *what;

	native_run(native, cases, host_results, count);
	for (unsigned int i = 0; i < count; i++) {
		const struct diff_result *h = &host_results[i];

		stat.run++;
		if (h->skipped) {
			stat.skipped++;
			continue;
		}
		if (cases[i].nr_insns > 1)
			stat.sequences++;
		else if (h->vector != X86_UD || always_ud(cases[i].entry))
			stat.executed[cases[i].entry]++;
		opt.engine->run(&cases[i], &engine_result);
		what = compare(&cases[i], h, &engine_result);
		if (what)
			report(&cases[i], h, what);
	}
}

/* ---- what to run ---- */

struct target {
	uint16_t entry;
	uint8_t mode;
};

static struct target targets[2 * MAX_ENTRIES];
static unsigned int nr_targets;

static bool on_host(unsigned int entry)
{
	const struct insn_desc *d = insn_entry(entry);

	return soft_host_has((enum insn_feature)d->feature);
}

static bool wanted(unsigned int entry)
{
	const struct insn_desc *d = insn_entry(entry);

	if (opt.only >= 0 && entry != (unsigned int)opt.only)
		return false;
	if (opt.only_op &&
	    strcmp(opt.only_op, insn_op_name((enum insn_op)d->op)))
		return false;
	return !gen_excluded(entry) && on_host(entry);
}

static void find_targets(void)
{
	bool has_32 = native_has_32(native);
	struct rng r = {0};

	if (!has_32)
		printf("32-bit code: not on this host\n");
	for (unsigned int e = 0; e < insn_entry_count(); e++) {
		if (!wanted(e))
			continue;
		if (gen_case(&r, &cases[0], e, 64))
			targets[nr_targets++] =
				(struct target){(uint16_t)e, 64};
		if (has_32 && gen_case(&r, &cases[0], e, 32))
			targets[nr_targets++] =
				(struct target){(uint16_t)e, 32};
	}
}

/* Every SEQUENCE_EVERY-th case is one. */
static bool next_sequence(struct rng *r, struct diff_case *c)
{
	unsigned int mode = targets[rng_below(r, nr_targets)].mode;
	unsigned int want = 3 + rng_below(r, 16), n = 0;
	uint16_t entries[DIFF_MAX_INSNS];

	for (unsigned int tries = 0; tries < 200 && n < want; tries++) {
		const struct target *t = &targets[rng_below(r, nr_targets)];

		if (t->mode == mode && gen_fits_sequence(t->entry))
			entries[n++] = t->entry;
	}
	if (n < 2)
		return false;
	gen_sequence(r, c, entries, n, mode);
	return c->nr_insns > 1;
}

static bool next_case(struct rng *r, struct diff_case *c, uint64_t number)
{
	static unsigned int at;
	const struct target *t;

	if (number % SEQUENCE_EVERY == SEQUENCE_EVERY - 1 &&
	    next_sequence(r, c))
		return true;
	t = &targets[at++ % nr_targets];
	return gen_case(r, c, t->entry, t->mode);
}

static void run_random(void)
{
	struct rng r = {opt.seed};
	unsigned int count = 0;

	if (!nr_targets) {
		fprintf(stderr, "difftest: nothing to run\n");
		exit(2);
	}
	for (uint64_t n = 0; n < opt.cases; n++) {
		if (!next_case(&r, &cases[count], n))
			continue;
		cases[count].number = n;
		if (++count == DIFF_BATCH) {
			run_batch(count);
			count = 0;
		}
	}
	run_batch(count);
}

static void run_replay(const char *name)
{
	FILE *f = fopen(name, "re");
	unsigned int count = 0;

	if (!f) {
		fprintf(stderr, "difftest: %s: %s\n", name, strerror(errno));
		exit(2);
	}
	while (text_read(f, name, &cases[count])) {
		if (++count == DIFF_BATCH) {
			run_batch(count);
			count = 0;
		}
	}
	run_batch(count);
	(void)fclose(f);
}

/* ---- coverage ---- */

static const char *coverage_note(unsigned int e)
{
	const char *why = gen_excluded(e);

	if (why)
		return why;
	if (!on_host(e))
		return "not on this host";
	return stat.executed[e] ? "" : "NOT COVERED";
}

static void print_entry(unsigned int e)
{
	static const char *const maps[] = {
		"", "0f", "0f38", "0f3a", "vex.0f", "vex.0f38", "vex.0f3a"};
	static const char *const pfx[] = {"np", "66", "f3", "f2", ""};
	const struct insn_desc *d = insn_entry(e);
	char ext[8] = "";

	if (d->pat.mask & INSN_KEY_REG)
		(void)snprintf(ext, sizeof(ext), "/%u",
			       (d->pat.match & INSN_KEY_REG) >> 3);
	printf("%4u %-2s %-8s %02x%-3s %-18s %9" PRIu64 " %6" PRIu64 " %s\n", e,
	       pfx[d->pfx], maps[d->map], d->opcode, ext,
	       insn_op_name((enum insn_op)d->op), stat.executed[e],
	       stat.failed[e], coverage_note(e));
}

/* Entries that the host can run must have been run. */
static void print_coverage(void)
{
	unsigned int covered = 0, excluded = 0, absent = 0;

	if (!opt.quiet)
		printf("coverage: entry, encoding, cases, differences\n");
	for (unsigned int e = 0; e < insn_entry_count(); e++) {
		if (gen_excluded(e))
			excluded++;
		else if (!on_host(e))
			absent++;
		else if (stat.executed[e])
			covered++;
		else
			stat.uncovered++;
		if (!opt.quiet ||
		    (!stat.executed[e] && !gen_excluded(e) && on_host(e)))
			print_entry(e);
	}
	printf("%u entries covered, %u not, %u excluded, %u not on this host\n",
	       covered, stat.uncovered, excluded, absent);
}

/* ---- the record of a run ---- */

static void write_json(void)
{
	FILE *f = fopen(opt.json, "we");
	struct utsname u;

	if (!f || uname(&u) < 0) {
		fprintf(stderr, "difftest: %s: %s\n", opt.json,
			strerror(errno));
		exit(2);
	}
	fprintf(f,
		"{\n  \"program\": \"lamina-difftest\",\n"
		"  \"commit\": \"%s\",\n  \"engine\": \"%s\",\n"
		"  \"seed\": %" PRIu64 ",\n  \"cases\": %" PRIu64 ",\n"
		"  \"differences\": %" PRIu64 ",\n  \"skipped\": %" PRIu64 ",\n"
		"  \"entries_uncovered\": %u,\n  \"seconds\": %.1f,\n"
		"  \"kernel\": \"%s\",\n  \"compiler\": \"%s\"\n}\n",
		DIFF_COMMIT, opt.engine->name, opt.seed, stat.run,
		stat.differences, stat.skipped, stat.uncovered, stat.seconds,
		u.release, __VERSION__);
	(void)fclose(f);
}

/* ---- command line ---- */

static _Noreturn void usage(FILE *f, int status)
{
	fprintf(f,
		"usage: lamina-difftest [--seed N] [--cases N] [--engine NAME]"
		"\n                       [--replay FILE]... [--json FILE]"
		"\n                       [--entry N | --op NAME] [--quiet]"
		"\n                       [--reports N]\n"
		"Execute random instructions on the host CPU and in an engine"
		" and compare.\n");
	exit(status);
}

static void pick_engine(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		if (!strcmp(engines[i]->name, name)) {
			opt.engine = engines[i];
			return;
		}
	}
	fprintf(stderr, "difftest: no engine \"%s\"\n", name);
	exit(2);
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{"seed", required_argument, NULL, 's'},
		{"cases", required_argument, NULL, 'n'},
		{"engine", required_argument, NULL, 'e'},
		{"replay", required_argument, NULL, 'r'},
		{"json", required_argument, NULL, 'j'},
		{"entry", required_argument, NULL, 'E'},
		{"op", required_argument, NULL, 'o'},
		{"reports", required_argument, NULL, 'R'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			opt.seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			opt.cases = strtoull(optarg, NULL, 0);
			break;
		case 'e':
			pick_engine(optarg);
			break;
		case 'r':
			if (opt.nr_replays == MAX_REPLAYS)
				usage(stderr, 2);
			opt.replay[opt.nr_replays++] = optarg;
			break;
		case 'j':
			opt.json = optarg;
			break;
		case 'E':
			opt.only = atoi(optarg);
			break;
		case 'o':
			opt.only_op = optarg;
			break;
		case 'R':
			opt.max_reports = (unsigned int)atoi(optarg);
			break;
		case 'q':
			opt.quiet = true;
			break;
		case 'h':
			usage(stdout, 0);
		default:
			usage(stderr, 2);
		}
	}
	if (optind != argc)
		usage(stderr, 2);
}

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	double start;
	bool whole;
	int err;

	parse(argc, argv);
	err = native_open(&native);
	if (err == 0)
		err = opt.engine->open();
	if (err < 0) {
		fprintf(stderr, "difftest: cannot start: %s\n", strerror(-err));
		return 2;
	}
	start = now();
	for (unsigned int i = 0; i < opt.nr_replays; i++)
		run_replay(opt.replay[i]);
	whole = opt.only < 0 && !opt.only_op && opt.cases > 0;
	if (opt.cases > 0) {
		find_targets();
		run_random();
	}
	stat.seconds = now() - start;
	if (whole)
		print_coverage();
	printf("%" PRIu64 " cases (%" PRIu64 " sequences), %" PRIu64
	       " differences, %" PRIu64
	       " skipped, %.1f s, %.0f cases/s, seed %" PRIu64 "\n",
	       stat.run, stat.sequences, stat.differences, stat.skipped,
	       stat.seconds, (double)stat.run / stat.seconds, opt.seed);
	if (opt.json)
		write_json();
	opt.engine->close();
	native_close(native);
	return stat.differences || (whole && stat.uncovered) ? 1 : 0;
}
