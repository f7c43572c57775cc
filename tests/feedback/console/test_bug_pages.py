"""The bug list as a page, as CSV and over REST."""

import csv
import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Event
from feedback.actions import move_bug, record_interaction, submit_bug_report
from feedback.models import Bug, Source
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db
TEST = "process:test"


@pytest.fixture
def erin(db: None) -> User:
    return person("erin", "engineer")


@pytest.fixture
def report(shop: Source) -> Callable[..., Bug]:
    def send(what_happened: str, **more: str) -> Bug:
        asked = record_interaction(shop, "ann", "How long?", "14 days.", by=TEST)
        sent = submit_bug_report(asked.pk, what_happened=what_happened, by=TEST, **more)
        return Bug.objects.get(receipt_id=sent.pk)

    return send


def table(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/feedback/bugs.csv{query}")
    assert answer["Content-Type"].startswith("text/csv") and "attachment" in answer["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))


def test_the_page_shows_what_is_open_and_filters(report: Callable[..., Bug], erin: User) -> None:
    hung, blank = report("It hung.", expected="An answer."), report("Blank page.")
    move_bug(blank.pk, "fixed", "Restarted.", by=erin)
    client = signed_in(erin)
    page = client.get("/feedback/bugs/").content.decode()
    assert "It hung." in page and "Expected: An answer." in page and "Blank page." not in page
    fixed = client.get("/feedback/bugs/?state=fixed").content.decode()
    assert "Blank page." in fixed and "Restarted." in fixed and "It hung." not in fixed
    assert "No bug of this sort" in client.get("/feedback/bugs/?kind=comment").content.decode()
    assert f"Bug {hung.pk}" in client.get("/feedback/bugs/?state=all&before=999999").content.decode()


@pytest.mark.parametrize("before", ["\u00b2", "-1", "9" * 30])
def test_a_strange_page_number_is_the_first_page(report: Callable[..., Bug], erin: User, before: str) -> None:
    report("It hung.")
    answer = signed_in(erin).get(f"/feedback/bugs/?before={before}")
    assert answer.status_code == 200 and "It hung." in answer.content.decode()


def test_a_button_moves_a_bug_and_comes_back_to_the_same_list(report: Callable[..., Bug], erin: User) -> None:
    bug, client = report("It hung."), signed_in(erin)
    here = "/feedback/bugs/?state=open&kind=bug_report"
    answer = client.post(f"/feedback/bugs/{bug.pk}/move/", {"state": "taken", "next": here})
    assert answer["Location"] == here
    bug.refresh_from_db()
    assert bug.state == "taken"
    answer = client.post(f"/feedback/bugs/{bug.pk}/move/", {"state": "fixed", "next": "//evil.example/"}, follow=True)
    assert answer.redirect_chain[0][0] == "/feedback/bugs/"
    assert "Write a sentence, or a link." in answer.content.decode()
    bug.refresh_from_db()
    assert bug.state == "taken"


def test_who_may_read_and_who_may_move(report: Callable[..., Bug], rosa: User, outsider: User) -> None:
    bug = report("It hung.")
    page = signed_in(rosa).get("/feedback/bugs/").content.decode()
    assert "It hung." in page and "/move/" not in page
    assert signed_in(rosa).post(f"/feedback/bugs/{bug.pk}/move/", {"state": "taken"}).status_code == 403
    for user in (outsider, person("xenia", "examiner")):
        for path in ("/feedback/bugs/", "/feedback/bugs.csv", "/api/v1/bugs/"):
            assert signed_in(user).get(path).status_code == 403, path
    assert Client().get("/feedback/bugs.csv").status_code == 302


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\uff1d1+1",
]


@pytest.mark.parametrize("words", HOSTILE, ids=repr)
def test_no_cell_of_the_csv_is_a_formula(report: Callable[..., Bug], erin: User, words: str) -> None:
    report(words, expected=words)
    (row,) = table(signed_in(erin))
    assert (row["words"], row["expected"]) == (f"'{words}", f"'{words}")


def test_the_csv_follows_the_filters_and_keeps_words_whole(report: Callable[..., Bug], erin: User) -> None:
    words = 'He said "no",\nthen; nothing\u2026'
    moved, _ = report("Gone."), report(words)
    move_bug(moved.pk, "declined", "Not ours.", by=erin)
    client = signed_in(erin)
    assert [row["words"] for row in table(client)] == [words]
    assert [(row["words"], row["note"]) for row in table(client, "?state=declined")] == [("Gone.", "Not ours.")]
    assert len(table(client, "?state=all")) == 2
    assert table(client, "?kind=comment") == []


def test_the_csv_of_many_is_read_in_chunks(
    report: Callable[..., Bug], erin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.console.bugs.CHUNK", 2)
    for number in range(5):
        report(f"Bug of {number}.")
    assert [row["words"] for row in table(signed_in(erin))] == [f"Bug of {number}." for number in (4, 3, 2, 1, 0)]


def test_over_rest_it_is_the_same_list_and_the_same_move(report: Callable[..., Bug], erin: User, rosa: User) -> None:
    bug, client = report("It hung."), signed_in(erin)
    (found,) = client.get("/api/v1/bugs/?state=open").json()["results"]
    assert (found["id"], found["state"], found["words"], found["kind"]) == (bug.pk, "open", "It hung.", "bug_report")
    move = f"/api/v1/bugs/{bug.pk}/move/"
    assert signed_in(rosa).post(move, {"state": "taken"}, content_type="application/json").status_code == 403
    refused = client.post(move, {"state": "fixed"}, content_type="application/json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "note")
    moved = client.post(move, {"state": "fixed", "note": "Restarted."}, content_type="application/json")
    assert (moved.status_code, moved.json()["state"]) == (200, "fixed")
    again = client.post(move, {"state": "fixed", "note": "Restarted."}, content_type="application/json")
    assert again.status_code == 409
    assert Event.objects.filter(name="bug.moved").count() == 1
    assert client.get("/api/v1/bugs/?state=open").json()["results"] == []
