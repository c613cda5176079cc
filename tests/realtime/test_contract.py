"""The metadata of a plug-in: read back as written, and refused in one sentence when it is wrong."""

import json
from dataclasses import replace

import pytest

from realtime.contract import CONTRACT_VERSION, VERSION_KEY, ContractError, ModelSpec, StateSpec, StftSpec
from tests.plugins import ASYMMETRIC, SYMMETRIC, make_spec

FULL = make_spec(
    SYMMETRIC,
    name="Größe 1",
    description="two\nlines",
    targets=("vocals", "drums"),
    residual=None,
    hops_per_call=4,
    lookahead_hops=2,
    context_hops=3,
    causal=False,
    states=(StateSpec("h", (1, 2, 3)), StateSpec("c", (4,))),
    card={"test_set": "none", "scores": {"vocals": {"SDR": 4.5}}},
)

WRONG_VALUES = {
    "n_fft": ["0", "63", "131072", "-64", "64.0", "", "sixty", "٦٤", "9" * 5000],
    "hop_length": ["0", "7", "64", "128"],
    "analysis_window": ["kaiser", "asymmetric", ""],
    "synthesis_window": ["kaiser", "asymmetric"],
    "sample_rate": ["0", "999", "999999999"],
    "channels": ["0", "65"],
    "hops_per_call": ["0", "4097", "1e3"],
    "lookahead_hops": ["-1", "4097"],
    "context_hops": ["-1", "4097"],
    "targets": ["[]", "vocals", '["vocals", "vocals"]', "[1]", "{}", '["../vocals"]', "[" * 100000, '[["vocals"]]'],
    "residual": ["vocals", "a b", "/etc"],
    "causal": ["True", "1", ""],
    "states": [
        "{}",
        "[1]",
        '[{"name": "h"}]',
        '[{"name": "h", "shape": []}]',
        '[{"name": "h", "shape": [0]}]',
        '[{"name": "h", "shape": [true]}]',
        '[{"name": "h", "shape": [1e3]}]',
        '[{"name": "a b", "shape": [1]}]',
        '[{"name": "h", "shape": [16777216, 16777216]}]',
        '[{"name": ["h"], "shape": [1]}]',
        '[{"name": "mixture", "shape": [1]}]',
        '[{"name": "h", "shape": [1]}, {"name": "h", "shape": [1]}]',
        '[{"name": "h", "shape": [1]}, {"name": "h_out", "shape": [1]}]',
    ],
    "card": [
        "[]",
        "{",
        "",
        '{"scores": []}',
        '{"scores": {"vocals": 6}}',
        '{"scores": {"vocals": {"SDR": "six"}}}',
        '{"scores": {"vocals": {"SDR": null}}}',
        '{"scores": {"vocals": {"SDR": NaN}}}',
        '{"rtf": "fast"}',
        '{"rtf": true}',
        '{"rtf": Infinity}',
        '{"rtf": 1' + "0" * 400 + "}",
        '{"test_set": 25}',
        '{"cpu": "\\u001b[2Jcleared"}',
    ],
    "name": ["", "\x1b[2Jcleared"],
}


@pytest.mark.parametrize("spec", [make_spec(), FULL], ids=["plain", "full"])
def test_metadata_round_trip(spec):
    metadata = spec.to_metadata()
    assert all(isinstance(value, str) for value in metadata.values())
    assert ModelSpec.from_metadata(metadata) == spec


def test_latency_is_the_sum_of_its_parts():
    assert make_spec(ASYMMETRIC).latency_samples == 32
    assert make_spec(SYMMETRIC).latency_samples == 64
    assert make_spec(ASYMMETRIC, hops_per_call=4, lookahead_hops=2).latency_samples == 32 + 3 * 16 + 2 * 16
    lite = make_spec(StftSpec(2048, 512, "asymmetric", "asymmetric"))
    assert lite.latency_ms == pytest.approx(23.2, abs=0.05)


def test_outputs_are_the_targets_and_the_residual():
    assert make_spec().outputs == ("vocals", "accompaniment")
    assert FULL.outputs == ("vocals", "drums")


def test_other_contract_version_names_both():
    with pytest.raises(ContractError, match=rf"'7'.*'{CONTRACT_VERSION}'"):
        ModelSpec.from_metadata({**make_spec().to_metadata(), VERSION_KEY: "7"})


def test_foreign_onnx_file_is_told_from_a_broken_one():
    with pytest.raises(ContractError, match="not an Unsing plug-in"):
        ModelSpec.from_metadata({"sample_rate": "44100"})


@pytest.mark.parametrize("key", [key for key in make_spec().to_metadata() if key != VERSION_KEY])
def test_missing_key_is_named(key):
    metadata = make_spec().to_metadata()
    del metadata[key]
    with pytest.raises(ContractError, match=key):
        ModelSpec.from_metadata(metadata)


@pytest.mark.parametrize("key", WRONG_VALUES)
def test_wrong_values_are_refused_in_one_short_sentence(key):
    for value in WRONG_VALUES[key]:
        with pytest.raises(ContractError) as refusal:
            ModelSpec.from_metadata({**make_spec(SYMMETRIC).to_metadata(), key: value})
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) < 300


def test_random_damage_raises_nothing_but_contract_errors(rng):
    keys, alphabet = list(FULL.to_metadata()), list('0123456789-+.eE"{}[],:ntfa \\u\x00é')
    refused = 0
    for _ in range(3000):
        metadata = FULL.to_metadata()
        for _ in range(rng.integers(1, 4)):
            key = keys[rng.integers(len(keys))]
            text = list(metadata.get(key, "0"))
            position = rng.integers(len(text) + 1)
            text[position : position + rng.integers(3)] = rng.choice(alphabet, rng.integers(3))
            metadata[key] = "".join(text)
        try:
            ModelSpec.from_metadata(metadata)
        except ContractError:
            refused += 1
    assert refused > 1000


@pytest.mark.parametrize("bad", [json.dumps("text"), "1", "null", "true", "[[[]]]", '{"a": {}}', "NaN", "Infinity"])
@pytest.mark.parametrize("key", ["targets", "states"])
def test_json_of_another_kind_is_refused(key, bad):
    with pytest.raises(ContractError, match=key):
        ModelSpec.from_metadata({**make_spec().to_metadata(), key: bad})


def test_a_spec_made_in_code_is_checked_too():
    with pytest.raises(ContractError, match="hops_per_call"):
        replace(make_spec(), hops_per_call=0)
    with pytest.raises(ContractError, match="hop_length"):
        StftSpec(64, 48, "asymmetric", "asymmetric")
