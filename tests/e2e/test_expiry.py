"""Expiry takes what is unfinished and abandoned, and nothing else."""

import time

from tests.support.fixtures import Serve
from tests.support.tus import Tus, Wire, id_of, payload


def test_expiry_takes_unfinished_uploads_and_never_finished_ones(serve: Serve) -> None:
    """With a short -expire-after the abandoned go and the finished stay (a peer deleted both)."""
    server = serve("-expire-after", "1s", "-sweep-interval", "300ms")
    data = payload(100_000, seed=1)
    with Tus(server.url) as tus:
        finished = [tus.create(len(data), data), tus.create(0)]
        parts = [tus.create(3, body, Upload_Concat="partial") for body in (b"abc", b"def")]
        final = tus.create(Upload_Concat="final;" + " ".join(parts))
        abandoned = tus.create(len(data))
        assert "GMT" in tus.patch(abandoned, 0, data[:500]).headers["Upload-Expires"]
        time.sleep(2.5)
        assert not (server.upload_dir / id_of(abandoned)).exists(), "nothing was swept"
        assert tus.head(abandoned).status_code in {404, 410}
        assert tus.patch(abandoned, 500, data[500:]).status_code in {404, 410}
        server.stop()
        server.restart()
        time.sleep(1.5)
        assert [tus.get(url).content for url in finished] == [data, b""]
        assert tus.get(final).content == b"abcdef"
        assert tus.head(abandoned).status_code in {404, 410}


def test_upload_in_progress_does_not_expire(serve: Serve) -> None:
    """A slow sender that goes on sending keeps its upload, however long it takes in all."""
    server = serve("-expire-after", "1s", "-sweep-interval", "200ms")
    data = payload(100_000, seed=2)
    with Tus(server.url) as tus, Wire(server.host_port) as wire:
        url = tus.create(len(data))
        wire.begin_patch(url, 0, len(data))
        for place in range(0, len(data), 10_000):
            wire.send(data[place : place + 10_000])
            time.sleep(0.25)
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 204
        assert tus.get(url).content == data
