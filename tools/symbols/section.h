/* section.h - what read.c and section.c share about ELF files. */
#ifndef SECTOR0_TOOLS_SYMBOLS_SECTION_H
#define SECTOR0_TOOLS_SYMBOLS_SECTION_H

#include <libelf.h>

#include "tools/symbols/codemap.h"

/* Open the ELF file at PATH for reading; *FD is its descriptor. Exits with 1 if that fails. */
Elf *elf_open(const char *path, int *fd);

/* The section called NAME, whose header is put into *HEADER; NULL if there is none. */
Elf_Scn *elf_section(Elf *elf, const char *name, Elf64_Shdr *header);

/* The contents of section NAME of the file at PATH. Exits with 1 if there is none. */
struct table section_read(const char *path, const char *name);

#endif
