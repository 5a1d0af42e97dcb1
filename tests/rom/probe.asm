; probe.asm - a boot sector that prints what the BIOS shows it: the test of the fault ROM itself.
;
; A fault that is not injected is a test that cannot fail. The ROM reads this program
; (PROBE_SECTORS sectors, boot_sectors in the ROM's table) in place of stage 1 and enters it in the
; same way. It calls the services that a loader calls, prints on port E9 what each returned, one
; line a call, and ends with `probe: end`. tests/scenario/test_rom_probe.py compares that with what
; each fault should show.
;
; It depends on nothing but a stack that works. All BIOS calls are taken to destroy all registers.

bits 16
cpu 386
org 0x7C00

PROBE_SECTORS   equ 6
E9              equ 0xE9
STACK           equ 0x7000
STACK_LOW       equ 0x3000              ; the stack is watched from here on
DAP             equ 0x0600
RESULT          equ 0x0700              ; 48h and E820 write here
RESULT_SIZE     equ 128
BUFFER_SEG      equ 0x1000
SMAP            equ 0x534D4150
MAP_LINES       equ 12                  ; entries that are printed
MAP_MAX         equ 400                 ; entries that are asked for

; Print the text %1.
%macro PUT 1+
    call put_inline
    db %1, 0
%endmacro

; Print ` %1=` and the word %2.
%macro PUT16 2
    PUT " ", %1, "="
    mov ax, %2
    call put_hex16
%endmacro

; Print ` %1=` and the dword %2.
%macro PUT32 2
    PUT " ", %1, "="
    mov eax, %2
    call put_hex32
%endmacro

probe:
    jmp short start
    times 0x25 - ($ - probe) db 0xEE    ; the scribbled bytes show

; ---- The entry --------------------------------------------------------------------------------

struc entry                             ; at SS:BP, pushed below
.ip     resw 1
.cs     resw 1
.ss     resw 1
.gs     resw 1
.fs     resw 1
.es     resw 1
.ds     resw 1
.edi    resd 1
.esi    resd 1
.ebp    resd 1
.esp    resd 1
.ebx    resd 1
.edx    resd 1
.ecx    resd 1
.eax    resd 1
.flags  resw 1
.size:
endstruc

start:
    pushf
    pushad
    push ds
    push es
    push fs
    push gs
    push ss
    push cs
    call .ip
.ip:
    mov bp, sp
    cld
    push word 0
    push word .flat
    retf
.flat:
    xor ax, ax
    mov ds, ax
    sub word [bp + entry.ip], .ip - probe
    PUT 13, 10, "entry"
    PUT16 "cs", [bp + entry.cs]
    PUT16 "ip", [bp + entry.ip]
    PUT16 "ds", [bp + entry.ds]
    PUT16 "es", [bp + entry.es]
    PUT16 "fs", [bp + entry.fs]
    PUT16 "gs", [bp + entry.gs]
    PUT16 "ss", [bp + entry.ss]
    lea dx, [bp + entry.size]
    PUT16 "sp", dx
    PUT16 "flags", [bp + entry.flags]
    PUT32 "eax", [bp + entry.eax]
    PUT32 "ebx", [bp + entry.ebx]
    PUT32 "edx", [bp + entry.edx]
    PUT32 "edi", [bp + entry.edi]

    xor ax, ax
    mov ss, ax
    mov sp, STACK
    sti
    PUT 13, 10, "bpb="
    mov si, 0x7C00 + 0x0B
    mov cx, 0x25 - 0x0B
    call put_bytes
    PUT 13, 10, "com1"
    PUT16 "port", [0x400]
    call show_a20
    call clear_stack

; ---- The calls --------------------------------------------------------------------------------

struc request
.name   resb 8
.int    resb 1
.eax    resd 1
.ebx    resd 1
.ecx    resd 1
.edx    resd 1
.count  resw 1                          ; packet: sectors, offset, segment, LBA
.buffer resd 1
.lba    resd 1
.dump   resb 1                          ; also print: 1 = the packet, 2 = the result, 4 = the buffer
.size:
endstruc

    mov si, requests
.call:
    push si
    call one_request
    pop si
    add si, request.size
    cmp si, requests_end
    jb .call
    call show_map
    call show_a20
    call show_stack
    PUT 13, 10, "probe: end", 13, 10
.halt:
    hlt
    jmp .halt

; One request, at SI: packet and registers, the call, a line with what came back.
one_request:
    mov dword [DAP], 0x10
    mov ax, [si + request.count]
    mov [DAP + 2], ax
    mov eax, [si + request.buffer]
    mov [DAP + 4], eax
    mov eax, [si + request.lba]
    mov [DAP + 8], eax
    mov dword [DAP + 12], 0
    call clear_result
    mov byte [RESULT], 0x1E             ; 48h: size of the buffer
    mov al, [si + request.int]
    mov [.number], al
    mov [.request], si
    push word BUFFER_SEG
    pop es
    mov dword [es:0], 0
    push word 0x0F0F
    pop fs
    push word 0x0A0A
    pop gs
    mov eax, [si + request.eax]
    mov ebx, [si + request.ebx]
    mov ecx, [si + request.ecx]
    mov edx, [si + request.edx]
    mov edi, 0xD1D10000
    mov ebp, 0xB9B9B9B9
    cmp ah, 0x48
    mov esi, 0x51510000 | DAP
    jne .go
    mov si, RESULT
.go:
    cld
    clc
    db 0xCD                             ; INT, its number is filled in above
.number: db  0
    pushf
    pushad
    push es
    push fs
    push gs
    cld
    mov bp, sp                          ; a struct entry from .gs on
    mov si, [.request]
    PUT 13, 10
    call put_name
SHIFT   equ entry.gs                    ; no IP, CS, SS here; ES follows FS, then no DS
    PUT16 "flags", [bp + entry.flags - SHIFT - 2]
    PUT32 "eax", [bp + entry.eax - SHIFT - 2]
    PUT32 "ebx", [bp + entry.ebx - SHIFT - 2]
    PUT32 "ecx", [bp + entry.ecx - SHIFT - 2]
    PUT32 "edx", [bp + entry.edx - SHIFT - 2]
    PUT32 "esi", [bp + entry.esi - SHIFT - 2]
    PUT32 "edi", [bp + entry.edi - SHIFT - 2]
    PUT32 "ebp", [bp + entry.ebp - SHIFT - 2]
    PUT16 "es", [bp + entry.es - SHIFT]
    PUT16 "fs", [bp + entry.fs - SHIFT]
    PUT16 "gs", [bp]
    mov si, [.request]
    test byte [si + request.dump], 1
    jz .result
    PUT " packet="
    push si
    mov si, DAP
    mov cx, 16
    call put_bytes
    pop si
.result:
    test byte [si + request.dump], 2
    jz .buffer
    PUT " result="
    push si
    mov si, RESULT
    mov cx, 0x1E
    call put_bytes
    pop si
.buffer:
    test byte [si + request.dump], 4
    jz .done
    push word BUFFER_SEG
    pop es
    PUT32 "data", [es:0]
.done:
    add bp, 6 + 32 + 2                  ; GS, FS, ES, PUSHAD, flags
    mov sp, bp
    ret
.request: dw 0

%define BX_IN 0xB1B1B1B1
%define CX_IN 0xC1C10000
; name, interrupt, EAX, EBX, ECX, EDX, packet: count, offset, segment, LBA, dump
%macro REQUEST 11
%%start:
    db %1
    times 8 - ($ - %%start) db 0
    db %2
    dd %3, %4, %5, %6
    dw %7, %8, %9
    dd %10
    db %11
%endmacro
; Reads twice or more in a row show faults that come and go; the kernel is not read, LBA 70 stands
; for it and 64 for a manifest.
requests:
    REQUEST "12",      0x12, 0xA1A10000, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "reset",   0x13, 0xA1A10000, BX_IN, CX_IN, 0xD1D10080, 0, 0, 0, 0, 0
    REQUEST "41",      0x13, 0xA1A14100, 0xB1B155AA, CX_IN, 0xD1D10080, 0, 0, 0, 0, 0
    REQUEST "08",      0x13, 0xA1A10800, BX_IN, CX_IN, 0xD1D10080, 0, 0, 0, 0, 0
    REQUEST "48",      0x13, 0xA1A14800, BX_IN, CX_IN, 0xD1D10080, 0, 0, 0, 0, 2
%assign n 1
%rep 3
%defstr digit n
    REQUEST {"lba1.", digit}, 0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 0, BUFFER_SEG, 1, 5
    REQUEST {"chs.", digit},  0x13, 0xA1A10201, 0xB1B10000, CX_IN | 2, 0xD1D10080, 0, 0, 0, 0, 4
%assign n n + 1
%endrep
    REQUEST "reset.2", 0x13, 0xA1A10000, BX_IN, CX_IN, 0xD1D10080, 0, 0, 0, 0, 0
    REQUEST "lba1.4",  0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 0, BUFFER_SEG, 1, 5
    REQUEST "lba64",   0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 0, BUFFER_SEG, 64, 5
    REQUEST "lba72",   0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 0, BUFFER_SEG, 72, 5
    REQUEST "lba80",   0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 0, BUFFER_SEG, 80, 5
    REQUEST "lba4136", 0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 0, BUFFER_SEG, 4136, 5
    REQUEST "64",      0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 64, 0, BUFFER_SEG, 0, 5
    REQUEST "120",     0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 120, 0, BUFFER_SEG, 0, 5
    REQUEST "128",     0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 128, 0, BUFFER_SEG, 0, 5
    REQUEST "drive0",  0x13, 0xA1A10201, 0xB1B10000, CX_IN | 1, 0xD1D10000, 0, 0, 0, 0, 4
; The violations. Nothing is written: the ROM refuses.
    REQUEST "zero",    0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 0, 0, BUFFER_SEG, 0, 1
    REQUEST "line",    0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 2, 0xFE00, BUFFER_SEG, 0, 1
    REQUEST "odd",     0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 1, BUFFER_SEG, 0, 1
    REQUEST "write",   0x13, 0xA1A10301, 0xB1B10000, CX_IN | 2, 0xD1D10080, 0, 0, 0, 0, 0
    REQUEST "2402",    0x15, 0xA1A12402, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "2403",    0x15, 0xA1A12403, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "2401",    0x15, 0xA1A12401, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "lba1.5",  0x13, 0xA1A14200, BX_IN, CX_IN, 0xD1D10080, 1, 0, BUFFER_SEG, 1, 5
    REQUEST "E801",    0x15, 0xA1A1E801, 0, 0, 0, 0, 0, 0, 0, 0
    REQUEST "88",      0x15, 0xA1A18800, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "10.03",   0x10, 0xA1A10300, 0xB1B10000, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "10.0F",   0x10, 0xA1A10F00, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "10.0E",   0x10, 0xA1A10E2E, 0xB1B10007, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "14",      0x14, 0xA1A10300, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
    REQUEST "16.01",   0x16, 0xA1A10100, BX_IN, CX_IN, 0, 0, 0, 0, 0, 0
requests_end:

; ---- Memory map -------------------------------------------------------------------------------

; Print the first MAP_LINES calls of E820, and how many calls brought an entry.
show_map:
    xor ebx, ebx
    mov word [.entries], 0
.next:
    call clear_result
    mov eax, 0xA1A1E820 & 0xFFFF
    mov ecx, 24
    mov edx, SMAP
    push word 0
    pop es
    mov edi, RESULT
    cld
    int 0x15
    cld
    pushf
    pop word [.flags]
    mov [.ebx], ebx
    mov [.edx], edx
    cmp word [.entries], MAP_LINES
    jae .count
    push ecx
    push eax
    PUT 13, 10, "map."
    mov ax, [.entries]
    call put_hex16
    PUT16 "flags", [.flags]
    pop edx
    PUT32 "eax", edx
    PUT32 "ebx", [.ebx]
    pop edx
    PUT32 "ecx", edx
    PUT32 "edx", [.edx]
    PUT " result="
    mov si, RESULT
    mov cx, 32
    call put_bytes
.count:
    test byte [.flags], 1
    jnz .done
    inc word [.entries]
    cmp word [.entries], MAP_MAX
    jae .done
    mov ebx, [.ebx]
    test ebx, ebx
    jnz .next
.done:
    PUT 13, 10, "map"
    PUT16 "entries", [.entries]
    ret
.entries: dw 0
.flags: dw 0
.ebx:   dd 0
.edx:   dd 0

; ---- Helpers ----------------------------------------------------------------------------------

clear_result:
    push si
    push word 0
    pop es
    mov di, RESULT
    mov cx, RESULT_SIZE
    xor ax, ax
    cld
    rep stosb
    pop si
    ret

; Is A20 on? Two different words must stand at 0000:0500 and FFFF:0510.
show_a20:
    push word 0xFFFF
    pop fs
    mov ax, [fs:0x510]
    not ax
    mov [0x500], ax
    mov bx, [fs:0x510]
    cmp ax, bx
    setne al
    movzx dx, al
    PUT 13, 10, "a20"
    PUT16 "on", dx
    ret

clear_stack:
    push word 0
    pop es
    mov di, STACK_LOW
    lea cx, [esp - STACK_LOW]
    xor al, al
    cld
    rep stosb
    ret

; How deep did the calls go?
show_stack:
    push word 0
    pop es
    mov di, STACK_LOW
    mov cx, STACK - STACK_LOW
    xor al, al
    repe scasb
    mov dx, STACK + 1
    sub dx, di
    PUT 13, 10, "stack"
    PUT16 "used", dx
    ret

; Print the name of the request at SI.
put_name:
    mov di, si
.next:
    mov al, [di]
    test al, al
    jz .done
    out E9, al
    inc di
    jmp .next
.done:
    ret

; Print the text behind the call. Keeps all registers.
put_inline:
    mov [.si], si
    pop si
    push ax
.next:
    mov al, [si]
    inc si
    test al, al
    jz .done
    out E9, al
    jmp .next
.done:
    pop ax
    push si
    mov si, [.si]
    ret
.si:    dw   0

; Print CX bytes at SI. Clobbers SI, CX, AX.
put_bytes:
    lodsb
    call put_hex8
    loop put_bytes
    ret

put_hex32:
    push eax
    shr eax, 16
    call put_hex16
    pop eax
put_hex16:
    push ax
    mov al, ah
    call put_hex8
    pop ax
put_hex8:
    push ax
    shr al, 4
    call .digit
    pop ax
    and al, 15
.digit:
    cmp al, 10
    sbb al, 0x69
    das
    out E9, al
    ret

%if ($ - probe) > PROBE_SECTORS * 512
%error "the probe is longer than PROBE_SECTORS"
%endif
    times PROBE_SECTORS * 512 - ($ - probe) db 0
