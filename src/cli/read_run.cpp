#include "cli/read_run.hpp"

#include "wire/run_directory.hpp"

namespace celere::cli {

Result<ReadRun> read_run(const Files& files, const std::string& argument) {
  ASSIGN_OR_RETURN(const wire::RunArgument found, wire::find_run(files, argument));
  ASSIGN_OR_RETURN(const std::string content, files.read(found.run_file));
  ASSIGN_OR_RETURN(spec::Run run, spec::parse_run(content, found.run_file));
  return ReadRun{std::move(run), found.run_directory};
}

}  // namespace celere::cli
