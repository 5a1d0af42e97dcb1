# One line for each tests/unit/test_<name>.c: the .c files that it links besides itself.
UNIT_crc32c := lib/crc32c.c
UNIT_sha256 := lib/sha256.c
UNIT_merkle := lib/merkle.c lib/sha256.c
UNIT_layout :=
UNIT_mkdisk_mbr := tools/mkdisk/mbr.c
UNIT_mkdisk_bootarea := tools/mkdisk/bootarea.c tools/mkdisk/image.c tools/mkdisk/complain.c tools/mkdisk/progress.c stage2/manifest.c lib/crc32c.c lib/merkle.c lib/sha256.c
UNIT_mkdisk_kernelfile := tools/mkdisk/kernelfile.c tools/mkdisk/inputfile.c tools/mkdisk/complain.c tools/mkdisk/progress.c lib/merkle.c lib/sha256.c
UNIT_mkdisk_options := tools/mkdisk/options.c tools/mkdisk/complain.c tools/mkdisk/progress.c
UNIT_manifest := stage2/manifest.c lib/crc32c.c
UNIT_printf := kernel/printf.c
UNIT_e820 := kernel/mm/e820.c
UNIT_frame := kernel/printf.c
UNIT_heap := kernel/mm/heap.c kernel/mm/heap_slab.c kernel/mm/heap_large.c kernel/mm/heap_report.c kernel/mm/heap_check.c kernel/mm/frame.c kernel/printf.c
UNIT_heap_debug := kernel/mm/heap_slab.c kernel/mm/heap_large.c kernel/mm/heap_report.c kernel/mm/frame.c kernel/printf.c
UNIT_kasan := kernel/printf.c
UNIT_bootinfo := kernel/bootinfo.c lib/crc32c.c
UNIT_options := kernel/options.c
UNIT_parse := shell/parse.c kernel/printf.c
UNIT_keyboard := drivers/keyboard.c drivers/keyboard_layouts.c
UNIT_vt100 := drivers/vt100.c
UNIT_line := shell/line.c
UNIT_exception := kernel/cpu/exception.c kernel/printf.c
UNIT_input := kernel/input.c
UNIT_clock :=
UNIT_vga := drivers/vga.c
UNIT_serial := drivers/serial.c drivers/serial_output.c drivers/vt100.c
UNIT_interrupts := drivers/pic.c kernel/irq.c drivers/i8042.c drivers/keyboard.c drivers/keyboard_layouts.c drivers/keyboard_leds.c
UNIT_power := drivers/power.c drivers/pci.c
UNIT_pci := $(addprefix drivers/,pci.c pci_bar.c pci_scan.c pci_lookup.c pci_names.c) kernel/printf.c
UNIT_glob := kernel/glob.c
UNIT_watchdog := kernel/watchdog.c
UNIT_symbols := kernel/symbols.c tools/symbols/pack.c tools/symbols/names.c tools/symbols/give_up.c
UNIT_pagetable := kernel/mm/pagetable.c
UNIT_early := kernel/mm/early.c
UNIT_keyboard_leds := drivers/keyboard_leds.c
UNIT_calendar := kernel/calendar.c
UNIT_rtc := drivers/rtc.c kernel/walltime.c kernel/calendar.c
UNIT_lock_order := kernel/sched/lock_order.c
UNIT_sched_queue := kernel/sched/queue.c
UNIT_sched_rules := $(addprefix kernel/sched/,spinlock.c scheduler.c queue.c wait.c mutex.c semaphore.c work.c thread.c place.c lock_order.c) kernel/printf.c
UNIT_vmap := kernel/mm/pagetable.c kernel/printf.c
UNIT_dma := kernel/mm/dma.c
# The file system as the kernel will compile it: no library, no floating point, small stack frames.
unit-binaries: $(FS_C:%.c=$(B)/freestanding/%.o)

# SFS up to its journal and allocator, on a disk in memory.
SFS_LOW := $(addprefix fs/,alloc.c cache.c checkpoint.c commit.c csum.c damage.c dirblock.c geometry.c handle.c io.c join.c logread.c logwrite.c mkfs.c mount.c name.c reach.c recovery.c super.c) tests/fs/port_host.c tests/fs/ramdisk.c
UNIT_sfs_mkfs := fs/mkfs.c fs/dirblock.c fs/name.c fs/geometry.c fs/reach.c fs/super.c fs/io.c fs/csum.c tests/fs/port_host.c tests/fs/ramdisk.c
UNIT_sfs_mount := $(SFS_LOW)
UNIT_sfs_journal := $(SFS_LOW) tests/fs/client.c
UNIT_sfs_recovery := $(SFS_LOW)
UNIT_sfs_alloc := $(SFS_LOW)
UNIT_heap_kinds := kernel/mm/heap_bump.c kernel/mm/heap_first_fit.c

# SFS without a disk, and all of it.
UNIT_sfs_pure := fs/reach.c fs/dirblock.c fs/name.c
SFS_ALL := $(FS_C) tests/fs/port_host.c tests/fs/ramdisk.c tests/fs/checker.c
UNIT_sfs_ops := $(SFS_ALL)
UNIT_sfs_random := $(SFS_ALL) tests/fs/model.c
UNIT_sfs_fsync := $(SFS_ALL)
UNIT_sfs_commit := $(SFS_ALL)
UNIT_sfs_threads := # with ThreadSanitizer, see below
UNIT_sfs_memory := $(SFS_ALL)
UNIT_sfs_cursor := $(filter-out fs/tree.c,$(SFS_ALL)) # it has tree.c in it
UNIT_sfs_hostile := $(SFS_ALL)
CHECK_ALL := $(SFS_ALL) tests/fs/checkvol.c tests/fs/plants.c
UNIT_sfs_check := $(CHECK_ALL)
UNIT_sfs_check_faults := $(CHECK_ALL)
UNIT_sfs_check_random := $(CHECK_ALL)
UNIT_sfs_check_worst := $(CHECK_ALL)

# The units of SFS once more, with fs/ as the kernel will compile it: tests/scenario/test_sfs_freestanding.py.
# But that of threads, which is compiled for ThreadSanitizer.
define FREESTANDING_RULE
$(B)/tests/freestanding/test_$(1): $(B)/tests/obj/tests/unit/test_$(1).o $(patsubst fs/%.c,$(B)/freestanding/fs/%.o,$(filter fs/%,$(UNIT_$(1)))) $(patsubst %.c,$(B)/tests/obj/%.o,$(filter-out fs/%,$(UNIT_$(1))))
	@mkdir -p $$(@D)
	$$(HOSTCC) $$(SANITIZE) -no-pie -o $$@ $$^ -lcmocka
endef
SFS_UNITS := $(filter-out sfs_threads,$(patsubst tests/unit/test_%.c,%,$(wildcard tests/unit/test_sfs_*.c)))
$(foreach unit,$(SFS_UNITS),$(eval $(call FREESTANDING_RULE,$(unit))))
TEST_DEPS += $(SFS_UNITS:%=$(B)/tests/freestanding/test_%)

# The ATA driver on made-up channels.
ATA_C := $(sort $(wildcard drivers/ata*.c) $(wildcard tests/fakes/ata_*.c)) kernel/printf.c
UNIT_ata := $(ATA_C)
UNIT_ata_probe := $(ATA_C)
UNIT_ata_errors := $(ATA_C)
UNIT_ata_identify := drivers/ata_identify.c

# The virtio disk against a made-up device.
VIRTIO_C := $(wildcard drivers/virtio*.c) tests/fakes/virtio_device.c tests/fakes/virtio_rings.c kernel/printf.c
UNIT_virtio := $(VIRTIO_C)
UNIT_virtio_faults := $(VIRTIO_C)
# The same with driver and device as threads, and SFS with many: everything is compiled once more for
# ThreadSanitizer, whose shadow lies where the other tests have physical memory.
TSAN := -fsanitize=thread -DDIRECT_BASE=0x1000000000ull
UNIT_virtio_threads :=
$(B)/tests/unit/test_virtio_threads: $(VIRTIO_C:%.c=$(B)/tests/tsan/%.o)
$(B)/tests/unit/test_sfs_threads: $(SFS_ALL:%.c=$(B)/tests/tsan/%.o)
THREADED := virtio_threads sfs_threads
$(THREADED:%=$(B)/tests/unit/test_%) $(THREADED:%=$(B)/tests/obj/tests/unit/test_%.o): SANITIZE := $(TSAN)
$(B)/tests/tsan/%.o: %.c
	@mkdir -p $(@D)
	$(HOSTCC) -Itests/fakes $(HOST_CFLAGS) $(TSAN) -c $< -o $@

# The block layer over a disk that does what the test says; block.c is part of disk_kernel.c.
BLOCK_ALL := $(addprefix drivers/,block_done.c block_patience.c block_queue.c block_segments.c block_submit.c block_sync.c block_wait.c block_watch.c partition.c) tests/fakes/disk.c tests/fakes/disk_kernel.c kernel/printf.c lib/crc32c.c
UNIT_block := $(BLOCK_ALL)
UNIT_block_awake := $(BLOCK_ALL)
UNIT_block_patience := drivers/block_patience.c

# SFS for Python's model-based test. Without AddressSanitizer, which would have to be there before Python.
TEST_DEPS += $(B)/tests/libsfs.so
$(B)/tests/libsfs.so: $(patsubst %.c,$(B)/tests/door/%.o,$(SFS_ALL) tests/fs/door.c)
	$(HOSTCC) -shared -fsanitize=undefined -pthread -o $@ $^

$(B)/tests/door/%.o: %.c
	@mkdir -p $(@D)
	$(HOSTCC) $(HOST_CFLAGS) -fPIC -fvisibility=hidden -fsanitize=undefined -fno-sanitize-recover=all -c $< -o $@

UNIT_block_wait := $(BLOCK_ALL)
UNIT_block_sync := $(BLOCK_ALL)
UNIT_partition := $(BLOCK_ALL) drivers/bootdisk.c
