# The fault ROM without faults, and the probe that tests it. build_rom.py patches the faults in.

TEST_DEPS += $(B)/tests/rom/faultrom.bin $(B)/tests/rom/probe.bin

$(B)/tests/rom/%.bin: tests/rom/%.asm $(wildcard tests/rom/*.inc)
	@mkdir -p $(@D)
	$(NASM) -w+all -Itests/rom/ -f bin -o $@ $<

# A stage 2 that believes A20 to stay closed: no emulator can be made to keep it closed.
TEST_DEPS += $(B)/tests/rom/hook-a20/stage2.bin

$(B)/tests/rom/hook-a20/stage2.bin: $(wildcard stage2/* lib/*.[ch] include/*.h)
	$(MAKE) HOOK=a20 B=$(B)/tests/rom/hook-a20 $@
