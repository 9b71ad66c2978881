#pragma once
/// Fetching a model whole: from a catalogue entry's sources in turn, or from one address, checked and renamed into
/// place.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/status.h"
#include "cmd/catalogue.h"

namespace bedplate {

enum class PullStage : uint8_t { kFetching, kChecking };

struct PullOptions {
  std::filesystem::path models_folder;
  std::string python = "python3";
  std::string token = "";    // for the hub
  uint32_t pause_ms = 1000;  // between attempts, at first
  bool again = false;        // also when the model is there already
  std::function<void(PullStage, uint64_t done, uint64_t total)> on_progress = {};  // total 0: not known
  std::function<void(const std::string&)> on_note = {};                            // a line for the user
};

struct PulledModel {
  std::string name;
  std::filesystem::path path;
  uint64_t bytes = 0;
  std::string sha256;  // empty when the model was there already
  std::string source;  // what it came from
  bool was_there = false;
};

/// Errors: what each source said, in order. A file with the wrong hash is removed; a partial one is kept for the next
/// attempt.
Result<PulledModel> PullFromCatalogue(const CatalogueModel& model, const PullOptions& options);

/// source: "hf:owner/repo:file" or an https address; the first of a split set brings the others. sha256: what the
/// (unsplit) file must have; empty: what the hub states, if it does.
Result<PulledModel> PullFromAddress(const std::string& source, const std::string& name, const std::string& sha256,
                                    const PullOptions& options);

/// The name for a model from that address: its file name without ".gguf" and split numbers. Errors when it is not fit
/// for one.
Result<std::string> NameForAddress(const std::string& source);

}  // namespace bedplate
