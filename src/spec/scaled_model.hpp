// The model of a run: its own, an entry of the catalogue, or such an entry with fields replaced:
//
//   [model]
//   use = "grok-1"
//   layers = 4
//   hidden = 256
//   attention = { heads = 8, kv_heads = 2, head_dim = 32 }
//
// Tables are merged key by key, everything else is replaced. What is published of the entry is not
// of the model that comes out. A field that the entry lists as unknown is known where it is given.
#pragma once

#include "base/result.hpp"
#include "spec/catalog.hpp"
#include "spec/run.hpp"

namespace celere::spec {

// Errors: not_found, or bad_input with file, line and key: of the run file where the mistake stands
// in it, and where the entry and the replaced fields do not agree, of both.
Result<Model> model_of(const Run& run, const Catalog& catalog);

}  // namespace celere::spec
