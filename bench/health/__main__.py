"""Infrastructure health on data nobody here wrote: `python -m bench.health [--data DIR] [--quick]`.

`nab_infra`: 24 metric series with 49 labelled windows: detection, false alarms, NAB score, onset error.
`petshop_rca`: 68 injected faults: does the judge see them, and which service is named guilty.
Every method has its defaults; the same cool-down is given to all detectors.
"""

import argparse
import os
from pathlib import Path

from bench.health.detection import detection
from bench.health.judging import judging
from bench.health.localisation import localisation
from bench.health.onset import onsets
from bench.health.petshop import petshop
from bench.health.series import labelled


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.health", description=__doc__)
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIAGE_DATA", beside)))
    parser.add_argument("--quick", action="store_true", help="six series and every fourth fault")
    options = parser.parse_args()
    if not (options.data / "nab_infra").is_dir() or not (options.data / "petshop_rca").is_dir():
        print(f"No public data in {options.data}: nothing measured. Give --data or TRIAGE_DATA.")
        return
    series = list(labelled(options.data / "nab_infra"))[:: 4 if options.quick else 1]
    detection(series, tune=not options.quick)
    onsets(series)
    faults, healthy, calls = petshop(options.data / "petshop_rca")
    faults = faults[:: 4 if options.quick else 1]
    judging(faults, healthy)
    localisation(faults, healthy, calls)


if __name__ == "__main__":
    main()
