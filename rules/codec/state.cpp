// States: what of them depends on history (ids of the dictionary, slots of deadlines, hash maps) is written by what it
// stands for, and made anew when it is read.
#include <algorithm>

#include <xxhash.h>

#include "rules/codec/archive.hpp"
#include "rules/codec/codec.hpp"
#include "rules/mutant.hpp"

namespace codec {
namespace {

// A state is a record of two fields: the texts that it names by their place, and the rest.
constexpr std::uint32_t texts_number = 1;
constexpr std::uint32_t state_number = 2;

void get_texts(Input& in, std::vector<std::string_view>& texts) {
  texts.clear();
  const std::size_t count = in.count();
  texts.reserve(worth_reserving<std::string_view>(in, count));
  for (std::size_t left = count; left > 0 && in.ok(); --left) texts.push_back(in.text());
}

// What is looked up in states and follows from the rest.
void index(rules::State& state) {
  for (auto& [id, episode] : state.episodes)
    if (episode.open && !episode.hidden) state.open_episodes.insert_or_assign(episode.key, &episode);
  for (const auto& [id, incident] : state.incidents)
    if (incident.keyed) state.incident_by_key.insert_or_assign(incident.key, id);
}

}  // namespace

// As it is written: what is set aside stands beside the end itself.
struct SavedEnd {
  rules::Instant ends_at;
  rules::Instant arrived_at;
  rules::DeadlineId deadline;
  std::optional<rules::Report> report;
  std::string source;
  rules::ReportForm form{};
};

template <>
struct Listing<SavedEnd> {
  using T = SavedEnd;
  static constexpr std::tuple fields{field<1>(&T::ends_at),
                                     field<2>(&T::arrived_at),
                                     field<3>(&T::deadline),
                                     field<4>(&T::report),
                                     field<5>(&T::source),
                                     field<6>(&T::form)};
};

struct DeadlineList {
  std::uint64_t next_armed{};
  std::vector<rules::Deadline> armed;  // by (due, armed)
};

template <>
struct Listing<DeadlineList> {
  using T = DeadlineList;
  static constexpr std::tuple fields{field<1>(&T::next_armed), field<2>(&T::armed)};
};

std::uint64_t SavedNames::number(std::uint32_t id) {
  if (id == 0) return 0;
  if (id >= number_of.size()) number_of.resize(std::max<std::size_t>(id + 1, 2 * number_of.size()));
  if (number_of[id] == 0) {
    texts.push_back(state.dictionary.text(id));
    number_of[id] = static_cast<std::uint32_t>(texts.size());
  }
  return number_of[id];
}

std::uint64_t SavedNames::number(rules::DeadlineId id) const {
  const std::optional<rules::Deadline> deadline = state.deadlines.find(id);
  return deadline ? deadline->armed + 1 : 0;
}

void put_dictionary_text(Output& out, std::uint32_t id) {
  out.number(out.names->number(id));
}

void get_dictionary_text(Input& in, std::uint32_t& id) {
  const std::uint64_t number = in.number();
  if (number > in.names->texts.size()) return in.fail("a text is not in the table");
  id = number == 0 ? 0 : in.names->state.dictionary.hold(in.names->texts[number - 1]);
}

void put(Output& out, const rules::StoredLabels& labels) {
  out.number(2 * labels.size());
  for (const auto& [name, value] : labels) {
    put_dictionary_text(out, name);
    put_dictionary_text(out, value);
  }
}

void get(Input& in, rules::StoredLabels& labels) {
  labels.clear();
  const std::size_t count = in.count();
  if (count % 2 != 0) return in.fail("a label has no value");
  labels.reserve(count / 2);  // at most four times the bytes that are left
  for (std::size_t left = count; left > 0 && in.ok(); left -= 2) {
    auto& [name, value] = labels.emplace_back();
    get_dictionary_text(in, name);
    get_dictionary_text(in, value);
  }
}

void put(Output& out, rules::DeadlineId id) {
  out.number(out.names->number(id));
}

void get(Input& in, rules::DeadlineId& id) {
  id = {};
  const std::uint64_t number = in.number();
  if (number == 0) return;
  const auto found = in.names->deadlines.find(number - 1);
  if (found == in.names->deadlines.end()) return in.fail("something waits for a deadline that is not armed");
  id = found->second;
}

void put(Output& out, const rules::KnownEnd& end) {
  SavedEnd saved{.ends_at = end.ends_at, .arrived_at = end.arrived_at, .deadline = end.deadline};
  if (end.set_aside) {
    saved.report = end.set_aside->report;
    saved.source = end.set_aside->source;
    saved.form = end.set_aside->form;
  }
  put_record(out, saved);
}

void get(Input& in, rules::KnownEnd& end) {
  SavedEnd saved;
  get_record(in, saved);
  end = rules::KnownEnd{.ends_at = saved.ends_at, .arrived_at = saved.arrived_at, .deadline = saved.deadline};
  if (!saved.report) return;
  end.set_aside = std::make_shared<const rules::SetAside>(
      rules::SetAside{.report = *std::move(saved.report), .source = std::move(saved.source), .form = saved.form});
}

void put(Output& out, const rules::Deadlines& deadlines) {
  put_record(out, DeadlineList{deadlines.next_armed(), deadlines.in_order()});
}

void get(Input& in, rules::Deadlines& deadlines) {
  DeadlineList list;
  get_record(in, list);
  if (!in.ok()) return;
  auto& ids = in.names->deadlines;
  ids.clear();
  ids.reserve(list.armed.size());
  deadlines = rules::Deadlines{};
  for (const rules::Deadline& deadline : list.armed) {
    if (deadline.armed >= list.next_armed) return in.fail("a deadline was armed later than the last one");
    const auto [place, is_new] = ids.try_emplace(deadline.armed);
    if (!is_new) return in.fail("two deadlines were armed at once");
    place->second = deadlines.restore(deadline);
  }
  deadlines.set_next_armed(list.next_armed);
}

std::string encode_state(const rules::State& state) {
  // The table of texts stands before what uses it, but is known only after it.
  std::string rest;
  SavedNames names{state, {}, {}};
  Output rest_out{rest, &names};
  put_record(rest_out, state);
  rest_out.finish();

  std::string bytes;
  Output out{bytes};
  put_version(out);
  out.tag(texts_number, Wire::texts);
  out.number(names.texts.size());
  for (const std::string_view text : names.texts) out.text(text);
  out.tag(state_number, Wire::record);
  out.bytes(rest);
  out.end_record();
  out.finish();
  return bytes;
}

tl::expected<rules::State, std::string> decode_state(std::string_view bytes) {
  rules::State state;
  RestoredNames names{state, {}, {}};
  Input in{bytes, &names};
  std::uint32_t number = 0;
  Wire wire{};
  bool found = false;
  if (get_version(in) && in.enter()) {
    while (in.next_field(number, wire)) {
      if (number == texts_number && wire == Wire::texts && !found) {
        get_texts(in, names.texts);
      } else if (number == state_number && wire == Wire::record && !found) {
        get_record(in, state);
        found = true;
      } else {
        in.skip(wire);
      }
    }
  }
  if (in.ok() && !found) in.fail("there is no state");
  if (in.ok()) index(state);
  if (ROUSE_MUTANT("snapshot-misses-a-field")) {
    for (auto& [address, queue] : state.contacts) queue.sent.clear();
  }
  return result_of(in, std::move(state));
}

std::uint64_t digest(const rules::State& state) {
  const std::string bytes = encode_state(state);
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace codec
