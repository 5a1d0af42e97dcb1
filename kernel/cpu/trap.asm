; trap.asm - where the CPU arrives at an interrupt or exception: 256 stubs and what they share.
;
; The CPU has pushed SS, RSP, RFLAGS, CS, RIP and, for some exceptions, an error code. A stub is
; nothing but a call, whose return address tells which stub it was; trap_common makes the cases with
; and without an error code equal and saves the registers, so that the stack holds a struct
; trap_frame (trap.h), and calls trap_handle with its address.

bits 64
default rel

VECTOR_COUNT    equ 256
EXCEPTION_COUNT equ 32
; Bit n: the CPU pushes an error code for exception n. The same number as in exception.h.
ERROR_CODES     equ 0x60227D00

extern trap_handle

section .text

; Stub n is TRAP_STUB_SIZE * n bytes behind trap_stubs (trap.h).
global trap_stubs
trap_stubs:
    times VECTOR_COUNT call trap_common

; In: the stack as below, from the top of the page down. Out: nothing changed.
;
;   SS  RSP  RFLAGS  CS  RIP  return address                  <- RSP, without an error code
;   SS  RSP  RFLAGS  CS  RIP  error           return address  <- RSP, with one
;   SS  RSP  RFLAGS  CS  RIP  error, or 0     vector | RAX RBX RCX RDX RSI RDI RBP R8 ... R15
;                                                      <- RSP, when trap_handle is called
;
; The CPU aligns RSP to 16 before it pushes; 5 + 2 + 15 = 22 words keep it so for the call.
trap_common:
    push rax
    mov rax, [rsp + 8]
    sub rax, trap_stubs                 ; 5 * (vector + 1)
    imul eax, eax, 205
    shr eax, 10                         ; 205 / 1024 is a fifth, as long as the number is small
    dec eax
    cmp eax, EXCEPTION_COUNT
    jae .no_error_code
    push rcx
    mov ecx, ERROR_CODES
    bt ecx, eax
    pop rcx
    jnc .no_error_code
    mov [rsp + 8], rax                  ; the vector takes the return address's place
    jmp .save
.no_error_code:
    push qword [rsp]                    ; RAX moves one down
    mov [rsp + 8], rax
    mov qword [rsp + 16], 0
.save:
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
    mov rdi, rsp
    cld                                 ; C wants DF=0, whatever the interrupted code had
    call trap_handle
global trap_returned                    ; backtraces know an interrupt by this return address
trap_returned:
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

section .note.GNU-stack noalloc noexec nowrite progbits
