/* SPDX-License-Identifier: Apache-2.0
 *
 * PDQ out of brightness: blur and sample a picture to 64 x 64, then 256 bits and a quality.
 *
 * stemtide.fingerprints.pdq explains the whole and lays out the filter. No sum is left for the
 * compiler to reorder or to fuse, so that every processor gives the same bits for the same pixels.
 *
 * No libc, no allocation, no state: callers own all memory, and may call from many threads.
 */
#include <stdint.h>

#pragma STDC FP_CONTRACT OFF

#define EXPORT __attribute__((visibility("default")))
#define GRID 64
#define SIDE 16          /* coefficients a side */
#define BITS (SIDE * SIDE)
#define HASH_BYTES (BITS / 8)
#define STEP 4           /* rows that are summed in one pass */
#define LANES 16
#define ORIENTATIONS 8
#define NOTHING 1e-9     /* smaller weights are rounding errors of zero */

static inline int32_t smaller(int32_t one, int32_t other) { return one < other ? one : other; }
static inline int32_t larger(int32_t one, int32_t other) { return one > other ? one : other; }

/* The reference's box filter: pixels under the box, and those of them before its centre. */
static inline int32_t window_of(int32_t full) { return (full + 127) / 128; }
static inline int32_t behind_of(int32_t full) { return window_of(full) - (window_of(full) + 2) / 2; }

/* Return how many pixels two passes of the box filter sum up, on a side of `full` pixels. */
EXPORT int32_t pdq_band(int32_t full) { return 2 * window_of(full) - 1; }

/* Along one side: sample i is the sum of weights[i * band + k] x pixel starts[i] + k, k < band. */
typedef struct {
    const int32_t *starts; /* GRID */
    const float *weights;  /* GRID x band */
    int32_t given;         /* pixels of this side */
    int32_t band;          /* a multiple of LANES; weights past the last pixel are zero */
} Filter;

/* The filter of one sample: two passes of a box filter, at the places around its centre. Each box
 * is a step up where it begins and a step down where it ends; the steps are summed up.
 *
 * weights: of the pixels `start` to start + band, written. They sum to 1.
 */
static void sum_boxes(double *weights, int32_t full, int32_t centre, int32_t start) {
    int32_t band = pdq_band(full);
    int32_t behind = behind_of(full), ahead = window_of(full) - behind;
    int32_t begin = larger(centre - behind, 0), end = smaller(centre + ahead, full);
    for (int32_t k = 0; k < band; k++) weights[k] = 0;
    for (int32_t place = begin; place < end; place++) {
        int32_t low = larger(place - behind, 0), high = smaller(place + ahead, full);
        weights[low - start] += 1.0 / ((double)(end - begin) * (high - low));
    }
    for (int32_t place = begin; place < end; place++) {
        int32_t low = larger(place - behind, 0), high = smaller(place + ahead, full);
        if (high - start < band) weights[high - start] -= 1.0 / ((double)(end - begin) * (high - low));
    }
    double sum = 0;
    for (int32_t k = 0; k < band; k++) {
        sum += weights[k];
        weights[k] = sum < NOTHING ? 0 : sum;
    }
}

/* Compute the weights of two passes of the reference's box filter at the sampled places. Windows
 * that extend beyond the edge are cut and divided by their remaining size: they do so at the first
 * and at the last sample alone, so that all between have the same weights.
 *
 * full:    pixels of this side.
 * starts:  GRID, written.
 * weights: GRID x pdq_band(full), written.
 */
EXPORT void pdq_filter(int32_t full, int32_t *starts, double *weights) {
    int32_t band = pdq_band(full);
    for (int32_t i = 0; i < GRID; i++) {
        int32_t centre = (int32_t)((2 * i + 1) * (int64_t)full / (2 * GRID));
        double *sample = weights + (int64_t)i * band;
        starts[i] = smaller(larger(centre - 2 * behind_of(full), 0), full - band);
        if (i < 2 || i == GRID - 1)
            sum_boxes(sample, full, centre, starts[i]);
        else
            for (int32_t k = 0; k < band; k++) sample[k] = sample[k - band];
    }
}

/* Sum a band of rows, whole rows at a time: so memory is read in its order. Four of them share a
 * pass over the sums, which are added to in the order of the rows all the same. */
static void sum_rows(float *restrict sums, const uint8_t *luma, int64_t stride, int32_t rows,
                     const float *weights, int32_t width) {
    int32_t k = 0;
    for (int32_t x = 0; x < width; x++) sums[x] = 0;
    for (; k + STEP <= rows; k += STEP) {
        const uint8_t *row = luma + k * stride;
        for (int32_t x = 0; x < width; x++) {
            float sum = sums[x];
            for (int s = 0; s < STEP; s++) sum += weights[k + s] * (float)row[s * stride + x];
            sums[x] = sum;
        }
    }
    for (; k < rows; k++)
        for (int32_t x = 0; x < width; x++)
            sums[x] += weights[k] * (float)luma[k * stride + x];
}

/* Blur and sample.
 *
 * luma:   rows of bytes, `stride` apart.
 * line:   width + columns->band floats to work in.
 * grid:   GRID x GRID, written.
 */
EXPORT void pdq_shrink(const uint8_t *luma, int64_t stride, const Filter *down,
                       const Filter *across, float *line, float *grid) {
    int32_t width = across->given;
    for (int32_t x = 0; x < across->band; x++) line[width + x] = 0;
    for (int i = 0; i < GRID; i++) {
        const uint8_t *top = luma + down->starts[i] * stride;
        int32_t rows = down->given - down->starts[i];
        if (rows > down->band) rows = down->band;
        sum_rows(line, top, stride, rows, down->weights + (int64_t)i * down->band, width);
        for (int j = 0; j < GRID; j++) {
            const float *place = line + across->starts[j];
            const float *weight = across->weights + (int64_t)j * across->band;
            float lane[LANES] = {0};
            for (int32_t k = 0; k < across->band; k += LANES)
                for (int l = 0; l < LANES; l++) lane[l] += weight[k + l] * place[k + l];
            for (int half = LANES / 2; half; half /= 2)
                for (int l = 0; l < half; l++) lane[l] += lane[l + half];
            grid[i * GRID + j] = lane[0];
        }
    }
}

/* The SIDE x SIDE lowest cosine coefficients without the constant ones: cosines x grid x turned. */
static void transform(float *restrict out, const float *grid, const float *cosines,
                      const float *turned) {
    for (int i = 0; i < SIDE; i++) {
        float line[GRID] = {0};
        float sums[SIDE] = {0};
        for (int k = 0; k < GRID; k++) {
            float cosine = cosines[i * GRID + k];
            for (int x = 0; x < GRID; x++) line[x] += cosine * grid[k * GRID + x];
        }
        for (int k = 0; k < GRID; k++)
            for (int j = 0; j < SIDE; j++) sums[j] += line[k] * turned[k * SIDE + j];
        for (int j = 0; j < SIDE; j++) out[i * SIDE + j] = sums[j];
    }
}

/* Set a bit for each coefficient above the lower median; the first one is the last bit. */
static void pack(uint8_t *hash, const float *coefficients) {
    uint32_t order[BITS]; /* the same order as the floats', in whole numbers */
    for (int n = 0; n < BITS; n++) {
        union {
            float number;
            uint32_t bits;
        } one = {coefficients[n] + 0.0f}; /* no negative zero */
        order[n] = one.bits & 0x80000000u ? ~one.bits : one.bits | 0x80000000u;
    }
    uint32_t median = 0; /* the largest number with fewer than half of all below it */
    for (int bit = 31; bit >= 0; bit--) {
        uint32_t tried = median | 1u << bit;
        uint32_t below = 0;
        for (int n = 0; n < BITS; n++) below += order[n] < tried;
        if (below < BITS / 2) median = tried;
    }
    for (int byte = 0; byte < HASH_BYTES; byte++) {
        unsigned packed = 0;
        for (int bit = 0; bit < 8; bit++)
            packed |= (unsigned)(order[(HASH_BYTES - 1 - byte) * 8 + bit] > median) << bit;
        hash[byte] = (uint8_t)packed;
    }
}

static float steps(const float *one, const float *other, int count) {
    float lane[LANES] = {0};
    for (int k = 0; k < count; k += LANES)
        for (int l = 0; l < LANES && k + l < count; l++)
            lane[l] += __builtin_fabsf(__builtin_truncf((other[k + l] - one[k + l]) * 100.0f / 255.0f));
    float sum = 0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

/* The sum of all gradients, in whole hundredths of white, by 90, at most 100. */
EXPORT int32_t pdq_quality(const float *grid) {
    float sum = 0;
    for (int i = 0; i < GRID; i++) {
        if (i + 1 < GRID) sum += steps(grid + i * GRID, grid + (i + 1) * GRID, GRID);
        sum += steps(grid + i * GRID, grid + i * GRID + 1, GRID - 1);
    }
    return sum >= 9000.0f ? 100 : sum > 0 ? (int32_t)sum / 90 : 0;
}

/* Hash a grid as it is.
 *
 * cosines: SIDE x GRID; turned: the same as GRID x SIDE.
 * hash:    HASH_BYTES, written.
 */
EXPORT void pdq_hash(const float *grid, const float *cosines, const float *turned, uint8_t *hash) {
    float coefficients[BITS];
    transform(coefficients, grid, cosines, turned);
    pack(hash, coefficients);
}

/* Hash a grid in all orientations: mirroring changes the sign of the odd frequencies, turning
 * swaps rows and columns as well. hashes: ORIENTATIONS x HASH_BYTES, written. */
EXPORT void pdq_dihedral(const float *grid, const float *cosines, const float *turned,
                         uint8_t *hashes) {
    static const uint8_t by_row[ORIENTATIONS] = {0, 0, 1, 1, 1, 0, 0, 1};
    static const uint8_t by_column[ORIENTATIONS] = {0, 1, 1, 0, 0, 1, 0, 1};
    static const uint8_t swaps[ORIENTATIONS] = {0, 1, 0, 1, 0, 0, 1, 1};
    float as_is[BITS], changed[BITS];
    transform(as_is, grid, cosines, turned);
    for (int o = 0; o < ORIENTATIONS; o++) {
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                int is_odd = (by_row[o] & ~i & 1) ^ (by_column[o] & ~j & 1);
                float one = is_odd ? -as_is[i * SIDE + j] : as_is[i * SIDE + j];
                changed[swaps[o] ? j * SIDE + i : i * SIDE + j] = one;
            }
        pack(hashes + o * HASH_BYTES, changed);
    }
}
