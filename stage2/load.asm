; load.asm - the boot manifest and the kernel: everything that reads the disk for them.
;
; What is read is judged by 32-bit C (manifest.c, verify.c) through call32. Bytes of the kernel land in
; the bounce buffer, are copied to 1 MiB and hashed there, piece by piece; the slot whose Merkle root
; matches wins, the preferred one is asked first.

    section .bss
alignb 4
global piece_offset, piece_sectors, slot_index
piece_offset:  resd 1                   ; bytes of the kernel that are in place
piece_sectors: resd 1                   ; sectors in the bounce buffer
slot_index:    resd 1                   ; slot being tried
slots_left:    resb 1
bar_done:      resb 1                   ; cells of the progress bar that are drawn
alignb 4
global manifest_status, manifest, slot, slot_choice
manifest_status: resd MANIFEST_COPIES   ; E_* of each copy, 0 = valid
manifest:      resd 1                   ; the copy that won
slot_choice:   resd 1                   ; slot to try first
slot:          resd 1                   ; struct boot_slot being loaded
tsc_mark:      resd 2

    section .rodata
text_manifest:  db "stage2: manifest %u: ", 0
text_chosen:    db "stage2: manifest %u, sequence %u", 13, 10, 0
text_slot:      db "stage2: slot %c: ", 0
text_loading:   db "stage2: slot %c, %u KiB [", 0
text_verified:  db "] verified", 13, 10, 0

    section .text16

%define BAR_CELLS 32

; ---- The manifest ------------------------------------------------------------------------------

; Both copies into their buffers, and the valid one with the higher sequence number into `manifest`.
; E20 if there is none.
manifest_load:
    mov ax, MANIFEST0_LBA
    mov bx, MANIFEST_BUFFER_BASE
    mov di, manifest_status
    call .read_copy
    mov ax, MANIFEST1_LBA
    mov bx, MANIFEST_BUFFER_BASE + SECTOR_SIZE
    mov di, manifest_status + 4
    call .read_copy
    mov ebx, manifest_choose            ; verify.c
    call call32

    xor cx, cx
.report:
    mov bx, cx
    shl bx, 2
    cmp dword [manifest_status + bx], 0
    je .next
    or byte [BOOTINFO(flags)], BOOT_FLAG_MANIFEST_BAD
    push cx
    push bx
    call fresh_line
    pop bx
    pop cx
    push cx
    push bx
    mov [error_args], cx
    mov word [error_args + 2], 0
    SAY text_manifest
    pop bx
    mov al, [manifest_status + bx]
    call print_error
    pop cx
.next:
    inc cx
    cmp cx, MANIFEST_COPIES
    jb .report
    cmp dword [manifest], 0
    mov al, E_NO_MANIFEST
    je fatal
    mov eax, [BOOTINFO(manifest_copy)]
    mov [error_args], eax
    mov eax, [BOOTINFO(manifest_seq)]
    mov [error_args + 4], eax           ; its low half: nobody counts to 2^32
    SAY text_chosen
    ret

; AX = LBA, BX = buffer, DI = its status.
.read_copy:
    movzx eax, ax
    mov [read_lba], eax
    mov dword [read_lba + 4], 0
    movzx ebx, bx
    mov [read_buffer], ebx
    mov word [read_left], 1
    push di
    call disk_read
    pop di
    jnc .copy_read
    mov byte [di], E_MANIFEST_READ
.copy_read:
    ret

; ---- The kernel --------------------------------------------------------------------------------

; Returns with a verified kernel at 1 MiB and its facts in bootinfo, or ends with E30.
kernel_load:
    mov byte [slots_left], SLOT_COUNT
    mov eax, [slot_choice]
    mov [slot_index], eax
.slot:
    call slot_try
    test al, al
    jz .loaded
    call slot_refused
    xor byte [slot_index], 1
    or byte [BOOTINFO(flags)], BOOT_FLAG_FALLBACK
    dec byte [slots_left]
    jnz .slot
    mov al, E_NO_KERNEL
    jmp fatal
.loaded:
    SAY text_verified
    ret

; AL = why. error_args are set.
slot_refused:
    push ax
    mov cx, 8                           ; the slot's own line needs the arguments for its letter
    mov si, error_args
.save:
    push dword [si]
    add si, 4
    loop .save
    call fresh_line
    call slot_letter
    SAY text_slot
    mov cx, 8
    mov si, error_args + 28
.restore:
    pop dword [si]
    sub si, 4
    loop .restore
    pop ax
    jmp print_error

slot_letter:
    mov eax, [slot_index]
    add al, 'A'
    mov [error_args], eax
    ret

; AL = 0 with the kernel in place, or an error code.
slot_try:
    mov ebx, slot_check                 ; verify.c: sets `slot`
    call call32
    test al, al
    jnz .done

    call slot_letter
    mov di, [slot]
    mov eax, [di + boot_slot_length]
    add eax, 1023
    shr eax, 10
    mov [error_args + 4], eax
    SAY text_loading
    mov byte [bar_done], 0
    mov dword [piece_offset], 0

.piece:
    mov di, [slot]
    mov eax, [di + boot_slot_length]
    sub eax, [piece_offset]
    jz .verify
    add eax, SECTOR_SIZE - 1
    shr eax, 9
    cmp eax, BOUNCE_SECTORS
    jbe .size
    mov eax, BOUNCE_SECTORS
.size:
    mov [piece_sectors], eax
    mov [read_left], ax
    mov eax, [piece_offset]
    shr eax, 9
    xor edx, edx
    add eax, [di + boot_slot_first_lba]
    adc edx, edx                        ; a slot may reach past LBA 2^32
    mov [read_lba], eax
    mov [read_lba + 4], edx
    mov dword [read_buffer], BOUNCE_SEG << 16

    call tsc_start
    call disk_read
    mov di, BOOTINFO(read_tsc)
    call tsc_add                        ; CF kept
    jc .unreadable

    call a20_require                    ; the disk read may have closed it
    call tsc_start
    mov ebx, piece_take                 ; verify.c: copies, hashes, moves piece_offset
    call call32
    mov di, BOOTINFO(verify_tsc)
    call tsc_add
    call bar_draw
    jmp .piece

.verify:
    call a20_require
    call tsc_start
    mov ebx, kernel_verify              ; verify.c
    call call32
    mov di, BOOTINFO(verify_tsc)
    call tsc_add
.done:
    ret
.unreadable:
    call disk_error_args
    mov al, E_SLOT_DISK
    ret

; The bar grows to piece_offset / length of BAR_CELLS.
bar_draw:
    mov di, [slot]
    mov eax, [piece_offset]
    shl eax, 5                          ; * BAR_CELLS; a kernel is below 16 MiB
    xor edx, edx
    div dword [di + boot_slot_length]
    mov cl, al
    sub cl, [bar_done]
    mov [bar_done], al
    mov ch, 0
    jcxz .done
.cell:
    mov al, '#'
    call print_char
    loop .cell
.done:
    ret

; A stop-watch: tsc_start, then tsc_add adds what has passed to the u64 at DI. All registers but
; DI are kept, and CF.
tsc_start:
    pushad
    rdtsc
    mov [tsc_mark], eax
    mov [tsc_mark + 4], edx
    popad
    ret
tsc_add:
    pushf
    pushad
    rdtsc
    sub eax, [tsc_mark]
    sbb edx, [tsc_mark + 4]
    add [di], eax
    adc [di + 4], edx
    popad
    popf
    ret
