"""One pass over one window: row group by row group, by any number of threads, with a digest of the bytes read."""

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from triage.adapters.parquet_files import DataFile
from triage.adapters.parquet_times import as_utc, check_time_column, inside, nanos, span, time_type, without_nulls
from triage.catalog import Dataset
from triage.errors import DataError, near
from triage.incident import Source, Window

# A row group whose columns unpack to more than this is read in slices, so that memory stays bounded.
_LARGE_BYTES = 192 << 20
_SLICE_ROWS = 1 << 17


@dataclass(frozen=True, slots=True)
class Footer:
    """What the end of a Parquet file tells of it; ``spans`` are the first and last time of each row group in
    nanoseconds, None where it has no statistics."""

    dataset: Dataset
    file: DataFile
    metadata: pq.FileMetaData
    types: Mapping[str, pa.DataType]
    leaves: Mapping[str, tuple[int, ...]]
    spans: tuple[tuple[int, int] | None, ...]
    state: tuple[int, int]

    @classmethod
    def read(cls, dataset: Dataset, file: DataFile) -> "Footer":
        """Raises DataError when the file is missing, empty, broken, or has not the dataset's time column."""
        with explained(dataset, file):
            state = _state(file.path)
            if not state[1]:
                raise DataError(
                    f"{file.path} of dataset '{dataset.name}' is empty (0 bytes)", hint="remove it, or write it again"
                )
            metadata = pq.read_metadata(file.path, memory_map=True)
            schema = metadata.schema.to_arrow_schema()
        types = dict(zip(schema.names, schema.types, strict=True))
        if dataset.time not in types:
            raise DataError(
                f"no column '{dataset.time}' with the time of the event in {file.path} of dataset '{dataset.name}'",
                hint=near(dataset.time, types, listing=f"correct datasets.{dataset.name}.time"),
            )
        check_time_column(dataset, types[dataset.time], file.path)
        leaves: dict[str, tuple[int, ...]] = {}
        for index in range(metadata.num_columns):
            name = _top_level(metadata.schema.column(index).path, types)
            leaves[name] = (*leaves.get(name, ()), index)
        leaf, groups = leaves[dataset.time][0], range(metadata.num_row_groups)
        spans = tuple(span(dataset, metadata.row_group(index), leaf, metadata.schema) for index in groups)
        return cls(dataset, file, metadata, types, leaves, spans, state)

    @property
    def rows(self) -> int:
        return self.metadata.num_rows

    def current(self) -> bool:
        """Whether the file is still the one that was read."""
        try:
            return _state(self.file.path) == self.state
        except OSError:
            return False

    def span(self) -> tuple[int, int] | None:
        """First and last time of the file; None where a row group has no statistics."""
        known = [found for found in self.spans if found is not None]
        if not known or len(known) < len(self.spans):
            return None
        return min(first for first, _ in known), max(last for _, last in known)

    def touching(self, window: Window | None) -> list[int]:
        """The row groups that can hold rows of ``window``."""
        if window is None:
            return list(range(self.metadata.num_row_groups))
        start, end = nanos(window.start), nanos(window.end)
        return [
            index for index, found in enumerate(self.spans) if found is None or (found[0] < end and found[1] >= start)
        ]


@dataclass(frozen=True, slots=True)
class RowGroup:
    footer: Footer
    index: int

    @property
    def metadata(self) -> pq.RowGroupMetaData:
        return self.footer.metadata.row_group(self.index)

    @property
    def rows(self) -> int:
        return self.metadata.num_rows

    def covered(self, window: Window | None) -> bool:
        """Whether all rows lie in ``window``, by the statistics."""
        if window is None:
            return True
        leaf = self.footer.leaves[self.footer.dataset.time][0]
        found = self.footer.spans[self.index]
        if found is None or not without_nulls(self.metadata, leaf):
            return False
        return nanos(window.start) <= found[0] and found[1] < nanos(window.end)


class ParquetScan:
    """The rows of ``window`` in ``groups``, with the columns of ``types``."""

    def __init__(
        self, dataset: Dataset, window: Window | None, groups: Sequence[RowGroup], types: Mapping[str, pa.DataType]
    ) -> None:
        self._dataset = dataset
        self._window = window
        self._groups = groups
        self._dictionaries = [
            name for name, type_ in types.items() if name != dataset.key and _is_dictionary(groups[0], name, type_)
        ]
        self._types = {name: self._type(name, type_) for name, type_ in types.items()}
        self._digests: dict[tuple[str, int], bytes] = {}
        self._rows = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, row group by row group. Raises DataError on a broken file."""
        for group in self._groups:
            covered = group.covered(self._window)
            for rows in self._read(group, self._columns(group, covered)):
                batch = self._finish(rows, group, covered)
                if batch.num_rows:
                    yield batch

    @property
    def source(self) -> Source:
        """XXH3-128 over names, row groups and raw bytes of the column chunks that were read, in the files' order."""
        total = xxhash.xxh3_128()
        for (name, index), digest in sorted(self._digests.items()):
            total.update(f"{name}\0{index}\0".encode())
            total.update(digest)
        return Source(
            kind="dataset",
            name=self._dataset.name,
            version=self._dataset.version,
            digest=f"xxh3:{total.hexdigest()}",
            window=self._window,
            rows=self._rows,
        )

    def _read(self, group: RowGroup, columns: list[str]) -> Iterator[pa.Table]:
        """The row group at once, or slice by slice where it is large."""
        with explained(self._dataset, group.footer.file):
            self._hash(group, columns)
            if _unpacked_bytes(group, columns) <= _LARGE_BYTES:
                slices = iter((self._open(group).read_row_group(group.index, columns),))
            else:
                batches = self._open(group).iter_batches(_SLICE_ROWS, [group.index], columns)
                slices = (pa.Table.from_batches([rows]) for rows in batches)
        while (rows := self._next(slices, group)) is not None:
            yield rows

    def _next(self, slices: Iterator[pa.Table], group: RowGroup) -> pa.Table | None:
        with explained(self._dataset, group.footer.file):
            return next(slices, None)

    def _open(self, group: RowGroup) -> pq.ParquetFile:
        return pq.ParquetFile(
            group.footer.file.path,
            metadata=group.footer.metadata,
            read_dictionary=[name for name in self._dictionaries if name in group.footer.types],
        )

    def _columns(self, group: RowGroup, covered: bool) -> list[str]:
        """The columns to read: those asked for that the file has, and the time where rows are chosen by it."""
        names = [name for name in self._types if name in group.footer.types]
        needed = not covered or not names
        return names if self._dataset.time in names or not needed else [*names, self._dataset.time]

    def _finish(self, rows: pa.Table, group: RowGroup, covered: bool) -> pa.RecordBatch:
        """Times in UTC, only the rows of the window, the columns in the order that was asked for."""
        time = self._dataset.time
        with explained(self._dataset, group.footer.file):
            if time in rows.column_names:
                place = rows.column_names.index(time)
                rows = rows.set_column(place, time, as_utc(self._dataset, rows.column(place)))
            if not covered and self._window is not None:
                rows = rows.filter(inside(rows.column(time), self._window))
            arrays = [self._array(rows, group, name, type_) for name, type_ in self._types.items()]
        self._rows += rows.num_rows
        if not arrays:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * rows.num_rows, pa.struct([])))
        return pa.RecordBatch.from_arrays(arrays, names=list(self._types))

    def _array(self, rows: pa.Table, group: RowGroup, name: str, type_: pa.DataType) -> pa.Array:
        if name in rows.column_names:
            column = rows.column(name)
            if name in self._dictionaries and not pa.types.is_dictionary(column.type):
                column = column.cast(pa.string()).dictionary_encode()
            if column.type != type_:
                column = self._cast(column, group, name, type_)
            return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        if name in group.footer.file.partitions:
            return pa.repeat(group.footer.file.partitions[name], rows.num_rows)
        return pa.nulls(rows.num_rows, type_)

    def _cast(self, column: pa.ChunkedArray, group: RowGroup, name: str, type_: pa.DataType) -> pa.ChunkedArray:
        try:
            return column.cast(type_)
        except pa.ArrowException as error:
            where = f"{group.footer.file.path} of dataset '{self._dataset.name}'"
            raise DataError(
                f"column '{name}' is {column.type} in {where}, and {type_} in other files: {str(error)[:100]}",
                hint="write it with one type in all files",
            ) from None

    def _type(self, name: str, type_: pa.DataType) -> pa.DataType:
        """The type that a column of type ``type_`` in the files has in our batches."""
        if name == self._dataset.time:
            return time_type(self._dataset, type_)
        if name == self._dataset.key and pa.types.is_dictionary(type_):
            return type_.value_type  # keys are looked for among values of one type
        return pa.dictionary(pa.int32(), pa.string()) if name in self._dictionaries else type_

    def _hash(self, group: RowGroup, columns: Sequence[str]) -> None:
        metadata, digest = group.metadata, xxhash.xxh3_128()
        leaves = [leaf for name in sorted(columns) for leaf in group.footer.leaves[name]]
        with (
            open(group.footer.file.path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            for chunk in map(metadata.column, leaves):
                start = min(offset for offset in (chunk.dictionary_page_offset, chunk.data_page_offset) if offset)
                digest.update(f"{chunk.path_in_schema}\0".encode())
                digest.update(view[start : start + chunk.total_compressed_size])
        self._digests[(group.footer.file.name, group.index)] = digest.digest()


@contextmanager
def explained(dataset: Dataset, file: DataFile) -> Iterator[None]:
    """Errors of reading, as DataError that names the dataset and the file."""
    where = f"{file.path} of dataset '{dataset.name}'"
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{where} is gone", hint="check what removes files while they are read") from None
    except PermissionError:
        raise DataError(f"{where} can't be read: permission denied", hint="let this user read it") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"{where} is truncated or no Parquet: {reason}", hint="write it again; was it copied completely?"
        ) from None


def _state(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size


def _top_level(path: str, types: Mapping[str, pa.DataType]) -> str:
    """The column that a leaf belongs to; names of columns may hold dots themselves."""
    while path not in types and "." in path:
        path = path.rpartition(".")[0]
    return path


def _unpacked_bytes(group: RowGroup, columns: Sequence[str]) -> int:
    leaves = (leaf for name in columns for leaf in group.footer.leaves[name])
    return sum(group.metadata.column(leaf).total_uncompressed_size for leaf in leaves)


def _is_dictionary(group: RowGroup, name: str, type_: pa.DataType) -> bool:
    """Whether a text column repeats itself enough to be read as a dictionary; ids are not."""
    if not pa.types.is_string(type_) or group.footer.types.get(name) != type_:
        return False
    chunk = group.metadata.column(group.footer.leaves[name][0])
    return chunk.has_dictionary_page and chunk.total_uncompressed_size < 4 * max(1, chunk.num_values)
