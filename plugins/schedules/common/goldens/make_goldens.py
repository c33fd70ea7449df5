"""What PyTorch's schedulers give, for the tests of ours.

    python make_goldens.py        writes <schedule>.inc beside this file

A case is our parameters as TOML, PyTorch's scheduler of the same meaning over a learning rate of BASE, the factors lr / BASE at counts
0 to n, and momentum where the scheduler sets it.
"""
import os
import random
import warnings

import torch
from torch.optim import lr_scheduler as lrs

warnings.filterwarnings("ignore")
BASE = 0.5
FOLDER = os.path.dirname(os.path.abspath(__file__))


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE, momentum=0.5)


def numbers(values):
    return "{" + ", ".join({float("inf"): "INFINITY", float("-inf"): "-INFINITY"}.get(v, "NAN" if v != v else repr(float(v)))
                           for v in values) + "}"


def case(parameters, make, n, observed=(), sets_momentum=False):
    opt = optimizer()
    scheduler = make(opt)
    group = opt.param_groups[0]
    factors, momenta = [group["lr"] / BASE], [group["momentum"]]
    for i in range(n):
        opt.step()
        scheduler.step(observed[i]) if observed else scheduler.step()
        factors.append(group["lr"] / BASE)
        momenta.append(group["momentum"])
    return (f'    {{R"({parameters})", {numbers(observed)},\n     {numbers(factors)},\n'
            f'     {numbers(momenta) if sets_momentum else "{}"}}},\n')


def write(name, *cases):
    with open(os.path.join(FOLDER, name + ".inc"), "w", encoding="utf-8") as file:
        file.write(f"// Written by make_goldens.py with PyTorch {torch.__version__.split('+')[0]}; not to be edited.\n")
        file.writelines(cases)


def warmed(n, start_factor, then):
    return lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o, start_factor=start_factor, total_iters=n), then(o)], milestones=[n])


draw = random.Random(5)
falling = [1.0 / (1 + 0.3 * i) if i < 8 else 0.32 + 0.001 * draw.random() for i in range(40)]
rising = [0.1 * min(i, 6) + 0.01 * draw.random() for i in range(40)]
broken = [1.0, 0.9, float("nan"), float("nan"), float("inf"), 0.8, 0.85, 0.86, 0.87, 0.7]

write("constant", case("factor = 0.25, total_iters = 3", lambda o: lrs.ConstantLR(o, factor=0.25, total_iters=3), 6))
write("linear",
      case("start_factor = 0.25, end_factor = 0.75, total_iters = 4", lambda o: lrs.LinearLR(o, 0.25, 0.75, 4), 7),
      case("start_factor = 1.0, end_factor = 0.0, total_iters = 9", lambda o: lrs.LinearLR(o, 1.0, 0.0, 9), 9))
write("step", case("step_size = 3, gamma = 0.5", lambda o: lrs.StepLR(o, 3, 0.5), 10),
      case("step_size = 1", lambda o: lrs.StepLR(o, 1), 5))
write("multistep", case("milestones = [2, 5, 5, 7], gamma = 0.5", lambda o: lrs.MultiStepLR(o, [2, 5, 5, 7], 0.5), 9))
write("exponential", case("gamma = 0.9", lambda o: lrs.ExponentialLR(o, 0.9), 12))
write("cosine", case("t_max = 11, min_factor = 0.2", lambda o: lrs.CosineAnnealingLR(o, 11, eta_min=0.2 * BASE), 11),
      case("t_max = 5", lambda o: lrs.CosineAnnealingLR(o, 5), 5))
write("cosine_warm_restarts",
      case("t_0 = 4, min_factor = 0.1", lambda o: lrs.CosineAnnealingWarmRestarts(o, 4, eta_min=0.1 * BASE), 13),
      case("t_0 = 3, t_mult = 2", lambda o: lrs.CosineAnnealingWarmRestarts(o, 3, 2), 24),
      case("t_0 = 1, t_mult = 3", lambda o: lrs.CosineAnnealingWarmRestarts(o, 1, 3), 15))


def one_cycle(parameters, n, **options):
    return case(parameters, lambda o: lrs.OneCycleLR(o, max_lr=BASE, total_steps=n, **options), n - 1,
                sets_momentum=options.get("cycle_momentum", True))


write("one_cycle", one_cycle("total_steps = 20", 20),
      one_cycle('total_steps = 17, anneal_strategy = "linear", pct_start = 0.4, div_factor = 10, final_div_factor = 100', 17,
                anneal_strategy="linear", pct_start=0.4, div_factor=10, final_div_factor=100),
      one_cycle("total_steps = 20, three_phase = true, base_momentum = 0.7, max_momentum = 0.9", 20, three_phase=True,
                base_momentum=0.7, max_momentum=0.9),
      one_cycle("total_steps = 8, cycle_momentum = false", 8, cycle_momentum=False))
write("polynomial", case("total_iters = 6, power = 2.0", lambda o: lrs.PolynomialLR(o, 6, 2.0), 9),
      case("total_iters = 5, power = 0.9", lambda o: lrs.PolynomialLR(o, 5, 0.9), 5))


def plateau(parameters, observed, eps=1e-8, **options):
    options["eps"] = eps * BASE
    return case(parameters, lambda o: lrs.ReduceLROnPlateau(o, **options), len(observed), observed)


write("plateau", plateau("factor = 0.5, patience = 2", falling, factor=0.5, patience=2),
      plateau('mode = "max", factor = 0.3, patience = 3, cooldown = 4, min_factor = 0.05', rising, mode="max", factor=0.3, patience=3,
              cooldown=4, min_lr=0.05 * BASE),
      plateau('patience = 0, threshold = 0.15, threshold_mode = "abs", factor = 0.5', falling, patience=0, threshold=0.15,
              threshold_mode="abs", factor=0.5),
      plateau('mode = "max", patience = 0, threshold = 0.1, threshold_mode = "abs", factor = 0.5, eps = 0.01', rising, mode="max", patience=0,
              threshold=0.1, threshold_mode="abs", factor=0.5, eps=0.01),
      plateau("patience = 1, factor = 0.5", broken, patience=1, factor=0.5))


def cyclic(parameters, n, **options):
    return case(parameters, lambda o: lrs.CyclicLR(o, base_lr=BASE, max_lr=4 * BASE, **options), n,
                sets_momentum=options.get("cycle_momentum", True))


write("cyclic", cyclic("max_factor = 4.0, step_size_up = 4", 20, step_size_up=4),
      cyclic('max_factor = 4.0, step_size_up = 3, step_size_down = 5, mode = "triangular2", base_momentum = 0.6, max_momentum = 0.95', 20,
             step_size_up=3, step_size_down=5, mode="triangular2", base_momentum=0.6, max_momentum=0.95),
      cyclic('max_factor = 4.0, step_size_up = 3, mode = "exp_range", gamma = 0.9, cycle_momentum = false', 20, step_size_up=3,
             mode="exp_range", gamma=0.9, cycle_momentum=False))
write("warmup",
      case('n = 4, start_factor = 0.1, then = { type = "cosine", t_max = 6 }',
           warmed(4, 0.1, lambda o: lrs.CosineAnnealingLR(o, 6)), 10),
      case('n = 3, then = { type = "step", step_size = 2, gamma = 0.5 }', warmed(3, 0.25, lambda o: lrs.StepLR(o, 2, 0.5)), 10),
      case("n = 5, start_factor = 0.2", lambda o: lrs.LinearLR(o, 0.2, 1.0, 5), 8))
