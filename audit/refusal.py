"""The one way an action says no."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Blocked:
    """One reason: the field it is about, what is wrong with it, and what would be accepted."""

    field: str
    message: str
    remedy: str = ""


class Refused(Exception):
    """An action changed nothing, for these reasons. Views show them; the API answers 409 or 422 with them."""

    def __init__(self, *blockers: Blocked) -> None:
        self.blockers = list(blockers)
        super().__init__("; ".join(f"{b.field}: {b.message}" for b in blockers))

    @classmethod
    def because(cls, field: str, message: str, remedy: str = "") -> "Refused":
        """The common case of a single reason."""
        return cls(Blocked(field, message, remedy))
