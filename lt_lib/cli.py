"""The `lt` command: run experiments, see what is done, build chapters and the book, keep data."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from lt_lib.errors import LabError, LtError, on_one_line
from lt_lib.lab.record.spec import DATA, PROFILES

app = typer.Typer(
    name="lt",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Run the experiments of the book, see what is recorded, build chapters and the book.\n\n"
    "Start with `lt status`, then `lt run ee443-fig2 --profile smoke`. Every command has --help.",
)
data_app = typer.Typer(
    no_args_is_help=True, help="List, add, verify and download data sets and pretrained weights."
)
app.add_typer(data_app, name="data")


Profile = Enum("Profile", {name: name for name in PROFILES}, type=str)
Data = Enum("Data", {name: name for name in DATA}, type=str)

ProfileOption = Annotated[
    Profile,
    typer.Option(
        help="smoke: seconds, tests only; laptop: minutes; overnight: hours, on two cores; paper: "
        "published settings, GPU."
    ),
]
DataOption = Annotated[
    Data,
    typer.Option(
        help="embedded: ships with the code, a stand-in; real: the public data set, see `lt data list`."
    ),
]
SeedsOption = Annotated[
    int | None, typer.Option(min=1, help="How many seeds (0, 1, ...); default: as the profile says.")
]
BudgetOption = Annotated[
    float | None,
    typer.Option(min=0, help="Minutes; stops cleanly in time, the next call goes on from there."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Trainings side by side, each with its share of the cores; default: LT_WORKERS, or one a core.",
    ),
]
WorksOption = Annotated[
    list[str] | None,
    typer.Option("--work", help="Only the experiments of this work, e.g. ee443; repeatable."),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(help="Folder of records; default: LT_STORE, else _build/records of the project."),
]


def complete_experiment(incomplete: str) -> list[str]:
    """Experiments, or rows behind "experiment/", that begin so; for the shell."""
    from lt_lib.lab.record.spec import experiments, load

    try:
        if "/" in incomplete:
            name = incomplete.split("/")[0]
            found = [f"{name}/{row.key}" for row in load(name).rows]
        else:
            found = experiments()
    except LtError:
        return []
    return [name for name in found if name.startswith(incomplete)]


def complete_data(incomplete: str) -> list[str]:
    """Data sets and weights that begin so; for the shell."""
    from lt_lib import data

    return [row.name for row in data.listing() if row.name.startswith(incomplete)]


def _complete_work(incomplete: str) -> list[str]:
    from lt_lib.lab.record.works import works

    return [name for name in works() if name.startswith(incomplete)]


WorkArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="WORK",
        autocompletion=_complete_work,
        show_default=False,
        help="Short name of a work, such as ee443 or spectrum; default: all.",
    ),
]
ExperimentArgument = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT[/ROW]",
        autocompletion=complete_experiment,
        help="An experiment file's name, and a row key or published row id of it.",
    ),
]
NameArgument = Annotated[
    str, typer.Argument(autocompletion=complete_data, help="Name of a data set or of weights.")
]


@app.command()
def run(
    experiment: ExperimentArgument,
    profile: ProfileOption = Profile.laptop,
    data: DataOption = Data.embedded,
    seeds: SeedsOption = None,
    budget: BudgetOption = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    variant: Annotated[
        str | None, typer.Option(help="Only this variant, e.g. as-released; default: all of a row.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Only this seed, e.g. 2 for the third.")] = None,
) -> None:
    """Load or train the records of an experiment, or of one of its rows.

    Interrupt it whenever you like: the same command goes on where it stopped. Exit code 3: the budget ended
    first."""
    from lt_lib import lab
    from lt_lib.lab.read.evidence import made_now

    name, _, row = experiment.partition("/")
    if None not in (seed, seeds):
        raise LabError("--seed asks for one seed, --seeds for how many; give one of the two")
    options = {
        "rows": row or None,
        "profile": profile.value,
        "data": data.value,
        "seeds": seeds if seed is None else [seed],
        "variant": variant,
    }
    records = lab.run(name, budget=budget, store=store, workers=workers, **options)
    for (_, key, which), group in lab.group(records).items():
        shown = [
            name for name in ("accuracy", "balanced_accuracy", "distance") if name in group[0].metrics["last"]
        ]
        said = ", ".join(
            f"{name.replace('_', ' ')} {lab.estimate(r.metric(name) for r in group)}" for name in shown
        )
        filed = "" if made_now(group) else f"; {profile.value} leaves it out, --seeds trains it"
        typer.echo(f"{key:28s} {which:12s} {said}   {lab.badge(group)}{filed}")
    if len(made_now(records)) < len(lab.plan(name, **options)):
        raise typer.Exit(3)


@app.command()
def plan(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXPERIMENT[/ROW]]",
            autocompletion=complete_experiment,
            show_default=False,
            help="An experiment, or a row of it: its specs. Default: what is missing of all of them.",
        ),
    ] = None,
    profile: ProfileOption = Profile.laptop,
    data: DataOption = Data.embedded,
    seeds: SeedsOption = None,
    work: WorksOption = None,
    store: StoreOption = None,
    jobs: Annotated[
        bool,
        typer.Option(
            "--jobs",
            help="What is missing as JSON lines for a scheduler: path of the record in the store, what "
            "trains it, minutes, memory, GPU; see workflow/Snakefile.",
        ),
    ] = False,
) -> None:
    """Show what `lt run` would run, as JSON lines, or without an experiment what `lt fill` would train, in
    its order, and the commands that train it. Trains nothing."""
    import json

    from lt_lib import lab

    if jobs:
        for job in lab.jobs(lab.queue(profile.value, data.value, work, store, experiment, seeds), store):
            typer.echo(json.dumps(vars(job)))
        return
    if experiment is None:
        _show_queue(lab.queue(profile.value, data.value, work, store), profile.value, data.value, work)
        return
    name, _, row = experiment.partition("/")
    for item in lab.plan(name, row or None, profile.value, data.value, seeds):
        line = {
            "key": item.key,
            "variant": item.variant,
            "seed": item.seed,
            "spec": item.spec.model_dump(mode="json"),
        }
        typer.echo(json.dumps(line))


def _show_queue(lots: list, profile: str, data: str, work: list[str] | None) -> None:
    """A line a lot, the sum, and the command that trains it."""
    line = "{:20s} {:18s} {:8s} {:>6} {:>8} {:>8}   {}"
    typer.echo(line.format("experiment", "which", "printed", "done", "missing", "hours", "").rstrip())
    for lot in lots:
        hours = "–" if lot.unknown == len(lot.missing) else f"{lot.hours:.1f}"
        odd = f"{lot.unknown} of unknown cost" if 0 < lot.unknown < len(lot.missing) else ""
        cells = lot.seeds, "yes" if lot.printed else "no", lot.done, len(lot.missing), hours
        typer.echo(line.format(lot.experiment, *cells, lot.why_not or odd).rstrip())
    here = [lot for lot in lots if not lot.why_not]
    missing, unknown = sum(len(lot.missing) for lot in here), sum(lot.unknown for lot in here)
    away = sum(len(lot.missing) for lot in lots) - missing
    typer.echo(
        f"{missing} records to train, {sum(lot.hours for lot in here):.1f} hours of one core for the "
        f"{missing - unknown} whose rate on such a processor is on record, features not counted"
        + (f"; {away} cannot be trained here" if away else "")
    )
    words = "".join(f" --work {name}" for name in work or ())
    typer.echo(f"lt fill --profile {profile} --data {data}{words} --budget 150")
    config = " ".join((f"profile={profile}", f"data={data}", *(f"work={name}" for name in work or ())))
    typer.echo(
        f"snakemake --cores 2 --config {config}    # or on a cluster: --profile workflow/profiles/slurm"
    )


@app.command()
def fill(
    profile: ProfileOption = Profile.paper,
    data: DataOption = Data.real,
    budget: BudgetOption = None,
    work: WorksOption = None,
    workers: WorkersOption = None,
    store: StoreOption = None,
) -> None:
    """Train what is missing at a profile and data, what is worth most first: see `lt plan`.

    Interrupt it whenever you like, run it beside others: it goes on where it stopped. Exit code 3: records
    are still missing."""
    from lt_lib import lab

    left = lab.fill(profile.value, data.value, budget, work, workers, store)
    typer.echo(f"{left} records missing" if left else "nothing is missing")
    if left:
        raise typer.Exit(3)


@app.command()
def status(
    profile: ProfileOption = Profile.laptop, data: DataOption = Data.embedded, store: StoreOption = None
) -> None:
    """By experiment: records done, missing and stale at a profile and data, and all that are committed.

    Records are known by their file names; whether one can be read, `lt run` says."""
    from lt_lib.lab.read.status import status as state
    from lt_lib.lab.record.paths import work_store
    from lt_lib.lab.record.records import Store

    own = Store(store or work_store())
    lines = state(own, profile.value, data.value)
    typer.echo(
        f"done, missing, stale: profile {profile.value}, data {data.value}; {own.root} and book/records"
    )
    typer.echo(f"{'experiment':20s} {'done':>7s} {'missing':>7s} {'stale':>7s}   committed")
    for line in lines:
        counts = line.counts.values() if line.counts else ("–",) * 3
        kinds = ", ".join(f"{kind} {n}" for kind, n in line.committed.items()) or "–"
        typer.echo(f"{line.experiment:20s} " + " ".join(f"{n:>7}" for n in counts) + f"   {kinds}")


@app.command()
def chapter(
    name: Annotated[str, typer.Argument(help="A chapter: ee443/05, its slug, or a path.")],
    profile: ProfileOption = Profile.laptop,
    data: DataOption = Data.embedded,
    seeds: SeedsOption = None,
    budget: BudgetOption = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option(help="Executed notebook; default: in _build.")] = None,
) -> None:
    """Execute one chapter with papermill and say where the executed notebook is."""
    from lt_lib.lab.publish import book
    from lt_lib.lab.record.paths import project_root

    source = book.find_chapter(name)
    out = out or project_root() / "_build" / "chapters" / f"{source.stem}-{profile.value}-{data.value}.ipynb"
    given = {
        "profile": profile.value,
        "data": data.value,
        "seeds": seeds,
        "budget": budget,
        "store": store and str(store),
    }
    typer.echo(book.execute_chapter(source, out, {k: v for k, v in given.items() if v is not None}))


@app.command()
def exercises(
    name: Annotated[
        str | None, typer.Argument(help="A chapter: ee443/05, its slug, or a path; default: every chapter.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sheets; default: in _build.")] = None,
) -> None:
    """Write exercise sheets: chapters whose solutions are blank, with the assertions that tell when an answer
    is right. A sheet that somebody has filled in is never written over."""
    from lt_lib.lab.publish import book
    from lt_lib.lab.publish.exercises import write_sheets
    from lt_lib.lab.record.paths import project_root

    every = [entry.source for entry in book.entries() if entry.is_chapter]
    sources = [book.find_chapter(name)] if name else every
    for path in write_sheets(sources, out or project_root() / "_build" / "exercises"):
        typer.echo(path)


@app.command("book")
def build_book(
    profile: ProfileOption = Profile.laptop,
    data: DataOption = Data.embedded,
    seeds: SeedsOption = None,
    budget: BudgetOption = None,
    force: Annotated[bool, typer.Option(help="Execute every chapter again.")] = False,
    work: Annotated[
        list[str] | None,
        typer.Option(
            help="Only the chapters of this work, e.g. ee443; repeatable. For example "
            "where the real data of one work are at hand."
        ),
    ] = None,
) -> None:
    """Execute every chapter that is out of date and build the static book; prints where it is."""
    from lt_lib.lab.publish import book

    chapters = book.chapters_of(work) if work else None
    typer.echo(
        book.build(
            profile=profile.value, data=data.value, chapters=chapters, seeds=seeds, budget=budget, force=force
        )
    )


@app.command("pdf")
def build_pdf(
    profile: ProfileOption = Profile.laptop,
    data: DataOption = Data.embedded,
    work: Annotated[
        list[str] | None, typer.Option(help="Only chapters of this work, e.g. ee443; repeatable.")
    ] = None,
) -> None:
    """Build the book where it is out of date and print it as one PDF, beside its pages; says where that is.

    Chromium or Google Chrome prints it: pages in the order of the contents, what is folded away open, sheets
    numbered."""
    from lt_lib.lab.publish import book

    typer.echo(book.print_pdf(profile.value, data.value, book.chapters_of(work) if work else None))


@app.command("slides")
def build_slides(
    chapters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CHAPTER]...",
            show_default=False,
            help="Only these, e.g. lectures/04; default: every chapter.",
        ),
    ] = None,
    work: Annotated[
        list[str] | None, typer.Option(help="Only decks of this work, e.g. lectures; repeatable.")
    ] = None,
    profile: ProfileOption = Profile.laptop,
    data: DataOption = Data.embedded,
) -> None:
    """Build the book where it is out of date, and with it a reveal.js deck of every chapter; prints where the
    decks are.

    A deck opens by a double click and needs no network. Keys: arrows, S for the speaker's notes, F for full
    screen, Esc for an overview. Beside each lies NN-slug-live.ipynb, the few cells to run in class. With
    CHAPTER or --work the book holds only those chapters."""
    from lt_lib.lab.publish import book

    named = [book.name_of(book.find_chapter(name)) for name in chapters or []] + (
        book.chapters_of(work) if work else []
    )
    index = book.build(profile=profile.value, data=data.value, chapters=named or None)
    for deck in book.decks(index, named or None):
        typer.echo(deck)


@app.command()
def compare(
    images: Annotated[
        Path,
        typer.Argument(
            help="A folder that holds a folder of images for each class, or train and test with these; or a "
            ".csv with the columns file and label; or TFRecord parts of Drought Watch."
        ),
    ],
    aim: Annotated[
        str, typer.Option("--for", help="What to choose by: accuracy, balanced or worst-class.")
    ] = "balanced",
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="Whose features: tf_efficientnet_lite0 (default), -1, -2, mobilenetv2_100, or any of timm. "
            "Given twice or more, the networks are also stacked."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, max=100, help="How many heads a remedy.")] = 5,
    split: Annotated[
        str | None,
        typer.Option(
            help="Patients, sites or days that must not be parted: a column of the .csv, or `folder`, the "
            "folders directly below those of the classes."
        ),
    ] = None,
    finetune: Annotated[
        bool,
        typer.Option("--finetune", help="Train the whole network too, plain and with the two best remedies."),
    ] = False,
    precision: Annotated[
        str,
        typer.Option(
            help="Of features: float32, or bf16, faster on processors that know it and some hundredths off."
        ),
    ] = "float32",
    out: Annotated[
        Path | None, typer.Option(help="Where the page and the model go; default: IMAGES' name, -compared.")
    ] = None,
) -> None:
    """Which remedy for a long tail helps on your own images? Writes a page, JSON and a model, and says.

    A frozen network looks at every image once (kept in the cache); on its features a linear head is trained
    for each remedy and seed. On two cores half a minute for 1,000 images, then a minute or two for heads.
    Without train and test, a quarter of each class is kept for the test. Nothing is written among images;
    what is left out or changed is listed. Interrupted, the same command goes on from there."""
    from lt_lib.lab.bench.compare import PAGE
    from lt_lib.lab.bench.compare import compare as run
    from lt_lib.lab.record.paths import absolute

    source = images.resolve()
    out = absolute(out or Path(f"{source.stem if source.is_file() else source.name}-compared"))
    networks = network or ["tf_efficientnet_lite0"]
    typer.echo(run(absolute(images), aim, networks, seeds, out, split, finetune, precision).words)
    typer.echo(out / PAGE)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A folder that `lt compare` wrote, or the model in it.")],
    files: Annotated[list[Path], typer.Argument(help="Images.")],
) -> None:
    """Class and probability of images, by the model that `lt compare` chose. Exit code 1 if one cannot be
    read."""
    from lt_lib.lab.bench.model import ABOUT, WEIGHTS
    from lt_lib.lab.bench.model import predict as run
    from lt_lib.lab.bench.own import printed
    from lt_lib.lab.record.paths import absolute

    failed, folder = False, absolute(model.parent if model.name in (WEIGHTS, ABOUT) else model)
    for file, (_, name, said) in zip(files, run(folder, list(map(absolute, files))), strict=True):
        failed, shown = failed or name is None, printed(str(file))
        typer.echo(f"{shown}: {said}" if name is None else f"{shown}  {name}  {said:.3f}", err=name is None)
    if failed:
        raise typer.Exit(1)


@app.command()
def claims(
    work: WorkArgument = None,
    profile: Annotated[
        Profile | None, typer.Option(help="Which committed records; default: the strongest there are.")
    ] = None,
    data: Annotated[
        Data | None, typer.Option(help="Which committed records; default: the strongest there are.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="End with an error if a claim stands on stale records.")
    ] = False,
) -> None:
    """Test the claims of a work, or of all, on printed numbers and on committed records.

    On stand-ins a verdict is one on the direction, and says so; "fails" is Holm-corrected for the parts."""
    from lt_lib.lab.read.claims import claims_table, covered, halves_in_words

    tested, untested = ([work], []) if work else covered()
    stale = []
    for name in tested:
        table = claims_table(name, profile and profile.value, data and data.value)
        stale += [row.id for row in table.frame.itertuples() if row.behind.endswith("stale")]
        typer.echo(table.caption)
        for row in table.frame.itertuples():
            printed, found = map(halves_in_words, (row.printed_halves, row.halves))
            typer.echo(
                f"{row.id}  {row.claim}\n"
                f"     printed: {row.printed_verdict}. {printed and printed + '. '}{row.printed_numbers}\n"
                f"     records: {row.verdict}. {found and found + '. '}{row.numbers} [{row.behind}]"
            )
    if untested:
        typer.echo(f"not tested: the claims of {', '.join(untested)}")
    if check and stale:
        raise LabError(f"{len(stale)} claims stand on stale records: {', '.join(stale)}; see `lt fill`")


@app.command()
def ledger(
    work: WorkArgument = None,
    csv: Annotated[Path | None, typer.Option(help="Write the lines to this CSV file instead.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="End with an error if a record behind a number is stale.")
    ] = False,
) -> None:
    """Every printed number of a work, or of all: ours from the committed records, and the verdict."""
    from lt_lib.lab.read import ledger as book
    from lt_lib.lab.record.files import atomic_write
    from lt_lib.lab.record.paths import absolute

    lines = book.ledger(work)
    if csv:
        atomic_write(absolute(csv), lines.to_csv(index=False).encode())
        typer.echo(f"{len(lines)} lines in {csv}")
    else:
        for line in book.as_lines(lines):
            typer.echo(line)
    typer.echo(", ".join(f"{n} {what}" for what, n in book.counts(lines).items()))
    if check and (stale := lines[lines["behind"].str.endswith("stale")]["row"].tolist()):
        raise LabError(f"{len(stale)} numbers stand on stale records: {', '.join(stale)}; see `lt fill`")


@app.command()
def audit(
    work: WorkArgument = None,
    check: Annotated[
        bool, typer.Option("--check", help="End with an error if a verdict is not that of audit.csv.")
    ] = False,
    table: Annotated[
        Path | None, typer.Option(help="A CSV file of printed accuracies of your own, audited instead.")
    ] = None,
) -> None:
    """Recompute what can be recomputed from the printed numbers of a work, or of all.

    With --table, of any table: the first column names the rows, every other one holds shares as they are
    printed; a star marks bold, ± a spread; a row n gives the test images behind each column, a column mean
    what the others amount to."""
    if table:
        from lt_lib.lab.read.any_table import audit_any, read_table

        for row in audit_any(read_table(table)).itertuples():
            typer.echo(f"{row.verdict:12s} {row.check}, {row.where}: {row.finding}")
        return
    from lt_lib.lab.read.audit import audit as recompute
    from lt_lib.lab.read.audit import covered
    from lt_lib.lab.read.published import facts_of

    recomputed, in_words = ([work], []) if work else covered()
    filed, other = facts_of("audit").set_index("id")["verdict"], []
    for name in recomputed:
        for row in recompute(name).itertuples():
            other += [row.id] if row.verdict != filed[row.id] else []
            typer.echo(
                f"{row.id}  {row.verdict:14s} {row.location}: {row.check}\n"
                f"     published: {row.published}; {row.basis}: {row.recomputed}"
            )
    if in_words:
        typer.echo(f"not recomputed: the audit of {', '.join(in_words)}")
    if check and other:
        raise LabError(f"{len(other)} verdicts are not those of audit.csv: {', '.join(other)}")


@data_app.command("list")
def data_list() -> None:
    """Data sets and weights: state, size, licence, and how to get them."""
    from lt_lib import data

    typer.echo(f"store: {data.store_root()}")
    for row in data.listing():
        typer.echo(f"{row.name:27s} {row.kind:9s} {row.state:18s} {row.bytes / 1e6:7.1f} MB  {row.note}")
        typer.echo(f"{'':27s} licence: {row.licence}")
        if row.how:
            typer.echo(f"{'':27s} {row.how}")


@data_app.command("add")
def data_add(
    name: NameArgument,
    source: Annotated[
        Path | None, typer.Option("--from", help="Archive, folder or file to take it from.")
    ] = None,
    size: Annotated[
        int, typer.Option(min=8, help="Side in pixels that images of your own are resized to.")
    ] = 32,
) -> None:
    """Check a copy you have and put it into the store.

    Takes the official CIFAR and Drought Watch archives or their unpacked folders, folders of .npy arrays, a
    class-per-folder image tree (train/CLASS/*.png, test/CLASS/*.png) or a folder of TFRecord parts under a
    new name, or a file of registered weights. Embedded sets, and weights whose package is installed, are
    made anew without --from."""
    from lt_lib import data

    _echo_added(name, data.add(name, source, size=size))


@data_app.command("verify")
def data_verify(name: NameArgument) -> None:
    """Hash a stored data set again and compare with the registry."""
    from lt_lib import data

    typer.echo(data.verify(name))


@data_app.command("download")
def data_download(name: NameArgument) -> None:
    """Fetch from the official address, with resume and checksum, and add."""
    from lt_lib import data

    _echo_added(name, data.download(name))


def _echo_added(name: str, added) -> None:
    """The digest of a set or the path of a file, and what was found in the files or records it came from."""
    from lt_lib.data.sets.droughtwatch import Report

    typer.echo(f"added {name}: {getattr(added, 'digest', added)}")
    for note in getattr(added, "extra", {}).get("notes", []):
        typer.echo(note)
    if report := getattr(added, "extra", {}).get("report"):
        typer.echo(Report(**report))


@on_one_line()
def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
