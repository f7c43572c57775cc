"""The one way an action says no."""

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Blocked:
    """One reason: the field it is about, what is wrong with it, and what would be accepted."""

    field: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """As people read it: what is wrong, then what to do."""
        return f"{self.message} {self.remedy}".strip()


class Refused(Exception):
    """An action changed nothing, for these reasons: what was sent cannot be accepted, now or later.

    Pages and API answer with `status`, and show the reasons.
    """

    status = 422

    def __init__(self, *blockers: Blocked) -> None:
        self.blockers = list(blockers)
        super().__init__("; ".join(f"{b.field}: {b.message}" for b in blockers))

    @classmethod
    def because(cls, field: str, message: str, remedy: str) -> Self:
        """The common case of a single reason."""
        return cls(Blocked(field, message, remedy))

    @property
    def words(self) -> str:
        """All reasons, as people read them."""
        return " ".join(map(str, self.blockers))

    def mark(self, form: Any) -> None:
        """Show each reason beside its field of a Django form, or above the form when it is about none of them."""
        for blocked in self.blockers:
            form.add_error(blocked.field if blocked.field in form.fields else None, str(blocked))


class Conflict(Refused):
    """What was sent would be right at another time: the state of things does not allow it now."""

    status = 409


class Forbidden(Refused):
    """Somebody else may do this: another role, or a second person."""

    status = 403


class Unreachable(Exception):
    """A part of the system does not answer. Nothing was written; the same request may be repeated."""
