"""What a render job may ask for: the one description that studio and workers share.

Knows nothing of Manim, so that a service can check an order without being able
to carry it out.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

JOB_NAME = "render"

Line: TypeAlias = Annotated[
    str,
    # What Pango can set: something visible, and no control characters.
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
Paragraph: TypeAlias = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=240, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]


class InvalidRender(ValueError):
    """A job asks for something that cannot be rendered; the message names every mistake."""


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TitleCard(_Parameters):
    """A line of text that appears, is underlined and stays."""

    text: Line


class BarChart(_Parameters):
    """Bars that grow one beside the other."""

    title: Line
    values: Annotated[
        tuple[Annotated[FiniteFloat, Field(ge=0, le=1e12)], ...],
        Field(min_length=1, max_length=12),
    ]
    labels: tuple[Line, ...]

    @model_validator(mode="after")
    def _each_bar_has_a_label(self) -> "BarChart":
        if len(self.labels) != len(self.values):
            raise ValueError(f"{len(self.values)} values need as many labels as values")
        return self


class LineGraph(_Parameters):
    """A line through points at equal distances."""

    title: Line
    values: Annotated[
        tuple[Annotated[FiniteFloat, Field(ge=-1e12, le=1e12)], ...],
        Field(min_length=2, max_length=100),
    ]


class Flashcard(_Parameters):
    """A question, and after a while its answer."""

    question: Paragraph
    answer: Paragraph


class Quality(StrEnum):
    """How large and how smooth; Manim's names are taken by other sizes."""

    DRAFT = "draft"  # 426 x 240, 15 frames a second
    STANDARD = "standard"  # 854 x 480, 15 frames a second
    HIGH = "high"  # 1280 x 720, 30 frames a second


SceneParameters: TypeAlias = TitleCard | BarChart | LineGraph | Flashcard

SCENES: Mapping[str, type[SceneParameters]] = {
    "title_card": TitleCard,
    "bar_chart": BarChart,
    "line_graph": LineGraph,
    "flashcard": Flashcard,
}
"""Every scene by its name, with what it takes."""


class Render(BaseModel):
    """One order, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene: str
    parameters: dict[str, Any]
    """In canonical form: checked, trimmed, every field present."""

    quality: Quality = Quality.STANDARD

    @model_validator(mode="before")
    @classmethod
    def _canonical(cls, order: object) -> object:
        if not isinstance(order, dict) or "parameters" not in order:
            return order
        scene = order.get("scene")
        if not isinstance(scene, str) or scene not in SCENES:
            raise ValueError(f"there is no scene {scene!r}; there are {', '.join(SCENES)}")
        try:
            checked = SCENES[scene].model_validate(order["parameters"])
        except ValidationError as error:
            complaints = (_complaint(details, "parameters") for details in error.errors())
            raise ValueError("; ".join(complaints)) from None
        return {**order, "parameters": checked.model_dump(mode="json")}


def parse_render(payload: Mapping[str, Any]) -> Render:
    """Return what a job's payload orders.

    Raises:
        InvalidRender: it cannot be rendered, now or later.
    """
    order = {name: payload[name] for name in Render.model_fields if name in payload}
    try:
        return Render.model_validate(order)
    except ValidationError as error:
        raise InvalidRender("; ".join(_complaint(details) for details in error.errors())) from None


def _complaint(details: Any, *outside: str) -> str:  # noqa: ANN401  # pydantic's ErrorDetails
    place = ".".join(str(part) for part in (*outside, *details["loc"]))
    reason = details["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
