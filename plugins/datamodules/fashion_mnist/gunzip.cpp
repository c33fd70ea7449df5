#include "gunzip.hpp"

#include <zlib.h>

#if defined(DV_HAVE_LIBDEFLATE)
#include <libdeflate.h>
#endif

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

namespace dv::fashion_mnist {

namespace {

constexpr int kGzip = 16 + MAX_WBITS;  // of inflateInit2: a gzip header and trailer, not zlib's

struct InflateEnd {
    void operator()(z_stream* stream) const {
        inflateEnd(stream);
        delete stream;
    }
};

uInt at_most_4_gib(std::size_t n) {
    return static_cast<uInt>(std::min<std::size_t>(n, std::numeric_limits<uInt>::max()));
}

/// By zlib, which can stop anywhere and says what is wrong.
Gunzip inflate_all(std::span<const std::uint8_t> file, std::span<std::uint8_t> out) {
    std::unique_ptr<z_stream, InflateEnd> stream(new z_stream{});
    if (inflateInit2(stream.get(), kGzip) != Z_OK) throw std::bad_alloc();

    Gunzip result;
    while (true) {
        stream->next_in = const_cast<Bytef*>(file.data() + result.n_read);
        stream->avail_in = at_most_4_gib(file.size() - result.n_read);
        stream->next_out = out.data() + result.n_written;
        stream->avail_out = at_most_4_gib(out.size() - result.n_written);
        const int status = inflate(stream.get(), Z_NO_FLUSH);
        result.n_read = static_cast<std::size_t>(stream->next_in - file.data());
        result.n_written = static_cast<std::size_t>(stream->next_out - out.data());
        if (status == Z_STREAM_END) return result;
        if (status == Z_MEM_ERROR) throw std::bad_alloc();
        if (status != Z_OK && status != Z_BUF_ERROR) {
            result.end = Gunzip::End::corrupt;
            result.reason = stream->msg ? stream->msg : "not deflated data";
            return result;
        }
        if (result.n_written == out.size()) {
            result.end = Gunzip::End::full;
            return result;
        }
        if (result.n_read == file.size()) {
            result.end = Gunzip::End::cut;
            return result;
        }
    }
}

#if defined(DV_HAVE_LIBDEFLATE)
struct FreeDecompressor {
    void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

/// By libdeflate, which is about twice as fast. False when anything is wrong.
bool decompress_whole(std::span<const std::uint8_t> file, std::span<std::uint8_t> out, Gunzip& result) {
    const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> decompressor(libdeflate_alloc_decompressor());
    return decompressor &&
           libdeflate_gzip_decompress_ex(decompressor.get(), file.data(), file.size(), out.data(), out.size(),
                                         &result.n_read, &result.n_written) == LIBDEFLATE_SUCCESS;
}
#else
bool decompress_whole(std::span<const std::uint8_t>, std::span<std::uint8_t>, Gunzip&) { return false; }
#endif

}  // namespace

bool is_gzip(std::span<const std::uint8_t> file) { return file.size() >= 2 && file[0] == 0x1f && file[1] == 0x8b; }

Gunzip gunzip(std::span<const std::uint8_t> file, std::span<std::uint8_t> out) {
    Gunzip result;
    if (decompress_whole(file, out, result)) return result;
    return inflate_all(file, out);
}

Gunzip gunzip_head(std::span<const std::uint8_t> file, std::span<std::uint8_t> out) { return inflate_all(file, out); }

}  // namespace dv::fashion_mnist
