#include <dv/testing/handles.hpp>

#include <algorithm>
#include <stdexcept>

namespace dv::testing {

std::optional<double> AnswerLog::value(std::string_view name) const {
    const auto found = std::find_if(logged.rbegin(), logged.rend(), [&](const auto& m) { return m.first == name; });
    return found == logged.rend() ? std::nullopt : std::optional(found->second);
}

namespace {

/// Whether values may be logged in a phase at all: not around a fit, nor at the end of an evaluation or of training, when values
/// have been averaged already, nor while predicting, nor around checkpoints.
bool allows_logging(std::uint32_t phase) {
    constexpr dv_phase kForbidden[] = {DV_SETUP,
                                       DV_FIT_START,
                                       DV_SANITY_CHECK_START,
                                       DV_SANITY_CHECK_END,
                                       DV_VALIDATION_END,
                                       DV_TEST_END,
                                       DV_PREDICT_START,
                                       DV_PREDICT_EPOCH_START,
                                       DV_PREDICT_BATCH_START,
                                       DV_PREDICT_BATCH_END,
                                       DV_PREDICT_EPOCH_END,
                                       DV_PREDICT_END,
                                       DV_TRAIN_END,
                                       DV_FIT_END,
                                       DV_EXCEPTION,
                                       DV_TEARDOWN,
                                       DV_SAVE_CHECKPOINT,
                                       DV_CHECKPOINT_TAKEN,
                                       DV_LOAD_CHECKPOINT};
    return std::ranges::find(kForbidden, static_cast<dv_phase>(phase)) == std::end(kForbidden);
}

std::optional<bool> tristate(std::int32_t value) { return value < 0 ? std::nullopt : std::optional(value != 0); }

}  // namespace

struct AnswerSink::Table {
    static AnswerSink& of(void* self) { return *static_cast<AnswerSink*>(self); }

    static void log(void* self, dv_str name, double value) {
        if (of(self).may_log(detail::view(name))) of(self).log_.logged.emplace_back(detail::view(name), value);
    }
    static dv_status log_with(void* self, dv_str name, double value, const dv_log_options* o) {
        if (!of(self).may_log(detail::view(name))) return DV_BAD_PARAMETER;
        LogOptions options{.on_step = tristate(o->on_step),
                           .on_epoch = tristate(o->on_epoch),
                           .prog_bar = o->prog_bar != 0,
                           .logger = o->logger != 0,
                           .reduce = static_cast<LogReduce>(o->reduce)};
        if (o->batch_size >= 0) options.batch_size = o->batch_size;
        of(self).log_.options.insert_or_assign(std::string(detail::view(name)), options);
        of(self).log_.logged.emplace_back(detail::view(name), value);
        return DV_OK;
    }
    static void stop(void* self, dv_str reason) {
        auto& first = of(self).log_.stop_reason;
        if (!first) first = std::string(detail::view(reason));
    }
    static void text(void* self, dv_str name, dv_str text) {
        of(self).log_.texts.emplace_back(detail::view(name), detail::view(text));
    }
    static void image(void* self, dv_str name, const dv_image* image) {
        of(self).log_.images.push_back({std::string(detail::view(name)), std::string(detail::view(image->png)),
                                        image->channels, image->width, image->height});
    }
    static void histogram(void* self, dv_str name, const dv_histogram* h) {
        of(self).log_.histograms.push_back({std::string(detail::view(name)),
                                            {h->limits, h->limits + h->n_buckets},
                                            {h->counts, h->counts + h->n_buckets},
                                            h->min,
                                            h->max,
                                            h->sum,
                                            h->sum_squares,
                                            h->count});
    }
    static void skip_epoch(void* self) { of(self).log_.skips_epoch = true; }
};

AnswerSink::AnswerSink(std::uint32_t phase)
    : phase_(phase), door_{sizeof(dv_answer),
                           0,
                           this,
                           &Table::log,
                           &Table::stop,
                           &Table::log_with,
                           &Table::text,
                           &Table::image,
                           &Table::histogram,
                           &Table::skip_epoch} {}

bool AnswerSink::may_log(std::string_view name) {
    if (allows_logging(phase_)) return true;
    log_.misplaced.emplace_back(name);
    return false;
}

struct StateSink::Table {
    static StateSink& of(void* self) { return *static_cast<StateSink*>(self); }

    static void put_none(void*, dv_str) {}
    static void put_bool(void* self, dv_str key, std::int32_t value) { of(self).put(key, value != 0); }
    static void put_int(void* self, dv_str key, std::int64_t value) { of(self).put(key, value); }
    static void put_float(void* self, dv_str key, double value) { of(self).put(key, value); }
    static void put_string(void* self, dv_str key, dv_str value) { of(self).put(key, detail::view(value)); }
    static void begin_table(void* self, dv_str key) { of(self).open_.emplace_back(detail::view(key), Config()); }
    static void end_table(void* self) {
        auto& open = of(self).open_;
        if (open.size() < 2) return;
        auto [key, table] = std::move(open.back());
        open.pop_back();
        open.back().second.set(key, std::move(table));
    }
};

StateSink::StateSink()
    : door_{sizeof(dv_state_out),
            0,
            this,
            &Table::put_none,
            &Table::put_bool,
            &Table::put_int,
            &Table::put_float,
            &Table::put_string,
            &Table::begin_table,
            &Table::end_table} {}

void StateSink::put(dv_str key, Value value) { open_.back().second.set(detail::view(key), std::move(value)); }

Config StateSink::take() {
    if (open_.size() != 1) throw std::logic_error("the table '" + open_.back().first + "' was begun and not ended");
    return std::move(open_.front().second);
}

}  // namespace dv::testing
