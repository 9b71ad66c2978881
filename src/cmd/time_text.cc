#include "cmd/time_text.h"

#include <charconv>
#include <chrono>

#include "base/cat.h"
#include "base/utc_time.h"

namespace bedplate {
namespace {

// Digits alone, all of them.
std::optional<int> NumberOf(std::string_view digits) {
  int number = 0;
  const auto [stopped, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && stopped == digits.data() + digits.size() && digits.front() != '-';
  return whole ? std::optional(number) : std::nullopt;
}

// The form with a digit at each '0'.
bool HasForm(std::string_view text, std::string_view form) {
  if (text.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '0' ? !digit : text[i] != form[i]) return false;
  }
  return true;
}

}  // namespace

Result<int64_t> ParseUtcTime(std::string_view text) {
  const Status wrong = Status::InvalidArgument(
      Cat("is \"", text, "\"; allowed: a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z"));
  const bool with_time = HasForm(text, "0000-00-00T00:00:00Z");
  if (!with_time && !HasForm(text, "0000-00-00")) return wrong;
  const auto field = [&](size_t at, size_t length) { return NumberOf(text.substr(at, length)).value_or(0); };
  const auto day = std::chrono::year(field(0, 4)) / std::chrono::month(static_cast<unsigned>(field(5, 2))) /
                   std::chrono::day(static_cast<unsigned>(field(8, 2)));
  if (!day.ok()) return wrong;
  int64_t seconds = std::chrono::sys_days(day).time_since_epoch().count() * int64_t{86'400};
  if (with_time) {
    const int hour = field(11, 2), minute = field(14, 2), second = field(17, 2);
    if (hour > 23 || minute > 59 || second > 59) return wrong;
    seconds += (hour * 60 + minute) * 60 + second;
  }
  return seconds;
}

std::string UtcTimeText(std::optional<int64_t> unix_seconds) {
  return unix_seconds ? UtcText(*unix_seconds) : "-";
}

Status AppendTime(std::string_view option, const std::string& text, std::string_view argument,
                  Json::Object& arguments) {
  if (text.empty()) return Status::Ok();
  const Result<int64_t> time = ParseUtcTime(text);
  if (!time.ok()) return Status::InvalidArgument(Cat(option, " ", time.status().message()));
  arguments.emplace_back(std::string(argument), *time);
  return Status::Ok();
}

Result<int64_t> ParseSeconds(std::string_view text) {
  const Status wrong = Status::InvalidArgument(
      Cat("is \"", text, "\"; allowed: a number of seconds, or with a unit: 90s, 15m, 24h, 7d"));
  if (text.empty()) return wrong;
  int64_t unit = 1;
  std::string_view digits = text;
  if (const size_t found = std::string_view("smhd").find(text.back()); found != std::string_view::npos) {
    constexpr int64_t kUnits[] = {1, 60, 3600, 86'400};
    unit = kUnits[found];
    digits.remove_suffix(1);
  }
  if (digits.empty() || digits.size() > 9) return wrong;
  const auto number = NumberOf(digits);
  if (!number) return wrong;
  return *number * unit;
}

}  // namespace bedplate
