#include "infer/loaded_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "nn/stored.hpp"
#include "spec/scaled_model.hpp"

namespace celere::infer {
namespace {

struct Chosen {
  checkpoint::Checkpoint checkpoint;
  std::vector<checkpoint::Refused> refused;
};

// The step that "step-120" or "120" names; nothing for other texts.
std::optional<std::int64_t> step_named(std::string_view name) {
  if (name.starts_with("step-")) name.remove_prefix(5);
  std::int64_t step = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (problem != std::errc() || end != name.data() + name.size() || step < 0) return std::nullopt;
  return step;
}

std::string known_steps(const checkpoint::Storage& storage, const std::string& folder) {
  std::string out;
  for (const checkpoint::Committed& one : checkpoint::committed(storage, folder)) {
    out += fmt::format("{}{}", out.empty() ? "" : ", ", one.step);
  }
  return out.empty() ? "has none" : "has those of the steps " + out;
}

Result<Chosen> named_checkpoint(const checkpoint::Storage& storage, const LoadOptions& options) {
  const std::string folder = options.directory.checkpoints();
  std::string path = options.checkpoint;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (const auto step = step_named(path)) {
    path = folder + "/" + checkpoint::folder_name_of_step(*step);
  }
  if (!storage.files().exists(path + "/" + checkpoint::manifest_name)) {
    return Error{ErrorCode::not_found,
                 fmt::format("{}: there is no such checkpoint; {} {}", path, folder,
                             known_steps(storage, folder)),
                 {}};
  }
  ASSIGN_OR_RETURN(checkpoint::Checkpoint found,
                   checkpoint::Checkpoint::open(storage, path, checkpoint::Verify::deep));
  return Chosen{std::move(found), {}};
}

Result<Chosen> newest_checkpoint(const checkpoint::Storage& storage, const LoadOptions& options) {
  const std::string folder = options.directory.checkpoints();
  checkpoint::Newest newest = checkpoint::newest_good(storage, folder);
  if (newest.checkpoint) return Chosen{*std::move(newest.checkpoint), std::move(newest.refused)};
  if (newest.refused.empty()) {
    return Error{ErrorCode::not_found,
                 fmt::format("{}: holds no checkpoint yet: celere train {} makes them", folder,
                             options.directory.run_file()),
                 {}};
  }
  Error none{ErrorCode::corrupt, fmt::format("{}: no checkpoint there is good", folder), {}};
  for (const checkpoint::Refused& one : newest.refused) {
    none.message += fmt::format("\n{}: {}", one.which.folder, one.why.message);
  }
  return none;
}

// Its context is the longest sequence that can be asked: what the run trained at least.
Result<spec::Model> askable_model(const spec::Run& run, const spec::Catalog& catalog) {
  ASSIGN_OR_RETURN(spec::Model model, spec::model_of(run, catalog));
  if (!model.unknown.empty()) {
    return bad_input(fmt::format("{}: model: nobody published its {}", run.file,
                                 fmt::join(model.unknown, ", ")));
  }
  if (model.position != spec::Position::learned) {
    model.context = std::max(model.context, static_cast<int>(run.sequence));
  }
  return model;
}

Result<tokens::Tokenizer> tokenizer_of(const Files& files, const std::string& folder,
                                       const spec::Model& model) {
  if (files.list(folder).empty()) {
    return Error{
        ErrorCode::not_found,
        fmt::format("{}: there is no tokenizer; celere train copies the corpus' there", folder),
        {}};
  }
  ASSIGN_OR_RETURN(tokens::Tokenizer tokenizer, tokens::Tokenizer::load(files, folder));
  if (tokenizer.vocabulary() > model.vocab) {
    return bad_input(fmt::format("{}: has {} tokens, the model {} (model.vocab)", folder,
                                 tokenizer.vocabulary(), model.vocab));
  }
  return tokenizer;
}

}  // namespace

Result<LoadedModel> load_model(const checkpoint::Storage& storage, const spec::Catalog& catalog,
                               const LoadOptions& options) {
  const std::string run_file = options.directory.run_file();
  ASSIGN_OR_RETURN(const std::string content, storage.files().read(run_file));
  ASSIGN_OR_RETURN(spec::Run run, spec::parse_run(content, run_file));
  ASSIGN_OR_RETURN(spec::Model model, askable_model(run, catalog));
  ASSIGN_OR_RETURN(Chosen chosen, options.checkpoint.empty() ? newest_checkpoint(storage, options)
                                                             : named_checkpoint(storage, options));
  ASSIGN_OR_RETURN(tokens::Tokenizer tokenizer,
                   tokenizer_of(storage.files(), options.directory.tokenizer(), model));
  const nn::Types types{at::kFloat, at::kFloat};
  auto parameters = std::make_unique<nn::Parameters>(model, types, at::kCPU);
  RETURN_IF_ERROR(nn::load(chosen.checkpoint, model, *parameters, nullptr));
  const nn::kernels::Capability here = nn::kernels::capability_here();
  const nn::kernels::Table* table =
      here == nn::kernels::Capability::plain ? nullptr : &nn::kernels::table_of(here);
  auto decoder =
      std::make_unique<nn::Decoder>(model, *parameters, nn::Ops(types, table), model.context);
  const std::string folder = chosen.checkpoint.folder();
  const std::int64_t step = chosen.checkpoint.manifest().step;
  return LoadedModel{std::move(run),
                     std::move(model),
                     std::move(tokenizer),
                     std::move(parameters),
                     std::move(decoder),
                     folder,
                     step,
                     std::move(chosen.refused)};
}

}  // namespace celere::infer
