/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The four functions the compiler may call by itself. Hosted programs get
 * them from libc; freestanding ones from base/mem.c.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
