# Measurements. Included by the top Makefile. Every figure is a line `BENCH <name> <value> <unit>`, the
# median where there are several; then `min=<value> max=<value>` may follow.

BENCH_RUNS  ?= 21
BENCH_BOOTS ?= 5
LINUX       := $(B)/bench/linux
BENCH        = SECTOR0_BUILD=$(abspath $(B)) $(PYTHON) -B

.PHONY: bench bench-start bench-steps bench-kernel bench-linux bench-disk

bench: bench-start bench-steps bench-alloc bench-linux bench-disk bench-sfs ## how long, how many instructions, how many bytes: BENCH lines

bench-start: $(B)/sector0.img $(B)/bench/floor.img ## QEMU start to prompt, as a ratio to an empty boot sector
	$(BENCH) bench/start.py --runs $(BENCH_RUNS)

bench-steps: $(B)/sector0.img $(B)/mkdisk $(B)/stage1.elf ## instructions from 7C00 to the prompt (Bochs), and bytes
	$(BENCH) bench/steps.py

bench-kernel: $(B)/sector0.img ## the kernel's `bench all`, in instructions and in cycles
	$(BENCH) bench/kernel.py --boots $(BENCH_BOOTS)

bench-linux: $(B)/sector0.img $(LINUX)/vmlinuz $(LINUX)/initramfs ## the same beside a Linux guest, and the ratios
	$(BENCH) bench/kernel.py --boots $(BENCH_BOOTS) --linux $(LINUX)

bench-disk: $(B)/sector0.img $(LINUX)/vmlinuz $(LINUX)/initramfs ## virtio and IDE disks beside Linux, and the ratios
	$(BENCH) bench/disk.py --rounds $(BENCH_BOOTS) --linux $(LINUX)

# SFS on the host beside ext4. The counting program is the file system, mkdisk's device and its host.
SFSWRITES_OBJ := $(patsubst %.c,$(B)/host/%.o,bench/sfswrites.c $(FS_C) $(addprefix tools/mkdisk/,fileblk.c port.c complain.c progress.c))

.PHONY: bench-sfs
bench-sfs: $(B)/mkdisk $(B)/sector0.img $(B)/bench/sfswrites ## create --root, check and operations beside ext4
	$(BENCH) bench/sfs.py --runs $(BENCH_BOOTS)

$(B)/bench/sfswrites: $(SFSWRITES_OBJ)
	@mkdir -p $(@D)
	$(HOSTCC) -o $@ $^ -lpthread

# As large as the demo disk, so that the BIOS and QEMU see the same kind of disk.
$(B)/bench/floor.img: bench/floor.asm
	@mkdir -p $(@D)
	$(NASM) -f bin -o $@ $<
	truncate -s 64M $@

# ---- The Linux guest: Debian's kernel, and one program -----------------------------------------

$(LINUX)/vmlinuz: bench/linux/fetch.sh
	@mkdir -p $(@D)
	bench/linux/fetch.sh $@ $(@D)/modules

# The same compiler and the same flags as in the kernel; and at the start of a page, as there.
$(LINUX)/workloads.o: bench/workloads.c Makefile
	@mkdir -p $(@D)
	$(CC) $(WORKLOAD_CFLAGS) -c $< -o $@
	$(OBJCOPY) --set-section-alignment .text.workloads=4096 $@

$(LINUX)/peer: bench/linux/peer.c bench/linux/disk_peer.c $(LINUX)/workloads.o $(wildcard bench/*.h bench/linux/*.h) \
               tests/kernel/scratch.h
	$(HOSTCC) $(CSTD) -I. -O2 -static -o $@ $(filter-out %.h,$^)

$(LINUX)/initramfs: bench/linux/initramfs.py $(LINUX)/peer $(LINUX)/vmlinuz
	$(PYTHON) -B $< $(LINUX)/peer $(LINUX)/modules $@

# ---- The heap on the host ------------------------------------------------------------------------

.PHONY: bench-alloc
bench-alloc: $(patsubst %,$(B)/bench/alloc-%,kernel glibc mimalloc) ## the heap beside glibc's and mimalloc, on the host
	$(BENCH) bench/alloc.py --runs $(BENCH_BOOTS)

# All with the same flags. The heap is as in the default build: made-up memory and no interrupts, but
# at fixed addresses, as in the kernel; nothing is inlined between the heap and its user.
ALLOC_CFLAGS = $(CSTD) -O2 -fno-pie -I. -D_GNU_SOURCE -MMD -MP
ALLOC_KERNEL = bench/allocbench.c bench/allochost.c kernel/mm/frame.c kernel/printf.c \
               $(addprefix kernel/mm/,heap.c heap_slab.c heap_large.c heap_report.c)

$(B)/bench/alloc-kernel: $(ALLOC_KERNEL:%.c=$(B)/bench/alloc/%.o)
	$(HOSTCC) -no-pie -o $@ $^

$(B)/bench/alloc/%.o: %.c Makefile bench/bench.mk
	@mkdir -p $(@D)
	$(HOSTCC) -Ibench/host -Itests/fakes $(ALLOC_CFLAGS) -DBENCH_KERNEL_HEAP -c $< -o $@

$(B)/bench/alloc-glibc $(B)/bench/alloc-mimalloc: bench/allocbench.c bench/allocbench.h bench/bench.mk
	@mkdir -p $(@D)
	$(HOSTCC) $(ALLOC_CFLAGS) -MF $@.d -no-pie -o $@ $< $(if $(findstring mimalloc,$@),-Wl$(comma)--no-as-needed -lmimalloc)
comma := ,
