/* section.c - see section.h. */
#include "tools/symbols/section.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

Elf *elf_open(const char *path, int *fd)
{
    elf_version(EV_CURRENT);
    *fd = open(path, O_RDONLY);
    if (*fd < 0) {
        give_up("%s: %s", path, strerror(errno));
    }
    Elf *elf = elf_begin(*fd, ELF_C_READ, NULL);

    if (elf == NULL || elf_kind(elf) != ELF_K_ELF || elf64_getehdr(elf) == NULL) {
        give_up("%s: not a 64-bit ELF file", path);
    }
    return elf;
}

Elf_Scn *elf_section(Elf *elf, const char *name, Elf64_Shdr *header)
{
    size_t names;

    if (elf_getshdrstrndx(elf, &names) != 0) {
        give_up("no section names: %s", elf_errmsg(-1));
    }
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) != NULL;) {
        const Elf64_Shdr *found = elf64_getshdr(section);
        const char *found_name = elf_strptr(elf, names, found->sh_name);

        if (found_name != NULL && strcmp(found_name, name) == 0) {
            *header = *found;
            return section;
        }
    }
    return NULL;
}

struct table section_read(const char *path, const char *name)
{
    int fd;
    Elf *elf = elf_open(path, &fd);
    Elf64_Shdr header;
    Elf_Scn *section = elf_section(elf, name, &header);
    Elf_Data *data = section != NULL ? elf_getdata(section, NULL) : NULL;

    if (data == NULL || data->d_buf == NULL) {
        give_up("%s: no section %s", path, name);
    }
    struct table table = {grow(NULL, data->d_size + 1), data->d_size};

    memcpy(table.bytes, data->d_buf, data->d_size);
    elf_end(elf);
    close(fd);
    return table;
}
