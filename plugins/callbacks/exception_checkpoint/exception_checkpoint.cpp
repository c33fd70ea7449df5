#include "run_folder.hpp"

#include <dv/callback.hpp>

#include <filesystem>
#include <string>
#include <system_error>

namespace {

/// Saves the run's state when it fails, so that it can go on from there. As Lightning's OnExceptionCheckpoint.
struct ExceptionCheckpoint final : dv::Callback, dv::OnFitStart, dv::OnFitEnd, dv::OnException, dv::OnTeardown {
    std::string dirpath, filename;
    static constexpr auto params =
        dv::schema(dv::p("dirpath", &ExceptionCheckpoint::dirpath, "checkpoints",
                         "folder of the file, seen from the run's folder"),
                   dv::p("filename", &ExceptionCheckpoint::filename, "on_exception", "its name, without .ckpt"));

    void open() override {
        if (filename.empty() || filename.find("..") != std::string::npos ||
            std::filesystem::path(filename).is_absolute()) {
            throw dv::ParameterError("filename", "is '" + filename + "'; give a name inside dirpath");
        }
    }

    void on_fit_start(const dv::RunView& run, dv::Answer&) override {
        armed_ = !run.fast_dev_run();
        host_ = extension<dv_checkpoint_1>(DV_EXT_CHECKPOINT);
        if (!host_)
            throw dv::Error("this host does not write checkpoints (it offers no dv.checkpoint/1); remove the callback");
        path_ = callbacks::in_run_folder(*this, "dirpath", dirpath) / (filename + ".ckpt");
    }
    void on_fit_end(const dv::RunView&, dv::Answer&) override { armed_ = false; }

    void on_exception(const dv::RunView&, dv::Answer&) override {
        if (!armed_) return;
        std::error_code failed;
        std::filesystem::create_directories(path_.parent_path(), failed);
        if (failed)
            throw dv::IoError("cannot make the folder '" + path_.parent_path().string() + "': " + failed.message());
        const std::string text = path_.string();
        dv::detail::check(host, host_->save(host_->self, dv::detail::borrow(text), 0));
        info("the state in which the run failed is in " + text);
    }

    /// A run that ended well needs it no more.
    void on_teardown(const dv::RunView& run, dv::Answer&) override {
        std::error_code ignored;
        if (run.message() == "success" && !path_.empty()) std::filesystem::remove(path_, ignored);
    }

private:
    const dv_checkpoint_1* host_ = nullptr;
    std::filesystem::path path_;
    bool armed_ = false;  // inside fit
};

}  // namespace
DV_COMPONENT(ExceptionCheckpoint, "dvhost.callback.exception_checkpoint", "Saves the run's state when it fails");
