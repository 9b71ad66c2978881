// bedplate inspect: what is in a model file, and what running it takes. Reads headers and metadata only.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/bench/model_cost.h"
#include "cmd/catalogue.h"
#include "cmd/commands.h"
#include "cmd/memory_size.h"
#include "cmd/table.h"
#include "model/model_config.h"
#include "model/model_file.h"
#include "model/tokenizer_data.h"

namespace bedplate {
namespace {

struct InspectOptions {
  std::string model;
  bool json = false;
  bool tensors = false;
};

struct TypeTotal {
  uint64_t tensors = 0;
  uint64_t bytes = 0;
  uint64_t elements = 0;
};

/// A sound file may still hold a model that we don't run: then config or tokenizer holds the reason.
struct Inspection {
  const ModelFile& file;
  std::string architecture;
  Result<ModelConfig> config;
  Result<TokenizerData> tokenizer;
  std::map<std::string, TypeTotal> types;

  explicit Inspection(const ModelFile& f)
      : file(f), architecture(StatedArchitecture(f)), config(ReadModelConfig(f)), tokenizer(ReadTokenizerData(f)) {
    for (const TensorView& tensor : f.tensors()) {
      TypeTotal& total = types[std::string(InfoOf(tensor.type).name)];
      ++total.tensors;
      total.bytes += tensor.bytes.size();
      total.elements += tensor.elements();
    }
  }
};

std::string ParametersText(uint64_t n) {
  if (n >= 1'000'000'000) return fmt::format("{:.2f} B", static_cast<double>(n) / 1e9);
  return fmt::format("{:.1f} M", static_cast<double>(n) / 1e6);
}

std::string ShapeText(const std::vector<uint64_t>& shape) {
  std::string out;
  for (const uint64_t d : shape) out += (out.empty() ? "" : " x ") + Cat(d);
  return out;
}

/// Terminals interpret control bytes, and the file chose these.
std::string Printable(std::string_view text, size_t bytes_max) {
  std::string out;
  for (const char c : text.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out + (text.size() > bytes_max ? "..." : "");
}

std::string FirstLine(const std::string& text) {
  return Printable(text.substr(0, text.find('\n')), 100);
}

std::string AttentionText(const ModelConfig& c) {
  std::string out = Cat(c.heads, " heads of ", c.head_dim, ", ", c.kv_heads, " of keys and values");
  const auto sliding = static_cast<size_t>(std::count(c.layer_is_sliding.begin(), c.layer_is_sliding.end(), true));
  if (sliding > 0) out += Cat("; ", sliding, " of ", c.layers, " layers see ", c.sliding_window, " positions");
  if (c.qk_norm) out += "; norms on Q and K";
  if (c.attention_bias) out += "; biases";
  return out;
}

std::string RopeText(const RopeConfig& rope, bool factors) {
  std::string out = Cat("base ", rope.theta, rope.style == RopeConfig::kInterleaved ? ", interleaved" : ", halves");
  constexpr std::string_view kNames[] = {"", ", linear x ", ", llama3 x ", ", yarn x "};
  if (rope.scaling != RopeConfig::kNone) out += Cat(kNames[rope.scaling], rope.factor);
  if (factors) out += ", with factors in the file";
  return out;
}

void Line(std::string_view name, std::string_view value) {
  fmt::print("{:<14} {}\n", name, value);
}

void PrintConfig(const Inspection& i) {
  const ModelConfig& c = *i.config;
  Line("context", Cat(c.context_length, " positions"));
  Line("layers", Cat(c.layers, " of width ", c.width, ", feed-forward ", c.ffn_width));
  Line("attention", AttentionText(c));
  Line("rotary", RopeText(c.rope, i.file.FindTensor("rope_freqs.weight") != nullptr));
  if (c.rope_local != c.rope) Line("", Cat("sliding layers: ", RopeText(c.rope_local, false)));
  Line("vocabulary",
       Cat(c.vocabulary, " rows, ", c.tied_embeddings ? "output matrix tied to them" : "output matrix of its own"));
  Line("memory", Cat(MemorySizeText(i.file.tensor_bytes()), " weights, ", MemorySizeText(c.KvBytesPerToken() * 1000),
                     " keys and values for each 1000 tokens, ", MemorySizeText(KvBytes(c, c.context_length)),
                     " at full context"));
}

void PrintTokenizer(const TokenizerData& t) {
  const auto token = [&](std::optional<uint32_t> id) {
    return id.has_value() ? Cat(*id, " ", Printable(t.tokens[*id], 40)) : std::string("none");
  };
  Line("tokenizer", Cat(t.model, t.pre.empty() ? "" : Cat(" with pre-tokenizer ", t.pre), ", ", t.tokens.size(),
                        " tokens, begin ", token(t.bos), ", end ", token(t.eos)));
  if (t.chat_template.empty()) {
    Line("template", "none: completions only, or give one with --chat-template");
  } else {
    Line("template", Cat(t.chat_template.size(), " bytes: ", FirstLine(t.chat_template)));
  }
}

void Print(const Inspection& i, const InspectOptions& options) {
  Line("file", i.file.path().string());
  Line("format", i.file.is_gguf() ? Cat("GGUF version ", i.file.gguf_version(),
                                        i.file.files().size() > 1 ? Cat(", ", i.file.files().size(), " parts") : "")
                                  : Cat("Hugging Face folder, ", i.file.files().size(), " safetensors file(s)"));
  Line("architecture", i.architecture.empty() ? "not stated" : Printable(i.architecture, 60));
  if (i.config.ok()) {
    if (!i.config->name.empty()) Line("name", Printable(i.config->name, 100));
    Line("licence", i.config->license.empty() ? "not stated" : Printable(i.config->license, 100));
  }
  Line("parameters", ParametersText(i.file.parameters()));
  std::vector<std::pair<std::string, TypeTotal>> types(i.types.begin(), i.types.end());
  std::sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  Table type_table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kRight, Table::Align::kRight});
  for (const auto& [name, total] : types) {
    const double share = 100.0 * static_cast<double>(total.bytes) / static_cast<double>(i.file.tensor_bytes());
    type_table.Row({name, Cat(total.tensors, " tensors"), MemorySizeText(total.bytes), fmt::format("{:.1f} %", share)});
  }
  fmt::print("types{}", type_table.Text(std::string(15, ' ')).substr(5));
  if (i.config.ok()) {
    PrintConfig(i);
  } else if (i.file.vocabulary_only()) {
    Line("weights", "none: a vocabulary only");
  } else {
    Line("runs", Cat("no: ", i.config.status().message()));
  }
  if (i.tokenizer.ok()) {
    PrintTokenizer(*i.tokenizer);
  } else {
    Line("tokenizer", Cat("not usable: ", i.tokenizer.status().message()));
  }
  if (!options.tensors) return;
  Table table({Table::Align::kLeft, Table::Align::kLeft, Table::Align::kRight, Table::Align::kRight});
  for (const TensorView& t : i.file.tensors()) {
    table.Row(
        {Printable(t.name, 100), std::string(InfoOf(t.type).name), ShapeText(t.shape), MemorySizeText(t.bytes.size())});
  }
  fmt::print("\n{}", table.Text());
}

void WriteConfig(const ModelConfig& c, JsonWriter& w) {
  const auto number = [&](std::string_view key, uint64_t value) {
    w.Key(key);
    w.Uint(value);
  };
  w.Key("name");
  w.String(c.name);
  w.Key("license");
  w.String(c.license);
  number("context_length", c.context_length);
  number("layers", c.layers);
  number("width", c.width);
  number("heads", c.heads);
  number("kv_heads", c.kv_heads);
  number("head_dim", c.head_dim);
  number("ffn_width", c.ffn_width);
  number("vocabulary", c.vocabulary);
  number("sliding_window", c.sliding_window);
  number("kv_bytes_per_token", c.KvBytesPerToken());
  number("kv_bytes_full_context", KvBytes(c, c.context_length));
  w.Key("rope_theta");
  w.Float(c.rope.theta);
  w.Key("tied_embeddings");
  w.Bool(c.tied_embeddings);
}

std::string ToJson(const Inspection& i, const InspectOptions& options) {
  std::string out;
  JsonWriter w(out);
  w.BeginObject();
  w.Key("path");
  w.String(i.file.path().string());
  w.Key("format");
  w.String(i.file.is_gguf() ? "gguf" : "huggingface");
  if (i.file.is_gguf()) {
    w.Key("gguf_version");
    w.Uint(i.file.gguf_version());
  }
  w.Key("files");
  w.Uint(i.file.files().size());
  w.Key("bytes");
  w.Uint(i.file.file_bytes());
  w.Key("architecture");
  w.String(i.architecture);
  w.Key("parameters");
  w.Uint(i.file.parameters());
  w.Key("weight_bytes");
  w.Uint(i.file.tensor_bytes());
  w.Key("types");
  w.BeginObject();
  for (const auto& [name, total] : i.types) {
    w.Key(name);
    w.BeginObject();
    w.Key("tensors");
    w.Uint(total.tensors);
    w.Key("elements");
    w.Uint(total.elements);
    w.Key("bytes");
    w.Uint(total.bytes);
    w.EndObject();
  }
  w.EndObject();
  w.Key("runs");
  w.Bool(i.config.ok());
  if (i.config.ok()) {
    WriteConfig(*i.config, w);
  } else {
    w.Key("reason");
    w.String(i.config.status().message());
  }
  w.Key("tokenizer");
  if (i.tokenizer.ok()) {
    w.BeginObject();
    w.Key("model");
    w.String(i.tokenizer->model);
    w.Key("pre");
    w.String(i.tokenizer->pre);
    w.Key("tokens");
    w.Uint(i.tokenizer->tokens.size());
    const auto id = [&](std::string_view key, std::optional<uint32_t> value) {
      w.Key(key);
      if (value.has_value()) {
        w.Uint(*value);
      } else {
        w.Null();
      }
    };
    id("bos", i.tokenizer->bos);
    id("eos", i.tokenizer->eos);
    w.EndObject();
    w.Key("chat_template");
    if (i.tokenizer->chat_template.empty()) {
      w.Null();
    } else {
      w.String(i.tokenizer->chat_template);
    }
  } else {
    w.Null();
    w.Key("tokenizer_reason");
    w.String(i.tokenizer.status().message());
  }
  if (options.tensors) {
    w.Key("tensors");
    w.BeginArray();
    for (const TensorView& t : i.file.tensors()) {
      w.BeginObject();
      w.Key("name");
      w.String(t.name);
      w.Key("type");
      w.String(InfoOf(t.type).name);
      w.Key("shape");
      w.BeginArray();
      for (const uint64_t d : t.shape) w.Uint(d);
      w.EndArray();
      w.Key("bytes");
      w.Uint(t.bytes.size());
      w.EndObject();
    }
    w.EndArray();
  }
  w.EndObject();
  return out;
}

Status RunInspect(const InspectOptions& options) {
  BP_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(options.model));
  BP_ASSIGN_OR_RETURN(const ModelFile file, ModelFile::Open(path));
  const Inspection inspection(file);
  if (options.json) {
    fmt::print("{}\n", ToJson(inspection, options));
  } else {
    Print(inspection, options);
  }
  return Status::Ok();
}

}  // namespace

void AddInspectCommand(Program& program) {
  auto options = std::make_shared<InspectOptions>();
  CommandLine command = program.Add("inspect", "Show what a model file holds and what running it takes",
                                    [options] { return RunInspect(*options); });
  command.Add("MODEL", &options->model, "a model's name, a .gguf file, or a Hugging Face folder", {.required = true});
  command.Add("--tensors", &options->tensors, "list every tensor");
  command.Add("--json", &options->json, "print one JSON object");
  command.Footer("Example:\n  bedplate inspect smollm2-135m --tensors");
}

}  // namespace bedplate
