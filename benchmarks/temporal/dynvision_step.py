"""The other end of side_by_side.py in DynVision 0.1.0: dv_bench_step's protocol, weights, images and order of work.

    dynvision_step.py CASE

CASE is JSON: model ("x2", "x4" or "x8"), timesteps, channels, size, batch, n_classes, threads, channels_last, fused_adam. All
else is as its workflow sets it (config_defaults.yaml); its step has no Trainer around it.
"""
import ctypes
import json
import math
import sys
import time

case = json.loads(sys.argv[1])

import dynvision_models  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(case["threads"])


def filled(name, parameter):
    s = sum(map(ord, name)) % 97
    wave = (torch.arange(parameter.numel(), dtype=torch.float64) * 0.7 + 0.1 * s).sin().view(parameter.shape)
    return wave * 0.05 if parameter.dim() <= 1 else wave / math.sqrt(parameter.numel() // parameter.shape[0])


def images():
    by_pixel = torch.arange(case["channels"] * case["size"] ** 2, dtype=torch.float64) * 0.013
    by_sample = torch.arange(case["batch"], dtype=torch.float64) * 0.5
    return (by_pixel + by_sample[:, None]).cos().view(case["batch"], case["channels"], case["size"], case["size"]).float()


def kilobytes(name):
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name + ":"))


def main():
    model = dynvision_models.dyrcnn(case["model"], case["timesteps"], case["channels"], case["size"], case["n_classes"],
                                    learning_rate=2e-4, fused=case["fused_adam"])
    model.setup("fit")
    model.train()
    parameters = {name: p for name, p in model.named_parameters() if "tau" not in name}
    for name, parameter in parameters.items():
        parameter.data.copy_(filled(name, parameter))
    x, y = images(), torch.arange(case["batch"]) % case["n_classes"]
    if case["channels_last"]:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    optimizer = model.configure_optimizers()["optimizer"]
    model.log_dict = lambda *args, **kwargs: None  # without a Trainer it would only warn
    print(json.dumps({"parameters": {name: list(p.shape) for name, p in parameters.items()}}), flush=True)

    ctypes.CDLL(None).malloc_trim(0)  # what filling the weights took must not hide what the steps take
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as marks:
        marks.write("5")  # the high-water mark starts again from here
    before, files_before = kilobytes("VmRSS"), kilobytes("RssFile")
    for request in sys.stdin:
        if request.strip() == "step":
            began = time.perf_counter()
            metrics = model.model_step((x, y), 0, compute_confidence=False)
            model.backward(metrics["loss"])
            optimizer.step()
            optimizer.zero_grad()
            loss = float(metrics["loss"].detach())
            answer = {"seconds": time.perf_counter() - began, "loss": loss}
        else:
            answer = {"before_mb": before / 1024, "peak_mb": kilobytes("VmHWM") / 1024,
                      "code_mb": (kilobytes("RssFile") - files_before) / 1024}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
