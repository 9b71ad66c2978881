#include "cmd/memory_size.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "base/cat.h"

namespace bedplate {

Result<size_t> ParseMemorySize(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  double factor = 1;
  if (!unit.empty()) {
    constexpr std::string_view kUnits = "KMGT";
    const size_t power = kUnits.find(static_cast<char>(unit.front() & ~0x20));
    if (power != std::string_view::npos) {
      for (size_t i = 0; i <= power; ++i) factor *= 1024;
      unit.remove_prefix(1);
      if (unit.substr(0, 1) == "i") unit.remove_prefix(1);
    }
    if (unit == "B") unit.remove_prefix(1);
  }
  if (error != std::errc() || !unit.empty() || !(value > 0) || value * factor > 1e18) {
    return Status::InvalidArgument(
        Cat("\"", text, "\" is not a size of memory; write it like 8GiB, 512MiB or 2000000000"));
  }
  return static_cast<size_t>(value * factor);
}

std::string MemorySizeText(size_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (bytes >= size_t{1} << 30) return fmt::format("{:.2f} GiB", b / (1 << 30));
  if (bytes >= size_t{1} << 20) return fmt::format("{:.0f} MiB", b / (1 << 20));
  return fmt::format("{} bytes", bytes);
}

// Cached file pages count as used in a cgroup, though the system gives them back when memory is asked for.
static size_t ReclaimableMemory() {
  std::ifstream stat("/sys/fs/cgroup/memory.stat");
  size_t sum = 0, value = 0;
  for (std::string name; stat >> name >> value;) {
    if (name == "inactive_file" || name == "active_file") sum += value;
  }
  return sum;
}

size_t AvailableMemory() {
  size_t available = size_t{4} << 30;  // where /proc is not mounted
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name, line; meminfo >> name && std::getline(meminfo, line);) {
    if (name == "MemAvailable:") available = std::strtoull(line.c_str(), nullptr, 10) * 1024;
  }
  std::ifstream limit_file("/sys/fs/cgroup/memory.max"), used_file("/sys/fs/cgroup/memory.current");
  size_t limit = 0, used = 0;
  if (limit_file >> limit && used_file >> used) {
    used -= std::min(used, ReclaimableMemory());
    available = std::min(available, limit > used ? limit - used : 0);
  }
  return available;
}

}  // namespace bedplate
