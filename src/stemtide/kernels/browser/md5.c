/* SPDX-License-Identifier: Apache-2.0
 *
 * MD5 for browsers, whose own cryptography lacks it. It identifies equal files, as the field
 * exchanges it, and proves nothing against a forger.
 *
 * Callers pad the message. source: RFC 1321.
 */
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))
#define BLOCK_BYTES 64
#define ROUNDS 64

static const uint32_t sines[ROUNDS] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
    0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
    0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
    0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
    0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
    0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
    0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
static const uint8_t strides[4] = {1, 5, 3, 7};
static const uint8_t offsets[4] = {0, 1, 5, 0};

static uint32_t word(const uint8_t *block, int place) {
    const uint8_t *at = block + 4 * place;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t mixed(int round, uint32_t b, uint32_t c, uint32_t d) {
    switch (round) {
    case 0: return (b & c) | (~b & d);
    case 1: return (d & b) | (~d & c);
    case 2: return b ^ c ^ d;
    default: return c ^ (b | ~d);
    }
}

/* state: 4 words, written. */
EXPORT void md5_start(uint32_t *state) {
    state[0] = 0x67452301u;
    state[1] = 0xefcdab89u;
    state[2] = 0x98badcfeu;
    state[3] = 0x10325476u;
}

/* Take so many blocks of BLOCK_BYTES into the state. */
EXPORT void md5_blocks(uint32_t *state, const uint8_t *data, int32_t blocks) {
    for (int32_t n = 0; n < blocks; n++, data += BLOCK_BYTES) {
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        for (int i = 0; i < ROUNDS; i++) {
            int round = i / 16;
            int turn = turns[round][i % 4];
            uint32_t sum = a + mixed(round, b, c, d) + sines[i];
            sum += word(data, (strides[round] * i + offsets[round]) % 16);
            a = d;
            d = c;
            c = b;
            b += sum << turn | sum >> (32 - turn);
        }
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
    }
}
