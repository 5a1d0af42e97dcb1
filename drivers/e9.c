/* e9.c - see e9.h. Lines end in CR LF, as on the serial line. */
#include "drivers/e9.h"

#include "include/layout.h"
#include "kernel/console.h"
#include "kernel/cpu/io.h"

static void e9_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            io_write8(E9_PORT, '\r');
        }
        io_write8(E9_PORT, (uint8_t)text[i]);
    }
}

static struct console_sink sink = {.name = "e9", .kind = CONSOLE_EMULATOR, .write = e9_write};

bool e9_start(void)
{
    if (io_read8(E9_PORT) != E9_PORT) {
        return false;
    }
    console_register(&sink);
    return true;
}
