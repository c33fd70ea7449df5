#pragma once
/// Takes values out of a table of a case file; what does not suit becomes a Problem with its place.

#include "manifest/manifest.hpp"
#include "registry/registry.hpp"

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace dvhost::verify {

/// Problems are gathered, not thrown: a value that is missing or wrong is replaced by one that lets reading go on.
class TableReader {
public:
    /// `context` stands in messages: "case G01". The table and all else must outlive this object.
    TableReader(const manifest::Node& table, std::string context, const registry::Registry& plugins,
                std::vector<manifest::Problem>& problems);

    const manifest::Node& table() const { return table_; }
    const std::string& context() const { return context_; }
    const registry::Registry& plugins() const { return plugins_; }
    std::vector<manifest::Problem>& problems() const { return problems_; }

    /// The value under a key that is then known; null when there is none.
    const manifest::Node* find(const std::string& key);
    /// The same, and a problem when there is none; `what` says what belongs there.
    const manifest::Node* need(const std::string& key, const std::string& what);

    std::int64_t integer(const std::string& key, std::int64_t least,
                         std::optional<std::int64_t> fallback = std::nullopt);
    double number(const std::string& key, std::optional<double> fallback = std::nullopt);
    bool flag(const std::string& key, bool fallback);
    std::string word(const std::string& key, const std::vector<std::string>& choices,
                     std::optional<std::string> fallback);
    std::vector<std::int64_t> integers(const std::string& key);
    std::vector<std::string> words(const std::string& key);
    /// Double, on the CPU: a number, nested lists of numbers, or { sin = 1.0, shape = [2, 3] }: sin(1.0 · [0, 1, 2, …]).
    std::optional<at::Tensor> tensor(const std::string& key);
    at::Tensor needed_tensor(const std::string& key);
    /// A component's table, checked; `iface` is "dv.loss". An empty table when there is a problem.
    manifest::Node component(const std::string& key, const std::string& iface);

    void problem(const manifest::Source& where, const std::string& message) const;
    /// After everything has been taken: what nobody asked for is a problem.
    void finish() const;

private:
    const manifest::Node& table_;
    std::string context_;
    const registry::Registry& plugins_;
    std::vector<manifest::Problem>& problems_;
    std::vector<std::string> known_;
};

/// The table as a component's, checked against the plugins; problems are gathered. Empty when there are any.
manifest::Node checked_component(const manifest::Node& table, const std::string& iface, const std::string& context,
                                 const registry::Registry& plugins, std::vector<manifest::Problem>& problems);

}  // namespace dvhost::verify
