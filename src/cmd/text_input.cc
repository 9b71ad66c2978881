#include "cmd/text_input.h"

#include "base/file.h"

namespace bedplate {

Result<std::string> ReadInput(const std::string& path) {
  return ReadFile(path == "-" ? "/dev/stdin" : path);
}

}  // namespace bedplate
