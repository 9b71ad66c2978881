#pragma once
/// The table that cmake/EmbedConsole.cmake generates. Sorted by path in byte order; empty without a built console.

#include <span>

#include "serve/console_files.h"

namespace bedplate {

std::span<const ConsoleFile> EmbeddedConsoleFiles();

}  // namespace bedplate
