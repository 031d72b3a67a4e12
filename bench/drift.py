"""Speed and memory of drift profiles, as ratios to reading and decoding the same files with Arrow, in one run.

    python -m bench.drift [--rows 1000000] [--repeats 7] [--peers] [--evidently PYTHON] [--grow] [--dir DIR]

Makes two Parquet files (40 numeric columns with ties and nulls, 10 categorical ones of up to 5,000 values; seeded, row
groups of 100,000). The floor reads and decodes a window row group by row group with Arrow's defaults. Runs are
interleaved, and the least of each job's wall and processor seconds is taken, for other work on the machine only ever
adds. ``--peers`` adds a loop with scipy and pandas, ``--evidently`` the same files in Evidently's DataDriftPreset, in
an interpreter where that is installed (never ours), ``--grow`` a window of ten times the rows.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from triage.drift.profiles.edges import SAMPLE
from triage.drift.profiles.profile import WindowProfile
from triage.drift.profiles.scan import plan_edges, profile_batches
from triage.drift.shift.compare import compare
from triage.drift.shift.exact import exact_test
from triage.reading.ahead import ahead

ROW_GROUP = 100_000
CATEGORIES = (2, 5, 12, 30, 80, 200, 500, 1000, 2500, 5000)
TEXT = [f"category_{size}" for size in CATEGORIES]


def make(path: Path, rows: int, seed: int) -> None:
    """Write one window: eight columns each of normal, log-normal, rounded, count and zero-inflated values, and text."""
    rng = np.random.default_rng(seed)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, ROW_GROUP):
        n = min(ROW_GROUP, rows - start)
        columns: dict[str, pa.Array] = {}
        for i in range(40):
            values = _numbers(rng, i, n)
            columns[f"number_{i:02}"] = pa.array(values, mask=rng.random(n) < 0.05 if i % 4 == 0 else None)
        for name, size in zip(TEXT, CATEGORIES, strict=True):
            weights = 1 / np.arange(1, size + 1)
            codes = rng.choice(size, n, p=weights / weights.sum())
            texts = pa.array([f"value_{value:05}" for value in range(size)])
            columns[name] = texts.take(pa.array(codes, mask=rng.random(n) < 0.02))
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _numbers(rng: np.random.Generator, column: int, n: int) -> np.ndarray:
    match column % 5:
        case 0:
            return rng.normal(column, 1 + column / 10, n)
        case 1:
            return rng.lognormal(0, 1, n)
        case 2:
            return np.round(rng.normal(50, 10, n), 1)
        case 3:
            return rng.poisson(3 + column, n).astype(np.float64)
        case _:
            return np.where(rng.random(n) < 0.3, 0.0, rng.gamma(2, 3, n))


def floor(path: Path) -> None:
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        file.read_row_group(group)


def row_groups(path: Path) -> Iterator[pa.Table]:
    """One table per row group, text as dictionaries, read ahead, as the product reads Parquet."""
    file = pq.ParquetFile(path, read_dictionary=TEXT)
    return ahead(map(file.read_row_group, range(file.num_row_groups)))


def profile(path: Path) -> WindowProfile:
    """Plan the bins on the first rows and profile all of the window, those included."""
    groups = row_groups(path)
    first = next(groups)
    return profile_batches(chain([first], groups), plan_edges(first.slice(0, SAMPLE)))


def score(baseline: bytes, path: Path) -> None:
    """Read the saved profile of the baseline, profile the current window, compare."""
    saved = WindowProfile.from_bytes(baseline)
    compare(saved, profile_batches(row_groups(path), saved.edges))


def exact(baseline: Path, current: Path) -> None:
    footers = {path: pq.read_metadata(path) for path in (baseline, current)}
    names = pq.read_schema(baseline).names

    def column(name: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        pair = (pq.ParquetFile(path, metadata=footer, read_dictionary=TEXT) for path, footer in footers.items())
        before, now = (file.read(columns=[name], use_threads=False).column(0) for file in pair)
        return before, now

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: exact_test(name, *column(name)), names))


def scipy_loop(baseline: Path, current: Path) -> None:
    """The usual way: both tables in pandas, then column by column PSI of 20 quantile bins and scipy's KS, or χ²."""
    import pandas as pd
    from scipy.stats import chi2_contingency, ks_2samp

    before, now = pd.read_parquet(baseline), pd.read_parquet(current)
    for name in before.columns:
        p, q = before[name].dropna(), now[name].dropna()
        if pd.api.types.is_numeric_dtype(p.dtype):
            ks_2samp(p, q, method="asymp")
            edges = np.unique(np.quantile(p, np.linspace(0, 1, 21)))
            a, b = np.histogram(p, edges)[0] / len(p), np.histogram(q, edges)[0] / len(q)
            float(((b - a) * np.log((b + 1e-6) / (a + 1e-6))).sum())
        else:
            table = pd.DataFrame({"p": p.value_counts(), "q": q.value_counts()}).fillna(0)
            chi2_contingency(table.to_numpy() + 0.5)


EVIDENTLY = """
import sys, time
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
before = time.process_time()
baseline, current = (pd.read_parquet(path) for path in sys.argv[1:])
Report([DataDriftPreset()]).run(current, baseline)
print(time.process_time() - before)
"""


def evidently(python: str, baseline: Path, current: Path) -> float:
    """Processor seconds of reading both files and Evidently's report on them, without its imports."""
    done = subprocess.run([python, "-c", EVIDENTLY, baseline, current], check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def measure(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Least wall and least processor seconds of each job, over interleaved runs after one that doesn't count."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for run in range(repeats + 1):
        for name, job in jobs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            job()
            if run:
                seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: (min(w for w, _ in found), min(c for _, c in found)) for name, found in seconds.items()}


def peak_megabytes(job: str, baseline: Path, current: Path) -> float:
    """Peak resident memory of one job in a process of its own, imports included (VmHWM: Linux)."""
    code = (
        "import re, sys; from pathlib import Path; from bench import drift; a, b = map(Path, sys.argv[1:]);"
        f"{job}; print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, baseline, current], check=True, capture_output=True, text=True)
    return float(done.stdout) / 1024


def table(folder: Path, rows: int, repeats: int, peers: bool, python: str | None) -> None:
    baseline, current = folder / f"baseline_{rows}.parquet", folder / f"current_{rows}.parquet"
    for seed, path in enumerate((baseline, current), 1):
        if not path.exists():
            make(path, rows, seed)
    saved = profile(baseline).to_bytes()
    jobs: dict[str, Callable[[], object]] = {
        "floor": partial(floor, current),
        "profile": partial(profile, current),
        "score": partial(score, saved, current),
        "floor of both": lambda: (floor(baseline), floor(current)),
        "exact": partial(exact, baseline, current),
    }
    found = measure(jobs, repeats)
    size = len(saved) / 1024
    print(f"\n2 × {rows:,} rows × 50 columns; least of {repeats} interleaved runs; saved profile {size:,.0f} kB\n")
    print("| what | wall s | × floor | target | CPU s | × floor |\n|---|---|---|---|---|---|")
    rows_of = (
        ("Arrow reads one window (floor)", "floor", "floor", ""),
        ("profile one window, bins planned", "profile", "floor", "≤ 1.6"),
        ("score a window against a saved baseline", "score", "floor", "≤ 1.6"),
        ("Arrow reads both windows (floor)", "floor of both", "floor of both", ""),
        ("exact KS and PSI on both windows", "exact", "floor of both", "≤ 1.8"),
    )
    for label, name, base, target in rows_of:
        (wall, cpu), (base_wall, base_cpu) = found[name], found[base]
        print(f"| {label} | {wall:.3f} | {wall / base_wall:.2f} | {target} | {cpu:.3f} | {cpu / base_cpu:.2f} |")
    print("\n| peak memory, process of its own | MB |\n|---|---|")
    for label, job in (
        ("imports alone", "pass"),
        ("profile", "drift.profile(b)"),
        ("score", "drift.score(drift.profile(a).to_bytes(), b)"),
        ("exact", "drift.exact(a, b)"),
    ):
        print(f"| {label} | {peak_megabytes(job, baseline, current):.0f} |", flush=True)
    if peers:
        peer = measure({"peer": partial(scipy_loop, baseline, current)}, 1)["peer"][1]
        print("\n| a loop over columns with pandas and scipy | processor s | × ours |\n|---|---|---|")
        print(f"| against scoring with a saved baseline | {peer:.1f} | {peer / found['score'][1]:.1f} |")
        print(f"| against exact KS and PSI | {peer:.1f} | {peer / found['exact'][1]:.1f} |")
    if python:
        peer = evidently(python, baseline, current)
        print("\n| Evidently's DataDriftPreset | processor s | × ours |\n|---|---|---|")
        print(f"| against scoring with a saved baseline | {peer:.1f} | {peer / found['score'][1]:.1f} |")
        print(f"| against exact KS and PSI | {peer:.1f} | {peer / found['exact'][1]:.1f} |")


def grow(folder: Path, rows: int, repeats: int) -> None:
    """The same work on one window of ``rows`` and one of ten times as many, against the same saved baseline."""
    baseline = folder / f"baseline_{rows}.parquet"
    saved = profile(baseline).to_bytes()
    print("\n| rows | what | wall s | CPU s | CPU s per million rows | peak MB |\n|---|---|---|---|---|---|")
    for size in (rows, 10 * rows):
        current = folder / f"current_{size}.parquet"
        if not current.exists():
            make(current, size, 2)
        jobs: dict[str, tuple[Callable[[], object], str]] = {
            "Arrow reads the window (floor)": (partial(floor, current), "drift.floor(b)"),
            "profile, bins planned": (partial(profile, current), "drift.profile(b)"),
            "score": (partial(score, saved, current), "drift.score(drift.profile(a).to_bytes(), b)"),
        }
        found = measure({name: job for name, (job, _) in jobs.items()}, repeats)
        for name, (_, code) in jobs.items():
            wall, cpu = found[name]
            peak = peak_megabytes(code, baseline, current)
            print(f"| {size:,} | {name} | {wall:.2f} | {cpu:.2f} | {cpu / size * 1e6:.3f} | {peak:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of drift profiles.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peers", action="store_true", help="also time a loop with pandas and scipy")
    parser.add_argument("--evidently", metavar="PYTHON", help="also time Evidently, installed for this interpreter")
    parser.add_argument("--grow", action="store_true", help="also a window of ten times the rows")
    parser.add_argument("--dir", type=Path, help="keep the files here instead of in a temporary folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table(folder, chosen.rows, chosen.repeats, chosen.peers, chosen.evidently)
        if chosen.grow:
            grow(folder, chosen.rows, max(1, chosen.repeats // 3))


if __name__ == "__main__":
    main()
