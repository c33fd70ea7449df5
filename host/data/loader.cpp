#include "data/loader.hpp"

#include <dv/error.hpp>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

namespace dvhost::data {

std::vector<std::uint32_t> sample_order(std::int64_t n, bool shuffle, std::uint64_t seed, std::int64_t epoch) {
    if (shuffle) {
        return dv::permutation(static_cast<std::uint32_t>(n),
                               dv::Random(seed, 0, static_cast<std::uint32_t>(epoch), dv::Purpose::order));
    }
    std::vector<std::uint32_t> order(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
    return order;
}

namespace {

/// Memory for one batch, used again and again.
struct Slot {
    at::Tensor frames, labels, index;
    std::atomic<std::int64_t> missing{0};  // samples of the current batch not yet written
    std::atomic<std::int64_t> ready{-1};   // the batch that is complete here
};

}  // namespace

/// Samples are handed out as tickets, oldest batch first, across batches: threads never wait at the end of one. A thread whose
/// ticket falls into a batch without a free slot waits for the consumer to release one.
struct Batches::Ring {
    std::shared_ptr<const dv::Source> source;
    dv::DataFacts facts;
    dv::Split split;
    LoaderSettings settings;
    std::int64_t epoch = 0;
    std::vector<std::uint32_t> order;
    std::int64_t first = 0;      // batch to begin with
    std::int64_t n_batches = 0;
    std::int64_t n_samples = 0;  // in these batches

    std::vector<std::unique_ptr<Slot>> slots;
    std::atomic<std::int64_t> ticket{0};
    std::atomic<std::int64_t> released{0};  // batches given back by the consumer
    std::atomic<bool> stop{false};
    std::int64_t delivered = 0;
    std::mutex failure_mutex;
    std::exception_ptr failure;
    std::vector<std::jthread> threads;

    std::int64_t size_of(std::int64_t batch) const {
        return std::min(settings.batch_size, n_samples - batch * settings.batch_size);
    }

    void start() {
        const std::int64_t values = facts.n_frames * facts.channels * facts.height * facts.width;
        ticket = first * settings.batch_size;
        released = first;
        delivered = first;
        const auto n_slots = std::max<std::int64_t>(1, std::min(settings.prefetch + 1, n_batches - first));
        for (std::int64_t i = 0; i < n_slots; ++i) {
            auto slot = std::make_unique<Slot>();
            slot->frames = at::empty(
                {settings.batch_size, facts.n_frames, facts.channels, facts.height, facts.width}, at::kFloat);
            slot->labels = at::empty({settings.batch_size, facts.n_labels}, at::kLong);
            slot->index = at::empty({settings.batch_size}, at::kLong);
            slot->missing = size_of(first_in(i, n_slots));
            slots.push_back(std::move(slot));
        }
        for (std::int64_t i = 0; i < settings.n_threads; ++i) {
            threads.emplace_back([this, values] { work(values); });
        }
    }

    /// The first batch that lies in a slot: batch b lies in slot b mod n_slots.
    std::int64_t first_in(std::int64_t slot, std::int64_t n_slots) const {
        return first + ((slot - first) % n_slots + n_slots) % n_slots;
    }

    void work(std::int64_t values) {
        try {
            for (std::int64_t t = ticket.fetch_add(1); t < n_samples; t = ticket.fetch_add(1)) {
                const std::int64_t batch = t / settings.batch_size;
                if (!wait_for_slot(batch)) return;
                read(t, batch, values);
            }
        } catch (...) {
            const std::lock_guard lock(failure_mutex);
            if (!failure) failure = std::current_exception();
            poison();
        }
    }

    bool wait_for_slot(std::int64_t batch) {
        const auto n_slots = static_cast<std::int64_t>(slots.size());
        for (std::int64_t free = released.load(); batch >= free + n_slots; free = released.load()) {
            if (stop) return false;
            released.wait(free);
        }
        return !stop;
    }

    void read(std::int64_t t, std::int64_t batch, std::int64_t values) {
        Slot& slot = *slots[static_cast<std::size_t>(batch) % slots.size()];
        const std::int64_t row = t - batch * settings.batch_size;
        const std::int64_t sample = order[static_cast<std::size_t>(t)];
        source->read(sample,
                     dv::Random(settings.seed, static_cast<std::uint64_t>(sample), static_cast<std::uint32_t>(epoch),
                                dv::Purpose::augment),
                     {{slot.frames.mutable_data_ptr<float>() + row * values, static_cast<std::size_t>(values)},
                      slot.labels.mutable_data_ptr<std::int64_t>() + row * facts.n_labels});
        slot.index.mutable_data_ptr<std::int64_t>()[row] = sample;
        if (slot.missing.fetch_sub(1) == 1) {
            slot.ready = batch;
            slot.ready.notify_all();
        }
    }

    /// Wakes everybody who waits: nothing more will come.
    void poison() {
        stop = true;
        released.fetch_add(n_batches);
        released.notify_all();
        for (auto& slot : slots) {
            slot->ready = n_batches;
            slot->ready.notify_all();
        }
    }

    void release(std::int64_t batch) {
        const auto n_slots = static_cast<std::int64_t>(slots.size());
        if (batch + n_slots < n_batches) {
            slots[static_cast<std::size_t>(batch % n_slots)]->missing = size_of(batch + n_slots);
        }
        released.fetch_add(1);
        released.notify_all();
    }

    dv::Batch deliver(std::int64_t batch) {
        Slot& slot = *slots[static_cast<std::size_t>(batch) % slots.size()];
        for (std::int64_t ready = slot.ready; ready < batch; ready = slot.ready) slot.ready.wait(ready);
        if (stop) {
            const std::lock_guard lock(failure_mutex);
            std::rethrow_exception(failure);
        }
        const std::int64_t n = size_of(batch);
        dv::Batch out;
        out.frames = dv::Sequence::of(slot.frames.narrow(0, 0, n));
        if (facts.n_classes > 0) {
            out.labels = slot.labels.narrow(0, 0, n);
            if (facts.n_labels == 1) out.labels = out.labels.squeeze(1);
        }
        out.index = slot.index.narrow(0, 0, n);
        out.split = split;
        out.epoch = epoch;
        out.batch_idx = batch;
        return out;
    }
};

Batches::Batches(std::unique_ptr<Ring> ring) : ring_(std::move(ring)) { ring_->start(); }

Batches::~Batches() {
    ring_->poison();
    ring_->threads.clear();  // joins
}

std::optional<dv::Batch> Batches::next() {
    if (ring_->delivered > ring_->first && ring_->delivered <= ring_->n_batches) ring_->release(ring_->delivered - 1);
    if (ring_->delivered >= ring_->n_batches) {
        ring_->delivered = ring_->n_batches + 1;
        return std::nullopt;
    }
    return ring_->deliver(ring_->delivered++);
}

Loader::Loader(std::shared_ptr<const dv::Source> source, const dv::DataFacts& facts, dv::Split split,
               const LoaderSettings& settings)
    : source_(std::move(source)), facts_(facts), split_(split), settings_(settings), n_samples_(source_->size()) {
    const std::int64_t full = n_samples_ / settings_.batch_size;
    const bool tail = !settings_.drop_last && n_samples_ % settings_.batch_size != 0;
    n_batches_ = full + (tail ? 1 : 0);
    if (n_samples_ > 0 && n_batches_ == 0) {
        throw dv::Error("the data has " + std::to_string(n_samples_) + " samples, fewer than one batch of " +
                        std::to_string(settings_.batch_size) + ", and drop_last is on: lower batch_size or turn drop_last off");
    }
}

std::unique_ptr<Batches> Loader::epoch(std::int64_t epoch, std::int64_t limit, std::int64_t first) const {
    auto ring = std::make_unique<Batches::Ring>();
    ring->source = source_;
    ring->facts = facts_;
    ring->split = split_;
    ring->settings = settings_;
    ring->epoch = epoch;
    ring->order = sample_order(n_samples_, settings_.shuffle, settings_.seed, epoch);
    ring->n_batches = std::min(limit, n_batches_);
    ring->first = std::min(first, ring->n_batches);
    ring->n_samples = std::min(n_samples_, ring->n_batches * settings_.batch_size);
    return std::unique_ptr<Batches>(new Batches(std::move(ring)));
}

}  // namespace dvhost::data
