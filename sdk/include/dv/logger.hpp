#pragma once
/// Kind dv.logger (portable): receives what a run measures.
///
/// Threads: open() and destruction [main]; everything else from the host's io threads, one call at a time, so a logger is
/// written as single-threaded code. Throwing from a hook is reported with plugin, component and hook; after `max_errors` failures in a
/// row (manifest key of the table, default 3) the logger is switched off, training goes on, and the run ends with code 69.
///
/// Surviving `kill -9`: everything is kept by the host until a flush() has succeeded, and what came after that is handed over
/// again by `dvhost logs recover`, to a new object. A logger that says where it stood then continues its output (docs/logging.md):
///
///     std::string position() override { return std::to_string(bytes_safe_); }          // asked after open() and after flush()
///     void open() override {
///         if (const auto at = resume_position()) reopen_and_cut(*at); else start_afresh();
///     }

#include <dv/component.hpp>

#include <optional>
#include <span>
#include <string>

namespace dv {

/// The numbers of one moment.
struct Row {
    std::span<const dv_metric> metrics;  ///< name and value, in the order in which they were logged
    std::int64_t step;                   ///< optimizer steps, 0-based
    std::int64_t epoch;                  ///< 0-based; -1 when the row has none
    double wall_time;                    ///< [s] since 1970-01-01 UTC
};

struct Logger : PortableKind<Logger> {
    static constexpr const char* dv_iface = DV_IFACE_LOGGER;
    static constexpr std::uint32_t dv_iface_version = 1;

    /// One row. The default hands each number to scalar().
    virtual void metrics(const Row& row) {
        for (const dv_metric& m : row.metrics) scalar(detail::view(m.name), m.value, row.step);
    }
    virtual void scalar(std::string_view name, double value, std::int64_t step) { (void)name, (void)value, (void)step; }

    /// The resolved manifest, once, before the first row. `manifest.root` is its top table.
    virtual void hyperparameters(const dv_config& manifest) { (void)manifest; }
    virtual void text(std::string_view name, std::string_view text, std::int64_t step) {
        (void)name, (void)text, (void)step;
    }
    virtual void image(std::string_view name, const dv_image& image, std::int64_t step) {
        (void)name, (void)image, (void)step;
    }
    virtual void histogram(std::string_view name, const dv_histogram& histogram, std::int64_t step) {
        (void)name, (void)histogram, (void)step;
    }
    /// A finished file, for example a checkpoint.
    virtual void artifact(std::string_view name, std::string_view path) { (void)name, (void)path; }
    /// Make durable what has been logged so far.
    virtual void flush() {}
    /// How far the output is safe, after open() and after flush(), as resume_position() is to give it back; empty: this
    /// logger cannot be resumed, and what a kill cut off stays as it is.
    virtual std::string position() { return {}; }
    /// For open(): what position() last gave in the process that was killed, or nothing in an ordinary run.
    std::optional<std::string> resume_position() const {
        const auto* resume = extension<dv_resume_1>(DV_EXT_RESUME);
        if (resume == nullptr) return std::nullopt;
        return std::string(detail::view(resume->position(resume->self)));
    }
    /// This run goes on from a checkpoint, in the folder in which it was: keep the first `from.rows` rows and what belongs to them,
    /// and go on. Before everything else, [main]; so open() must not have thrown away what was there. The default begins anew.
    virtual void resume(const dv_resume& from) { (void)from; }
    /// The last call: outcome is "success", "failed" or "interrupted".
    virtual void finalize(std::string_view outcome) { (void)outcome; }

    template <class C>
    static constexpr const void* dv_vtable() {
        return &dv_table;
    }

private:
    static Logger& of(void* self) { return *static_cast<Logger*>(self); }
    static const dv_logger_1 dv_table;
    std::string position_;  // what dv_table.position lends
};

inline constexpr dv_logger_1 Logger::dv_table{
    sizeof(dv_logger_1),
    0,
    [](void* self, const dv_row* row) noexcept -> dv_status {
        return detail::guard(of(self).host, "metrics", [&] {
            of(self).metrics({{row->metrics, row->n_metrics}, row->step, row->epoch, row->wall_time});
        });
    },
    [](void* self, const dv_config* manifest) noexcept -> dv_status {
        return detail::guard(of(self).host, "hyperparameters", [&] { of(self).hyperparameters(*manifest); });
    },
    [](void* self, dv_str name, dv_str text, std::int64_t step) noexcept -> dv_status {
        return detail::guard(of(self).host, "text",
                             [&] { of(self).text(detail::view(name), detail::view(text), step); });
    },
    [](void* self, dv_str name, dv_str path) noexcept -> dv_status {
        return detail::guard(of(self).host, "artifact",
                             [&] { of(self).artifact(detail::view(name), detail::view(path)); });
    },
    [](void* self) noexcept -> dv_status { return detail::guard(of(self).host, "flush", [&] { of(self).flush(); }); },
    [](void* self, dv_str outcome) noexcept -> dv_status {
        return detail::guard(of(self).host, "finalize", [&] { of(self).finalize(detail::view(outcome)); });
    },
    [](void* self, dv_str name, const dv_image* image, std::int64_t step) noexcept -> dv_status {
        return detail::guard(of(self).host, "image", [&] { of(self).image(detail::view(name), *image, step); });
    },
    [](void* self, dv_str name, const dv_histogram* histogram, std::int64_t step) noexcept -> dv_status {
        return detail::guard(of(self).host, "histogram",
                             [&] { of(self).histogram(detail::view(name), *histogram, step); });
    },
    [](void* self, dv_str* out) noexcept -> dv_status {
        return detail::guard(of(self).host, "position", [&] {
            of(self).position_ = of(self).position();
            *out = detail::borrow(of(self).position_);
        });
    },
    [](void* self, const dv_resume* from) noexcept -> dv_status {
        return detail::guard(of(self).host, "resume", [&] { of(self).resume(*from); });
    },
};

}  // namespace dv
