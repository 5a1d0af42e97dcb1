# The crash tests: fs/ compiled for speed, and so that its rules can be broken.
CRASH_C      := $(sort $(wildcard tests/crash/*.c)) tests/fs/model.c tests/fs/checker.c \
                $(filter-out fs/csum.c,$(FS_C))
CRASH_OBJ    := $(CRASH_C:%.c=$(B)/tests/crash/obj/%.o)
CRASH_CFLAGS := $(CSTD) -O2 -msse4.2 -DSFS_BREAKABLE -I. -D_GNU_SOURCE -MMD -MP

$(B)/tests/crash/obj/%.o: %.c Makefile tests/crash/crash.mk
	@mkdir -p $(@D)
	$(HOSTCC) $(CRASH_CFLAGS) -c $< -o $@

$(B)/tests/crash/crash: $(CRASH_OBJ)
	$(HOSTCC) -o $@ $^

TEST_DEPS += $(B)/tests/crash/crash

STATES ?= 200000
.PHONY: crash
crash: $(B)/tests/crash/crash ## cut the power in STATES=200000 ways, and break each rule that should hold
	$< --states $(STATES) --mutants
