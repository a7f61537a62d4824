/* SPDX-License-Identifier: Apache-2.0
 *
 * Every row within a Hamming distance of a query, exactly, without looking at every row.
 *
 * A row has `words` 64-bit words: 4 (a PDQ hash) or 1. It is cut into chunks of 16 bits, and two
 * chunks make a part. A segment has a table for each chunk: its rows in the order of that chunk's
 * value, with the value of the partner (the other chunk of the part) beside it. A query reads,
 * of each table, the buckets within a radius of its own chunk, compares 16 bits of each row there,
 * and measures only rows whose part is near. docs/understand/matching.md proves that this finds
 * every row: radii add up to distance - chunks + 1, and of the parts to distance - parts + 1.
 *
 * No libc, no allocation, no state: callers own all memory, and may call from many threads.
 */
#include <stddef.h>
#include <stdint.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define EXPORT __attribute__((visibility("default")))
#define CHUNK_BITS 16
#define BUCKETS 65536
#define MAX_CHUNKS 16
#define MAX_BITS 64     /* no distance asked for is wider */
#define MAX_RADIUS 6    /* no plan takes a ball wider than this around a chunk */
#define BALL_1 17       /* values within 1 bit of a chunk */
#define NO_OWN 255      /* a row without a distance of its own */
#define RING 4          /* look-ups in flight in one thread */
#define SIMPLE_RANGES (MAX_CHUNKS * BALL_1)
#define SEEN 1024       /* a power of 2 */
#define PASSERS 256     /* rows whose part is near, that one look-up in flight can hold */

typedef struct {
    int64_t rows_count;      /* all rows; those from `tabled` on are compared one by one */
    int64_t tabled;
    const uint64_t *rows;    /* rows_count x words */
    const int64_t *keys;     /* rows_count, or NULL: the key of a row is its number */
    const uint8_t *own_bits; /* rows_count, NO_OWN for none, or NULL: no row has one */
    const uint64_t *gone;    /* a bit a row, or NULL: none has gone */
    const uint32_t *starts;  /* tables x (BUCKETS + 1) */
    const uint32_t *order;   /* tables x tabled: row numbers by bucket, or NULL: they are packed */
    const uint16_t *partner; /* tables x tabled: the partner chunk of each, and 64 bytes to spare */
    int32_t words;
    int32_t tables;          /* the first so many chunks have tables */
    int32_t reach_bits;      /* no tabled row has a distance of its own wider than this */
    int32_t unused;
    const uint8_t *packed;   /* see packed_row; (tables / 2 - 1) x tabled x 3 */
} Segment;

typedef struct {
    int64_t key;
    uint32_t query;
    uint32_t distance_bits;
} Hit;

typedef struct {
    Hit *hits;
    int64_t capacity;
    int64_t found; /* may exceed capacity: then the caller comes again with more room */
} Found;

typedef struct {
    uint32_t first, stop;
    uint16_t partner;
    int16_t within_bits;
    uint16_t bucket;
    int16_t table;
} Range;

typedef struct {
    const Segment *segment;
    const uint64_t *query;
    uint32_t number;
    int32_t reach_bits;
    int32_t is_slow;
    int32_t ranges_count, passers_count;
    int64_t measured; /* rows whose part was near, as often as they were met */
    Range ranges[SIMPLE_RANGES];
    uint32_t passer[PASSERS];     /* place in the table, then row number */
    uint8_t passer_table[PASSERS];
    uint16_t passer_bucket[PASSERS];
    int8_t radius[MAX_CHUNKS];
    int32_t seen_count;
    uint32_t seen[SEEN]; /* row + 1: rows met already, as far as there is room */
} Lookup;

/* -- flips: all 16-bit masks by number of ones ------------------------------------------------ */

static uint16_t flip_of[BUCKETS];
static int32_t ball_size[CHUNK_BITS + 2]; /* how many masks have at most r ones */

/* To be called once, before anything else. */
EXPORT void hamming_prepare(void) {
    int32_t filled = 0;
    for (int ones = 0; ones <= CHUNK_BITS; ones++) {
        for (uint32_t mask = 0; mask < BUCKETS; mask++)
            if (__builtin_popcount(mask) == ones) flip_of[filled++] = (uint16_t)mask;
        ball_size[ones] = filled;
    }
}

static inline uint16_t chunk_of(const uint64_t *row, int chunk) {
    return (uint16_t)(row[chunk >> 2] >> ((chunk & 3) * CHUNK_BITS));
}

static inline int measure(const uint64_t *a, const uint64_t *b, int words) {
    int bits = __builtin_popcountll(a[0] ^ b[0]);
    for (int w = 1; w < words; w++) bits += __builtin_popcountll(a[w] ^ b[w]);
    return bits;
}

static inline int is_gone(const Segment *s, int64_t row) {
    return s->gone && (s->gone[row >> 6] >> (row & 63) & 1);
}

static void keep(Found *out, const Segment *s, int64_t row, uint32_t query, int bits, int asked) {
    int own = s->own_bits ? s->own_bits[row] : NO_OWN;
    if (bits > (own == NO_OWN ? asked : own) || is_gone(s, row)) return;
    if (out->found < out->capacity)
        out->hits[out->found] = (Hit){s->keys ? s->keys[row] : row, query, (uint32_t)bits};
    out->found++;
}

/* -- building --------------------------------------------------------------------------------- */

/* Sort the rows into the table of one chunk. starts: BUCKETS + 1; order, partner: count.
 *
 * before: rows of one bucket are in this order; NULL: by their number.
 * partner: NULL: it is not written.
 */
EXPORT void hamming_sort(const uint64_t *rows, int64_t count, int32_t words, int32_t chunk,
                         const uint32_t *before, uint32_t *starts, uint32_t *order,
                         uint16_t *partner) {
    for (int b = 0; b <= BUCKETS; b++) starts[b] = 0;
    for (int64_t row = 0; row < count; row++) starts[chunk_of(rows + row * words, chunk) + 1]++;
    for (int b = 0; b < BUCKETS; b++) starts[b + 1] += starts[b];
    for (int64_t i = 0; i < count; i++) {
        int64_t row = before ? before[i] : i;
        const uint64_t *bits = rows + row * words;
        uint32_t place = starts[chunk_of(bits, chunk)]++;
        order[place] = (uint32_t)row;
        if (partner) partner[place] = chunk_of(bits, chunk ^ 1);
    }
    for (int b = BUCKETS; b > 0; b--) starts[b] = starts[b - 1];
    starts[0] = 0;
}

/* -- comparing one by one --------------------------------------------------------------------- */

static void scan(Found *out, const Segment *s, const uint64_t *query, uint32_t number, int64_t first,
                 int asked) {
    int words = s->words;
    int64_t row = first;
#if defined(__AVX512VPOPCNTDQ__)
    if (words == 4) {
        __m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)query));
        for (; row + 8 <= s->rows_count; row += 8) {
            const uint64_t *bits = s->rows + row * 4;
            __m512i a = _mm512_popcnt_epi64(_mm512_xor_si512(twice, _mm512_loadu_si512(bits)));
            __m512i b = _mm512_popcnt_epi64(_mm512_xor_si512(twice, _mm512_loadu_si512(bits + 8)));
            __m512i c = _mm512_popcnt_epi64(_mm512_xor_si512(twice, _mm512_loadu_si512(bits + 16)));
            __m512i d = _mm512_popcnt_epi64(_mm512_xor_si512(twice, _mm512_loadu_si512(bits + 24)));
            /* lane sums of pairs: after this, 64-bit lanes hold rows in the order 0 2 1 3 ... */
            __m512i ab = _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
            __m512i cd = _mm512_add_epi64(_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
            /* ab: a0 b0 | a1 b1 | a2 b2 | a3 b3 with halves of rows; add neighbouring 128-bit lanes */
            __m512i sums = _mm512_add_epi64(_mm512_shuffle_i64x2(ab, cd, 0x88),
                                            _mm512_shuffle_i64x2(ab, cd, 0xdd));
            /* sums: (a row0, b row0, a row1, b row1, c row0, d row0, c row1, d row1) */
            uint64_t near[8];
            _mm512_storeu_si512(near, sums);
            static const uint8_t place[8] = {0, 2, 1, 3, 4, 6, 5, 7};
            __mmask8 any = _mm512_cmple_epi64_mask(sums, _mm512_set1_epi64(MAX_BITS));
            while (any) {
                int lane = __builtin_ctz(any);
                any &= any - 1;
                keep(out, s, row + place[lane], number, (int)near[lane], asked);
            }
        }
    }
#endif
    for (; row < s->rows_count; row++)
        keep(out, s, row, number, measure(s->rows + row * words, query, words), asked);
}

/* -- a plan: how far to look around each chunk -------------------------------------------------- */

static int32_t spread_evenly(const Segment *s, int reach_bits, int8_t *radius) {
    int chunks = 4 * s->words;
    int total = reach_bits - chunks + 1; /* may be negative: then some chunks are left out */
    int widest = -1;
    for (int c = 0; c < chunks; c++) {
        int each = (total + chunks) / chunks - 1, more = (total + chunks) % chunks;
        radius[c] = (int8_t)(each + (c < more));
        if (radius[c] > widest) widest = radius[c];
    }
    return widest;
}

/* With fewer tables than chunks, each distance takes one more: radius 0 in the first, and no others. */
static inline int has_tables_for(const Segment *s, int reach_bits) {
    return s->tables == 4 * s->words || reach_bits < s->tables;
}

static inline int within_part(const int8_t *radius, int chunk) {
    return radius[chunk] + radius[chunk ^ 1] + 1;
}

/* Is this the table in which a row is met first? Then it is told there and nowhere else. */
static int is_first(const Lookup *l, const uint64_t *row, int table) {
    for (int c = 0; c < table; c++) {
        if (l->radius[c] < 0) continue;
        int own = __builtin_popcount(chunk_of(row, c) ^ chunk_of(l->query, c));
        if (own > l->radius[c]) continue;
        int other = __builtin_popcount(chunk_of(row, c ^ 1) ^ chunk_of(l->query, c ^ 1));
        if (own + other <= within_part(l->radius, c)) return 0;
    }
    return 1;
}

/* Measure the rows that were asked for, and keep the near ones. */
static void verify(Found *out, Lookup *l, int asked) {
    const Segment *s = l->segment;
    uint8_t distance[PASSERS];
    int32_t near = 0;
    for (int32_t i = 0; i < l->passers_count; i++) {
        uint32_t row = l->passer[i];
        const uint64_t *bits = s->rows + (int64_t)row * s->words;
        int apart = measure(bits, l->query, s->words);
        if (apart > l->reach_bits || !is_first(l, bits, l->passer_table[i])) continue;
        if (s->own_bits) __builtin_prefetch(s->own_bits + row, 0, 3);
        if (s->keys) __builtin_prefetch(s->keys + row, 0, 3);
        l->passer[near] = row;
        distance[near++] = (uint8_t)apart;
    }
    for (int32_t i = 0; i < near; i++) keep(out, s, l->passer[i], l->number, distance[i], asked);
    l->passers_count = 0;
}

/* Many rows seem near and are measured: comparing all one by one would have been quicker. */
static inline int is_hopeless(const Lookup *l) {
    return l->measured * 32 > l->segment->tabled + 131072;
}

/* Forget which rows were met. */
static void begin(Lookup *l) {
    l->measured = l->passers_count = 0;
    if (l->seen_count)
        for (int i = 0; i < SEEN; i++) l->seen[i] = 0;
    l->seen_count = 0;
}

/* Was this row met in an earlier table? If it was forgotten, `is_first` tells. */
static inline int was_met(Lookup *l, uint32_t row) {
    uint32_t at = (row * 2654435761u) >> 22;
    for (; l->seen[at]; at = (at + 1) % SEEN)
        if (l->seen[at] == row + 1) return 1;
    if (l->seen_count < SEEN / 2) l->seen[at] = row + 1, l->seen_count++;
    return 0;
}

/* -- packed segments: the row numbers of one table in two, in three bytes each ------------------- */

static inline const uint8_t *packed_number(const Segment *s, int table, uint32_t place) {
    return s->packed + ((int64_t)(table / 2 - 1) * s->tabled + place) * 3;
}

/* The first place from `first` on, before `stop`, whose partner is not below a value. */
static inline uint32_t lower_bound(const uint16_t *partner, uint32_t first, uint32_t stop,
                                   uint16_t value) {
    while (first < stop) {
        uint32_t middle = first + (stop - first) / 2;
        if (partner[middle] < value)
            first = middle + 1;
        else
            stop = middle;
    }
    return first;
}

/* The row at a place in a table of a packed segment.
 *
 * Its tables are sorted by the chunk, then by the partner, then by the row's number. So the rows of
 * one part are a run in both tables of the part, in the same order: odd tables have no numbers, and
 * use those of the other table. Rows are numbered as table 0 is sorted, so that has none either.
 */
static uint32_t packed_row(const Segment *s, int table, uint32_t place, uint16_t bucket) {
    if (table & 1) {
        const uint16_t *partners = s->partner + (int64_t)table * s->tabled;
        const uint32_t *starts = s->starts + (int64_t)table * (BUCKETS + 1);
        uint16_t other = partners[place];
        uint32_t run = lower_bound(partners, starts[bucket], place, other);
        table ^= 1;
        partners = s->partner + (int64_t)table * s->tabled;
        starts = s->starts + (int64_t)table * (BUCKETS + 1);
        place = place - run + lower_bound(partners, starts[other], starts[other + 1], bucket);
    }
    if (!table) return place;
    const uint8_t *three = packed_number(s, table, place);
    return three[0] | (uint32_t)three[1] << 8 | (uint32_t)three[2] << 16;
}

static inline uint32_t row_at(const Lookup *l, int32_t passer) {
    const Segment *s = l->segment;
    int table = l->passer_table[passer];
    uint32_t place = l->passer[passer];
    if (s->order) return s->order[(int64_t)table * s->tabled + place];
    return packed_row(s, table, place, l->passer_bucket[passer]);
}

static void ask_for_numbers(const Lookup *l) {
    const Segment *s = l->segment;
    for (int32_t i = 0; i < l->passers_count; i++) {
        int64_t table = l->passer_table[i];
        uint32_t place = l->passer[i];
        if (s->order)
            __builtin_prefetch(s->order + table * s->tabled + place, 0, 3);
        else if (table & 1)
            __builtin_prefetch(s->starts + (table ^ 1) * (BUCKETS + 1) +
                                   s->partner[table * s->tabled + place], 0, 3);
        else if (table)
            __builtin_prefetch(packed_number(s, (int)table, place), 0, 3);
    }
}

/* Put row numbers in the place of places, leave out rows met before, and ask for the others. */
static void ask_for_rows(Lookup *l) {
    const Segment *s = l->segment;
    int32_t kept = 0;
    for (int32_t i = 0; i < l->passers_count; i++) {
        uint32_t row = row_at(l, i);
        if (was_met(l, row)) continue;
        l->passer[kept] = row;
        l->passer_table[kept++] = l->passer_table[i];
        __builtin_prefetch(s->rows + (int64_t)row * s->words, 0, 3);
    }
    l->measured += l->passers_count;
    l->passers_count = kept;
}

/* Measure the rows that passed, and keep the near ones. */
static void flush(Found *out, Lookup *l, int asked) {
    ask_for_numbers(l);
    ask_for_rows(l);
    verify(out, l, asked);
}

static inline void pass(Lookup *l, uint32_t place, const Range *r) {
    l->passer[l->passers_count] = place;
    l->passer_bucket[l->passers_count] = r->bucket;
    l->passer_table[l->passers_count++] = (uint8_t)r->table;
}

/* Note the places in a range whose partner is near; measure those rows when there are many. */
static inline void sift(Found *out, Lookup *l, const Range *r, int asked) {
    const uint16_t *partner = l->segment->partner + (int64_t)r->table * l->segment->tabled;
    uint32_t at = r->first;
#if defined(__AVX512BITALG__) && defined(__AVX512BW__)
    __m512i wanted = _mm512_set1_epi16((int16_t)r->partner);
    __m512i within = _mm512_set1_epi16(r->within_bits);
    for (; at < r->stop; at += 32) {
        uint32_t left = r->stop - at;
        __mmask32 there = left >= 32 ? 0xffffffffu : (1u << left) - 1;
        __m512i seen = _mm512_maskz_loadu_epi16(there, partner + at);
        __m512i apart = _mm512_popcnt_epi16(_mm512_xor_si512(seen, wanted));
        __mmask32 near = _mm512_mask_cmple_epi16_mask(there, apart, within);
        if (!near) continue;
        if (l->passers_count > PASSERS - 32) {
            flush(out, l, asked);
            if (is_hopeless(l)) return;
        }
        for (; near; near &= near - 1) pass(l, at + (uint32_t)__builtin_ctz(near), r);
    }
#elif defined(__AVX2__)
    const __m256i ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2,
                                          1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15), bytes = _mm256_set1_epi16(255);
    __m256i wanted = _mm256_set1_epi16((int16_t)r->partner);
    __m256i within = _mm256_set1_epi16(r->within_bits);
    for (; at < r->stop; at += 16) {
        uint32_t left = r->stop - at;
        __m256i seen = _mm256_loadu_si256((const __m256i *)(partner + at)); /* 64 bytes to spare */
        __m256i x = _mm256_xor_si256(seen, wanted);
        __m256i n = _mm256_add_epi8(_mm256_shuffle_epi8(ones, _mm256_and_si256(x, low)),
                                    _mm256_shuffle_epi8(ones, _mm256_and_si256(
                                                                  _mm256_srli_epi16(x, 4), low)));
        __m256i apart = _mm256_add_epi16(_mm256_and_si256(n, bytes), _mm256_srli_epi16(n, 8));
        __m256i far = _mm256_cmpgt_epi16(apart, within);
        uint32_t near = ~(uint32_t)_mm256_movemask_epi8(far) & 0x55555555u; /* two bits a row */
        if (left < 16) near &= (1u << (2 * left)) - 1;
        if (!near) continue;
        if (l->passers_count > PASSERS - 32) {
            flush(out, l, asked);
            if (is_hopeless(l)) return;
        }
        for (; near; near &= near - 1) pass(l, at + (uint32_t)__builtin_ctz(near) / 2, r);
    }
#else
    for (; at < r->stop; at++) {
        if (__builtin_popcount(partner[at] ^ r->partner) > r->within_bits) continue;
        if (l->passers_count == PASSERS) {
            flush(out, l, asked);
            if (is_hopeless(l)) return;
        }
        pass(l, at, r);
    }
#endif
}

/* -- the slow way: crowded buckets, wide distances --------------------------------------------- */

#define AHEAD 24      /* buckets asked for before they are read */
#define COST_PROBE 300 /* of reading a bucket, when one row of it costs 1 */
#define COST_MEASURE 30
#define COST_ROW 15    /* of comparing a whole row one by one */

/* What it costs to look around a chunk within each radius; beyond `known` it is estimated. */
static void cost_chunk(const Segment *s, const uint64_t *query, int chunk, int known, int64_t *cost) {
    const uint32_t *starts = s->starts + (int64_t)chunk * (BUCKETS + 1);
    uint16_t value = chunk_of(query, chunk);
    int64_t sum = 0, crowded = 64 + 8 * (s->tabled / BUCKETS);
    int32_t mask = 0;
    for (int r = 0; r <= MAX_RADIUS; r++) {
        if (r <= known) {
            for (; mask < ball_size[r]; mask++) {
                uint32_t bucket = value ^ flip_of[mask];
                int64_t rows = starts[bucket + 1] - starts[bucket];
                /* rows of a crowded bucket have more in common: their partners will be near too */
                sum += COST_PROBE + rows + (rows > crowded ? (rows - crowded) * COST_MEASURE : 0);
            }
        } else {
            sum += (int64_t)(ball_size[r] - ball_size[r - 1]) *
                   (COST_PROBE + s->tabled / BUCKETS);
        }
        cost[r + 1] = sum; /* cost[0]: the chunk is left out */
    }
}

/* Choose radii that add up as they must and cost least; return the cost. */
static int64_t choose_radii(const Segment *s, const uint64_t *query, int reach_bits, int8_t *radius) {
    enum { STATES = 64 + 2 }; /* sums of radius + 1 over chunks: 0 .. reach_bits + 1 */
    int chunks = 4 * s->words, wanted = reach_bits + 1;
    int64_t cost[MAX_CHUNKS][MAX_RADIUS + 2];
    int64_t best[MAX_CHUNKS + 1][STATES];
    int8_t taken[MAX_CHUNKS][STATES];
    int known = reach_bits / chunks < 2 ? 2 : 3;
    for (int t = 0; t <= wanted; t++) best[0][t] = t ? INT64_MAX / 2 : 0;
    for (int c = 0; c < chunks; c++) {
        cost[c][0] = 0;
        cost_chunk(s, query, c, known, cost[c]);
        for (int t = 0; t <= wanted; t++) {
            best[c + 1][t] = INT64_MAX / 2;
            for (int k = 0; k <= MAX_RADIUS + 1 && k <= t; k++) {
                int64_t sum = best[c][t - k] + cost[c][k];
                if (sum < best[c + 1][t]) best[c + 1][t] = sum, taken[c][t] = (int8_t)k;
            }
        }
    }
    int left = wanted;
    for (int c = chunks - 1; c >= 0; c--) {
        radius[c] = (int8_t)(taken[c][left] - 1);
        left -= taken[c][left];
    }
    return best[chunks][wanted];
}

static void compare_all(Found *out, const Lookup *l, int asked) {
    Segment all = *l->segment;
    all.rows_count = all.tabled;
    scan(out, &all, l->query, l->number, 0, asked);
}

static void look_slowly(Found *out, Lookup *l, int asked) {
    const Segment *s = l->segment;
    int64_t before = out->found;
    begin(l);
    if (s->tables < 4 * s->words)
        spread_evenly(s, l->reach_bits, l->radius);
    if (!has_tables_for(s, l->reach_bits) ||
        (s->tables == 4 * s->words &&
         choose_radii(s, l->query, l->reach_bits, l->radius) > s->tabled * COST_ROW)) {
        compare_all(out, l, asked);
        return;
    }
    for (int c = 0; c < s->tables; c++) {
        if (l->radius[c] < 0) continue;
        const uint32_t *starts = s->starts + (int64_t)c * (BUCKETS + 1);
        uint16_t value = chunk_of(l->query, c), partner = chunk_of(l->query, c ^ 1);
        const uint16_t *partners = s->partner + (int64_t)c * s->tabled;
        int within = within_part(l->radius, c);
        for (int32_t m = 0; m < ball_size[l->radius[c]]; m++) {
            uint32_t bucket = value ^ flip_of[m];
            if (m + AHEAD < BUCKETS)
                __builtin_prefetch(partners + starts[value ^ flip_of[m + AHEAD]], 0, 2);
            int left = within - __builtin_popcount(flip_of[m]);
            Range r = {starts[bucket],  starts[bucket + 1], partner,
                       (int16_t)left, (uint16_t)bucket,    (int16_t)c};
            sift(out, l, &r, asked);
            if (is_hopeless(l)) {
                out->found = before;
                compare_all(out, l, asked);
                return;
            }
        }
    }
    flush(out, l, asked);
}

/* -- the quick way: four steps, of a different look-up each, so that memory is never waited for -- */

/* 1 Find the buckets and ask for them. */
static void open_buckets(Lookup *l, const Segment *s, const uint64_t *query, uint32_t number,
                         const int8_t *radius, int widest, int reach_bits) {
    l->segment = s, l->query = query, l->number = number, l->reach_bits = reach_bits;
    l->ranges_count = 0;
    begin(l);
    l->is_slow = widest > 1 || !has_tables_for(s, reach_bits);
    if (!s->tabled || l->is_slow) return;
    int64_t rows = 0;
    int probes = 0;
    for (int c = 0; c < s->tables; c++) {
        l->radius[c] = radius[c];
        if (radius[c] < 0) continue;
        const uint32_t *starts = s->starts + (int64_t)c * (BUCKETS + 1);
        const uint16_t *partner = s->partner + (int64_t)c * s->tabled;
        uint16_t value = chunk_of(query, c), other = chunk_of(query, c ^ 1);
        int within = within_part(radius, c);
        for (int m = 0; m < ball_size[radius[c]]; m++) {
            uint32_t bucket = value ^ flip_of[m];
            uint32_t first = starts[bucket], stop = starts[bucket + 1];
            l->ranges[l->ranges_count] = (Range){first, stop, other, (int16_t)(within - (m > 0)),
                                                 (uint16_t)bucket, (int16_t)c};
            l->ranges_count += first < stop;
            rows += stop - first;
            __builtin_prefetch(partner + first, 0, 2);
            __builtin_prefetch(partner + stop, 0, 2);
            for (uint32_t at = first + 32; at + 32 < stop && at < first + 512; at += 32)
                __builtin_prefetch(partner + at, 0, 2);
        }
        probes += ball_size[radius[c]];
    }
    for (int c = s->tables; c < 4 * s->words; c++) l->radius[c] = radius[c];
    int64_t usual = probes * (s->tabled / BUCKETS + 1);
    l->is_slow = rows > 4 * usual + 8192 && s->tables == 4 * s->words;
}

/* 2 Sift the rows by their partner, and ask for the numbers of those that remain. */
static void sift_buckets(Found *out, Lookup *l, int asked) {
    int64_t before = out->found;
    if (l->is_slow) return;
    for (int32_t i = 0; i < l->ranges_count && !is_hopeless(l); i++)
        sift(out, l, l->ranges + i, asked);
    if (is_hopeless(l)) {
        out->found = before;
        l->is_slow = 1;
        return;
    }
    ask_for_numbers(l);
}

/* 3 Read the numbers, and ask for the rows. */
static void number_rows(Lookup *l) {
    if (!l->is_slow) ask_for_rows(l);
}

/* 4 Measure the rows, and compare one by one those that are in no table. */
static void measure_rows(Found *out, Lookup *l, int asked) {
    const Segment *s = l->segment;
    if (l->is_slow && s->tabled)
        look_slowly(out, l, asked);
    else
        verify(out, l, asked);
    if (s->tabled < s->rows_count) scan(out, s, l->query, l->number, s->tabled, asked);
}

static inline int is_before(const Hit *a, const Hit *b) {
    if (a->query != b->query) return a->query < b->query;
    if (a->distance_bits != b->distance_bits) return a->distance_bits < b->distance_bits;
    return a->key < b->key;
}

/* By query, nearest first, then by key. (Shell's method: they are nearly in order already.) */
static void put_in_order(Hit *hits, int64_t count) {
    int64_t gap = 1;
    while (gap < count / 3) gap = 3 * gap + 1;
    for (; gap; gap /= 3)
        for (int64_t i = gap; i < count; i++) {
            Hit hit = hits[i];
            int64_t at = i;
            for (; at >= gap && is_before(&hit, hits + at - gap); at -= gap) hits[at] = hits[at - gap];
            hits[at] = hit;
        }
}

EXPORT int64_t hamming_lookup_bytes(void) { return RING * (int64_t)sizeof(Lookup); }

/* Find every row of every segment within reach of each query.
 *
 * asked:    the distance for rows without one of their own, 0..64.
 * queries:  count x words; numbered from `number` on in the hits.
 * space:    hamming_lookup_bytes() of it, this thread's own.
 * returns:  how many hits there are, by query, nearest first, then by key; when more than capacity,
 *           only as many were written, in no order.
 */
EXPORT int64_t hamming_search(const Segment *segments, int32_t segments_count,
                              const uint64_t *queries, int64_t count, uint32_t number,
                              int32_t asked, Hit *hits, int64_t capacity, void *space) {
    Found out = {hits, capacity, 0};
    Lookup *ring = space;
    for (int i = 0; i < RING; i++) {
        ring[i].seen_count = 1;
        begin(ring + i);
    }
    for (int32_t i = 0; i < segments_count; i++) {
        const Segment *s = segments + i;
        int8_t radius[MAX_CHUNKS];
        int reach = s->reach_bits > asked ? s->reach_bits : asked;
        int widest = spread_evenly(s, reach, radius);
        for (int64_t q = 0; q < count + RING - 1; q++) {
            if (q < count)
                open_buckets(ring + q % RING, s, queries + q * s->words, number + (uint32_t)q,
                             radius, widest, reach);
            if (q >= 1 && q - 1 < count) sift_buckets(&out, ring + (q - 1) % RING, asked);
            if (q >= 2 && q - 2 < count) number_rows(ring + (q - 2) % RING);
            if (q >= 3 && q - 3 < count) measure_rows(&out, ring + (q - 3) % RING, asked);
        }
    }
    if (out.found <= capacity) put_in_order(hits, out.found);
    return out.found;
}
