/* cmd_test.c - test: the kernel's own tests, from tests/kernel/. */
#include "kernel/string.h"
#include "shell/commands.h"
#include "tests/kernel/guest_test.h"

int command_test(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
    int words = list ? 2 : 1;
    const char *glob = argc > words ? argv[words] : "";

    if (argc > words + 1) {
        return command_usage(argv[0]);
    }
    if (list) {
        return guest_test_list(glob) != 0 ? STATUS_OK : command_error(argv[0], "no test %s", glob);
    }
    return guest_test_run(glob) ? STATUS_OK : STATUS_FAILED;
}
