#pragma once
/// Errors that a person can put right. They say what was expected, what was found, where, and what would do.
/// They are exceptions inside C++ only: the SDK turns them into a status and a text before they could cross the door.

#include <dv/abi.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace dv {

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
    /// The status that stands for this error at the door.
    virtual dv_status code() const noexcept { return DV_FAILED; }
};

/// A parameter whose value only the component itself could check; thrown from open() or build().
struct ParameterError : Error {
    ParameterError(std::string name, const std::string& problem)
        : Error("'" + name + "' " + problem), parameter(std::move(name)) {}
    dv_status code() const noexcept override { return DV_BAD_PARAMETER; }
    std::string parameter;
};

/// A file or a directory that could not be read or written.
struct IoError : Error {
    using Error::Error;
    dv_status code() const noexcept override { return DV_IO; }
};

/// Another component, called through the door, reported a failure.
struct ComponentError : Error {
    ComponentError(dv_status reported, std::string plugin_id, std::string component_id, std::string hook_name,
                   std::string message)
        : Error(component_id + " (plugin " + plugin_id + ") failed in " + hook_name + ": " + message),
          status(reported), plugin(std::move(plugin_id)), component(std::move(component_id)),
          hook(std::move(hook_name)), text(std::move(message)) {}
    dv_status code() const noexcept override { return status; }
    dv_status status;
    std::string plugin, component, hook, text;
};

}  // namespace dv
