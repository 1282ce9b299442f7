"""Encoder weights from a file are verified, adapted to grey images, and refused where they do not fit."""

import hashlib
import pickle
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from torch import nn

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.pretrained import load_encoder_weights


class Net(nn.Module):
    """An encoder of two layers for a number of colour channels, and a head."""

    def __init__(self, colours=1, width=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(colours, width, 3), nn.BatchNorm2d(width))
        self.head = nn.Conv2d(width, 1, 1)


@pytest.fixture(autouse=True)
def _hub(tmp_path, monkeypatch):
    """Downloads are kept in a temporary folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))


@pytest.fixture
def served(tmp_path):
    """Address and checksum of a file with published weights for three colour channels and a classifier."""

    def put(content, name="weights v1.0.pth.tar"):
        file = tmp_path / name
        torch.save(content, file) if not isinstance(content, bytes) else file.write_bytes(content)
        return file.as_uri(), hashlib.sha256(file.read_bytes()).hexdigest()

    return put


def published(width=4):
    return Net(3, width).encoder.state_dict() | {"fc.weight": torch.zeros(54, width), "fc.bias": torch.zeros(54)}


@pytest.mark.parametrize("wrapped", [lambda s: s, lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}])
def test_the_encoder_treats_a_grey_image_as_the_published_one_treats_a_grey_picture_in_three_channels(served, wrapped):
    state = published()
    net = load_encoder_weights(Net(), *served(wrapped(state)))
    other = Net(3).encoder
    other.load_state_dict({k: v for k, v in state.items() if not k.startswith("fc.")})
    image = torch.randn(1, 1, 16, 16)
    torch.testing.assert_close(net.encoder.eval()(image), other.eval()(image.expand(1, 3, 16, 16)))


def test_a_network_for_colours_gets_the_weights_unchanged(served):
    state = published()
    net = load_encoder_weights(Net(3), *served(state))
    assert torch.equal(net.encoder[0].weight, state["0.weight"])


def test_a_path_is_accepted_like_an_address(served, tmp_path):
    _, sha256 = served(published())
    load_encoder_weights(Net(), str(tmp_path / "weights v1.0.pth.tar"), sha256)


def test_it_is_downloaded_once(served, tmp_path):
    url, sha256 = served(published())
    load_encoder_weights(Net(), url, sha256)
    (tmp_path / "weights v1.0.pth.tar").unlink()
    load_encoder_weights(Net(), url, sha256)


@pytest.fixture
def server(monkeypatch):
    """A web server on this machine that gives each answer of a list once: a status and a body."""
    answers = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/weights.pth.tar", answers
        http.shutdown()
        thread.join()


def test_a_download_that_fails_is_tried_again(served, server, tmp_path):
    _, sha256 = served(published())
    content = (tmp_path / "weights v1.0.pth.tar").read_bytes()
    url, answers = server
    answers += [(503, b""), (200, content[:-100]), (200, content)]  # a busy server, then a damaged file
    load_encoder_weights(Net(), url, sha256)
    assert answers == []


def test_a_file_with_another_checksum_is_refused_and_not_kept(served, tmp_path):
    url, _ = served(published())
    with pytest.raises(InputError, match="is not the file that was meant") as caught:
        load_encoder_weights(Net(), url, "0" * 64)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "hub").rglob("*.tar"))


def test_weights_of_another_encoder_are_refused(served):
    with pytest.raises(InputError, match="those of another encoder"):
        load_encoder_weights(Net(), *served(published(width=6)))


class Trap:
    """Fails when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("code was run",)


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps(Trap(), 2), [1, 2]])
def test_what_holds_no_weights_is_refused_unread(served, content):
    with pytest.raises(InputError, match="holds no weights") as caught:
        load_encoder_weights(Net(), *served(content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://example.invalid/weights.pth.tar", "file:///no/such/file", "weights.pth"])
def test_a_failed_download_is_reported_in_one_line(url, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(InputError, match="cannot be downloaded") as caught:
        load_encoder_weights(Net(), url, "0" * 64)
    assert url in str(caught.value)
    assert "\n" not in str(caught.value)
    assert socket.getdefaulttimeout() is None
