// bedplate tokenize: text on standard input to token ids.
#include <cstdio>
#include <memory>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/model_options.h"
#include "cmd/text_input.h"

namespace bedplate {
namespace {

struct TokenizeOptions {
  std::string model;
  bool no_bos = false;
  bool special = false;
  bool lines = false;
  bool json = false;
};

std::string IdsText(const std::vector<TokenId>& ids, bool json) {
  std::string out = json ? "[" : "";
  for (size_t i = 0; i < ids.size(); ++i) out += Cat(i == 0 ? "" : json ? "," : " ", ids[i].value);
  return out + (json ? "]\n" : "\n");
}

// One JSON string a line in, one JSON array of ids a line out: thousands of texts through one process.
Status TokenizeLines(const Tokenizer& tokenizer, const std::string& input, Tokenizer::EncodeOptions encode) {
  size_t number = 0;
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    ++number;
    const Result<Json> text = ParseJson(std::string_view(input).substr(begin, end - begin));
    if (!text.ok() || !text->is_string()) {
      return Status::InvalidArgument(
          Cat("line ", number, " of the input is not a JSON string; --lines wants one a line"));
    }
    std::fputs(IdsText(tokenizer.Encode(text->as_string(), encode), true).c_str(), stdout);
    begin = end + 1;
  }
  return Status::Ok();
}

Status RunTokenize(const TokenizeOptions& options) {
  BP_ASSIGN_OR_RETURN(const ModelFile file, OpenModelFile(options.model));
  BP_ASSIGN_OR_RETURN(const TextSide text, LoadTextSide(file));
  BP_ASSIGN_OR_RETURN(const std::string input, ReadInput("-"));
  Tokenizer::EncodeOptions encode;
  encode.add_bos = !options.no_bos;
  encode.parse_special = options.special;
  if (options.lines) return TokenizeLines(*text.tokenizer, input, encode);
  std::fputs(IdsText(text.tokenizer->Encode(input, encode), options.json).c_str(), stdout);
  return Status::Ok();
}

}  // namespace

void AddTokenizeCommand(Program& program) {
  auto options = std::make_shared<TokenizeOptions>();
  CommandLine command = program.Add("tokenize", "Turn text on standard input into token ids",
                                    [options] { return RunTokenize(*options); });
  command.Add("MODEL", &options->model, "a model's name, file or folder; a vocabulary-only file will do",
              {.required = true});
  command.Add("--no-bos", &options->no_bos, "leave out the beginning-of-text token that the model asks for");
  command.Add("--special", &options->special, "read special tokens such as <|im_end|> in the text as what they are");
  command.Add("--lines", &options->lines, "input is one JSON string a line; output one JSON array a line");
  command.Add("--json", &options->json, "print a JSON array");
  command.Footer("Example:\n  echo -n 'Hello, world' | bedplate tokenize smollm2-135m");
}

}  // namespace bedplate
