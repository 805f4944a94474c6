#include "launch/munge.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <limits>

namespace celere::launch {
namespace {

// Of munge.h: the options that we set, and errors, as numbers of its ABI (so.2).
constexpr int option_socket = 8, option_reader = 9;
constexpr int error_snafu = 1, error_no_memory = 5, error_socket = 6, error_timeout = 7;
constexpr const char* library_name = "libmunge.so.2";

}  // namespace

struct Munge::Library {
  using Context = void;
  void* handle = nullptr;
  std::string socket;
  int (*encode)(char**, Context*, const void*, int) = nullptr;
  int (*decode)(const char*, Context*, void**, int*, uid_t*, gid_t*) = nullptr;
  Context* (*create)() = nullptr;
  void (*destroy)(Context*) = nullptr;
  int (*set)(Context*, int, ...) = nullptr;
  const char* (*say)(int) = nullptr;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle != nullptr) dlclose(handle);
  }

  template <typename Function>
  bool find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    return function != nullptr;
  }

  using ContextHolder = std::unique_ptr<Context, void (*)(Context*)>;
  Result<ContextHolder> context() const {
    ContextHolder held(create(), destroy);
    if (!held) return Error{ErrorCode::io, "munge: no memory", {}};
    if (!socket.empty()) {
      if (const int code = set(held.get(), option_socket, socket.c_str()); code != 0) {
        return error("set the socket", code);
      }
    }
    return held;
  }

  Error error(const char* what, int code) const {
    const bool no_answer = code == error_snafu || code == error_no_memory || code == error_socket ||
                           code == error_timeout;
    return {no_answer ? ErrorCode::io : ErrorCode::corrupt,
            fmt::format("munge cannot {}: {}", what, say(code)),
            {}};
  }
};

Munge::Munge(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Munge::Munge(Munge&&) noexcept = default;
Munge& Munge::operator=(Munge&&) noexcept = default;
Munge::~Munge() = default;

Result<Munge> Munge::open(const std::string& socket) {
  auto library = std::make_unique<Library>();
  library->socket = socket;
  library->handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) {
    return Error{ErrorCode::not_found,
                 fmt::format("{} is not installed here, by which Slurm knows users", library_name),
                 {}};
  }
  const bool whole = library->find(library->encode, "munge_encode") &&
                     library->find(library->decode, "munge_decode") &&
                     library->find(library->create, "munge_ctx_create") &&
                     library->find(library->destroy, "munge_ctx_destroy") &&
                     library->find(library->set, "munge_ctx_set") &&
                     library->find(library->say, "munge_strerror");
  if (!whole) {
    return Error{ErrorCode::corrupt, fmt::format("{} lacks functions", library_name), {}};
  }
  return Munge(std::move(library));
}

Result<std::string> Munge::encode(const std::string& payload, std::uint32_t reader) const {
  CHECK(payload.size() < static_cast<std::size_t>(std::numeric_limits<int>::max()));
  ASSIGN_OR_RETURN(const auto context, library_->context());
  if (const int code = library_->set(context.get(), option_reader, static_cast<uid_t>(reader));
      code != 0) {
    return library_->error("set who may read", code);
  }
  char* text = nullptr;
  const int code =
      library_->encode(&text, context.get(), payload.data(), static_cast<int>(payload.size()));
  const std::unique_ptr<char, void (*)(void*)> held(text, std::free);
  if (code != 0) return library_->error("encode", code);
  return std::string(text);
}

Result<MungeMessage> Munge::decode(const std::string& credential) const {
  ASSIGN_OR_RETURN(const auto context, library_->context());
  void* bytes = nullptr;
  int length = 0;
  uid_t user = 0;
  gid_t group = 0;
  const int code =
      library_->decode(credential.c_str(), context.get(), &bytes, &length, &user, &group);
  // A replayed or old credential comes with its payload too; it is not to be used.
  const std::unique_ptr<void, void (*)(void*)> held(bytes, std::free);
  if (code != 0) return library_->error("decode", code);
  MungeMessage message{.payload = {}, .user = user};
  if (bytes != nullptr)
    message.payload.assign(static_cast<const char*>(bytes), static_cast<std::size_t>(length));
  return message;
}

}  // namespace celere::launch
