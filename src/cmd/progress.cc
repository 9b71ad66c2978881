#include "cmd/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/cat.h"

namespace bedplate {

ProgressBar::ProgressBar(std::string_view title, uint64_t total, bool enabled)
    : title_(title),
      total_(std::max<uint64_t>(total, 1)),
      draws_(enabled && ::isatty(STDERR_FILENO) == 1),
      started_(std::chrono::steady_clock::now()) {}

void ProgressBar::Set(uint64_t done, std::string_view note) {
  if (!draws_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(100) && done < total_) return;
  last_ = now;
  drawn_ = true;
  constexpr int kWidth = 30;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const int filled = static_cast<int>(share * kWidth);
  const double elapsed = std::chrono::duration<double>(now - started_).count();
  const double left = share > 0.01 ? elapsed / share * (1 - share) : 0;
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
  const std::string line = fmt::format("{} {} {:3.0f} %  {:.0f} s left  {}", title_, bar, share * 100, left, note);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

void ProgressBar::Finish() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace bedplate
