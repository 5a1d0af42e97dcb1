# The tests. tests/run.py runs and counts them; docs/testing.md explains them.
#
# make test K=EXPR runs a selection: a pytest id, a pytest -k expression, or a part of a unit's id.

K          ?=
# Files that a test needs and `all` does not build. Other parts add theirs in the files included here.
TEST_DEPS  :=

-include tests/unit/units.mk      # UNIT_<name> := the .c files that tests/unit/test_<name>.c tests
-include tests/fuzz/fuzz.mk
-include tests/rom/rom.mk
-include tests/coverage/coverage.mk
-include tests/crash/crash.mk

UNITS      := $(sort $(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_BINS  := $(UNITS:%=$(B)/tests/unit/test_%)
SANITIZE   := -fsanitize=address,undefined -fno-sanitize-recover=all
RUN_TESTS   = MAKEFLAGS= SECTOR0_BUILD=$(abspath $(B)) $(PYTHON) -B tests/run.py --select '$(K)' --kind

.PHONY: check test soak units strict unit-binaries test-files

check: all unit-binaries test-files ## the minute's worth: host units, static checks, a few boots
	$(RUN_TESTS) check

test: all unit-binaries test-files kernel-kinds fuzzers ## everything a pull request needs; K=expr for a selection
	$(RUN_TESTS) test

soak: all unit-binaries test-files fuzzers ## the long ones: random faults with new seeds
	$(RUN_TESTS) soak

units: unit-binaries ## the host unit tests alone
	$(RUN_TESTS) units

strict: ## build everything with gcc and with clang, every warning an error
	$(MAKE) B=$(B)/strict-gcc CC=gcc HOSTCC=gcc STRICT=1 all unit-binaries
	$(MAKE) B=$(B)/strict-clang CC=clang HOSTCC=clang STRICT=1 all unit-binaries

.PHONY: mutants
mutants: ## take the loader's guards out one by one, in a copy: a test must notice each; K=word for some
	$(PYTHON) -B tests/mutation/run.py $(K)

.PHONY: test-lists
test-lists: ## write the lists of docs/testing.md and docs/architecture.md anew
	$(PYTHON) -B tests/lib/testing_doc.py

# ---- Other kinds of kernel ---------------------------------------------------------------------

# The kernel with checks, with each sanitizer, and with broken tests: $(B)/debug/kernel.bin and so on,
# from a make of their own each, because the kind is a matter of flags everywhere.
KIND_KERNELS := $(KERNELS:%=$(B)/%/kernel.bin)
OTHER_MAKE    = +@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) B=$(@D) $@

.PHONY: kernel-kinds $(KIND_KERNELS) $(B)/planted/kernel.bin
kernel-kinds: $(if $(KERNEL),,$(KIND_KERNELS)) $(B)/planted/kernel.bin

$(KIND_KERNELS): $(B)/%/kernel.bin: $(B)/gen/layout.inc
	$(OTHER_MAKE) KERNEL=$*

$(B)/planted/kernel.bin: $(B)/gen/layout.inc
	$(OTHER_MAKE) PLANTED=1

# ---- Host units ------------------------------------------------------------------------------

unit-binaries: $(UNIT_BINS)

# The scheduler's own tests are about the spin locks and rules that other units have fakes for.
$(B)/tests/obj/kernel/sched/%.o $(B)/tests/obj/tests/unit/test_sched_%.o: \
  HOST_CFLAGS += -DREAL_SPINLOCK -DKERNEL_DEBUG=1

$(B)/tests/obj/%.o: %.c
	@mkdir -p $(@D)
	$(HOSTCC) -Itests/fakes $(HOST_CFLAGS) $(SANITIZE) -c $< -o $@

define UNIT_RULE
$(if $(filter undefined,$(origin UNIT_$(1))),$$(error tests/unit/units.mk has no line UNIT_$(1) for tests/unit/test_$(1).c))
$(B)/tests/unit/test_$(1): $(B)/tests/obj/tests/unit/test_$(1).o $(UNIT_$(1):%.c=$(B)/tests/obj/%.o)
	@mkdir -p $$(@D)
	$$(HOSTCC) $$(SANITIZE) -o $$@ $$^ -lcmocka
endef
$(foreach unit,$(UNITS),$(eval $(call UNIT_RULE,$(unit))))

# ---- Test kernels ----------------------------------------------------------------------------

FAULTS       := return ud pf de gp
TEST_KERNELS := $(B)/tests/kernels/sum.bin $(FAULTS:%=$(B)/tests/kernels/fault-%.bin)
KERNEL_DEPS  := $(wildcard tests/kernels/*.inc) $(B)/gen/layout.inc
KERNEL_NASM   = @mkdir -p $(@D) && $(NASM) -w+all -I. -I$(B)/gen/ -Itests/kernels/ -f bin

test-files: all $(TEST_KERNELS) $(TEST_DEPS)

$(B)/tests/kernels/%.bin: tests/kernels/%.asm $(KERNEL_DEPS)
	$(KERNEL_NASM) -o $@ $<

$(B)/tests/kernels/fault-%.bin: tests/kernels/fault.asm $(KERNEL_DEPS)
	$(KERNEL_NASM) -DFAULT_$* -o $@ $<
