#include <dv/npy.hpp>

#include <dv/error.hpp>

#include <cctype>
#include <cstring>
#include <limits>
#include <optional>

namespace dv::npy {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct KnownType {
    Type type;
    std::size_t size;
    std::string_view name, code;  ///< code: NumPy's, without the byte order
};
constexpr KnownType kTypes[] = {{Type::float32, 4, "float32", "f4"},
                                {Type::float64, 8, "float64", "f8"},
                                {Type::uint8, 1, "uint8", "u1"},
                                {Type::int32, 4, "int32", "i4"},
                                {Type::int64, 8, "int64", "i8"}};

const KnownType& known(Type type) { return kTypes[static_cast<std::size_t>(type)]; }

/// Reads the one Python dict that NumPy writes: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
class DictReader {
public:
    DictReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

    Header read() {
        expect('{');
        while (!accept('}')) {
            const std::string_view key = quoted();
            expect(':');
            if (key == "descr") {
                type_ = type();
            } else if (key == "fortran_order") {
                fortran_ = boolean();
            } else if (key == "shape") {
                shape_ = shape();
            } else {
                fail("has a header with the key '" + std::string(key) + "', which the format does not know");
            }
            if (!accept(',') && !at('}')) fail_at("',' or '}'");
        }
        return header();
    }

private:
    Header header() const {
        if (!type_ || !fortran_ || !shape_) fail("has a header without descr, fortran_order and shape");
        if (*fortran_ && shape_->size() > 1) {
            fail("is stored in Fortran order: save it with np.save(file, np.ascontiguousarray(array))");
        }
        Header out;
        out.type = *type_;
        out.shape = *shape_;
        for (const std::int64_t n : out.shape) {
            const auto by = static_cast<std::size_t>(n);
            if (by != 0 && out.n_values > std::numeric_limits<std::int64_t>::max() / 16 / by) {
                fail("has the shape " + text_of(out.shape) + ", too large to be true");
            }
            out.n_values *= by;
        }
        return out;
    }

    Type type() {
        if (!at('\'') && !at('"'))
            fail("holds records (a structured type): a plain array is expected, " + std::string(kWanted));
        const std::string_view descr = quoted();
        const bool big = !descr.empty() && descr[0] == '>';
        const std::string_view code = descr.empty() ? descr : descr.substr(1);
        for (const KnownType& t : kTypes) {
            if (code != t.code || std::string_view("<|=>").find(descr[0]) == std::string_view::npos) continue;
            if (big && t.size > 1) {
                fail("is big endian ('" + std::string(descr) + "'): save it with array.astype('<" +
                     std::string(t.code) + "')");
            }
            return t.type;
        }
        fail("holds values of type '" + std::string(descr) + "': expected " + kWanted);
    }

    Shape shape() {
        Shape out;
        expect('(');
        while (!accept(')')) {
            out.push_back(integer());
            if (!accept(',') && !at(')')) fail_at("',' or ')'");
        }
        return out;
    }

    bool boolean() {
        skip_blanks();
        for (const bool value : {true, false}) {
            const std::string_view word = value ? "True" : "False";
            if (text_.substr(next_).starts_with(word)) {
                next_ += word.size();
                return value;
            }
        }
        fail_at("True or False");
    }

    std::int64_t integer() {
        skip_blanks();
        const std::size_t begin = next_;
        std::int64_t value = 0;
        for (; next_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[next_])) != 0; ++next_) {
            if (value > (std::numeric_limits<std::int64_t>::max() - 9) / 10)
                fail("has a dimension too large to be true");
            value = value * 10 + (text_[next_] - '0');
        }
        if (next_ == begin) fail_at("a number");
        if (next_ < text_.size() && text_[next_] == 'L') ++next_;  // written by Python 2
        return value;
    }

    std::string_view quoted() {
        skip_blanks();
        const char quote = next_ < text_.size() ? text_[next_] : '\0';
        if (quote != '\'' && quote != '"') fail_at("a quoted word");
        const std::size_t end = text_.find(quote, next_ + 1);
        if (end == std::string_view::npos) fail_at("a closed quotation");
        const std::string_view word = text_.substr(next_ + 1, end - next_ - 1);
        next_ = end + 1;
        return word;
    }

    void skip_blanks() {
        while (next_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[next_])) != 0) ++next_;
    }
    bool at(char c) {
        skip_blanks();
        return next_ < text_.size() && text_[next_] == c;
    }
    bool accept(char c) {
        const bool found = at(c);
        if (found) ++next_;
        return found;
    }
    void expect(char c) {
        if (!accept(c)) fail_at(std::string("'") + c + "'");
    }

    [[noreturn]] void fail_at(const std::string& wanted) const {
        fail("has a damaged header: " + wanted + " expected at its character " + std::to_string(next_ + 1));
    }
    [[noreturn]] void fail(const std::string& what) const { throw IoError(file_ + " " + what); }

    static constexpr const char* kWanted = "float32, float64, uint8, int32 or int64";
    std::string_view text_;
    const std::string& file_;
    std::size_t next_ = 0;
    std::optional<Type> type_;
    std::optional<bool> fortran_;
    std::optional<Shape> shape_;
};

}  // namespace

std::size_t size_of(Type type) { return known(type).size; }
std::string_view name_of(Type type) { return known(type).name; }

std::string text_of(const Shape& shape) {
    std::string out = "[";
    for (const std::int64_t n : shape) out += (out.size() > 1 ? ", " : "") + std::to_string(n);
    return out + "]";
}

Header read_header(std::span<const std::byte> bytes, const std::string& file) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.starts_with("PK\x03\x04"))
        throw IoError(file + " is an .npz archive: save the array by itself, with np.save");
    if (!text.starts_with(kMagic)) throw IoError(file + " is no .npy file: it does not begin with \\x93NUMPY");
    const std::size_t at = kMagic.size();
    const int version = text.size() > at ? static_cast<unsigned char>(text[at]) : 0;
    if (version < 1 || version > 3) {
        throw IoError(file + " is of .npy version " + std::to_string(version) + "; 1, 2 and 3 are read");
    }
    const std::size_t length_size = version == 1 ? 2 : 4, length_at = at + 2;
    if (text.size() < length_at + length_size) throw IoError(file + " ends inside its header");
    std::size_t length = 0;
    for (std::size_t i = 0; i < length_size; ++i) {
        length |= static_cast<std::size_t>(static_cast<unsigned char>(text[length_at + i])) << (8 * i);
    }
    const std::size_t begin = length_at + length_size;
    if (text.size() - begin < length) throw IoError(file + " ends inside its header");
    Header out = DictReader(text.substr(begin, length), file).read();
    out.n_bytes = begin + length;
    return out;
}

}  // namespace dv::npy
