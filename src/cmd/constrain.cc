// bedplate constrain: what a constraint allows, without a model's weights. One JSON object a line in, one a line out.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/cat.h"
#include "base/json.h"
#include "base/random.h"
#include "cmd/commands.h"
#include "cmd/model_options.h"
#include "cmd/text_input.h"
#include "engine/constraint.h"

namespace bedplate {
namespace {

constexpr size_t kWalkTokensMax = 600;

struct ConstrainOptions {
  std::string model;
};

double Microseconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

Result<Constraint> ReadForm(const Json& line) {
  Constraint out;
  if (const Json* schema = line.Find("schema")) {
    const Json* compact = line.Find("compact");
    out.form =
        JsonSchemaForm{.schema = *schema, .compact = compact != nullptr && *compact == Json(true), .param = "schema"};
    return out;
  }
  if (const Json* text = line.Find("regex"); text != nullptr && text->is_string()) {
    out.form = RegexForm{.pattern = text->as_string(), .param = "regex"};
    return out;
  }
  if (const Json* text = line.Find("grammar"); text != nullptr && text->is_string()) {
    out.form = GrammarForm{.text = text->as_string(), .param = "grammar"};
    return out;
  }
  if (const Json* list = line.Find("choice"); list != nullptr && list->is_array()) {
    ChoiceForm form{.choices = {}, .param = "choice"};
    for (const Json& choice : list->as_array()) form.choices.push_back(choice.is_string() ? choice.as_string() : "");
    out.form = std::move(form);
    return out;
  }
  return Status::InvalidArgument(R"(a line holds one of "schema", "regex", "grammar" and "choice")");
}

/// Goes along one text of a constraint, and keeps the time of every mask.
class Walker {
 public:
  Walker(const Tokenizer& tokenizer, TokenMasks& masks) : tokenizer_(tokenizer), masks_(masks) {}

  /// Token by token through the masks. Bytes alone must give the same answer.
  Result<bool> Allows(const std::string& text) {
    TokenMasks::Cursor bytes(masks_), cursor(masks_);
    const bool by_bytes = bytes.Accept(text) && bytes.MayEnd();
    bool by_tokens = true;
    std::string spelled;
    for (const TokenId token : tokenizer_.Encode(text, {.add_bos = false})) {
      BP_ASSIGN_OR_RETURN(const auto allowed, Mask(cursor));
      by_tokens = Has(allowed, static_cast<uint32_t>(token.value)) && cursor.Accept(token);
      if (!by_tokens) break;
      spelled += masks_.trie().Text(token);
    }
    // A tokenizer may spell a text otherwise (a space in front): then the bytes alone are asked.
    if (by_tokens && spelled != text) return by_bytes;
    if (by_bytes != (by_tokens && cursor.MayEnd())) return Status::Internal("bytes and tokens don't agree");
    return by_bytes;
  }

  struct Walk {
    std::string text;
    bool finished = false;
  };
  /// Random tokens among those allowed; every other one, if there is any, a token that closes something.
  Result<Walk> AtRandom(Prng& random) {
    Walk walk;
    TokenMasks::Cursor cursor(masks_);
    for (size_t i = 0; i < kWalkTokensMax && !cursor.MustEnd(); ++i) {
      if (cursor.MayEnd() && random.Range(0, 2) == 0) break;
      BP_ASSIGN_OR_RETURN(const auto allowed, Mask(cursor));
      std::vector<uint32_t> all, closing;
      for (uint32_t id = 0; id < masks_.trie().size(); ++id) {
        if (!Has(allowed, id)) continue;
        all.push_back(id);
        const std::string_view text = masks_.trie().Text(TokenId{static_cast<int32_t>(id)});
        if (text == "\"" || text == "}" || text == "]" || text == ",") closing.push_back(id);
      }
      if (all.empty()) return walk;
      const std::vector<uint32_t>& from = !closing.empty() && random.Range(0, 1) == 0 ? closing : all;
      const TokenId token{
          static_cast<int32_t>(from[static_cast<size_t>(random.Range(0, static_cast<int64_t>(from.size()) - 1))])};
      if (!cursor.Accept(token)) return TooAmbiguous();
      walk.text += masks_.trie().Text(token);
    }
    walk.finished = cursor.MayEnd();
    return walk;
  }

  std::vector<double>& mask_times() { return mask_times_; }

 private:
  static bool Has(std::span<const uint64_t> mask, uint32_t id) { return (mask[id / 64] >> (id % 64) & 1u) != 0; }

  Result<std::span<const uint64_t>> Mask(TokenMasks::Cursor& cursor) {
    const auto start = std::chrono::steady_clock::now();
    auto mask = cursor.Allowed();
    mask_times_.push_back(Microseconds(std::chrono::steady_clock::now() - start));
    return mask;
  }

  const Tokenizer& tokenizer_;
  TokenMasks& masks_;
  std::vector<double> mask_times_;
};

Status Answer(const Tokenizer& tokenizer, TokenMasks& masks, const Json& line, JsonWriter& out) {
  Walker walker(tokenizer, masks);
  out.Key("texts");
  out.BeginArray();
  if (const Json* texts = line.Find("texts"); texts != nullptr && texts->is_array()) {
    for (const Json& text : texts->as_array()) {
      if (!text.is_string()) return Status::InvalidArgument("\"texts\" holds strings");
      BP_ASSIGN_OR_RETURN(const bool allowed, walker.Allows(text.as_string()));
      out.Bool(allowed);
    }
  }
  out.EndArray();
  const Json *walks = line.Find("walks"), *seed = line.Find("seed");
  Prng random(seed != nullptr && seed->is_int() ? static_cast<uint64_t>(seed->as_int()) : 0);
  out.Key("walks");
  out.BeginArray();
  for (int64_t i = 0; walks != nullptr && walks->is_int() && i < walks->as_int(); ++i) {
    BP_ASSIGN_OR_RETURN(const Walker::Walk walk, walker.AtRandom(random));
    out.BeginObject();
    out.Key("text");
    out.String(walk.text);
    out.Key("finished");
    out.Bool(walk.finished);
    out.EndObject();
  }
  out.EndArray();
  out.Key("mask_us");
  out.BeginArray();
  for (const double us : walker.mask_times()) out.Float(static_cast<float>(us));
  out.EndArray();
  return Status::Ok();
}

/// The vocabulary as constraints see it, for comparing others with: bytes in hexadecimal, and the end token.
std::string VocabularyLine(const Tokenizer& tokenizer, const TokenTrie& trie) {
  std::string body;
  JsonWriter out(body);
  out.BeginObject();
  out.Key("tokens");
  out.BeginArray();
  for (uint32_t id = 0; id < trie.size(); ++id) {
    std::string hex;
    for (const char c : trie.Text(TokenId{static_cast<int32_t>(id)})) {
      const auto byte = static_cast<uint8_t>(c);
      hex += "0123456789abcdef"[byte >> 4];
      hex += "0123456789abcdef"[byte & 15];
    }
    out.String(hex);
  }
  out.EndArray();
  out.Key("end");
  out.Int(tokenizer.end_of_generation().empty() ? -1 : tokenizer.end_of_generation().front().value);
  out.EndObject();
  return body;
}

std::string AnswerLine(const Tokenizer& tokenizer, const std::shared_ptr<const TokenTrie>& trie, const Json& line) {
  std::string body;
  JsonWriter out(body);
  out.BeginObject();
  const auto start = std::chrono::steady_clock::now();
  const Result<Constraint> form = ReadForm(line);
  const Result<std::shared_ptr<TokenMasks>> masks =
      form.ok() ? CompileConstraint(*form, trie) : Result<std::shared_ptr<TokenMasks>>(form.status());
  out.Key("compile_us");
  out.Double(Microseconds(std::chrono::steady_clock::now() - start));
  Status status = masks.status();
  if (status.ok()) status = Answer(tokenizer, **masks, line, out);
  if (!status.ok()) {
    // An answer broken off holds what was written of it; the line is made anew.
    body.clear();
    JsonWriter fresh(body);
    fresh.BeginObject();
    fresh.Key("error");
    fresh.String(status.message());
    fresh.Key("internal");
    fresh.Bool(status.code() != StatusCode::kInvalidArgument || masks.ok());
    fresh.EndObject();
    return body;
  }
  out.Key("states");
  out.Uint((*masks)->grammar().states().size());
  out.Key("bytes");
  out.Uint((*masks)->grammar().MemoryBytes() + (*masks)->MemoryBytes());
  out.EndObject();
  return body;
}

Status RunConstrain(const ConstrainOptions& options) {
  BP_ASSIGN_OR_RETURN(const ModelFile file, OpenModelFile(options.model));
  BP_ASSIGN_OR_RETURN(const TextSide text, LoadTextSide(file));
  const auto trie = std::make_shared<const TokenTrie>(*text.tokenizer);
  BP_ASSIGN_OR_RETURN(const std::string input, ReadInput("-"));
  size_t number = 0;
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    ++number;
    const Result<Json> line = ParseJson(std::string_view(input).substr(begin, end - begin));
    if (!line.ok() || !line->is_object()) {
      return Status::InvalidArgument(Cat("line ", number, " of the input is not a JSON object"));
    }
    const Json* vocabulary = line->Find("vocabulary");
    if (vocabulary != nullptr && *vocabulary == Json(true)) {
      std::puts(VocabularyLine(*text.tokenizer, *trie).c_str());
      begin = end + 1;
      continue;
    }
    std::puts(AnswerLine(*text.tokenizer, trie, *line).c_str());
    begin = end + 1;
  }
  return Status::Ok();
}

}  // namespace

void AddConstrainCommand(Program& program) {
  auto options = std::make_shared<ConstrainOptions>();
  CommandLine command = program.Add("constrain", "Say what a JSON schema, regex, grammar or choice allows",
                                    [options] { return RunConstrain(*options); });
  command.Add("MODEL", &options->model, "a model's name, file or folder; a vocabulary-only file will do",
              {.required = true});
  command.Footer(
      "One JSON object a line on standard input: \"schema\", \"regex\", \"grammar\" or \"choice\"; \"texts\": which "
      "of\n"
      "these strings it allows; \"walks\": that many texts drawn at random among what it allows, by \"seed\".\n"
      "One JSON object a line comes out; with \"error\", if the constraint can't be enforced.\n"
      "{\"vocabulary\": true}: the bytes of every token, for comparing other programs' answers.\n"
      "Example:\n  echo '{\"regex\": \"[a-c]+\", \"texts\": [\"abc\", \"abd\"]}' | bedplate constrain smollm2-135m");
}

}  // namespace bedplate
