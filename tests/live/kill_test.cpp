// kill -9 at random moments under a load of mixed alerts, again and again: what got a 2xx is there afterwards, what had
// to be paged was paged, and what was paged twice says so under the key of the first time.
//
// ROUSE_KILLS: how often (50; 200 when ROUSE_LONG is set). ROUSE_SEED: the seed, which a failing run prints.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/daemon/net/support.hpp"
#include "tests/live/live.hpp"
#include "tests/support/figures.hpp"

namespace live {
namespace {

using net::testing::RawSocket;
using std::chrono::milliseconds;

// What an alert may be at the end: each report that got a 2xx has happened, each that got none may have.
enum Fate : unsigned { absent = 1, firing = 2, resolved = 4 };

unsigned after_firing(unsigned) {
  return firing;
}
unsigned after_resolved(unsigned fates) {
  return ((fates & absent) != 0 ? absent : 0U) | ((fates & (firing | resolved)) != 0 ? resolved : 0U);
}

struct Tracked {
  Labels labels;
  unsigned fates{absent};
};

// What one sender has done; touched by its thread alone until that is joined.
struct Sender {
  std::size_t number{};
  std::mt19937_64 random;
  std::vector<Tracked> alerts;
  std::size_t next_ack{}, next_end{};               // alerts[] before these are done with
  std::map<std::size_t, std::string> acknowledged;  // its incident, when that got a 200
  std::size_t accepted{}, refused{}, cut{};
};

std::size_t pick(std::mt19937_64& random, std::size_t below) {
  return std::uniform_int_distribution<std::size_t>{0, below - 1}(random);
}

std::string request_of(std::string_view path, const std::string& body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      path,
      body.size(),
      body);
}

// The status; 0 when the daemon went away first.
int exchange(
    std::optional<RawSocket>& socket, int port, std::string_view path, const std::string& body, std::string* answer) {
  try {
    if (!socket) socket.emplace(port);
    socket->send(request_of(path, body));
    const std::string response = socket->response();
    if (response.empty()) {
      socket.reset();
      return 0;
    }
    if (answer != nullptr) *answer = net::testing::body_of(response);
    return net::testing::status_of(response);
  } catch (const std::runtime_error&) {
    socket.reset();
    return 0;
  }
}

// Kinds of alerts, each with a service of its own so that what is expected of its incidents is certain:
// quiet: fires, repeats, stays; its incident must page. busy: fires, ends, fires again; grouped with others.
// heard: one alert an incident, acknowledged once and left alone. warning: told once. info: recorded.
Labels new_alert(Sender& sender) {
  constexpr std::string_view kinds[] = {"quiet", "quiet", "busy", "busy", "heard", "warning", "info"};
  const std::string kind{kinds[pick(sender.random, std::size(kinds))]};
  const std::size_t number = sender.alerts.size();
  Labels labels{
      {"alertname",
       kind == "heard" ? fmt::format("Heard{}x{}", sender.number, number)
                       : fmt::format("{}{}", kind, pick(sender.random, 10))},
      {"service", fmt::format("{}-{}", kind, kind == "busy" ? pick(sender.random, 5) : pick(sender.random, 20))},
      {"instance", fmt::format("{}-{}", sender.number, number)},
      {"kind", kind},
      {"severity", kind == "warning" || kind == "info" ? kind : "critical"}};
  return labels;
}

void send_batch(Sender& sender, std::optional<RawSocket>& socket, int port) {
  constexpr std::size_t sizes[] = {1, 1, 2, 5, 16, 64};
  const std::size_t size = sizes[pick(sender.random, std::size(sizes))];
  json::array alerts;
  std::vector<std::pair<std::size_t, bool>> told;  // the alert, and whether it fires
  std::set<std::size_t> used;                      // a batch says one thing of an alert
  for (std::size_t index = 0; index < size; ++index) {
    std::size_t alert = sender.alerts.size();
    bool fires = true;
    if (!sender.alerts.empty() && pick(sender.random, 3) == 0) {
      alert = pick(sender.random, sender.alerts.size());
      if (sender.alerts[alert].labels.at("kind") == "busy") fires = pick(sender.random, 2) == 0;
      if (sender.alerts[alert].labels.at("kind") == "heard") continue;
    } else {
      sender.alerts.push_back({.labels = new_alert(sender)});
    }
    if (!used.insert(alert).second) continue;
    alerts.push_back(alert_of(sender.alerts[alert].labels, fires ? "firing" : "resolved"));
    told.emplace_back(alert, fires);
  }
  if (told.empty()) return;
  const int status = exchange(socket, port, webhook_path, webhook_with(std::move(alerts)), nullptr);
  for (const auto& [alert, fires] : told) {
    unsigned& fates = sender.alerts[alert].fates;
    const unsigned then = fires ? after_firing(fates) : after_resolved(fates);
    fates = status == 200 ? then : fates | then;
  }
  ++(status == 200 ? sender.accepted : status == 0 ? sender.cut : sender.refused);
}

// Acknowledges the incident of one `heard` alert that certainly fires.
void acknowledge(Sender& sender, std::optional<RawSocket>& socket, int port) {
  for (; sender.next_ack < sender.alerts.size(); ++sender.next_ack) {
    const Tracked& alert = sender.alerts[sender.next_ack];
    if (alert.labels.at("kind") == "heard" && alert.fates == firing) break;
  }
  if (sender.next_ack >= sender.alerts.size()) return;
  const std::size_t alert = sender.next_ack++;
  std::string list;
  {
    // Which incident it is: its service and alertname are its own.
    const support::Answer answer =
        support::get(fmt::format("http://127.0.0.1:{}/v1/incidents?state=all&limit=100000&service={}",
                                 port,
                                 sender.alerts[alert].labels.at("service")),
                     milliseconds{5000});
    if (answer.status != 200) return;
    list = answer.body;
  }
  const json::object listed = parse_object(list);
  const json::value* const incidents = listed.if_contains("incidents");
  if (incidents == nullptr || !incidents->is_array()) return;
  for (const json::value& one : incidents->get_array()) {
    const json::object& incident = one.as_object();
    const std::string name = sender.alerts[alert].labels.at("alertname");
    const std::string summary = field(incident, "summary");
    if (!summary.starts_with(name) ||
        (summary.size() > name.size() && std::isalnum(static_cast<unsigned char>(summary[name.size()])) != 0)) {
      continue;
    }
    const std::string id = field(incident, "id");
    std::string answer;
    const int status = exchange(socket, port, fmt::format("/v1/incidents/{}/ack", id), R"({"by":"olga"})", &answer);
    if (status == 200) sender.acknowledged[alert] = id;
    return;
  }
}

bool is_part(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
  return std::all_of(part.begin(), part.end(), [&whole](const std::string& one) {
    return std::find(whole.begin(), whole.end(), one) != whole.end();
  });
}

std::string describe(const support::Message& message, std::chrono::steady_clock::time_point began) {
  return fmt::format("{} at {} ms: {} for {}, step {}, round {}, {} incidents {}, {}, answered {}, key {}",
                     message.id,
                     std::chrono::duration_cast<milliseconds>(message.at - began).count(),
                     message.reason,
                     message.to,
                     message.step,
                     message.round,
                     message.incidents.size(),
                     fmt::join(message.incidents.begin(),
                               message.incidents.begin() +
                                   static_cast<std::ptrdiff_t>(std::min<std::size_t>(message.incidents.size(), 5)),
                               " "),
                     message.possible_duplicate ? "marked" : "not marked",
                     message.answered,
                     message.key);
}

class Kills : public testing::Test {
 protected:
  static std::uint64_t number(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 0);
  }
};

TEST_F(Kills, LoseNothingThatWasAcceptedAndNoPageAndMarkWhatIsSentAgain) {
  const bool is_long = number("ROUSE_LONG", 0) != 0;
  const std::uint64_t kills = number("ROUSE_KILLS", is_long ? 200 : 50);
  const std::uint64_t seed = number("ROUSE_SEED", std::random_device{}());
  const std::string reproduce = fmt::format("ROUSE_SEED={} ROUSE_KILLS={}", seed, kills);
  SCOPED_TRACE(reproduce);
  fmt::print("{}\n", reproduce);
  std::mt19937_64 random{seed};
  House house{"4s"};
  support::Roused& roused = house.roused;

  // A third of the kills come while the sink has a page and has not answered it: its outcome is never known.
  std::atomic<bool> kill_at_page{false};
  std::mt19937_64 sink_random{seed + 1};
  house.sink.answer([&](const support::Message& message) -> unsigned {
    if (message.is_page && kill_at_page.exchange(false)) {
      roused.process().signal(SIGKILL);
      return 200;
    }
    return pick(sink_random, 20) == 0 ? 503 : 200;
  });

  std::vector<Sender> senders(2);
  for (std::size_t index = 0; index < senders.size(); ++index) {
    senders[index].number = index;
    senders[index].random.seed(seed + 10 + index);
  }
  const auto began = std::chrono::steady_clock::now();
  milliseconds slowest_start{0};
  for (std::uint64_t life = 0; life < kills; ++life) {
    roused.setting().io_threads = life % 2 == 0 ? 1 : 3;
    const auto starting = std::chrono::steady_clock::now();
    roused.start();
    slowest_start =
        std::max(slowest_start, std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - starting));
    const int port = roused.port();
    std::atomic<bool> over{false};
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t accepted = 0, sending = senders.size();
    std::vector<std::thread> threads;
    for (Sender& sender : senders) {
      threads.emplace_back([&over, &mutex, &changed, &accepted, &sending, &sender, port] {
        std::optional<RawSocket> socket;
        bool is_there = true;
        for (int round = 0; round < 200 && is_there && !over.load(); ++round) {
          const std::size_t before = sender.accepted;
          send_batch(sender, socket, port);
          if (pick(sender.random, 4) == 0) acknowledge(sender, socket, port);
          const std::lock_guard lock{mutex};
          accepted += sender.accepted - before;
          changed.notify_all();
          is_there = sender.accepted > before || socket.has_value();
        }
        const std::lock_guard lock{mutex};
        --sending;
        changed.notify_all();
      });
    }
    const std::size_t wanted = 1 + pick(random, 6);
    {
      std::unique_lock lock{mutex};
      changed.wait_for(lock, std::chrono::seconds{5}, [&] { return accepted >= wanted || sending == 0; });
    }
    const bool at_page = pick(random, 3) == 0;
    if (at_page) {
      kill_at_page.store(true);
      // When none is due the kill comes by itself.
      static_cast<void>(roused.process().wait(milliseconds{300}));
      kill_at_page.store(false);
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds{pick(random, 60'000)});
    }
    roused.kill_hard();
    over.store(true);
    for (std::thread& thread : threads) thread.join();
  }
  const auto killing = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);

  roused.setting().io_threads = 0;
  roused.start();
  std::map<std::string, json::object> by_instance;  // of the alerts
  std::map<std::string, std::string> incident_of;   // by instance
  std::map<std::string, json::object> incidents;
  for (json::object& incident : house.incidents()) {
    const std::string id = field(incident, "id");
    if (incident.contains("alert_list")) {
      for (const json::value& one : incident.at("alert_list").as_array()) {
        const json::object& alert = one.as_object();
        const std::string instance = field(alert.at("labels").as_object(), "instance");
        const auto [listed, is_first] = by_instance.emplace(instance, alert);
        // Episodes that ended stay in the list of their incident.
        if (!is_first) {
          EXPECT_EQ(incident_of[instance], id) << instance << " is in two incidents";
          if (field(alert, "status") == "firing") listed->second = alert;
        }
        incident_of[instance] = id;
      }
    }
    EXPECT_TRUE(incidents.emplace(id, std::move(incident)).second) << id << " is listed twice";
  }

  // Alerts.
  std::size_t alerts = 0, accepted = 0, refused = 0, cut = 0, certain = 0, lost = 0;
  std::set<std::string> must_page;
  for (const Sender& sender : senders) {
    accepted += sender.accepted;
    refused += sender.refused;
    cut += sender.cut;
    for (const Tracked& tracked : sender.alerts) {
      ++alerts;
      const std::string& instance = tracked.labels.at("instance");
      const auto found = by_instance.find(instance);
      unsigned fate = absent;
      if (found != by_instance.end()) fate = field(found->second, "status") == "resolved" ? resolved : firing;
      lost += (tracked.fates & fate) == 0 ? 1 : 0;
      certain += (tracked.fates & absent) == 0 ? 1 : 0;
      EXPECT_TRUE((tracked.fates & fate) != 0)
          << instance << " of " << tracked.labels.at("service") << " is "
          << (found == by_instance.end() ? "missing" : field(found->second, "status")) << ", possible were "
          << tracked.fates << " (1 absent, 2 firing, 4 resolved)";
      if (found == by_instance.end()) continue;
      if (tracked.labels.at("kind") == "quiet") must_page.insert(incident_of[instance]);
    }
    for (const auto& [alert, id] : sender.acknowledged) {
      EXPECT_EQ(field(incidents[id], "state"), "acknowledged")
          << id << " of " << sender.alerts[alert].labels.at("alertname");
    }
  }

  // Pages.
  const auto all_paged = [&must_page](const std::vector<support::Message>& messages) {
    std::set<std::string> paged;
    for (const support::Message& message : messages) {
      if (message.is_page && message.to == "olga" && message.answered == 200) {
        paged.insert(message.incidents.begin(), message.incidents.end());
      }
    }
    return std::includes(paged.begin(), paged.end(), must_page.begin(), must_page.end());
  };
  const bool are_all_paged = house.sink.wait_until(all_paged, std::chrono::seconds{25});
  const std::vector<support::Message> messages = house.sink.pages();
  std::size_t never_paged = 0;
  if (!are_all_paged) {
    std::set<std::string> missing = must_page;
    for (const support::Message& message : messages) {
      for (const std::string& id : message.incidents) missing.erase(id);
    }
    never_paged = missing.size();
    for (const std::string& id : missing)
      ADD_FAILURE() << id << " was never paged: " << json::serialize(house.incident(id));
    ADD_FAILURE() << "not every incident that stays open has a page to the first step";
  }
  std::map<std::string, const support::Message*> by_key;
  std::map<std::string, const support::Message*> by_id;
  // Incident and person: the messages that told it, the first under each key.
  std::map<std::pair<std::string, std::string>, std::vector<const support::Message*>> told;
  std::set<std::string> received;  // keys that the sink took, or may be believed to have taken
  std::size_t doubled = 0;
  std::size_t doubled_silently = 0;
  for (const support::Message& message : messages) {
    ASSERT_FALSE(message.key.empty()) << message.body;
    EXPECT_EQ(message.key, message.header_key);
    const auto [first, is_new] = by_key.emplace(message.key, &message);
    const std::string both = describe(*first->second, began) + "\n" + describe(message, began);
    if (!is_new) {
      // What ended in between is left out of a bundle that goes again.
      EXPECT_TRUE(is_part(message.incidents, first->second->incidents)) << "one key for two bundles\n" << both;
      EXPECT_EQ(first->second->to, message.to) << "one key for two people\n" << both;
      if (received.contains(message.key)) {
        ++doubled;
        doubled_silently += message.possible_duplicate ? 0 : 1;
        EXPECT_TRUE(message.possible_duplicate) << "sent again without the mark\n" << both;
      }
    }
    if (message.answered == 200) received.insert(message.key);
    const auto [id, is_first] = by_id.emplace(message.id, &message);
    EXPECT_EQ(id->second->key, message.key) << "one page under two keys\n"
                                            << describe(*id->second, began) << "\n"
                                            << describe(message, began);
    for (const std::string& incident : message.incidents) {
      if (is_new && must_page.contains(incident)) told[{incident, message.to}].push_back(&message);
    }
  }
  for (const auto& [whom, tellings] : told) {
    std::string all;
    for (const support::Message* const telling : tellings) all += "\n" + describe(*telling, began);
    EXPECT_EQ(tellings.size(), 1U) << whom.first << " was told to " << whom.second << " again" << all;
  }
  fmt::print(
      "{} kills in {} ms, slowest start {} ms; {} alerts in {} batches accepted, {} refused, {} cut; {} incidents, {} "
      "must "
      "page; {} messages, {} of them sent again\n",
      kills,
      killing.count(),
      slowest_start.count(),
      alerts,
      accepted,
      refused,
      cut,
      incidents.size(),
      must_page.size(),
      messages.size(),
      doubled);
  support::figure("faults", "kills", kills);
  support::figure("faults", "alerts acknowledged under kills", certain);
  support::figure("faults", "acknowledged alerts lost or changed", lost);
  support::figure("faults", "incidents that had to be paged", must_page.size());
  support::figure("faults", "incidents never paged", never_paged);
  support::figure("faults", "pages that came again, marked", doubled - doubled_silently);
  support::figure("faults", "pages that came again without a mark", doubled_silently);
  support::figure("faults", "slowest start after a kill (ms)", slowest_start.count());
  EXPECT_GE(accepted, kills) << "the load was too thin to mean anything";
  if (kills >= 20) {
    EXPECT_GT(doubled, 0U) << "no kill came while a page was under way: nothing was tried";
  }
  EXPECT_EQ(roused.stop(), 0);
  if (HasFailure()) fmt::print("roused said:\n{}\n", roused.output());
}

}  // namespace
}  // namespace live
