/* cmd_keyboard.c - layout: which characters are on the keyboard's keys. */
#include "drivers/i8042.h"
#include "drivers/keyboard_layouts.h"
#include "kernel/console.h"
#include "shell/commands.h"

static void print_layouts(void)
{
    for (size_t i = 0; i < keyboard_layout_count; i++) {
        bool current = &keyboard_layouts[i] == i8042_layout();

        kprintf(current ? "%s[%s]" : "%s%s", i > 0 ? " " : "", keyboard_layouts[i].name);
    }
    kprintf("\n");
}

int command_layout(int argc, char **argv)
{
    const struct keyboard_layout *layout;

    if (argc > 2) {
        return command_usage(argv[0]);
    }
    if (argc == 1) {
        print_layouts();
        return STATUS_OK;
    }
    layout = keyboard_layout_find(argv[1]);
    if (layout == NULL) {
        return command_error(argv[0], "no layout %s", argv[1]);
    }
    i8042_set_layout(layout);
    return STATUS_OK;
}
