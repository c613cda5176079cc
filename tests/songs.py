"""Short songs of noise, whose scores are known on paper."""

import soundfile

RATE = 8000


def write_noise_song(folder, rng, vocals_rms=0.1, accompaniment_rms=0.1, seconds=2):
    """Write a folder of two mono stems with independent white noise."""
    folder.mkdir(parents=True)
    for name, rms in (("vocals", vocals_rms), ("accompaniment", accompaniment_rms)):
        audio = rms * rng.standard_normal((round(seconds * RATE), 1))
        soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="FLOAT")
