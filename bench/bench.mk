# Measurements. Included by the top Makefile. Every figure is a line `BENCH <name> <value> <unit>`, the
# median where there are several; then `min=<value> max=<value>` may follow.

BENCH_RUNS  ?= 21
BENCH_BOOTS ?= 5
LINUX       := $(B)/bench/linux
BENCH        = SECTOR0_BUILD=$(abspath $(B)) $(PYTHON) -B

.PHONY: bench bench-start bench-steps bench-kernel bench-linux

bench: bench-start bench-steps bench-linux ## how long, how many instructions, how many bytes: BENCH lines

bench-start: $(B)/sector0.img $(B)/bench/floor.img ## QEMU start to prompt, as a ratio to an empty boot sector
	$(BENCH) bench/start.py --runs $(BENCH_RUNS)

bench-steps: $(B)/sector0.img $(B)/mkdisk $(B)/stage1.elf ## instructions from 7C00 to the prompt (Bochs), and bytes
	$(BENCH) bench/steps.py

bench-kernel: $(B)/sector0.img ## the kernel's `bench all`, in instructions and in cycles
	$(BENCH) bench/kernel.py --boots $(BENCH_BOOTS)

bench-linux: $(B)/sector0.img $(LINUX)/vmlinuz $(LINUX)/initramfs ## the same beside a Linux guest, and the ratios
	$(BENCH) bench/kernel.py --boots $(BENCH_BOOTS) --linux $(LINUX)

# As large as the demo disk, so that the BIOS and QEMU see the same kind of disk.
$(B)/bench/floor.img: bench/floor.asm
	@mkdir -p $(@D)
	$(NASM) -f bin -o $@ $<
	truncate -s 64M $@

# ---- The Linux guest: Debian's kernel, and one program -----------------------------------------

$(LINUX)/vmlinuz: bench/linux/fetch.sh
	@mkdir -p $(@D)
	bench/linux/fetch.sh $@

# The same compiler and the same flags as in the kernel; and at the start of a page, as there.
$(LINUX)/workloads.o: bench/workloads.c Makefile
	@mkdir -p $(@D)
	$(CC) $(WORKLOAD_CFLAGS) -c $< -o $@
	$(OBJCOPY) --set-section-alignment .text.workloads=4096 $@

$(LINUX)/peer: bench/linux/peer.c bench/workloads.h $(LINUX)/workloads.o
	$(HOSTCC) $(CSTD) -I. -O2 -static -o $@ $(filter-out %.h,$^)

$(LINUX)/initramfs: bench/linux/initramfs.py $(LINUX)/peer
	$(PYTHON) -B $^ $@
