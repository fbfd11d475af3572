/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way from 32-bit protected mode to real mode and back. The part from
 * real_low on is copied to 0x8000; it takes its registers from, and leaves
 * them in, struct real_regs at 0x7000 (realmode.h), calls the code at
 * 1000:0000, and catches every vector of 0 to 31 on the way.
 */
#define LOW(x)	(0x8000 + (x) - real_low)
#define REGS	0x7000

#define R_EAX	0
#define R_EBX	4
#define R_ECX	8
#define R_EDX	12
#define R_ESI	16
#define R_EDI	20
#define R_EBP	24
#define R_FLAGS	28
#define R_ESP	32
#define R_SEGS	36		/* ds es fs gs ss */
#define R_VECTOR 48
#define R_IP	52
#define R_CS	56
#define R_OFLAGS 60
#define R_OESP	64

	.text
	.code32
	.globl real_enter
real_enter:
	pusha
	mov %esp, real_saved_esp
	sidt real_idt
	ljmp $0x48, $LOW(real_16)

	.globl real_back
real_back:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov %eax, %ss
	mov real_saved_esp, %esp
	lidt real_idt
	cld
	popa
	ret

	.data
	.balign 4
real_saved_esp:	.long 0
		.short 0
real_idt:	.word 0
		.long 0

	.text
	.balign 16
	.globl real_low, real_low_end
real_low:
	.code16
real_16:
	/* 16-bit protected mode: real-mode limits into all segments. */
	mov $0x50, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %gs
	mov %ax, %ss
	/* FS as the caller asks: selector 0x50, or 0x10 for 4 GiB. */
	mov REGS + R_SEGS + 4, %ax
	mov %ax, %fs
	lidtl LOW(real_ivt)
	mov %cr0, %eax
	and $~1, %al
	mov %eax, %cr0
	ljmp $0, $LOW(1f)
1:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7f00, %esp
	movl $-1, REGS + R_VECTOR
	mov REGS + R_EBX, %ebx
	mov REGS + R_ECX, %ecx
	mov REGS + R_EDX, %edx
	mov REGS + R_ESI, %esi
	mov REGS + R_EDI, %edi
	mov REGS + R_EBP, %ebp
	mov REGS + R_SEGS + 2, %ax
	mov %ax, %es
	mov REGS + R_SEGS + 8, %ax
	mov %ax, %ss
	mov REGS + R_ESP, %esp
	pushl REGS + R_FLAGS
	mov REGS + R_EAX, %eax
	mov REGS + R_SEGS, %ds
	popfl
	lcall $0x1000, $0
	/* Back: store what the code left. */
	pushfl
	push %ds
	push $0
	pop %ds
	mov %eax, REGS + R_EAX
	pop %ax
	mov %ax, REGS + R_SEGS
	popl REGS + R_OFLAGS
	mov %esp, REGS + R_OESP
real_out:
	cli
	mov %ebx, REGS + R_EBX
	mov %ecx, REGS + R_ECX
	mov %edx, REGS + R_EDX
	mov %esi, REGS + R_ESI
	mov %edi, REGS + R_EDI
	mov %ebp, REGS + R_EBP
	mov %es, REGS + R_SEGS + 2
	mov %ss, REGS + R_SEGS + 8
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $0x08, $real_back

	/* One entry per vector; each tells its number. */
	.balign 8
	.globl real_vectors
real_vectors:
	.set vec, 0
	.rept 32
	.balign 8
	push $vec
	jmp real_trap
	.set vec, vec + 1
	.endr
real_trap:
	/* Stack: vector, IP, CS, flags. */
	push %ds
	push $0
	pop %ds
	mov %eax, REGS + R_EAX
	pop %ax
	mov %ax, REGS + R_SEGS
	xor %eax, %eax
	pop %ax
	mov %eax, REGS + R_VECTOR
	pop %ax
	mov %eax, REGS + R_IP
	pop %ax
	mov %eax, REGS + R_CS
	pop %ax
	mov %eax, REGS + R_OFLAGS
	mov %esp, REGS + R_OESP
	/* The stack may be anything; it is not needed any more. */
	jmp real_out
	.balign 4
real_ivt:
	.word 0x3ff
	.long 0
real_low_end:
	.code32
	.globl real_vectors_low
	.set real_vectors_low, LOW(real_vectors)
	.section .note.GNU-stack, "", @progbits
