; fault.asm - kernels that go wrong at once, to see that the loader's report catches them.
;
; The build assembles it once for each way: FAULT_return returns to the loader, FAULT_ud runs an
; undefined instruction, FAULT_pf reads an unmapped address, FAULT_de divides by zero, FAULT_gp jumps to
; a non-canonical address.

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
%ifdef FAULT_return
        ret
%elifdef FAULT_ud
        ud2
%elifdef FAULT_pf
        mov     rax, 0x123456789000
        mov     al, [rax]
%elifdef FAULT_de
        xor     ecx, ecx
        xor     edx, edx
        div     ecx
%elifdef FAULT_gp
        mov     rax, 0x8000000000000000
        jmp     rax
%else
%error which fault?
%endif
        hlt
        times 512 - ($ - $$) db 0
