/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All processors: started by INIT and SIPI, numbered in order of arrival
 * (the boot processor is 0), each then waiting for work.
 */
#pragma once

#include "lib.h"

/* Start them; the number of processors, the boot one included. */
unsigned int smp_start(void);

/* "cpus=N" of the command line, or 0. */
unsigned int smp_expected(void);

uint32_t smp_apic_id(unsigned int cpu);

/* Have @cpu (not 0) call fn(arg); smp_wait() until it is done. */
void smp_run(unsigned int cpu, test_fn fn, void *arg);
bool smp_wait(unsigned int cpu, unsigned int ms);

/* fn on all processors including this one; true when all came back. */
bool smp_run_all(test_fn fn, void *arg);

/* INIT and SIPI for one that is running; it waits for work again. */
bool smp_restart(unsigned int cpu);

/* A meeting point for @n processors; usable again and again. */
struct barrier {
	volatile unsigned int arrived, round;
};
void barrier_wait(struct barrier *b, unsigned int n);
