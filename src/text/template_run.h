#pragma once
/// One render's budget and its first error. Everything that could grow asks here before it grows, so a hostile template
/// ends with an error. Errors are sticky: after the first, work is skipped and values are meaningless, and the render
/// reports that first error. This keeps a tree walker of some two hundred small operations free of error plumbing.
///
/// Threads: one render, one thread.

#include <cstdint>
#include <string>

#include "text/chat_template.h"

namespace bedplate::jinja {

/// Lists in lists, dicts in tuples and so on may nest this deep; JSON input is limited to less (json.h).
inline constexpr uint32_t kContainerDepthMax = 250;

class Run {
 public:
  explicit Run(const TemplateLimits& limits) : limits_(limits) {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] uint32_t error_line() const { return error_line_; }

  /// The line of the template that is being evaluated; an error takes it.
  void SetLine(uint32_t line) { line_ = line; }
  [[nodiscard]] uint32_t line() const { return line_; }

  void Fail(std::string message) {
    if (failed_) return;
    failed_ = true;
    error_line_ = line_;
    message_ = std::move(message);
  }

  /// False once the render has failed, by this or before.
  [[nodiscard]] bool Step(uint64_t steps = 1) {
    steps_ += steps;
    if (steps_ > limits_.steps_max) [[unlikely]]
      Fail("the template runs for too long (more than steps_max steps)");
    return !failed_;
  }

  /// Asks for memory that a new text or list will take. Also counts as work.
  [[nodiscard]] bool Grow(uint64_t bytes) {
    if (bytes <= limits_.bytes_max) bytes_ += bytes;
    if (bytes > limits_.bytes_max || bytes_ > limits_.bytes_max) [[unlikely]] {
      Fail("the template makes too much text (more than bytes_max bytes in all)");
    }
    return Step(bytes / 16);
  }

  /// Counts nested evaluations; every Enter that returned true is paired with Leave.
  [[nodiscard]] bool Enter() {
    if (depth_ >= limits_.depth_max) {
      Fail("the template nests too deep (more than depth_max evaluations)");
      return false;
    }
    ++depth_;
    return Step();
  }
  void Leave() { --depth_; }

 private:
  TemplateLimits limits_;
  uint64_t steps_ = 0;
  uint64_t bytes_ = 0;
  uint32_t depth_ = 0;
  uint32_t line_ = 1;
  uint32_t error_line_ = 0;
  bool failed_ = false;
  std::string message_;
};

}  // namespace bedplate::jinja
