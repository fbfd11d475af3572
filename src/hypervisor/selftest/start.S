/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry of the self-test image by PVH: 32-bit protected mode, paging off.
 * Maps the first GiB to itself, enters 64-bit mode, calls selftest_main().
 */
#define NOTE_TYPE_PVH_ENTRY 18

	.section .note.pvh, "a", @note
	.align 4
	.long 4, 4, NOTE_TYPE_PVH_ENTRY
	.asciz "Xen"
	.long start

	.section .text.start, "ax"
	.code32
	.globl start
start:
	cli
	movl $stack_top, %esp

	/* One table of each level; 512 pages of 2 MiB. */
	movl $pdpt + 3, pml4
	movl $pd + 3, pdpt
	movl $pd, %edi
	movl $0x83, %eax
	movl $512, %ecx
1:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b

	movl $0x20, %eax		/* CR4.PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx		/* EFER.LME */
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl $0x80000011, %eax		/* CR0.PG, ET, PE */
	movl %eax, %cr0
	lgdt gdt_register
	ljmp $8, $1f

	.code64
1:	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %ebp, %ebp
	call selftest_main
2:	hlt
	jmp 2b

	.section .rodata
	.align 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 64-bit code */
	.quad 0x00cf93000000ffff	/* data */
gdt_register:
	.word . - gdt - 1
	.long gdt

	.bss
	.align 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4096
	.skip 65536
stack_top:

	.section .note.GNU-stack, "", @progbits
