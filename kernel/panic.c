/*
 * panic.c - see panic.h.
 *
 * Panics come when little can be trusted. So: interrupts off at once, a stack of its own, no lock,
 * no memory but fixed one. The report is a list of parts. An exception in one of them is a panic
 * like any other, but says only a line and goes on with the next part: so whatever is broken, each
 * part is tried once, and then it ends.
 *
 * The screen has 25 lines, so it gets the short form; the serial line gets everything.
 */
#include "kernel/panic.h"

#include <stdint.h>

#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/exception.h"
#include "kernel/log.h"
#include "kernel/panic_report.h"

#define STACK_SIZE 16384
#define LOG_LINES  8
#define TEXT_MAX   384

static const struct panic_hooks *hooks;
static const struct bootinfo *boot;
static bool reboot_at_end;

static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));
static struct panic_state state; /* of the first panic */
static char headline[TEXT_MAX];  /* its words, and its place if PANIC was called */
static char place[TEXT_MAX];
static unsigned depth; /* panics that have begun */
static unsigned part;  /* the next one to be printed */
static bool over;      /* all has been said */

void panic_set_hooks(const struct panic_hooks *new_hooks)
{
    hooks = new_hooks;
}

void panic_set_reboot(bool reboot)
{
    reboot_at_end = reboot;
}

void panic_set_boot(const struct bootinfo *info)
{
    boot = info;
}

bool panic_is_on(void)
{
    return depth > 0;
}

static void start_consoles(void)
{
    if (console_kinds() == 0 && hooks != NULL && hooks->start_consoles != NULL) {
        hooks->start_consoles();
    }
    console_panic();
    console_colour(COLOUR_WHITE, COLOUR_RED);
}

/* Where the exception came: at RIP, or, if no code is there, at the call that led there. */
static void print_exception_place(const struct panic_state *at)
{
    struct backtrace trace;
    struct symbol symbol;

    backtrace_start(&trace, at->frame.rip, at->frame.rbp, at->frame.rsp, true);
    if (backtrace_symbol(&trace, &symbol) ||
        (backtrace_next(&trace) && backtrace_symbol(&trace, &symbol))) {
        kprintf("%s:%u in %s\n", symbol.file, symbol.line, symbol.function);
    }
}

static void print_headline(void)
{
    kprintf("\nPANIC: %s\n", headline);
    if (state.exception) {
        print_exception_place(&state);
    } else {
        kprintf("%s\n", place);
    }
}

static void print_cause(void)
{
    panic_print_cause(&state);
}

static void print_context(void)
{
    panic_print_context(&state);
}

static void print_backtrace(void)
{
    panic_print_backtrace(&state);
}

static void print_registers(void)
{
    panic_print_registers(&state);
}

static void print_log(void)
{
    console_select(CONSOLE_SERIAL);
    kprintf("The end of the log:\n");
    log_print_last(LOG_LINES);
}

static void print_boot(void)
{
    console_select(CONSOLE_SERIAL);
    panic_print_boot(boot);
    panic_print_gdb(&state);
}

static void end(void)
{
    bool reboot = reboot_at_end && hooks != NULL && hooks->reboot != NULL;

    console_select(CONSOLE_SCREEN | CONSOLE_SERIAL);
    kprintf(reboot ? "Restarting.\n" : "System halted.\n");
    console_default_colour();
    console_flush();
    if (reboot) {
        hooks->reboot();
    }
}

static void (*const parts[])(void) = {
    start_consoles,  print_headline, print_cause, print_context, print_backtrace,
    print_registers, print_log,      print_boot,  end,
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static _Noreturn __attribute__((used)) void run_parts(void)
{
    while (part < PARTS) {
        parts[part++]();
    }
    over = true;
    cpu_halt();
}

/* The first panic goes on, on the panic's own stack. */
static _Noreturn void report(void)
{
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "call run_parts"
                     :
                     : "r"(stack + sizeof(stack))
                     : "memory");
    __builtin_unreachable();
}

/* A panic in a panic: it is on some stack, and stays there. */
static _Noreturn void go_on(const struct panic_state *nested, const char *text)
{
    if (part <= 1) {
        cpu_halt(); /* there is nothing to print on */
    }
    console_select(CONSOLE_SCREEN | CONSOLE_SERIAL);
    kprintf("\nPANIC: another one while the first was being printed: %s\n", text);
    if (nested != NULL) {
        print_exception_place(nested);
    }
    run_parts();
}

/*
 * Count a panic. Returns true for the first one. More of them than parts come only if not even a
 * line can be printed: then it is over.
 */
static bool begin(void)
{
    cpu_save_interrupts();
    depth++;
    if (depth > PARTS || over) {
        cpu_halt();
    }
    return depth == 1;
}

void panic_at(const char *file, int line, const char *function, const char *text, ...)
{
    const uint64_t *frame = __builtin_frame_address(0); /* the caller's RBP, the return address */
    uint64_t rflags = cpu_read_flags();
    char nested[TEXT_MAX];
    va_list arguments;

    bool first = begin();

    va_start(arguments, text);
    format_string_va(first ? headline : nested, TEXT_MAX, text, arguments);
    va_end(arguments);
    if (!first) {
        go_on(NULL, nested);
    }
    format_string(place, sizeof(place), "%s:%d in %s", file, line, function);
    state.frame.rip = frame[1];
    state.frame.rbp = frame[0];
    state.frame.rsp = (uintptr_t)(frame + 2);
    state.frame.rflags = rflags;
    state.cr2 = cpu_read_cr2();
    report();
}

/*
 * Panic, the FIRST one or not, with the registers of FRAME, because of the exception VECTOR or of
 * none.
 */
static _Noreturn void panic_frame(bool first, const struct trap_frame *frame, uint64_t vector,
                                  const char *text)
{
    static struct panic_state nested;
    struct panic_state *at = first ? &state : &nested;

    at->exception = true;
    at->frame = *frame;
    at->frame.vector = vector;
    at->cr2 = cpu_read_cr2();
    if (!first) {
        go_on(&nested, text);
    }
    format_string(headline, sizeof(headline), "%s", text);
    report();
}

void panic_interrupted(const struct trap_frame *frame, const char *text, ...)
{
    bool first = begin(); /* before anything else: what follows may fault */
    char words[TEXT_MAX];
    va_list arguments;

    va_start(arguments, text);
    format_string_va(words, sizeof(words), text, arguments);
    va_end(arguments);
    panic_frame(first, frame, PANIC_NO_VECTOR, words);
}

void panic_exception(const struct trap_frame *frame)
{
    bool first = begin();
    char words[TEXT_MAX];

    exception_explain(words, sizeof(words), (unsigned)frame->vector, frame->error, cpu_read_cr2());
    panic_frame(first, frame, frame->vector, words);
}
