#pragma once
/// Makes keys: random secrets, and the entry of a key file that goes with them.

#include <string>

#include "base/status.h"

namespace bedplate {

/// Letters and digits of OpenSSL's random source, evenly; kInternal where that has none.
Result<std::string> RandomLetters(size_t count);

struct NewKey {
  std::string secret;             // the bearer key: "bp_" and 43 letters and digits (256 bits); empty: none
  std::string access_key_id;      // "BPAK" and 16; empty: none
  std::string secret_access_key;  // 43 (256 bits)
  std::string entry;              // [[keys]] ..., to be added to the key file; with no secret but secret_access_key
};

struct NewKeyOptions {
  std::string name;
  std::string tenant;       // empty: the default
  std::string project;      // the same
  bool access_key = false;  // a pair that signs requests, in place of a bearer key
};

/// kInvalidArgument for names that a key file may not have.
Result<NewKey> MakeKey(const NewKeyOptions& options);

}  // namespace bedplate
