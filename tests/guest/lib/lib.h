/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every test image gets: reporting on COM1, the exception catcher, and
 * the way to CPL 3 and back. An image supplies `int main(void)`; boot code
 * calls it on the boot processor with interrupts off and, when it returns,
 * prints the totals and leaves the machine.
 */
#pragma once

#include "x86.h"

/* --- report.c: one line per check ------------------------------------- */

#define PRINTF(f, a) __attribute__((format(printf, f, a)))

void print(const char *fmt, ...) PRINTF(1, 2);

/* Each prints "ok NAME" or "FAIL NAME: got .. want .."; true when good. */
bool check_eq(uint64_t got, uint64_t want, const char *fmt, ...) PRINTF(3, 4);
bool check(bool good, const char *fmt, ...) PRINTF(2, 3);

/* Text for the next check, printed only if that one fails. */
void detail(const char *fmt, ...) PRINTF(1, 2);

/* A check that this processor or machine cannot run: never counted good. */
void skip(const char *why, const char *fmt, ...) PRINTF(2, 3);

/* Print the totals and leave: debug-exit port, ACPI S5, then halt. */
void finish(void) __attribute__((noreturn));

/* The machine is not in a state to go on: report and leave with code 2. */
void die(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));

/* --- trap.c: exceptions ------------------------------------------------ */

/* What the entry stubs save; the layout is known to trap64.S, trap32.S. */
#ifdef __x86_64__
struct frame {
	ulong r15, r14, r13, r12, r11, r10, r9, r8;
	ulong di, si, bp, bx, dx, cx, ax;
	ulong vector, error;
	ulong ip, cs, flags, sp, ss;
};
#else
struct frame {
	ulong di, si, bp, sp_at_entry, bx, dx, cx, ax;
	ulong gs, fs, es, ds;
	ulong ss_at_entry;
	ulong vector, error;
	ulong ip, cs, flags, sp, ss; /* sp, ss: only from an outer ring */
	ulong v86_es, v86_ds, v86_fs, v86_gs;
};
#endif

#define TRAP_NONE (-1)

/* The first exception of a catch_run() or user_run(). */
struct trap {
	int vector; /* TRAP_NONE when the function came back */
	ulong error;
	ulong ip, cs, flags, sp, ss;
	ulong cr2, dr6;
	struct frame regs;
};

typedef void (*test_fn)(void *arg);

/*
 * Call fn(arg) at CPL 0; the first exception (or interrupt without a hook)
 * abandons it. Flags are as before afterwards. Returns the vector.
 */
int catch_run(test_fn fn, void *arg, struct trap *t);

/* The same with fn called at CPL 3; fn and what it touches is USER_*. */
int user_run(test_fn fn, void *arg, struct trap *t);

/* The flags that user_run() starts with besides the always-one bit. */
extern ulong user_flags;

#ifdef __x86_64__
/* The code segment that user_run() enters; SEL_UCODE32 for 32-bit code. */
extern ulong user_cs;
#endif

/*
 * A test function in assembler, at CPL 0 or in what CPL 3 may run. The
 * argument is in RDI (also in 32-bit code under user_cs).
 */
#define ASM_FN(name, text)                                                     \
	void name(void *arg);                                                  \
	asm(".text\n" #name ":\n" text "\nret\n")
#define USER_ASM_FN(name, text)                                                \
	void name(void *arg);                                                  \
	asm(".pushsection .user.text, \"ax\"\n" #name ":\n" text               \
	    "\nret\n.popsection\n")

/*
 * A hook sees an interrupt or exception first; true: handled, resume from
 * the (perhaps changed) frame. Hooks are shared by all processors.
 */
typedef bool (*trap_hook)(struct frame *f);
void trap_set_hook(int vector, trap_hook hook);

void trap_init_cpu(unsigned int cpu);
unsigned int cpu_index(void);

/* Compare a trap with what is wanted: the vector, and its error code. */
bool check_trap(const struct trap *t, int vector, ulong error, const char *fmt,
		...) PRINTF(4, 5);

/* --- descriptors ------------------------------------------------------- */

#ifdef __x86_64__
#define SEL_CODE32   0x08
#define SEL_KCODE    0x10
#define SEL_KDATA    0x18
#define SEL_UCODE32  (0x20 | 3)
#define SEL_UDATA    (0x28 | 3)
#define SEL_UCODE    (0x30 | 3)
#define SEL_SPARE    0x40 /* four slots free for a test */
#define SEL_TSS(cpu) (0x80 + 16 * (cpu))
#else
#define SEL_KCODE    0x08
#define SEL_KDATA    0x10
#define SEL_UCODE    (0x18 | 3)
#define SEL_UDATA    (0x20 | 3)
#define SEL_TSS(cpu) (0x28)
#define SEL_SPARE    0x40
#endif
#define GDT_ENTRIES   256
#define VEC_USER_EXIT 0xe0

extern uint64_t gdt[GDT_ENTRIES];

static inline void gdt_set(unsigned int sel, uint64_t desc)
{
	((volatile uint64_t *)gdt)[sel / 8] = desc;
}

/* Bits of a code or data descriptor, base and limit spread as they must. */
uint64_t desc_make(uint32_t base, uint32_t limit, unsigned int access,
		   unsigned int flags);

#define MAX_CPUS   16
#define STACK_SIZE 8192

#ifdef __x86_64__
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap;
	uint8_t bitmap[32 + 1];
} __attribute__((packed));

struct gate {
	uint16_t off0;
	uint16_t sel;
	uint8_t ist;
	uint8_t type;
	uint16_t off1;
	uint32_t off2;
	uint32_t reserved;
};
#else
struct tss {
	uint32_t link;
	uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3, eip, eflags;
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, iomap;
	uint8_t bitmap[32 + 8192 + 1]; /* VME redirection, I/O, end */
} __attribute__((packed));

struct gate {
	uint16_t off0;
	uint16_t sel;
	uint8_t ist;
	uint8_t type;
	uint16_t off1;
};
#endif

extern struct tss cpu_tss[];
extern struct gate idt[256];

/* IST 1 to 7 for a vector (64-bit), 0 to go back to none. */
void idt_set_ist(int vector, unsigned int ist);
/* The DPL of a gate. */
void idt_set_dpl(int vector, unsigned int dpl);
void idt_set_present(int vector, bool present);

/* --- boot information -------------------------------------------------- */

extern uint32_t boot_magic, boot_info;

/* Highest address of usable RAM, from the multiboot memory map. */
uint64_t ram_top(void);

void lib_init(void);
int main(void);

void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
