// SPDX-License-Identifier: Apache-2.0
// Pushes a file of inputs through a Verilated design as fast as it takes them, and writes what comes out.
//
//   engine ITEMS RESULTS SUMMARY COUNT LIMIT SEED
//
// ITEMS and RESULTS hold one item after the other, 32-bit words, the low bits first, in the byte order of this
// machine. SUMMARY gets counts and cycles as JSON. Gives up after LIMIT cycles. SEED is for registers without a
// reset, which may hold anything at first.
// The cycle of an item is the number of the rising edge at which it is taken.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include "Vbatch.h"
#include "batch_ports.h"
#include "verilated.h"

namespace {

constexpr int RESET_CYCLES = 4;
constexpr int QUIET_CYCLES = 4;  // nothing more may come after the last result

// The least and the greatest of some numbers of cycles.
struct Span {
  int64_t least = INT64_MAX;
  int64_t greatest = INT64_MIN;

  void add(int64_t cycles) {
    if (cycles < least) least = cycles;
    if (cycles > greatest) greatest = cycles;
  }

  void print(FILE* file, const char* name) const {
    if (least > greatest)
      std::fprintf(file, "  \"%s\": [],\n", name);
    else
      std::fprintf(file, "  \"%s\": [%lld, %lld],\n", name, static_cast<long long>(least),
                   static_cast<long long>(greatest));
  }
};

FILE* open_or_die(const char* path, const char* mode) {
  FILE* file = std::fopen(path, mode);
  if (file == nullptr) {
    std::perror(path);
    std::exit(2);
  }
  return file;
}

void edge(Vbatch& top) {
  top.clk = 1;
  top.eval();
  top.clk = 0;
  top.eval();
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: engine ITEMS RESULTS SUMMARY COUNT LIMIT SEED\n");
    return 2;
  }
  FILE* items = open_or_die(argv[1], "rb");
  FILE* results = open_or_die(argv[2], "wb");
  const int64_t count = std::atoll(argv[4]);
  const int64_t limit = std::atoll(argv[5]);

  VerilatedContext context;
  context.randReset(2);
  context.randSeed(std::atoi(argv[6]));
  const auto design = std::make_unique<Vbatch>(&context);
  Vbatch& top = *design;
  top.rst = 1;
  top.next_valid = 0;
  for (int i = 0; i < RESET_CYCLES; ++i) edge(top);
  top.rst = 0;

  std::vector<int64_t> taken(static_cast<size_t>(count));  // the cycle of each item
  int64_t loaded = 0, accepted = 0, delivered = 0, quiet = 0;
  Span latency, interval;
  const double start = cpu_seconds();
  for (int64_t cycle = 0; cycle < limit && quiet < QUIET_CYCLES; ++cycle) {
    if (top.out_valid) {
      if (delivered < count) {
        std::fwrite(top.result.data(), sizeof(uint32_t), RESULT_WORDS, results);
        latency.add(delivered < accepted ? cycle - taken[delivered] : 0);  // 0: a result without an input
      }
      ++delivered;
    }
    if (top.wants) {
      if (top.holds) {
        if (accepted > 0) interval.add(cycle - taken[accepted - 1]);
        taken[accepted++] = cycle;
      }
      top.next_valid = loaded < count;
      if (loaded < count) {
        if (std::fread(top.next_item.data(), sizeof(uint32_t), ITEM_WORDS, items) != ITEM_WORDS) {
          std::fprintf(stderr, "error: %s is too short\n", argv[1]);
          return 2;
        }
        ++loaded;
      }
    }
    edge(top);
    if (delivered >= count) ++quiet;
  }
  const double seconds = cpu_seconds() - start;
  top.final();

  FILE* summary = open_or_die(argv[3], "w");
  std::fprintf(summary, "{\n  \"accepted\": %lld,\n  \"delivered\": %lld,\n", static_cast<long long>(accepted),
               static_cast<long long>(delivered));
  latency.print(summary, "latency_cycles");
  interval.print(summary, "interval_cycles");
  std::fprintf(summary, "  \"cpu_seconds\": %.6f\n}\n", seconds);
  const bool failed = std::ferror(results) || std::fclose(results) || std::ferror(summary) || std::fclose(summary);
  if (failed) std::fprintf(stderr, "error: the results cannot be written\n");
  return failed ? 2 : 0;
}
