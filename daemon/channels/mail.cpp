#include "daemon/channels/mail.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <gmime/gmime.h>

#include "daemon/words/clean.hpp"
#include "rules/mail_address.hpp"

namespace channels {
namespace {

constexpr std::string_view purpose = "mail 1";
constexpr std::size_t longest_line = 1'000;
constexpr std::size_t most_answers = 100;
constexpr std::size_t longest_name = 500;
constexpr int deepest = 16;

struct Unref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
template <class Object>
using Owned = std::unique_ptr<Object, Unref>;
struct Free {
  void operator()(char* text) const { g_free(text); }
};
using OwnedText = std::unique_ptr<char, Free>;

// Whether its tables of character sets may be used by several threads at once GMime does not say.
std::mutex& gmime() {
  static std::mutex mutex;
  static const bool begun = [] {
    g_mime_init();
    return true;
  }();
  static_cast<void>(begun);
  return mutex;
}

std::string lower(std::string_view text) {
  std::string made(text);
  for (char& one : made)
    if (one >= 'A' && one <= 'Z') one = static_cast<char>(one - 'A' + 'a');
  return made;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view or_empty(const char* text) {
  return text == nullptr ? std::string_view{} : std::string_view{text};
}

// ---- what we send ----

// One line without control characters: what a field may hold.
void set(GMimeMessage* message, const char* field, const std::string& value) {
  g_mime_object_set_header(GMIME_OBJECT(message), field, words::visible(value).c_str(), "utf-8");
}

std::string in_angles(std::string_view name) {
  return fmt::format("<{}>", name);
}

GMimeObject* text_part(const char* kind, const std::string& text) {
  GMimeTextPart* const part = g_mime_text_part_new_with_subtype(kind);
  g_mime_text_part_set_charset(part, "utf-8");
  // Texts are read as C strings; a zero byte in them is none that a person has written.
  std::string whole = text;
  std::replace(whole.begin(), whole.end(), '\0', ' ');
  g_mime_text_part_set_text(part, whole.c_str());
  g_mime_part_set_content_encoding(GMIME_PART(part), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
  return GMIME_OBJECT(part);
}

std::string with_network_lines(std::string_view text) {
  std::string made;
  made.reserve(text.size() + text.size() / 32);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\r') continue;
    if (text[at] == '\n') made += '\r';
    made += text[at];
  }
  return made;
}

// ---- what comes back ----

std::string text_of(GMimeObject* part) {
  if (!GMIME_IS_TEXT_PART(part)) return {};
  const OwnedText text(g_mime_text_part_get_text(GMIME_TEXT_PART(part)));
  return text ? std::string(text.get()) : std::string{};
}

std::string bytes_of(GMimePart* part) {
  GMimeDataWrapper* const content = g_mime_part_get_content(part);
  if (content == nullptr) return {};
  const Owned<GMimeStream> stream(g_mime_stream_mem_new());
  if (g_mime_data_wrapper_write_to_stream(content, stream.get()) < 0) return {};
  const GByteArray* const array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
  return array == nullptr || array->len == 0 ? std::string{}
                                             : std::string(reinterpret_cast<const char*>(array->data), array->len);
}

Owned<GMimeMessage> parse(std::string_view bytes) {
  const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  return Owned<GMimeMessage>(g_mime_parser_construct_message(parser.get(), nullptr));
}

bool is_attachment(GMimeObject* part) {
  GMimeContentDisposition* const disposition = g_mime_object_get_content_disposition(part);
  return disposition != nullptr && g_mime_content_disposition_is_attachment(disposition) != FALSE;
}

// The first part of this kind that is no attachment; of the mail itself, not of mails inside it.
GMimeObject* find_text(GMimeObject* part, const char* subtype, int depth = 0) {
  if (part == nullptr || depth > deepest) return nullptr;
  if (GMIME_IS_MULTIPART(part)) {
    const int count = std::min(g_mime_multipart_get_count(GMIME_MULTIPART(part)), 100);
    for (int index = 0; index < count; ++index)
      if (GMimeObject* const found =
              find_text(g_mime_multipart_get_part(GMIME_MULTIPART(part), index), subtype, depth + 1))
        return found;
    return nullptr;
  }
  GMimeContentType* const type = g_mime_object_get_content_type(part);
  const bool fits = GMIME_IS_TEXT_PART(part) && g_mime_content_type_is_type(type, "text", subtype) != FALSE;
  return fits && !is_attachment(part) ? part : nullptr;
}

// Good enough for the first line of a reply: tags end, some of them a line.
std::string without_tags(std::string_view html) {
  std::string text;
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] != '<') {
      text += html[at++];
      continue;
    }
    const std::size_t end = html.find('>', at);
    if (end == std::string_view::npos) break;
    const std::string tag = lower(html.substr(at + 1, std::min<std::size_t>(end - at - 1, 12)));
    at = end + 1;
    if (tag.starts_with("blockquote")) break;  // the rest is what is answered
    for (const std::string_view closed : {"style", "script", "head", "title"}) {
      if (!tag.starts_with(closed)) continue;
      const std::size_t close = lower(html.substr(at)).find(fmt::format("</{}", closed));
      at = close == std::string::npos ? html.size() : at + close;
    }
    for (const std::string_view line : {"br", "p", "div", "/p", "/div", "tr", "li"})
      if (tag == line || tag.starts_with(fmt::format("{} ", line)) || tag.starts_with(fmt::format("{}/", line)))
        text += '\n';
  }
  for (const auto& [entity, letter] : {std::pair{"&nbsp;", " "},
                                       std::pair{"&quot;", "\""},
                                       std::pair{"&#39;", "'"},
                                       std::pair{"&lt;", "<"},
                                       std::pair{"&gt;", ">"},
                                       std::pair{"&amp;", "&"}}) {
    for (std::size_t at = text.find(entity); at != std::string::npos; at = text.find(entity, at + 1))
      text.replace(at, std::string_view{entity}.size(), letter);
  }
  return text;
}

// How many lines from here on say who is quoted below: "On Monday ... wrote:". Over several lines only when the first
// begins as such a sentence does: what stands above it may be the reply.
std::size_t attribution(const std::vector<std::string_view>& lines, std::size_t at) {
  const auto ends = [&](std::size_t line) {
    return line + 1 < lines.size() && lines[line].ends_with(':') && lines[line + 1].starts_with('>');
  };
  if (ends(at)) return 1;
  for (const std::string_view begin : {"On ", "Am ", "Le ", "El ", "Il ", "Op ", "Den "})
    if (lines[at].starts_with(begin))
      for (const std::size_t more : {std::size_t{1}, std::size_t{2}})
        if (ends(at + more)) return more + 1;
  return 0;
}

std::string first_own_line(std::string_view text) {
  constexpr std::size_t most_lines = 200;
  std::vector<std::string_view> lines;  // that have anything in them
  while (!text.empty() && lines.size() < most_lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const std::string_view line = trimmed(text.substr(0, end)); !line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  for (std::size_t at = 0; at < lines.size();) {
    if (const std::size_t said = attribution(lines, at); said > 0) {
      at += said;
    } else if (lines[at].starts_with('>')) {
      ++at;
    } else {
      return words::shorten(words::visible(lines[at]), longest_line);
    }
  }
  return {};
}

std::string_view header(GMimeMessage* message, const char* name) {
  return or_empty(g_mime_object_get_header(GMIME_OBJECT(message), name));
}

void add_names(std::string_view field, std::vector<std::string>& names, bool nearest_is_last) {
  std::vector<std::string> found;
  for (std::size_t open = field.find('<'); open != std::string_view::npos; open = field.find('<', open + 1)) {
    const std::size_t close = field.find('>', open);
    if (close == std::string_view::npos) break;
    const std::string_view name = field.substr(open + 1, close - open - 1);
    if (!name.empty() && name.size() <= longest_name) found.emplace_back(name);
  }
  if (nearest_is_last) std::reverse(found.begin(), found.end());
  for (std::string& name : found)
    if (names.size() < most_answers) names.push_back(std::move(name));
}

std::string one_address(InternetAddressList* list) {
  if (list == nullptr || internet_address_list_length(list) != 1) return {};
  InternetAddress* const address = internet_address_list_get_address(list, 0);
  if (!INTERNET_ADDRESS_IS_MAILBOX(address)) return {};
  const std::string found{or_empty(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address)))};
  return rules::is_mail_address(found) ? found : std::string{};
}

bool is_automatic(GMimeMessage* message, std::string_view from) {
  const std::string submitted = lower(trimmed(header(message, "Auto-Submitted")));
  if (!submitted.empty() && !submitted.starts_with("no")) return true;
  const std::string precedence = lower(trimmed(header(message, "Precedence")));
  if (precedence == "bulk" || precedence == "junk" || precedence == "list") return true;
  for (const char* const field : {"List-Id", "X-Autoreply", "X-Autorespond", "X-Loop"})
    if (!header(message, field).empty()) return true;
  const std::string user = lower(from.substr(0, from.find('@')));
  if (from.empty() || user == "mailer-daemon" || user == "postmaster" || user.starts_with("noreply") ||
      user.starts_with("no-reply"))
    return true;
  return trimmed(header(message, "Return-Path")) == "<>";
}

// "rfc822; olga@example.org" -> the address.
std::string after_type(std::string_view value) {
  const std::size_t semicolon = value.find(';');
  if (semicolon != std::string_view::npos) value.remove_prefix(semicolon + 1);
  return std::string(trimmed(value));
}

// The first recipient that it failed for.
bool read_status(std::string_view report, IncomingMail::Bounce& bounce) {
  std::string recipient;
  std::string original;
  std::string status;
  std::string diagnostic;
  bool failed = false;
  const auto is_it = [&] {
    if (!failed) return false;
    bounce.recipient = original.empty() ? recipient : original;
    bounce.detail = words::shorten(words::visible(status.empty() ? diagnostic : status + " " + diagnostic), 160);
    return true;
  };
  while (!report.empty()) {
    const std::size_t end = std::min(report.find('\n'), report.size());
    const std::string_view line = trimmed(report.substr(0, end));
    report.remove_prefix(std::min(end + 1, report.size()));
    if (line.empty()) {
      if (is_it()) return true;
      recipient.clear(), original.clear(), status.clear(), diagnostic.clear();
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "final-recipient") recipient = after_type(value);
    if (name == "original-recipient") original = after_type(value);
    if (name == "action") failed = lower(value) == "failed";
    if (name == "status") status = value;
    if (name == "diagnostic-code") diagnostic = after_type(value);
  }
  return is_it();
}

std::optional<IncomingMail::Bounce> read_bounce(GMimeMessage* message) {
  GMimeObject* const root = g_mime_message_get_mime_part(message);
  if (root == nullptr || !GMIME_IS_MULTIPART(root)) return std::nullopt;
  if (g_mime_content_type_is_type(g_mime_object_get_content_type(root), "multipart", "report") == FALSE)
    return std::nullopt;
  IncomingMail::Bounce bounce;
  bool failed = false;
  const int count = std::min(g_mime_multipart_get_count(GMIME_MULTIPART(root)), 10);
  for (int index = 0; index < count; ++index) {
    GMimeObject* const part = g_mime_multipart_get_part(GMIME_MULTIPART(root), index);
    GMimeContentType* const type = g_mime_object_get_content_type(part);
    if (GMIME_IS_MESSAGE_PART(part)) {
      GMimeMessage* const inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
      if (inner != nullptr) bounce.name = or_empty(g_mime_message_get_message_id(inner));
    } else if (GMIME_IS_PART(part) && g_mime_content_type_is_type(type, "message", "delivery-status") != FALSE) {
      failed = read_status(bytes_of(GMIME_PART(part)), bounce) || failed;
    } else if (GMIME_IS_PART(part) && g_mime_content_type_is_type(type, "text", "rfc822-headers") != FALSE) {
      const std::string heads = bytes_of(GMIME_PART(part));
      if (const Owned<GMimeMessage> inner = parse(heads))
        bounce.name = or_empty(g_mime_message_get_message_id(inner.get()));
    }
  }
  if (!failed || bounce.name.empty() || bounce.name.size() > longest_name) return std::nullopt;
  return bounce;
}

}  // namespace

std::string compose_mail(const Mail& mail) {
  const std::lock_guard lock(gmime());
  const Owned<GMimeMessage> owned(g_mime_message_new(FALSE));
  GMimeMessage* const message = owned.get();
  g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_FROM, "rouse", mail.from.c_str());
  const std::string to_name = words::visible(mail.to_name);
  g_mime_message_add_mailbox(
      message, GMIME_ADDRESS_TYPE_TO, to_name.empty() ? nullptr : to_name.c_str(), mail.to.c_str());
  if (!mail.reply_to.empty())
    g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_REPLY_TO, "rouse", mail.reply_to.c_str());
  g_mime_message_set_subject(message, words::visible(mail.subject).c_str(), "utf-8");
  GDateTime* const date =
      g_date_time_new_from_unix_utc(std::chrono::floor<std::chrono::seconds>(mail.date.time_since_epoch()).count());
  if (date != nullptr) {
    g_mime_message_set_date(message, date);
    g_date_time_unref(date);
  }
  g_mime_message_set_message_id(message, mail.name.c_str());
  if (!mail.answers.empty()) set(message, "In-Reply-To", in_angles(mail.answers));
  if (!mail.references.empty()) {
    std::string all;
    for (const std::string& name : mail.references) all += (all.empty() ? "" : " ") + in_angles(name);
    set(message, "References", all);
  }
  set(message, "Auto-Submitted", mail.is_answer ? "auto-replied" : "auto-generated");
  if (!mail.incidents.empty()) set(message, "X-Rouse-Incident", mail.incidents);
  if (mail.is_urgent) {
    set(message, "Importance", "high");
    set(message, "X-Priority", "1");
  }
  if (mail.html.empty()) {
    const Owned<GMimeObject> part(text_part("plain", mail.plain));
    g_mime_message_set_mime_part(message, part.get());
  } else {
    const Owned<GMimeMultipart> both(g_mime_multipart_new_with_subtype("alternative"));
    // "=_" is nothing that quoted-printable could write.
    g_mime_multipart_set_boundary(both.get(), "=_rouse_alternative");
    for (const auto& [kind, text] : {std::pair{"plain", &mail.plain}, std::pair{"html", &mail.html}}) {
      const Owned<GMimeObject> part(text_part(kind, *text));
      g_mime_multipart_add(both.get(), part.get());
    }
    g_mime_message_set_mime_part(message, GMIME_OBJECT(both.get()));
  }
  const OwnedText whole(g_mime_object_to_string(GMIME_OBJECT(message), nullptr));
  return with_network_lines(or_empty(whole.get()));
}

IncomingMail read_mail(std::string_view bytes) {
  const std::lock_guard lock(gmime());
  IncomingMail mail;
  mail.is_automatic = true;
  const Owned<GMimeMessage> owned = parse(bytes);
  GMimeMessage* const message = owned.get();
  if (message == nullptr) return mail;
  mail.from = one_address(g_mime_message_get_from(message));
  mail.is_automatic = is_automatic(message, mail.from);
  mail.name = or_empty(g_mime_message_get_message_id(message));
  if (mail.name.size() > longest_name) mail.name.clear();
  mail.name = words::visible(mail.name);
  add_names(header(message, "In-Reply-To"), mail.answers, false);
  add_names(header(message, "References"), mail.answers, true);
  mail.subject = words::shorten(words::visible(or_empty(g_mime_message_get_subject(message))), 200);
  mail.bounce = read_bounce(message);
  GMimeObject* const root = g_mime_message_get_mime_part(message);
  if (GMimeObject* const plain = find_text(root, "plain")) {
    mail.text = first_own_line(text_of(plain));
  } else if (GMimeObject* const html = find_text(root, "html")) {
    mail.text = first_own_line(without_tags(text_of(html)));
  }
  return mail;
}

std::string mail_name(const links::Signer& signer,
                      std::string_view key,
                      rules::MessageId message,
                      std::string_view address,
                      std::string_view domain) {
  const std::string mark = signer.mark(purpose, fmt::format("{}.{}.{}", key, message.value, lower(address)));
  return fmt::format("{}.{}.{}@{}", key, message.value, mark, domain);
}

std::optional<NamedMessage> message_of(const links::Signer& signer, std::string_view name, std::string_view address) {
  const std::string_view local = name.substr(0, name.find('@'));
  const std::size_t last = local.rfind('.');
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const std::size_t middle = local.rfind('.', last - 1);
  if (middle == std::string_view::npos) return std::nullopt;
  const std::string_view number = local.substr(middle + 1, last - middle - 1);
  NamedMessage found{std::string(local.substr(0, middle)), {}};
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), found.message.value);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  const std::string bytes = fmt::format("{}.{}", local.substr(0, last), lower(address));
  if (!signer.is_mark(local.substr(last + 1), purpose, bytes)) return std::nullopt;
  return found;
}

}  // namespace channels
