; disk.asm - sectors through INT 13h: EDD where the BIOS has it, cylinder/head/sector where not.
;
; A read is first tried in one call: by EDD all of it, by CHS to the end of the track. If that fails,
; the rest goes sector by sector: three attempts by EDD, then three by CHS, with a drive reset after
; each failure. The way that worked is asked first from then on, since resets can take seconds on a BIOS
; that claims EDD and fails. Nothing that comes back from a failed call is used but AH: BIOSes overwrite the
; address packet's count, so the packet is built anew each time. Buffers never cross a 64 KiB line and
; a call never asks for 0 or for more than BOUNCE_SECTORS sectors. The loader never writes to a disk.
; [EDD-3] [Phoenix-EDD]

    section .bss
alignb 4
read_lba:      resd 2                   ; next sector
read_buffer:   resw 2                   ; where it goes: offset, segment
read_left:     resw 1                   ; sectors still to read
read_now:      resw 1                   ; sectors of the call being made
attempts_left: resb 1
sector_by_sector: resb 1                ; this disk_read has given up long calls
disk_status:   resb 1                   ; AH of the last read that failed
have_edd:      resb 1
by_chs:        resb 1                   ; the way to try first: 0 EDD, 1 CHS
heads:         resd 1                   ; geometry of AH=08h, 0 = none
sectors_per_track: resd 1

    section .rodata
text_drive:    db "stage2: drive %b by ", 0
text_edd:      db "EDD", 13, 10, 0
text_chs:      db "CHS", 13, 10, 0

%define ATTEMPTS 3
%define EDD_API_PACKET 1                ; CX of 41h: functions 42h to 44h, 47h, 48h
%define EDD_PARAMS_V2 0x1E              ; size of the result of 48h with EDD 2.0
%define EDD_PARAMS_FLAGS 2
%define EDD_PARAMS_SECTORS 16
%define EDD_PARAMS_SECTOR_SIZE 24
%define STATUS_INVALID 0x01             ; AH: bad parameter

    section .text16

; The call itself. AH and the other inputs are set; DL and the flags are set here. Destroys all but
; DS, SS:SP, and what the call returns in general registers.
int13:
    mov dl, [BOOTINFO(drive)]
    sti                                 ; there are BIOSes that wait for an interrupt
    cld
    int 0x13
    cld
    push cs                             ; CS = 0
    pop ds
    ret

; As int13, for queries: CF with AH = 0 is success on some BIOSes.
int13_query:
    call int13
    jnc .done
    neg ah                              ; CF = (AH != 0)
.done:
    push cs
    pop es
    ret

; What kind of drive this is, its sector size (E12), and LBA 0 (E16) with the partition table.
disk_start:
    mov ah, 0x41
    mov bx, 0x55AA
    call int13
    jc .no_edd
    cmp bx, 0xAA55
    jne .no_edd
    mov [BOOTINFO(edd_version)], ah
    mov [BOOTINFO(edd_api)], cx
    test cl, EDD_API_PACKET
    jz .no_edd
    mov byte [have_edd], 1
    call edd_parameters
    jmp .geometry
.no_edd:
    mov byte [by_chs], 1
.geometry:
    call chs_geometry
    movzx eax, byte [BOOTINFO(drive)]
    mov [error_args], eax
    SAY text_drive
    mov si, text_edd
    cmp byte [have_edd], 0
    jne .say_how
    mov si, text_chs
.say_how:
    call print

    xor eax, eax
    mov [read_lba], eax
    mov [read_lba + 4], eax
    mov dword [read_buffer], BOUNCE_SEG << 16
    mov word [read_left], 1
    call disk_read
    jc disk_fatal
    mov ebx, disk_facts                 ; verify.c
    jmp call32

; INT 13h AH=48h. Some BIOSes know only the 26-byte form, some return a sector size of 0.
edd_parameters:
    mov word [EDD_PARAMS_BASE], EDD_PARAMS_V2
    mov si, EDD_PARAMS_BASE
    mov ah, 0x48
    call int13_query
    jc .unknown
    mov ax, [EDD_PARAMS_BASE + EDD_PARAMS_FLAGS]
    mov [BOOTINFO(edd_flags)], ax
    mov eax, [EDD_PARAMS_BASE + EDD_PARAMS_SECTORS]
    mov [BOOTINFO(disk_sectors)], eax
    mov eax, [EDD_PARAMS_BASE + EDD_PARAMS_SECTORS + 4]
    mov [BOOTINFO(disk_sectors) + 4], eax
    movzx eax, word [EDD_PARAMS_BASE + EDD_PARAMS_SECTOR_SIZE]
    test ax, ax
    jz .unknown
    mov [error_args], eax
    cmp ax, SECTOR_SIZE
    mov al, E_SECTOR_SIZE
    jne fatal
.unknown:
    mov word [BOOTINFO(sector_size)], SECTOR_SIZE
    ret

; INT 13h AH=08h. It returns a pointer in ES:DI that nobody wants.
chs_geometry:
    mov word [BOOTINFO(sector_size)], SECTOR_SIZE
    mov ah, 0x08
    call int13_query
    jc .none
    mov al, cl
    and al, 0x3F                        ; bits 5-0: sectors per track
    jz .none
    mov [sectors_per_track], al
    mov [BOOTINFO(chs_sectors)], al
    mov al, dh                          ; last head
    mov ah, 0
    inc ax
    mov [heads], ax
    cmp ax, 255
    jbe .heads
    mov al, 255
.heads:
    mov [BOOTINFO(chs_heads)], al
    mov al, ch                          ; last cylinder: CH, and bits 7-6 of CL above it
    mov ah, cl
    shr ah, 6
    inc ax
    mov [BOOTINFO(chs_cylinders)], ax
.none:
    ret

; Read read_left sectors from read_lba to read_buffer. CF set: disk_status is the BIOS's AH and
; read_lba the sector that cannot be read.
disk_read:
    mov byte [sector_by_sector], 0
    mov byte [disk_status], STATUS_INVALID ; if it never comes to a call
.next:
    mov ax, [read_left]
    test ax, ax                         ; CF = 0
    jz .done
    mov [read_now], ax
    cmp byte [sector_by_sector], 0
    jne .one
    mov dl, READ_EDD
    mov di, read_edd
    cmp byte [by_chs], 0
    je .long
    mov dl, READ_CHS
    mov di, read_chs
.long:
    call di
    jnc .advance
    inc dword [BOOTINFO(retries)]
    mov byte [sector_by_sector], 1
    call disk_reset

.one:
    mov word [read_now], 1
    call .attempts
    jnc .advance
    xor byte [by_chs], 1                ; the other way
    call .attempts
    jnc .advance
    xor byte [by_chs], 1
    stc
    ret

.advance:
    movzx eax, word [read_now]
    add [read_lba], eax
    adc dword [read_lba + 4], 0
    sub [read_left], ax
    shl ax, 9                           ; at most BOUNCE_SECTORS * 512, so this cannot wrap
    add [read_buffer], ax
    jmp .next
.done:
    ret

; One sector by the way that by_chs says. CF set: it is not to be had that way.
.attempts:
    cmp byte [by_chs], 0
    jne .by_chs
    cmp byte [have_edd], 1              ; CF set if it is 0
    jb .done
    mov dl, READ_SINGLE
    mov di, read_edd
    jmp read_attempts
.by_chs:
    mov dl, READ_CHS
    mov di, read_chs
    jmp read_attempts

; DI = read_edd or read_chs, DL = its READ_* number. CF set after ATTEMPTS failures.
read_attempts:
    mov byte [attempts_left], ATTEMPTS
.again:
    push di
    push dx
    call di
    pop dx
    pop di
    jnc .done
    inc dword [BOOTINFO(retries)]
    pusha
    call disk_reset
    popa
    dec byte [attempts_left]
    jnz .again
    stc
.done:
    ret

disk_reset:
    mov ah, 0
    jmp int13

; DL = READ_* that is being used: bootinfo keeps the worst.
note_method:
    cmp dl, [BOOTINFO(read_method)]
    jbe .done
    mov [BOOTINFO(read_method)], dl
.done:
    ret

; read_now sectors by disk address packet.
read_edd:
    call note_method
    push dword [read_lba + 4]
    push dword [read_lba]
    push dword [read_buffer]
    push word [read_now]
    push word 16                        ; size of the packet
    mov si, sp
    mov ah, 0x42
    call int13
    lea sp, [esp + 16]                  ; CF kept
    jmp read_result

; Up to read_now sectors, no further than the end of the track; read_now becomes their number.
read_chs:
    call note_method
    mov ecx, [sectors_per_track]
    cmp ecx, 1                          ; CF set if there is no geometry
    jb read_result.beyond
    mov eax, [read_lba]
    mov edx, [read_lba + 4]
    cmp edx, ecx                        ; would DIV overflow
    cmc
    jc read_result.beyond
    div ecx                             ; EAX = track, EDX = sector in it
    sub cx, dx                          ; sectors to the end of the track
    cmp cx, [read_now]
    jae .whole
    mov [read_now], cx
.whole:
    inc dx
    mov cl, dl                          ; sectors count from 1
    xor edx, edx
    div dword [heads]                   ; EAX = cylinder, EDX = head
    cmp eax, 1024
    cmc
    jc read_result.beyond               ; beyond what CHS can say
    mov dh, dl
    mov ch, al
    shl ah, 6
    or cl, ah
    les bx, [read_buffer]
    mov al, [read_now]
    mov ah, 0x02
    call int13                          ; AL is 0 or the count, depending on the BIOS
read_result:
    push cs
    pop es
    jnc .beyond
    mov [disk_status], ah
.beyond:
    ret

; A sector that nothing works without cannot be read.
disk_fatal:
    call disk_error_args
    mov al, E_DISK
    jmp fatal

disk_error_args:
    movzx eax, byte [disk_status]
    mov [error_args], eax
    mov eax, [read_lba + 4]
    mov [error_args + 4], eax
    mov eax, [read_lba]
    mov [error_args + 8], eax
    ret
