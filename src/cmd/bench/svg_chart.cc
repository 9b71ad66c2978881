#include "cmd/bench/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/cat.h"

namespace bedplate {
namespace {

constexpr std::string_view kColours[] = {"#b8bec6", "#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626"};

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Text(double x, double y, std::string_view anchor, std::string_view text, std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     Escaped(text));
}

std::string Document(double width, double height, std::string_view title, const std::string& body) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
             "height=\"{1:.0f}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#1f2937\">\n"
             "<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
             width, height, Escaped(title)) +
         Text(16, 24, "start", title, " font-size=\"15\" font-weight=\"bold\"") + body + "</svg>\n";
}

// The smallest of 1, 2, 5, 10, 20, ... that is not below value.
double RoundUp(double value) {
  if (!(value > 0)) return 1;
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * power >= value) return step * power;
  }
  return 10 * power;
}

std::string PanelSvg(const LineChart::Panel& panel, double left, double top, double width, double height) {
  double x_max = 0, y_max = 0;
  for (const auto& [x, y] : panel.points) {
    x_max = std::max(x_max, x);
    y_max = std::max(y_max, y);
  }
  x_max = RoundUp(x_max);
  y_max = RoundUp(y_max);
  std::string out = Text(left, top - 8, "start", panel.title, " font-weight=\"bold\"");
  constexpr int kTicks = 5;
  for (int i = 0; i <= kTicks; ++i) {
    const double share = static_cast<double>(i) / kTicks;
    const double x = left + share * width, y = top + height - share * height;
    out += fmt::format("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"#e5e7eb\"/>\n", left, y, left + width);
    out += Text(left - 6, y + 4, "end", fmt::format("{:.4g}", share * y_max));
    out += Text(x, top + height + 16, "middle", fmt::format("{:.4g}", share * x_max));
  }
  out += Text(left + width, top + height + 32, "end", panel.x_name);
  out += Text(left + width, top - 8, "end", panel.y_name);
  std::string path;
  for (const auto& [x, y] : panel.points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", left + x / x_max * width,
                        top + height - y / y_max * height);
  }
  if (!path.empty()) {
    out += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", path, kColours[1]);
  }
  return out;
}

}  // namespace

std::string BarChartSvg(const BarChart& chart) {
  constexpr double kLeft = 230, kBars = 480, kBar = 16, kGap = 18, kWidth = 800;
  std::string body;
  double y = 48;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const double x = 16 + 130 * static_cast<double>(i);
    body += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n", x, y - 10,
                        kColours[i % std::size(kColours)]);
    body += Text(x + 18, y, "start", chart.series[i]);
  }
  y += 20;
  for (const BarChart::Group& group : chart.groups) {
    const double longest = std::max(1e-9, *std::max_element(group.values.begin(), group.values.end()));
    const double middle = y + kBar * static_cast<double>(group.values.size()) / 2;
    body += Text(kLeft - 10, middle + 4, "end", group.name);
    for (size_t i = 0; i < group.values.size(); ++i, y += kBar) {
      if (!(group.values[i] > 0)) {
        body += Text(kLeft, y + 12, "start", "can't");
        continue;
      }
      const double width = kBars * group.values[i] / longest;
      body += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n", kLeft,
                          y, width, kBar - 2, kColours[i % std::size(kColours)]);
      body += Text(kLeft + width + 6, y + 12, "start", fmt::format("{:.4g}", group.values[i]));
    }
    y += kGap;
  }
  return Document(kWidth, y, chart.title, body);
}

std::string LineChartSvg(const LineChart& chart) {
  constexpr double kLeft = 70, kWidth = 680, kHeight = 180, kTop = 70, kStep = 260;
  std::string body;
  double top = kTop;
  for (const LineChart::Panel& panel : chart.panels) {
    body += PanelSvg(panel, kLeft, top, kWidth, kHeight);
    top += kStep;
  }
  return Document(800, top - kTop + 40, chart.title, body);
}

}  // namespace bedplate
