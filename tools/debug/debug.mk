# Targets for people: run the machine, stop it, look into it. Included by the top Makefile.

# A window where there is a display, else this terminal.
HAVE_DISPLAY  := $(DISPLAY)$(WAYLAND_DISPLAY)
QEMU_WINDOW    = $(if $(HAVE_DISPLAY),$(firstword $(filter gtk sdl,$(shell $(QEMU) -display help))))
QEMU_MACHINE   = $(QEMU) -accel tcg -m 64 -nodefaults -vga std -drive file=$(B)/sector0.img,format=raw,if=ide

BOCHS_GUIS    := $(patsubst libbx_%_gui.so,%,$(notdir $(wildcard /usr/lib/*/bochs/plugins/libbx_*_gui.so)))
BOCHS_WINDOW  := $(if $(HAVE_DISPLAY),$(firstword $(filter x sdl2 wx,$(BOCHS_GUIS))))
BOCHS_MACHINE  = env $(if $(BOCHS_WINDOW),,TERM=dumb) bochs -q -unlock -f bochsrc -rc $(B)/$@.rc 'log: $(B)/bochs.log' \
                 'ata0-master: type=disk, path="$(B)/sector0.img", mode=flat' \
                 'com1: enabled=1, mode=file, dev=$(B)/com1.txt' 'display_library: $(or $(BOCHS_WINDOW),term)'
# Without a window COM1 is this terminal.
BOCHS_CONSOLE := $(if $(BOCHS_WINDOW),,$(PYTHON) -B tools/debug/bochs_console.py $(B)/bochs.out)

.PHONY: run debug bochs bochs-debug doctor install-deps format screenshot compile_commands.json error-table pci-names

run: $(B)/sector0.img ## boot in QEMU: a window, and the serial line in this terminal
	@echo 'The serial line is this terminal. Leave with Ctrl-A x, or type poweroff.'
	$(QEMU_MACHINE) -display $(or $(QEMU_WINDOW),none) -serial mon:stdio

debug: $(B)/sector0.img ## QEMU stopped at 7C00 with gdb: source lines and names in 16-, 32- and 64-bit code
	SECTOR0_BUILD='$(B)' SECTOR0_QEMU='$(QEMU_MACHINE) -display $(or $(QEMU_WINDOW),none) -serial file:$(B)/com1.txt' \
	    gdb -q -x tools/debug/boot.gdb

bochs: $(B)/sector0.img ## boot in Bochs: a window, or the serial line in this terminal
	@echo 'Leave with $(if $(BOCHS_WINDOW),the power button,Ctrl-A x), or type poweroff.'
	@echo c > $(B)/bochs.rc
	$(BOCHS_CONSOLE) $(BOCHS_MACHINE) || [ $$? -eq 1 ] # its status after a power-off, too

bochs-debug: $(B)/sector0.img $(B)/stage1.sym $(B)/stage2.sym $(B)/kernel.sym ## Bochs stopped at 7C00 in its debugger, with symbols
	@sed 's,build/,$(B)/,' tools/debug/bochs-debug.rc > $(B)/bochs-debug.rc
	@sed -n 's/^#: \{0,1\}//p' tools/debug/bochs-debug.rc
	$(BOCHS_MACHINE)

doctor: ## say what is missing on this machine, and the one command that installs it
	@./sector0 doctor

install-deps: ## install everything that any target needs (Debian, Ubuntu)
	@./sector0 install-deps

format: ## clang-format over all C files
	clang-format -i $$(find include lib kernel drivers shell stage2 tools tests bench -name '*.[ch]')

compile_commands.json: ## the compile commands of all C parts, for clangd
	@$(MAKE) --no-print-directory --dry-run --always-make all unit-binaries test-files | \
	    $(PYTHON) tools/debug/compile_commands.py > $@

screenshot: $(B)/sector0.img $(B)/mkdisk ## take docs/screen.png anew
	SECTOR0_BUILD='$(abspath $(B))' $(PYTHON) -B tools/debug/screenshot.py docs/screen.png

pci-names: ## write drivers/pci_names.c anew from the system's list of PCI IDs
	$(PYTHON) -B tools/pci_names.py > $(B)/pci_names.c
	mv $(B)/pci_names.c drivers/pci_names.c

error-table: ## write the loader's errors into docs/boot.md
	$(PYTHON) -B tools/debug/error_table.py
