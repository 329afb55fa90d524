"""An import or its undo in a process that dies at a point: `python -m tests.handoffs.dying_import POINT ARGUMENTS`."""

import importlib
import sys

from tests.handoffs import dying_sweep

# Name -> (module, function of that module, whether it dies before or after).
IMPORTING = {
    "after the first handoffs": ("handoffs.bulk", "insert", "after"),
    "before the trail": ("opsportal.audit.operations", "record_many", "before"),
    "after the trail": ("opsportal.audit.operations", "record_many", "after"),
    "before the batch is closed": ("opsportal.audit.operations", "record", "before"),
    "before the commit": ("opsportal.imports.operations", "_import", "after"),
}
UNDOING = {
    "after the trail": ("opsportal.audit.operations", "record_many", "after"),
    "before the rows are noted": ("opsportal.imports.operations", "_note_undone", "before"),
    "before the commit": ("opsportal.audit.operations", "record", "after"),
}

if __name__ == "__main__":
    import django

    django.setup()
    from django.core.management import call_command

    point, arguments = sys.argv[1], sys.argv[2:]
    module, name, when = (UNDOING if "--undo" in arguments else IMPORTING)[point]
    found = importlib.import_module(module)
    setattr(found, name, dying_sweep._dying(getattr(found, name), when))
    call_command("import_csv", "handoffs", *arguments)
