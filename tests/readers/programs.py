"""Programs of the system that a test reads our files with. Without one the test is skipped, and says so (ctest: SKIP_RETURN_CODE)."""
import shutil
import sys

SKIPPED = 77


def require(*names, package):
    """The path of the first that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    print(f"SKIPPED: {names[0]} is not installed (Debian: {package})")
    sys.exit(SKIPPED)
