#include "daemon/api/keyring.hpp"

#include <map>

#include <crypt.h>
#include <gtest/gtest.h>

#include "daemon/net/hmac.hpp"

namespace api {
namespace {

const rules::Instant start{std::chrono::hours{500'000}};

std::string hashed(const std::string& password, const char* method, unsigned long cost) {
  crypt_data work{};
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  EXPECT_NE(crypt_gensalt_rn(method, cost, "0123456789abcdef0123456789abcdef", 32, setting, sizeof setting), nullptr);
  return crypt_rn(password.c_str(), setting, &work, sizeof work);
}

class Keys : public testing::Test {
 protected:
  Keys() {
    access.senders = {{.name = "prod", .token_file = "am.token", .password_hash_file = ""},
                      {.name = "backup", .token_file = "", .password_hash_file = "backup.hash"},
                      {.name = "shop.example.org", .token_file = "", .password_hash_file = ""}};
    access.users = {{.name = "olga",
                     .person = "olga-diaz",
                     .role = config::Role::responder,
                     .password_hash_file = "olga.hash",
                     .token_file = ""},
                    {.name = "bot",
                     .person = "",
                     .role = config::Role::admin,
                     .password_hash_file = "",
                     .token_file = "bot.token"}};
    access.proxy =
        config::Proxy{.header = "X-Forwarded-User", .from = {"10.1.0.0/16", "fd00::/8"}, .role = config::Role::viewer};
    files = {{"am.token", {"tulip", "old-tulip"}},
             {"bot.token", {"rose"}},
             {"backup.hash", {hashed("lily", "$y$", 1)}},
             {"olga.hash", {hashed("daisy", "$2b$", 4)}}};
  }
  tl::expected<std::vector<Identity>, Unproved> ask(const net::Headers& headers,
                                                    const std::string& peer = "192.0.2.1",
                                                    rules::Duration after = {}) {
    if (!keyring) {
      keyring.emplace(access, [this](const std::string& file) { return files[file]; });
    }
    net::Request request;
    request.headers = headers;
    request.peer = peer;
    auto found = keyring->who(request, start + after, attempts);
    while (!found && found.error().check != nullptr) {
      ++checks;
      const PasswordCheck& check = *found.error().check;
      keyring->learn(check, fitting_entries(check));
      found = keyring->who(request, start + after, attempts);
    }
    return found;
  }
  // What the keyring says of itself, before any hash is computed.
  auto look_at(const net::Headers& headers) {
    net::Request request;
    request.headers = headers;
    request.peer = "192.0.2.1";
    return keyring->who(request, start, attempts);
  }
  static net::Headers bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }
  static net::Headers basic(const std::string& pair) { return {{"Authorization", "Basic " + net::base64(pair)}}; }
  static std::string name(const tl::expected<std::vector<Identity>, Unproved>& found) {
    return found ? found->front().name : std::to_string(found.error().status);
  }

  config::Access access;
  std::map<std::string, std::vector<std::string>> files;
  std::optional<Keyring> keyring;
  Attempts attempts;
  int checks{};  // of passwords
};

TEST_F(Keys, AnyLineOfATokenFileIsItsOwnersToken) {
  EXPECT_EQ(name(ask(bearer("tulip"))), "prod");
  EXPECT_EQ(name(ask(bearer("old-tulip"))), "prod");
  EXPECT_EQ(name(ask({{"authorization", "bearer rose"}})), "bot");
  EXPECT_EQ(name(ask(bearer("tuli"))), "401");
  EXPECT_EQ(name(ask(bearer(""))), "401");
  EXPECT_EQ(name(ask({})), "401");
  EXPECT_EQ(name(ask({{"Authorization", "Bearer tulip"}, {"Authorization", "Bearer rose"}})), "401");
}

TEST_F(Keys, APasswordIsCheckedAgainstYescryptAndBcrypt) {
  EXPECT_EQ(name(ask(basic("backup:lily"))), "backup");
  const auto olga = ask(basic("olga:daisy"));
  ASSERT_TRUE(olga);
  EXPECT_EQ(olga->front().by(), "olga-diaz");
  EXPECT_EQ(olga->front().role, config::Role::responder);
  EXPECT_EQ(olga->front().proof, Proof::password);
  EXPECT_EQ(name(ask(basic("olga:lily"))), "401");
  EXPECT_EQ(name(ask(basic("nobody:daisy"))), "401");
  for (const std::string pair : {"olga", "", "bot:", "bot:rose", ":"}) {
    EXPECT_EQ(name(ask(basic(pair), "192.0.2.9", std::chrono::seconds{5})), "401") << pair;
  }
  EXPECT_EQ(name(ask({{"Authorization", "Basic !!!!"}})), "401");
}

TEST_F(Keys, AFileWithoutAUsableHashLetsNobodyInAndIsNamed) {
  files["olga.hash"] = {"daisy", "$1$fast$hash"};
  files["bot.token"] = {};
  EXPECT_EQ(name(ask(basic("olga:daisy"))), "401");
  ASSERT_EQ(keyring->problems().size(), 2U);
  EXPECT_NE(keyring->problems().front().find("olga.hash"), std::string::npos);
  EXPECT_EQ(keyring->problems().front().find("daisy"), std::string::npos);
}

TEST_F(Keys, AfterTenFailuresAnAddressWaitsButWhoIsRightDoesNot) {
  EXPECT_EQ(name(ask(basic("olga:daisy"))), "olga");
  for (unsigned count = 0; count < Attempts::most_failures; ++count) EXPECT_EQ(name(ask(bearer("guess"))), "401");
  const auto refused = ask(bearer("guess"), "192.0.2.1", std::chrono::seconds{20});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 429U);
  EXPECT_EQ(refused.error().retry_after, std::chrono::seconds{40});
  EXPECT_EQ(name(ask(bearer("tulip"))), "prod");
  EXPECT_EQ(name(ask(basic("olga:daisy"))), "olga") << "verified before";
  EXPECT_EQ(name(ask(bearer("guess"), "192.0.2.2")), "401") << "another address";
  EXPECT_EQ(name(ask(bearer("guess"), "192.0.2.1", std::chrono::minutes{1})), "401");
}

TEST_F(Keys, APasswordIsCheckedOnceAndAWrongOneCountsEachTime) {
  for (int count = 0; count < 20; ++count) EXPECT_EQ(name(ask(basic("olga:daisy"))), "olga");
  EXPECT_EQ(checks, 1);
  for (unsigned count = 0; count < Attempts::most_failures; ++count)
    EXPECT_EQ(name(ask(basic("olga:x"), "192.0.2.7")), "401");
  EXPECT_EQ(checks, 2);
  EXPECT_EQ(name(ask(basic("olga:x"), "192.0.2.7")), "429");
  EXPECT_EQ(checks, 2);
}

TEST_F(Keys, ARightPasswordComesInHoweverManyWereWrongFromThere) {
  for (unsigned count = 0; count < Attempts::most_failures; ++count) {
    EXPECT_EQ(name(ask(bearer("guess"))), "401");
    (void)ask(basic("olga:x"));
  }
  EXPECT_EQ(name(ask(basic("olga:y"))), "429") << "the wrong one is told so";
  const auto asked = look_at(basic("olga:daisy"));
  ASSERT_FALSE(asked);
  ASSERT_NE(asked.error().check, nullptr);
  EXPECT_TRUE(asked.error().check->is_late) << "one at a time";
  EXPECT_EQ(name(ask(basic("olga:daisy"))), "olga");
  EXPECT_EQ(name(ask(basic("backup:lily"))), "backup");
}

TEST_F(Keys, WrongTokensAndNamesThatNobodyHasDoNotSlowDownPasswords) {
  for (unsigned count = 0; count <= Attempts::most_failures; ++count) {
    (void)ask(bearer("guess"));
    (void)ask(basic("root:" + std::to_string(count)));
  }
  const int before = checks;
  EXPECT_EQ(name(ask(basic("root:again"))), "429");
  EXPECT_EQ(checks, before) << "a name that nobody has is not worth the work any more";
  const auto asked = look_at(basic("backup:lily"));
  ASSERT_FALSE(asked);
  ASSERT_NE(asked.error().check, nullptr);
  EXPECT_FALSE(asked.error().check->is_late);
}

TEST_F(Keys, GuessesUnderANameCountAlsoWhileItsAddressHasToWait) {
  for (unsigned count = 0; count < Attempts::most_failures; ++count) (void)ask(bearer("guess"));
  for (unsigned count = 0; count < Attempts::most_failures; ++count) EXPECT_EQ(name(ask(basic("olga:x"))), "429");
  EXPECT_TRUE(attempts.must_wait("192.0.2.1", "olga", start));
}

TEST_F(Keys, WhatWasVerifiedStaysSoOverAReloadWhileItsHashIsTheSame) {
  EXPECT_EQ(name(ask(basic("olga:daisy"))), "olga");
  EXPECT_EQ(name(ask(basic("backup:lily"))), "backup");
  EXPECT_EQ(checks, 2);
  access.senders.erase(access.senders.begin());
  const auto read = [this](const std::string& file) { return files[file]; };
  Keyring before = *std::move(keyring);
  keyring.emplace(access, read, &before);
  EXPECT_EQ(name(ask(basic("olga:daisy"))), "olga");
  EXPECT_EQ(name(ask(basic("backup:lily"))), "backup");
  EXPECT_EQ(checks, 2);
  files["olga.hash"] = {hashed("rose", "$2b$", 4)};
  before = *std::move(keyring);
  keyring.emplace(access, read, &before);
  EXPECT_EQ(name(ask(basic("olga:daisy"))), "401");
  EXPECT_EQ(name(ask(basic("backup:lily"))), "backup");
  EXPECT_EQ(checks, 3);
}

TEST_F(Keys, WhatIsAskedBeforeAReloadIsNotLearnedAfterIt) {
  (void)ask(bearer("tulip"));
  const auto asked = look_at(basic("olga:wrong"));
  ASSERT_FALSE(asked);
  Keyring before = *std::move(keyring);
  keyring.emplace(access, [this](const std::string& file) { return files[file]; }, &before);
  keyring->learn(*asked.error().check, {0, 1, 2, 3, 4});
  EXPECT_EQ(name(ask(basic("olga:wrong"))), "401");
}

TEST_F(Keys, WhatAnEarlierKeyringAskedForChangesNothing) {
  (void)ask(bearer("tulip"));
  const auto asked = look_at(basic("olga:wrong"));
  ASSERT_FALSE(asked);
  ASSERT_NE(asked.error().check, nullptr);
  keyring.emplace(access, [this](const std::string& file) { return files[file]; });
  keyring->learn(*asked.error().check, {0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(name(ask(basic("olga:wrong"))), "401");
}

TEST_F(Keys, ANameThatNobodyHasIsCheckedAllTheSame) {
  EXPECT_EQ(name(ask(basic("nobody:daisy"))), "401");
  EXPECT_EQ(checks, 1);
}

TEST_F(Keys, WhatIsRememberedOfFailuresIsBounded) {
  for (std::size_t count = 0; count < Attempts::most_addresses; ++count)
    attempts.failed(std::to_string(count), "", start);
  for (unsigned count = 0; count < Attempts::most_failures; ++count) {
    attempts.failed("late-" + std::to_string(count), "", start);
  }
  EXPECT_FALSE(attempts.must_wait("1", "", start));
  EXPECT_TRUE(attempts.must_wait("anybody", "", start));
  EXPECT_FALSE(attempts.must_wait("anybody", "olga", start)) << "whom nobody has guessed at";
  attempts.failed("later", "", start + Attempts::window);
  EXPECT_FALSE(attempts.must_wait("anybody", "", start + Attempts::window));
}

TEST_F(Keys, AFullTableOfFailuresKeepsNobodyOut) {
  for (std::size_t count = 0; count < 2 * Attempts::most_addresses; ++count)
    attempts.failed(std::to_string(count), "", start);
  EXPECT_EQ(name(ask(basic("olga:daisy"), "192.0.2.77")), "olga");
  EXPECT_EQ(name(ask(bearer("tulip"), "192.0.2.77")), "prod");
}

TEST(Failures, OfWhoMustWaitOnePasswordASecondIsLookedAt) {
  using std::chrono::milliseconds;
  Attempts attempts;
  for (unsigned count = 0; count < Attempts::most_failures; ++count) attempts.failed("192.0.2.1", "olga", start);
  EXPECT_TRUE(attempts.may_look("192.0.2.1", "olga", start));
  EXPECT_FALSE(attempts.may_look("192.0.2.1", "olga", start + milliseconds{999}));
  EXPECT_TRUE(attempts.may_look("192.0.2.1", "sam", start + milliseconds{999})) << "under another name";
  EXPECT_TRUE(attempts.may_look("192.0.2.2", "olga", start + milliseconds{999})) << "from elsewhere";
  EXPECT_TRUE(attempts.may_look("192.0.2.1", "olga", start + milliseconds{1000}));
  EXPECT_FALSE(attempts.may_look("192.0.2.1", "olga", start + milliseconds{1999}));
  EXPECT_TRUE(attempts.may_look("192.0.2.1", "olga", start)) << "the clock was set back";
  attempts.failed("192.0.2.1", "olga", start + Attempts::window);
  EXPECT_FALSE(attempts.may_look("192.0.2.1", "olga", start + milliseconds{500})) << "a new minute is no new look";
}

TEST(Failures, OfIpv6CountByTheNetwork) {
  Attempts attempts;
  for (unsigned count = 0; count < Attempts::most_failures; ++count)
    attempts.failed("2001:db8:1:2::" + std::to_string(count), "", start);
  EXPECT_TRUE(attempts.must_wait("2001:db8:1:2:ffff::9", "", start));
  EXPECT_FALSE(attempts.must_wait("2001:db8:1:3::1", "", start));
  EXPECT_FALSE(attempts.must_wait("192.0.2.1", "", start));
}

TEST_F(Keys, OfAllTheProxySaysOfTheWayTheLastIsBelieved) {
  (void)ask(bearer("tulip"));
  const auto from = [this](const net::Headers& headers, const std::string& peer = "10.1.2.3") {
    net::Request request;
    request.headers = headers;
    request.peer = peer;
    return keyring->address_of(request);
  };
  EXPECT_EQ(from({{"X-Forwarded-For", "198.51.100.1, 203.0.113.5"}}), "203.0.113.5");
  EXPECT_EQ(from({{"X-Forwarded-For", "198.51.100.1"}, {"x-forwarded-for", "203.0.113.5"}}), "203.0.113.5")
      << "HAProxy adds a line of its own";
  EXPECT_EQ(from({{"X-Forwarded-For", "198.51.100.1"}, {"X-Forwarded-For", ""}}), "10.1.2.3");
  EXPECT_EQ(from({{"X-Forwarded-For", "203.0.113.5"}}, "192.0.2.1"), "192.0.2.1");
}

TEST_F(Keys, TheProxysHeaderCountsFromItsNetworksOnly) {
  const auto stranger = ask({{"X-Forwarded-User", "carol"}}, "10.1.2.3");
  ASSERT_TRUE(stranger);
  EXPECT_EQ(stranger->front().by(), "carol");
  EXPECT_EQ(stranger->front().role, config::Role::viewer);
  const auto olga = ask({{"X-Forwarded-User", "olga"}}, "fd12::1");
  ASSERT_TRUE(olga);
  EXPECT_EQ(olga->front().by(), "olga-diaz");
  EXPECT_EQ(olga->front().role, config::Role::responder);
  for (const std::string peer : {"10.2.0.1", "127.0.0.1", "::1", "unix", ""}) {
    EXPECT_EQ(name(ask({{"X-Forwarded-User", "olga"}}, peer)), "401") << peer;
  }
  EXPECT_EQ(name(ask({{"X-Forwarded-User", "olga"}, {"X-Forwarded-User", "bot"}}, "10.1.2.3")), "401");
  EXPECT_EQ(name(ask({{"X-Forwarded-User", ""}}, "10.1.2.3")), "401");
}

TEST_F(Keys, AProgramThatHasOnlyATokenIsNobodyBehindTheProxy) {
  EXPECT_EQ(name(ask({{"X-Forwarded-User", "bot"}}, "10.1.2.3")), "401");
  access.users.push_back(
      {.name = "ann", .person = "", .role = config::Role::admin, .password_hash_file = "", .token_file = ""});
  access.users.push_back(
      {.name = "eva", .person = "eva", .role = config::Role::admin, .password_hash_file = "", .token_file = "e.token"});
  keyring.reset();
  EXPECT_EQ(name(ask({{"X-Forwarded-User", "eva"}}, "10.1.2.3")), "eva")
      << "a person with a token for the command line";
  const auto ann = ask({{"X-Forwarded-User", "ann"}}, "10.1.2.3");
  ASSERT_TRUE(ann);
  EXPECT_EQ(ann->front().role, config::Role::admin) << "who stands in `users` has the role that stands there";
}

TEST_F(Keys, ThePasswordThatTheProxyAskedForIsNoneOfOurs) {
  const auto by_proxy = [&](net::Headers headers, const std::string& peer = "10.1.2.3") {
    headers.add("X-Forwarded-User", "olga");
    return ask(headers, peer);
  };
  for (unsigned count = 0; count <= Attempts::most_failures; ++count) {
    for (const std::string pair : {"nginx:secret", "olga:hers-at-the-proxy"}) {
      const auto olga = by_proxy(basic(pair));
      ASSERT_TRUE(olga) << pair;
      EXPECT_EQ(olga->front().by(), "olga-diaz");
      EXPECT_EQ(olga->front().proof, Proof::proxy);
    }
  }
  EXPECT_FALSE(attempts.must_wait("10.1.2.3", "", start));
  EXPECT_EQ(by_proxy(basic("backup:lily"))->front().name, "backup") << "a password that is right still proves";
  EXPECT_EQ(by_proxy(bearer("tulip"))->front().name, "prod");
  EXPECT_EQ(name(by_proxy(bearer("guess"))), "401") << "a token is nobody's but ours";
  EXPECT_EQ(name(by_proxy(basic("nginx:secret"), "192.0.2.1")), "401");
}

TEST_F(Keys, ACertificateIsItsSenders) {
  keyring.emplace(access, [this](const std::string& file) { return files[file]; });
  net::Request request;
  request.peer = "192.0.2.1";
  request.certificate_names = {"someone", "shop.example.org"};
  EXPECT_EQ(name(keyring->who(request, start, attempts)), "shop.example.org");
  request.certificate_names = {"olga"};
  EXPECT_EQ(name(keyring->who(request, start, attempts)), "401") << "users show no certificates";
}

TEST(Networks, HoldWhatTheirFirstBitsSay) {
  EXPECT_TRUE(is_in_network("127.0.0.1", "127.0.0.1/32"));
  EXPECT_TRUE(is_in_network("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(is_in_network("127.0.0.2", "127.0.0.1/32"));
  EXPECT_TRUE(is_in_network("10.7.255.1", "10.4.0.0/14"));
  EXPECT_FALSE(is_in_network("10.8.0.1", "10.4.0.0/14"));
  EXPECT_TRUE(is_in_network("203.0.113.9", "0.0.0.0/0"));
  EXPECT_FALSE(is_in_network("::1", "0.0.0.0/0"));
  EXPECT_TRUE(is_in_network("fd00::7", "fd00::/8"));
  EXPECT_FALSE(is_in_network("", "0.0.0.0/0"));
}

}  // namespace
}  // namespace api
