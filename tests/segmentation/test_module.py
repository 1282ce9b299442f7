"""The module logs what was counted, and training improves the network."""

from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.module import SegmentationModule
from tests.segmentation.scenes import PREPROCESSING, Tiny, dark_discs

pytestmark = [
    # the data are a list: no process could make them sooner
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    # Lightning 2.6 asks torch 2.15 in a way that torch will not know for ever
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
]


def drawn(count, seed=0):
    """Batches of two parts of drawn micrographs."""
    samples = []
    for number in range(count):
        micrograph = dark_discs(seed + number, contrast=3.0)
        image, mask = PREPROCESSING(micrograph), micrograph.mask.astype(np.float32)
        samples.append(
            {
                "image": torch.from_numpy(image[None, 20:148, 20:148]),
                "mask": torch.from_numpy(mask[None, 20:148, 20:148]),
            }
        )
    return DataLoader(samples, batch_size=2)


def module(net=None, **arguments):
    settings = {"loss": nn.BCEWithLogitsLoss(), "optimizer": partial(torch.optim.Adam, lr=0.02)}
    return SegmentationModule(net or Tiny(), **(settings | arguments))


class Noted(pl.Callback):
    """The metrics after every epoch."""

    def __init__(self):
        self.epochs = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.epochs.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def trainer(*callbacks, folder=None, **settings):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "num_sanity_val_steps": 0}
    saving = {"enable_checkpointing": False} if folder is None else {"default_root_dir": folder}
    return pl.Trainer(accelerator="cpu", callbacks=list(callbacks), **(quiet | saving | {"max_epochs": 1} | settings))


def test_training_improves_the_logged_metrics():
    noted = Noted()
    trainer(noted, max_epochs=6).fit(module(), drawn(6), drawn(2, seed=50))
    assert set(noted.epochs[0]) == {f"{side}/{name}" for side in ("train", "val") for name in ("loss", "dice", "iou")}
    first, last = noted.epochs[0], noted.epochs[-1]
    assert last["train/loss"] < 0.7 * first["train/loss"]
    assert last["val/dice"] > max(0.8, first["val/dice"])


def test_dice_and_iou_are_pooled_over_the_pixels_of_an_epoch():
    """Counts by hand over batches of different content, with a network that does not change."""
    noted, net = Noted(), Tiny(3)
    frozen = module(net, optimizer=partial(torch.optim.SGD, lr=0.0))
    sides = {"train": drawn(3), "val": drawn(5, seed=20)}
    trainer(noted).fit(frozen, sides["train"], sides["val"])
    for side, loader in sides.items():
        images, masks = (torch.cat([batch[key] for batch in loader]) for key in ("image", "mask"))
        with torch.no_grad():
            logits = net(images)
        found = (logits.sigmoid() > 0.5).numpy()
        tp, fp, fn = (
            np.count_nonzero(x)
            for x in (found & (masks > 0).numpy(), found & (masks == 0).numpy(), ~found & (masks > 0).numpy())
        )
        assert min(tp, fp, fn) > 0
        assert noted.epochs[0][f"{side}/dice"] == pytest.approx(2 * tp / (2 * tp + fp + fn), rel=1e-5)
        assert noted.epochs[0][f"{side}/iou"] == pytest.approx(tp / (tp + fp + fn), rel=1e-5)
        counts = pixel_counts(found.reshape(-1, 128), masks.numpy().reshape(-1, 128) > 0)
        assert noted.epochs[0][f"{side}/dice"] == pytest.approx(ratios(**counts)["dice"], rel=1e-5)
        # and the loss is the mean over samples, the last, smaller batch included
        each = nn.BCEWithLogitsLoss(reduction="none")(logits, masks).mean(dim=(1, 2, 3))
        assert noted.epochs[0][f"{side}/loss"] == pytest.approx(float(each.mean()), rel=1e-4)


def test_metrics_are_reset_every_epoch():
    noted = Noted()
    trainer(noted, max_epochs=2).fit(module(optimizer=partial(torch.optim.SGD, lr=0.0)), drawn(3), drawn(2))
    assert noted.epochs[0] == pytest.approx(noted.epochs[1])


def test_a_checkpoint_holds_no_code(tmp_path):
    one = module()
    t = trainer(folder=tmp_path)
    t.fit(one, drawn(2), drawn(2))
    t.save_checkpoint(tmp_path / "epoch.ckpt")
    state = torch.load(tmp_path / "epoch.ckpt", weights_only=True)["state_dict"]
    other = module(Tiny(9))
    other.load_state_dict(state)
    image = torch.randn(1, 1, 32, 32)
    assert torch.equal(other.net(image), one.net(image))


def test_the_schedule_runs_over_all_steps():
    rates = []

    class Rates(pl.Callback):
        def on_train_batch_start(self, trainer, *_):
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    schedule = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.01, pct_start=0.5)
    scheduled = module(optimizer=partial(torch.optim.SGD, lr=0.01), scheduler=schedule)
    trainer(Rates(), max_epochs=3).fit(scheduled, drawn(4), drawn(2))
    assert len(rates) == 6
    assert max(rates) == pytest.approx(0.01)
    assert np.argmax(rates) == 2
    assert rates[-1] < 1e-4


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_loss_is_computed_in_full_precision(precision):
    seen = []

    class Loss(nn.Module):
        def forward(self, logits, masks):
            seen.append((logits.dtype, logits.shape == masks.shape))
            return nn.functional.binary_cross_entropy_with_logits(logits, masks)

    trainer(precision=precision).fit(module(loss=Loss()), drawn(2), drawn(2))
    assert set(seen) == {(torch.float32, True)}


def test_probabilities_are_those_of_the_logits():
    one = module()
    images = [torch.randn(1, 24, 32) for _ in range(3)]
    found = one.probabilities(images)
    assert found.shape == (3, 24, 32)
    np.testing.assert_allclose(found, torch.sigmoid(one.net(torch.stack(images)))[:, 0].detach().numpy(), rtol=1e-6)


def test_a_network_with_two_outputs_learns_particles_and_their_cores():
    """A network with one output learns the particles alone; Dice is that of the particles."""

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.particle, self.core = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

        def forward(self, images):
            return torch.stack([p.expand_as(images[:, 0]) for p in (self.particle, self.core)], dim=1)

    masks = torch.zeros(2, 2, 16, 16)
    masks[:, 0] = 1
    noted, both = Noted(), module(Both())
    batches = DataLoader([{"image": torch.zeros(1, 16, 16), "mask": m} for m in masks], batch_size=2)
    trainer(noted, max_epochs=8).fit(both, batches, batches)
    assert both.net.particle > 0 > both.net.core
    assert noted.epochs[-1]["val/dice"] == 1


class Parts(nn.Module):
    """An encoder with batch norm, and a head."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2d(4, 1, 3, padding=1), nn.BatchNorm2d(1))

    def forward(self, images):
        return self.head(self.encoder(images))


def test_weights_and_statistics_of_a_frozen_part_stay():
    torch.manual_seed(0)
    net = Parts()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    # validation comes in between: afterwards the network is put back to training
    trainer(max_epochs=2).fit(module(net, frozen=["encoder"]), drawn(4), drawn(2))
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("head.")}


@pytest.mark.parametrize("frozen", [(), ("encoder",)])
def test_statistics_may_stay_while_weights_learn(frozen):
    torch.manual_seed(0)
    net = Parts()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    trainer(max_epochs=2).fit(module(net, frozen=frozen, frozen_statistics=True), drawn(4), drawn(2))
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    learns = {name for name, _ in net.named_parameters() if not name.startswith(tuple(f"{part}." for part in frozen))}
    assert changed == learns
    assert any("running_mean" in name for name in before)


@pytest.mark.parametrize("frozen", [["encodr"], ["head", "encodr"]])
def test_an_unknown_part_is_named(frozen):
    with pytest.raises(InputError, match="no part 'encodr', only encoder, head"):
        module(Parts(), frozen=frozen)


def test_a_network_that_learns_nothing_is_refused():
    with pytest.raises(InputError, match="nothing of the network is left"):
        module(Parts(), frozen=["encoder", "head"])
