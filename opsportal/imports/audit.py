"""The actions of this room, and the sentence each is shown as."""

SENTENCES = {
    "import.imported": (
        "{actor} imported {subject} ({extra[about]}, {extra[mode]}): {extra[created]} new, {extra[duplicate]} there"
        " before, {extra[refused]} left out."
    ),
    "import.undone": "{actor} undid the import of {subject}: {extra[removed]} taken out again, {extra[kept]} kept.",
}
