"""A request with an Idempotency-Key is answered once: whoever repeats it gets the answer that was given."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast

import httpx
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from cryptography.fernet import InvalidToken
from django.db import connection
from django.utils import timezone

from feedback.actions import issue_api_key
from feedback.models import Interaction
from serving.gateway import idempotency
from serving.models import IdempotentAnswer
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_answers import ASK
from tests.serving.gateway.test_gateway_lanes import mailbox
from tests.support import serving_rows
from tests.support.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"model": "champion", "messages": ASK, "user": "ana"}
SECRET = "zyzzyva quokka"


class Caller:
    """An application that calls the gateway, its model server having a script."""

    def __init__(self, web: Any, server: Any, **source: Any) -> None:
        self.url, self.server = f"{web.url}/v1/chat/completions", server
        self.token = connect(web, **source).api_key

    def headers(self, key: str, **headers: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key, **headers}

    def post(self, key: str = "k-1", headers: dict[str, str] | None = None, **change: Any) -> httpx.Response:
        return httpx.post(self.url, json=BODY | change, headers=self.headers(key, **headers or {}), timeout=60)

    def stream(self, key: str = "k-1", **change: Any) -> Any:
        return httpx.stream("POST", self.url, json=BODY | {"stream": True} | change, headers=self.headers(key))


@pytest.fixture
def server(scripted_server: Any) -> Any:
    scripted_server.script = ["Half ", "an ", "answer"]
    scripted_server.requests.clear()
    scripted_server.go.clear()
    yield scripted_server
    scripted_server.go.set()


@pytest.fixture
def caller(scripted_web: Any, server: Any, transactional_db: None) -> Caller:
    serving_rows.base_release()
    return Caller(scripted_web, server)


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


# --- the same request -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("percent", [0, 100], ids=["training", "held_out"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_repetition_gets_the_same_answer_and_calls_no_model(
    scripted_web: Any, server: Any, transactional_db: None, percent: int, streamed: bool
) -> None:
    serving_rows.base_release()
    caller = Caller(scripted_web, server, name=f"source-{percent}", held_out_percent=percent)
    first, again = (caller.post(stream=streamed) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    told = ("X-Cft-Interaction", "X-Cft-Release", "Content-Type")
    assert [first.headers[name] for name in told] == [again.headers[name] for name in told]
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert len(server.requests) == 1
    assert str(Interaction.objects.get().pk) == first.headers["X-Cft-Interaction"]
    assert len(mailbox()) == (1 if percent else 0)
    if streamed:
        assert again.text.endswith("data: [DONE]\n\n") and again.text.count("data: ") == len(server.script) + 2


def test_the_openai_client_repeats_a_stream(caller: Caller, scripted_web: Any) -> None:
    client = connect(scripted_web)
    options = {**BODY, "stream": True, "extra_headers": {"Idempotency-Key": "k-9"}}
    answers = [
        "".join(chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**options))
        for _ in range(2)
    ]
    assert answers == ["Half an answer"] * 2 and Interaction.objects.count() == 1


def test_without_a_key_each_request_is_another(caller: Caller) -> None:
    for _ in range(2):
        headers = {"Authorization": f"Bearer {caller.token}"}
        assert httpx.post(caller.url, json=BODY, headers=headers).status_code == 200
    assert Interaction.objects.count() == 2 and not IdempotentAnswer.objects.exists()


def test_requests_that_meet_call_one_model(caller: Caller) -> None:
    start = threading.Barrier(6)

    def post(_: int) -> httpx.Response:
        start.wait()
        return caller.post()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert len(caller.server.requests) == Interaction.objects.count() == 1


# --- another request --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change", [{"temperature": 0.5}, {"stream": True}, {"user": "ben"}, {"headers": {"X-Cft-Subject": "ben"}}]
)
def test_another_request_under_the_key_is_refused(caller: Caller, change: dict[str, Any]) -> None:
    caller.post()
    assert code_of(caller.post(**change)) == (422, "idempotency_key_reused")
    assert len(caller.server.requests) == Interaction.objects.count() == 1


def test_keys_of_different_applications_do_not_meet(caller: Caller, scripted_web: Any) -> None:
    other = Caller(scripted_web, caller.server, name="forum")
    assert caller.post().headers["X-Cft-Interaction"] != other.post().headers["X-Cft-Interaction"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 201])
def test_a_key_of_another_shape_is_refused(caller: Caller, key: str) -> None:
    assert code_of(caller.post(key)) == (400, "invalid_idempotency_key")
    assert not caller.server.requests


# --- the first one is not done ----------------------------------------------------------------------------------------
def test_while_the_first_is_answered_a_repetition_is_told_to_wait(caller: Caller) -> None:
    caller.server.script = ["Half ", "wait", "an ", "answer"]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(caller.post)
        wait_until(lambda: caller.server.requests)
        refused = caller.post()
        assert code_of(refused) == (409, "idempotency_key_in_use")
        assert code_of(caller.post(temperature=1)) == (422, "idempotency_key_reused")
        caller.server.go.set()
        assert first.result().status_code == 200
    assert caller.post().content == first.result().content
    assert len(caller.server.requests) == Interaction.objects.count() == 1


def test_a_client_that_went_comes_back_for_the_whole_stream(caller: Caller) -> None:
    caller.server.script = ["Half ", "wait", "an ", "answer"]
    with caller.stream() as response:
        assert "Half" in next(response.iter_lines())
    caller.server.go.set()
    interaction = wait_until(Interaction.objects.first)
    assert (interaction.answer, interaction.cut_by) == ("Half an answer", "")
    again = caller.post(stream=True)
    assert "Half" in again.text and again.text.endswith("data: [DONE]\n\n")
    assert len(caller.server.requests) == Interaction.objects.count() == 1


def test_a_client_that_went_comes_back_for_the_whole_answer(caller: Caller) -> None:
    caller.server.script = ["wait", "An answer"]
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(caller.url, json=BODY, headers=caller.headers("k-1"), timeout=1)
    caller.server.go.set()
    wait_until(Interaction.objects.exists)
    assert caller.post().json()["choices"][0]["message"]["content"] == "An answer"
    assert len(caller.server.requests) == Interaction.objects.count() == 1


def test_what_failed_may_be_tried_again_under_its_key(caller: Caller) -> None:
    assert code_of(caller.post(model="v99")) == (404, "model_not_found")
    caller.server.script = ["Half ", "break"]
    assert "broke off" in caller.post(stream=True).text
    caller.server.script = ["Whole"]
    answer = wait_until(lambda: (sent := caller.post(stream=True)).status_code == 200 and sent)
    assert "Whole" in answer.text and "Idempotent-Replayed" not in answer.headers
    assert [row.cut_by for row in Interaction.objects.order_by("created_at")] == ["model_server", ""]


def test_a_claim_whose_process_died_is_taken_over(caller: Caller) -> None:
    caller.post()
    IdempotentAnswer.objects.update(
        interaction=None, answer=None, claim="00000000-0000-4000-8000-000000000000", claimed_until=timezone.now()
    )
    assert caller.post().status_code == 200
    assert len(caller.server.requests) == 2


def test_a_claim_is_renewed_while_somebody_works_and_free_afterwards(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "RENEWED_EVERY", 0.01)
    api_key, _ = issue_api_key(serving_rows.source(), "test", by="process:test")
    held = idempotency.claim(api_key, "k-1", b"a request")
    IdempotentAnswer.objects.update(claimed_until=timezone.now())

    def is_renewed() -> bool:
        return IdempotentAnswer.objects.filter(claimed_until__gt=timezone.now()).exists()

    async def work() -> None:
        async with asyncio.timeout(60), idempotency.alive(cast(idempotency.Claim, held)):
            while not await sync_to_async(is_renewed)():
                await asyncio.sleep(0.01)

    async_to_sync(work)()
    assert not IdempotentAnswer.objects.exists()


# --- what is kept, and for how long -----------------------------------------------------------------------------------
@pytest.mark.parametrize("percent", [0, 100], ids=["training", "held_out"])
def test_the_words_wait_where_nobody_reads_them(
    scripted_web: Any, server: Any, transactional_db: None, percent: int
) -> None:
    serving_rows.base_release()
    server.script = [SECRET]
    Caller(scripted_web, server, held_out_percent=percent).post()
    row = IdempotentAnswer.objects.get()
    kept = bytes(row.answer or b"")
    assert kept and SECRET.encode() not in kept
    with connection.cursor() as cursor:
        cursor.execute("SELECT row::text FROM serving_idempotentanswer AS row")
        text = cursor.fetchone()[0]
    assert SECRET not in text and SECRET.encode().hex() not in text
    for purpose in ("serving.gateway.answer", f"serving.gateway.answer {row.request_hash}"):
        with pytest.raises(InvalidToken):
            idempotency.cipher_for(purpose).decrypt(kept)


def test_an_answer_is_forgotten_after_a_day(caller: Caller) -> None:
    caller.post("old")
    caller.post("new")
    IdempotentAnswer.objects.filter(key="old").update(created_at=timezone.now() - idempotency.KEPT_FOR)
    assert idempotency.forget_answers() == 1
    assert IdempotentAnswer.objects.get().key == "new"
    IdempotentAnswer.objects.update(created_at=timezone.now() - idempotency.KEPT_FOR - timedelta(seconds=1))
    assert "Idempotent-Replayed" not in caller.post("new", temperature=1).headers
    assert Interaction.objects.count() == 3


def test_no_application_keeps_more_than_its_newest(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "KEPT_PER_KEY", 2)
    for number in range(4):
        caller.post(f"k-{number}")
    assert idempotency.forget_answers() == 2
    assert sorted(IdempotentAnswer.objects.values_list("key", flat=True)) == ["k-2", "k-3"]


def test_the_curator_forgets_and_reads_no_answer(caller: Caller, connect_as: Any) -> None:
    caller.post()
    curator = connect_as("curator")
    assert curator.execute(idempotency.TOO_MANY, [0, 10]).rowcount == 1
    with pytest.raises(Exception, match="permission denied"):
        curator.execute("SELECT answer FROM serving_idempotentanswer")


def test_an_answer_goes_with_its_words(caller: Caller) -> None:
    sent = caller.post()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE feedback_interaction SET prompt = '', answer = ''")
    assert IdempotentAnswer.objects.get().answer is None
    again = caller.post()
    assert code_of(again) == (409, "answer_not_kept")
    assert sent.headers["X-Cft-Interaction"] in again.json()["error"]["message"]
    assert len(caller.server.requests) == 1


def test_an_answer_that_is_too_long_is_not_kept_and_not_made_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = caller.post()
    interaction = Interaction.objects.get(pk=sent.headers["X-Cft-Interaction"])
    row = IdempotentAnswer.objects.get()
    monkeypatch.setattr(IdempotentAnswer, "LONGEST", 10)
    held = idempotency.Claim(row.pk, interaction.pk, "x")
    idempotency.keep(held, interaction, idempotency.Answer({}, sent.content))
    assert code_of(caller.post()) == (409, "answer_not_kept")
    with pytest.raises(Exception, match="answer_is_bounded"):
        IdempotentAnswer.objects.update(answer=b"x" * 1_000_001)


def test_whoever_lost_the_claim_records_nothing(caller: Caller) -> None:
    caller.server.script = ["Half ", "wait", "an ", "answer"]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(caller.post)
        wait_until(lambda: caller.server.requests)
        IdempotentAnswer.objects.update(claim="00000000-0000-4000-8000-000000000000")
        caller.server.go.set()
        assert code_of(first.result()) == (409, "idempotency_key_in_use")
    assert not Interaction.objects.exists()
