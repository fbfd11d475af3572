/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Access rights as the manual states them, for all paging modes. */
#pragma once

#include "lib.h"
#include "page.h"

enum access {
	READ,
	WRITE,
	FETCH
};

/* The state that decides besides the entries. */
struct rules {
	bool wp, smep, smap, ac;
};

extern const struct rules paging_plain;

void paging_apply(const struct rules *r);

/* The n-th of 16 combinations of P, W, U and NX (8 without NX). */
uint64_t paging_bits(unsigned int n);

#define PAGING_PROBES 6

/*
 * Do access @i to the page at @va, which has @bits (the AND of all levels):
 * does it end as the rules say? The page holds RET instructions.
 */
bool paging_probe(unsigned int i, ulong va, uint64_t bits,
		  const struct rules *r);

void paging_k_read(void *p);
void paging_k_write(void *p);
void paging_k_fetch(void *p);
void paging_u_read(void *p);
void paging_u_write(void *p);
void paging_u_fetch(void *p);
