import pytest

from opsportal.approvals import registry
from opsportal.identity.roles import Role
from tests.factories.approvals import register_kind
from tests.factories.identity import make_person, make_team


@pytest.fixture(autouse=True)
def _kinds(monkeypatch):
    """Every test starts with the usual kind and no observers."""
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    monkeypatch.setattr(registry, "_observers", [])
    register_kind()


@pytest.fixture
def emea(db):
    return make_team("emea")


@pytest.fixture
def owner(emea):
    """Asks for approvals."""
    return make_person("olga", team=emea)


@pytest.fixture
def teammate(emea):
    """Of the same team, without the right to decide."""
    return make_person("tom", team=emea)


@pytest.fixture
def outsider(db):
    return make_person("uwe", team=make_team("apac"))


@pytest.fixture
def leader(db):
    """Decides."""
    return make_person("lena", roles=[Role.OPS_LEAD])


@pytest.fixture
def second_leader(db):
    return make_person("lars", roles=[Role.OPS_LEAD])
