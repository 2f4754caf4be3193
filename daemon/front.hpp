// One I/O thread's side of the daemon: requests in, work for the engine through the thread's own lane, and whatever the
// engine says back to whoever waits. Everything here belongs to the loop's thread, but publish().
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/api/api.hpp"
#include "daemon/configuration.hpp"
#include "daemon/intake/intake.hpp"
#include "daemon/lane.hpp"
#include "daemon/net/server.hpp"

namespace roused {

// The configuration as readers see it. Written at a reload, looked at by every I/O thread: a counter tells whether
// there is something new, and only then the lock is taken, so no two threads meet on it between a webhook and its page.
class PolicyBoard {
 public:
  void publish(InForce configuration);
  // True when `configuration` was replaced by a newer one.
  bool refresh(std::uint64_t& seen, InForce& configuration) const;

 private:
  mutable std::mutex mutex_;
  InForce configuration_;
  std::atomic<std::uint64_t> version_{0};
};

// Reads the configuration anew, or says everything that is wrong with it.
using LoadConfiguration = std::function<tl::expected<InForce, std::string>()>;

class Front {
 public:
  struct Makings {
    api::Services services;  // `reload` is the front's to set
    std::uint64_t key_seed{};
    Lane* lane{};
    const PolicyBoard* board{};
    std::function<void()> wake_engine;                         // after every push
    std::function<void(SendOrder)> send;                       // lane 0: to the outbox
    std::function<void(const std::string& source)> reconcile;  // lane 0: to the reconciler
    LoadConfiguration load;
    // The policy is durable; or nothing with what is wrong: nothing has changed.
    std::function<void(const tl::expected<InForce, std::string>&)> reloaded;
    std::function<rules::Instant()> wall;
    // Does it on a thread that nobody waits for. False: there is too much to do. Empty: it is done at once.
    std::function<bool(std::function<void()>)> work_elsewhere;
    std::function<void()> wake;  // this thread, from any other: what was done elsewhere is there
  };
  explicit Front(Makings makings);

  // The server's handler.
  void on_request(net::Request&& request, net::Responder responder);
  // The server's gate.
  void on_head(net::Request&& head, net::Responder responder);
  // What the server refused before its handler saw it: the engine hears of it when a sender may have lost alerts.
  void on_refusal(const net::Refusal& refusal);

  // Hands out what the engine has said. True: there may be more.
  bool take_commands();

  // For the engine, never refused: what finds the ring full waits here and goes first.
  void tell(rules::Event event);
  // The same, with the engine's answer: `heard` is called once, from take_commands(), or never when the daemon ends
  // before.
  void tell(rules::Event event, std::function<void(const Reply&)> heard);
  bool flush();

  // For the engine, with the reports; nobody waits for an answer. False: there is no room.
  bool offer(rules::Event event, std::size_t bytes);

  // SIGHUP.
  void reload();

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::optional<net::Responder> responder;  // nothing: `heard` is called
    std::function<net::Response(const Reply&)> render;
    std::optional<api::Ask> question;         // that may have to be asked again
    std::function<void(const Reply&)> heard;  // of what nobody asked by HTTP
  };
  void tell(api::Tell&& work, net::Responder responder);
  // Lets the engine look, once more for each step of the question.
  void ask(api::Ask&& question, net::Responder responder);
  // A request whose password is being checked; its body lives as long as its responder.
  struct Unproved {
    net::Request request;
    net::Responder responder;
    bool is_head{};
  };
  struct Proving {
    std::string address;
    std::string late_name;  // of a check that is_late, else ""
    std::vector<Unproved> waiting;
  };
  // What was checked, until this thread looks.
  struct Proved {
    std::shared_ptr<const api::PasswordCheck> check;
    std::vector<std::size_t> fitting;
  };
  struct ProvedBox {
    std::mutex mutex;
    std::vector<Proved> proved;
  };
  void serve(Unproved&& asked);
  void prove(const std::shared_ptr<const api::PasswordCheck>& check, Unproved&& asked);
  void take_proofs();
  Ticket wait(net::Responder responder, std::function<net::Response(const Reply&)> render);
  void give_up(Ticket ticket);
  api::Call reload_call(bool dry_run);
  void follow_policy();

  Makings makings_;
  intake::Parser parser_;
  std::unordered_map<Ticket, Waiting> waiting_;
  Ticket last_ticket_{};
  std::uint64_t policy_seen_{};
  std::deque<Work> unsaid_;
  std::map<std::string, Proving> proving_;  // by the digest of name and password
  std::shared_ptr<ProvedBox> box_{std::make_shared<ProvedBox>()};
};

}  // namespace roused
