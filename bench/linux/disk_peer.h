/* disk_peer.h - what bench/kernel/disk.c measures in our kernel, measured in a Linux guest. */
#ifndef SECTOR0_BENCH_LINUX_DISK_PEER_H
#define SECTOR0_BENCH_LINUX_DISK_PEER_H

/*
 * Measure DEVICE, or, if it is NULL, load the drivers from /modules and measure the first disk with
 * the scratch mark. Prints a BENCH line for each workload. Returns NULL, or what has failed.
 */
const char *disk_peer(const char *device);

#endif
