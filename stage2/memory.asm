; memory.asm - the memory map as the BIOS tells it: E820, else E801, else 88h. [ACPI 15]
;
; The raw entries go to E820_BASE, 24 bytes each, unsorted and unjudged: the kernel cleans them up
; (and shows both). Only what cannot be an entry at all is dropped here. E13 if there are too many,
; E14 if nothing usable is known.

    section .bss
alignb 4
map_continuation: resd 1
map_calls:        resw 1

    section .rodata
text_map:    db "stage2: memory map by ", 0
text_e820:   db "E820", 0
text_e801:   db "E801", 0
text_88:     db "88h", 0
text_map_entries: db ", %u entries", 13, 10, 0
map_sources: dw text_e820, text_e801, text_88 ; by MAP_*

    section .text16

%define SMAP 0x534D4150
%define MAP_CALLS_MAX 1024              ; a map that goes on longer than this never ends
%define E801_BELOW_16M_MAX 0x3C00       ; KiB between 1 and 16 MiB

; The call itself, with DS, ES and the direction flag as we want them afterwards. CF and the general
; registers are what it returned.
int15:
    int 0x15
    push cs                             ; CS = 0
    pop ds
    push cs
    pop es
    cld
    ret

memory_map_read:
    call e820_read
    jnc .judge
    mov dword [BOOTINFO(e820_count)], 0 ; whatever there was is worth nothing
    call fallback_read
.judge:
    mov cx, [BOOTINFO(e820_count)]
    mov di, E820_BASE
    jcxz .empty
.entry:
    cmp dword [di + 16], E820_USABLE
    je .found
    add di, E820_ENTRY_SIZE
    loop .entry
.empty:
    mov al, E_MAP_EMPTY
    jmp fatal
.found:
    mov dword [BOOTINFO(e820)], E820_BASE
    SAY text_map
    movzx bx, byte [BOOTINFO(map_source)]
    add bx, bx
    SAY [map_sources + bx]
    mov eax, [BOOTINFO(e820_count)]
    mov [error_args], eax
    SAY text_map_entries
    ret

; CF set: no E820, or a map that must be thrown away.
e820_read:
    mov byte [BOOTINFO(map_source)], MAP_E820
.call:
    mov al, E_MAP_TOO_LONG
    inc word [map_calls]
    cmp word [map_calls], MAP_CALLS_MAX
    ja fatal
    mov di, E820_BOUNCE_BASE            ; a fresh entry: BIOSes write 20 or 24 bytes
    xor eax, eax
    mov cx, E820_ENTRY_SIZE / 4
    rep stosd
    mov byte [E820_BOUNCE_BASE + 20], 1 ; attributes of an entry without attributes

    mov ebx, [map_continuation]
    mov edi, E820_BOUNCE_BASE
    mov ecx, E820_ENTRY_SIZE
    mov edx, SMAP                       ; again each time: BIOSes destroy it
    mov eax, 0xE820
    call int15
    jc .end                             ; past the last entry, or no such call
    cmp eax, SMAP
    jne .bad                            ; a map that loses its way is no map
    cmp ecx, 20
    jb .bad
    mov [map_continuation], ebx
    cmp ecx, E820_ENTRY_SIZE
    je .attributes
    mov dword [E820_BOUNCE_BASE + 20], 1 ; none, or more than anybody defined
.attributes:

    mov eax, [E820_BOUNCE_BASE + 8]
    or eax, [E820_BOUNCE_BASE + 12]
    jz .skip                            ; zero length
    mov ax, [BOOTINFO(e820_count)]
    cmp ax, E820_MAX
    mov al, E_MAP_TOO_LONG
    jae fatal
    imul di, [BOOTINFO(e820_count)], E820_ENTRY_SIZE
    add di, E820_BASE
    mov si, E820_BOUNCE_BASE
    mov cx, E820_ENTRY_SIZE / 4
    rep movsd
    inc word [BOOTINFO(e820_count)]
.skip:
    cmp dword [map_continuation], 0
    jne .call
.end:
    cmp word [BOOTINFO(e820_count)], 1  ; CF set if there was not even one
    ret
.bad:
    stc
    ret

; E801, else 88h; and if one of them knows any memory, what INT 12h says of the low 640 KiB.
fallback_read:
    mov byte [BOOTINFO(map_source)], MAP_E801
    xor cx, cx
    xor dx, dx
    mov ax, 0xE801
    stc                                 ; a BIOS without this call may leave CF alone
    call int15
    jc .only_88
    test cx, cx                         ; the answer is in CX and DX, or in AX and BX
    jz .in_ax_bx
    mov ax, cx
    mov bx, dx
.in_ax_bx:
    cmp ax, E801_BELOW_16M_MAX
    ja .only_88                         ; more than there is room for: bogus
    test ax, ax
    jz .only_88
    push bx
    call map_add_above_1m
    pop ax
    movzx eax, ax                       ; 64 KiB units from 16 MiB
    shl eax, 16
    jz .low
    mov ebx, 0x1000000
    call map_add
.low:
    mov eax, [BOOTINFO(low_memory_kib)]
    shl eax, 10
    xor ebx, ebx
    jmp map_add

.only_88:
    mov byte [BOOTINFO(map_source)], MAP_88
    mov ah, 0x88
    call int15
    jc .nothing
    test ax, ax
    jz .nothing
    call map_add_above_1m
    jmp .low
.nothing:
    ret

; A usable entry of AX KiB at 1 MiB.
map_add_above_1m:
    movzx eax, ax
    shl eax, 10
    mov ebx, 0x100000

; A usable entry of EAX bytes at EBX.
map_add:
    cld
    imul di, [BOOTINFO(e820_count)], E820_ENTRY_SIZE
    inc word [BOOTINFO(e820_count)]
    add di, E820_BASE
    xchg eax, ebx
    stosd
    xor eax, eax
    stosd
    xchg eax, ebx
    stosd
    xor eax, eax
    stosd
    inc ax                              ; E820_USABLE
    stosd
    stosd                               ; attributes 1
    ret
