#include "checkpoint/saver.hpp"

#include "checkpoint/atomic_file.hpp"

#include <dv/error.hpp>

#include <ATen/ops/empty_strided.h>
#include <caffe2/serialize/inline_container.h>

#include <cstring>

namespace dvhost::checkpoint {

namespace {

void write_records(AtomicFile& out, const PickleValue& value) {
    const Pickled pickled = pickle(value);
    // The zip writer is never told of a failed write: it would throw from its destructor.
    caffe2::serialize::PyTorchStreamWriter zip([&](const void* data, std::size_t n) {
        out.write(data, n);
        return n;
    });
    zip.writeRecord("data.pkl", pickled.bytes.data(), pickled.bytes.size());
    zip.writeRecord("byteorder", "little", 6);
    for (std::size_t i = 0; i < pickled.storages.size(); ++i) {
        const c10::Storage& storage = pickled.storages[i].storage();
        zip.writeRecord("data/" + std::to_string(i), storage.data(), storage.nbytes());
    }
    zip.writeEndOfFile();
}

/// The same values in memory of its own, on the CPU. Without LibTorch's threads: they belong to the training.
at::Tensor copy_of(const at::Tensor& t) {
    if (!t.is_cpu()) return t.detach().cpu();
    if (!t.is_non_overlapping_and_dense()) return t.detach().clone();
    at::Tensor out = at::empty_strided(t.sizes(), t.strides(), t.options().requires_grad(false));
    if (t.numel() > 0) std::memcpy(out.mutable_data_ptr(), t.const_data_ptr(), static_cast<std::size_t>(t.nbytes()));
    return out;
}

template <class Visit>
void each_tensor(PickleValue& value, const Visit& visit) {
    if (auto* t = std::get_if<at::Tensor>(&value.value)) return visit(*t);
    const auto pairs = [&](PickleValue::Pairs& items) {
        for (auto& [key, held] : items) each_tensor(held, visit);
    };
    if (auto* dict = std::get_if<PickleValue::Dict>(&value.value)) return pairs(dict->items);
    if (auto* dict = std::get_if<PickleValue::OrderedDict>(&value.value)) return pairs(dict->items);
    if (auto* tuple = std::get_if<PickleValue::Tuple>(&value.value)) {
        for (PickleValue& item : tuple->items) each_tensor(item, visit);
    }
    if (auto* list = std::get_if<PickleValue::List>(&value.value)) {
        for (PickleValue& item : *list) each_tensor(item, visit);
    }
}

}  // namespace

void write_file(const std::filesystem::path& file, const PickleValue& value) {
    AtomicFile out(file);
    write_records(out, value);
    out.commit();
}

Saver::Saver(std::function<void()> before_rename) : before_rename_(std::move(before_rename)) {}

Saver::~Saver() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Saver::write(std::filesystem::path file, PickleValue value, const std::vector<at::Tensor>& steady) {
    std::set<const void*> kept;
    for (const at::Tensor& t : steady) {
        if (t.is_cpu()) kept.insert(t.const_data_ptr());
    }
    each_tensor(value, [&](at::Tensor& t) {
        if (!kept.contains(t.const_data_ptr())) t = copy_of(t);
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return jobs_.empty() && !busy_; });
    jobs_.push_back({.file = std::move(file), .value = std::move(value), .lent = std::move(kept)});
    copying_ = true;
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    changed_.notify_all();
}

void Saver::remove(std::filesystem::path file) { add({std::move(file)}); }
void Saver::write_text(std::filesystem::path file, std::string text) { add({.file = std::move(file), .text = std::move(text)}); }

void Saver::add(Job job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    changed_.notify_all();
}

void Saver::wait_copied() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !copying_; });
}

void Saver::drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return jobs_.empty() && !busy_; });
}

std::vector<std::string> Saver::take_failures() {
    const std::lock_guard lock(mutex_);
    return std::exchange(failures_, {});
}

void Saver::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [&] { return closing_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        busy_ = true;
        const bool skip = !job.value && failed_;
        lock.unlock();
        std::optional<std::string> failure;
        try {
            if (!skip) run(job);
        } catch (const std::exception& error) {
            failure = error.what();
        }
        const bool wrote = job.value.has_value();
        job.value.reset();
        lock.lock();
        copying_ = false;
        if (failure) failures_.push_back(*failure);
        if (wrote) failed_ = failure.has_value();
        busy_ = false;
        changed_.notify_all();
    }
}

void Saver::run(Job& job) {
    if (job.text) {
        AtomicFile out(job.file);
        out.write(job.text->data(), job.text->size());
        return out.commit();
    }
    if (!job.value) {
        std::filesystem::remove(job.file);
        return;
    }
    each_tensor(*job.value, [&](at::Tensor& t) {
        if (job.lent.contains(t.const_data_ptr())) t = copy_of(t);
    });
    {
        const std::lock_guard lock(mutex_);
        copying_ = false;
    }
    changed_.notify_all();
    AtomicFile out(job.file);
    write_records(out, *job.value);
    before_rename_();
    out.commit();
}

}  // namespace dvhost::checkpoint
