#pragma once
/// One half of Fashion-MNIST: images and labels of the training or the test set.

#include "idx.hpp"

#include <cstdint>
#include <filesystem>
#include <future>
#include <span>
#include <string>
#include <vector>

namespace dv::fashion_mnist {

inline constexpr std::int64_t kSide = 28;
inline constexpr std::int64_t kPixels = kSide * kSide;
inline constexpr std::int64_t kClasses = 10;

/// Labels are read at once, images in the background: whoever needs the first one waits for them.
class LabelledImages {
public:
    /// Nothing.
    LabelledImages() = default;
    /// Opens `folder`/`prefix`-images-idx3-ubyte[.gz] and -labels-idx1-ubyte[.gz]. Throws IoError for a missing file, sizes that
    /// do not belong to Fashion-MNIST, unequal counts, and labels above 9.
    LabelledImages(const std::filesystem::path& folder, const std::string& prefix);

    std::int64_t size() const { return static_cast<std::int64_t>(labels_.size()); }
    std::uint8_t label(std::int64_t i) const { return labels_[static_cast<std::size_t>(i)]; }
    /// kPixels values, row by row, 0 black to 255 white. [any] Throws IoError when the images turn out to be damaged.
    std::span<const std::uint8_t> image(std::int64_t i) const {
        return images_.get().values().subspan(static_cast<std::size_t>(i * kPixels), kPixels);
    }

private:
    std::vector<std::uint8_t> labels_;
    std::shared_future<IdxFile> images_;
};

}  // namespace dv::fashion_mnist
