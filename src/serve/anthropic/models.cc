#include "serve/anthropic/models.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/cat.h"
#include "base/json.h"
#include "base/utc_time.h"
#include "serve/query.h"

namespace bedplate::anthropic {
namespace {

constexpr size_t kPageMax = 1000;

Json ModelJson(const ServedModel& served) {
  const LoadedModel& model = served.engine->model();
  return Json::Object{{"type", "model"},
                      {"id", model.id},
                      {"display_name", model.id},
                      {"created_at", UtcText(model.created_unix_seconds)},
                      {"max_input_tokens", static_cast<int64_t>(served.engine->context_tokens_max())},
                      {"max_tokens", static_cast<int64_t>(served.engine->context_tokens_max())}};
}

Result<size_t> PageSize(std::string_view query) {
  const std::optional<std::string> text = QueryValue(query, "limit");
  if (!text.has_value()) return size_t{20};
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error == std::errc() && end == text->data() + text->size() && limit >= 1 && limit <= kPageMax) return limit;
  return Status::InvalidArgument(Cat("limit: '", text->substr(0, 20), "'; allowed: 1 to ", kPageMax))
      .WithParam("limit");
}

}  // namespace

std::string EncodeModel(const ServedModel& model) {
  return WriteJson(ModelJson(model));
}

Result<std::string> EncodeModelList(const std::vector<ServedModel>& models, std::string_view query) {
  BP_ASSIGN_OR_RETURN(const size_t limit, PageSize(query));
  const auto at = [&](std::string_view name, size_t otherwise) -> Result<size_t> {
    const std::optional<std::string> id = QueryValue(query, name);
    if (!id.has_value()) return otherwise;
    for (size_t i = 0; i < models.size(); ++i) {
      if (models[i].engine->model().id == *id) return i;
    }
    return Status::InvalidArgument(Cat(name, ": there is no model '", id->substr(0, 100), "'"))
        .WithParam(std::string(name));
  };
  BP_ASSIGN_OR_RETURN(const size_t after, at("after_id", SIZE_MAX));
  BP_ASSIGN_OR_RETURN(const size_t before, at("before_id", models.size()));
  const bool backwards = before < models.size();
  const size_t begin = backwards ? before - std::min(before, limit) : after + 1;  // SIZE_MAX + 1 is 0
  const size_t end = backwards ? before : std::min(models.size(), begin + limit);
  Json::Array data;
  for (size_t i = begin; i < end; ++i) data.push_back(ModelJson(models[i]));
  const bool empty = data.empty();
  const auto id_at = [&](size_t i) { return empty ? Json() : Json(models[i].engine->model().id); };
  Json first = id_at(begin), last = empty ? Json() : id_at(end - 1);
  return WriteJson(Json::Object{{"data", std::move(data)},
                                {"has_more", backwards ? begin > 0 : end < models.size()},
                                {"first_id", std::move(first)},
                                {"last_id", std::move(last)}});
}

}  // namespace bedplate::anthropic
