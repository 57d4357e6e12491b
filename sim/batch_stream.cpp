// SPDX-License-Identifier: Apache-2.0
// Pushes frames through a Verilated design with AXI4-Stream interfaces, first at full speed, then with random pauses
// on all sides, and writes what comes out.
//
//   engine SUMMARY COUNT CALM QUIET SEED [IDLE]
//
// The files input_0, input_1, ... hold the beats of COUNT frames one after the other, in 32-bit words, the low bits
// first, in the byte order of this machine; output_0, ... get the same of the outputs. No interface pauses during the
// first CALM frames. SUMMARY gets counts and cycles as JSON. Gives up when no beat has passed for QUIET cycles though
// nobody pauses. Nothing is offered for IDLE cycles after the reset. SEED is for the pauses, and for registers without a reset, which may hold anything at first.
// The cycle of a beat is the number of the rising edge at which it is taken.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "Vbatch.h"
#include "batch_ports.h"
#include "verilated.h"

namespace {

constexpr int RESET_CYCLES = 4;
constexpr int LONGEST_PAUSE = 256;
constexpr int LONGEST_MOOD = 2048;
static_assert(INPUTS <= 64 && OUTPUTS <= 64, "a bit of a number for each interface");

// Decides when an interface pauses: seldom, often, or for long, each for a while.
class Moods {
 public:
  explicit Moods(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}

  bool pauses() {
    if (--remaining_ < 0) {
      static constexpr unsigned SHARES[] = {0, 16, 128, 232, 256};  // of 256 cycles
      share_ = SHARES[next() % 5];
      remaining_ = static_cast<int>(next() % (share_ == 256 ? LONGEST_PAUSE : LONGEST_MOOD));
    }
    return next() % 256 < share_;
  }

 private:
  uint64_t next() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du >> 32;
  }

  uint64_t state_;
  unsigned share_ = 0;
  int remaining_ = 0;
};

FILE* open_or_die(const std::string& path, const char* mode) {
  FILE* file = std::fopen(path.c_str(), mode);
  if (file == nullptr) {
    std::perror(path.c_str());
    std::exit(2);
  }
  return file;
}

// An interface, and how far its traffic has come.
struct End {
  const Interface& shape;
  FILE* file;
  Moods moods;
  int64_t frame = 0;
  int beat = 0;
  bool holds = false;  // a beat is on the wires; it must stay there until it is taken

  bool is_last() const { return beat == shape.beats - 1; }

  void advance() {
    holds = false;
    beat = is_last() ? 0 : beat + 1;
    frame += beat == 0;
  }
};

// What the summary tells.
struct Account {
  int64_t cycles = 0;
  int64_t errors = 0;     // pulses of frame_error
  int64_t misframed = 0;  // beats with a wrong tlast or tkeep
  int64_t surplus = 0;    // beats beyond the last frame
  std::vector<int64_t> latencies;  // of the first frame: from its last beat in to the first beat of each output
  std::vector<int64_t> starts;     // first beats of the calm frames, at the output with most beats
  std::vector<int64_t> ends[OUTPUTS];  // last beats of the calm frames, of each output
  int64_t first_in = -1;           // first beat at whatever input it comes first
};

class Bench {
 public:
  Bench(Vbatch& top, int64_t count, int64_t calm, uint64_t seed) : top_(top), count_(count), calm_(calm) {
    for (int i = 0; i < INPUTS; ++i)
      sources_.push_back({INPUT[i], open_or_die("input_" + std::to_string(i), "rb"), Moods(1000 * seed + i)});
    for (int i = 0; i < OUTPUTS; ++i)
      sinks_.push_back({OUTPUT[i], open_or_die("output_" + std::to_string(i), "wb"), Moods(1000 * seed + 500 + i)});
  }

  void reset(int idle) {
    top_.rst = 1;
    top_.in_valid = 0;
    top_.out_ready = 0;
    for (int i = 0; i < RESET_CYCLES; ++i) {
      settle();
      step();
    }
    top_.rst = 0;
    for (int i = 0; i < idle; ++i) {
      settle();
      step();
    }
  }

  // Until no beat has passed for so many cycles in which nobody paused: all is done, or hangs.
  void run(int64_t most_quiet) {
    for (int64_t quiet = 0; quiet < most_quiet; ++account.cycles) {
      pauses_ = false;
      const uint64_t valid = offer();
      const uint64_t ready = demand();
      settle();
      const bool passes = take(top_.out_valid & ready) | give(valid & top_.in_ready);
      account.errors += top_.frame_error;
      quiet = passes ? 0 : quiet + !pauses_;
      step();
    }
  }

  // Frames of an output that came out whole.
  int64_t delivered(int output) const { return sinks_[output].frame; }

  // Whether all was written.
  bool close() {
    bool fine = true;
    for (End& sink : sinks_) fine = !std::ferror(sink.file) && std::fclose(sink.file) == 0 && fine;
    return fine;
  }

  Account account;

 private:
  void settle() {
    top_.clk = 0;
    top_.eval();
  }

  void step() {
    top_.clk = 1;
    top_.eval();
  }

  bool pause(End& end) {
    const bool pauses = end.moods.pauses();
    pauses_ = pauses_ || pauses;
    return pauses;
  }

  void load(End& source) {
    const auto words = static_cast<size_t>(source.shape.words);
    if (std::fread(&top_.in_data[source.shape.first_word], sizeof(uint32_t), words, source.file) != words) {
      std::fprintf(stderr, "error: an input file is too short\n");
      std::exit(2);
    }
    source.holds = true;
  }

  // Put beats on the wires of the inputs; tvalid of all.
  uint64_t offer() {
    uint64_t valid = 0, last = 0;
    for (int i = 0; i < INPUTS; ++i) {
      End& source = sources_[i];
      if (!source.holds && source.frame < count_ && (source.frame < calm_ || !pause(source))) load(source);
      valid |= uint64_t{source.holds} << i;
      last |= uint64_t{source.holds && source.is_last()} << i;
    }
    top_.in_valid = valid;
    top_.in_last = last;
    return valid;
  }

  // tready of all outputs.
  uint64_t demand() {
    bool is_calm = false;
    for (const End& sink : sinks_) is_calm = is_calm || sink.frame < calm_;
    uint64_t ready = 0;
    for (int i = 0; i < OUTPUTS; ++i)
      ready |= uint64_t{is_calm || sinks_[i].frame >= count_ || !pause(sinks_[i])} << i;
    top_.out_ready = ready;
    return ready;
  }

  // Note the beats that the inputs deliver at the next edge.
  bool give(uint64_t passing) {
    for (int i = 0; i < INPUTS; ++i) {
      if (!(passing >> i & 1)) continue;
      if (account.first_in < 0) account.first_in = account.cycles;
      if (sources_[i].frame == 0 && sources_[i].is_last()) first_is_in_ = account.cycles;
      sources_[i].advance();
    }
    return passing != 0;
  }

  // Write the beats that leave the outputs at the next edge.
  bool take(uint64_t passing) {
    for (int i = 0; i < OUTPUTS; ++i) {
      if (!(passing >> i & 1)) continue;
      End& sink = sinks_[i];
      if (sink.frame >= count_) {
        ++account.surplus;
        continue;
      }
      account.misframed += !is_framed(sink, top_.out_last >> i & 1);
      std::fwrite(&top_.out_data[sink.shape.first_word], sizeof(uint32_t), sink.shape.words, sink.file);
      if (sink.beat == 0 && sink.frame == 0) account.latencies.push_back(account.cycles - first_is_in_);
      if (sink.beat == 0 && sink.frame < calm_ && i == WIDEST) account.starts.push_back(account.cycles);
      if (sink.is_last() && sink.frame < calm_) account.ends[i].push_back(account.cycles);
      sink.advance();
    }
    return passing != 0;
  }

  // Whether tlast and tkeep of a beat are as they should be.
  bool is_framed(const End& sink, bool last) const {
    const uint32_t* keep = sink.is_last() ? KEEP_LAST : KEEP_FULL;
    bool matches = last == sink.is_last();
    for (int i = sink.shape.first_keep; i < sink.shape.first_keep + sink.shape.keeps; ++i)
      matches = matches && top_.out_keep[i] == keep[i];
    return matches;
  }

  Vbatch& top_;
  const int64_t count_;
  const int64_t calm_;
  std::vector<End> sources_, sinks_;
  bool pauses_ = false;
  int64_t first_is_in_ = 0;
};

void print_list(FILE* file, const std::vector<int64_t>& values) {
  std::fprintf(file, "[");
  for (size_t i = 0; i < values.size(); ++i)
    std::fprintf(file, "%s%lld", i ? ", " : "", static_cast<long long>(values[i]));
  std::fprintf(file, "]");
}

void print(FILE* file, const char* name, const std::vector<int64_t>& values) {
  std::fprintf(file, "  \"%s\": ", name);
  print_list(file, values);
  std::fprintf(file, ",\n");
}

void print(FILE* file, const char* name, int64_t value) {
  std::fprintf(file, "  \"%s\": %lld,\n", name, static_cast<long long>(value));
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::fprintf(stderr, "usage: engine SUMMARY COUNT CALM QUIET SEED [IDLE]\n");
    return 2;
  }
  const uint64_t seed = std::strtoull(argv[5], nullptr, 10);
  VerilatedContext context;
  context.randReset(2);
  context.randSeed(static_cast<int>(seed % 1000000 + 1));
  const auto design = std::make_unique<Vbatch>(&context);
  Bench bench(*design, std::atoll(argv[2]), std::atoll(argv[3]), seed);
  const double start = cpu_seconds();
  bench.reset(argc > 6 ? std::atoi(argv[6]) : 0);
  bench.run(std::atoll(argv[4]));
  const double seconds = cpu_seconds() - start;
  design->final();

  FILE* summary = open_or_die(argv[1], "w");
  std::vector<int64_t> delivered;
  for (int i = 0; i < OUTPUTS; ++i) delivered.push_back(bench.delivered(i));
  std::fprintf(summary, "{\n");
  print(summary, "delivered", delivered);
  print(summary, "latencies", bench.account.latencies);
  print(summary, "starts", bench.account.starts);
  std::fprintf(summary, "  \"ends\": [");
  for (int i = 0; i < OUTPUTS; ++i) {
    if (i) std::fprintf(summary, ", ");
    print_list(summary, bench.account.ends[i]);
  }
  std::fprintf(summary, "],\n");
  print(summary, "first_in", bench.account.first_in);
  print(summary, "frame_errors", bench.account.errors);
  print(summary, "misframed", bench.account.misframed);
  print(summary, "surplus", bench.account.surplus);
  print(summary, "cycles", bench.account.cycles);
  std::fprintf(summary, "  \"cpu_seconds\": %.6f\n}\n", seconds);
  const bool written = bench.close() && !std::ferror(summary) && std::fclose(summary) == 0;
  if (!written) std::fprintf(stderr, "error: the results cannot be written\n");
  return written ? 0 : 2;
}
