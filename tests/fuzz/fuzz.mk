# The fuzz target of SFS, for libFuzzer (sfs-libfuzzer) and for AFL++ (sfs-afl), and what it begins with.

.PHONY: fuzzers
fuzzers: $(B)/fuzz/sfs-libfuzzer $(B)/fuzz/sfs-afl $(B)/fuzz/corpus

FUZZ_C      := tests/fuzz/fuzz_sfs.c $(CHECK_ALL)
FUZZ_FLAGS  := $(CSTD) -O1 -I. -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all -MMD -MP
AFL         := AFL_QUIET=1 afl-clang-fast

$(B)/fuzz/libfuzzer/%.o: %.c
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(B)/fuzz/afl/%.o: %.c
	@mkdir -p $(@D)
	$(AFL) $(FUZZ_FLAGS) -c $< -o $@

$(B)/fuzz/sfs-libfuzzer: $(FUZZ_C:%.c=$(B)/fuzz/libfuzzer/%.o)
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka

$(B)/fuzz/sfs-afl: $(FUZZ_C:%.c=$(B)/fuzz/afl/%.o)
	$(AFL) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka

$(B)/fuzz/corpus: tests/fuzz/corpus.py
	$(PYTHON) -B $< $@
	@touch $@
