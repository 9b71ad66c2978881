// Any bytes as a template, with a fixed chat: parses or fails with a line, renders or fails, and never crashes, hangs
// or grows. The limits are small so that a run is quick.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bedplate;
  const auto parsed = ChatTemplate::Parse({reinterpret_cast<const char*>(data), size});
  if (!parsed.ok()) {
    BP_CHECK(parsed.status().code() == StatusCode::kInvalidArgument);
    return 0;
  }
  static const ChatTemplate::Inputs kInputs = [] {
    const auto json = ParseJson(
        R"({"messages":[{"role":"system","content":"S"},{"role":"user","content":"h\u00e9 <|x|>"},{"role":"assistant",)"
        R"("content":null,"tool_calls":[{"function":{"name":"f","arguments":{"x":[1,2.5,true]}}}]}],"tools":[{"type":"function",)"
        R"("function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"array"}}}}}],"bos_token":"<s>"})");
    return *InputsFromJson(*json, 1739192709);
  }();
  const auto rendered = parsed->Render(kInputs, {.steps_max = 100'000, .bytes_max = 4 << 20, .depth_max = 300});
  if (!rendered.ok()) {
    BP_CHECK(rendered.status().code() == StatusCode::kInvalidArgument);
    return 0;
  }
  for (size_t i = 0; i < rendered->size(); ++i) {
    BP_CHECK(!(*rendered)[i].text.empty());
    BP_CHECK(i == 0 || (*rendered)[i].trusted != (*rendered)[i - 1].trusted);
  }
  return 0;
}
