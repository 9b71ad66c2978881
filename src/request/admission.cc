#include "request/admission.h"

namespace bedplate {
namespace {

class OpenPermit final : public Permit {
 public:
  void Note(const Usage&) override {}
  void Settle(const Usage&) override {}
};

class OpenAdmission final : public Admission {
 public:
  Result<Principal> Authenticate(std::string_view) override { return Principal{"local", "default", "none"}; }
  Result<std::unique_ptr<Permit>> Admit(const Principal&, const Estimate&) override {
    return std::unique_ptr<Permit>(std::make_unique<OpenPermit>());
  }
};

}  // namespace

std::unique_ptr<Admission> MakeOpenAdmission() {
  return std::make_unique<OpenAdmission>();
}

}  // namespace bedplate
