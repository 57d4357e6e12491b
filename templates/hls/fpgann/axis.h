// SPDX-License-Identifier: Apache-2.0
// Tensors as packets of AXI4-Stream: element 0 first, in the low bytes of a beat; an element begins at a whole byte, in
// two's complement; a beat holds as many whole elements as fit.
#ifndef FPGANN_AXIS_H
#define FPGANN_AXIS_H

#include <cstddef>

#include "integers.h"

#if defined(FPGANN_NATIVE)
#include <deque>
#elif defined(FPGANN_AC_TYPES)
#include <ac_channel.h>
#else
#include <hls_stream.h>
#if __has_include(<ap_axi_sdata.h>)
#include <ap_axi_sdata.h>
#define FPGANN_AXI_SDATA
#endif
#endif

namespace fpgann {

#if defined(FPGANN_NATIVE)

template <int BITS>
struct beat {
  std::uint8_t data[static_cast<std::size_t>(BITS) / 8];
  bool keep[static_cast<std::size_t>(BITS) / 8];
  bool strb[static_cast<std::size_t>(BITS) / 8];
  bool last;
};

// First in, first out.
template <typename T>
class stream {
 public:
  void write(const T &item) {
    items_.push_back(item);
  }
  T read() {
    const T item = items_.front();
    items_.pop_front();
    return item;
  }
  bool empty() const {
    return items_.empty();
  }

 private:
  std::deque<T> items_;
};

#elif defined(FPGANN_AC_TYPES)

template <int BITS>
struct beat {
  ac_int<BITS, false> data;
  ac_int<BITS / 8, false> keep;
  ac_int<BITS / 8, false> strb;
  ac_int<1, false> last;
};

template <typename T>
using stream = ac_channel<T>;

#else

#if defined(FPGANN_AXI_SDATA)

template <int BITS>
using beat = hls::axis<ap_uint<BITS>, 0, 0, 0>;

#else

template <int BITS>
struct beat {
  ap_uint<BITS> data;
  ap_uint<BITS / 8> keep;
  ap_uint<BITS / 8> strb;
  ap_uint<1> last;
};

#endif

template <typename T>
using stream = hls::stream<T>;

#endif

// A beat that holds nothing.
template <int BITS>
inline beat<BITS> empty_beat() {
#pragma HLS INLINE
#if defined(FPGANN_NATIVE)
  beat<BITS> one = {};
#else
  beat<BITS> one;
  one.data = 0;
  one.keep = 0;
  one.strb = 0;
  one.last = 0;
#endif
  return one;
}

// Element number `lane` of a beat, of BYTES bytes.
template <typename T, bool SIGNED, int BYTES, int BITS>
inline T take(const beat<BITS> &from, int lane) {
#pragma HLS INLINE
#if defined(FPGANN_NATIVE)
  machine::widest_t code = SIGNED && (from.data[lane * BYTES + BYTES - 1] & 128U) != 0 ? -1 : 0;
  for (int byte = BYTES - 1; byte >= 0; --byte) {
    code = code * 256 + from.data[lane * BYTES + byte];
  }
  return static_cast<T>(code);
#elif defined(FPGANN_AC_TYPES)
  return static_cast<T>(from.data.template slc<8 * BYTES>(8 * BYTES * lane));
#else
  const ap_uint<8 * BYTES> code = from.data.range(8 * BYTES * (lane + 1) - 1, 8 * BYTES * lane);
  return static_cast<T>(code);
#endif
}

template <int BYTES, int BITS, typename T>
inline void put(beat<BITS> &into, int lane, const T &element) {
#pragma HLS INLINE
#if defined(FPGANN_NATIVE)
  machine::widest_t code = element;
  for (int byte = 0; byte < BYTES; ++byte) {
    const int at = lane * BYTES + byte;
    into.data[at] = static_cast<std::uint8_t>(code & 255);
    into.keep[at] = true;
    into.strb[at] = true;
    code >>= 8;
  }
#else
  const sint<8 * BYTES> code = static_cast<sint<8 * BYTES>>(element);
#if defined(FPGANN_AC_TYPES)
  into.data.set_slc(8 * BYTES * lane, code);
#else
  into.data.range(8 * BYTES * (lane + 1) - 1, 8 * BYTES * lane) = code;
#endif
  for (int byte = 0; byte < BYTES; ++byte) {
#pragma HLS UNROLL
    into.keep[BYTES * lane + byte] = 1;
    into.strb[BYTES * lane + byte] = 1;
  }
#endif
}

// A packet becomes a tensor of N elements, of which a beat holds LANES.
template <int N, bool SIGNED, int BYTES, int BITS, int LANES = BITS / (8 * BYTES), typename T>
inline void receive(stream<beat<BITS>> &from, T *to) {
#pragma HLS INLINE off
  for (int first = 0; first < N; first += LANES) {
#pragma HLS PIPELINE II = 1
    const beat<BITS> one = from.read();
    for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
      if (first + lane < N) {
        to[first + lane] = take<T, SIGNED, BYTES, BITS>(one, lane);
      }
    }
  }
}

// A tensor of N elements becomes a packet.
template <int N, int BYTES, int BITS, int LANES = BITS / (8 * BYTES), typename T>
inline void send(const T *from, stream<beat<BITS>> &to) {
#pragma HLS INLINE off
  for (int first = 0; first < N; first += LANES) {
#pragma HLS PIPELINE II = 1
    beat<BITS> one = empty_beat<BITS>();
    for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
      if (first + lane < N) {
        put<BYTES, BITS>(one, lane, from[first + lane]);
      }
    }
    one.last = first + LANES >= N;
    to.write(one);
  }
}

}  // namespace fpgann

#endif
