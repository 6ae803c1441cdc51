"""The scenario's form, for editors (JSON Schema) and for people (a reference page)."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, WithJsonSchema
from pydantic_core import PydanticUndefined

from scenarios import shape
from scenarios.distributions import Distribution
from scenarios.model import Name
from scenarios.routes import Step
from scenarios.spec import Scenario
from scenarios.workload import Arrivals

_CHOICES = {"a distribution": Distribution, "the arrivals": Arrivals, "a step": Step}


def scenario_schema() -> dict[str, object]:
    """Return the JSON Schema of scenario files, draft 2020-12."""
    schema = Scenario.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    for model in models():
        written = schema if model is Scenario else definitions[model.__name__]
        for name, default in _defaults(model):
            # Pydantic shows nanoseconds where the file has a duration.
            written["properties"][name]["default"] = default
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def reference_page() -> str:
    """Return the reference of all fields, in Markdown."""
    parts = [_PREFACE]
    for model in models():
        parts.append(f"## {model.__name__}\n\n{_prose(model.__doc__)}\n")
        rows = "\n".join(_rows(model))
        parts.append(f"| field | holds | default | |\n| --- | --- | --- | --- |\n{rows}\n")
    return "\n".join(parts)


def models() -> list[type[BaseModel]]:
    """Return the models that make a scenario, each before those that it introduces."""
    found: dict[type[BaseModel], None] = {}
    _collect(Scenario, found)
    return list(found)


def _collect(kind: object, found: dict[type[BaseModel], None]) -> None:
    known = shape.fields(kind)
    model = shape.bare(kind)
    if known is not None and isinstance(model, type) and model not in found:
        found[model] = None
        for inner in known.values():
            _collect(inner, found)
    elif known is None:
        for inner in shape.alternatives(kind).values() or get_args(model):
            _collect(inner, found)


def _defaults(model: type[BaseModel]) -> Iterator[tuple[str, object]]:
    """Yield the fields that have a default, by their names in files, and it as files say it."""
    kinds = shape.fields(model) or {}
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if default is not PydanticUndefined:
            alias = field.alias or name
            kind: Any = kinds[alias]
            yield alias, TypeAdapter(kind).dump_python(default, mode="json")


def _rows(model: type[BaseModel]) -> Iterator[str]:
    kinds = shape.fields(model) or {}
    defaults = dict(_defaults(model))
    for name, field in model.model_fields.items():
        alias = field.alias or name
        default = f"`{json.dumps(defaults[alias])}`" if alias in defaults else "required"
        if defaults.get(alias, "") in (None, [], {}, ""):
            default = "none" if alias in defaults else "required"
        yield f"| `{alias}` | {_in_words(kinds[alias])} | {default} | {_prose(field.description)} |"


def _prose(text: str | None) -> str:
    return " ".join((text or "").split()).replace("``", "`")


def _in_words(kind: object) -> str:
    kind = shape.given(kind)
    for words, choice in _CHOICES.items():
        if kind == choice:
            return f"{words}: one of {_links(*shape.alternatives(kind).values())}"
    metadata = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    for mark in metadata:
        if isinstance(mark, WithJsonSchema) and mark.json_schema is not None:
            return f"such as `{mark.json_schema['examples'][0]}`"
    if kind == Name:
        return "a name"
    return _plain(shape.bare(kind))


def _plain(kind: object) -> str:
    if shape.fields(kind) is not None:
        return _links(kind)
    inner = get_args(kind)
    origin = get_origin(kind)
    if origin is dict:
        return f"by name: {_in_words(inner[1])}" if inner[0] == Name else "any JSON"
    if origin is tuple:
        return f"a list of {_in_words(inner[0])}"
    if origin is Literal:
        return " or ".join(f"`{option}`" for option in inner)
    assert isinstance(kind, type), "what is no container is a plain type"
    return {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}[
        kind.__name__
    ]


def _links(*kinds: object) -> str:
    names = map(shape.name_of, kinds)
    return ", ".join(f"[{name}](#{name.lower()})" for name in names)


_PREFACE = """\
# The scenario file

All fields of a scenario, made from the code by `wavetank scenario schema --output docs/reference`.
`wavetank scenario show baseline` prints an example, and `wavetank scenario check FILE` says what is
wrong with yours. An editor completes fields when the file starts with a line that names the schema:

```yaml
# yaml-language-server: $schema=scenario.schema.json
```

Durations have a unit (`250ms`, `10s`, `2h`), rates a time (`60/s`, `500/min`), shares a percent
sign (`99.9%`). Names are a lower-case letter, then letters, digits and `_`. A file is YAML with the
scalars of YAML 1.2: `on` and `no` are text, `true` and `false` are not.
"""
