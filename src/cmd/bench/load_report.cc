#include "cmd/bench/load_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/bench/svg_chart.h"
#include "cmd/table.h"

namespace bedplate {
namespace {

double FirstToken(const RequestRecord& record) {
  return record.chunks.front() - record.planned;
}

void AddGaps(const RequestRecord& record, std::vector<double>& gaps) {
  for (size_t i = 1; i < record.chunks.size(); ++i) gaps.push_back(record.chunks[i] - record.chunks[i - 1]);
}

double MeanBetweenTokens(const RequestRecord& record) {
  if (record.output_tokens < 2) return 0;
  return (record.chunks.back() - record.chunks.front()) / static_cast<double>(record.output_tokens - 1);
}

void WriteQuantiles(const Quantiles& q, JsonWriter& w) {
  w.BeginObject();
  w.Key("mean");
  w.Double(q.mean);
  w.Key("p50");
  w.Double(q.p50);
  w.Key("p90");
  w.Double(q.p90);
  w.Key("p99");
  w.Double(q.p99);
  w.Key("max");
  w.Double(q.max);
  w.EndObject();
}

LineChart::Panel Distribution(std::string title, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  LineChart::Panel panel{std::move(title), "milliseconds", "share at or below", {}};
  constexpr size_t kPointsMax = 400;
  const size_t step = std::max<size_t>(1, values.size() / kPointsMax);
  for (size_t i = 0; i < values.size(); i += step) {
    panel.points.emplace_back(1000 * values[i], static_cast<double>(i + 1) / static_cast<double>(values.size()));
  }
  if (!values.empty()) panel.points.emplace_back(1000 * values.back(), 1.0);
  return panel;
}

}  // namespace

Quantiles QuantilesOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  const auto rank = [&](double share) {
    return values[static_cast<size_t>(std::max(1.0, std::ceil(share * count))) - 1];
  };
  return {std::accumulate(values.begin(), values.end(), 0.0) / count, rank(0.5), rank(0.9), rank(0.99), values.back()};
}

LoadReport Summarise(std::span<const RequestRecord> records, const LoadTargets& targets) {
  LoadReport report;
  report.requests = records.size();
  std::vector<double> first, gaps, whole;
  double begin = records.empty() ? 0 : records.front().planned, end = begin;
  size_t good = 0;
  for (const RequestRecord& record : records) {
    begin = std::min(begin, record.planned);
    end = std::max(end, record.ended);
    if (!record.error.empty()) {
      ++report.failed;
      if (record.http_status == 429) ++report.refused;
      if (report.first_error.empty()) report.first_error = record.error;
      continue;
    }
    report.prompt_tokens += record.prompt_tokens;
    report.output_tokens += record.output_tokens;
    first.push_back(FirstToken(record));
    whole.push_back(record.ended - record.planned);
    AddGaps(record, gaps);
    if (FirstToken(record) <= targets.first_token_seconds &&
        MeanBetweenTokens(record) <= targets.between_tokens_seconds) {
      ++good;
    }
  }
  report.seconds = end - begin;
  report.first_token = QuantilesOf(std::move(first));
  report.between_tokens = QuantilesOf(std::move(gaps));
  report.whole = QuantilesOf(std::move(whole));
  if (report.seconds > 0) {
    report.output_tokens_per_second = static_cast<double>(report.output_tokens) / report.seconds;
    report.requests_per_second = static_cast<double>(report.requests - report.failed) / report.seconds;
    report.good_requests_per_second = static_cast<double>(good) / report.seconds;
  }
  if (report.requests > 0) report.good_share = static_cast<double>(good) / static_cast<double>(report.requests);
  return report;
}

std::string LoadTable(const LoadReport& report, std::string_view title, const LoadTargets& targets) {
  using Align = Table::Align;
  Table times({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  times.Row({"milliseconds", "mean", "p50", "p90", "p99", "max"});
  const auto row = [&](std::string name, const Quantiles& q) {
    const auto ms = [](double seconds) { return fmt::format("{:.1f}", 1000 * seconds); };
    times.Row({std::move(name), ms(q.mean), ms(q.p50), ms(q.p90), ms(q.p99), ms(q.max)});
  };
  row("time to first token", report.first_token);
  row("between tokens", report.between_tokens);
  row("whole answer", report.whole);
  std::string out = fmt::format("{}: {} requests in {:.1f} s, {} failed ({} with 429)\n", title, report.requests,
                                report.seconds, report.failed, report.refused);
  if (!report.first_error.empty()) out += Cat("first error: ", report.first_error, "\n");
  out += times.Text();
  out += fmt::format("{:.1f} tokens/s written, {:.2f} requests/s; {} prompt tokens, {} written\n",
                     report.output_tokens_per_second, report.requests_per_second, report.prompt_tokens,
                     report.output_tokens);
  out += fmt::format(
      "goodput {:.2f} requests/s, {:.0f} % of all: first token within {:.0f} ms, then a token every {:.0f} ms\n",
      report.good_requests_per_second, 100 * report.good_share, 1000 * targets.first_token_seconds,
      1000 * targets.between_tokens_seconds);
  return out;
}

std::string LoadJson(const LoadReport& report, std::span<const RequestRecord> records, const LoadTargets& targets) {
  std::string out;
  JsonWriter w(out);
  const auto number = [&](std::string_view key, double value) {
    w.Key(key);
    w.Double(value);
  };
  const auto count = [&](std::string_view key, uint64_t value) {
    w.Key(key);
    w.Uint(value);
  };
  w.BeginObject();
  count("requests", report.requests);
  count("failed", report.failed);
  count("refused", report.refused);
  w.Key("first_error");
  w.String(report.first_error);
  number("seconds", report.seconds);
  count("prompt_tokens", report.prompt_tokens);
  count("output_tokens", report.output_tokens);
  number("output_tokens_per_second", report.output_tokens_per_second);
  number("requests_per_second", report.requests_per_second);
  number("good_requests_per_second", report.good_requests_per_second);
  number("good_share", report.good_share);
  number("good_first_token_seconds", targets.first_token_seconds);
  number("good_between_tokens_seconds", targets.between_tokens_seconds);
  w.Key("first_token_seconds");
  WriteQuantiles(report.first_token, w);
  w.Key("between_tokens_seconds");
  WriteQuantiles(report.between_tokens, w);
  w.Key("whole_seconds");
  WriteQuantiles(report.whole, w);
  w.Key("records");
  w.BeginArray();
  for (const RequestRecord& record : records) {
    w.BeginObject();
    number("planned", record.planned);
    number("sent", record.sent);
    number("ended", record.ended);
    if (!record.chunks.empty()) number("first_token", record.chunks.front());
    count("chunks", record.chunks.size());
    count("prompt_tokens", record.prompt_tokens);
    count("output_tokens", record.output_tokens);
    count("http_status", static_cast<uint64_t>(record.http_status));
    w.Key("error");
    w.String(record.error);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  return out;
}

std::string LoadSvg(std::span<const RequestRecord> records, std::string_view title) {
  std::vector<double> first, gaps;
  double end = 0;
  for (const RequestRecord& record : records) {
    end = std::max(end, record.ended);
    if (!record.error.empty()) continue;
    first.push_back(FirstToken(record));
    AddGaps(record, gaps);
  }
  constexpr size_t kSlices = 60;
  const double slice = std::max(end / kSlices, 1e-6);
  std::vector<double> tokens(kSlices + 1, 0);
  for (const RequestRecord& record : records) {
    for (const double at : record.chunks) tokens[std::min(kSlices, static_cast<size_t>(at / slice))] += 1 / slice;
  }
  LineChart::Panel over_time{"tokens/s over time", "seconds", "tokens/s", {}};
  for (size_t i = 0; i < kSlices; ++i) over_time.points.emplace_back((static_cast<double>(i) + 0.5) * slice, tokens[i]);
  LineChart chart;
  chart.title = title;
  chart.panels = {Distribution("time to first token", std::move(first)),
                  Distribution("between tokens", std::move(gaps)), std::move(over_time)};
  return LineChartSvg(chart);
}

}  // namespace bedplate
