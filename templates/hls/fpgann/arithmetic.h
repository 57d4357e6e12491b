// SPDX-License-Identifier: Apache-2.0
// Integer arithmetic in which the type of every result is named: T must hold it, so nothing ever wraps.
#ifndef FPGANN_ARITHMETIC_H
#define FPGANN_ARITHMETIC_H

#include <cstddef>

#include "integers.h"

namespace fpgann {

// How a fraction becomes an integer; the names are those of ap_fixed, CEIL and UP (away from zero) those of QONNX.
enum class Rounding { RND, RND_ZERO, RND_MIN_INF, RND_INF, RND_CONV, TRN, TRN_ZERO, CEIL, UP };

// a number that T holds
template <typename T, typename X>
inline T narrow(const X &number) {
#pragma HLS INLINE
  return static_cast<T>(number);
}

// a * b
template <typename T, typename A, typename B>
inline T product(const A &a, const B &b) {
#pragma HLS INLINE
#if defined(FPGANN_NATIVE)
  return static_cast<T>(static_cast<T>(a) * static_cast<T>(b));
#else
  return static_cast<T>(a * b);
#endif
}

// a + b
template <typename T, typename A, typename B>
inline T sum(const A &a, const B &b) {
#pragma HLS INLINE
  return static_cast<T>(static_cast<T>(a) + static_cast<T>(b));
}

// a - b
template <typename T, typename A, typename B>
inline T difference(const A &a, const B &b) {
#pragma HLS INLINE
  return static_cast<T>(static_cast<T>(a) - static_cast<T>(b));
}

// number * factor + addend
template <typename T, typename X, typename F, typename C>
inline T affine(const X &number, const F &factor, const C &addend) {
#pragma HLS INLINE
  return sum<T>(product<T>(number, factor), addend);
}

// number * 2**SHIFT
template <typename T, int SHIFT, typename X>
inline T shift_left(const X &number) {
#pragma HLS INLINE
#if defined(FPGANN_NATIVE)
  return static_cast<T>(static_cast<T>(number) * static_cast<T>(static_cast<T>(1) << SHIFT));
#else
  return static_cast<T>(static_cast<T>(number) << SHIFT);
#endif
}

// floor(number / 2**SHIFT)
template <typename T, int SHIFT, typename X>
inline T shift_right(const X &number) {
#pragma HLS INLINE
  if constexpr (SHIFT >= 8 * static_cast<int>(sizeof(X))) {
    return static_cast<T>(number < 0 ? -1 : 0);
  } else {
    return static_cast<T>(number >> SHIFT);
  }
}

// the smallest number of a few
template <typename T, typename A, typename B>
inline T smaller_of(const A &a, const B &b) {
#pragma HLS INLINE
  const T first = static_cast<T>(a);
  const T second = static_cast<T>(b);
  return second < first ? second : first;
}

// the largest
template <typename T, typename A, typename B>
inline T larger_of(const A &a, const B &b) {
#pragma HLS INLINE
  const T first = static_cast<T>(a);
  const T second = static_cast<T>(b);
  return first < second ? second : first;
}

// min(max(number, low), high); T holds the bounds, X need not
template <typename T, typename X, typename L>
inline T clamp(const X &number, const L &low, const L &high) {
#pragma HLS INLINE
  return number < low ? static_cast<T>(low) : (high < number ? static_cast<T>(high) : static_cast<T>(number));
}

// a where the condition holds, else b
template <typename T, typename A, typename B>
inline T choose(bool condition, const A &a, const B &b) {
#pragma HLS INLINE
  return condition ? static_cast<T>(a) : static_cast<T>(b);
}

// number / 2**SHIFT, rounded; W holds the number and 2**SHIFT more
template <typename T, typename W, int SHIFT, Rounding MODE, typename X>
inline T round_shift(const X &number) {
#pragma HLS INLINE
  const W code = static_cast<W>(number);
  const W one = static_cast<W>(1);
  const W half = static_cast<W>(one << (SHIFT - 1));
  const W rest = static_cast<W>(static_cast<W>(one << SHIFT) - one);
  W addend = static_cast<W>(0);
  if constexpr (MODE == Rounding::RND || MODE == Rounding::RND_CONV) {
    addend = half;
  } else if constexpr (MODE == Rounding::RND_MIN_INF) {
    addend = static_cast<W>(half - one);
  } else if constexpr (MODE == Rounding::RND_ZERO) {
    addend = code < 0 ? half : static_cast<W>(half - one);
  } else if constexpr (MODE == Rounding::RND_INF) {
    addend = code < 0 ? static_cast<W>(half - one) : half;
  } else if constexpr (MODE == Rounding::CEIL) {
    addend = rest;
  } else if constexpr (MODE == Rounding::TRN_ZERO) {
    addend = code < 0 ? rest : static_cast<W>(0);
  } else if constexpr (MODE == Rounding::UP) {
    addend = code < 0 ? static_cast<W>(0) : rest;
  }
  const W moved = static_cast<W>(code + addend);
  W quotient = static_cast<W>(moved >> SHIFT);
  if constexpr (MODE == Rounding::RND_CONV) {
    const bool was_tie = static_cast<W>(moved & rest) == 0;
    const bool is_odd = static_cast<W>(quotient & one) != 0;
    quotient = was_tie && is_odd ? static_cast<W>(quotient - one) : quotient;
  }
  return static_cast<T>(quotient);
}

// how many of a few ascending thresholds a number reaches: all compared side by side
template <std::size_t STEPS, typename A, typename X>
inline int count_reached(const A (&thresholds)[STEPS], const X &number) {
#pragma HLS INLINE
  int count = 0;
  for (std::size_t step = 0; step < STEPS; ++step) {
#pragma HLS UNROLL
    count += number < thresholds[step] ? 0 : 1;
  }
  return count;
}

constexpr int bits_of(int number) {
  int bits = 0;
  for (int bit = 0; bit < 31; ++bit) {
    bits = (number >> bit) != 0 ? bit + 1 : bits;
  }
  return bits;
}

// the same for many: a binary search, one comparison after another
template <std::size_t STEPS, typename A, typename X>
inline int search(const A (&thresholds)[STEPS], const X &number) {
#pragma HLS INLINE
  constexpr int COUNT = static_cast<int>(STEPS);
  constexpr int BITS = bits_of(COUNT);
  int count = 0;
  for (int bit = BITS - 1; bit >= 0; --bit) {
#pragma HLS UNROLL
    const int next = count + (1 << bit);
    if (next <= COUNT) {
      count = number < thresholds[next - 1] ? count : next;
    }
  }
  return count;
}

}  // namespace fpgann

#endif
