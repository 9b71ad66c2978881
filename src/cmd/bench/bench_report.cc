#include "cmd/bench/bench_report.h"

#include "base/cat.h"
#include "base/json.h"
#include "cmd/bench/svg_chart.h"
#include "cmd/table.h"

namespace bedplate {
namespace {

std::string Speed(double value) {
  return fmt::format("{:.{}f}", value, value < 1000 ? 1 : 0);
}

void WriteSeries(const Series& series, const WorkloadReport& report, JsonWriter& w) {
  w.BeginObject();
  w.Key("engine");
  w.String(series.engine);
  w.Key("setting");
  w.String(series.setting);
  if (!series.refusal.empty()) {
    w.Key("refused");
    w.String(series.refusal);
    w.EndObject();
    return;
  }
  w.Key("tokens_per_second");
  w.Double(series.median());
  w.Key("ratio");  // ours to this one
  w.Double(report.ours().median() / series.median());
  w.Key("noisy");
  w.Bool(series.noisy());
  w.Key("sat_out");  // measured once
  w.Bool(series.sat_out);
  if (!series.stopped.empty()) {
    w.Key("stopped");
    w.String(series.stopped);
  }
  w.Key("rounds");
  w.BeginArray();
  for (const Measurement& round : series.rounds) {
    w.BeginObject();
    w.Key("tokens_per_second");
    w.Double(round.tokens_per_second);
    w.Key("read_bytes_per_second");
    w.Double(round.read_bytes_per_second);
    w.Key("noisy");
    w.Bool(round.noisy);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
}

std::string Notes(const BenchReport& report) {
  std::string out;
  for (const auto& [engine, why] : report.not_started) out += Cat(engine, ": ", why, "\n");
  for (const std::string& engine : report.rivals) {
    std::string said;
    for (const WorkloadReport& w : report.workloads) {
      std::string line;
      if (const Series* best = w.Best(engine)) {
        if (!best->setting.empty()) line = Cat(w.workload.Name(), ": best with ", best->setting);
        const auto add = [&](const std::string& what) { line = Cat(line.empty() ? w.workload.Name() : line, what); };
        if (best->sat_out) add(", measured once");
        if (!best->stopped.empty()) add(Cat(", stopped after round ", best->rounds.size(), ": ", best->stopped));
      } else {
        for (const Series& series : w.series) {
          if (series.engine == engine) line = Cat("can't ", w.workload.Name(), ": ", series.refusal);
        }
      }
      if (!line.empty()) said += Cat("  ", line, "\n");
    }
    if (!said.empty()) out += Cat(engine, "\n", said);
  }
  return out;
}

}  // namespace

const Series* WorkloadReport::Best(const std::string& engine) const {
  const Series* best = nullptr;
  for (const Series& one : series) {
    if (one.engine == engine && one.refusal.empty() && (best == nullptr || one.median() > best->median())) best = &one;
  }
  return best;
}

std::string WorkloadLine(const WorkloadReport& report, const std::vector<std::string>& rivals) {
  const double ours = report.ours().median();
  std::string out =
      fmt::format("{}: {} tokens/s, {:.0f} % of the limit", report.workload.Name(), Speed(ours), 100 * report.share());
  for (const std::string& engine : rivals) {
    const Series* const best = report.Best(engine);
    out += best == nullptr ? Cat("; ", engine, " can't")
                           : fmt::format("; {} {}, {:.2f} x", engine, Speed(best->median()), ours / best->median());
  }
  return out;
}

std::string BenchTable(const BenchReport& report) {
  std::string out = fmt::format(
      "{}, {} threads, {}, keys and values {}; this machine reads {:.1f} GB/s and does {:.2f} T int8 operations/s\n"
      "tokens/s over all streams: median (low-high) of {} rounds\n",
      report.model, report.threads, report.isa, report.kv_type, report.machine.read_bytes_per_second / 1e9,
      report.machine.int8_operations_per_second / 1e12, report.rounds);
  std::vector<Table::Align> columns = {Table::Align::kLeft, Table::Align::kRight, Table::Align::kRight,
                                       Table::Align::kRight};
  std::vector<std::string> header = {"", "bedplate", "limit", "share"};
  for (const std::string& engine : report.rivals) {
    columns.insert(columns.end(), {Table::Align::kRight, Table::Align::kRight});
    header.push_back(engine);
    header.emplace_back("ratio");
  }
  columns.push_back(Table::Align::kLeft);
  header.emplace_back();
  Table table(columns);
  table.Row(header);
  for (const WorkloadReport& w : report.workloads) {
    const Series& ours = w.ours();
    bool noisy = ours.noisy();
    std::vector<std::string> row = {w.workload.Name(),
                                    Cat(Speed(ours.median()), " (", Speed(ours.low()), "-", Speed(ours.high()), ")"),
                                    Speed(w.limit), fmt::format("{:.0f} %", 100 * w.share())};
    for (const std::string& engine : report.rivals) {
      const Series* const best = w.Best(engine);
      row.push_back(best == nullptr ? "can't" : Speed(best->median()));
      row.push_back(best == nullptr ? "" : fmt::format("{:.2f} x", ours.median() / best->median()));
      noisy = noisy || (best != nullptr && best->noisy());
    }
    row.emplace_back(noisy ? "noisy: bandwidth changed during a round, also when repeated" : "");
    table.Row(row);
  }
  return out + table.Text() + Notes(report);
}

std::string BenchJson(const BenchReport& report) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("model");
  w.String(report.model);
  w.Key("threads");
  w.Uint(report.threads);
  w.Key("isa");
  w.String(report.isa);
  w.Key("kv_type");
  w.String(report.kv_type);
  w.Key("read_bytes_per_second");
  w.Double(report.machine.read_bytes_per_second);
  w.Key("int8_operations_per_second");
  w.Double(report.machine.int8_operations_per_second);
  w.Key("not_started");
  w.BeginObject();
  for (const auto& [engine, why] : report.not_started) {
    w.Key(engine);
    w.String(why);
  }
  w.EndObject();
  w.Key("workloads");
  w.BeginArray();
  for (const WorkloadReport& one : report.workloads) {
    w.BeginObject();
    w.Key("name");
    w.String(one.workload.Name());
    w.Key("kind");
    w.String(one.workload.kind == Workload::Kind::kPrefill ? "prefill" : "decode");
    w.Key("tokens");
    w.Uint(one.workload.tokens);
    w.Key("streams");
    w.Uint(one.workload.streams);
    w.Key("depth");
    w.Uint(one.workload.depth);
    w.Key("tokens_per_second");
    w.Double(one.ours().median());
    w.Key("limit");
    w.Double(one.limit);
    w.Key("share");
    w.Double(one.share());
    w.Key("best");  // of each rival
    w.BeginObject();
    for (const std::string& engine : report.rivals) {
      w.Key(engine);
      if (const Series* best = one.Best(engine)) {
        w.BeginObject();
        w.Key("setting");
        w.String(best->setting);
        w.Key("tokens_per_second");
        w.Double(best->median());
        w.Key("ratio");
        w.Double(one.ours().median() / best->median());
        w.EndObject();
      } else {
        w.Null();
      }
    }
    w.EndObject();
    w.Key("series");
    w.BeginArray();
    for (const Series& series : one.series) WriteSeries(series, one, w);
    w.EndArray();
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  return out;
}

std::string BenchSvg(const BenchReport& report) {
  BarChart chart;
  chart.title = fmt::format("{}, {} threads, {}: tokens/s", report.model, report.threads, report.isa);
  chart.series.emplace_back("limit");
  chart.series.emplace_back("bedplate");
  for (const std::string& engine : report.rivals) chart.series.push_back(engine);
  for (const WorkloadReport& w : report.workloads) {
    BarChart::Group group{w.workload.Name(), {w.limit, w.ours().median()}};
    for (const std::string& engine : report.rivals) {
      const Series* const best = w.Best(engine);
      group.values.push_back(best == nullptr ? 0 : best->median());
    }
    chart.groups.push_back(std::move(group));
  }
  return BarChartSvg(chart);
}

}  // namespace bedplate
