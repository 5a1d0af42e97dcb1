/*
 * client.h - a user of the journal for the tests, who is no file system: tables of slots in
 * metadata blocks, each slot naming a block and the stamp that must be in it.
 *
 *   table block:  { block 812, stamp 17 } { block 0 } { block 640, stamp 9 } ...
 *   data block:   stamp 17, version 3, in every sector, again and again
 *
 * Each operation is one handle and leads from one state of all slots to the next; all states are
 * kept. After a power cut the slots must be as one of them: not older than the last one that was
 * committed, and every block named must hold its stamp. So lost, half-done and reordered
 * transactions, exposed data, blocks reused too early and stale replays all show.
 */
#ifndef SECTOR0_TESTS_CLIENT_H
#define SECTOR0_TESTS_CLIENT_H

#include "fs/volume.h"
#include "tests/fs/ramdisk.h"

#define CLIENT_TABLES 3
#define CLIENT_SLOTS  8 /* of each table */
#define CLIENT_ALL    (CLIENT_TABLES * CLIENT_SLOTS)
#define CLIENT_STAMPS 8000

enum client_kind { CLIENT_EMPTY, CLIENT_DATA, CLIENT_META };

struct client_slot {
    uint64_t block;
    uint32_t stamp;
    uint32_t kind;
};

struct client_state {
    struct client_slot slot[CLIENT_ALL];
    uint64_t seq; /* the transaction that led here */
};

struct client {
    struct ramdisk *disk;
    struct sfs *fs;
    uint32_t cache; /* blocks, of the next mount */
    uint64_t table[CLIENT_TABLES];
    struct client_state *states; /* 0: empty */
    unsigned room;               /* states that there is memory for */
    unsigned now;                /* index of the newest */
    unsigned durable;            /* of the newest that must survive */
    uint32_t next_stamp;
    /* Of each stamp: versions that an overwrite in place may have left. */
    uint32_t low[CLIENT_STAMPS], high[CLIENT_STAMPS];
    /* New data not written yet (J1). */
    struct {
        uint64_t seq, block;
        uint32_t stamp;
    } owed[CLIENT_ALL * 4];
    unsigned owes;
    unsigned failures; /* operations that returned an error */
};

/* Make a volume of BLOCKS blocks of BS bytes with JOURNAL log blocks (0: usual) and the tables. */
struct client *client_create(uint32_t bs, uint64_t blocks, uint64_t journal, uint32_t version);
void client_free(struct client *client);

int client_mount(struct client *client);
int client_unmount(struct client *client);

/* One random operation, commits and flushes among them. */
void client_step(struct client *client);

/*
 * Is the volume on DISK, mounted as FS, in a state that may follow a power cut now? Returns its
 * index; ends the test otherwise.
 */
unsigned client_check(struct client *client, struct sfs *fs);

/* The power was cut, and DISK (now the client's) is what is left: mount it, check it ... */
void client_continue(struct client *client, struct ramdisk *disk);
/* ... and go on from the state INDEX that was found. */
void client_go_on_from(struct client *client, unsigned index);

/* The hooks to link: pay() writes what the client owes. */
extern struct client *client_current;

#endif
