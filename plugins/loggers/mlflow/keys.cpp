#include "keys.hpp"

#include "wire/utf8.hpp"

#include <locale.h>
#include <cwctype>

namespace mlflow {

namespace {

/// Which code points are letters or digits, by the C library's own UTF-8 locale whatever the process's is.
class Letters {
public:
    Letters() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
    ~Letters() {
        if (locale_ != nullptr) ::freelocale(locale_);
    }
    Letters(const Letters&) = delete;
    Letters& operator=(const Letters&) = delete;

    bool holds(std::string_view point) const {
        if (point.size() == 1) return holds_byte(point[0]);
        if (locale_ == nullptr) return false;
        wint_t value = static_cast<unsigned char>(point[0]) & (0x7Fu >> point.size());
        for (const char c : point.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
        const bool mark = value >= 0x300 && value < 0x370;  // accents that stand alone are letters here, not in Python
        return !mark && ::iswalnum_l(value, locale_) != 0;
    }

private:
    static bool holds_byte(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.' || c == ':' || c == ' ';
    }
    locale_t locale_;
};

std::string valid_part(const Letters& letters, std::string_view part) {
    std::string out;
    while (!part.empty()) {
        const std::size_t size = loggers::wire::code_point_size(part);
        const std::string_view point = part.substr(0, size == 0 ? 1 : size);
        out += size != 0 && letters.holds(point) ? point : std::string_view("_");
        part.remove_prefix(point.size());
    }
    return out == ".." ? "__" : out;
}

}  // namespace

std::string valid_key(std::string_view name) {
    const Letters letters;
    std::string out;
    while (!name.empty()) {
        const std::size_t end = std::min(name.find('/'), name.size());
        const std::string part = valid_part(letters, name.substr(0, end));
        name.remove_prefix(std::min(end + 1, name.size()));
        if (part.empty() || part == ".") continue;
        if (!out.empty()) out += '/';
        out += part;
    }
    out = loggers::wire::cut_utf8(out, kLongestKey);
    while (out.ends_with('/')) out.pop_back();
    return out.empty() ? "_" : out;
}

const std::string& Keys::of(std::string_view name) {
    if (const auto found = keys_.find(name); found != keys_.end()) return found->second;
    const std::string wanted = valid_key(name);
    std::string key = wanted;
    for (int i = 2; !taken_.insert(key).second; ++i) {
        const std::string end = '_' + std::to_string(i);
        key = std::string(loggers::wire::cut_utf8(wanted, kLongestKey - end.size())) + end;
    }
    return keys_.emplace(std::string(name), std::move(key)).first->second;
}

}  // namespace mlflow
