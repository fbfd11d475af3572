/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcpy and its kin for the freestanding core: string instructions, which
 * need no vector register and are fast enough for what a hypervisor moves.
 */
#include <base/mem.h>

#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
	void *d = dst;

	__asm__ volatile("rep movsb"
			 : "+D"(d), "+S"(src), "+c"(len)
			 :
			 : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (d <= s || d >= s + len)
		return memcpy(dst, src, len);
	while (len--)
		d[len] = s[len];
	return dst;
}

void *memset(void *dst, int byte, size_t len)
{
	void *d = dst;

	__asm__ volatile("rep stosb"
			 : "+D"(d), "+c"(len)
			 : "a"(byte)
			 : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a;
	const uint8_t *y = b;

	for (; len; len--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}
