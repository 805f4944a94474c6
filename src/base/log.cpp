#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cctype>
#include <mutex>

#include "base/check.hpp"

namespace celere {
namespace {

class TextSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit TextSink(std::string& text) : text_(text) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    text_.append(message.payload.data(), message.payload.size());
    text_ += '\n';
  }
  void flush_() override {}

 private:
  std::string& text_;
};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  CHECK(false);
}

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info ";
    case LogLevel::warn:
      return "warn ";
    case LogLevel::error:
      return "error";
  }
  CHECK(false);
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
}

bool plain(std::string_view value) {
  if (value.empty()) return false;
  for (const char c : value) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '_' &&
        c != '/' && c != ':' && c != '+' && c != '%') {
      return false;
    }
  }
  return true;
}

}  // namespace

struct Log::Impl {
  const Clock& clock;
  std::unique_ptr<spdlog::logger> logger;
};

Log::Log() = default;
Log::~Log() = default;
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;
Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

namespace {

std::unique_ptr<spdlog::logger> logger_of(spdlog::sink_ptr sink, LogLevel least) {
  auto logger = std::make_unique<spdlog::logger>("celere", std::move(sink));
  logger->set_level(spdlog_level(least));
  logger->set_pattern("%v");
  return logger;
}

}  // namespace

Log Log::to_standard_error(const Clock& clock, LogLevel least) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  return Log(std::make_unique<Impl>(Impl{clock, logger_of(std::move(sink), least)}));
}

Result<Log> Log::to_file(const Clock& clock, const std::string& path, LogLevel least) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    return Log(std::make_unique<Impl>(Impl{clock, logger_of(std::move(sink), least)}));
  } catch (const spdlog::spdlog_ex& problem) {
    return Error{ErrorCode::io, fmt::format("{}: {}", path, problem.what()), {}};
  }
}

Log Log::to_text(const Clock& clock, std::string& text, LogLevel least) {
  auto sink = std::make_shared<TextSink>(text);
  return Log(std::make_unique<Impl>(Impl{clock, logger_of(std::move(sink), least)}));
}

void Log::event(LogLevel level, std::string_view what, const std::vector<LogField>& fields) {
  if (impl_ == nullptr || !impl_->logger->should_log(spdlog_level(level))) return;
  std::string line = fmt::format("{} {} ", written_utc(impl_->clock.wall()), name_of(level));
  append_escaped(line, what);
  for (const auto& [name, value] : fields) {
    line += fmt::format(" {}=", name);
    if (plain(value)) {
      line += value;
    } else {
      line += '"';
      append_escaped(line, value);
      line += '"';
    }
  }
  impl_->logger->log(spdlog_level(level), spdlog::string_view_t(line));
}

void Log::flush() {
  if (impl_ != nullptr) impl_->logger->flush();
}

}  // namespace celere
