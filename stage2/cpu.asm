; cpu.asm - is this a 64-bit CPU, said in words if not. [SDM1 20.1] [SDM2 CPUID]

    section .rodata
text_cpu: db "stage2: CPU has long mode", 13, 10, 0

    section .text16

%define EFLAGS_ID (1 << 21)
%define CPUID_EXT_BASE 0x80000000
%define CPUID_EXT_LM (1 << 29)          ; leaf 80000001h, EDX

; Fills the CPU facts of bootinfo, or ends with E11.
cpu_check:
    pushfd                              ; a CPU without CPUID cannot flip EFLAGS.ID
    pop eax
    mov ecx, eax
    xor eax, EFLAGS_ID
    push eax
    popfd
    pushfd
    pop eax
    push ecx
    popfd
    xor eax, ecx
    test eax, EFLAGS_ID
    jz .no_long_mode

    xor eax, eax
    cpuid
    mov [BOOTINFO(cpuid_max)], eax
    mov [BOOTINFO(cpu_vendor)], ebx
    mov [BOOTINFO(cpu_vendor) + 4], edx
    mov [BOOTINFO(cpu_vendor) + 8], ecx
    test eax, eax
    jz .no_long_mode
    mov eax, 1
    cpuid
    mov [BOOTINFO(cpuid_1_edx)], edx
    mov [BOOTINFO(cpuid_1_ecx)], ecx

    mov eax, CPUID_EXT_BASE
    cpuid
    cmp eax, CPUID_EXT_BASE + 1
    jb .no_long_mode                    ; also where EAX is a stale basic leaf
    mov [BOOTINFO(cpuid_ext_max)], eax
    mov eax, CPUID_EXT_BASE + 1
    cpuid
    mov [BOOTINFO(cpuid_ext_edx)], edx
    test edx, CPUID_EXT_LM
    jz .no_long_mode
    SAY text_cpu
    ret
.no_long_mode:
    mov al, E_NO_LONG_MODE
    jmp fatal
