; probe.asm - the part of probe.c that C cannot say: a call that can end in two ways.

bits 64
default rel

extern probe_stack                      ; probe.c: RSP of the probe that is on, 0 for none

section .text

; bool probe_enter(void (*run)(void *argument), void *argument)
;
; In: RDI = run, RSI = its argument. Out: AL = 1 when run has returned; 0 when probe_catch let an
; exception return to probe_resume.
;
;   return address | RBP | RBX | R12 | R13 | R14 | R15 | 0  <- probe_stack
global probe_enter
probe_enter:
    push rbp
    mov rbp, rsp                        ; a frame like any other, for backtraces
    push rbx
    push r12
    push r13
    push r14
    push r15
    push byte 0                         ; aligns the stack
    mov [probe_stack], rsp
    mov rax, rdi
    mov rdi, rsi
    call rax
    mov al, 1
.leave:
    add rsp, 8
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

; Where the exception returns to, with RSP = probe_stack; all other registers are the fault's.
global probe_resume
probe_resume:
    xor eax, eax
    jmp probe_enter.leave

section .note.GNU-stack noalloc noexec nowrite progbits
