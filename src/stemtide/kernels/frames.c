/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of videos that are near: pairs of 64-bit words within a few bits of each other, or of each
 * other's complement. A plain scan: at these distances tables would have to look at nearly all.
 *
 * No libc, no allocation, no state: callers own all memory, and may call from many threads.
 */
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define BLOCK 2048 /* rows that stay in the first-level cache while all queries pass */
#define STRIDE 64  /* rows that are looked at one by one if any of them is near */
#define BITS 64

typedef struct {
    int64_t row;
    uint32_t query;
    uint32_t bits;
} Pair;

/* Adding and wrapping at 64 puts both ends of 0..64 side by side, in 0..2 * within. */
static inline uint64_t place(uint64_t row, uint64_t query, uint64_t within) {
    return ((uint64_t)__builtin_popcountll(row ^ query) + within) & (BITS - 1);
}

static inline int64_t look(const uint64_t *rows, int64_t first, int64_t count, uint64_t query,
                           uint32_t number, uint32_t within, Pair *out, int64_t room,
                           int64_t found) {
    for (int64_t i = first; i < first + count; i++) {
        if (place(rows[i], query, within) > 2 * within) continue;
        if (found < room)
            out[found] = (Pair){i, number, (uint32_t)__builtin_popcountll(rows[i] ^ query)};
        found++;
    }
    return found;
}

/* Find the pairs. within: 0..31. Returns how many there are; no more than `room` are written. */
EXPORT int64_t frames_near(const uint64_t *rows, int64_t count, const uint64_t *queries,
                           int64_t query_count, uint32_t within, Pair *out, int64_t room) {
    int64_t found = 0;
    for (int64_t block = 0; block < count; block += BLOCK) {
        int64_t end = block + BLOCK < count ? block + BLOCK : count;
        for (int64_t q = 0; q < query_count; q++) {
            int64_t i = block;
            for (; i + STRIDE <= end; i += STRIDE) {
                uint64_t nearest = BITS;
                for (int k = 0; k < STRIDE; k++) {
                    uint64_t at = place(rows[i + k], queries[q], within);
                    nearest = at < nearest ? at : nearest;
                }
                if (nearest <= 2 * within)
                    found = look(rows, i, STRIDE, queries[q], (uint32_t)q, within, out, room, found);
            }
            found = look(rows, i, end - i, queries[q], (uint32_t)q, within, out, room, found);
        }
    }
    return found;
}
