"""What clients send."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from reference_services.catalog.tables import ID_MAX


def _has_no_nul(text: str) -> str:
    # PostgreSQL has no character 0.
    if "\0" in text:
        raise ValueError("must not hold the character U+0000")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_has_no_nul)]
Text = Annotated[str, Field(max_length=10_000), AfterValidator(_has_no_nul)]
Id = Annotated[int, Field(ge=1, le=ID_MAX)]


class Body(BaseModel):
    """An item without what the catalog gives it: its id and its version."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TitleBody(Body):
    """A title."""

    name: Line
    synopsis: Text


class FlashcardBody(Body):
    """A question on one side, its answer on the other."""

    title_id: Id
    question: Text
    answer: Text


class QuizBody(Body):
    """Questions in the form that clients have agreed on; the catalog does not look inside."""

    title_id: Id
    questions: Annotated[list[dict[str, JsonValue]], Field(min_length=1, max_length=100)]
