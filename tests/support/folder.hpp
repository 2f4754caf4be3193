// A folder that is gone, with all that is in it, when its owner is; and files in a few words.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace support {

class TemporaryFolder {
 public:
  // Below $TMPDIR, else /tmp. Throws std::runtime_error when it cannot be made.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Both throw std::runtime_error that names the file.
void write_file(const std::filesystem::path& file, std::string_view bytes);
[[nodiscard]] std::string read_file(const std::filesystem::path& file);

// `text` with every `from` in it replaced.
[[nodiscard]] std::string replaced(std::string text, std::string_view from, std::string_view to);

}  // namespace support
