// Where the daemon lets providers be called: what a name leads to, unless the configuration lists it.
#include <array>
#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <netdb.h>
#include <unistd.h>

#include "tests/live/eventually.hpp"
#include "tests/live/live.hpp"

namespace live {
namespace {

// This machine's own name, when it leads to 127.0.0.1 as in most /etc/hosts; else "".
std::string name_of_loopback() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.data(), nullptr, &hints, &found) != 0) return {};
  std::array<char, NI_MAXHOST> address{};
  const bool is_read =
      ::getnameinfo(found->ai_addr, found->ai_addrlen, address.data(), address.size(), nullptr, 0, NI_NUMERICHOST) == 0;
  ::freeaddrinfo(found);
  return is_read && std::string{address.data()} == "127.0.0.1" ? std::string{name.data()} : std::string{};
}

TEST(OutboundLive, ANameThatLeadsToThisMachineIsCalledOnlyWhenTheConfigurationListsIt) {
  const std::string name = name_of_loopback();
  if (name.empty() || name == "localhost") GTEST_SKIP() << "no name of this machine leads to 127.0.0.1";
  House house{[&name](const support::Sink& sink) { return support::replaced(small_team(sink), "127.0.0.1", name); }};
  house.roused.start();
  const auto report = [&house](const std::string& alert) {
    return house.roused
        .post(webhook_path, webhook_of({{"alertname", alert}, {"service", "checkout"}, {"severity", "critical"}}))
        .status;
  };
  ASSERT_EQ(report("First"), 200U);
  std::string shown;
  static_cast<void>(eventually([&] {
    shown = house.roused.get("/v1/incidents/R-1").body;
    return shown.find("server.outbound_private") != std::string::npos;
  }));
  EXPECT_NE(shown.find(name), std::string::npos) << "what it was about to call, and what to write: " << shown;
  EXPECT_NE(shown.find("server.outbound_private"), std::string::npos) << shown;
  EXPECT_TRUE(house.sink.pages().empty());

  support::write_file(house.folder / "rouse.yml",
                      support::replaced(small_team(house.sink), "127.0.0.1", name) + "server: { outbound_private: [ " +
                          name + " ] }\n");
  ASSERT_EQ(house.roused.post("/-/reload", "").status, 200U) << house.roused.output();
  ASSERT_EQ(report("Second"), 200U);
  EXPECT_TRUE(house.sink.wait_for_page("R-2", support::patience)) << house.roused.output();
  EXPECT_EQ(house.roused.stop(), 0);
}

}  // namespace
}  // namespace live
