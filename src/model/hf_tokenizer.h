#pragma once
/// tokenizer.json and its companions, read into TokenizerData. The file describes a pipeline in pieces; each known
/// arrangement of pieces is recognised as a whole, and anything else is an error that shows the piece.

#include "base/status.h"
#include "model/hf_folder.h"
#include "model/tokenizer_data.h"

namespace bedplate {

Result<TokenizerData> ReadHfTokenizer(const HfFiles& files);

}  // namespace bedplate
