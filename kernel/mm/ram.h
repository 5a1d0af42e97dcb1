/*
 * ram.h - start-up's way through the memory map: what is really there is put into the direct map,
 * gets its struct frames, and at last belongs to the frame allocator.
 */
#ifndef SECTOR0_KERNEL_MM_RAM_H
#define SECTOR0_KERNEL_MM_RAM_H

#include <stdint.h>

/*
 * Map all RAM and its struct frames, zeroed. What is usable by the map but does not keep what is
 * written to it, lies beyond FRAME_LIMIT or CPU_END, where the CPU's addresses end, or has no room
 * for its struct frames, is taken out of the map and logged. Returns how many frames the struct
 * frames take. Context: start-up, own page tables loaded.
 */
uint64_t ram_map_all(uint64_t cpu_end);

/*
 * Give all usable memory that start-up has not taken, and the loader's, to the frame allocator.
 * Context: start-up, after ram_map_all; nothing of the loader's is needed any more.
 */
void ram_give_to_frames(void);

/*
 * A frame, contents undefined, from start-up's reserve or else from the frame allocator; FRAME_NONE
 * if memory is short. For what is never given back, such as page tables. Context: any.
 */
uint64_t ram_take_frame(void);

#endif
