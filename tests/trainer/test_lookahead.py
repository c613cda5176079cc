"""What trails by a lookahead is trained and scored against what it was given then."""

import dataclasses

import pytest
import torch
from torch import nn

from tests.training import tiny_config
from trainer.data.mixing import Batch
from trainer.data.recordings import Source, find_recordings
from trainer.loop import Trainer, split_recordings
from trainer.validation import Validator

CPU = torch.device("cpu")


class PassesOn(nn.Module):
    """Takes the whole mixture for vocals, some frames late."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames, self.gain = frames, nn.Parameter(torch.ones(()))

    def forward(self, mixture, state=None):
        batch, channels, bins = mixture.shape[:3]
        late = mixture.new_zeros(batch, channels, bins, self.frames, 2) if state is None else state["ahead"]
        late = torch.cat([late, mixture], 3)
        return self.gain * late[:, None, :, :, : mixture.shape[3]], {"ahead": late[:, :, :, mixture.shape[3] :]}


def config_with(hops):
    config = tiny_config()
    return dataclasses.replace(config, model=dataclasses.replace(config.model, lookahead_hops=hops))


@pytest.mark.parametrize("hops", [1, 6])
def test_scores_do_not_depend_on_how_late_an_estimate_is(hops, songs):
    held_out = split_recordings(list(find_recordings(Source(songs), 44100)), tiny_config())[1]
    prompt, late = (Validator(held_out, config_with(n), CPU).score(PassesOn(n)) for n in (0, hops))
    assert dataclasses.astuple(late) == pytest.approx(dataclasses.astuple(prompt), abs=0.1)


@pytest.mark.parametrize(("hops", "warmup_frames"), [(0, 4), (1, 0), (6, 4), (6, 20)])
def test_an_estimate_that_is_right_has_no_loss_but_the_ceiling_of_sdr(hops, warmup_frames, tmp_path):
    trainer = Trainer(config_with(hops), [], tmp_path, CPU)
    trainer.model = PassesOn(hops)
    trainer.average = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), 1e-6)
    torch.manual_seed(0)
    audio = 0.1 * torch.randn(2, 2, 64 * 512)
    batch = Batch(audio, audio, torch.full((2,), 22050.0), warmup_frames)
    loss = trainer._train_step(trainer.model, batch, 0.0)
    assert float(loss) == pytest.approx(-30 * trainer.config.loss.sdr, abs=1e-3)
