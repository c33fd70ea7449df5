"""DynVision 0.1.0's networks with the settings of its workflow (config_workflow.yaml, config_defaults.yaml)."""
import logging
import os
import warnings

os.environ.setdefault("WANDB_MODE", "disabled")
warnings.filterwarnings("ignore")
logging.getLogger("torch.utils.flop_counter").setLevel(logging.ERROR)  # "triton not found"

from dynvision import models  # noqa: E402

for noisy in ("pytorch_lightning", "lightning.pytorch", "dynvision"):
    logging.getLogger(noisy).setLevel(logging.ERROR)
logging.getLogger("pytorch_lightning").propagate = False


def dyrcnn(name, timesteps, channels, size, n_classes, learning_rate, fused=False):
    model = getattr(models, "DyRCNN" + name)(
        input_dims=(timesteps, channels, size, size), n_timesteps=timesteps, n_classes=n_classes,
        dt=2, tau=5, t_feedforward=0, t_recurrence=6, t_skip=0, loss_reaction_time=4,
        recurrence_type="full", recurrence_target="output", skip=True, feedback=False, data_presentation_pattern="1",
        # ActivityLoss is part of the workflow, but no shipped network shows it anything: it adds 0.
        criterion_params=[("CrossEntropyLoss", {"weight": 1, "ignore_index": -1}),
                          ("ActivityLoss", {"weight": 0.0002, "ord": 1})],
        activity_loss_weight=0.0002, store_test_responses=0,
        optimizer="Adam", optimizer_kwargs={"weight_decay": 0.0005, "fused": fused}, optimizer_configs={"monitor": "train_loss"},
        learning_rate=learning_rate,
        lr_parameter_groups={"regular": {"lr_factor": 1.0}, "recurrence": {"lr_factor": 0.2}, "feedback": {"lr_factor": 0.5}},
        scheduler="CosineAnnealingLR", scheduler_kwargs={"T_max": 500},
        scheduler_configs={"interval": "epoch", "frequency": 1, "monitor": "train_loss", "name": "lr_scheduled"},
        log_every_n_steps=20)
    model.log_param_stats = lambda *args, **kwargs: None  # would send histograms to wandb
    return model
