/* options.c - reads the command line with getopt_long. See options.h. */
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/layout.h"
#include "options.h"

enum option_id {
    ID_SIZE = 1,
    ID_CMDLINE,
    ID_MENU,
    ID_PIN,
    ID_SIGNATURE,
    ID_JSON,
    ID_KERNEL,
    ID_STAGE1,
    ID_STAGE2,
    ID_BLOCK_SIZE,
    ID_PROFILE,
    ID_LABEL,
    ID_ROOT,
    ID_READ_ONLY,
    ID_HELP,
};

static const char short_options[] = ":hlrpfsny"; /* a letter is its own id */

static const struct option long_options[] = {
    {"size", required_argument, NULL, ID_SIZE},
    {"cmdline", required_argument, NULL, ID_CMDLINE},
    {"menu-timeout", required_argument, NULL, ID_MENU},
    {"pin", no_argument, NULL, ID_PIN},
    {"signature", required_argument, NULL, ID_SIGNATURE},
    {"json", no_argument, NULL, ID_JSON},
    {"kernel", required_argument, NULL, ID_KERNEL},
    {"stage1", required_argument, NULL, ID_STAGE1},
    {"stage2", required_argument, NULL, ID_STAGE2},
    {"block-size", required_argument, NULL, ID_BLOCK_SIZE},
    {"profile", required_argument, NULL, ID_PROFILE},
    {"label", required_argument, NULL, ID_LABEL},
    {"root", required_argument, NULL, ID_ROOT},
    {"read-only", no_argument, NULL, ID_READ_ONLY},
    {"help", no_argument, NULL, ID_HELP},
    {NULL, 0, NULL, 0},
};

/* The OPT_* bit of each option. */
static const unsigned option_bit[] = {
    [ID_SIZE] = OPT_SIZE,
    [ID_CMDLINE] = OPT_CMDLINE,
    [ID_MENU] = OPT_MENU,
    [ID_PIN] = OPT_PIN,
    [ID_SIGNATURE] = OPT_SIGNATURE,
    [ID_JSON] = OPT_JSON,
    [ID_KERNEL] = OPT_KERNEL,
    [ID_STAGE1] = OPT_STAGES,
    [ID_STAGE2] = OPT_STAGES,
    [ID_BLOCK_SIZE] = OPT_VOLUME,
    [ID_PROFILE] = OPT_VOLUME,
    [ID_LABEL] = OPT_VOLUME,
    [ID_ROOT] = OPT_ROOT,
    [ID_READ_ONLY] = OPT_MOUNT,
    ['l'] = OPT_LONG,
    ['r'] = OPT_RECURSIVE,
    ['p'] = OPT_PARENTS,
    ['f'] = OPT_MOUNT,
    ['s'] = OPT_MOUNT,
    ['n'] = OPT_CHECK,
    ['y'] = OPT_CHECK,
};

static const struct {
    unsigned bit;
    const char *option, *meaning;
} meanings[] = {
    {OPT_SIZE, "--size N",
     "bytes of the image, 64M unless given; 1440K: a floppy without a volume"},
    {OPT_ROOT, "--root DIR", "fill the volume with what is in this directory of the host"},
    {OPT_VOLUME, "--block-size N", "bytes of the volume's blocks: 512, 1024, 2048 or 4096 (usual)"},
    {OPT_VOLUME, "--profile seed", "version 1 of SFS: no journal, no checksums, blocks of 512"},
    {OPT_VOLUME, "--label L", "name of the volume, at most 16 bytes"},
    {OPT_CMDLINE, "--cmdline S", "what the kernel is told, at most 255 bytes of ASCII"},
    {OPT_MENU, "--menu-timeout N", "the boot menu waits N seconds; otherwise a key opens it"},
    {OPT_PIN, "--pin", "the loader boots this kernel and no other, ever"},
    {OPT_SIGNATURE, "--signature HEX", "the disk signature at LBA 0, random unless given"},
    {OPT_STAGES, "--stage1 F", "boot sector; usually stage1.bin beside mkdisk"},
    {OPT_STAGES, "--stage2 F", "second stage; usually stage2.bin beside mkdisk"},
    {OPT_KERNEL, "--kernel F", "kernel; usually kernel.bin beside mkdisk"},
    {OPT_LONG, "-l", "mode, links, owner, group, size and time as well"},
    {OPT_RECURSIVE, "-r", "directories with all that is in them"},
    {OPT_PARENTS, "-p", "the directories above as well; those that are there are no fault"},
    {OPT_MOUNT, "-f", "stay in the foreground, and print what the file system remarks"},
    {OPT_MOUNT, "-s", "answer with one thread"},
    {OPT_MOUNT, "--read-only", "change nothing, neither files nor the image"},
    {OPT_CHECK, "-n", "never write; that is so without -y, too"},
    {OPT_CHECK, "-y", "repair what can be repaired"},
    {OPT_JSON, "--json", "one object for programs"},
};

void options_help(const struct verb *verb)
{
    printf("mkdisk %s %s\n\n%s\n", verb->name, verb->operands, verb->purpose);
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if ((meanings[i].bit & verb->accepts) != 0) {
            printf("  %-18s %s\n", meanings[i].option, meanings[i].meaning);
        }
    }
    printf("\nA word that begins with '-' and is no option stands behind `--`.\n");
}

/* Returns the power of two that SUFFIX stands for, -1 if it is none. */
static int suffix_shift(const char *suffix)
{
    static const char letters[] = "KMGT";
    const char *letter;

    if (suffix[0] == '\0') {
        return 0;
    }
    letter = strchr(letters, toupper((unsigned char)suffix[0]));
    return letter != NULL && suffix[1] == '\0' ? 10 * (int)(letter - letters + 1) : -1;
}

bool parse_size(const char *text, uint64_t *size)
{
    uint64_t number = 0;
    const char *c = text;
    int shift;

    for (; isdigit((unsigned char)*c); c++) {
        number = number * 10 + (uint64_t)(*c - '0');
        if (number > INT64_MAX / 10) {
            return false;
        }
    }
    shift = suffix_shift(c);
    if (c == text || shift < 0 || number > (uint64_t)INT64_MAX >> shift) {
        return false;
    }
    *size = number << shift;
    return true;
}

static void parse_menu_timeout(struct options *options, const char *text)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)text[0]) || *end != '\0' || seconds > UINT16_MAX) {
        usage_error("--menu-timeout takes 0 to %u seconds, not '%s'", UINT16_MAX, text);
    }
    options->menu_timeout_s = (uint16_t)seconds;
    options->menu_given = true;
}

static void parse_signature(struct options *options, const char *text)
{
    char *end;
    unsigned long signature = strtoul(text, &end, 16);

    if (!isxdigit((unsigned char)text[0]) || *end != '\0' || strlen(text) > 8 || signature == 0) {
        usage_error("--signature takes 1 to 8 hexadecimal digits that are not all 0, not '%s'",
                    text);
    }
    options->signature = (uint32_t)signature;
}

static void parse_block_size(struct options *options, const char *text)
{
    uint64_t size;

    if (!parse_size(text, &size) || (size != 512 && size != 1024 && size != 2048 && size != 4096)) {
        usage_error("--block-size takes 512, 1024, 2048 or 4096, not '%s'", text);
    }
    options->block_size = (uint32_t)size;
}

static void parse_profile(struct options *options, const char *text)
{
    if (strcmp(text, "seed") != 0) {
        usage_error("--profile takes seed, not '%s'", text);
    }
    options->seed_profile = true;
}

static void parse_label(struct options *options, const char *text)
{
    if (strlen(text) > LABEL_MAX) {
        usage_error("--label has %zu bytes, %d is the most", strlen(text), LABEL_MAX);
    }
    options->label = text;
}

void check_cmdline_argument(const char *text)
{
    size_t length = strlen(text);

    if (length >= CMDLINE_SIZE) {
        usage_error("the command line has %zu bytes, %d is the most", length, CMDLINE_SIZE - 1);
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            usage_error("byte %zu of the command line is %02X, only printable ASCII is allowed", i,
                        (unsigned char)text[i]);
        }
    }
}

static void take_option(struct options *options, int id)
{
    switch (id) {
    case ID_SIZE:
        if (!parse_size(optarg, &options->size)) {
            usage_error("--size takes a number of bytes with K, M, G or T, not '%s'", optarg);
        }
        break;
    case ID_CMDLINE:
        check_cmdline_argument(optarg);
        options->cmdline = optarg;
        break;
    case ID_MENU:
        parse_menu_timeout(options, optarg);
        break;
    case ID_PIN:
        options->pin = true;
        break;
    case ID_SIGNATURE:
        parse_signature(options, optarg);
        break;
    case ID_JSON:
        options->json = true;
        break;
    case ID_KERNEL:
        options->kernel = optarg;
        break;
    case ID_STAGE1:
        options->stage1 = optarg;
        break;
    case ID_STAGE2:
        options->stage2 = optarg;
        break;
    case ID_BLOCK_SIZE:
        parse_block_size(options, optarg);
        break;
    case ID_PROFILE:
        parse_profile(options, optarg);
        break;
    case ID_LABEL:
        parse_label(options, optarg);
        break;
    case ID_ROOT:
        options->root = optarg;
        break;
    case ID_READ_ONLY:
        options->read_only = true;
        break;
    case 'l':
        options->long_form = true;
        break;
    case 'r':
        options->recursive = true;
        break;
    case 'p':
        options->parents = true;
        break;
    case 'f':
        options->foreground = true;
        break;
    case 's':
        options->single_thread = true;
        break;
    case 'n':
        options->no_repair = true;
        break;
    case 'y':
        options->repair = true;
        break;
    }
}

static void take_operands(struct options *options, const struct verb *verb, int argc, char **argv)
{
    int count = argc - optind;

    if (count == 0) {
        usage_error("%s needs the path of an image", verb->name);
    }
    if (count < verb->operands_min) {
        usage_error("%s needs %d operands, not %d", verb->name, verb->operands_min, count);
    }
    if (count > verb->operands_max) {
        usage_error("%s does not know what to do with '%s'", verb->name,
                    argv[optind + verb->operands_max]);
    }
    options->image = argv[optind];
    options->text = count > 1 ? argv[optind + 1] : NULL;
    options->operands = argv + optind + 1;
    options->operand_count = count - 1;
}

/* getopt_long has seen '?': a letter after one '-', a word that is none of ours, or "--json=x". */
static _Noreturn void refuse_unknown(char **argv)
{
    if (optopt >= ' ') {
        usage_error("unknown option '-%c'", optopt);
    }
    usage_error("unknown or unusable option '%s'", argv[optind - 1]);
}

bool options_parse(struct options *options, const struct verb *verb, int argc, char **argv)
{
    int id, index = 0;

    *options = (struct options){.size = DEFAULT_SIZE};
    opterr = 0;
    usage_hint(verb->name);
    while ((id = getopt_long(argc, argv, short_options, long_options, &index)) != -1) {
        if (id == ':') {
            usage_error("%s needs a value", argv[optind - 1]);
        }
        if (id == '?') {
            refuse_unknown(argv);
        }
        if (id == ID_HELP || id == 'h') {
            return false;
        }
        if ((option_bit[id] & verb->accepts) == 0 && id >= ' ') {
            usage_error("%s does not take -%c", verb->name, id);
        }
        if ((option_bit[id] & verb->accepts) == 0) {
            usage_error("%s does not take --%s", verb->name, long_options[index].name);
        }
        take_option(options, id);
    }
    take_operands(options, verb, argc, argv);
    return true;
}

const char *input_path(const char *option, const char *name)
{
    static const char link[] = "/proc/self/exe";
    char *path;
    char *slash;
    ssize_t length;

    if (option != NULL) {
        return option;
    }
    path = allocate(PATH_MAX + strlen(name) + 1);
    length = readlink(link, path, PATH_MAX);
    slash = length > 0 ? strrchr(path, '/') : NULL;
    if (slash == NULL) {
        refuse(link, "cannot find the directory of mkdisk; name the files with options");
    }
    strcpy(slash + 1, name);
    return path;
}
