"""Every event has its words, and every word its event: declarations, recordings, the pipeline and the pages agree."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from celery import current_app

from audit import vocabulary
from audit.vocabulary import ANY, Kind, noun
from cftapp.base.declared import declarations
from cftapp.pipeline import FEEDBACK_KINDS, NEXT, SWEEPS
from feedback.models import KINDS

ROOT = Path(__file__).resolve().parents[2]
APPS = ("audit", "feedback", "curation", "training", "evaluation", "serving", "cftapp")
BY_GUARDS = {"account.changed"}
"""What PostgreSQL records by itself (cftapp/accounts/guards/account_changes_leave_events.sql)."""
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


# --- what the code records ---
class Recordings:
    """The names that one module passes to `record`, as patterns: an f-string has * where a value goes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.functions = [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]

    def patterns(self) -> Iterator[str]:
        if not any(self.imports_record(node) for node in self.tree.body):
            return
        for function in self.functions:
            for call in calls_of("record", function):
                yield from self.names(call.args[0], function)

    @staticmethod
    def imports_record(node: ast.stmt) -> bool:
        return (
            isinstance(node, ast.ImportFrom)
            and node.module == "audit.actions"
            and any(alias.name == "record" for alias in node.names)
        )

    def names(self, node: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
        """What an expression can be: a literal, one of two, a pattern, or what a name was given."""
        if isinstance(node, ast.Constant):
            yield str(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.IfExp):
            yield from self.names(node.body, function)
            yield from self.names(node.orelse, function)
        elif isinstance(node, ast.Name):
            yield from self.given(node.id, function)
        else:
            raise AssertionError(f"{self.path}:{node.lineno}: write the event's name where it is recorded.")

    def given(self, name: str, function: ast.FunctionDef) -> Iterator[str]:
        """What a local variable was set to, or what the module's calls pass for a parameter."""
        positional = [argument.arg for argument in function.args.args]
        if name not in [*positional, *(argument.arg for argument in function.args.kwonlyargs)]:
            assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
            for node in assigned:
                if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
                    yield from self.names(node.value, function)
            return
        for caller in self.functions:
            for call in calls_of(function.name, caller):
                passed = {keyword.arg: keyword.value for keyword in call.keywords}
                yield from self.names(passed.get(name) or call.args[positional.index(name)], caller)


def calls_of(name: str, function: ast.FunctionDef) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def sources() -> list[Path]:
    return [path for app in APPS for path in sorted((ROOT / app).rglob("*.py"))]


@pytest.fixture(scope="module")
def recorded() -> set[tuple[str, str]]:
    """Every app with the names and patterns that it records."""
    return {(path.relative_to(ROOT).parts[0], pattern) for path in sources() for pattern in Recordings(path).patterns()}


def test_what_is_recorded_is_found(recorded: set[tuple[str, str]]) -> None:
    assert {("curation", "case.opened"), ("curation", "cases.opened"), ("feedback", "consent.withdrawn")} <= recorded
    assert {("serving", "champion.rolled_back"), ("feedback", "*.submitted")} <= recorded


def test_every_recorded_event_is_declared_by_the_app_that_records_it(recorded: set[tuple[str, str]]) -> None:
    declared = {
        (config.name.partition(".")[0], name) for config, module in declarations("events") for name in module.EVENTS
    }
    assert [
        (app, pattern)
        for app, pattern in recorded
        if not any(fnmatchcase(name, pattern) for of, name in declared if of == app)
    ] == []


def test_every_declared_event_is_recorded(recorded: set[tuple[str, str]]) -> None:
    patterns = {pattern for _, pattern in recorded} | BY_GUARDS
    assert [name for name in vocabulary.events() if not any(fnmatchcase(name, each) for each in patterns)] == []


def test_every_kind_of_feedback_has_its_event_and_wakes_screening() -> None:
    assert set(KINDS) == set(FEEDBACK_KINDS)
    names = {f"{kind}.submitted" for kind in KINDS}
    assert names <= vocabulary.events().keys() and names <= NEXT.keys()


# --- the pipeline ---
def test_every_event_that_wakes_a_task_is_declared() -> None:
    assert NEXT.keys() - vocabulary.events().keys() == set()


def test_every_task_that_is_woken_or_swept_is_registered() -> None:
    current_app.loader.import_default_modules()
    named = {task for steps in NEXT.values() for _, task, _ in steps} | {sweep["task"] for sweep in SWEEPS.values()}
    assert named - current_app.tasks.keys() == set()


# --- the words ---
def test_every_event_and_kind_has_words() -> None:
    for name, verb in vocabulary.events().items():
        assert EVENT.fullmatch(name) and verb and verb == verb.strip(), name
    assert all(re.fullmatch("[a-z_]+", kind) and vocabulary.kind_in_words(kind) for kind in vocabulary.kinds())


def test_what_an_event_means_for_other_kinds_is_of_an_event_and_of_kinds() -> None:
    assert vocabulary.said_of().keys() <= vocabulary.events().keys()
    kinds = {kind for said in vocabulary.said_of().values() for kind in said} - {ANY}
    assert kinds <= vocabulary.kinds().keys()
    assert set(vocabulary.marks()) <= vocabulary.events().keys()


def test_every_event_that_a_page_or_a_reader_of_the_log_names_is_declared() -> None:
    """Quoted names whose noun some event has, such as 'consent.granted' in the lineage's SQL."""
    about = {name.partition(".")[0] for name in vocabulary.events()} | {noun(name) for name in vocabulary.events()}
    nouns = "|".join(sorted(about - {"feedback"}))
    unknown = [
        (path.relative_to(ROOT).as_posix(), name)
        for path, text in texts_about_the_log()
        for name in re.findall(rf"[\"'`]((?:{nouns})\.[a-z_]+)[\"'`]", text)
        if name not in vocabulary.events() and not name.endswith((".json", ".jsonl", ".txt"))
    ]
    assert unknown == []


def texts_about_the_log() -> Iterator[tuple[Path, str]]:
    """Pages, documents and modules that import the log; lines of the processes' own logs are left out."""
    for path in [*sources(), *(ROOT / "templates").rglob("*.html"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py" or path.parts[len(ROOT.parts)] == "audit" or "from audit" in text:
            yield path, re.sub(r".*\blog\.(debug|info|warning|error|exception)\(.*", "", text)


def test_kinds_of_recorded_entities_are_declared() -> None:
    """Where a reference is written out: `("pair", pair.pk)`."""
    unknown = {
        kind
        for path in sources()
        if any(Recordings.imports_record(node) for node in ast.parse(path.read_text(encoding="utf-8")).body)
        for kind in references(path)
    } - vocabulary.kinds().keys()
    assert unknown == set()


def references(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg in ("used", "generated"):
            for pair in ast.walk(node.value):
                if isinstance(pair, ast.Tuple) and len(pair.elts) == 2 and isinstance(pair.elts[0], ast.Constant):
                    yield str(pair.elts[0].value)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("case.decided", "pair", "accepted"),
        ("case.decided", "correction", "decided"),
        ("case.decided", "case", "decided"),
        ("champion.promoted", "promotion", "promoted"),
        ("champion.promoted", "release", "promoted"),
        ("champion.rolled_back", "release", "champion rolled back"),
        ("run.finished", "adapter", "trained"),
        ("run.stop_requested", "run", "stop requested"),
        ("run.queued", "dataset", "run queued"),
        ("withdrawal.marked", "pair", "marked as withdrawn"),
        ("pairs.withdrawn", "subject", "withdrawn"),
        ("cases.recalled", "case", "recalled"),
        ("cases.screened", "case", "screened"),
        ("cases.screened", "epoch", "case screened"),
        ("bug_report.submitted", "subject", "bug report submitted"),
        ("feedback.held_out", "receipt", "feedback held out"),
    ],
)
def test_the_newest_word_on_an_entity(name: str, kind: str, words: str) -> None:
    assert vocabulary.happened(name, kind) == words


def test_a_name_of_an_older_version_speaks_for_itself() -> None:
    assert vocabulary.happened("robot.let_loose", "robot") == "let loose"
    assert vocabulary.phrase("robots.let_loose") == "robots let loose"
    assert vocabulary.kind_in_words("old_kind") == "old kind"


def test_a_kind_is_called_by_its_name_or_by_a_better_word() -> None:
    words = {kind: vocabulary.kind_in_words(kind) for kind in ("api_key", "benchmark_version", "epoch", "bug_report")}
    assert [*words.values()] == ["API key", "benchmark", "held-out index", "bug report"]
    assert Kind().words == ""


def test_kinds_stand_in_the_order_of_the_pipeline() -> None:
    stages = list(dict.fromkeys(kind.stage for kind in vocabulary.kinds().values() if kind.stage))
    assert stages == ["Feedback", "Curation", "Dataset", "Run", "Gate", "Release", "Promotion"]
