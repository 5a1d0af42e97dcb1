; menu.asm - the boot menu. It makes nobody wait who did not ask.
;
; It opens if Shift is held, a key is in the BIOS's buffer or a character waits on COM1 (they are
; consumed), or if the manifest says to wait and one of these comes in time. Once open it boots by
; itself after MENU_IDLE_S seconds without a key or after KEYS_MAX keys, so that noise on a serial line
; cannot stop a boot.
; Time is the BIOS's tick count; should it stand still, a bounded number of looks takes its place.

    section .bss
alignb 4
wait_last_tick: resd 1
wait_ticks:     resd 1                  ; ticks left
wait_looks:     resd 1                  ; looks left before the tick must have moved
cmdline_length: resw 1
keys_left:      resw 1                  ; keys that the menu still listens to

    section .rodata
text_wait:      db "stage2: press a key for the menu (%u s)", 13, 10, 0
text_menu:      db "stage2: menu, boots by itself after %u s", 13, 10
                db "  1 boot slot %c", 13, 10
                db "  2 boot with debug messages", 13, 10
                db "  3 boot the other slot", 13, 10
                db "  4 edit the command line", 13, 10
                db "choose [1]: ", 0
text_cmdline:   db "command line: ", 0
text_rub_out:   db 8, " ", 8, 0
text_debug:     db " debug", 0

    section .text16

%define BDA_TICKS 0x46C                 ; dword, 18.2 a second
%define TICKS_10_S 182
%define MENU_IDLE_S 30
%define LOOKS_A_TICK 0x400000           ; far more than fit into 55 ms
%define KEYS_MAX 4096                   ; a line that never stops sending must not stop the boot
%define KEY_BACKSPACE 8
%define KEY_ENTER 13
%define KEY_LINE_FEED 10
%define KEY_KILL 0x15                   ; Ctrl-U
%define KEY_DELETE 0x7F
%define SHIFT_KEYS 3                    ; INT 16h AH=02: bits 0 and 1

menu_run:
    mov word [keys_left], KEYS_MAX
    mov ah, 0x02
    int 0x16
    test al, SHIFT_KEYS
    jnz .open
    call key_look
    jnc .open
    mov di, [manifest]
    cmp byte [di + manifest_menu], 0
    je .done
    movzx eax, word [di + manifest_menu_timeout_s]
    mov [error_args], eax
    push ax
    SAY text_wait
    pop ax
    call key_wait
    jc .done
.open:
    xor ax, ax                          ; the keys that asked
    call key_wait
    jnc .open
    or byte [BOOTINFO(flags)], BOOT_FLAG_MENU
.show:
    mov dword [error_args], MENU_IDLE_S
    mov eax, [slot_choice]
    add al, 'A'
    mov [error_args + 4], eax
    SAY text_menu
.choose:
    mov ax, MENU_IDLE_S
    call key_wait
    jc .go
    cmp al, KEY_ENTER
    je .go
    cmp al, KEY_LINE_FEED
    je .go
    cmp al, '1'
    jb .choose
    cmp al, '4'
    ja .choose
    call print_char
    cmp al, '1'
    je .go
    cmp al, '2'
    je .debug
    cmp al, '3'
    je .other
    call fresh_line
    call cmdline_edit
    jmp .show
.debug:
    call cmdline_measure
    mov si, text_debug
.append:
    lodsb
    test al, al
    jz .go
    call cmdline_append
    jmp .append
.other:
    xor byte [slot_choice], 1
.go:
    call fresh_line
.done:
    ret

; ---- Keys --------------------------------------------------------------------------------------

; AL = the next key or COM1 character. CF set: there is none. Other registers are destroyed.
key_look:
    test byte [BOOTINFO(flags)], BOOT_FLAG_COM1
    jz .keyboard
    mov dx, UART_LSR
    in al, dx
    test al, LSR_DR
    jz .keyboard
    mov dx, COM1_PORT
    in al, dx
    clc
    ret
.keyboard:
    mov ah, 0x01
    int 0x16
    jz .none
    mov ah, 0x00
    int 0x16
    clc
    ret
.none:
    stc
    ret

; Wait up to AX seconds for a key into AL. CF set: none came, or there were too many.
key_wait:
    sub word [keys_left], 1
    jc .too_many
    movzx eax, ax
    imul eax, eax, TICKS_10_S           ; 65535 seconds are more ticks than 16 bits hold
    xor edx, edx
    mov ecx, 10
    div ecx
    mov [wait_ticks], eax
.tick:
    mov eax, [BDA_TICKS]
    mov [wait_last_tick], eax
    mov dword [wait_looks], LOOKS_A_TICK
.look:
    sti
    call key_look
    jnc .done
    mov eax, [BDA_TICKS]
    cmp eax, [wait_last_tick]
    jne .moved
    dec dword [wait_looks]
    jnz .look
.moved:
    sub dword [wait_ticks], 1
    jnc .tick
.done:
    ret
.too_many:
    mov word [keys_left], 0
    stc
    ret

; ---- The command line --------------------------------------------------------------------------

; cmdline_length = bytes in CMDLINE_BASE before its NUL.
cmdline_measure:
    mov di, CMDLINE_BASE
    mov al, 0
    mov cx, CMDLINE_SIZE
    cld
    repne scasb
    sub di, CMDLINE_BASE + 1
    mov [cmdline_length], di
    ret

; AL behind the command line, if there is room. CF set: there is not. Keeps AX and SI.
cmdline_append:
    mov di, [cmdline_length]
    cmp di, CMDLINE_SIZE - 1
    cmc
    jc .full
    mov ah, 0
    mov [CMDLINE_BASE + di], ax         ; with its NUL
    inc word [cmdline_length]
    clc
.full:
    ret

; Typing goes behind what is there; Backspace and Ctrl-U take away; Enter or silence ends.
cmdline_edit:
    SAY text_cmdline
    SAY CMDLINE_BASE
    call cmdline_measure
.key:
    mov ax, MENU_IDLE_S
    call key_wait
    jc .done
    cmp al, KEY_ENTER
    je .done
    cmp al, KEY_LINE_FEED
    je .done
    cmp al, KEY_KILL
    je .kill
    cmp al, KEY_BACKSPACE
    je .backspace
    cmp al, KEY_DELETE
    je .backspace
    cmp al, ' '
    jb .key
    ja .append
.append:
    call cmdline_append
    jc .key
    call print_char
    jmp .key
.backspace:
    call .rub_out
    jmp .key
.kill:
    call .rub_out
    jnc .kill
    jmp .key
.done:
    jmp fresh_line

; Take the last character away. CF set: there is none.
.rub_out:
    sub word [cmdline_length], 1
    jc .empty
    mov di, [cmdline_length]
    mov byte [CMDLINE_BASE + di], 0
    SAY text_rub_out
    clc
    ret
.empty:
    mov word [cmdline_length], 0
    stc
    ret
