#pragma once
/// What a choice has said, put together from its deltas: for answers that are given whole. And what dialects that
/// answer in blocks write into them.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "request/event.h"
#include "request/request.h"

namespace bedplate {

/// A count, as JSON has it.
inline Json Number(uint64_t n) {
  return static_cast<int64_t>(n);
}

struct ReplyBlock {
  enum class Kind : uint8_t { kText, kReasoning, kCall };
  Kind kind = Kind::kText;
  std::string text;  // kText, kReasoning
  ToolCall call;     // kCall
};

class ReplyBlocks {
 public:
  void Add(const OutputDelta& delta) {
    for (const OutputPiece& piece : delta.pieces) Add(piece);
  }
  /// In the order in which the model said them; neighbours of one kind, but for calls, are one block.
  [[nodiscard]] const std::vector<ReplyBlock>& blocks() const { return blocks_; }
  /// Of one kind, joined.
  [[nodiscard]] std::string Joined(ReplyBlock::Kind kind) const {
    std::string text;
    for (const ReplyBlock& block : blocks_) {
      if (block.kind == kind) text += block.text;
    }
    return text;
  }

 private:
  void Add(const OutputPiece& piece) {
    switch (piece.kind) {
      case OutputPiece::Kind::kText:
        return Say(ReplyBlock::Kind::kText, piece.text);
      case OutputPiece::Kind::kReasoning:
        return Say(ReplyBlock::Kind::kReasoning, piece.text);
      case OutputPiece::Kind::kCallBegin:
        blocks_.push_back({.kind = ReplyBlock::Kind::kCall,
                           .text = {},
                           .call = {.id = piece.call_id, .name = piece.text, .arguments = {}}});
        return;
      case OutputPiece::Kind::kCallArguments:
        blocks_.back().call.arguments += piece.text;
        return;
      case OutputPiece::Kind::kCallEnd:
        return;
    }
  }
  void Say(ReplyBlock::Kind kind, const std::string& text) {
    if (blocks_.empty() || blocks_.back().kind != kind) blocks_.push_back({.kind = kind, .text = {}, .call = {}});
    blocks_.back().text += text;
  }

  std::vector<ReplyBlock> blocks_;
};

/// A call's arguments as an object. One that the model has cut off or botched is kept as text:
/// {"INVALID_JSON": "{\"city"}.
struct CallInputValue {
  Json json;
  bool well_formed = true;
};
CallInputValue CallInput(const ToolCall& call);

/// Clients send reasoning back with its signature; ours says what it was made from, and is not asked for.
std::string ReasoningSignature(std::string_view reasoning);

}  // namespace bedplate
