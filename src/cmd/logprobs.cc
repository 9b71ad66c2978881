// bedplate logprobs: what a model thinks of each position of a text, or of given token ids.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/model_options.h"
#include "cmd/text_input.h"
#include "engine/scorer.h"
#include "kernels/vector_kernels.h"

namespace bedplate {
namespace {

struct LogprobsOptions {
  ModelOptions model;
  std::string file;
  uint32_t top = 5;
  bool tokens = false;
  bool no_bos = false;
};

double LogNormaliser(const VectorKernels& kernels, std::span<const float> logits) {
  const float top = kernels.max(logits.data(), logits.size());
  return top + std::log(static_cast<double>(kernels.sum_exp(logits.data(), logits.size(), top)));
}

std::vector<uint32_t> TopIds(std::span<const float> logits, uint32_t k) {
  std::vector<uint32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0u);
  const auto better = [&](uint32_t a, uint32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  k = std::min<uint32_t>(k, static_cast<uint32_t>(ids.size()));
  std::partial_sort(ids.begin(), ids.begin() + k, ids.end(), better);
  ids.resize(k);
  return ids;
}

Result<std::vector<TokenId>> TokensOf(const Json& value, std::string_view where) {
  if (!value.is_array())
    return Status::InvalidArgument(Cat(where, " is ", value.kind(), "; an array of token ids is needed"));
  std::vector<TokenId> tokens;
  for (const Json& id : value.as_array()) {
    if (!id.is_int() || id.as_int() < 0 || id.as_int() > INT32_MAX)
      return Status::InvalidArgument(Cat(where, " holds something that is not a token id"));
    tokens.push_back(TokenId{static_cast<int32_t>(id.as_int())});
  }
  return tokens;
}

// {"sequences":[{"tokens":[...],"candidates":[[ids of position 0's successor],...]}]} -> a line per sequence.
Status ScoreCandidates(const LogprobsOptions& options, LoadedModel& loaded, const VectorKernels& kernels,
                       const std::string& input) {
  BP_ASSIGN_OR_RETURN(const Json root, ParseJson(input));
  const Json* sequences = root.Find("sequences");
  if (sequences == nullptr || !sequences->is_array())
    return Status::InvalidArgument(Cat(options.file, ": \"sequences\" is missing or no array"));
  std::vector<std::vector<TokenId>> all;
  size_t longest = 1;
  for (const Json& sequence : sequences->as_array()) {
    const Json* tokens = sequence.Find("tokens");
    if (tokens == nullptr) return Status::InvalidArgument("a sequence has no \"tokens\"");
    BP_ASSIGN_OR_RETURN(std::vector<TokenId> ids, TokensOf(*tokens, "tokens"));
    longest = std::max(longest, ids.size());
    all.push_back(std::move(ids));
  }
  BP_ASSIGN_OR_RETURN(Scorer scorer, Scorer::Create(*loaded.model, static_cast<uint32_t>(longest)));
  for (size_t s = 0; s < all.size(); ++s) {
    const Json* candidates = sequences->as_array()[s].Find("candidates");
    std::vector<std::vector<TokenId>> wanted;
    if (candidates != nullptr && candidates->is_array()) {
      for (const Json& ids : candidates->as_array()) {
        BP_ASSIGN_OR_RETURN(std::vector<TokenId> position, TokensOf(ids, "candidates"));
        for (const TokenId id : position) {
          if (static_cast<uint32_t>(id.value) >= loaded.model->vocabulary())
            return Status::InvalidArgument(Cat("candidate ", id.value, " is outside the vocabulary"));
        }
        wanted.push_back(std::move(position));
      }
    }
    std::string logprobs, top;
    JsonWriter lw(logprobs), tw(top);
    lw.BeginArray();
    tw.BeginArray();
    BP_RETURN_IF_ERROR(scorer.Score(all[s], 0, [&](uint32_t position, std::span<const float> logits) {
      const double normaliser = LogNormaliser(kernels, logits);
      tw.Uint(kernels.argmax(logits.data(), logits.size()));
      lw.BeginArray();
      if (position < wanted.size()) {
        for (const TokenId id : wanted[position]) lw.Double(logits[static_cast<size_t>(id.value)] - normaliser);
      }
      lw.EndArray();
    }));
    lw.EndArray();
    tw.EndArray();
    std::printf("{\"logprobs\":%s,\"top\":%s}\n", logprobs.c_str(), top.c_str());
    std::fflush(stdout);
  }
  return Status::Ok();
}

Status ScoreText(const LogprobsOptions& options, LoadedModel& loaded, const VectorKernels& kernels,
                 const std::string& input) {
  Tokenizer::EncodeOptions encode;
  encode.add_bos = !options.no_bos;
  const std::vector<TokenId> tokens = loaded.tokenizer->Encode(input, encode);
  if (tokens.empty()) return Status::InvalidArgument(Cat(options.file, " is empty"));
  if (tokens.size() > loaded.model->context_length()) {
    return Status::InvalidArgument(Cat(options.file, " has ", tokens.size(), " tokens; the model's context holds ",
                                       loaded.model->context_length()));
  }
  BP_ASSIGN_OR_RETURN(Scorer scorer, Scorer::Create(*loaded.model, static_cast<uint32_t>(tokens.size())));
  std::string out;
  JsonWriter w(out);
  const auto token = [&](uint32_t id, double logprob) {
    w.BeginObject();
    w.Key("id");
    w.Uint(id);
    w.Key("text");
    w.String(id < loaded.tokenizer->size() ? loaded.tokenizer->TokenText(TokenId{static_cast<int32_t>(id)}) : "");
    w.Key("logprob");
    w.Double(logprob);
    w.EndObject();
  };
  w.BeginArray();
  BP_RETURN_IF_ERROR(scorer.Score(tokens, 0, [&](uint32_t position, std::span<const float> logits) {
    const double normaliser = LogNormaliser(kernels, logits);
    w.BeginObject();
    w.Key("position");
    w.Uint(position);
    w.Key("token");
    w.Int(tokens[position].value);
    if (position + 1 < tokens.size()) {
      const auto next = static_cast<uint32_t>(tokens[position + 1].value);
      w.Key("next");
      token(next, logits[next] - normaliser);
    }
    w.Key("top");
    w.BeginArray();
    for (const uint32_t id : TopIds(logits, options.top)) token(id, logits[id] - normaliser);
    w.EndArray();
    w.EndObject();
  }));
  w.EndArray();
  std::printf("%s\n", out.c_str());
  return Status::Ok();
}

Status RunLogprobs(const LogprobsOptions& options) {
  BP_ASSIGN_OR_RETURN(LoadedModel loaded, OpenModel(options.model));
  BP_ASSIGN_OR_RETURN(const std::string input, ReadInput(options.file));
  BP_ASSIGN_OR_RETURN(const Isa isa, options.model.ChosenIsa());
  return options.tokens ? ScoreCandidates(options, loaded, VectorKernelsFor(isa), input)
                        : ScoreText(options, loaded, VectorKernelsFor(isa), input);
}

}  // namespace

void AddLogprobsCommand(Program& program) {
  auto options = std::make_shared<LogprobsOptions>();
  CommandLine command = program.Add("logprobs", "Print the log-probabilities of each position of a text, as JSON",
                                    [options] { return RunLogprobs(*options); });
  options->model.AddTo(command);
  command.Add("FILE", &options->file, "the text; - reads standard input", {.required = true});
  command.Add("--top", &options->top, "alternatives to show at each position", {.max = 1000});
  command.Add("--tokens", &options->tokens,
              "FILE is JSON: {\"sequences\":[{\"tokens\":[...],\"candidates\":[[ids],...]}]}");
  command.Add("--no-bos", &options->no_bos, "leave out the beginning-of-text token that the model asks for");
  command.Footer("Example:\n  echo -n 'The capital of France is Paris' | bedplate logprobs smollm2-135m - --top 3");
}

}  // namespace bedplate
