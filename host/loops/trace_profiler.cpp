#include "loops/trace_profiler.hpp"

#include <dv/error.hpp>

#include <ATen/record_function.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <cstdio>
#include <fstream>
#include <set>

namespace dvhost::loops {

namespace {

constexpr std::size_t kMostActions = 2'000'000;  // 48 MB; a file of a few hundred

std::string json_text(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) {
            out += c;
        } else {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
            out += code;
        }
    }
    return out + "\"";
}

/// "[Callback]" of "[Callback]early_stopping.on_train_start"; "loop" without such.
std::string category(const std::string& name) {
    const std::size_t end = name.find(']');
    return name.starts_with('[') && end != std::string::npos ? name.substr(1, end - 1) : "loop";
}

}  // namespace

/// Kineto for a few steps. What goes wrong in it is a warning, never the end of a run.
class TraceProfiler::Operators {
public:
    explicit Operators(const TraceOptions& options) : options_(options) {}
    /// A recording that nobody ended is dropped.
    ~Operators() {
        close_scopes();
        if (state_ == State::recording) attempt([&] { torch::autograd::profiler::disableProfiler(); });
    }

    /// A step begins.
    void step() {
        ++n_steps_;
        const std::int64_t first = options_.from_first_step ? 1 : 3;
        if (state_ == State::waiting && n_steps_ == first - 1) attempt([&] { prepare(); });
        if (state_ == State::waiting && n_steps_ == first) attempt([&] { start(); });
        if (state_ == State::recording && n_steps_ == first + kRecorded) save();
    }
    /// Scopes are recorded with the operators in them.
    void open(const std::string& name) {
        scopes_.emplace_back();
        if (state_ != State::recording) return;
        scopes_.back() = std::make_unique<at::RecordFunction>(at::RecordScope::USER_SCOPE);
        if (scopes_.back()->isActive()) scopes_.back()->before(name);
    }
    void close() noexcept { scopes_.pop_back(); }

    void finish() {
        if (state_ == State::recording) save();
        if (state_ == State::waiting) {
            options_.warn("no operators were traced: the run had " + std::to_string(n_steps_) + " steps, and the first two are let pass");
        }
        state_ = State::over;
    }

private:
    static constexpr std::int64_t kRecorded = 3;
    enum class State { waiting, recording, over };

    static torch::profiler::impl::ProfilerConfig config() {
        return torch::profiler::impl::ProfilerConfig(torch::profiler::impl::ProfilerState::KINETO);
    }
    static std::set<torch::profiler::impl::ActivityType> activities() { return {torch::profiler::impl::ActivityType::CPU}; }

    void prepare() {
        torch::autograd::profiler::prepareProfiler(config(), activities());
        is_prepared_ = true;
    }
    void start() {
        if (!is_prepared_) prepare();
        torch::autograd::profiler::enableProfiler(config(), activities());
        state_ = State::recording;
    }
    void save() {
        state_ = State::over;
        close_scopes();
        attempt([&] {
            const auto result = torch::autograd::profiler::disableProfiler();
            result->save(options_.operators.string());
        });
    }
    /// What is open must not end after the recording: it would write to what is gone.
    void close_scopes() noexcept {
        for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) scope->reset();
    }
    template <class Function>
    void attempt(const Function& function) noexcept {
        try {
            function();
        } catch (const std::exception& error) {
            state_ = State::over;
            options_.warn(std::string("LibTorch's operators are not traced: ") + error.what());
        }
    }

    const TraceOptions& options_;
    State state_ = State::waiting;
    bool is_prepared_ = false;
    std::int64_t n_steps_ = 0;
    std::vector<std::unique_ptr<at::RecordFunction>> scopes_;
};

TraceProfiler::TraceProfiler(const ProfiledParts& parts, TraceOptions options)
    : TimeProfiler(parts), options_(std::move(options)), operators_(std::make_unique<Operators>(options_)) {}

TraceProfiler::~TraceProfiler() = default;

void TraceProfiler::begin(Action action) {
    if (action == options_.step) operators_->step();
    operators_->open(name(action));
    TimeProfiler::begin(action);
}

void TraceProfiler::end() noexcept {
    const Open scope = open().back();
    TimeProfiler::end();
    operators_->close();
    if (done_.size() < kMostActions) {
        done_.push_back({scope.action, scope.start, now_ns() - scope.start});
    } else {
        ++left_out_;
    }
}

void TraceProfiler::finish() {
    operators_->finish();
    write_actions();
}

void TraceProfiler::write_actions() const {
    std::ofstream out(options_.actions, std::ios::binary);
    out << "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"actions_left_out\":" << left_out_ << "},\"traceEvents\":[\n"
        << R"({"ph":"M","name":"process_name","pid":1,"tid":1,"args":{"name":"dvhost"}},)" << "\n"
        << R"({"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"training"}})";
    std::vector<std::string> heads;
    for (Action a = 0; a < n_actions(); ++a) {
        heads.push_back(",\n{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"name\":" + json_text(name(a)) + ",\"cat\":" + json_text(category(name(a))));
    }
    char times[96];
    for (const Done& d : done_) {
        std::snprintf(times, sizeof times, ",\"ts\":%.3f,\"dur\":%.3f}", static_cast<double>(d.start - begun_at()) * 1e-3,
                      static_cast<double>(d.duration) * 1e-3);
        out << heads[d.action] << times;
    }
    out << "\n]}\n";
    out.close();
    if (!out) throw dv::IoError("cannot write " + options_.actions.string() + ": is the disk full?");
}

}  // namespace dvhost::loops
