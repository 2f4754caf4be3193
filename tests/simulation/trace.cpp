#include "tests/simulation/trace.hpp"

#include <array>

#include <fmt/format.h>

#include "daemon/journal/journal.hpp"
#include "rules/duration.hpp"
#include "rules/moment.hpp"
#include "rules/rfc3339.hpp"

namespace simulation {
namespace {

std::string line(std::string_view what, const std::string& about) {
  return fmt::format("{:<16} {}", what, about);
}

std::string short_send(const rules::Send& send) {
  std::string text = fmt::format("{} by {} via {}.{} key {}{}",
                                 send.person,
                                 send.contact,
                                 send.channel,
                                 send.provider,
                                 send.key.substr(0, 8),
                                 send.possible_duplicate ? " (possible duplicate)" : "");
  for (const rules::PageFacts& page : send.pages) {
    text += fmt::format("; {} {} {} step {} round {} page {}",
                        rules::print_incident(page.incident.id),
                        page.incident.summary.substr(0, 8),
                        rules::to_text(page.reason),
                        page.step,
                        page.round,
                        page.id.value);
  }
  for (const rules::NoticeFacts& notice : send.notices) {
    text += fmt::format("; {} {}", rules::print_incident(notice.incident.id), rules::to_text(notice.kind));
  }
  return text;
}

std::string short_event(const rules::Event& event) {
  struct Printer {
    std::string operator()(const rules::PolicyLoaded&) const { return "policy"; }
    std::string operator()(const rules::Started& started) const { return fmt::format("start {}", started.run); }
    std::string operator()(const rules::ReportsArrived& arrived) const {
      std::string text = "reports";
      for (const rules::Report& report : arrived.reports) {
        text += fmt::format(" {}/{}{}",
                            report.labels.find("alertname"),
                            report.labels.find("instance"),
                            report.status == rules::ReportStatus::firing ? "" : " ended");
      }
      return text;
    }
    std::string operator()(const rules::Acknowledge& verb) const {
      return fmt::format("acknowledge {} by {}", rules::print_incident(verb.incident), verb.by);
    }
    std::string operator()(const rules::Escalate& verb) const {
      return fmt::format("escalate {} by {}", rules::print_incident(verb.incident), verb.by);
    }
    std::string operator()(const rules::Snooze& verb) const {
      return fmt::format("snooze {} by {}", rules::print_incident(verb.incident), verb.by);
    }
    std::string operator()(const rules::CallIn& verb) const {
      return fmt::format("call {}", rules::print_incident(verb.incident));
    }
    std::string operator()(const rules::Resolve& verb) const {
      return fmt::format("resolve {} by {}", rules::print_incident(verb.incident), verb.by);
    }
    std::string operator()(const rules::Note&) const { return "note"; }
    std::string operator()(const rules::SendEnded& ended) const {
      constexpr std::array words{"accepted", "refused", "unanswered", "withdrawn"};
      return fmt::format("message {} {}", ended.message.value, words.at(static_cast<std::size_t>(ended.outcome)));
    }
    std::string operator()(const rules::ClockReached& reached) const {
      return fmt::format("clock {}", rules::print_rfc3339(reached.until));
    }
    std::string operator()(const rules::ClockStepped& stepped) const {
      return fmt::format("clock stepped by {} ms", stepped.by.count());
    }
    std::string operator()(const rules::Reconciled& listed) const {
      return fmt::format("{} lists {} alerts", listed.source, listed.alerts.size());
    }
    std::string operator()(const rules::SenderAcknowledged& said) const {
      return fmt::format("{} acknowledged {} of {}", said.by, said.native_keys.size(), said.source);
    }
    std::string operator()(const rules::BatchRefused& refused) const {
      return fmt::format("a batch of {} was refused with {}", refused.source, refused.status);
    }
    std::string operator()(const rules::Beat& beat) const { return fmt::format("beat of {}", beat.heartbeat); }
    std::string operator()(const rules::SilenceSet& verb) const {
      return fmt::format("silence {} by {}", verb.id, verb.by);
    }
    std::string operator()(const rules::SilenceExpired& verb) const {
      return fmt::format("end of silence {} by {}", verb.id, verb.by);
    }
    std::string operator()(const rules::DeliveryReported& reported) const {
      constexpr std::array words{"delivered", "failed after all", "unheard"};
      return fmt::format(
          "message {} {}", reported.message.value, words.at(static_cast<std::size_t>(reported.delivery)));
    }
    std::string operator()(const rules::Replied& reply) const {
      return fmt::format("reply by {} from {}{}: {}", reply.channel, reply.address, reply.person, reply.text);
    }
    std::string operator()(const rules::Update& verb) const {
      return fmt::format("update {} by {}", rules::print_incident(verb.incident), verb.by);
    }
    std::string operator()(const rules::Follow& verb) const {
      return fmt::format("follow {} by {}", rules::print_incident(verb.incident), verb.by);
    }
    std::string operator()(const rules::TestPage& verb) const { return fmt::format("test page to {}", verb.who); }
  };
  return std::visit(Printer{}, event);
}

struct RowPrinter {
  std::string operator()(const ReportsCame& came) const {
    std::string text = fmt::format("#{}", came.request);
    for (const ReportedAlert& alert : came.alerts)
      text += fmt::format(" {}{}", alert.name, alert.firing ? "" : " ended");
    return line("-> reports", text);
  }
  std::string operator()(const VerbCame& came) const {
    return line(
        "-> verb",
        fmt::format(
            "#{} {} {} by {}", came.request, name_of(came.verb), rules::print_incident(came.incident), came.by));
  }
  std::string operator()(const Answered& answered) const {
    return line("<- answer", fmt::format("#{} {}", answered.request, answered.status));
  }
  std::string operator()(const Unanswered& broken) const {
    return line("<- broken", fmt::format("#{}", broken.request));
  }
  std::string operator()(const AppendBegan&) const { return line("disk", "append begins"); }
  std::string operator()(const Committed& committed) const {
    std::string text = fmt::format("row {}{}:", committed.sequence, committed.found ? " (found)" : "");
    for (const codec::StampedEvent& one : *committed.events) {
      text += fmt::format(" [{}] {};", rules::print_rfc3339(one.stamp.at), short_event(one.event));
    }
    return line("disk committed", text);
  }
  std::string operator()(const DiskRefused& refused) const {
    return line("disk", std::string{journal::to_string(refused.outcome)});
  }
  std::string operator()(const TryAsked& asked) const { return line("send asked", short_send(*asked.send)); }
  std::string operator()(const TryBegan& began) const { return line("send begins", short_send(*began.send)); }
  std::string operator()(const TryEnded& ended) const {
    constexpr std::array words{"accepted", "refused", "transient", "unanswered", "withdrawn"};
    return line("send ended",
                fmt::format("{}: {}", short_send(*ended.send), words.at(static_cast<std::size_t>(ended.outcome))));
  }
  std::string operator()(const Refused& refused) const {
    return line("send refused", fmt::format("message {} by provider {}", refused.message.value, refused.provider + 1));
  }
  std::string operator()(const Reached& reached) const { return line("=> rings", short_send(*reached.send)); }
  std::string operator()(const DaemonStarted& started) const {
    return line("daemon starts",
                fmt::format("at wall {} behind row {}", rules::print_rfc3339(started.wall), started.sequence));
  }
  std::string operator()(const RecoveryRefused& refused) const { return line("daemon refuses", refused.why); }
  std::string operator()(const DaemonEnded& ended) const { return line("daemon ends", ended.how); }
  std::string operator()(const DaemonPaused& paused) const {
    return line("daemon pauses", fmt::format("for {} ms", paused.length / std::chrono::milliseconds{1}));
  }
  std::string operator()(const DaemonResumed&) const { return line("daemon resumes", ""); }
  std::string operator()(const DaemonStops&) const { return line("daemon stops", "as it is told"); }
  std::string operator()(const WallStepped& stepped) const {
    return line("wall clock", fmt::format("stepped by {} ms", stepped.by.count()));
  }
  std::string operator()(const RoomAgain&) const { return line("disk", "has room again"); }
  std::string operator()(const Said& said) const {
    return line("said", fmt::format("{}: {} bytes", said.where, said.text.size()));
  }
  std::string operator()(const FaultsOver&) const { return line("world", "no more faults"); }
  std::string operator()(const ProviderTurned& turned) const {
    return line("world", fmt::format("{}.{} {}", turned.channel, turned.provider, turned.mood));
  }
  std::string operator()(const Remark& remark) const { return line("world", remark.text); }
};

}  // namespace

std::string_view name_of(Verb verb) {
  constexpr std::array<std::string_view, 6> words{"acknowledge", "snooze", "escalate", "resolve", "call", "note"};
  return words.at(static_cast<std::size_t>(verb));
}

std::string print_time(Time time) {
  const auto milliseconds = time / std::chrono::milliseconds{1};
  return fmt::format("{:02}:{:02}:{:02}.{:03}",
                     milliseconds / 3'600'000,
                     milliseconds / 60'000 % 60,
                     milliseconds / 1000 % 60,
                     milliseconds % 1000);
}

std::string print(const Row& row) {
  return fmt::format("{}  {}", print_time(row.time), std::visit(RowPrinter{}, row.what));
}

}  // namespace simulation
