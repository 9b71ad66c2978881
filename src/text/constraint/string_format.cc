// The formats of JSON Schema 2020-12 that are regular, each from its RFC.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/cat.h"
#include "text/constraint/regex.h"
#include "text/constraint/string_language.h"

namespace bedplate {
namespace {

// RFC 3339. Days follow months; the 29th of February, leap years.
constexpr std::string_view kDate =
    R"((\d{4}-(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|\d{4}-(0[469]|11)-(0[1-9]|[12]\d|30)|\d{4}-02-(0[1-9]|1\d|2[0-8])|(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))";
// A leap second is the day's last in UTC.
constexpr std::string_view kTime =
    R"((([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([zZ]|[+-]([01]\d|2[0-3]):[0-5]\d)|23:59:60(\.\d+)?([zZ]|[+-]00:00)))";
// RFC 3339, appendix A.
constexpr std::string_view kDuration =
    R"(P(\d+W|(\d+D|\d+M(\d+D)?|\d+Y(\d+M(\d+D)?)?)(T(\d+H(\d+M(\d+S)?)?|\d+M(\d+S)?|\d+S))?|T(\d+H(\d+M(\d+S)?)?|\d+M(\d+S)?|\d+S)))";
// RFC 2673, 3.2, without leading zeros, which some read as octal.
constexpr std::string_view kIpv4 = R"(((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))";
// RFC 1123 and 5890; labels with "--" in the third and fourth place are reserved for encodings this does not check.
constexpr std::string_view kLabel =
    R"(([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]?[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]([A-Za-z0-9][A-Za-z0-9-]|-[A-Za-z0-9])([A-Za-z0-9-]{0,58}[A-Za-z0-9])?|[A-Za-z0-9][A-Za-z0-9-][A-Za-z0-9]))";

/// RFC 4291, 2.2: eight groups, or fewer with "::" for at least one; the last two may be an IPv4 address.
std::string Ipv6() {
  const std::string h = "[0-9A-Fa-f]{1,4}", last = Cat("(", h, ":", h, "|", kIpv4, ")");
  std::string out = Cat("((", h, ":){6}", last);
  for (int after = 5; after >= 0; --after) {
    // At most 7 - 2 - after groups before "::", then `after` groups and the last two.
    const int before = 5 - after;
    const std::string left = before == 0 ? "" : Cat("(", h, "(:", h, "){0,", before - 1, "})?");
    out += Cat("|", left, "::", after == 0 ? "" : Cat("(", h, ":){", after, "}"), last);
  }
  out += Cat("|(", h, "(:", h, "){0,5})?::", h);
  return out + Cat("|(", h, "(:", h, "){0,6})?::)");
}

std::string Hostname() {
  return Cat(kLabel, R"((\.)", kLabel, ")*");
}

std::string Email() {  // RFC 5321, 4.1.2
  return Cat(R"(([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*|"([ !#-\[\]-~]|\\[ -~])*")@)", "(",
             Hostname(), R"(|\[)", kIpv4, R"(\]|\[IPv6:)", Ipv6(), R"(\]))");
}

struct Uri {  // RFC 3986, appendix A
  const std::string pct = "%[0-9A-Fa-f]{2}";
  const std::string pchar = Cat(R"(([A-Za-z0-9._~!$&'()*+,;=:@-]|)", pct, ")");
  const std::string nc = Cat(R"(([A-Za-z0-9._~!$&'()*+,;=@-]|)", pct, ")");  // pchar without ":"
  const std::string authority =
      Cat(R"((([A-Za-z0-9._~!$&'()*+,;=:-]|)", pct, R"()*@)?(\[()", Ipv6(),
          R"(|[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\]|([A-Za-z0-9._~!$&'()*+,;=-]|)", pct, R"()*)(:\d*)?)");
  const std::string rest = Cat("(/", pchar, "*)*");
  const std::string absolute = Cat("/(", pchar, "+", rest, ")?");
  const std::string tail = Cat(R"((\?([/?]|)", pchar, ")*)?(#([/?]|", pchar, ")*)?");

  [[nodiscard]] std::string Full() const {
    return Cat("[A-Za-z][A-Za-z0-9+.-]*:(//", authority, rest, "|", absolute, "|", pchar, "+", rest, "|)", tail);
  }
  [[nodiscard]] std::string Reference() const {
    return Cat("(", Full(), "|(//", authority, rest, "|", absolute, "|", nc, "+", rest, "|)", tail, ")");
  }
};

std::string PatternOf(std::string_view format) {
  if (format == "date") return std::string(kDate);
  if (format == "time") return std::string(kTime);
  if (format == "date-time") return Cat(kDate, "[tT]", kTime);
  if (format == "duration") return std::string(kDuration);
  if (format == "ipv4") return std::string(kIpv4);
  if (format == "ipv6") return Ipv6();
  if (format == "email") return Email();
  if (format == "hostname") return Hostname();
  if (format == "uuid") return "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
  if (format == "uri") return Uri().Full();
  if (format == "uri-reference") return Uri().Reference();
  if (format == "json-pointer") return "(/([^~/]|~[01])*)*";
  if (format == "relative-json-pointer") return "(0|[1-9][0-9]*)(#|(/([^~/]|~[01])*)*)";
  return "";
}

}  // namespace

Result<StringSet> FormatSet(std::string_view format, DfaLimits limits) {
  constexpr std::array kAnnotations{"int32", "int64", "float", "double", "password", "byte", "binary", "decimal"};
  if (std::ranges::find(kAnnotations, format) != kAnnotations.end()) return StringSet::All();
  const std::string pattern = PatternOf(format);
  if (pattern.empty()) {
    return Status::InvalidArgument(
        Cat("the format '", format.substr(0, 60),
            "' can't be enforced; allowed: date, time, date-time, duration, email, hostname, ipv4, ipv6, uuid, uri, "
            "uri-reference, json-pointer, relative-json-pointer"));
  }
  BP_ASSIGN_OR_RETURN(ByteDfa texts, CompileRegex(pattern, {.spelling = RegexOptions::Spelling::kJsonString}, limits));
  StringSet all = StringSet::Only(std::move(texts));
  if (format == "hostname") return all.And(StringSet::OfLengths({1, 253}), limits);
  return all;
}

}  // namespace bedplate
