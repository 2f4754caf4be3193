// Questions to the engine, made of two halves: what copies from the state, and what makes an answer of the copy.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "daemon/api/api.hpp"

namespace api {

// A Look that copies what it sees, and the answer made of the copy on the asker's own thread.
template <class See, class Render>
Ask ask(See see, Render render) {
  using Seen = decltype(see(std::declval<const rules::State&>()));
  const auto seen = std::make_shared<std::optional<Seen>>();
  Ask question;
  question.look = [seen, see = std::move(see)](const rules::State& state) { *seen = see(state); };
  question.render = [seen, render = std::move(render)]() -> net::Response {
    return seen->has_value() ? render(**seen) : overloaded();
  };
  return question;
}

// The same for what is gathered in steps: `step` adds to `gathered` and says whether there is more.
template <class Gathered, class Step, class Render>
Ask ask_in_steps(Step step, Render render) {
  struct Progress {
    Gathered gathered;
    bool has_more{true};
  };
  const auto progress = std::make_shared<Progress>();
  Ask question;
  question.look = [progress, step = std::move(step)](const rules::State& state) {
    progress->has_more = step(state, progress->gathered);
  };
  question.has_more = [progress] { return progress->has_more; };
  question.render = [progress, render = std::move(render)]() -> net::Response {
    return progress->has_more ? overloaded() : render(progress->gathered);
  };
  return question;
}

}  // namespace api
