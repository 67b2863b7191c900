/* Products of matrices, for the few rows that stay in a processor's cache. On larger ones a library is as fast.
 *
 * An element is 32 bits: a float32, or, where `narrow`, two bfloat16 that follow each other along the sum. The sum of a
 * product runs over elements, and is kept in float32. The right matrix is packed: bands of up to BAND columns, one after
 * the other, each with all its rows.
 */
#if defined(__AVX512F__)
#include <immintrin.h>
#define BF16 __attribute__((target("avx512bf16"))) /* may use it, where `multiplies` found it */
#else
#define BF16
#endif

#define TALL 6              /* rows of a tile of sums, and */
#define BROAD 4             /* vectors in each: with a row of the right matrix they fill the registers of AVX-512 */
#define BAND (BROAD * LANES)

/* Whether products of that kind are at least as fast here as those of a library: bfloat16 needs instructions for it. */
int multiplies(int narrow) {
#if defined(__AVX512F__)
    return !narrow || __builtin_cpu_supports("avx512bf16");
#else
    return narrow < 0;
#endif
}

INLINE BF16 lanes added(lanes sum, const float *element, lanes right, int narrow) {
#if defined(__AVX512F__)
    if (narrow) {
        int pair;
        memcpy(&pair, element, sizeof pair);
        return (lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)right);
    }
#endif
    return narrow ? sum : sum + *element * right;
}

/* How the left matrix lies in memory: elements from a row to the next, and from one along the sum to the next. */
typedef struct {
    const float *from;
    long row, next;
} operand;

INLINE BF16 void tile(int narrow, int tall, int broad, operand left, long depth, const float *right, float *to, long width, int add) {
    lanes sum[TALL][BROAD];
#pragma GCC unroll 8
    for (int i = 0; i < tall; i++)
#pragma GCC unroll 8
        for (int j = 0; j < broad; j++) sum[i][j] = add ? of(to + i * width + j * LANES) : (lanes){0};
    for (long k = 0; k < depth; k++, right += broad * LANES) {
        lanes weights[BROAD];
#pragma GCC unroll 8
        for (int j = 0; j < broad; j++) weights[j] = of(right + j * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < tall; i++)
#pragma GCC unroll 8
            for (int j = 0; j < broad; j++)
                sum[i][j] = added(sum[i][j], left.from + i * left.row + k * left.next, weights[j], narrow);
    }
#pragma GCC unroll 8
    for (int i = 0; i < tall; i++)
#pragma GCC unroll 8
        for (int j = 0; j < broad; j++) put(to + i * width + j * LANES, sum[i][j]);
}

INLINE BF16 void band(int narrow, int broad, operand left, long rows, long depth, const float *right, float *to, long width, int add) {
    long i = 0;
    for (; i + TALL <= rows; i += TALL, left.from += TALL * left.row)
        tile(narrow, TALL, broad, left, depth, right, to + i * width, width, add);
    switch (rows - i) {
    case 5: tile(narrow, 5, broad, left, depth, right, to + i * width, width, add); break;
    case 4: tile(narrow, 4, broad, left, depth, right, to + i * width, width, add); break;
    case 3: tile(narrow, 3, broad, left, depth, right, to + i * width, width, add); break;
    case 2: tile(narrow, 2, broad, left, depth, right, to + i * width, width, add); break;
    case 1: tile(narrow, 1, broad, left, depth, right, to + i * width, width, add); break;
    }
}

INLINE BF16 void product_of(int narrow, operand left, long rows, long depth, const float *right, float *to, long width, int add) {
    for (long j = 0; j < width; j += BAND, right += depth * BAND) {
        switch ((width - j) / LANES) {
        case 1: band(narrow, 1, left, rows, depth, right, to + j, width, add); break;
        case 2: band(narrow, 2, left, rows, depth, right, to + j, width, add); break;
        case 3: band(narrow, 3, left, rows, depth, right, to + j, width, add); break;
        default: band(narrow, BROAD, left, rows, depth, right, to + j, width, add);
        }
    }
}

/* to [rows, width] = left [rows, depth elements] right [depth elements, width], added to what is there if `add`. */
static BF16 void product(int narrow, operand left, long rows, long depth, const float *right, float *to, long width, int add) {
    if (narrow) product_of(1, left, rows, depth, right, to, width, add);
    else product_of(0, left, rows, depth, right, to, width, add);
}

INLINE bits rounded(lanes value) { /* to bfloat16, ties to even, in the upper half */
    bits all = (bits)value;
    return (all + 0x7FFF + ((all >> 16) & 1)) & 0xFFFF0000u;
}

INLINE long elements(int narrow, long count) { return narrow ? (count + 1) / 2 : count; }

INLINE lanes paired(const float *from, long row, long count, long width) { /* of rows `row` and the next, if there is one */
    bits low = rounded(of(from)) >> 16;
    return (lanes)(row + 1 < count ? low | rounded(of(from + width)) : low);
}

/* The right matrix `from` [depth, width], packed. */
static void pack(int narrow, const float *from, long depth, long width, float *to) {
    for (long j = 0; j < width; j += BAND) {
        const long broad = width - j < BAND ? width - j : BAND;
        for (long k = 0; k < depth; k += 1 + narrow)
            for (long i = j; i < j + broad; i += LANES, to += LANES)
                put(to, narrow ? paired(from + k * width + i, k, depth, width) : of(from + k * width + i));
    }
}

static BF16 operand along_rows(int narrow, const float *from, long rows, long width, float *to);

/* The right matrix that is the transpose of `from` [width, depth], packed. */
static void pack_turned(int narrow, const float *from, long depth, long width, float *to) {
    float row[WIDEST];
    const long deep = elements(narrow, depth);
    for (long i = 0; i < width; i++) {
        const long start = i / BAND * BAND, broad = width - start < BAND ? width - start : BAND;
        const float *own = along_rows(narrow, from + i * depth, 1, depth, row).from;
        for (long k = 0; k < deep; k++) to[start * deep + k * broad + i - start] = own[k];
    }
}

/* `from` [rows, width] as a left matrix whose sum runs along a row; `to` is used where it has to be converted. */
static BF16 operand along_rows(int narrow, const float *from, long rows, long width, float *to) {
    if (!narrow) return (operand){from, width, 1};
    const long count = rows * width;
    long i = 0;
#if defined(__AVX512F__)
    for (; i + 2 * LANES <= count; i += 2 * LANES)
        put(to + i / 2, (lanes)_mm512_cvtne2ps_pbh((__m512)of(from + i + LANES), (__m512)of(from + i)));
#endif
    for (; i < count; i += LANES) write(to, i, of(from + i), 1);
    return (operand){to, width / 2, 1};
}

/* Its transpose: a left matrix whose sum runs over the rows. */
static operand over_rows(int narrow, const float *from, long rows, long width, float *to) {
    if (!narrow) return (operand){from, 1, width};
    for (long b = 0; b < rows; b += 2)
        for (long i = 0; i < width; i += LANES) put(to + b / 2 * width + i, paired(from + b * width + i, b, rows, width));
    return (operand){to, 1, width};
}
