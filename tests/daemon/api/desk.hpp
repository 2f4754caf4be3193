// A daemon without threads and sockets: requests go in as values, and the world stands in for the engine.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/api/api.hpp"
#include "tests/daemon/words/scene.hpp"

namespace api {

// What follows a question that does not answer by itself.
inline Call next_of(const Ask& asked) {
  std::variant<Tell, net::Response> next = asked.then();
  if (auto* const tell = std::get_if<Tell>(&next)) return std::move(*tell);
  return std::get<net::Response>(std::move(next));
}

class Desk {
 public:
  Desk() : world{scene::busy_world()} {
    auto settings = std::make_shared<config::Settings>();
    settings->server.public_url = "https://rouse.example.org";
    services.settings = std::move(settings);
    services.metrics = &metrics;
    services.started = scene::start;
    services.use(scene::policy(), world.state().seed);
    services.make_key = [] { return std::string(32, '7'); };
    services.reload = [this](bool dry_run) -> Call {
      reloads.push_back(dry_run);
      return dry_run ? reload_refused("rouse.yml:3:1: unknown key `peple`") : reloaded("1 incident moves");
    };
  }

  // A request as curl would send it from this machine; "path?query".
  net::Request request(const std::string& method, const std::string& target, std::string body = {}) {
    net::Request made;
    made.method = method;
    const std::size_t mark = target.find('?');
    made.path = target.substr(0, mark);
    if (mark != std::string::npos) made.query = target.substr(mark + 1);
    made.headers.add("Host", "127.0.0.1:9911");
    if (!body.empty()) made.headers.add("Content-Type", "application/json");
    made.peer = "127.0.0.1";
    made.is_loopback = true;
    buffer.clear();
    buffer.append(body);
    buffer.finish();
    made.body = buffer.view();
    return made;
  }

  // Carries out whatever the call asks for.
  net::Response carry_out(const Call& call) {
    if (const auto* response = std::get_if<net::Response>(&call)) return *response;
    if (const auto* asked = std::get_if<Ask>(&call)) {
      do {
        asked->look(world.state());
      } while (asked->has_more && asked->has_more());
      return asked->then ? carry_out(next_of(*asked)) : asked->render();
    }
    const Tell& told = std::get<Tell>(call);
    roused::Reply reply;
    reply.durability = durability;
    reply.verdict = world.tell(world.now(), told.event);
    if (reply.verdict) {
      if (const auto view = rules::view_incident(world.state(), reply.verdict->incident)) {
        reply.incident = std::make_shared<const rules::IncidentView>(*view);
      }
    }
    return told.render(reply);
  }

  net::Response answer(const net::Request& made) {
    Call call = handle(made, world.now(), services, parser);
    while (const auto* prove = std::get_if<Prove>(&call)) {
      services.keyring()->learn(*prove->check, fitting_entries(*prove->check));
      call = handle(made, world.now(), services, parser);
    }
    return carry_out(call);
  }
  net::Response answer(const std::string& method, const std::string& target, std::string body = {}) {
    return answer(request(method, target, std::move(body)));
  }

  rehearse::World world;
  Metrics metrics;
  Services services;
  intake::Parser parser;
  net::PaddedBuffer buffer;
  roused::Durability durability{roused::Durability::durable};
  std::vector<bool> reloads;
};

}  // namespace api
