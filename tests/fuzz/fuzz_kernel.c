/* fuzz_kernel.c - the kernel's parsers, see fuzz_parsers.h. */
#include <string.h>

#include "drivers/ata_identify.h"
#include "fuzz_parsers.h"
#include "kernel/glob.h"
#include "shell/parse.h"

#define options_parse kernel_options_parse /* mkdisk has one of the same name */
#include "kernel/options.c"

#define WORDS_MAX 200 /* commands in a line: a bound against a parser that does not move on */

void fuzz_kernel_options(const uint8_t *data, size_t size)
{
    char text[CMDLINE_SIZE] = "";
    struct options options;

    memcpy(text, data, size < sizeof text - 1 ? size : sizeof text - 1);
    kernel_options_parse(&options, text);
    must(memchr(options.run, '\0', sizeof options.run) != NULL);
    must(memchr(options.root, '\0', sizeof options.root) != NULL);
    must(memchr(options.layout, '\0', sizeof options.layout) != NULL);
    must(memchr(options.unknown, '\0', sizeof options.unknown) != NULL);
    must(memchr(options.test_glob, '\0', sizeof options.test_glob) != NULL);
}

void fuzz_shell(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);
    const char *line = text;
    struct command_words words;
    uint64_t number;
    int commands = 0;

    must(text != NULL);
    memcpy(text, data, size);
    while (parse_command(&line, &words, -1) == PARSE_COMMAND && commands++ < WORDS_MAX) {
        must(words.argc > 0 && words.argc <= PARSE_ARGS_MAX && words.argv[words.argc] == NULL);
        for (int i = 0; i < words.argc; i++) {
            must(words.argv[i] >= words.text && words.argv[i] < words.text + sizeof words.text);
        }
        (void)glob_match(words.argv[0], words.argv[words.argc - 1]);
    }
    must(commands <= WORDS_MAX || size > WORDS_MAX);
    line = text;
    must(!parse_take_number(&line, 1000, &number) || number <= 1000);
    free(text);
}

void fuzz_identify(const uint8_t *data, size_t size)
{
    uint16_t words[ATA_SECTOR_WORDS] = {0};
    struct ata_identity identity;

    memcpy(words, data, size < sizeof words ? size : sizeof words);
    if (ata_identify_parse(&identity, words) == NULL) {
        must(identity.sectors > 0 && identity.multiple >= 1 && identity.multiple <= 16);
        must(memchr(identity.model, '\0', sizeof identity.model) != NULL);
        must(memchr(identity.serial, '\0', sizeof identity.serial) != NULL);
    }
}
