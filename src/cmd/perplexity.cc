// bedplate perplexity: windows of --context tokens, the second half of each scored, as llama.cpp's tool counts.
#include <cmath>
#include <cstdio>
#include <memory>

#include "base/cat.h"
#include "base/json.h"
#include "cmd/commands.h"
#include "cmd/model_options.h"
#include "cmd/progress.h"
#include "cmd/text_input.h"
#include "engine/scorer.h"
#include "kernels/vector_kernels.h"

namespace bedplate {
namespace {

struct PerplexityOptions {
  ModelOptions model;
  std::string file;
  uint32_t context = 512;
  bool json = false;
};

Status RunPerplexity(const PerplexityOptions& options) {
  BP_ASSIGN_OR_RETURN(LoadedModel loaded, OpenModel(options.model));
  BP_ASSIGN_OR_RETURN(const std::string input, ReadInput(options.file));
  BP_ASSIGN_OR_RETURN(const Isa isa, options.model.ChosenIsa());
  const VectorKernels& kernels = VectorKernelsFor(isa);
  const Tokenizer& tokenizer = *loaded.tokenizer;
  std::vector<TokenId> tokens = tokenizer.Encode(input);
  const uint32_t n = options.context;
  if (tokens.size() < size_t{2} * n) {
    return Status::InvalidArgument(
        Cat(options.file, " has ", tokens.size(), " tokens; two windows of --context ", n, " need ", 2 * n));
  }
  BP_ASSIGN_OR_RETURN(Scorer scorer, Scorer::Create(*loaded.model, n));
  const size_t windows = tokens.size() / n;
  ProgressBar progress("perplexity", windows, !options.json);
  double sum = 0, sum_squares = 0;
  uint64_t scored = 0;
  for (size_t w = 0; w < windows; ++w) {
    std::vector<TokenId> window(tokens.begin() + static_cast<ptrdiff_t>(w * n),
                                tokens.begin() + static_cast<ptrdiff_t>((w + 1) * n));
    const TokenId first = window[0];
    // Every window begins as a text does, whatever token stood there.
    if (tokenizer.adds_bos() && tokenizer.bos()) window[0] = *tokenizer.bos();
    BP_RETURN_IF_ERROR(
        scorer.Score(std::span(window).first(n - 1), n / 2, [&](uint32_t position, std::span<const float> logits) {
          const float top = kernels.max(logits.data(), logits.size());
          const double normaliser =
              top + std::log(static_cast<double>(kernels.sum_exp(logits.data(), logits.size(), top)));
          const double loss = normaliser - logits[static_cast<size_t>(window[position + 1].value)];
          sum += loss;
          sum_squares += loss * loss;
          ++scored;
        }));
    window[0] = first;
    progress.Set(w + 1, Cat("perplexity ", std::exp(sum / static_cast<double>(scored))));
  }
  progress.Finish();
  const double count = static_cast<double>(scored), mean = sum / count;
  const double perplexity = std::exp(mean);
  const double error = perplexity * std::sqrt(std::max(0.0, sum_squares / count - mean * mean) / count);
  if (options.json) {
    std::string out;
    JsonWriter w(out);
    w.BeginObject();
    w.Key("perplexity");
    w.Double(perplexity);
    w.Key("standard_error");
    w.Double(error);
    w.Key("tokens");
    w.Uint(scored);
    w.Key("windows");
    w.Uint(windows);
    w.Key("context");
    w.Uint(n);
    w.EndObject();
    std::printf("%s\n", out.c_str());
  } else {
    std::printf("perplexity %.4f +/- %.4f over %llu tokens (%zu windows of %u, second halves)\n", perplexity, error,
                static_cast<unsigned long long>(scored), windows, n);
  }
  return Status::Ok();
}

}  // namespace

void AddPerplexityCommand(Program& program) {
  auto options = std::make_shared<PerplexityOptions>();
  CommandLine command = program.Add("perplexity", "Measure how well a model predicts a text",
                                    [options] { return RunPerplexity(*options); });
  options->model.AddTo(command);
  command.Add("FILE", &options->file, "the text; - reads standard input", {.required = true});
  command.Add("--context", &options->context, "tokens in a window", {.min = 8, .max = 1 << 20});
  command.Add("--json", &options->json, "print JSON");
  command.Footer("Example:\n  bedplate perplexity smollm2-135m /usr/share/common-licenses/GPL-3");
}

}  // namespace bedplate
