// Which checkpoints are trusted, and what bad numbers do.
//
// A loss that is not finite may come of the hardware, so the same steps are done again once; what
// then comes again at the same step is of the data and the weights, and its batch is skipped, as in
// PaLM [Chowdhery et al. 2022, section 5.1: from a checkpoint before, without those batches].
// A spike mostly heals by itself (BLOOM-176B's gradient norm went from 0.24 to 960 and was back in
// some 30 steps), and a roll back costs more than that: only one that does not heal is rolled back,
// to before it began. Leaves out: skipping hundreds of batches, and lower learning rates, which
// change what is trained more than a program should by itself.
#include <algorithm>

#include "policy/decision.hpp"

namespace celere::policy {

inline constexpr std::size_t commits_remembered = 64;

std::vector<Step> needed_commits(const Memory& memory) {
  std::vector<Step> out;
  const auto need = [&](Step bound) {  // the newest up to there; where there is none, the beginning
    const auto after = std::ranges::upper_bound(memory.commits, bound);
    if (after != memory.commits.begin()) out.push_back(*std::prev(after));
  };
  need(memory.clean);
  if (memory.spike_step) need(*memory.spike_step - 1);
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

// Those before the first that is needed; and where no check is made, all but a few.
void Decision::forget_old_commits() {
  const std::vector<Step> needed = needed_commits(m_);
  const Step first = needed.empty() ? 0 : needed.front();
  std::erase_if(m_.commits, [&](Step step) { return step < first; });
  if (m_.commits.size() <= commits_remembered) return;
  const auto forgotten = std::ranges::find_if(
      m_.commits, [&](Step step) { return !std::ranges::binary_search(needed, step); });
  m_.commits.erase(forgotten);
}

// A checkpoint of any step that was done behind it may lie on the disk, though nobody lived to say
// that it was committed.
void Decision::roll_back_to(Step step, Step seen) {
  const Step furthest = std::max(m_.best, seen);
  if (furthest > step) m_.distrusted = std::max(m_.distrusted.value_or(0), furthest);
  std::erase_if(m_.commits, [&](Step other) { return other > step; });
  m_.clean = std::min(m_.clean, step);
  m_.rolling_back = true;
  if (m_.spike_step && *m_.spike_step > step) m_.spike_step.reset();
}

void Decision::on(const CheckpointCommitted& event) {
  m_.saves_failed = 0;
  const Step newest = m_.commits.empty() ? 0 : m_.commits.back();
  const bool trained = lives() && (m_.present.stepped || m_.present.regrouped);
  // One of before a roll back: it was on its way, or a new supervisor found it on the disk.
  const bool old = m_.rolling_back || (m_.distrusted && event.step <= *m_.distrusted && !trained);
  if (old && event.step > newest) {
    m_.distrusted = std::max(m_.distrusted.value_or(0), event.step);
    return;
  }
  const auto place = std::ranges::lower_bound(m_.commits, event.step);
  if (place == m_.commits.end() || *place != event.step) m_.commits.insert(place, event.step);
  if (m_.distrusted && event.step >= *m_.distrusted) m_.distrusted.reset();
  forget_old_commits();
  m_.present.save_asked = false;
  if (const std::optional<Why> why = why_move()) {
    kill(Why("{}, and all is saved: goes there", *why));
  }
}

void Decision::on(const CheckpointFailed& event) {
  ++m_.saves_failed;
  m_.present.save_asked = false;
  std::string why =
      fmt::format("the checkpoint of step {} failed; the training goes on", event.step);
  if (m_.saves_failed >= settings_.saves_failed) {
    why =
        fmt::format("ATTENTION: {} checkpoints in a row failed, the newest good one is of step {}",
                    m_.saves_failed, m_.commits.empty() ? 0 : m_.commits.back());
  }
  act(Note{}, why);
}

void Decision::on(const CleanCheck& event) {
  if (!is_present(event.generation) || m_.phase != Phase::training) return;
  m_.clean = std::max(m_.clean, event.step);
  forget_old_commits();
}

void Decision::on(const BadNumbers& event) {
  if (!is_present(event.generation) || (!lives() && m_.phase != Phase::stopping)) return;
  switch (event.kind) {
    case Sick::not_finite:
      return on_not_finite(event);
    case Sick::spike:
      return on_spike(event);
    case Sick::mismatch:
      return on_mismatch(event);
  }
}

bool Decision::skip(Step step) {
  if (std::ssize(m_.skipped) >= settings_.skips) return false;
  const auto place = std::ranges::lower_bound(m_.skipped, step);
  if (place == m_.skipped.end() || *place != step) m_.skipped.insert(place, step);
  return true;
}

void Decision::on_not_finite(const BadNumbers& event) {
  const std::string what = fmt::format("loss or gradient of step {} is not finite", event.step);
  if (saving_to_stop()) {
    m_.present.failed = true;
    return kill(what + " while saving to stop: ends without");
  }
  if (!lives()) return;
  if (m_.bad_step != event.step) {
    m_.bad_step = event.step;
    fail({}, what + " for the first time: it is tried again");
    if (event.node) blame(*event.node);
    return;
  }
  if (skip(event.step)) return fail({}, what + " again: its batch is skipped");
  m_.give_up =
      fmt::format("{} again, and all {} batches that may be skipped are", what, settings_.skips);
  fail({}, m_.give_up);
}

void Decision::on_spike(const BadNumbers& event) {
  if (!lives()) return;
  const Step heals = settings_.spike_heals;
  const bool known = m_.spike_step && event.step >= *m_.spike_step;
  if (known && event.step <= *m_.spike_step + heals) return;
  const bool lasts = known && event.step <= *m_.spike_step + 2 * heals;
  if (!lasts) {
    m_.spike_step = event.step;
    act(Note{}, fmt::format("the loss spikes at step {}: it may heal by itself", event.step));
    return;
  }
  const Step began = *m_.spike_step;
  m_.spike_step.reset();
  if (!skip(began)) {
    act(Note{}, fmt::format("ATTENTION: the spike of step {} lasts, and all {} batches that may be "
                            "skipped are",
                            began, settings_.skips));
    return;
  }
  Step before = 0;
  for (const Step step : m_.commits) {
    if (step < began) before = step;
  }
  roll_back_to(before, event.step);
  fail({}, fmt::format("the spike of step {} lasts: back to before it, without its batch", began));
}

void Decision::on_mismatch(const BadNumbers& event) {
  std::string why = fmt::format("at step {} numbers differ that should be equal", event.step);
  if (event.node) {
    NodeMemory& it = m_.nodes[*event.node];
    why += fmt::format(": node {} computes wrongly", *event.node);
    if (!it.drained) {
      it.drained = true;
      index_.changed(*event.node);
      act(Drain{*event.node}, why);
    }
  }
  Step to = 0;
  for (const Step step : m_.commits) {
    if (step <= m_.clean) to = step;
  }
  roll_back_to(to, event.step);
  if (lives())
    return fail({}, fmt::format("{}; back to step {}, the last known to be right", why, to));
  if (saving_to_stop()) {
    m_.present.failed = true;
    kill(why + ": what is being saved is not to be trusted");
  }
}

}  // namespace celere::policy
