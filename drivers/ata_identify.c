/*
 * ata_identify.c - see ata_identify.h. The words are hostile: nothing is believed that is not
 * marked as valid, and no number that makes no sense. [ATA8 7.16]
 */
#include "drivers/ata_identify.h"

#include <stddef.h>

enum word {
    W_GENERAL = 0,
    W_SERIAL = 10, /* 10 words */
    W_MODEL = 27,  /* 20 words */
    W_MULTIPLE = 47,
    W_CAPABILITIES = 49,
    W_VALID = 53,
    W_SECTORS28 = 60, /* 2 words */
    W_MULTIWORD = 63,
    W_COMMANDS83 = 83,
    W_ENABLED85 = 85,
    W_UDMA = 88,
    W_SECTORS48 = 100, /* 4 words */
    W_SECTOR_SIZE = 106,
    W_SECTOR_WORDS = 117, /* 2 words */
    W_INTEGRITY = 255,
};

#define GENERAL_NOT_ATA     0x8000
#define CAPABILITY_DMA      0x0100
#define CAPABILITY_LBA      0x0200
#define VALID_WORD_88       0x0004
#define COMMANDS_LBA48      0x0400
#define COMMANDS_FLUSH      0x1000
#define COMMANDS_FLUSH_EXT  0x2000
#define ENABLED_WRITE_CACHE 0x0020
#define SECTOR_SIZE_LARGE   0x1000
#define INTEGRITY_MARK      0xA5
#define DMA_MODES           0xFF

/* Two characters a word, the first in the high byte; anything unprintable becomes a space. */
static void copy_text(char *text, const uint16_t *words, unsigned count)
{
    unsigned length = 0;

    for (unsigned i = 0; i < 2 * count; i++) {
        char c = (char)(i % 2 == 0 ? words[i / 2] >> 8 : words[i / 2] & 0xFF);

        if (c <= ' ' || c > '~') {
            c = ' ';
        }
        if (c != ' ' || length > 0) {
            text[length++] = c;
        }
    }
    while (length > 0 && text[length - 1] == ' ') {
        length--;
    }
    text[length] = '\0';
}

/* Words 83 to 88 hold something if bits 15 and 14 of some of them are 01. */
static bool is_valid(uint16_t word)
{
    return word >> 14 == 1;
}

/* If word 255 is marked as a check sum, all 512 bytes add up to 0. */
static bool sum_is_wrong(const uint16_t words[ATA_SECTOR_WORDS])
{
    unsigned sum = 0;

    if ((words[W_INTEGRITY] & 0xFF) != INTEGRITY_MARK) {
        return false;
    }
    for (unsigned i = 0; i < ATA_SECTOR_WORDS; i++) {
        sum += (words[i] & 0xFFu) + (words[i] >> 8);
    }
    return (sum & 0xFF) != 0;
}

/* The mode that is chosen: the highest bit of the high byte, among those that exist; or -1. */
static int8_t chosen_mode(uint16_t word)
{
    uint8_t chosen = (uint8_t)(word >> 8 & word & DMA_MODES);
    int8_t mode = -1;

    while (chosen != 0) {
        chosen >>= 1;
        mode++;
    }
    return mode;
}

static uint8_t drq_block(uint16_t word)
{
    unsigned most = word & 0xFF;
    unsigned block = 1;

    while (2 * block <= most && 2 * block <= ATA_DRQ_BLOCK_MAX) {
        block *= 2;
    }
    return (uint8_t)block;
}

static uint64_t sector_count(const struct ata_identity *identity,
                             const uint16_t words[ATA_SECTOR_WORDS])
{
    uint64_t sectors = 0;

    for (int i = 3; i >= 0 && identity->lba48; i--) {
        sectors = sectors << 16 | words[W_SECTORS48 + i];
    }
    if (sectors > 0) {
        return sectors < ATA_LBA48_END ? sectors : 0;
    }
    sectors = (uint32_t)words[W_SECTORS28 + 1] << 16 | words[W_SECTORS28];
    return sectors <= ATA_LBA28_END ? sectors : 0;
}

static void parse_commands(struct ata_identity *identity, const uint16_t words[ATA_SECTOR_WORDS])
{
    uint16_t commands = is_valid(words[W_COMMANDS83]) ? words[W_COMMANDS83] : 0;

    identity->lba48 = commands & COMMANDS_LBA48;
    identity->flush = commands & COMMANDS_FLUSH;
    identity->flush_ext = identity->lba48 && commands & COMMANDS_FLUSH_EXT;
    /* Words 85 to 87 are valid if 87 says so; 85 itself has no mark, and all ones are none. */
    identity->write_cache = is_valid(words[W_ENABLED85 + 2]) && words[W_ENABLED85] != 0xFFFF &&
                            words[W_ENABLED85] & ENABLED_WRITE_CACHE;
    identity->dma = words[W_CAPABILITIES] & CAPABILITY_DMA;
    identity->udma = words[W_VALID] & VALID_WORD_88 ? chosen_mode(words[W_UDMA]) : -1;
    identity->multiword = chosen_mode(words[W_MULTIWORD]);
    identity->multiple = drq_block(words[W_MULTIPLE]);
}

static bool has_large_sectors(const uint16_t words[ATA_SECTOR_WORDS])
{
    return is_valid(words[W_SECTOR_SIZE]) && words[W_SECTOR_SIZE] & SECTOR_SIZE_LARGE &&
           (words[W_SECTOR_WORDS] != ATA_SECTOR_WORDS || words[W_SECTOR_WORDS + 1] != 0);
}

const char *ata_identify_parse(struct ata_identity *identity,
                               const uint16_t words[ATA_SECTOR_WORDS])
{
    *identity = (struct ata_identity){.udma = -1, .multiword = -1, .multiple = 1};
    copy_text(identity->model, &words[W_MODEL], 20);
    copy_text(identity->serial, &words[W_SERIAL], 10);
    if (words[W_GENERAL] & GENERAL_NOT_ATA) {
        return "it says that it is no ATA disk";
    }
    if (sum_is_wrong(words)) {
        return "the check sum of what it says of itself is wrong";
    }
    if (!(words[W_CAPABILITIES] & CAPABILITY_LBA)) {
        return "it has no LBA";
    }
    if (has_large_sectors(words)) {
        return "its sectors are not 512 bytes";
    }
    parse_commands(identity, words);
    identity->sectors = sector_count(identity, words);
    return identity->sectors == 0 ? "its size makes no sense" : NULL;
}
