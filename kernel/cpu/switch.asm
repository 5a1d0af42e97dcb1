; switch.asm - from one thread to another: the stack is the thread.
;
; thread_switch is an ordinary C function to its callers, so they have saved what such a function
; may change. What remains are the registers that it must keep; they go onto the stack, and then
; another stack takes its place. The flags need no saving: interrupts are off on both sides, and
; whoever called turns them back on.

bits 64
default rel

extern thread_begin

section .text

; In: RDI = where to keep this stack's RSP, RSI = the other one's. Out: comes back when somebody
; switches to this stack again. Interrupts are off.
;
;   a thread that does not run:   return address  RBX RBP R12 R13 R14 R15  <- its stack pointer
global thread_switch
thread_switch:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

; The first switch to a new thread returns to here, its stack empty and RBP 0: so backtraces end.
global thread_first
thread_first:
    call thread_begin                       ; does not return
    ud2

section .note.GNU-stack noalloc noexec nowrite progbits
