/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry stubs for all 256 vectors, and the two ways to run a function under
 * the catcher. The register order is struct frame in lib.h.
 */
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
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, %rdi
	cld
	call trap_entry
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

/* void trap_protect(test_fn fn, void *arg, ulong *sp): see catch_run(). */
	.globl trap_protect
trap_protect:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	pushf
	mov %rsp, (%rdx)
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
1:	popf
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret

/* void trap_resume(ulong sp): back to where trap_protect() was called. */
	.globl trap_resume
trap_resume:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %rdi, %rsp
	cld
	/* IRET to ourselves: what blocked NMIs does so no longer. */
	mov %rsp, %rax
	push $0x18
	push %rax
	pushf
	push $0x10
	push $1b
	iretq

/* void user_enter(fn, arg, user_sp, flags): never returns by itself. */
	.globl user_enter
user_enter:
	mov %rcx, %r8
	mov $0x28 | 3, %ecx
	mov %ecx, %ds
	mov %ecx, %es
	push $0x28 | 3
	push %rdx
	push %r8
	push user_cs
	push %rdi
	mov %rsi, %rdi
	iretq

	.section .user.text, "ax"
	.globl user_exit
user_exit:
	int $0xe0
	.section .note.GNU-stack, "", @progbits
