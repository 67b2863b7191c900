"""The engine `ray`, with Ray itself: a cluster on loopback, started once for this module, and nothing of it left."""

import socket
from contextlib import suppress
from importlib.util import find_spec

import psutil
import pytest

from progressive_integrations import ray_engine
from progressive_training import PluginError
from progressive_training.engines import engine_named
from progressive_training.testing import check_engine

needs_ray = pytest.mark.skipif(not find_spec("ray"), reason='needs Ray: pip install -e ".[ray]"')


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        before = psutil.Process().children(recursive=True)
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        engine = engine_named("ray")
        yield engine
        engine.close()
        assert psutil.Process().children(recursive=True) == before
        assert list(home.iterdir()) == []


def test_without_ray_one_line_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setattr(ray_engine, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r"^--engine ray needs Ray: pip install 'progressive-training\[ray\]'$"):
        engine_named("ray")


@needs_ray
def test_an_address_where_nothing_listens_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(PluginError, match=rf"^--engine ray: no cluster answers at {address} \(.+\)$"):
        engine_named("ray", address)


@needs_ray
def test_ray_does_what_an_engine_must_and_hears_no_other_machine(cluster, capfd) -> None:
    class Kept(type(cluster)):
        """Its cluster is closed by the fixture."""

        def __init__(self) -> None:
            self.__dict__ = cluster.__dict__

        def close(self) -> None:
            self.end_all()

    check_engine(Kept)
    heard = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # an actor that is just ending
            listening = (each for each in process.net_connections() if each.status == psutil.CONN_LISTEN)
            heard += [each.laddr.ip.removeprefix("::ffff:") for each in listening]
    assert heard
    assert {*heard} == {"127.0.0.1"}
    assert capfd.readouterr() == ("", "")
