"""The published schema and reference say what the code says."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from scenarios.document import read_document
from scenarios.load import catalogue, load_scenario
from scenarios.schema import models, reference_page, scenario_schema

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
RENEW = "run: wavetank scenario schema --output docs/reference"


def test_the_committed_schema_is_the_current_one() -> None:
    committed = (REFERENCE / "scenario.schema.json").read_text(encoding="utf-8")
    assert json.loads(committed) == scenario_schema(), RENEW


def test_the_committed_reference_is_the_current_one() -> None:
    assert (REFERENCE / "scenario.md").read_text(encoding="utf-8") == reference_page(), RENEW


@pytest.mark.parametrize("name", catalogue())
def test_the_catalogue_is_valid_by_the_schema(name: str) -> None:
    jsonschema.validate(read_document(catalogue()[name]).data, scenario_schema())


def test_what_the_schema_refuses_is_not_accepted_by_mistake() -> None:
    data = read_document(catalogue()["baseline"]).data
    for field, wrong in (("duration", 30), ("seed", "one"), ("sed", 1), ("services", {})):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**data, field: wrong}, scenario_schema())


def test_defaults_in_the_schema_are_written_as_in_files() -> None:
    definitions = scenario_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert definitions["Autoscaler"]["properties"]["sync"]["default"] == "15s"
    assert definitions["Retry"]["properties"]["base"]["default"] == "20ms"
    drain = scenario_schema()["properties"]
    assert isinstance(drain, dict)
    assert drain["drain"]["default"] == "10s"


def test_every_model_has_its_place_on_the_reference_page() -> None:
    page = reference_page()
    for model in models():
        assert f"## {model.__name__}\n" in page


def test_a_catalogue_file_is_plain_yaml_as_well() -> None:
    for name, path in catalogue().items():
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# "), "a scenario opens with its story"
        assert yaml.safe_load(text) == read_document(path).data
        assert load_scenario(path) == load_scenario(name)
