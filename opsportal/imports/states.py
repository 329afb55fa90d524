"""Where a batch stands, and what became of each of its rows."""

from enum import StrEnum


class State(StrEnum):
    PREVIEW = "preview"
    IMPORTED = "imported"
    UNDONE = "undone"


class RowState(StrEnum):
    """`duplicate`: it stood there before. After an undo `created` becomes `removed`, or `kept` where it was touched."""

    CREATED = "created"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    REMOVED = "removed"
    KEPT = "kept"


TONES: dict[str, str] = {
    State.PREVIEW: "calm",
    State.IMPORTED: "good",
    State.UNDONE: "warn",
    RowState.CREATED: "good",
    RowState.DUPLICATE: "calm",
    RowState.REFUSED: "bad",
    RowState.REMOVED: "calm",
    RowState.KEPT: "warn",
}
