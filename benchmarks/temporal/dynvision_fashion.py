"""One epoch of DyRCNNx2 on Fashion-MNIST by DynVision 0.1.0 with Lightning, as configs/experiments/fashion_dyrcnn_x2.toml has it.

    dynvision_fashion.py --train N --test N --lr RATE --threads N

Prints JSON: test accuracy over all scored time steps, seconds of the training and of the whole process. Images come from Debian's
dataset-fashion-mnist, or from $FASHION_MNIST_DIR.
"""
import time

BEGAN = time.monotonic()

import argparse  # noqa: E402
import gzip  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402

import dynvision_models  # noqa: E402
import pytorch_lightning as pl  # noqa: E402
import torch  # noqa: E402

FOLDER = os.environ.get("FASHION_MNIST_DIR", "/usr/share/datasets/fashion-mnist")
BATCH, TIMESTEPS = 64, 20


def idx(name, header):
    with gzip.open(os.path.join(FOLDER, f"{name}.gz")) as file:
        return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)


def samples(stem, n):
    images = idx(f"{stem}-images-idx3-ubyte", 16).view(-1, 1, 28, 28)[:n].float().div(255).sub(0.286).div(0.353)
    return torch.utils.data.TensorDataset(images, idx(f"{stem}-labels-idx1-ubyte", 8)[:n].long())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=int, required=True)
    parser.add_argument("--test", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pl.seed_everything(42, verbose=False)
    model = dynvision_models.dyrcnn("x2", TIMESTEPS, channels=1, size=28, n_classes=10, learning_rate=arguments.lr)
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
                         enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=20,
                         gradient_clip_val=1.0, gradient_clip_algorithm="norm")
    train = torch.utils.data.DataLoader(samples("train", arguments.train), batch_size=BATCH, shuffle=True, drop_last=True)
    fit_began = time.monotonic()
    trainer.fit(model, train)
    fit = time.monotonic() - fit_began
    tested, = trainer.test(model, torch.utils.data.DataLoader(samples("t10k", arguments.test), batch_size=BATCH), verbose=False)
    accuracy = tested.get("test_accuracy", tested.get("test_accuracy_epoch"))
    print(json.dumps({"accuracy": accuracy, "fit_seconds": fit, "seconds": time.monotonic() - BEGAN}))


if __name__ == "__main__":
    main()
