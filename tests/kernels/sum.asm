; sum.asm - the smallest kernel that can say whether it was loaded rightly: one sector of code.
;
; tests/lib/kernels.py pads it to any length with bytes of its own choice and fills in the header.
; The kernel prints `test kernel: sum=XXXXXXXX bss=ok` and halts: the sum of all its bytes after the
; header (each dword added, then rotated, so that order counts; a last part of a dword counts as if
; padded with zeros, which .bss proves), and whether the memory from its end to mem_size is zero.

%include "layout.inc"

        bits 64
        org KERNEL_VIRT

header:
        db      "S0KERNL", 0
length: dd      0
memory: dd      0
        dq      entry
        dq      0

entry:
        cld
        mov     rax, BOOTINFO_MAGIC
        lea     rsi, [rel no_bootinfo]
        cmp     [rdi], rax              ; RDI = struct bootinfo, identity mapped
        jne     stop

        lea     rsi, [rel header]
        mov     ecx, [rel length]
        add     rcx, rsi                ; end
        add     rsi, 32
        xor     eax, eax
.add:
        add     eax, [rsi]
        rol     eax, 1
        add     rsi, 4
        cmp     rsi, rcx
        jb      .add
        push    rax

        lea     rdi, [rel header]
        mov     ecx, [rel memory]
        mov     edx, [rel length]
        sub     ecx, edx
        add     rdi, rdx
        xor     eax, eax
        repe    scasb                   ; ZF stays set when ECX is 0: it is set by the xor
        lea     r9, [rel bss_good]
        je      .report
        lea     r9, [rel bss_bad]
.report:
        lea     rsi, [rel sum_text]
        call    print
        pop     rax
        call    print_hex
        mov     rsi, r9
stop:
        call    print
.halt:
        cli
        hlt
        jmp     .halt

%include "console.inc"

sum_text:    db 13, 10, "test kernel: sum=", 0
bss_good:    db " bss=ok", 13, 10, 0
bss_bad:     db " bss=NOT ZERO", 13, 10, 0
no_bootinfo: db 13, 10, "test kernel: RDI does not point to bootinfo", 13, 10, 0

        times 512 - ($ - $$) db 0
