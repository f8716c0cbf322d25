"""Concatenation (checklist CONCAT)."""

import asyncio

import pytest

from tests.support.lab import Serve, Tus
from tests.support.tus import id_of, metadata

pytestmark = pytest.mark.anyio


async def test_partial(tus: Tus) -> None:
    """CONCAT-02, 03, 04, 34."""
    url = await tus.create(5, Upload_Concat="partial")
    for offset, part in ((0, b"he"), (2, b"llo"), (5, b"")):
        reply = await tus.patch(url, offset, part, Upload_Concat="partial")
        assert reply.status_code == 204
        head = await tus.head(url)
        assert head.headers["Upload-Concat"] == "partial"
        assert head.headers["Upload-Offset"] == str(offset + len(part))
    assert tus.data(url) == b"hello"


async def test_final(tus: Tus) -> None:
    """CONCAT-05, 06, 07, 08, 09, 10, 27: nothing is copied."""
    a, b, nothing = await tus.partial(b"hello"), await tus.partial(b" world"), await tus.partial(b"")
    before = tus.files()
    for urls, content in (
        ((a, b), b"hello world"),
        ((b, a), b" worldhello"),
        ((nothing, a, nothing, b, nothing), b"hello world"),
        ((nothing,), b""),
        ((a,), b"hello"),
    ):
        reply = await tus.post(Upload_Concat="final;" + " ".join(urls))
        assert reply.status_code == 201
        head = await tus.head(reply.headers["Location"])
        assert head.headers["Upload-Offset"] == head.headers["Upload-Length"] == str(len(content))
        assert head.headers["Upload-Concat"] == "final;" + " ".join(urls)
        assert (await tus.get(reply.headers["Location"])).content == content
    assert [name for name in tus.files() if not name.endswith(".info")] == [
        name for name in before if not name.endswith(".info")
    ]


async def test_metadata_is_the_finals_own(tus: Tus) -> None:
    """CONCAT-11, CONCAT-12."""
    a = await tus.partial(b"hello", Upload_Metadata=metadata(filename="piece"))
    assert "Upload-Metadata" not in (await tus.head(await tus.final(a))).headers
    sent = metadata(filename="whole")
    final = await tus.final(a, Upload_Metadata=sent)
    assert (await tus.head(final)).headers["Upload-Metadata"] == sent
    assert 'filename="whole"' in (await tus.get(final)).headers["Content-Disposition"]


@pytest.mark.parametrize(("offset", "body"), [(5, b"x"), (0, b"x"), (5, b""), (9, b"x")])
async def test_a_final_takes_no_bytes(tus: Tus, offset: int, body: bytes) -> None:
    """CONCAT-13: 403 comes before 409 and 413."""
    a = await tus.partial(b"hello")
    final = await tus.final(a)
    reply = await tus.patch(final, offset, body)
    assert (reply.status_code, reply.text.partition(":")[0]) == (403, "ERR_MODIFY_FINAL")
    assert (await tus.get(final)).content == b"hello"
    assert tus.data(a) == b"hello"


@pytest.mark.parametrize("length", [5, 6])
async def test_a_length_sent_along_is_ignored(tus: Tus, length: int) -> None:
    """CONCAT-14."""
    a = await tus.partial(b"hello")
    reply = await tus.post(length, Upload_Concat=f"final;{a}")
    assert (await tus.head(reply.headers["Location"])).headers["Upload-Length"] == "5"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("final;", id="CONCAT-15:empty"),
        pytest.param("final; ", id="CONCAT-15:blank"),
        pytest.param("final", id="CONCAT-15:bare"),
        pytest.param("foo", id="CONCAT-16:foo"),
        pytest.param("PARTIAL", id="CONCAT-16:case"),
        pytest.param("partial;x", id="CONCAT-16:partial;x"),
        pytest.param("", id="CONCAT-16:empty"),
        pytest.param("final;/files/" + "0" * 32, id="CONCAT-17"),
        pytest.param("final;{a} /files/" + "0" * 32, id="CONCAT-17:second"),
        pytest.param("final;{single}", id="CONCAT-18"),
        pytest.param("final;{final}", id="CONCAT-19"),
        pytest.param("final;https://evil.example/files/{id}", id="CONCAT-24:host"),
        pytest.param("final;http://127.0.0.1:1/x", id="CONCAT-24:other"),
        pytest.param("final;//evil.example/files/{id}", id="CONCAT-24:scheme-relative"),
        pytest.param("final;http://testserver@evil.example/files/{id}", id="CONCAT-24:user"),
        pytest.param("final;http://[/files/{id}", id="CONCAT-24:malformed"),
        pytest.param("final;/other/{id}", id="CONCAT-24:path"),
        pytest.param("final;/files/../files/x/../../etc/{id}", id="CONCAT-24:dots"),
        pytest.param("final;/files/{id}.info", id="CORE-35:info"),
        pytest.param("final;/files/", id="CONCAT-17:creation URL"),
    ],
)
async def test_refused(tus: Tus, value: str) -> None:
    """CREATE-20: no Location, and nothing is made."""
    a, single = await tus.partial(b"hello"), await tus.create(5, b"hello")
    urls = {"{a}": a, "{single}": single, "{final}": await tus.final(a), "{id}": id_of(a)}
    for name, url in urls.items():
        value = value.replace(name, url)
    before = tus.rows(), tus.files()
    reply = await tus.post(Upload_Concat=value)
    assert (reply.status_code, "Location" in reply.headers) == (400, False)
    assert reply.text.startswith("ERR_INVALID_CONCAT: Upload-Concat ")
    assert (tus.rows(), tus.files()) == before


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("final;{a} {b}", id="CONCAT-23:absolute"),
        pytest.param("final;/files/{ia} /files/{ib}", id="CONCAT-23:path"),
        pytest.param("final;{a} /files/{ib}", id="CONCAT-23:mixed"),
        pytest.param("final;{ia} {ib}", id="CONCAT-23:relative"),
        pytest.param("final;https://testserver/files/{ia} {b}", id="CONCAT-23:TLS ends before us"),
        pytest.param("final; {a}  {b} ", id="CONCAT-25"),
        pytest.param("final;{a}?x=1 {b}/", id="CONCAT-29"),
        pytest.param("final;http://TESTSERVER/files/{ia} {b}", id="CONCAT-23:host case"),
    ],
)
async def test_forms_of_urls(tus: Tus, form: str) -> None:
    a, b = await tus.partial(b"hello"), await tus.partial(b" world")
    value = form.format(a=a, b=b, ia=id_of(a), ib=id_of(b))
    reply = await tus.post(Upload_Concat=value)
    assert reply.status_code == 201
    assert (await tus.get(reply.headers["Location"])).content == b"hello world"
    echoed = (await tus.head(reply.headers["Location"])).headers["Upload-Concat"]
    assert echoed.strip() == value.strip()


async def test_a_partial_used_more_than_once(tus: Tus) -> None:
    """CONCAT-21, 22, 36: in one final, in another, and in two at the same moment."""
    a = await tus.partial(b"hello")
    assert (await tus.get(await tus.final(a, a))).content == b"hellohello"
    finals = await asyncio.gather(*(tus.final(a, a, a) for _ in range(5)))
    assert len(set(finals)) == 5
    for final in finals:
        assert (await tus.get(final)).content == b"hello" * 3


async def test_size_limit(serve: Serve) -> None:
    """CONCAT-26."""
    tus = await serve(max_size=10)
    a, b = await tus.partial(b"hello"), await tus.partial(b" world")
    before = tus.rows(), tus.files()
    reply = await tus.post(Upload_Concat=f"final;{a} {b}")
    assert (reply.status_code, "Location" in reply.headers) == (413, False)
    assert (tus.rows(), tus.files()) == before
    assert (await tus.get(await tus.final(a, a))).content == b"hellohello"


async def test_many_partials(serve: Serve) -> None:
    """CONCAT-28, and how many is a setting."""
    tus = await serve(max_partials=100)
    a = await tus.partial(b"x")
    assert (await tus.get(await tus.final(*[id_of(a)] * 100))).content == b"x" * 100
    reply = await tus.post(Upload_Concat="final;" + " ".join([id_of(a)] * 101))
    assert reply.status_code == 400
    assert "names 101 partial uploads, at most 100 are accepted" in reply.text


@pytest.mark.parametrize("value", ["partial", "final;/files/x"])
async def test_switched_off(serve: Serve, value: str) -> None:
    """CONCAT-30."""
    tus = await serve(disable_concatenation=True)
    reply = await tus.post(5, Upload_Concat=value)
    assert (reply.status_code, reply.text) == (400, "ERR_NOT_OFFERED: Upload-Concat is not offered here\n")
    assert tus.files() == []


async def test_a_sum_that_no_file_can_have(tus: Tus) -> None:
    """CREATE-14 by concatenation: refused, and requests at the same moment do not suffer for it."""
    huge = [await tus.create(2**63 - 1, Upload_Concat="partial") for _ in range(2)]
    before = tus.rows()["uploads"]
    others = [tus.post(5) for _ in range(8)]
    reply, *replies = await asyncio.gather(tus.post(Upload_Concat="final;" + " ".join(huge)), *others)
    assert reply.status_code in (400, 413)
    assert [each.status_code for each in replies] == [201] * 8
    assert tus.rows()["uploads"] == before + 8
