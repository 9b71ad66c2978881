#include "model/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/cat.h"
#include "model/quoted.h"

namespace bedplate {
namespace {

constexpr std::string_view kTypeNames[] = {"uint8", "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
                                           "bool",  "string", "array",  "uint64", "int64",  "float64"};
constexpr uint32_t kTypeCount = std::size(kTypeNames);

/// Bytes of a fixed-size value; 0 for strings and arrays.
uint64_t FixedSize(GgufType type) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      return 1;
    case GgufType::kUint16:
    case GgufType::kInt16:
      return 2;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      return 4;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

template <class T>
T Load(const std::byte* p) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsInteger(GgufType type) {
  return type != GgufType::kBool && type != GgufType::kFloat32 && type != GgufType::kFloat64 &&
         type != GgufType::kString && type != GgufType::kArray;
}

/// An integer or bool, widened. Unsigned values beyond int64 are given back as nullopt.
std::optional<int64_t> LoadInt(GgufType type, const std::byte* p) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kBool:
      return Load<uint8_t>(p);
    case GgufType::kInt8:
      return Load<int8_t>(p);
    case GgufType::kUint16:
      return Load<uint16_t>(p);
    case GgufType::kInt16:
      return Load<int16_t>(p);
    case GgufType::kUint32:
      return Load<uint32_t>(p);
    case GgufType::kInt32:
      return Load<int32_t>(p);
    case GgufType::kInt64:
      return Load<int64_t>(p);
    case GgufType::kUint64: {
      const auto value = Load<uint64_t>(p);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

Status Broken(uint64_t offset, std::string_view what) {
  return Status::DataLoss(Cat("broken GGUF file at byte ", offset, ": ", what));
}

std::string RunnableTypes() {
  std::string out;
  for (size_t i = 0; i < kWeightTypeCount; ++i) {
    if (i > 0) out += ", ";
    out += InfoOf(static_cast<WeightType>(i)).name;
  }
  return out;
}

}  // namespace

std::string_view GgufTypeName(GgufType type) {
  const auto index = static_cast<uint32_t>(type);
  return index < kTypeCount ? kTypeNames[index] : "unknown";
}

std::string GgmlTypeName(uint32_t gguf_id) {
  // Every number that ggml ever gave out, also those it withdrew: a file may still hold them.
  static constexpr std::string_view kNames[] = {
      "F32",        "F16",        "Q4_0",       "Q4_1",  "Q4_2",     "Q4_3",     "Q5_0",     "Q5_1",    "Q8_0",
      "Q8_1",       "Q2_K",       "Q3_K",       "Q4_K",  "Q5_K",     "Q6_K",     "Q8_K",     "IQ2_XXS", "IQ2_XS",
      "IQ3_XXS",    "IQ1_S",      "IQ4_NL",     "IQ3_S", "IQ2_S",    "IQ4_XS",   "I8",       "I16",     "I32",
      "I64",        "F64",        "IQ1_M",      "BF16",  "Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",   "TQ2_0",
      "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4", "NVFP4",    "Q1_0"};
  return gguf_id < std::size(kNames) ? std::string(kNames[gguf_id]) : Cat("type ", gguf_id);
}

/// Reads forward; each step checks what it takes before taking it, and says in whose name it fails.
class GgufParser {
 public:
  explicit GgufParser(std::span<const std::byte> file) : file_(file) {}

  Result<GgufContents> Parse() {
    BP_RETURN_IF_ERROR(ReadHeader());
    for (uint64_t i = 0; i < metadata_count_; ++i) BP_RETURN_IF_ERROR(ReadMetadata(i));
    BP_RETURN_IF_ERROR(ReadAlignment());
    records_.reserve(tensor_count_);
    for (uint64_t i = 0; i < tensor_count_; ++i) BP_RETURN_IF_ERROR(ReadTensorRecord(i));
    BP_RETURN_IF_ERROR(PlaceTensors());
    return std::move(out_);
  }

 private:
  struct TensorRecord {
    std::string name;
    WeightType type;
    std::vector<uint64_t> shape;
    uint64_t bytes;
    uint64_t offset;     // from the data section
    uint64_t record_at;  // of the offset field, for messages
  };

  [[nodiscard]] uint64_t left() const { return file_.size() - at_; }

  Status Need(uint64_t bytes, std::string_view what) const {
    if (bytes <= left()) return Status::Ok();
    return Broken(at_, Cat("it ends inside ", what, ", which needs ", bytes, " bytes; ", left(), " are left"));
  }

  template <class T>
  Result<T> Take(std::string_view what) {
    BP_RETURN_IF_ERROR(Need(sizeof(T), what));
    const T value = Load<T>(file_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  Result<std::span<const std::byte>> TakeString(std::string_view what, uint64_t bytes_min, uint64_t bytes_max) {
    const uint64_t begin = at_;
    BP_ASSIGN_OR_RETURN(const uint64_t length, Take<uint64_t>(what));
    if (length > left()) {
      return Broken(begin, Cat(what, " claims ", length, " bytes; ", left(), " are left in the file"));
    }
    if (length < bytes_min || length > bytes_max) {
      return Broken(begin, Cat(what, " is ", length, " bytes long; allowed: ", bytes_min, " to ", bytes_max));
    }
    const auto bytes = file_.subspan(at_, length);
    at_ += length;
    return bytes;
  }

  Status ReadHeader() {
    if (file_.size() < 4 || AsText(file_.first(4)) != "GGUF") {
      return Status::DataLoss(Cat("not a GGUF file: it begins with ",
                                  Quoted(AsText(file_.first(std::min<size_t>(4, file_.size())))),
                                  " instead of \"GGUF\""));
    }
    at_ = 4;
    BP_ASSIGN_OR_RETURN(out_.version, Take<uint32_t>("the version"));
    if (out_.version != 0 && (out_.version & 0xFFFFu) == 0) {
      return Status::Unimplemented(
          "this GGUF file is big-endian (its version field is byte-swapped); convert it to little-endian first, for "
          "example with gguf-convert-endian of the gguf Python package");
    }
    if (out_.version != 2 && out_.version != 3) {
      return Status::Unimplemented(Cat("GGUF version ", out_.version, " at byte 4; versions 2 and 3 can be read"));
    }
    BP_ASSIGN_OR_RETURN(tensor_count_, Take<uint64_t>("the tensor count"));
    BP_ASSIGN_OR_RETURN(metadata_count_, Take<uint64_t>("the metadata count"));
    // The shortest records: 8 + 1 + 4 + 8 + 4 + 8 bytes for a tensor, 8 + 1 + 4 + 1 for a metadata value.
    if (tensor_count_ > left() / 33) {
      return Broken(8, Cat("tensor count ", tensor_count_, " does not fit in the ", left(), " bytes that follow"));
    }
    if (metadata_count_ > left() / 14) {
      return Broken(16, Cat("metadata count ", metadata_count_, " does not fit in the ", left(), " bytes that follow"));
    }
    return Status::Ok();
  }

  Status ReadMetadata(uint64_t index) {
    const uint64_t key_at = at_;
    BP_ASSIGN_OR_RETURN(const auto key_bytes, TakeString(Cat("the key of metadata ", index), 1, 65535));
    std::string key(AsText(key_bytes));
    const std::string what = Cat("metadata ", Quoted(key));
    BP_ASSIGN_OR_RETURN(const GgufType type, TakeType(what));
    GgufValue value;
    value.type = type;
    value.offset = at_;
    BP_RETURN_IF_ERROR(ReadValue(what, &value));
    if (!out_.metadata.values_.emplace(key, value).second) return Broken(key_at, Cat(what, " is there twice"));
    out_.metadata.keys_.push_back(std::move(key));
    return Status::Ok();
  }

  Result<GgufType> TakeType(std::string_view what) {
    const uint64_t begin = at_;
    BP_ASSIGN_OR_RETURN(const uint32_t type, Take<uint32_t>(Cat("the type of ", what)));
    if (type >= kTypeCount) return Broken(begin, Cat(what, " has type ", type, "; allowed: 0 to ", kTypeCount - 1));
    return static_cast<GgufType>(type);
  }

  Status ReadValue(std::string_view what, GgufValue* value) {
    if (value->type == GgufType::kString) {
      BP_ASSIGN_OR_RETURN(value->bytes, TakeString(what, 0, std::numeric_limits<uint64_t>::max()));
      return Status::Ok();
    }
    if (value->type == GgufType::kArray) return ReadArray(what, value, 0);
    const uint64_t size = FixedSize(value->type);
    BP_RETURN_IF_ERROR(Need(size, what));
    value->bytes = file_.subspan(at_, size);
    at_ += size;
    return CheckBools(what, value->type, *value);
  }

  Status ReadArray(std::string_view what, GgufValue* value, uint32_t depth) {
    // Arrays in arrays are allowed by the format and used by nobody: they are stepped over, to a small depth.
    constexpr uint32_t kDepthMax = 4;
    if (depth == kDepthMax) return Broken(at_, Cat(what, " nests arrays deeper than ", kDepthMax, " levels"));
    BP_ASSIGN_OR_RETURN(value->element_type, TakeType(Cat("the elements of ", what)));
    const uint64_t count_at = at_;
    BP_ASSIGN_OR_RETURN(value->count, Take<uint64_t>(Cat("the count of ", what)));
    const uint64_t begin = at_;
    const uint64_t fixed = FixedSize(value->element_type);
    // A string is at least its length, an inner array at least its type and count.
    const uint64_t smallest = fixed != 0 ? fixed : value->element_type == GgufType::kString ? 8 : 12;
    if (value->count > left() / smallest) {
      return Broken(count_at, Cat(what, " claims ", value->count, " elements of ", GgufTypeName(value->element_type),
                                  "; ", left(), " bytes are left in the file"));
    }
    if (fixed != 0) {
      at_ += value->count * fixed;
    } else if (value->element_type == GgufType::kString) {
      BP_RETURN_IF_ERROR(StepOverStrings(what, value->count));
    } else {
      for (uint64_t i = 0; i < value->count; ++i) {
        GgufValue inner;
        BP_RETURN_IF_ERROR(ReadArray(what, &inner, depth + 1));
      }
    }
    value->bytes = file_.subspan(begin, at_ - begin);
    return CheckBools(what, value->element_type, *value);
  }

  // Vocabularies hold hundreds of thousands of strings: nothing is made for one unless it is wrong.
  Status StepOverStrings(std::string_view what, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      if (left() < 8) return Broken(at_, Cat("it ends inside the length of element ", i, " of ", what));
      const auto length = Load<uint64_t>(file_.data() + at_);
      if (length > left() - 8) {
        return Broken(
            at_, Cat("element ", i, " of ", what, " claims ", length, " bytes; ", left() - 8, " are left in the file"));
      }
      at_ += 8 + length;
    }
    return Status::Ok();
  }

  Status CheckBools(std::string_view what, GgufType type, const GgufValue& value) const {
    if (type != GgufType::kBool) return Status::Ok();
    for (const std::byte b : value.bytes) {
      if (std::to_integer<uint8_t>(b) > 1) {
        return Broken(value.offset, Cat(what, " is a bool of value ", std::to_integer<int>(b), "; allowed: 0 and 1"));
      }
    }
    return Status::Ok();
  }

  Status ReadAlignment() {
    BP_ASSIGN_OR_RETURN(const std::optional<uint64_t> stated, out_.metadata.Uint("general.alignment"));
    if (!stated.has_value()) return Status::Ok();
    if (!std::has_single_bit(*stated) || *stated < 8 || *stated > (uint64_t{1} << 24)) {
      return Broken(out_.metadata.Find("general.alignment")->offset,
                    Cat("general.alignment is ", *stated, "; allowed: a power of two from 8 to 16777216"));
    }
    out_.alignment = *stated;
    return Status::Ok();
  }

  Status ReadTensorRecord(uint64_t index) {
    TensorRecord tensor{};
    const uint64_t name_at = at_;
    BP_ASSIGN_OR_RETURN(const auto name, TakeString(Cat("the name of tensor ", index), 1, 255));
    tensor.name = std::string(AsText(name));
    const std::string what = Cat("tensor ", Quoted(tensor.name));
    if (!names_.insert(tensor.name).second) return Broken(name_at, Cat(what, " is there twice"));

    const uint64_t dimensions_at = at_;
    BP_ASSIGN_OR_RETURN(const uint32_t dimensions, Take<uint32_t>(Cat("the dimensions of ", what)));
    if (dimensions < 1 || dimensions > 4) {
      return Broken(dimensions_at, Cat(what, " has ", dimensions, " dimensions; allowed: 1 to 4"));
    }
    uint64_t elements = 1;
    for (uint32_t d = 0; d < dimensions; ++d) {
      const uint64_t size_at = at_;
      BP_ASSIGN_OR_RETURN(const uint64_t size, Take<uint64_t>(Cat("a size of ", what)));
      if (size == 0) return Broken(size_at, Cat("dimension ", d, " of ", what, " is 0"));
      if (__builtin_mul_overflow(elements, size, &elements) || elements > uint64_t{1} << 50) {
        return Broken(size_at, Cat(what, " has more elements than any file can hold"));
      }
      tensor.shape.push_back(size);
    }
    const uint64_t inner = tensor.shape.front();
    std::reverse(tensor.shape.begin(), tensor.shape.end());

    const uint64_t type_at = at_;
    BP_ASSIGN_OR_RETURN(const uint32_t type_id, Take<uint32_t>(Cat("the type of ", what)));
    const std::optional<WeightType> type = WeightTypeFromGgufId(type_id);
    if (!type.has_value()) {
      return Status::Unimplemented(Cat(what, " at byte ", type_at, " is ", GgmlTypeName(type_id),
                                       ", which this build can't run; it runs ", RunnableTypes()));
    }
    tensor.type = *type;
    const WeightTypeInfo& info = InfoOf(*type);
    if (inner % info.block_elements != 0) {
      return Broken(dimensions_at, Cat(what, " has rows of ", inner, " elements; ", info.name, " needs a multiple of ",
                                       info.block_elements));
    }
    tensor.bytes = elements / info.block_elements * info.block_bytes;  // at most 2^50 * 4: fits

    tensor.record_at = at_;
    BP_ASSIGN_OR_RETURN(tensor.offset, Take<uint64_t>(Cat("the offset of ", what)));
    if (tensor.offset % out_.alignment != 0) {
      return Broken(tensor.record_at,
                    Cat(what, " has offset ", tensor.offset, ", no multiple of the alignment ", out_.alignment));
    }
    records_.push_back(std::move(tensor));
    return Status::Ok();
  }

  Status PlaceTensors() {
    out_.data_offset = (at_ + out_.alignment - 1) / out_.alignment * out_.alignment;
    if (records_.empty()) return Status::Ok();  // a vocabulary-only file may end here
    if (out_.data_offset > file_.size()) return Broken(file_.size(), "it ends before its tensor data begins");
    const uint64_t data_bytes = file_.size() - out_.data_offset;
    for (TensorRecord& record : records_) {
      if (record.offset > data_bytes || record.bytes > data_bytes - record.offset) {
        return Broken(record.record_at,
                      Cat("tensor ", Quoted(record.name), " needs bytes ", record.offset, " to ",
                          fmt::format("{}", static_cast<unsigned __int128>(record.offset) + record.bytes),
                          " of the tensor data; the file holds ", data_bytes, " (an interrupted download, perhaps)"));
      }
    }
    BP_RETURN_IF_ERROR(CheckOverlaps());
    out_.tensors.reserve(records_.size());
    for (TensorRecord& record : records_) {
      out_.tensors.push_back({.name = std::move(record.name),
                              .type = record.type,
                              .shape = std::move(record.shape),
                              .bytes = file_.subspan(out_.data_offset + record.offset, record.bytes)});
    }
    return Status::Ok();
  }

  Status CheckOverlaps() const {
    std::vector<const TensorRecord*> order;
    order.reserve(records_.size());
    for (const TensorRecord& record : records_) order.push_back(&record);
    std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
    for (size_t i = 1; i < order.size(); ++i) {
      const TensorRecord& before = *order[i - 1];
      if (order[i]->offset < before.offset + before.bytes) {
        return Broken(order[i]->record_at,
                      Cat("tensor ", Quoted(order[i]->name), " overlaps tensor ", Quoted(before.name)));
      }
    }
    return Status::Ok();
  }

  std::span<const std::byte> file_;
  uint64_t at_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t metadata_count_ = 0;
  std::vector<TensorRecord> records_;
  std::unordered_set<std::string> names_;
  GgufContents out_;
};

Result<GgufContents> ParseGguf(std::span<const std::byte> file) {
  return GgufParser(file).Parse();
}

const GgufValue* GgufMetadata::Find(std::string_view key) const {
  const auto it = values_.find(std::string(key));
  return it == values_.end() ? nullptr : &it->second;
}

Status GgufMetadata::WrongType(std::string_view key, const GgufValue& value, std::string_view wanted) const {
  const std::string found = value.type == GgufType::kArray
                                ? Cat("an array of ", value.count, " ", GgufTypeName(value.element_type), " values")
                                : Cat("of type ", GgufTypeName(value.type), ", value ", Describe(key));
  return Status::DataLoss(
      Cat("metadata ", Quoted(key), " at byte ", value.offset, " is ", found, "; ", wanted, " is needed"));
}

Result<std::optional<uint64_t>> GgufMetadata::Uint(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::optional<uint64_t>();
  if (value->type == GgufType::kUint64) return std::optional(Load<uint64_t>(value->bytes.data()));
  const std::optional<int64_t> number =
      IsInteger(value->type) ? LoadInt(value->type, value->bytes.data()) : std::nullopt;
  if (!number.has_value() || *number < 0) return WrongType(key, *value, "an integer that is not negative");
  return std::optional(static_cast<uint64_t>(*number));
}

Result<std::optional<int64_t>> GgufMetadata::Int(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::optional<int64_t>();
  const std::optional<int64_t> number =
      IsInteger(value->type) ? LoadInt(value->type, value->bytes.data()) : std::nullopt;
  if (!number.has_value()) return WrongType(key, *value, "an integer");
  return number;
}

Result<std::optional<double>> GgufMetadata::Float(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::optional<double>();
  if (value->type == GgufType::kFloat32) return std::optional<double>(Load<float>(value->bytes.data()));
  if (value->type == GgufType::kFloat64) return std::optional<double>(Load<double>(value->bytes.data()));
  return WrongType(key, *value, "a float");
}

Result<std::optional<bool>> GgufMetadata::Bool(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::optional<bool>();
  if (value->type != GgufType::kBool) return WrongType(key, *value, "a bool");
  return std::optional<bool>(Load<uint8_t>(value->bytes.data()) != 0);
}

Result<std::optional<std::string_view>> GgufMetadata::String(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::optional<std::string_view>();
  if (value->type != GgufType::kString) return WrongType(key, *value, "a string");
  return std::optional(AsText(value->bytes));
}

Result<std::optional<std::vector<std::string_view>>> GgufMetadata::Strings(std::string_view key) const {
  using Out = std::optional<std::vector<std::string_view>>;
  const GgufValue* value = Find(key);
  if (value == nullptr) return Out();
  if (value->type != GgufType::kArray || value->element_type != GgufType::kString) {
    return WrongType(key, *value, "an array of strings");
  }
  std::vector<std::string_view> out;
  out.reserve(value->count);
  for (uint64_t i = 0, at = 0; i < value->count; ++i) {
    const auto length = Load<uint64_t>(value->bytes.data() + at);
    out.push_back(AsText(value->bytes.subspan(at + 8, length)));
    at += 8 + length;
  }
  return Out(std::move(out));
}

Result<std::optional<std::vector<int64_t>>> GgufMetadata::Ints(std::string_view key) const {
  using Out = std::optional<std::vector<int64_t>>;
  const GgufValue* value = Find(key);
  if (value == nullptr) return Out();
  if (value->type != GgufType::kArray || !(IsInteger(value->element_type) || value->element_type == GgufType::kBool)) {
    return WrongType(key, *value, "an array of integers");
  }
  const uint64_t size = FixedSize(value->element_type);
  std::vector<int64_t> out;
  out.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) {
    const std::optional<int64_t> number = LoadInt(value->element_type, value->bytes.data() + i * size);
    if (!number.has_value()) return WrongType(key, *value, "an array of integers below 2^63");
    out.push_back(*number);
  }
  return Out(std::move(out));
}

Result<std::optional<std::vector<float>>> GgufMetadata::Floats(std::string_view key) const {
  using Out = std::optional<std::vector<float>>;
  const GgufValue* value = Find(key);
  if (value == nullptr) return Out();
  const bool single = value->element_type == GgufType::kFloat32;
  if (value->type != GgufType::kArray || !(single || value->element_type == GgufType::kFloat64)) {
    return WrongType(key, *value, "an array of floats");
  }
  std::vector<float> out;
  out.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) {
    out.push_back(single ? Load<float>(value->bytes.data() + 4 * i)
                         : static_cast<float>(Load<double>(value->bytes.data() + 8 * i)));
  }
  return Out(std::move(out));
}

std::string GgufMetadata::Describe(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return "(absent)";
  switch (value->type) {
    case GgufType::kString:
      return Quoted(AsText(value->bytes));
    case GgufType::kArray:
      return Cat("[", value->count, " ", GgufTypeName(value->element_type), "]");
    case GgufType::kBool:
      return Load<uint8_t>(value->bytes.data()) != 0 ? "true" : "false";
    case GgufType::kFloat32:
      return Cat(Load<float>(value->bytes.data()));
    case GgufType::kFloat64:
      return Cat(Load<double>(value->bytes.data()));
    case GgufType::kUint64:
      return Cat(Load<uint64_t>(value->bytes.data()));
    default:
      return Cat(LoadInt(value->type, value->bytes.data()).value_or(0));
  }
}

}  // namespace bedplate
