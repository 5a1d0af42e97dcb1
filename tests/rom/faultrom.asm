; faultrom.asm - an option ROM that plays a broken BIOS.
;
; It takes over INT 19h, boots the first disk itself, and stands between the loader and the BIOS:
; its handlers for INT 10h, 12h, 13h, 14h, 15h and 16h call the real BIOS and bend the answer. The
; image that is booted is the unmodified one. Each fault is a switch in the configuration table
; below; tests/rom/build_rom.py patches the table and the checksum, tests/rom/faults.py lists the
; faults. With every switch at its default the ROM changes nothing.
;
; What it says on port E9 (the tests read it there):
;     ROM: ready                 it booted the disk: the test runs with the ROM in place
;     ROM: injected SWITCH       the first time that switch changed something the loader saw
;     ROM: violation NAME        the loader did something no loader should do, fault or no fault
;
; Invariants
; - Between interrupts every register belongs to the loader; a handler saves them all.
; - Inside a handler SS:BP points to the frame below, GS is the state segment, CS is this ROM.
; - The ROM cannot be written to. Its state is one KiB taken off the top of conventional memory
;   (word 40:13, what INT 12h returns), found again through that word.
; - A call that comes from a ROM (the BIOS calling itself) is passed on untouched.

bits 16
cpu 386
org 0

STATE_KIB       equ 1
BDA_COM1        equ 0x400               ; word: port of COM1
BDA_LOW_KIB     equ 0x413               ; word: KiB of conventional memory
ROM_AREA        equ 0xA000              ; a caller's CS from here on is a ROM
E9              equ 0xE9
PIC1_MASK       equ 0x21
PORT92          equ 0x92
SMAP            equ 0x534D4150
E820_KEY        equ 0x5A000000          ; our continuation values are this + index: opaque, never 0
FLAG_CF         equ 0x0001
FLAG_ZF         equ 0x0040
FLAG_IF         equ 0x0200
FLAG_DF         equ 0x0400
ALWAYS          equ 0xFF                ; a counter that never runs out

section .text

    db 0x55, 0xAA
    db 0                                ; size in 512-byte units, patched
    jmp near init                       ; the BIOS calls offset 3
    db 0                                ; makes the sum of all bytes 0, patched

; ---- Configuration table ----------------------------------------------------------------------
; SWITCH name, bytes, default: a fault; the handlers report it as injected. VALUE: a number that a
; switch needs. build_rom.py reads these lines, so they stay one to a line.

align 16, db 0
%macro SWITCH 3
cfg_%1:
%if %2 == 1
    db %3
%elif %2 == 2
    dw %3
%else
    dd %3
%endif
%endmacro
%macro VALUE 3
    SWITCH %1, %2, %3
%endmacro

config:
; The machine at the first instruction of the boot sector.
SWITCH entry_cs, 2, 0x0000              ; 07C0: entered at 07C0:0000
VALUE  entry_ip, 2, 0x7C00
SWITCH entry_data, 2, 0x0000            ; DS and ES
SWITCH entry_ss, 2, 0x0000
VALUE  entry_sp, 2, 0x7C00
SWITCH entry_dl, 1, 0x80
SWITCH entry_flags, 2, 0x0202           ; 0002: IF=0, 0602: DF=1
SWITCH entry_trash, 1, 0                ; 1: random general registers, FS and GS
SWITCH bpb_scribble, 1, 0               ; 1: offsets 0Bh-24h of the boot sector are overwritten
VALUE  bpb_fill, 1, 0
SWITCH a20_off, 1, 0                    ; 1: A20 is off at entry, 2: and after every INT 13h
VALUE  boot_drive, 1, 0x80
VALUE  boot_sectors, 1, 1               ; read to 0000:7C00; the probe takes more than one
VALUE  seed, 4, 0x2F6E2B1               ; of the random numbers, not 0

; Registers and flags that a BIOS call returns. Bits of the _ints: 1 = 13h, 2 = 15h, 4 = 10h,
; 8 = 14h, 10h = 16h, 20h = 12h.
SWITCH trash_ints, 1, 0                 ; everything but the documented outputs is random
VALUE  trash_how, 1, 7                  ; 1: low halves, 2: high halves, 4: FS and GS
SWITCH flags_ints, 1, 0
VALUE  flags_set, 2, 0                  ; flags returned as 1
VALUE  flags_clear, 2, 0                ; flags returned as 0
SWITCH stack_use, 2, 0                  ; bytes of the caller's stack that INT 13h and 15h overwrite

; INT 13h.
SWITCH edd_check, 1, 0                  ; 41h: 1 = CF, 2 = BX is not AA55, 3 = CX bit 0 clear
SWITCH edd_read, 1, 0                   ; 42h: 1 = always CF, AH=01
SWITCH params, 1, 0                     ; 48h: 1 = CF, AH=01; 2 = succeeds with CF=1, AH=0
SWITCH params_size, 2, 0xFFFF           ; 48h: bytes per sector that it claims
SWITCH params_short, 1, 0               ; 48h: 1 = only the 1Ah-byte record
SWITCH params_no_total, 1, 0            ; 48h: 1 = number of sectors is 0
SWITCH geometry, 1, 0                   ; 08h: 1 = CF, 2 = succeeds with CF=1, AH=0; 3 = 0 sectors
SWITCH max_sectors, 1, 0                ; a read of more sectors fails with AH=01
SWITCH line_64k, 1, 0                   ; 1: a buffer over a 64 KiB line or segment end: AH=09
SWITCH chs_al, 1, 0                     ; 1: 02h returns AL=0, 2: returns AL=FF
SWITCH reset_fails, 1, 0                ; 00h: 1 = CF, AH=05
SWITCH other_drive, 1, 0                ; 1: reads of other drives succeed and give zeros
SWITCH fail_times, 1, 0                 ; the first so many matching reads fail, FF = all
SWITCH fail_every, 1, 0                 ; each so many-th matching read fails
SWITCH fail_chance, 1, 0                ; n in 256 matching reads fail
VALUE  fail_kinds, 1, 3                 ; matching: 1 = 42h, 2 = 02h
VALUE  fail_first, 4, 0                 ; matching: reads that touch LBA first ...
VALUE  fail_last, 4, 0xFFFFFFFF         ; ... to last
VALUE  fail_ah, 1, 0x10
SWITCH fail_dap, 1, 0                   ; a failed 42h: 1 = changes the count, 2 = all of the DAP
SWITCH fail_sticks, 1, 0                ; 1: after a failure all reads fail until a reset
SWITCH flip_times, 1, 0                 ; the first so many matching reads succeed with a flipped
VALUE  flip_first, 4, 0                 ; ... byte in the first sector of the range first
VALUE  flip_last, 4, 0                  ; ... to last, FF times = always
VALUE  flip_offset, 2, 0

; INT 15h, 12h, 14h.
SWITCH a20_int15, 1, 0                  ; 24xx: 1 = CF, AH=86; 2 = says done and does nothing
SWITCH e820, 1, 0                       ; 1 = CF, AH=86; 2 = our map; 3 = CF=0 without SMAP
VALUE  e820_count, 2, 0                 ; entries of our map, behind the ROM's code
SWITCH e820_end_cf, 1, 0                ; 1: our map ends with CF, not with EBX=0
SWITCH e820_endless, 1, 0               ; 1: our map starts again and again, EBX never 0
SWITCH e820_length, 2, 0                ; ECX as returned
SWITCH e820_tail, 1, 0                  ; so many bytes of rubbish behind the first 20
SWITCH e820_lost, 1, 0                  ; that call (1 = first) returns no SMAP
SWITCH e801, 1, 0                       ; 1 = CF, 2 = the values below
VALUE  e801_ax, 2, 0
VALUE  e801_bx, 2, 0
VALUE  e801_cx, 2, 0
VALUE  e801_dx, 2, 0
SWITCH int88, 1, 0                      ; 1 = CF, 2 = the value below
VALUE  int88_ax, 2, 0
SWITCH low_kib, 2, 0                    ; INT 12h
SWITCH com1, 1, 0                       ; 1: INT 14h times out, 2: no COM1 in the BIOS data area
config_end:
    dw config_end - config              ; build_rom.py checks what it read against this

; ---- State and frame --------------------------------------------------------------------------

struc S                                 ; in the state segment
.old_10         resd 1
.old_12         resd 1
.old_13         resd 1
.old_14         resd 1
.old_15         resd 1
.old_16         resd 1
.random         resd 1
.heads          resw 1                  ; geometry of the boot drive
.spt            resw 1                  ; sectors per track
.pic_mask       resb 1                  ; of the first PIC, before the loader ran
.edd            resb 1                  ; this read is a 42h
.lba            resd 1                  ; first sector of this read
.count          resw 1                  ; sectors of this read
.buffer         resd 1                  ; where to, offset and segment
.failed         resb 1                  ; reads failed by fail_times
.reads          resb 1                  ; matching reads since the last fail_every failure
.stuck          resb 1                  ; fail_sticks: a reset is due
.flipped        resb 1
.e820_calls     resw 1
.e820_next      resd 1                  ; the EBX that the next call must bring
.reported       resb 64                 ; one byte each for what was said once already
endstruc

struc F                                 ; at SS:BP
.ds             resw 1
.es             resw 1
.fs             resw 1
.gs             resw 1
.edi            resd 1
.esi            resd 1
.ebp            resd 1
.esp            resd 1
.ebx            resd 1
.edx            resd 1
.ecx            resd 1
.eax            resd 1
.ip             resw 1                  ; from here on pushed by the CPU
.cs             resw 1
.flags          resw 1
endstruc

; Documented outputs of a call, kept when registers are trashed.
OUT_AX          equ 1
OUT_BX          equ 2
OUT_CX          equ 4
OUT_DX          equ 8
OUT_DI          equ 0x10
OUT_32          equ 0x20                ; AX, BX, CX above are 32-bit results

; Start a handler: save everything, make the frame, set GS. Clobbers nothing that is not saved.
%macro ENTER 0
    pushad
    push gs
    push fs
    push es
    push ds
    mov bp, sp
    cld
    call find_state
%endmacro

; Say `ROM: injected %1` the first time. Flags change, registers do not.
%assign texts 0
%macro INJECTED 1
%defstr %%name %1
section .rodata
%%text: db   texts, " injected ", %%name, 0
section .text
    push si
    mov si, %%text
    call report_once
    pop si
%assign texts texts + 1
%endmacro

; Say `ROM: violation %1` the first time.
%macro VIOLATION 1
section .rodata
%%text: db   texts, " violation ", %1, 0
section .text
    push si
    mov si, %%text
    call report_once
    pop si
%assign texts texts + 1
%endmacro

section .rodata follows=.text
text_ready:     db 0xFF, " ready", 0
text_unread:    db 0xFF, " cannot read the boot sector", 0
section .text

%include "boot.inc"
%include "common.inc"
%include "int13.inc"
%include "reads.inc"
%include "int15.inc"
%include "other.inc"

section .map follows=.rodata align=1    ; 1: nothing but bytes stands before it in the file
e820_map:                               ; build_rom.py appends the entries, 24 bytes each
%if texts > 64
%error "more texts than S.reported has bytes"
%endif
