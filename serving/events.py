"""What is recorded about releases and the champion, and what pages call it."""

from audit.vocabulary import ANY, Kind

EVENTS = {
    "release.created": "created",
    "champion.promoted": "promoted",
    "champion.rolled_back": "rolled back",
    "roll_back_waiver.requested": "requested",
    "roll_back_waiver.confirmed": "confirmed",
    "withdrawal.marked": "marked",
    "contamination.found": "found",
    "contamination.cleared": "cleared",
}
SAID_OF = {
    "champion.promoted": {"promotion": "promoted", "release": "promoted"},
    "withdrawal.marked": {ANY: "marked as withdrawn"},
}
MARKS = ["withdrawal.marked"]

KINDS = {
    "release": Kind("Release", list_page="serving:releases"),
    "promotion": Kind("Promotion", list_page="serving:releases"),
    "roll_back_waiver": Kind("Promotion", words="roll-back waiver", list_page="serving:releases"),
}
