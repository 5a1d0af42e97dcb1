; stage1.asm - the boot sector: 440 bytes between the BIOS and stage 2.
;
; The BIOS has read this sector to 0000:7C00 and jumps to it, in 16-bit real mode, with the boot
; drive in DL. Nothing else can be relied on: CS may be 07C0, and every segment, the stack, and the
; direction and interrupt flags differ from BIOS to BIOS. This code
;
;     1. brings CS, DS, ES, SS:SP and the direction flag into a known state;
;     2. reads stage 2 from LBA 1 to 0000:8000: in one call by EDD; if that fails sector by sector
;        by EDD, and if that fails too by cylinder, head and sector, three attempts each;
;     3. compares its CRC-32C with the one that mkdisk wrote into bytes 7-10, and jumps.
;
; Anything that fails on a drive other than 80h is tried once more on 80h, since there are BIOSes
; that pass a wrong DL. What fails on 80h is told on the screen, COM1 and port E9, and ends there.
;
; Offsets 0-3    33 C0 EB xx: some BIOSes boot only sectors that begin like this
;         4-10   written by mkdisk, struct stage1_patch
;         11-36  some BIOSes write a BIOS parameter block here: nothing that anybody needs
;         37-439 code and texts
;         440-   disk signature, partition table and 55 AA: not ours
;
; Registers: all INT 10h, 13h and 14h handlers are taken to destroy every general register. DS and
; SS are 0 throughout. Variables lie in the boot record at the top of the stack (struct
; stage1_record): under an emulator a store near code is slow. [EDD-3] [BBS] [SDM3 9.9]

%include "layout.inc"

    bits 16
    cpu 686

%define RECORD(field) (STAGE1_RECORD_BASE + stage1_record_ %+ field)
%define CRC32C_POLYNOMIAL 0x82F63B78
%define ATTEMPTS 3

    section .text
    global tour_01_entry, tour_02_read, tour_03_check, stage1_code_bytes
    extern stage2_entry

sector:
tour_01_entry:
    db 0x33, 0xC0                       ; xor ax, ax, in the encoding that NASM does not choose
    jmp short normalise

    times STAGE1_PATCH_OFFSET - ($ - sector) db 0
stage2_sectors: db 0
stage2_end:     dw 0                    ; address of the first byte after stage 2
stage2_crc:     dd 0                    ; CRC-32C register before the final inversion

; Plausible values for BIOSes that look for a floppy's parameters here. Nothing reads them.
    times STAGE1_BPB_OFFSET - ($ - sector) db 0
    dw SECTOR_SIZE                      ; 0B bytes per sector
    times 0x18 - ($ - sector) db 0
    dw 18, 2                            ; 18 sectors per track, 1A heads
    times STAGE1_BPB_END - ($ - sector) db 0

; ---- Output: here, so that the two jumps at its ends are short ---------------------------------

; failed: try once more on drive 80h. If that was the drive, return with the first half of the
; message printed and SI at the text behind it. BX is kept.
failed:
    mov al, 0x80
    xchg al, [RECORD(drive)]
    cmp al, 0x80
    jne restart
    mov si, text_failed
    jmp short print

; print: the NUL-terminated text at SI, SI moves to the byte behind it. AX is destroyed.
print.next:
    call print_char
print:
    cld                                 ; the BIOS may have set DF
    lodsb
    test al, al
    jnz .next
    ret

; print_hex: AL as two digits. AX is destroyed.
print_hex:
    aam 16                              ; AH = high digit, AL = low digit
    push ax
    mov al, ah
    call .digit
    pop ax
.digit:
    cmp al, 10
    sbb al, 0x69
    das                                 ; '0' to '9', 'A' to 'F'

; print_char: AL to the screen, to COM1 and, where it reads back E9, to port E9.
print_char:
    pusha
    mov ah, 0x0E
    mov bx, 0x0007
    int 0x10
    popa
    pusha
    mov ah, 0x01
    cwd                                 ; DX = 0: COM1
    int 0x14                            ; it waits no longer than the BIOS's own limit
    in al, E9_PORT
    cmp al, E9_PORT
    popa
    jne .done
    out E9_PORT, al
.done:
    ret

; ---- A known state -----------------------------------------------------------------------------

normalise:
    mov ds, ax
    mov ss, ax                          ; no interrupt can come between these two
    mov sp, STACK_TOP
    push ax                             ; struct stage1_record from its end: status, scratch
    mov dh, dl
    push dx                             ; drive_given, drive
    rdtsc
    push edx                            ; tsc
    push eax
    jmp 0:.cs                           ; CS = 0, whatever it was
.cs:

; COM1 to 115200 8N1. Bochs leaves it at 5 bits a character. [NS16550A]
    mov dx, COM1_PORT + 3               ; line control register
    mov al, 0x80                        ; DLAB: the next two ports are the divisor
    out dx, al
    mov dl, (COM1_PORT + 0) & 0xFF
    mov al, 1
    out dx, al
    inc dx
    dec ax                              ; AL = 0
    out dx, al
    mov dl, (COM1_PORT + 3) & 0xFF
    mov al, 3                           ; 8 bits, no parity, 1 stop bit
    out dx, al

; Once more from here, on drive 80h, when another drive has failed.
restart:
    mov si, text_banner
    call print

; ---- Read stage 2 ------------------------------------------------------------------------------

; BX = where the next sector goes, from which lba_of_buffer derives its LBA.
; DI = attempts a sector: by EDD while more than ATTEMPTS are left, then by CHS.
tour_02_read:
    mov ah, 0x41                        ; is EDD there?
    mov bx, 0x55AA
    call int13
    mov di, ATTEMPTS
    jc .one_by_one
    cmp bx, 0xAA55
    jne .one_by_one
    shr cx, 1                           ; bit 0: functions 42h to 44h, 47h and 48h
    jnc .one_by_one

    mov di, 2 * ATTEMPTS
    movzx cx, byte [stage2_sectors]
    mov bx, STAGE2_BASE
    pusha
    call read_edd                       ; all of it
    popa
    jnc tour_03_check

.one_by_one:
    mov bx, STAGE2_BASE
.sector:
    mov cx, di
.attempt:
    pusha
    call read_one
    popa
    jnc .read
    dec cx
    jz .exhausted
    pusha
    mov ah, 0                           ; reset the drive
    call int13
    popa
    jmp .attempt

.exhausted:
    call failed
    call print                          ; text_disk
    mov al, [RECORD(status)]
    call print_hex
    call print                          ; text_lba
    call lba_of_buffer
    call print_hex
    jmp short halt

.read:
    add bh, SECTOR_SIZE >> 8
    cmp bx, [stage2_end]
    jb .sector

; ---- Check it and go ---------------------------------------------------------------------------

; EAX = CRC-32C register, one bit a turn, lowest bit first. CH = 0 on both ways here.
tour_03_check:
    mov si, STAGE2_BASE
    or eax, -1
.byte:
    xor al, [si]
    inc si
    mov cl, 8
.bit:
    shr eax, 1
    jnc .next
    xor eax, CRC32C_POLYNOMIAL
.next:
    loop .bit
    cmp si, [stage2_end]
    jne .byte
    cmp eax, [stage2_crc]
    je stage2_entry

    call failed
    mov si, text_crc
    call print

; Interrupts on, so that Ctrl-Alt-Del still works.
halt:
    sti
    hlt
    jmp halt

; ---- Disk --------------------------------------------------------------------------------------

; All of these destroy all registers, and return with CF set if the BIOS reports an error.

; read_one: the sector that belongs at BX, CX = attempts left. CH = 0.
read_one:
    cmp cl, ATTEMPTS
    jbe read_chs
    mov cl, 1

; read_edd: CX sectors, the first of them belongs at BX. At most 127.
read_edd:
    call lba_of_buffer
    push ds                             ; the disk address packet, from its end: u64 LBA
    push ds
    push ds
    push ax
    push ds                             ; u16 segment, u16 offset
    push bx
    push cx                             ; u16 sectors
    push 16                             ; u8 size of this packet, u8 zero
    mov si, sp
    mov ah, 0x42
    call int13
    popa                                ; 16 bytes off the stack, CF kept
    ret

; read_chs: the sector that belongs at BX, addressed by the geometry that AH=08h reports.
read_chs:
    push bx
    mov ah, 0x08
    call int13
    pop bx
    jc int13.done
    push ds
    pop es                              ; the call returns a pointer in ES:DI
    and cx, 0x3F                        ; CX = sectors per track
    stc
    jz int13.done                       ; none: that is no geometry
    call lba_of_buffer
    div cl                              ; AL = track, AH = sector in it
    mov cl, ah
    inc cx                              ; sectors count from 1
    movzx si, dh                        ; DH = last head
    inc si                              ; up to 256 heads
    cbw
    cwd
    div si                              ; AX = cylinder, DX = head
    mov ch, al
    mov dh, dl
    mov ax, 0x0201                      ; one sector; the AL that comes back means nothing

; int13: the call itself, with DL and the flags as they must be. AH of a failure stays in the boot
; record. CF with AH = 0 is success on some BIOSes; if it is not, the CRC will tell.
int13:
    mov dl, [RECORD(drive)]
    sti                                 ; there are BIOSes that wait for an interrupt
    cld
    int 0x13
    jnc .done
    mov [RECORD(scratch)], ax           ; AH is status
    neg ah                              ; CF = (AH != 0)
.done:
    ret

; AX = LBA of the sector that belongs at BX. LBA 1 belongs at 8000.
lba_of_buffer:
    mov al, bh
    shr al, 1
    sub al, (STAGE2_BASE >> 9) - STAGE2_LBA
    cbw
    ret

; ---- Texts -------------------------------------------------------------------------------------

text_banner: db "stage1: ", 0
text_failed: db 13, 10, "boot failed: E0", 0
text_disk:   db "1 disk AH=", 0         ; these two are printed in this order
text_lba:    db " LBA=", 0
text_crc:    db "2 CRC", 0

; ---- The end -----------------------------------------------------------------------------------

stage1_code_bytes equ $ - sector
%if ($ - sector) > STAGE1_CODE_MAX
    %assign over ($ - sector) - STAGE1_CODE_MAX
    %error stage 1 is over bytes too long
%endif
    times MBR_MAGIC_OFFSET - ($ - sector) db 0
    dw MBR_MAGIC
