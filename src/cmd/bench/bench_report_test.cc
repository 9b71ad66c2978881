// A made-up report: the table, the JSON and the plot must say the same and name who could not run.
#include "cmd/bench/bench_report.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "cmd/bench/svg_chart.h"

namespace bedplate {
namespace {

Series MadeUp(std::string engine, std::string setting, const std::vector<double>& speeds, std::string refusal = "") {
  Series series{std::move(engine), std::move(setting), {}, std::move(refusal)};
  for (const double speed : speeds) series.rounds.push_back({speed, 20e9, false});
  return series;
}

BenchReport MadeUpReport() {
  BenchReport report;
  report.model = "m<1>";
  report.isa = "avx2";
  report.kv_type = "q8";
  report.threads = 2;
  report.rounds = 3;
  report.machine = {20e9, 0.4e12};
  report.rivals = {"llama.cpp", "openvino"};
  report.not_started = {{"mistralrs", "pip cannot install mistralrs: no wheel"}};
  WorkloadReport w;
  w.workload = {Workload::Kind::kDecode, 128, 8, 512};
  w.limit = 200;
  w.series = {MadeUp("bedplate", "", {90, 100, 110}), MadeUp("llama.cpp", "repack=on", {40, 41, 39}),
              MadeUp("llama.cpp", "repack=off", {50, 49, 51}), MadeUp("openvino", "", {}, "no Q5_0")};
  w.series[2].stopped = "cut after 60 s";
  report.workloads.push_back(w);
  return report;
}

TEST(BenchReport, TableJsonAndPlotAgree) {
  const BenchReport report = MadeUpReport();
  const std::string table = BenchTable(report);
  for (const char* said :
       {"decode 8 streams at 512", "100.0 (90.0-110.0)", "200.0", "50 %", "2.00 x", "can't",
        "best with repack=off, stopped after round 3: cut after 60 s", "no Q5_0", "mistralrs: pip cannot install"}) {
    EXPECT_NE(table.find(said), std::string::npos) << said << " in\n" << table;
  }
  const Result<Json> json = ParseJson(BenchJson(report));
  ASSERT_TRUE(json.ok());
  const Json& w = json->Find("workloads")->as_array()[0];
  EXPECT_EQ(w.Find("share")->as_double(), 0.5);
  EXPECT_EQ(w.Find("best")->Find("llama.cpp")->Find("ratio")->as_double(), 2.0);
  EXPECT_EQ(w.Find("best")->Find("llama.cpp")->Find("setting")->as_string(), "repack=off");
  EXPECT_TRUE(w.Find("best")->Find("openvino")->is_null());
  EXPECT_EQ(w.Find("series")->as_array()[2].Find("stopped")->as_string(), "cut after 60 s");
  EXPECT_EQ(w.Find("series")->as_array()[3].Find("refused")->as_string(), "no Q5_0");
  const std::string svg = BenchSvg(report);
  EXPECT_EQ(svg.rfind("<svg ", 0), 0u);
  EXPECT_NE(svg.find("m&lt;1&gt;"), std::string::npos);
  EXPECT_NE(svg.find(">100<"), std::string::npos);
}

TEST(BenchReport, AWorkloadIsOneLineWithEachRivalsBest) {
  const BenchReport report = MadeUpReport();
  EXPECT_EQ(WorkloadLine(report.workloads.front(), report.rivals),
            "decode 8 streams at 512: 100.0 tokens/s, 50 % of the limit; llama.cpp 50.0, 2.00 x; openvino can't");
}

TEST(SvgChart, LinesStayInsideTheirPanel) {
  LineChart chart;
  chart.title = "lines";
  chart.panels = {{"p", "seconds", "share", {{0, 0}, {0.5, 0.25}, {2, 1}}}, {"empty", "x", "y", {}}};
  const std::string svg = LineChartSvg(chart);
  EXPECT_NE(svg.find("M70.0 250.0L240.0 205.0L750.0 70.0"), std::string::npos) << svg;
}

}  // namespace
}  // namespace bedplate
