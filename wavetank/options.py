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
SeedOption: TypeAlias = Annotated[
    int | None, typer.Option(min=0, help="Of all chance, in place of the scenario's.")
]
ReplicationsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--replications",
        "-R",
        min=1,
        help="Run it so often, with seeds that follow from the first, and give intervals.",
        show_default="1; with --until at most 1000",
    ),
]
UntilOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="'CLASS FIGURE SHARE'",
        help="Replicate until a figure is known so well: 'read_title p99 5%', "
        "'gateway utilisation 2%'.",
    ),
]
WorkersOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Processes that replicate; their number changes no result.",
        show_default="a process for each core, if the work is worth it",
    ),
]
HistoryOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write a line for each request and job, as JSON."),
]
TimeLimitOption: TypeAlias = Annotated[
    str, typer.Option(metavar="DURATION", help="Stop after 90s, 5m, with what there is.")
]
MemoryLimitOption: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="Stop before a process holds more than 500MB, 2GiB, with what there is.",
    ),
]
GateOption: TypeAlias = Annotated[
    bool, typer.Option("--gate", help="Exit with 3 unless every objective holds.")
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON, and nothing else.")
]
