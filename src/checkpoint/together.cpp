// The order in which processes open one checkpoint. Each round ends with an exchange of texts that
// all hear, so all go on or refuse alike, and whatever goes wrong in one becomes a text first:
//
//   1  manifest and copies in memory: what each holds, and what it lacks
//   2  copies go to those who lack them; what is still missing comes from the disk
//   3  files that no process has verified, shared out among all
//
// One process alone goes the same way.
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "checkpoint/opening.hpp"
#include "checkpoint/reader.hpp"

namespace celere::checkpoint {
namespace {

using Numbers = std::vector<std::size_t>;
using Texts = std::vector<std::string>;

std::string written_numbers(const Numbers& numbers) {
  return fmt::format("{}", fmt::join(numbers, " "));
}

// Whole numbers between blanks; nothing where one is something else or not below `end`.
template <typename Number>
std::optional<std::vector<Number>> numbers_of(std::string_view text, Number end) {
  std::vector<Number> out;
  const char* at = text.data();
  const char* const last = text.data() + text.size();
  while (at != last) {
    Number number = 0;
    const auto [next, error] = std::from_chars(at, last, number);
    if (error != std::errc{} || number < 0 || number >= end) return std::nullopt;
    out.push_back(number);
    at = next;
    if (at != last && *at++ != ' ') return std::nullopt;
  }
  return out;
}

Error garbled() { return {ErrorCode::io, "another process says what cannot be understood", {}}; }

// What a process says: "+" and what it has done, or "-", the number of its error and the message.
std::string refusal(const Error& error) {
  return fmt::format("-{} {}", static_cast<int>(error.code), error.message);
}

// The first that refuses, the same for all who heard.
std::optional<Error> refused(const Texts& all) {
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    std::string_view text = all[rank];
    if (text.starts_with('+')) continue;
    const std::size_t blank = text.find(' ');
    if (!text.starts_with('-') || blank == std::string_view::npos) return garbled();
    const auto code =
        numbers_of<int>(text.substr(1, blank - 1), static_cast<int>(ErrorCode::busy) + 1);
    if (!code || code->size() != 1) return garbled();
    return Error{static_cast<ErrorCode>(code->front()),
                 said_by(rank, all.size(), text.substr(blank + 1)),
                 {}};
  }
  return std::nullopt;
}

// Of one process: which manifest it has read, which files lie in memory of its own, and which it
// would rather have from another's than from the disk.
struct Offer {
  std::string manifest;
  Numbers holds, lacks;
};

std::string written_offer(const Offer& offer) {
  return fmt::format("+{}\n{}\n{}", offer.manifest, written_numbers(offer.holds),
                     written_numbers(offer.lacks));
}

Result<std::vector<Offer>> offers_of(const Texts& all, std::size_t files) {
  std::vector<Offer> out;
  for (const std::string& text : all) {
    const std::size_t first = text.find('\n');
    const std::size_t second = first == std::string::npos ? first : text.find('\n', first + 1);
    if (second == std::string::npos) return garbled();
    const std::string_view view = text;
    auto holds = numbers_of(view.substr(first + 1, second - first - 1), files);
    auto lacks = numbers_of(view.substr(second + 1), files);
    if (!holds || !lacks) return garbled();
    out.push_back({text.substr(1, first - 1), *std::move(holds), *std::move(lacks)});
  }
  return out;
}

struct Transfer {
  std::size_t file;
  int from, to;
};

// The same list for all, who go through it in order: so nobody waits in a circle. Holders of a file
// take turns.
std::vector<Transfer> transfers(const std::vector<Offer>& offers, std::size_t files) {
  std::vector<std::vector<int>> holders(files);
  std::vector<std::size_t> turns(files);
  for (std::size_t rank = 0; rank < offers.size(); ++rank) {
    for (const std::size_t file : offers[rank].holds) {
      holders[file].push_back(static_cast<int>(rank));
    }
  }
  std::vector<Transfer> out;
  for (std::size_t rank = 0; rank < offers.size(); ++rank) {
    for (const std::size_t file : offers[rank].lacks) {
      if (holders[file].empty()) continue;
      const int from = holders[file][turns[file]++ % holders[file].size()];
      out.push_back({file, from, static_cast<int>(rank)});
    }
  }
  return out;
}

Status receive(Opening& opening, const Transfer& transfer, Peers& peers) {
  Status passed = Done{};
  (void)opening.open_filled(transfer.file, [&](std::span<std::byte> memory) -> Status {
    std::size_t at = 0;
    passed = peers.pass({.to = -1,
                         .own = {},
                         .from = transfer.from,
                         .bytes_max = opening.manifest().files[transfer.file].bytes,
                         .take = [&](std::span<const std::byte> bytes) {
                           if (bytes.size() > memory.size() - at) return;  // it has none
                           std::copy(bytes.begin(), bytes.end(),
                                     memory.begin() + static_cast<std::ptrdiff_t>(at));
                           at += bytes.size();
                         }});
    return passed;
  });
  return passed;
}

Status give(const Opening& opening, const Transfer& transfer, Peers& peers) {
  // Where the copy has gone meanwhile the other gets nothing, sees that, and goes to the disk.
  const Result<MappedFile> copy = opening.copy_of(transfer.file);
  return peers.pass({.to = transfer.to,
                     .own = copy.ok() ? copy->bytes() : std::span<const std::byte>(),
                     .from = -1,
                     .bytes_max = 0,
                     .take = {}});
}

class Together {
 public:
  Together(const OpenOptions& options, Peers& peers) : options_(&options), peers_(&peers) {}

  // Outer errors: io, a peer is gone. Inner ones: why all refuse it.
  Result<Result<Checkpoint>> open(const Storage& storage, const std::string& folder) {
    Result<Opening> opening = Opening::begin(storage, folder, *options_);
    if (opening.ok()) open_in_memory(*opening);
    ASSIGN_OR_RETURN(const Texts offered,
                     peers_->exchange(opening.ok() ? written_offer(offer_of(*opening))
                                                   : refusal(opening.error())));
    if (auto why = refused(offered)) return Result<Checkpoint>(*std::move(why));
    const std::size_t files = opening->manifest().files.size();
    ASSIGN_OR_RETURN(const std::vector<Offer> offers, offers_of(offered, files));
    for (const Offer& offer : offers) {
      if (offer.manifest == offers.front().manifest) continue;
      return Result<Checkpoint>(Error{
          ErrorCode::corrupt, fmt::format("{}: not all ranks read the same manifest", folder), {}});
    }
    for (const Transfer& transfer : transfers(offers, files)) {
      if (transfer.from == peers_->rank()) RETURN_IF_ERROR(give(*opening, transfer, *peers_));
      if (transfer.to == peers_->rank()) RETURN_IF_ERROR(receive(*opening, transfer, *peers_));
    }
    const Status opened = open_on_disk(*opening, offers.size());
    ASSIGN_OR_RETURN(
        const Texts verified,
        peers_->exchange(opened.ok() ? "+" + written_numbers(verified_) : refusal(opened.error())));
    if (auto why = refused(verified)) return Result<Checkpoint>(*std::move(why));
    ASSIGN_OR_RETURN(const Numbers rest, unverified(verified, files));
    if (!rest.empty()) {
      const Status checked = check_share(*opening, rest, verified.size());
      ASSIGN_OR_RETURN(const Texts done,
                       peers_->exchange(checked.ok() ? "+" : refusal(checked.error())));
      if (auto why = refused(done)) return Result<Checkpoint>(*std::move(why));
    }
    return Result<Checkpoint>(std::move(*opening).finish());
  }

 private:
  void open_in_memory(Opening& opening) {
    for (const std::size_t file : opening.needed()) {
      (void)opening.open_in_memory(file);  // else from elsewhere
    }
  }

  Offer offer_of(const Opening& opening) const {
    Offer offer{opening.manifest_checksum(), opening.held(), {}};
    if (options_->memories.empty()) return offer;
    for (const std::size_t file : opening.needed()) {
      if (!opening.is_open(file) && opening.reads_most_of(file)) offer.lacks.push_back(file);
    }
    return offer;
  }

  // Who did not say what it reads opens all files, and verifies no more than its share of them.
  Status open_on_disk(Opening& opening, std::size_t ranks) {
    const bool verifies = !options_->wanted.empty() || ranks == 1;
    for (const std::size_t file : opening.needed()) {
      if (opening.is_open(file)) {
        verified_.push_back(file);
        continue;
      }
      RETURN_IF_ERROR(opening.open_on_disk(file, verifies ? options_->verify : Verify::quick));
      if (verifies || options_->verify == Verify::quick) verified_.push_back(file);
    }
    return Done{};
  }

  static Result<Numbers> unverified(const Texts& all, std::size_t files) {
    std::vector<bool> is_verified(files);
    for (const std::string& text : all) {
      const auto numbers = numbers_of(std::string_view(text).substr(1), files);
      if (!numbers) return garbled();
      for (const std::size_t file : *numbers) is_verified[file] = true;
    }
    Numbers rest;
    for (std::size_t file = 0; file < files; ++file) {
      if (!is_verified[file]) rest.push_back(file);
    }
    return rest;
  }

  Status check_share(const Opening& opening, const Numbers& rest, std::size_t ranks) const {
    for (auto i = static_cast<std::size_t>(peers_->rank()); i < rest.size(); i += ranks) {
      RETURN_IF_ERROR(opening.check_on_disk(rest[i], options_->verify));
    }
    return Done{};
  }

  const OpenOptions* options_;
  Peers* peers_;
  Numbers verified_;
};

// What rank 0 sees: another's view of a shared disk may be older.
Result<std::vector<Committed>> agreed_list(const Storage& storage, const std::string& checkpoints,
                                           std::int64_t step_max, Peers& peers) {
  std::vector<std::int64_t> steps;
  if (peers.rank() == 0) {
    for (const Committed& each : committed(storage, checkpoints)) {
      if (each.step <= step_max) steps.push_back(each.step);
    }
  }
  ASSIGN_OR_RETURN(const Texts all, peers.exchange(fmt::format("{}", fmt::join(steps, " "))));
  const auto agreed = numbers_of(all.front(), std::numeric_limits<std::int64_t>::max());
  if (!agreed) return garbled();
  std::vector<Committed> out;
  for (const std::int64_t step : *agreed) {
    out.push_back({step, fmt::format("{}/{}", checkpoints, folder_name_of_step(step))});
  }
  return out;
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const Storage& storage, const std::string& folder,
                                    const OpenOptions& options) {
  NoPeers alone;
  ASSIGN_OR_RETURN(Result<Checkpoint> opened, Together(options, alone).open(storage, folder));
  return opened;
}

Result<Checkpoint> Checkpoint::open(const Storage& storage, const std::string& folder,
                                    Verify verify) {
  return open(storage, folder, OpenOptions{.verify = verify});
}

Result<Newest> newest_good(const Storage& storage, const std::string& checkpoints,
                           const OpenOptions& options, Peers& peers) {
  Newest out;
  ASSIGN_OR_RETURN(const std::vector<Committed> all,
                   agreed_list(storage, checkpoints, options.step_max, peers));
  for (const Committed& each : all) {
    ASSIGN_OR_RETURN(Result<Checkpoint> checkpoint,
                     Together(options, peers).open(storage, each.folder));
    if (checkpoint.ok()) {
      out.checkpoint = std::move(checkpoint).value();
      break;
    }
    out.refused.push_back({each, std::move(checkpoint).error()});
  }
  return out;
}

Newest newest_good(const Storage& storage, const std::string& checkpoints,
                   const OpenOptions& options) {
  NoPeers alone;
  Result<Newest> newest = newest_good(storage, checkpoints, options, alone);
  return std::move(newest).value();  // nobody can be gone
}

Newest newest_good(const Storage& storage, const std::string& checkpoints, Verify verify) {
  return newest_good(storage, checkpoints, OpenOptions{.verify = verify});
}

}  // namespace celere::checkpoint
