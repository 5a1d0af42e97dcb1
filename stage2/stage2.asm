; stage2.asm - the contents page of stage 2: from the BIOS to a verified 64-bit kernel.
;
; Stage 1 has read us to 0000:8000 and has checked our CRC. In: real mode, CS = DS = SS = 0, SP just
; below the boot record (struct stage1_record) at the top of our stack, interrupts and the direction
; flag in any state. The BIOS drive is in the record.
;
; Every step of the boot tour is a label tour_NN_name (include/tour.h) and stamps the TSC into the
; timeline. Each `call` below is one file:
;
;     print.asm    text on the screen, COM1 and port E9; errors
;     cpu.asm      is there a long mode
;     disk.asm     sectors through INT 13h
;     memory.asm   the memory map through INT 15h
;     a20.asm      the A20 gate
;     menu.asm     the boot menu
;     load.asm     read a slot, piece by piece
;     modes.asm    protected mode and back, exceptions, long mode, the jump
;     *.c          what needs no BIOS: manifest, verification, page tables (32-bit code)
;
; Conventions of the 16-bit code: DS = ES = SS = 0 between calls. A routine destroys all general
; registers unless it says otherwise. Every BIOS call is taken to destroy every general register,
; both halves, ES, FS, GS and the direction flag. CF set means failure. Variables are in .bss, a page
; at 3000 that holds no code. [SDM3 9.9]

%include "layout.inc"

    bits 16
    cpu x64
    default abs

%define BOOTINFO(field) (BOOTINFO_BASE + bootinfo_ %+ field)
%define RECORD(field) (STAGE1_RECORD_BASE + stage1_record_ %+ field)
%define STACK_CANARY 0x0FF1C1A1
%define CRC32C_POLYNOMIAL 0x82F63B78    ; reflected

; The 32-bit half: verify.c and paging.c.
extern disk_facts, manifest_choose, slot_check, piece_take, kernel_verify
extern page_tables_build

; A step of the boot tour: its label, and its stamp in the timeline.
%macro TOUR 1
    global %[TOURLABEL_%1]
%[TOURLABEL_%1]:
    mov al, TOUR_%1
    call timeline_stamp
%endmacro

; Print a text of .rodata.
%macro SAY 1
    mov si, %1
    call print
%endmacro

; The code sections touch each other (align=1, and the order in stage2.ld.in): NASM tells the debugger
; of one range of addresses only, as long as all of them together.
    section .rodata align=4
    section .text32 progbits alloc exec nowrite align=1
    section .text64 progbits alloc exec nowrite align=1
    section .bss align=16
    section .text16 progbits alloc exec nowrite align=16

; ---- The first sector --------------------------------------------------------------------------

global tour_04_banner
tour_04_banner:
    jmp stage2_main

; mkdisk --pin writes the only Merkle root that this image may boot here.
    times STAGE2_PIN_OFFSET - ($ - tour_04_banner) db 0
global stage2_pin
stage2_pin:
    times 32 db 0

stage2_main:
    cld
    xor eax, eax
    mov es, ax
    mov di, BOOTINFO_BASE
    mov cx, (BOOTINFO_END - BOOTINFO_BASE) / 4
    rep stosd
    mov di, STAGE2_DATA_BASE
    mov cx, (STAGE2_DATA_END - STAGE2_DATA_BASE) / 4
    rep stosd
    mov dword [STACK_BASE], STACK_CANARY

    call timeline_start
    call console_start
    SAY text_banner
    call exceptions_start
    call low_memory_check

    TOUR cpu
    call cpu_check

    TOUR disk
    call disk_start

    TOUR e820
    call memory_map_read

    TOUR a20
    call a20_open

    TOUR manifest
    call manifest_load

    TOUR menu
    call menu_run

    TOUR load
    call kernel_load                    ; does not return without a verified kernel

    call handoff_prepare
    jmp protected_mode_enter            ; modes.asm: steps 12 to 15

; ---- The timeline ------------------------------------------------------------------------------

; Step 1 happened in stage 1, step 4 is now.
timeline_start:
    mov di, BOOTINFO(timeline)
    mov byte [di], TOUR_entry
    mov eax, [RECORD(tsc)]
    mov [di + 8], eax
    mov eax, [RECORD(tsc) + 4]
    mov [di + 12], eax
    inc byte [BOOTINFO(timeline_count)]
    mov ax, [RECORD(drive)]             ; and drive_given
    mov [BOOTINFO(drive)], ax
    mov al, [RECORD(status)]
    mov [BOOTINFO(stage1_status)], al
    mov al, TOUR_banner

; AL = step. All registers are kept.
timeline_stamp:
    pushad
    movzx ecx, al
    rdtsc
    movzx edi, byte [BOOTINFO(timeline_count)]
    inc byte [BOOTINFO(timeline_count)]
    shl di, 4
    add di, BOOTINFO(timeline)
    mov [di], ecx
    mov [di + 8], eax
    mov [di + 12], edx
    popad
    ret

; ---- Low memory --------------------------------------------------------------------------------

low_memory_check:
    int 0x12                            ; AX = KiB
    movzx eax, ax
    cmp ax, LOW_MEMORY_MAX / 1024       ; there is nothing above but the BIOS's own
    jbe .believable
    mov ax, LOW_MEMORY_MAX / 1024
.believable:
    mov [BOOTINFO(low_memory_kib)], eax
    mov [error_args], eax
    mov cx, [0x40E]                     ; segment of the extended BIOS data area
    mov [BOOTINFO(ebda_segment)], cx
    cmp ax, LOW_MEMORY_NEEDED / 1024
    mov al, E_LOW_MEMORY
    jb fatal
    ret

%include "stage2/print.asm"
%include "stage2/cpu.asm"
%include "stage2/disk.asm"
%include "stage2/memory.asm"
%include "stage2/a20.asm"
%include "stage2/menu.asm"
%include "stage2/load.asm"
%include "stage2/modes.asm"
