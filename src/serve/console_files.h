#pragma once
/// The console's web pages, embedded in the binary (cmake/EmbedConsole.cmake, scripts/build_console.sh).
///
/// Owns:    nothing; all views are into the program's read-only data and live as long as it.
/// Threads: any.
/// Errors:  a binary built without the pages is normal: the table is empty, and ConsoleMissingMessage() says what to
/// do. The server decides what a path that is no file means: "/" and the pages' own routes are answered with
/// ConsoleIndex().

#include <string_view>

namespace bedplate {

struct ConsoleFile {
  std::string_view path;          // begins with "/", as in a request line without its query
  std::string_view content_type;  // a whole Content-Type value
  std::string_view bytes;         // identity encoding
  std::string_view gzip_bytes;    // the same for Content-Encoding: gzip; empty where packing does not pay
  std::string_view etag;          // a quoted strong validator of the identity encoding
  bool immutable;                 // the name holds a hash of the content: may be cached for a year
};

/// The file with exactly this path, or nullptr. O(log n).
const ConsoleFile* FindConsoleFile(std::string_view path);

/// The page itself, or nullptr in a binary without it.
const ConsoleFile* ConsoleIndex();

/// The body for a 404 in a binary without the pages: plain text, one line, that tells how to build them.
std::string_view ConsoleMissingMessage();

/// The Content-Security-Policy to send with every console file. The pages need nothing from elsewhere, and no inline
/// script or style.
std::string_view ConsoleSecurityPolicy();

/// The Cache-Control value for a file: a year for hashed names, revalidation by etag for the rest.
std::string_view ConsoleCacheControl(const ConsoleFile& file);

}  // namespace bedplate
