// SPDX-License-Identifier: Apache-2.0
// Normal random numbers, the same as those of hdl/fpgann_gaussian.vhd: 64 bits of state a lane (Marsaglia's xorshift),
// of which four fields choose entries of a table and their signs; a number is the sum of the four.
#ifndef FPGANN_GAUSSIAN_H
#define FPGANN_GAUSSIAN_H

#include "maps.h"

namespace fpgann {

// The next number of every lane. G names what `noise.h` says about the generator, which belongs to this function.
template <typename G, typename T>
inline void draw(T *to) {
  FPGANN_STATIC typename G::state_t state = {};
#pragma HLS ARRAY_PARTITION variable = state.lane complete
  for (int lane = 0; lane < G::lanes; ++lane) {
#pragma HLS UNROLL
    std::uint64_t bits = state.lane[lane];
    int number = 0;
    for (int term = 1; term <= 4; ++term) {
#pragma HLS UNROLL
      const int field = static_cast<int>(bits >> (64 - 9 * term) & 511U);
      const int entry = G::table[field & 255];
      number += field < 256 ? entry : -entry;
    }
    to[lane] = narrow<T>(number);
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    state.lane[lane] = bits;
  }
}

// Tokens of such numbers, a lane for each element.
template <typename G, int TOKENS, typename Y, int N>
inline void draw_tokens(stream<token<Y, N>> &to) {
#pragma HLS INLINE off
  for (int number = 0; number < TOKENS; ++number) {
#pragma HLS PIPELINE II = 1
    token<Y, N> one;
    draw<G>(one.element);
    to.write(one);
  }
}

}  // namespace fpgann

#endif
