#pragma once
/// Names of checkpoint files, out of a template like "{epoch:02d}-{val/loss:.2f}".

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace checkpoint {

/// epoch and step are whole numbers, metrics are not.
using FieldValue = std::variant<std::int64_t, double>;
/// The value of a field; nothing when there is no metric of that name.
using Lookup = std::function<std::optional<FieldValue>(std::string_view name)>;

/// A field is {name} or {name:format}; a format is Python's and printf's: [0][width][.precision][d|e|f|g].
class NameTemplate {
public:
    enum class Fields {
        value,       ///< {epoch} becomes 3
        name_value,  ///< {epoch} becomes epoch=3
    };

    /// Throws std::invalid_argument that says what is wrong.
    NameTemplate(std::string_view text, Fields fields);

    /// The name, without an extension. A field without a value is 0.
    std::string fill(const Lookup& lookup) const;

private:
    struct Format {
        int width = 0, precision = -1;
        bool zero_fill = false;
        char type = 0;  // d e f g; 0: the value's own form
    };
    struct Part {
        std::string text;  // a field's name, or what stands between fields
        bool is_field = false;
        Format format;
    };
    static Format parse_format(std::string_view text, std::string_view field);
    static std::string formatted(const FieldValue& value, const Format& format);

    std::vector<Part> parts_;
    Fields fields_;
};

/// Of a file that must lie in dirpath. Throws dv::ParameterError naming `parameter`.
NameTemplate name_template(const std::string& parameter, const std::string& text, NameTemplate::Fields fields);

}  // namespace checkpoint
