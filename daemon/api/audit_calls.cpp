#include "daemon/api/audit_calls.hpp"

#include <utility>

#include "daemon/api/access.hpp"

namespace api {
namespace {

bool is_refused(const Call& call) {
  const auto* const response = std::get_if<net::Response>(&call);
  return response != nullptr && (response->status == 401 || response->status == 403 || response->status == 429);
}

void tell_of(const Audit& audit, Audited audited, unsigned status) {
  audited.status = status;
  audit(audited);
}

// Who acts by a callback, or where nobody is asked, is known by the event.
Tell with_audit(Tell tell, const Audit& audit, Audited audited) {
  if (audited.by.empty()) audited.by = actor_of(tell.event).value_or("");
  tell.render = [render = std::move(tell.render), audit, audited = std::move(audited)](const roused::Reply& reply) {
    net::Response response = render(reply);
    tell_of(audit, audited, response.status);
    return response;
  };
  return tell;
}

// What has to be looked at first; `is_signed`: only what is told then can be an act.
Ask with_audit(Ask ask, const Audit& audit, const Audited& audited, bool is_signed) {
  if (!is_signed) {
    ask.render = [render = std::move(ask.render), audit, audited] {
      net::Response response = render();
      tell_of(audit, audited, response.status);
      return response;
    };
  }
  if (!ask.then) return ask;
  ask.then = [then = std::move(ask.then), audit, audited, is_signed] {
    std::variant<Tell, net::Response> next = then();
    if (auto* const tell = std::get_if<Tell>(&next); tell != nullptr && !(is_signed && !actor_of(tell->event)))
      *tell = with_audit(std::move(*tell), audit, audited);
    return next;
  };
  return ask;
}

}  // namespace

Audited audited_of(const net::Request& request, rules::Instant now) {
  return Audited{.at = now,
                 .by = {},
                 .proof = is_signed_path(request.path) ? "signature" : "none",
                 .from = request.peer,
                 .what = {},
                 .status = 0};
}

Call audited_call(Call call, const net::Request& request, const Services& services, Audited audited) {
  if (!services.audit) return call;
  const bool is_act = request.method != "GET" && !is_intake(request.path);
  if (!is_act && !is_refused(call)) return call;
  audited.what = audited_path(request);
  if (is_refused(call)) {
    tell_of(services.audit, std::move(audited), std::get<net::Response>(call).status);
    return call;
  }
  const bool is_signed = is_signed_path(request.path);
  if (auto* const tell = std::get_if<Tell>(&call)) {
    if (is_signed && !actor_of(tell->event)) return call;
    return with_audit(std::move(*tell), services.audit, std::move(audited));
  }
  if (auto* const ask = std::get_if<Ask>(&call)) return with_audit(std::move(*ask), services.audit, audited, is_signed);
  if (const auto* const response = std::get_if<net::Response>(&call); response != nullptr && !is_signed)
    tell_of(services.audit, std::move(audited), response->status);
  return call;
}

Call audited_refusal(Call call, const net::Request& head, rules::Instant now, const Services& services) {
  if (!is_refused(call)) return call;
  return audited_call(std::move(call), head, services, audited_of(head, now));
}

}  // namespace api
