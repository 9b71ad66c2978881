#pragma once
/// Plain charts as SVG documents: bars of several series in groups, each group on a scale of its own, and lines.

#include <string>
#include <utility>
#include <vector>

namespace bedplate {

struct BarChart {
  struct Group {
    std::string name;
    std::vector<double> values;  // one for each series; 0: none
  };
  std::string title;
  std::vector<std::string> series;
  std::vector<Group> groups;
};
/// Horizontal bars; the longest of a group fills the width, since groups may differ by orders of magnitude.
std::string BarChartSvg(const BarChart& chart);

struct LineChart {
  struct Panel {
    std::string title, x_name, y_name;
    std::vector<std::pair<double, double>> points;  // ascending in x
  };
  std::string title;
  std::vector<Panel> panels;  // below each other
};
std::string LineChartSvg(const LineChart& chart);

}  // namespace bedplate
