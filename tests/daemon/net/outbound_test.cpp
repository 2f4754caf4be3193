// Which addresses a name may mean.
#include "daemon/net/outbound.hpp"

#include <atomic>
#include <future>
#include <string>

#include <gtest/gtest.h>

#include "daemon/net/client.hpp"
#include "tests/daemon/net/support.hpp"

namespace net {
namespace {

OutboundRules guarded(std::vector<std::string> allowed = {}) {
  return OutboundRules{.is_guarded = true, .allowed = std::move(allowed)};
}

TEST(Outbound, ANameThatMeansThisMachineOrAPrivateNetworkIsRefused) {
  const OutboundRules rules = guarded();
  for (const char* address : {"127.0.0.1",
                              "127.9.9.9",
                              "0.0.0.0",
                              "169.254.169.254",
                              "224.0.0.1",
                              "255.255.255.255",
                              "10.0.0.1",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "100.64.0.1",
                              "::",
                              "::1",
                              "fe80::1",
                              "fe80::1%eth0",
                              "fd00::1",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "64:ff9b::7f00:1",
                              "no number"})
    EXPECT_NE(why_not_outbound(rules, "hooks.example.org", address), "") << address;
}

TEST(Outbound, APublicAddressIsFine) {
  for (const char* address :
       {"9.9.9.9", "172.32.0.1", "172.15.255.255", "100.128.0.1", "2620:fe::fe", "64:ff9b::909:909"})
    EXPECT_EQ(why_not_outbound(guarded(), "hooks.example.org", address), "") << address;
}

TEST(Outbound, WhatTheConfigurationListsIsFine) {
  EXPECT_EQ(why_not_outbound(guarded({"pbx.example.org"}), "PBX.example.org.", "10.0.0.7"), "");
  EXPECT_EQ(why_not_outbound(guarded({"10.1.0.0/16"}), "pbx.example.org", "10.1.2.3"), "");
  EXPECT_EQ(why_not_outbound(guarded({"10.1.2.3"}), "pbx.example.org", "10.1.2.3"), "");
  EXPECT_EQ(why_not_outbound(guarded({"fd00::/8"}), "pbx.example.org", "fd12::1"), "");
  EXPECT_EQ(why_not_outbound(guarded({"10.1.0.0/16"}), "pbx.example.org", "10.2.2.3"), "a private address");
  EXPECT_EQ(why_not_outbound(guarded({"10.1.0.0/33", "10.1.0.0/x"}), "pbx.example.org", "10.1.2.3"),
            "a private address");
  EXPECT_EQ(why_not_outbound(guarded({"example.org"}), "pbx.example.org", "127.0.0.1"), "a loopback address");
}

TEST(Outbound, LocalhostIsWhatItSaysAndAnUnguardedCallerIsNotAsked) {
  EXPECT_EQ(why_not_outbound(guarded(), "localhost", "127.0.0.1"), "");
  EXPECT_EQ(why_not_outbound(OutboundRules{}, "hooks.example.org", "127.0.0.1"), "");
}

// "127.1" is no number to a URL, but a resolver makes 127.0.0.1 of it.
TEST(Outbound, ACallToARefusedAddressConnectsNowhereAndSaysWhichKeyAllowsIt) {
  testing::LoopThread thread;
  std::atomic<int> requests{0};
  Server server(thread.loop(), ServerOptions{}, [&requests](Request&& request, Responder responder) {
    ++requests;
    responder.send(Response{.status = request.method == "GET" ? 200U : 500U});
  });
  const tl::expected<std::string, std::string> address = server.listen("127.0.0.1:0");
  ASSERT_TRUE(address) << address.error();
  Client strict(thread.loop(), ClientOptions{.outbound = guarded()});
  Client listed(thread.loop(), ClientOptions{.outbound = guarded({"127.0.0.0/8"})});
  thread.start();
  const auto call = [&](Client& client, const std::string& host) {
    std::promise<ClientResult> result;
    thread.run([&] {
      ClientRequest request;
      request.method = "GET";
      request.url = "http://" + host + ":" + std::to_string(testing::port_of(*address)) + "/secret?token=1";
      request.timeout = testing::patience;
      client.send(std::move(request), [&result](ClientResult ended) { result.set_value(std::move(ended)); });
    });
    return result.get_future().get();
  };

  const ClientResult refused = call(strict, "127.1");
  EXPECT_EQ(refused.outcome, Outcome::not_sent);
  EXPECT_EQ(refused.trouble, Trouble::bad_request);
  EXPECT_NE(refused.detail.find("127.0.0.1, a loopback address"), std::string::npos) << refused.detail;
  EXPECT_NE(refused.detail.find("server.outbound_private"), std::string::npos) << refused.detail;
  EXPECT_EQ(refused.detail.find("secret"), std::string::npos) << refused.detail;
  EXPECT_EQ(requests, 0);

  EXPECT_EQ(call(listed, "127.1").status, 200U);
  EXPECT_EQ(call(strict, "127.0.0.1").status, 200U);
  thread.stop();
}

}  // namespace
}  // namespace net
