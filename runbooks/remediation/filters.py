"""What the list of proposals can be narrowed by."""

from opsportal.web.filters import FilterSet
from runbooks.models import Proposal


class ProposalFilterSet(FilterSet):
    class Meta(FilterSet.Meta):
        model = Proposal
        fields = ["state"]
