"""Options and arguments that several commands take, said once, so that they read alike."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

ScenarioArgument: TypeAlias = Annotated[
    str, typer.Argument(help="A name of the catalogue, or a YAML file.")
]
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Overrule a field of the scenario."),
]
RunsOption: TypeAlias = Annotated[Path, typer.Option(help="Where the folder of the run is made.")]
DatabaseHomeOption: TypeAlias = Annotated[
    Path, typer.Option(help="Where the platform keeps its database between runs.")
]
EngineOption: TypeAlias = Annotated[
    Literal["compiled", "simpy"],
    typer.Option(
        help="What simulates: machine code, or models to be read. The answer is the same."
    ),
]
GateOption: TypeAlias = Annotated[
    bool, typer.Option("--gate", help="Exit with 3 unless every objective holds.")
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON, and nothing else.")
]
