"""Who does something: what `by=` takes, and the names under which processes and visitors stand in the log."""

from django.contrib.auth.models import User

Actor = User | str
"""An account, or a name as it stands in the log: 'process:screener', 'source:2', 'visitor'."""

PROCESS = "process:"
"""What the name of a process begins with."""

CURATOR = "process:curator"
EVALUATOR = "process:evaluator"
IMPORTER = "process:import"
LOADER = "process:load_demo"
OWNER = "process:owner"
SCREENER = "process:screener"
TRAINER = "process:trainer"
WEB = "process:web"
VISITOR = "visitor"


def process_name(role: str) -> str:
    """The name of the process that holds this role: 'curator' → 'process:curator'."""
    return f"{PROCESS}{role}"


def shown_name(actor: str) -> str:
    """What a page calls an actor that is no account: 'process:load_demo' → 'load_demo'."""
    return actor.removeprefix(PROCESS)


def actor_name(by: Actor) -> str:
    """'user:7' for an account; a string such as 'process:screener' or 'source:2' as it is."""
    return by if isinstance(by, str) else f"user:{by.pk}"
