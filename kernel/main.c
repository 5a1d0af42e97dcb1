/*
 * main.c - the kernel's contents page: what is started, and in which order.
 *
 * The steps tour_17 to tour_22 are those of include/tour.h; a debugger can stop at each by name,
 * and each leaves a stamp in the boot timeline.
 */
#include "drivers/ata.h"
#include "drivers/block.h"
#include "drivers/bootdisk.h"
#include "drivers/e9.h"
#include "drivers/i8042.h"
#include "drivers/nmi_timer.h"
#include "drivers/pci.h"
#include "drivers/pic.h"
#include "drivers/pit.h"
#include "drivers/power.h"
#include "drivers/rtc.h"
#include "drivers/serial.h"
#include "drivers/vga.h"
#include "drivers/virtio_blk.h"
#include "include/tour.h"
#include "kernel/bootinfo.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/descriptors.h"
#include "kernel/image.h"
#include "kernel/log.h"
#include "kernel/main.h"
#include "kernel/mm/kasan.h"
#include "kernel/mm/memory.h"
#include "kernel/mm/paging.h"
#include "kernel/mm/ram.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/stack_guard.h"
#include "kernel/sched/thread.h"
#include "kernel/sched/work.h"
#include "kernel/timeline.h"
#include "kernel/version.h"
#include "kernel/watchdog.h"
#include "shell/shell.h"
#include "tests/kernel/guest_test.h"

static struct boot_facts facts;
static struct options options;

/* Any console that can be had without knowing anything: for a panic before step 17. */
static void start_any_console(void)
{
    vga_start(&(struct vga_state){
        .mode = 3, .columns = VGA_COLUMNS, .crtc_port = 0x3D4, .cursor_row = VGA_ROWS - 1});
    serial_start();
    e9_start();
}

static const struct panic_hooks panic_hooks = {start_any_console, power_reboot};

void kernel_main(uint64_t bootinfo_phys, uint64_t entry_tsc)
{
    stack_guard_start(entry_tsc);            /* before any function that looks at its guard */
    panic_set_hooks(&panic_hooks);           /* from here on a failure can be seen */
    take_hand_off(bootinfo_phys, entry_tsc); /* the rest of step 16, which began in start.asm */
    tour_17_console();                       /* everything after it wants to say something */
    tour_18_descriptors();                   /* our own tables: then the loader's can go */
    tour_19_memory();                        /* what there is; our pages get their rights */
    tour_20_interrupts();                    /* last: handlers need all of the above */
    tour_21_shell();                         /* does not return */
}

void take_hand_off(uint64_t bootinfo_phys, uint64_t entry_tsc)
{
    struct bootinfo_fault fault;

    if (!bootinfo_take(bootinfo_phys, low_to_virt(0), (const struct kernel_header *)kernel_start,
                       &facts, &fault)) {
        PANIC("bad bootinfo: %s is %#llx, %s", fault.field, (unsigned long long)fault.value,
              fault.rule);
    }
    timeline_start(facts.info.timeline, facts.info.timeline_count);
    timeline_add(TOUR_KERNEL_MAIN, entry_tsc);
    options_parse(&options, facts.cmdline);
    panic_set_reboot(options.panic_reboot);
    panic_set_boot(&facts.info);
}

/* What is well enough to boot, but somebody should know of. */
static void log_warnings(void)
{
    const struct bootinfo *info = &facts.info;

    if (info->flags & BOOT_FLAG_FALLBACK) {
        log_line("kernel", "booted from slot %c: the loader refused the other slot",
                 'A' + info->slot);
    }
    if (info->flags & BOOT_FLAG_MANIFEST_BAD) {
        log_line("kernel", "the loader refused one copy of the boot manifest");
    }
    if (options.unknown[0] != '\0') {
        log_line("kernel", "unknown words on the command line: %s", options.unknown);
    }
}

void tour_17_console(void)
{
    timeline_add(TOUR_CONSOLE, cpu_read_tsc());
    const struct vga_state vga = {.mode = facts.info.vga_mode,
                                  .columns = facts.info.vga_columns,
                                  .crtc_port = facts.info.vga_crtc_port,
                                  .cursor_row = facts.info.vga_cursor_row,
                                  .cursor_column = facts.info.vga_cursor_column};
    bool screen = vga_start(&vga);
    bool serial = serial_start();

    e9_start();
    pit_start(); /* the clock, which log lines need */
    rtc_start(); /* reads nothing before somebody asks for the date */
    log_show_details(options.debug);
    if (options.console == OPTION_CONSOLE_VGA && screen) {
        console_select(CONSOLE_SCREEN);
    } else if (options.console == OPTION_CONSOLE_SERIAL && serial) {
        console_select(CONSOLE_SERIAL);
    }
    log_line("kernel", "%s, %u bytes", KERNEL_VERSION_TEXT, facts.info.kernel_length);
    log_warnings();
    log_detail("console", "screen %s, COM1 %s", screen ? "80x25" : "none",
               serial ? "115200 8N1" : "none");
}

void tour_18_descriptors(void)
{
    timeline_add(TOUR_DESCRIPTORS, cpu_read_tsc());
    descriptors_load();
    log_detail("cpu", "GDT, TSS and 256 interrupt gates loaded");
}

void tour_19_memory(void)
{
    timeline_add(TOUR_MEMORY, cpu_read_tsc());
    memory_start(&facts);
    paging_start(&facts.info); /* our own page tables: then the loader's memory is free */
    ram_give_to_frames();      /* what nobody has got now can be allocated */
    kasan_start();             /* before the first allocation: KERNEL=kasan watches them all */
}

static void choose_layout(void)
{
    const struct keyboard_layout *layout = keyboard_layout_find(options.layout);

    if (layout != NULL) {
        i8042_set_layout(layout);
    } else if (options.layout[0] != '\0') {
        log_line("kernel", "unknown keyboard layout %s; the command layout lists them",
                 options.layout);
    }
}

static void start_watchdog(void)
{
    const char *problem = NULL;

    if (options.watchdog != OPTION_WATCHDOG_OFF) {
        watchdog_start();
    }
    if (options.watchdog == OPTION_WATCHDOG_NMI) {
        watchdog_expect_nmi(PIT_TICK_HZ); /* before: the first may come at once */
        problem = nmi_timer_start();
    }
    if (problem != NULL) {
        watchdog_expect_nmi(0);
        log_line("watchdog", "no NMIs: %s", problem);
    }
}

void tour_20_interrupts(void)
{
    timeline_add(TOUR_INTERRUPTS, cpu_read_tsc());
    thread_start(); /* before the first tick: what runs here becomes the idle thread */
    work_start();
    pic_start();
    pit_start_tick();
    choose_layout();
    bool keyboard = i8042_start();

    if (console_kinds() & CONSOLE_SERIAL) {
        serial_start_interrupts();
    }
    start_watchdog();
    log_detail("irq", "timer at %u Hz, keyboard %s", PIT_TICK_HZ, keyboard ? "found" : "none");
    pci_start(); /* while no interrupt disturbs it; before the drivers of what sits there */
    cpu_enable_interrupts();
}

/* In a thread: finding out what is there means waiting for devices. */
static void start_disks(void)
{
    block_start(); /* what looks after all of them */
    ata_start();   /* on IDE controllers, or where a PC without PCI has them */
    virtio_blk_start();
    bootdisk_start(&facts.info, options.root);
}

static void run_shell(void *unused)
{
    (void)unused;
    start_disks();
    if (options.test) {
        power_leave_emulator(guest_test_run(options.test_glob) ? 0 : 1);
    }
    kprintf("Type help for the commands.\n");
    shell_run(&facts, options.run, tour_22_prompt);
}

void tour_21_shell(void)
{
    timeline_add(TOUR_SHELL, cpu_read_tsc());
    struct thread *shell =
        thread_create("shell", run_shell, NULL, THREAD_NORMAL, THREAD_UNSTOPPABLE);

    ASSERT(shell != NULL, "no memory for the shell's thread");
    thread_detach(shell);
    thread_idle();
}

void tour_22_prompt(void)
{
    static bool stamped;

    if (!stamped) {
        timeline_add(TOUR_PROMPT, cpu_read_tsc());
        stamped = true;
    }
}
