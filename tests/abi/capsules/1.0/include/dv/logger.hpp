#pragma once
/// Kind dv.logger (portable): receives what a run measures.
///
/// Threads: open() and destruction [main]; everything else from the host's one io thread, so a logger is written as
/// single-threaded code. Throwing from a hook is reported with plugin, component and hook; after `max_errors` failures in a
/// row (manifest key of the table, default 3) the logger is switched off, training goes on, and the run ends with code 69.

#include <dv/component.hpp>

#include <span>

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
    /// A finished file, for example a checkpoint.
    virtual void artifact(std::string_view name, std::string_view path) { (void)name, (void)path; }
    /// Make durable what has been logged so far.
    virtual void flush() {}
    /// The last call: outcome is "success", "failed" or "interrupted".
    virtual void finalize(std::string_view outcome) { (void)outcome; }

    template <class C>
    static constexpr const void* dv_vtable() {
        return &dv_table;
    }

private:
    static Logger& of(void* self) { return *static_cast<Logger*>(self); }
    static const dv_logger_1 dv_table;
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
};

}  // namespace dv
