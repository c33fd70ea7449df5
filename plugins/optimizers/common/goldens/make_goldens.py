"""What PyTorch's optimizers do, for the tests of ours.

    python make_goldens.py        writes <optimizer>.inc beside this file

Two parameters, "a" and "b" of shapes [2, 3] and [3], each in a group of its own. A case is our parameters as TOML, the weights after each
of N_STEPS steps, and the state after step STATE_AT. Before step CHANGE_AT a schedule changes the learning rate and, where there is one, the
momentum of group 0. LBFGS minimizes a function of its own.
"""
import math
import os

import torch

DOUBLE = torch.float64
N_STEPS, STATE_AT, CHANGE_AT = 5, 3, 2
NEW_LR, NEW_MOMENTUM = 0.02, 0.7
FOLDER = os.path.dirname(os.path.abspath(__file__))


class Lion(torch.optim.Optimizer):
    """As its authors published it: github.com/google/automl/blob/master/lion/lion_pytorch.py."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.data.mul_(1 - group["lr"] * group["weight_decay"])
                state = self.state[p]
                if len(state) == 0:
                    state["exp_avg"] = torch.zeros_like(p)
                exp_avg, (beta1, beta2) = state["exp_avg"], group["betas"]
                update = exp_avg * beta1 + p.grad * (1 - beta1)
                p.add_(update.sign_(), alpha=-group["lr"])
                exp_avg.mul_(beta2).add_(p.grad, alpha=1 - beta2)


def weight(i):
    return math.sin(1.0 + i)


def gradient(step, i):
    return math.cos(0.7 * step + 1.3 * i)


def tensor(first, shape, of):
    return torch.tensor([of(first + i) for i in range(math.prod(shape))], dtype=DOUBLE).reshape(shape)


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def flat(tensors):
    return [v for t in tensors for v in t.detach().flatten().tolist()]


def entries(parameter, state):
    return ", ".join(f'{{{parameter}, "{key}", {{{", ".join(map(str, value.shape))}}}, {numbers(value.flatten())}}}'
                     for key, value in state.items())


def case(name, parameters, make, *, second_group, changes_momentum=True):
    """`second_group`: the TOML and the options of the group of "b"."""
    toml, options = second_group
    a = torch.nn.Parameter(tensor(0, (2, 3), weight))
    b = torch.nn.Parameter(tensor(6, (3,), weight))
    optimizer = make([{"params": [a]}, {"params": [b], **options}])
    changes_momentum = changes_momentum and any(key in optimizer.param_groups[0] for key in ("momentum", "betas"))
    steps, states = [], []
    for step in range(N_STEPS):
        if step == CHANGE_AT:
            group = optimizer.param_groups[0]
            group["lr"] = NEW_LR
            if changes_momentum and "momentum" in group:
                group["momentum"] = NEW_MOMENTUM
            if changes_momentum and "betas" in group:
                group["betas"] = (NEW_MOMENTUM, group["betas"][1])
        a.grad = tensor(0, (2, 3), lambda i: gradient(step, i))
        b.grad = tensor(6, (3,), lambda i: gradient(step, i))
        optimizer.step()
        steps.append(flat([a, b]))
        if step + 1 == STATE_AT:
            states = [entries(i, optimizer.state[p]) for i, p in enumerate([a, b]) if optimizer.state[p]]
    parameters = f'{parameters}, groups = [{{ match = "b", {toml} }}]'
    return (f'    {{R"({parameters})", {"true" if changes_momentum else "false"},\n     {{' +
            ",\n      ".join(numbers(s) for s in steps) + "},\n     {" + ",\n      ".join(states) + "}},\n")


def rosenbrock(w):
    return (100.0 * (w[1:] - w[:-1] ** 2) ** 2 + (1.0 - w[:-1]) ** 2).sum()


def lbfgs(parameters, n_steps=6, **options):
    """Four numbers in two parameters; the weights after each step(), and how often the function was asked."""
    a = torch.nn.Parameter(torch.tensor([-1.2, 1.0], dtype=DOUBLE))
    b = torch.nn.Parameter(torch.tensor([0.5, -0.3], dtype=DOUBLE))
    optimizer = torch.optim.LBFGS([a, b], **options)

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(torch.cat([a, b]))
        loss.backward()
        return loss

    steps = []
    for _ in range(n_steps):
        optimizer.step(closure)
        steps.append(flat([a, b]))
    state = optimizer.state[a]
    return (f'    {{R"({parameters})",\n     {{' + ",\n      ".join(numbers(s) for s in steps) +
            f'}},\n     {state["func_evals"]}, {state["n_iter"]}, {len(state["old_dirs"])}}},\n')


def write(name, *cases):
    with open(os.path.join(FOLDER, name + ".inc"), "w", encoding="utf-8") as file:
        file.write(f"// Written by make_goldens.py with PyTorch {torch.__version__.split('+')[0]}; not to be edited.\n")
        file.writelines(cases)


def torch_cases(name, cls, *variants):
    """Each variant: TOML, keyword arguments, second group, [changes_momentum]."""
    write(name, *[case(name, toml, lambda groups, o=options: cls(groups, **o), second_group=second,
                       changes_momentum=rest[0] if rest else True)
                  for toml, options, second, *rest in variants])


SLOW = ("lr = 0.003, weight_decay = 0.0", {"lr": 0.003, "weight_decay": 0.0})
DECAYED = ("lr_factor = 0.5, weight_decay = 0.2", {"lr": 0.005, "weight_decay": 0.2})
LR = {"lr": 0.01}
O = torch.optim

torch_cases("adam", O.Adam,
            ("lr = 0.01, weight_decay = 0.1", dict(LR, weight_decay=0.1), SLOW),
            ("lr = 0.01, amsgrad = true, betas = [0.8, 0.95], eps = 1e-3, maximize = true",
             dict(LR, amsgrad=True, betas=(0.8, 0.95), eps=1e-3, maximize=True), DECAYED))
torch_cases("adamw", O.AdamW,
            ("lr = 0.01", LR, SLOW),
            ("lr = 0.01, amsgrad = true, betas = [0.8, 0.95], weight_decay = 0.3, maximize = true",
             dict(LR, amsgrad=True, betas=(0.8, 0.95), weight_decay=0.3, maximize=True), DECAYED))
torch_cases("sgd", O.SGD,
            ("lr = 0.01, momentum = 0.9, dampening = 0.1, weight_decay = 0.1", dict(LR, momentum=0.9, dampening=0.1, weight_decay=0.1), SLOW),
            ("lr = 0.01, momentum = 0.9, nesterov = true, maximize = true", dict(LR, momentum=0.9, nesterov=True, maximize=True), DECAYED),
            ("lr = 0.01, weight_decay = 0.1", dict(LR, weight_decay=0.1), SLOW, False),
            ("lr = 0.01", LR, DECAYED))
torch_cases("rmsprop", O.RMSprop,
            ("lr = 0.01, weight_decay = 0.1", dict(LR, weight_decay=0.1), SLOW, False),
            ("lr = 0.01, momentum = 0.9, alpha = 0.9, eps = 1e-3", dict(LR, momentum=0.9, alpha=0.9, eps=1e-3), DECAYED),
            ("lr = 0.01, momentum = 0.5, centered = true, maximize = true", dict(LR, momentum=0.5, centered=True, maximize=True), SLOW),
            ("lr = 0.01, centered = true", dict(LR, centered=True), DECAYED, False))
torch_cases("adagrad", O.Adagrad,
            ("lr = 0.01, weight_decay = 0.1", dict(LR, weight_decay=0.1), SLOW),
            ("lr = 0.01, lr_decay = 0.3, initial_accumulator_value = 0.5, eps = 1e-3, maximize = true",
             dict(LR, lr_decay=0.3, initial_accumulator_value=0.5, eps=1e-3, maximize=True), DECAYED))
torch_cases("nadam", O.NAdam,
            ("lr = 0.01, weight_decay = 0.1", dict(LR, weight_decay=0.1), SLOW),
            ("lr = 0.01, momentum_decay = 0.1, betas = [0.8, 0.95], decoupled_weight_decay = true, weight_decay = 0.1, maximize = true",
             dict(LR, momentum_decay=0.1, betas=(0.8, 0.95), decoupled_weight_decay=True, weight_decay=0.1, maximize=True), DECAYED))
torch_cases("radam", O.RAdam,
            ("lr = 0.01, weight_decay = 0.1", dict(LR, weight_decay=0.1), SLOW),
            ("lr = 0.01, betas = [0.8, 0.6], eps = 1e-3", dict(LR, betas=(0.8, 0.6), eps=1e-3), DECAYED),
            ("lr = 0.01, betas = [0.8, 0.9], decoupled_weight_decay = true, weight_decay = 0.1, maximize = true",
             dict(LR, betas=(0.8, 0.9), decoupled_weight_decay=True, weight_decay=0.1, maximize=True), DECAYED))
torch_cases("lion", Lion,
            ("lr = 0.01, weight_decay = 0.1", dict(LR, weight_decay=0.1), SLOW),
            ("lr = 0.01, betas = [0.5, 0.6]", dict(LR, betas=(0.5, 0.6)), DECAYED))
write("lbfgs", lbfgs('line_search_fn = "strong_wolfe"', line_search_fn="strong_wolfe"),
      lbfgs('line_search_fn = "strong_wolfe", lr = 0.5, max_iter = 3, history_size = 2', line_search_fn="strong_wolfe", lr=0.5, max_iter=3,
            history_size=2),
      lbfgs('line_search_fn = "strong_wolfe", max_iter = 30, max_eval = 7', line_search_fn="strong_wolfe", max_iter=30, max_eval=7),
      lbfgs("lr = 0.02, max_iter = 5, history_size = 3", lr=0.02, max_iter=5, history_size=3),
      lbfgs("lr = 0.5, max_iter = 4, tolerance_grad = 1.0", lr=0.5, max_iter=4, tolerance_grad=1.0),
      lbfgs("lr = 0.1, max_iter = 10, tolerance_change = 1e-2", lr=0.1, max_iter=10, tolerance_change=1e-2))
