#include "labelled_images.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <system_error>

namespace dv::fashion_mnist {

namespace {

std::filesystem::path find(const std::filesystem::path& folder, const std::string& name) {
    for (const char* ending : {".gz", ""}) {
        std::filesystem::path file = folder / (name + ending);
        std::error_code unreadable;
        if (std::filesystem::exists(file, unreadable)) return file;
    }
    throw IoError((folder / name).string() +
                  ": there is no such file, gzipped (.gz) or plain; install the images with "
                  "`apt-get install dataset-fashion-mnist`, or set `path` to their folder");
}

void expect_labels(const std::filesystem::path& path, std::span<const std::uint8_t> labels) {
    const auto bad = std::find_if(labels.begin(), labels.end(), [](std::uint8_t l) { return l >= kClasses; });
    if (bad == labels.end()) return;
    throw IoError(path.string() + ": label " + std::to_string(bad - labels.begin()) + " is " + std::to_string(*bad) +
                  ", but there are classes 0 to " + std::to_string(kClasses - 1) + " only");
}

}  // namespace

LabelledImages::LabelledImages(const std::filesystem::path& folder, const std::string& prefix) {
    const std::filesystem::path image_path = find(folder, prefix + "-images-idx3-ubyte");
    const std::filesystem::path label_path = find(folder, prefix + "-labels-idx1-ubyte");

    const IdxHeader header = read_idx_header(image_path, 3);
    if (header.sizes[1] != kSide || header.sizes[2] != kSide) {
        throw IoError(image_path.string() + ": its images are " + std::to_string(header.sizes[1]) + " × " +
                      std::to_string(header.sizes[2]) + ", but Fashion-MNIST's are 28 × 28");
    }
    const IdxFile labels = read_idx(label_path, 1);
    if (labels.header.sizes[0] != header.sizes[0]) {
        throw IoError(image_path.string() + ": holds " + std::to_string(header.sizes[0]) + " images, but " +
                      label_path.string() + " holds " + std::to_string(labels.header.sizes[0]) +
                      " labels; they do not belong together");
    }
    if (header.sizes[0] == 0) throw IoError(image_path.string() + ": holds no images");
    expect_labels(label_path, labels.values());
    labels_.assign(labels.values().begin(), labels.values().end());
    images_ = std::async(std::launch::async, [image_path] { return read_idx(image_path, 3); }).share();
}

}  // namespace dv::fashion_mnist
