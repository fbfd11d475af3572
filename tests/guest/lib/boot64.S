/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1 entry of a 64-bit image: 32-bit protected mode without paging
 * becomes long mode with the first 4 GiB mapped 1:1 by 2 MiB pages.
 */
#define MB_MAGIC 0x1badb002
#define MB_FLAGS 0x3

	.section .multiboot, "a"
	.balign 4
	.long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)

	.section .boot, "ax"
	.code32
	.globl boot_start
boot_start:
	cli
	cld
	mov %eax, boot_magic
	mov %ebx, boot_info
	mov $boot_stack_top, %esp

	/* Four page directories of 2 MiB pages. */
	mov $boot_pd, %edi
	mov $0x83, %eax
1:	mov %eax, (%edi)
	movl $0, 4(%edi)
	add $8, %edi
	add $0x200000, %eax
	jnc 1b
	mov $boot_pd + 3, %eax
	mov $boot_pdpt, %edi
	mov $4, %ecx
2:	mov %eax, (%edi)
	add $0x1000, %eax
	add $8, %edi
	loop 2b
	movl $boot_pdpt + 3, boot_pml4

	.globl boot_enter_long
boot_enter_long:
	/* CR4: PAE, OSFXSR, OSXMMEXCPT. EFER: LME, NXE. */
	mov $0x620, %eax
	mov %eax, %cr4
	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax
	wrmsr
	/* CR0: PG, WP, NE, ET, MP, PE. */
	mov $0x80010033, %eax
	mov %eax, %cr0
	lgdt boot_gdtr
	ljmp $0x10, $1f

	.code64
1:	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	lldt %ax
	fninit
	/* smp_stack is set once there may be a second processor. */
	cmpq $0, smp_stack
	jne 2f
	call lib_init
	call main
	call finish
	.weak smp_entry
2:	mov $1, %edi
	lock xadd %edi, smp_next
	mov %edi, %eax
	shl $13, %rax		/* STACK_SIZE */
	add smp_stack, %rax
	lea 8192(%rax), %rsp
	call smp_entry
	ud2

	/* At 0x8000, in real mode: CS 0x800. */
	.code16
	.globl smp_trampoline, smp_trampoline_end
smp_trampoline:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl boot_gdt32r - smp_trampoline
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $0x08, $smp_protected
	.balign 4
boot_gdt32r:
	.word 0x1f
	.long gdt
smp_trampoline_end:
	.code32
smp_protected:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	jmp boot_enter_long
	.code64

	.data
	.globl boot_magic, boot_info, boot_gdtr
boot_magic:	.long 0
boot_info:	.long 0
boot_gdtr:	.word 256 * 8 - 1
		.quad gdt
	.globl smp_stack, smp_next
	.balign 8
smp_stack:	.quad 0
smp_next:	.long 1

	.balign 16
	.globl gdt
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08 32-bit code */
	.quad 0x00af9b000000ffff	/* 0x10 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x18 data */
	.quad 0x00cffb000000ffff	/* 0x20 user 32-bit code */
	.quad 0x00cff3000000ffff	/* 0x28 user data */
	.quad 0x00affb000000ffff	/* 0x30 user 64-bit code */
	.fill 256 - 7, 8, 0

	.bss
	.balign 4096
	.globl boot_pml4
boot_pml4:	.skip 4096
boot_pdpt:	.skip 4096
boot_pd:	.skip 4096 * 4
	.skip 16384
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
