"""What the list of executions can be narrowed by."""

import django_filters

from opsportal.web.filters import FilterSet, YesNoFilter
from runbooks.models import Execution, Runbook


class ExecutionFilterSet(FilterSet):
    runbook = django_filters.ModelChoiceFilter(
        queryset=Runbook.objects.filter(executions__isnull=False).distinct(), to_field_name="slug", empty_label="Any"
    )
    is_drill = YesNoFilter(label="Drill")

    class Meta(FilterSet.Meta):
        model = Execution
        fields = ["runbook", "state", "is_drill"]
