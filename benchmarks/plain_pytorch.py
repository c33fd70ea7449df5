"""The network and the training of configs/quickstart.toml, in plain PyTorch as one would write it there.

    plain_pytorch.py train --steps N [--threads N]   prints JSON: seconds per step, seconds from the process's start to the first
    plain_pytorch.py score CHECKPOINT                prints JSON: loss and accuracy on the test images with dvhost's weights

Run with the interpreter that tests/readers/environment.py prints. Images come from Debian's dataset-fashion-mnist, or from
$FASHION_MNIST_DIR.
"""
import argparse
import gzip
import json
import math
import os
import time
import warnings

warnings.filterwarnings("ignore", message=".*NumPy.*")

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

FOLDER = os.environ.get("FASHION_MNIST_DIR", "/usr/share/datasets/fashion-mnist")
N_STEPS, DELAY, DT_OVER_TAU, BATCH, LR, TOTAL_STEPS = 6, 2, 0.5, 64, 4e-3, 1876


class Layer(nn.Module):
    """r = (1 - dt/tau) h(t-1) + dt/tau (conv(in) + R h(t-2)), h = relu(r); before step 2 there is no R h."""

    def __init__(self, n_in, n_out, kernel):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride=2, padding=kernel // 2)
        self.recurrence = nn.ModuleDict({"conv": nn.Conv2d(n_out, n_out, kernel, padding=kernel // 2)})

    def forward(self, frame, past):
        drive = self.conv(frame)
        if len(past) >= DELAY:
            drive = drive + self.recurrence["conv"](past[-DELAY])
        before = past[-1] if past else torch.zeros_like(drive)
        past.append(torch.relu((1 - DT_OVER_TAU) * before + DT_OVER_TAU * drive))
        return past[-1]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.V1, self.V2 = Layer(1, 16, 5), Layer(16, 32, 3)
        self.classifier = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(32 * 7 * 7, 10))

    def forward(self, image):
        past1, past2, outputs = [], [], []
        for _ in range(N_STEPS):
            outputs.append(self.classifier(self.V2(self.V1(image, past1), past2)))
        return torch.stack(outputs, 1)


def read_idx(name, header):
    with gzip.open(os.path.join(FOLDER, f"{name}.gz")) as file:
        return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)


def images(split):
    pixels = read_idx(f"{split}-images-idx3-ubyte", 16).view(-1, 1, 28, 28).float() / 255
    return (pixels - 0.286) / 0.353, read_idx(f"{split}-labels-idx1-ubyte", 8).long()


def loss_of(outputs, labels):
    return functional.cross_entropy(outputs.flatten(0, 1), labels.repeat_interleave(N_STEPS))


def seconds_since_process_start():
    with open("/proc/self/stat", encoding="utf-8") as file:
        ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def train(n_steps):
    x, y = images("train")
    torch.manual_seed(42)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / TOTAL_STEPS)))
    order = torch.randperm(len(x))
    seconds, first, loss = [], None, None
    for step in range(n_steps):
        began = time.perf_counter()
        start = step * BATCH % (len(x) - BATCH)
        index = order[start:start + BATCH]
        loss = loss_of(net(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        seconds.append(time.perf_counter() - began)
        first = first or seconds_since_process_start()
    return {"first_step": first, "seconds": seconds, "loss": loss.item()}


@torch.no_grad()
def score(checkpoint):
    weights = torch.load(checkpoint, weights_only=True)["state_dict"]
    net = Net()
    extra = {name for name in weights if name.startswith(("tau_", "n_residual"))}
    net.load_state_dict({name: tensor for name, tensor in weights.items() if name not in extra}, strict=True)
    x, y = images("t10k")
    loss, right = 0.0, 0
    for bx, by in zip(x.split(500), y.split(500)):
        outputs = net(bx)
        loss += loss_of(outputs, by).item() * len(bx)
        right += (outputs.argmax(-1) == by[:, None]).sum().item()
    return {"loss": loss / len(x), "accuracy": right / len(x) / N_STEPS}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["train", "score"])
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(json.dumps(train(arguments.steps) if arguments.what == "train" else score(arguments.checkpoint)))


if __name__ == "__main__":
    main()
