"""Real event logs beside the checkout; they are no part of it. A small log in XES for everybody."""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"


def real_log(name: str) -> Path:
    """The path of a real log; where it is missing the test is not run, and fails when CI is set.

    `.ci/run` sets REAL_LOGS=absent where the folder is missing as a whole, and says so in its figures.
    """
    path = FOLDER / name
    if not path.exists():
        if os.environ.get("CI") and os.environ.get("REAL_LOGS") != "absent":
            pytest.fail(f"{name}: log absent")
        pytest.skip("log absent, not run")
    return path


XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <classifier name="Activity" keys="concept:name lifecycle:transition"/>
  <string key="creator" value="a test"><string key="concept:name" value="nested"/></string>
  <trace>
    <string key="concept:name" value="L1"/>
    <string key="AMOUNT_REQ" value="20000"/>
    <event>
      <string key="concept:name" value="lead"/>
      <string key="lifecycle:transition" value="SCHEDULE"/>
      <date key="time:timestamp" value="2026-01-05T10:00:00.546+01:00"/>
      <int key="score" value="7"><string key="note" value="nested"/></int>
      <boolean key="hot" value="true"/>
    </event>
    <event>
      <string key="org:resource" value="kim"/>
      <string key="concept:name" value="lead"/>
      <string key="lifecycle:transition" value="START"/>
      <date key="time:timestamp" value="2026-01-05T10:12:00.100+01:00"/>
    </event>
    <float key="rate" value="1.5"/>
  </trace>
  <trace>
    <string key="concept:name" value="L2"/>
    <event>
      <string key="org:resource" value="robot"/>
      <string key="concept:name" value="lead"/>
      <string key="lifecycle:transition" value="SCHEDULE"/>
      <date key="time:timestamp" value="2026-01-05T11:00:00Z"/>
    </event>
  </trace>
</log>
"""
