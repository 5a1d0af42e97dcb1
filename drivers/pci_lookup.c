/*
 * pci_lookup.c - see pci.h: names for people, out of the table in pci_names.c.
 *
 * The table is text in the order and, nearly, the form of pci.ids: "8086 Intel", followed by lines
 * that begin with a space, " 7010 82371SB PIIX3 IDE", until the next one that does not.
 */
#include "drivers/pci_internal.h"
#include "kernel/printf.h"
#include "kernel/string.h"

#define KEY_SIZE 8 /* " 7010 " and a NUL */

static bool begins_with(const char *line, const char *key)
{
    return strncmp(line, key, strlen(key)) == 0;
}

/* What follows KEY in its line; or, with a SUBKEY, what follows that in one of the lines below. */
static const char *look_up(const char *key, const char *subkey)
{
    bool inside = false;

    for (const char *line = pci_names; *line != '\0'; line += strlen(line) + 1) {
        if (*line != ' ') {
            inside = begins_with(line, key);
            if (inside && subkey == NULL) {
                return line + strlen(key);
            }
        } else if (inside && subkey != NULL && begins_with(line, subkey)) {
            return line + strlen(subkey);
        }
    }
    return NULL;
}

const char *pci_vendor_name(uint16_t vendor)
{
    char key[KEY_SIZE];

    format_string(key, sizeof(key), "%04x ", vendor);
    return look_up(key, NULL);
}

const char *pci_device_name(uint16_t vendor, uint16_t device)
{
    char key[KEY_SIZE], subkey[KEY_SIZE];

    format_string(key, sizeof(key), "%04x ", vendor);
    format_string(subkey, sizeof(subkey), " %04x ", device);
    return look_up(key, subkey);
}

const char *pci_class_name(uint8_t class_code, uint8_t subclass)
{
    char key[KEY_SIZE], subkey[KEY_SIZE];
    const char *name;

    format_string(key, sizeof(key), "C%02x ", class_code);
    format_string(subkey, sizeof(subkey), " %02x ", subclass);
    name = look_up(key, subkey);
    return name != NULL ? name : look_up(key, NULL);
}
