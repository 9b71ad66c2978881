#include "text/template_text.h"

#include <algorithm>

namespace bedplate::jinja {
namespace {

// The first run that reaches past a position.
auto RunAt(const std::vector<Text::Run>& runs, size_t position) {
  return std::upper_bound(runs.begin(), runs.end(), position,
                          [](size_t p, const Text::Run& run) { return p < run.end; });
}

}  // namespace

bool Text::AllTrusted(size_t begin, size_t end) const {
  if (runs_.empty()) return trusted_;
  if (begin >= end) return true;
  const auto run = RunAt(runs_, begin);
  return run != runs_.end() && run->trusted && run->end >= end;
}

std::vector<Text::Run> Text::Runs() const {
  if (!runs_.empty()) return runs_;
  if (bytes_.empty()) return {};
  return {{static_cast<uint32_t>(bytes_.size()), trusted_}};
}

void Text::AddRun(size_t end, bool trusted) {
  BP_CHECK(end <= UINT32_MAX);
  if (!runs_.empty() && runs_.back().trusted == trusted) {
    runs_.back().end = static_cast<uint32_t>(end);
  } else {
    runs_.push_back({static_cast<uint32_t>(end), trusted});
  }
}

void Text::Append(std::string_view bytes, bool trusted) {
  if (bytes.empty()) return;
  if (bytes_.empty()) {
    bytes_ = bytes;
    trusted_ = trusted;
    return;
  }
  if (runs_.empty() && trusted != trusted_) AddRun(bytes_.size(), trusted_);
  bytes_ += bytes;
  if (!runs_.empty()) AddRun(bytes_.size(), trusted);
}

void Text::AppendSlice(const Text& other, size_t begin, size_t end) {
  BP_CHECK(begin <= end && end <= other.size() && this != &other);
  if (other.runs_.empty()) return Append(other.bytes().substr(begin, end - begin), other.trusted_);
  for (auto run = RunAt(other.runs_, begin); begin < end; ++run) {
    const size_t stop = std::min<size_t>(run->end, end);
    Append(other.bytes().substr(begin, stop - begin), run->trusted);
    begin = stop;
  }
}

Text Text::Slice(size_t begin, size_t end) const {
  Text out;
  out.AppendSlice(*this, begin, end);
  if (out.empty()) out.trusted_ = AllTrusted();
  return out;
}

void Text::Distrust() {
  runs_.clear();
  trusted_ = false;
}

}  // namespace bedplate::jinja
