#include "train/feeder.hpp"

#include <algorithm>
#include <numeric>

namespace celere::train {
namespace {

constexpr std::size_t ahead = 2;

nn::Batch empty_batch(std::int64_t sequences, std::int64_t length, bool bigrams) {
  const std::int64_t rows = sequences * length;
  nn::Batch batch;
  batch.sequences = sequences;
  batch.length = length;
  batch.tokens = at::empty({rows}, at::kLong);
  batch.targets = at::empty({rows}, at::kLong);
  batch.counted = at::empty({rows}, at::kByte);
  batch.start = at::empty({rows}, at::kInt);
  batch.position = at::empty({rows}, at::kInt);
  if (bigrams) batch.pairs = at::empty({rows}, at::kLong);
  return batch;
}

// The rows of one sample.
void put_sample(nn::Batch& batch, std::int64_t sequence, const std::vector<std::int32_t>& tokens,
                std::int64_t bigrams) {
  const std::int64_t first = sequence * batch.length;
  const std::int32_t* start = batch.start.const_data_ptr<std::int32_t>() + first;
  std::int64_t* token = batch.tokens.mutable_data_ptr<std::int64_t>() + first;
  std::int64_t* target = batch.targets.mutable_data_ptr<std::int64_t>() + first;
  std::int32_t* position = batch.position.mutable_data_ptr<std::int32_t>() + first;
  std::int64_t* pair = bigrams > 0 ? batch.pairs.mutable_data_ptr<std::int64_t>() + first : nullptr;
  for (std::int64_t i = 0; i < batch.length; ++i) {
    const auto at = static_cast<std::size_t>(i);
    token[i] = tokens[at];
    target[i] = tokens[at + 1];
    position[i] = static_cast<std::int32_t>(i) - start[i];
    if (pair != nullptr) {
      pair[i] = nn::pair_row(i == start[i] ? -1 : tokens[at - 1], tokens[at], bigrams);
    }
  }
}

}  // namespace

GlobalBatch make_batch(const tokens::Dataset& dataset, const tokens::Cursor& cursor,
                       StepSamples samples, const BatchCut& cut, std::int64_t bigrams) {
  const std::int64_t length = dataset.options().sequence;
  const auto rows = static_cast<std::size_t>(length);
  const bool alone = cut.replicas == 1 && cut.turns == 1;
  const std::int64_t of_all = cut.replicas * cut.micro_batch;  // one micro-batch of each replica
  std::int64_t turns = (samples.count + of_all - 1) / of_all;
  turns = (turns + cut.turns - 1) / cut.turns * cut.turns;
  GlobalBatch out;
  out.samples = samples;
  std::vector<std::int32_t> tokens(rows + 1);
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    const std::int64_t begin = (turn * cut.replicas + cut.replica) * cut.micro_batch;
    const std::int64_t count =
        alone ? std::min(cut.micro_batch, samples.count - begin) : cut.micro_batch;
    nn::Batch batch = empty_batch(count, length, bigrams > 0);
    for (std::int64_t i = 0; i < count; ++i) {
      std::int32_t* start = batch.start.mutable_data_ptr<std::int32_t>() + i * length;
      std::uint8_t* counted = batch.counted.mutable_data_ptr<std::uint8_t>() + i * length;
      const bool fills_up = begin + i >= samples.count;
      const auto k = static_cast<std::uint64_t>(samples.first + (fills_up ? 0 : begin + i));
      dataset.fill(cursor.number(k), {tokens, {start, rows}, {counted, rows}});
      if (fills_up) std::fill(counted, counted + rows, std::uint8_t{0});
      put_sample(batch, i, tokens, bigrams);
      out.counted += std::accumulate(counted, counted + rows, std::int64_t{0});
    }
    out.micro_batches.push_back(std::move(batch));
  }
  return out;
}

Feeder::Feeder(tokens::Dataset dataset, tokens::Cursor cursor, Steps steps, std::int64_t step,
               const BatchCut& cut, std::int64_t bigrams)
    : dataset_(std::move(dataset)),
      cursor_(std::move(cursor)),
      steps_(std::move(steps)),
      step_(step),
      cut_(cut),
      bigrams_(bigrams),
      thread_([this] { work(); }) {}

Feeder::~Feeder() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Feeder::work() {
  for (; step_ < steps_.total(); ++step_) {
    GlobalBatch batch = make_batch(dataset_, cursor_, steps_.at(step_), cut_, bigrams_);
    batch.step = step_;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stop_ || ready_.size() < ahead; });
    if (stop_) return;
    ready_.push_back(std::move(batch));
    lock.unlock();
    changed_.notify_all();
  }
}

GlobalBatch Feeder::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty(); });
  GlobalBatch batch = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return batch;
}

}  // namespace celere::train
