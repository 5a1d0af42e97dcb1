# Measurements. Included by the top Makefile. Every figure is a line `BENCH <name> <value> <unit>`.

BENCH_RUNS ?= 21

.PHONY: bench bench-start bench-steps

bench: bench-start bench-steps ## how long, how many instructions, how many bytes: BENCH lines

bench-start: $(B)/sector0.img $(B)/bench/floor.img ## QEMU start to prompt, as a ratio to an empty boot sector
	SECTOR0_BUILD=$(abspath $(B)) $(PYTHON) -B bench/start.py --runs $(BENCH_RUNS)

bench-steps: $(B)/sector0.img $(B)/mkdisk $(B)/stage1.elf ## instructions from 7C00 to the prompt (Bochs), and bytes
	SECTOR0_BUILD=$(abspath $(B)) $(PYTHON) -B bench/steps.py

# As large as the demo disk, so that the BIOS and QEMU see the same kind of disk.
$(B)/bench/floor.img: bench/floor.asm
	@mkdir -p $(@D)
	$(NASM) -f bin -o $@ $<
	truncate -s 64M $@
