#include "serve/console_files.h"

#include <algorithm>

#include "serve/console_table.h"

namespace bedplate {

const ConsoleFile* FindConsoleFile(std::string_view path) {
  const auto files = EmbeddedConsoleFiles();
  const auto found = std::ranges::lower_bound(files, path, {}, &ConsoleFile::path);
  return found != files.end() && found->path == path ? &*found : nullptr;
}

const ConsoleFile* ConsoleIndex() {
  return FindConsoleFile("/index.html");
}

std::string_view ConsoleMissingMessage() {
  return "This bedplate was built without its console. Run scripts/build_console.sh, then build again (./run does "
         "both). "
         "The API is at /v1 and works without it.\n";
}

std::string_view ConsoleSecurityPolicy() {
  return "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
         "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

std::string_view ConsoleCacheControl(const ConsoleFile& file) {
  return file.immutable ? "public, max-age=31536000, immutable" : "no-cache";
}

}  // namespace bedplate
