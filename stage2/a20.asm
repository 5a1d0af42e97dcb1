; a20.asm - opens the A20 gate: without it every odd megabyte is the even one below it.
;
; Whether it is open is asked of memory itself, never of a port. If it is, nothing is touched. If not:
; the BIOS, then the keyboard controller, then port 92h, in the order of how much harm each is known
; to do, with a test after each. Every wait is bounded; a machine without a keyboard controller (port
; 64h reads FF) skips it. E15 if the gate stays closed; nothing above 1 MiB has been written then.
; [i8042] [PS/2-92]

    section .bss
alignb 2
a20_worked:      resw 1                 ; line of a20_methods

    section .rodata
text_a20:        db "stage2: A20 ", 0
text_a20_on:     db "was open", 13, 10, 0
text_a20_bios:   db "opened by the BIOS", 13, 10, 0
text_a20_kbc:    db "opened by the keyboard controller", 13, 10, 0
text_a20_port92: db "opened by port 92h", 13, 10, 0
a20_methods:                            ; routine, its A20_* number, what to say when it worked
    dw a20_by_bios, A20_INT15, text_a20_bios
    dw a20_by_kbc, A20_KBC, text_a20_kbc
    dw a20_by_port92, A20_PORT92, text_a20_port92
a20_methods_end:

    section .text16

%define A20_POLLS 2000                  ; an I/O port access each: a few milliseconds in all
%define KBC_POLLS 0xFFFF
%define KBC_DATA 0x60
%define KBC_COMMAND 0x64
%define KBC_OUTPUT_FULL 1
%define KBC_INPUT_FULL 2
%define KBC_WRITE_OUTPUT_PORT 0xD1
%define KBC_A20_ON 0xDF
%define KBC_NULL 0xFF
%define PORT92 0x92
%define PORT92_RESET 1
%define PORT92_A20 2

; The step of the boot: open it and say how.
a20_open:
    call a20_require
    mov si, text_a20_on                 ; A20_ALREADY_ON is 0
    cmp byte [BOOTINFO(a20_method)], A20_ALREADY_ON
    je .say
    mov si, [a20_worked]
    mov si, [si + 4]
.say:
    push si
    SAY text_a20
    pop si
    jmp print

; Open it if it is closed, or end with E15. A BIOS call can close it again: one BIOS saves port 92h
; around its 32-bit disk code and writes the old value back. So this stands before every step that
; reaches above 1 MiB.
a20_require:
    call a20_test
    jnc .open
    mov si, a20_methods
.method:
    push si
    call [si]
    call a20_wait
    pop si
    jnc .worked
    add si, 6
    cmp si, a20_methods_end
    jb .method
    mov al, E_A20
    jmp fatal
.worked:
    mov [a20_worked], si
    mov al, [si + 2]
    mov [BOOTINFO(a20_method)], al
.open:
    ret

; CF set: 1 MiB + A20_TEST_BASE still is A20_TEST_BASE. Only the low word is written, and restored.
; AX, CX and FS are destroyed.
a20_test:
%ifdef HOOK_a20
    stc                                 ; no emulator can keep the gate closed: a test build can
    ret
%endif
    mov ax, 0xFFFF
    mov fs, ax
    mov ax, [A20_TEST_BASE]
    push ax
    mov cx, 2                           ; two values: one of them may be there by chance
.value:
    not ax
    mov [A20_TEST_BASE], ax
    out 0x80, al                        ; let the write settle
    cmp ax, [fs:A20_TEST_BASE + 0x10]
    jne .open
    loop .value
    pop word [A20_TEST_BASE]
    stc
    ret
.open:
    pop word [A20_TEST_BASE]
    clc
    ret

; Test until it is open or the time is over.
a20_wait:
    mov dx, A20_POLLS
.poll:
    call a20_test
    jnc .done
    dec dx
    jnz .poll
    stc
.done:
    ret

a20_by_bios:
    pushf                               ; some BIOSes return with interrupts off
    mov ax, 0x2401
    call int15                          ; memory.asm
    popf
    cld
    ret

; The output port of the keyboard controller, bit 1.
a20_by_kbc:
    in al, KBC_COMMAND
    cmp al, 0xFF
    je .none
    cli                                 ; the keyboard interrupt would take our bytes
    call kbc_ready
    jc .give_up
    mov al, KBC_WRITE_OUTPUT_PORT
    out KBC_COMMAND, al
    call kbc_ready
    jc .give_up
    mov al, KBC_A20_ON
    out KBC_DATA, al
    call kbc_ready
    jc .give_up
    mov al, KBC_NULL                    ; some controllers act only on the next command
    out KBC_COMMAND, al
    call kbc_ready
.give_up:
    sti
.none:
    ret

; Wait until a command can be written; throw away what the controller wants to say. CF: it never can.
kbc_ready:
    mov cx, KBC_POLLS
.poll:
    out 0x80, al
    in al, KBC_COMMAND
    test al, KBC_OUTPUT_FULL
    jz .empty
    in al, KBC_DATA
    jmp .next
.empty:
    test al, KBC_INPUT_FULL
    jz .ready                           ; TEST has cleared CF
.next:
    loop .poll
    stc
.ready:
    ret

; The fast gate. Bit 0 would reset the machine.
a20_by_port92:
    in al, PORT92
    cmp al, 0xFF
    je .none
    or al, PORT92_A20
    and al, ~PORT92_RESET & 0xFF
    out PORT92, al
.none:
    ret
