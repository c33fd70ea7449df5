#include "sender.hpp"

#include "wire/config_json.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <random>
#include <system_error>

namespace mlflow {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kGather = 500;  // entities that make a request worth sending

void append(Batch& to, Batch&& from) {
    const auto move_all = [](auto& into, auto& out) {
        into.insert(into.end(), std::make_move_iterator(out.begin()), std::make_move_iterator(out.end()));
    };
    move_all(to.metrics, from.metrics);
    move_all(to.params, from.params);
    move_all(to.tags, from.tags);
}

/// The first half and the second one.
template <class T>
std::pair<std::vector<T>, std::vector<T>> halves(const std::vector<T>& all) {
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    return {{all.begin(), middle}, {middle, all.end()}};
}

std::pair<Batch, Batch> split(const Batch& batch) {
    if (!batch.params.empty() && !batch.metrics.empty())
        return {{batch.metrics, {}, {}}, {{}, batch.params, batch.tags}};
    const auto [metrics_a, metrics_b] = halves(batch.metrics);
    const auto [params_a, params_b] = halves(batch.params);
    const auto [tags_a, tags_b] = halves(batch.tags);
    return {{metrics_a, params_a, tags_a}, {metrics_b, params_b, tags_b}};
}

std::string line_of(const Batch& batch) {
    std::string out;
    for (const Metric& m : batch.metrics) {
        line::begin_metrics(out);
        line::put_metric(out, loggers::wire::quoted(m.key), m.value);
        line::end_metrics(out, m.timestamp, m.step);
    }
    return batch.params.empty() ? out : out + line::params(batch.params);
}

}  // namespace

Cursor Cursor::read(const fs::path& path) {
    std::ifstream in(path);
    Cursor out;
    in >> out.bytes >> out.run_id;
    return out;
}

void Cursor::write(const fs::path& path) const {
    const fs::path fresh = path.string() + ".tmp";
    std::ofstream out(fresh, std::ios::trunc);
    out << bytes << ' ' << run_id << '\n' << std::flush;
    std::error_code failed;
    if (out) fs::rename(fresh, path, failed);
    if (!out || failed) throw dv::IoError("cannot write '" + path.string() + "'");
}

Sender::Sender(SenderOptions options, Store& store, Warn warn)
    : options_(std::move(options)), store_(store), warn_(std::move(warn)), cursor_(Cursor::read(options_.cursor)) {
    noticed_ = delivered_ = cursor_.bytes;
    thread_ = std::thread([this] { work(); });
}

Sender::~Sender() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Sender::notice(std::uint64_t bytes) {
    {
        const std::lock_guard lock(mutex_);
        noticed_ = std::max(noticed_, bytes);
    }
    changed_.notify_all();
}

bool Sender::drain(double budget) {
    std::unique_lock lock(mutex_);
    hurried_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::duration<double>(budget), [&] { return closed_ || delivered_ >= noticed_; });
    return delivered_ >= noticed_;
}

std::string Sender::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

void Sender::work() {
    try {
        JournalReader reader(options_.journal, cursor_.bytes);
        bool begun = cursor_.bytes == 0;  // otherwise the line that says so lies behind us
        while (true) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return stopping_ || noticed_ > delivered_; });
            if (stopping_) return;
            lock.unlock();
            if (!begun) deliver(BeginEntry{});
            begun = true;
            deliver_all(reader);
        }
    } catch (const Stopped&) {
        // The destructor wants it.
    } catch (const std::exception& error) {
        set_problem(error.what());
        warn_(std::string(error.what()) + "; nothing more is sent, everything is kept");
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
}

std::optional<Entry> Sender::gather(JournalReader& reader, Batch& batch, std::uint64_t& end) {
    std::string text;
    while (batch.size() < kGather && reader.next(text)) {
        std::optional<Entry> entry;
        try {
            entry = read_line(text);
        } catch (const dv::Error& error) {
            put_aside(text + '\n', error.what());
        }
        if (entry && !std::holds_alternative<Batch>(*entry)) return entry;
        end = reader.offset();
        if (entry) append(batch, std::move(std::get<Batch>(*entry)));
    }
    return std::nullopt;
}

void Sender::deliver_all(JournalReader& reader) {
    while (true) {
        Batch batch;
        std::uint64_t end = reader.offset();
        const std::uint64_t begin = end;
        const std::optional<Entry> other = gather(reader, batch, end);
        if (batch.size() > 0) deliver_batch(batch);
        if (end > begin) advance(end);
        if (!other && end == begin) return;
        if (!other) continue;
        deliver(*other);
        advance(reader.offset());
    }
}

void Sender::deliver(const Entry& entry) {
    if (const auto* begin = std::get_if<BeginEntry>(&entry)) {
        try_until_done([&] {
            try {
                cursor_.run_id = store_.begin(begin->name, begin->time, begin->tags);
            } catch (const Refused& refused) {
                throw Closed(refused.what());  // without a run there is nowhere to send the rest
            }
        });
        Cursor{0, cursor_.run_id}.write(options_.run);
    } else if (const auto* file = std::get_if<FileEntry>(&entry)) {
        try_until_done([&] {
            try {
                store_.upload(file->name, file->path);
            } catch (const Refused& refused) {
                put_aside(line::file(file->name, file->path), refused.what());
            }
        });
    } else if (const auto* end = std::get_if<EndEntry>(&entry)) {
        try_until_done([&] { store_.end(end->status, end->time); });
    }
}

void Sender::deliver_batch(const Batch& batch) {
    bool refused = false;
    std::string reason;
    try_until_done([&] {
        try {
            store_.log(batch);
        } catch (const Refused& error) {
            refused = true;
            reason = error.what();
        }
    });
    if (!refused) return;
    if (batch.size() <= 1) return put_aside(line_of(batch), reason);
    const auto [first, second] = split(batch);  // one that is wrong must not take the others with it
    if (first.size() > 0) deliver_batch(first);
    if (second.size() > 0) deliver_batch(second);
}

template <class Act>
void Sender::try_until_done(Act&& act) {
    while (true) {
        double asked_for = 0;
        try {
            act();
            failures_ = 0;
            set_problem({});
            return;
        } catch (const Away& away) {
            asked_for = away.seconds;
            set_problem(away.what());
            if (failures_ == 0) warn_(std::string(away.what()) + "; tried again, nothing is lost meanwhile");
        }
        ++failures_;
        wait_after_failure(asked_for);
    }
}

void Sender::wait_after_failure(double asked_for) {
    std::random_device random;
    const double most = std::min(options_.longest_wait, options_.first_wait * std::exp2(std::min(failures_ - 1, 20)));
    const double jittered = most * std::uniform_real_distribution<double>(0.1, 1.0)(random);
    const double seconds = std::clamp(asked_for, jittered, std::max(jittered, options_.longest_wait));
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return stopping_ || hurried_; });
    if (stopping_) throw Stopped{};
    if (hurried_) failures_ = 1;  // once: the next wait is a short one again
    hurried_ = false;
}

void Sender::advance(std::uint64_t bytes) {
    cursor_.bytes = bytes;
    cursor_.write(options_.cursor);
    {
        const std::lock_guard lock(mutex_);
        delivered_ = bytes;
    }
    changed_.notify_all();
}

void Sender::put_aside(const std::string& text, const std::string& reason) {
    std::ofstream out(options_.refused, std::ios::app);
    out << "{\"refused\":" << loggers::wire::quoted(reason) << "}\n" << text << std::flush;
    if (!out) throw dv::IoError("cannot write '" + options_.refused.string() + "'");
    if (!std::exchange(said_refused_, true))
        warn_(reason + "; what is refused is kept in '" + options_.refused.string() + "'");
}

void Sender::set_problem(const std::string& text) {
    const std::lock_guard lock(mutex_);
    problem_ = text;
}

}  // namespace mlflow
