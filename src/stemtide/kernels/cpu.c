/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the libraries suits this processor. The lowest level is loaded to ask.
 */
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Bits 1 2 3: the processor and the system can run level v2, v3, v4 of x86-64; elsewhere: 1. */
__attribute__((visibility("default"))) int cpu_levels(void) {
    int levels = 1;
#if defined(__x86_64__)
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return levels;
    int has_saved_state = c >> 27 & 1, has_fma = c >> 12 & 1, has_avx = c >> 28 & 1;
    int has_movbe = c >> 22 & 1, has_f16c = c >> 29 & 1;
    if (!(c >> 23 & 1)) return 0; /* no popcnt: older than 2009 */
    levels |= 1 << 1;
    if (!has_saved_state || !has_fma || !has_avx || !has_movbe || !has_f16c) return levels;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return levels;
    int has_avx2 = b >> 5 & 1, has_bmi = (b >> 3 & 1) && (b >> 8 & 1);
    if ((low & 6) != 6 || !has_avx2 || !has_bmi) return levels;
    levels |= 1 << 2;
    int has_avx512 = (b >> 16 & 1) && (b >> 17 & 1) && (b >> 28 & 1) && (b >> 30 & 1) && (b >> 31 & 1);
    int has_popcounts = (c >> 12 & 1) && (c >> 14 & 1);
    if ((low & 0xe6) == 0xe6 && has_avx512 && has_popcounts) levels |= 1 << 3;
#endif
    return levels;
}
