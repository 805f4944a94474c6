// The documents of a source, one after the other, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/data.hpp"
#include "tokens/document.hpp"
#include "tokens/inputs.hpp"
#include "tokens/manifest.hpp"

namespace celere::tokens {

// A line of JSON or of text; what is longer is counted and left out.
inline constexpr std::uint64_t line_bytes_max = std::uint64_t{64} << 20;

struct ReadResult {
  std::vector<SourceFile> files;
  Counts counts;  // what was dropped while reading
};

class DocumentSink {
 public:
  virtual ~DocumentSink() = default;
  virtual Status add(Document document) = 0;
  // Of the files, for the progress.
  virtual void read_bytes(std::uint64_t bytes) = 0;
};

// Documents come with text, questions and key; source and ordinal are for the sink to fill in.
// `document_bytes_max`: longer ones are dropped unseen. Errors: of the files; bad_input where a
// JSON source has no document at all with the field.
Result<ReadResult> read_source(const Files& files, const spec::DataSource& source,
                               const std::vector<Input>& inputs, std::uint64_t document_bytes_max,
                               DocumentSink& sink);

}  // namespace celere::tokens
