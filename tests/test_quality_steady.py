"""Every model that ships separates the end of a long song as its beginning."""

import numpy as np
import pytest

from realtime.catalog import shipped_models
from realtime.plugin import OnnxPlugin
from realtime.separator import StreamingSeparator
from tests.quality import real_song, sdr_db, separate

# Twenty times the longest memory that any of them was given.
LONG_S = 60
# The least that two models differ by in earnest; 0.06 dB are due to where hops begin in the song.
STEADY_DB = 0.3


@pytest.mark.parametrize("path", shipped_models(), ids=lambda path: path.stem)
def test_the_end_of_a_long_song_is_separated_as_its_beginning(path):
    song = real_song()
    length = song.mixture.shape[1]
    times = -(-LONG_S * song.sample_rate // length)
    found = separate(StreamingSeparator(OnnxPlugin(path)), np.tile(song.mixture, times))[0].reshape(2, times, length)
    # The first time round the model does not know the song yet.
    first, last = (sdr_db(found[:, turn], song.vocals) for turn in (1, times - 1))
    assert last > first - STEADY_DB
