# The fuzz target of SFS, for libFuzzer (sfs-libfuzzer) and for AFL++ (sfs-afl), that of the small parsers
# (parsers-libfuzzer), and what they begin with.

.PHONY: fuzzers
fuzzers: $(B)/fuzz/sfs-libfuzzer $(B)/fuzz/sfs-afl $(B)/fuzz/parsers-libfuzzer $(B)/fuzz/corpus

FUZZ_C      := tests/fuzz/fuzz_sfs.c $(CHECK_ALL)
FUZZ_FLAGS  := $(CSTD) -O1 -I. -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -MMD -MP
PARSERS_C   := tests/fuzz/fuzz_parsers.c tests/fuzz/fuzz_kernel.c stage2/manifest.c lib/crc32c.c lib/merkle.c lib/sha256.c \
               $(addprefix tools/mkdisk/,options.c mbr.c kernelfile.c inputfile.c) kernel/mm/e820.c kernel/glob.c \
               kernel/printf.c shell/parse.c drivers/ata_identify.c
AFL         := AFL_QUIET=1 afl-clang-fast

$(B)/fuzz/libfuzzer/%.o: %.c
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(B)/fuzz/afl/%.o: %.c
	@mkdir -p $(@D)
	$(AFL) $(FUZZ_FLAGS) -c $< -o $@

$(B)/fuzz/sfs-libfuzzer: $(FUZZ_C:%.c=$(B)/fuzz/libfuzzer/%.o)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka

$(B)/fuzz/parsers-libfuzzer: $(PARSERS_C:%.c=$(B)/fuzz/libfuzzer/%.o)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^

$(B)/fuzz/sfs-afl: $(FUZZ_C:%.c=$(B)/fuzz/afl/%.o)
	$(AFL) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka

$(B)/fuzz/corpus: tests/fuzz/corpus.py $(wildcard tests/fuzz/corpus-*.txt)
	rm -rf $@
	$(PYTHON) -B $< $@
	@touch $@
