; print.asm - text on the screen, on COM1 and on port E9, the same on all three; and errors.
;
; The screen is written by the BIOS's teletype call, COM1 and E9 by us. All waits are bounded: a COM1
; that stops taking characters is given up.

    section .bss
last_char:   resb 1                     ; what was printed last: 10 or 0 at the start of a line
argument:    resw 1                     ; the next one of error_args
global error_args
error_args:  resd 8                     ; what the % in a text stand for, in order

    section .rodata
text_banner:    db "stage 2 read and checked", 13, 10
                db "stage2: Sector0 boot loader", 13, 10, 0
text_newline:   db 13, 10, 0
text_failed:    db "boot failed: ", 0
error_texts:
    ERROR_TEXTS

    section .text16

%define UART_LSR (COM1_PORT + 5)
%define LSR_DR 0x01
%define LSR_THRE 0x20

; Which consoles are there. COM1 has its speed from stage 1; its scratch register says whether there
; is a UART at all. [NS16550A]
console_start:
    mov dx, COM1_PORT + 7
    mov al, 0x5A
    out dx, al
    jmp short $ + 2
    in al, dx
    cmp al, 0x5A
    jne .no_com1
    mov al, 0xA5
    out dx, al
    jmp short $ + 2
    in al, dx
    cmp al, 0xA5
    jne .no_com1
    or byte [BOOTINFO(flags)], BOOT_FLAG_COM1
    mov dl, (COM1_PORT + 1) & 0xFF      ; no interrupts
    mov al, 0
    out dx, al
    mov dl, (COM1_PORT + 4) & 0xFF      ; DTR and RTS
    mov al, 3
    out dx, al
.no_com1:
    in al, E9_PORT
    cmp al, E9_PORT
    jne .no_e9
    or byte [BOOTINFO(flags)], BOOT_FLAG_E9
.no_e9:

; A graphics mode has no cells to print into: back to 80x25 text.
    mov ah, 0x0F
    int 0x10
    and al, 0x7F
    cmp al, 3
    jbe .text
    cmp al, 7
    je .text
    mov ax, 0x0003
    int 0x10
.text:
    push cs
    pop es
    cld
    ret

; The NUL-terminated text at SI. %u: unsigned decimal, %x: 8 hex digits, %b: 2, %c: a character, of
; the dwords in error_args. Keeps nothing but segments.
print:
    mov word [argument], error_args
.next:
    lodsb
    test al, al
    jz .done
    cmp al, '%'
    je .format
    call print_char
    jmp .next
.format:
    lodsb
    mov bl, al
    mov di, [argument]
    add word [argument], 4
    mov eax, [di]
    cmp bl, 'u'
    je .decimal
    cmp bl, 'b'
    je .hex2
    cmp bl, 'c'
    je .char
    mov cx, 8
.hex:
    rol eax, 4
    call print_digit
    loop .hex
    jmp .next
.hex2:
    shl eax, 24
    mov cx, 2
    jmp .hex
.char:
    call print_char
    jmp .next
.decimal:
    mov ebx, 10
    xor cx, cx
.divide:
    xor edx, edx
    div ebx
    push dx
    inc cx
    test eax, eax
    jnz .divide
.digits:
    pop ax
    call print_digit
    loop .digits
    jmp .next
.done:
    ret

; The low four bits of AL as a digit. All registers are kept.
print_digit:
    push ax
    and al, 0x0F
    cmp al, 10
    sbb al, 0x69
    das
    call print_char
    pop ax
    ret

; AL on every console. All registers are kept.
print_char:
    pushad
    push ds
    push es
    mov [last_char], al
    push ax
    mov ah, 0x0E
    mov bx, 0x0007
    int 0x10
    pop ax
    push cs
    pop ds                              ; CS = 0
    cld
    mov ah, al
    test byte [BOOTINFO(flags)], BOOT_FLAG_COM1
    jz .no_com1
    mov dx, UART_LSR
    mov cx, 0xFFFF                      ; many times as long as a character takes
.wait:
    in al, dx
    test al, LSR_THRE
    jnz .ready
    loop .wait
    and byte [BOOTINFO(flags)], ~BOOT_FLAG_COM1
    jmp .no_com1
.ready:
    mov dx, COM1_PORT
    mov al, ah
    out dx, al
.no_com1:
    test byte [BOOTINFO(flags)], BOOT_FLAG_E9
    jz .no_e9
    mov al, ah
    out E9_PORT, al
.no_e9:
    pop es
    pop ds
    popad
    ret

; To the start of a line, if we are not there. Destroys SI, AX, BX, CX, EDX, DI as print does.
fresh_line:
    cmp byte [last_char], 10
    je .done
    SAY text_newline
.done:
    ret

; AL = error code. Its number and its text, and the end of the line.
print_error:
    push ax
    mov al, 'E'
    call print_char
    pop ax
    push ax
    aam                                 ; AH = tens, AL = units
    push ax
    mov al, ah
    call print_digit
    pop ax
    call print_digit
    mov al, ' '
    call print_char
    pop ax
    mov si, error_texts
    mov ah, al
.search:
    lodsb                               ; the code, then its text
    cmp al, ah
    je .found
.skip:
    lodsb
    test al, al
    jnz .skip
    jmp .search
.found:
    call print
    SAY text_newline
    ret

; AL = error code. The end: say it and halt. Interrupts stay on, so that Ctrl-Alt-Del works.
fatal:
    mov sp, STAGE1_RECORD_BASE
    push ax
    call fresh_line
    SAY text_failed
    pop ax
    call print_error
.halt:
    sti
    hlt
    jmp .halt
