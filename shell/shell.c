/* shell.c - see shell.h: reads a line, takes it apart, runs its commands. */
#include "shell/shell.h"

#include "drivers/power.h"
#include "kernel/console.h"
#include "kernel/input.h"
#include "kernel/sched/semaphore.h"
#include "kernel/sched/thread.h"
#include "kernel/string.h"
#include "shell/commands.h"
#include "shell/line.h"
#include "shell/parse.h"

static const char prompt[] = "sector0:/$ ";

static const struct boot_facts *boot_facts;
static int status; /* of the last command, what $? stands for */
static struct thread *shell_thread;
static struct line line;
static struct command_words words;

const struct boot_facts *command_boot_facts(void)
{
    return boot_facts;
}

static const char *command_name(size_t index)
{
    return index < command_count ? commands[index].name : NULL;
}

static const struct line_client line_client = {.write = console_write, .choice = command_name};

static void print_prompt(void)
{
    kprintf_coloured(COLOUR_LIGHT_GREEN, "%s", prompt);
}

static void print_choices(void)
{
    size_t length;
    const char *word = line_word(&line, &length);

    kprintf("\n");
    for (size_t i = 0; i < command_count; i++) {
        if (strncmp(commands[i].name, word, length) == 0) {
            kprintf("%s  ", commands[i].name);
        }
    }
    kprintf("\n");
}

/* Read one line into line.text. Returns false if it was given up. */
static bool read_line(void (*at_prompt)(void))
{
    print_prompt();
    at_prompt();
    line_start(&line, strlen(prompt));
    for (;;) {
        int key = input_wait();

        if (key == KEY_CTRL_ALT_DELETE) {
            kprintf("\n");
            power_reboot();
        }
        switch (line_key(&line, key)) {
        case LINE_DONE:
            return true;
        case LINE_GIVEN_UP:
            return false;
        case LINE_REDRAW:
            console_clear();
            print_prompt();
            line_redraw(&line);
            break;
        case LINE_CHOICES:
            print_choices();
            print_prompt();
            line_redraw(&line);
            break;
        case LINE_EDITING:
            break;
        }
    }
}

bool command_has_keyboard(void)
{
    return thread_current() == shell_thread;
}

/* What a thread in the background runs. */
struct job {
    const struct command *command;
    struct semaphore copied; /* the thread has what it needs of the shell's words */
};

static struct job job = {.copied = SEMAPHORE("shell", 0)}; /* the newest one; the shell's */

static void run_job(void *unused)
{
    const struct command *command = job.command;
    struct command_words mine = words;

    (void)unused;
    for (int i = 0; i < mine.argc; i++) {
        mine.argv[i] = mine.text + (words.argv[i] - words.text);
    }
    semaphore_up(&job.copied);
    command->run(mine.argc, mine.argv);
}

/* Run the words in a thread of their own. Returns a status. */
static int run_in_background(const struct command *command)
{
    if (!command_may_run_in_background(command)) {
        return command_error(command->name, "does not run in the background");
    }
    job.command = command;
    struct thread *thread = thread_create(command->name, run_job, NULL, THREAD_NORMAL, 0);

    if (thread == NULL) {
        return command_error(command->name, "out of memory");
    }
    kprintf("thread %u\n", thread_id(thread));
    thread_detach(thread);
    semaphore_down(&job.copied);
    return STATUS_OK;
}

static void run_words(void)
{
    const struct command *command = command_find(words.argv[0]);

    if (command == NULL) {
        command_error(words.argv[0], "command not found");
        status = STATUS_NOT_FOUND;
        return;
    }
    status = words.background ? run_in_background(command) : command->run(words.argc, words.argv);
}

static void run_text(const char *text)
{
    for (;;) {
        enum parse_result result = parse_command(&text, &words, status);

        if (result == PARSE_END) {
            return;
        }
        if (result != PARSE_COMMAND) {
            command_error("shell", "%s", parse_error_text(result));
            status = STATUS_USAGE;
            return;
        }
        run_words();
    }
}

void shell_run(const struct boot_facts *facts, const char *run, void (*at_prompt)(void))
{
    boot_facts = facts;
    shell_thread = thread_current();
    line_init(&line, &line_client);
    run_text(run);
    for (;;) {
        if (read_line(at_prompt)) {
            run_text(line.text);
        } else {
            status = STATUS_INTERRUPTED;
        }
    }
}
