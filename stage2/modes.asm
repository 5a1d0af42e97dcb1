; modes.asm - the mode switches: to 32-bit C and back, exceptions, and the last way to the kernel.
;
;     real mode --call32--> protected mode, flat, C --> real mode       (as often as needed)
;     real mode --> protected mode --> page tables --> long mode --> kernel         (once)
;
; The IVT at 0 and the PICs stay as the BIOS left them until the kernel takes over, since the way back
; must work. While the CPU is not in real mode interrupts are off, NMI is masked at port 70h, and an
; IDT is loaded all the same: an exception (or an NMI where the mask does nothing) comes back to real
; mode and is reported as E18, never a reset. [SDM3 9.9] [SDM3 6.14] [AMD2 14]

%define GDT_NULL 0
%define CODE32 0x08
%define DATA32 0x10
%define CODE16 0x18
%define DATA16 0x20
%define CODE64 0x28

; Descriptor bits, already "accessed", so that the CPU never writes here.
%define SEG_CODE 0x9B                   ; present, code, readable
%define SEG_DATA 0x93                   ; present, data, writable
%define SEG_4K 0x80                     ; limit in 4 KiB units
%define SEG_32 0x40                     ; D/B
%define SEG_64 0x20                     ; L

%define CR0_PE (1 << 0)
%define CR0_WP (1 << 16)
%define CR0_PG (1 << 31)
%define CR4_PAE (1 << 5)
%define MSR_EFER 0xC0000080
%define EFER_LME (1 << 8)
%define GATE_INTERRUPT 0x8E00           ; present, 386/64-bit interrupt gate
%define CMOS_INDEX 0x70
%define CMOS_DATA 0x71
%define NMI_OFF 0x80
%define CMOS_STATUS_D 0x0D              ; a register that is harmless to read
%define EXCEPTIONS 32
%define STUB_SIZE 5                     ; one `call`
; Vectors that push an error code: 8, 10-14, 17, 21, 29, 30.
%define ERROR_CODE_VECTORS 0x60227D00

    section .rodata
align 16
global gdt
gdt:                                    ; limit, base 15-0, base 23-16, access, flags, base 31-24
    dw 0, 0
    db 0, 0, 0, 0
    dw 0xFFFF, 0                        ; CODE32: 4 GiB
    db 0, SEG_CODE, SEG_4K | SEG_32 | 0x0F, 0
    dw 0xFFFF, 0                        ; DATA32: 4 GiB
    db 0, SEG_DATA, SEG_4K | SEG_32 | 0x0F, 0
    dw 0xFFFF, 0                        ; CODE16: 64 KiB, for the way back
    db 0, SEG_CODE, 0, 0
    dw 0xFFFF, 0                        ; DATA16: 64 KiB
    db 0, SEG_DATA, 0, 0
    dw 0, 0                             ; CODE64: base and limit mean nothing
    db 0, SEG_CODE, SEG_64, 0
gdt_end:

gdt_pointer:
    dw gdt_end - gdt - 1
    dd gdt
ivt_pointer:
    dw 0x3FF
    dd IVT_BASE
idt32_pointer:
    dw EXCEPTIONS * 8 - 1
    dd idt32
idt64_pointer:
    dw EXCEPTIONS * 16 - 1
    dd idt64
    dd 0

    section .bss
alignb 16
idt32:  resb EXCEPTIONS * 8
idt64:  resb EXCEPTIONS * 16
alignb 4
real_sp: resw 1

; ---- Exceptions --------------------------------------------------------------------------------

    section .text16

exceptions_start:
    mov di, idt32
    mov bx, 8
    mov ax, stubs32
    mov dx, CODE32
    call .gates
    mov di, idt64
    mov bx, 16
    mov ax, stubs64
    mov dx, CODE64
.gates:
    mov cx, EXCEPTIONS
.gate:
    mov [di], ax                        ; all of our code is below 64 KiB
    mov [di + 2], dx
    mov word [di + 4], GATE_INTERRUPT
    add ax, STUB_SIZE
    add di, bx
    loop .gate
    ret

; In: an exception in 32-bit or 64-bit code. The return address of a stub's call says which one.
    section .text32
    bits 32
stubs32:
%rep EXCEPTIONS
    call strict near exception32
%endrep

exception32:
    pop eax
    sub eax, stubs32 + STUB_SIZE
    xor edx, edx
    mov ecx, STUB_SIZE
    div ecx                             ; EAX = vector
    mov ebx, DATA32
    mov ds, ebx                         ; flat, whatever it was
    mov [error_args], eax
    xor ecx, ecx
    mov ebx, ERROR_CODE_VECTORS
    bt ebx, eax
    jnc .no_error_code
    pop ecx
.no_error_code:
    mov [error_args + 4], ecx
    pop eax                             ; EIP, then CS
    mov [error_args + 16], eax
    pop eax
    movzx eax, ax
    mov [error_args + 8], eax
    xor eax, eax
    mov [error_args + 12], eax
    mov [error_args + 20], eax
    mov eax, cr2
    mov [error_args + 24], eax
    mov esp, VERIFIER_END
    push dword exception_report
    jmp return_to_real_mode

    section .text64
    bits 64
stubs64:
%rep EXCEPTIONS
    call strict near exception64
%endrep

exception64:
    pop rax
    sub eax, stubs64 + STUB_SIZE
    xor edx, edx
    mov ecx, STUB_SIZE
    div ecx
    mov [abs error_args], eax
    xor ecx, ecx
    mov ebx, ERROR_CODE_VECTORS
    bt ebx, eax
    jnc .no_error_code
    pop rcx
.no_error_code:
    mov [abs error_args + 4], ecx
    pop rax                             ; RIP, then CS
    mov [abs error_args + 16], eax
    shr rax, 32
    mov [abs error_args + 12], eax
    pop rax
    movzx eax, ax
    mov [abs error_args + 8], eax
    mov rax, cr2
    mov [abs error_args + 24], eax
    shr rax, 32
    mov [abs error_args + 20], eax
    mov dword [abs failure], E_EXCEPTION
    jmp leave_long_mode

; The kernel's entry function has returned.
global kernel_returned
kernel_returned:
    mov dword [abs failure], E_KERNEL_RETURNED

; To real mode by way of compatibility mode. [SDM3 9.8.5.4]
leave_long_mode:
    cli
    mov esp, VERIFIER_END
    push CODE32
    push compatibility_mode
    o64 retf

    section .text32
    bits 32
compatibility_mode:
    mov eax, cr0
    and eax, ~CR0_PG                    ; out of long mode
    mov cr0, eax
    mov ecx, MSR_EFER
    rdmsr
    and eax, ~EFER_LME
    wrmsr
    mov eax, DATA32
    mov ds, eax
    mov ss, eax
    mov esp, VERIFIER_END
    push dword failure_report
    jmp return_to_real_mode

    section .bss
alignb 4
failure: resd 1                         ; E_* to report once we are back

    section .text16
    bits 16
exception_report:
    mov al, E_EXCEPTION
    jmp fatal
failure_report:
    mov al, [failure]
    jmp fatal

; ---- Protected mode and back -------------------------------------------------------------------

; From real mode to the 32-bit code at %1. EAX is destroyed; SP is kept for the way back.
%macro ENTER_PROTECTED_MODE 1
    cli
    call nmi_off
    mov [real_sp], sp
    lgdt [gdt_pointer]
    lidt [idt32_pointer]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    jmp CODE32:%1
%endmacro

; The first thing there: flat data segments and a stack. EAX is destroyed.
%macro LOAD_FLAT_SEGMENTS 0
    mov eax, DATA32
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov esp, VERIFIER_END
%endmacro

; NMI off or on. Destroys AX.
nmi_off:
    mov al, NMI_OFF | CMOS_STATUS_D
    jmp nmi_set
nmi_on:
    mov al, CMOS_STATUS_D
nmi_set:
    out CMOS_INDEX, al
    out 0x80, al                        ; some chips want a pause, all want the read
    in al, CMOS_DATA
    ret

; EBX = a C function without arguments; EAX = what it returned. Destroys the other registers.
global call32
call32:
    ENTER_PROTECTED_MODE .protected

    section .text32
    bits 32
.protected:
    LOAD_FLAT_SEGMENTS
    cld
    call ebx
    push dword call32_return

; The 16-bit address to go on at is on the stack. EAX is kept.
return_to_real_mode:
    pop edx
    jmp CODE16:.protected16

    section .text16
    bits 16
.protected16:
    mov cx, DATA16                      ; 64 KiB limits, as real mode wants them
    mov ds, cx
    mov es, cx
    mov fs, cx
    mov gs, cx
    mov ss, cx
    mov ecx, cr0
    and ecx, ~CR0_PE
    mov cr0, ecx
    jmp 0:.real
.real:
    xor cx, cx
    mov ds, cx
    mov es, cx
    mov fs, cx
    mov gs, cx
    mov ss, cx
    movzx esp, word [real_sp]
    lidt [ivt_pointer]
    push eax
    call nmi_on
    pop eax
    sti
    jmp dx

call32_return:
    ret

; ---- The hand-off ------------------------------------------------------------------------------

; The last things that need the BIOS.
handoff_prepare:
    mov ah, 0x0F
    int 0x10
    and al, 0x7F
    mov [BOOTINFO(vga_mode)], al
    mov [BOOTINFO(vga_columns)], ah
    mov ah, 0x03
    mov bh, 0
    int 0x10
    mov [BOOTINFO(vga_cursor_row)], dh
    mov [BOOTINFO(vga_cursor_column)], dl
    push cs
    pop es
    cld
    mov al, [0x484]                     ; rows - 1, where the BIOS has an EGA or better
    inc ax
    cmp al, 25
    jae .rows
    mov al, 25
.rows:
    mov [BOOTINFO(vga_rows)], al
    mov ax, [0x463]
    mov [BOOTINFO(vga_crtc_port)], ax
    mov dword [BOOTINFO(cmdline)], CMDLINE_BASE

    mov ax, 0xEC00                      ; tell the BIOS that 64-bit mode is next; few listen
    mov bl, 2
    call int15                          ; memory.asm
    cmp dword [STACK_BASE], STACK_CANARY
    mov al, E_STACK
    jne fatal
    jmp a20_require                     ; the last word: from here on no BIOS can touch it

; Real mode for the last time.
protected_mode_enter:
    ENTER_PROTECTED_MODE TOURLABEL_protected_mode

; As TOUR, in 32-bit and 64-bit code, in two halves. EAX, EDX, EDI are destroyed.
%macro TOUR_LABEL 1
    global %[TOURLABEL_%1]
%[TOURLABEL_%1]:
%endmacro
%macro TOUR_STAMP 1
    rdtsc
    mov edi, [abs BOOTINFO(timeline_count)]
    shl edi, 4
    mov dword [BOOTINFO(timeline) + edi], TOUR_%1
    mov [BOOTINFO(timeline) + 8 + edi], eax
    mov [BOOTINFO(timeline) + 12 + edi], edx
    inc dword [abs BOOTINFO(timeline_count)]
%endmacro

    section .text32
    bits 32
; In: protected mode, CS = CODE32, interrupts and NMI off. The data segments are still real mode's,
; so the first instructions load them and the stamp comes after.
    TOUR_LABEL protected_mode
    LOAD_FLAT_SEGMENTS
    TOUR_STAMP protected_mode

    TOUR_LABEL page_tables
    TOUR_STAMP page_tables
    call page_tables_build              ; paging.c

    TOUR_LABEL long_mode
    TOUR_STAMP long_mode
    mov eax, cr4
    or eax, CR4_PAE
    mov cr4, eax
    mov eax, PAGE_TABLES_BASE
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    or eax, CR0_PG | CR0_WP
    lidt [idt64_pointer]                ; from the next but one instruction on gates are 64-bit
    mov cr0, eax
    jmp CODE64:TOURLABEL_handoff

    section .text64
    bits 64
; In: long mode, CS = CODE64. What the kernel gets is in docs/boot.md.
    TOUR_LABEL handoff
    TOUR_STAMP handoff
    mov esi, BOOTINFO_BASE              ; CRC-32C over all of bootinfo but its last field
    or eax, -1
.byte:
    xor al, [rsi]
    inc esi
    mov ecx, 8
.bit:
    shr eax, 1
    jnc .next
    xor eax, CRC32C_POLYNOMIAL
.next:
    loop .bit
    cmp esi, BOOTINFO(crc32c)
    jb .byte
    not eax
    mov [rsi], eax

    mov edi, [abs slot]
    mov rax, [rdi + boot_slot_entry_virt]
    mov edi, BOOTINFO_BASE
    mov esp, STAGE1_RECORD_BASE & ~15
    xor ebp, ebp
    push kernel_returned                ; RSP is 8 below a multiple of 16, as after a call
    jmp rax
