/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1 entry of a 32-bit image: flat protected mode, no paging.
 */
#define MB_MAGIC 0x1badb002
#define MB_FLAGS 0x3

	.section .multiboot, "a"
	.balign 4
	.long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)

	.section .boot, "ax"
	.globl boot_start
boot_start:
	cli
	cld
	mov %eax, boot_magic
	mov %ebx, boot_info
	mov $boot_stack_top, %esp
	lgdt boot_gdtr
	ljmp $0x08, $1f
1:	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov %eax, %ss
	xor %eax, %eax
	lldt %ax
	/* CR0: NE, ET, MP, PE. CR4: OSFXSR, OSXMMEXCPT. */
	mov $0x33, %eax
	mov %eax, %cr0
	mov $0x600, %eax
	mov %eax, %cr4
	fninit
	call lib_init
	call main
	call finish

	.data
	.globl boot_magic, boot_info, boot_gdtr
boot_magic:	.long 0
boot_info:	.long 0
boot_gdtr:	.word 256 * 8 - 1
		.long gdt

	.balign 16
	.globl gdt
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08 code */
	.quad 0x00cf93000000ffff	/* 0x10 data */
	.quad 0x00cffb000000ffff	/* 0x18 user code */
	.quad 0x00cff3000000ffff	/* 0x20 user data */
	.fill 256 - 5, 8, 0

	.bss
	.balign 16
	.skip 16384
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
