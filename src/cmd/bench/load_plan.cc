#include "cmd/bench/load_plan.h"

#include <algorithm>
#include <cmath>

#include "base/cat.h"
#include "base/json.h"
#include "base/random.h"

namespace bedplate {
namespace {

constexpr std::string_view kWords[] = {
    "time",   "year",   "people", "way",   "day",    "man",  "thing",  "woman", "life", "child", "world",
    "school", "state",  "family", "group", "hand",   "part", "place",  "case",  "week", "work",  "point",
    "number", "home",   "water",  "room",  "mother", "area", "money",  "story", "fact", "month", "lot",
    "right",  "study",  "book",   "eye",   "job",    "word", "side",   "kind",  "head", "house", "friend",
    "father", "power",  "hour",   "game",  "line",   "end",  "member", "law",   "car",  "city",  "name",
    "team",   "minute", "idea",   "kid",   "body",   "back", "parent", "face",  "level"};

std::string PromptText(uint32_t tokens, uint64_t seed, uint64_t number) {
  std::string out;
  for (uint32_t i = 0; i < tokens; ++i) {
    out += Cat(out.empty() ? "" : " ", kWords[HashWords(seed, number, i) % std::size(kWords)]);
  }
  return out;
}

double UniformAbove0(uint64_t seed, uint64_t number) {
  return (static_cast<double>(HashWords(seed, number, ~uint64_t{0}) >> 11) + 1) * 0x1p-53;
}

}  // namespace

LoadPlan PlanStreams(const LoadShape& shape) {
  LoadPlan plan;
  plan.streams_max = shape.streams;
  for (uint32_t i = 0; i < shape.requests; ++i) {
    plan.requests.push_back({0, PromptText(shape.prompt_tokens, shape.seed, i), shape.output_tokens});
  }
  return plan;
}

LoadPlan PlanRate(const LoadShape& shape, double rate) {
  LoadPlan plan = PlanStreams(shape);
  plan.streams_max = std::numeric_limits<uint32_t>::max();
  double at = 0;
  for (size_t i = 0; i < plan.requests.size(); ++i) {
    plan.requests[i].at = at;
    at -= std::log(UniformAbove0(shape.seed, i)) / rate;
  }
  return plan;
}

Result<LoadPlan> PlanTrace(std::string_view text, const LoadShape& shape) {
  LoadPlan plan;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Result<Json> json = ParseJson(line);
    if (!json.ok()) return Status::InvalidArgument(Cat("line ", number, " of the trace: ", json.status().message()));
    PlannedRequest request;
    const Json* const at = json->Find("at");
    const Json* const prompt = json->Find("prompt");
    const auto count = [&](std::string_view name, uint32_t otherwise) -> Result<uint32_t> {
      const Json* const value = json->Find(name);
      if (value == nullptr) return otherwise;
      if (!value->is_int() || value->as_int() < 1 || value->as_int() > 1 << 20) {
        return Status::InvalidArgument(Cat("line ", number, " of the trace: ", name, " must be 1 to ", 1 << 20));
      }
      return static_cast<uint32_t>(value->as_int());
    };
    if (at == nullptr || !at->is_number() || !(at->as_double() >= 0)) {
      return Status::InvalidArgument(Cat("line ", number, " of the trace: \"at\" must be seconds, 0 or more"));
    }
    request.at = at->as_double();
    BP_ASSIGN_OR_RETURN(request.output_tokens, count("output_tokens", shape.output_tokens));
    BP_ASSIGN_OR_RETURN(const uint32_t prompt_tokens, count("prompt_tokens", shape.prompt_tokens));
    request.prompt =
        prompt != nullptr && prompt->is_string() ? prompt->as_string() : PromptText(prompt_tokens, shape.seed, number);
    plan.requests.push_back(std::move(request));
  }
  if (plan.requests.empty()) return Status::InvalidArgument("the trace holds no request");
  std::sort(plan.requests.begin(), plan.requests.end(),
            [](const PlannedRequest& a, const PlannedRequest& b) { return a.at < b.at; });
  return plan;
}

}  // namespace bedplate
