// SPDX-License-Identifier: Apache-2.0
// The integers that everything is computed with, in three dialects:
//
//   (default)         ap_int: AMD Vitis HLS
//   FPGANN_AC_TYPES   ac_int: Siemens Catapult, Intel HLS
//   FPGANN_NATIVE     machine integers: no hardware, but the same numbers hundreds of times faster
//
// sint<W> and uint<W> hold every signed and unsigned number of W bits. Machine integers are wider than that, and always
// signed, so that mixing them never turns a negative number into a large one.
// constant<W> holds a signed constant of W bits; outside of synthesis it is a machine integer, which compiles faster.
#ifndef FPGANN_INTEGERS_H
#define FPGANN_INTEGERS_H

#include <cstdint>
#include <type_traits>

#if defined(FPGANN_NATIVE)
#elif defined(FPGANN_AC_TYPES)
#include <ac_int.h>
#else
#include <ap_int.h>
#endif

// What a function keeps from one call to the next; on a computer every thread has its own.
#if defined(__SYNTHESIS__)
#define FPGANN_STATIC static
#else
#define FPGANN_STATIC static thread_local
#endif

namespace fpgann {

namespace machine {

#if defined(__SIZEOF_INT128__)
__extension__ using widest_t = __int128;
#else
using widest_t = std::int64_t;
#endif

template <int BITS>
struct Integer {
  static_assert(
      BITS > 0 && BITS <= 8 * static_cast<int>(sizeof(widest_t)),
      "no machine integer is so wide: use ap_int or ac_int");
  using type = std::conditional_t<
      (BITS <= 8),
      std::int8_t,
      std::conditional_t<
          (BITS <= 16),
          std::int16_t,
          std::conditional_t<(BITS <= 32), std::int32_t, std::conditional_t<(BITS <= 64), std::int64_t, widest_t>>>>;
};

}  // namespace machine

#if defined(FPGANN_NATIVE)

template <int W>
using sint = typename machine::Integer<W>::type;
template <int W>
using uint = typename machine::Integer<W + 1>::type;

#elif defined(FPGANN_AC_TYPES)

template <int W>
using sint = ac_int<W, true>;
template <int W>
using uint = ac_int<W, false>;

#else

template <int W>
using sint = ap_int<W>;
template <int W>
using uint = ap_uint<W>;

#endif

#if defined(__SYNTHESIS__)

template <int W>
using constant = sint<W>;

#else

namespace machine {

template <int W, bool FITS>
struct Constant {
  using type = sint<W>;
};

template <int W>
struct Constant<W, true> {
  using type = typename Integer<W>::type;
};

}  // namespace machine

template <int W>
using constant = typename machine::Constant<W, (W <= 64)>::type;

#endif

// A number as a subscript.
template <typename X>
inline int subscript(const X &number) {
#pragma HLS INLINE
#if defined(FPGANN_NATIVE)
  return static_cast<int>(number);
#else
  if constexpr (std::is_integral<X>::value) {
    return static_cast<int>(number);
  } else {
    return static_cast<int>(number.to_int());
  }
#endif
}

// A constant of more than 64 bits from its words, the highest first.
template <typename T, typename... Words>
inline T join(long long highest, Words... words) {
#pragma HLS INLINE
  T number = static_cast<T>(highest);
  ((number = static_cast<T>(static_cast<T>(number << 64) | static_cast<T>(words))), ...);
  return number;
}

}  // namespace fpgann

#endif
