"""The proof that it is one thing: from a wrong answer in the playground to the right one, and to a withdrawal."""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.company import Company
from tests.support.stack import Stack, wait_for
from tests.support.wordings import SHOWN
from training.demo_model import dialogues, world

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.slow]


def ask(page: Any, question: str) -> str:
    """Ask the playground and wait for the whole answer."""
    page.goto("/playground/")
    page.fill("[name=prompt]", question)
    page.click("form.prompt button")
    page.wait_for_selector(".turn.model [data-feedback]:not([hidden])", timeout=60_000)
    return str(page.locator(".turn.model p").last.inner_text()).strip()


def training_visitor(company: Company, open_page: Callable[..., Any], question: str) -> tuple[Any, str]:
    """A visitor whose lane is training. One in ten is held out, by a keyed hash, and would notice no difference."""
    lane = """SELECT i.lane FROM feedback_interaction i JOIN feedback_source s ON s.id = i.source_id
        WHERE s.name = 'playground' ORDER BY i.created_at DESC LIMIT 1"""
    for _ in range(8):
        page = open_page()
        answer = ask(page, question)
        if company.value(lane) == "training":
            return page, answer
    pytest.fail("eight visitors in a row were held out")


def await_text(page: Any, path: str, pattern: str, patience: float) -> None:
    """Reload a page until it says what is waited for."""

    def says() -> bool:
        page.goto(path)
        return bool(re.search(pattern, page.inner_text("main")))

    wait_for(says, patience, f"{pattern!r} on {path}")


def complete(company: Company, messages: list[dict[str, Any]], user: str) -> tuple[str, str]:
    """Ask the gateway as an application does; the interaction's id and the answer."""
    body = {"model": "champion", "messages": messages, "temperature": 0, "user": user}
    reply = company.api.post(f"{company.stack.url}/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["id"], reply.json()["choices"][0]["message"]["content"].strip()


def correct_second_turn(company: Company) -> tuple[list[dict[str, Any]], str]:
    """Ask, ask on in the same conversation, correct the second answer; the conversation and what is right."""
    lane = "SELECT lane FROM feedback_interaction WHERE id = %s"
    row = dialogues.corrected(random.Random(3), world.unreported()[1], style="")
    opening, _, question = row["messages"]
    for number in range(8):  # one caller in ten is held out
        user = f"caller-{number}"
        first = complete(company, [opening], user)[1]
        messages = [opening, {"role": "assistant", "content": first}, question]
        interaction, wrong = complete(company, messages, user)
        if company.value(lane, interaction.removeprefix("chatcmpl-")) == "training":
            break
    right = row["chosen"]["content"]
    assert wrong == row["rejected"]["content"] != right
    correction = {"interaction": interaction, "replacement": right, "reason": "outdated", "consent": SHOWN}
    assert company.api.post("corrections/", json=correction).status_code == 201
    return messages, right


def triage(page: Any, case: int) -> None:
    """One key a row: accept what may be accepted, reject the rest, until the visitor's case is done."""
    page.goto("/curation/bench/?kind=correction")
    for _ in range(25):
        current = page.get_attribute("#case", "data-current")
        if current is None:
            break
        page.keyboard.press("r" if page.locator("[data-key=a]").is_disabled() else "a")
        page.wait_for_function("before => document.querySelector('#case').dataset.current !== before", arg=current)
    page.goto(f"/curation/bench/?case={case}")
    if page.get_attribute("#case", "data-current") == str(case):
        assert page.locator("#verdict .checks .stop").count() == 0
        page.keyboard.press("a")
        page.wait_for_selector(f"text=Accepted #{case}")


def test_a_correction_becomes_the_answer_and_its_withdrawal_marks_the_release(
    stack: Stack, company: Company, open_page: Callable[..., Any]
) -> None:
    fact = world.unreported()[0]
    question, right = fact.question(fact.training_phrasings()[0]), fact.answer(corrected=True)

    visitor, answer = training_visitor(company, open_page, question)
    assert answer == fact.answer() != right
    visitor.click("[data-feedback]:not([hidden])")
    visitor.click("summary:has-text('I know the right answer')")
    visitor.get_by_label("The right answer").fill(right)
    visitor.locator(".door.k-correction .consent input").check()
    visitor.click("text=Send the correction")
    visitor.wait_for_load_state()

    conversation, right_then = correct_second_turn(company)

    mine = "SELECT id FROM feedback_correction WHERE replacement = %s"
    correction = wait_for(lambda: company.value(mine, right), 120, "the correction")
    of_it = "SELECT id FROM curation_case WHERE correction_id = %s AND state = 'open'"
    case = wait_for(lambda: company.value(of_it, correction), 120, "the screener to open the case")
    later = company.value(mine, right_then)
    second = wait_for(lambda: company.value(of_it, later), 120, "the screener to open the case of the second turn")
    reviewer = open_page("reviewer")
    triage(reviewer, case)
    triage(reviewer, second)
    pair = wait_for(
        lambda: company.value("SELECT id FROM curation_pair WHERE correction_id = %s", correction), 120, "the pair"
    )

    stale = """SELECT count(*) FROM curation_replayrow
        WHERE screened_epoch IS DISTINCT FROM (SELECT max(number) FROM curation_registryepoch)"""
    wait_for(lambda: company.value(stale) == 0, 240, "the screener to see every replay row: until then no freeze")
    engineer = open_page("engineer")
    engineer.goto("/curation/datasets/freeze/")
    engineer.fill("[name=name]", "Whole loop")
    engineer.click("main button:has-text('Freeze')")
    engineer.click("text=Start a run")
    engineer.check("[name=preset][value=quick]", force=True)
    engineer.click("text=Queue the run")
    run = int(re.search(r"/runs/(\d+)/", engineer.url).group(1))  # type: ignore[union-attr]
    engineer.wait_for_selector(".chart polyline", timeout=180_000)
    engineer.wait_for_selector("main .mark:has-text('finished')", timeout=400_000)

    await_text(engineer, "/evaluation/gates/", r"PASS|Pass|FAIL|Fail|INCONCLUSIVE|Inconclusive", 240)
    assert company.await_verdict(run) == "PASS"
    release = wait_for(
        lambda: company.value("SELECT number FROM serving_release WHERE run_id = %s", run), 120, "the release"
    )
    engineer.goto("/serving/")
    engineer.click(f"text=Promote v{release}")
    engineer.wait_for_selector(f"text=v{release} answers")

    assert ask(visitor, question) == right
    assert complete(company, conversation, "another-caller")[1] == right_then

    officer = open_page("compliance")
    officer.goto(f"/audit/lineage/pair/{pair}/")
    lineage = officer.inner_text("main")
    assert all(word in lineage.lower() for word in ("correction", "dataset", f"run {run}", "release", "consent"))
    officer.goto("/audit/verify/")
    officer.click("text=Verify the whole log")
    officer.wait_for_selector("text=The log verifies", timeout=60_000)

    visitor.goto("/feedback/mine/")
    visitor.click("button:has-text('Withdraw')")
    marked = "SELECT learnt_from_withdrawn_at FROM serving_release WHERE run_id = %s"
    wait_for(lambda: company.value(marked, run), 120, "the mark on the release")
    engineer.goto("/serving/")
    assert "learnt from rows whose consent was withdrawn" in engineer.inner_text("main")
