/* SPDX-License-Identifier: Apache-2.0
 *
 * Print what compiled kernels compute: kernels LIBRARY. A build for another processor is run with
 * its emulator, and must print the same.
 */
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define GRID 64
#define SIDE 16
#define ROWS 5000

static uint64_t state = 7;

static uint64_t number(void) { /* splitmix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void *find(void *library, const char *name) {
    void *function = dlsym(library, name);
    if (!function) {
        fprintf(stderr, "no %s\n", name);
        exit(1);
    }
    return function;
}

int main(int count, char **words) {
    void *library = count == 2 ? dlopen(words[1], RTLD_NOW) : NULL;
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    int32_t (*quality)(const float *) = find(library, "pdq_quality");
    void (*hash)(const float *, const float *, const float *, uint8_t *) = find(library, "pdq_hash");
    int32_t (*band)(int32_t) = find(library, "pdq_band");
    void (*filter)(int32_t, int32_t *, double *) = find(library, "pdq_filter");
    int64_t (*near)(const uint64_t *, int64_t, const uint64_t *, int64_t, uint32_t, void *, int64_t) =
        find(library, "frames_near");
    void (*prepare)(void) = find(library, "hamming_prepare");
    void (*sort)(const uint64_t *, int64_t, int32_t, int32_t, const uint32_t *, uint32_t *,
                 uint32_t *, uint16_t *) = find(library, "hamming_sort");

    static float grid[GRID * GRID], cosines[SIDE * GRID], turned[GRID * SIDE];
    for (int i = 0; i < GRID * GRID; i++) grid[i] = (float)(number() % 256);
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < GRID; j++)
            cosines[i * GRID + j] = turned[j * SIDE + i] =
                (float)(0.17677669529663687 * cos(3.14159265358979 / 128 * (i + 1) * (2 * j + 1)));
    uint8_t bytes[32];
    hash(grid, cosines, turned, bytes);
    printf("pdq %d ", quality(grid));
    for (int i = 0; i < 32; i++) printf("%02x", bytes[i]);

    static int32_t places[GRID];
    static union {
        double weight;
        uint64_t bits;
    } weights[GRID * GRID];
    uint64_t all = 0;
    for (int32_t side = 5; side < 4000; side += 31) {
        filter(side, places, &weights[0].weight);
        for (int i = 0; i < GRID; i++) all = all * 31 + (uint64_t)places[i];
        for (int i = 0; i < GRID * band(side); i++) all = all * 31 + weights[i].bits;
    }
    printf("\nfilter %016llx", (unsigned long long)all);

    static uint64_t rows[ROWS], pairs[2 * ROWS];
    for (int i = 0; i < ROWS; i++) rows[i] = number() & number();
    int64_t found = near(rows, ROWS, rows + 9, 1, 14, pairs, ROWS);
    uint64_t sum = 0;
    for (int64_t i = 0; i < 2 * found; i++) sum = sum * 31 + pairs[i];
    printf("\nnear %lld %016llx\n", (long long)found, (unsigned long long)sum);

    static uint32_t starts[65537], order[ROWS / 4];
    static uint16_t partner[ROWS / 4 + 32];
    prepare();
    sort(rows, ROWS / 4, 4, 3, NULL, starts, order, partner);
    for (int i = 0; i < ROWS / 4; i++) sum = sum * 31 + order[i] + partner[i];
    printf("tables %016llx\n", (unsigned long long)sum);
    return 0;
}
