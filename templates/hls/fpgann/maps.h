// SPDX-License-Identifier: Apache-2.0
// Maps (images, signals) token by token: a token is one position with all its channels, and tokens come row by row.
// Each function reads and writes whole maps; between them lie streams, so that they overlap.
#ifndef FPGANN_MAPS_H
#define FPGANN_MAPS_H

#include "arithmetic.h"
#include "axis.h"

namespace fpgann {

template <typename T, int N>
struct token {
  T element[static_cast<std::size_t>(N)];
};

// A token as an array.
template <typename X, int N, typename T>
inline void take_token(stream<token<X, N>> &from, T *to) {
  const token<X, N> one = from.read();
  for (int i = 0; i < N; ++i) {
#pragma HLS UNROLL
    to[i] = narrow<T>(one.element[i]);
  }
}

// An array as a token.
template <typename Y, int N, typename T>
inline void give_token(const T *from, stream<token<Y, N>> &to) {
  token<Y, N> one;
  for (int i = 0; i < N; ++i) {
#pragma HLS UNROLL
    one.element[i] = narrow<Y>(from[i]);
  }
  to.write(one);
}

// The same tokens for several readers.
template <int TOKENS, typename X, int N, typename... Streams>
inline void fork(stream<token<X, N>> &from, Streams &...to) {
#pragma HLS INLINE off
  for (int number = 0; number < TOKENS; ++number) {
#pragma HLS PIPELINE II = 1
    const token<X, N> one = from.read();
    (to.write(one), ...);
  }
}

constexpr int at_least_zero(int number) {
  return number < 0 ? 0 : number;
}

// Counts places between windows along one axis.
template <int FIRST, int STRIDE, int COUNT>
class Pace {
 public:
  bool is_window() const {
#pragma HLS INLINE
    return wait_ == 0 && left_ > 0;
  }
  void next() {
#pragma HLS INLINE
    left_ -= wait_ == 0 && left_ > 0 ? 1 : 0;
    wait_ = wait_ == 0 ? STRIDE - 1 : wait_ - 1;
  }

 private:
  int wait_ = FIRST;
  int left_ = COUNT;
};

// The windows of a map, each with its taps row by row. G names what `shells.h` says about them; rows wait in memory
// until windows have seen them, columns in registers. Padding is negative where rows or columns are left out.
template <typename G, typename X, int C, typename Y, int N>
inline void windows(stream<token<X, C>> &from, stream<token<Y, N>> &to) {
#pragma HLS INLINE off
  static_assert(N == C * G::kernel_rows * G::kernel_columns, "a window holds all its taps");
  constexpr int REACH_ROWS = (G::kernel_rows - 1) * G::dilation_rows;
  constexpr int REACH_COLUMNS = (G::kernel_columns - 1) * G::dilation_columns;
  constexpr int ABOVE = at_least_zero(G::top);
  constexpr int BEFORE = at_least_zero(G::left);
  constexpr int ALL_ROWS = ABOVE + G::rows + at_least_zero(G::bottom);
  constexpr int ALL_COLUMNS = BEFORE + G::columns + at_least_zero(G::right);
  constexpr int WINDOW_ROWS = (G::rows + G::top + G::bottom - REACH_ROWS - 1) / G::stride_rows + 1;
  constexpr int WINDOW_COLUMNS = (G::columns + G::left + G::right - REACH_COLUMNS - 1) / G::stride_columns + 1;
  constexpr int MEMBERS = C / G::groups;
  constexpr std::size_t LINES = static_cast<std::size_t>(REACH_ROWS) + 1;
  constexpr std::size_t LINE_TOKENS = static_cast<std::size_t>(ALL_COLUMNS);
  FPGANN_STATIC token<Y, C> lines[LINES][LINE_TOKENS];
#pragma HLS ARRAY_PARTITION variable = lines complete dim = 1
  token<Y, C> seen[G::kernel_rows][static_cast<std::size_t>(REACH_COLUMNS) + 1] = {};
#pragma HLS ARRAY_PARTITION variable = seen complete dim = 0
  Pace<ABOVE + REACH_ROWS - G::top, G::stride_rows, WINDOW_ROWS> row_pace;
  for (int row = 0; row < ALL_ROWS; ++row) {
    Pace<BEFORE + REACH_COLUMNS - G::left, G::stride_columns, WINDOW_COLUMNS> column_pace;
    for (int column = 0; column < ALL_COLUMNS; ++column) {
#pragma HLS PIPELINE II = 1
      token<Y, C> fresh;
      const bool is_row = row >= ABOVE && row < ABOVE + G::rows;
      if (is_row && column >= BEFORE && column < BEFORE + G::columns) {
        take_token(from, fresh.element);
      } else {
        for (int channel = 0; channel < C; ++channel) {
#pragma HLS UNROLL
          fresh.element[channel] = narrow<Y>(G::fill);
        }
      }
      for (int tap = 0; tap < G::kernel_rows; ++tap) {
#pragma HLS UNROLL
        for (int place = 0; place < REACH_COLUMNS; ++place) {
#pragma HLS UNROLL
          seen[tap][place] = seen[tap][place + 1];
        }
        const int above = (G::kernel_rows - 1 - tap) * G::dilation_rows;
        seen[tap][REACH_COLUMNS] = above == 0 ? fresh : lines[above][column];
      }
      for (int line = REACH_ROWS; line > 1; --line) {
#pragma HLS UNROLL
        lines[line][column] = lines[line - 1][column];
      }
      lines[REACH_ROWS > 0 ? 1 : 0][column] = fresh;
      if (row_pace.is_window() && column_pace.is_window()) {
        token<Y, N> window;
        for (int group = 0; group < G::groups; ++group) {
#pragma HLS UNROLL
          for (int tap = 0; tap < G::kernel_rows * G::kernel_columns; ++tap) {
#pragma HLS UNROLL
            const int tap_row = tap / G::kernel_columns;
            const int tap_column = tap % G::kernel_columns * G::dilation_columns;
            for (int member = 0; member < MEMBERS; ++member) {
#pragma HLS UNROLL
              const int place = (group * G::kernel_rows * G::kernel_columns + tap) * MEMBERS + member;
              window.element[place] = seen[tap_row][tap_column].element[group * MEMBERS + member];
            }
          }
        }
        to.write(window);
      }
      column_pace.next();
    }
    row_pace.next();
  }
}

enum class Reduction { SUM, MAXIMUM, MINIMUM };

// Sum, maximum or minimum of FACTOR tokens, element by element.
template <int TOKENS, int FACTOR, Reduction KIND, typename X, int N, typename Y>
inline void reduce(stream<token<X, N>> &from, stream<token<Y, N>> &to) {
#pragma HLS INLINE off
  token<Y, N> total = {};
  for (int number = 0; number < TOKENS; ++number) {
    for (int part = 0; part < FACTOR; ++part) {
#pragma HLS PIPELINE II = 1
      const token<X, N> one = from.read();
      for (int i = 0; i < N; ++i) {
#pragma HLS UNROLL
        const Y first = narrow<Y>(one.element[i]);
        if constexpr (KIND == Reduction::SUM) {
          total.element[i] = part == 0 ? first : sum<Y>(total.element[i], first);
        } else if constexpr (KIND == Reduction::MAXIMUM) {
          total.element[i] = part == 0 ? first : larger_of<Y>(total.element[i], first);
        } else {
          total.element[i] = part == 0 ? first : smaller_of<Y>(total.element[i], first);
        }
      }
      if (part == FACTOR - 1) {
        to.write(total);
      }
    }
  }
}

// FACTOR tokens side by side.
template <int TOKENS, int FACTOR, typename X, int N, int M>
inline void gather(stream<token<X, N>> &from, stream<token<X, M>> &to) {
#pragma HLS INLINE off
  static_assert(M == N * FACTOR, "nothing is lost");
  token<X, M> whole = {};
  for (int number = 0; number < TOKENS; ++number) {
    for (int part = 0; part < FACTOR; ++part) {
#pragma HLS PIPELINE II = 1
      const token<X, N> one = from.read();
      for (int i = 0; i < N; ++i) {
#pragma HLS UNROLL
        whole.element[part * N + i] = one.element[i];
      }
      if (part == FACTOR - 1) {
        to.write(whole);
      }
    }
  }
}

// The FACTOR parts of a token, one after another.
template <int TOKENS, int FACTOR, typename X, int M, int N>
inline void scatter(stream<token<X, M>> &from, stream<token<X, N>> &to) {
#pragma HLS INLINE off
  static_assert(M == N * FACTOR, "nothing is lost");
  token<X, M> whole = {};
  for (int number = 0; number < TOKENS; ++number) {
    for (int part = 0; part < FACTOR; ++part) {
#pragma HLS PIPELINE II = 1
      if (part == 0) {
        whole = from.read();
      }
      token<X, N> one;
      for (int i = 0; i < N; ++i) {
#pragma HLS UNROLL
        one.element[i] = whole.element[part * N + i];
      }
      to.write(one);
    }
  }
}

// A larger map: for each token, row_factor rows of column_factor tokens. They are its parts, row by row, or itself
// again.
template <typename G, typename X, int N, int M>
inline void expand(stream<token<X, N>> &from, stream<token<X, M>> &to) {
#pragma HLS INLINE off
  static_assert(N == M * G::parts, "parts are equal");
  token<X, N> line[G::columns] = {};
  for (int row = 0; row < G::rows; ++row) {
    for (int row_part = 0; row_part < G::row_factor; ++row_part) {
      for (int column = 0; column < G::columns; ++column) {
        for (int column_part = 0; column_part < G::column_factor; ++column_part) {
#pragma HLS PIPELINE II = 1
          if (row_part == 0 && column_part == 0) {
            line[column] = from.read();
          }
          const int part = G::parts == 1 ? 0 : row_part * G::column_factor + column_part;
          token<X, M> one;
          for (int i = 0; i < M; ++i) {
#pragma HLS UNROLL
            one.element[i] = line[column].element[G::element(part * M + i)];
          }
          to.write(one);
        }
      }
    }
  }
}

// A packet becomes a map; a token is a whole number of beats of LANES elements.
template <int TOKENS, int LANES, bool SIGNED, int BYTES, int BITS, typename X, int N>
inline void receive_tokens(stream<beat<BITS>> &from, stream<token<X, N>> &to) {
#pragma HLS INLINE off
  token<X, N> whole = {};
  for (int number = 0; number < TOKENS; ++number) {
    for (int first = 0; first < N; first += LANES) {
#pragma HLS PIPELINE II = 1
      const beat<BITS> one = from.read();
      for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
        whole.element[first + lane] = take<X, SIGNED, BYTES, BITS>(one, lane);
      }
      if (first + LANES >= N) {
        to.write(whole);
      }
    }
  }
}

// A map becomes a packet.
template <int TOKENS, int LANES, int BYTES, int BITS, typename X, int N>
inline void send_tokens(stream<token<X, N>> &from, stream<beat<BITS>> &to) {
#pragma HLS INLINE off
  token<X, N> whole = {};
  for (int number = 0; number < TOKENS; ++number) {
    for (int first = 0; first < N; first += LANES) {
#pragma HLS PIPELINE II = 1
      if (first == 0) {
        whole = from.read();
      }
      beat<BITS> one = empty_beat<BITS>();
      for (int lane = 0; lane < LANES; ++lane) {
#pragma HLS UNROLL
        put<BYTES, BITS>(one, lane, whole.element[first + lane]);
      }
      one.last = number == TOKENS - 1 && first + LANES >= N;
      to.write(one);
    }
  }
}

#if !defined(__SYNTHESIS__)

// All tokens of an array.
template <int TOKENS, typename X, int N>
inline void fill(const X *from, stream<token<X, N>> &to) {
  for (int number = 0; number < TOKENS; ++number) {
    give_token(from + number * N, to);
  }
}

// All tokens that wait in a stream, which they stay in.
template <int TOKENS, typename X, int N>
inline void peek(stream<token<X, N>> &from, X *to) {
  for (int number = 0; number < TOKENS; ++number) {
    const token<X, N> one = from.read();
    for (int i = 0; i < N; ++i) {
      to[number * N + i] = one.element[i];
    }
    from.write(one);
  }
}

// Leave a stream empty.
template <int TOKENS, typename X, int N>
inline void discard(stream<token<X, N>> &from) {
  for (int number = 0; number < TOKENS; ++number) {
    from.read();
  }
}

#endif

}  // namespace fpgann

#endif
