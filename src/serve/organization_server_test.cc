// OpenAI's usage and costs of an organization, from a real server's books.
#include "ledger/books_testing.h"
#include "serve/admin_server_testing.h"

namespace bedplate {
namespace {

constexpr int64_t kDay = 86'400;
constexpr int64_t kFirst = 1'760'054'400;  // the beginning of a day

class Organization : public AdminServer {
 protected:
  Organization() {
    Here("tenant.create", Json::Object{{"name", "acme"}});
    Here("price.add", Json::Object{{"meter", "prompt"}, {"amount", "0.10"}, {"from", 0}});
    Here("price.add", Json::Object{{"meter", "output"}, {"amount", "0.60"}, {"from", 0}});
    Use(kFirst + 10, "acme", "search", "k1", "small", {1000, 200, 50, 10, 0});
    Use(kFirst + 7200, "acme", "default", "k2", "large", {7, 0, 3, 0, 0});
    Use(kFirst + 2 * kDay, "acme", "search", "k1", "large", {1, 0, 1, 0, 0});
    Use(kFirst + 2 * kDay + 1, "host", "default", "k3", "large", {50, 0, 0, 0, 0});
  }
  void Use(int64_t time, const std::string& tenant, const std::string& project, const std::string& key,
           const std::string& model, std::array<int64_t, kMeters> quantities) {
    const UsageEvent event{.key = {"gateway", 1, ++used_},
                           .request = Cat("req_", used_),
                           .tenant = tenant,
                           .project = project,
                           .api_key = key,
                           .model = model,
                           .quantities = quantities,
                           .occurred_unix_us = time * 1'000'000};
    const Status written = RecordAndCharge(books_->writer(), event);
    EXPECT_TRUE(written.ok()) << written.message();
  }
  Json Page(std::string_view what, std::string_view query, std::string_view key = {}) {
    const RawAnswer answer =
        Ask("GET", Cat("/v1/organization/", what, "?", query), key.empty() ? std::string_view(owner_) : key);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Body(answer);
  }
  std::string Refused(std::string_view what, std::string_view query) {
    const RawAnswer answer = Ask("GET", Cat("/v1/organization/", what, "?", query), owner_);
    EXPECT_EQ(answer.status, 400) << answer.body;
    const Json body = Body(answer);
    const Json* const param = body.Find("error") == nullptr ? nullptr : body.Find("error")->Find("param");
    return param == nullptr || !param->is_string() ? "" : param->as_string();
  }
  static const Json::Array& Results(const Json& page, size_t bucket) {
    return page.Find("data")->as_array().at(bucket).Find("results")->as_array();
  }
  int64_t used_ = 0;
};

TEST_F(Organization, UsageComesInBucketsAndPages) {
  const std::string range = Cat("start_time=", kFirst, "&end_time=", kFirst + 3 * kDay);
  const Json page = Page("usage/completions", Cat(range, "&limit=2&group_by[]=model"));
  ASSERT_EQ(page.Find("data")->as_array().size(), 2U);
  ASSERT_EQ(Results(page, 0).size(), 2U);
  EXPECT_EQ(WriteJson(Results(page, 0)[1]),
            R"({"object":"organization.usage.completions.result","input_tokens":1200,"output_tokens":60,)"
            R"("input_cached_tokens":200,"input_audio_tokens":0,"output_audio_tokens":0,"num_model_requests":1,)"
            R"("project_id":null,"user_id":null,"api_key_id":null,"model":"small","batch":null,"service_tier":null,)"
            R"("api_source":null})");
  EXPECT_TRUE(Results(page, 1).empty()) << "a day without usage is there all the same";
  EXPECT_TRUE(page.Find("has_more")->as_bool());
  const Json rest =
      Page("usage/completions", Cat(range, "&limit=2&group_by[]=model&page=", page.Find("next_page")->as_string()));
  ASSERT_EQ(rest.Find("data")->as_array().size(), 1U);
  EXPECT_EQ(Results(rest, 0).at(0).Find("input_tokens")->as_int(), 51);
  EXPECT_FALSE(rest.Find("has_more")->as_bool());
  EXPECT_TRUE(rest.Find("next_page")->is_null());
}

TEST_F(Organization, UsageIsChosenAndGrouped) {
  const std::string range = Cat("start_time=", kFirst, "&end_time=", kFirst + kDay);
  const Json hours = Page("usage/completions", Cat(range, "&bucket_width=1h&limit=24"));
  ASSERT_EQ(hours.Find("data")->as_array().size(), 24U);
  EXPECT_EQ(Results(hours, 2).at(0).Find("input_tokens")->as_int(), 7);
  const Json keys = Page("usage/completions", Cat(range, "&api_key_ids[]=k1&api_key_ids[]=k2&group_by=api_key_id&",
                                                  "group_by=project_id&group_by=batch&models=small"));
  ASSERT_EQ(Results(keys, 0).size(), 1U);
  EXPECT_EQ(Results(keys, 0)[0].Find("api_key_id")->as_string(), "k1");
  EXPECT_EQ(Results(keys, 0)[0].Find("project_id")->as_string(), "search");
  EXPECT_FALSE(Results(keys, 0)[0].Find("batch")->as_bool());
  EXPECT_TRUE(Results(Page("usage/completions", Cat(range, "&batch=true")), 0).empty());
}

TEST_F(Organization, CostsAreWhatWasCharged) {
  const std::string range = Cat("start_time=", kFirst, "&end_time=", kFirst + kDay);
  const auto all = Ask("GET", Cat("/v1/organization/costs?", range), owner_);
  // 1,207 of the prompt, cached or not, at a ten millionth of a dollar, 63 of the output, reasoning or not, at six.
  EXPECT_NE(all.body.find(R"("amount":{"value":0.0001585,"currency":"usd"},"line_item":null)"), std::string::npos)
      << all.body;
  const Json items = Page("costs", Cat(range, "&group_by[]=line_item&group_by[]=project_id"));
  ASSERT_EQ(Results(items, 0).size(), 6U);
  const Json& first = Results(items, 0)[0];
  EXPECT_EQ(first.Find("project_id")->as_string(), "default");
  EXPECT_EQ(first.Find("line_item")->as_string(), "large, prompt");
  const Json chosen = Page("costs", Cat(range, "&group_by[]=line_item&line_items[]=small,%20output"));
  ASSERT_EQ(Results(chosen, 0).size(), 1U);
  EXPECT_EQ(Results(chosen, 0)[0].Find("line_item")->as_string(), "small, output");
}

TEST_F(Organization, AKeySeesItsOwn) {
  const std::string boss = TextOf(Here("key.create", Json::Object{{"tenant", "acme"}, {"role", "billing"}}), "key");
  const std::string range = Cat("start_time=", kFirst, "&end_time=", kFirst + 3 * kDay);
  const Json page = Page("usage/completions", range, boss);
  EXPECT_EQ(Results(page, 2).at(0).Find("input_tokens")->as_int(), 1) << "nothing of the host's";
}

TEST_F(Organization, WrongQueriesNameTheParameter) {
  EXPECT_EQ(Refused("usage/completions", ""), "start_time");
  EXPECT_EQ(Refused("usage/completions", "start_time=yesterday"), "start_time");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&end_time=5"), "end_time");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&limit=32"), "limit");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&limit=1&limit=2"), "limit");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&bucket_width=1w"), "bucket_width");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&group_by=line_item"), "group_by");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&batch=maybe"), "batch");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&page=page_6"), "page");
  EXPECT_EQ(Refused("usage/completions", "start_time=5&colour=red"), "colour");
  EXPECT_EQ(Refused("costs", "start_time=5&bucket_width=1h"), "bucket_width");
  EXPECT_EQ(Refused("costs", "start_time=5&group_by=model"), "group_by");
}

}  // namespace
}  // namespace bedplate
