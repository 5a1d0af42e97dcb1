; start.asm - the kernel's first instructions, its header, and its stacks.
;
; What comes in (docs/boot.md has the whole contract): long mode, IF=0, DF=0, RDI = physical address
; of struct bootinfo, RSP 16-byte aligned minus 8 on the loader's stack, RBP=0, the low 4 GiB mapped
; one to one and the low 1 GiB again at KERNEL_VIRT_BASE, .bss zeroed.

%include "layout.inc"

bits 64
default rel

BOOT_STACK_SIZE equ 16384
IST_STACK_SIZE  equ 8192
GUARD_SIZE      equ 4096

extern kernel_main
extern kernel_length, kernel_mem_size       ; numbers made by kernel.ld.in

section .header progbits alloc noexec nowrite align=8
    dd KERNEL_MAGIC_0, KERNEL_MAGIC_1       ; struct kernel_header
    dd kernel_length
    dd kernel_mem_size
    dq tour_16_kernel_main
    dq 0

section .text

; In: as above. The time stamp comes first, so that it counts everything the kernel does. The
; loader's stack is left at once: its memory is the kernel's to reuse.
global tour_16_kernel_main
tour_16_kernel_main:
    rdtsc
    shl rdx, 32
    lea rsi, [rax + rdx]                    ; second argument: the stamp; RDI is the first already
    lea rsp, [boot_stack_top]
    xor ebp, ebp                            ; the end of every backtrace
    call kernel_main                        ; does not return

.halt:
    cli
    hlt
    jmp .halt

; The stacks. Below each lies a page that kernel/mm/paging.c unmaps: a stack that grows too far
; faults there and cannot write into its neighbour. They grow down:
;
;   guard | boot stack | guard | double fault | guard | NMI | guard | machine check
section .bss.pages nobits alloc noexec write align=4096

global boot_stack_guard, boot_stack_top
boot_stack_guard:
    resb GUARD_SIZE
    resb BOOT_STACK_SIZE
boot_stack_top:

global double_fault_stack_guard, double_fault_stack_top
double_fault_stack_guard:
    resb GUARD_SIZE
    resb IST_STACK_SIZE
double_fault_stack_top:

global nmi_stack_guard, nmi_stack_top
nmi_stack_guard:
    resb GUARD_SIZE
    resb IST_STACK_SIZE
nmi_stack_top:

global machine_check_stack_guard, machine_check_stack_top
machine_check_stack_guard:
    resb GUARD_SIZE
    resb IST_STACK_SIZE
machine_check_stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
