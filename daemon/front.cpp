#include "daemon/front.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "daemon/api/intake_paths.hpp"
#include "rules/codec/codec.hpp"
#include "rules/mutant.hpp"
#include "rules/reload.hpp"

namespace roused {
namespace {

constexpr std::size_t small_work_bytes = 512;
constexpr std::ptrdiff_t most_checks_of_an_address = 4;  // of passwords, that wait

std::string print_moves(const std::vector<rules::Move>& moves, bool dry_run) {
  if (moves.empty()) return dry_run ? "no open incident would move" : "reloaded; no open incident moved";
  std::string text = fmt::format(
      "{}{} open incidents {}:", dry_run ? "" : "reloaded; ", moves.size(), dry_run ? "would move" : "moved");
  for (const rules::Move& move : moves)
    text += fmt::format("\nR-{}: {} -> {}", move.incident.value, move.from, move.to);
  return text;
}

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

void PolicyBoard::publish(InForce configuration) {
  const std::lock_guard lock{mutex_};
  configuration_ = std::move(configuration);
  version_.fetch_add(1, std::memory_order_release);
}

bool PolicyBoard::refresh(std::uint64_t& seen, InForce& configuration) const {
  if (version_.load(std::memory_order_acquire) == seen) return false;
  const std::lock_guard lock{mutex_};
  seen = version_.load(std::memory_order_relaxed);
  configuration = configuration_;
  return true;
}

Front::Front(Makings makings) : makings_{std::move(makings)} {
  makings_.services.reload = [this](bool dry_run) { return reload_call(dry_run); };
}

Ticket Front::wait(net::Responder responder, std::function<net::Response(const Reply&)> render) {
  const Ticket ticket = ++last_ticket_;
  waiting_.emplace(
      ticket, Waiting{.responder = std::move(responder), .render = std::move(render), .question = {}, .heard = {}});
  return ticket;
}

void Front::tell(api::Tell&& work, net::Responder responder) {
  const Ticket ticket = wait(std::move(responder), std::move(work.render));
  Work told{.what = std::move(work.event), .ticket = ticket};
  const bool taken = work.people ? makings_.lane->push_people(std::move(told), work.bytes)
                                 : makings_.lane->push_reports(std::move(told), work.bytes);
  if (!taken) return give_up(ticket);
  makings_.wake_engine();
}

void Front::ask(api::Ask&& question, net::Responder responder) {
  const Ticket ticket = ++last_ticket_;
  Work work{.what = question.look, .ticket = ticket};
  waiting_.emplace(
      ticket, Waiting{.responder = std::move(responder), .render = {}, .question = std::move(question), .heard = {}});
  if (!makings_.lane->push_people(std::move(work), small_work_bytes)) return give_up(ticket);
  makings_.wake_engine();
}

void Front::give_up(Ticket ticket) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  makings_.services.metrics->ring_was_full();
  found->second.responder->send(api::overloaded());
  waiting_.erase(found);
}

void Front::follow_policy() {
  InForce configuration;
  if (!makings_.board->refresh(policy_seen_, configuration)) return;
  makings_.services.settings = std::move(configuration.settings);
  makings_.services.use(std::move(configuration.policy), makings_.key_seed);
}

void Front::on_refusal(const net::Refusal& refusal) {
  follow_policy();
  std::optional<rules::Event> event = api::refusal_event(refusal, makings_.wall(), makings_.services);
  if (!event) return;
  if (makings_.lane->push_reports(Work{.what = *std::move(event), .ticket = 0}, small_work_bytes))
    makings_.wake_engine();
}

void Front::on_request(net::Request&& request, net::Responder responder) {
  serve(Unproved{.request = std::move(request), .responder = std::move(responder)});
}

void Front::on_head(net::Request&& head, net::Responder responder) {
  serve(Unproved{.request = std::move(head), .responder = std::move(responder), .is_head = true});
}

void Front::serve(Unproved&& asked) {
  follow_policy();
  api::Call call = asked.is_head ? api::gate(asked.request, makings_.wall(), makings_.services)
                                 : api::handle(asked.request, makings_.wall(), makings_.services, parser_);
  std::visit(Overloaded{[&](net::Response& response) { asked.responder.send(std::move(response)); },
                        [&](api::Tell& work) { tell(std::move(work), std::move(asked.responder)); },
                        [&](api::Ask& question) { ask(std::move(question), std::move(asked.responder)); },
                        [&](const api::Prove& unproved) { prove(unproved.check, std::move(asked)); }},
             call);
}

// One check for all that wait for the same one; a single address does not fill the queue, and of a name that too much
// was wrong of one password is looked at at a time, and one a second.
void Front::prove(const std::shared_ptr<const api::PasswordCheck>& check, Unproved&& asked) {
  const auto known = proving_.find(check->digest);
  if (known != proving_.end()) {
    known->second.waiting.push_back(std::move(asked));
    return;
  }
  const auto others = std::count_if(
      proving_.begin(), proving_.end(), [&](const auto& each) { return each.second.address == check->address; });
  const std::string late_name = check->is_late ? check->name : std::string{};
  const bool is_taken = check->is_late && std::any_of(proving_.begin(), proving_.end(), [&](const auto& each) {
                          return each.second.late_name == late_name;
                        });
  const auto may_look = [&] {
    return !check->is_late || makings_.services.attempts->may_look(check->address, check->name, makings_.wall());
  };
  const auto work = [box = box_, check, wake = makings_.wake] {
    Proved proved{.check = check, .fitting = api::fitting_entries(*check)};
    {
      const std::lock_guard lock{box->mutex};
      box->proved.push_back(std::move(proved));
    }
    if (wake) wake();
  };
  if (is_taken || others >= most_checks_of_an_address || !may_look() ||
      (makings_.work_elsewhere && !makings_.work_elsewhere(work)))
    return asked.responder.send(api::too_many_checks(asked.request));
  Proving& proving = proving_[check->digest];
  proving.address = check->address;
  proving.late_name = late_name;
  proving.waiting.push_back(std::move(asked));
  if (makings_.work_elsewhere) return;
  work();
  take_proofs();
}

void Front::take_proofs() {
  std::vector<Proved> all;
  {
    const std::lock_guard lock{box_->mutex};
    all.swap(box_->proved);
  }
  for (Proved& each : all) {
    if (const auto& keyring = makings_.services.keyring()) keyring->learn(*each.check, std::move(each.fitting));
    const auto found = proving_.find(each.check->digest);
    if (found == proving_.end()) continue;
    std::vector<Unproved> waiting = std::move(found->second.waiting);
    proving_.erase(found);
    for (Unproved& asked : waiting) serve(std::move(asked));
  }
}

void Front::reload() {
  const tl::expected<InForce, std::string> loaded = makings_.load();
  if (loaded) tell(rules::PolicyLoaded{loaded->policy});
  makings_.reloaded(loaded);
}

api::Call Front::reload_call(bool dry_run) {
  const tl::expected<InForce, std::string> loaded = makings_.load();
  if (!loaded) {
    if (!dry_run) makings_.reloaded(loaded);
    return api::reload_refused(loaded.error());
  }
  const std::shared_ptr<const rules::Policy> policy = loaded->policy;
  auto found = std::make_shared<std::vector<rules::Move>>();
  Look look = [found, policy](const rules::State& state) { *found = rules::moves(state, *policy); };
  if (dry_run) {
    return api::Ask{.look = std::move(look), .render = [found] { return api::reloaded(print_moves(*found, true)); }};
  }
  // What moves is looked at before the policy takes effect: one thread pushes both, so they stay in this order.
  if (!makings_.lane->push_people(Work{.what = std::move(look), .ticket = 0}, small_work_bytes)) {
    return api::overloaded();
  }
  return api::Tell{.event = rules::PolicyLoaded{policy},
                   .people = true,
                   .bytes = codec::encode_policy(*policy).size(),
                   .render = [this, found, loaded](const Reply& reply) {
                     if (reply.durability == Durability::refused) return api::overloaded();
                     makings_.reloaded(loaded);
                     return api::reloaded(print_moves(*found, false));
                   }};
}

bool Front::take_commands() {
  constexpr int at_most = 1024;
  if (!proving_.empty()) take_proofs();
  for (int count = 0; count < at_most; ++count) {
    std::optional<Command> command = makings_.lane->pop_command();
    if (!command) return false;
    if (auto* order = std::get_if<SendOrder>(&*command)) {
      makings_.send(std::move(*order));
      continue;
    }
    if (const auto* wanted = std::get_if<rules::Reconcile>(&*command)) {
      if (makings_.reconcile) makings_.reconcile(wanted->source);
      continue;
    }
    const Reply& reply = std::get<Reply>(*command);
    const auto found = waiting_.find(reply.ticket);
    if (found == waiting_.end()) continue;
    Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    if (waiting.heard) {
      waiting.heard(reply);
    } else if (!waiting.question) {
      waiting.responder->send(waiting.render(reply));
    } else if (waiting.question->has_more && waiting.question->has_more()) {
      ask(std::move(*waiting.question), *std::move(waiting.responder));
    } else if (waiting.question->then) {
      std::variant<api::Tell, net::Response> next = waiting.question->then();
      std::visit(Overloaded{[&](api::Tell& work) { tell(std::move(work), *std::move(waiting.responder)); },
                            [&](net::Response& response) { waiting.responder->send(std::move(response)); }},
                 next);
    } else {
      waiting.responder->send(waiting.question->render());
    }
  }
  return true;
}

void Front::tell(rules::Event event) {
  unsaid_.push_back(Work{.what = std::move(event), .ticket = 0});
  flush();
}

void Front::tell(rules::Event event, std::function<void(const Reply&)> heard) {
  const Ticket ticket = ++last_ticket_;
  waiting_.emplace(ticket, Waiting{.responder = {}, .render = {}, .question = {}, .heard = std::move(heard)});
  unsaid_.push_back(Work{.what = std::move(event), .ticket = ticket});
  flush();
}

bool Front::offer(rules::Event event, std::size_t bytes) {
  if (!makings_.lane->push_reports(Work{.what = std::move(event), .ticket = 0}, bytes)) return false;
  makings_.wake_engine();
  return true;
}

bool Front::flush() {
  bool any = false;
  while (!unsaid_.empty() && makings_.lane->push_people(std::move(unsaid_.front()), small_work_bytes)) {
    unsaid_.pop_front();
    any = true;
  }
  if (any && !ROUSE_MUTANT("outcome-wakes-nobody")) makings_.wake_engine();
  return !unsaid_.empty();
}

}  // namespace roused
