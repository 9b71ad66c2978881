#include "serve/openai/models.h"

#include "base/json.h"

namespace bedplate::openai {
namespace {

void WriteModel(const ServedModel& served, JsonWriter& w) {
  const LoadedModel& model = served.engine->model();
  w.BeginObject();
  w.Key("id");
  w.String(model.id);
  w.Key("object");
  w.String("model");
  w.Key("created");
  w.Int(model.created_unix_seconds);
  w.Key("owned_by");
  w.String(served.owned_by);
  w.Key("context_length");
  w.Uint(served.engine->context_tokens_max());
  w.Key("max_model_len");
  w.Uint(served.engine->context_tokens_max());
  w.Key("chat");
  w.Bool(model.chat_template.has_value());
  w.Key("aliases");
  w.BeginArray();
  for (const std::string& alias : served.aliases) w.String(alias);
  w.EndArray();
  w.EndObject();
}

}  // namespace

std::string EncodeModel(const ServedModel& model) {
  std::string out;
  JsonWriter w(out);
  WriteModel(model, w);
  return out;
}

std::string EncodeModelList(const std::vector<ServedModel>& models) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("object");
  w.String("list");
  w.Key("data");
  w.BeginArray();
  for (const ServedModel& model : models) WriteModel(model, w);
  w.EndArray();
  w.EndObject();
  return out;
}

}  // namespace bedplate::openai
