#pragma once
/// A progress bar on standard error, drawn only on a terminal; elsewhere it stays silent.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace bedplate {

class ProgressBar {
 public:
  /// total: what Set counts up to. enabled false draws nothing.
  ProgressBar(std::string_view title, uint64_t total, bool enabled = true);
  ~ProgressBar() { Finish(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void Set(uint64_t done, std::string_view note = {});
  void Finish();  // clears the line

 private:
  std::string title_;
  uint64_t total_;
  bool draws_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point started_, last_{};
};

}  // namespace bedplate
