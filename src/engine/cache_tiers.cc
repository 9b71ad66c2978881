#include "engine/cache_tiers.h"

#include <utility>
#include <vector>

#include "base/cat.h"
#include "base/check.h"
#include "base/log.h"

namespace bedplate {
namespace {

std::optional<PageFile::Opened> OpenFile(const TierPlan& plan, LoadedModel& model, const PageKey& identity,
                                         size_t run_bytes) {
  if (model.page_file == nullptr) return std::nullopt;
  BP_CHECK(!model.content.empty());
  Result<PageFile::Opened> opened = PageFile::OpenOrReplace(
      std::move(model.page_file),
      {.identity = identity, .label = model.id, .run_bytes = run_bytes, .slots_max = plan.file_runs});
  if (!opened.ok()) {
    LogWarning("cached pages are not kept in a file", {{"model", model.id}, {"why", opened.status().message()}});
    return std::nullopt;
  }
  LogInfo("cached pages are kept in a file",
          {{"model", model.id}, {"tokens_found", Cat(opened->records.size() * kPageTokens)}});
  return std::move(*opened);
}

}  // namespace

std::string CacheIdentity(const LoadedModel& model) {
  return Cat("bedplate pages; content ", model.content, "; ", model.model->KvIdentity());
}

Result<std::unique_ptr<PageTiers>> MakeCacheTiers(const MemoryPlan& plan, LoadedModel& model, const Clock& clock) {
  const TierPlan& tiers = plan.tiers;
  if (tiers.memory_runs == 0 && tiers.file_runs == 0) return std::unique_ptr<PageTiers>();
  BP_ASSIGN_OR_RETURN(std::unique_ptr<PageKeys> keys, PageKeys::Create(CacheIdentity(model)));
  StepModel& step_model = *model.model;
  PageTiers::Options options{
      .page_bytes = {},
      .memory_runs = tiers.memory_runs,
      .write_buffers = tiers.write_buffers,
      .read_buffers = tiers.read_buffers,
      .bytes = [&step_model](size_t group, PageId page) { return step_model.PageBytes(group, page); }};
  for (size_t g = 0; g < plan.pages.size(); ++g) options.page_bytes.push_back(options.bytes(g, PageId{0}).size());
  auto file = OpenFile(tiers, model, keys->root(), PageTiers::BytesPerRun(options.page_bytes));
  return PageTiers::Create(std::move(options), std::move(keys), std::move(file), clock);
}

}  // namespace bedplate
