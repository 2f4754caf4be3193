#include "daemon/api/twilio_signature.hpp"

#include <gtest/gtest.h>

namespace api {
namespace {

// The example of Twilio's documentation ("Validating requests"), and the vectors of its own client libraries.
constexpr std::string_view token = "12345";
constexpr std::string_view url = "https://mycompany.com/myapp.php?foo=1&bar=2";
const net::Form form{{"CallSid", "CA1234567890ABCDE"},
                     {"Digits", "1234"},
                     {"From", "+14158675309"},
                     {"To", "+18005551212"},
                     {"Caller", "+14158675309"}};

TEST(TwilioSignature, IsTheOneOfTheDocumentedExample) {
  EXPECT_EQ(twilio_signature(token, url, form), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
}

TEST(TwilioSignature, SortsValuesOfAFieldThatIsThereTwice) {
  const net::Form twice{{"Sid", "CA123"}, {"SidAccount", "AC123"}, {"Digits", "5678"}, {"Digits", "1234"}};
  EXPECT_EQ(twilio_signature(token, url, twice), "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
  net::Form again = twice;
  again.emplace_back("Digits", "1234");
  EXPECT_EQ(twilio_signature(token, url, again), "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
}

TEST(TwilioSignature, OfJsonIsOverTheUrlWithTheBodysHash) {
  EXPECT_EQ(
      twilio_signature(
          token, std::string(url) + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620", {}),
      "a9nBmqA0ju/hNViExpshrM61xv4=");
}

// Which of the two Twilio signs depends on the scheme and on its own age.
TEST(TwilioSignature, IsTakenWithAndWithoutAPort) {
  const auto is_among = [](std::string_view one, std::string_view signature) {
    for (const std::string& candidate : twilio_signed_urls(one))
      if (twilio_signature(token, candidate, form) == signature) return true;
    return false;
  };
  EXPECT_TRUE(is_among("https://mycompany.com:1234/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
  EXPECT_TRUE(is_among("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="));
  EXPECT_TRUE(is_among("https://mycompany.com/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w="));
  EXPECT_TRUE(is_among("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="));
  EXPECT_FALSE(is_among("https://other.example.org/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="));
}

class TwilioCallback : public ::testing::Test {
 protected:
  TwilioCallback() {
    request.method = "POST";
    request.path = "/myapp.php";
    request.query = "foo=1&bar=2";
    request.headers.add("Host", "10.0.0.7:9911");
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.headers.add("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
  }

  std::optional<NotSigned> judge(const net::Form& fields = form) {
    return why_not_twilio(accounts, public_url, request, fields);
  }

  std::vector<TwilioAccount> accounts{{"AC1", {"67890", "12345"}}};
  std::string public_url{"https://mycompany.com"};
  net::Request request;
};

TEST_F(TwilioCallback, IsBelievedByThePublicUrlWhateverItsHostSays) {
  EXPECT_FALSE(judge());
  public_url = "https://10.0.0.7:9911";
  ASSERT_TRUE(judge());
  EXPECT_EQ(judge()->status, 403U);
}

TEST_F(TwilioCallback, IsBelievedWithAnyOfTheTokens) {
  accounts = {{"AC2", {"another"}}, {"AC1", {"67890"}}, {"AC3", {"12345"}}};
  EXPECT_FALSE(judge());
  accounts.pop_back();
  EXPECT_TRUE(judge());
}

TEST_F(TwilioCallback, IsNotBelievedWhenAnySignedByteDiffers) {
  const net::Request good = request;
  const auto changed = [](std::string text, std::size_t at) {
    text[at] = text[at] == 'x' ? 'y' : 'x';
    return text;
  };
  const auto with_signature = [&](const std::string& signature) {
    request.headers.clear();
    request.headers.add("X-Twilio-Signature", signature);
    const bool refused = judge().has_value();
    request = good;
    return refused;
  };
  const std::string signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
  for (std::size_t at = 0; at < signature.size(); ++at) EXPECT_TRUE(with_signature(changed(signature, at))) << at;
  EXPECT_TRUE(with_signature(""));
  EXPECT_TRUE(with_signature(signature + "="));
  EXPECT_FALSE(with_signature(signature));
  for (std::size_t at = 0; at < good.path.size(); ++at) {
    request.path = changed(good.path, at);
    EXPECT_TRUE(judge()) << request.path;
  }
  request = good;
  for (std::size_t at = 0; at < good.query.size(); ++at) {
    request.query = changed(good.query, at);
    EXPECT_TRUE(judge()) << request.query;
  }
  request = good;
  for (std::size_t field = 0; field < form.size(); ++field) {
    for (std::size_t at = 0; at < form[field].first.size(); ++at) {
      net::Form fields = form;
      fields[field].first = changed(fields[field].first, at);
      EXPECT_TRUE(judge(fields)) << fields[field].first;
    }
    for (std::size_t at = 0; at < form[field].second.size(); ++at) {
      net::Form fields = form;
      fields[field].second = changed(fields[field].second, at);
      EXPECT_TRUE(judge(fields)) << fields[field].second;
    }
    net::Form fields = form;
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(field));
    EXPECT_TRUE(judge(fields)) << field;
  }
  net::Form more = form;
  more.emplace_back("Extra", "1");
  EXPECT_TRUE(judge(more));
  EXPECT_FALSE(judge());
}

TEST_F(TwilioCallback, IsNotReadWithoutOneSignatureOfTheRightShapeOrWithTooManyFields) {
  const auto refused = [this] {
    const auto refusal = why_not_read_twilio(accounts, public_url, request);
    return refusal ? refusal->status : 0U;
  };
  const net::Request good = request;
  EXPECT_EQ(refused(), 0U);
  request.headers.add("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
  EXPECT_EQ(refused(), 403U) << "twice";
  for (const std::string said : {"",
                                 "x",
                                 "RSOYDt4T1cUTdK1PDd93/VVr8B8",
                                 "RSOYDt4T1cUTdK1PDd93/VVr8B8==",
                                 "RSOYDt4T1cUTdK1PDd93/VVr8B8\xff",
                                 "RSOYDt4T1cUTdK1PDd93 VVr8B8="}) {
    request.headers.clear();
    request.headers.add("X-Twilio-Signature", said);
    EXPECT_EQ(refused(), 403U) << said;
  }
  request = good;
  std::string body = "a=1";
  for (int field = 1; field < 100; ++field) body += "&a=1";
  request.body = body;
  EXPECT_EQ(refused(), 0U);
  body += "&a=1";
  request.body = body;
  EXPECT_EQ(refused(), 400U);
}

TEST_F(TwilioCallback, OfJsonNeedsTheHashOfItsBody) {
  const std::string body = R"({"property": "value", "boolean": true})";
  request.query += "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
  request.headers.clear();
  request.headers.add("Content-Type", "application/json");
  request.headers.add("X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4=");
  request.body = body;
  EXPECT_FALSE(judge({}));
  const std::string other = R"({"property": "other", "boolean": true})";
  request.body = other;
  EXPECT_TRUE(judge({}));
}

TEST_F(TwilioCallback, IsRefusedClearlyWhenNothingCanBeChecked) {
  public_url = "";
  EXPECT_EQ(judge()->status, 403U);
  EXPECT_NE(judge()->why.find("server.public_url"), std::string::npos);
  public_url = "https://mycompany.com";
  accounts = {{"AC1", {}}};
  EXPECT_EQ(judge()->status, 503U);
  accounts.clear();
  EXPECT_EQ(judge()->status, 403U);
  accounts = {{"AC1", {"12345"}}};
  request.headers.add("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");  // one too many
  EXPECT_EQ(judge()->status, 403U);
}

}  // namespace
}  // namespace api
