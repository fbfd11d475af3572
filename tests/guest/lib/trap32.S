/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 32-bit catcher. An exception may come in on a stack segment that is
 * small, has a base, or 16 bits: then the frame is popped off it (which
 * obeys the segment), handled on a flat stack, and pushed back.
 */
#define FRAME_WORDS 18		/* struct frame up to flags */

	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vec, 0
	.rept 256
	.balign 16
	.if vec != 8 && vec != 17 && vec != 21 && (vec < 10 || vec > 14)
	push $0
	.endif
	push $vec
	jmp trap_common
	.set vec, vec + 1
	.endr

trap_common:
	push %ss
	push %ds
	push %es
	push %fs
	push %gs
	pushal
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	cld
	mov %ss, %eax
	cmp $0x10, %ax
	jne odd_stack
	mov %esp, %eax
	push %eax
	call trap_entry
	add $4, %esp
	popal
	pop %gs
	pop %fs
	pop %es
	pop %ds
	add $12, %esp		/* SS, vector, error code */
	iret

odd_stack:
	mov $odd_frame, %esi
	mov $FRAME_WORDS, %ecx
1:	popl %eax
	mov %eax, (%esi)
	add $4, %esi
	loop 1b
	mov %ss, odd_ss
	mov %esp, odd_esp
	mov $0x10, %eax
	mov %eax, %ss
	mov $odd_stack_top, %esp
	push $odd_frame
	call trap_entry
	lss odd_esp, %esp
	mov $odd_frame + 4 * FRAME_WORDS - 4, %esi
	mov $FRAME_WORDS, %ecx
2:	pushl (%esi)
	sub $4, %esi
	loop 2b
	popal
	pop %gs
	pop %fs
	pop %es
	/* DS last: the scratch word is reached through it. */
	movl %eax, odd_scratch
	popl %eax
	movl %eax, odd_ds
	popl %eax
	popl %eax
	popl %eax
	movl odd_scratch, %eax
	mov odd_ds, %ds
	iret

/* void trap_protect(test_fn fn, void *arg, ulong *sp): see catch_run(). */
	.globl trap_protect
trap_protect:
	push %ebp
	push %ebx
	push %esi
	push %edi
	pushf
	mov 32(%esp), %eax
	mov %esp, (%eax)
	mov 28(%esp), %eax
	mov 24(%esp), %ecx
	push %eax
	call *%ecx
	add $4, %esp
1:	popf
	pop %edi
	pop %esi
	pop %ebx
	pop %ebp
	ret

/* void trap_resume(ulong sp): back to where trap_protect() was called. */
	.globl trap_resume
trap_resume:
	mov 4(%esp), %ecx
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov %eax, %ss
	mov %ecx, %esp
	push $2
	popf
	pushf
	push $0x08
	push $1b
	iret

/* void user_enter(fn, arg, user_sp, flags): never returns by itself. */
	.globl user_enter
user_enter:
	mov 4(%esp), %esi
	mov 8(%esp), %eax
	mov 12(%esp), %ecx
	mov 16(%esp), %edx
	mov $0x23, %ebx
	mov %ebx, %ds
	mov %ebx, %es
	mov %ebx, %fs
	mov %ebx, %gs
	push $0x23
	push %ecx
	push %edx
	push $0x1b
	push %esi
	iret

	.section .user.text, "ax"
	.globl user_exit
user_exit:
	int $0xe0

	.data
	.balign 4
odd_scratch:	.long 0
odd_ds:		.long 0
odd_esp:	.long 0
odd_ss:		.long 0
odd_frame:	.fill FRAME_WORDS + 8, 4, 0
	.bss
	.balign 16
	.skip 8192
odd_stack_top:
	.section .note.GNU-stack, "", @progbits
