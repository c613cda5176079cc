import pytest

from realtime.contract import StftSpec
from realtime.live.client import EngineClient
from tests import plugins
from tests.engines import BLOCK, RATE
from tests.servers import jack_server


@pytest.fixture(scope="module")
def server():
    with jack_server(RATE, BLOCK) as running:
        yield running


@pytest.fixture
def client(server):
    client = EngineClient()
    yield client
    client.close()


@pytest.fixture
def one_pole(tmp_path):
    # Its hop divides every block and it answers silence with silence, so it does not matter when it was started; and
    # its calls are few enough for slow machines.
    return plugins.one_pole(
        tmp_path / "one_pole.onnx", plugins.make_spec(StftSpec(512, 128, "asymmetric", "asymmetric"))
    )
