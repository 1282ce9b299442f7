"""A training stops, resumes, and returns its best weights."""

from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EMAWeightAveraging
from torch import nn

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.datasets import SimulatedDataset
from hrtem_lab.segmentation.fit import best_checkpoint, fit, interpolate_weights, last_checkpoint
from hrtem_lab.segmentation.module import SegmentationModule
from hrtem_lab.segmentation.smp import smp
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, Tiny, dihedral

pytestmark = [
    # the data are made by this process, so that a test can look on
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    # Lightning 2.6 asks torch 2.15 in a way that torch will not know for ever
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    # going on in a folder is what these tests are about
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]
SAMPLES = 6


def data():
    return SimulatedData(
        DrawnLibrary(6),
        ImageSimulator(),
        PREPROCESSING,
        dihedral(32),
        2,
        1,
        window_nm=3.0,
        samples=SAMPLES,
        batch_size=3,
        workers=0,
    )


def module(lr=0.01):
    return SegmentationModule(Tiny(), nn.BCEWithLogitsLoss(), partial(torch.optim.Adam, lr=lr))


def trainer(folder, *callbacks, **settings):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "num_sanity_val_steps": 0}
    return pl.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        callbacks=[best_checkpoint(folder), *callbacks],
        **(quiet | settings),
    )


@pytest.fixture
def numbers(monkeypatch):
    """The numbers of the training samples, in the order of the requests."""
    asked = []
    real = SimulatedDataset.__getitem__

    def noted(self, number):
        if self.seed[1] == 0:
            asked.append(number)
        return real(self, number)

    monkeypatch.setattr(SimulatedDataset, "__getitem__", noted)
    return asked


class Stop(pl.Callback):
    """Interrupts the training in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.current_epoch == self.epoch and batch_idx == 1:
            raise RuntimeError("the power failed")


class Spoil(pl.Callback):
    """Replaces all weights by bad ones after the first epoch."""

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            with torch.no_grad():
                for weight in pl_module.parameters():
                    weight.fill_(-5.0)


def test_every_epoch_has_samples_of_its_own(tmp_path, numbers):
    fit(trainer(tmp_path, max_epochs=3), module(), data(), tmp_path)
    epochs = np.array(numbers).reshape(3, SAMPLES)
    for epoch, row in enumerate(epochs):
        assert sorted(row) == list(range(epoch * SAMPLES, (epoch + 1) * SAMPLES))


def test_the_best_weights_are_returned(tmp_path):
    one = module()
    run = trainer(tmp_path, Spoil(), max_epochs=2)
    net = fit(run, one, data(), tmp_path)
    assert net is one.net
    assert min(float(weight.detach().min()) for weight in net.parameters()) > -4
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert best["epoch"] == 0
    assert all(torch.equal(best["state_dict"][f"net.{name}"], weight) for name, weight in net.state_dict().items())


def test_a_new_folder_holds_no_checkpoint(tmp_path):
    assert last_checkpoint(tmp_path) is None
    assert last_checkpoint(tmp_path / "missing") is None


def test_a_finished_training_resumes_with_the_next_epoch(tmp_path, numbers):
    fit(trainer(tmp_path, max_epochs=1), module(), data(), tmp_path)
    assert last_checkpoint(tmp_path) == tmp_path / "last.ckpt"
    numbers.clear()
    fit(trainer(tmp_path, max_epochs=2), module(), data(), tmp_path)
    assert sorted(numbers) == list(range(SAMPLES, 2 * SAMPLES))


def test_a_resumed_training_gives_what_an_uninterrupted_one_gives(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(trainer(whole, max_epochs=3), module(), data(), whole)
    for epochs in (1, 3):
        fit(trainer(parts, max_epochs=epochs), module(), data(), parts)
    for name in ("best", "last"):
        ends = [torch.load(folder / f"{name}.ckpt", weights_only=True) for folder in (whole, parts)]
        assert ends[0]["epoch"] == ends[1]["epoch"]
        for key, weight in ends[0]["state_dict"].items():
            torch.testing.assert_close(ends[1]["state_dict"][key], weight)


def test_two_deterministic_trainings_of_one_seed_agree_to_the_bit(tmp_path):
    ends, threads = [], torch.get_num_threads()
    torch.set_num_threads(2)
    for name in ("one", "other"):
        pl.seed_everything(0, verbose=False)
        settings = {"encoder_weights": None, "in_channels": 1, "encoder_depth": 3, "decoder_channels": (8, 4, 4)}
        one = SegmentationModule(
            smp.Unet("mobileone_s0", **settings), nn.BCEWithLogitsLoss(), partial(torch.optim.Adam, lr=0.01)
        )
        run = trainer(tmp_path / name, max_epochs=2, deterministic=True, precision="bf16-mixed")
        ends.append(fit(run, one, data(), tmp_path / name).state_dict())
    torch.use_deterministic_algorithms(False)  # Lightning leaves it on for the whole process
    torch.set_num_threads(threads)
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_a_training_resumes_in_a_moved_folder(tmp_path):
    """Spoiled after the first epoch, so that the best one is in the folder's old place."""
    fit(trainer(tmp_path / "old", Spoil(), max_epochs=2), module(), data(), tmp_path / "old")
    there = (tmp_path / "old").rename(tmp_path / "new")
    net = fit(trainer(there, max_epochs=3), module(), data(), there)
    assert {path.name for path in there.iterdir()} == {"best.ckpt", "last.ckpt"}
    assert torch.load(there / "last.ckpt", weights_only=True)["epoch"] == 2
    assert torch.load(there / "best.ckpt", weights_only=True)["epoch"] == 0
    assert min(float(weight.detach().min()) for weight in net.parameters()) > -4


def test_a_network_with_dropout_resumes_as_without_an_interruption(tmp_path):
    def dropping():
        torch.manual_seed(3)
        net = nn.Sequential(Tiny(), nn.Dropout2d(0.5))
        return SegmentationModule(net, nn.BCEWithLogitsLoss(), partial(torch.optim.Adam, lr=0.1))

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(trainer(whole, max_epochs=3), dropping(), data(), whole, "last")
    for epochs in (1, 3):
        torch.rand(epochs)  # whatever else draws between two calls
        fit(trainer(parts, max_epochs=epochs), dropping(), data(), parts, "last")
    ends = [torch.load(folder / "last.ckpt", weights_only=True)["state_dict"] for folder in (whole, parts)]
    for key, weight in ends[0].items():
        torch.testing.assert_close(ends[1][key], weight)


def test_the_last_checkpoint_is_of_the_last_epoch_even_if_not_validated(tmp_path):
    fit(trainer(tmp_path, max_epochs=3, check_val_every_n_epoch=2), module(), data(), tmp_path, "last")
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 2
    with pytest.raises(InputError, match="no epoch would be validated"):
        fit(trainer(tmp_path / "b", max_epochs=2, check_val_every_n_epoch=3), module(), data(), tmp_path / "b")


def test_the_last_weights_are_returned_on_request(tmp_path):
    net = fit(trainer(tmp_path, Spoil(), max_epochs=3), module(), data(), tmp_path, keep="last")
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert last["epoch"] == 2
    assert all(torch.equal(last["state_dict"][f"net.{name}"], weight) for name, weight in net.state_dict().items())
    with pytest.raises(InputError, match="keep is first; expected one of best, last"):
        fit(trainer(tmp_path), module(), data(), tmp_path, keep="first")


def test_the_last_epoch_is_kept_whether_it_is_the_best_or_not(tmp_path):
    fit(trainer(tmp_path, Spoil(), max_epochs=3), module(), data(), tmp_path)
    epochs = {name: torch.load(tmp_path / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")}
    assert epochs == {"best": 0, "last": 2}


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_an_interruption_changes_nothing(tmp_path, epoch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = fit(trainer(whole, Spoil(), max_epochs=3), module(), data(), whole).state_dict()
    with pytest.raises(RuntimeError, match="the power failed"):
        fit(trainer(broken, Spoil(), Stop(epoch), max_epochs=3), module(), data(), broken)
    assert bool(last_checkpoint(broken)) == (epoch > 0)
    run = trainer(broken, Spoil(), max_epochs=3)
    found = fit(run, module(), data(), broken).state_dict()
    assert run.current_epoch == 3
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight)


def test_a_training_may_begin_with_the_weights_of_another():
    torch.manual_seed(0)
    trained, net = Tiny(), Tiny()
    interpolate_weights(net, trained, "there")
    image = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(net.eval()(image), trained.eval()(image))


def test_a_network_may_have_more_outputs_than_the_one_it_starts_from():
    """All weights before the head are copied, and those of the shared output; the other output is new."""
    settings = {"encoder_depth": 3, "encoder_weights": None, "decoder_channels": (8, 4, 4), "in_channels": 1}
    one, two = (smp.Unet("mobileone_s0", classes=n, **settings) for n in (1, 2))
    head = two.segmentation_head[0].weight.detach().clone()
    interpolate_weights(two, one, "there")
    for part in ("encoder", "decoder"):
        assert all(map(torch.equal, getattr(two, part).parameters(), getattr(one, part).parameters()))
    assert torch.equal(two.segmentation_head[0].weight, torch.cat([one.segmentation_head[0].weight, head[1:]]))
    image = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(two.eval()(image)[:, :1], one.eval()(image))


def test_a_network_may_have_fewer_outputs_than_the_one_it_starts_from():
    settings = {"encoder_depth": 3, "encoder_weights": None, "decoder_channels": (8, 4, 4), "in_channels": 1}
    one, two = (smp.Unet("mobileone_s0", classes=n, **settings) for n in (1, 2))
    interpolate_weights(one, two, "there")
    image = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(one.eval()(image), two.eval()(image)[:, :1])


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_weights_may_be_the_mean_of_two_networks(share):
    """Weights and statistics of shared outputs are averaged; counts of batches and other outputs stay."""
    settings = {"encoder_depth": 3, "encoder_weights": None, "decoder_channels": (8, 4, 4), "in_channels": 1}
    one, two = (smp.Unet("mobileone_s0", classes=n, **settings) for n in (1, 2))
    two.train()(torch.randn(2, 1, 32, 32))
    own = {key: value.clone() for key, value in two.state_dict().items()}
    interpolate_weights(two, one, "there", share)
    head = "segmentation_head.0.weight"
    other, mean = one.state_dict(), two.state_dict()
    for key, value in mean.items():
        if not value.is_floating_point():
            assert torch.equal(value, own[key])
        elif not key.startswith("segmentation_head"):
            torch.testing.assert_close(value, share * other[key] + (1 - share) * own[key])
    assert torch.equal(mean[head][1], own[head][1])
    torch.testing.assert_close(mean[head][0], share * other[head][0] + (1 - share) * own[head][0])


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(InputError, match="start=there: its network is another one"):
        interpolate_weights(nn.Conv2d(1, 1, 3), Tiny(), "there")


def averaged():
    return EMAWeightAveraging(decay=0.5)


def test_averaged_weights_are_those_that_are_kept_and_an_interruption_changes_nothing(tmp_path):
    """The running mean by hand: after each step, half of the mean so far and half of the new weights."""
    whole, parts, means = tmp_path / "whole", tmp_path / "parts", []

    class Mean(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            now = pl_module.net.layers[0].weight.detach().clone()
            means.append(now if not means else (means[-1] + now) / 2)

    net = fit(trainer(whole, averaged(), Mean(), max_epochs=3), module(), data(), whole)
    best = torch.load(whole / "best.ckpt", weights_only=True)["epoch"]
    steps = SAMPLES // 3
    torch.testing.assert_close(net.layers[0].weight, means[(best + 1) * steps - 1])
    fit(trainer(parts, averaged(), max_epochs=1), module(), data(), parts)
    again = fit(trainer(parts, averaged(), max_epochs=3), module(), data(), parts)
    restored = again.state_dict()
    for name, weight in net.state_dict().items():
        torch.testing.assert_close(restored[name], weight)


def test_a_frozen_part_stays_frozen_when_a_training_goes_on(tmp_path):
    def frozen():
        return SegmentationModule(
            smp.Unet("mobileone_s0", encoder_depth=3, encoder_weights=None, decoder_channels=(8, 4, 4), in_channels=1),
            nn.BCEWithLogitsLoss(),
            partial(torch.optim.Adam, lr=0.01),
            frozen=["encoder"],
        )

    torch.manual_seed(0)
    first = frozen()
    before = {name: value.clone() for name, value in first.net.encoder.state_dict().items()}
    fit(trainer(tmp_path, max_epochs=1), first, data(), tmp_path)
    net = fit(trainer(tmp_path, max_epochs=2), frozen(), data(), tmp_path)
    after = net.encoder.state_dict()
    for name, value in before.items():
        assert torch.equal(after[name], value)
