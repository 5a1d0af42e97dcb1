# Sector0. `make` alone lists the targets; each has a ## line.

ifeq ($(origin CC),default)
CC      := gcc
endif
HOSTCC  ?= cc
NASM    ?= nasm
LD      := ld
OBJCOPY := objcopy
PYTHON  := /usr/bin/python3
QEMU    ?= qemu-system-x86_64

# KERNEL=debug adds checks to the kernel, ubsan and kasan add a sanitizer to those. Each kind of
# kernel has a build folder of its own.
KERNEL  ?=
KERNELS := debug ubsan kasan
ifneq ($(filter-out $(KERNELS),$(KERNEL)),)
$(error KERNEL=$(KERNEL): there are only: $(KERNELS))
endif
B       ?= build$(if $(KERNEL),/$(KERNEL))

# ---- Flags: they live here and nowhere else --------------------------------------------------

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
STRICT  ?=
CLANG_TARGET := $(if $(findstring clang,$(CC)),-target x86_64-linux-gnu)
CSTD    := -std=gnu11 -g $(WARN) $(if $(STRICT),-Werror)
FREESTANDING := -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
           -fno-strict-aliasing -mgeneral-regs-only -ffile-prefix-map=$(CURDIR)=.
KERNEL_CFLAGS = $(CLANG_TARGET) $(CSTD) $(FREESTANDING) -Os -mno-red-zone -mcmodel=kernel \
           -fno-omit-frame-pointer -fno-optimize-sibling-calls $(if $(CLANG_TARGET),,-fno-shrink-wrap) \
           -fcf-protection=none -fstack-protector-strong -mstack-protector-guard=global -I. -MMD -MP \
           $(if $(KERNEL),-DKERNEL_DEBUG=1) $(KERNEL_CFLAGS_$(KERNEL))
KERNEL_CFLAGS_ubsan = -fsanitize=undefined -DKERNEL_UBSAN=1
# A call before each access, which kernel/mm/kasan.c answers; no red zones around variables.
KERNEL_CFLAGS_kasan = -DKERNEL_KASAN=1 -fsanitize=kernel-address \
           $(foreach option,asan-instrumentation-with-call-threshold asan-globals asan-stack, \
             $(if $(CLANG_TARGET),-mllvm -$(option)=0,--param $(option)=0))
# Who reports what a sanitizer finds must not be looked at, nor who hands out what it watches.
UNSANITIZED := $(addprefix $(B)/kernel/kernel/,ubsan.o \
           $(patsubst kernel/%.c,%.o,$(wildcard kernel/mm/heap*.c) kernel/mm/kasan.c kernel/mm/frame.c))
$(UNSANITIZED): KERNEL_CFLAGS += -fno-sanitize=all
STAGE2_CFLAGS := $(CSTD) $(FREESTANDING) -m32 -march=i686 -Os -I. -MMD -MP
# A sector of stage 2 costs 60 us to read on IDE and more to check, so it is built small; all but the
# hash, which runs over every byte of the kernel.
$(B)/stage2/lib/sha256.o: STAGE2_CFLAGS += -O2
# The benchmark's pieces of work are compiled for speed, for the kernel and for Linux alike, and use
# SSE. Nothing is added to them: no frame pointers, no checks, whatever the kind of kernel. Nor does a
# loop become a call of memset, of which each has its own.
WORKLOAD_CFLAGS := $(CLANG_TARGET) $(CSTD) -O2 -fno-tree-vectorize -fno-builtin -fno-pic -fno-pie -fno-stack-protector \
           -fno-asynchronous-unwind-tables -fcf-protection=none -ffile-prefix-map=$(CURDIR)=. -I. -MMD -MP
$(B)/kernel/bench/workloads.o: KERNEL_CFLAGS := $(WORKLOAD_CFLAGS) -ffreestanding -mno-red-zone -mcmodel=kernel
HOST_CFLAGS := $(CSTD) -O2 -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -MMD -MP
NASMFLAGS := -g -F dwarf -w+all -w-unknown-warning -I. -I$(B)/gen/
LDFLAGS_KERNEL := -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none

# ---- Sources ---------------------------------------------------------------------------------

KERNEL_C   := $(sort $(wildcard kernel/*.c kernel/*/*.c drivers/*.c shell/*.c \
              tests/kernel/*.c bench/kernel/*.c)) lib/crc32c.c bench/workloads.c
# PLANTED=1 adds tests that fail and hang: what finds them must be tested, too.
PLANTED    ?=
KERNEL_C   += $(if $(PLANTED),tests/kernel/planted/broken.c)
KERNEL_ASM := $(sort $(wildcard kernel/*.asm kernel/*/*.asm))
KERNEL_OBJ := $(KERNEL_ASM:%.asm=$(B)/kernel/%.asm.o) $(KERNEL_C:%.c=$(B)/kernel/%.o)
STAGE2_C   := $(sort $(wildcard stage2/*.c)) lib/crc32c.c lib/sha256.c lib/merkle.c
STAGE2_OBJ := $(B)/stage2/stage2.o $(STAGE2_C:%.c=$(B)/stage2/%.o)
FS_C       := $(sort $(wildcard fs/*.c))
MKDISK_C   := $(sort $(wildcard tools/mkdisk/*.c)) $(FS_C) stage2/manifest.c lib/crc32c.c lib/sha256.c lib/merkle.c
MKDISK_OBJ := $(MKDISK_C:%.c=$(B)/host/%.o)
SYMBOLS_OBJ := $(patsubst %.c,$(B)/host/%.o,$(sort $(wildcard tools/symbols/*.c)) kernel/symbols.c kernel/string.c)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules
# The tests are a thousand files to compile: on all processors, unless -j says otherwise.
ifneq ($(filter check test soak units strict,$(MAKECMDGOALS)),)
ifeq ($(findstring -j,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z_.-]*:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sort

.PHONY: all
all: $(B)/sector0.img $(B)/mkdisk ## everything that `run` needs: the image and mkdisk

# ---- Generated constants ---------------------------------------------------------------------

$(B)/gen/geninc: tools/geninc.c $(wildcard include/*.h)
	@mkdir -p $(@D)
	$(HOSTCC) -Wall -Wextra -o $@ $<

# No memory region and no disk region may overlap another one, or nothing is built.
$(B)/gen/layout_check: tests/unit/test_layout.c $(wildcard include/*.h)
	@mkdir -p $(@D)
	$(HOSTCC) $(CSTD) -I. -DBUILD_CHECK -o $@ $<
	$@

# Object-like macros of layout.h become %defines; NASM evaluates them where they are used.
$(B)/gen/layout.inc: include/layout.h $(B)/gen/geninc $(B)/gen/layout_check
	@mkdir -p $(@D)
	$(CC) -E -dM -undef -x c include/layout.h | sed -n 's/^#define \([A-Z][A-Z0-9_]*\) \(.*[^ ]\)$$/%define \1 (\2)/p' | sort > $@.tmp
	$(B)/gen/geninc >> $@.tmp
	mv $@.tmp $@

$(B)/gen/%.ld: %.ld.in include/layout.h
	@mkdir -p $(@D)
	$(CC) -E -P -undef -x c -I. $< -o $@

# ---- Stage 1 ---------------------------------------------------------------------------------

$(B)/stage1.elf: $(B)/stage1/stage1.o $(B)/gen/stage1/stage1.ld
	$(LD) -m elf_i386 -nostdlib -static --build-id=none -z noexecstack -T $(B)/gen/stage1/stage1.ld -o $@ $<

$(B)/stage1/stage1.o: $(wildcard stage1/*.asm) $(B)/gen/layout.inc
	@mkdir -p $(@D)
	$(NASM) $(NASMFLAGS) -f elf32 -l $(B)/stage1/stage1.lst -o $@ stage1/stage1.asm

$(B)/stage1.bin: $(B)/stage1.elf
	$(OBJCOPY) -O binary $< $@
	@printf 'stage 1: %d of 440 bytes\n' $$((0x$$(nm $< | awk '$$3=="stage1_code_bytes"{print $$1}')))

# ---- Stage 2 ---------------------------------------------------------------------------------

# A test hook changes one thing of the loader that no emulator can be made to do: HOOK=name.
HOOK ?=
$(B)/stage2/stage2.o: $(wildcard stage2/*.asm stage2/*.inc) $(B)/gen/layout.inc
	@mkdir -p $(@D)
	$(NASM) $(NASMFLAGS) $(if $(HOOK),-DHOOK_$(HOOK)) -f elf32 -l $(B)/stage2/stage2.lst -o $@ stage2/stage2.asm

$(B)/stage2/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STAGE2_CFLAGS) -c $< -o $@

$(B)/stage2.elf: $(STAGE2_OBJ) $(B)/gen/stage2/stage2.ld
	$(LD) -m elf_i386 -nostdlib -static --build-id=none -z noexecstack -T $(B)/gen/stage2/stage2.ld -o $@ $(STAGE2_OBJ)

$(B)/stage2.bin: $(B)/stage2.elf
	$(OBJCOPY) -O binary $< $@
	@printf 'stage 2: %d of %d bytes\n' $$(wc -c < $@) $$((61 * 512))

# ---- Kernel ----------------------------------------------------------------------------------

$(B)/kernel/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -c $< -o $@

$(B)/kernel/%.asm.o: %.asm $(B)/gen/layout.inc
	@mkdir -p $(@D)
	$(NASM) $(NASMFLAGS) -f elf64 -o $@ $<

# Linked twice: out of the first result comes the table of functions and lines, which is then linked
# in behind everything that it describes. The check proves that nothing has moved.
LINK_KERNEL = $(LD) -m elf_x86_64 $(LDFLAGS_KERNEL) -T $(B)/gen/kernel/kernel.ld -o $@ $(filter %.o,$^)

$(B)/kernel-bare.elf: $(KERNEL_OBJ) $(B)/gen/kernel/kernel.ld
	$(LINK_KERNEL)

$(B)/symbols.bin: $(B)/kernel-bare.elf $(B)/symbols
	$(B)/symbols make $< $@

$(B)/symbols.o: $(B)/symbols.bin
	$(OBJCOPY) -I binary -O elf64-x86-64 --strip-all --add-section .note.GNU-stack=/dev/null \
	    --rename-section .data=.symbols,alloc,load,readonly,data,contents $< $@

$(B)/kernel.elf: $(KERNEL_OBJ) $(B)/symbols.o $(B)/gen/kernel/kernel.ld
	$(LINK_KERNEL)
	$(B)/symbols check $@

$(B)/kernel.bin: $(B)/kernel.elf
	$(OBJCOPY) -O binary $< $@
	@printf 'kernel: %d bytes\n' $$(wc -c < $@)

# ---- Host tools and the image ----------------------------------------------------------------

$(B)/host/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(HOSTCC) $(HOST_CFLAGS) -c $< -o $@

$(B)/freestanding/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(HOSTCC) $(CSTD) $(FREESTANDING) -O2 -Wframe-larger-than=1024 -I. -MMD -MP -c $< -o $@

# mkdisk mount needs libfuse3; without it, it says so.
FUSE       := $(wildcard /usr/include/fuse3/fuse_lowlevel.h)
$(B)/host/tools/mkdisk/%.o: HOST_CFLAGS += $(if $(FUSE),-DMKDISK_FUSE)

$(B)/mkdisk: $(MKDISK_OBJ)
	$(HOSTCC) -o $@ $^ $(if $(FUSE),-lfuse3) -lpthread

$(B)/symbols: $(SYMBOLS_OBJ)
	$(HOSTCC) -o $@ $^ -ldw -lelf

$(B)/sector0.img: $(B)/mkdisk $(B)/stage1.bin $(B)/stage2.bin $(B)/kernel.bin
	$(B)/mkdisk create $@ --size 64M --stage1 $(B)/stage1.bin --stage2 $(B)/stage2.bin --kernel $(B)/kernel.bin

# Symbols for Bochs' debugger: "address name". It shows the first name that it reads for an address,
# so the labels of the boot tour come first.
$(B)/%.sym: $(B)/%.elf
	nm $< | awk '$$2 ~ /[TtRrDdBb]/ {print ($$3 !~ /^tour_/), $$1, $$3}' | sort | cut -d ' ' -f 2- > $@

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(B)

# The rest of the targets, by subject.
-include tools/debug/debug.mk   # run, bochs, debug, bochs-debug, doctor, install-deps, format
-include tests/tests.mk          # check, test, soak, strict
-include bench/bench.mk          # bench

-include $(shell find $(B) -name '*.d' 2>/dev/null)
