#include "program.hpp"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace dvhost::testing {

namespace {

std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::filesystem::path fresh_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "dvhost-integration-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder: " + name);
    return name;
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const std::filesystem::path& folder,
                 const std::map<std::string, std::string>& environment)
    : out_(folder / ".stdout"), err_(folder / ".stderr") {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_addopen(&actions, 2, err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);

    std::vector<std::string> variables;
    for (char** v = environ; *v != nullptr; ++v) {
        const std::string variable = *v;
        if (!environment.contains(variable.substr(0, variable.find('=')))) variables.push_back(variable);
    }
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    std::vector<char*> env, argv;
    for (std::string& v : variables) env.push_back(v.data());
    std::vector<std::string> copies = words;
    for (std::string& w : copies) argv.push_back(w.data());
    env.push_back(nullptr);
    argv.push_back(nullptr);
    const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), env.data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " + words[0]);
}

Process::~Process() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

void Process::send(int signal) const { kill(pid_, signal); }

bool Process::wait_for_error_text(const std::string& text) const {
    for (int i = 0; i < 6000; ++i) {
        if (contents(err_).find(text) != std::string::npos) return true;
        siginfo_t info{};
        if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

Result Process::wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), contents(out_), contents(err_)};
}

ProgramTest::ProgramTest() : folder(fresh_folder()) {}

ProgramTest::~ProgramTest() {
    std::error_code ignored;  // a test may have taken permissions away
    std::filesystem::remove_all(folder, ignored);
}

std::string ProgramTest::file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << text;
    return name;
}

std::string ProgramTest::tiny() const {
    return file("tiny.toml", R"([run]
name = "tiny"
seed = 7
stages = ["fit", "test"]

[trainer]
max_epochs = 2
log_every_n_steps = 1

[data]
type = "synthetic"
n_train = 64
n_val = 32
n_test = 32
n_classes = 3
height = 8
width = 8
batch_size = 16

[model]
type = "rcnn"
n_timesteps = 3
t_recurrence = 4.0
[[model.layer]]
name = "V1"
conv = { channels = 4, stride = 2 }

[[loss]]
type = "cross_entropy"

[[metric]]
type = "accuracy"

[optimizer]
type = "adam"
lr = 1e-2

[[logger]]
type = "csv"
)");
}

Process ProgramTest::start(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words{DVHOST_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return Process(words, folder, environment);
}

std::string ProgramTest::read(const std::filesystem::path& relative) const { return contents(folder / relative); }

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

}  // namespace dvhost::testing
