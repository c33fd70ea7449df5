#pragma once
/// What a case gives, what it should give, and how far apart they may be.

#include "manifest/node.hpp"

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::verify {

/// One value after the other; nothing where there was none ("absent").
using Values = std::vector<std::optional<double>>;

/// All elements, in order.
Values values_of(const at::Tensor& tensor);

/// What a case gave, by name, in the order in which it was found.
class Findings {
public:
    void add(std::string name, Values values) { found_.emplace_back(std::move(name), std::move(values)); }
    void add(std::string name, const at::Tensor& tensor) { add(std::move(name), values_of(tensor)); }
    void add(std::string name, double value) { add(std::move(name), Values{value}); }
    const Values* find(std::string_view name) const;
    std::vector<std::string> names() const;

private:
    std::vector<std::pair<std::string, Values>> found_;
};

/// A number as it stands in a case file.
struct Written {
    double value = 0.0;
    double unit = 0.0;  ///< of its last digit; 0: it was written without a point
    bool absent = false;
};

struct Expected {
    std::string name;
    manifest::Source where;
    std::vector<Written> values;
};

enum class Precision { double_, single };

/// How far a value may be from what is written: `relative` · |written| + `absolute`. For what a case does not say: in double two units
/// of the last digit (1e-12 relative for a number without a point), in single 1e-4 relative and 1e-5 absolute.
struct Bound {
    std::optional<double> relative, absolute;
};
struct Tolerance {
    Bound in_double, in_single;
    double of(const Written& written, Precision precision) const;
};
/// By name of the value; "*" for all that are not named.
using Tolerances = std::map<std::string, Tolerance>;

/// The first value that is not as expected.
struct Divergence {
    std::string name;
    std::size_t index = 0;
    std::optional<double> expected, found;  ///< nothing: absent
    double tolerance = 0.0;
};

/// One case, computed in one way, held against what it should give.
struct Outcome {
    std::string plan;  ///< empty when there is only one way
    std::size_t n_values = 0;
    double worst = 0.0;  ///< largest distance as a share of its tolerance
    std::optional<Divergence> divergence;
    std::string error;  ///< what kept it from being computed or compared; empty otherwise
    bool passed() const { return !divergence && error.empty(); }
};

Outcome compare(const Findings& found, const std::vector<Expected>& expected, const Tolerances& tolerances,
                Precision precision);

}  // namespace dvhost::verify
