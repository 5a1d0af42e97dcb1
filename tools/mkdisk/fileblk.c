/* fileblk.c - see fileblk.h. */
#include <errno.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fileblk.h"
#include "progress.h"

#define MAX_SEG  128
#define MAX_SECT 2048 /* 1 MiB: more makes no system call cheaper */

static int last_error; /* errno of the last transfer that failed; 0: none has */

int fileblk_last_error(void)
{
    return __atomic_load_n(&last_error, __ATOMIC_RELAXED);
}

static struct fileblk *disk_of(struct blk_dev *dev)
{
    return (struct fileblk *)((char *)dev - offsetof(struct fileblk, dev));
}

static void count(uint64_t *counter, uint64_t more)
{
    __atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

/* Drop the first DONE bytes of the COUNT pieces at *VECTOR. Returns how many pieces are left. */
static int advance(struct iovec **vector, int pieces, size_t done)
{
    while (pieces > 0 && done >= (*vector)->iov_len) {
        done -= (*vector)->iov_len;
        (*vector)++;
        pieces--;
    }
    if (pieces > 0) {
        (*vector)->iov_base = (char *)(*vector)->iov_base + done;
        (*vector)->iov_len -= done;
    }
    return pieces;
}

/* One system call. For a single piece the plain calls are cheaper: a check reads thousands. */
static ssize_t move_once(int fd, bool write, const struct iovec *vector, int pieces, off_t offset)
{
    if (pieces == 1 && !write) {
        return pread(fd, vector->iov_base, vector->iov_len, offset);
    }
    return write ? pwritev(fd, vector, pieces, offset) : preadv(fd, vector, pieces, offset);
}

/* A system call may move fewer bytes than asked, or be interrupted. */
static int32_t move(int fd, bool write, struct iovec *vector, int pieces, off_t offset)
{
    while (pieces > 0) {
        ssize_t done = move_once(fd, write, vector, pieces, offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) { /* 0: the file has become shorter */
            __atomic_store_n(&last_error, done < 0 ? errno : EIO, __ATOMIC_RELAXED);
            return BLK_EIO;
        }
        offset += done;
        pieces = advance(&vector, pieces, (size_t)done);
    }
    return 0;
}

static int32_t transfer(struct fileblk *disk, const struct blk_req *req)
{
    struct iovec vector[MAX_SEG];
    bool write = req->op == BLK_WRITE;
    uint64_t bytes = 0;

    if (req->nsect > disk->dev.nsect || req->lba > disk->dev.nsect - req->nsect) {
        return BLK_ENXIO;
    }
    if (write && disk->dev.ro) {
        return BLK_EROFS;
    }
    if (req->nseg > MAX_SEG) {
        return BLK_EINVAL;
    }
    for (unsigned i = 0; i < req->nseg; i++) {
        vector[i] = (struct iovec){req->seg[i].va, req->seg[i].len};
        bytes += req->seg[i].len;
    }
    if (bytes != (uint64_t)req->nsect * BLK_SECTOR) {
        return BLK_EINVAL;
    }
    count(write ? &disk->dev.writes : &disk->dev.reads, 1);
    count(write ? &disk->dev.sectors_written : &disk->dev.sectors_read, req->nsect);
    if (write && disk->show_progress) {
        progress_add(bytes);
    }
    return move(disk->fd, write, vector, req->nseg, (off_t)(disk->start + req->lba * BLK_SECTOR));
}

static int32_t carry_out(struct fileblk *disk, const struct blk_req *req)
{
    switch (req->op) {
    case BLK_READ:
    case BLK_WRITE:
        return transfer(disk, req);
    case BLK_FLUSH:
        count(&disk->dev.flushes, 1);
        return !disk->dev.volatile_cache || fdatasync(disk->fd) == 0 ? 0 : BLK_EIO;
    default:
        return BLK_EOPNOTSUPP;
    }
}

static int submit(struct blk_dev *dev, struct blk_req *list)
{
    for (struct blk_req *next; list != NULL; list = next) {
        next = list->next;
        list->status = carry_out(disk_of(dev), list);
        if (list->status < 0) {
            count(&dev->errors, 1);
        }
        if (list->done != NULL) {
            list->done(list);
        }
    }
    return 0;
}

static int poll(struct blk_dev *dev, int budget)
{
    (void)dev, (void)budget; /* nothing is ever left to be completed */
    return 0;
}

static int wait(struct blk_dev *dev, struct blk_req *req)
{
    (void)dev;
    return req->status;
}

void fileblk_init(struct fileblk *disk, const char *name, int fd, uint64_t first_lba,
                  uint64_t sectors, unsigned flags)
{
    static const struct blk_ops ops = {submit, poll, wait};

    *disk = (struct fileblk){
        .dev = {.ops = &ops,
                .name = name,
                .nsect = sectors,
                .lbs = BLK_SECTOR,
                .max_seg = MAX_SEG,
                .max_sect = MAX_SECT,
                .queue_depth = 1,
                .ro = (flags & FILEBLK_READ_ONLY) != 0,
                .volatile_cache = (flags & FILEBLK_NO_FLUSH) == 0},
        .fd = fd,
        .start = first_lba * BLK_SECTOR,
    };
}
