"""The simulator's download host, and everything that can be made to go wrong."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

import pytest
import requests

from chargebee_simulator import Simulator, SimulatorSettings

KEY = "test_key_acme"


class Client:
    """Creates exports and downloads them."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.exports = f"{sim.url}/api/v2/exports"
        self.http = requests.Session()
        self.http.trust_env = False

    def post(self, resource: str = "coupons", key: str | None = None) -> requests.Response:
        headers = {"chargebee-idempotency-key": key} if key else {}
        return self.http.post(f"{self.exports}/{resource}", auth=(KEY, ""), headers=headers)

    def get(self, export_id: str) -> requests.Response:
        return self.http.get(f"{self.exports}/{export_id}", auth=(KEY, ""), allow_redirects=False)

    def completed(self, resource: str = "coupons") -> str:
        export = str(self.post(resource).json()["export"]["id"])
        self.sim.control.advance(2)
        return export

    def url(self, export_id: str) -> str:
        return str(self.get(export_id).json()["export"]["download"]["download_url"])

    def download(self, url: str, method: str = "GET", **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, url, headers=named, timeout=30)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(SimulatorSettings(customers=60, rate_limit=0)) as running:
        yield running


@pytest.fixture
def client(sim: Simulator) -> Client:
    sim.control.clear_faults()
    sim.control.advance(10)
    sim.control.clear_requests()
    return Client(sim)


@pytest.fixture
def url(client: Client) -> str:
    return client.url(client.completed())


def is_zip(answer: requests.Response) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return archive.testzip() is None
    except zipfile.BadZipFile:
        return False


def test_a_download_is_public_whole_and_never_compressed(sim: Simulator, client: Client, url: str) -> None:
    answer = client.download(url, Accept_Encoding="gzip, deflate")
    assert answer.status_code == 200 and is_zip(answer)
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Accept-Ranges"] == "bytes" and answer.headers["ETag"].startswith('"')
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert "Content-Encoding" not in answer.headers
    assert client.download(url, "HEAD").status_code == 403, "the URL is signed for GET, as those of S3 are"
    entry = sim.control.requests(listener="download", method="GET")[0]
    assert entry["status"] == 200 and entry["headers"]["authorized"] is False and "?" not in entry["path"]


def test_ranges(client: Client, url: str) -> None:
    whole = client.download(url)
    size = len(whole.content)
    for asked, expected in [
        ("0-9", (0, 10)),
        ("100-", (100, size)),
        ("-7", (size - 7, size)),
        (f"5-{size * 2}", (5, size)),
    ]:
        part = client.download(url, Range=f"bytes={asked}")
        first, end = expected
        assert part.status_code == 206 and part.content == whole.content[first:end]
        assert part.headers["Content-Range"] == f"bytes {first}-{end - 1}/{size}"
    beyond = client.download(url, Range=f"bytes={size}-")
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == f"bytes */{size}"
    for odd in ("bytes=0-1,4-5", "bytes=9-3", "lines=1-2", "bytes=-"):
        assert client.download(url, Range=odd).status_code == 200


def test_if_range_and_if_match(client: Client, url: str) -> None:
    etag = client.download(url).headers["ETag"]
    assert client.download(url, Range="bytes=0-9", If_Range=etag).status_code == 206
    assert client.download(url, Range="bytes=0-9", If_Range='"another"').status_code == 200
    assert client.download(url, Range="bytes=0-9", If_Match=etag).status_code == 206
    assert client.download(url, If_Match='"another"').status_code == 412


def test_a_url_expires(sim: Simulator, client: Client) -> None:
    export = client.completed()
    link = client.get(export).json()["export"]["download"]
    sim.control.advance(link["valid_till"] - sim.control.now() - 2)
    assert client.download(link["download_url"]).status_code == 200
    sim.control.advance(3)
    expired = client.download(link["download_url"])
    assert expired.status_code == 403 and "<Code>AccessDenied</Code>" in expired.text and "expired" in expired.text
    assert client.download(client.url(export)).status_code == 200


def test_a_forged_url_gives_nothing(client: Client, url: str) -> None:
    other = client.completed()
    path = url.partition("?")[0]
    mine = path.rsplit("/", 2)[1]
    for forged, code in [
        (path, "AccessDenied"),
        (url.replace("X-Amz-Expires=14400", "X-Amz-Expires=99999"), "SignatureDoesNotMatch"),
        (url.replace(mine, other), "SignatureDoesNotMatch"),
        (f"{url}0", "SignatureDoesNotMatch"),
        (f"{url}%C3%A9", "SignatureDoesNotMatch"),
    ]:
        answer = client.download(forged)
        assert answer.status_code == 403 and f"<Code>{code}</Code>" in answer.text
    assert client.download(url, "PUT").status_code == 405


def test_faults_count_down(sim: Simulator, client: Client) -> None:
    sim.control.fault("status", status=503, times=2, method="GET")
    assert sim.control.faults()[0]["times"] == 2
    assert client.post().status_code == 200, "meant for GET"
    assert [client.get("nothing").status_code for _ in range(3)] == [503, 503, 404]
    assert sim.control.faults() == []


def test_a_fault_can_wait_be_endless_and_be_aimed(sim: Simulator, client: Client) -> None:
    sim.control.fault("status", status=500, skip=1, times=None, resource="customers")
    assert client.post("coupons").status_code == 200
    assert [client.post("customers").status_code for _ in range(4)] == [200, 500, 500, 500]
    assert sim.control.faults()[0]["times"] is None
    sim.control.clear_faults()
    assert client.post("customers").status_code == 200


def test_a_status_in_json_or_as_text(sim: Simulator, client: Client) -> None:
    sim.control.fault("status", status=429, retry_after=7)
    answer = client.post()
    assert answer.json()["api_error_code"] == "api_request_limit_exceeded" and answer.headers["Retry-After"] == "7"
    sim.control.fault("status", status=503, text=True, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    answer = client.post()
    assert answer.headers["Content-Type"].startswith("text/plain") and "GMT" in answer.headers["Retry-After"]
    sim.control.fault("status", status=503, listener="download")
    assert client.download(client.url(client.completed())).status_code == 503


def test_a_job_can_fail_or_hang(sim: Simulator, client: Client) -> None:
    sim.control.add_faults([{"kind": "fail_job"}, {"kind": "hang_job"}])
    failed, hanging = (client.post().json()["export"] for _ in range(2))
    assert failed["status"] == hanging["status"] == "in_process"
    sim.control.advance(3)
    answer = client.get(failed["id"]).json()["export"]
    assert answer["status"] == "failed" and "download" not in answer
    sim.control.advance(10**6)
    assert client.get(hanging["id"]).json()["export"]["status"] == "in_process"


def test_a_connection_can_drop_before_or_after_the_job_is_created(sim: Simulator, client: Client) -> None:
    created = sim.control.stats()["created"]
    sim.control.fault("drop_before")
    with pytest.raises(requests.ConnectionError):
        client.post(key="dropped")
    assert sim.control.stats()["created"] == created
    sim.control.fault("drop_after")
    with pytest.raises(requests.ConnectionError):
        client.post(key="dropped")
    assert sim.control.stats()["created"] == created + 1
    assert client.post(key="dropped").headers["chargebee-idempotency-replayed"] == "true"
    assert [entry["status"] for entry in sim.control.requests(method="POST")] == [None, None, 200]


def test_an_answer_can_be_held_back_after_the_job_is_created(sim: Simulator, client: Client) -> None:
    created = sim.control.stats()["created"]
    sim.control.fault("slow_after", delay=3600)
    with pytest.raises(requests.ReadTimeout):
        client.http.post(
            f"{client.exports}/coupons", headers={"chargebee-idempotency-key": "held"}, auth=(KEY, ""), timeout=1
        )
    assert client.post(key="held").headers["chargebee-idempotency-replayed"] == "true"
    assert sim.control.stats()["created"] == created + 1
    assert [entry["status"] for entry in sim.control.requests(method="POST")] == [None, 200]


def test_a_download_can_be_cut(sim: Simulator, client: Client, url: str) -> None:
    whole = client.download(url).content
    sim.control.fault("cut_download", after_bytes=300)
    received = b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for piece in client.http.get(url, stream=True).iter_content(1):
            received += piece
    assert received == whole[:300]
    rest = client.download(url, Range="bytes=300-")
    assert received + rest.content == whole


def test_a_cut_without_content_length_looks_whole_or_does_not(sim: Simulator, client: Client, url: str) -> None:
    sim.control.fault("cut_download", after_bytes=300, chunked=True)
    answer = client.download(url)
    assert answer.status_code == 200 and len(answer.content) == 300 and "Content-Length" not in answer.headers
    assert not is_zip(answer)
    sim.control.fault("cut_download", after_bytes=300, chunked=True, clean=False)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.download(url)


def test_a_zip_can_be_corrupt_truncated_or_no_zip_at_all(sim: Simulator, client: Client, url: str) -> None:
    whole = client.download(url)
    sim.control.fault("corrupt_zip")
    corrupt = client.download(url)
    differing = [n for n, (a, b) in enumerate(zip(corrupt.content, whole.content, strict=True)) if a != b]
    assert len(differing) == 1
    with zipfile.ZipFile(io.BytesIO(corrupt.content)) as archive, pytest.raises((zipfile.BadZipFile, zlib.error)):
        archive.read(archive.namelist()[0])
    sim.control.fault("corrupt_zip")
    assert client.download(url, Range="bytes=0-3").content == whole.content[:4], "the byte is not in this range"
    assert client.download(url, Range="bytes=4-").content == corrupt.content[4:]
    sim.control.fault("truncate_zip")
    truncated = client.download(url)
    assert truncated.content == whole.content[: len(whole.content) // 2]
    for body, start in (("html", "<!DOCTYPE html>"), ("xml", "<?xml")):
        sim.control.fault("not_a_zip", body=body)
        answer = client.download(url)
        assert answer.status_code == 200 and answer.text.startswith(start)
    assert client.download(url).content == whole.content


def test_an_object_can_change_between_two_requests(sim: Simulator, client: Client, url: str) -> None:
    before = client.download(url)
    sim.control.fault("change_object")
    resumed = client.download(url, Range="bytes=300-", If_Range=before.headers["ETag"])
    assert resumed.status_code == 200 and is_zip(resumed)
    assert resumed.headers["ETag"] != before.headers["ETag"] and len(resumed.content) != len(before.content)
    again = client.download(url)
    assert again.content == resumed.content, "the object stays the new one"
    middle = client.download(url, Range=f"bytes={len(before.content) - 5}-")
    assert middle.content == again.content[len(before.content) - 5 :]


def test_a_url_can_expire_early(sim: Simulator, client: Client) -> None:
    export = client.completed()
    url = client.url(export)
    sim.control.fault("expire_url")
    assert [client.download(url).status_code for _ in range(2)] == [403, 403]
    assert client.download(client.url(export)).status_code == 200


def test_range_can_be_ignored(sim: Simulator, client: Client, url: str) -> None:
    sim.control.fault("no_range")
    answer = client.download(url, Range="bytes=5-9")
    assert answer.status_code == 200 and "Accept-Ranges" not in answer.headers and is_zip(answer)


def test_a_download_can_stall(sim: Simulator, client: Client, url: str) -> None:
    sim.control.fault("stall_download", after_bytes=100)
    with client.http.get(url, stream=True, timeout=0.5) as answer, pytest.raises(requests.ConnectionError):
        received = b""
        for piece in answer.iter_content(1):
            received += piece
    assert len(received) == 100
    sim.control.fault("stall_download", after_bytes=10**9)
    with pytest.raises(requests.ConnectionError):
        client.http.get(url, timeout=0.5)


def test_answers_can_be_slow_and_still_be_whole(sim: Simulator, client: Client, url: str) -> None:
    whole = client.download(url).content
    sim.control.add_faults([{"kind": "slow", "bytes_per_second": 100_000}, {"kind": "slow", "delay": 0.01}])
    assert client.download(url).content == whole
    assert client.get("nothing").status_code == 404
    assert sim.control.faults() == []


def test_either_listener_can_redirect(sim: Simulator, client: Client, url: str) -> None:
    sim.control.add_faults([{"kind": "redirect"}, {"kind": "redirect", "listener": "api", "to": "http://x.invalid/"}])
    answer = client.download(url)
    assert answer.history[0].status_code == 302 and is_zip(answer)
    assert client.get("nothing").headers["Location"] == "http://x.invalid/"
