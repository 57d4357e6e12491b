// SPDX-License-Identifier: Apache-2.0
// For the program that runs the design on a computer; nothing of it is
// synthesised.
#ifndef FPGANN_HOST_H
#define FPGANN_HOST_H

#include <pthread.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>

#include "integers.h"

namespace fpgann {

// Codes come and go as words of 64 bits, the lowest first.
using word_t = std::int64_t;

template <typename X>
inline word_t low_word(const X &number) {
#if defined(FPGANN_NATIVE)
  return static_cast<word_t>(number);
#else
  return static_cast<word_t>(number.to_int64());
#endif
}

template <typename T, bool SIGNED, int WORDS>
inline T from_words(const word_t *words) {
  const word_t highest = words[WORDS - 1];
  T number = SIGNED ? static_cast<T>(highest) : static_cast<T>(static_cast<std::uint64_t>(highest));
  if constexpr (WORDS > 1) {
    for (int word = WORDS - 2; word >= 0; --word) {
      number = static_cast<T>(static_cast<T>(number << 64) | static_cast<T>(static_cast<std::uint64_t>(words[word])));
    }
  }
  return number;
}

template <bool SIGNED, int WORDS, typename T>
inline void read_codes(const word_t *words, T *codes, int count) {
  for (int i = 0; i < count; ++i) {
    codes[i] = from_words<T, SIGNED, WORDS>(words + static_cast<std::ptrdiff_t>(i) * WORDS);
  }
}

template <int WORDS, typename T>
inline void write_codes(const T *codes, word_t *words, int count) {
  for (int i = 0; i < count; ++i) {
    word_t *const at = words + static_cast<std::ptrdiff_t>(i) * WORDS;
    at[0] = low_word(codes[i]);
    if constexpr (WORDS > 1) {
      for (int word = 1; word < WORDS; ++word) {
        at[word] = low_word(static_cast<T>(codes[i] >> (64 * word)));
      }
    }
  }
}

// Call a function with a stack of a size: large tensors are local arrays. What
// it does not touch takes no memory, and none is set aside for it: a stack may
// be larger than the memory of the computer. Below it lies a guard.
inline bool with_stack(std::size_t bytes, void *(*function)(void *), void *argument) {
  const std::size_t guard = 65536, whole = guard + (bytes + guard - 1) / guard * guard;
  void *const stack = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) {
    return false;
  }
  pthread_attr_t attributes;
  pthread_t thread;
  bool done = mprotect(stack, guard, PROT_NONE) == 0 && pthread_attr_init(&attributes) == 0;
  if (done) {
    done = pthread_attr_setstack(&attributes, static_cast<char *>(stack) + guard, whole - guard) == 0 &&
           pthread_create(&thread, &attributes, function, argument) == 0 && pthread_join(thread, nullptr) == 0;
    pthread_attr_destroy(&attributes);
  }
  munmap(stack, whole);
  return done;
}

// Words from text, as hexadecimal digits in two's complement; false at the end.
inline bool read_words(std::istream &from, word_t *words, int count) {
  std::string text;
  for (int word = 0; word < count; ++word) {
    if (!(from >> text)) {
      return false;
    }
    words[word] = static_cast<word_t>(std::stoull(text, nullptr, 16));
  }
  return true;
}

// Codes from such text.
template <bool SIGNED, int WORDS, typename T>
inline bool read_text(std::istream &from, T *codes, int count) {
  for (int i = 0; i < count; ++i) {
    word_t words[static_cast<std::size_t>(WORDS)];
    if (!read_words(from, words, WORDS)) {
      return false;
    }
    codes[i] = from_words<T, SIGNED, WORDS>(words);
  }
  return true;
}

}  // namespace fpgann

#endif
