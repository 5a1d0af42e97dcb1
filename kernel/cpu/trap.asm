; trap.asm - where the CPU arrives at an interrupt or exception: 256 stubs and what they share.
;
; The CPU has pushed SS, RSP, RFLAGS, CS, RIP and, for some exceptions, an error code. Each stub
; makes the two cases equal and adds its number; trap_common saves the registers, so that the stack
; holds a struct trap_frame (trap.h), and calls trap_handle with its address.

bits 64
default rel

VECTOR_COUNT   equ 256
; Bit n: the CPU pushes an error code for exception n. The same number as in exception.h.
ERROR_CODES    equ 0x60227D00

extern trap_handle

section .text

%macro TRAP_STUB 1
trap_stub_%1:
%if %1 >= 32 || ((ERROR_CODES >> %1) & 1) == 0
    push byte 0                         ; stands in for the error code
%endif
    ; Two bytes instead of five for numbers from 128 on; the sign that this gives them is cut off in
    ; trap_common.
    push byte %1 - ((%1 >> 7) << 8)
    jmp trap_common
%endmacro

%assign vector 0
%rep VECTOR_COUNT
    TRAP_STUB vector
%assign vector vector + 1
%endrep

; In: the stack as below, from the top of the page down. Out: nothing changed.
;
;   SS  RSP  RFLAGS  CS  RIP  error  vector | RAX RBX RCX RDX RSI RDI RBP R8 ... R15  <- RSP
;
; The CPU aligns RSP to 16 before it pushes; 5 + 2 + 15 = 22 words keep it so for the call.
trap_common:
    push rax
    push rbx
    push rcx
    push rdx
    push rsi
    push rdi
    push rbp
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    movzx eax, byte [rsp + 15 * 8]
    mov [rsp + 15 * 8], rax
    mov rdi, rsp
    cld                                 ; C wants DF=0, whatever the interrupted code had
    call trap_handle
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rbp
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 2 * 8                      ; vector and error code
    iretq

; The address of each stub, for descriptors.c.
section .rodata
global trap_stubs
trap_stubs:
%assign vector 0
%rep VECTOR_COUNT
    dd trap_stub_ %+ vector - trap_stubs
%assign vector vector + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
