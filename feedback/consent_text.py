"""The consent wordings, by version: what people read beside the box. A version is never edited.

A changed text gets a new version. The ledger stores the version; what a subject agreed to is read here, to the letter.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """The label of the consent box and the sentences under it, as the page shows them."""

    version: str
    label: str
    explanation: str


WORDINGS: dict[str, Wording] = {
    wording.version: wording
    for wording in (
        Wording(
            version="2026-11",
            label="Models may be trained on my corrections",
            explanation=(
                "Off by default. It covers this correction and the others you send here. You can withdraw it at any "
                "time: your corrections then leave every future dataset, and the models that learnt from them are "
                "marked."
            ),
        ),
        Wording(
            version="2026-11-2",
            label="Models may be trained on my corrections",
            explanation=(
                "Off by default. It covers every correction you send from this browser. You can withdraw it at any "
                "time: your corrections then leave every future dataset, and the models that learnt from them are "
                "marked."
            ),
        ),
    )
}

CURRENT = WORDINGS["2026-11-2"]
