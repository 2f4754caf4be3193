// The daemon as rousectl's online commands see it: a path and a body in, JSON or a failure in plain words out.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/ctl/session.hpp"
#include "rules/ids.hpp"

namespace ctl {

struct Failure {
  ExitCode code{refused};
  unsigned status{};    // of the answer; 0 = there was none
  std::string message;  // says what to do
};

class Remote {
 public:
  // Borrows the session. Where the daemon is and as whom to ask is looked up now; what is wrong with it is the answer
  // to every request.
  explicit Remote(const Session& session);

  // `path` with its query. The body of a 2xx answer.
  [[nodiscard]] tl::expected<std::string, Failure> get(std::string_view path) const;
  [[nodiscard]] tl::expected<std::string, Failure> post(std::string_view path, std::string body) const;
  [[nodiscard]] tl::expected<std::string, Failure> remove(std::string_view path) const;  // DELETE
  // Any answer, whatever its status.
  [[nodiscard]] tl::expected<Answer, Failure> ask(std::string_view method,
                                                  std::string_view path,
                                                  std::string body) const;

  // For each request from here on; 30 s unless set.
  void set_timeout(rules::Duration timeout) { timeout_ = timeout; }

  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  [[nodiscard]] tl::expected<std::string, Failure> expect_success(tl::expected<Answer, Failure> answer) const;

  const Session& session_;
  std::string url_;
  std::string token_;
  std::string authority_file_;
  // A verb is answered after it is on disk, and a disk may be slow for long.
  rules::Duration timeout_{std::chrono::seconds{30}};
  std::string trouble_;  // why nothing can be asked; "" = nothing is wrong
};

// "?state=open&service=a%20b"; parameters with an empty value are left out; "" when none is left.
[[nodiscard]] std::string query(const std::vector<std::pair<std::string_view, std::string>>& parameters);

// What a path or a query needs around names that people choose.
[[nodiscard]] std::string percent_encode(std::string_view text);

// words::visible() for each line: a refused configuration has an error on each.
[[nodiscard]] std::string visible_lines(std::string_view text);

// What a problem document, or any other body, says went wrong.
[[nodiscard]] std::string detail_of(const Answer& answer);

int fail(const Session& session, const Failure& failure);

// The same for a request about one incident: of one that does not exist, the nearest open ones are named.
int fail(const Session& session, const Remote& remote, rules::IncidentId incident, const Failure& failure);

// "R-12", "r12" or "12"; else what to write instead.
[[nodiscard]] tl::expected<rules::IncidentId, Failure> read_incident_id(const std::string& text);

// Declares --url and --output.
void add_online_options(CLI::App& command, Session& session);

}  // namespace ctl
