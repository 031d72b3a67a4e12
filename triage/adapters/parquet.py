"""`Windows` over Parquet files: only the row groups and columns that a window needs, one row group at a time."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from triage.adapters.parquet_files import DataFile, date_keys, find_files, within
from triage.adapters.parquet_scan import Footer, ParquetScan, RowGroup
from triage.adapters.parquet_times import moment
from triage.catalog import Dataset
from triage.errors import DataError, EmptyWindow, NotFound, near
from triage.incident import Window
from triage.ports import DatasetInfo


class ParquetWindows:
    """The datasets of a catalogue, by name."""

    def __init__(self, datasets: Mapping[str, Dataset]) -> None:
        self._datasets = datasets
        self._footers: dict[tuple[str, str], Footer] = {}

    def describe(self, dataset: str) -> DatasetInfo:
        """What the files' footers tell. Raises DataError, NotFound."""
        found = self._dataset(dataset)
        footers = [self._footer(found, file) for file in find_files(dataset, found.path)]
        spans = [footer.span() for footer in footers if footer.rows]
        known = [span for span in spans if span is not None]
        complete = bool(spans) and len(known) == len(spans)
        return DatasetInfo(
            name=dataset,
            version=found.version,
            columns={name: str(type_) for name, type_ in _columns(footers).items()},
            rows=sum(footer.rows for footer in footers),
            files=len(footers),
            first=moment(min(first for first, _ in known)) if complete else None,
            last=moment(max(last for _, last in known)) if complete else None,
        )

    def scan(self, dataset: str, window: Window | None, columns: Sequence[str] | None = None) -> ParquetScan:
        """Open ``window`` (None: all rows) of ``dataset``; ``columns`` None: all but the dates of hive partitions.

        The dataset's time column comes as timestamps in UTC, text as dictionaries where the files hold it so. A column
        that only some of the files have is null in the others; one of several types has the type that holds them all.
        Raises NotFound, EmptyWindow as far as statistics tell, DataError when a file is broken or none has a column.
        """
        found = self._dataset(dataset)
        files = find_files(dataset, found.path)
        kept = files if window is None else self._within(found, files, window)
        footers = [self._footer(found, file) for file in kept]
        types = _columns(footers or [self._footer(found, files[0])])
        for column in columns or ():
            if column not in types:
                raise DataError(
                    f"no column '{column}' in dataset '{dataset}' ({found.path})",
                    hint=near(column, types, listing=f"it has {len(types)}: {', '.join(list(types)[:12])}"),
                )
        groups = [RowGroup(footer, index) for footer in footers for index in footer.touching(window)]
        if not sum(group.rows for group in groups):
            raise self._empty(dataset, window)
        dates = {key for file in kept for key in date_keys(file.partitions)}
        wanted = tuple(columns) if columns is not None else tuple(name for name in types if name not in dates)
        return ParquetScan(found, window, groups, {name: types[name] for name in wanted})

    def _dataset(self, name: str) -> Dataset:
        if name not in self._datasets:
            listing = f"datasets: {', '.join(self._datasets)}"
            raise NotFound(f"no dataset '{name}' in the catalogue", hint=near(name, self._datasets, listing=listing))
        return self._datasets[name]

    def _footer(self, dataset: Dataset, file: DataFile) -> Footer:
        key = (dataset.name, file.path)
        kept = self._footers.get(key)
        if kept is None or not kept.current():
            kept = self._footers[key] = Footer.read(dataset, file)
        return kept

    def _within(self, dataset: Dataset, files: list[DataFile], window: Window) -> list[DataFile]:
        """The files to open.

        The dates of hive partitions are believed only if the nearest files outside hold none of the window's times.
        """
        kept = within(files, window)
        inside = {file.path for file in kept}
        outside = [file for file in files if file.path not in inside and file.days is not None and not file.declared]
        before = [file for file in outside if file.days and file.days.end <= window.start]
        after = [file for file in outside if file.days and file.days.start >= window.end]
        neighbours = [
            *sorted(before, key=lambda file: file.days.end if file.days else window.start)[-1:],
            *sorted(after, key=lambda file: file.days.start if file.days else window.end)[:1],
        ]
        if any(self._footer(dataset, file).touching(window) for file in neighbours):
            return files
        return kept

    def _empty(self, dataset: str, window: Window | None) -> EmptyWindow:
        if window is None:
            return EmptyWindow(f"dataset '{dataset}' has no rows", hint="check what writes it")
        info = self.describe(dataset)
        if info.rows and info.first and info.last:
            hint = f"its {info.rows:,} rows go from {info.first:%Y-%m-%d %H:%M} to {info.last:%Y-%m-%d %H:%M} UTC"
        else:
            hint = f"it has {info.rows:,} rows in {info.files} files"
        return EmptyWindow(f"dataset '{dataset}' has no rows in {window}", hint=hint)


def _columns(footers: Sequence[Footer]) -> dict[str, pa.DataType]:
    """Every column of any file, with the type that holds all of its values; hive keys after them."""
    types: dict[str, pa.DataType] = {}
    for footer in footers:
        for name, type_ in footer.types.items():
            types[name] = _holding_both(types.get(name, type_), type_)
    for footer in footers:
        for key in footer.file.partitions:
            types.setdefault(key, pa.string())
    return types


def _holding_both(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    try:
        schemas = [pa.schema([("column", type_)]) for type_ in (one, other)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.string()
