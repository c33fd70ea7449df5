"""Holds the interfaces of class torch to sdk/abi/torch-1.golden.

    torch_door_test.py <source root> <layout program> [--write]

--write: the golden becomes what the headers say now; raise kTorchEpoch first, or built plugins will call the wrong slots.
"""
import os
import subprocess
import sys


def main(root, program, *options):
    path = os.path.join(root, "sdk", "abi", "torch-1.golden")
    present = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    if "--write" in options:
        with open(path, "w", encoding="utf-8") as file:
            file.write(present)
    with open(path, encoding="utf-8") as file:
        golden = file.read()
    if golden == present:
        print(f"{present.count('interface ')} interfaces and {present.count('struct ')} structs are as in the golden")
        return 0
    was, now = golden.split("\n"), present.split("\n")
    line = next((i for i, pair in enumerate(zip(was, now)) if pair[0] != pair[1]), min(len(was), len(now)))
    print(f"FAILED: the interfaces of class torch are not those of sdk/abi/torch-1.golden. Line {line + 1}: the golden says "
          f"'{''.join(was[line:line + 1])}', the headers give '{''.join(now[line:line + 1])}'. A change here breaks built plugins: "
          "raise kTorchEpoch in dv/torch/fingerprint.hpp, so that they are refused, then torch_door_test.py --write.")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
