/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hardware task switches: JMP, CALL and IRET, task gates for interrupts and
 * exceptions, the busy bits and the link, and what a new task may not be.
 * Facts: SDM volume 3 chapter 7.
 */
#include "segmentation.h"

#define OK   TRAP_NONE
#define TSS1 SLOT1
#define TSS2 SLOT2
#define GATE SLOT3
#define LDT1 SLOT4

struct tss32 {
	uint32_t link;
	uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3, eip, eflags;
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, iomap;
};

static struct tss32 task __attribute__((aligned(128)));
static struct tss32 fault_task __attribute__((aligned(128)));
static uint8_t task_stack[2048], fault_stack[2048];

/* Filled by the tasks. */
uint32_t task_seen[16];
uint32_t fault_vector, fault_error, fault_count;

/* The tasks: each goes on behind its last instruction the next time. */
asm(".text; task_jmp:"
    "mov %eax, task_seen; mov %edi, task_seen+4; str %eax;"
    "mov %eax, task_seen+8; pushf; popl task_seen+12; mov %cr0, %eax;"
    "mov %eax, task_seen+16; sldt %eax; mov %eax, task_seen+20;"
    "mov %ds, %eax; mov %eax, task_seen+24; mov %esp, task_seen+28;"
    "mov gdt+0x28+4, %eax; mov %eax, task_seen+32;"
    "mov gdt+0x40+4, %eax; mov %eax, task_seen+36;"
    "ljmp $0x28, $0; jmp task_jmp;"
    "task_iret:"
    "mov %eax, task_seen; mov %edi, task_seen+4; str %eax;"
    "mov %eax, task_seen+8; pushf; popl task_seen+12; mov %cr0, %eax;"
    "mov %eax, task_seen+16; mov gdt+0x28+4, %eax; mov %eax, task_seen+32;"
    "mov gdt+0x40+4, %eax; mov %eax, task_seen+36; iret; jmp task_iret;"
    /* An exception's task: the error code is on its stack. */
    "task_error: popl task_seen; addl $2, cpu_tss+32; iret; jmp task_error;"
    "task_fault: mov %eax, fault_vector; popl fault_error;"
    "incl fault_count; ljmp $0x28, $0; jmp task_fault");
extern char task_jmp[], task_iret[], task_error[], task_fault[];

static unsigned int type_of(unsigned int sel)
{
	return gdt[sel / 8] >> 40 & 0x1f;
}

static void tss_make(struct tss32 *t, unsigned int sel, const char *entry,
		     uint8_t *stack)
{
	memset(t, 0, sizeof(*t));
	t->eip = (ulong)entry;
	t->esp = (ulong)stack + 2048;
	t->eflags = 2;
	t->cs = SEL_KCODE;
	t->ss = t->ds = t->es = t->fs = t->gs = SEL_KDATA;
	t->esp0 = t->esp;
	t->ss0 = SEL_KDATA;
	t->eax = 0xaaaa1111;
	t->edi = 0xdddd2222;
	t->iomap = sizeof(*t);
	put(sel, (ulong)t, sizeof(*t) - 1, A_TSS, 0);
}

/* Whatever task we are in: the image's own one again. */
static void home(void)
{
	gdt_set(SEL_TSS(0), gdt[SEL_TSS(0) / 8] & ~(2ULL << 40));
	asm volatile("ltr %w0" : : "r"(SEL_TSS(0)) : "memory");
	asm volatile("clts");
	cpu_tss[0].link = 0;
}

ASM_FN(jmp_task, "pusha; mov $0x5555, %ebx; ljmp $0x40, $0; task_after_jmp:"
		 "cmp $0x5555, %ebx; je 1f; ud2; 1: popa");
ASM_FN(call_task, "pusha; mov $0x5555, %ebx; lcall $0x40, $0;"
		  "task_after_call: cmp $0x5555, %ebx; je 1f; ud2; 1: popa");
ASM_FN(call_gate, "pusha; lcall $0x50, $0; popa");
ASM_FN(int_task, "int $0x45");
ASM_FN(raise_gp, ".byte 0x8e, 0xd8"); /* mov %eax, %ds: two bytes */
extern char task_after_jmp[], task_after_call[];

static void test_jmp(void)
{
	struct trap t;

	tss_make(&task, TSS1, task_jmp, task_stack);
	memset(task_seen, 0, sizeof(task_seen));
	catch_run(jmp_task, NULL, &t);
	check_trap(&t, OK, 0, "jmp: there and back");
	check_eq(task_seen[0], 0xaaaa1111, "jmp: EAX of the TSS");
	check_eq(task_seen[1], 0xdddd2222, "jmp: EDI of the TSS");
	check_eq(task_seen[2] & 0xffff, TSS1, "jmp: task register");
	check_eq(task_seen[3] & FL_NT, 0, "jmp: NT");
	check_eq(task_seen[4] & CR0_TS, CR0_TS, "jmp: CR0.TS");
	check_eq(task_seen[7], (ulong)task_stack + 2048, "jmp: ESP");
	check_eq(task_seen[8] >> 8 & 0x1f, 9, "jmp: old task is available");
	check_eq(task_seen[9] >> 8 & 0x1f, 11, "jmp: new task is busy");
	check_eq(type_of(TSS1), 9, "jmp: after it, available");
	check_eq(type_of(SEL_TSS(0)), 11, "jmp: after it, old one busy");
	check_eq(cpu_tss[0].eip, (ulong)task_after_jmp, "jmp: saved EIP");
	check_eq(cpu_tss[0].ebx, 0x5555, "jmp: saved EBX");
	check_eq(cpu_tss[0].cs & 0xffff, SEL_KCODE, "jmp: saved CS");
	home();
	catch_run(jmp_task, NULL, &t);
	check_trap(&t, OK, 0, "jmp: a second time goes on behind");
	home();

	/* With an LDT of its own. */
	put(LDT1, (ulong)gdt, 0xff, A_LDT, 0);
	task.ldt = LDT1;
	task.ds = SEL_KDATA | 4;
	catch_run(jmp_task, NULL, &t);
	check_trap(&t, OK, 0, "jmp: with an LDT");
	check_eq(task_seen[5] & 0xffff, LDT1, "jmp: LDT register");
	check_eq(task_seen[6] & 0xffff, SEL_KDATA | 4, "jmp: DS of the LDT");
	home();
	asm volatile("lldt %w0" : : "r"(0));
}

static void test_call(void)
{
	struct trap t;

	tss_make(&task, TSS1, task_iret, task_stack);
	memset(task_seen, 0, sizeof(task_seen));
	catch_run(call_task, NULL, &t);
	check_trap(&t, OK, 0, "call: there and back by IRET");
	check_eq(task_seen[3] & FL_NT, FL_NT, "call: NT");
	check_eq(task_seen[8] >> 8 & 0x1f, 11, "call: old task stays busy");
	check_eq(task_seen[9] >> 8 & 0x1f, 11, "call: new task is busy");
	check_eq(task.link & 0xffff, SEL_TSS(0), "call: link");
	check_eq(type_of(TSS1), 9, "call: after IRET, available");
	check_eq(type_of(SEL_TSS(0)), 11, "call: after IRET, old one busy");
	check_eq(task.eflags & FL_NT, 0, "call: IRET saves NT=0");
	check_eq(cpu_tss[0].eip, (ulong)task_after_call, "call: saved EIP");
	check_eq(read_flags() & FL_NT, 0, "call: NT is 0 again");
	home();

	put_gate(GATE, A_TASK, TSS1, 0, 0);
	catch_run(call_gate, NULL, &t);
	check_trap(&t, OK, 0, "call: by a task gate");
	home();
}

static void task_gate_in_idt(int vector, unsigned int sel)
{
	idt[vector].off0 = idt[vector].off1 = 0;
	idt[vector].sel = sel;
	idt[vector].ist = 0;
	idt[vector].type = A_TASK;
}

static void test_interrupts(void)
{
	struct gate old_int = idt[0x45], old_gp = idt[VEC_GP];
	struct trap t;

	tss_make(&task, TSS1, task_iret, task_stack);
	task_gate_in_idt(0x45, TSS1);
	memset(task_seen, 0, sizeof(task_seen));
	catch_run(int_task, NULL, &t);
	check_trap(&t, OK, 0, "gate: int n and back");
	check_eq(task_seen[2] & 0xffff, TSS1, "gate: int n, task register");
	check_eq(task_seen[3] & FL_NT, FL_NT, "gate: int n, NT");
	idt[0x45] = old_int;
	home();

	tss_make(&task, TSS1, task_error, task_stack);
	task_gate_in_idt(VEC_GP, TSS1);
	memset(task_seen, 0xff, sizeof(task_seen));
	catch_run(raise_gp, (void *)0x1000, &t);
	idt[VEC_GP] = old_gp;
	check_trap(&t, OK, 0, "gate: exception and back");
	check_eq(task_seen[0], 0x1000, "gate: error code on the new stack");
	check_eq(type_of(TSS1), 9, "gate: exception, available after");
	home();
}

/* The T bit: #DB in the new task before its first instruction. */
static volatile uint32_t t_ip, t_dr6;

static bool on_debug(struct frame *f)
{
	t_ip = f->ip;
	t_dr6 = read_dr6();
	return true;
}

static void test_trap_bit(void)
{
	struct trap t;

	tss_make(&task, TSS1, task_jmp, task_stack);
	task.trap = 1;
	write_dr6(0xffff0ff0);
	t_ip = 0;
	trap_set_hook(VEC_DB, on_debug);
	catch_run(jmp_task, NULL, &t);
	trap_set_hook(VEC_DB, NULL);
	check_trap(&t, OK, 0, "trap bit: there and back");
	check_eq(t_ip, (ulong)task_jmp, "trap bit: #DB before the first one");
	check_eq(t_dr6 & 0x8000, 0x8000, "trap bit: DR6.BT");
	write_dr6(0xffff0ff0);
	home();
}

/* --- errors before the switch: in the old task
 * ------------------------------------- */

ASM_FN(iret_nt, "pushf; orl $0x4000, (%esp); popf; iret");

static void test_refused(void)
{
	static const struct {
		const char *name;
		uint8_t access;
		uint32_t limit;
		test_fn fn;
		int vector;
		ulong error;
	} cases[] = {
		{"jmp, busy", A_BUSY, 0x67, jmp_task, VEC_GP, TSS1},
		{"call, busy", A_BUSY, 0x67, call_task, VEC_GP, TSS1},
		{"jmp, absent", A_TSS & ~A_P, 0x67, jmp_task, VEC_NP, TSS1},
		{"jmp, small limit", A_TSS, 0x66, jmp_task, VEC_TS, TSS1},
		{"call, small limit", A_TSS, 0x66, call_task, VEC_TS, TSS1},
		{"jmp, small limit of a 16-bit TSS", A_TSS16, 0x2a, jmp_task,
		 VEC_TS, TSS1},
	};
	struct trap t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		tss_make(&task, TSS1, task_jmp, task_stack);
		put(TSS1, (ulong)&task, cases[i].limit, cases[i].access, 0);
		catch_run(cases[i].fn, NULL, &t);
		check_trap(&t, cases[i].vector, cases[i].error, "refused: %s",
			   cases[i].name);
		home();
	}
	put_gate(GATE, A_TASK & ~A_P, TSS1, 0, 0);
	catch_run(call_gate, NULL, &t);
	check_trap(&t, VEC_NP, GATE, "refused: task gate absent");
	put_gate(GATE, A_TASK, SEL_KDATA, 0, 0);
	catch_run(call_gate, NULL, &t);
	check_trap(&t, VEC_GP, SEL_KDATA, "refused: task gate to data");
	put_gate(GATE, A_TASK, TSS1 | 4, 0, 0);
	catch_run(call_gate, NULL, &t);
	check_trap(&t, VEC_GP, TSS1 | 4, "refused: task gate to the LDT");

	tss_make(&task, TSS1, task_jmp, task_stack);
	cpu_tss[0].link = TSS1;
	catch_run(iret_nt, NULL, &t);
	check_trap(&t, VEC_TS, TSS1,
		   "refused: IRET to a task that is not busy");
	cpu_tss[0].link = SEL_KDATA;
	catch_run(iret_nt, NULL, &t);
	check_trap(&t, VEC_TS, SEL_KDATA, "refused: IRET to data");
	home();
}

/* --- errors after the switch: in the new task, here each by a fault task
 * ------------- */

static void test_new_state(void)
{
	static const struct {
		const char *name;
		size_t field;
		uint32_t value;
		int vector;
		ulong error;
	} cases[] = {
		{"CS null", offsetof(struct tss32, cs), 0, VEC_TS, 0},
		{"CS data", offsetof(struct tss32, cs), SEL_KDATA, VEC_TS,
		 SEL_KDATA},
		{"CS beyond the GDT", offsetof(struct tss32, cs), 0x1000,
		 VEC_TS, 0x1000},
		{"CS absent", offsetof(struct tss32, cs), 0x68, VEC_NP, 0x68},
		{"SS null", offsetof(struct tss32, ss), 0, VEC_TS, 0},
		{"SS code", offsetof(struct tss32, ss), SEL_KCODE, VEC_TS,
		 SEL_KCODE},
		{"SS of DPL 3", offsetof(struct tss32, ss), SEL_UDATA, VEC_TS,
		 SEL_UDATA & ~3},
		{"SS absent", offsetof(struct tss32, ss), 0x70, VEC_SS, 0x70},
		{"DS beyond the GDT", offsetof(struct tss32, ds), 0x1000,
		 VEC_TS, 0x1000},
		{"DS a TSS", offsetof(struct tss32, ds), SEL_TSS(0), VEC_TS,
		 SEL_TSS(0)},
		{"ES absent", offsetof(struct tss32, es), 0x70, VEC_NP, 0x70},
		{"LDT is data", offsetof(struct tss32, ldt), SEL_KDATA, VEC_TS,
		 SEL_KDATA},
		{"LDT absent", offsetof(struct tss32, ldt), 0x78, VEC_TS, 0x78},
	};
	struct gate old[4];
	struct trap t;
	unsigned int i, v;

	put(0x68, 0, 0xfffff, A_CODE & ~A_P, F_BIG | F_PAGES);
	put(0x70, 0, 0xfffff, A_DATA & ~A_P, F_BIG | F_PAGES);
	put(0x78, 0, 0xff, A_LDT & ~A_P, 0);
	memcpy(old, &idt[VEC_TS], sizeof(old));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		/* One fault task whose EAX says which vector it is for. */
		tss_make(&task, TSS1, task_jmp, task_stack);
		*(uint32_t *)((char *)&task + cases[i].field) = cases[i].value;
		tss_make(&fault_task, TSS2, task_fault, fault_stack);
		fault_task.eax = cases[i].vector;
		fault_count = 0;
		fault_vector = fault_error = ~0U;
		for (v = VEC_TS; v <= VEC_GP; v++)
			idt_set_present(v, false);
		task_gate_in_idt(cases[i].vector, TSS2);
		catch_run(jmp_task, NULL, &t);
		memcpy(&idt[VEC_TS], old, sizeof(old));
		home();
		asm volatile("lldt %w0" : : "r"(0));
		detail("fault task %u times, trap %d", fault_count, t.vector);
		check_eq(fault_error, cases[i].error, "new task: %s",
			 cases[i].name);
		check_eq(fault_vector, cases[i].vector, "new task: %s, vector",
			 cases[i].name);
	}
}

void test_tasks(void)
{
	test_jmp();
	test_call();
	test_interrupts();
	test_trap_bit();
	test_refused();
	test_new_state();
}
