/* What a gradient step does between its matrix products, each pass once over memory. Formulas and names are those of
 * gradient.py, the reference, with which test_gradient.py compares.
 *
 * m members, B rows (observations), C columns, H width (a multiple of 16), K outputs: long, short, then the horizons.
 * A `number *` is float32, or bfloat16 where `half`; all else is float32, and so is every sum within a row.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#define TILE 4 /* rows that share each load of a head's weights */
#define WIDEST 4096
#define MOST_HEADS 128
#define ACTIONS 2
#define INLINE static inline __attribute__((always_inline))

typedef void number;
typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef uint32_t bits __attribute__((vector_size(4 * LANES)));
typedef int32_t flags __attribute__((vector_size(4 * LANES)));

typedef struct {
    long members, features, scales, width, horizons, rows, stride;
    int threshold, half;
    float dropout_scale, epsilon, huber;
    const float *weights, *prior;                                   /* flat, as network.py stores them; [features] */
    float *gradient;                                                /* flat */
    number *first, *second, *linear;                                /* [m, C, H], [m, H, H], [m, 2, C]: see make_layers */
    float *first_bias, *second_bias, *head, *head_bias;             /* [m, H] twice, [m, K, H], [m, K] */
    number *z1, *hidden, *z2, *grad;                                /* [B, H], of one member at a time */
    float *deviation, *radial;                                      /* [B] */
    number *along, *grad_along;                                     /* [m, 2, B]: the linear path's outputs */
    float *error;                                                   /* [m, 2, B] */
    number *grad_first, *grad_second, *grad_linear;                 /* as first, second, linear: products */
    float *grad_first_bias, *grad_second_bias, *grad_head, *grad_head_bias; /* sums over rows; zero before a step */
    double *loss;
    float *space, *packed;                                          /* for own products: see `gradient_of_rows` */
    int narrow;                                                     /* whether these take bfloat16 */
} step;

INLINE lanes of(const float *from) {
    lanes value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE void put(float *to, lanes value) { memcpy(to, &value, sizeof value); }

INLINE lanes read(const number *from, long at, int half) {
    if (!half) return of((const float *)from + at);
    bits wide;
    for (int i = 0; i < LANES; i++) ((uint32_t *)&wide)[i] = ((const uint16_t *)from)[at + i];
    return (lanes)(wide << 16);
}

INLINE void write(number *to, long at, lanes value, int half) {
    if (!half) {
        put((float *)to + at, value);
        return;
    }
    bits all = (bits)value;
    all = (all + 0x7FFF + ((all >> 16) & 1)) >> 16; /* to the nearest, ties to even */
    for (int i = 0; i < LANES; i++) ((uint16_t *)to)[at + i] = (uint16_t)((uint32_t *)&all)[i];
}

INLINE float read_one(const number *from, long at, int half) {
    if (!half) return ((const float *)from)[at];
    uint32_t wide = (uint32_t)((const uint16_t *)from)[at] << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

INLINE void write_one(number *to, long at, float value, int half) {
    if (!half) {
        ((float *)to)[at] = value;
        return;
    }
    uint32_t all;
    memcpy(&all, &value, sizeof all);
    ((uint16_t *)to)[at] = (uint16_t)((all + 0x7FFF + ((all >> 16) & 1)) >> 16);
}

INLINE float total(lanes value) {
    typedef float quarter __attribute__((vector_size(16)));
    quarter parts[LANES / 4], sum = {0};
    memcpy(parts, &value, sizeof value);
    for (int i = 0; i < LANES / 4; i++) sum += parts[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

#include "products.h"

/* Where the parameters lie in a flat tensor, those of one member. */
typedef struct {
    float *gates, *first, *first_bias, *second, *second_bias, *linear, *value, *value_bias, *horizon, *horizon_bias;
    long apart; /* from one horizon to the next */
} layout;

INLINE layout parts_of(const step *s, const float *flat, long member) {
    const long m = s->members, features = s->features, columns = features * s->scales, width = s->width;
    layout found;
    float *at = (float *)flat;
    found.gates = at + member * features, at += m * features;
    found.first = at + member * columns * width, at += m * columns * width;
    found.first_bias = at + member * width, at += m * width;
    found.second = at + member * width * width, at += m * width * width;
    found.second_bias = at + member * width, at += m * width;
    found.linear = at + member * columns * ACTIONS, at += m * columns * ACTIONS;
    found.value = at + member * width * ACTIONS, at += m * width * ACTIONS;
    found.value_bias = at + member * ACTIONS, at += m * ACTIONS;
    found.horizon = at + member * width, found.horizon_bias = at + m * width + member;
    found.apart = m * (width + 1);
    return found;
}

/* to = factor * from, less its mean. */
INLINE void centre(const number *from, long at, int from_half, float factor, number *to, long to_at, int to_half, long width) {
    lanes sum = {0};
    for (long i = 0; i < width; i += LANES) sum += read(from, at + i, from_half);
    const float mean = total(sum) / width;
    for (long i = 0; i < width; i += LANES)
        write(to, to_at + i, (read(from, at + i, from_half) - mean) * factor, to_half);
}

/* The weights to multiply with: gates and prior multiplied in, centred (see network.py). */
void make_layers(const step *s) {
    const long columns = s->features * s->scales, width = s->width, heads = ACTIONS + s->horizons;
    for (long m = 0; m < s->members; m++) {
        const layout own = parts_of(s, s->weights, m);
        for (long c = 0; c < columns; c++) {
            const float gate = own.gates[c / s->scales] * s->prior[c / s->scales];
            centre(own.first, c * width, 0, gate, s->first, (m * columns + c) * width, s->half, width);
            for (long k = 0; k < ACTIONS; k++)
                write_one(s->linear, (m * ACTIONS + k) * columns + c, gate * own.linear[c * ACTIONS + k], s->half);
        }
        for (long h = 0; h < width; h++)
            centre(own.second, h * width, 0, 1, s->second, (m * width + h) * width, s->half, width);
        centre(own.first_bias, 0, 0, 1, s->first_bias, m * width, 0, width);
        centre(own.second_bias, 0, 0, 1, s->second_bias, m * width, 0, width);
        float *head = s->head + m * heads * width, *bias = s->head_bias + m * heads;
        for (long k = 0; k < heads; k++) {
            const long n = k - ACTIONS;
            bias[k] = k < ACTIONS ? own.value_bias[k] : own.horizon_bias[n * own.apart];
            for (long i = 0; i < width; i++)
                head[k * width + i] = k < ACTIONS ? own.value[i * ACTIONS + k] : own.horizon[n * own.apart + i];
        }
    }
}

/* relu, then dropout: 0 where z is negative, or its random byte is below the threshold. */
INLINE lanes kept(lanes z, const uint8_t *mask, int threshold) {
    flags keep = z > 0, random;
    if (threshold) {
        for (int i = 0; i < LANES; i++) ((int32_t *)&random)[i] = mask[i];
        keep &= random >= threshold;
    }
    return (lanes)((flags)z & keep);
}

INLINE void activate(number *z, const float *bias, const uint8_t *mask, int threshold, float dropout_scale, float epsilon,
                     long rows, long width, number *hidden, float *deviation, int half) {
    for (long at = 0, b = 0; b < rows; b++, at += width) {
        lanes squares = {0};
        for (long i = 0; i < width; i += LANES) {
            lanes value = read(z, at + i, half) + of(bias + i);
            squares += value * value;
            write(z, at + i, value, half);
        }
        const float s = 1 / sqrtf(total(squares) / width + epsilon);
        if (deviation) deviation[b] = s;
        for (long i = 0; i < width; i += LANES)
            write(hidden, at + i, kept(read(z, at + i, half), mask + at + i, threshold) * (s * dropout_scale), half);
    }
}

/* z1 + bias and its layer-norm scale, then hidden = dropout(relu(z1)) * scales. */
void first_layer(const step *s, long member, const uint8_t *mask) {
    const float *bias = s->first_bias + member * s->width;
    if (s->half) activate(s->z1, bias, mask, s->threshold, s->dropout_scale, s->epsilon, s->rows, s->width, s->hidden, s->deviation, 1);
    else activate(s->z1, bias, mask, s->threshold, s->dropout_scale, s->epsilon, s->rows, s->width, s->hidden, s->deviation, 0);
}

/* Without dropout, in place: z [rows, width] becomes the activations. */
void hidden_layer(number *z, const float *bias, long rows, long width, float epsilon, int half) {
    if (half) activate(z, bias, 0, 0, 1, epsilon, rows, width, z, 0, 1);
    else activate(z, bias, 0, 0, 1, epsilon, rows, width, z, 0, 0);
}

INLINE void outputs(const float *head, float hidden[][WIDEST], long width, int tile, int group, long k, float y[][MOST_HEADS]) {
    lanes sum[TILE][4];
    for (int r = 0; r < tile; r++)
        for (int j = 0; j < group; j++) sum[r][j] = (lanes){0};
    for (long i = 0; i < width; i += LANES)
        for (int j = 0; j < group; j++) {
            lanes weights = of(head + (k + j) * width + i);
            for (int r = 0; r < tile; r++) sum[r][j] += weights * of(hidden[r] + i);
        }
    for (int r = 0; r < tile; r++)
        for (int j = 0; j < group; j++) y[r][k + j] = total(sum[r][j]);
}

INLINE void rows_of_second(const step *s, long m, const uint8_t *mask, const float *targets, const float *shares, long b, int tile,
                           int half) {
    static _Thread_local float z[TILE][WIDEST], hidden[TILE][WIDEST];
    float y[TILE][MOST_HEADS], scale[TILE], radial[TILE];
    const long width = s->width, heads = ACTIONS + s->horizons;
    const float *bias = s->second_bias + m * width, *head = s->head + m * heads * width, *head_bias = s->head_bias + m * heads;
    float *grad_head = s->grad_head + m * heads * width, *grad_bias = s->grad_second_bias + m * width;
    for (int r = 0; r < tile; r++) {
        lanes squares = {0};
        for (long at = (b + r) * width, i = 0; i < width; i += LANES) {
            lanes value = read(s->z2, at + i, half) + of(bias + i);
            squares += value * value;
            put(z[r] + i, value);
            put(hidden[r] + i, kept(value, mask + at + i, s->threshold));
        }
        scale[r] = 1 / sqrtf(total(squares) / width + s->epsilon);
    }
    long k = 0;
    for (; k + 4 <= heads; k += 4) outputs(head, hidden, width, tile, 4, k, y);
    for (; k < heads; k++) outputs(head, hidden, width, tile, 1, k, y);
    for (int r = 0; r < tile; r++) {
        const long row = b + r;
        const float factor = scale[r] * s->dropout_scale;
        float inner = 0; /* <grad_y, y> */
        for (k = 0; k < heads; k++) {
            const float out = y[r][k] * factor;
            float error = out + head_bias[k] - targets[k * s->stride + row], slope = error;
            if (k < ACTIONS) {
                const long at = (m * ACTIONS + k) * s->rows + row;
                error += read_one(s->along, at, half);
                s->error[at] = error;
                slope = error < -s->huber ? -s->huber : error > s->huber ? s->huber : error;
            }
            const float grad = slope * (shares[k * s->stride + row] / s->members);
            *s->loss += grad * (error - slope / 2);
            if (k < ACTIONS) write_one(s->grad_along, (m * ACTIONS + k) * s->rows + row, grad, half);
            s->grad_head_bias[m * heads + k] += grad;
            inner += grad * out;
            y[r][k] = grad * factor;
        }
        radial[r] = inner * scale[r] * scale[r] / width;
    }
    lanes across[TILE]; /* <grad_z2, b2> */
    for (int r = 0; r < tile; r++) across[r] = (lanes){0};
    for (long i = 0; i < width; i += LANES) {
        lanes grad[TILE], own[TILE], sum = of(grad_bias + i);
        for (int r = 0; r < tile; r++) grad[r] = (lanes){0}, own[r] = of(hidden[r] + i);
        for (k = 0; k < heads; k++) {
            lanes weights = of(head + k * width + i), by_head = of(grad_head + k * width + i);
            for (int r = 0; r < tile; r++) {
                grad[r] += y[r][k] * weights;
                by_head += y[r][k] * own[r];
            }
            put(grad_head + k * width + i, by_head);
        }
        for (int r = 0; r < tile; r++) {
            lanes value = (lanes)((flags)grad[r] & (own[r] > 0)) - radial[r] * of(z[r] + i);
            sum += value;
            across[r] += value * of(bias + i);
            write(s->z2, (b + r) * width + i, value, half);
        }
        put(grad_bias + i, sum);
    }
    for (int r = 0; r < tile; r++) s->radial[b + r] = s->epsilon * width * radial[r] - total(across[r]);
}

/* From z2 to the gradient by it, which takes its place: the layer, the heads, the loss, and back. `targets` and `shares`
 * [K, B] have `stride` numbers from one output to the next. */
void second_layer(const step *s, long member, const uint8_t *mask, const float *targets, const float *shares) {
    long b = 0;
    for (; b + TILE <= s->rows; b += TILE) {
        if (s->half) rows_of_second(s, member, mask, targets, shares, b, TILE, 1);
        else rows_of_second(s, member, mask, targets, shares, b, TILE, 0);
    }
    for (; b < s->rows; b++) {
        if (s->half) rows_of_second(s, member, mask, targets, shares, b, 1, 1);
        else rows_of_second(s, member, mask, targets, shares, b, 1, 0);
    }
}

INLINE void back(const step *s, float *grad_bias, int half) {
    const long width = s->width;
    for (long at = 0, b = 0; b < s->rows; b++, at += width) {
        const float scale = s->deviation[b], factor = scale * s->dropout_scale, radial = s->radial[b] * scale * scale / width;
        for (long i = 0; i < width; i += LANES) {
            lanes value = read(s->grad, at + i, half) * factor;
            value = (lanes)((flags)value & (read(s->hidden, at + i, half) > 0)) - radial * read(s->z1, at + i, half);
            write(s->grad, at + i, value, half);
            put(grad_bias + i, of(grad_bias + i) + value);
        }
    }
}

/* The gradient by `hidden` becomes that by z1. */
void first_layer_backward(const step *s, long member) {
    if (s->half) back(s, s->grad_first_bias + member * s->width, 1);
    else back(s, s->grad_first_bias + member * s->width, 0);
}

/* From the products and the sums over rows to the gradient by each stored parameter. */
void make_gradient(const step *s) {
    const long columns = s->features * s->scales, width = s->width, heads = ACTIONS + s->horizons;
    for (long m = 0; m < s->members; m++) {
        const layout own = parts_of(s, s->weights, m), out = parts_of(s, s->gradient, m);
        for (long f = 0; f < s->features; f++) {
            const float gate = own.gates[f] * s->prior[f];
            float by_gate = 0;
            for (long c = f * s->scales; c < (f + 1) * s->scales; c++) {
                const long at = c * width;
                lanes inner = {0};
                centre(s->grad_first, (m * columns + c) * width, s->half, 1, out.first, at, 0, width);
                for (long i = 0; i < width; i += LANES) {
                    lanes value = of(out.first + at + i);
                    inner += value * of(own.first + at + i);
                    put(out.first + at + i, value * gate);
                }
                by_gate += total(inner);
                for (long k = 0; k < ACTIONS; k++) {
                    const float value = read_one(s->grad_linear, (m * ACTIONS + k) * columns + c, s->half);
                    by_gate += value * own.linear[c * ACTIONS + k];
                    out.linear[c * ACTIONS + k] = value * gate;
                }
            }
            out.gates[f] = by_gate * s->prior[f];
        }
        for (long h = 0; h < width; h++)
            centre(s->grad_second, (m * width + h) * width, s->half, 1, out.second, h * width, 0, width);
        centre(s->grad_first_bias, m * width, 0, 1, out.first_bias, 0, 0, width);
        centre(s->grad_second_bias, m * width, 0, 1, out.second_bias, 0, 0, width);
        const float *head = s->grad_head + m * heads * width, *bias = s->grad_head_bias + m * heads;
        for (long k = 0; k < heads; k++) {
            const long n = k - ACTIONS;
            *(k < ACTIONS ? out.value_bias + k : out.horizon_bias + n * out.apart) = bias[k];
            for (long i = 0; i < width; i++)
                *(k < ACTIONS ? out.value + i * ACTIONS + k : out.horizon + n * out.apart + i) = head[k * width + i];
        }
    }
}

/* ---- The same with products of our own (see products.h): all is float32 but what goes into a product. ---- */

#define BLOCK 126 /* rows at a time: a multiple of TALL and of 2; what they need fits a second-level cache */

INLINE long padded(long count) { return (count + LANES - 1) / LANES * LANES; }

/* Floats of `space`, for a block, and of `packed`, the layers. */
long space_needed(const step *s) {
    const long columns = padded(s->features * s->scales), most = columns > s->width ? columns : s->width;
    return BLOCK * (columns + 4 * s->width + 3 * most + 3 * ACTIONS * s->members + 2);
}

INLINE long packed_of_member(const step *s) { return (s->features * s->scales + 1) * s->width + 2 * s->width * s->width; }

long packed_needed(const step *s) { return s->members * packed_of_member(s); }

/* The layers of `make_layers`, packed: the first, the second, and the second for the way back. */
void pack_layers(const step *s) {
    const long columns = s->features * s->scales, width = s->width;
    for (long m = 0; m < s->members; m++) {
        const float *second = (const float *)s->second + m * width * width;
        float *to = s->packed + m * packed_of_member(s);
        pack(s->narrow, (const float *)s->first + m * columns * width, columns, width, to), to += (columns + 1) * width;
        pack(s->narrow, second, width, width, to), to += width * width;
        pack_turned(s->narrow, second, width, width, to);
    }
}

/* x [rows, padded columns] = the `bars` of a `table`, whose rows begin `apart` numbers after each other. */
INLINE void gather(const number *table, long apart, int half, const long *bars, long rows, long columns, float *x) {
    for (long b = 0; b < rows; b++, x += padded(columns)) {
        long c = 0;
        for (; c + LANES <= columns; c += LANES) put(x + c, read(table, bars[b] * apart + c, half));
        for (; c < columns; c++) x[c] = read_one(table, bars[b] * apart + c, half);
    }
}

/* The linear path: along [2, rows] = linear [2, columns] x^T. */
INLINE void linear_path(const step *s, long m, const float *x) {
    const long columns = s->features * s->scales;
    for (long k = 0; k < ACTIONS; k++) {
        float weights[padded(columns)];
        memset(weights, 0, sizeof weights);
        memcpy(weights, (const float *)s->linear + (m * ACTIONS + k) * columns, columns * sizeof(float));
        for (long b = 0; b < s->rows; b++) {
            lanes sum = {0};
            for (long c = 0; c < columns; c += LANES) sum += of(weights + c) * of(x + b * padded(columns) + c);
            ((float *)s->along)[(m * ACTIONS + k) * s->rows + b] = total(sum);
        }
    }
}

INLINE void linear_path_backward(const step *s, long m, const float *x) {
    const long columns = s->features * s->scales;
    for (long k = 0; k < ACTIONS; k++) {
        const float *grad = (const float *)s->grad_along + (m * ACTIONS + k) * s->rows;
        float sum[padded(columns)], *to = (float *)s->grad_linear + (m * ACTIONS + k) * columns;
        memset(sum, 0, sizeof sum);
        for (long b = 0; b < s->rows; b++)
            for (long c = 0; c < columns; c += LANES) put(sum + c, of(sum + c) + grad[b] * of(x + b * padded(columns) + c));
        for (long c = 0; c < columns; c++) to[c] += sum[c];
    }
}

INLINE float *cut(float **space, long count) {
    float *from = *space;
    *space += count;
    return from;
}

INLINE void clear(const step *s) {
    const long m = s->members, columns = s->features * s->scales, width = s->width, heads = ACTIONS + s->horizons;
    memset(s->grad_first, 0, m * columns * width * sizeof(float));
    memset(s->grad_second, 0, m * width * width * sizeof(float));
    memset(s->grad_linear, 0, m * ACTIONS * columns * sizeof(float));
    memset(s->grad_first_bias, 0, m * width * sizeof(float));
    memset(s->grad_second_bias, 0, m * width * sizeof(float));
    memset(s->grad_head, 0, m * heads * width * sizeof(float));
    memset(s->grad_head_bias, 0, m * heads * sizeof(float));
    *s->loss = 0;
}

/* Forward and backward over `bars` of a `table` (see `gather`): the gradient's products and sums. The masks of both layers lie
 * `batch` rows after each other for each member. */
void gradient_of_rows(const step *s, const number *table, long apart, int half, const long *bars, const uint8_t *first_mask,
                      const uint8_t *second_mask, long batch, const float *targets, const float *shares) {
    const long columns = s->features * s->scales, width = s->width, wide = padded(columns), most = wide > width ? wide : width;
    const int narrow = s->narrow;
    const long deep = elements(narrow, columns), across = elements(narrow, width);
    step own = *s;
    float *space = s->space, *x = cut(&space, BLOCK * wide);
    float *z1 = own.z1 = cut(&space, BLOCK * width), *hidden = own.hidden = cut(&space, BLOCK * width);
    float *z2 = own.z2 = cut(&space, BLOCK * width), *grad = own.grad = cut(&space, BLOCK * width);
    float *rows_x = cut(&space, BLOCK * most), *turned = cut(&space, BLOCK * most), *right = cut(&space, BLOCK * most);
    own.along = cut(&space, BLOCK * ACTIONS * s->members), own.grad_along = cut(&space, BLOCK * ACTIONS * s->members);
    own.error = cut(&space, BLOCK * ACTIONS * s->members), own.deviation = cut(&space, BLOCK), own.radial = cut(&space, BLOCK);
    clear(s);
    for (long start = 0; start < s->rows; start += BLOCK) {
        const long rows = own.rows = s->rows - start < BLOCK ? s->rows - start : BLOCK, over = elements(narrow, rows);
        gather(table, apart, half, bars + start, rows, columns, x);
        const operand inputs = along_rows(narrow, x, rows, wide, rows_x);
        for (long m = 0; m < s->members; m++) {
            const float *first = s->packed + m * packed_of_member(s), *second = first + (columns + 1) * width, *back = second + width * width;
            const long mask = (m * batch + start) * width;
            linear_path(&own, m, x);
            product(narrow, inputs, rows, deep, first, z1, width, 0);
            first_layer(&own, m, first_mask + mask);
            product(narrow, along_rows(narrow, hidden, rows, width, turned), rows, across, second, z2, width, 0);
            second_layer(&own, m, second_mask + mask, targets + start, shares + start); /* z2: the gradient by it */
            product(narrow, along_rows(narrow, z2, rows, width, turned), rows, across, back, grad, width, 0);
            pack(narrow, z2, rows, width, right);
            product(narrow, over_rows(narrow, hidden, rows, width, turned), width, over, right,
                    (float *)s->grad_second + m * width * width, width, 1);
            first_layer_backward(&own, m); /* grad: that by z1 */
            pack(narrow, grad, rows, width, right);
            product(narrow, over_rows(narrow, x, rows, wide, turned), columns, over, right, (float *)s->grad_first + m * columns * width,
                    width, 1);
            linear_path_backward(&own, m, x);
        }
        for (long k = 0; k < ACTIONS * s->members; k++) memcpy(s->error + k * s->rows + start, own.error + k * rows, rows * sizeof(float));
    }
}

/* values [rows, 2] = the advantages of long and short, the mean over members, for `bars` of a `table` (see `gather`). */
void advantages_of_rows(const step *s, const number *table, long apart, int half, const long *bars, float *values) {
    const long columns = s->features * s->scales, width = s->width, wide = padded(columns), most = wide > width ? wide : width;
    const long deep = elements(s->narrow, columns), across = elements(s->narrow, width);
    step own = *s;
    float *space = s->space, *x = cut(&space, BLOCK * wide), *z1 = cut(&space, BLOCK * width), *z2 = cut(&space, BLOCK * width);
    float *rows_x = cut(&space, BLOCK * most), *rows_z = cut(&space, BLOCK * most);
    own.along = cut(&space, BLOCK * ACTIONS * s->members);
    for (long start = 0; start < s->rows; start += BLOCK) {
        const long rows = own.rows = s->rows - start < BLOCK ? s->rows - start : BLOCK;
        gather(table, apart, half, bars + start, rows, columns, x);
        const operand inputs = along_rows(s->narrow, x, rows, wide, rows_x);
        for (long m = 0; m < s->members; m++) {
            const float *first = s->packed + m * packed_of_member(s), *second = first + (columns + 1) * width;
            const float *head = s->head + m * (ACTIONS + s->horizons) * width, *bias = s->head_bias + m * (ACTIONS + s->horizons);
            linear_path(&own, m, x);
            product(s->narrow, inputs, rows, deep, first, z1, width, 0);
            hidden_layer(z1, s->first_bias + m * width, rows, width, s->epsilon, 0);
            product(s->narrow, along_rows(s->narrow, z1, rows, width, rows_z), rows, across, second, z2, width, 0);
            hidden_layer(z2, s->second_bias + m * width, rows, width, s->epsilon, 0);
            for (long b = 0; b < rows; b++)
                for (long k = 0; k < ACTIONS; k++) {
                    lanes sum = {0};
                    for (long i = 0; i < width; i += LANES) sum += of(z2 + b * width + i) * of(head + k * width + i);
                    const float value = total(sum) + bias[k] + ((float *)own.along)[(m * ACTIONS + k) * rows + b];
                    float *to = values + (start + b) * ACTIONS + k;
                    *to = (m ? *to : 0) + value / s->members;
                }
        }
    }
}

/* Floats of `space` for the activations below. */
long hidden_space(long columns, long width) { return (columns + width + BLOCK) * width; }

/* hidden [rows, width] = the activations of the second layer, of a row of `x` after each `apart` numbers, without dropout. What comes of a
 * row does not depend on the others. */
void hidden_of_rows(const float *x, long apart, long rows, long columns, long width, const float *first, const float *first_bias,
                    const float *second, const float *second_bias, float epsilon, float *space, float *hidden) {
    float *packed_first = cut(&space, columns * width), *packed_second = cut(&space, width * width), *z = cut(&space, BLOCK * width);
    pack(0, first, columns, width, packed_first);
    pack(0, second, width, width, packed_second);
    for (long start = 0; start < rows; start += BLOCK) {
        const long count = rows - start < BLOCK ? rows - start : BLOCK;
        product(0, (operand){x + start * apart, apart, 1}, count, columns, packed_first, z, width, 0);
        hidden_layer(z, first_bias, count, width, epsilon, 0);
        product(0, (operand){z, width, 1}, count, width, packed_second, hidden + start * width, width, 0);
        hidden_layer(hidden + start * width, second_bias, count, width, epsilon, 0);
    }
}

/* values [rows, 2] of long and short: the mean over `members` of `weight` [members, 2, width] times `hidden` [members, rows, width], and the
 * linear path [2, columns] of a row of `x` after each `apart` numbers, and `bias` [2]. */
void values_of_rows(const float *hidden, long members, long rows, long width, const float *weight, const float *x, long apart, long columns,
                    const float *linear, const float *bias, float *values) {
    for (long b = 0; b < rows; b++, x += apart)
        for (long k = 0; k < ACTIONS; k++) {
            lanes across = {0}, along = {0};
            for (long m = 0; m < members; m++)
                for (long i = 0; i < width; i += LANES)
                    across += of(weight + (m * ACTIONS + k) * width + i) * of(hidden + (m * rows + b) * width + i);
            long c = 0;
            for (; c + LANES <= columns; c += LANES) along += of(linear + k * columns + c) * of(x + c);
            float sum = total(along);
            for (; c < columns; c++) sum += linear[k * columns + c] * x[c];
            values[b * ACTIONS + k] = total(across) / members + sum + bias[k];
        }
}

/* A step of AdamW on `count` weights against their gradient, and of the target network towards them (see optimiser.py). */
void adam_step(float *restrict weights, const float *restrict gradient, float *restrict mean, float *restrict square,
               const float *restrict decay, float *restrict target, long count, float first_share, float second_share, float epsilon,
               float rate, float tracking) {
    for (long i = 0; i < count; i++) {
        const float grad = gradient[i];
        mean[i] += first_share * (grad - mean[i]);
        square[i] += second_share * (grad * grad - square[i]);
        weights[i] -= decay[i] * weights[i];
        weights[i] -= rate * mean[i] / (sqrtf(square[i]) + epsilon);
        target[i] += tracking * (weights[i] - target[i]);
    }
}

/* `count` whole steps, each on the next `rows` of `sampled` bars of a `table`, and on the first ones again after the last. `masks` [count,
 * 2] are places in the `pool` of random bytes, `rates` [count, 2] epsilon and rate of each step; see `adam_step` and `gradient_of_rows` for
 * the others. Answers with the `losses` [count], and the mean absolute error of each bar at the last step on it, `missed` [sampled]. */
void round_of_steps(const step *s, const number *table, long apart, int half, const long *bars, long sampled, const uint8_t *pool,
                    const long *masks, const float *targets, const float *shares, long count, const float *rates, float *mean,
                    float *square, const float *decay, float *target, long weights, float first_share, float second_share,
                    float tracking, float *losses, float *missed) {
    for (long k = 0; k < count; k++) {
        const long start = k * s->rows % sampled;
        make_layers(s);
        pack_layers(s);
        gradient_of_rows(s, table, apart, half, bars + start, pool + masks[2 * k], pool + masks[2 * k + 1], s->rows, targets + start,
                         shares + start);
        make_gradient(s);
        adam_step((float *)s->weights, s->gradient, mean, square, decay, target, weights, first_share, second_share, rates[2 * k],
                  rates[2 * k + 1], tracking);
        losses[k] = *s->loss;
        for (long b = 0; b < s->rows; b++) {
            float sums[ACTIONS] = {0};
            for (long at = 0; at < ACTIONS * s->members; at++) sums[at % ACTIONS] += s->error[at * s->rows + b];
            missed[start + b] = (fabsf(sums[0]) + fabsf(sums[1])) / (ACTIONS * s->members);
        }
    }
}
