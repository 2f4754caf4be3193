#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "config/loading.hpp"

namespace config {

namespace {

const rules::Channel* channel_of(const rules::Policy& policy, std::string_view name) {
  const auto found = std::find_if(policy.channels.begin(),
                                  policy.channels.end(),
                                  [name](const rules::Channel& channel) { return channel.name == name; });
  return found != policy.channels.end() ? &*found : nullptr;
}

// A webhook without a URL of its own posts to the address of the person.
bool posts_to_address(const rules::Channel& channel) {
  return std::any_of(channel.providers.begin(), channel.providers.end(), [](const rules::Provider& provider) {
    return provider.kind == rules::ProviderKind::webhook && provider.url.empty();
  });
}

// Twilio takes numbers in one form only.
bool dials_address(const rules::Channel& channel) {
  return std::any_of(channel.providers.begin(), channel.providers.end(), [](const rules::Provider& provider) {
    return provider.kind == rules::ProviderKind::twilio;
  });
}

bool mails_to_address(const rules::Channel& channel) {
  return std::any_of(channel.providers.begin(), channel.providers.end(), [](const rules::Provider& provider) {
    return provider.kind == rules::ProviderKind::smtp;
  });
}

std::optional<rules::Contact> read_contact(Loading& loading, const Entry& entry) {
  const std::size_t dot = entry.key.find('.');
  rules::Contact contact{entry.key, entry.key.substr(0, dot), {}};
  if (dot != std::string::npos && dot + 1 == entry.key.size()) {
    loading.reader.error(entry.place,
                         fmt::format("{} ends with a dot; contacts are CHANNEL or CHANNEL.NAME", shown(entry.key)));
    return std::nullopt;
  }
  if (!contains(loading.names.channels, contact.channel)) {
    // When there is no `channels` at all, that is said once and not for each contact.
    if (!loading.names.channels.empty())
      loading.reader.error(entry.place,
                           fmt::format("no channel {} is configured in `channels`{}",
                                       shown(contact.channel),
                                       did_you_mean(contact.channel, loading.names.channels)));
    return std::nullopt;
  }
  std::optional<std::string> address = loading.reader.text(*entry.value, entry.place, entry.key);
  if (!address) return std::nullopt;
  const rules::Channel* const channel = channel_of(loading.result.policy, contact.channel);
  if (channel != nullptr && posts_to_address(*channel)) {
    const Result<std::string> url = parse_url(*address, {"http", "https"});
    if (!url)
      loading.reader.error(
          entry.value->place,
          fmt::format("the webhook of channel {} posts to this address: {}", shown(contact.channel), url.error()));
  }
  if (channel != nullptr && dials_address(*channel)) {
    const Result<std::string> number = parse_telephone_number(*address);
    if (!number) loading.reader.error(entry.value->place, fmt::format("{}: {}", shown(entry.key), number.error()));
  }
  if (channel != nullptr && mails_to_address(*channel)) {
    const Result<std::string> mailbox = parse_mail_address(*address);
    if (!mailbox) loading.reader.error(entry.value->place, fmt::format("{}: {}", shown(entry.key), mailbox.error()));
  }
  contact.address = *std::move(address);
  return contact;
}

void read_contacts(Loading& loading, Section& section, rules::Person& person) {
  const Entry* const entry = section.take("contact");
  if (entry == nullptr) return;
  Section contacts(loading.reader, *entry->value, entry->place, "people.contact");
  for (const Entry* const each : contacts.named())
    if (std::optional<rules::Contact> contact = read_contact(loading, *each))
      person.contacts.push_back(*std::move(contact));
}

std::optional<std::vector<rules::NotifyRule>> read_notify_rules(Loading& loading,
                                                                Section& section,
                                                                std::string_view key,
                                                                const std::vector<std::string>& contacts) {
  const Entry* const entry = section.take(key);
  if (entry == nullptr) return std::nullopt;
  std::vector<rules::NotifyRule> found;
  const std::vector<const Node*> list = items(loading.reader, *entry);
  if (entry->value->kind == NodeKind::list && list.empty())
    loading.reader.error(entry->value->place, fmt::format("`{}` is empty; leave it out for the default", key));
  for (const Node* const item : list) {
    Section rule(loading.reader, *item, item->place, "people.notify.rule");
    rules::NotifyRule each;
    const Entry* const by = rule.need("by");
    each.after = rule.duration("after", Section::Zero::is_fine).value_or(rules::Duration::zero());
    if (by == nullptr) continue;
    const std::optional<std::string> contact = loading.reader.text(*by->value, by->place, "by");
    if (!contact) continue;
    if (!contains(contacts, *contact)) {
      loading.reader.error(
          by->value->place,
          fmt::format("this person has no contact {}{}", shown(*contact), did_you_mean(*contact, contacts)));
      continue;
    }
    each.contact = *contact;
    found.push_back(std::move(each));
  }
  std::stable_sort(found.begin(), found.end(), [](const rules::NotifyRule& left, const rules::NotifyRule& right) {
    return left.after < right.after;
  });
  return found;
}

std::vector<rules::NotifyRule> default_high(const rules::Person& person) {
  std::vector<rules::NotifyRule> all;
  for (const rules::Contact& contact : person.contacts) all.push_back({contact.name, {}});
  return all;
}

std::vector<rules::NotifyRule> default_low(const rules::Person& person) {
  const auto first = [&person](auto is_wanted) {
    return std::find_if(person.contacts.begin(), person.contacts.end(), is_wanted);
  };
  auto found = first([](const rules::Contact& contact) { return contact.channel == "email"; });
  if (found == person.contacts.end())
    found = first([](const rules::Contact& contact) { return contact.channel != "voice"; });
  if (found == person.contacts.end()) return {};
  return {{found->name, {}}};
}

rules::Person read_person(Loading& loading, const Entry& entry) {
  Section section(loading.reader, *entry.value, entry.place, "people");
  rules::Person person;
  person.id = entry.key;
  person.name = section.text("name").value_or(person.id);
  person.timezone = loading.zone(section).value_or("");
  read_contacts(loading, section, person);
  std::optional<std::vector<rules::NotifyRule>> high;
  std::optional<std::vector<rules::NotifyRule>> low;
  if (const Entry* const notify = section.take("notify")) {
    Section rules_of(loading.reader, *notify->value, notify->place, "people.notify");
    // As written: a contact that is wrong itself is not reported a second time here.
    std::vector<std::string> contacts;
    if (entry.value->kind == NodeKind::map)
      for (const Entry& each : entry.value->entries)
        if (each.key == "contact")
          for (const Entry& contact : each.value->entries) contacts.push_back(contact.key);
    high = read_notify_rules(loading, rules_of, "high", contacts);
    low = read_notify_rules(loading, rules_of, "low", contacts);
  }
  person.high = high ? *std::move(high) : default_high(person);
  person.low = low ? *std::move(low) : default_low(person);
  return person;
}

void read_members(Loading& loading, const std::vector<Placed<std::string>>& found, std::vector<std::string>& members) {
  for (const Placed<std::string>& each : found) {
    if (!loading.check_name(each.value, each.place, loading.names.people, "person")) continue;
    if (contains(members, each.value))
      loading.reader.error(each.place, fmt::format("{} is named twice", shown(each.value)));
    else
      members.push_back(each.value);
  }
}

// A day off or a replacement of somebody who has no turn here does nothing.
void note_stranger(Loading& loading, const rules::Rotation& rotation, std::string_view person, Place place) {
  if (contains(rotation.members, person)) return;
  loading.reader.warning(place,
                         fmt::format("{} is not a member of {}: this does nothing", shown(person), shown(rotation.id)));
}

void read_leave(Loading& loading, Section& section, rules::Rotation& rotation) {
  const Entry* const entry = section.take("leave");
  if (entry == nullptr) return;
  Section people(loading.reader, *entry->value, entry->place, "rotations.leave");
  for (const Entry* const person : people.named()) {
    if (loading.check_name(person->key, person->place, loading.names.people, "person"))
      note_stranger(loading, rotation, person->key, person->place);
    for (const Node* const item : items(loading.reader, *person)) {
      Section span(loading.reader, *item, item->place, "rotations.leave.span");
      const auto from = span.needed("from", parse_date);
      const auto to = span.needed("to", parse_date);
      if (!from || !to) continue;
      if (*to < *from)
        loading.reader.error(item->place, "`to` is before `from`");
      else
        rotation.leave.push_back({person->key, *from, *to});
    }
  }
}

void read_overrides(Loading& loading, Section& section, rules::Rotation& rotation) {
  const Entry* const entry = section.take("overrides");
  if (entry == nullptr) return;
  for (const Node* const item : items(loading.reader, *entry)) {
    Section span(loading.reader, *item, item->place, "rotations.overrides");
    const auto from = span.needed("from", parse_local_time);
    const auto to = span.needed("to", parse_local_time);
    const Entry* const replaced = span.need("for");
    const Entry* const substitute = span.need("take");
    const auto name_of = [&loading](const Entry* who) -> std::optional<std::string> {
      if (who == nullptr) return std::nullopt;
      std::optional<std::string> name = loading.reader.text(*who->value, who->place, who->key);
      if (!name || !loading.check_name(*name, who->value->place, loading.names.people, "person")) return std::nullopt;
      return name;
    };
    const std::optional<std::string> whom = name_of(replaced);
    const std::optional<std::string> who = name_of(substitute);
    if (whom) note_stranger(loading, rotation, *whom, replaced->value->place);
    if (from && to && *to <= *from) loading.reader.error(item->place, "`to` is not after `from`");
    if (from && to && whom && who) rotation.overrides.push_back({*from, *to, *whom, *who});
  }
}

// Balancing and accepted hand-overs are read here and kept nowhere: the rules do not know them yet.
void check_fairness_and_handover(Loading& loading, Section& section) {
  if (const Entry* const entry = section.take("fairness")) {
    Section fairness(loading.reader, *entry->value, entry->place, "rotations.fairness");
    static_cast<void>(loading.distinct(fairness, "holidays"));
  }
  if (const Entry* const entry = section.take("handover")) {
    Section handover(loading.reader, *entry->value, entry->place, "rotations.handover");
    static_cast<void>(handover.duration("accept_within", Section::Zero::is_wrong));
  }
}

rules::Rotation read_rotation(Loading& loading, const Entry& entry) {
  Section section(loading.reader, *entry.value, entry.place, "rotations");
  rules::Rotation rotation;
  rotation.id = entry.key;
  rotation.role = section.text("role").value_or("");
  rotation.timezone = loading.zone(section).value_or("");
  if (section.need("members") != nullptr) {
    const auto members = section.texts("members");
    if (members) read_members(loading, *members, rotation.members);
    if (members && members->empty())
      loading.reader.error(entry.place, fmt::format("{} has no members", shown(entry.key)));
  }
  // One person alone is on call always; who takes the first of several turns must be said.
  const bool is_alone = rotation.members.size() == 1;
  const auto start = is_alone ? section.parsed("start", parse_local_time) : section.needed("start", parse_local_time);
  const rules::LocalTime long_ago{std::chrono::local_days{std::chrono::year{2000} / 1 / 3}};  // a Monday
  rotation.start = start.value_or(long_ago);
  rotation.turn = section.parsed("turn", parse_turn).value_or(rotation.turn);
  if (const Entry* const hours = section.take("hours"))
    for (const Node* const item : items(loading.reader, *hours)) {
      Section span(loading.reader, *item, item->place, "rotations.hours");
      rotation.hours.push_back(read_hours(span, loading));
    }
  read_leave(loading, section, rotation);
  read_overrides(loading, section, rotation);
  check_fairness_and_handover(loading, section);
  return rotation;
}

}  // namespace

rules::Hours read_hours(Section& section, Loading& loading) {
  rules::Hours hours;
  const auto days = section.texts("days");
  if (days) {
    hours.days = 0;
    for (const Placed<std::string>& each : *days) {
      const Result<std::uint8_t> day = parse_weekday(each.value);
      if (day)
        hours.days = static_cast<std::uint8_t>(hours.days | (1U << *day));
      else
        loading.reader.error(each.place, day.error());
    }
    if (days->empty()) loading.reader.error(section.place(), "`days` is empty; leave it out for every day");
  }
  hours.from = section.parsed("from", parse_time_of_day).value_or(hours.from);
  hours.to = section.parsed("to", parse_time_of_day).value_or(hours.to);
  if (hours.from >= std::chrono::hours{24}) loading.reader.error(section.place(), "`from` is at most 23:59");
  return hours;
}

void read_people(Loading& loading, Section& top) {
  if (const Entry* const entry = top.need("people")) {
    Section people(loading.reader, *entry->value, entry->place, "people");
    for (const Entry* const each : people.named()) loading.result.policy.people.push_back(read_person(loading, *each));
    if (people.is_map() && entry->value->entries.empty())
      loading.reader.error(entry->value->place, "`people` names nobody");
  }
  if (const Entry* const entry = top.take("rotations")) {
    Section rotations(loading.reader, *entry->value, entry->place, "rotations");
    for (const Entry* const each : rotations.named())
      loading.result.policy.rotations.push_back(read_rotation(loading, *each));
  }
  if (const Entry* const entry = top.take("specialists")) {
    Section groups(loading.reader, *entry->value, entry->place, "specialists");
    for (const Entry* const each : groups.named()) {
      rules::Specialists group{each->key, {}};
      std::vector<Placed<std::string>> members;
      for (const Node* const item : items(loading.reader, *each))
        if (std::optional<std::string> name = loading.reader.text(*item, item->place, each->key))
          members.push_back({*std::move(name), item->place});
      if (each->value->kind == NodeKind::list && each->value->items.empty())
        loading.reader.error(each->place, fmt::format("{} has no members", shown(each->key)));
      read_members(loading, members, group.members);
      loading.result.policy.specialists.push_back(std::move(group));
    }
  }
}

}  // namespace config
